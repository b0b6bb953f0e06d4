"""The fault matrix of `benchmarks/faults.py` in one process, with short waits: every row as it should be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from conftest import Connect
from toolkit import fresh_simulator

from glm_mcp.client import GLMClient
from glm_mcp.server import App, Folders
from glm_mcp.settings import Settings
from glm_mcp.simulator import Simulator

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))
import faults
from faults import Row, Seen

pytestmark = pytest.mark.anyio

ROWS = [r for r in faults.rows() if not r.way]  # the others are of the network, and tested with the client
HANGING_S = 1.0


@pytest.fixture(scope="module")
def sim() -> object:
    yield from fresh_simulator()


async def seen(connect: Connect, app: App, sim: Simulator, row: Row, limit: float) -> Seen:
    async with connect(app=app) as client:
        with anyio.fail_after(20):
            began = anyio.current_time()
            result = await client.call_tool(row.tool, faults.arguments(row))
            seconds = anyio.current_time() - began
        kind, text = faults.kind_of(result.model_dump(by_alias=True))
        requests, lost = faults.asked(sim), faults.lost(sim, kind, text)
        sim.clear()
        with anyio.fail_after(20):
            again = await client.call_tool(row.tool, faults.arguments(row))
            tools = (await client.list_tools()).tools
        return Seen(limit, kind, requests, seconds, text, lost, not again.is_error, len(tools) == 5)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_fault_ends_as_it_should_and_the_next_call_works(
    row: Row, connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.clear()
    faults.arm(sim, row)
    limit = HANGING_S if row.want in {"timeout", "partial"} else 15.0
    settings = Settings(GLM_API_KEY=sim.key, GLM_BASE_URL=sim.url, GLM_LANG="en", GLM_DEADLINE_S=limit)
    app = App(settings, client=GLMClient(settings, waits=(0.001, 0.002)), folders=folders)
    found = await seen(connect, app, sim, row, limit)
    assert not faults.judge(row, found), found


async def test_a_tls_server_that_nobody_signed_or_that_hangs_up_is_a_network_error(
    connect: Connect, app_of: Callable[..., App], sim: Simulator, tmp_path: Path
) -> None:
    for row in [r for r in faults.rows() if r.way in {"bad tls", "cut tls"}]:
        with faults.service(row, sim, tmp_path) as env:
            app = app_of(GLM_BASE_URL=env["GLM_BASE_URL"], waits=(0.001, 0.002))
            sim.clear()
            found = await seen(connect, app, sim, row, 15.0)
        assert not faults.judge(row, replace(found, next_works=True)), found


def test_the_matrix_marks_what_is_wrong() -> None:
    row = Row("x", "upstream", 3, 3, says="code 500")
    good = Seen(10, "upstream", 3, 1.0, "upstream: it failed (code 500).", 0, next_works=True, alive=True)
    assert faults.judge(row, good) == []
    for bad in (
        replace(good, seconds=12.0),
        replace(good, kind="ok"),
        replace(good, requests=4),
        replace(good, text="upstream: it failed."),
        replace(good, text="Error executing tool: code 500"),
        replace(good, next_works=False),
        replace(good, alive=False),
    ):
        assert len(faults.judge(row, bad)) == 1, bad


def test_the_matrix_holds_every_code_and_every_fault_of_the_simulator() -> None:
    from glm_mcp.errors import CODES
    from glm_mcp.simulator.script import KINDS

    armed = [r.fault for r in faults.rows() if r.fault]
    assert {f.code for f in armed if f.kind == "error"} >= set(CODES)
    assert {f.kind for f in armed} == set(KINDS)
