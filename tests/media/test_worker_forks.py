"""The clean process that workers are forked from: what the next job gains by it, what it never learns, and how it ends."""

from __future__ import annotations

import importlib
import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.cases import each
from support.format_samples import READ
from support.paths import TESTS
from support.processes import gone

from glm_mcp.errors import GLMError, TimedOut
from glm_mcp.media.formats import KINDS, UNKNOWN
from glm_mcp.media.images.options import Options
from glm_mcp.media.types import Source
from glm_mcp.media.worker import run_job

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each worker is a Python of its own"),
]


async def about(**more: Any) -> dict[str, Any]:
    with anyio.fail_after(60):
        facts, _ = await run_job("support.worker_jobs:about", b"", {}, **more)
    return facts


async def gone_soon(*pids: int) -> bool:
    with anyio.move_on_after(30):
        while not all(gone(pid) for pid in pids):  # noqa: ASYNC110 - other processes end
            await anyio.sleep(0.01)
        return True
    return False


@asynccontextmanager
async def hanging(
    folder: Path, source: Source | bytes = b"", limit_s: float = 60
) -> AsyncIterator[list[int]]:
    """The pids of a job that hangs, of what it has started, and of the process it was forked from."""
    note = folder / "pids"
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:

            async def hang() -> None:
                params = {"name": "a.bin", "pids": str(note)}
                await run_job("support.worker_jobs:hang", source, params, timeout_s=limit_s)

            tasks.start_soon(hang)
            while not note.exists():  # noqa: ASYNC110 - another process makes the file
                await anyio.sleep(0.01)
            pids = [int(word) for word in note.read_text(encoding="ascii").split()]
            status = Path(f"/proc/{pids[0]}/status").read_text(encoding="ascii")
            yield [*pids, int(status.split("PPid:")[1].split()[0])]
            tasks.cancel_scope.cancel()


def words(kind: str, name: str) -> dict[str, Any]:
    if KINDS[kind].family == "image":
        return asdict(Options(name, kind, side=6_000, limit=5_000_000, budget=8_000_000, max_parts=8))
    if KINDS[kind].family == "video":
        return {"name": name, "max_frames": 3, "subtitles": True, "frames_time": 10}
    return {"name": name, "kind": kind, "pages": None, "password": None, "encoding": None}


@each("kind", ["docx", "pptx", "xlsx", "epub", "mail", "html", "pdf", "msg", "heic", "svg", "mp4"])
async def test_after_a_job_of_a_kind_the_next_ones_load_no_library(kind: str) -> None:
    name, build = READ[kind]
    data, reader = build(), KINDS[kind].reader
    again = {**words(kind, name), "inner": reader}
    with anyio.fail_after(60):
        await run_job(reader, data, words(kind, name))
        loaded = ["all"]
        while loaded:  # it loads while nothing else is to be done
            facts, _ = await run_job("support.worker_jobs:loads", data, again)
            loaded = [module for module in facts["modules"] if not module.startswith("encodings.")]


async def test_a_job_finds_nothing_of_the_jobs_before_it() -> None:
    found = [await about() for _ in range(3)]
    assert [facts["seen"] for facts in found] == [[], [], []]
    assert len({facts["parent"] for facts in found}) == 1
    assert len({facts["pid"] for facts in found}) == 3
    assert {facts["depth"] for facts in found} == {sys.getrecursionlimit()}
    assert {facts["folder"] for facts in found} == {str(Path.cwd())}
    assert len({facts["drawn"] for facts in found}) == 3


def children(pid: int) -> list[int]:
    return [
        int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    ]


async def spare_after(facts: dict[str, Any]) -> int:
    """The worker that waits for a job after that of the last job, once it does."""
    with anyio.fail_after(20):
        while (found := children(facts["parent"])) in ([], [facts["pid"]]):  # noqa: ASYNC110 - another process forks
            await anyio.sleep(0.01)
    (spare,) = found
    return spare


async def test_after_a_job_one_worker_waits_for_the_next_and_no_job_meets_it_twice() -> None:
    facts = await about()
    clean = facts["parent"]
    for _ in range(2):
        spare = await spare_after(facts)
        facts = await about()
        assert (facts["pid"], facts["parent"], facts["group"], facts["seen"]) == (spare, clean, spare, [])


async def test_a_waiting_worker_has_read_the_sample_of_the_last_job_and_no_file_of_another() -> None:
    with anyio.fail_after(60):
        for number in itertools.count():  # the sample is read while nothing else is to be done
            own = f"file {number}"
            facts, _ = await run_job("support.rehearsed_jobs:read", own.encode(), {})
            *before, last = facts["read"]
            assert last == own
            assert set(before) <= {"the sample"}
            if len(before) == 2:  # in the process it was forked from, and in it
                break


@pytest.mark.parametrize("kind", ["mail", "epub"])
async def test_the_sample_of_a_reader_is_a_document_that_it_reads(kind: str) -> None:
    module, _, _ = KINDS[kind].reader.partition(":")
    facts, _ = await run_job(KINDS[kind].reader, importlib.import_module(module).sample(), {"name": "a"})
    assert facts["pages"][0][2]


async def test_a_waiting_worker_has_no_key_and_nothing_open_but_its_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GLM_API_KEY", "secret-key")
    spare = await spare_after(await about())
    assert b"secret-key" not in Path(f"/proc/{spare}/environ").read_bytes()
    with anyio.fail_after(20):
        while len(list(Path(f"/proc/{spare}/fd").iterdir())) > 4:  # noqa: ASYNC110 - it has just been forked
            await anyio.sleep(0.01)
    links = {int(fd.name): str(fd.readlink()).partition(":")[0] for fd in Path(f"/proc/{spare}/fd").iterdir()}
    assert links == {0: "/dev/null", 1: "/dev/null", 2: "pipe", 3: "socket"}


async def test_a_waiting_worker_that_is_killed_costs_the_next_job_nothing() -> None:
    before = await about()
    spare = await spare_after(before)
    os.kill(spare, signal.SIGKILL)
    assert await gone_soon(spare)
    facts = await about()
    assert facts["parent"] == before["parent"]
    assert facts["pid"] != spare


async def test_beside_a_job_no_worker_waits(tmp_path: Path) -> None:
    async with hanging(tmp_path) as (worker, _, clean):
        await about()
        last = (await about())["pid"]
        with anyio.fail_after(20):
            while last in children(clean):  # noqa: ASYNC110 - another process ends
                await anyio.sleep(0.01)
        assert children(clean) == [worker]


async def test_a_waiting_worker_goes_with_a_killed_server() -> None:
    code = (
        "import anyio, sys; sys.path.append(sys.argv[1]); from glm_mcp.media.worker import run_job; "
        "facts, _ = anyio.run(lambda: run_job('support.worker_jobs:about', b'', {})); "
        "print(facts['pid'], facts['parent'], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(  # noqa: ASYNC220 - starting one is short
        [sys.executable, "-c", code, str(TESTS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout
        pid, clean = map(int, (await anyio.to_thread.run_sync(server.stdout.readline)).split())
        spare = await spare_after({"pid": pid, "parent": clean})
        server.kill()
        server.wait(timeout=60)
    assert await gone_soon(spare, clean)


async def test_a_job_holds_its_file_and_its_pipes_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"words")
    async with hanging(tmp_path, b"of another user"):  # its descriptors are there while the other one starts
        with path.open("rb") as handle:
            source = Source("a.bin", UNKNOWN, 5, path=path, handle=handle)
            facts, _ = await run_job("support.worker_jobs:about", source, {})
    held = facts["descriptors"]
    assert sorted(link.partition(":")[0] for link in held.values()) == [
        *(str(path), str(path)),  # standard input, and opened anew with a position of its own
        *("pipe", "pipe", "pipe"),  # errors, what is printed, the result
    ]
    assert facts["group"] == facts["pid"]


async def test_the_clean_process_has_one_thread_and_no_file_of_a_job(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"words")
    for kind in ("epub", "pdf", "heic", "mp4"):
        name, build = READ[kind]
        await run_job(KINDS[kind].reader, build(), words(kind, name))
    with path.open("rb") as handle:
        async with hanging(tmp_path, Source("a.bin", UNKNOWN, 5, path=path, handle=handle)) as (_, _, clean):
            links = [str(link.readlink()) for link in Path(f"/proc/{clean}/fd").iterdir()]
            libraries = {link for link in links if ".so" in link}  # it may be loading one for later jobs
            assert {link.partition(":")[0] for link in {*links} - libraries} <= {
                "/dev/null",
                "pipe",
                "socket",
            }
            assert len(list(Path(f"/proc/{clean}/task").iterdir())) == 1


async def test_at_its_start_it_holds_nothing_heavy() -> None:
    code = (
        "import anyio, json, sys; sys.path.append(sys.argv[1]); from glm_mcp.media.worker import run_job; "
        "facts, _ = anyio.run(lambda: run_job('support.worker_jobs:imports', b'', {})); "
        "print(json.dumps(facts['modules']))"
    )
    with anyio.fail_after(60):
        done = await anyio.run_process([sys.executable, "-c", code, str(TESTS)])
    text = done.stdout.decode()
    assert '"glm_mcp.media.worker_forks"' in text
    assert not [
        name for name in ("anyio", "asyncio", "PIL", "pydantic", "httpx", "mcp", "av") if f'"{name}"' in text
    ]


async def test_one_that_was_killed_is_started_again() -> None:
    before = (await about())["parent"]
    os.kill(before, signal.SIGKILL)
    assert await gone_soon(before)
    after = (await about())["parent"]
    assert after != before
    assert (await about())["parent"] == after


async def test_one_that_is_killed_takes_its_job_along_and_the_error_names_the_file(tmp_path: Path) -> None:
    errors: list[GLMError] = []

    async def hang(note: Path) -> None:
        try:
            await run_job("support.worker_jobs:hang", b"", {"name": "a.bin", "pids": str(note)})
        except GLMError as error:
            errors.append(error)

    before = (await about())["parent"]
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hang, tmp_path / "pids")
            while not (tmp_path / "pids").exists():  # noqa: ASYNC110 - another process makes the file
                await anyio.sleep(0.01)
            os.kill(before, signal.SIGKILL)
    worker, other = map(int, (tmp_path / "pids").read_text(encoding="ascii").split())
    assert await gone_soon(worker, other, before)
    assert "a.bin" in str(errors[0])
    assert (await about())["seen"] == []


async def test_one_that_hangs_costs_the_time_limit_and_is_started_again() -> None:
    before = (await about())["parent"]
    os.kill(before, signal.SIGSTOP)
    with pytest.raises(TimedOut, match=r"a\.bin took longer than 1 s"), anyio.fail_after(60):
        await run_job("support.worker_jobs:about", b"", {"name": "a.bin"}, timeout_s=1)
    assert await gone_soon(before)
    assert (await about())["parent"] != before


async def test_it_gets_the_environment_of_the_moment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with anyio.fail_after(60):
        facts, _ = await run_job("support.worker_jobs:echo", b"", {})
    assert facts["environment"]["TMPDIR"] == str(tmp_path)


async def test_it_goes_with_a_killed_server(tmp_path: Path) -> None:
    code = (
        "import anyio, sys; sys.path.append(sys.argv[1]); from glm_mcp.media.worker import run_job; "
        "anyio.run(lambda: run_job('support.worker_jobs:hang', b'', {'pids': sys.argv[2]}))"
    )
    note = tmp_path / "pids"
    command = [sys.executable, "-c", code, str(TESTS), str(note)]
    with subprocess.Popen(command) as server, anyio.fail_after(60):  # noqa: ASYNC220 - starting one is short
        while not note.exists():  # noqa: ASYNC110 - another process makes the file
            await anyio.sleep(0.01)
        worker, other = map(int, note.read_text(encoding="ascii").split())
        clean = int(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text(encoding="ascii"))
        server.kill()
        server.wait(timeout=60)
    assert await gone_soon(worker, other, clean)


async def test_without_work_it_goes() -> None:
    code = "from glm_mcp.media.worker_forks import main; main(idle_s=0.05)"
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, anyio.fail_after(60):
        done = await anyio.run_process([sys.executable, "-c", code], stdin=theirs.fileno())
    assert done.returncode == 0
