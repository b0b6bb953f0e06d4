"""A call on its way to the server and back: which of its arguments name files, and where its own files go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from glm_mcp.cli.connect.results import Order, Receiver, is_kept
from glm_mcp.clients.table import CLIENTS
from glm_mcp.errors import GLMError, InvalidRequest
from glm_mcp.glm.threads import in_thread

if TYPE_CHECKING:
    from glm_mcp.cli.connect.sources import Say, Uploader
    from glm_mcp.cli.connect.upstream import Upstream
    from glm_mcp.media.formats import Want
    from glm_mcp.media.kept.outputs import Outputs
    from glm_mcp.sandbox import Sandbox
    from glm_mcp.tools.arguments import ModelArgs

# The argument of each tool that names files, and what is wanted there.
SOURCES: dict[str, tuple[str, Want]] = {
    "chat": ("files", "any"),
    "describe_image": ("images", "image"),
    "analyze_video": ("video", "video"),
    "read_document": ("documents", "document"),
}


class ToolCalls:
    """The five tools. Anything that is wrong with other arguments is for the server to say."""

    def __init__(self, upstream: Upstream, sandbox: Sandbox, outputs: Outputs) -> None:
        self._upstream, self._sandbox, self._outputs = upstream, sandbox, outputs
        self.receiver = Receiver(upstream, sandbox, outputs)
        self._made: Uploader | None = None

    async def there(self, params: dict[str, Any], say: Say) -> tuple[dict[str, Any], Order]:
        """The params for the server, and what the receiver wants to know. Raises GLMError."""
        from glm_mcp.tools.arguments import read_in_time

        tool, given = params.get("name"), params.get("arguments")
        if not isinstance(tool, str) or not isinstance(given, dict | None):
            return params, Order()
        declared = _declared(tool)
        try:
            args = await read_in_time(tool, declared, given) if declared else None
        except InvalidRequest:
            args = None
        if args is None or declared is None:
            return params, Order()
        if tool == "generate_image":
            return await self._drawing(params, declared, args)
        field, want = SOURCES[tool]
        named, left_out = await self._named(getattr(args, field), want, say, getattr(args, "password", None))
        value = named[0] if tool == "analyze_video" and named else named
        notes: tuple[str, ...] = ()
        if left_out:
            from glm_mcp.tools.sources import Opened

            notes = tuple(f"[{said}]" for said in Opened(left_out=left_out).missed())
        sent = _with(declared, given, field, value)
        return {**params, "arguments": sent}, Order(kept=is_kept(getattr(args, "task", "")), notes=notes)

    async def _named(
        self, value: Any, want: Want, say: Say, password: str | None
    ) -> tuple[list[str], list[GLMError]]:
        from glm_mcp.cli.connect.sources import Uploader

        if self._made is None:
            self._made = Uploader(self._upstream, self._sandbox, self._outputs)
        named: list[str] = []
        left_out: list[GLMError] = []
        for argument in [value] if isinstance(value, str) else value:
            more, missed = await self._made.named(argument, want, say, password)
            named += more
            left_out += missed
        return named, left_out

    async def _drawing(
        self, params: dict[str, Any], declared: type[ModelArgs], args: Any
    ) -> tuple[dict[str, Any], Order]:
        """Where the picture goes is settled before it is paid for; the server has no say in it."""
        from glm_mcp.tools.saving import settled

        output = args.output.strip().strip("'\"`")
        target = await in_thread(settled, self._outputs, self._sandbox, output, args.prompt.strip())
        sent = _with(declared, params.get("arguments"), "output", None)
        if not CLIENTS["claude-code"].model_sees(os.environ):  # which the server elsewhere cannot know
            sent = _with(declared, sent, "preview", False)
        return {**params, "arguments": sent}, Order(output, target)


def _with(declared: type[ModelArgs], given: Any, field: str, value: Any) -> dict[str, Any]:
    """The arguments with another value for one of them, under whatever names it was given; without it for None or none."""
    from glm_mcp.tools.arguments import meant

    others = {n: raw for n, arg, raw in meant(declared, given) if arg is None or arg.name != field}
    return others if value is None or value == [] else {**others, field: value}


def _declared(tool: str) -> type[ModelArgs] | None:
    """What a tool takes; None for one that this version does not know."""
    from glm_mcp.tools import analyze_video, chat, describe_image, generate_image, read_document

    tools = (chat.TOOL, describe_image.TOOL, analyze_video.TOOL, read_document.TOOL, generate_image.TOOL)
    return next((t.args for t in tools if t.name == tool), None)
