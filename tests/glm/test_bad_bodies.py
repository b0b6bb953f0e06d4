"""Answers as gateways, proxies and firewalls between us and the service make them: what each is taken for."""

from __future__ import annotations

import json
import zlib
from typing import Any

import httpx
import pytest
from support.calls import V6, T, answering, ask, client_of, draw, models_asked
from support.cases import each

from glm_mcp.errors import ConfigError, GLMError, NetworkError, Overloaded, QuotaError, RateLimited
from glm_mcp.simulator import Fault, Simulator

pytestmark = pytest.mark.anyio

EMPTY = {"error": {"code": "1113", "message": "余额不足"}}
EVENTS, JSON = "text/event-stream", "application/json"
# Alibaba's, as it stood before z.ai: its words are put in by its script.
ALIBABA = (
    '<!doctypehtml><html lang="zh-cn"><meta charset="utf-8"><title>405</title><style>.header .message{background:'
    'url(https://errors.aliyun.com/images/TB1.png)}</style><body data-spm="7663354"><div id="block_message"></div>'
    '<textarea id="renderData">{"_waf_bd8ce2ce37":"x"}</textarea></html>'
)
PAGE = "<!doctype html><html><head><title>{}</title></head><body>{}</body></html>"


def packed(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False)


def as_bytes(text: str, encoding: str) -> str:
    """How a fault's message says bytes that are no UTF-8."""
    return text.encode(encoding).decode("utf-8", "surrogateescape")


def body(message: str, status: int = 429, content_type: str = "application/json", **which: Any) -> Fault:
    return Fault("body", status=status, message=message, content_type=content_type, times=0, **which)


async def refused(sim: Simulator, within: float = 2) -> GLMError:
    async with client_of(sim) as client:
        with pytest.raises(GLMError) as caught:
            await ask(client, within=within)
    return caught.value


@each(
    "message",
    [
        "\ufeff" + packed(EMPTY),
        as_bytes(packed(EMPTY), "gb18030"),
        as_bytes(packed(EMPTY), "utf-16"),
        packed(packed(EMPTY)),
        packed([EMPTY]),
        packed({"error": [EMPTY["error"]]}),
        packed({"error": {"code": "upstream_error", "message": packed(EMPTY)}}),
        packed({"error": packed(EMPTY)}),
        f"data: {packed(EMPTY)}\n\ndata: [DONE]\n\n",
    ],
    ids=[
        "mark",
        "GBK",
        "UTF-16",
        "packed twice",
        "list",
        "list of errors",
        "handed on",
        "as text",
        "as event",
    ],
)
@each("status", [429, 500])
async def test_a_refusal_is_understood_however_it_is_packed(
    sim: Simulator, message: str, status: int
) -> None:
    sim.queue(body(message, status))
    error = await refused(sim)
    assert isinstance(error, QuotaError)
    assert (error.code, len(sim.received)) == ("1113", 1)
    assert "余额不足" in error.message


async def test_a_refusal_that_is_said_to_be_a_stream_is_one(sim: Simulator) -> None:
    sim.queue(body(packed(EMPTY), 200, EVENTS))
    error = await refused(sim)
    assert (error.kind, error.code, len(sim.received)) == ("quota", "1113", 1)


async def test_an_answer_in_one_piece_that_is_said_to_be_a_stream_is_one(sim: Simulator) -> None:
    answer = {"choices": [{"finish_reason": "stop", "message": {"content": "well"}}]}
    sim.queue(body(packed(answer), 200, EVENTS))
    async with client_of(sim) as client:
        assert (await ask(client)).text == "well"
    assert models_asked(sim) == [T]


@each(
    ("status", "said"),
    [
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        (529, {}),
        (503, {"error": {"message": "The service may be temporarily overloaded, please try again later"}}),
        (400, {"error": "model overloaded"}),
        (500, {"error": {"message": "该模型当前访问量过大，请您稍后再试"}}),
        (503, {"msg": "服务器繁忙"}),
        (200, {"ret": -1, "msg": "系统繁忙，请稍后再试"}),
        (200, {"status": "error", "message": "该模型当前访问量过大，请您稍后再试"}),
        (200, {"code": 1, "msg": "The system is busy", "data": None}),
        (200, {"choices": None, "errcode": 1305, "errmsg": "x"}),
        (400, {"error": {"code": "1399", "message": "模型正在维护，请稍后"}}),
        (400, {"error": {"message": "Scheduled maintenance, please try again later."}}),
    ],
)
async def test_an_overload_without_a_code_is_one(sim: Simulator, status: int, said: Any) -> None:
    sim.queue(body(packed(said), status))
    async with client_of(sim) as client:
        with pytest.raises(Overloaded):
            await ask(client, model=T, within=1.5)
        assert len(sim.received) > 1
        sim.clear()
        sim.queue(body(packed(said), status, model=T))
        assert (await ask(client)).model == V6


@each(
    ("status", "said"),
    [
        (
            403,
            {
                "error": {
                    "message": "用户额度不足, 剩余额度: ¥0.000000",
                    "type": "new_api_error",
                    "code": "insufficient_user_quota",
                }
            },
        ),
        (403, {"error": {"message": "用户额度不足", "type": "one_api_error"}}),
        (429, {"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}}),
        (402, {"error": {"message": "Insufficient balance"}}),
    ],
)
async def test_a_gateway_whose_account_is_empty_blames_no_key(sim: Simulator, status: int, said: Any) -> None:
    sim.queue(body(packed(said), status))
    error = await refused(sim)
    assert isinstance(error, QuotaError)
    assert "nothing left to spend" in error.message
    assert "not interchangeable" not in str(error)
    assert len(sim.received) == 1


@each(
    ("said", "kind", "code", "tries"),
    [
        ("[1113][余额不足或无可用资源包,请充值。][20260622]", "quota", "1113", 1),
        ("[1210][max_tokens参数非法：限制数值范围[1,512]][20260622]", "invalid_request", "1210", 2),
        ("[1000][身份验证失败。][20260622]", "auth", "1000", 1),
    ],
)
async def test_a_code_that_stands_in_the_words_is_read_there(
    sim: Simulator, said: str, kind: str, code: str, tries: int
) -> None:
    sim.queue(body(packed({"type": "error", "error": {"type": "api_error", "message": said}}), 429))
    async with client_of(sim) as client:
        with pytest.raises(GLMError) as caught:
            await ask(client, within=2, max_tokens=600)
    error = caught.value
    assert (error.kind, error.code, len(sim.received)) == (kind, code, tries)
    assert "[1" not in error.message.partition("[1,")[0]
    assert error.request_id == "20260622"


async def test_a_window_that_a_gateway_says_is_too_short_is_too_short(sim: Simulator) -> None:
    words = "litellm.ContextWindowExceededError: OpenAIException - Prompt exceeds max length"
    sim.queue(body(packed({"error": {"message": words, "code": "400"}}), 400))
    assert (await refused(sim)).kind == "too_long"


@each(
    ("status", "page"),
    [
        (403, PAGE.format("Just a moment...", "Verifying you are human.")),
        (403, PAGE.format("Access Denied", "")),
        (405, PAGE.format("405", "Sorry, your request has been blocked as it may cause potential threats.")),
        (503, PAGE.format("Attention Required!", "")),
        (405, ALIBABA),
        (200, ALIBABA),
        (200, PAGE.format("安全验证", "请完成验证")),
        (200, PAGE.format("", "<script>document.cookie='acw_sc__v2=1'</script>")),
        (418, PAGE.format("", "您的访问被拦截")),
        (566, PAGE.format("", "Your request was blocked by EdgeOne")),
        (403, packed({"code": 403, "message": "request blocked by WAF"})),
    ],
)
async def test_the_page_of_a_firewall_blames_neither_key_nor_address(
    sim: Simulator, status: int, page: str
) -> None:
    sim.queue(body(page, status, "text/html"))
    error = await refused(sim)
    assert isinstance(error, NetworkError)
    assert "a firewall in front of the service" in error.message
    assert "not by the key" in error.hint
    assert "GLM_API_KEY" not in str(error)
    assert len(sim.received) == 1


async def test_the_page_of_a_web_server_that_has_no_api_there_blames_the_address(sim: Simulator) -> None:
    sim.queue(body(PAGE.format("405 Not Allowed", "nginx"), 405, "text/html"))
    error = await refused(sim)
    assert isinstance(error, ConfigError)
    assert "GLM_BASE_URL" in error.hint


async def test_a_login_page_is_shown_by_its_words(sim: Simulator) -> None:
    sim.queue(body(PAGE.format("Sign in to this network", ""), 200, "text/html"))
    error = await refused(sim)
    assert "Sign in to this network" in error.message
    assert "a network that wants a login" in error.hint


async def test_a_page_without_a_word_leaves_no_gap_in_the_sentence(sim: Simulator) -> None:
    sim.queue(body("<script>top.location='http://10.0.0.1/login'</script>", 200, "text/html"))
    error = await refused(sim)
    assert "text/html that is no answer: …" in error.message
    assert "a network that wants a login" in error.hint


async def test_a_redirect_names_where_it_leads() -> None:
    headers = {"location": "https://login.example/portal?token=x"}
    transport = answering(lambda _: httpx.Response(302, headers=headers))
    async with client_of(transport=transport) as client:
        with pytest.raises(ConfigError, match=r"elsewhere: https://login\.example/portal ") as caught:
            await ask(client)
    assert "token" not in str(caught.value)


@pytest.mark.parametrize("coding", ["br", "gzip"])
async def test_a_refusal_that_cannot_be_unpacked_is_known_by_its_status(coding: str) -> None:
    headers = {"content-encoding": coding}
    transport = answering(
        lambda _: httpx.Response(402, headers=headers, stream=httpx.ByteStream(b"\x0b\x02"))
    )
    async with client_of(transport=transport) as client:
        with pytest.raises(QuotaError, match="HTTP 402"):
            await ask(client)


async def test_a_refusal_whose_connection_breaks_is_known_by_what_came() -> None:
    class Broken(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            yield packed({"error": {"code": "1302", "message": "slow down"}}).encode()
            raise httpx.RemoteProtocolError("gone")

    transport = answering(lambda _: httpx.Response(429, stream=Broken()))
    async with client_of(transport=transport) as client:
        with pytest.raises(RateLimited, match="slow down"):
            await ask(client, model=T, within=1)


async def test_deflate_without_a_header_is_read() -> None:
    answer = packed({"choices": [{"finish_reason": "stop", "message": {"content": "well"}}]}).encode()
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    squeezed = squeeze.compress(answer) + squeeze.flush()
    headers = {"content-encoding": "deflate"}
    transport = answering(lambda _: httpx.Response(200, headers=headers, stream=httpx.ByteStream(squeezed)))
    async with client_of(transport=transport) as client:
        assert (await ask(client)).text == "well"


@pytest.mark.parametrize("kind", ["reset_at_end", "null_frames"])
async def test_a_whole_answer_is_one_whatever_stands_between_or_after(sim: Simulator, kind: Any) -> None:
    sim.queue(Fault(kind))
    async with client_of(sim) as client:
        answer = await ask(client)
    assert answer.text.startswith("[simulated")
    assert (answer.partial, models_asked(sim)) == (False, [T])


async def test_a_model_whose_connections_keep_breaking_is_left_for_the_next(sim: Simulator) -> None:
    sim.queue(Fault("reset", model=T, times=0))
    async with client_of(sim) as client:
        answer = await ask(client)
    assert answer.model == V6
    assert models_asked(sim).count(T) <= 6


@each("kind", ["text/plain", "text/html", EVENTS])
async def test_words_in_the_place_of_an_answer_mean_what_they_say(sim: Simulator, kind: str) -> None:
    busy = (
        f"data: {packed({'msg': '系统繁忙'})}\n\ndata: [DONE]\n\n"
        if kind == EVENTS
        else "系统繁忙，请稍后再试"
    )
    sim.queue(body(busy, 200, kind, model=T))
    async with client_of(sim) as client:
        assert (await ask(client)).model == V6
        with pytest.raises(Overloaded, match="系统繁忙"):
            await ask(client, model=T, within=1.5)


@each("said", [{"msg": "未登录"}, {"success": False, "message": "鉴权失败"}, {"detail": "Not authenticated"}])
async def test_a_key_that_is_refused_in_words_alone_is_told_at_once(sim: Simulator, said: Any) -> None:
    sim.queue(body(packed(said), 200))
    error = await refused(sim)
    assert error.kind == "auth"
    assert len(sim.received) == 1


@each("words", ["you are not authenticated", "model glm-9 does not exist", "the server is busy"])
async def test_what_a_model_writes_of_refusals_is_none_where_its_answer_is_cut(
    sim: Simulator, words: str
) -> None:
    whole = packed({"choices": [{"message": {"content": f"It says {words} when"}}]})
    sim.queue(body(whole[:-4], 200))
    assert (await refused(sim)).kind == "upstream"


async def test_words_that_nobody_knows_are_shown(sim: Simulator) -> None:
    sim.queue(body(packed({"errmsg": "the moon is full"}), 200))
    assert "the moon is full" in (await refused(sim)).message


async def test_words_before_an_answer_are_none_of_it(sim: Simulator) -> None:
    waits = {"message": "in the queue, place 3"}
    answer = {"choices": [{"index": 0, "finish_reason": "stop", "delta": {"content": "well"}}]}
    sim.queue(body("".join(f"data: {packed(event)}\n\n" for event in (waits, answer)), 200, EVENTS))
    async with client_of(sim) as client:
        assert (await ask(client)).text == "well"
    assert models_asked(sim) == [T]


@each(
    ("reason", "kind"),
    [("sensitive", "content_blocked"), ("network_error", "upstream"), ("error", "upstream")],
)
async def test_what_stops_an_answer_is_not_undone_by_what_follows(
    sim: Simulator, reason: str, kind: str
) -> None:
    """Some services go on after it, and end with `stop`."""
    pieces = [("one ", None), ("two ", reason), ("three", "stop")]
    events = [{"choices": [{"index": 0, "delta": {"content": t}, "finish_reason": r}]} for t, r in pieces]
    sim.queue(body("".join(f"data: {packed(e)}\n\n" for e in events) + "data: [DONE]\n\n", 200, EVENTS))
    assert (await refused(sim)).kind == kind


@each("name", ["data", "result", "response"])
@each("streams", [True, False])
async def test_an_answer_in_an_object_of_a_gateways_is_read(sim: Simulator, streams: bool, name: str) -> None:
    said = {"content": "well"}
    choice = {"index": 0, "finish_reason": "stop", "delta" if streams else "message": said}
    whole = packed({"code": 200, "msg": "操作成功", "success": True, name: {"choices": [choice]}})
    sim.queue(
        body(f"data: {whole}\n\ndata: [DONE]\n\n" if streams else whole, 200, EVENTS if streams else JSON)
    )
    async with client_of(sim) as client:
        assert (await ask(client)).text == "well"
    assert models_asked(sim) == [T]


async def test_a_picture_in_an_object_of_a_gateways_is_read(sim: Simulator) -> None:
    drawn = {"data": [{"url": "https://example.com/a.png"}]}
    sim.queue(body(packed({"code": 200, "success": True, "data": drawn}), 200))
    async with client_of(sim) as client:
        assert (await draw(client)).url == "https://example.com/a.png"


@each(
    "said",
    [
        {"code": 401, "success": False, "msg": "未登录"},
        {"code": 200, "error": {"code": "1000", "message": "未登录"}},
    ],
)
async def test_a_refusal_in_such_an_object_is_one(sim: Simulator, said: Any) -> None:
    sim.queue(body(packed({**said, "data": {"choices": []}}), 200))
    assert (await refused(sim)).kind == "auth"


@each(
    "message",
    [
        {"content": None, "refusal": "I can't help with that."},
        {"content": [{"type": "refusal", "refusal": "I can't help with that."}]},
    ],
)
async def test_a_model_that_declines_in_a_field_of_its_own_has_answered(sim: Simulator, message: Any) -> None:
    sim.queue(body(packed({"choices": [{"finish_reason": "stop", "message": message}]}), 200))
    async with client_of(sim) as client:
        assert (await ask(client)).text == "I can't help with that."
    assert models_asked(sim) == [T]


async def test_an_answer_that_is_said_whole_behind_its_pieces_is_said_once(sim: Simulator) -> None:
    pieces: list[dict[str, Any]] = [{"delta": {"content": "one "}}, {"delta": {"content": "two"}}]
    whole: dict[str, Any] = {
        "delta": {},
        "message": {"role": "assistant", "content": "one two"},
        "finish_reason": "stop",
    }
    events = [{"choices": [{"index": 0, **choice}]} for choice in (*pieces, whole)]
    sim.queue(body("".join(f"data: {packed(e)}\n\n" for e in events) + "data: [DONE]\n\n", 200, EVENTS))
    async with client_of(sim) as client:
        assert (await ask(client)).text == "one two"
