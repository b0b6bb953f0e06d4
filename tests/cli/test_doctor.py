"""The doctor: what it finds wrong, and the mend that it names."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.cases import each
from support.http_server import serving
from support.processes import COMMAND, LIMIT_S, environment, ran

from glm_mcp.cli.doctor import EXTRAS, examine
from glm_mcp.cli.service import Finding
from glm_mcp.installation import line_for_extra
from glm_mcp.registry import ENDPOINTS, Endpoint
from glm_mcp.server.http.limits import Limits
from glm_mcp.settings import Settings
from glm_mcp.simulator import Fault, Simulator, Switches

pytestmark = pytest.mark.anyio
PLAN_KEY, OTHER_KEY = "coding.plan-key", "other.platform-key"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home" / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path / "home" / "work")


@pytest.fixture
def zai() -> Iterator[Simulator]:
    """z.ai, which knows other keys than zhipu."""
    with Simulator(keys=(OTHER_KEY,)) as other:
        yield other


@pytest.fixture
def platforms(zai: Simulator) -> Iterator[tuple[dict[str, Endpoint], Simulator]]:
    """zhipu, with keys of its coding plan, and z.ai; both here."""
    plan = Switches(coding_keys=(PLAN_KEY,))
    with Simulator(plan) as zhipu:
        places = {
            "zhipu": zhipu.url,
            "zai": zai.url,
            "zhipu-coding": zhipu.coding_url,
            "zai-coding": zai.coding_url,
        }
        yield (
            {n: Endpoint(n, url, ENDPOINTS[n].models, ENDPOINTS[n].general) for n, url in places.items()},
            zhipu,
        )


async def found(settings: Settings, **options: Any) -> dict[str, Finding]:
    with anyio.fail_after(60):
        return {f.what: f for f in await examine(settings, **options)}


def settings_of(**variables: Any) -> Settings:
    return Settings(**{"GLM_LANG": "en", **variables})


async def test_a_key_that_works_is_said_to(platforms: tuple[dict[str, Endpoint], Simulator]) -> None:
    endpoints, zhipu = platforms
    findings = await found(settings_of(GLM_API_KEY=zhipu.key), endpoints=endpoints)
    assert findings["key"].state == findings["service"].state == findings["models"].state == "ok"
    assert not any(f.state == "wrong" for f in findings.values())
    assert all(zhipu.key not in str(f) for f in findings.values())
    assert len(zhipu.received) == 1, "one tiny call is enough"


async def test_no_key_is_wrong_and_the_mend_says_where_to_get_one() -> None:
    findings = await found(settings_of())
    assert findings["key"].state == "wrong"
    assert "https://bigmodel.cn/usercenter/proj-mgmt/apikeys" in findings["key"].mend
    assert "GLM_SIMULATE=1" in findings["key"].mend
    assert "was not asked" in findings["service"].said


@pytest.mark.parametrize("base", ["zhipu", "zhipu-coding"])
async def test_a_refused_key_is_shown_to_no_other_platform_and_the_mend_says_how_to_ask_it(
    base: str, platforms: tuple[dict[str, Endpoint], Simulator], zai: Simulator
) -> None:
    settings = settings_of(GLM_API_KEY=OTHER_KEY, GLM_BASE_URL=base)
    findings = await found(settings, endpoints=platforms[0])
    assert findings["service"].state == "wrong"
    assert "code 1000" in findings["service"].said
    other = "zai-coding" if base == "zhipu-coding" else "zai"
    assert f"`GLM_BASE_URL={other} glm-mcp doctor`" in findings["service"].mend
    assert platforms[1].received, "the configured one was asked"
    assert not zai.received


async def test_a_platform_that_is_asked_on_purpose_knows_its_key(
    platforms: tuple[dict[str, Endpoint], Simulator], zai: Simulator
) -> None:
    settings = settings_of(GLM_API_KEY=OTHER_KEY, GLM_BASE_URL="zai")
    assert (await found(settings, endpoints=platforms[0]))["service"].state == "ok"
    assert zai.received
    assert not platforms[1].received


async def test_a_key_that_nobody_knows_is_refused_with_the_code(
    platforms: tuple[dict[str, Endpoint], Simulator],
) -> None:
    findings = await found(settings_of(GLM_API_KEY="nobodys.unknown-key"), endpoints=platforms[0])
    assert findings["service"].state == "wrong"
    assert "code 1000" in findings["service"].said
    assert "GLM_API_KEY" in findings["service"].mend
    assert "nobodys.unknown-key" not in str(findings["service"])


async def test_a_key_of_the_coding_plan_on_the_general_endpoint_is_told_so(
    platforms: tuple[dict[str, Endpoint], Simulator],
) -> None:
    findings = await found(settings_of(GLM_API_KEY=PLAN_KEY), endpoints=platforms[0])
    assert findings["service"].state == "wrong"
    assert "code 1113" in findings["service"].said
    assert "the key belongs to the coding plan" in findings["service"].said
    assert "GLM_BASE_URL=zhipu-coding" in findings["service"].mend
    assert "GLM_CHAT_MODEL" in findings["plan"].mend


async def test_on_the_coding_endpoint_a_key_of_the_plan_is_right_but_opens_no_free_model(
    platforms: tuple[dict[str, Endpoint], Simulator],
) -> None:
    endpoints, zhipu = platforms
    settings = settings_of(GLM_API_KEY=PLAN_KEY, GLM_BASE_URL="zhipu-coding")
    findings = await found(settings, endpoints=endpoints)
    assert findings["service"].state == "ok"
    assert "coding plan" in findings["service"].said
    assert findings["plan"].state == "note"
    assert "ordinary key" in findings["plan"].mend
    zhipu.switches = Switches(coding_keys=(PLAN_KEY,), coding_key_free_flash=True)
    assert "plan" not in await found(settings, endpoints=endpoints)


async def test_a_plan_without_the_model_that_is_asked_for_still_knows_the_key(
    platforms: tuple[dict[str, Endpoint], Simulator],
) -> None:
    endpoints, zhipu = platforms
    zhipu.queue(Fault("error", code="1311", path="/coding/"))
    findings = await found(settings_of(GLM_API_KEY=PLAN_KEY), endpoints=endpoints)
    assert "GLM_BASE_URL=zhipu-coding" in findings["service"].mend


@each(
    ("status", "body"),
    [
        (200, '{"msg": "身份验证失败"}'),
        (200, '{"msg": "系统繁忙"}'),
        (200, '{"ok": true}'),
        (503, "busy"),
        (429, ""),
    ],
)
async def test_words_that_are_no_answer_say_nothing_good_of_a_key(
    status: int, body: str, platforms: tuple[dict[str, Endpoint], Simulator]
) -> None:
    endpoints, zhipu = platforms
    zhipu.queue(Fault("body", status=status, message=body, path="/coding/"))
    findings = await found(settings_of(GLM_API_KEY=PLAN_KEY), endpoints=endpoints)
    assert any("/coding/" in request.path for request in zhipu.received)
    assert "belongs to the coding plan" not in findings["service"].said
    assert "plan" not in findings


@pytest.mark.parametrize("code", ["1302", "1305"])
async def test_a_busy_service_is_no_fault_of_the_set_up(
    code: str, platforms: tuple[dict[str, Endpoint], Simulator]
) -> None:
    endpoints, zhipu = platforms
    zhipu.queue(Fault("error", code=code, times=0))
    findings = await found(settings_of(GLM_API_KEY=zhipu.key), endpoints=endpoints, within_s=2)
    asked = [request.model for request in zhipu.received]
    assert len(asked) == len(set(asked)) > 1, "others were asked, none again"
    assert findings["service"].state == "note"
    assert f"code {code}" in findings["service"].said


@each("fault", ["500", "close", "hang", "empty_choices"])
async def test_no_model_is_asked_twice_by_a_service_that_fails(
    fault: str, platforms: tuple[dict[str, Endpoint], Simulator]
) -> None:
    endpoints, zhipu = platforms
    zhipu.clear()
    zhipu.queue(Fault("error", code="500", times=0) if fault == "500" else Fault(fault, times=0))  # type: ignore[arg-type]
    findings = await found(settings_of(GLM_API_KEY=zhipu.key), endpoints=endpoints, within_s=3)
    assert findings["service"].state != "ok"
    asked = [request.model for request in zhipu.received]
    assert len(asked) == len(set(asked))


async def test_a_host_that_is_not_reached_is_named(closed: int) -> None:
    settings = settings_of(GLM_API_KEY="id.secret", GLM_BASE_URL=f"http://127.0.0.1:{closed}/api/paas/v4")
    findings = await found(settings)
    assert findings["service"].state == "wrong"
    assert "127.0.0.1 was not reached" in findings["service"].said
    assert "GLM_BASE_URL" in findings["service"].mend


async def test_a_proxy_is_noted_and_suspected(closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = f"http://127.0.0.1:{closed}"
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("ALL_PROXY", "socks9://of-no-matter-here")
    settings = settings_of(GLM_API_KEY="id.secret", GLM_BASE_URL="http://glm.invalid/v1")
    findings = await found(settings)
    assert findings["proxy"].said == f"calls go through {proxy}, which HTTP_PROXY names"
    assert findings["service"].state == "wrong"
    assert "the proxy does not answer" in findings["service"].said
    assert f"HTTP_PROXY names {proxy}" in findings["service"].mend
    assert "NO_PROXY=glm.invalid" in findings["service"].mend


async def test_a_proxy_that_cannot_be_used_is_found_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://user:CanaryCanary@proxy:70")
    findings = await found(settings_of(GLM_API_KEY="id.secret", GLM_BASE_URL="http://glm.invalid/v1"))
    assert findings["proxy"].state == "wrong"
    assert findings["proxy"].said == "ALL_PROXY holds gopher://proxy:70, which is no proxy that can be used"


async def test_a_variable_that_the_host_did_not_fill_in_is_seen() -> None:
    settings = settings_of(GLM_API_KEY="${GLM_API_KEY}", GLM_BASE_URL="http://127.0.0.1:9/v1")
    findings = await found(settings)
    assert findings["key"].state == "wrong"
    assert "passed the name of a variable on" in findings["key"].said


async def test_a_key_of_an_unusual_form_is_noted_without_showing_it(
    platforms: tuple[dict[str, Endpoint], Simulator],
) -> None:
    findings = await found(settings_of(GLM_API_KEY="nodotatall"), endpoints=platforms[0])
    assert findings["key"].state == "note"
    assert "10 characters" in findings["key"].said
    assert "nodotatall" not in str(findings)


async def test_a_platform_that_lacks_models_says_which_tools_are_without() -> None:
    findings = await found(settings_of(GLM_BASE_URL="zai"))
    assert findings["models"].state == "note"
    assert "generate_image will not work" in findings["models"].said
    assert "GLM_BASE_URL=zhipu" in findings["models"].mend


async def test_a_server_of_ones_own_needs_its_models_named(sim: Simulator) -> None:
    own = f"{sim.origin}/v1"
    findings = await found(settings_of(GLM_BASE_URL=own, GLM_CHAT_MODEL="glm-4.7-flash"))
    assert findings["key"].said == "none set; this server may want none"
    assert "GLM_VISION_MODEL not set" in findings["models"].said
    both = await found(settings_of(GLM_BASE_URL=own, GLM_CHAT_MODEL="a", GLM_VISION_MODEL="b"))
    assert both["models"].said == "the server lists none; a, b are asked"


async def test_a_folder_that_cannot_be_written_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    findings = await found(settings_of(GLM_OUTPUT_DIR=tmp_path / "file" / "below"))
    assert findings["output folder"].state == "wrong"
    assert "a file stands in the way" in findings["output folder"].said
    assert "GLM_OUTPUT_DIR" in findings["output folder"].mend
    assert findings["cache folder"].state == "ok"
    assert not (tmp_path / "home" / ".cache").exists(), "nothing is left behind"


async def test_the_cache_that_is_looked_at_is_the_one_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    findings = await found(settings_of(GLM_CACHE_DIR=tmp_path / "file" / "below"))
    assert findings["cache folder"].state == "wrong"
    assert "GLM_CACHE_DIR" in findings["cache folder"].mend


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_without_permission_is_wrong(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    findings = await found(settings_of(GLM_OUTPUT_DIR=closed))
    assert findings["output folder"].state == "wrong"


async def test_a_system_folder_where_nothing_can_be_made_is_wrong() -> None:
    findings = await found(settings_of(GLM_OUTPUT_DIR="/proc/glm"))
    assert findings["output folder"].state == "wrong"


async def test_a_working_folder_that_is_too_wide_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    findings = await found(settings_of())
    assert findings["working folder"].state == "note"
    assert "/ does not count" in findings["working folder"].said
    assert "GLM_ALLOWED_DIRS" in findings["working folder"].mend
    assert not findings["output folder"].said.startswith("/glm-output")


async def test_an_allowed_folder_that_does_not_exist_is_wrong(tmp_path: Path) -> None:
    findings = await found(settings_of(GLM_ALLOWED_DIRS=f"{tmp_path}{os.pathsep}{tmp_path}/none"))
    assert findings["GLM_ALLOWED_DIRS"].state == "wrong"
    assert findings["GLM_ALLOWED_DIRS"].said == f"{tmp_path}/none is not there"


@each("extra", EXTRAS)
async def test_a_missing_extra_is_wrong_and_the_mend_installs_it(extra: str) -> None:
    lack = EXTRAS[extra][0]
    findings = await found(settings_of(), installed=lambda module: module != lack)
    assert findings[f"extra {extra}"].state == "wrong"
    assert lack in findings[f"extra {extra}"].said
    assert findings[f"extra {extra}"].mend == line_for_extra(extra)
    assert "extras" not in findings


async def test_a_misspelt_variable_is_noted_with_what_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM_API_KYE", "id.secret")
    findings = await examine(settings_of())
    (noted,) = [f for f in findings if "GLM_API_KYE" in f.said]
    assert noted.state == "note"
    assert noted.mend == "Did you mean GLM_API_KEY?"


def run(env: dict[str, str], cwd: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return ran([*COMMAND, *args], env, cwd, limit_s=2 * LIMIT_S)


def test_the_command_has_exit_status_1_when_something_is_wrong_and_0_else(
    sim: Simulator, tmp_path: Path
) -> None:
    well = run(environment(tmp_path / "home", sim), tmp_path / "home" / "work", "doctor")
    assert well.returncode == 0, well.stdout
    assert well.stdout.endswith("All is well.\n")
    assert "✓ service: 127.0.0.1 answers with this key" in well.stdout
    wrong = run(environment(tmp_path / "home"), tmp_path / "home" / "work", "doctor")
    assert wrong.returncode == 1
    assert "✗ key: none is set\n    → Get a free key at" in wrong.stdout
    assert wrong.stderr == ""


def test_the_command_gives_its_findings_as_json(sim: Simulator, tmp_path: Path) -> None:
    done = run(environment(tmp_path / "home", GLM_SIMULATE="1"), tmp_path, "doctor", "--format", "json")
    report = json.loads(done.stdout)
    assert report["ok"] is True
    assert done.returncode == 0
    key = next(f for f in report["findings"] if f["what"] == "key")
    assert key == {
        "what": "key",
        "state": "note",
        "said": "GLM_SIMULATE=1: answers are simulated",
        "mend": "Unset GLM_SIMULATE for real ones.",
    }
    wrong = run(environment(tmp_path / "home", GLM_LANG="fr"), tmp_path, "doctor", "--format", "json")
    assert wrong.returncode == 1
    assert json.loads(wrong.stdout)["findings"][0]["said"].startswith("GLM_LANG is 'fr'")


def test_the_command_names_the_settings_file_that_it_was_given(sim: Simulator, tmp_path: Path) -> None:
    text = f"GLM_API_KEY={sim.key}\nGLM_BASE_URL={sim.url}\n"
    (tmp_path / "mine.env").write_text(text, encoding="utf-8")
    done = run(environment(tmp_path / "home"), tmp_path, "--env-file", "mine.env", "doctor")
    assert done.returncode == 0, done.stdout
    assert "✓ settings: environment and mine.env" in done.stdout


def test_of_an_overloaded_service_it_is_said_that_it_does_not_answer_and_it_is_spared(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.queue(Fault("error", code="1305", times=0))
    done = run(environment(tmp_path / "home", sim), tmp_path / "home" / "work", "doctor")
    assert done.returncode == 0
    assert "• service: 127.0.0.1: the model is overloaded" in done.stdout
    assert done.stdout.endswith("Nothing is wrong here; the service does not answer just now.\n")
    assert len(sim.received) == 3, "each model once"


def test_its_advice_is_not_to_call_itself(sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Fault("error", code="1000", times=0))
    done = run(environment(tmp_path / "home", sim), tmp_path / "home" / "work", "doctor")
    assert "→ Check GLM_API_KEY; keys of bigmodel.cn and z.ai are not interchangeable" in done.stdout
    assert "`glm-mcp doctor`" not in done.stdout


async def test_a_model_that_turns_out_to_be_gone_is_named(sim: Simulator) -> None:
    sim.queue(Fault("gone", model="glm-4.7-flash"))
    findings = await examine(Settings(GLM_API_KEY=sim.key, GLM_BASE_URL=sim.url))
    assert [f.state for f in findings if f.what == "service"] == ["ok"]
    (gone,) = [f for f in findings if f.state == "note" and f.what == "models"]
    assert gone.said.startswith("glm-4.7-flash is not to be had: ")


def test_a_file_of_tokens_that_is_named_and_not_there_is_found(tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    env = environment(tmp_path / "home", GLM_SIMULATE="1", GLM_TOKENS_FILE=str(file))
    done = ran([*COMMAND, "doctor"], env, tmp_path)
    assert f"token --file {file} add NAME" in done.stdout
    file.touch()
    assert str(file) not in ran([*COMMAND, "doctor"], env, tmp_path).stdout


async def test_a_server_that_repeats_the_key_or_talks_without_end_is_told_without_that() -> None:
    key, long = "TeamServer.AnOwnServicesPassPhrase", "x" * 20_000

    async def lying(scope: Any, receive: Any, send: Any) -> None:
        listed = {"data": [{"id": key}, {"id": "a-model"}]}
        body, kind = json.dumps(listed).encode(), "application/json"
        if scope["method"] == "POST":
            while (await receive()).get("more_body"):
                pass
            body, kind = b"hello", f"{long}/{key}"
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind.encode())]}
        )
        await send({"type": "http.response.body", "body": body})

    with serving(lying, Limits()) as url:
        findings = await found(settings_of(GLM_API_KEY=key, GLM_BASE_URL=url), within_s=3)
    whole = json.dumps([f.as_dict() for f in findings.values()])
    assert "It serves [key], a-model" in whole
    assert "that is no answer: hello" in findings["service"].said
    assert key.lower() not in whole.lower()
    assert len(whole) < 5_000
