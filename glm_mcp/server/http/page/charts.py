"""Charts as SVG, each with its text alternative in it. Colours are the style sheet's."""

from __future__ import annotations

from collections.abc import Mapping

from glm_mcp.server.http.page.markup import Markup, element, together
from glm_mcp.server.http.page.words import Words
from glm_mcp.server.tally import HOURS

WIDTH, HEIGHT = 640, 200
_TOP, _BOTTOM, _STEP = 32, 32, 26
_LEFT = WIDTH - HOURS * _STEP


def bar(used: int, limit: int, words: Words, name: str) -> Markup:
    """How much of a limit is used."""
    share = min(1.0, used / limit)
    told = f"{name}: {words.bar.format(f'{used:,}', f'{limit:,}', round(share * 100))}"
    parts = [element("rect", class_="track", width=100, height=8, rx=2)]
    if share > 0:
        kind = "used nearly" if share >= 0.9 else "used"
        parts.append(element("rect", class_=kind, width=round(max(1.0, share * 100), 1), height=8, rx=2))
    return element(
        "svg",
        element("title", told),
        *parts,
        viewBox="0 0 100 8",
        preserveAspectRatio="none",
        class_="bar",
        role="img",
        aria_label=told,
    )


def alternative(tokens: Mapping[int, int], words: Words) -> str:
    """What the columns show, in a sentence."""
    if not any(tokens.values()):
        return words.hours_none
    most = max(tokens, key=lambda hour: tokens[hour])
    return words.hours_alt.format(
        f"{sum(tokens.values()):,}", clock(most), clock(most + 1), f"{tokens[most]:,}"
    )


def columns(tokens: Mapping[int, int], now: int, words: Words) -> Markup:
    """Tokens of the hours up to `now`, all counted since 1970."""
    highest = max(tokens.values(), default=0)
    floor, room = HEIGHT - _BOTTOM, HEIGHT - _BOTTOM - _TOP
    parts: list[Markup] = []
    for at, hour in enumerate(range(now - HOURS + 1, now + 1)):
        x, count = _LEFT + at * _STEP, tokens.get(hour, 0)
        if count:
            height = max(2.0, room * count / highest)
            about = element("title", f"{clock(hour)} {count:,}")
            y = round(floor - height, 1)
            place = {"x": x + 3, "y": y, "width": _STEP - 6, "height": round(height, 1), "rx": 2}
            parts.append(element("rect", about, class_="used", **place))
        if hour % 6 == 0:
            parts.append(element("text", clock(hour), x=x + 3, y=HEIGHT - 6))
    if highest:
        parts.append(element("line", class_="grid", x1=_LEFT, x2=WIDTH, y1=_TOP, y2=_TOP))
        parts.append(element("text", f"{highest:,}", x=_LEFT, y=_TOP - 7))
    parts.append(element("line", class_="grid", x1=_LEFT, x2=WIDTH, y1=floor, y2=floor))
    return element(
        "svg",
        element("title", words.hours, id="hours-title"),
        element("desc", alternative(tokens, words), id="hours-text"),
        together(*parts),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_="columns",
        role="img",
        aria_labelledby="hours-title hours-text",
    )


def clock(hour: int) -> str:
    return f"{hour % 24:02}:00"
