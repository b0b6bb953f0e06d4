"""A thousand calls at once: the server goes on answering, bounds what they hold, and gives it back."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import Stdio, environment, said

from glm_mcp.server.app import MOST_CALLS
from glm_mcp.server.garbage import call_ended, look_at_few
from glm_mcp.simulator import Fault, Simulator


class Circle:
    """What refers to itself, and goes when garbage is looked for."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture
def collector() -> Iterator[None]:
    """As a server sets it, for one test."""
    before = gc.get_threshold()
    look_at_few()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def looks_at_all() -> int:
    return int(gc.get_stats()[2]["collections"])


@pytest.mark.extreme
@pytest.mark.usefixtures("collector")
def test_what_lives_is_not_looked_through_for_garbage_while_hundreds_of_calls_run() -> None:
    before = looks_at_all()
    circle = weakref.ref(old := Circle())
    gc.collect(1)
    del old  # as what failed, and was held for longer than a moment
    held = list[list[list[int]]]()
    for _ in range(40):
        held.append([[] for _ in range(10_000)])
        gc.collect(1)
        call_ended(running=500)
    assert looks_at_all() == before
    assert circle() is not None
    call_ended(running=3)
    assert looks_at_all() == before + 1
    assert circle() is None


@pytest.mark.extreme
@pytest.mark.usefixtures("collector")
def test_garbage_is_given_back_also_where_many_calls_always_run() -> None:
    before = looks_at_all()
    for _ in range(400):
        gc.collect(1)
        call_ended(running=500)
    assert looks_at_all() == before + 1


@pytest.mark.extreme
def test_a_client_that_makes_calls_without_end_hears_that_too_many_run(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.queue(Fault("hang", times=0))
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize()
        calls = [server.start_call("chat", {"prompt": "Hello"}) for _ in range(MOST_CALLS + 1)]
        refused = json.loads(server.out.next() or "")["result"]  # of whichever came last
        assert refused["isError"]
        assert "1,000 calls are running" in said(refused)
        assert "Call again when some of them have ended." in said(refused)
        for ident in calls[:20]:
            server.send("notifications/cancelled", {"requestId": ident})
        assert server.request("ping")["result"] == {}
        unknown = server.call("chat", {"prompt": " "})
        assert "calls are running" not in said(unknown)
