"""A server that may open no more files, or start no more threads: it says so, and works again when it may."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from pathlib import Path

import httpx
import pytest
from support.cases import each
from support.processes import LIMIT_S, Stdio, environment, said, until

from glm_mcp.errors import NetworkError, exhausted
from glm_mcp.glm.network.failures import mapped
from glm_mcp.samples import FOLDER
from glm_mcp.simulator import Simulator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits the files of another process")

CALLS = {
    "a text": ("read_document", {"documents": "notes.md"}),
    "a PDF": ("read_document", {"documents": "report.pdf"}),
    "a picture": ("describe_image", {"images": "photo.jpg"}),
}


def open_no_more(server: Stdio, *, but: int = 0) -> tuple[int, int]:
    """What was allowed before. `but`: so many more it may open."""
    import resource

    pid = server.popen.pid
    taken = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    free = [number for number in range(len(taken) + but + 1) if number not in taken][but]
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, before[1]))
    return before


@pytest.mark.extreme
@each("call", CALLS)
def test_a_server_that_may_open_no_more_files_says_so(call: str, sim: Simulator, tmp_path: Path) -> None:
    import resource

    for name in ("photo.jpg", "report.pdf"):
        shutil.copy(FOLDER / name, tmp_path)
    (tmp_path / "notes.md").write_text("words of a note", encoding="utf-8")
    with Stdio(environment(tmp_path / "home", sim, GLM_DEADLINE_S="20"), tmp_path) as server:
        server.initialize()
        for tool, arguments in CALLS.values():  # what is loaded once is loaded then
            assert not server.call(tool, arguments).get("isError")
        before = open_no_more(server)
        refused = server.call(*CALLS[call])
        assert refused["isError"]
        assert "may open no more files" in said(refused), said(refused)
        assert "ulimit -n" in said(refused)
        resource.prlimit(server.popen.pid, resource.RLIMIT_NOFILE, before)
        assert not server.call(*CALLS[call]).get("isError")


def test_what_could_not_be_begun_for_want_of_files_leaves_none_open(sim: Simulator, tmp_path: Path) -> None:
    import resource

    shutil.copy(FOLDER / "report.pdf", tmp_path)
    with Stdio(environment(tmp_path / "home", sim, GLM_DEADLINE_S="20"), tmp_path) as server:
        server.initialize()
        assert not server.call(*CALLS["a PDF"]).get("isError")
        open_before = len(list(Path(f"/proc/{server.popen.pid}/fd").iterdir()))
        refused = 0
        for but in range(1, 8):
            before = open_no_more(server, but=but)
            refused += bool(server.call(*CALLS["a PDF"]).get("isError"))
            resource.prlimit(server.popen.pid, resource.RLIMIT_NOFILE, before)
        assert refused > 3
        until(lambda: len(list(Path(f"/proc/{server.popen.pid}/fd").iterdir())) <= open_before)


@pytest.mark.skipif(sys.platform == "linux" and os.getuid() == 0, reason="root may start as many as it likes")
def test_a_server_that_may_start_no_process_says_so(sim: Simulator, tmp_path: Path) -> None:
    import resource

    shutil.copy(FOLDER / "report.pdf", tmp_path)
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize()
        assert not server.call("chat", {"prompt": "hello"}).get("isError")
        before = resource.prlimit(server.popen.pid, resource.RLIMIT_NPROC)
        resource.prlimit(server.popen.pid, resource.RLIMIT_NPROC, (1, before[1]))
        refused = server.call(*CALLS["a PDF"])
        assert refused["isError"]
        assert "may start no more threads and processes" in said(refused), said(refused)
        assert "ulimit -u" in said(refused)
        resource.prlimit(server.popen.pid, resource.RLIMIT_NPROC, before)
        assert not server.call(*CALLS["a PDF"]).get("isError")
        assert server.end() < LIMIT_S
        assert server.popen.returncode == 0


class _Panic(BaseException):
    """As Rust's come."""


@pytest.mark.parametrize(
    "error",
    [
        BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
        RuntimeError("can't start new thread"),
        _Panic("OS can't spawn worker thread: Resource temporarily unavailable (os error 11)"),
        ExceptionGroup("of tasks", [RuntimeError("can't start new thread")]),
    ],
)
def test_whoever_can_start_no_thread_is_understood(error: BaseException) -> None:
    assert "ulimit -u" in str(exhausted(error))


def test_so_does_a_connection_to_the_service() -> None:
    with (
        pytest.raises(NetworkError, match="may open no more files") as raised,
        mapped("http://127.0.0.1"),
    ):
        raise httpx.ConnectError("All connection attempts failed") from OSError(errno.EMFILE, "too many")
    assert "ulimit -n" in raised.value.hint
