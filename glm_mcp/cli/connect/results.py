"""Files of a result: fetched from the server and written where the user has them, and the text names the local path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from glm_mcp.cli.connect.upstream import Upstream
from glm_mcp.errors import GLMError
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.kept.outputs import SCHEME, Outputs
from glm_mcp.sandbox import Sandbox

# Of the files that tools make for the user: pictures and saved code. What a program reads by its name is none of them.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".html", ".jsx", ".tsx", ".vue", ".js", ".css", ".txt")
FILES_MAX, FILES_BYTES = 60, 128 << 20  # of one result; key frames are the most
TEXT_CHARS = 4_000_000  # of a text in which files are looked for: as long as that takes nothing else runs
_MADE = re.compile(r"glm://outputs/([0-9a-f]{24}) \(https?://[^\s()]+/outputs/\1\)")
_WHOLE = re.compile(r"The whole is at https?://[^\s()]+/outputs/([0-9a-f]{24}) \.")
_ASKED = re.compile(r"keyframes|ui_to_code")  # tasks whose files are the user's; others are kept privately


@dataclass(frozen=True, slots=True)
class Order:
    """Where the files of a call go. `target`: of a drawn picture; `kept`: into the private cache, as what the tools make
    for themselves; `notes`: what a careful reader must know besides.
    """

    output: str = ""
    target: Path | None = None
    kept: bool = True
    notes: tuple[str, ...] = ()


def is_kept(task: Any) -> bool:
    return not (isinstance(task, str) and _ASKED.search(task))


class Receiver:
    """Writes what comes back."""

    def __init__(self, upstream: Upstream, sandbox: Sandbox, outputs: Outputs) -> None:
        self._upstream, self._sandbox, self._outputs = upstream, sandbox, outputs

    async def local(self, result: dict[str, Any], order: Order) -> dict[str, Any]:
        """The result with local paths in it. A file that cannot be had or written costs nothing but itself, and is said."""
        notes = list(order.notes)
        made, whole = await in_thread(_named, result)
        paths: dict[str, Path] = {}
        left, until = FILES_BYTES, anyio.current_time() + self._upstream.longest_s
        for ident in [*made, *whole][:FILES_MAX]:
            try:
                data, name = await self._upstream.download(f"/outputs/{ident}", left, until)
                left -= len(data)
                paths[ident] = await self._put(data, name, order, kept=ident in whole or order.kept)
            except GLMError as error:
                notes.append(f"[{SCHEME}{ident} is not saved here: {error.message}. {error.hint}]")

        links = {SCHEME + ident: path.as_uri() for ident, path in paths.items() if ident in made}
        result = await in_thread(_mapped, result, lambda text: links.get(text) or _said(text, paths))
        return _noted(result, notes) if notes else result

    def linked(self, uri: str) -> dict[str, Any]:
        """What the link of a result leads to, as the result of a request. Raises NotFound, ForbiddenPath, TooLong. Blocks."""
        from glm_mcp.server.resources import read_linked

        return read_linked(uri, self._outputs, self._sandbox)

    async def _put(self, data: bytes, name: str, order: Order, *, kept: bool) -> Path:
        if not name.lower().endswith((*SUFFIXES, ".md") if kept else SUFFIXES):
            name = f"{name or 'result'}.txt"
        if order.target is not None:
            return await self._drawn(data, order.target, order.output)
        if kept:
            return await in_thread(lambda: self._outputs.find(self._outputs.keep(data, "", name=name)))
        return await in_thread(self._write, data, name)

    async def _drawn(self, data: bytes, target: Path, output: str) -> Path:
        """A drawn picture, in the format that `output` names."""
        from glm_mcp.media.images.convert import Wanted
        from glm_mcp.media.images.prepare import finish_image
        from glm_mcp.tools.saving import names_format

        named = names_format(output, target)
        done = await finish_image(data, Wanted("the picture", target.suffix.lower() if named else ""))
        target = target if named else target.with_suffix(done.suffix)
        return await in_thread(lambda: self._outputs.write(target, done.data, sandbox=self._sandbox))

    def _write(self, data: bytes, name: str) -> Path:
        target = self._outputs.destination(None, name, sandbox=self._sandbox)
        return self._outputs.write(target, data, sandbox=self._sandbox)


def _named(result: dict[str, Any]) -> tuple[dict[str, None], dict[str, None]]:
    """The files that the texts of a result name: as what was made, and as what holds the whole."""
    texts = [b["text"] for b in _blocks(result) if _is_text(b) and len(b["text"]) <= TEXT_CHARS]
    made, whole = ([i for text in texts for i in named.findall(text)] for named in (_MADE, _WHOLE))
    return dict.fromkeys(made), dict.fromkeys(whole)


def _said(text: str, paths: Mapping[str, Path]) -> str:
    text = _MADE.sub(lambda m: str(paths.get(m[1], m[0])), text)
    return _WHOLE.sub(lambda m: f"The whole is in {paths[m[1]]}." if m[1] in paths else m[0], text)


def _is_text(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str)


def _blocks(result: dict[str, Any]) -> list[Any]:
    found = result.get("content")
    return list(found) if isinstance(found, list) else []


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """The same with every string changed; pictures are long ones, and none of these."""
    if isinstance(value, str):
        known = len(value) <= TEXT_CHARS and (SCHEME in value or "/outputs/" in value)
        return change(value) if known else value
    if isinstance(value, dict):
        return {k: v if k == "data" and isinstance(v, str) else _mapped(v, change) for k, v in value.items()}
    return [_mapped(v, change) for v in value] if isinstance(value, list) else value


def _noted(result: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    blocks = _blocks(result)
    at = next((i for i, b in enumerate(blocks) if _is_text(b)), None)
    added = "\n".join(notes)
    if at is None:
        blocks.append({"type": "text", "text": added})
    else:
        blocks[at] = {**blocks[at], "text": f"{blocks[at]['text']}\n{added}"}
    return {**result, "content": blocks}
