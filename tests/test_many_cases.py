"""What `each` of the tests' own support promises: no case is left out, passed over or helped by the one before it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.cases import each
from support.connect import Connect
from support.toolkit import say

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator, Switches


def named(group: BaseExceptionGroup[BaseException]) -> list[str]:
    return [note for error in group.exceptions for note in error.__notes__]


def test_every_case_is_tried_and_each_that_failed_is_named() -> None:
    tried = []

    @each("a, b", [(1, 1), (2, 3), (3, 3), (4, 5)])
    def check(a: int, b: int) -> None:
        tried.append(a)
        assert a == b

    with pytest.raises(BaseExceptionGroup, match="2 of 4 cases failed") as caught:
        check()
    assert tried == [1, 2, 3, 4]
    assert named(caught.value) == ["case: (2, 3)", "case: (4, 5)"]


@pytest.mark.anyio
async def test_an_error_that_does_not_come_and_one_of_another_kind_fail_their_case() -> None:
    @each("number", ["one", "2", None], ids=["a", "b", "c"])
    async def check(number: str) -> None:
        with pytest.raises(ValueError, match="invalid literal"):
            int(number)

    with pytest.raises(BaseExceptionGroup, match="2 of 3 cases failed") as caught:
        await check()
    assert named(caught.value) == ["case: b", "case: c"]


@each("again", ["once", "twice", "three times"])
@pytest.mark.anyio
async def test_a_case_finds_nothing_of_the_one_before(
    again: str,
    sim: Simulator,
    folders: Folders,
    connect: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert sim.received == []
    assert sim.switches == Switches()
    assert "GLM_CASE" not in os.environ
    assert not list(folders.cwd.iterdir())
    assert folders.home.parent == tmp_path
    sim.queue(Reply("for the next case"), Reply("for the next case"))
    async with connect() as client:
        assert "for the next case" in await say(client, "chat", prompt=again)
    sim.switches = Switches(concurrency=1)
    monkeypatch.setenv("GLM_CASE", again)
    (folders.cwd / "left.txt").touch()
