"""The page at `/`: to whom it is shown, what stands in it, and what its answers allow a browser."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import jwt
import pytest
from support.cases import each
from support.http_server import called_now, served

from glm_mcp.server.app import App
from glm_mcp.server.callers.caller import Caller, owner_of
from glm_mcp.server.http.auth.authenticator import Authenticator
from glm_mcp.server.http.auth.tokens import digest, new_token
from glm_mcp.server.http.page.words import EN, LANGUAGES, ZH, words_for
from glm_mcp.server.tally import CALLS, OWNERS, Tally
from glm_mcp.settings import Settings
from glm_mcp.simulator import Simulator
from glm_mcp.simulator.engine.mode import Engine

TOKEN = "a-token-of-enough-characters"
EMPTY = {"meta", "link", "input", "wbr"}


class Whole(HTMLParser):
    """Reads a page; fails where an element is not closed, an id is there twice, or something would be run or fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.words: list[str] = []
        self.named: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []
        assert not set(self.named) - self.ids, "every name that is referred to is there"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert tag not in {"script", "style", "iframe", "img"}
        assert not [a for a in given if a == "style" or a.startswith("on")]
        for address in (given.get("href"), given.get("src"), given.get("action")):
            assert address is None or address[0] in "/#"
        if ident := given.get("id"):
            assert ident not in self.ids
            self.ids.add(ident)
        self.named += (given.get("aria-labelledby") or given.get("aria-describedby") or "").split()
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def shown(answer: httpx.Response) -> str:
    """The text of a page, whose answer lets a browser do nothing but show it."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "script-src" not in policy
    for part in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
        assert part in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    return Whole(answer.text).text


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, str]:
    """A token by name; the file holds their hashes."""
    return {name: new_token() for name in ("ada", "<b>", "bob")}


@pytest.fixture
def file(tmp_path: Path, tokens: dict[str, str]) -> Path:
    path = tmp_path / "tokens.toml"
    write(path, {n: t for n, t in tokens.items() if n != "<b>"})
    return path


def write(path: Path, tokens: dict[str, str], more: str = "") -> None:
    lines = [
        f'[tokens.{n}]\nsha256 = "{digest(t)}"\ntokens_per_day = 1000\nper_minute = 10\n{more}'
        for n, t in tokens.items()
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    path.chmod(0o600)


@pytest.fixture
def team(app_of: Callable[..., App], file: Path) -> Iterator[tuple[App, str]]:
    """A server for those of the file and for whoever has GLM_HTTP_TOKEN."""
    app = app_of(remote=True, GLM_TOKENS_FILE=str(file), GLM_HTTP_TOKEN=TOKEN)
    with served(app) as url:
        yield app, url


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    """What keeps cookies as a browser does, and goes where it is sent."""
    with httpx.Client(trust_env=False, follow_redirects=True, timeout=60) as client:
        yield client


def called(client: httpx.Client, url: str, token: str, tool: str = "chat", **arguments: str) -> None:
    given = called_now(tool, **arguments)
    given["headers"]["Authorization"] = f"Bearer {token}"
    assert client.post(f"{url}/mcp", **given).status_code == 200


def signed_in(client: httpx.Client, url: str, token: str) -> str:
    return shown(client.post(f"{url}/sign-in", data={"token": token}, headers={"Origin": url}))


def test_the_page_of_a_server_of_ones_own_that_draws_nothing_is_shown(
    app_of: Callable[..., App], sim: Simulator, browser: httpx.Client
) -> None:
    sim.engine = Engine(program="vllm")
    with served(app_of(remote=True, GLM_BASE_URL=sim.engine_url, GLM_HTTP_TOKEN=TOKEN)) as url:
        assert EN.models_caption in signed_in(browser, url, TOKEN)
        called(browser, url, TOKEN, prompt="hello")
        assert sim.engine.models[0] in shown(browser.get(f"{url}/"))


def test_nobody_is_shown_anything_but_the_form_without_a_token(
    team: tuple[App, str], browser: httpx.Client
) -> None:
    _, url = team
    answer = browser.get(f"{url}/")
    text = shown(answer)
    assert answer.status_code == 200
    assert "Your token" in text
    assert "glm-4.7-flash" not in text
    assert "set-cookie" not in answer.headers


def test_who_sends_a_token_by_the_form_sees_their_own_page(
    team: tuple[App, str], tokens: dict[str, str], browser: httpx.Client
) -> None:
    _, url = team
    called(browser, url, tokens["ada"], prompt="a prompt of ada's")
    called(browser, url, tokens["bob"], "generate_image", prompt="bob's picture")
    text = signed_in(browser, url, tokens["ada"])
    assert "Signed in as ada" in text
    assert re.search(r"Tokens today \d+ of 1,000 .* left", text)
    assert "9 of 10 can be made now" in text
    assert re.search(r"\d\d:\d\d:\d\d chat glm-4.7-flash answered \d\.\d s \d+", text)
    assert "glm-4.7-flash ready" in text
    assert "generate_" not in text.partition("Recent calls")[2].partition("Models")[0], "that was bob"
    assert "prompt" not in text
    assert "bob" not in text
    assert shown(browser.get(f"{url}/")).split("As of")[0] == text.split("As of")[0]


@pytest.mark.parametrize("name", ["ada", "shared"])
def test_the_cookie_is_no_token_and_cannot_be_read_by_a_script_or_sent_from_elsewhere(
    name: str, team: tuple[App, str], tokens: dict[str, str]
) -> None:
    _, url = team
    token = tokens.get(name, TOKEN)
    answer = httpx.post(f"{url}/sign-in", data={"token": token}, trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    for part in ("Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=3600"):
        assert part in cookie
    assert token not in str(answer.headers)
    assert digest(token) not in cookie
    value = cookie.partition("=")[2].partition(";")[0]
    claims = jwt.decode(value, options={"verify_signature": False})
    assert set(claims) == {"m", "exp"}
    assert claims["exp"] <= time.time() + 3_600
    bearer = {"Authorization": f"Bearer {value}"}
    assert httpx.post(f"{url}/mcp", headers=bearer, json={}, trust_env=False).status_code == 401


def test_over_tls_the_cookie_goes_over_tls_alone(app_of: Callable[..., App]) -> None:
    app = app_of(remote=True, GLM_HTTP_TOKEN=TOKEN, GLM_PUBLIC_URL="https://glm.example.org")
    with served(app) as url:
        answer = httpx.post(f"{url}/sign-in", data={"token": TOKEN}, trust_env=False)
    assert answer.headers["set-cookie"].startswith("__Host-glm=")
    assert answer.headers["set-cookie"].endswith("; Secure")


@pytest.mark.parametrize(
    "token",
    ["", "wrong", "glm_" + "0" * 49, new_token(), "x" * 9_000, "a.b.c"],
    ids=["none", "wrong", "mistyped", "unknown", "long", "of an issuer"],
)
def test_what_is_no_token_is_told_so_and_not_repeated(
    token: str, team: tuple[App, str], browser: httpx.Client
) -> None:
    _, url = team
    answer = browser.post(f"{url}/sign-in", data={"token": token})
    assert answer.status_code == 403
    assert "That token is not let in" in shown(answer)
    assert not token or token not in answer.text
    assert "set-cookie" not in answer.headers


def test_a_form_of_another_page_signs_nobody_in(team: tuple[App, str], tokens: dict[str, str]) -> None:
    _, url = team
    for origin in ("https://evil.example", "null"):
        answer = httpx.post(
            f"{url}/sign-in", data={"token": tokens["ada"]}, headers={"Origin": origin}, trust_env=False
        )
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


def test_a_revoked_token_ends_what_it_opened(
    team: tuple[App, str], tokens: dict[str, str], file: Path, browser: httpx.Client
) -> None:
    _, url = team
    assert "Signed in as ada" in signed_in(browser, url, tokens["ada"])
    write(file, {"bob": tokens["bob"]})
    end = time.monotonic() + 10
    while "Signed in" in shown(browser.get(f"{url}/")):
        assert time.monotonic() < end, "it is seen within a second"
    assert "Your token" in shown(browser.get(f"{url}/"))


@pytest.mark.anyio
async def test_a_token_that_expires_ends_what_it_opened(tmp_path: Path) -> None:
    now, token, path = 1_800_000_000.0, new_token(), tmp_path / "tokens.toml"
    write(path, {"ada": token}, "expires = 2027-01-15T08:01:00Z\n")
    found = Authenticator(Settings(GLM_TOKENS_FILE=str(path)), now=lambda: now)
    mark = found.mark(token)
    assert mark is not None
    assert (await found.marked(mark)) is not None
    now += 61
    assert (await found.marked(mark)) is None


def test_a_cookie_that_was_made_up_changed_or_is_old_opens_nothing(
    team: tuple[App, str], tokens: dict[str, str]
) -> None:
    _, url = team
    good = httpx.post(f"{url}/sign-in", data={"token": tokens["ada"]}, trust_env=False).cookies["glm"]
    head, body, end = good.split(".")
    for value in (
        "",
        "x" * 5_000,
        f"{head}.{body}.{end[::-1]}",
        jwt.encode({"m": "shared", "exp": time.time() + 60}, "k" * 32, "HS256"),
        jwt.encode({"m": "shared", "exp": time.time() + 60}, "", "none"),
    ):
        answer = httpx.get(f"{url}/", headers={"Cookie": f"glm={value}"}, trust_env=False)
        assert "Your token" in shown(answer), value
    many = httpx.get(f"{url}/", headers={"Cookie": f"{'glm=x; ' * 1_000}glm={good}"}, trust_env=False)
    assert "Your token" in shown(many)  # not all are tried
    both = httpx.get(f"{url}/", headers={"Cookie": f"glm=x; glm={good}; other=1"}, trust_env=False)
    assert "Signed in as ada" in shown(both)


def test_signing_out_ends_it(team: tuple[App, str], tokens: dict[str, str], browser: httpx.Client) -> None:
    _, url = team
    signed_in(browser, url, tokens["ada"])
    assert "Your token" in shown(browser.post(f"{url}/sign-out", headers={"Origin": url}))
    assert not browser.cookies


def test_the_header_of_a_client_opens_it_too_and_a_wrong_one_is_challenged(
    team: tuple[App, str], tokens: dict[str, str], browser: httpx.Client
) -> None:
    _, url = team
    given = {"Authorization": f"Bearer {tokens['bob']}"}
    text = shown(browser.get(f"{url}/", headers=given))
    assert "Signed in as bob" in text
    assert "Sign out" not in text
    wrong = browser.get(f"{url}/", headers={"Authorization": "Bearer wrong"})
    assert wrong.status_code == 401
    assert wrong.headers["www-authenticate"].startswith("Bearer ")
    assert "glm-4.7-flash" not in shown(wrong)


def test_where_nobody_needs_a_token_it_is_open(app_of: Callable[..., App], browser: httpx.Client) -> None:
    with served(app_of(remote=True)) as url:
        text = shown(browser.get(f"{url}/"))
    assert "without a token" in text
    assert "No calls yet" in text
    assert "No limit" in text


def test_with_an_issuer_alone_it_asks_for_no_token_that_it_would_not_take(
    app_of: Callable[..., App], browser: httpx.Client
) -> None:
    app = app_of(
        remote=True, GLM_OIDC_ISSUER="https://id.example.org", GLM_PUBLIC_URL="https://glm.example.org"
    )
    with served(app) as url:
        text = shown(browser.get(f"{url}/"))
    assert "identity provider" in text
    assert "Your token" not in text


@each(
    ("accepts", "setting", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", None, ZH),
        ("en-GB,en;q=0.9,zh;q=0.1", "zh", EN),
        ("de, zh-TW;q=0.5, en;q=0.2", None, ZH),
        ("fr", "zh", ZH),
        ("", None, EN),
        ("zh;q=0", None, EN),
        (",;q=" * 300, None, EN),
        ("*", None, EN),
    ],
)
def test_it_speaks_the_reader_s_language(accepts: str, setting: str | None, language: object) -> None:
    assert words_for(accepts, setting) is language  # type: ignore[arg-type]


def test_both_languages_say_the_same_with_the_same_figures() -> None:
    for name, english in vars(EN).items():
        chinese = getattr(ZH, name)
        assert english.count("{}") == chinese.count("{}"), name
        assert bool(english.strip()) == bool(chinese.strip())
    assert set(LANGUAGES) == {"en", "zh"}


def test_a_page_in_chinese_says_so(app_of: Callable[..., App], browser: httpx.Client) -> None:
    with served(app_of(remote=True)) as url:
        answer = browser.get(f"{url}/", headers={"Accept-Language": "zh-CN"})
    assert '<html lang="zh">' in answer.text
    assert "最近的调用" in shown(answer)
    assert "Accept-Language" in answer.headers["vary"]


def test_what_a_caller_named_is_shown_as_text(
    app_of: Callable[..., App], sim: Simulator, browser: httpx.Client
) -> None:
    with served(app_of(remote=True)) as url:
        called(browser, url, "nobody", prompt="hello", model="<script>alert(1)</script>")
        answer = browser.get(f"{url}/")
    shown(answer)
    assert "<script" not in answer.text


def test_what_is_remembered_is_bounded() -> None:
    now = 1_800_000_000.0
    tally = Tally(clock=lambda: now)
    for number in range(OWNERS + 10):
        with tally.call("chat", Caller(f"c{number}", owner_of(f"c{number}"))):
            pass
    assert not tally.of(owner_of("c0")).calls
    last = Caller("last", owner_of("last"))
    for _ in range(100):
        now += 3_600
        with tally.call("chat", last):
            pass
    assert len(tally.of(last.owner).calls) == CALLS
    assert len(tally.of(last.owner).tokens) == 24
    assert tally.outcomes["chat", "cancelled"] == OWNERS + 110


def test_the_style_and_the_icon_need_no_token_and_load_nothing(team: tuple[App, str]) -> None:
    _, url = team
    for path, kind in (("/style.css", "text/css"), ("/icon.svg", "image/svg+xml")):
        answer = httpx.get(f"{url}{path}", trust_env=False)
        assert answer.headers["content-type"].startswith(kind)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert not re.search(r"@import|url\(|https?://(?!www\.w3\.org)", answer.text)
