"""What the server does with a file, in forks of one process that has the readers loaded, each under limits.

`with Readers() as readers: readers.read("image", "a.png", data)` gives the outcome: "ok", the kind of an error, or
"net" (an exception that only the outermost handler of a worker turns into an error), "crash", "hang", "memory",
"internal". A file costs a fork instead of a process of its own. POSIX only.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import resource
import select
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Self

SECONDS = 20.0  # for one file
MEMORY_MB = 1_500  # as a worker's
SERVER_MB = 600  # more than this is too much for one file in the server's own process
SENSIBLE = (
    "unsupported_media",
    "media_too_large",
    "invalid_request",
    "not_found",
    "timeout",
    "forbidden_path",
)


@dataclass(frozen=True)
class Outcome:
    """`where`: "server" for work in the server's own process, "child" for a worker's, which may crash."""

    kind: str
    text: str
    seconds: float
    megabytes: int
    where: str
    trace: str = ""

    @property
    def fine(self) -> bool:
        """An answer or an error for the caller, and no harm to the server."""
        return self.kind in ("ok", *SENSIBLE) or (self.where == "child" and self.kind in ("net", "crash"))


class Readers:
    """The process that forks."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)

    def read(self, want: str, name: str, data: bytes) -> Outcome:
        assert self._process.stdin
        assert self._process.stdout
        head = json.dumps([want, name]).encode()
        self._process.stdin.write(struct.pack(">II", len(head), len(data)) + head + data)
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))


def handle(want: Any, name: str, data: bytes, tell: Callable[[str], None]) -> None:
    """As far as a file goes before a model is asked. `tell`: where the work is done now, "server" or "child"."""
    from glm_mcp.errors import UnsupportedMedia
    from glm_mcp.media.detect import detect
    from glm_mcp.media.formats import check_fits

    tell("server")
    if not data:
        raise UnsupportedMedia(f"{name} is empty", "Check it.")
    kind = detect(data, name)
    check_fits(kind, len(data), name, want)
    if want == "image":
        _picture(kind, name, data, tell)
    elif want == "video":
        tell("child")
        _video(name, data)
    else:
        if kind.child:
            tell("child")
        _document(kind, name, data, tell)


def _picture(kind: Any, name: str, data: bytes, tell: Callable[[str], None]) -> None:
    from glm_mcp.media.images import decode, pipeline
    from glm_mcp.media.images.options import Options
    from glm_mcp.media.worker_child import load as load_job

    options = Options(name, kind.name, side=6_000, limit=5_000_000, budget=8_000_000, max_parts=8)
    if not kind.child:
        try:
            image = decode.open_lazily(data, name, kind.name)
            if pipeline.decoded_pixels(image, options) <= 16_000_000:
                pipeline.make(data, options)
                return
        except decode.Damaged:
            pass
    tell("child")
    load_job(kind.reader)(io.BytesIO(data), asdict(options))


def _video(name: str, data: bytes) -> None:
    from glm_mcp.media.video.job import stills_job, video_job

    file = {"name": name}
    frames, _ = video_job(io.BytesIO(data), {**file, "max_frames": 3, "subtitles": True, "frames_time": 10})
    part = {"start": 0.1, "end": 0.5, "whole_bytes": 20_000, "whole_time": 10}
    video_job(io.BytesIO(data), {**file, **part, "subtitles": True})
    stills_job(io.BytesIO(data), {**file, "times": [0.2], "facts": frames["facts"]})


def _document(kind: Any, name: str, data: bytes, tell: Callable[[str], None]) -> None:

    from glm_mcp.media.documents.pages import pieces, to_markdown
    from glm_mcp.media.documents.pdf import render_job
    from glm_mcp.media.types import Document, Page
    from glm_mcp.media.worker_child import load as load_job

    params = {
        "name": name,
        "kind": kind.name,
        "pages": None,
        "password": None,
        "encoding": None,
    }
    facts, _ = load_job(kind.reader)(io.BytesIO(data), params)
    numbers = [row[0] for row in facts["pages"]][:2]
    if kind.name == "pdf" and numbers:
        render_job(io.BytesIO(data), {"name": name, "numbers": numbers, "password": None, "max_bytes": 5_000_000, "max_side": 6_000})  # fmt: skip
    facts = json.loads(json.dumps(facts))
    tell("server")
    document = Document(name, facts["kind"], tuple(Page(*row) for row in facts["pages"]), facts["total"], ())
    to_markdown(document)
    for page in document.pages[:20]:
        pieces(page, 2_000)


def load() -> None:
    """Imports what the readers need, before the first fork."""
    import av
    import liteparse.parser  # noqa: F401
    import markdownify  # noqa: F401
    import olefile  # noqa: F401
    import pillow_heif
    import resvg_py  # noqa: F401
    from PIL import Image

    from glm_mcp import media

    for module in pkgutil.walk_packages(media.__path__, f"{media.__name__}."):
        importlib.import_module(module.name)
    pillow_heif.register_heif_opener()
    Image.init()
    av.logging.set_level(av.logging.PANIC)
    gc.freeze()


def read_in_fork(want: str, name: str, data: bytes) -> Outcome:
    sys.stdout.flush()
    into, out = os.pipe()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(into)
        _child(out, want, name, data)
    os.close(out)
    told, late = b"", False
    while select.select([into], [], [], max(0.0, started + SECONDS - time.monotonic()))[0]:
        piece = os.read(into, 65_536)
        if not piece:
            break
        told += piece
    else:
        late = True
        os.kill(child, signal.SIGKILL)
    os.close(into)
    _, status, usage = os.wait4(child, 0)
    seconds, megabytes = time.monotonic() - started, usage.ru_maxrss // 1024
    rows = [json.loads(line) for line in told.decode().splitlines()]
    places = [row["where"] for row in rows if "where" in row]
    last = next((row for row in rows if "kind" in row), None)
    where = places[-1] if places else "server"
    if late:
        return Outcome("hang", "", seconds, megabytes, where)
    if last is None:
        return Outcome("crash", f"status {status}", seconds, megabytes, where)
    if "child" not in places and megabytes > SERVER_MB:
        return Outcome("memory", f"{megabytes} MB in the server", seconds, megabytes, where)
    if where == "server" and last["kind"] == "net":
        last["kind"] = "internal"
    return Outcome(last["kind"], last["text"], seconds, megabytes, where, last["trace"])


def _child(out: int, want: str, name: str, data: bytes) -> None:
    from glm_mcp.errors import GLMError

    def tell(place: str) -> None:
        if place == "child":
            limit = MEMORY_MB * 1024 * 1024
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        os.write(out, json.dumps({"where": place}).encode() + b"\n")

    kind, text, trace = "ok", "", ""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        handle(want, name, data, tell)
    except GLMError as error:
        kind, text = error.kind, str(error)
        if not error.hint:
            kind, text = "internal", f"no hint: {text}"
    except (MemoryError, RecursionError) as error:
        kind, text = "media_too_large", type(error).__name__
    except BaseException as error:  # noqa: BLE001 - what is looked for
        kind, text, trace = "net", repr(error)[:300], "".join(traceback.format_exception(error)[-6:])[-3_000:]
    with contextlib.suppress(OSError):
        os.write(out, json.dumps({"kind": kind, "text": text[:1_000], "trace": trace}).encode() + b"\n")
    os._exit(0)


def serve() -> None:
    """Files from standard input, outcomes to standard output, until the other side is gone."""
    load()
    out = os.fdopen(os.dup(1), "w")
    while len(lengths := sys.stdin.buffer.read(8)) == 8:
        head, size = struct.unpack(">II", lengths)
        want, name = json.loads(sys.stdin.buffer.read(head))
        out.write(json.dumps(asdict(read_in_fork(want, name, sys.stdin.buffer.read(size)))) + "\n")
        out.flush()


if __name__ == "__main__":
    serve()
