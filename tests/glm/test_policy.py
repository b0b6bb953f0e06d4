"""Decisions: what to do after a failure, how long to wait, which model can do a job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.calls import C3, V1, V4, V6, T

from glm_mcp.errors import Again, GLMError, NetworkError, RateLimited, UpstreamError
from glm_mcp.glm.messages import ChatRequest, File, Image, Message, Text, Video
from glm_mcp.glm.policy import TRIES, Step, decide, delay, retry_after, size_of, unable
from glm_mcp.registry import ENDPOINTS, card, endpoint, place

ZHIPU, ZAI = ENDPOINTS["zhipu"], ENDPOINTS["zai"]
RETRY, NEXT, FAIL = Step.RETRY, Step.NEXT, Step.FAIL


@pytest.mark.parametrize(
    ("again", "tries", "wait", "more", "step"),
    [
        (Again.NEVER, 1, 0, True, FAIL),
        (Again.NEVER, 1, 0, False, FAIL),
        (Again.RETRY, 1, 1, True, RETRY),
        (Again.RETRY, 2, 1, True, RETRY),
        (Again.RETRY, 3, 1, True, NEXT),
        (Again.RETRY, 3, 1, False, FAIL),
        (Again.ONCE, 1, 1, True, RETRY),
        (Again.ONCE, 2, 1, True, NEXT),
        (Again.ONCE, 2, 1, False, RETRY),
        (Again.ONCE, 3, 1, False, FAIL),
        (Again.NEXT, 1, 0, True, NEXT),
        (Again.NEXT, 1, 0, False, FAIL),
        # a wait that the time left does not allow
        (Again.RETRY, 1, 10, True, NEXT),
        (Again.RETRY, 1, 10, False, FAIL),
        (Again.ONCE, 1, 11, True, NEXT),
        (Again.ONCE, 1, 11, False, FAIL),
    ],
)
def test_what_follows_a_failure(again: Again, tries: int, wait: float, more: bool, step: Step) -> None:
    error = UpstreamError("x", again=again)
    assert decide(error, tries=tries, wait=wait, time_left=10, more_models=more) is step


def test_another_model_is_no_help_when_the_host_is_not_reached() -> None:
    error = NetworkError("x", again=Again.RETRY)
    assert decide(error, tries=1, wait=1, time_left=10, more_models=True) is RETRY
    assert decide(error, tries=3, wait=1, time_left=10, more_models=True) is FAIL


@given(
    st.sampled_from(list(Again)),
    st.sampled_from([RateLimited, UpstreamError, NetworkError]),
    st.integers(1, 10),
    st.floats(0, 1e6),
    st.floats(-10, 1e3),
    st.booleans(),
)
def test_nothing_is_repeated_beyond_its_tries_or_its_time(
    again: Again, cls: type[GLMError], tries: int, wait: float, left: float, more: bool
) -> None:
    step = decide(cls("x", again=again), tries=tries, wait=wait, time_left=left, more_models=more)
    if step is RETRY:
        assert again in {Again.RETRY, Again.ONCE}
        assert tries < TRIES
        assert wait < left
    if step is NEXT:
        assert more
        assert again is not Again.NEVER


@given(st.integers(1, 8), st.floats(0, 1, exclude_max=True))
def test_the_wait_is_within_its_bounds_and_doubles_them(tries: int, chance: float) -> None:
    found = delay(tries, None, lambda: chance)
    assert 1.0 <= found <= min(8.0, 2.0**tries)
    assert delay(tries, None, lambda: 0.0) == 1.0


@given(st.floats(0, 1e9), st.integers(1, 8))
def test_a_wait_that_the_service_names_is_taken_as_it_is(seconds: float, tries: int) -> None:
    assert delay(tries, seconds, lambda: 0.5) == seconds


def header(value: str | None) -> float | None:
    return retry_after({"retry-after": value}.get)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("0", 0),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("86400000", 86_400_000),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_read_or_left_alone(value: str | None, seconds: float | None) -> None:
    assert header(value) == seconds


@pytest.mark.parametrize("zone", [UTC, None])
def test_retry_after_may_be_a_date(zone: Any) -> None:
    when = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=zone)
    found = header(format_datetime(when))
    assert found is not None
    assert 3_500 < found <= 3_600


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,6} \d\d:\d\d:\d\d [-+]?\w{1,5}"))
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("Mon, 01 Jan 99999999999 00:00:00 GMT")
def test_any_retry_after_is_a_number_of_seconds_or_nothing(value: str) -> None:
    found = header(value)
    assert found is None or 0 <= found < float("inf")


# Which model can do a job

PIC, VID, FIL = Image("i", url="https://i"), Video("v", url="https://v"), File("f", "https://f")
FUNCTION = {"type": "function", "function": {"name": "f"}}
SEARCH = {"type": "web_search", "web_search": {}}
TOLD = (Message("user", "x"), Message("tool", "y", {"tool_call_id": "1"}))


def asked(*parts: Any, **wishes: Any) -> ChatRequest:
    return ChatRequest((Message("user", (*parts, Text("what is it"))),), **wishes)


@pytest.mark.parametrize(
    ("request_", "task", "able"),
    [
        (asked(), None, {T, V6, V1, V4}),
        (asked(PIC), None, {V6, V1, V4}),
        (asked(PIC), "describe", {V6, V1, V4}),
        (asked(PIC), "ocr", {V6, V1}),
        (asked(PIC, PIC), "describe", {V6, V1}),
        (asked(*[PIC] * 40), None, {V6, V1}),
        (asked(*[PIC] * 50), None, {V6}),
        (asked(*[PIC] * 51), None, set()),
        (asked(VID), None, {V6, V1}),
        (asked(FIL), None, {V6}),
        (asked(functions=(FUNCTION,)), None, {T, V6}),
        (asked(functions=(SEARCH,)), None, {T}),
        (asked(PIC, functions=(FUNCTION,)), None, {V6}),
        (asked(PIC, functions=(SEARCH,)), None, set()),
        (ChatRequest(TOLD), None, {T, V6}),
        (asked(Text("汉" * 30_000)), None, {T, V6, V1}),
        (asked(Text("汉" * 120_000)), None, {T, V6}),
        (asked(Text("汉" * 250_000)), None, {T}),
        (asked(Text("汉" * 310_000)), None, set()),
        (asked(Text("汉" * 150_000), max_tokens=131_072), None, set()),
    ],
)
def test_which_models_can_do_a_job(request_: ChatRequest, task: str | None, able: set[str]) -> None:
    reasons = {m: unable(card(m), ZHIPU, request_, task) for m in (T, V6, V1, V4, C3)}
    assert {m for m, reason in reasons.items() if reason is None} == able
    assert all(m in reason for m, reason in reasons.items() if reason)


@pytest.mark.parametrize("model", [V1, V4, C3])
def test_a_model_that_the_platform_lacks_is_named_with_the_platform(model: str) -> None:
    assert unable(card(model), ZAI, asked(), None) == f"{model} is not offered at zai"


def test_media_count_towards_the_window() -> None:
    assert size_of(asked(PIC)) - size_of(asked()) >= 1_000


# Where a model lives


@pytest.mark.parametrize(
    ("home", "model", "where"),
    [
        ("zhipu", T, "zhipu"),
        ("zhipu", C3, "zhipu"),
        ("zai", T, "zai"),
        ("zai", V6, "zai"),
        ("zai", V1, None),
        ("zai", V4, None),
        ("zai", C3, None),
        ("zhipu-coding", T, "zhipu"),
        ("zhipu-coding", V6, "zhipu"),
        ("zhipu-coding", C3, "zhipu"),
        ("zhipu-coding", "glm-4.7", "zhipu-coding"),
        ("zai-coding", T, "zai"),
        ("zai-coding", C3, None),
        ("zai-coding", "glm-5", "zai-coding"),
    ],
)
def test_each_model_goes_to_the_endpoint_of_the_same_platform_that_has_it(
    home: str, model: str, where: str | None
) -> None:
    found = place(model, ENDPOINTS[home])
    assert (found.name if found else None) == where


@pytest.mark.parametrize(
    ("base", "name", "compatible"),
    [
        ("zai", "zai", False),
        ("https://open.bigmodel.cn/api/paas/v4/", "zhipu", False),
        ("https://api.z.ai/api/coding/paas/v4", "zai-coding", False),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1", True),
        ("http://proxy.example/api/paas/v4", "http://proxy.example/api/paas/v4", False),
    ],
)
def test_an_address_is_one_of_the_four_or_a_compatible_server(base: str, name: str, compatible: bool) -> None:
    found = endpoint(base)
    assert (found.name, found.compatible) == (name, compatible)
    assert all(place(m, found) for m in (T, V6)) or name.endswith("coding")
