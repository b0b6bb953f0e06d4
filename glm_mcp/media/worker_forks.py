"""The clean process that workers are forked from: one for a server, with the server's libraries but nothing of its user.

It is started without a key (`worker_start.environment`), never touches a file that a job reads, and stays of one thread,
so that a fork of it is whole. After the first good job of a family it loads what the next ones would load each for
itself; a library that hangs or crashes while it is loaded does so in a worker, under limits.

Its standard input is a socket. A message on it brings four descriptors: the job's channel, its file, where its result
goes and where its errors go. On the channel wait the job's words; back come the worker's pid, and at its end its exit
code and the most memory that it held, as `SAID`. Closing the channel kills the worker and all it started, so a server
that dies takes its workers with it. A server that has the whole result says so and waits no longer: the worker has a
moment to end, and no job is taken until it has.

While nothing is to be done a worker is forked that waits for the next job, so that this job waits for no fork. There is
at most one, and none beside workers with a job: never more of them than the server lets run. Both read a sample of ours
of the last job's kind before: of what is done for the first time a small document takes longer than of its own reading.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

from glm_mcp.media import worker_child
from glm_mcp.media.worker_child import LEFT, SAID

assert sys.platform == "linux"  # noqa: S101 - `worker_start.FORKS`

JOB_MESSAGE = 1 << 20  # bytes, more than the server sends
LINGER_S = 0.5  # for the end of a worker whose result has come
_LOADED_EARLY = ("ctypes", "resource", "traceback", "glm_mcp.errors")
# As Pillow loads first, and what it loads at its use from Python 3.15 on.
_PICTURES = (
    *(f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Ppm", "Png")),
    *("PIL.JpegPresets", "PIL._binary", "PIL._util"),
)
# What jobs load while they run, by the folder of their module: optional parts, and what only some files need.
_LOADED_LATE = {
    "glm_mcp.media.documents": (
        *("bs4", "chardet", "email.parser", "liteparse", "liteparse.parser", "lxml.etree", "markdownify"),
        *("PIL.Image", "PIL.ImageChops", "concurrent.futures.thread", "olefile", "pypdfium2"),
        *("encodings.cp437", "encodings.cp1252", "encodings.gb18030", "encodings.utf_16_le"),
    ),
    "glm_mcp.media.images": (
        *_PICTURES,
        "glm_mcp.media.images.svg.css",
        "pillow_heif",
        "pillow_jxl",
        "resvg_py",
    ),
    "glm_mcp.media.video": (*_PICTURES, "av", "av.logging", "av.subtitles.stream"),
}


@dataclass(slots=True)
class _Waiting:
    """A worker without a job, and the socket on which it gets one."""

    pid: int
    door: socket.socket


@dataclass(slots=True)
class _Worker:
    pid: int
    channel: int
    job: str


def main(idle_s: float = 600) -> None:
    """`idle_s`: after so long without a job it gives its memory back; the next job starts another."""
    control = socket.socket(fileno=os.dup(0))
    with open(os.devnull, "rb", buffering=0) as null:  # noqa: PTH123 - a device
        os.dup2(null.fileno(), 0)
    for module in _LOADED_EARLY:
        importlib.import_module(module)
    gc.freeze()
    _Forks(control, idle_s).serve()
    os._exit(0)


class _Forks:
    def __init__(self, control: socket.socket, idle_s: float) -> None:
        self._control = control
        self._idle_s = idle_s
        self._workers: dict[int, _Worker] = {}  # by channel
        self._spare: _Waiting | None = None
        self._spare_due = False  # after a good job: one that cannot live is not forked again and again
        self._last = ""  # the last good job
        self._known: set[str] = set()  # modules that are loaded, or will be
        self._unloaded: list[str] = []  # of these, what is still to be loaded
        self._ended, self._end = os.pipe()  # a byte when a worker ends
        for fd in (self._ended, self._end):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._end)
        self._ready = select.poll()
        for fd in (control.fileno(), self._ended):
            self._ready.register(fd, select.POLLIN)

    def serve(self) -> None:
        """Until the server and its workers have gone, or nobody has asked for long."""
        served = True
        while served or self._workers:
            idle = self._next_when_idle()
            events = self._ready.poll(0 if idle else self._idle_s * 1000)
            if not events and idle:
                idle()
            elif not events and not self._workers:
                break
            # Jobs last: whoever sends one may have left another just before, and had to wait for its place.
            for fd in sorted((fd for fd, _ in events), key=self._control.fileno().__eq__):
                if fd == self._ended:
                    os.read(self._ended, 4096)
                elif fd != self._control.fileno():
                    self._give_up(self._workers[fd])
                elif not self._take():
                    self._ready.unregister(fd)
                    served = False
            self._reap()
        self._drop_spare()

    def _next_when_idle(self) -> Callable[[], None] | None:
        if self._unloaded:
            return self._load
        return self._fork_spare if self._spare_due and not self._workers else None

    def _take(self) -> bool:
        """Starts the job that was sent; False when nobody is there to send another."""
        try:
            message, fds, _, _ = socket.recv_fds(self._control, 1, 4)
        except OSError:
            return False
        if len(fds) == 4:
            self._start(*fds)
        for fd in fds:
            if fd not in self._workers:
                os.close(fd)
        return bool(message)

    def _start(self, channel: int, file: int, out: int, err: int) -> None:
        words = os.read(channel, JOB_MESSAGE)
        if not words:  # given up meanwhile
            return
        worker = self._give(words, file, out, err, channel)
        if worker:
            self._workers[channel] = _Worker(worker.pid, channel, json.loads(words)["job"])
            self._ready.register(channel, select.POLLIN)
            _tell(channel, worker.pid, 0)

    def _give(self, words: bytes, *fds: int) -> _Waiting | None:
        """The worker that has the job now; None where there can be none, which the server hears by the channel's end."""
        for _ in range(2):  # a spare one may have been killed
            worker, self._spare = self._spare or self._fork(*fds), None
            if worker is None:
                return None
            with worker.door, contextlib.suppress(OSError):
                socket.send_fds(worker.door, [words], fds[:3])
                return worker
            _end(worker.pid)
        return None

    def _fork_spare(self) -> None:
        self._spare_due = False
        self._spare = self._fork()

    def _fork(self, *fds: int) -> _Waiting | None:
        """A worker without a job; None when the user has as many processes as they may. `fds`: not for it to hold."""
        parent = os.getpid()
        door, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                pid = os.fork()
            except OSError:
                door.close()
                return None
            if pid == 0:
                held = (
                    self._control.fileno(),
                    self._end,
                    door.fileno(),
                    theirs.fileno(),
                    *fds,
                    *self._workers,
                )
                _work(parent, theirs.fileno(), max(held), "" if fds else self._last)
            return _Waiting(pid, door)

    def _reap(self) -> None:
        """Tells the end of each worker that ended."""
        if self._spare and _has_ended(self._spare.pid):
            self._drop_spare()
        for worker in list(self._workers.values()):
            if _has_ended(worker.pid):
                self._finish(worker)

    def _give_up(self, worker: _Worker) -> None:
        """A worker whose server has gone, or wants it no more."""
        self._ready.unregister(worker.channel)
        if os.read(worker.channel, 1) == LEFT:
            _wait_a_moment(worker.pid)
            self._finish(worker)
        else:
            _kill_group(worker.pid)

    def _finish(self, worker: _Worker) -> None:
        code, peak_kb = _end(worker.pid)
        _tell(worker.channel, code, peak_kb)
        with contextlib.suppress(KeyError):
            self._ready.unregister(worker.channel)
        del self._workers[worker.channel]
        os.close(worker.channel)
        if code == 0:
            self._last = worker.job
            self._wish(worker.job.partition(":")[0])
            self._spare_due = True

    def _drop_spare(self) -> None:
        if self._spare:
            _end(self._spare.pid)
            self._spare.door.close()
            self._spare = None

    def _wish(self, module: str) -> None:
        """That be loaded, when nothing else is to be done, what the next job of this module or its family needs."""
        late = next((row for folder, row in _LOADED_LATE.items() if module.startswith(folder)), ())
        new = [name for name in (module, *late) if name not in self._known]
        self._unloaded += new
        self._known.update(new)

    def _load(self) -> None:
        """One module, so that a job that comes meanwhile waits for no more than that."""
        with contextlib.suppress(Exception):  # an optional part that is not installed
            importlib.import_module(self._unloaded.pop(0))
        if not self._unloaded:
            worker_child.rehearse(self._last)
            gc.collect()
            gc.freeze()  # so that a collection in a worker does not copy every page


def _work(parent: int, door: int, highest: int, likely: str) -> None:
    """In the fork: waits for a job and does it; does not return. `highest`: of the descriptors that it was forked with.
    `likely`: a job to rehearse meanwhile.
    """
    try:
        os.setsid()  # a group of its own, so that killing it reaches what it starts
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(door, 3)
        os.closerange(4, 1 + highest)
        worker_child.die_with(parent)
        worker_child.step_back()
        worker_child.rehearse(likely)
        with socket.socket(fileno=3) as given:
            words, fds, _, _ = socket.recv_fds(given, JOB_MESSAGE, 3)
        if words:
            for number, fd in enumerate(fds):
                os.dup2(fd, number)
            os.closerange(3, 1 + max(fds))
            worker_child.run(json.loads(words))
    except BaseException:  # noqa: BLE001 - nothing of a fork may go on as if it were the process it came from
        import traceback

        traceback.print_exc()
    finally:
        os._exit(1)


def _tell(channel: int, number: int, peak_kb: int) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        os.write(channel, SAID.pack(number, peak_kb))


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _wait_a_moment(pid: int) -> None:
    with contextlib.suppress(OSError):  # a kernel before 5.3
        fd = os.pidfd_open(pid)
        with open(fd, "rb", buffering=0):  # noqa: PTH123 - a descriptor, not a path
            select.select([fd], [], [], LINGER_S)


def _end(pid: int) -> tuple[int, int]:
    """The exit code and the most memory held. It is waited for last: until then nobody else can get its number."""
    _kill_group(pid)
    _, status, used = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), used.ru_maxrss


def _kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):  # a worker has its own group only once it has run a little
        with contextlib.suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)
