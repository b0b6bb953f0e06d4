"""The picture in the clipboard of the machine that the server runs on."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import anyio
import anyio.to_thread
from anyio.abc import Process

from glm_mcp.errors import MediaTooLarge, NotFound, TimedOut, UnsupportedMedia
from glm_mcp.installation import which

_LIMIT_S = 5.0  # a clipboard whose owner does not answer blocks its readers for ever
_LIST_BYTES = 1_000_000  # of the kinds that there are, and of the files that were copied
_IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/tiff", "image/gif")
_MAC_MARK = "data PNGf"  # before the digits in which AppleScript writes bytes
_COPY = "Copy a picture first (a screenshot, or a file in the file manager), then call again."
_INSTEAD = "Save the picture to a file and pass its path."


async def read_clipboard(env: Mapping[str, str], platform: str, max_bytes: int) -> bytes | list[Path]:
    """The bytes of the picture in the clipboard, or the paths of the files that were copied.

    `env`: for the display and where programs are found. `platform`: as `sys.platform`.
    Raises NotFound (nothing there, no display, no program), UnsupportedMedia, MediaTooLarge, TimedOut.
    """
    if platform == "win32":
        return await anyio.to_thread.run_sync(_grab, abandon_on_cancel=True)
    if platform == "darwin":
        return await _of_mac(env, max_bytes)
    tool = _tool(env)
    shown = await _run([*tool, *_listing(tool)], env, _LIST_BYTES)
    types = shown.decode("utf-8", "replace").split()
    for mime in _IMAGE_TYPES:
        if mime in types:
            data = await _run([*tool, *_reading(tool, mime)], env, max_bytes)
            if data:
                return data
    if "text/uri-list" in types:
        text = (await _run([*tool, *_reading(tool, "text/uri-list")], env, _LIST_BYTES)).decode(
            "utf-8", "replace"
        )
        paths = [
            Path(unquote("/" + line.strip()[7:].partition("/")[2]))
            for line in text.splitlines()
            if line.startswith("file://")
        ]
        if paths:
            return paths
    if any(mime.startswith("text/") or mime in ("STRING", "UTF8_STRING") for mime in types):
        raise UnsupportedMedia("the clipboard holds text, not a picture", "Put the text into the prompt.")
    raise NotFound("the clipboard holds no picture", _COPY)


async def _of_mac(env: Mapping[str, str], max_bytes: int) -> bytes:
    """As bytes, whatever they are. Pillow would hand on our whole environment, wait without end, and open them here as any
    format: PostScript by a program of its own.
    """
    tool = which("osascript", env.get("PATH", ""))
    if tool is None:
        raise NotFound("the clipboard cannot be read here", _INSTEAD)
    most = 2 * max_bytes + len(f"«{_MAC_MARK}»\n".encode())
    said = await _run([tool, "-e", "get the clipboard as «class PNGf»"], env, most)
    held = await anyio.to_thread.run_sync(_of_hex, said)
    if not held:
        raise NotFound("the clipboard holds no picture", _COPY)
    return held


def _of_hex(said: bytes) -> bytes:
    """Between quotation marks that are no ASCII, in whatever encoding."""
    try:
        return bytes.fromhex(said.decode("ascii", "ignore").partition(_MAC_MARK)[2])
    except ValueError:
        return b""


def _grab() -> bytes | list[Path]:
    from PIL import ImageGrab

    try:
        clip = ImageGrab.grabclipboard()
    except (OSError, NotImplementedError) as error:
        raise NotFound("the clipboard cannot be read here", _INSTEAD) from error
    if clip is None:
        raise NotFound("the clipboard holds no picture", _COPY)
    if isinstance(clip, list):
        return [Path(name) for name in clip]
    held = io.BytesIO()
    clip.save(held, "PNG")
    return held.getvalue()


def _tool(env: Mapping[str, str]) -> list[str]:
    path = env.get("PATH", "")
    wayland, x11 = env.get("WAYLAND_DISPLAY"), env.get("DISPLAY")
    if wayland and (program := which("wl-paste", path)):
        return [program]
    if x11 and (program := which("xclip", path)):
        return [program, "-selection", "clipboard"]
    if wayland or x11:
        name = "wl-clipboard" if wayland else "xclip"
        raise NotFound(
            "the clipboard cannot be read: neither wl-paste nor xclip fits this display",
            f"Install {name} (for instance: sudo apt install {name}), or save the picture to a file.",
        )
    raise NotFound("the clipboard cannot be read: this server runs without a display", _INSTEAD)


def _listing(tool: list[str]) -> list[str]:
    return ["-t", "TARGETS", "-o"] if "-selection" in tool else ["--list-types"]


def _reading(tool: list[str], mime: str) -> list[str]:
    return ["-t", mime, "-o"] if "-selection" in tool else ["--no-newline", "--type", mime]


async def _run(command: list[str], env: Mapping[str, str], max_bytes: int) -> bytes:
    """What a program prints, up to `max_bytes`; b"" when it fails, as both do on an empty clipboard."""
    passed = ("PATH", "HOME", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "LANG")
    said = bytearray()
    try:
        with anyio.fail_after(_LIMIT_S):
            async with await anyio.open_process(
                command,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={name: env[name] for name in passed if name in env},
                start_new_session=True,
            ) as process:
                try:
                    assert process.stdout is not None  # noqa: S101 - a pipe is the default
                    async for chunk in process.stdout:
                        said += chunk
                        if len(said) > max_bytes:
                            _end(process)
                            break
                    code = await process.wait()
                finally:
                    _end(process)
    except TimeoutError as error:
        raise TimedOut("the clipboard did not answer within 5 s", _INSTEAD) from error
    except OSError as error:
        raise NotFound("the clipboard's program cannot be started", _INSTEAD) from error
    if len(said) > max_bytes:
        raise MediaTooLarge(f"what is in the clipboard is larger than {max_bytes / 1e6:.0f} MB", _INSTEAD)
    return bytes(said) if code == 0 else b""


def _end(process: Process) -> None:
    """Kills it and what it has started: the program of that name may be a script around another."""
    if sys.platform == "win32":  # whose clipboard Pillow reads
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone
        os.killpg(process.pid, signal.SIGKILL)
