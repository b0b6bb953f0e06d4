"""The page at `/` as people meet it: in a browser, on a phone, in the dark, by the keyboard and read aloud."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.browser import Browser, browser
from support.http_server import called_now
from support.processes import COMMAND, environment, over_http, ran
from support.team_programs import needed

from glm_mcp.samples import FOLDER
from glm_mcp.simulator import Fault, Simulator

pytestmark = pytest.mark.timeout(120)

PHONE, DESK = (360, 740), (1280, 900)
FOCUSED = """(() => { const e = document.activeElement;
  return [e.tagName, e.id || e.getAttribute("href") || e.textContent.trim().slice(0, 40)].join(" "); })()"""
# The contrast (WCAG 2.2, 1.4.3) of every piece of text with what lies behind it; those below are given back.
FAINT = """(() => {
  const light = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$/.test(c)) return c; } return "rgb(255, 255, 255)"; };
  const found = [];
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    if (e.closest("title, desc")) continue;
    const style = getComputedStyle(e), ink = e.closest("svg") ? style.fill : style.color;
    const [a, b] = [light(ink), light(behind(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push([e.tagName, e.textContent.slice(0, 30), ink, behind(e)].join(" "));
  }
  return found; })()"""
SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"

CUT_OFF = """[...document.querySelectorAll(".wide")].filter((e) => e.scrollWidth > e.clientWidth)
  .map((e) => [e.ariaLabel, e.scrollWidth, e.clientWidth].join(" "))"""


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a server that two people have used, and the token of one of them."""
    needed("chromium")
    home = tmp_path_factory.mktemp("team")
    with Simulator() as sim:
        env = environment(home / "home", sim)
        add = [*COMMAND, "token", "add"]
        limits = ["--tokens-per-day", "4000", "--per-minute", "20", "--at-once", "3"]
        tokens = [
            re.findall(r"glm_\w+", ran([*add, name, *limits], env, home).stdout)[0]
            for name in ("ada", "somebody-else")
        ]
        with over_http(env, home) as (url, _), httpx.Client(trust_env=False, timeout=60) as client:

            def call(token: str, tool: str, **arguments: str) -> None:
                given = called_now(tool, **arguments)
                given["headers"]["Authorization"] = f"Bearer {token}"
                assert client.post(f"{url}/mcp", **given).status_code == 200

            picture = base64.b64encode((FOLDER / "chart.png").read_bytes()).decode()
            for _ in range(6):
                call(tokens[0], "chat", prompt="a prompt that is shown to nobody")
            call(tokens[0], "describe_image", images=f"data:image/png;base64,{picture}")
            call(tokens[0], "chat", prompt="no answer", model="glm-4.7-flash", max_tokens="-1")
            sim.queue(Fault("error", code="1305"))
            call(tokens[0], "chat", prompt="again")
            call(tokens[1], "generate_image", prompt="of somebody else")
            yield url, tokens[0]


@pytest.fixture
def page() -> Iterator[Browser]:
    with browser() as made:
        yield made


def sign_in(page: Browser, url: str, token: str) -> None:
    """By the keyboard alone."""
    page.open(url)
    while not str(page.run(FOCUSED)).startswith("INPUT"):
        page.press("Tab")
    page.type(token)
    page.press("Enter", loads=True)


def shot(page: Browser, name: str) -> None:
    """A picture for whoever wants to look: in the folder that PAGE_PICTURES names."""
    if folder := os.environ.get("PAGE_PICTURES"):
        page.picture(Path(folder) / f"{name}.png")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_everything_fits_and_can_be_read_on_a_phone_and_at_a_desk_by_day_and_by_night(
    language: str, size: tuple[int, int], dark: bool, team: tuple[str, str], page: Browser
) -> None:
    url, token = team
    page.look(*size, dark=dark)
    page.speaks(language)
    name = f"{language}-{size[0]}-{'dark' if dark else 'light'}"
    page.open(url)
    assert page.run(FAINT) == []
    assert not page.run(SIDEWAYS)
    shot(page, f"sign-in-{name}")
    sign_in(page, url, token)
    assert page.run("document.querySelector('header p').textContent").endswith("ada")
    assert page.run("document.documentElement.lang") == language[:2]
    assert page.run(FAINT) == []
    assert not page.run(SIDEWAYS)
    assert page.run(CUT_OFF) == [], "no table is wider than the screen"
    paper = page.run("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(15, 18, 22)") == dark, "it follows the system"
    shot(page, f"page-{name}")
    assert page.said == [], "nothing of the page breaks its own policy"


def test_it_is_gone_through_by_the_keyboard_from_top_to_bottom(team: tuple[str, str], page: Browser) -> None:
    page.look(*DESK)
    sign_in(page, *team)
    order = []
    for _ in range(6):
        page.press("Tab")
        order.append(str(page.run(FOCUSED)))
        outline = page.run("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", f"where one is can be seen: {order[-1]}"
    assert [o.split()[0] for o in order] == ["A", "A", "BUTTON", "SUMMARY", "DIV", "DIV"]
    assert order[0] == "A #main"
    page.open(team[0])
    page.press("Tab")
    page.press("Enter")
    assert page.run(FOCUSED) == "MAIN main", "the first link goes past the head"


def test_whoever_hears_it_is_told_as_much_as_whoever_sees_it(team: tuple[str, str], page: Browser) -> None:
    page.look(*DESK)
    sign_in(page, *team)
    told = page.heard_by_readers()
    for landmark in ("banner", "main", "contentinfo", "navigation"):
        assert [role for role, _ in told].count(landmark) == 1, landmark
    assert [name for role, name in told if role == "heading"][:2] == ["GLM tools", "Today"]
    pictures = [name for role, name in told if role in {"image", "img"}]
    assert len(pictures) == 4
    assert all(pictures), "every chart has words for what it shows"
    assert any(re.search(r"of 4,000 used", name) for name in pictures)
    tables = [name for role, name in told if role == "table"]
    assert all(tables), "every table has a name"
    assert ("columnheader", "Outcome") in told


def test_signing_out_leaves_nothing_behind(team: tuple[str, str], page: Browser) -> None:
    page.look(*DESK)
    sign_in(page, *team)
    assert page.run("document.cookie") == "", "no script could read it"
    assert team[1] not in str(page.run("document.documentElement.outerHTML + location.href"))
    while not str(page.run(FOCUSED)).startswith("BUTTON"):
        page.press("Tab")
    page.press("Enter", loads=True)
    assert page.run("document.querySelectorAll('input[type=password]').length") == 1
    assert page.ask("Network.getCookies")["cookies"] == []
