"""Callers whom an OpenID Connect issuer vouches for: whom its tokens let in, and what is refused."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import jwt
import pytest
from jwt.algorithms import RSAAlgorithm
from support.cases import each
from support.issuer import AUDIENCE, Issuing, ec_key, issuing, real_issuer, rsa_key
from support.proxies import local_proxy
from support.served import asked, client_of, served

from glm_mcp.errors import ConfigError
from glm_mcp.server.app import App
from glm_mcp.server.callers.caller import Caller
from glm_mcp.server.http.auth.authenticator import Authenticator
from glm_mcp.server.http.auth.oidc import PAUSE_S, WAITING, Issuer
from glm_mcp.server.http.auth.refusal import Challenge, Refused
from glm_mcp.settings import Settings

pytestmark = pytest.mark.anyio
METADATA = "https://glm.example.com/.well-known/oauth-protected-resource/mcp"
NOBODY = Caller("oidc", "0" * 16)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def issuer() -> Iterator[Issuing]:
    with issuing() as server:
        yield server


def settings(issuer: Issuing, **more: str) -> dict[str, str]:
    given = {"GLM_OIDC_ISSUER": issuer.url, "GLM_PUBLIC_URL": "https://glm.example.com"}
    return {**given, "GLM_OIDC_SCOPES": "glm:use", **more}


async def refused(authenticator: Authenticator, token: str) -> Refused:
    with anyio.fail_after(60), pytest.raises(Refused) as caught:
        await authenticator.authenticate([(b"authorization", f"Bearer {token}".encode())])
    return caught.value


async def let_in(authenticator: Authenticator, token: str) -> Caller:
    with anyio.fail_after(60):
        return await authenticator.authenticate([(b"authorization", f"Bearer {token}".encode())])


def unsigned(issuer: Issuing) -> str:
    """A good token with its signature taken off and no algorithm named."""
    _, claims, _ = issuer.token().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "one"}).encode()).rstrip(b"=").decode()
    return f"{head}.{claims}."


def by_public_key(issuer: Issuing) -> str:
    """A token signed by HS256 with the published key as the secret, as the library for it refuses to make one."""
    import hashlib
    import hmac

    _, claims, _ = issuer.token().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "one"}).encode()).rstrip(b"=").decode()
    digest = hmac.new(issuer.public_pem(), f"{head}.{claims}".encode(), hashlib.sha256).digest()
    return f"{head}.{claims}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


FORGED: dict[str, tuple[Callable[[Issuing], str], str]] = {
    "expired": (lambda i: i.token(exp=int(time.time()) - 60), "has expired"),
    "not yet valid": (lambda i: i.token(nbf=int(time.time()) + 600), "not valid"),
    "for another audience": (lambda i: i.token(aud="https://other.example.com/mcp"), "another audience"),
    "for a longer address": (lambda i: i.token(aud=f"{AUDIENCE}/"), "another audience"),
    "for nobody": (lambda i: i.token(aud=None), "not valid"),
    "of another issuer": (lambda i: i.token(iss="https://evil.example.com"), "another issuer"),
    "without an expiry": (lambda i: i.token(exp=None), "not valid"),
    "without a subject": (lambda i: i.token(sub=None), "not valid"),
    "signed by another key": (lambda i: i.token(key=rsa_key(1)), "not valid"),
    "of an unknown key": (lambda i: i.token(kid="nobody's"), "not valid"),
    "of no key where there are two": (lambda i: i.token(kid=None), "not valid"),
    "signed with the wrong kind of key": (lambda i: i.token(key=ec_key(), alg="ES256"), "not valid"),
    "unsigned": (unsigned, "not valid"),
    "signed by HS256 with the public key": (by_public_key, "not valid"),
    "changed": (lambda i: i.token()[:-6] + "AAAAAA", "not valid"),
    "garbage": (lambda _: "a.b.c", "not valid"),
    "with a critical header that is unknown": (
        lambda i: jwt.encode({"iss": i.url}, rsa_key(0), "RS256", {"crit": ["glm"], "glm": 1, "kid": "one"}),
        "not valid",
    ),
}


@each("kind", FORGED)
async def test_a_token_that_is_not_good_is_refused(kind: str, issuer: Issuing) -> None:
    make, why = FORGED[kind]
    authenticator = Authenticator(Settings(**settings(issuer)))
    no = await refused(authenticator, make(issuer))
    assert (no.status, no.error) == (401, "invalid_token")
    assert why in no.description
    assert f'resource_metadata="{METADATA}"' in no.challenge
    assert 'scope="glm:use"' in no.challenge


@pytest.mark.parametrize(
    "made",
    [
        {},
        {"aud": ["account", AUDIENCE]},
        {"scope": None, "scp": ["openid", "glm:use"]},
        {"scope": None, "scp": "glm:use"},
        {"scope": None, "scp": ["glm:use", {"a": []}, []]},
        {"kid": "curve", "alg": "ES256", "key": ec_key()},
        {"alg": "PS256"},
    ],
)
async def test_a_good_token_says_who_calls(made: dict[str, Any], issuer: Issuing) -> None:
    authenticator = Authenticator(Settings(**settings(issuer)))
    caller = await let_in(authenticator, issuer.token(**made))
    assert caller.name == "ada"
    again = await let_in(authenticator, issuer.token(preferred_username="another name", **made))
    other = await let_in(authenticator, issuer.token(sub="2", **made))
    assert caller.owner == again.owner != other.owner, "it is the subject that owns things"
    assert len(caller.owner) == 16
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"], "keys are fetched once"


async def test_a_token_without_a_name_is_named_by_its_subject_in_one_harmless_line(issuer: Issuing) -> None:
    authenticator = Authenticator(Settings(**settings(issuer)))
    assert (await let_in(authenticator, issuer.token(preferred_username=None))).name == "248289761001"
    odd = await let_in(authenticator, issuer.token(preferred_username="a\x1b[31m\nb" + "x" * 100))
    assert odd.name.isprintable()
    assert len(odd.name) <= 64
    unseen = "\u202e\x1b[31m"
    assert (await let_in(authenticator, issuer.token(preferred_username=unseen))).name == "248289761001"
    nameless = await let_in(authenticator, issuer.token(preferred_username=unseen, sub=unseen))
    assert nameless.name == nameless.owner


@each("subject", ["", " \n", "\ud800"])
async def test_a_token_whose_subject_is_nobody_lets_nobody_in(subject: str, issuer: Issuing) -> None:
    authenticator = Authenticator(Settings(**settings(issuer)))
    no = await refused(authenticator, issuer.token(sub=subject))
    assert (no.status, no.error) == (401, "invalid_token")


async def test_a_token_without_the_scopes_is_told_which(issuer: Issuing) -> None:
    authenticator = Authenticator(Settings(**settings(issuer, GLM_OIDC_SCOPES="glm:use glm:draw")))
    no = await refused(authenticator, issuer.token())
    assert (no.status, no.error) == (403, "insufficient_scope")
    assert "glm:draw" in no.description
    assert 'scope="glm:use glm:draw"' in no.challenge
    assert f'resource_metadata="{METADATA}"' in no.challenge


async def test_no_token_is_told_apart_from_a_wrong_one(issuer: Issuing) -> None:
    authenticator = Authenticator(Settings(**settings(issuer)))
    for headers in ([], [(b"authorization", b"Basic abc")], [(b"authorization", b"Bearer ")]):
        with pytest.raises(Refused) as caught:
            await authenticator.authenticate(headers)
        assert (caught.value.status, caught.value.error) == (401, None)
        assert "error=" not in caught.value.challenge
        assert 'scope="glm:use"' in caught.value.challenge
    assert issuer.asked == []


def an_issuer(issuer: Issuing, clock: Callable[[], float]) -> Issuer:
    return Issuer(
        issuer.url, audience=AUDIENCE, scopes=(), name_claim="sub", challenge=Challenge(), clock=clock
    )


async def test_a_new_key_is_found_and_made_up_ids_do_not_make_it_ask_each_time(issuer: Issuing) -> None:
    now = 100.0
    known = an_issuer(issuer, lambda: now)
    with anyio.fail_after(60):
        await known.caller(issuer.token(), NOBODY)
        issuer.publish("two", 2)
        new = issuer.token(kid="two", key=rsa_key(2))
        for number in range(20):
            with pytest.raises(Refused):
                await known.caller(issuer.token(kid=f"made-up-{number}"), NOBODY)
        assert issuer.asked.count("/keys") == 1
        now += PAUSE_S
        await known.caller(new, NOBODY)
        with pytest.raises(Refused):
            await known.caller(issuer.token(), NOBODY)
    assert issuer.asked.count("/keys") == 2, "the key that the issuer took back is good no longer"


async def test_the_only_key_of_an_issuer_that_names_none_may_change(issuer: Issuing) -> None:
    now = 100.0
    known = an_issuer(issuer, lambda: now)
    issuer.keys = issuer.keys[:1]
    with anyio.fail_after(60):
        await known.caller(issuer.token(kid=None), NOBODY)
        issuer.publish("two", 2)
        issuer.keys = issuer.keys[:1]
        now += PAUSE_S
        await known.caller(issuer.token(kid=None, key=rsa_key(2)), NOBODY)
        for _ in range(5):
            with pytest.raises(Refused):
                await known.caller(issuer.token(kid=None), NOBODY)
    assert issuer.asked.count("/keys") == 2


async def test_a_key_that_changes_under_its_id_is_found_and_bad_signatures_do_not_make_it_ask_each_time(
    issuer: Issuing,
) -> None:
    now = 100.0
    known = an_issuer(issuer, lambda: now)
    with anyio.fail_after(60):
        await known.caller(issuer.token(), NOBODY)
        issuer.publish("one", 2)
        now += PAUSE_S
        await known.caller(issuer.token(key=rsa_key(2)), NOBODY)
        for _ in range(5):
            with pytest.raises(Refused):
                await known.caller(issuer.token(), NOBODY)
    assert issuer.asked.count("/keys") == 2


async def test_keys_that_share_an_id_let_in_whoever_has_a_token_of_any_of_them(issuer: Issuing) -> None:
    first = issuer.keys
    issuer.publish("one", 2)
    odd = {"kid": "one", "kty": "RSA", "n": 5, "e": "AQAB"}
    issuer.keys = [odd, *first, *issuer.keys, {**issuer.keys[1], "kid": "one"}]
    known = an_issuer(issuer, time.monotonic)
    for key, algorithm in ((rsa_key(0), "RS256"), (rsa_key(2), "PS256"), (ec_key(), "ES256")):
        with anyio.fail_after(60):
            await known.caller(issuer.token(key=key, alg=algorithm), NOBODY)
    with anyio.fail_after(60), pytest.raises(Refused):
        await known.caller(issuer.token(key=rsa_key(1)), NOBODY)


async def test_those_whom_an_issuer_lets_in_have_the_limits_of_the_file(
    issuer: Issuing, tmp_path: Path
) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text('[oidc]\ntools = ["chat"]\nper_minute = 5\nat_once = 2\ntokens_per_day = 9\n')
    path.chmod(0o600)
    authenticator = Authenticator(Settings(**settings(issuer, GLM_TOKENS_FILE=str(path))))
    ada = await let_in(authenticator, issuer.token())
    assert (ada.name, ada.tools, ada.per_minute, ada.at_once, ada.tokens_per_day) == (
        *("ada", frozenset({"chat"})),
        *(5, 2, 9),
    )


async def test_many_first_calls_at_once_fetch_the_keys_once(issuer: Issuing) -> None:
    known = an_issuer(issuer, time.monotonic)
    token, names = issuer.token(), []

    async def one() -> None:
        names.append((await known.caller(token, NOBODY)).name)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(one)
    assert len(names) == 20
    assert issuer.asked.count("/keys") == 1


async def test_an_issuer_that_fails_is_no_fault_of_the_token_and_known_keys_stay(issuer: Issuing) -> None:
    now = 100.0
    known = an_issuer(issuer, lambda: now)
    issuer.ill = True
    with anyio.fail_after(60):
        with pytest.raises(Refused) as caught:
            await known.caller(issuer.token(), NOBODY)
        assert (caught.value.status, caught.value.error) == (503, "temporarily_unavailable")
        assert caught.value.challenge == ""
        issuer.ill = False
        now += PAUSE_S
        await known.caller(issuer.token(), NOBODY)
        issuer.ill = True
        now += 100_000
        await known.caller(issuer.token(), NOBODY)
        assert issuer.asked[-1] == "/.well-known/openid-configuration", "it was asked again, in vain"


async def test_those_who_waited_for_an_issuer_that_is_slow_and_fails_do_not_each_wait_anew(
    issuer: Issuing,
) -> None:
    issuer.ill = True
    known = an_issuer(
        issuer, lambda: 100.0 + len(issuer.asked) * PAUSE_S
    )  # each try takes as long as the pause
    refused_with: list[int] = []

    async def one() -> None:
        with pytest.raises(Refused) as caught:
            await known.caller(issuer.token(), NOBODY)
        refused_with.append(caught.value.status)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(one)
    assert refused_with == [503] * 5
    assert len(issuer.asked) == 1


async def test_for_an_issuer_that_hangs_only_some_wait_however_many_name_keys_that_nobody_knows(
    issuer: Issuing,
) -> None:
    """Each holds one of the connections that others need, and needs no token for it."""
    more, answered, told = 50, 0, anyio.Event()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        issuer.url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        known = an_issuer(issuer, time.monotonic)

        async def one(number: int) -> None:
            nonlocal answered
            with pytest.raises(Refused) as caught:
                await known.caller(issuer.token(kid=f"made up {number}"), NOBODY)
            assert caught.value.status == 503
            answered += 1
            if answered == more:
                told.set()

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for number in range(1 + WAITING + more):  # one asks the issuer
                    tasks.start_soon(one, number)
                await told.wait()
                assert answered == more
                tasks.cancel_scope.cancel()


@pytest.mark.extreme
async def test_an_answer_that_unpacks_to_much_is_not_unpacked(issuer: Issuing) -> None:
    issuer.packed = gzip.compress(b" " * 100_000_000)
    known = an_issuer(issuer, time.monotonic)
    tracemalloc.start()
    try:
        with anyio.fail_after(60), pytest.raises(Refused) as caught:
            await known.caller(issuer.token(), NOBODY)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.status == 503


async def test_an_issuer_is_asked_through_the_proxy_of_the_environment_whose_login_is_not_repeated(
    issuer: Issuing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = settings(issuer, GLM_OIDC_ISSUER="https://issuer.example")
    with local_proxy("shut") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass/w@rd@{proxy.place}")
        no = await refused(Authenticator(Settings(**given)), issuer.token())
    assert no.status == 503
    assert len(proxy.asked) == 1
    assert "cannot be had" in caplog.text
    assert "pass" not in caplog.text


async def test_keys_of_whoever_says_to_be_another_issuer_are_not_taken(issuer: Issuing) -> None:
    issuer.named = "https://evil.example.com"
    known = an_issuer(issuer, time.monotonic)
    with anyio.fail_after(60), pytest.raises(Refused) as caught:
        await known.caller(issuer.token(), NOBODY)
    assert caught.value.status == 503
    assert "/keys" not in issuer.asked


async def test_an_issuer_names_no_other_server_of_this_machine(issuer: Issuing) -> None:
    with issuing() as other:
        issuer.keys_at = f"{other.url}/keys"
        known = an_issuer(issuer, time.monotonic)
        with anyio.fail_after(60), pytest.raises(Refused) as caught:
            await known.caller(issuer.token(), NOBODY)
        assert caught.value.status == 503
        assert other.asked == []


@each(
    ("changes", "status"),
    [
        ({"use": None, "alg": None}, 0),
        ({"use": "enc"}, 503),
        ({"kty": "oct"}, 503),
        ({"d": "AQAB"}, 503),
        ({"n": 5}, 401),
        ({"n": "_" * 300_000}, 401),
        ({"e": "_" * 300_000}, 401),
        ({"alg": ["RS256"]}, 401),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_published_key_with_odd_fields_is_a_key_or_none_and_never_a_defect(
    changes: dict[str, Any], status: int, issuer: Issuing
) -> None:
    issuer.publish("one", 0)
    issuer.keys[0] |= changes
    del issuer.keys[1:]
    authenticator = Authenticator(Settings(**settings(issuer)))
    if status:
        assert (await refused(authenticator, issuer.token())).status == status
    else:
        assert (await let_in(authenticator, issuer.token())).name == "ada"


async def test_whoever_could_sign_with_a_private_key_that_is_published_is_not_let_in(
    issuer: Issuing, caplog: pytest.LogCaptureFixture
) -> None:
    whole = RSAAlgorithm.to_jwk(rsa_key(0), as_dict=True)
    issuer.keys[0] = {**whole, "kid": "one"}
    known = an_issuer(issuer, time.monotonic)
    with anyio.fail_after(60), pytest.raises(Refused) as caught:
        await known.caller(issuer.token(), NOBODY)
    assert caught.value.status == 401
    assert "its private half is published" in caplog.text
    assert str(whole["d"]) not in caplog.text


async def test_an_answer_that_is_no_list_of_keys_takes_none_away_and_is_told(
    issuer: Issuing, caplog: pytest.LogCaptureFixture
) -> None:
    now = 100.0
    known = an_issuer(issuer, lambda: now)
    with anyio.fail_after(60):
        await known.caller(issuer.token(), NOBODY)
        issuer.keys = None
        now += 100_000
        await known.caller(issuer.token(), NOBODY)
        assert "publishes no list of keys" in caplog.text
        issuer.keys = []
        now += 100_000
        with pytest.raises(Refused) as caught:
            await known.caller(issuer.token(), NOBODY)
    assert caught.value.status == 503
    assert "none signs tokens" in caplog.text


async def test_keys_that_are_known_are_not_waited_for_time_and_again(issuer: Issuing) -> None:
    now = 100.0
    known = an_issuer(issuer, lambda: now)
    with anyio.fail_after(60):
        await known.caller(issuer.token(), NOBODY)
        issuer.ill = True
        issuer.asked.clear()
        now += 100_000
        for _ in range(4):
            await known.caller(issuer.token(), NOBODY)
            now += PAUSE_S
    assert len(issuer.asked) == 1


async def test_over_http_the_metadata_is_open_and_the_rest_wants_a_token(
    issuer: Issuing, app_of: Callable[..., App]
) -> None:
    import httpx

    with anyio.fail_after(60):
        async with served(app_of(remote=True, **settings(issuer))) as url:
            async with httpx.AsyncClient(trust_env=False) as http:
                found = await http.get(f"{url}/.well-known/oauth-protected-resource/mcp")
            assert found.status_code == 200
            assert found.json()["resource"] == AUDIENCE
            assert found.json()["authorization_servers"] == [issuer.url]
            assert found.json()["scopes_supported"] == ["glm:use"]
            none = await asked(url)
            assert none.status_code == 401
            assert f'resource_metadata="{METADATA}"' in none.headers["WWW-Authenticate"]
            assert "error=" not in none.headers["WWW-Authenticate"]
            lacking = await asked(url, issuer.token(scope="openid"))
            assert lacking.status_code == 403
            assert 'error="insufficient_scope"' in lacking.headers["WWW-Authenticate"]
            assert (await asked(url, issuer.token(aud="https://other.example.com"))).status_code == 401
            async with client_of(url, Authorization=f"Bearer {issuer.token()}") as client:
                assert not (await client.call_tool("chat", {"prompt": "hello"})).is_error


async def test_whoever_signed_in_at_a_librarys_issuer_is_served(
    tmp_path: Path, app_of: Callable[..., App]
) -> None:
    with anyio.fail_after(60), real_issuer(tmp_path) as real:
        variables = {
            "GLM_OIDC_ISSUER": real.url,
            "GLM_PUBLIC_URL": "https://glm.example.com",
            "GLM_OIDC_AUDIENCE": "glm-client",
        }
        token = await anyio.to_thread.run_sync(real.sign_in, "ada", "glm-client")
        other = await anyio.to_thread.run_sync(real.sign_in, "ada", "another-client")
        async with served(app_of(remote=True, **variables)) as url:
            assert (await asked(url, other)).status_code == 401
            async with client_of(url, Authorization=f"Bearer {token}") as client:
                assert not (await client.call_tool("chat", {"prompt": "hello"})).is_error


def test_an_issuer_needs_the_public_address() -> None:
    with pytest.raises(ConfigError, match="GLM_PUBLIC_URL"):
        Authenticator(Settings(GLM_OIDC_ISSUER="https://issuer.example.com"))
