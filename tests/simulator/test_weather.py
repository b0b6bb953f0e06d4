"""Weather: spells of calm and overload from a seed, and what requests meet in them."""

import itertools
import statistics
from collections import Counter
from typing import Any

import httpx
import pytest
from support.cases import each
from support.leaving import waiting
from support.plain_http import HTTP

from glm_mcp.simulator import Climate, Fault, Reply, Simulator, Weather
from glm_mcp.simulator.models import MODELS
from glm_mcp.simulator.weather import PRESETS, Spell

T, V6, V1, C3 = "glm-4.7-flash", "glm-4.6v-flash", "glm-4.1v-thinking-flash", "cogview-3-flash"
DAY_S = 86_400.0


def spells(weather: Weather, model: str, until: float = DAY_S) -> list[Spell]:
    found, t = [], 0.0
    while t < until:
        found.append(weather.state(model, t))
        t = found[-1].until
    return found


def request(sim: Simulator, model: str, *, stream: bool = True) -> dict[str, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "stream": stream}
    headers = {"Authorization": f"Bearer {sim.key}"}
    return {"url": sim.url + "/chat/completions", "json": body, "headers": headers}


def ask(sim: Simulator, model: str = T, *, stream: bool = True) -> httpx.Response:
    return HTTP.post(**request(sim, model, stream=stream), timeout=60)


@each(("model", "calm", "overloaded"), [(T, 15, 45), (V6, 15, 45), (V1, 40, 30), (C3, 40, 30)])
def test_spells_of_calm_and_overload_take_turns_and_last_as_long_as_said(
    model: str, calm: float, overloaded: float
) -> None:
    found = spells(Weather.preset("bad", seed=1), model)
    assert all(one.overloaded != other.overloaded for one, other in itertools.pairwise(found))
    assert all(one.until == other.since for one, other in itertools.pairwise(found))
    for state, mean in ((False, calm), (True, overloaded)):
        lengths = [spell.until - spell.since for spell in found if spell.overloaded is state]
        assert statistics.fmean(lengths) == pytest.approx(mean, rel=0.15)
        # Exponential: as spread as long.
        assert statistics.stdev(lengths) == pytest.approx(mean, rel=0.2)


def test_weather_follows_from_seed_and_model_alone() -> None:
    one, other = Weather.preset("bad", seed=3), Weather.preset("bad", seed=3)
    for t in (500.0, 20.0, 900.0):
        other.state(V6, t)
        other.fate(V6, t)
    assert [one.state(T, t / 2) for t in range(2000)] == [other.state(T, t / 2) for t in range(2000)]
    assert [one.fate(T, t / 2) for t in range(2000)] == [other.fate(T, t / 2) for t in range(2000)]
    assert spells(one, T) != spells(one, V6)
    assert spells(one, T) != spells(Weather.preset("bad", seed=4), T)


def test_weather_starts_in_the_middle() -> None:
    first = [Weather.preset("bad", seed=seed).state(T, 0).overloaded for seed in range(400)]
    assert sum(first) / 400 == pytest.approx(45 / 60, abs=0.07)


def test_a_request_is_refused_hung_or_answered_as_its_models_state_says() -> None:
    weather = Weather.preset("bad", seed=2)
    met: dict[bool, list[Fault]] = {False: [], True: []}
    for t in range(0, 40_000, 2):
        met[weather.state(T, t).overloaded].append(weather.fate(T, t))
    assert {fault.kind for fault in met[False]} == {"slow_answer"}
    assert max(fault.delay_s for fault in met[False]) < 8
    hung = [fault for fault in met[True] if fault.delay_s > 20]
    refused = [fault for fault in met[True] if fault.code == "1305"]
    assert len(hung) / len(met[True]) == pytest.approx(0.15, abs=0.02)
    assert len(refused) / (len(met[True]) - len(hung)) == pytest.approx(0.93, abs=0.02)
    assert {fault.kind for fault in refused} == {"error", "error_in_200"}
    assert all(0.3 <= fault.delay_s <= 3 for fault in refused)
    assert all(24 <= fault.delay_s < 80 and fault.kind == "slow_answer" for fault in hung)
    for fault in met[False]:
        assert 1 <= fault.delay_s + fault.seconds <= 8


def test_calm_weather_is_calm_for_all_models() -> None:
    weather = Weather.preset("calm", seed=5)
    for model in MODELS:
        assert weather.state(model, 1e6) == Spell(overloaded=False, since=0, until=float("inf"))
        assert {weather.fate(model, t).kind for t in range(100)} == {"slow_answer"}


def test_every_free_model_has_its_bad_weather() -> None:
    assert set(PRESETS["bad"]) == set(MODELS) - {"glm-5.3-flash"}


def test_an_unknown_weather_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no weather 'mild'.*calm, bad"):
        Weather.preset("mild")


def test_a_simulator_has_the_weather_of_its_clock() -> None:
    weather = Weather(
        {T: Climate(calm_s=100, overloaded_s=100, hangs=0, refusals=1).scaled(1e-3)}, 7, Climate().scaled(0)
    )
    overloaded = next(spell for spell in spells(weather, T, 10) if spell.overloaded)
    calm = next(spell for spell in spells(weather, T, 10) if not spell.overloaded)
    now = 1000.0
    with Simulator(weather=weather, clock=lambda: now) as sim:
        now = 1000 + (overloaded.since + overloaded.until) / 2
        refused = ask(sim)
        assert refused.json()["error"]["code"] == "1305"
        assert refused.status_code in {200, 429}
        assert ask(sim, V6).status_code == 200
        now = 1000 + (calm.since + calm.until) / 2
        assert "[simulated" in ask(sim).text
        assert [entry.code for entry in sim.received] == ["1305", "", ""]


@pytest.mark.extreme
def test_a_short_bad_day_holds_what_the_weather_said() -> None:
    weather = Weather.preset("bad", seed=11, scale=0.001)
    now = 0.0
    with Simulator(weather=weather, clock=lambda: now) as sim:
        for step in range(40):
            now = step / 100 + 0.005
            for model in (T, V6, V1):
                said = ask(sim, model).text
                assert ('"1305"' in said) is (weather.fate(model, now).code == "1305")
        refused = Counter(entry.model for entry in sim.received if entry.code == "1305")
    assert 10 < refused[T] < 40
    assert 0 < refused[V1] < refused[T]
    assert refused[T] != refused[V6]


def test_a_script_goes_before_the_weather_and_a_broken_rule_before_both() -> None:
    always = Weather({}, 0, Climate(calm_s=1e-9, overloaded_s=1e9, hangs=0, refusals=1, refusal_s=(0, 0)))
    with Simulator(weather=always) as sim:
        sim.queue(Reply("scripted"))
        assert "scripted" in ask(sim).text
        assert ask(sim).json()["error"]["code"] == "1305"
        assert ask(sim, "glm-0").json()["error"]["code"] == "1211"
        sim.weather = None
        assert "[simulated" in ask(sim).text


def test_a_hung_call_holds_the_place_of_its_model() -> None:
    always = Weather({}, 0, Climate(calm_s=1e-9, overloaded_s=1e9, hangs=1))
    with Simulator(weather=always) as sim:
        with waiting(**request(sim, T)):
            sim.wait(lambda seen: seen and seen[0].in_flight)
            assert ask(sim).json()["error"]["code"] == "1302"
            assert sim.received[0].status is None
        sim.wait(lambda seen: all(entry.ended for entry in seen))


def test_weather_is_made_over_http() -> None:
    with Simulator() as sim:
        url = sim.control_url + "/weather"
        assert HTTP.get(url).json() is None
        told = HTTP.post(url, json={"name": "bad", "seed": 6, "scale": 1000}).json()
        assert told["seconds"] < 5
        weather = Weather.preset("bad", 6, 1000)
        assert told["overloaded"] == [name for name in MODELS if weather.state(name, 0).overloaded]
        assert sim.weather is not None
        assert HTTP.post(url, json={"name": "mild"}).status_code == 400
        assert HTTP.post(url, content="null").json() is None
        assert sim.weather is None
