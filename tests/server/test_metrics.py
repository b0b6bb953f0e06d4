"""`/metrics`: what is counted, who may read it, and what never stands in it."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from support.busy import slowness
from support.cases import each
from support.http_server import called_now, served
from support.leaving import waiting
from support.processes import environment, over_http, until

from glm_mcp.server.app import App
from glm_mcp.simulator import Fault, Simulator

TOKEN = "a-token-for-metrics-alone"
CALLER = "a-token-of-enough-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LABELS = {"tool", "outcome", "model", "direction", "le", "version"}


def read(url: str, **headers: str) -> dict[tuple[str, ...], float]:
    """The value of each sample, by its name and the values of its labels in the order of their names."""
    answer = httpx.get(f"{url}/metrics", headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if family.name.startswith("glm_mcp"):
                assert set(sample.labels) <= LABELS
            key = (sample.name, *(sample.labels[n] for n in sorted(sample.labels)))
            assert key not in found
            found[key] = sample.value
    return found


def called(url: str, tool: str = "chat", bearer: str = "nobody", **arguments: str) -> None:
    given = called_now(tool, **arguments)
    given["headers"]["Authorization"] = f"Bearer {bearer}"
    assert httpx.post(f"{url}/mcp", **given, trust_env=False, timeout=60).status_code == 200


def test_calls_attempts_tokens_and_times_are_counted_by_tool_and_model(
    app_of: Callable[..., App], sim: Simulator
) -> None:
    with served(app_of(remote=True)) as url:
        for _ in range(2):
            called(url, prompt="hello")
        sim.queue(Fault("error", code="1305"))
        called(url, prompt="after a refusal")
        sim.queue(Fault("error", code="1301"))
        called(url, prompt="blocked")
        called(url, "generate_image", prompt="a hill")
        found = read(url)
    first = "glm-4.7-flash"
    assert found["glm_mcp_calls_total", "ok", "chat"] == 3
    assert found["glm_mcp_calls_total", "content_blocked", "chat"] == 1
    assert found["glm_mcp_calls_total", "ok", "generate_image"] == 1
    assert found["glm_mcp_calls_running", "chat"] == 0
    assert found["glm_mcp_call_seconds_count", "chat"] == 4
    assert found["glm_mcp_call_seconds_bucket", "+Inf", "chat"] == 4
    assert found["glm_mcp_attempts_total", first, "overloaded"] == 1
    answered = {k: v for k, v in found.items() if k[0] == "glm_mcp_attempts_total" and k[2] == "ok"}
    assert sum(answered.values()) == 4
    stood_in = sum(v for k, v in found.items() if k[0] == "glm_mcp_fallbacks_total")
    again = sum(v for k, v in found.items() if k[0] == "glm_mcp_retries_total")
    assert stood_in + again >= 1, "the refusal was made up for by another model or another try"
    assert found["glm_mcp_tokens_total", "in", first, "chat"] > 0
    assert found["glm_mcp_tokens_total", "out", first, "chat"] > 0
    assert found["glm_mcp_first_byte_seconds_count", first] >= 2
    assert found["glm_mcp_attempt_seconds_count", first] >= 3
    assert found["glm_mcp_slots_limit", first] >= 1
    assert found["glm_mcp_slots_running", first] == 0
    assert found["glm_mcp_queue_waiting", first] == 0
    assert ("glm_mcp_model_rests_seconds", first) in found
    assert found["glm_mcp_stopping",] == 0


def test_what_runs_and_what_waits_is_seen_while_it_does(app_of: Callable[..., App], sim: Simulator) -> None:
    sim.queue(Fault("slow_first_byte", seconds=1.5 * slowness()))
    with (
        served(app_of(remote=True, GLM_MAX_CONCURRENCY=1, GLM_FALLBACK=False)) as url,
        ThreadPoolExecutor() as pool,
    ):
        calls = [pool.submit(called, url, prompt=f"call {n}") for n in range(2)]
        sim.wait_received(1)
        found = read(url)
        seen = [found]
        while wait(calls, timeout=0.05).not_done:
            seen.append(read(url))
    assert max(f["glm_mcp_calls_running", "chat"] for f in seen) == 2
    assert max(f["glm_mcp_slots_running", "glm-4.7-flash"] for f in seen) == 1
    assert max(f["glm_mcp_queue_waiting", "glm-4.7-flash"] for f in seen) == 1


def test_a_call_that_its_client_gave_up_is_counted_as_cancelled(
    app_of: Callable[..., App], sim: Simulator
) -> None:
    sim.queue(Fault("hang"))
    with served(app_of(remote=True)) as url:
        with waiting(f"{url}/mcp", **called_now("chat", prompt="hello")):
            sim.wait_received(1)
        until(lambda: read(url).get(("glm_mcp_calls_total", "cancelled", "chat")) == 1)
        sim.wait(lambda received: received[-1].disconnected)


def test_nothing_that_a_caller_wrote_or_is_stands_in_it(
    app_of: Callable[..., App], sim: Simulator, tmp_path: Path
) -> None:
    secret, own_key = "a-secret-in-the-wrong-place", "0123456789abcdef.of-the-caller"
    app = app_of(remote=True, GLM_CALLER_KEYS=True, GLM_CHAT_MODEL="our-own-model")
    with served(app) as url:
        called(url, prompt=secret, model=secret)
        called(url, prompt=secret)
        given = called_now("chat", prompt="hello")
        given["headers"]["X-GLM-API-Key"] = own_key
        httpx.post(f"{url}/mcp", **given, trust_env=False, timeout=60)
        found = read(url)
        whole = httpx.get(f"{url}/metrics", trust_env=False).text
    assert secret not in whole
    assert own_key not in whole
    assert sim.key not in whole
    assert "nobody" not in whole
    models = {k[1] for k in found if k[0] == "glm_mcp_attempts_total"}
    assert "other" in models, "what only a caller named has no name"
    assert "our-own-model" in models


def test_with_a_token_of_its_own_it_answers_nobody_else(app_of: Callable[..., App]) -> None:
    app = app_of(remote=True, GLM_METRICS_TOKEN=TOKEN, GLM_HTTP_TOKEN=CALLER)
    with served(app) as url:
        for given in (
            {},
            {"Authorization": f"Bearer {CALLER}"},
            {"Authorization": TOKEN},
            {"Authorization": "Bearer"},
        ):
            answer = httpx.get(f"{url}/metrics", headers=given, trust_env=False)
            assert answer.status_code == 401
            assert answer.json()["error"] == "unauthorized"
            assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert read(url, **BEARER)
        listed = httpx.post(f"{url}/mcp", headers=BEARER, json={}, trust_env=False)
        assert listed.status_code == 401, "it is good for nothing else"


@each(
    "through",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"X-Real-IP": "127.0.0.1"},
        {"Via": "1.1 a-proxy"},
        {"X-Forwarded-Proto": "https"},
        {"CF-Connecting-IP": "203.0.113.9"},
        {"X-Envoy-External-Address": "203.0.113.9"},
        {"Host": "glm.example.org"},
    ],
)
def test_without_one_it_answers_this_machine_and_no_proxy_on_it(
    through: dict[str, str], app_of: Callable[..., App]
) -> None:
    app = app_of(remote=True, GLM_HTTP_TOKEN=CALLER, GLM_PUBLIC_URL="https://glm.example.org")
    with served(app) as url:
        assert read(url)
        answer = httpx.get(f"{url}/metrics", headers=through, trust_env=False)
        assert answer.status_code == 403
        assert "GLM_METRICS_TOKEN" in answer.json()["error_description"]


def test_without_one_it_answers_no_proxy_that_adds_nothing(app_of: Callable[..., App]) -> None:
    """As nginx does where it is told nothing but the address."""
    with served(app_of(remote=True)) as url:
        host = url.removeprefix("http://")
        with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), timeout=20) as peer:
            peer.sendall(f"GET /metrics HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            assert b" 403 " in peer.makefile("rb").readline()


def test_of_several_replicas_each_tells_its_own_and_whether_redis_is_there(
    sim: Simulator, tmp_path: Path, redis_url: str
) -> None:
    env = environment(tmp_path / "home", sim, GLM_REDIS_URL=redis_url)
    with over_http(env, tmp_path) as (one, _), over_http(env, tmp_path) as (other, _):
        called(one, prompt="hello")
        found = [read(url) for url in (one, other)]
        pages = [httpx.get(f"{url}/", trust_env=False).text for url in (one, other)]
    assert [f["glm_mcp_redis_up",] for f in found] == [1, 1]
    assert [f.get(("glm_mcp_calls_total", "ok", "chat")) for f in found] == [1, None]
    assert all("There are several servers" in page for page in pages)
    assert [page.count(">answered<") for page in pages] == [1, 0]
    used = [re.search(r"([1-9]\d*) <small>", page) for page in pages]
    assert used[0]
    assert used[1]
    assert used[0][1] == used[1][1], "what is used today is counted over all"


def test_other_methods_are_not_served(app_of: Callable[..., App]) -> None:
    with served(app_of(remote=True)) as url:
        assert httpx.post(f"{url}/metrics", trust_env=False).status_code == 405
