"""Who may ask, where, and for which model."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import httpx
import pytest
from support.cases import each
from support.plain_http import HTTP

from glm_mcp.simulator import Simulator, Switches
from glm_mcp.simulator.auth import authorise, key_id
from glm_mcp.simulator.errors import Refusal
from glm_mcp.simulator.models import PAID

CODING = "coder.plan-secret"
PLAIN = {"model": "glm-4.7-flash", "messages": [{"role": "user", "content": "hello"}]}
PICTURE = {"model": "cogview-3-flash", "prompt": "a lake"}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(
        Switches(coding_keys=(CODING,)), keys=("one.first-secret", "two.second-secret")
    ) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def fresh(sim: Simulator) -> None:
    sim.clear()


def ask(url: str, body: Any, authorization: str | None) -> httpx.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    return HTTP.post(url, json=body, headers=headers, timeout=60)


def code_of(response: httpx.Response) -> str:
    return "" if response.status_code == 200 else str(response.json()["error"]["code"])


def jwt(key: str, *, exp: Any = None, sign_type: str = "SIGN") -> str:
    name, _, secret = key.partition(".")
    now = int(time.time() * 1000)
    head = {"alg": "HS256", "sign_type": sign_type}
    claims = {"api_key": name, "exp": now + 3_600_000 if exp is None else exp, "timestamp": now}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, claims)]
    signed = b".".join(parts)
    sign = base64.urlsafe_b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)).rstrip(b"=")
    return (signed + b"." + sign).decode()


@each(
    ("header", "code"),
    [
        (None, "1001"),
        ("", "1001"),
        ("Bearer", "1001"),
        ("Bearer garbage", "401"),
        ("Bearer a.", "401"),
        ("Bearer a.b.c.d", "401"),
        ("Bearer a.b.c", "401"),
        ("Basic one.first-secret", "401"),
        ("Bearer one.wrong-secret", "1000"),
        ("Bearer nobody.first-secret", "1000"),
        ("Bearer  one.first-secret", "1000"),
        ("Bearer one.first-secret", ""),
        ("bearer two.second-secret", ""),
        ("Bearer " + jwt("one.first-secret"), ""),
        ("Bearer " + jwt("one.other-secret"), "1000"),
        ("Bearer " + jwt("nobody.first-secret"), "1000"),
        ("Bearer " + jwt("one.first-secret", exp=1), "1003"),
        ("Bearer " + jwt("one.first-secret", exp=int(time.time()) + 600), "1003"),
        ("Bearer " + jwt("one.first-secret", exp="soon"), "401"),
        ("Bearer " + jwt("one.first-secret", sign_type="NONE"), "401"),
    ],
)
def test_an_authorization_is_judged_by_its_shape_then_its_secret(
    sim: Simulator, header: str | None, code: str
) -> None:
    for path, body in (("/chat/completions", PLAIN), ("/images/generations", PICTURE)):
        response = ask(sim.url + path, body, header)
        assert code_of(response) == code
        assert response.status_code == (401 if code else 200)


def test_a_trailing_newline_is_rejected_like_a_revoked_key() -> None:
    with pytest.raises(Refusal) as caught:
        authorise("Bearer one.first-secret\n", ["one.first-secret"])
    assert caught.value.code == "1000"


@each(
    ("header", "shown"),
    [
        ("Bearer one.first-secret", "one"),
        ("one.first-secret", "one"),
        ("Bearer only-a-secret", ""),
        ("Bearer " + jwt("one.first-secret"), "one"),
        ("Bearer x.y.z", ""),
    ],
)
def test_the_record_shows_a_keys_id_and_never_its_secret(header: str, shown: str) -> None:
    assert key_id(header) == shown


def test_a_request_is_on_record_without_its_secret(sim: Simulator) -> None:
    ask(sim.url + "/chat/completions", PLAIN, "Bearer one.first-secret")
    [entry] = sim.received
    assert entry.headers["authorization"] == "one"
    assert "first-secret" not in json.dumps(asdict(entry))
    assert (entry.method, entry.path) == ("POST", "/api/paas/v4/chat/completions")
    assert (entry.model, entry.status, entry.code, entry.in_flight) == ("glm-4.7-flash", 200, "", 1)
    assert entry.body == PLAIN
    assert entry.text == "hello"
    assert entry.ended is not None
    assert entry.ended >= entry.started
    assert not entry.disconnected


@each(
    ("endpoint", "key", "body", "code"),
    [
        ("general", CODING, PLAIN, "1113"),
        ("general", CODING, PICTURE, "1113"),
        ("coding", CODING, PLAIN, ""),
        ("coding", CODING, PICTURE, "1210"),
        ("coding", CODING, {**PLAIN, "model": "glm-4.6v-flash"}, "1311"),
        (
            "coding",
            CODING,
            {
                **PLAIN,
                "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
            },
            "1210",
        ),
        ("general", "one.first-secret", {**PLAIN, "model": "glm-4.5"}, "1113"),
        ("general", "one.first-secret", {**PLAIN, "model": "glm-99"}, "1211"),
        ("general", "one.first-secret", {**PLAIN, "model": "GLM-4.7-Flash"}, "1211"),
        ("general", "one.first-secret", {**PLAIN, "model": "cogview-3-flash"}, "1212"),
        ("general", "one.first-secret", {**PLAIN, "model": "glm-image"}, "1212"),
        ("general", "one.first-secret", {**PICTURE, "model": "glm-4.7-flash"}, "1212"),
        ("general", "one.first-secret", {**PICTURE, "model": "glm-4.5"}, "1212"),
        ("general", "one.first-secret", {**PICTURE, "model": "cogview-4"}, "1113"),
        ("general", "one.first-secret", {"messages": PLAIN["messages"]}, "1213"),
        ("general", "one.first-secret", {**PLAIN, "model": 4}, "1214"),
    ],
)
def test_a_plan_and_an_endpoint_decide_which_model_answers(
    sim: Simulator, endpoint: str, key: str, body: dict[str, Any], code: str
) -> None:
    base = sim.url if endpoint == "general" else sim.coding_url
    path = "/images/generations" if "prompt" in body else "/chat/completions"
    assert code_of(ask(base + path, body, f"Bearer {key}")) == code


def test_a_coding_key_may_use_the_free_text_model_when_the_switch_says_so(sim: Simulator) -> None:
    before = sim.switches
    sim.switches = Switches(coding_keys=(CODING,), coding_key_free_flash=True)
    try:
        assert code_of(ask(sim.url + "/chat/completions", PLAIN, f"Bearer {CODING}")) == ""
    finally:
        sim.switches = before


def test_the_list_of_models_holds_paid_text_models_only(sim: Simulator) -> None:
    response = HTTP.get(sim.url + "/models", headers={"Authorization": "Bearer one.first-secret"}, timeout=60)
    assert [model["id"] for model in response.json()["data"]] == list(PAID)
    assert code_of(HTTP.get(sim.url + "/models", timeout=60)) == "1001"


@each(
    ("method", "path", "status"),
    [
        ("POST", "/chat/completions", 405),
        ("GET", "/chat/completions", 404),
        ("GET", "/api/paas/v4/chat/completions", 405),
        ("POST", "/api/paas/v4/models", 405),
        ("POST", "/api/paas/v4/embeddings", 404),
        ("GET", "/files/cogview/none_0.png", 404),
    ],
)
def test_other_paths_get_the_gateways_page(sim: Simulator, method: str, path: str, status: int) -> None:
    response = HTTP.request(method, sim.origin + path, timeout=60)
    assert response.status_code == status
    assert "<center>nginx</center>" in response.text


@each(
    ("language", "header", "message"),
    [
        ("auto", "", "身份验证失败。"),
        ("auto", "en-US,en", "Authentication failed."),
        ("zh", "en-US,en", "身份验证失败。"),
        ("en", "", "Authentication failed."),
    ],
)
def test_messages_follow_the_accepted_language_unless_a_switch_decides(
    sim: Simulator, language: Any, header: str, message: str
) -> None:
    before = sim.switches
    sim.switches = Switches(language=language)
    try:
        response = HTTP.get(
            sim.url + "/models",
            headers={"Authorization": "Bearer a.b", "Accept-Language": header},
            timeout=60,
        )
    finally:
        sim.switches = before
    assert response.json() == {"error": {"code": "1000", "message": message}}
