"""One child process a job, for readers that may crash, hang or eat memory: `run_job` in the server, `child.main` there.

The child gets no key and no working folder on its path: its environment holds what `_environment` names, the
opened file is its standard input, the job travels in the variable GLM_WORKER_JOB (a password must not be on a
command line), the result comes back framed on its standard output.
"""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import struct
import sys
from collections.abc import Iterator
from typing import IO, Any

import anyio
from anyio.abc import Process

from glm_mcp.errors import GLMError, InternalError, InvalidRequest, MediaTooLarge, TimedOut, UnsupportedMedia
from glm_mcp.media.tempfiles import file_of
from glm_mcp.media.types import Source
from glm_mcp.media.worker_child import STARTED, load
from glm_mcp.threads import in_thread, limiter

RESULT_BYTES = 256 * 1024 * 1024  # more than the body of any request holds; a child that writes on is stopped
_STDERR_BYTES = 16_384
_JOB_BYTES = 100_000  # Linux takes 128 KiB a variable

# What a Python, its libraries and temporary files need; the rest of the environment (keys, HOME) stays here.
_PASSED = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR"),
    *("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"),
)

# -P keeps the working folder, which may be a stranger's repository, off the module path. The parent's own path is
# appended, so that the child finds the package wherever the parent found it, and never before the standard library.
_BOOT = (
    "import os, sys; "
    "sys.path.extend(p for p in os.environ['GLM_WORKER_PATH'].split(os.pathsep) if p not in sys.path); "
    "from glm_mcp.media.worker_child import main; main()"
)

_log = logging.getLogger(__name__)


async def run_job(
    job: str, source: Source | bytes, params: dict[str, Any], *, timeout_s: float = 60, memory_mb: int = 1500
) -> tuple[dict[str, Any], list[bytes]]:
    """What `job` ("module:function") makes of `source`: its facts and its blobs.

    `params`: JSON-able, under 100 KB; `params["name"]` names the file in messages. At most max(2, CPUs) jobs run at
    once; `timeout_s` counts from the start of the process. Cancelling kills the process and all it started.

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
    async with limiter("children", max(2, os.cpu_count() or 2)):
        file = await in_thread(_as_file, source)
        try:
            return await _run(job, name, file, spec, timeout_s)
        finally:
            if not isinstance(source, Source) or file is not source.handle:
                file.close()


async def run_here(job: str, source: Source, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """The same in a thread of this process, for what is small and cannot do harm. Raises whatever the job raises."""
    return await in_thread(lambda: load(job)(io.BytesIO(source.read()), params))


def _as_file(source: Source | bytes) -> IO[bytes]:
    """The source as a real file: its own handle, or an unlinked temporary one that holds its bytes."""
    if isinstance(source, Source) and source.handle is not None:
        return source.handle
    return file_of(source.read() if isinstance(source, Source) else source)


def _environment(spec: str) -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    paths = os.pathsep.join(p for p in sys.path if p)
    # Fewer malloc arenas: each reserves 64 MiB of the address space that the memory limit counts.
    return {**passed, "GLM_WORKER_JOB": spec, "GLM_WORKER_PATH": paths, "MALLOC_ARENA_MAX": "2"}


async def _run(
    job: str, name: str, file: IO[bytes], spec: str, timeout_s: float
) -> tuple[dict[str, Any], list[bytes]]:
    stdout, stderr = bytearray(), bytearray()
    code: int | None = None
    with anyio.move_on_after(timeout_s):
        process = await anyio.open_process(
            [sys.executable, "-P", "-X", "utf8", "-c", _BOOT],
            stdin=file.fileno(),
            env=_environment(spec),
            start_new_session=True,
        )
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_drain_tail, process, stderr)
                await _drain(process, stdout)
            code = await process.wait()
        finally:
            await _kill(process)
    if code is None:
        raise TimedOut(
            f"reading {name} took longer than {timeout_s:g} s",
            "Send a smaller or shorter part of it (a page range, start and end, a region), or a simpler format.",
        )
    if len(stdout) > RESULT_BYTES:
        raise MediaTooLarge(f"{name} gives more than {RESULT_BYTES >> 20} MB", "Send a part of it.")
    header, blobs = _unframe(stdout)
    if header is None:
        _log.warning("job %s on %s ended with code %s: %s", job, name, code, _last_line(stderr))
        raise _crash(name, code, started=stdout.startswith(STARTED), starved=_starved(stderr))
    if "error" in header:
        if header.get("cause"):
            _log.info("job %s on %s: %s", job, name, header["cause"])
        if header.get("trace"):
            _log.warning("job %s on %s failed:\n%s", job, name, header["trace"])
        raise _rebuild(header["error"])
    return header["result"], blobs


async def _drain(process: Process, into: bytearray) -> None:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    async for chunk in process.stdout:
        into += chunk
        if len(into) > RESULT_BYTES:
            _kill_group(process)
            return


async def _drain_tail(process: Process, into: bytearray) -> None:
    assert process.stderr is not None  # noqa: S101 - it was asked for
    async for chunk in process.stderr:
        into += chunk
        del into[:-_STDERR_BYTES]


async def _kill(process: Process) -> None:
    """Ends the child and whatever it started, and waits until it is gone: no zombie, even when we are cancelled."""
    _kill_group(process)
    with anyio.CancelScope(shield=True):
        await process.wait()
        await process.aclose()


def _kill_group(process: Process) -> None:
    try:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # already gone
        pass


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
        blobs, at = [], 8 + length
        for size in header["blobs"]:
            blobs.append(bytes(view[at : at + size]))
            at += size
        return (header, blobs) if at == len(view) else (None, [])


def _rebuild(raw: dict[str, Any]) -> GLMError:
    """The error that the child raised, as its own class."""
    cls = next((c for c in _classes(GLMError) if c.__name__ == raw["class"]), InternalError)
    error = cls.__new__(cls)
    GLMError.__init__(error, raw["message"], raw["hint"], code=raw.get("code"))
    error.__dict__.update(raw.get("more") or {})
    return error


def _classes(root: type[GLMError]) -> Iterator[type[GLMError]]:
    yield root
    for cls in root.__subclasses__():
        yield from _classes(cls)


def _last_line(stderr: bytearray) -> str:
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""


_SMALLER = "Send a smaller version or a part of it."
_AGAIN = "The file may be damaged: open and save it again with another program, or send it in another format."


def _starved(stderr: bytearray) -> bool:
    """Whether the child complained of memory, in any line: some libraries go on with advice on backtraces."""
    said = bytes(stderr).lower()
    return any(
        word in said for word in (b"memoryerror", b"memory allocation", b"bad_alloc", b"out of memory")
    )


def _crash(name: str, code: int, *, started: bool, starved: bool) -> GLMError:
    """What the end of a child without a result means. Native code that panics or exits is as one that crashes."""
    signals = {} if sys.platform == "win32" else {-signal.SIGKILL: "killed", -signal.SIGXCPU: "cpu"}
    if signals.get(code) == "cpu":
        return TimedOut(f"reading {name} took too much computing time", _SMALLER)
    if starved or signals.get(code) == "killed":
        return MediaTooLarge(f"{name} needs more memory to read than is allowed", _SMALLER)
    if code < 0 or started:
        return UnsupportedMedia(f"the reader of {name} crashed on it", _AGAIN)
    return InternalError(f"the reader of {name} did not start", "Please report it, with the log.")
