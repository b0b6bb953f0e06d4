"""The child's side of `worker.run_job`: reads the job, runs one function under limits, writes one frame.

A job is `def job(file: BinaryIO, params: dict) -> tuple[dict, list[bytes]]` in the module that owns it. `file` is
seekable and the job's own: another job on the same open file does not move it. What a job prints is dropped. This
file imports little, so that a child starts fast.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from glm_mcp.errors import MediaTooLarge

    Job = Callable[[BinaryIO, dict[str, Any]], tuple[dict[str, Any], list[bytes]]]

SMALLER = "Send a smaller or shorter part of it (a page range, start and end, a region), or a simpler format."

READER = "reader"  # what an error is about where the reader gave way, so that less of the same file may pass

_SAID = 4_000  # characters of an error, which may name what is in the file

STARTED = b"GLMW"  # the first bytes of a frame, written before the job runs: without them it was not the job that failed

# On the channel of a job:
LEFT = b"l"  # its result has come
SAID = struct.Struct("ii")  # its pid and 0, then its exit code and the most memory that it held, in KB


def main() -> None:
    """Of a worker that was not forked: its job is in its environment."""
    spec = json.loads(os.environ.pop("GLM_WORKER_JOB"))
    die_with(spec["parent"])
    step_back()
    run(spec)


def run(spec: dict[str, Any]) -> None:
    """Does the job on standard input, writes the frame to standard output, and ends the process."""
    _limit(spec["memory_mb"], spec["cpu_s"])
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # prints and native chatter must not run into the frame
    out.write(STARTED)
    out.flush()
    header, blobs = _outcome(spec)
    write_frame(out, header, blobs)
    out.close()
    # Native libraries may crash while they are taken down; the result is out, so nobody needs that.
    sys.stderr.flush()
    os._exit(0)


def write_frame(out: BinaryIO, header: dict[str, Any], blobs: list[bytes]) -> None:
    """What follows `STARTED`: the length of the JSON as 4 bytes big-endian, the JSON, the texts of pages, the blobs; of
    both the JSON has the sizes. A long text within the JSON would hold up the server's other threads to its end.
    """
    facts = header.get("result", {})
    texts = [text.encode("utf-8", "surrogatepass") for _, _, text, _ in facts.get("pages", ())]
    if texts:
        pages = [(number, label, "", why) for number, label, _, why in facts["pages"]]
        header = {**header, "result": {**facts, "pages": pages}}
    head = json.dumps({**header, "texts": [len(t) for t in texts], "blobs": [len(b) for b in blobs]}).encode()
    out.write(struct.pack(">I", len(head)) + head)
    out.writelines(texts)
    out.writelines(blobs)


def _outcome(spec: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    from glm_mcp.errors import GLMError, UnsupportedMedia, exhausted
    from glm_mcp.media.types import check_pages

    params = spec["params"]
    name = str(params.get("name") or "the file")
    try:
        facts, blobs = load(spec["job"])(_open_stdin(), params)
        check_pages(facts.get("pages", ()), name)
    except GLMError as error:
        # For the log: the cause's kind alone, since its words may quote the file, and what a reader noted for it.
        kinds = [type(error.__cause__).__name__] if error.__cause__ else []
        return {**_describe(error), "cause": "; ".join([*kinds, *getattr(error, "__notes__", ())])}, []
    except RecursionError:
        return _describe(
            UnsupportedMedia(f"{name} is nested too deep to be read", "Save it as PDF or PNG.")
        ), []
    except MemoryError:
        return _describe(out_of_memory(name)), []
    except BaseException as error:  # noqa: BLE001 - the outer boundary of the child, and a panic in Rust is no Exception
        import traceback

        broken = exhausted(error) or UnsupportedMedia(
            f"{name} could not be read: its reader failed on it",
            "The file may be damaged: open and save it again with another program, or send it in another format.",
            about=READER,
        )
        trace = [*traceback.format_tb(error.__traceback__), type(error).__name__]
        return {**_describe(broken), "trace": "".join(trace)[-4000:]}, []
    return {"result": facts}, list(blobs)


def out_of_memory(name: str) -> MediaTooLarge:
    from glm_mcp.errors import MediaTooLarge

    return MediaTooLarge(f"{name} needs more memory to read than is allowed", SMALLER, about=READER)


def _describe(error: Any) -> dict[str, Any]:
    more = {
        key: getattr(error, key) for key in ("partial", "meta", "extra", "about") if getattr(error, key, None)
    }
    return {
        "error": {
            "class": type(error).__name__,
            "message": error.message[:_SAID],
            "hint": error.hint[:_SAID],
            "code": error.code,
            "more": more,
        }
    }


def load(dotted: str) -> Job:
    import importlib

    module, _, function = dotted.partition(":")
    return cast("Job", getattr(importlib.import_module(module), function))


def rehearse(job: str) -> None:
    """Does a job on the `sample` of its module, if it has one: what is done for the first time, and the memory that is
    first written to, take longer than a small document.
    """
    if sample := getattr(sys.modules.get(job.partition(":")[0]), "sample", None):
        with contextlib.suppress(Exception):
            load(job)(io.BytesIO(sample()), {"name": "a sample"})


def step_back() -> None:
    """The server goes first: work that fills all cores must not delay its event loop."""
    if sys.platform != "win32":
        os.nice(5)


def _limit(memory_mb: int, cpu_s: int) -> None:
    """Address space, computing time, no core files; each where the system has it."""
    if sys.platform == "win32":
        return
    import resource

    for what, maximum in (("RLIMIT_AS", memory_mb * 1024 * 1024), ("RLIMIT_CPU", cpu_s), ("RLIMIT_CORE", 0)):
        try:
            kind = getattr(resource, what)
            hard = resource.getrlimit(kind)[1]
            value = maximum if hard == resource.RLIM_INFINITY else min(maximum, hard)
            # At the soft limit of time a signal says what it was; at the hard one the kernel kills without a word.
            above = value + 5 if what == "RLIMIT_CPU" and hard == resource.RLIM_INFINITY else value
            resource.setrlimit(kind, (value, above))
        except (AttributeError, ValueError, OSError):  # macOS refuses RLIMIT_AS
            continue


def die_with(parent: int) -> None:
    """A child must not outlive a server that was killed: PR_SET_PDEATHSIG on Linux, a look at getppid elsewhere."""
    if sys.platform == "win32":
        return
    if sys.platform == "linux":
        import ctypes
        import signal

        try:
            dies_with_parent = ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0) == 0  # 1: PR_SET_PDEATHSIG
        except (OSError, AttributeError):
            dies_with_parent = False
    else:
        dies_with_parent = False
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)
    if not dies_with_parent:
        import threading

        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    import time

    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _open_stdin() -> BinaryIO:
    """Standard input as a file of our own. The descriptor's position is shared with the parent and with other jobs
    on the same source, so it is opened anew (Linux), or read by position only (POSIX).
    """
    if sys.platform == "linux":
        try:
            return open("/proc/self/fd/0", "rb")  # noqa: PTH123 - a descriptor, not a path
        except OSError:  # no /proc here
            pass
    if sys.platform == "win32":
        sys.stdin.buffer.seek(0)
        return cast("BinaryIO", sys.stdin.buffer)
    return cast("BinaryIO", io.BufferedReader(_Positioned(0), 1 << 18))


class _Positioned(io.RawIOBase):
    """A descriptor read by `pread`, with a position of its own."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if sys.platform == "win32":  # the file itself is read there
            raise NotImplementedError
        piece = os.pread(self.fd, len(buffer), self.at)
        buffer[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self.at, os.fstat(self.fd).st_size)[whence]
        self.at = max(0, base + offset)
        return self.at

    def tell(self) -> int:
        return self.at
