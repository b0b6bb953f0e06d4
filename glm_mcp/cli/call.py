"""One call from a terminal: the text as it streams, what is pending on stderr, pictures where they can be shown."""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from glm_mcp.cli.asking import run
from glm_mcp.cli.call_line import Stdin, given_arguments
from glm_mcp.cli.terminal import pictures
from glm_mcp.cli.terminal.cells import paragraphs
from glm_mcp.cli.terminal.group import fitted_error, say
from glm_mcp.cli.terminal.moving import Moving, moving
from glm_mcp.cli.terminal.screen import Fitted, is_terminal, out, painted, room
from glm_mcp.errors import InvalidRequest
from glm_mcp.glm.progress import AGAIN
from glm_mcp.server import inprocess
from glm_mcp.server.app import TOOLS, App
from glm_mcp.server.simulated import simulated
from glm_mcp.settings import Settings
from glm_mcp.text import escaped
from glm_mcp.tools.arguments import arguments_of

SHOWN = 4  # pictures of one call; a storyboard has dozens


class Screen:
    """Streams text to stdout, while nothing is pending on stderr."""

    def __init__(self, line: Moving) -> None:
        self.streamed = ""
        self._line = line
        self._fitted = Fitted()

    def text(self, piece: str) -> None:
        self._line.say("")
        self.streamed = "" if piece == AGAIN else self.streamed + piece
        self._fitted.feed(piece)

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG002 - the library's signature
        if not self.streamed:
            self._line.say(message or "")

    def finish(self, text: str, *, failed: bool) -> None:
        """The final text: only its rest when what streamed is its beginning."""
        self._line.say("")
        shown = self.streamed.strip()
        if shown and text.startswith(shown):
            text = text[len(shown) :]
        elif shown:
            text = "\n\n" + text
        if failed and not shown:
            error, line_end, text = text.partition("\n")
            out(fitted_error(error, sys.stdout) + line_end)
        body, mark, closing = text.rstrip().rpartition("\n[")
        if not mark:
            body, closing = closing, ""
        told = body.rstrip("\n")
        self._fitted.feed(told)
        self._fitted.end()
        if mark:
            out(body[len(told) :] + "\n" + painted(paragraphs(f"[{closing}", room(sys.stdout)), "dim"))
        out("\n")


def call(
    settings: Settings,
    tool: str,
    words: Sequence[str],
    as_json: str | None,
    *,
    raw: bool = False,
    opened: bool = False,
) -> int:
    """One call as the command line has it. Exit status: 0, or 1 when the tool failed. Raises GLMError, UsageError.

    `raw`: the whole result as JSON, the answer without its closing line in it; `opened`: files that come of it are opened.
    """
    rows = arguments_of(TOOLS[_offered(tool, settings)].args)
    if raw:
        settings = settings.model_copy(update={"structured": True})
    with Stdin() as stdin:
        given = given_arguments(rows, words, as_json, stdin)
        return run(lambda: _call(settings, tool, given, raw=raw, opened=opened))


async def _call(settings: Settings, tool: str, arguments: dict[str, Any], *, raw: bool, opened: bool) -> int:
    with moving() as line:
        screen = Screen(line)
        # JSON and parts are put together from several answers: they are shown when they are whole.
        streams = tool == "chat" and not arguments.get("json") and not raw
        app = App(simulated(settings), on_text=screen.text if streams else None)
        async with inprocess.in_memory(app) as client:
            result = await client.call_tool(tool, arguments, progress_callback=screen.progress)
        if raw:
            line.say("")
            whole = result.model_dump(mode="json", by_alias=True, exclude_none=True)
            out(escaped(json.dumps(whole, ensure_ascii=False, indent=1)) + "\n")
        else:
            screen.finish(inprocess.text_of(result), failed=bool(result.is_error))
            files = inprocess.files_of(result)
            show(files)
            if opened:
                _open(files)
    return 1 if result.is_error else 0


def _offered(name: str, settings: Settings) -> str:
    """Raises InvalidRequest that says which there are."""
    if name in settings.tools:
        return name
    near = difflib.get_close_matches(name, settings.tools, 1, 0.5)
    there_are = f"The tools are: {', '.join(settings.tools)}."
    raise InvalidRequest(
        f"there is no tool '{name[:60]}'", f"Did you mean {near[0]}? {there_are}" if near else there_are
    )


def show(files: Sequence[Path]) -> None:
    """The pictures among them, where the terminal can show pictures."""
    protocol = pictures.graphics(os.environ) if is_terminal(sys.stdout) else None
    if protocol is None:
        return
    for path in files[:SHOWN]:
        with suppress(OSError):  # gone: its path stands in the text
            out(pictures.sequence(path, protocol))


def _open(files: Sequence[Path]) -> None:
    if not files:
        say("Nothing to open: no file came of this call.", err=True)
    for path in files[:SHOWN]:
        if pictures.runs(path):
            say(f"Not opened, since that could run it: {path}", err=True)
        elif not pictures.open_file(path):
            say(f"Nothing here opens files; it is at {path}", err=True)
