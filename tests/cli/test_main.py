"""The command `glm-mcp`, as a person or a script runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import httpx
import pytest
from support.busy import within
from support.cases import each
from support.processes import COMMAND, LIMIT_S, Process, environment, ran

from glm_mcp import __version__
from glm_mcp.registry import CARDS
from glm_mcp.samples import FOLDER
from glm_mcp.simulator import Fault, Reply, Simulator, Switches, Weather
from glm_mcp.simulator.weather import PRESETS


@pytest.fixture
def env(sim: Simulator, tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "home", sim)


def run(
    env: dict[str, str], cwd: Path, *args: str, limit_s: float = LIMIT_S
) -> subprocess.CompletedProcess[str]:
    done = ran([*COMMAND, *args], env, cwd, limit_s=limit_s)
    assert "Traceback" not in done.stderr
    return done


def test_each_command_is_listed_with_its_whole_first_sentence(tmp_path: Path) -> None:
    shown = run(environment(tmp_path), tmp_path, "--help").stdout
    assert "..." not in shown.partition("Commands:")[2]


def test_a_command_that_an_error_names_can_be_typed_where_the_path_has_none(
    env: dict[str, str], tmp_path: Path
) -> None:
    done = run({**env, "PATH": str(tmp_path)}, tmp_path, "call", "chat", "hi", "model=none-such")
    named = re.search(r"`(\S+) models`", " ".join(done.stdout.split()))
    assert named
    assert Path(named[1]).is_file()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_what_a_stranger_called_a_folder_acts_on_no_terminal(sim: Simulator, tmp_path: Path) -> None:
    folder = tmp_path / "a\x1b]0;mine\x07\x1b[2J\u202e"
    (folder / ".cursor").mkdir(parents=True)
    env = environment(folder, sim)
    for command in (["doctor"], ["install"], ["install", "cursor", "--scope", "project"], ["call", "chat"]):
        done = run(env, folder, *command)
        said = done.stdout + done.stderr
        assert said
        assert not {"\x1b", "\x07", "\u202e"} & {*said}, command


def test_call_prints_the_answer(env: dict[str, str], sim: Simulator, tmp_path: Path) -> None:
    done = run(env, tmp_path, "call", "chat", "prompt=2 + 2 = ?", "max_tokens=64")
    assert done.returncode == 0
    assert done.stdout.startswith("[simulated glm-4.7-flash] I received")
    assert done.stderr == ""
    assert sim.received[-1].text == "2 + 2 = ?", "the first = ends the name"
    assert sim.received[-1].body["max_tokens"] == 64


def test_call_takes_a_name_again_as_a_list(env: dict[str, str], sim: Simulator, tmp_path: Path) -> None:
    for name in ("photo.jpg", "chart.png"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    arguments = ["images=photo.jpg", "images=chart.png", "prompt=Compare them"]
    done = run(env, tmp_path, "call", "describe_image", *arguments)
    assert done.returncode == 0, done.stdout
    assert len(sim.received[-1].media) == 2


def test_call_takes_all_arguments_as_json(env: dict[str, str], sim: Simulator, tmp_path: Path) -> None:
    given = {"prompt": "hello", "history": [{"role": "user", "content": "hi"}]}
    done = run(env, tmp_path, "call", "chat", "--json", json.dumps(given), "system=Be brief")
    assert done.returncode == 0
    assert [m["role"] for m in sim.received[-1].body["messages"]] == ["system", "user", "user"]


def test_call_raw_prints_the_result_as_a_host_gets_it(env: dict[str, str], tmp_path: Path) -> None:
    done = run(env, tmp_path, "call", "--raw", "chat", "prompt=hello")
    result = json.loads(done.stdout)
    assert result["content"][0]["text"].startswith("[simulated")
    assert result["_meta"]["glm"]["model"] == "glm-4.7-flash"
    assert not result["isError"]


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (("call", "chat", "promt=hello"), 1, "Did you mean 'prompt'?"),
        (("call", "paint", "prompt=hello"), 1, "there is no tool 'paint'"),
        (("call", "chat"), 1, "chat needs 'prompt'"),
        (("call", "chat", "--json", "{"), 2, "--json is not JSON"),
        (("call", "chat", "--json", "[1]"), 2, "--json must be an object"),
        (("call", "describe_image", "images=none.png"), 1, "not_found"),
        (("--env-file", "none.env", "call", "chat", "prompt=hi"), 1, "none.env does not exist"),
        (("paint",), 2, "No such command"),
        (("serve", "--port", "8123"), 2, "--port goes with --http"),
        (("serve", "--host", "0.0.0.0"), 2, "--host goes with --http"),
        (("install", "claude-cod"), 2, "did you mean claude-code?"),
        (("install", "nothing"), 2, "there are claude-code,"),
    ],
)
def test_what_cannot_be_called_is_one_clear_message_and_an_exit_status(
    args: tuple[str, ...], status: int, said: str, env: dict[str, str], sim: Simulator, tmp_path: Path
) -> None:
    done = run(env, tmp_path, *args)
    assert done.returncode == status
    assert said in done.stdout + done.stderr
    assert sim.received == []


def test_a_failing_call_has_exit_status_1(env: dict[str, str], sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Fault("error", code="1301"))
    done = run(env, tmp_path, "call", "chat", "prompt=hello")
    assert done.returncode == 1
    assert done.stdout.lstrip().startswith("content_blocked: ")


def test_call_shows_text_as_it_arrives(env: dict[str, str], sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Reply(text="first line\n" + "more " * 40, chunks=("first line\n", *["more "] * 40)))
    sim.switches = Switches(chunk_s=0.1)
    with Process(env, tmp_path, "call", "chat", "prompt=hello") as process:
        assert process.out.next() == "first line\n"
        assert sim.received[-1].ended is None, "the answer is still being written"
        assert process.popen.poll() is None
        process.popen.kill()


def test_what_was_shown_as_it_came_is_not_shown_again(
    env: dict[str, str], sim: Simulator, tmp_path: Path
) -> None:
    sim.queue(Reply(text="one two three", chunks=("one ", "two ", "three")))
    done = run(env, tmp_path, "call", "chat", "prompt=hello")
    assert done.stdout.count("one two three") == 1
    assert re.fullmatch(r"one two three\n\n\[glm-4.7-flash · .*\]\n", done.stdout)


def test_ctrl_c_in_a_call_ends_it_quietly(env: dict[str, str], sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Fault("hang"))
    with Process(env, tmp_path, "call", "chat", "prompt=hello") as process:
        sim.wait_received(1, timeout=LIMIT_S)
        process.signal(signal.SIGINT)
        assert process.popen.returncode == 130
        assert process.out.rest() == ""
        assert process.err.rest() == ""
        sim.wait(lambda received: received[-1].disconnected)


@each("args", [("serve", "--http", "--port", "0"), ("models",)])
def test_ctrl_c_while_a_command_is_loaded_ends_it_quietly(args: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'click':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n",
        encoding="utf-8",
    )
    done = ran([*COMMAND, *args], environment(tmp_path, None, PYTHONPATH=str(tmp_path)), tmp_path)
    assert done.returncode == -signal.SIGINT
    assert done.stdout + done.stderr == ""


def test_a_terminal_that_lacks_a_character_shows_another(
    env: dict[str, str], sim: Simulator, tmp_path: Path
) -> None:
    sim.queue(Reply(text="你好"))
    done = run({**env, "PYTHONIOENCODING": "ascii"}, tmp_path, "call", "chat", "prompt=你好")
    assert done.returncode == 0
    assert done.stdout.startswith("??")


def test_a_reader_that_goes_early_is_no_error_to_show(env: dict[str, str], tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    arguments = ("call", "chat", "prompt=hello")
    with Process(env, tmp_path, *arguments, stdin=subprocess.DEVNULL, stdout=write) as process:
        os.close(write)
        assert process.err.rest() == ""
        process.popen.wait(LIMIT_S)


def test_without_a_key_a_call_says_how_to_get_one(tmp_path: Path) -> None:
    done = run(environment(tmp_path / "home"), tmp_path, "call", "chat", "prompt=hello")
    assert done.returncode == 1
    assert "https://bigmodel.cn/usercenter/proj-mgmt/apikeys" in done.stdout
    assert "GLM_SIMULATE=1" in done.stdout


def test_models_lists_every_card_with_its_limits(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    done = run(env, tmp_path, "models")
    assert all(model in done.stdout for model in CARDS)
    cards = json.loads(run(env, tmp_path, "models", "--format", "json").stdout)
    assert [c["id"] for c in cards] == list(CARDS)
    assert all(c["endpoints"] for c in cards)


def test_simulate_serves_other_processes_until_it_is_told_to_end(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    with Process(env, tmp_path, "simulate", "--port", "0", "--key", "an.example-key") as process:
        line = process.err.next() or ""
        url = line.removeprefix("simulated GLM API at ").strip()
        assert url.startswith("http://127.0.0.1:")
        hint = process.err.next() or ""
        assert f"GLM_BASE_URL={url} GLM_API_KEY=an.example-key glm-mcp call" in hint
        client = {**env, "GLM_BASE_URL": url, "GLM_API_KEY": "an.example-key"}
        done = run(client, tmp_path, "call", "chat", "prompt=hello")
        assert "[simulated glm-4.7-flash] I received" in done.stdout
        refused = run({**client, "GLM_API_KEY": "another.key"}, tmp_path, "call", "chat", "prompt=hello")
        assert refused.stdout.lstrip().startswith("auth: ")
        taken = run(env, tmp_path, "simulate", "--port", url.rpartition(":")[2].partition("/")[0])
        assert taken.returncode == 1
        assert "cannot be used" in taken.stderr
        with within(4):
            process.signal(signal.SIGTERM)
        assert process.popen.returncode == 0


def test_simulate_has_the_weather_that_is_asked_for(tmp_path: Path) -> None:
    options = ("simulate", "--port", "0", "--weather", "bad", "--seed", "6")
    with Process(environment(tmp_path / "home"), tmp_path, *options) as process:
        url = (process.err.next() or "").removeprefix("simulated GLM API at ").strip()
        told = httpx.get(url.removesuffix("/api/paas/v4") + "/_simulator/weather", timeout=LIMIT_S).json()
        weather = Weather.preset("bad", seed=6)
        overloaded = [name for name in PRESETS["bad"] if weather.state(name, told["seconds"]).overloaded]
        assert sorted(told["overloaded"]) == sorted(overloaded)
        process.signal(signal.SIGTERM)
    refused = run(environment(tmp_path / "home"), tmp_path, "simulate", "--weather", "mild")
    assert all(f"'{name}'" in refused.stderr for name in PRESETS)


def test_serve_without_http_is_stdio(env: dict[str, str], tmp_path: Path) -> None:
    done = run(env, tmp_path, "serve")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_version_and_help_need_no_settings(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", GLM_LANG="nonsense")
    assert run(env, tmp_path, "--version").stdout.strip() == f"glm-mcp, version {__version__}"
    text = run(env, tmp_path, "--help").stdout
    assert all(name in text for name in ("serve", "call", "demo", "doctor", "models", "simulate"))


@each("args", [("doctor",), ("call", "chat", "prompt=hi"), ("demo",), ("serve", "--http")])
def test_a_wrong_setting_is_named_by_every_command(args: tuple[str, ...], tmp_path: Path) -> None:
    done = run(environment(tmp_path / "home", GLM_DEADLINE_S="soon"), tmp_path, *args)
    assert done.returncode == 1
    assert "GLM_DEADLINE_S is 'soon'" in done.stdout + done.stderr
