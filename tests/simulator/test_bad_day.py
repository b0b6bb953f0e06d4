"""`benchmarks/bad_day.py`: what one that knows the weather could do, and what counts as reached."""

from __future__ import annotations

import math
import sys

import pytest
from support.paths import ROOT

sys.path.append(str(ROOT / "benchmarks"))
from bad_day import BLIND, DEAD, ORACLE, OURS, Day, merged, table, targets
from bad_day_ways import DEADLINE_S, EVERY_S, oracle

from glm_mcp.simulator import Climate, Weather

PAINTER = "cogview-3-flash"


def fair(seconds: float) -> Climate:
    return Climate(answer_s=(seconds, seconds))


def test_one_that_knows_the_weather_waits_for_its_turn() -> None:
    weather = Weather({PAINTER: fair(5)})
    waited = oracle(weather, "drawing", 4)
    assert [seconds and round(seconds) for seconds in waited] == [5, 7, 9, 11]


def test_one_that_knows_the_weather_asks_whoever_answers_first() -> None:
    weather = Weather({"glm-4.7-flash": fair(2), "glm-4.6v-flash": fair(50)}, others=fair(30))
    assert oracle(weather, "chat", 3) == [pytest.approx(2)] * 3


def test_one_that_knows_the_weather_gives_up_what_cannot_be_in_time() -> None:
    never = Weather({PAINTER: Climate(calm_s=1e-9, overloaded_s=1e9)})
    assert oracle(never, "drawing", 2) == [None, None]
    assert oracle(Weather({PAINTER: fair(DEADLINE_S + 1)}), "drawing", 1) == [None]
    one_by_one = oracle(Weather({PAINTER: fair(DEADLINE_S - EVERY_S)}), "drawing", 3)
    assert [seconds is None for seconds in one_by_one] == [False, True, True]


def test_one_that_knows_the_weather_asks_only_where_it_is_calm() -> None:
    weather = Weather({PAINTER: Climate(calm_s=5, overloaded_s=5, answer_s=(1, 1))}, seed=4)
    for number, waited in enumerate(oracle(weather, "drawing", 20)):
        assert waited is not None
        assert not weather.state(PAINTER, number * EVERY_S + waited - 1).overloaded


def day(weather: str, kind: str, *, answered: int = 24, seconds: float = 2, **more: int) -> Day:
    return Day(weather, kind, OURS, 24, [seconds] * answered, **{"requests": 24, **more})  # type: ignore[arg-type]  # numbers


@pytest.mark.parametrize(
    ("reached", "missed"),
    [
        (day("bad", "chat"), day("bad", "chat", answered=23)),
        (day("bad", "chat"), day("bad", "chat", seconds=5)),
        (day("bad", "chat", refused=36), day("bad", "chat", refused=37)),
        (day("bad", "picture", seconds=9), day("bad", "picture", seconds=11)),
        (day("bad", "drawing", answered=18), day("bad", "drawing", answered=17)),
        (day("calm", "chat"), day("calm", "chat", requests=25)),
        (day("calm", "picture"), day("calm", "picture", answered=23)),
        (day(DEAD, "chat", requests=25, to_dead=1), day(DEAD, "chat", requests=25, to_dead=2)),
        (day(DEAD, "chat", requests=25, to_dead=1), day(DEAD, "chat", requests=27, to_dead=1)),
    ],
)
def test_a_target_that_is_missed_counts(
    reached: Day, missed: Day, capsys: pytest.CaptureFixture[str]
) -> None:
    known = Day("bad", reached.kind, ORACLE, 24, [2.0] * 20, requests=20)
    assert table([reached, known]) == 0
    assert table([missed, known]) >= 1
    assert "MISS" in capsys.readouterr().out


def test_days_of_several_seeds_are_one() -> None:
    one = Day("bad", "chat", BLIND, 24, [1.0, 9.0], requests=30, refused=20)
    [both] = merged([one, Day("bad", "chat", BLIND, 24, [3.0], requests=10)])
    assert (both.calls, both.seeds, sorted(both.seconds)) == (48, 2, [1.0, 3.0, 9.0])
    assert both.per_answer == (40 / 3, 20 / 3)
    assert (both.median, both.percentile(0.95)) == (3.0, 9.0)


def test_a_day_without_an_answer_has_no_times() -> None:
    none = Day("bad", "chat", OURS, 24, requests=24, refused=24)
    assert (none.share, none.median, none.percentile(0.5)) == (0, math.inf, math.inf)
    assert not any(reached for what, reached in targets(none, None))
