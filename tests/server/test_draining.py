"""A server that is told to stop while calls run: who is told what, who may finish, and for how long."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from support.busy import slowness, within
from support.cases import each
from support.http_server import called_now
from support.processes import LIMIT_S, Process, environment, over_http, until

from glm_mcp.simulator import Fault, Simulator

TERM = signal.SIGTERM


def asked(url: str) -> dict[str, Any]:
    """The result of a call, in whatever form it came."""
    answer = httpx.post(f"{url}/mcp", **called_now("chat", prompt="hello"), trust_env=False, timeout=LIMIT_S)
    text = answer.text.partition("data: ")[2].splitlines()[0] if "data: " in answer.text else answer.text
    return dict(json.loads(text)["result"])


def said(result: dict[str, Any]) -> str:
    return str(result["content"][0]["text"])


def ready(url: str) -> httpx.Response:
    return httpx.get(f"{url}/readyz", trust_env=False, timeout=LIMIT_S)


@contextmanager
def stopping(
    sim: Simulator, folder: Path, drain_s: float, number: signal.Signals = TERM, **variables: str
) -> Iterator[tuple[str, Process, Future[dict[str, Any]]]]:
    """A server that runs a call and has just been told to stop."""
    env = environment(folder / "home", sim, GLM_DRAIN_S=str(drain_s), **variables)
    with over_http(env, folder) as (url, process), ThreadPoolExecutor(1) as pool:
        assert ready(url).status_code == 200
        call = pool.submit(asked, url)
        sim.wait_received(1)
        process.popen.send_signal(number)
        yield url, process, call


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a signal of POSIX systems")
def test_a_terminal_that_is_closed_cuts_no_call_off(sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Fault("slow_first_byte", seconds=1))
    with stopping(sim, tmp_path, 30, signal.SIGHUP) as (_, process, call):
        assert "I received" in said(call.result(LIMIT_S))
        process.popen.wait(LIMIT_S)


def test_a_call_that_runs_comes_to_its_end_while_new_ones_are_told_to_come_again(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.queue(Fault("slow_first_byte", seconds=min(15.0, 3 * slowness())))
    with stopping(sim, tmp_path, 30, GLM_FALLBACK="0") as (url, process, call):
        until(lambda: ready(url).status_code == 503)
        assert "being stopped" in ready(url).json()["missing"]["server"]
        assert "glm_mcp_stopping 1.0" in httpx.get(f"{url}/metrics", trust_env=False, timeout=LIMIT_S).text
        refused = asked(url)
        assert refused["isError"] is True
        assert said(refused).startswith("network: this server is being stopped, and takes no new calls")
        assert "Call again" in said(refused)
        assert not call.done(), "all that was while it ran"
        assert "I received" in said(call.result(LIMIT_S))
        process.popen.wait(LIMIT_S)
        assert len(sim.received) == 1


def test_a_call_that_does_not_end_in_time_is_ended_with_an_error(sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Fault("hang"))
    begun = time.monotonic()
    with stopping(sim, tmp_path, 1.5) as (_, process, call):
        result = call.result(LIMIT_S)
        assert time.monotonic() - begun >= 1.5
        assert result["isError"] is True
        assert said(result).startswith("network: this server is being stopped, and the call was ended")
        process.popen.wait(LIMIT_S)
    sim.wait(lambda received: received[-1].disconnected)


def test_told_twice_it_ends_at_once(sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Fault("hang"))
    with stopping(sim, tmp_path, 600) as (url, process, call):
        until(lambda: ready(url).status_code == 503)
        with within(4):
            process.signal(TERM)
        assert call.result(LIMIT_S)["isError"] is True


def test_where_nothing_runs_it_waits_for_nothing(sim: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path / "home", sim, GLM_DRAIN_S="600")
    with over_http(env, tmp_path) as (_, process), within(4):
        process.signal(TERM)


TRICKLE = {
    "a sign-in whose body does not end": b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\na",
    "thousands of requests at once, one after another": b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    * 20_000,
}


@each("what", TRICKLE)
def test_who_has_no_token_does_not_hold_it(what: str, sim: Simulator, tmp_path: Path) -> None:
    env = environment(
        tmp_path / "home", sim, GLM_DRAIN_S="600", GLM_HTTP_TOKEN="a-token-of-enough-characters"
    )
    with over_http(env, tmp_path) as (url, process), socket.socket() as stranger:
        stranger.connect(("127.0.0.1", urlsplit(url).port))
        stranger.sendall(TRICKLE[what])
        assert ready(url).status_code == 200, "what was sent before has been read"
        with within(8):
            process.signal(TERM)


def test_of_several_replicas_one_that_stops_lets_the_balancer_find_another(
    sim: Simulator, tmp_path: Path, redis_url: str
) -> None:
    sim.queue(Fault("slow_first_byte", seconds=min(15.0, 3 * slowness())))
    with stopping(sim, tmp_path, 30, GLM_REDIS_URL=redis_url) as (url, process, call):

        def closed() -> bool:
            try:
                return ready(url).status_code == 0
            except httpx.TransportError:
                return True

        until(closed)
        assert not call.done()
        assert "I received" in said(call.result(LIMIT_S))
        process.popen.wait(LIMIT_S)


def test_a_folder_that_takes_nothing_is_said(sim: Simulator, tmp_path: Path) -> None:
    home = tmp_path / "home"
    env = environment(home, sim)
    (home / ".cache").write_text("no folder", encoding="utf-8")
    with over_http(env, tmp_path) as (url, _):
        answer = ready(url)
        assert answer.status_code == 503
        assert "results cannot be kept" in answer.json()["missing"]["folder"]
        assert str(home) not in answer.text
        assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_whether_it_is_well_is_told_without_a_token(path: str, sim: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path / "home", sim, GLM_HTTP_TOKEN="a-token-of-enough-characters")
    with over_http(env, tmp_path) as (url, _):
        assert httpx.get(f"{url}{path}", trust_env=False).status_code == 200
