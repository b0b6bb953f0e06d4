"""One child process a job, for readers that may crash, hang or eat memory: `run_job` in the server, `worker_child` there.

The child gets no key and no working folder on its path: `worker_start` decides what its environment holds and how it
starts. The opened file is its standard input, the result comes back framed on its standard output.
"""

from __future__ import annotations

import codecs
import io
import json
import logging
import os
import re
import signal
import struct
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import IO, Any

import anyio

from glm_mcp.errors import GLMError, InternalError, InvalidRequest, MediaTooLarge, TimedOut, UnsupportedMedia
from glm_mcp.glm.threads import in_thread, in_thread_if, limiter, own_limiter
from glm_mcp.media.tempfiles import file_of
from glm_mcp.media.types import Source
from glm_mcp.media.worker_bound import MEMORY_MB, at_once
from glm_mcp.media.worker_child import READER, SMALLER, STARTED, load, out_of_memory
from glm_mcp.media.worker_start import FORKS, NotStarted, Worker, forked, spawned

RESULT_BYTES = 256 * 1024 * 1024  # more than the body of any request holds; a child that writes on is stopped
_STDERR_BYTES = 16_384
_WORDS = 2_000  # characters at its end in which a place is looked for
_PLACE = re.compile(
    r"[\w./\\-]{1,100}\.(?:rs|py|c|cc|cpp|h|hpp):\d{1,6}|\b[A-Z]\w{1,40}(?:Error|Exception)\b"
)
_LITTLE = 64 * 1024  # bytes of a frame that are read in a fraction of a millisecond
_PIECE = 1024 * 1024  # bytes of a text
# Of the memory that is allowed; native code that is refused more of it often aborts without a word.
_MUCH = 0.15
_LAST_WORDS_S = 0.5  # for what lies in the pipe when a child has ended
_JOB_BYTES = 100_000  # Linux takes 128 KiB a variable

Start = Callable[[str, IO[bytes]], AbstractAsyncContextManager[Worker]]

_SIGKILL, _SIGXCPU = getattr(signal, "SIGKILL", 9), getattr(signal, "SIGXCPU", 24)

_log = logging.getLogger(__name__)


async def run_job(
    job: str,
    source: Source | bytes,
    params: dict[str, Any],
    *,
    timeout_s: float = 60,
    memory_mb: int = MEMORY_MB,
    fork: bool = FORKS,
) -> tuple[dict[str, Any], list[bytes]]:
    """What `job` ("module:function") makes of `source`: its facts and its blobs.

    `params`: JSON-able, under 100 KB; `params["name"]` names the file in messages. As many jobs run at once as
    `at_once` says; `timeout_s` counts from the start of the process. Cancelling kills the process and all it started.

    Raises: whatever GLMError the job raised; MediaTooLarge (out of memory), UnsupportedMedia (crashed), TimedOut.
    """
    name = str(params.get("name") or "the file")
    spec = json.dumps(
        {
            "job": job,
            "params": params,
            "parent": os.getpid(),
            "memory_mb": memory_mb,
            # A net below the wall clock, for a child that nobody can stop any more; threads count double.
            "cpu_s": int(timeout_s * (os.cpu_count() or 2)) + 5,
        }
    )
    if len(spec) > _JOB_BYTES:
        raise InvalidRequest(
            f"the arguments for reading {name} are too long",
            "Give fewer pages, or a shorter password or text.",
        )
    places, own = limiter("children", 1), own_limiter("children", 1)
    if places.borrowed_tokens:
        places.total_tokens = await in_thread(at_once, places.borrowed_tokens)
    own.total_tokens = places.total_tokens
    async with own, places:
        start = forked if fork else spawned
        if isinstance(source, Source) and source.handle is not None:
            return await _run(job, name, source.handle, spec, timeout_s, memory_mb, start)
        data = source.read() if isinstance(source, Source) else source
        with await in_thread(file_of, data) as file:
            return await _run(job, name, file, spec, timeout_s, memory_mb, start)


async def run_here(job: str, source: Source, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """The same in a thread of this process, for what is small and cannot do harm. Raises whatever the job raises."""
    return await in_thread(lambda: load(job)(io.BytesIO(source.read()), params))


async def _run(
    job: str, name: str, file: IO[bytes], spec: str, timeout_s: float, memory_mb: int, start: Start
) -> tuple[dict[str, Any], list[bytes]]:
    stdout, stderr = bytearray(), bytearray()
    header: dict[str, Any] | None = None
    code: int | None = None
    peak_kb = 0
    killed_before = 0
    try:
        with anyio.move_on_after(timeout_s):
            async with start(spec, file) as worker, anyio.create_task_group() as tasks:
                killed_before = _out_of_memory_kills()  # while it works
                tasks.start_soon(_drain_tail, worker, stderr)
                await _drain(worker, stdout)
                header, blobs = await in_thread_if(len(stdout) > _LITTLE, _unframe, stdout)
                if header is not None:
                    await worker.leave()
                    tasks.cancel_scope.cancel()
                else:
                    code, peak_kb = await worker.wait()
                    worker.kill()
                    # What it started, and what got away from that, may hold its standard error open.
                    tasks.cancel_scope.deadline = anyio.current_time() + _LAST_WORDS_S
    except NotStarted as error:
        code, stderr = 1, bytearray(str(error).encode())
    if header is not None:
        return _result(job, name, header), blobs
    if code is None:
        raise TimedOut(f"reading {name} took longer than {timeout_s:g} s", SMALLER)
    if len(stdout) > RESULT_BYTES:
        raise MediaTooLarge(f"{name} gives more than {RESULT_BYTES >> 20} MB", "Send a part of it.")
    started = stdout.startswith(STARTED)
    _log.warning("job %s on %s ended with code %s: %s", job, name, code, _said(stderr, started=started))
    starved = (
        _starved(stderr)
        or (code == -_SIGKILL and _out_of_memory_kills() > killed_before)
        or (code == -signal.SIGABRT and peak_kb > memory_mb * 1024 * _MUCH)
    )
    raise _crash(name, code, started=started, starved=starved)


def _result(job: str, name: str, header: dict[str, Any]) -> dict[str, Any]:
    """The facts that a job gave. Raises the error that it raised."""
    if "error" in header:
        if header.get("cause"):
            _log.info("job %s on %s: %s", job, name, header["cause"])
        if header.get("trace"):
            _log.warning("job %s on %s failed; --log-level debug shows where", job, name)
            _log.debug("%s", header["trace"])
        raise _rebuild(header["error"])
    result: dict[str, Any] = header["result"]
    return result


async def _drain(worker: Worker, into: bytearray) -> None:
    async for chunk in worker.stdout:
        into += chunk
        if len(into) > RESULT_BYTES:
            worker.kill()
            return


async def _drain_tail(worker: Worker, into: bytearray) -> None:
    async for chunk in worker.stderr:
        into += chunk
        del into[:-_STDERR_BYTES]


def _unframe(raw: bytearray) -> tuple[dict[str, Any] | None, list[bytes]]:
    """A frame as the child writes it; (None, []) when it is not whole."""
    with memoryview(raw) as view:
        if bytes(view[:4]) != STARTED or len(view) < 8:
            return None, []
        (length,) = struct.unpack(">I", view[4:8])
        try:
            header = json.loads(bytes(view[8 : 8 + length]))
        except ValueError:
            return None, []
        parts, at = [], 8 + length
        for size in (*header["texts"], *header["blobs"]):
            parts.append(view[at : at + size])
            at += size
        if at != len(view):
            return None, []
        texts = len(header["texts"])
        for page, text in zip(header.get("result", {}).get("pages", ()), parts[:texts], strict=True):
            page[2] = _decoded(text)
        return header, [bytes(part) for part in parts[texts:]]


def _decoded(text: memoryview) -> str:
    """In pieces, so that other threads need not wait for the end of a long one."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    pieces = [decoder.decode(text[at : at + _PIECE]) for at in range(0, len(text), _PIECE)]
    return "".join((*pieces, decoder.decode(b"", final=True)))


def _rebuild(raw: dict[str, Any]) -> GLMError:
    """The error that the child raised, as its own class."""
    cls = next((c for c in GLMError.__subclasses__() if c.__name__ == raw["class"]), InternalError)
    error = cls.__new__(cls)
    GLMError.__init__(error, raw["message"], raw["hint"], code=raw.get("code"))
    error.__dict__.update(raw.get("more") or {})
    return error


def _said(stderr: bytearray, *, started: bool) -> str:
    """Its last words, for the log. Of one that had begun to read, places and kinds alone: the rest may quote the file."""
    text = stderr.decode("utf-8", "replace")[-_WORDS:]
    if started:
        return " ".join(_PLACE.findall(text)[-3:]) or "no place named"
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


# Native code that asks for all it wants at once has held little when it ends for want of it.
_AGAIN = (
    "The file may be damaged, or need more memory than a reader gets: save it again with another program, or send a "
    "part of it or another format."
)


def _starved(stderr: bytearray) -> bool:
    """Whether the child complained of memory, in any line: some libraries go on with advice on backtraces."""
    said = bytes(stderr).lower()
    return any(
        word in said for word in (b"memoryerror", b"memory allocation", b"bad_alloc", b"out of memory")
    )


def _out_of_memory_kills() -> int:
    """How many processes the system has killed for want of memory since it started; 0 where it does not say (Linux does).
    It kills with the same signal as anybody who kills from outside.
    """
    try:
        with open("/proc/vmstat", encoding="ascii") as lines:  # noqa: PTH123 - the kernel's
            return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
    except (OSError, ValueError):
        return 0


def _crash(name: str, code: int, *, started: bool, starved: bool) -> GLMError:
    """What the end of a child without a result means. Native code that panics or exits is as one that crashes."""
    if code == -_SIGXCPU:
        return TimedOut(f"reading {name} took too much computing time", SMALLER)
    if starved:
        return out_of_memory(name)
    if code == -_SIGKILL:
        return InternalError(f"the reader of {name} was killed from outside", "Call again.")
    if code < 0 or started:
        return UnsupportedMedia(f"the reader of {name} crashed on it", _AGAIN, about=READER)
    return InternalError(f"the reader of {name} did not start", "Please report it, with the log.")
