"""How many child processes a film takes: one, and one more for what is asked of it later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.connect import Connect
from support.films import Film, make, regular
from support.formats import chats_done, put
from support.toolkit import chats, kinds, say

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator, Switches

pytestmark = pytest.mark.anyio


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many workers had a job so far: each, which the Python that finds this module on its path is or was forked from,
    writes its number when it sets the limits of the job.
    """
    log, site = tmp_path / "started", tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def heard(event, _):\n"
        "    if event == 'resource.setrlimit':\n"
        f"        with open({str(log)!r}, 'a') as file:\n"
        "            file.write(f'{os.getpid()}\\n')\n"
        "if 'GLM_WORKER_PATH' in os.environ:\n"
        "    sys.addaudithook(heard)\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    return lambda: len(set(log.read_text(encoding="ascii").split())) if log.exists() else 0


@pytest.mark.extreme
async def test_a_long_film_too_large_to_go_whole_takes_one_process(
    connect: Connect, sim: Simulator, folders: Folders, started: Callable[[], int]
) -> None:
    put(folders.cwd / "long.mp4", make(Film(tuple(range(720)), size=(160, 96), gop=50)))
    async with connect(GLM_MAX_VIDEO_MB="0.02") as client:
        text = await say(client, "analyze_video", video="long.mp4")
    assert "sent as frames: 0.021 MB cannot hold 11:59" in text
    assert len(chats_done(sim)) == 3  # two parts, and what joins them
    assert started() == 1


async def test_a_film_that_the_service_refuses_whole_takes_one_process_more(
    connect: Connect, sim: Simulator, folders: Folders, started: Callable[[], int]
) -> None:
    sim.switches = Switches(data_url_videos="refuse")
    put(folders.cwd / "a.mp4", make(Film(regular(6))))
    async with connect() as client:
        await say(client, "analyze_video", video="a.mp4", prompt="What?")
    assert [kinds(r)[0] for r in chats(sim)] == ["video_url", "text"]
    assert started() == 2


async def test_key_frames_saved_after_the_answer_take_one_process_more(
    connect: Connect, sim: Simulator, folders: Folders, started: Callable[[], int]
) -> None:
    put(folders.cwd / "a.mp4", make(Film(regular(6))))
    sim.queue(Reply("0:01 - the start\n0:03 - the middle"))
    async with connect() as client:
        await say(client, "analyze_video", video="a.mp4", task="keyframes")
    assert started() == 2
