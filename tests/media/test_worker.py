"""The child process a job: what comes back, what never gets in, and how it ends."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import anyio
import pytest
from support.paths import TESTS
from support.worker_jobs import BREAKS

from glm_mcp import errors
from glm_mcp.errors import GLMError, InternalError, MediaTooLarge, MissingExtra, TimedOut, UnsupportedMedia
from glm_mcp.media.formats import UNKNOWN
from glm_mcp.media.types import Source
from glm_mcp.media.worker import run_job
from glm_mcp.media.worker_start import FORKS

pytestmark = pytest.mark.anyio

WAYS = {"forked": FORKS, "spawned": False}


@pytest.fixture(params=[name for name in WAYS if FORKS or name == "spawned"])
def fork(request: pytest.FixtureRequest) -> bool:
    """How the worker starts: what holds for a job holds for both ways."""
    return WAYS[request.param]


KINDS = sorted(cls.__name__ for cls in GLMError.__subclasses__())


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def children() -> set[str]:
    out: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        out |= set((task / "children").read_text(encoding="ascii").split())
    return out


def temporary() -> list[str]:
    """The unnamed temporary files that this process holds open; named ones are never made."""
    links = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return sorted(link for link in links if link.startswith(tempfile.gettempdir()))


async def pids(path: Path) -> list[int]:
    """The process ids that the job wrote, once it did."""
    with anyio.fail_after(60):
        while not await anyio.Path(path).exists():  # noqa: ASYNC110 - another process makes the file
            await anyio.sleep(0.02)
    return [int(n) for n in (await anyio.Path(path).read_text(encoding="ascii")).split()]


async def gone(*numbers: int) -> bool:
    with anyio.move_on_after(30):
        while any(alive(n) for n in numbers):  # noqa: ASYNC110 - other processes end
            await anyio.sleep(0.01)
        return True
    return False


async def test_a_job_gets_bytes_and_parameters_and_its_prints_do_not_spoil_the_result(fork: bool) -> None:
    with anyio.fail_after(60):
        facts, blobs = await run_job(
            "support.worker_jobs:echo", b"hello \x00 world", {"name": "a.bin", "n": [1, "二"]}, fork=fork
        )
    assert facts["params"] == {"name": "a.bin", "n": [1, "二"]}
    assert blobs == [b"hello \x00 world", b""]


async def test_no_key_no_home_and_no_password_reach_environment_or_command_line(fork: bool) -> None:
    keys = {
        "GLM_API_KEY": "k1.s1",
        "ZAI_API_KEY": "k2.s2",
        "HOME": "/home/x",
        "SSH_AUTH_SOCK": "/run/agent-9",
    }
    # The setting is made in a server of its own, so that this process keeps its environment.
    code = (
        "import anyio, json, sys; sys.path.append(sys.argv[1]); from glm_mcp.media.worker import run_job; "
        "facts, _ = anyio.run(lambda: run_job('support.worker_jobs:echo', b'', {'password': 'pw-123'}, fork=sys.argv[2] == 'True')); "
        "print(json.dumps([facts['environment'], facts['argv']]))"
    )
    with anyio.fail_after(60):
        done = await anyio.run_process(
            [sys.executable, "-c", code, str(TESTS), str(fork)], env={**os.environ, **keys}
        )
    text = done.stdout.decode()
    assert '"PATH"' in text
    assert not [k for k, v in keys.items() if f'"{k}"' in text or v in text]
    assert "pw-123" not in text


async def test_the_working_folder_is_not_on_the_module_path(fork: bool, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a stranger ran')\n", encoding="utf-8")
    (tmp_path / "PIL.py").write_text("raise SystemExit('a stranger ran')\n", encoding="utf-8")
    code = (
        "import anyio, sys; sys.path[0] = sys.argv[1]; from glm_mcp.media.worker import run_job; "
        "print(anyio.run(lambda: run_job('support.worker_jobs:echo', b'ok', {}, fork=sys.argv[2] == 'True'))[1])"
    )
    with anyio.fail_after(60):
        done = await anyio.run_process([sys.executable, "-c", code, str(TESTS), str(fork)], cwd=tmp_path)
    assert done.stdout.decode().strip() == "[b'ok', b'']"


async def test_a_child_imports_nothing_heavy() -> None:
    with anyio.fail_after(60):
        facts, _ = await run_job("support.worker_jobs:imports", b"", {}, fork=False)
    assert not {"anyio", "asyncio", "PIL", "pydantic", "httpx", "mcp", "av"} & set(facts["modules"])


@pytest.mark.parametrize("name", KINDS)
async def test_an_error_of_the_job_comes_back_as_itself(fork: bool, name: str) -> None:
    with anyio.fail_after(60), pytest.raises(GLMError) as caught:
        await run_job("support.worker_jobs:fail", b"", {"name": "a.bin", "class": name}, fork=fork)
    assert type(caught.value) is getattr(errors, name)
    if isinstance(caught.value, MissingExtra):
        assert caught.value.extra == "heic"
        assert caught.value.hint == MissingExtra("heic", "").hint
    else:
        assert caught.value.message == "a.bin is bad"
        assert (caught.value.hint, caught.value.code) == ("Do better.", "7")


@pytest.mark.parametrize("way", BREAKS)
@pytest.mark.extreme
async def test_however_a_reader_breaks_the_error_names_the_file_and_nothing_of_its_inside(
    fork: bool, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    with anyio.fail_after(60), pytest.raises(UnsupportedMedia, match=r"a\.bin") as caught:
        await run_job("support.worker_jobs:break_off", b"", {"name": "a.bin", "way": way}, fork=fork)
    assert caught.value.hint.startswith("The file may be damaged")
    assert not re.search(r"secret|somebody|[A-Z]\w+(Error|Exception|Group|Exit|Interrupt)", str(caught.value))
    assert "support.worker_jobs:break_off on a.bin" in caplog.text
    assert "secret" not in caplog.text
    assert "src/lib.rs:10" in caplog.text or way != "a panic in a thread"


async def test_a_reader_that_does_not_start_is_a_defect_of_ours(fork: bool) -> None:
    code = (
        "import anyio, os, sys; from glm_mcp.media.worker import run_job; os.environ['PYTHONHOME'] = '/nowhere'; "
        "anyio.run(lambda: run_job('support.worker_jobs:echo', b'', {'name': 'a.bin'}, fork=sys.argv[1] == 'True'))"
    )
    with anyio.fail_after(60):
        done = await anyio.run_process([sys.executable, "-c", code, str(fork)], check=False)
    last = done.stderr.decode().splitlines()[-1]
    assert last.endswith("internal: the reader of a.bin did not start. Please report it, with the log.")


async def test_eating_memory_ends_in_an_error_that_names_the_file(fork: bool) -> None:
    with anyio.fail_after(60), pytest.raises(MediaTooLarge, match=r"a\.bin needs more memory"):
        await run_job("support.worker_jobs:eat", b"", {"name": "a.bin"}, memory_mb=400, fork=fork)


@pytest.mark.skipif(not FORKS, reason="what a process held is known of forked ones")
async def test_native_code_that_ends_without_a_word_for_want_of_memory_is_told_from_a_crash() -> None:
    with anyio.fail_after(60), pytest.raises(MediaTooLarge, match=r"a\.bin needs more memory") as caught:
        await run_job("support.worker_jobs:eat_without_a_word", b"", {"name": "a.bin"}, memory_mb=400)
    assert "a page range" in caught.value.hint


@pytest.mark.extreme
async def test_a_flood_of_output_is_stopped(fork: bool) -> None:
    with anyio.fail_after(60), pytest.raises(MediaTooLarge, match=r"a\.bin"):
        await run_job("support.worker_jobs:flood", b"", {"name": "a.bin"}, fork=fork)


async def test_the_time_limit_ends_the_job_and_what_it_started(fork: bool, tmp_path: Path) -> None:
    note = tmp_path / "pids"
    with anyio.fail_after(60), pytest.raises(TimedOut, match=r"a\.bin took longer than 3 s"):
        await run_job(
            "support.worker_jobs:hang", b"", {"name": "a.bin", "pids": str(note)}, timeout_s=3, fork=fork
        )
    assert await gone(*await pids(note))


async def test_cancelling_ends_the_job_and_what_it_started_without_zombie_or_file(
    fork: bool, tmp_path: Path
) -> None:
    await run_job("support.worker_jobs:echo", b"", {}, fork=fork)  # what stays for the next job is there
    before, held = children(), temporary()
    job = partial(run_job, "support.worker_jobs:hang", b"x", {"pids": str(tmp_path / "pids")}, fork=fork)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(job)
            numbers = await pids(tmp_path / "pids")
            assert all(alive(n) for n in numbers)
            tasks.cancel_scope.cancel()
    assert await gone(*numbers)
    assert children() == before
    assert temporary() == held


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is of Linux")
async def test_a_job_dies_with_a_killed_server(fork: bool, tmp_path: Path) -> None:
    code = (
        "import anyio, sys; sys.path.append(sys.argv[1]); from glm_mcp.media.worker import run_job; "
        "anyio.run(lambda: run_job('support.worker_jobs:hang', b'', {'pids': sys.argv[2]}, fork=sys.argv[3] == 'True'))"
    )
    command = [sys.executable, "-c", code, str(TESTS), str(tmp_path / "pids"), str(fork)]
    with subprocess.Popen(command) as server:  # noqa: ASYNC220 - starting one is short
        worker, other = await pids(tmp_path / "pids")
        server.kill()
        server.wait(timeout=60)
    assert await gone(worker)
    if fork:
        assert await gone(other)
    else:
        os.kill(other, signal.SIGKILL)  # what a job starts is the job's own matter here


async def test_two_jobs_on_one_open_file_do_not_disturb_each_other(fork: bool, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(3_000_000)
    path = tmp_path / "big.bin"
    path.write_bytes(data)
    results: list[bytes] = []
    with path.open("rb") as handle:
        source = Source("big.bin", UNKNOWN, len(data), path=path, handle=handle)

        async def one() -> None:
            results.append((await run_job("support.worker_jobs:halves", source, {}, fork=fork))[1][0])

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(one)
                tasks.start_soon(one)
        assert source.read() == data
    assert results == [data, data]


async def test_a_child_that_somebody_kills_is_not_said_to_need_memory(tmp_path: Path) -> None:
    async def kill() -> None:
        worker, other = await pids(tmp_path / "pids")
        os.kill(worker, signal.SIGKILL)
        os.kill(other, signal.SIGKILL)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(kill)
            with pytest.raises(InternalError, match=r"the reader of x\.pdf was killed from outside"):
                await run_job(
                    "support.worker_jobs:hang", b"", {"name": "x.pdf", "pids": str(tmp_path / "pids")}
                )
