"""Media fragments: the part of a source that its argument asks for, as in `shot.png#xywh=10,20,300,200`.

    #xywh=10,20,300,200   pixels x, y, width, height (also pixel:…); #xywh=percent:25,25,50,50
    #t=10,20  #t=10  #t=,20   seconds, or [hours:]minutes:seconds; also npt:…
    #page=3  #page=3-5  #page=1,4-6

Several are joined with `&`. The grammar is that of W3C Media Fragments 1.0; pages are those of PDF viewers.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from urllib.parse import unquote

from glm_mcp.errors import InvalidRequest
from glm_mcp.media.types import Fragment

_KEYS = ("xywh", "t", "page")
_LONGEST = 1_000  # characters; 200 of them pages
_HINT = (
    "Forms: #xywh=x,y,width,height in pixels (or percent:…), #t=start,end in seconds, #page=3 or #page=3-5."
)


def split_fragment(argument: str) -> tuple[str, Fragment]:
    """(the argument without its media fragment, the fragment). What follows a `#` counts only when it has one of our
    keys, so that names with a `#` stay whole. Raises InvalidRequest for one of our keys with a value that is wrong.
    """
    base, mark, tail = argument.rpartition("#")
    if len(tail) > _LONGEST:
        return argument, Fragment()
    pairs = [part.partition("=") for part in tail.split("&")]
    if not mark or not base or not any(key.lower() in _KEYS and equals for key, equals, _ in pairs):
        return argument, Fragment()
    fragment = Fragment()
    for key, _, raw in pairs:
        value = unquote(raw).strip().lower()
        match key.lower():
            case "xywh":
                box, percent = _box(value, tail)
                fragment = replace(fragment, xywh=box, percent=percent)
            case "t":
                fragment = replace(fragment, t=_span(value, tail))
            case "page":
                fragment = replace(fragment, page=_pages(value, tail))
    return base, fragment


def written(fragment: Fragment) -> str:
    """A fragment as an ending of an argument; nothing where it asks for no part."""
    pairs = []
    if fragment.xywh:
        box = ",".join(f"{side:.6f}" for side in fragment.xywh)
        pairs.append(f"xywh={'percent:' * fragment.percent}{box}")
    if fragment.t:
        start, end = fragment.t
        pairs.append(f"t={start:.6f}" + (f",{end:.6f}" if end is not None else ""))
    if fragment.page:
        pairs.append(f"page={fragment.page}")
    return "#" + "&".join(pairs) if pairs else ""


def _box(value: str, shown: str) -> tuple[tuple[float, float, float, float], bool]:
    unit, colon, rest = value.rpartition(":")
    numbers = [_number(part) for part in rest.split(",")]
    if (colon and unit not in ("pixel", "percent")) or len(numbers) != 4:
        raise _wrong(shown, "it takes four numbers: x, y, width, height")
    x, y, width, height = (number if number is not None else -1.0 for number in numbers)
    if min(x, y) < 0 or min(width, height) <= 0:
        raise _wrong(shown, "x and y are 0 or more, width and height more than 0")
    percent = unit == "percent"
    if percent and max(x + width, y + height) > 100.000_001:
        raise _wrong(shown, "percentages reach beyond 100")
    return (x, y, width, height), percent


def _span(value: str, shown: str) -> tuple[float, float | None]:
    value = value.removeprefix("npt:")
    first, _, second = value.partition(",")
    start = _seconds(first) if first else 0.0
    end = _seconds(second) if second else None
    if start is None or (second and end is None) or not (first or second):
        raise _wrong(shown, "times are seconds, or minutes:seconds, or hours:minutes:seconds")
    if end is not None and end <= start:
        raise _wrong(shown, "the end is not after the start")
    return start, end


def _seconds(text: str) -> float | None:
    parts = text.strip().removesuffix("s").split(":")
    numbers = [_number(part) for part in parts]
    if len(parts) > 3 or any(number is None for number in numbers):
        return None
    values = [number for number in numbers if number is not None]
    if any(value < 0 for value in values) or any(value >= 60 for value in values[1:]):
        return None
    return sum(value * 60.0**power for power, value in enumerate(reversed(values)))


def _pages(value: str, shown: str) -> str:
    compact = re.sub(r"\s+", "", value)
    if len(compact) > 200 or not re.fullmatch(
        r"\d{1,6}(?:-\d{0,6})?(?:,\d{1,6}(?:-\d{0,6})?)*", compact, re.ASCII
    ):
        raise _wrong(shown, "pages are numbers and ranges such as 3 or 3-5")
    if any(int(number) == 0 for number in re.findall(r"\d+", compact)):
        raise _wrong(shown, "pages are counted from 1")
    return compact


def _number(text: str) -> float | None:
    text = text.strip()
    if not re.fullmatch(r"\d{1,12}(?:\.\d{0,12})?|\.\d{1,12}", text, re.ASCII):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _wrong(shown: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"'#{shown[:80]}' is not a usable part: {why}", _HINT)
