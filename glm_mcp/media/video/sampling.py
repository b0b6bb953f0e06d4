"""Which moments of a video are looked at, and in how many parts it is read. Pure decisions, seconds throughout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from glm_mcp.media.video.asked import MAXIMUM_FRAMES

MAXIMUM_PARTS = 4  # as many as a call asks about within a minute or two
LONG = 600.0  # a video longer than this is read in parts
PART = 450.0  # seconds of a part of a long video, where that gives no more than four parts
HEAD = 3.0  # the opening that `dense_head` looks at closely
HEAD_RATE = 2.5  # frames a second in it

# Frames by length, near the budgets of other video tools (12/20/30/45/60): (longest length, frames).
_BUDGET = ((30.0, 12), (60.0, 16), (180.0, 20), (LONG, 30))


def budget(length: float) -> int:
    """How many frames a stretch of `length` seconds deserves; what is alike is left out of them later."""
    return next((frames for longest, frames in _BUDGET if length <= longest), MAXIMUM_FRAMES)


def evenly(start: float, end: float, count: int) -> list[float]:
    """`count` times from the first moment to the last, both included; one alone lies in the middle."""
    if count <= 1 or end <= start:
        return [(start + end) / 2]
    return [start + (end - start) * i / (count - 1) for i in range(count)]


def head(start: float, end: float, count: int) -> tuple[list[float], float]:
    """Times of the opening seconds, closely spaced, within `count` frames in all; and where the rest begins."""
    until = min(start + HEAD, end)
    times = min(math.ceil((until - start) * HEAD_RATE), count if until >= end else max(1, count // 2))
    step = (until - start) / max(times, 1)
    return [start + step * i for i in range(times)], until


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch that one call of a model is about, and how many frames it may have."""

    start: float
    end: float
    frames: int


def even_parts(start: float, end: float, max_frames: int | None = None) -> list[Part]:
    """The parts in which a stretch is read, each of at most 50 frames: one for up to ten minutes, up to four for a
    longer one, as many as it takes when `max_frames` says so.
    """
    length = end - start
    if max_frames is not None:
        count = math.ceil(max(1, max_frames) / MAXIMUM_FRAMES)
        shares = [max_frames // count + (i < max_frames % count) for i in range(count)]
    else:
        count = 1 if length <= LONG else min(MAXIMUM_PARTS, math.ceil(length / PART))
        shares = [budget(length / count)] * count
    edges = [start + length * i / count for i in range(count)] + [end]
    return [Part(edges[i], edges[i + 1], max(1, share)) for i, share in enumerate(shares)]


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
