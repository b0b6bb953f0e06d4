"""Jobs that the child process of tests/media/test_worker.py runs: good, bad and hostile ones."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from glm_mcp import errors
from glm_mcp.media.worker_child import load

Result = tuple[dict[str, Any], list[bytes]]


def echo(file: BinaryIO, params: dict[str, Any]) -> Result:
    """The file's bytes and what the job knows of itself."""
    print("noise on standard output")  # noqa: T201 - that is the point
    os.write(1, b"native noise")
    return {"params": params, "environment": dict(os.environ), "argv": sys.argv, "path": sys.path}, [
        file.read(),
        b"",
    ]


def imports(file: BinaryIO, params: dict[str, Any]) -> Result:
    return {"modules": sorted(sys.modules)}, []


_seen: list[str] = []


def about(file: BinaryIO, params: dict[str, Any]) -> Result:
    """Who the job is, what it holds open, and what it finds of the jobs before it; then it changes all it can."""
    descriptors = {}
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            descriptors[link.name] = str(link.readlink())
    facts = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "group": os.getpgrp(),
        "descriptors": descriptors,
        "drawn": random.random(),
        "seen": [
            *_seen,
            *(k for k in os.environ if k.startswith("LEFT")),
            *(p for p in sys.path if "left" in p),
        ],
        "depth": sys.getrecursionlimit(),
        "folder": str(Path.cwd()),
    }
    _seen.append("module")
    os.environ["LEFT"] = "environment"
    sys.path.append("/left")
    sys.setrecursionlimit(5_000)
    os.chdir("/")
    return facts, []


def halves(file: BinaryIO, params: dict[str, Any]) -> Result:
    """Reads the file in small steps, so that two of these at once would disturb a shared position."""
    file.seek(0)
    pieces = []
    while piece := file.read(1000):
        pieces.append(piece)
        time.sleep(0)
    return {}, [b"".join(pieces)]


def span(file: BinaryIO, params: dict[str, Any]) -> Result:
    """When it began and ended, by a clock that all processes share."""
    began = time.monotonic()
    while time.monotonic() < began + 0.02:
        pass
    return {"began": began, "ended": time.monotonic()}, []


def told_to_end(file: BinaryIO, params: dict[str, Any]) -> Result:
    """Works until a file is there."""
    while not Path(params["file"]).exists():
        time.sleep(0.01)
    return {}, []


class PanicException(BaseException):
    """As a library in Rust raises it: no Exception."""


def _panic() -> None:
    raise PanicException(WORDS)


def _panic_in_a_thread() -> None:
    """Of a library that is built to abort on a panic."""
    sys.stderr.write(f"thread '<unnamed>' panicked at src/lib.rs:10:5:\n{WORDS}\n")
    os.abort()


def _segfault() -> None:
    ctypes.string_at(0)


def _leave() -> None:
    sys.stderr.write(f"{WORDS}\n")
    sys.stderr.flush()
    os._exit(3)


def _succeed_without_result() -> None:
    os._exit(0)


def _exit() -> None:
    sys.exit(WORDS)


def _interrupt() -> None:
    raise KeyboardInterrupt(WORDS)


def _group() -> None:
    raise BaseExceptionGroup(WORDS, [PanicException(WORDS)])


def _defect() -> None:
    raise ValueError(WORDS)


def _give_what_cannot_be_sent() -> dict[str, Any]:
    return {"result": object()}


WORDS = "ValueError: secret inner words of /home/somebody/private.bin"
BREAKS: dict[str, Callable[[], dict[str, Any] | None]] = {
    "a panic": _panic,
    "a panic in a thread": _panic_in_a_thread,
    "a crash": _segfault,
    "an exit of native code": _leave,
    "an exit that claims success": _succeed_without_result,
    "an exit": _exit,
    "an interrupt": _interrupt,
    "a group": _group,
    "a defect": _defect,
    "a result that cannot be sent": _give_what_cannot_be_sent,
}


def break_off(file: BinaryIO, params: dict[str, Any]) -> Result:
    """Ends as params["way"] of BREAKS says."""
    return BREAKS[params["way"]]() or {}, []


def hang(file: BinaryIO, params: dict[str, Any]) -> Result:
    """Starts a child of its own, writes both process ids to params["pids"], and never ends."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(params["pids"] + ".new").write_text(f"{os.getpid()} {other.pid}", encoding="ascii")
    Path(params["pids"] + ".new").rename(params["pids"])
    while True:
        time.sleep(600)


def eat(file: BinaryIO, params: dict[str, Any]) -> Result:
    held = [b"x" * (64 << 20) for _ in range(1000)]
    return {"held": len(held)}, []


def eat_without_a_word(file: BinaryIO, params: dict[str, Any]) -> Result:
    """As native code that takes twice as much when it has filled what it has, and aborts where it gets none."""
    libc = ctypes.CDLL(None)
    libc.realloc.restype, libc.realloc.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_size_t)
    held, size = None, 1 << 20
    while held := libc.realloc(held, size):
        ctypes.memset(held, 1, size)
        size *= 2
    os.abort()


def flood(file: BinaryIO, params: dict[str, Any]) -> Result:
    return {}, [bytes(300 << 20)]


def fail(file: BinaryIO, params: dict[str, Any]) -> Result:
    """Raises the error of glm_mcp.errors that params["class"] names."""
    cls = getattr(errors, params["class"])
    if cls is errors.MissingExtra:
        raise errors.MissingExtra("heic", "reading HEIC")
    raise cls(f"{params['name']} is bad", "Do better.", code="7")


def loads(file: BinaryIO, params: dict[str, Any]) -> Result:
    """What the job params["inner"] loads while it runs, beyond what the process had at its start."""
    before = set(sys.modules)
    inner = load(params.pop("inner"))
    inner(file, params)
    return {"modules": sorted(set(sys.modules) - before)}, []
