"""`glm-mcp demo`: all five tools over real stdio, on sample media."""

from __future__ import annotations

import os
import shutil
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

import anyio

from glm_mcp.cli.call import say
from glm_mcp.server import inprocess
from glm_mcp.settings import KEY_PAGE, TOOLS, Settings

WIDTH = 100


async def run_demo(settings: Settings, env_file: Path | None = None) -> int:
    """All five tools over real stdio, with the settings file that this command was given. Exit status: 0 when all answered."""
    from glm_mcp.samples import FOLDER

    folder = Path(tempfile.mkdtemp(prefix="glm-mcp-demo-"))
    for name in ("photo.jpg", "chart.png", "clip.mp4", "report.pdf"):
        shutil.copy(FOLDER / name, folder / name)
    real = bool(settings.key) and not settings.simulate
    env = {"GLM_OUTPUT_DIR": str(settings.output_dir or folder)} | ({} if real else {"GLM_SIMULATE": "1"})
    say(
        f"glm-mcp demo: five tools over stdio, {'the real service' if real else 'answers SIMULATED (no key is set)'}."
    )
    say(f"Sample media: {folder}\n")
    asked = failed = 0
    options = ["--env-file", str(env_file)] if env_file else []
    os.chdir(folder)
    async with inprocess.over_stdio(env, options=options) as client:
        started = time.perf_counter()
        listed = await client.list_tools()
        say(
            f"tools/list: {', '.join(t.name for t in listed.tools)} ({(time.perf_counter() - started) * 1000:.0f} ms)\n"
        )
        for tool, arguments in _calls(folder):
            if tool not in settings.tools:
                continue
            shown = " ".join(
                f"{k}={str(v).replace(str(folder) + os.sep, '')!r}" for k, v in arguments.items()
            )
            say(f"▶ {tool} {shown}")
            with anyio.fail_after(600):
                result = await client.call_tool(tool, arguments)
            text = inprocess.text_of(result)
            say(textwrap.indent(_wrapped(text), "  ") + "\n")
            asked += 1
            failed += bool(result.is_error)
            if tool == "generate_image" and not result.is_error:
                say(f"  The picture is at {text.splitlines()[0]}\n")
    say(
        f"All {'five' if asked == len(TOOLS) else asked} tools answered."
        if not failed
        else f"{failed} of {asked} failed; `glm-mcp doctor` looks for the cause."
    )
    if not real:
        say(f"With a free key ({KEY_PAGE}) in GLM_API_KEY the same calls go to the real models.")
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


def _wrapped(text: str, maximum: int = 24) -> str:
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
    return "\n".join(
        lines[:maximum] + ([f"… {len(lines) - maximum} more lines"] if len(lines) > maximum else [])
    )
