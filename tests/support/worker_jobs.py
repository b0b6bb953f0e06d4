"""Jobs that the child process of tests/test_worker.py runs: good, bad and hostile ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

from glm_mcp import errors

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


def halves(file: BinaryIO, params: dict[str, Any]) -> Result:
    """Reads the file in small steps, so that two of these at once would disturb a shared position."""
    file.seek(0)
    pieces = []
    while piece := file.read(1000):
        pieces.append(piece)
        time.sleep(0)
    return {}, [b"".join(pieces)]


def crash(file: BinaryIO, params: dict[str, Any]) -> Result:
    os.abort()


class Panic(BaseException):
    """As a library in Rust raises it."""


def panic(file: BinaryIO, params: dict[str, Any]) -> Result:
    raise Panic("called `Option::unwrap()` on a `None` value")


def leave(file: BinaryIO, params: dict[str, Any]) -> Result:
    sys.stderr.write("cannot read /home/somebody/private.bin today\n")
    sys.stderr.flush()
    os._exit(3)


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


def flood(file: BinaryIO, params: dict[str, Any]) -> Result:
    return {}, [bytes(300 << 20)]


def fail(file: BinaryIO, params: dict[str, Any]) -> Result:
    """Raises the error of glm_mcp.errors that params["class"] names."""
    cls = getattr(errors, params["class"])
    if cls is errors.MissingExtra:
        raise errors.MissingExtra("heic", "reading HEIC")
    raise cls(f"{params['name']} is bad", "Do better.", code="7")


def defect(file: BinaryIO, params: dict[str, Any]) -> Result:
    raise ValueError("secret inner words at /home/somebody")
