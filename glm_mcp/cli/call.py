"""What a person at a terminal sees of a call: the text as it streams, progress on stderr, and the demo of all five tools."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

import anyio

from glm_mcp.errors import InvalidRequest
from glm_mcp.progress import AGAIN
from glm_mcp.server import inprocess
from glm_mcp.server.app import App, simulated
from glm_mcp.settings import TOOLS, Settings
from glm_mcp.text import escaped

WIDTH = 100


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
        _say(text.rstrip())


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


async def run_demo(settings: Settings, env_file: Path | None = None) -> int:
    """All five tools over real stdio, with the settings file that this command was given. Exit status: 0 when all answered."""
    from glm_mcp.samples import FOLDER

    folder = Path(tempfile.mkdtemp(prefix="glm-mcp-demo-"))
    for name in ("photo.jpg", "chart.png", "clip.mp4", "report.pdf"):
        shutil.copy(FOLDER / name, folder / name)
    real = bool(settings.key) and not settings.simulate
    env = {"GLM_OUTPUT_DIR": str(settings.output_dir or folder)} | ({} if real else {"GLM_SIMULATE": "1"})
    _say(
        f"glm-mcp demo: five tools over stdio, {'the real service' if real else 'answers SIMULATED (no key is set)'}."
    )
    _say(f"Sample media: {folder}\n")
    asked = failed = 0
    options = ["--env-file", str(env_file)] if env_file else []
    os.chdir(folder)
    async with inprocess.over_stdio(env, options=options) as client:
        started = time.perf_counter()
        listed = await client.list_tools()
        _say(
            f"tools/list: {', '.join(t.name for t in listed.tools)} ({(time.perf_counter() - started) * 1000:.0f} ms)\n"
        )
        for tool, arguments in _calls(folder):
            if tool not in settings.tools:
                continue
            shown = " ".join(
                f"{k}={str(v).replace(str(folder) + os.sep, '')!r}" for k, v in arguments.items()
            )
            _say(f"▶ {tool} {shown}")
            with anyio.fail_after(600):
                result = await client.call_tool(tool, arguments)
            text = inprocess.text_of(result)
            _say(textwrap.indent(_wrapped(text), "  ") + "\n")
            asked += 1
            failed += bool(result.is_error)
            if tool == "generate_image" and not result.is_error:
                _say(f"  The picture is at {text.splitlines()[0]}\n")
    _say(
        f"All {'five' if asked == len(TOOLS) else asked} tools answered."
        if not failed
        else f"{failed} of {asked} failed; `glm-mcp doctor` looks for the cause."
    )
    if not real:
        _say(
            "With a free key (https://bigmodel.cn/usercenter/proj-mgmt/apikeys) in GLM_API_KEY the same calls go to the real models."
        )
    return 1 if failed else 0


def _calls(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("chat", {"prompt": "Write a slogan for a server that gives coding agents eyes."}),
        (
            "describe_image",
            {
                "images": [str(folder / "photo.jpg"), str(folder / "chart.png")],
                "prompt": "What do the pictures show?",
            },
        ),
        ("analyze_video", {"video": str(folder / "clip.mp4"), "task": "summary"}),
        (
            "read_document",
            {
                "documents": str(folder / "report.pdf"),
                "prompt": "What does the report say, and what is on the scanned page?",
            },
        ),
        (
            "generate_image",
            {"prompt": "a lighthouse at dusk, watercolour", "size": "16:9", "output": "lighthouse.png"},
        ),
    ]


def _wrapped(text: str, most: int = 24) -> str:
    lines = [
        part
        for line in text.splitlines()
        for part in (
            textwrap.wrap(
                line, WIDTH, replace_whitespace=False, break_on_hyphens=False, break_long_words=False
            )
            or [""]
        )
    ]
    return "\n".join(lines[:most] + ([f"… {len(lines) - most} more lines"] if len(lines) > most else []))


def _say(text: str) -> None:
    _out(text + "\n")


def _out(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `head`, has had enough; the rest, and what Python would still flush, goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
