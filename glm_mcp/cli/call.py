"""What a person at a terminal sees of a call: the text as it streams, progress on stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import Any

import click

from glm_mcp.errors import InvalidRequest
from glm_mcp.glm.progress import AGAIN
from glm_mcp.server import inprocess
from glm_mcp.server.app import App
from glm_mcp.server.simulated import simulated
from glm_mcp.settings import Settings
from glm_mcp.text import escaped


class Screen:
    """Streams text to stdout; shows what is pending on stderr, when that is a terminal."""

    def __init__(self) -> None:
        self.streamed = ""
        self._pending = False

    def text(self, piece: str) -> None:
        self._clear()
        self.streamed = "" if piece == AGAIN else self.streamed + piece
        _out(piece)

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG002 - the library's signature
        if sys.stderr.isatty() and not self.streamed and message:
            self._clear()
            sys.stderr.write(f"… {message}"[: shutil.get_terminal_size().columns - 1])
            sys.stderr.flush()
            self._pending = True

    def _clear(self) -> None:
        if self._pending:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._pending = False

    def finish(self, text: str) -> None:
        """The final text: only its rest when what streamed is its beginning."""
        self._clear()
        shown = self.streamed.strip()
        if shown and text.startswith(shown):
            text = text[len(shown) :]
        elif shown:
            text = "\n\n" + text
        say(text.rstrip())


async def call_tool(settings: Settings, tool: str, arguments: dict[str, Any], *, raw: bool = False) -> int:
    """One call through the server in memory. Exit status: 0, or 1 when the tool failed."""
    if tool not in settings.tools:
        raise InvalidRequest(f"there is no tool {tool!r}", f"The tools are: {', '.join(settings.tools)}.")
    screen = Screen()
    # JSON and parts are put together from several answers: they are shown when they are whole.
    streams = tool == "chat" and not arguments.get("json") and not raw
    app = App(simulated(settings), on_text=screen.text if streams else None)
    async with inprocess.in_memory(app) as client:
        result = await client.call_tool(tool, arguments, progress_callback=screen.progress)
    if raw:
        whole = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        screen.finish(escaped(json.dumps(whole, ensure_ascii=False, indent=1)))
    else:
        screen.finish(inprocess.text_of(result))
    return 1 if result.is_error else 0


def say(text: str) -> None:
    _out(text + "\n")


def _out(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `head`, has had enough; the rest, and what Python would still flush, goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def given_arguments(arguments: tuple[str, ...], as_json: str | None) -> dict[str, Any]:
    """The arguments of a call, as a command line has them. Raises UsageError."""
    given: dict[str, Any] = {}
    if as_json is not None:
        try:
            read = json.loads(as_json)
        except ValueError as error:
            raise click.UsageError(f"--json is not JSON: {error}") from None
        if not isinstance(read, dict):
            raise click.UsageError('--json must be an object: {"prompt": "..."}')
        given = read
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(f"'{argument}' is not key=value")
        if name in given:
            before = given[name]
            given[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            given[name] = value
    return given
