"""Times in a video: how they are read and written, and which ones are looked at. Pure decisions, seconds throughout."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from glm_mcp.errors import InvalidRequest

MOST_FRAMES = 50  # pictures that one call takes (the cards' `images`)
MOST_PARTS = 4  # as many calls as the free vision model serves at once
LONG = 600.0  # a video longer than this is read in parts
PER_FRAME = 9.0  # seconds a frame stands for in a part
HEAD = 3.0  # the opening that `dense_head` looks at closely
HEAD_RATE = 2.5  # frames a second in it

# Frames by length, near the budgets of other video tools (12/20/30/45/60): (longest length, frames).
_BUDGET = ((30.0, 12), (60.0, 16), (180.0, 20), (LONG, 30))

_FORMS = 'Give seconds (12, "12.5"), "1:02", "0:01:02.5", "90s" or "1m30s".'
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):([0-5]?\d(?:\.\d*)?)")
_UNITS = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s(?:ec)?)?")
_MILLIS = re.compile(r"(\d+(?:\.\d+)?)ms")


def parse_time(value: object) -> float:
    """Seconds from 12, "12.5", "1:02", "0:01:02.5", "90s", "1m30s", "1h", "250ms".

    Raises: InvalidRequest, which names the forms.
    """
    seconds = _seconds(value)
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        raise InvalidRequest(f"{value!r} is not a time in a video", _FORMS)
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    if not isinstance(value, str):
        return None
    text = "".join(value.split()).lower().removeprefix("npt:").replace(",", ".")
    if re.fullmatch(r"\d+(\.\d*)?|\.\d+", text):
        return float(text)
    if found := _CLOCK.fullmatch(text):
        hours, minutes, seconds = found.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)
    if found := _MILLIS.fullmatch(text):
        return float(found[1]) / 1000
    if text and (found := _UNITS.fullmatch(text)):
        return sum(float(part or 0) * unit for part, unit in zip(found.groups(), (3600, 60, 1), strict=True))
    return None


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


def budget(length: float) -> int:
    """How many frames a stretch of `length` seconds deserves; what is alike is left out of them later."""
    return next((frames for most, frames in _BUDGET if length <= most), MOST_FRAMES)


def evenly(start: float, end: float, count: int) -> list[float]:
    """`count` times from the first moment to the last, both included; one alone lies in the middle."""
    if count <= 1 or end <= start:
        return [(start + end) / 2]
    return [start + (end - start) * i / (count - 1) for i in range(count)]


def head(start: float, end: float, count: int) -> tuple[list[float], float]:
    """Times of the opening seconds, closely spaced, within `count` frames in all; and where the rest begins."""
    until = min(start + HEAD, end)
    most = min(math.ceil((until - start) * HEAD_RATE), count if until >= end else max(1, count // 2))
    step = (until - start) / max(most, 1)
    return [start + step * i for i in range(most)], until


def even_parts(
    duration: float, start: float | None = None, end: float | None = None, max_frames: int | None = None
) -> list[tuple[float, float, int]]:
    """Stretches (start, end, frames) in which a video is read, each of at most 50 frames: one for a video of up to
    ten minutes, up to four for a longer one, as many as it takes when `max_frames` says so.
    """
    first, last = span(duration, start, end, "the video")
    length = last - first
    if max_frames is not None:
        count = math.ceil(max(1, max_frames) / MOST_FRAMES)
        shares = [max_frames // count + (i < max_frames % count) for i in range(count)]
    elif length <= LONG:
        count, shares = 1, [budget(length)]
    else:
        count = min(MOST_PARTS, math.ceil(length / PER_FRAME / MOST_FRAMES))
        shares = [min(MOST_FRAMES, math.ceil(length / PER_FRAME / count))] * count
    edges = [first + length * i / count for i in range(count)] + [last]
    return [(edges[i], edges[i + 1], max(1, share)) for i, share in enumerate(shares)]


@dataclass(frozen=True, slots=True)
class Look:
    """One moment that was looked at cheaply. `thumb`: its 64 x 36 gray bytes, None when nothing was decoded there."""

    time: float
    thumb: bytes | None = None


def difference(a: bytes, b: bytes) -> tuple[float, int]:
    """Mean and largest difference of two gray thumbs, 0-255."""
    gaps = [abs(x - y) for x, y in zip(a, b, strict=True)]
    return sum(gaps) / len(gaps), max(gaps)


def alike(a: bytes, b: bytes) -> bool:
    """Whether nobody would tell the two apart: nothing moved by more than noise, a word or a button included."""
    mean, peak = difference(a, b)
    return mean < 1.5 and peak < 16


def black(thumb: bytes) -> bool:
    """Nothing but (video or full range) black."""
    return sum(thumb) / len(thumb) < 20 and max(thumb) < 40


CUT = 14.0  # mean difference between neighbours that makes a scene; four of four cuts of a test film, no false one


def choose(looks: Sequence[Look], count: int) -> list[float]:
    """The times of at most `count` looks: no black ones, no near-duplicates, scene beginnings first, then whatever
    fills the largest gap. Of a video that never changes, its first and last look.
    """
    seen = [look for look in looks if look.thumb is None or not black(look.thumb)] or list(looks)
    kept: list[Look] = []
    cuts: list[tuple[float, int]] = []
    for look in seen:
        last = kept[-1].thumb if kept else None
        if last is not None and look.thumb is not None:
            if alike(last, look.thumb):
                continue
            change = difference(last, look.thumb)[0]
            if change >= CUT:
                cuts.append((change, len(kept)))
        kept.append(look)
    if len(kept) == 1 and len(seen) > 1 and count > 1:
        kept.append(seen[-1])
    if len(kept) <= count:
        return [look.time for look in kept]
    times = [look.time for look in kept]
    if count == 1:
        return [times[len(times) // 2]]
    near = (times[-1] - times[0]) / count / 3
    picked = {0, len(times) - 1} if count > 1 else {0}
    for _, index in sorted(cuts, reverse=True):
        if len(picked) >= max(2, count * 6 // 10):
            break
        if all(abs(times[index] - times[other]) >= near for other in picked):
            picked.add(index)
    gaps = [min(abs(time - times[i]) for i in picked) for time in times]
    while len(picked) < count:
        best = max(range(len(times)), key=gaps.__getitem__)
        if gaps[best] <= 0:
            break
        picked.add(best)
        gaps = [min(gap, abs(time - times[best])) for gap, time in zip(gaps, times, strict=True)]
    return [times[i] for i in sorted(picked)]
