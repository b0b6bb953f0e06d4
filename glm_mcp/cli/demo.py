"""`glm-mcp demo`: first what is real without a key, then the five tools, over real stdio, on sample media."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
import time
from itertools import takewhile
from pathlib import Path
from typing import Any

import anyio

from glm_mcp.cli.call import show
from glm_mcp.cli.call_line import Stdin, given_arguments
from glm_mcp.cli.terminal import table
from glm_mcp.cli.terminal.cells import cut, paragraphs
from glm_mcp.cli.terminal.group import language, say
from glm_mcp.cli.terminal.moving import moving
from glm_mcp.cli.terminal.screen import out, painted
from glm_mcp.errors import GLMError
from glm_mcp.glm.threads import in_thread
from glm_mcp.installation import typed
from glm_mcp.media.detect import detect
from glm_mcp.media.types import Fragment, Source
from glm_mcp.registry import CARDS
from glm_mcp.server import inprocess
from glm_mcp.server.app import TOOLS
from glm_mcp.settings import KEY_PAGE, Settings
from glm_mcp.tools.arguments import arguments_of
from glm_mcp.tools.words.chinese import said

WIDTH = 80
LIMIT_S = 600
FRAMES = 12
JULY = ((652, 190, 716, 692), "July")  # pixels of chart.png
SAMPLES = ("photo.jpg", "chart.png", "clip.mp4", "report.pdf", "minutes.docx")
REAL = (  # read on this machine, and how many lines of each are shown
    ("glm-mcp call read_document report.pdf pages=1", 11),
    ("glm-mcp call read_document minutes.docx", 5),
)
ASKED = (
    "glm-mcp call chat Write a slogan for a server that gives agents eyes",
    "glm-mcp call describe_image photo.jpg chart.png Say what the pictures show",
    "glm-mcp call analyze_video clip.mp4 task=summary",
    "glm-mcp call read_document report.pdf Say what was sold and what is on page 3",
    "glm-mcp call generate_image A lighthouse at dusk size=16:9 output=lighthouse.png",
)
ANSWER_LINES = 3  # of a real answer


async def run_demo(settings: Settings, env_file: Path | None = None) -> int:
    """All of it, with the settings file that this command was given. Exit status: 0 when all answered."""
    from glm_mcp.samples import FOLDER

    folder = Path(tempfile.mkdtemp(prefix="glm-mcp-demo-"))
    for name in SAMPLES:
        shutil.copy(FOLDER / name, folder / name)
    real = bool(settings.key) and not settings.simulate
    env = {"GLM_OUTPUT_DIR": str(settings.output_dir or folder)} | ({} if real else {"GLM_SIMULATE": "1"})
    say("glm-mcp demo: what is real without a key, then the five tools, over stdio.")
    say("Paste this line first, then any that starts with glm-mcp:")
    out(f"  {_to_paste(folder, real=real)}\n\n")
    options = ["--env-file", str(env_file)] if env_file else []
    os.chdir(folder)
    async with inprocess.over_stdio(env, options=options) as client:
        if "read_document" in settings.tools:
            for command, lines in REAL:
                text, _ = await _asked(client, command)
                _print(command, re.sub(r"^\[.*\]\n", "", text.rpartition("\n[")[0]), lines)
                out("\n")
        say(f"Made on this machine, in {folder}:")
        await _pictures(folder)
        failed = await _five(client, settings, real=real)
    if not real:
        say("With a free key the same lines go to the real models. Get one at")
        out(f"  {KEY_PAGE}\n")
        say(f"Then: {typed('key')}")
    return 1 if failed else 0


def _to_paste(folder: Path, *, real: bool) -> str:
    """What makes the lines below work in this person's shell."""
    own = Path(sys.argv[0]).absolute().parent
    found = shutil.which("glm-mcp")
    reachable = found is not None and Path(found).parent.samefile(own)
    if os.name == "nt":
        steps = [f"cd '{folder}'"]
        steps += [] if reachable else [f"$env:PATH = '{own};' + $env:PATH"]
        return "; ".join([*steps, *([] if real else ["$env:GLM_SIMULATE = 1"])])
    exported = [] if reachable else [f"PATH={shlex.quote(str(own))}:$PATH"]
    exported += [] if real else ["GLM_SIMULATE=1"]
    return f"cd {shlex.quote(str(folder))}" + (f"; export {' '.join(exported)}" if exported else "")


async def _asked(client: Any, command: str) -> tuple[str, bool]:
    """The text of the answer to a command as it is shown, and whether it failed."""
    tool, *words = shlex.split(command)[2:]
    with Stdin() as stdin, moving() as line:
        arguments = given_arguments(arguments_of(TOOLS[tool].args), words, None, stdin)

        async def progress(step: float, total: float | None, message: str | None) -> None:  # noqa: ARG001 - the library's signature
            line.say(f"{tool}: {message}")

        with anyio.fail_after(LIMIT_S):
            result = await client.call_tool(tool, arguments, progress_callback=progress)
    return inprocess.text_of(result), bool(result.is_error)


def _print(command: str, text: str, maximum: int) -> None:
    """A command, and the first lines of what it gave; a table whole."""
    out(painted(command, "bold") + "\n")
    shown: list[str] = []
    lines = [line for line in text.splitlines() if line.strip()]
    while lines:
        rows = list(takewhile(table.is_row, lines))
        if rows:
            shown += table.fitted(rows, WIDTH - 4)
            lines = lines[len(rows) :]
        else:
            fitted = paragraphs(lines.pop(0), WIDTH - 4).splitlines()
            shown += fitted[:2] if len(fitted) <= 2 else [fitted[0], cut(fitted[1], WIDTH - 6) + " …"]
    out("".join(f"    {line}\n" for line in shown[:maximum]))


async def _pictures(folder: Path) -> None:
    """A contact sheet and a drawn box, as the tools make them of a video and of found places."""
    from glm_mcp.media.images import annotate
    from glm_mcp.media.video.contact_sheet import contact_sheet
    from glm_mcp.media.video.prepare import VideoFile

    async def sheet() -> bytes:
        data = (folder / "clip.mp4").read_bytes()
        source = Source("clip.mp4", detect(data, "clip.mp4"), len(data), Fragment(), data=data)
        (clip,) = await VideoFile(source).prepare(CARDS["glm-4.6v-flash"], max_frames=FRAMES)
        return await in_thread(contact_sheet, list(clip.frames))

    async def boxes() -> bytes:
        return await in_thread(annotate.draw, (folder / "chart.png").read_bytes(), [JULY])

    for name, what, make in (
        ("clip-sheet.jpg", f"{FRAMES} frames of clip.mp4, each with its time", sheet),
        ("chart-boxes.png", "the month of July in chart.png, marked with a box", boxes),
    ):
        try:
            (folder / name).write_bytes(await make())
        except GLMError as error:
            say(f"  {name:<17}{error}")
            continue
        out(f"  {name:<17}{said(what, language())}\n")
        show([folder / name])
    out("\n")


async def _five(client: Any, settings: Settings, *, real: bool) -> int:
    """The tools that are offered, a line each, with the beginning of a real answer; how many failed."""
    say(
        "The five tools as an agent calls them, answered by the models:"
        if real
        else "The five tools as an agent calls them. No key is set: answers are SIMULATED."
    )
    asked = failed = 0
    started = time.monotonic()
    for command in ASKED:
        if shlex.split(command)[2] not in settings.tools:
            continue
        text, wrong = await _asked(client, command)
        asked += 1
        failed += wrong
        _print(command, text if real or wrong else "", ANSWER_LINES)
    seconds = time.monotonic() - started
    if failed:
        say(f"{failed} of {asked} failed; `glm-mcp doctor` looks for the cause.")
    else:
        say(f"All {asked} answered in {seconds:.1f} s" + ("." if real else ", SIMULATED."))
    return failed
