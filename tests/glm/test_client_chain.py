"""Which model is asked, where it lives, and what a server of somebody's own gets."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from support.busy import slowness
from support.calls import C3, V1, V4, V6, L, T, answering, ask, client_of, draw, models_asked, png, spoken
from support.cases import each

from glm_mcp.errors import ConfigError, GLMError, InvalidRequest, Overloaded, RateLimited, TooLong
from glm_mcp.glm.messages import File, Image, Message, Text, Video
from glm_mcp.simulator import Fault, Simulator, Switches
from glm_mcp.simulator.engine.mode import Engine

pytestmark = pytest.mark.anyio


FUNCTION = {
    "type": "function",
    "function": {"name": "xyzzy", "description": "d", "parameters": {"type": "object", "properties": {}}},
}
BUSY = Fault("error", code="1305", times=0)


def once_s() -> float:
    """Where the machine is free, less than an answer takes: each model is tried once, and then none is left."""
    return max(0.95, 0.6 * slowness())


async def asked_in_trouble(sim: Simulator, *parts: Any, **wishes: Any) -> list[str]:
    """The models that are tried for a request while all of them are overloaded, in order, each once."""
    sim.queue(BUSY)
    async with client_of(sim) as client:
        with pytest.raises(Overloaded):
            await ask(client, "what is it", *parts, within=once_s(), **wishes)
    return list(dict.fromkeys(models_asked(sim)))


async def test_a_chat_falls_back_along_its_chain(sim: Simulator) -> None:
    assert await asked_in_trouble(sim) == [T, V6, L]


async def test_a_description_may_end_at_the_smallest_model(sim: Simulator) -> None:
    sim.switches = Switches(raw_base64_images="accept", data_url_images="accept")
    assert await asked_in_trouble(sim, png(), task="describe") == [V6, V1, V4]


@each("task", ["locate", "ui_action", "ui_to_code"])
async def test_tasks_that_need_exact_places_or_code_do_not(sim: Simulator, task: str) -> None:
    assert await asked_in_trouble(sim, png(), task=task) == [V6, V1]


async def test_several_pictures_leave_out_the_model_that_takes_one(sim: Simulator) -> None:
    assert await asked_in_trouble(sim, png(), png(), task="describe") == [V6, V1]


async def test_functions_leave_out_models_that_call_none(sim: Simulator) -> None:
    assert await asked_in_trouble(sim, png(), functions=(FUNCTION,)) == [V6]


async def test_functions_for_a_text_may_end_at_the_last_resort(sim: Simulator) -> None:
    assert await asked_in_trouble(sim, functions=(FUNCTION,)) == [T, V6, L]


async def test_own_functions_stay_with_the_text_model(sim: Simulator) -> None:
    search = {"type": "web_search", "web_search": {"enable": True, "search_engine": "search_std"}}
    assert await asked_in_trouble(sim, functions=(search,)) == [T]


async def test_a_video_leaves_out_models_that_see_none(sim: Simulator) -> None:
    assert await asked_unseen(sim, Video("v", url="https://v.example/a.mp4")) == [V6, V1]


async def test_a_file_is_for_the_one_model_that_reads_files(sim: Simulator) -> None:
    assert await asked_unseen(sim, File("f", "https://f.example/a.pdf")) == [V6]


async def asked_unseen(sim: Simulator, part: Video | File) -> list[str]:
    """As `asked_in_trouble`, without a simulated web to fetch the part from."""
    found: list[str] = []

    def busy(request: httpx.Request) -> httpx.Response:
        found.append(json.loads(request.content)["model"])
        return httpx.Response(429, json={"error": {"code": "1305", "message": "busy"}})

    async with client_of(transport=answering(busy)) as client:
        with pytest.raises(Overloaded):
            await ask(client, "what is it", part, within=once_s())
    return list(dict.fromkeys(found))


async def test_a_long_text_leaves_out_models_with_a_small_window(sim: Simulator) -> None:
    assert await asked_in_trouble(sim, Text("word " * 130_000), role="chat") == [T]


async def test_a_text_beyond_every_window_is_told_so_before_any_request(sim: Simulator) -> None:
    async with client_of(sim) as client:
        with pytest.raises(TooLong, match=r"204,800 tokens.*Send less"):
            await ask(client, "汉" * 400_000)
    assert sim.received == []


async def test_a_text_that_nearly_fills_the_window_leaves_its_answer_the_rest(sim: Simulator) -> None:
    async with client_of(sim) as client:
        answer = await ask(client, "word " * 145_000)
    (request,) = sim.received
    assert answer.model == T
    assert 1_024 <= request.body["max_tokens"] < 16_384


async def test_a_named_model_is_never_replaced(sim: Simulator) -> None:
    assert await asked_in_trouble(sim, model=T) == [T]


async def test_a_named_model_that_cannot_do_the_job_is_refused_before_any_request(sim: Simulator) -> None:
    async with client_of(sim) as client:
        for model, part in ((T, png()), (V4, Video("v", url="https://v")), (C3, Text("x"))):
            with pytest.raises(InvalidRequest, match=rf"{model} .*glm-mcp models"):
                await ask(client, "hi", part, model=model)
    assert sim.received == []


async def test_fallback_can_be_forbidden(sim: Simulator) -> None:
    sim.queue(BUSY)
    async with client_of(sim, GLM_FALLBACK="0") as client:
        with pytest.raises(Overloaded, match=rf"asked for \d s: {T} \d+×"):
            await ask(client, within=2)
    assert set(models_asked(sim)) == {T}
    assert len(sim.received) > 3


async def test_a_model_of_the_settings_comes_first_and_has_the_chain_behind_it(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1305", model=V1, times=0))
    async with client_of(sim, GLM_CHAT_MODEL=V1) as client:
        answer = await ask(client)
    assert models_asked(sim) == [V1, T]
    assert answer.fallback == f"{V1} (overloaded 1305)"


@each(
    ("role", "setting", "chain"),
    [
        ("chat", None, [T, V6, L]),
        ("chat", V6, [V6, T, L]),
        ("chat", "glm-5", ["glm-5", T, V6, L]),
        ("vision", None, [V6, V1, V4]),
        ("vision", V1, [V1, V6, V4]),
        ("image", None, [C3]),
        ("image", "cogview-4", ["cogview-4", C3]),
    ],
)
async def test_the_chain_of_each_role(role: str, setting: str | None, chain: list[str]) -> None:
    variables: dict[str, Any] = {f"GLM_{role.upper()}_MODEL": setting}
    async with client_of(**variables) as client:
        assert [c.id for c in client.models(role)] == chain
        assert [c.id for c in client.models(role, V4)] == [V4]
    async with client_of(**variables, GLM_FALLBACK="0") as client:
        assert [c.id for c in client.models(role)] == chain[:1]


# Endpoints


def hosts(seen: list[str]) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        if request.url.path.endswith("/images/generations"):
            return httpx.Response(200, json={"data": [{"url": "https://x/y.png"}]})
        return httpx.Response(
            200, json={"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}
        )

    return answering(answer)


@each(
    ("home", "model", "url"),
    [
        ("zhipu", T, "https://open.bigmodel.cn/api/paas/v4/chat/completions"),
        ("zai", T, "https://api.z.ai/api/paas/v4/chat/completions"),
        ("zhipu-coding", T, "https://open.bigmodel.cn/api/paas/v4/chat/completions"),
        ("zai-coding", V6, "https://api.z.ai/api/paas/v4/chat/completions"),
        ("zhipu-coding", "glm-5", "https://open.bigmodel.cn/api/coding/paas/v4/chat/completions"),
    ],
)
async def test_a_request_goes_to_the_endpoint_where_its_model_lives(home: str, model: str, url: str) -> None:
    seen: list[str] = []
    async with client_of(transport=hosts(seen), GLM_BASE_URL=home) as client:
        await ask(client, model=model)
    assert seen == [url]


async def test_a_coding_plan_draws_at_the_general_endpoint() -> None:
    seen: list[str] = []
    async with client_of(transport=hosts(seen), GLM_BASE_URL="zhipu-coding") as client:
        await draw(client)
    assert seen == ["https://open.bigmodel.cn/api/paas/v4/images/generations"]


@pytest.mark.parametrize("home", ["zai", "zai-coding"])
async def test_a_platform_without_the_model_is_told_before_any_request(home: str) -> None:
    seen: list[str] = []
    async with client_of(transport=hosts(seen), GLM_BASE_URL=home) as client:
        with pytest.raises(ConfigError, match=rf"{C3} is not offered at {home}.*GLM_BASE_URL=zhipu"):
            await draw(client)
        with pytest.raises(ConfigError, match=rf"{V1} is not offered.*GLM_BASE_URL=zhipu"):
            await ask(client, model=V1)
    assert seen == []


async def test_a_platform_with_a_part_of_the_chain_uses_that_part() -> None:
    seen: list[str] = []
    async with client_of(transport=hosts(seen), GLM_BASE_URL="zai") as client:
        assert (await ask(client, "hi", png(), task="describe")).model == V6
    assert len(seen) == 1


async def test_a_chat_model_does_not_draw() -> None:
    async with client_of() as client:
        with pytest.raises(InvalidRequest, match=rf"{T} does not draw"):
            await draw(client, model=T)


# A compatible server


async def test_a_compatible_server_gets_what_such_servers_know(sim: Simulator) -> None:
    sim.engine = Engine()
    async with client_of(sim, GLM_BASE_URL=sim.engine_url) as client:
        answer = await ask(client, "what is it", png(), thinking=True)
    listed, request = sim.received
    assert (listed.method, listed.path) == ("GET", "/v1/models")
    assert answer.text
    assert answer.usage.prompt
    assert request.body["stream_options"] == {"include_usage": True}
    assert request.body["chat_template_kwargs"] == {"enable_thinking": True}
    assert "max_tokens" not in request.body
    assert request.media[0].form == "data"


async def test_a_compatible_server_is_asked_for_no_model_that_nobody_named(sim: Simulator) -> None:
    sim.engine = Engine(models=())
    async with client_of(sim, GLM_BASE_URL=sim.engine_url, GLM_CHAT_MODEL="my/glm-4.6v-fp8") as client:
        assert [c.id for c in client.models("chat")] == ["my/glm-4.6v-fp8"]
        with pytest.raises(GLMError, match="does not exist"):
            await ask(client)
    assert models_asked(sim)[1:] == ["my/glm-4.6v-fp8"]


async def test_a_compatible_server_needs_no_key() -> None:
    headers: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        headers.append(request.headers)
        return httpx.Response(
            200, json={"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}
        )

    async with client_of(
        transport=answering(answer), GLM_API_KEY=None, GLM_BASE_URL="http://127.0.0.1:9/v1"
    ) as client:
        assert (await ask(client)).text == "hi"
    assert "authorization" not in headers[0]


# Repairs of a refused request


async def test_max_tokens_are_clamped_once_to_what_the_service_names(sim: Simulator) -> None:
    limit = "max_tokens参数非法：限制数值范围[1,512]"
    sim.queue(Fault("error", code="1210", message=limit))
    async with client_of(sim) as client:
        answer = await ask(client, model=T, max_tokens=2_000)
    assert [r.body["max_tokens"] for r in sim.received] == [2_000, 512]
    assert [a["outcome"] for a in answer.attempts] == ["invalid_request 1210", "ok"]


async def test_max_tokens_are_not_clamped_twice(sim: Simulator) -> None:
    limit = "max_tokens参数非法：限制数值范围[1,512]"
    sim.queue(Fault("error", code="1210", message=limit, times=0))
    async with client_of(sim) as client:
        with pytest.raises(InvalidRequest, match=r"\[1,512\]"):
            await ask(client, model=T, max_tokens=2_000)
    assert len(sim.received) == 2


@pytest.mark.parametrize(("fewer", "tries"), [(1, 2), (100_000, 1)])
async def test_a_service_that_takes_fewer_tokens_each_time_is_not_asked_on_and_on(
    fewer: int, tries: int
) -> None:
    asked: list[int] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["max_tokens"])
        said = f"max_tokens参数非法：限制数值范围[1,{asked[-1] - fewer}]"
        return httpx.Response(400, json={"error": {"code": "1210", "message": said}})

    async with client_of(transport=answering(refuse)) as client:
        with pytest.raises(InvalidRequest):
            await ask(client, model=T, max_tokens=100_000)
    assert len(asked) == tries


async def test_a_clamp_for_one_model_does_not_bind_the_next(sim: Simulator) -> None:
    limit = "max_tokens参数非法：限制数值范围[1,512]"
    sim.queue(Fault("error", code="1210", message=limit), Fault("error", code="1305", model=T, times=0))
    async with client_of(sim) as client:
        assert (await ask(client, max_tokens=2_000)).model == V6
    assert [(r.model, r.body["max_tokens"]) for r in sim.received] == [(T, 2_000), (T, 512), (V6, 2_000)]


async def test_a_clamp_does_not_use_up_a_try(sim: Simulator) -> None:
    limit = "max_tokens参数非法：限制数值范围[1,512]"
    sim.queue(Fault("error", code="1210", message=limit), Fault("error", code="1302", times=2))
    async with client_of(sim) as client:
        await ask(client, model=T, max_tokens=2_000)
    assert len(sim.received) == 4


@pytest.mark.parametrize("refused", ["raw", "data"])
async def test_the_form_of_a_picture_is_changed_once_and_remembered(sim: Simulator, refused: str) -> None:
    sim.switches = Switches(
        raw_base64_images="refuse" if refused == "raw" else "accept",
        data_url_images="refuse" if refused == "data" else "accept",
    )
    async with client_of(sim) as client:
        await ask(client, "what is it", png())
        first = len(sim.received)
        await ask(client, "what is it", png())
    assert first == (2 if refused == "raw" else 1)
    assert len(sim.received) == first + 1
    assert all(r.status == 200 for r in sim.received[first - 1 :])


async def test_a_picture_that_is_refused_in_both_forms_is_an_error(sim: Simulator) -> None:
    sim.switches = Switches(raw_base64_images="refuse", data_url_images="refuse")
    async with client_of(sim) as client:
        with pytest.raises(InvalidRequest, match=r"sent in every form: check a\.png") as caught:
            await ask(client, "what is it", png())
    assert caught.value.code == "1210"
    assert models_asked(sim) == [V6, V6, V1, V1, V4, V4], "each model twice, and none again"


async def test_a_picture_that_the_service_cannot_fetch_is_sent_as_bytes_once(sim: Simulator) -> None:
    fetched: list[str] = []

    async def inline(part: Any) -> Any:
        fetched.append(part.url)
        return png()

    far = Image("far.png", url="https://far.example/a.png")
    async with client_of(sim) as client:
        turns = (Message("system", "be brief"), *spoken("what is it", far, Text("and"), far))
        await ask(client, messages=turns, inline=inline)
    assert fetched == [far.url, far.url]
    assert len(sim.received) == 2
    assert [m.form for m in sim.received[1].media] == ["raw", "raw"]


async def test_a_picture_that_nobody_can_fetch_says_why(sim: Simulator) -> None:
    async def inline(part: Any) -> Any:
        raise GLMError("gone")

    far = Image("far.png", url="https://far.example/a.png")
    async with client_of(sim) as client:
        with pytest.raises(GLMError, match="gone"):
            await ask(client, "what is it", far, inline=inline)
        with pytest.raises(InvalidRequest):
            await ask(client, "what is it", far)
    assert len(sim.received) == 2


CALLS = [{"id": "c1", "type": "function", "function": {"name": "xyzzy", "arguments": "{}"}}]
TOLD = (
    *spoken("what is the weather"),
    Message("assistant", None, {"tool_calls": CALLS}),
    Message("tool", "sunny in Oslo", {"tool_call_id": "c1"}),
)


async def test_function_results_go_as_words_to_the_vision_model_that_refuses_their_role(
    sim: Simulator,
) -> None:
    async with client_of(sim) as client:
        answer = await ask(client, messages=TOLD, model=V6, functions=(FUNCTION,))
    (request,) = sim.received
    assert answer.finish == "stop"
    assert "tool" not in [m["role"] for m in request.body["messages"]]
    assert "sunny in Oslo" in json.dumps(request.body["messages"])


async def test_function_results_become_words_for_another_model_that_refuses_their_role(
    sim: Simulator,
) -> None:
    sim.queue(Fault("error", code="1214", message="messages[2].role: tool"))
    async with client_of(sim) as client:
        for _ in range(2):
            await ask(client, messages=TOLD, model=T, functions=(FUNCTION,))
    roles = [[m["role"] for m in r.body["messages"]] for r in sim.received]
    assert ["tool" in sent for sent in roles] == [True, False, False], "and the process remembers it"


async def test_a_refusal_for_another_reason_is_not_repeated(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1210", times=0))
    async with client_of(sim) as client:
        with pytest.raises(InvalidRequest):
            await ask(client)
    assert len(sim.received) == 1


async def test_a_coding_key_at_the_general_endpoint_is_told_where_it_belongs(sim: Simulator) -> None:
    sim.switches = Switches(coding_keys=(sim.key,))
    async with client_of(sim) as client:
        with pytest.raises(GLMError, match=r"^quota: .*zhipu-coding"):
            await ask(client)
    assert len(sim.received) == 1


async def test_the_limit_of_the_account_is_met_by_waiting_not_by_failing(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1302"), Fault("error", code="1303"))
    async with client_of(sim) as client:
        await ask(client, model=T)
        assert client.limiter(T).limit == 1
    assert len(sim.received) == 3


async def test_a_refusal_for_too_many_at_once_ends_as_such(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1302", times=0))
    async with client_of(sim) as client:
        with pytest.raises(RateLimited, match="GLM_MAX_CONCURRENCY"):
            await ask(client, model=T, within=once_s())
