"""What a process remembers of its models, on a clock of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.calls import V6, T
from support.clock import Clock

from glm_mcp.errors import InvalidRequest
from glm_mcp.glm.learnt.health import (
    GONE_S,
    GROWTH,
    LONGEST,
    PATIENCE,
    PAUSE,
    REST_S,
    SHORTEST_S,
    USUAL_S,
    Health,
    RefusedFilms,
)
from glm_mcp.registry import card

CARD = card(T)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock=clock)


def rest_s(health: Health, clock: Clock) -> float:
    return max(0.0, health.of(T).rests_until - clock.now)


def test_a_model_that_refuses_rests_twice_as_long_each_time_up_to_five_minutes(
    health: Health, clock: Clock
) -> None:
    rests = []
    for _ in range(8):
        health.refused(T)
        rests.append(rest_s(health, clock))
        clock.now += rests[-1]
    assert rests == [10, 20, 40, 80, 160, 300, 300, 300]


def test_refusals_of_one_spell_count_once(health: Health, clock: Clock) -> None:
    for _ in range(20):
        health.refused(T)
        clock.now += 0.25
    assert rest_s(health, clock) == 5
    clock.now += 5
    health.refused(T)
    assert rest_s(health, clock) == 20


def test_one_word_of_a_model_ends_its_rest_and_the_next_is_short_again(health: Health, clock: Clock) -> None:
    for _ in range(3):
        health.refused(T)
        clock.now += rest_s(health, clock)
    health.refused(T)
    assert rest_s(health, clock) == 80
    health.spoke(T, 1.0)
    assert rest_s(health, clock) == 0
    health.refused(T)
    assert rest_s(health, clock) == 10


def test_the_rest_of_one_model_says_nothing_about_another(health: Health, clock: Clock) -> None:
    health.refused(T)
    assert health.of(V6).rests_until <= clock.now


@pytest.mark.parametrize(("wait", "pause"), [(0.0, 0.0), (1.5, 1.5), (60.0, REST_S[0] * PAUSE)])
def test_nobody_asks_a_model_that_has_just_refused_within_a_bound(
    health: Health, clock: Clock, wait: float, pause: float
) -> None:
    health.refused(T, wait)
    assert health.of(T).pauses_until - clock.now == pause


def test_a_shorter_pause_does_not_end_a_longer_one(health: Health, clock: Clock) -> None:
    health.refused(T, 2.0)
    health.refused(T, 0.1)
    assert health.of(T).pauses_until - clock.now == 2.0


def test_a_model_that_is_gone_is_left_alone_for_an_hour(health: Health, clock: Clock) -> None:
    assert health.gone(T) == ""
    health.lost(T, "the model does not exist")
    clock.now += GONE_S - 1
    assert health.gone(T) == "the model does not exist"
    assert health.gone(V6) == ""
    clock.now += 1
    assert health.gone(T) == ""


# How long a model may be silent


def test_the_card_counts_until_three_first_bytes_were_seen(health: Health) -> None:
    assert health.first_byte_s(CARD) == CARD.first_byte_s
    for _ in range(2):
        health.spoke(T, 1.2)
        assert health.first_byte_s(CARD) == CARD.first_byte_s
    health.spoke(T, 1.2)
    assert health.first_byte_s(CARD) == pytest.approx(PATIENCE * 1.2)


@pytest.mark.parametrize(("took", "budget"), [(0.05, SHORTEST_S), (50.0, LONGEST * CARD.first_byte_s)])
def test_however_fast_or_slow_a_model_was_its_time_has_bounds(
    health: Health, took: float, budget: float
) -> None:
    for _ in range(5):
        health.spoke(T, took)
    assert health.first_byte_s(CARD) == budget


def test_what_was_long_ago_is_forgotten(health: Health) -> None:
    for _ in range(30):
        health.spoke(T, 2.9)
    for _ in range(20):
        health.spoke(T, 1.5)
    assert health.first_byte_s(CARD) == pytest.approx(PATIENCE * 1.5)


def test_a_model_on_probation_has_half_the_time(health: Health, clock: Clock) -> None:
    wide = card(V6)
    health.refused(V6)
    assert health.first_byte_s(wide) == wide.first_byte_s / 2
    clock.now += 1_000  # its rest is over, and it has not answered yet
    assert health.first_byte_s(wide) == wide.first_byte_s / 2
    health.spoke(V6, 1.0)
    assert health.first_byte_s(wide) == wide.first_byte_s


def test_a_model_that_is_silent_to_the_end_of_its_time_gets_more_of_it(health: Health, clock: Clock) -> None:
    budget = health.first_byte_s(CARD)
    for _ in range(3):
        health.hung(T, budget)
        assert rest_s(health, clock) > 0
        clock.now += rest_s(health, clock)
    for _ in range(3):
        health.spoke(T, GROWTH * budget / PATIENCE)
    assert health.first_byte_s(CARD) == pytest.approx(GROWTH * budget)


def test_an_answer_usually_takes_what_the_last_ones_took(health: Health) -> None:
    assert health.usual_s(T) == USUAL_S
    for seconds in (3.0, 40.0, 5.0):
        health.answered(T, seconds)
    assert health.usual_s(T) == 5.0
    assert health.usual_s(V6) == USUAL_S


def test_the_report_shows_by_model_what_is_remembered(health: Health, clock: Clock) -> None:
    health.spoke(T, 1.25)
    health.answered(T, 4.0)
    health.refused(V6)
    health.lost(V6, "no balance")
    clock.now += 4
    assert health.report() == {
        T: {"rests_s": 0, "gone_s": 0, "gone": "", "first_byte_s": 1.25, "answer_s": 4.0},
        V6: {"rests_s": 6, "gone_s": 3_596, "gone": "no balance", "first_byte_s": None, "answer_s": None},
    }


EVENTS = st.sampled_from(["refused", "hung", "spoke", "time"])


@given(st.lists(st.tuples(EVENTS, st.floats(0, 400)), max_size=60))
def test_whatever_happens_rests_pauses_and_budgets_stay_within_their_bounds(
    events: list[tuple[str, float]],
) -> None:
    clock = Clock()
    health = Health(clock=clock)
    for event, seconds in events:
        if event == "refused":
            health.refused(T, seconds)
        elif event == "hung":
            health.hung(T, seconds)
        elif event == "spoke":
            health.spoke(T, seconds)
            assert rest_s(health, clock) == 0
        else:
            clock.now += seconds
        assert rest_s(health, clock) <= REST_S[1]
        assert health.of(T).pauses_until - clock.now <= REST_S[0] * PAUSE
        assert SHORTEST_S <= health.first_byte_s(CARD) <= LONGEST * CARD.first_byte_s


def test_a_model_that_refused_films_on_a_bad_day_is_asked_for_them_again(clock: Clock) -> None:
    films, why = RefusedFilms(card, clock=clock), InvalidRequest("the service refused a parameter")
    for film in ("one", "another"):
        films.add(V6, "anna", film, why)
    assert films.takes_none(V6, "anna")
    clock.now += GONE_S + 1
    assert not films.takes_none(V6, "anna")
    assert films.refusal(V6, "anna", "one") is None


def test_the_films_of_one_caller_say_nothing_of_anothers(clock: Clock) -> None:
    films, why = RefusedFilms(card, clock=clock), InvalidRequest("the service refused a parameter")
    for film in ("one", "another", "a third"):
        films.add(V6, "anna", film, why)
    assert not films.takes_none(V6, "ben")
    assert films.refusal(V6, "ben", "one") is None
    films.add(V6, "carla", "one more", why)
    assert films.takes_none(V6, "ben")
