"""Pictures in a terminal that can show them, and files opened with what the system has for them."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Literal

from glm_mcp.installation import which
from glm_mcp.settings import for_others

Graphics = Literal["kitty", "iterm"]
SIDE = 960  # pixels of the longer side that is sent: as wide as a terminal mostly is
CHUNK = 4_096  # characters; what the kitty protocol takes at once


def graphics(env: Mapping[str, str]) -> Graphics | None:
    """The protocol that the terminal says it has, by what it sets in the environment; nothing is asked of it.

    None within tmux and screen, which pass no pictures on.
    """
    if env.get("TMUX") or env.get("STY") or env.get("TERM", "").startswith(("screen", "tmux")):
        return None
    program = env.get("TERM_PROGRAM", "")
    if (
        env.get("KITTY_WINDOW_ID")
        or env.get("TERM") in {"xterm-kitty", "xterm-ghostty"}
        or program == "ghostty"
    ):
        return "kitty"
    if program in {"iTerm.app", "WezTerm", "mintty"} or env.get("LC_TERMINAL") == "iTerm2":
        return "iterm"
    return None


def sequence(path: Path, protocol: Graphics) -> str:
    """What shows a picture, made small enough, and ends its line; "" for no picture by its name. Raises OSError."""
    from PIL import Image

    from glm_mcp.media.images.convert import FORMATS

    if path.suffix.lower() not in FORMATS:  # a model wrote it, and of some texts Pillow runs what they say
        return ""
    kind, _ = FORMATS[path.suffix.lower()]
    with Image.open(path, formats=[kind]) as picture:
        picture.thumbnail((SIDE, SIDE))
        small = BytesIO()
        picture.convert("RGB").save(small, "PNG")
    encoded = base64.b64encode(small.getvalue()).decode("ascii")
    if protocol == "iterm":
        return f"\x1b]1337;File=inline=1;size={len(small.getvalue())};preserveAspectRatio=1:{encoded}\x07\n"
    chunks = [encoded[i : i + CHUNK] for i in range(0, len(encoded), CHUNK)]
    head = "a=T,f=100,q=2,"  # shown at once, a PNG, and the terminal answers nothing
    parts = [
        f"\x1b_G{head if i == 0 else ''}m={int(i < len(chunks) - 1)};{chunk}\x1b\\"
        for i, chunk in enumerate(chunks)
    ]
    return "".join(parts) + "\n"


def runs(path: Path) -> bool:
    """Whether opening it may run it: Windows runs scripts, and a model wrote this one."""
    return path.suffix.lower() in {".js", ".jsx"}


def open_file(path: Path) -> bool:
    """Opened with the program that the system has for it; whether there is one."""
    if sys.platform == "win32":
        os.startfile(path)  # noqa: S606 - a file that this call has just written
        return True
    command = which("open" if sys.platform == "darwin" else "xdg-open", os.environ.get("PATH", ""))
    if command is None:
        return False
    quiet = subprocess.DEVNULL
    try:
        subprocess.Popen(  # noqa: S603 - a fixed program and a file of ours
            [command, str(path)],
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            start_new_session=True,
            env=for_others(os.environ),  # what it opens is a stranger's
        )
    except OSError:
        return False
    return True
