"""The fault matrix of `benchmarks/faults.py` in one process, with short waits: every row as it should be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from support.busy import slowness
from support.connect import Connect
from support.paths import ROOT
from support.toolkit import fresh_simulator

from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.error_codes import CODES
from glm_mcp.glm.policy import Pace
from glm_mcp.server.app import App, Folders
from glm_mcp.settings import Settings
from glm_mcp.simulator import Fault, Simulator
from glm_mcp.simulator.script import KINDS

sys.path.append(str(ROOT / "benchmarks"))
import faults
from fault_places import service
from fault_rows import AT_ONE_GO, BESIDE, MODEL, OWN_WAIT, ROUNDS, Row
from faults import Seen, Told, rows

pytestmark = [pytest.mark.anyio, pytest.mark.extreme]

ROWS = [r for r in rows() if not r.way]
# A proxy is of a process's environment; test_client_network.py starts one for it.
PLACES = [r for r in rows() if r.way and "proxy" not in r.way]
# Of a machine of its own; with less than `USUAL_S` left nobody is asked again.
HANGING_S = 1.0
PATIENT_S = 5.0  # under what a model may be silent for before another is asked beside it
TRIES_S = 0.5
WAITS_S = (0.02, 0.1)
RESTS_S = (1.0, 4.0)  # a fifth of it is what the next call waits for a model that was refused
OWN_WAITS_S = (1.0, 2.0)  # long enough to tell that it was kept
PATIENCE = 0.05  # of the rows in which another is asked beside: a third of a second


@pytest.fixture(scope="module")
def sim() -> object:
    yield from fresh_simulator()


def deadline(row: Row) -> float:
    if row.asked == ROUNDS:
        return faults.USUAL_S + TRIES_S * slowness()
    return min(PATIENT_S, HANGING_S * slowness()) if faults.to_deadline(row) else 15.0


def pace(row: Row) -> Pace:
    waits = OWN_WAITS_S if row.asked == OWN_WAIT else WAITS_S
    return Pace(waits=waits, rest=RESTS_S, patience=PATIENCE if row.asked == BESIDE else 1.0)


def judge(row: Row, found: Seen) -> list[str]:
    """By a quarter of the first wait: that much of it is never left to chance."""
    first, longest = pace(row).waits
    return faults.judge(row, found, (first / 4, longest))


async def seen(
    connect: Connect, app: App, sim: Simulator, row: Row, limit: float, met: list[str] | None = None
) -> Seen:
    async with connect(app=app) as client:

        async def call(**given: Any) -> Told:
            with anyio.fail_after(60):
                result = await client.call_tool(row.tool, given)
            return Told.read(result.model_dump(by_alias=True))

        began = anyio.current_time()
        told = await call(**faults.arguments(row))
        found = faults.witness(row, limit, anyio.current_time() - began, told, sim, met)
        sim.clear()
        following = await call(**faults.arguments(row, following=True))
        works = faults.goes_on(row, told, following, sim)
        with anyio.fail_after(60):
            tools = (await client.list_tools()).tools
        return replace(found, next_works=works, alive=len(tools) == 5)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_fault_ends_as_it_should_and_the_next_call_works(
    row: Row, connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.clear()
    faults.arm(sim, row)
    limit = deadline(row)
    settings = Settings(GLM_API_KEY=sim.key, GLM_BASE_URL=sim.url, GLM_LANG="en", GLM_DEADLINE_S=limit)
    app = App(settings, glm=GLMClient(settings, pace=pace(row)), folders=folders)
    found = await seen(connect, app, sim, row, limit)
    assert not judge(row, found), found


@pytest.mark.parametrize("row", PLACES, ids=lambda row: row.name)
async def test_a_service_that_is_not_there_is_an_error_that_says_so(
    row: Row, connect: Connect, app_of: Callable[..., App], sim: Simulator, tmp_path: Path
) -> None:
    with service(row, sim, tmp_path) as (env, met):
        limit = deadline(row)
        app = app_of(GLM_BASE_URL=env["GLM_BASE_URL"], GLM_DEADLINE_S=limit, pace=pace(row))
        sim.clear()
        found = await seen(connect, app, sim, row, limit, met)
    assert not judge(row, found), found


def test_the_matrix_marks_what_is_wrong() -> None:
    row = Row("x", "upstream", ("m", "m", "m"), says=("code 500",), floor=0.5)
    good = Seen(
        10,
        "upstream",
        ("m", "m", "m"),
        2.6,
        "upstream: it failed (code 500). Call again.",
        "Call again.",
        0,
        "",
        next_works=True,
        alive=True,
    )
    assert faults.judge(row, good) == []
    for bad in (
        replace(good, seconds=12.0),
        replace(good, seconds=0.9),
        replace(good, kind="ok"),
        replace(good, models=("m", "m")),
        replace(good, models=("m", "m", "n")),
        replace(good, text="upstream: it failed. Call again."),
        replace(good, text="Error executing tool: code 500. Call again."),
        replace(good, hint=""),
        replace(good, hint="Wait."),
        replace(good, unproven="the fault met 1 of 3 requests"),
        replace(good, next_works=False),
        replace(good, alive=False),
    ):
        assert len(faults.judge(row, bad)) == 1, bad
    tired = replace(row, models=("m", "n"), asked=ROUNDS, floor=0.0)
    patient = replace(good, limit=4.0, seconds=3.5, models=("m", "n", "m", "n"))
    waits = (0.25, 1.0)
    assert faults.judge(tired, patient, waits) == []
    for bad in (
        replace(patient, models=("m", "n")),
        replace(patient, models=("n", "m", "n")),
        replace(patient, models=("m", "m", "m")),
        replace(patient, seconds=1.9),
    ):
        assert len(faults.judge(tired, bad, waits)) == 1, bad
    late = replace(good, models=("m",), seconds=4.0)
    assert len(faults.judge(replace(row, models=("m",), asked=AT_ONE_GO), late)) == 1


def test_the_matrix_sees_that_a_fault_did_not_happen(sim: Simulator) -> None:
    row = Row("x", "ok", (MODEL,), Fault("no_done"))
    sim.clear()
    assert faults.unproven(row, sim) == "too few requests"
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
    headers = {"Authorization": f"Bearer {sim.key}"}
    for armed, missing in ((Fault("no_end"), True), (Fault("no_done"), False)):
        sim.clear()
        sim.queue(armed)
        httpx.post(f"{sim.url}/chat/completions", json=body, headers=headers, timeout=60, trust_env=False)
        assert bool(faults.unproven(row, sim)) is missing


def test_the_matrix_holds_every_code_and_every_fault_of_the_simulator() -> None:
    armed = [r.fault for r in rows() if r.fault]
    assert {f.code for f in armed if f.kind == "error"} >= set(CODES)
    assert {f.kind for f in armed} == set(KINDS)
