"""`doctor --live`: it finds what the service takes, and the next calls go by it."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from support.busy import slowness
from support.calls import C3, V1, V4, V6, L, T
from support.cases import each
from support.connect import Connect
from support.processes import COMMAND, environment, ran
from support.toolkit import call, chats, fail, glm, last, picture, say

from glm_mcp.cli.doctor_live import Limits, Report, ask_service
from glm_mcp.cli.live_report import as_dict, table
from glm_mcp.glm import findings
from glm_mcp.glm.findings import UNASKED, Value
from glm_mcp.samples import FOLDER
from glm_mcp.server.app import App, Folders
from glm_mcp.settings import Settings
from glm_mcp.simulator import Fault, Simulator, Switches

pytestmark = pytest.mark.anyio
QUICK = Limits(rests=(0.01, 0.02), answer_s=2.0, drawing_s=2.0)
ALL = (T, V6, V1, V4, L, C3)


def settings_of(sim: Simulator, **variables: Any) -> Settings:
    return Settings(**{"GLM_API_KEY": sim.key, "GLM_BASE_URL": sim.url, "GLM_LANG": "en", **variables})


async def asked(sim: Simulator, limits: Limits = QUICK) -> Report:
    with anyio.fail_after(60):
        return await ask_service(settings_of(sim), limits=limits)


def values(report: Report) -> dict[tuple[str, str], Value | None]:
    return {(r.model, r.fact.name): r.reading.value for r in report.rows}


def differing(report: Report) -> dict[tuple[str, str], Value | None]:
    return {(r.model, r.fact.name): r.reading.value for r in report.rows if r.differs}


@pytest.fixture
def after(sim: Simulator, folders: Folders, connect: Connect) -> Callable[..., Any]:
    """A client of a server that starts after the service was asked: `async with after(report) as client`."""

    @asynccontextmanager
    async def open_client(report: Report, **variables: Any) -> AsyncIterator[Client]:
        settings = settings_of(sim, **variables)
        known = report.findings(findings.load(folders.data, settings))
        findings.save(folders.data, settings, known, as_dict(report))
        sim.clear()
        async with connect(app=App(settings, folders=folders)) as client:
            yield client

    return open_client


def refused(sim: Simulator) -> list[str]:
    return [r.code for r in sim.received if r.code]


# What is found


async def test_a_service_that_does_what_is_expected_differs_in_nothing(sim: Simulator) -> None:
    report = await asked(sim)
    assert differing(report) == {}
    known = values(report)
    assert known.pop((T, "concurrency")) is None, "its answers are too quick to be there together"
    assert None not in known.values()
    assert len(sim.received) == len(report.calls) <= 25
    assert report.tokens > 1_000
    assert report.pictures == 2
    assert [r.model for r in sim.received].count(C3) == 2


@each(
    ("switches", "found"),
    [
        ({"raw_base64_images": {V6: "refuse"}}, {(V6, "raw"): False}),
        ({"data_url_images": {V1: "refuse"}}, {(V1, "data"): False}),
        ({"data_url_videos": {V6: "refuse"}}, {(V6, "video_data"): False}),
        ({"data_url_videos": "refuse"}, {(V6, "video_data"): False, (V1, "video_data"): False}),
        ({"vision_tool_role": "accept"}, {(V6, "tool_role"): True}),
        ({"response_format": "accept"}, {(V6, "json_mode"): True}),
        ({"system_on_4v_flash": "accept"}, {(V4, "system"): True}),
        ({"hd_images": "refuse"}, {(C3, "hd"): False}),
        ({"custom_image_sizes": "refuse"}, {(C3, "any_size"): False}),
        ({"routing": {L: T}}, {(L, "answered_as"): T}),
        ({"language": "zh"}, {("glm-no-such-model", "english"): False}),
        (
            {"routing": {T: "glm-5.3-flash"}},
            {(T, "answered_as"): "glm-5.3-flash", (T, "thinking"): "effort"},
        ),
    ],
)
async def test_what_is_switched_is_found_and_nothing_else(
    sim: Simulator, switches: dict[str, Any], found: dict[tuple[str, str], Value]
) -> None:
    sim.switches = Switches(**switches)
    report = await asked(sim)
    assert differing(report) == found
    assert len(sim.received) <= 25


async def test_a_key_that_the_service_repeats_is_not_in_the_report() -> None:
    key = "of-another.form_than-usual"
    with Simulator(Switches(routing={L: key}), keys=(key,)) as sim:
        sim.queue(Fault("error", code="1210", message=f"not for {key}", model=V1, times=0))
        report = await asked(sim)
    assert key not in json.dumps(as_dict(report)) + table(report)
    assert "[key]" in json.dumps(as_dict(report))


@each(("width", "found"), [(1, 1), (2, 2), (3, 3)])
@pytest.mark.extreme
async def test_how_many_calls_a_model_takes_at_once_is_found(sim: Simulator, width: int, found: int) -> None:
    slow = min(4.0, slowness())  # so that the last of them comes before the first has its answer
    sim.switches = Switches(concurrency={T: width}, chunk_s=0.02 * slow, chunk_chars=4)
    report = await asked(sim, replace(QUICK, answer_s=2.0 * slow))
    assert values(report)[T, "concurrency"] == found
    assert max(r.in_flight for r in sim.received if r.model == T) == min(width + 1, 3)


@each("code", ["1211", "1214", "1220", "1221", "1222", "1311", "404"])
async def test_a_model_that_is_gone_is_asked_twice_and_nothing_else(sim: Simulator, code: str) -> None:
    sim.queue(Fault("gone", code=code, model=V4, times=0))
    report = await asked(sim)
    rows = [r for r in report.rows if r.model == V4]
    assert [r.fact.name for r in rows] == ["gone"]
    assert code in rows[0].reading.said
    assert [r.model for r in sim.received].count(V4) == 2
    assert report.findings(UNASKED).gone(V4)


async def test_a_model_that_is_gone_for_a_moment_is_there(sim: Simulator) -> None:
    sim.queue(Fault("gone", code="404", model=V4))
    report = await asked(sim)
    assert differing(report) == {}
    assert values(report)[V4, "gone"] == ""


@each(
    "fault",
    [
        Fault("error", code="1305", times=0),
        Fault("error", code="1302", times=0),
        Fault("error_in_200", code="1305", times=0),
        Fault("html", times=0),
        Fault("no_end", times=0),
    ],
    ids=lambda fault: f"{fault.kind} {fault.code}",
)
async def test_what_overloaded_models_refuse_is_not_known_and_never_a_no(
    sim: Simulator, fault: Fault
) -> None:
    sim.queue(fault)
    report = await asked(sim)
    assert len([r for r in sim.received if r.fault]) > len(ALL), "the fault happened, more than once a model"
    assert len(sim.received) <= 25
    assert differing(report) == {}
    assert {r.reading.value for r in report.rows if r.model in ALL} <= {None, True, ""}
    assert not any(report.findings(UNASKED).gone(m) for m in ALL)


async def test_silent_models_are_left_alone_and_a_drawing_is_not_asked_for_twice(sim: Simulator) -> None:
    sim.queue(Fault("hang", times=0, model=C3), Fault("hang", times=0, model=T))
    report = await asked(sim, Limits(rests=(0.01, 0.02), answer_s=0.2, drawing_s=0.2))
    sizes = [r.body["size"] for r in sim.received if r.model == C3]
    assert len(sizes) == len(set(sizes)) == 2
    assert [r.model for r in sim.received].count(T) == 3
    assert values(report)[T, "gone"] is None
    assert values(report)[C3, "hd"] is None
    assert values(report)[V6, "raw"] is True


async def test_a_model_that_is_overloaded_for_a_moment_is_asked_again(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1305", model=V6, times=2))
    report = await asked(sim)
    assert values(report)[V6, "tool_role"] is False
    assert len(sim.received) <= 25


async def test_what_was_known_stays_where_nothing_is_known_now(sim: Simulator) -> None:
    sim.switches = Switches(raw_base64_images="refuse")
    known = (await asked(sim)).findings(UNASKED)
    sim.queue(Fault("error", code="1305", times=0))
    later = (await asked(sim)).findings(known)
    assert later.of(V6)["raw"] is False
    assert later.asked >= known.asked


# What comes of it


async def test_the_form_of_picture_that_is_refused_is_not_sent_again(
    sim: Simulator, folders: Folders, after: Callable[..., Any]
) -> None:
    sim.switches = Switches(raw_base64_images="refuse")
    picture(folders.cwd / "a.png")
    async with after(await asked(sim)) as client:
        await say(client, "describe_image", images="a.png")
    assert refused(sim) == []
    assert [m.form for m in last(sim).media] == ["data"]


async def test_where_data_urls_are_refused_raw_base64_is_sent(
    sim: Simulator, folders: Folders, after: Callable[..., Any]
) -> None:
    sim.switches = Switches(data_url_images={V1: "refuse"})
    picture(folders.cwd / "a.png")
    async with after(await asked(sim), GLM_VISION_MODEL=V1) as client:
        await say(client, "describe_image", images="a.png")
    assert (refused(sim), [m.form for m in last(sim).media]) == ([], ["raw"])


@pytest.mark.parametrize(("taken", "kind"), [("accept", "video"), ("refuse", "image")])
async def test_a_film_goes_whole_only_where_it_is_taken(
    sim: Simulator, folders: Folders, after: Callable[..., Any], taken: str, kind: str
) -> None:
    sim.switches = Switches(data_url_videos=taken)  # type: ignore[arg-type]
    shutil.copy(FOLDER / "clip.mp4", folders.cwd)
    async with after(await asked(sim)) as client:
        await say(client, "analyze_video", 60, video="clip.mp4")
    assert refused(sim) == []
    assert {m.kind for m in last(sim).media} == {kind}


TALK = [
    {"role": "user", "content": "How warm is it?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "20 degrees"},
]


@pytest.mark.parametrize(
    ("taken", "roles"), [("accept", ["user", "assistant", "tool"]), ("refuse", ["user", "assistant", "user"])]
)
async def test_results_of_functions_go_as_the_model_takes_them(
    sim: Simulator, after: Callable[..., Any], taken: str, roles: Sequence[str]
) -> None:
    sim.switches = Switches(vision_tool_role=taken)  # type: ignore[arg-type]
    async with after(await asked(sim)) as client:
        await say(client, "chat", prompt="", history=TALK, model=V6)
    assert refused(sim) == []
    assert [m["role"] for m in last(sim).body["messages"]][:3] == roles


@pytest.mark.parametrize("taken", ["accept", "refuse"])
async def test_response_format_is_sent_where_it_is_taken(
    sim: Simulator, folders: Folders, after: Callable[..., Any], taken: str
) -> None:
    sim.switches = Switches(response_format=taken)  # type: ignore[arg-type]
    picture(folders.cwd / "a.png")
    async with after(await asked(sim)) as client:
        await call(client, "describe_image", images="a.png", prompt="the colour", json=True)
    assert refused(sim) == []
    assert ("response_format" in chats(sim)[0].body) == (taken == "accept")


@pytest.mark.parametrize(
    ("switches", "sent"),
    [
        ({}, ("512x768", "hd")),
        ({"custom_image_sizes": "refuse"}, ("864x1152", "hd")),
        ({"hd_images": "refuse"}, ("512x768", "standard")),
    ],
)
async def test_a_picture_is_asked_for_as_the_model_draws_it(
    sim: Simulator, after: Callable[..., Any], switches: dict[str, Any], sent: tuple[str, str]
) -> None:
    sim.switches = Switches(**switches)
    async with after(await asked(sim)) as client:
        await say(client, "generate_image", prompt="a hill", size="512x768", quality="hd")
    (drawn,) = [r for r in sim.received if r.model == C3]
    assert (refused(sim), (drawn.body["size"], drawn.body.get("quality"))) == ([], sent)


async def test_as_many_calls_go_out_at_once_as_the_model_takes(
    sim: Simulator, after: Callable[..., Any]
) -> None:
    sim.switches = Switches(concurrency={T: 3}, chunk_s=0.02, chunk_chars=4)
    report = await asked(sim)
    sim.switches = Switches(concurrency={T: 3}, first_byte_s=0.5)
    async with after(report) as client, anyio.create_task_group() as calls:
        for prompt in ("one", "two", "three"):
            calls.start_soon(functools.partial(say, client, "chat", prompt=prompt, model=T))
    assert refused(sim) == []
    assert max(r.in_flight for r in sim.received) == 3


async def test_a_model_found_gone_is_left_out_of_the_chain(sim: Simulator, after: Callable[..., Any]) -> None:
    sim.queue(Fault("gone", code="1221", model=T, times=0))
    async with after(await asked(sim)) as client:
        result = await call(client, "chat", prompt="hello")
    assert not result.is_error
    assert [r.model for r in sim.received] == [V6]
    assert glm(result)["fallback"] == f"{T} (gone)"


async def test_a_named_model_found_gone_is_not_asked_and_the_error_says_so(
    sim: Simulator, after: Callable[..., Any]
) -> None:
    sim.queue(Fault("gone", code="1221", model=T, times=0))
    async with after(await asked(sim)) as client:
        text = await fail(client, "chat", prompt="hello", model=T)
    assert sim.received == []
    assert text.startswith(f"invalid_request: {T} is not there for this endpoint and key")
    assert "(1221)" in text
    assert "glm-mcp doctor --live` asks for it again" in text


async def test_a_model_that_is_there_again_is_asked_again(sim: Simulator, after: Callable[..., Any]) -> None:
    sim.queue(Fault("gone", code="1221", model=T, times=0))
    async with after(await asked(sim)):
        pass
    async with after(await asked(sim)) as client:
        await say(client, "chat", prompt="hello", model=T)


async def test_what_was_found_for_one_key_or_endpoint_goes_for_no_other(
    sim: Simulator, folders: Folders
) -> None:
    sim.switches = Switches(raw_base64_images="refuse")
    report = await asked(sim)
    findings.save(folders.data, settings_of(sim), report.findings(UNASKED), {})
    assert findings.load(folders.data, settings_of(sim)).of(V6)["raw"] is False
    assert findings.load(folders.data, settings_of(sim, GLM_API_KEY="another.key-of-mine")) == UNASKED
    assert findings.load(folders.data, settings_of(sim, GLM_BASE_URL="zhipu")) == UNASKED


@each(
    "text",
    [
        "",
        "{",
        "[]",
        '{"asked": 1}',
        '{"facts": 1, "asked": ""}',
        '{"facts": {"a": 1}, "asked": ""}',
        "[" * 9999,
    ],
)
async def test_a_damaged_file_is_as_if_nothing_was_kept(sim: Simulator, folders: Folders, text: str) -> None:
    path = findings.path_of(folders.data, settings_of(sim))
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    assert findings.load(folders.data, settings_of(sim)) == UNASKED


async def test_facts_that_no_card_can_take_are_left_out(sim: Simulator, folders: Folders) -> None:
    facts = {
        V6: {
            "tool_role": "yes",
            "concurrency": True,
            "thinking": "never",
            "context": 9,
            "hd": 1,
            "gone": "x" * 999,
            "raw": False,
        },
        T: {"concurrency": 0},
    }
    path = findings.path_of(folders.data, settings_of(sim))
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"asked": "2026-11-28", "facts": facts}), encoding="utf-8")
    assert findings.load(folders.data, settings_of(sim)).facts == {V6: {"raw": False}, T: {}}


# The command


def run(sim: Simulator | None, tmp_path: Path, *args: str, **variables: str) -> tuple[int, str, str]:
    done = ran(
        [*COMMAND, "doctor", *args], environment(tmp_path / "home", sim, **variables), tmp_path, limit_s=40
    )
    return done.returncode, done.stdout, done.stderr


def test_without_a_terminal_and_without_yes_nothing_is_asked(sim: Simulator, tmp_path: Path) -> None:
    code, out, err = run(sim, tmp_path, "--live")
    assert (code, out, sim.received) == (2, "", [])
    assert "add --yes" in err
    assert "At most 25 small calls" in err


@pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal is POSIX")
def test_a_person_is_asked_first_and_may_say_no(sim: Simulator, tmp_path: Path) -> None:
    code, out, shown = at_a_terminal(sim, tmp_path, "n\n")
    assert (code, out, sim.received) == (1, "", [])
    assert "At most 25 small calls" in shown
    assert "Ask now? [y/N]" in shown


@pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal is POSIX")
def test_a_terminal_shows_the_call_under_way_in_one_line_and_clears_it(
    sim: Simulator, tmp_path: Path
) -> None:
    code, out, shown = at_a_terminal(sim, tmp_path, "y\n")
    assert (code, len(sim.received)) == (0, 18)
    lines = shown.partition("Ask now?")[2].split("\r\x1b[K")
    shown_lines = [re.sub(r"\x1b\[\d*m", "", line) for line in lines[1:]]
    assert any(re.match(r"\S call \d+ of at most 25: glm-", line) for line in shown_lines)
    assert max(map(len, shown_lines)) < 80
    assert lines[-1] == "", "nothing stays behind"
    assert out.splitlines()[-1].endswith("`glm-mcp doctor --forget` deletes it.")


def at_a_terminal(sim: Simulator, tmp_path: Path, typed: str) -> tuple[int, str, str]:
    """Exit status, standard output, and what a terminal of 80 columns shows beside it."""
    import pty

    controller, terminal = pty.openpty()
    try:
        os.write(controller, typed.encode())
        done = ran(
            [*COMMAND, "doctor", "--live"],
            environment(tmp_path / "home", sim, COLUMNS="80"),
            tmp_path,
            limit_s=40,
            capture_output=False,
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=terminal,
        )
        os.write(terminal, b"END\n")  # so that the read ends
        shown = b""
        while not shown.endswith(b"END\r\n"):
            shown += os.read(controller, 65_536)
    finally:
        os.close(terminal)
        os.close(controller)
    return done.returncode, done.stdout, shown.decode().removesuffix("END\r\n")


def test_the_table_is_80_columns_wide_and_says_what_differs(sim: Simulator, tmp_path: Path) -> None:
    sim.switches = Switches(raw_base64_images="refuse")
    code, out, err = run(sim, tmp_path, "--live", "--yes")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "• picture as raw base64        yes          no (1210)                          0" in lines
    assert "• 1 differs from what this version expects." in lines
    (kept,) = (tmp_path / "home" / ".local" / "share" / "glm-mcp" / "findings").iterdir()
    assert f"~/.local/share/glm-mcp/findings/{kept.name}" in lines
    assert sim.key not in out + kept.read_text(encoding="utf-8")
    if os.name == "posix":
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_the_report_as_json_holds_every_call_and_no_key(sim: Simulator, tmp_path: Path) -> None:
    code, out, err = run(sim, tmp_path, "--live", "--yes", "--format", "json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert len(report["calls"]) == len(sim.received) <= 25
    assert {c["outcome"] for c in report["calls"]} == {"ok", "invalid_request"}
    raw = next(f for f in report["facts"] if (f["model"], f["fact"]) == (V6, "raw"))
    assert (raw["expected"], raw["found"], raw["differs"]) == (True, True, False)
    assert sum(f["calls"] for f in report["facts"]) == len(report["calls"])
    assert sum(f["tokens"] for f in report["facts"]) == report["tokens"] > 1_000
    assert sim.key not in out
    assert sim.key.partition(".")[2] not in out


def test_what_was_kept_is_named_by_the_doctor_and_can_be_forgotten(sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Fault("gone", code="1221", model=V4, times=0))
    assert "gone (1221)" in run(sim, tmp_path, "--live", "--yes")[1]
    code, out, _ = run(sim, tmp_path)
    assert code == 0
    assert f"{V4} is gone: this API is offline" in out
    assert run(sim, tmp_path, "--forget")[1].startswith("Deleted ")
    assert f"{V4} is gone" not in run(sim, tmp_path)[1]
    assert run(sim, tmp_path, "--forget")[1] == "Nothing is kept for this endpoint and key.\n"


def test_a_refused_key_ends_it_at_the_first_call(sim: Simulator, tmp_path: Path) -> None:
    code, out, err = run(sim, tmp_path, "--live", "--yes", GLM_API_KEY="nobodys.unknown-key")
    assert (code, out, len(sim.received)) == (1, "", 1)
    assert err.startswith("auth: ")
    assert "unknown-key" not in err


def test_without_a_key_nothing_is_asked(tmp_path: Path) -> None:
    code, _, err = run(None, tmp_path, "--live", "--yes")
    assert code == 1
    assert err.startswith("config: no API key is set")


def test_a_server_of_ones_own_is_not_asked(sim: Simulator, tmp_path: Path) -> None:
    code, _, err = run(sim, tmp_path, "--live", "--yes", GLM_BASE_URL=f"{sim.origin}/v1")
    assert (code, sim.received) == (1, [])
    assert err.startswith("config: 127.0.0.1:")


def test_simulated_answers_are_not_kept(tmp_path: Path) -> None:
    code, out, _ = run(None, tmp_path, "--live", "--yes", GLM_SIMULATE="1")
    assert code == 0
    assert out.endswith("Nothing is kept: the answers were simulated.\n")
    assert not (tmp_path / "home" / ".local" / "share" / "glm-mcp" / "findings").exists()


async def test_a_long_name_of_another_model_keeps_to_the_width(sim: Simulator) -> None:
    sim.switches = Switches(routing={T: "glm-5.3-flash", L: "glm-5.3-flash"})
    assert max(map(len, table(await asked(sim)).splitlines())) <= 80
