"""Decisions: which model is asked next and when, how long to wait, which model can do a job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.calls import C3, V1, V4, V6, L, T
from support.cases import each

from glm_mcp.errors import Again, GLMError, NetworkError, Overloaded, RateLimited, UpstreamError
from glm_mcp.glm.messages import ChatRequest, File, Image, Message, Text, Video
from glm_mcp.glm.network.failures import retry_after
from glm_mcp.glm.policy import (
    LAST_RESORT_SHARE,
    UNREACHED_TRIES,
    UNUSABLE_TRIES,
    Ask,
    End,
    Leave,
    Phase,
    Standing,
    Wait,
    delay,
    ends_call,
    ends_model,
    first_byte_s,
    in_time,
    next_step,
    size_for,
    unable,
    unable_to_draw,
)
from glm_mcp.registry import ENDPOINTS, card, endpoint, place

ZHIPU, ZAI = ENDPOINTS["zhipu"], ENDPOINTS["zai"]
DEADLINE = 60.0


# Which model is asked next, and when. Every call of these tables began at 0; a model may be silent for 5 s, 15 in the middle, and answers
# in 2 s where nothing else is said.


def standing(model: str, **known: Any) -> Standing:
    return Standing(card(model), **{"first_byte_s": 5.0, "usual_s": 2.0, "stall_s": 15.0, **known})


def silent(model: str, since: float, **known: Any) -> Standing:
    return standing(model, phase=Phase.SILENT, since=since, tries=1, **known)


def queued(model: str, since: float, queue_s: float, **known: Any) -> Standing:
    return standing(model, phase=Phase.QUEUED, since=since, queue_s=queue_s, **known)


def speaking(model: str, heard_at: float, **known: Any) -> Standing:
    return standing(model, phase=Phase.SPEAKING, since=0.0, heard_at=heard_at, tries=1, **known)


def refused(model: str, ready_at: float, times: int = 1, **known: Any) -> Standing:
    return standing(model, refusals=times, tries=times, ready_at=ready_at, **known)


def step(*models: Standing, now: float, beside: bool = True, deadline: float = DEADLINE) -> str:
    match next_step(models, started=0.0, now=now, deadline=deadline, beside=beside):
        case Ask(model):
            return f"ask {model.card.id}"
        case Leave(model):
            return f"leave {model.card.id}"
        case Wait(until):
            return f"wait {until:g}"
        case End():
            return "end"


@each(
    ("now", "models", "expected"),
    [
        (0, [standing(T), standing(V6), standing(L)], f"ask {T}"),
        (3, [silent(T, 0), standing(V6), standing(L)], "wait 5"),
        (5, [silent(T, 0), standing(V6), standing(L)], f"ask {V6}"),
        (6, [silent(T, 0), silent(V6, 5), standing(L)], "wait 10"),
        (6, [speaking(T, 0), silent(V6, 5), standing(L)], "wait 15"),
        (40, [speaking(T, 39), standing(V6), standing(L)], "wait 54"),
        # the slowest of those that are within their time is waited for
        (7, [silent(T, 0), silent(V6, 5, first_byte_s=9.0), standing(V1)], "wait 14"),
        # nobody is left to be asked beside
        (9, [silent(T, 0)], "wait 60"),
        (12, [silent(T, 0), speaking(V6, 5)], "wait 20"),
    ],
)
def test_a_model_is_asked_and_when_it_is_silent_too_long_the_next_beside_it(
    now: float, models: list[Standing], expected: str
) -> None:
    assert step(*models, now=now) == expected


@each(
    ("now", "models", "expected"),
    [
        (20, [speaking(T, 5), standing(V6), standing(L)], f"ask {V6}"),
        (20, [speaking(T, 5, stall_s=25.0), standing(V6), standing(L)], "wait 30"),
        (20, [speaking(T, 5), silent(V6, 19), standing(L)], "wait 24"),
        (16, [speaking(T, 1), refused(V6, 20), standing(L)], f"ask {L}"),
        # nobody is left to be asked beside: it is asked again while there is time
        (20, [speaking(T, 5)], "wait 32.5"),
        (33, [speaking(T, 5)], f"leave {T}"),
        (33, [speaking(T, 5, anew=True)], "wait 60"),
        (33, [speaking(T, 5, usual_s=30.0)], "wait 60"),
    ],
)
def test_a_model_that_stops_in_the_middle_of_its_answer_is_as_one_that_does_not_begin(
    now: float, models: list[Standing], expected: str
) -> None:
    assert step(*models, now=now) == expected


@pytest.mark.parametrize(
    ("now", "models", "expected"),
    [
        (1, [refused(T, 2), standing(V6), standing(L)], f"ask {V6}"),
        (3, [refused(T, 2), standing(V6), standing(L)], f"ask {V6}"),
        (3, [refused(T, 2), refused(V6, 4), refused(L, 5)], f"ask {T}"),
        (4, [refused(T, 9, 2), refused(V6, 4), refused(L, 4)], f"ask {V6}"),
        (4, [refused(T, 4, 2), refused(V6, 4, 2), refused(L, 4)], f"ask {L}"),
        (3, [refused(T, 9, 2), refused(V6, 7), refused(L, 8)], "wait 7"),
        (57, [refused(T, 57.5), standing(V6, out=True), standing(L, out=True)], "wait 57.5"),
    ],
)
def test_after_the_last_model_the_round_begins_again(
    now: float, models: list[Standing], expected: str
) -> None:
    assert step(*models, now=now) == expected


@each(
    ("models", "expected"),
    [
        ([standing(T, rests_until=9.0), standing(V6), standing(L)], f"ask {V6}"),
        ([standing(T, rests_until=3.0), standing(V6), standing(L)], f"ask {T}"),
        ([standing(T, rests_until=9.0), standing(V6, rests_until=9.0), standing(L)], f"ask {L}"),
        ([standing(T, rests_until=9.0), standing(V6, rests_until=9.0)], f"ask {T}"),
        ([standing(T, rests_until=9.0), refused(V6, 3)], f"ask {T}"),
        # one that has just refused another call is left in peace for a moment
        ([standing(T, pauses_until=4.0), standing(V6), standing(L)], f"ask {V6}"),
        # in whose queue a call keeps its place where nobody else can be asked
        ([standing(T, pauses_until=4.0)], f"ask {T}"),
        ([standing(T, pauses_until=4.0), refused(V6, 5)], f"ask {T}"),
        ([standing(T, pauses_until=4.0), silent(V6, 0.0)], "wait 5"),
        ([queued(T, 0.0, 0.0, pauses_until=4.0), standing(V6)], f"ask {V6}"),
        ([queued(T, 0.0, 0.0, pauses_until=4.0)], "wait 60"),
        # too busy to begin within its time
        ([standing(T, queue_s=6.0), standing(V6), standing(L)], f"ask {V6}"),
        ([standing(T, queue_s=4.0), standing(V6), standing(L)], f"ask {T}"),
        ([standing(T, queue_s=6.0), standing(V6, queue_s=6.0), standing(L)], f"ask {L}"),
        ([standing(T, queue_s=6.0), standing(V6, queue_s=6.0)], f"ask {T}"),
        ([standing(T, queue_s=6.0), standing(V6, rests_until=9.0)], f"ask {T}"),
    ],
)
def test_who_refused_other_calls_or_is_busy_goes_behind_the_others(
    models: list[Standing], expected: str
) -> None:
    assert step(*models, now=3) == expected


@each(
    ("now", "models", "expected"),
    [
        (14, [silent(T, 0, first_byte_s=8.0), silent(V6, 8), standing(L)], "wait 20"),
        # a place that this very call has taken is no queue
        (
            14,
            [silent(T, 0, first_byte_s=8.0, queue_s=9.0), silent(V6, 8, queue_s=7.0), standing(L)],
            "wait 20",
        ),
        # one that is silent for twice its time hangs
        (14, [silent(T, 0, first_byte_s=7.0), silent(V6, 8), standing(L)], f"ask {L}"),
        (20, [silent(T, 0, first_byte_s=11.0), silent(V6, 11, first_byte_s=9.0), standing(L)], f"ask {L}"),
        (6, [silent(T, 0), refused(V6, 8), standing(L)], f"ask {L}"),
        (6, [silent(T, 0), standing(V6, rests_until=9.0), standing(L)], f"ask {L}"),
        (1, [refused(T, 2), refused(V6, 2), standing(L)], f"ask {L}"),
        (1, [standing(T, out=True), standing(V6, out=True), standing(L)], f"ask {L}"),
        (1, [standing(T, out=True), silent(V6, 0), standing(L)], "wait 5"),
        (6, [queued(T, 0, 4), queued(V6, 0, 4), standing(L)], f"ask {L}"),
        (0, [standing(L)], f"ask {L}"),
    ],
)
def test_a_last_resort_is_asked_once_the_others_are_not_to_be_had_or_a_third_of_the_time_is_gone(
    now: float, models: list[Standing], expected: str
) -> None:
    assert DEADLINE * LAST_RESORT_SHARE == 20
    assert step(*models, now=now) == expected


@each(
    ("now", "models", "expected"),
    [
        (0, [queued(T, 0, 1), standing(V6)], "wait 1"),
        (4.5, [queued(T, 0, 1), standing(V6)], "wait 5"),
        (5, [queued(T, 0, 1), standing(V6)], f"ask {V6}"),
        (0, [queued(T, 0, 6), standing(V6)], f"ask {V6}"),
        (0, [queued(T, 0, float("inf")), standing(V6)], f"ask {V6}"),
        (57, [queued(T, 57, 2), standing(V6)], f"ask {V6}"),  # its answer would come after the deadline
        (0, [queued(T, 0, 6), queued(V6, 0, 1), standing(L)], "wait 1"),
        (0, [queued(T, 0, 6), queued(V6, 0, 6), standing(L)], f"ask {L}"),
    ],
)
def test_nobody_waits_in_a_queue_that_outlasts_its_time_while_another_is_free(
    now: float, models: list[Standing], expected: str
) -> None:
    assert step(*models, now=now) == expected


@each(
    ("now", "models", "expected"),
    [
        (1, [standing(T, out=True), standing(V6, out=True)], "end"),
        (58, [refused(T, 58)], "end"),
        (57, [refused(T, 57)], f"ask {T}"),
        (50, [refused(T, 58.5)], "end"),
        (59.9, [standing(T)], f"ask {T}"),  # of which no answer is known
        (58.9, [standing(T, soonest_s=1.0)], f"ask {T}"),
        (59.1, [standing(T, soonest_s=1.0)], "end"),  # it never was as fast
        (58, [refused(T, 58), refused(V6, 50, usual_s=1.0)], f"ask {V6}"),
        # its answers were long, but nobody knows of this one
        (9, [refused(T, 9, usual_s=55.0)], f"ask {T}"),
        (9, [refused(T, 12, usual_s=55.0)], "wait 12"),
        (31, [refused(T, 31, usual_s=55.0)], "end"),
        (58, [refused(T, 58), silent(V6, 50)], "wait 60"),
    ],
)
def test_a_call_ends_early_only_when_no_answer_can_come_in_time(
    now: float, models: list[Standing], expected: str
) -> None:
    assert step(*models, now=now) == expected


def test_a_call_that_has_less_time_than_answers_take_is_made_all_the_same() -> None:
    assert step(standing(T, soonest_s=2.0), now=0, deadline=0.1) == f"ask {T}"
    assert step(standing(T, soonest_s=2.0), now=0.06, deadline=0.1) == "end"


@each(
    ("now", "deadline", "models", "expected"),
    [
        # when as much time is left as it has been silent
        (12, 60, [silent(T, 0), silent(V6, 6)], "wait 33"),
        (33, 60, [silent(T, 0), silent(V6, 6)], f"leave {V6}"),
        # or when it has been so for longer than any hang that ended
        (13, 300, [silent(T, 0), silent(V6, 5), silent(L, 7)], "wait 85"),
        (85, 300, [silent(T, 0), silent(V6, 5), silent(L, 7)], f"leave {V6}"),
        # one that was asked again has its time, and the one that was asked first is left waiting
        (86, 300, [silent(T, 0), silent(V6, 85, anew=True), silent(L, 7)], "wait 90"),
        (90, 300, [silent(T, 0), silent(V6, 85, anew=True), silent(L, 7)], f"leave {L}"),
        (96, 300, [silent(T, 0), silent(V6, 85, anew=True), silent(L, 91, anew=True)], "wait 300"),
        (80, 300, [silent(T, 0)], "wait 300"),
        # nobody is hung up on while another can be asked, nor for an answer that would come too late
        (33, 60, [silent(T, 0), silent(V6, 6), standing(L)], f"ask {L}"),
        (59, 60, [silent(T, 0), silent(V6, 6)], "wait 60"),
    ],
)
def test_where_all_hang_one_is_asked_again_and_the_one_that_was_asked_first_is_waited_for(
    now: float, deadline: float, models: list[Standing], expected: str
) -> None:
    assert step(*models, now=now, deadline=deadline) == expected


@each("now", [1, 31, 59])
def test_a_drawing_is_never_asked_for_beside_another(now: float) -> None:
    other = standing("cogview-4")
    assert step(silent(C3, 0), other, now=now, beside=False) == "wait 60"
    assert step(refused(C3, 70), other, now=now, beside=False) == "ask cogview-4"


TIMES = st.floats(0, 70)
STANDINGS = st.builds(
    standing,
    st.sampled_from([T, V6, L]),
    phase=st.sampled_from(Phase),
    since=TIMES,
    heard_at=TIMES,
    first_byte_s=st.floats(0.1, 30),
    usual_s=st.floats(0, 30),
    soonest_s=st.floats(0, 30),
    rests_until=TIMES,
    pauses_until=TIMES,
    queue_s=TIMES | st.just(float("inf")),
    ready_at=TIMES,
    tries=st.integers(0, 5),
    anew=st.booleans(),
    refusals=st.integers(0, 5),
    out=st.booleans(),
)


@given(st.lists(STANDINGS, min_size=1, max_size=4), st.floats(0, 59.9), st.booleans())
def test_whatever_happened_only_who_may_be_asked_is_and_no_wait_is_over_before_it_began(
    models: list[Standing], now: float, beside: bool
) -> None:
    busy = [m for m in models if m.phase is not Phase.IDLE]
    match next_step(models, started=0.0, now=now, deadline=DEADLINE, beside=beside):
        case Ask(model):
            assert model in models
            assert model.phase is Phase.IDLE
            assert not model.out
            assert model.ready_at <= max(now, model.pauses_until)
            assert model.pauses_until <= now or not busy
            assert beside or not busy
            assert all(m.late_at <= now for m in busy if m.phase is not Phase.QUEUED)
        case Leave(model):
            assert beside
            assert all(m.late_at <= now for m in busy if m.phase is not Phase.QUEUED)
            assert model.phase is Phase.SPEAKING or [
                m for m in busy if m.phase is Phase.SILENT and m is not model
            ]
        case Wait(until):
            assert now < until
        case End():
            assert not busy
            assert all(m.out or not in_time(m, 0.0, now, DEADLINE) for m in models)


@given(st.integers(1, 40), st.floats(0, 1, exclude_max=True))
def test_the_wait_doubles_with_each_refusal_within_its_bounds(refusals: int, chance: float) -> None:
    longest = min(8.0, 2.0 ** (refusals - 1))
    assert longest / 4 <= delay(refusals, None, lambda: chance, (1.0, 8.0)) <= longest
    assert delay(refusals, None, lambda: 1.0, (1.0, 8.0)) == longest


@given(st.floats(0, 1e9), st.integers(1, 8))
def test_a_wait_that_the_service_names_is_taken_as_it_is_unless_it_is_hardly_one(
    seconds: float, refusals: int
) -> None:
    least = delay(refusals, None, lambda: 0.0, (1.0, 8.0))
    assert delay(refusals, seconds, lambda: 0.5, (1.0, 8.0)) == max(seconds, least)


EMPTY = UpstreamError("no words", again=Again.RETRY)


@each(
    ("error", "tries", "ends"),
    [
        (UpstreamError("x", again=Again.NEVER), 1, True),
        (UpstreamError("x", again=Again.NEXT), 1, True),
        (UpstreamError("x", again=Again.GONE), 1, True),
        (Overloaded("x", code="1305", again=Again.RETRY), 100, False),
        (RateLimited("x", code="1302", again=Again.RETRY), 100, False),
        (UpstreamError("x", code="1234", again=Again.RETRY), 100, False),
        (UpstreamError("x", status=502, again=Again.RETRY), 100, False),
        # answers that came and were none are paid for
        (EMPTY, UNUSABLE_TRIES - 1, False),
        (EMPTY, UNUSABLE_TRIES, True),
        (EMPTY.but(code="repetition"), UNUSABLE_TRIES, True),
    ],
)
def test_what_may_pass_is_asked_again_to_the_deadline_and_what_is_paid_for_a_few_times(
    error: GLMError, tries: int, ends: bool
) -> None:
    assert ends_model(error, tries) is ends


@each(
    ("again", "tries", "reached", "ends"),
    [
        (Again.NEVER, 1, True, True),
        (Again.RETRY, UNREACHED_TRIES - 1, False, False),
        (Again.RETRY, UNREACHED_TRIES, False, True),
        (Again.RETRY, 100, True, False),
    ],
)
def test_a_host_that_was_never_reached_ends_a_call_sooner_than_one_that_was(
    again: Again, tries: int, reached: bool, ends: bool
) -> None:
    assert ends_call(NetworkError("x", again=again), tries, reached=reached) is ends


@each(("tokens", "size", "seconds"), [(0, 0, 6), (10_000, 0, 7), (0, 8_000_000, 14), (50_000, 2_000_000, 13)])
def test_a_large_request_may_be_silent_longer(tokens: int, size: int, seconds: float) -> None:
    assert first_byte_s(6.0, tokens, size) == seconds


def header(value: str | None) -> float | None:
    return retry_after({"retry-after": value}.get)


@each(
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


def test_a_date_to_retry_after_goes_by_the_clock_of_whoever_names_it() -> None:
    when, now = "Wed, 21 Oct 2015 07:28:30 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"
    assert retry_after({"retry-after": when, "date": now}.get) == 30


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,6} \d\d:\d\d:\d\d [-+]?\w{1,5}"))
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("Mon, 01 Jan 99999999999 00:00:00 GMT")
def test_any_retry_after_is_a_number_of_seconds_or_nothing(value: str) -> None:
    found = header(value)
    assert found is None or 0 <= found < float("inf")


# Which model can do a job

PAID = "glm-5.3-flash"
PIC, VID, FIL = Image("i", url="https://i"), Video("v", url="https://v"), File("f", "https://f")
FUNCTION = {"type": "function", "function": {"name": "f"}}
SEARCH = {"type": "web_search", "web_search": {}}
TOLD = (Message("user", "x"), Message("tool", "y", {"tool_call_id": "1"}))


def asked(*parts: Any, **wishes: Any) -> ChatRequest:
    return ChatRequest((Message("user", (*parts, Text("what is it"))),), **wishes)


@each(
    ("request_", "task", "able"),
    [
        (asked(), None, {T, V6, V1, V4, L, PAID}),
        (asked(PIC), None, {V6, V1, V4, PAID}),
        (asked(PIC), "ocr", {V6, V1, V4, PAID}),
        (asked(PIC), "locate", {V6, V1, PAID}),
        (asked(PIC), "ui_action", {V6, V1, PAID}),
        (asked(PIC), "ui_to_code", {V6, V1, PAID}),
        (asked(PIC, PIC), "describe", {V6, V1, PAID}),
        (asked(*[PIC] * 40), None, {V6, V1, PAID}),
        (asked(*[PIC] * 50), None, {V6, PAID}),
        (asked(*[PIC] * 51), None, set()),
        (asked(VID), None, {V6, V1, PAID}),
        (asked(FIL), None, {V6, PAID}),
        (asked(functions=(FUNCTION,)), None, {T, V6, L, PAID}),
        (asked(functions=(SEARCH,)), None, {T}),
        (asked(PIC, functions=(FUNCTION,)), None, {V6, PAID}),
        (asked(PIC, functions=(SEARCH,)), None, set()),
        (ChatRequest(TOLD), None, {T, V6, L, PAID}),
        (asked(Text("汉" * 22_000)), None, {T, V6, V1, V4, L, PAID}),
        (asked(Text("汉" * 23_000)), None, {T, V6, V1, L, PAID}),  # above 15,246 tokens
        (asked(Text("汉" * 120_000)), None, {T, V6, L, PAID}),
        (asked(Text("汉" * 250_000)), None, {T, PAID}),
        (asked(Text("汉" * 310_000)), None, {PAID}),
        (asked(Text("汉" * 1_600_000)), None, set()),
        (asked(Text("汉" * 150_000), max_tokens=131_072), None, {L, PAID}),
    ],
)
def test_which_models_can_do_a_job(request_: ChatRequest, task: str | None, able: set[str]) -> None:
    reasons = {m: unable(card(m), ZHIPU, request_, task) for m in (T, V6, V1, V4, L, PAID, C3)}
    assert {m for m, why in reasons.items() if why is None} == able
    assert all(m in why.reason for m, why in reasons.items() if why)


@each(
    ("model", "request_", "kind"),
    [
        (V1, asked(), "place"),
        (V4, asked(), "place"),
        (C3, asked(), "place"),
        (T, asked(PIC), "ability"),
        (T, asked(Text("汉" * 310_000)), "window"),
    ],
)
def test_why_a_model_cannot_is_a_kind_for_programs_and_a_reason_for_people(
    model: str, request_: ChatRequest, kind: str
) -> None:
    why = unable(card(model), ZAI, request_, None)
    assert why is not None
    assert why.kind == kind
    if kind == "place":
        assert why.reason == f"{model} is not offered at zai"


def test_only_a_model_that_draws_is_asked_for_a_drawing() -> None:
    assert unable_to_draw(card(C3), ZHIPU) is None
    away, other = unable_to_draw(card(C3), ZAI), unable_to_draw(card(T), ZHIPU)
    assert away is not None
    assert other is not None
    assert (away.kind, other.kind) == ("place", "ability")


@each("model", [V6, V1, V4, PAID])
def test_media_count_towards_the_window_as_the_model_counts_them(model: str) -> None:
    more = size_for(card(model), asked(PIC, PIC)) - size_for(card(model), asked())
    assert more == 2 * card(model).image_tokens > 0


# Where a model lives


@each(
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


@each(
    ("base", "name", "compatible"),
    [
        ("zai", "zai", False),
        ("https://open.bigmodel.cn/api/paas/v4/", "zhipu", False),
        ("https://api.z.ai/api/coding/paas/v4", "zai-coding", False),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1", True),
        ("http://proxy.example/api/paas/v4", "http://proxy.example/api/paas/v4", False),
        # the address of one method instead of the base of all
        ("https://open.bigmodel.cn/api/paas/v4/chat/completions", "zhipu", False),
        ("http://127.0.0.1:8000/v1/chat/completions/", "http://127.0.0.1:8000/v1", True),
    ],
)
def test_an_address_is_one_of_the_four_or_a_compatible_server(base: str, name: str, compatible: bool) -> None:
    found = endpoint(base)
    assert (found.name, found.compatible) == (name, compatible)
    assert all(place(m, found) for m in (T, V6)) or name.endswith("coding")
