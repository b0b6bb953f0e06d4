"""Tokens of our own: whom they let in, and what is refused, while the file changes under a server that runs."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import anyio
import pytest
from support.cases import each
from support.served import asked, client_of, served

from glm_mcp.errors import ConfigError
from glm_mcp.server.app import App
from glm_mcp.server.callers.caller import LOCAL, Caller
from glm_mcp.server.http.auth.authenticator import Authenticator
from glm_mcp.server.http.auth.refusal import Refused
from glm_mcp.server.http.auth.tokens import LOOK_LIMIT_S, LOOK_S, TokenFile, digest, new_token, well_formed
from glm_mcp.settings import Settings

pytestmark = pytest.mark.anyio
SHARED = "a-token-of-enough-characters"
posix = pytest.mark.skipif(os.name == "nt", reason="modes of files are POSIX's")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path / "tokens.toml"


def write(path: Path, text: str) -> None:
    """In one step, as `glm-mcp token` does it."""
    part = path.with_suffix(".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_text(text, encoding="utf-8")
    part.chmod(0o600)
    part.replace(path)


def row(name: str, token: str, rest: str = "") -> str:
    return f'[tokens."{name}"]\nsha256 = "{digest(token)}"\n{rest}\n'


async def caller(authenticator: Authenticator, token: str) -> Caller:
    with anyio.fail_after(60):
        return await authenticator.authenticate([(b"authorization", f"Bearer {token}".encode())])


async def refused(authenticator: Authenticator, *given: bytes) -> Refused:
    with anyio.fail_after(60), pytest.raises(Refused) as caught:
        await authenticator.authenticate([(b"authorization", value) for value in given])
    return caught.value


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_found_by_scanners_never_the_same_and_checks_itself() -> None:
    tokens = {new_token() for _ in range(200)}
    assert len(tokens) == 200
    for token in tokens:
        assert re.fullmatch(r"glm_[0-9A-Za-z]{49}", token)
        assert well_formed(token)
        at = 4 + len(token) % 43
        assert not well_formed(token[:at] + ("a" if token[at] != "a" else "b") + token[at + 1 :])
    assert not well_formed("glm_" + "0" * 48)


async def test_a_holder_is_known_by_name_with_their_tools_and_limits(path: Path) -> None:
    token = new_token()
    write(path, row("ada", token, 'tools = ["chat"]\nper_minute = 60\nat_once = 2\ntokens_per_day = 1_000'))
    authenticator = Authenticator(Settings(GLM_TOKENS_FILE=str(path)))
    found = await caller(authenticator, token)
    assert (found.name, found.tools, found.per_minute, found.at_once, found.tokens_per_day) == (
        *("ada", frozenset({"chat"})),
        *(60, 2, 1_000),
    )
    assert re.fullmatch(r"[0-9a-f]{16}", found.owner)
    assert found.owner not in digest(token)


@each(
    ("given", "status", "error"),
    [
        ([], 401, None),
        ([b"Basic YTpi"], 401, None),
        ([b"Bearer"], 401, None),
        ([b"Bearer " + new_token().encode()], 401, "invalid_token"),
        ([b"Bearer glm_" + b"0" * 49], 401, "invalid_token"),
        ([b"Bearer \xff\xfe"], 401, "invalid_token"),
        ([b"Bearer " + b"x" * 100_000], 401, "invalid_token"),
        ([b"Bearer a.b.c"], 401, "invalid_token"),
        ([f"Bearer {SHARED}".encode()] * 2, 400, "invalid_request"),
    ],
)
async def test_nobody_else_is_let_in(given: list[bytes], status: int, error: str | None, path: Path) -> None:
    write(path, row("ada", new_token()))
    authenticator = Authenticator(Settings(GLM_TOKENS_FILE=str(path), GLM_HTTP_TOKEN=SHARED))
    no = await refused(authenticator, *given)
    assert (no.status, no.error) == (status, error)
    assert ("error=" in no.challenge) == (error == "invalid_token")
    assert no.challenge.isascii()


async def test_the_hash_of_a_token_is_none(path: Path) -> None:
    token = new_token()
    write(path, row("ada", token))
    authenticator = Authenticator(Settings(GLM_TOKENS_FILE=str(path)))
    assert (await refused(authenticator, f"Bearer {digest(token)}".encode())).error == "invalid_token"


async def test_the_one_shared_token_is_taken_beside_the_file(path: Path) -> None:
    token = new_token()
    write(path, row("ada", token))
    authenticator = Authenticator(Settings(GLM_TOKENS_FILE=str(path), GLM_HTTP_TOKEN=SHARED))
    assert (await caller(authenticator, SHARED)).name == "shared"
    assert (await caller(authenticator, token)).name == "ada"


async def test_an_expired_token_is_told_so(path: Path) -> None:
    token, now = new_token(), 1_800_000_000.0
    write(path, row("ada", token, "expires = 2027-01-15T08:00:00Z"))
    authenticator = Authenticator(Settings(GLM_TOKENS_FILE=str(path)), now=lambda: now)
    assert (await refused(authenticator, f"Bearer {token}".encode())).description == (
        "the token of ada has expired on 2027-01-15. Ask whoever runs this server for another."
    )
    now -= 1
    assert (await caller(authenticator, token)).name == "ada"


async def test_without_any_token_set_up_everybody_is_local_until_a_file_is_there(path: Path) -> None:
    usual = path.parent / "home" / ".config" / "glm-mcp" / "tokens.toml"
    time = Time()
    authenticator = Authenticator(Settings(), clock=time)
    assert await authenticator.authenticate([]) is LOCAL
    write(usual, row("ada", new_token()))
    time.now += LOOK_S
    await refused(authenticator)
    usual.unlink()
    time.now += LOOK_S
    assert (await refused(authenticator)).status == 401, "a file that goes away opens nothing"


async def test_a_token_that_was_added_a_moment_ago_lets_in_at_once(path: Path) -> None:
    ada, token = row("ada", new_token()), new_token()
    write(path, ada)
    authenticator = Authenticator(Settings(GLM_TOKENS_FILE=str(path)))
    assert (await refused(authenticator, b"Bearer " + token.encode())).status == 401
    write(path, ada + row("bob", token))
    caller = await authenticator.authenticate([(b"authorization", b"Bearer " + token.encode())])
    assert caller.name == "bob"


def test_a_file_that_is_named_and_not_there_is_told_at_the_start_with_what_makes_it(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Authenticator(Settings())
    assert not caplog.messages, "nobody named one"
    Authenticator(Settings(GLM_TOKENS_FILE=str(path)))
    assert f"glm-mcp token --file {path} add NAME" in caplog.text


@each("text", [None, "", "# nobody yet\n"])
async def test_a_file_that_is_missing_or_empty_lets_nobody_in(text: str | None, path: Path) -> None:
    if text is not None:
        write(path, text)
    authenticator = Authenticator(Settings(GLM_TOKENS_FILE=str(path)))
    assert authenticator.asks
    await refused(authenticator)
    await refused(authenticator, b"Bearer " + new_token().encode())


async def names(file: TokenFile, time: Time) -> list[str]:
    time.now += LOOK_S
    with anyio.fail_after(60):
        return [h.caller.name for h in (await file.holders()).by_hash.values()]


async def test_a_change_is_seen_and_a_half_written_file_leaves_the_old_in_force(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ada, bob = row("ada", new_token()), row("bob", new_token())
    write(path, ada)
    time = Time()
    file = TokenFile(path, clock=time)
    assert await names(file, time) == ["ada"]
    whole = ada + bob
    for end in (len(ada) + 3, len(ada) + 16, len(whole) - 10):
        path.write_text(whole[:end], encoding="utf-8")
        assert await names(file, time) == ["ada"], whole[:end]
    path.write_text("a = " + "[" * 3_000, encoding="utf-8")
    assert await names(file, time) == ["ada"]
    assert "stay in force" in caplog.text
    assert digest("") not in caplog.text
    write(path, whole)
    assert await names(file, time) == ["ada", "bob"]
    write(path, bob)
    assert await names(file, time) == ["bob"]
    path.unlink()
    assert await names(file, time) == []
    write(path, ada)
    assert await names(file, time) == ["ada"]


@posix
async def test_a_pipe_in_its_place_costs_no_time_and_no_thread(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(path, row("ada", new_token()))
    time = Time()
    file = TokenFile(path, clock=time)
    path.unlink()
    os.mkfifo(path, 0o600)
    await names(file, time)
    threads, begun = threading.active_count(), monotonic()
    for _ in range(5):
        assert await names(file, time) == ["ada"]
    assert threading.active_count() == threads
    assert monotonic() - begun < LOOK_LIMIT_S
    assert "it is no file" in caplog.text


@posix
async def test_a_file_that_others_may_write_is_not_taken_and_one_that_they_may_read_is_told_of(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(path, row("ada", new_token()))
    path.chmod(0o620)
    with pytest.raises(ConfigError, match="others may write to it"):
        TokenFile(path)
    path.chmod(0o644)
    time = Time()
    file = TokenFile(path, clock=time)
    assert "can be read by other users" in caplog.text
    path.chmod(0o666)
    caplog.set_level(logging.ERROR)
    assert await names(file, time) == ["ada"]
    assert "others may write to it" in caplog.text


@each(
    ("text", "why"),
    [
        ("[tokens.ada]\n", "no sha256"),
        ('[tokens.ada]\nsha256 = "abc"\n', "no sha256"),
        (row("ada", "x", "per_minute = 0"), "per_minute of ada"),
        (row("ada", "x", "at_once = true"), "at_once of ada"),
        (row("ada", "x", 'tools = ["paint"]'), "tools of ada"),
        (row("ada", "x", "tools = []"), "tools of ada"),
        (row("ada", "x", 'expires = "soon"'), "expires of ada"),
        (row("ada", "x", "expires = 9999-12-31T23:59:59-23:59"), "expires of ada"),
        (row("ada", "x", "created = 0001-01-01T00:00:00+23:59"), "created of ada"),
        (row("ada", "x", "per_hour = 5"), "per_hour of ada"),
        (row("a b", "x"), "is no name"),
        (row("ada", "x") + row("Ada", "y"), "twice"),
        (row("ada", "x") + row("bob", "x"), "same token"),
        ("[people.ada]\n", "people"),
        ("tokens = 1\n", "no table"),
        ("[tokens\n", "cannot be used"),
        ("a = " + "[" * 3_000 + "]" * 3_000, "nested too deeply"),
    ],
)
def test_a_wrong_file_is_told_at_the_start_with_what_is_wrong(text: str, why: str, path: Path) -> None:
    write(path, text)
    with pytest.raises(ConfigError, match=re.escape(why)) as caught:
        Authenticator(Settings(GLM_TOKENS_FILE=str(path)))
    assert digest("x") not in str(caught.value)


async def test_a_token_that_is_revoked_is_refused_without_a_restart(
    path: Path, app_of: Callable[..., App]
) -> None:
    ada, bob = new_token(), new_token()
    write(path, row("ada", ada) + row("bob", bob))
    with anyio.fail_after(60):
        async with served(app_of(remote=True, GLM_TOKENS_FILE=str(path))) as url:
            assert (await asked(url)).status_code == 401
            assert (await asked(url, ada)).status_code == 200
            write(path, row("bob", bob))
            no = await asked(url, ada)
            while no.status_code != 401:  # for a moment at most
                no = await asked(url, ada)
            assert 'error="invalid_token"' in no.headers["WWW-Authenticate"]
            assert ada not in no.text + str(no.headers)
            async with client_of(url, Authorization=f"Bearer {bob}") as client:
                assert not (await client.call_tool("chat", {"prompt": "hello"})).is_error
