"""Dates, times and durations as a spreadsheet shows them.

Dates that show year, month and day are written as ISO dates, whatever their order in the format: 03/04 is March to one
reader and April to another.
"""

from __future__ import annotations

import datetime as dt

from glm_mcp.media.documents.ooxml.format_code import Token, literal

_EPOCH = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - sheets have no time zones
_EPOCH_1904 = dt.datetime(1904, 1, 1)  # noqa: DTZ001 - as above
_LAST_DAY = 2_958_466  # after 9999-12-31
_MONTHS = tuple(
    "January February March April May June July August September October November December".split()
)
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def moment(number: float, *, since_1904: bool = False) -> dt.datetime | None:
    """The date and time of a serial number; None beyond the calendar."""
    if not 0 <= number < _LAST_DAY:
        return None
    # 1900 was no leap year, but the sheet's calendar has a 29 February 1900.
    days = number + (1 if number < 60 and not since_1904 and number >= 1 else 0)
    return (_EPOCH_1904 if since_1904 else _EPOCH) + dt.timedelta(milliseconds=round(days * 86_400_000))


def shown_date(number: float, tokens: tuple[Token, ...], *, since_1904: bool) -> str | None:
    """None beyond the calendar."""
    if any(kind == "elapsed" for kind, _ in tokens):
        return _elapsed(number, tokens)
    when = moment(number, since_1904=since_1904)
    if when is None:
        return None
    letters = {text[0] for kind, text in tokens if kind == "date"}
    clock = bool(letters & set("hns"))
    places = _places(tokens)
    when += dt.timedelta(seconds=0.5 / 10**places)  # 10:29:59.9999 is half past ten
    tokens = _with_fraction(tokens, f"{when.microsecond:06}"[:places])
    if letters >= set("ymd") or letters >= set("emd"):
        day = when.date().isoformat()
        return f"{day} {_clock(when, tokens)}" if clock else day
    return "".join(_dated(when, kind, text, tokens) for kind, text in tokens).strip()


def _clock(when: dt.datetime, tokens: tuple[Token, ...]) -> str:
    start = next(i for i, (kind, text) in enumerate(tokens) if kind == "date" and text[0] in "hns")
    end = max(
        i
        for i, (kind, text) in enumerate(tokens)
        if kind in ("ampm", "fraction") or (kind == "date" and text[0] in "hns")
    )
    part = tokens[start : end + 1]
    return "".join(
        _dated(when, kind, text, tokens) for kind, text in part if kind != "date" or text[0] in "hns"
    )


def _places(tokens: tuple[Token, ...]) -> int:
    """How many digits of a fraction of a second are shown; a sheet has three at most."""
    return min(sum(kind == "digit" for kind, _ in tokens), 3)


def _with_fraction(tokens: tuple[Token, ...], digits: str) -> tuple[Token, ...]:
    left = iter(digits)
    return tuple(("fraction", next(left, "0")) if kind == "digit" else (kind, text) for kind, text in tokens)


def _dated(when: dt.datetime, kind: str, text: str, tokens: tuple[Token, ...]) -> str:
    if kind == "ampm":
        return "AM" if when.hour < 12 else "PM"
    if kind != "date":
        return literal(kind, text)
    match text[0]:
        case "y" | "e":
            return f"{when.year % 100:02}" if len(text) == 2 and text[0] == "y" else str(when.year)
        case "g":
            return ""
        case "m":
            name = _MONTHS[when.month - 1]
            return {1: str(when.month), 2: f"{when.month:02}", 3: name[:3], 5: name[0]}.get(len(text), name)
        case "d" | "a":
            name = _DAYS[when.weekday()]
            return {1: str(when.day), 2: f"{when.day:02}", 3: name[:3]}.get(len(text), name)
        case "h":
            hour = when.hour % 12 or 12 if any(kind == "ampm" for kind, _ in tokens) else when.hour
            return f"{hour:0{len(text)}}"
        case "n":
            return f"{when.minute:0{len(text)}}"
    return f"{when.second:0{len(text)}}"


def _elapsed(number: float, tokens: tuple[Token, ...]) -> str:
    """A duration: the first unit counts on beyond its circle."""
    places = _places(tokens)
    shown = int(abs(number) * 86_400 * 10**places + 0.5)
    left = shown // 10**places
    tokens = _with_fraction(tokens, f"{shown % 10**places:0{places}}" if places else "")
    out: list[str] = ["-"] if number < 0 else []
    for kind, text in tokens:
        if kind == "elapsed":
            unit = {"h": 3600, "m": 60, "s": 1}[text[0]]
            out.append(f"{left // unit:0{len(text)}}")
        elif kind == "date":
            unit = {"h": 3600, "n": 60, "m": 60, "s": 1}.get(text[0], 86_400)
            out.append(f"{left // unit % (24 if unit == 3600 else 60):0{min(len(text), 2)}}")
        else:
            out.append(literal(kind, text))
    return "".join(out).strip()
