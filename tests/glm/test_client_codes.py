"""Every business code at the client: how often it asks, of whom, and what it says in the end."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import httpx
import pytest
from support.busy import slowness
from support.calls import KEY, PACE, V6, T, answering, ask, client_of, counted, models_asked
from support.cases import each
from support.codes import ROWS

from glm_mcp.errors import GLMError, Overloaded, QuotaError, RateLimited, UpstreamError
from glm_mcp.glm.network.transport import Transport
from glm_mcp.glm.policy import Pace
from glm_mcp.glm.usage import ERRORS
from glm_mcp.simulator import Fault, Simulator, Switches

pytestmark = pytest.mark.anyio


USUAL_S = 1.0  # that an answer takes: no try is begun with less left
TRIES_S = 0.4  # within which a call with the waits of tests is tried again some ten times


async def failure(sim: Simulator, *, model: str | None = T, within: float = 0.0) -> GLMError:
    async with client_of(sim) as client:
        with pytest.raises(GLMError) as caught:
            await ask(client, model=model, within=within or USUAL_S + TRIES_S * slowness())
    return caught.value


@each(("code", "kind", "again"), ROWS)
async def test_a_code_is_repeated_as_its_class_says_and_named_in_the_end(
    sim: Simulator, code: str, kind: str, again: str
) -> None:
    sim.queue(Fault("error", code=code, times=0))
    error = await failure(sim)
    assert (error.kind, error.code) == (kind, code)
    (tries,) = counted(sim).values()
    assert again == "retry" or tries == 1
    assert error.hint
    assert sim.key not in str(error)


@each("code", [code for code, _, again in ROWS if again == "retry"])
async def test_a_code_that_passes_is_asked_again_until_it_does(sim: Simulator, code: str) -> None:
    sim.queue(Fault("error", code=code, times=4))
    async with client_of(sim) as client:
        assert (await ask(client, model=T)).model == T
    assert models_asked(sim) == [T] * 5


@each(
    ("code", "asked"),
    [
        ("1302", [T, V6]),
        ("1303", [T, V6]),
        ("1234", [T, V6]),
        ("1120", [T, V6]),
        ("500", [T, V6]),
        ("1305", [T, V6]),
    ],
)
async def test_the_next_model_answers_when_the_first_stays_in_trouble(
    sim: Simulator, code: str, asked: list[str]
) -> None:
    sim.queue(Fault("error", code=code, model=T, times=0))
    # It rests for longer than a busy machine takes for a step: else it is its turn again.
    async with client_of(sim, pace=Pace(waits=PACE.waits, rest=(10.0, 10.0))) as client:
        answer = await ask(client)
    assert models_asked(sim) == asked
    assert answer.model == V6
    assert answer.fallback is not None
    assert answer.fallback.startswith(f"{T} (")
    assert code in answer.fallback
    assert [a["model"] for a in answer.attempts] == asked
    assert answer.attempts[-1]["outcome"] == "ok"


@each("code", ["1302", "1305", "500"])
async def test_a_trouble_that_passes_is_not_noticed(sim: Simulator, code: str) -> None:
    sim.queue(Fault("error", code=code))
    async with client_of(sim, GLM_FALLBACK="0") as client:
        answer = await ask(client)
    assert models_asked(sim) == [T, T]
    assert (answer.model, answer.fallback) == (T, None)


@each("code", ["1000", "1113", "1301", "1214"])
async def test_what_no_model_can_mend_asks_no_other_model(sim: Simulator, code: str) -> None:
    sim.queue(Fault("error", code=code, times=0))
    assert (await failure(sim, model=None)).code == code
    assert models_asked(sim) == [T]


@each(
    ("code", "status", "kind", "again"),
    [
        ("1113", 500, QuotaError, False),
        ("1113", 429, QuotaError, False),
        ("1302", 400, RateLimited, True),
        ("1302", 200, RateLimited, True),
        ("1305", 503, Overloaded, True),
        ("1234", 401, UpstreamError, True),
        ("8888", 500, UpstreamError, True),
        ("8888", 429, RateLimited, True),
    ],
)
async def test_the_code_decides_and_not_the_status(
    sim: Simulator, code: str, status: int, kind: type[GLMError], again: bool
) -> None:
    sim.queue(Fault("error", code=code, status=status, message="so it is", times=0))
    error = await failure(sim)
    assert type(error) is kind
    assert "so it is" in str(error)
    assert (len(sim.received) > 1) == again


@each("form", ["error_in_200", "flat_error_in_200"])
@each(("code", "again"), [("1000", False), ("1113", False), ("1302", True), ("1234", True)])
async def test_an_error_inside_a_success_is_an_error(
    sim: Simulator, form: str, code: str, again: bool
) -> None:
    sim.queue(Fault(form, code=code, times=0))  # type: ignore[arg-type]  # a plain str is fine at run time
    assert (await failure(sim)).code == code
    assert (len(sim.received) > 1) == again


@pytest.mark.parametrize(("code", "again"), [("1234", True), ("1301", False)])
async def test_an_error_in_the_middle_of_a_stream_is_an_error(sim: Simulator, code: str, again: bool) -> None:
    sim.queue(Fault("error_frame", code=code, chunks=2, times=0))
    error = await failure(sim)
    assert error.code == code
    assert (len(sim.received) > 1) == again
    assert (error.partial is None) == (code == "1301")


@pytest.mark.parametrize("status", [502, 503])
async def test_a_page_of_the_gateway_is_repeated_and_shown_without_its_markup(
    sim: Simulator, status: int
) -> None:
    sim.queue(Fault("html", status=status, times=0))
    error = await failure(sim)
    assert error.kind == "upstream"
    assert f"HTTP {status}" in str(error)
    assert "<" not in str(error)
    assert len(sim.received) > 1


async def test_a_path_that_is_no_api_names_the_setting(sim: Simulator) -> None:
    async with client_of(sim, GLM_BASE_URL=f"{sim.origin}/elsewhere/paas/v4") as client:
        with pytest.raises(GLMError, match=r"^config: .*GLM_BASE_URL"):
            await ask(client)
    assert len(sim.received) == 1


@each("status", [301, 302, 303, 307, 308])
async def test_an_address_that_leads_elsewhere_is_not_followed_with_what_was_asked(status: int) -> None:
    asked: list[httpx.URL] = []

    def lead_on(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(status, headers={"location": "https://elsewhere.invalid/v4/chat/completions"})

    async with client_of(transport=answering(lead_on)) as client:
        with pytest.raises(GLMError, match=r"^config: .*GLM_BASE_URL"):
            await ask(client)
    assert [url.host for url in asked] == ["127.0.0.1"]


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_words_of_the_service_are_shown_in_its_language(sim: Simulator, language: str) -> None:
    sim.switches = Switches(language=language)  # type: ignore[arg-type]  # a plain str is fine at run time
    sim.queue(Fault("error", code="1113"))
    words = {"zh": "余额不足", "en": "Insufficient balance"}[language]
    assert words in str(await failure(sim))


async def test_the_request_id_is_shown(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1214"))
    error = await failure(sim)
    assert error.request_id
    assert f"request id {error.request_id}" in str(error)


# Codes that nobody listed


@each(
    ("status", "message", "kind", "hint", "asked"),
    [
        (400, "model glm-4.7-flash has been deprecated, use another", "", "", [T, V6]),
        (400, "模型 glm-4.7-flash 已下线", "", "", [T, V6]),
        (429, "daily free quota exceeded, resets at 00:00", "", "", [T, V6]),
        (429, "今日免费额度已用完", "", "", [T, V6]),
        (403, "Country, region, or territory not supported", "network", "another network", [T]),
        (451, "no", "network", "another network", [T]),
        (403, "请先完成实名认证后再调用", "auth", "the platform's console", [T]),
        (403, "Your account has been suspended", "auth", "the platform's console", [T]),
        (401, "账号已被冻结", "auth", "the platform's console", [T]),
        (511, "Network Authentication Required", "network", "in a browser", [T]),
    ],
)
async def test_a_refusal_with_a_new_code_is_understood_by_its_words(
    sim: Simulator, status: int, message: str, kind: str, hint: str, asked: list[str]
) -> None:
    sim.queue(Fault("error", code="1399", status=status, message=message, model=T, times=0))
    async with client_of(sim) as client:
        if kind:
            with pytest.raises(GLMError) as raised:
                await ask(client)
            assert raised.value.kind == kind
            assert hint in raised.value.hint
        else:
            assert (await ask(client)).model == V6
    assert models_asked(sim) == asked


@each("code", ["1399", "403"])
async def test_what_is_to_be_done_for_an_account_says_nothing_of_the_key(sim: Simulator, code: str) -> None:
    sim.queue(Fault("error", code=code, status=403, message="请先完成实名认证", times=0))
    async with client_of(sim) as client:
        client.key_help = "Run `glm-mcp key`."
        with pytest.raises(GLMError) as raised:
            await ask(client)
    assert "key" not in str(raised.value).lower()
    assert "console" in raised.value.hint


async def test_an_allowance_that_is_used_up_for_all_models_is_told_at_once(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1399", status=429, message="daily quota exceeded", times=0))
    error = await failure(sim, model=None)
    assert error.kind == "quota"
    assert len(set(models_asked(sim))) == len(models_asked(sim))


# Retry-After


async def test_a_wait_that_the_service_asks_for_is_kept(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1302", retry_after="1"))
    async with client_of(sim, GLM_FALLBACK="0") as client:
        await ask(client)
    first, second = sim.received
    assert second.started - first.started >= 0.95


async def test_a_wait_may_be_a_date(sim: Simulator) -> None:
    when = (datetime.now(UTC) + timedelta(seconds=2)).replace(microsecond=0)
    sim.queue(Fault("error", code="1302", retry_after=format_datetime(when, usegmt=True)))
    async with client_of(sim, GLM_FALLBACK="0") as client:
        await ask(client)
    assert datetime.now(UTC) >= when
    assert len(sim.received) == 2


@pytest.mark.parametrize("wait", ["86400", "Fri, 31 Dec 2100 23:59:59 GMT"])
async def test_a_wait_beyond_the_deadline_takes_the_next_model_at_once(sim: Simulator, wait: str) -> None:
    sim.queue(Fault("error", code="1302", retry_after=wait, model=T, times=0))
    async with client_of(sim) as client:
        with anyio.fail_after(4 * slowness()):
            answer = await ask(client)
    assert models_asked(sim) == [T, V6]
    assert answer.model == V6


async def test_a_wait_beyond_the_deadline_fails_at_once_when_there_is_no_other_model(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1302", retry_after="86400"))
    with anyio.fail_after(4 * slowness()):
        error = await failure(sim)
    assert (error.kind, len(sim.received)) == ("rate_limited", 1)
    assert "asks to wait 86,400 s" in error.hint


@each("wait", ["", "soon", "-5", "nan", "inf", "1e400"])
async def test_a_wait_that_makes_no_sense_is_left_alone(sim: Simulator, wait: str) -> None:
    sim.queue(Fault("error", code="1302", retry_after=wait))
    async with client_of(sim, GLM_FALLBACK="0") as client:
        assert (await ask(client)).model == T
    assert len(sim.received) == 2


# Keys and strange bodies


@each("status", [200, 400, 401, 500])
async def test_a_key_that_the_service_repeats_is_not_shown(status: int) -> None:
    odd = "my-own-odd-key"

    def repeat(request: httpx.Request) -> httpx.Response:
        said = {"code": "1002", "message": f"bad {request.headers['authorization']}, that is {KEY} and {odd}"}
        return httpx.Response(status, json={"error": said}, headers={"x-log-id": "l1"})

    for key in (KEY, odd):
        async with client_of(transport=answering(repeat), GLM_API_KEY=key) as client:
            with pytest.raises(GLMError) as caught:
                await ask(client)
        assert key not in str(caught.value)
        assert key not in json.dumps(caught.value.as_meta())
        assert caught.value.kind == "auth"


async def test_without_a_key_the_way_to_one_and_the_simulator_are_named(sim: Simulator) -> None:
    async with client_of(sim, GLM_API_KEY=None) as client:
        with pytest.raises(GLMError, match=r"^config: no API key.*https://.*GLM_SIMULATE=1"):
            await ask(client)
    assert sim.received == []


BODIES = (
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"[" * 60_000,
    b'{"a":' * 60_000,
    b"\xff\xfe\x00",
    b'{"choices": 5}',
    b'{"choices": [5]}',
    b'{"choices": [{"message": 5}]}',
    b'{"usage": {"prompt_tokens": Infinity}}',
    b"1" * 5_000,
)


def answered_with(status: int, content: bytes, kind: str) -> Transport:
    headers = {"content-type": kind} if kind else {}
    return answering(lambda _: httpx.Response(status, content=content, headers=headers))


@each("kind", ["application/json", "text/event-stream", "text/html", ""])
@each("status", [200, 400, 500])
async def test_any_body_is_an_error_of_ours(kind: str, status: int) -> None:
    for body in BODIES:
        content = b"data: " + body + b"\n\n" if "stream" in kind else body
        async with client_of(
            transport=answered_with(status, content, kind), pace=Pace(waits=(0, 0))
        ) as client:
            with pytest.raises(GLMError) as caught:
                await ask(client, model=T, within=0.9)
        assert caught.value.kind in {"upstream", "invalid_request"}, body[:40]
        assert caught.value.hint, body[:40]


async def test_codes_of_any_number_are_counted_together_beyond_some() -> None:
    numbers = itertools.count(9_000)

    def no(_: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"error": {"code": str(next(numbers)), "message": "no"}})

    async with client_of(transport=answering(no)) as client:
        for _ in range(60):
            with pytest.raises(GLMError):
                await ask(client, model=T)
        errors = client.usage()["models"][T]["errors"]
    assert len(errors) == ERRORS + 1
    assert errors["other"] == 60 - ERRORS


async def test_what_was_written_before_a_refusal_that_is_mended_is_counted_once() -> None:
    words: list[object] = [{"choices": [{"index": 0, "delta": {"content": f"word {n} "}}]} for n in range(50)]
    refusal: object = {"error": {"code": "1210", "message": "max_tokens参数非法：限制数值范围[1,100]"}}
    end = {"choices": [{"index": 0, "delta": {"content": "well"}, "finish_reason": "stop"}]}
    answers: Iterator[list[object]] = iter([[*words, refusal], [end]])

    def stream(_: httpx.Request) -> httpx.Response:
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in next(answers))
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body.encode())

    async with client_of(transport=answering(stream)) as client:
        assert (await ask(client, model=T)).text == "well"
        assert client.usage()["models"][T]["tokens"]["out"] == len(words) + 1
