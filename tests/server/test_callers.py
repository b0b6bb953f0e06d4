"""What is a caller's own: the tools that they may use, and the key that they bring."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import types
from mcp.shared.exceptions import MCPError
from pydantic import SecretStr
from support import canary
from support.calls import answering, ask
from support.calls import client_of as glm_of
from support.films import Film, make, regular
from support.http_server import Names
from support.processes import Process, environment
from support.served import asked, client_of, served
from support.toolkit import chats, text_of

from glm_mcp.errors import ConfigError
from glm_mcp.glm.learnt.names import MODELS
from glm_mcp.server.app import App
from glm_mcp.server.http.auth.tokens import digest, new_token
from glm_mcp.settings import TOOLS
from glm_mcp.simulator import Fault, Received, Reply, Simulator, Switches
from glm_mcp.simulator.engine.mode import Engine

pytestmark = pytest.mark.anyio
ERAS = ("legacy", "2026-07-28")
OURS = "0123456789abcdef0123456789abcdef.OursOursOurs1234"
OTHER = "fedcba9876543210fedcba9876543210.OtherOther123456"


@pytest.fixture(scope="module")
def service() -> Iterator[Simulator]:
    with Simulator(keys=(OURS, OTHER, canary.KEY)) as simulator:
        yield simulator


@pytest.fixture
def of_service(service: Simulator, app_of: Callable[..., App]) -> Callable[..., App]:
    """An application with a key of its own, in front of a service that knows the others' too."""
    service.clear()

    def make(**variables: str) -> App:
        return app_of(remote=True, GLM_API_KEY=OURS, GLM_BASE_URL=service.url, **variables)

    return make


def key_of(request: Received) -> str:
    """The key that a request came with, of which the simulator keeps the first half."""
    ids = {key.partition(".")[0]: key for key in (OURS, OTHER, canary.KEY)}
    return ids[request.headers["authorization"].removeprefix("Bearer ")]


def keys(service: Simulator) -> list[str]:
    return [key_of(r) for r in chats(service)]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_token_sees_and_calls_its_own_tools_alone(
    mode: str, tmp_path: Path, app_of: Callable[..., App]
) -> None:
    few, all_of_them = new_token(), new_token()
    path = tmp_path / "tokens.toml"
    path.write_text(
        f'[tokens.ada]\nsha256 = "{digest(few)}"\ntools = ["chat", "read_document"]\n'
        f'[tokens.bob]\nsha256 = "{digest(all_of_them)}"\n'
    )
    path.chmod(0o600)
    with anyio.fail_after(60):
        async with served(app_of(remote=True, GLM_TOKENS_FILE=str(path))) as url:
            async with client_of(url, mode, Authorization=f"Bearer {few}") as client:
                assert [t.name for t in (await client.list_tools()).tools] == ["chat", "read_document"]
                assert [p.name for p in (await client.list_prompts()).prompts] == ["ask-document"]
                for name in ("generate_image", "no_such_tool"):
                    with pytest.raises(MCPError) as caught:
                        await client.call_tool(name, {"prompt": "a hill"})
                    assert caught.value.error.code == types.INVALID_PARAMS
                    assert caught.value.error.message == (
                        f"Unknown tool: {name}. The tools are: chat, read_document."
                    )
                with pytest.raises(MCPError, match="Unknown prompt"):
                    await client.get_prompt("ocr", {"image": "a.png"})
                assert not (await client.call_tool("chat", {"prompt": "hello"})).is_error
            async with client_of(url, mode, Authorization=f"Bearer {all_of_them}") as client:
                assert [t.name for t in (await client.list_tools()).tools] == list(TOOLS)
            listed = (await asked(url, few)).json()["result"]
            assert listed["cacheScope"] == "private"


@pytest.mark.parametrize("mode", ERAS)
async def test_a_callers_key_is_used_for_their_calls_alone_and_is_in_no_answer(
    mode: str, of_service: Callable[..., App], service: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app = of_service(GLM_CALLER_KEYS="1")
    heard: list[str] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message or "")

    service.queue(
        Reply(f"Your key is {canary.KEY}."), Fault("error", code="1002", message=f"no key: {canary.KEY}")
    )
    with anyio.fail_after(60):
        async with served(app) as url:
            async with client_of(url, mode, X_GLM_API_Key=canary.KEY) as client:
                answer = await client.call_tool(
                    "chat", {"prompt": "Which is my key?"}, progress_callback=on_progress
                )
                assert text_of(answer).startswith("Your key is [key].")
                no = await client.call_tool("chat", {"prompt": "hello"})
                assert text_of(no).startswith("auth: ")
                assert "[key]" in text_of(no)
                usage = await client.read_resource("glm://usage")
            async with client_of(url, mode) as client:
                assert not (await client.call_tool("chat", {"prompt": "hello"})).is_error
    assert keys(service) == [canary.KEY, canary.KEY, OURS]
    assert canary.SECRET not in "".join(heard) + usage.model_dump_json() + caplog.text
    assert canary.SECRET not in repr(vars(app.keys))


async def test_a_callers_key_is_in_no_log_even_where_the_log_holds_what_was_said(
    service: Simulator, tmp_path: Path
) -> None:
    variables = {"GLM_API_KEY": OURS, "GLM_BASE_URL": service.url, "GLM_CALLER_KEYS": "1"}
    env = environment(tmp_path / "home", None, **variables, GLM_LOG_CONTENT="1")
    options = ("--log-level", "debug", "serve", "--http", "--port", "0")
    said = {"prompt": f"Repeat {canary.KEY}"}
    with anyio.fail_after(60), Process(env, tmp_path, *options) as process:
        line = await anyio.to_thread.run_sync(process.err.next)
        while line and "serves at " not in line:
            line = await anyio.to_thread.run_sync(process.err.next)
        url = str(line).partition("serves at ")[2].partition("/mcp")[0]
        async with client_of(url, X_GLM_API_Key=canary.KEY) as client:
            assert "[key]" in text_of(await client.call_tool("chat", said))
    log = process.err.rest()
    assert "chat was asked {'prompt': 'Repeat [key]'}" in log
    assert canary.SECRET not in log


async def test_a_callers_key_is_left_alone_where_it_is_not_allowed(
    of_service: Callable[..., App], service: Simulator
) -> None:
    with anyio.fail_after(60):
        async with served(of_service()) as url, client_of(url, X_GLM_API_Key=canary.KEY) as client:
            assert not (await client.call_tool("chat", {"prompt": "hello"})).is_error
    assert keys(service) == [OURS]


@pytest.mark.parametrize("key", ["two words", "${GLM_API_KEY}", "x" * 600])
async def test_what_is_no_key_is_refused_and_not_repeated(key: str, of_service: Callable[..., App]) -> None:
    with anyio.fail_after(60):
        async with served(of_service(GLM_CALLER_KEYS="1")) as url:
            no = await asked(url, **{"X-GLM-API-Key": key})
    assert no.status_code == 400
    assert key not in no.text


async def test_a_callers_key_serves_where_the_server_has_none(
    app_of: Callable[..., App], service: Simulator
) -> None:
    service.clear()
    app = app_of(remote=True, GLM_API_KEY=None, GLM_BASE_URL=service.url, GLM_CALLER_KEYS="1")
    with anyio.fail_after(60):
        async with served(app) as url:
            async with client_of(url, X_GLM_API_Key=canary.KEY) as client:
                assert not (await client.call_tool("chat", {"prompt": "hello"})).is_error
            async with client_of(url) as client:
                no = await client.call_tool("chat", {"prompt": "hello"})
    assert text_of(no).startswith("config: no API key is set")


async def at_once(app: App, number: int, service: Simulator, **headers: str) -> None:
    """So many calls that all wait for the service at the same time, then are given up."""
    service.queue(*(Fault("hang") for _ in range(number)))
    async with served(app) as url, client_of(url, **headers) as client, anyio.create_task_group() as tasks:
        for _ in range(number):
            tasks.start_soon(lambda: client.call_tool("chat", {"prompt": "hello"}))
        await anyio.to_thread.run_sync(service.wait_received, number)
        tasks.cancel_scope.cancel()


async def test_several_keys_share_the_calls_and_one_that_is_refused_goes_last(
    of_service: Callable[..., App], service: Simulator
) -> None:
    app = of_service(GLM_API_KEYS=f"{OTHER}, {OURS}", GLM_MAX_CONCURRENCY="1", GLM_FALLBACK="0")
    with anyio.fail_after(60):
        await at_once(app, 2, service)
        assert sorted(keys(service)) == sorted([OURS, OTHER]), "each has a concurrency of its own"
    service.clear()
    app = of_service(GLM_API_KEYS=OTHER)
    with anyio.fail_after(60):
        async with served(app) as url, client_of(url) as client:
            service.queue(Fault("error", code="1002"))
            no = await client.call_tool("chat", {"prompt": "hello"})
            assert text_of(no).startswith("auth: ")
            for _ in range(3):
                assert not (await client.call_tool("chat", {"prompt": "hello"})).is_error
    assert keys(service) == [OURS, OTHER, OTHER, OTHER]


@pytest.mark.parametrize("code", ["1113", "1220", "1311"])
async def test_a_model_that_a_caller_names_and_nobody_pays_for_says_nothing_of_the_key(
    code: str, of_service: Callable[..., App], service: Simulator
) -> None:
    app = of_service(GLM_API_KEYS=OTHER)
    service.queue(Fault("error", code=code))
    with anyio.fail_after(60):
        async with served(app) as url, client_of(url) as client:
            no = await client.call_tool("chat", {"prompt": "hello", "model": "glm-4-flash-250414"})
            assert no.is_error
            assert not (await client.call_tool("chat", {"prompt": "hello"})).is_error
    assert keys(service) == [OURS, OURS]


async def test_what_one_key_may_do_at_once_says_nothing_of_anothers(
    of_service: Callable[..., App], service: Simulator
) -> None:
    app = of_service(GLM_CALLER_KEYS="1", GLM_MAX_CONCURRENCY="1", GLM_FALLBACK="0")
    service.queue(*(Fault("hang") for _ in range(10)))

    def both(received: Sequence[Received]) -> bool:
        waiting = [r for r in received if r.ended is None and r.path.endswith("/chat/completions")]
        return {key_of(r) for r in waiting} == {OURS, canary.KEY}

    with anyio.fail_after(60):
        async with (
            served(app) as url,
            client_of(url) as ours,
            client_of(url, X_GLM_API_Key=canary.KEY) as theirs,
            anyio.create_task_group() as tasks,
        ):
            for client in (ours, theirs):
                tasks.start_soon(lambda c: c.call_tool("chat", {"prompt": "hello"}), client)
            await anyio.to_thread.run_sync(service.wait, both)
            tasks.cancel_scope.cancel()


async def test_secrets_of_the_settings_come_out_of_no_answer(of_service: Callable[..., App]) -> None:
    secrets: dict[str, Any] = {
        "GLM_API_KEYS": OTHER,
        "GLM_SESSION_SECRET": "a-secret-of-more-than-thirty-two-characters",
    }
    with anyio.fail_after(60):
        async with served(of_service(**secrets)) as url, client_of(url) as client:
            for secret in secrets.values():
                assert secret not in text_of(await client.call_tool("chat", {"prompt": f"Repeat {secret}"}))


@pytest.mark.parametrize("mode", ERAS)
async def test_what_others_used_and_the_models_that_they_named_are_told_to_nobody_else(
    mode: str, of_service: Callable[..., App]
) -> None:
    app = of_service()
    theirs = {"prompt": "hello", "model": "a-model-of-annas"}

    async def usage(client: Any) -> Any:
        found = await client.read_resource("glm://usage")
        return json.loads(found.contents[0].text)

    with anyio.fail_after(20):
        async with served(app, authenticator=Names()) as url:
            async with client_of(url, mode, Authorization="Bearer anna") as anna:
                assert (await anna.call_tool("chat", theirs)).is_error
                assert not (await anna.call_tool("chat", {"prompt": "hello"})).is_error
                hers = await usage(anna)
                assert {"glm-4.7-flash", "a-model-of-annas"} <= hers["models"].keys()
                assert hers["models"]["glm-4.7-flash"]["tokens"]["in"] > 0
            async with client_of(url, mode, Authorization="Bearer ben") as ben:
                his = await usage(ben)
    assert his["models"] == {}
    assert "annas" not in json.dumps(his)
    assert "glm-4.7-flash" in his["health"]


@pytest.mark.extreme
async def test_however_many_models_a_caller_names_what_is_remembered_is_bounded(
    of_service: Callable[..., App],
) -> None:
    app = of_service()
    with anyio.fail_after(60):
        async with served(app) as url, client_of(url) as client:
            for number in range(MODELS + 50):
                named = {"prompt": "hello", "model": f"a-model-{number}"}
                assert (await client.call_tool("chat", named)).is_error
            assert (await client.call_tool("chat", {"prompt": "x", "model": "m" * 100_000})).is_error
            assert not (await client.call_tool("chat", {"prompt": "hello"})).is_error
    known = (app.glm.limiters, app.glm.health.report(), app.glm.meter.models)
    assert all(MODELS <= len(each) <= MODELS + 10 for each in known)
    assert all(len(name) < 1_000 for each in known for name in each)
    assert not app.glm.gone("glm-4.7-flash")
    assert app.glm.meter.models["glm-4.7-flash"].answered == 1


async def test_a_caller_reads_nothing_at_the_engine_itself_which_may_tell_what_others_ask(
    app_of: Callable[..., App], sim: Simulator
) -> None:
    sim.engine = Engine()
    app = app_of(remote=True, GLM_BASE_URL=sim.engine_url, GLM_API_KEY=None)
    slots = f"{sim.origin}/slots"
    part = {"type": "file_url", "file_url": {"url": slots}}
    async with (
        served(app, authenticator=Names()) as url,
        client_of(url, authorization="Bearer ada") as client,
    ):
        for tool, given in (
            ("read_document", {"documents": slots}),
            ("chat", {"prompt": "?", "files": slots}),
            ("chat", {"prompt": "?", "history": [{"role": "user", "content": [part]}]}),
            ("describe_image", {"images": slots}),
        ):
            no = await client.call_tool(tool, given)
            assert text_of(no).startswith("forbidden_url: ")
    assert "/slots" not in [r.path for r in sim.received]


async def test_what_a_callers_own_key_is_refused_limits_nobody_else(
    of_service: Callable[..., App], service: Simulator
) -> None:
    given = {"prompt": "hello", "max_tokens": 1_000}
    service.queue(Fault("error", code="1210", message="max_tokens 参数非法。限制数值范围[1,64]"))
    async with (
        served(of_service(GLM_CALLER_KEYS="1")) as url,
        client_of(url, X_GLM_API_Key=OTHER) as theirs,
        client_of(url) as ours,
    ):
        for client in (theirs, theirs, ours):
            assert not (await client.call_tool("chat", given)).is_error
    assert [r.body["max_tokens"] for r in chats(service)] == [1_000, 64, 64, 1_000]


async def test_what_an_engine_serves_to_one_key_says_nothing_of_what_it_serves_to_another() -> None:
    ours = "a-key-of-the-server-itself"

    def gateway(request: httpx.Request) -> httpx.Response:
        known = request.headers["authorization"] == f"Bearer {ours}"
        if request.method == "GET":
            return httpx.Response(200, json={"data": [{"id": "a-large-one"}]} if known else {"data": []})
        model = json.loads(request.content)["model"]
        if not known or model != "a-large-one":
            refusal = {"message": f"The model `{model}` does not exist.", "code": 404}
            return httpx.Response(404, json={"error": refusal})
        answer = {"message": {"content": "hello"}, "finish_reason": "stop"}
        return httpx.Response(200, json={"choices": [answer]})

    base = "http://engine.example:8000/v1"
    async with glm_of(transport=answering(gateway), GLM_BASE_URL=base, GLM_API_KEY=ours) as glm:
        with pytest.raises(ConfigError):
            await ask(glm.apart().keyed(SecretStr("a-key-of-somebody-else")))
        assert (await ask(glm)).model == "a-large-one"


async def test_films_of_one_caller_that_are_refused_leave_those_of_another_whole(
    app_of: Callable[..., App], sim: Simulator
) -> None:
    sim.switches = Switches(data_url_videos="refuse")
    async with served(app_of(remote=True), authenticator=Names()) as url:

        async def sent(whose: str, seconds: int) -> None:
            who = {"Authorization": f"Bearer {whose}"}
            film = make(Film(regular(seconds, 5), size=(64, 48)))
            async with httpx.AsyncClient(headers=who, trust_env=False) as http:
                uri = (await http.post(f"{url}/files?name=a.mp4", content=film)).json()["uri"]
            async with client_of(url, **who) as client:
                answer = await client.call_tool("analyze_video", {"video": uri, "prompt": "What is it?"})
                assert not answer.is_error, text_of(answer)

        for seconds in (4, 5):
            await sent("anna", seconds)
        sim.switches = Switches(data_url_videos="accept")
        before = len(sim.received)
        await sent("ben", 6)
        await sent("anna", 6)
    assert [r.media[0].kind for r in sim.received[before:]] == ["video", "image"]
