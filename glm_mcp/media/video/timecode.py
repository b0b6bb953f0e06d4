"""Times in a video: how people write them, how they are read, and which part of a video they mean. Seconds throughout."""

from __future__ import annotations

import math
import re

from glm_mcp.errors import InvalidRequest

_FORMS = 'Give seconds (12, "12.5"), "1:02", "0:01:02.5", "90s" or "1m30s".'
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):([0-5]?\d(?:\.\d*)?)")
_UNITS = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s(?:ec)?)?")
_MILLIS = re.compile(r"(\d+(?:\.\d+)?)ms")
_LONGEST = 100  # characters; of thousands of digits Python makes no number, and takes long to look at them


def parse_time(value: object) -> float:
    """Seconds from 12, "12.5", "1:02", "0:01:02.5", "90s", "1m30s", "1h", "250ms".

    Raises: InvalidRequest, which names the forms.
    """
    seconds = _seconds(value)
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        raise InvalidRequest(f"{value!r:.{_LONGEST}} is not a time in a video", _FORMS)
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    text = "".join(value.split()).lower().removeprefix("npt:").replace(",", ".")
    if re.fullmatch(r"\d+(\.\d*)?|\.\d+", text):
        return float(text)
    if clock := _CLOCK.fullmatch(text):
        return clock_seconds(*clock.groups())
    if millis := _MILLIS.fullmatch(text):
        return float(millis[1]) / 1000
    if text and (units := _UNITS.fullmatch(text)):
        return sum(float(part or 0) * unit for part, unit in zip(units.groups(), (3600, 60, 1), strict=True))
    return None


def clock_seconds(hours: str | None, minutes: str, seconds: str) -> float:
    """The fields of a clock time, "1", "02", "03.5", in seconds."""
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)


def stamp(seconds: float, digits: int = 0) -> str:
    """A time as people write it: "0:12", "1:02:03"; with two digits "0:12.40"."""
    unit = 10**digits
    ticks = max(0, round(seconds * unit) if digits else int(seconds + 1e-6))
    whole, rest = divmod(ticks, unit)
    minutes, second = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes}:{second:02}"
    return f"{text}.{rest:0{digits}}" if digits else text


def span(duration: float, start: float | None, end: float | None, name: str) -> tuple[float, float]:
    """The part of a video of `duration` seconds that `start` and `end` mean.

    An end up to a second (or 2 %) late is a rounded length and taken as the end.
    Raises: InvalidRequest, which names the length.
    """
    length = f"{name} is {stamp(duration, 2)} long ({duration:.2f} s)"
    first = 0.0 if start is None else start
    last = duration if end is None else end
    if first < 0 or last < 0:
        raise InvalidRequest("start and end of a video cannot be negative", _FORMS)
    if start is not None and end is not None and start >= end:
        raise InvalidRequest(
            f"start {start:g} s is not before end {end:g} s: {length}", "Choose start before end."
        )
    if first > 0 and first >= duration:
        raise InvalidRequest(
            f"start {first:g} s is beyond the end: {length}", "Choose a start before the end."
        )
    if last > duration + max(1.0, duration * 0.02):
        raise InvalidRequest(
            f"end {last:g} s is beyond the end: {length}", "Choose an earlier end, or leave it out."
        )
    if first >= last and (start is not None or end is not None):
        raise InvalidRequest(
            f"start {first:g} s is not before end {last:g} s: {length}", "Choose start before end."
        )
    return first, min(last, duration)


def between(start: float, end: float) -> str:
    """A stretch as people write it: "0:00–8:00"; tenths where whole seconds would say nothing."""
    digits = 1 if end - start < 5 else 0
    return f"{stamp(start, digits)}–{stamp(end, digits)}"
