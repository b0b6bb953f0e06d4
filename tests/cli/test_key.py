"""`glm-mcp key`: what is pasted is understood, tried once, and written where every server finds it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from support.processes import COMMAND, LIMIT_S, Process, Stdio, environment, ran, said, until

from glm_mcp.cli.key import store
from glm_mcp.errors import AuthError
from glm_mcp.registry import ENDPOINTS, Endpoint
from glm_mcp.settings_file import put, read
from glm_mcp.simulator import Fault, Simulator, Switches

KEY = "0123456789abcdef0123456789abcdef.AbCdEfGh12345678"
SECOND = "fedcba9876543210fedcba9876543210.12345678AbCdEfGh"
PLAN = "00001111222233334444555566667777.PlanPlanPlan1234"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(keys=(KEY, SECOND)) as made:
        yield made


@pytest.fixture
def env(sim: Simulator, tmp_path: Path) -> dict[str, str]:
    """Of somebody who has set the endpoint, and no key."""
    made = environment(tmp_path / "home", sim)
    del made["GLM_API_KEY"]
    return made


def file_of(env: dict[str, str]) -> Path:
    return Path(env["HOME"]) / ".config" / "glm-mcp" / "env"


def key(env: dict[str, str], *words: str, pasted: str = "") -> subprocess.CompletedProcess[str]:
    done = ran([*COMMAND, "key", *words], env, Path(env["HOME"]), limit_s=LIMIT_S, input=pasted)
    assert "Traceback" not in done.stderr
    assert KEY not in done.stdout + done.stderr
    return done


# What Python loads before anything else, on a machine whose name server does not answer.
SILENT = """
import socket, time
socket.getaddrinfo = lambda *_, **__: time.sleep(3_600)
"""


@pytest.mark.parametrize("words", ["key", "doctor", "call chat hello"])
@pytest.mark.extreme
def test_a_name_server_that_does_not_answer_holds_no_command_up(
    words: str, env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "machine").mkdir()
    (tmp_path / "machine" / "sitecustomize.py").write_text(SILENT, encoding="utf-8")
    env |= {
        "PYTHONPATH": str(tmp_path / "machine"),
        "GLM_BASE_URL": "https://glm.example/v4",
        "GLM_DEADLINE_S": "10",
    }
    given = {} if words == "key" else {"GLM_API_KEY": KEY}
    done = ran([*COMMAND, *words.split()], {**env, **given}, tmp_path, input=KEY)  # within its limit
    assert re.search(r"no connection to glm\.example stood within \d+ s", done.stdout + done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_key_is_typed_gives_the_terminal_its_echo_back(
    number: signal.Signals, env: dict[str, str], tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    try:
        with Process(env, tmp_path, "key", stdin=theirs) as process:
            # getpass prefers the controlling terminal, of which there is none.
            until(lambda: not termios.tcgetattr(theirs)[3] & termios.ECHO)
            # Again and again: one that comes just before it waits for the terminal would be seen with the first letter.
            until(lambda: process.popen.poll() is not None or process.popen.send_signal(number))
            assert process.popen.returncode == 128 + number
            assert termios.tcgetattr(theirs)[3] & termios.ECHO
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    ("pasted", "taken"),
    [
        (f"{KEY}\n", ""),
        (f'  "{KEY}" \n', "quotes"),
        (f"“{KEY}”", "quotes"),
        (f"GLM_API_KEY={KEY}", "the name before it"),
        (f"export ZAI_API_KEY='{KEY}';", "the name before it"),
        (f'"GLM_API_KEY": "{KEY}",', "the name before it"),
        (f"Authorization: Bearer {KEY}", "the word Bearer"),
        (f"{KEY[:20]}\n{KEY[20:]}\n", "blanks inside it"),
        (f"{KEY[:20]} {KEY[20:]}\u200b", "blanks inside it"),
    ],
)
def test_a_key_is_found_in_what_was_pasted(
    pasted: str, taken: str, env: dict[str, str], sim: Simulator
) -> None:
    done = key(env, pasted=pasted)
    assert done.returncode == 0, done.stderr
    assert file_of(env).read_text(encoding="utf-8") == f"GLM_API_KEY={KEY}\n"
    assert taken in done.stdout
    assert "answers with this key" in done.stdout
    assert f"…{KEY[-4:]}" in done.stdout
    assert len(sim.received) == 1, "one call tries it"


@pytest.mark.parametrize(
    ("pasted", "why"),
    [
        ("", "no key was given"),
        (" '' \n", "no key was given"),
        ("${GLM_API_KEY}", "only holds the place"),
        ("your-api-key", "only holds the place"),
        ("two words", "not one word"),
        ("sk-proj-abcdefghijklmnop", "OpenAI, DeepSeek"),
        ("sk-ant-api03-abcdefgh", "a key of Anthropic"),
        ("https://bigmodel.cn/usercenter", "an address"),
        ("x" * 5_000, "longer than 4000"),
    ],
)
def test_what_is_no_key_or_somebody_else_s_is_sent_nowhere_and_not_written(
    pasted: str, why: str, env: dict[str, str], sim: Simulator
) -> None:
    done = key(env, pasted=pasted)
    assert done.returncode == 1
    assert why in done.stderr
    assert sim.received == []
    assert not file_of(env).exists()


def test_who_tried_without_a_key_is_told_that_answers_stay_simulated(env: dict[str, str]) -> None:
    assert "GLM_SIMULATE=1 is set too" in key({**env, "GLM_SIMULATE": "1"}, pasted=KEY).stdout
    assert "GLM_SIMULATE" not in key(env, pasted=KEY).stdout


def test_a_refused_key_is_not_written_and_the_ways_on_are_named(env: dict[str, str]) -> None:
    done = key(env, pasted=f"{KEY[:-1]}9")
    assert done.returncode == 1
    assert done.stderr.startswith("auth: ")
    assert "refuses the key" in done.stderr
    assert "Copy the key again" in done.stderr
    assert "key --no-try" in done.stderr
    assert "key --platform NAME" in done.stderr
    assert not file_of(env).exists()
    assert key(env, "--no-try", pasted=f"{KEY[:-1]}9").returncode == 0
    assert file_of(env).is_file()


def test_what_keeps_the_service_from_judging_a_key_is_not_blamed_on_the_key(
    env: dict[str, str], sim: Simulator
) -> None:
    page = "<!doctype html><title>405</title>Sorry, your request has been blocked."
    sim.queue(Fault("body", status=405, message=page, content_type="text/html", times=0))
    done = key(env, pasted=KEY)
    assert done.returncode == 1
    assert done.stderr.startswith("network: a firewall in front of the service")
    assert "wait some minutes" in " ".join(done.stderr.split())
    assert "key --no-try" in done.stderr
    assert "--platform" not in done.stderr
    assert not file_of(env).exists()


def test_an_overloaded_model_knows_the_key(env: dict[str, str], sim: Simulator) -> None:
    sim.queue(Fault("error", code="1305", times=0))
    done = key(env, pasted=KEY)
    assert done.returncode == 0, done.stderr
    assert file_of(env).is_file()


def test_the_other_lines_stay_and_only_the_owner_reads_them(env: dict[str, str]) -> None:
    file = file_of(env)
    file.parent.mkdir(parents=True)
    before = '# mine\r\nGLM_LANG=en\r\n\r\nexport GLM_API_KEY="old.key"\r\n\r\n# end\r\nGLM_THINKING=show'
    file.write_bytes(before.encode())
    file.chmod(0o644)
    assert key(env, pasted=KEY).returncode == 0
    assert file.read_bytes().decode() == before.replace('export GLM_API_KEY="old.key"', f"GLM_API_KEY={KEY}")
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in file.parent.iterdir()) == ["env"]
    done = key(env, "--remove")
    assert done.returncode == 0
    assert file.read_bytes().decode() == before.replace('export GLM_API_KEY="old.key"\r\n', "")
    assert "no key in" in key(env, "--remove").stdout


@pytest.mark.parametrize(
    "odd", ["abcdefgh\\", "abcd\\efgh", "abcd'efgh", 'abcd"efgh', "abcd\\'efgh", "abcd#efgh$x"]
)
def test_a_key_of_odd_signs_is_read_back_as_it_was_and_takes_no_other_line_along(
    odd: str, env: dict[str, str]
) -> None:
    put(file_of(env), {"GLM_LANG": "zh"})
    text = f"GLM_API_KEY=old\n# it's theirs\n{file_of(env).read_text()}GLM_THINKING='show'\n"
    file_of(env).write_text(text)
    assert key(env, "--no-try", pasted=odd).returncode == 0
    assert read(file_of(env)) == {"GLM_API_KEY": odd, "GLM_LANG": "zh", "GLM_THINKING": "show"}


def test_a_key_and_its_endpoint_are_written_in_one_step_or_neither(env: dict[str, str]) -> None:
    file = file_of(env)
    file.parent.mkdir(parents=True)
    text = "# mine\n" * 9_355  # no room for both in what is read of it
    file.write_text(text, encoding="utf-8")
    done = key(env, "--no-try", "--platform", "zai", pasted=KEY)
    assert done.returncode == 1
    assert "would have more than 64 KB" in done.stderr
    assert file.read_text(encoding="utf-8") == text


@pytest.mark.skipif(sys.platform == "win32", reason="a folder cannot be locked there")
def test_a_command_that_waits_for_another_says_so_once(env: dict[str, str], tmp_path: Path) -> None:
    file = file_of(env)
    put(file, {"GLM_API_KEY": KEY})
    held = os.open(file.parent, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with Process(env, tmp_path, "key", "--remove") as waiting:
        assert "another command changes files in" in (waiting.err.next() or "")
        os.close(held)
        assert waiting.popen.wait(LIMIT_S) == 0
        assert waiting.err.rest().count("another command") == 1
    assert read(file) == {}


def test_a_file_behind_a_link_stays_behind_it(env: dict[str, str], tmp_path: Path) -> None:
    real, file = tmp_path / "dotfiles" / "glm", file_of(env)
    for folder in (real.parent, file.parent):
        folder.mkdir(parents=True)
    real.write_text("GLM_LANG=en", encoding="utf-8")
    file.symlink_to(real)
    assert key(env, pasted=KEY).returncode == 0
    assert real.read_text(encoding="utf-8") == f"GLM_LANG=en\nGLM_API_KEY={KEY}\n"
    assert file.is_symlink()


def test_it_is_taken_from_the_environment_when_asked_to(env: dict[str, str]) -> None:
    assert key({**env, "GLM_API_KEY": KEY}, "--from-env").returncode == 0
    assert key({**env, "MY_KEY": SECOND}, "--from-env", "MY_KEY").returncode == 0
    assert file_of(env).read_text(encoding="utf-8") == f"GLM_API_KEY={SECOND}\n"
    missing = key(env, "--from-env", "NOT_THERE")
    assert missing.returncode == 1
    assert "NOT_THERE is not set" in missing.stderr


def test_what_goes_before_the_file_is_said(env: dict[str, str]) -> None:
    done = key({**env, "GLM_API_KEY": SECOND}, pasted=KEY)
    assert "GLM_API_KEY is also set in this environment" in done.stdout


def test_show_tells_the_end_of_the_key_and_where_it_is(env: dict[str, str]) -> None:
    assert key(env, "--show").returncode == 1
    key(env, pasted=KEY)
    shown = key(env, "--show")
    assert shown.stdout.startswith(f"…{KEY[-4:]}, {len(KEY)} characters, from {file_of(env)}")
    assert (
        "from ZAI_API_KEY"
        in key({**env, "ZAI_API_KEY": SECOND, "XDG_CONFIG_HOME": f"{env['HOME']}/x"}, "--show").stdout
    )


def test_it_is_not_shown_while_it_is_typed(env: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "key"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=env,
        cwd=env["HOME"],
        start_new_session=True,
    ) as child:
        os.close(theirs)
        seen = b""
        while b"not shown" not in seen:
            seen += os.read(ours, 1000)
        os.write(ours, KEY.encode() + b"\n")
        try:
            while piece := os.read(ours, 1000):
                seen += piece
        except OSError:  # how a terminal ends
            pass
        assert child.wait(LIMIT_S) == 0, seen
    os.close(ours)
    assert KEY.encode() not in seen
    assert file_of(env).is_file()


@pytest.mark.anyio
async def test_a_key_of_the_coding_plan_is_told_and_its_endpoint_written_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    told: list[str] = []
    with Simulator(Switches(coding_keys=(PLAN,)), keys=(KEY,)) as zhipu, Simulator(keys=(SECOND,)) as zai:
        urls = {
            "zhipu": zhipu.url,
            "zhipu-coding": zhipu.coding_url,
            "zai": zai.url,
            "zai-coding": zai.coding_url,
        }
        endpoints = {n: Endpoint(n, u, ENDPOINTS[n].models, ENDPOINTS[n].general) for n, u in urls.items()}
        file = tmp_path / "settings.env"
        with anyio.fail_after(60):
            await store(PLAN, file, told.append, endpoints=endpoints)
            assert "GLM_BASE_URL=zhipu-coding" in file.read_text(encoding="utf-8")
            assert "coding plan" in "\n".join(told)
            with pytest.raises(AuthError, match="refuses the key"):
                await store(SECOND, tmp_path / "second.env", told.append, endpoints=endpoints)
            assert zai.received == [], "another company is shown no key"
            await store(SECOND, tmp_path / "third.env", told.append, platform="zai", endpoints=endpoints)
    text = (tmp_path / "third.env").read_text(encoding="utf-8")
    assert text == f"GLM_API_KEY={SECOND}\nGLM_BASE_URL=zai\n"


def test_a_running_server_finds_a_new_key_at_its_next_call(env: dict[str, str], tmp_path: Path) -> None:
    with Stdio(env, tmp_path) as server:
        server.initialize()
        first = said(server.call("chat", {"prompt": "hi"}))
        assert first.startswith("config: no API key is set")
        assert str(file_of(env)) in first
        assert " key` tries a key" in first
        assert key(env, pasted=KEY).returncode == 0
        result = server.call("chat", {"prompt": "hi"})
        assert not result.get("isError"), said(result)
        assert key(env, pasted=SECOND).returncode == 0
        assert not server.call("chat", {"prompt": "hi"}).get("isError")
        assert key(env, "--remove").returncode == 0
        assert said(server.call("chat", {"prompt": "hi"})).startswith("config: no API key is set")


def test_a_new_key_for_another_endpoint_waits_for_a_restart(
    env: dict[str, str], sim: Simulator, tmp_path: Path
) -> None:
    del env["GLM_BASE_URL"]
    file = file_of(env)
    file.parent.mkdir(parents=True)
    file.write_text(f"GLM_BASE_URL={sim.url}\n", encoding="utf-8")
    with Stdio(env, tmp_path) as server:
        server.initialize()
        file.write_text(f"GLM_BASE_URL=http://127.0.0.1:9/api/paas/v4\nGLM_API_KEY={KEY}\n", encoding="utf-8")
        text = said(server.call("chat", {"prompt": "hi"}))
    assert "another GLM_BASE_URL" in text
    assert "Restart the client" in text
    assert sim.received == []


def test_a_refused_key_names_the_command_the_file_and_the_restart(
    env: dict[str, str], tmp_path: Path
) -> None:
    with Stdio({**env, "GLM_API_KEY": f"{KEY[:-1]}9"}, tmp_path) as server:
        server.initialize()
        text = said(server.call("chat", {"prompt": "hi"}))
    assert text.startswith("auth: ")
    assert " key` tries a key" in text
    assert str(file_of(env)) in text
    assert "restart the client" in text


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
@pytest.mark.parametrize(
    ("name", "value"),
    [("GLM_DEADLINE_S", "soon"), ("GLM_BASE_URL", "openai"), ("GLM_API_KEY", "zwei Wörter")],
)
def test_a_wrong_setting_lets_the_server_start_and_each_call_says_what_is_wrong(
    name: str, value: str, env: dict[str, str], sim: Simulator, tmp_path: Path
) -> None:
    with Stdio({**env, "GLM_API_KEY": KEY, name: value}, tmp_path) as server:
        server.initialize()
        assert len(server.request("tools/list")["result"]["tools"]) == 5
        result = server.call("chat", {"prompt": "hi"})
    assert result["isError"]
    assert said(result).startswith(f"config: {name} is ")
    assert "restart the client" in said(result)
    assert sim.received == []
