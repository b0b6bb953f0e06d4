"""The frames of one part of a video, as JPEG: looked at cheaply, chosen, taken. Runs in the worker process."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from glm_mcp.media.video.reader import VideoReader
from glm_mcp.media.video.sampling import Look, Part, alike, black, choose, evenly, head

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from PIL import Image

# Pixels of the longer side: text of a screen recording stays legible, fifty frames fit one request.
SIDE = 1024
QUALITY = 80
FULL_QUALITY = 92

_DENSE_WORK = 1.2e9  # pixels that are decoded one after another within some four seconds on two cores
_EXACT_SHARE = 0.7  # of the time; later frames are the key frames before the moments asked
_SCAN_SHARE = 0.3
_HELD_BYTES = 96 << 20  # of frames that were looked at and may be taken; others are sought a second time


class Clock:
    """How much of the time for some work is used up."""

    def __init__(self, seconds: float) -> None:
        self.began = time.monotonic()
        self.seconds = seconds

    def at(self, share: float) -> float:
        return self.began + self.seconds * share

    def past(self, share: float) -> bool:
        return time.monotonic() > self.at(share)

    def left(self) -> float:
        return max(0.0, self.at(1) - time.monotonic())


@dataclass(frozen=True, slots=True)
class Size:
    """How frames are encoded. `side`: longest side in pixels, None for full size. `maximum_bytes`: of one frame."""

    side: int | None
    quality: int
    maximum_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame that was taken: its own time in seconds, its size in pixels, its JPEG."""

    time: float
    width: int
    height: int
    jpeg: bytes


@dataclass(slots=True)
class Shots:
    """The shots of a part, in order of time; what was asked for each; and what to note on them."""

    shots: list[Shot] = field(default_factory=list)
    asked: dict[float, Shot] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def take_part(
    reader: VideoReader, part: Part, size: Size, clock: Clock, *, spread: bool, dense_head: bool = False
) -> Shots:
    """The frames of a part. `spread`: exactly `part.frames`, evenly spaced; otherwise as many of them as its scenes are
    worth, without black ones and repetitions. `dense_head`: its first three seconds closely.
    """
    opening: list[float] = []
    start, count = part.start, part.frames
    if dense_head:
        opening, start = head(start, part.end, count)
        count -= len(opening)
    rest, held = Part(start, part.end, count), Held(size.side)
    if count <= 0 or start >= part.end:
        targets = opening
    elif spread:
        targets = opening + evenly(start, part.end, count)
    else:
        targets = opening + choose(_looks(reader, rest, held, clock), count)
    return take(reader, targets, size, clock, held=held, auto=not spread)


# Looking


class Held:
    """Frames that were looked at and may be taken, as images already, so that nothing is decoded twice."""

    def __init__(self, side: int | None) -> None:
        self.images: dict[float, tuple[Image.Image, bytes]] = {}
        self._side = side
        self._room = _HELD_BYTES
        self._newest: bytes | None = None

    def offer(self, reader: VideoReader, frame: VideoFrame, at: float, thumb: bytes) -> None:
        """Keeps the frame when `choose` may want it: not a black one, not like the one before."""
        if black(thumb) or (self._newest is not None and alike(self._newest, thumb)):
            return
        self._newest = thumb
        image = reader.upright(frame, self._side) if self._room > 0 else None
        if image is not None:
            self._room -= image.width * image.height * 3
            self.images[at] = image, thumb


def _looks(reader: VideoReader, part: Part, held: Held, clock: Clock) -> list[Look]:
    """Cheap looks at the stretch: every frame of a short one, key frames of a long one, and moments that nobody has
    looked at where key frames are far apart.
    """
    length, facts = part.end - part.start, reader.facts
    dense = length * (facts.fps or 30) * facts.width * facts.height <= _DENSE_WORK
    looks = (_look_at_all if dense else _look_at_keys)(reader, part, held, clock)
    near = length / max(1, part.frames - 1) * 0.75
    far = [
        Look(moment)
        for moment in evenly(part.start, part.end, part.frames)
        if all(abs(look.time - moment) > near for look in looks)
    ]
    return sorted([*looks, *far], key=lambda look: look.time)


def _look_at_all(reader: VideoReader, part: Part, held: Held, clock: Clock) -> list[Look]:
    looks: list[Look] = []
    step = max(0.05, (part.end - part.start) / (part.frames * 8))
    for frame, at in reader.play(part.start):
        if at > part.end or clock.past(_SCAN_SHARE):
            break
        if not looks or at - looks[-1].time >= step - 1e-3:
            _look(reader, frame, at, held, looks)
    return looks


def _look_at_keys(reader: VideoReader, part: Part, held: Held, clock: Clock) -> list[Look]:
    looks: list[Look] = []
    for moment in evenly(part.start, part.end, part.frames * 4):
        shown = None if clock.past(_SCAN_SHARE) else reader.show(moment, exact=False)
        if shown is None or not part.start <= shown[1] <= part.end:
            continue
        if not looks or shown[1] > looks[-1].time:
            _look(reader, *shown, held, looks)
    return looks


def _look(reader: VideoReader, frame: VideoFrame, at: float, held: Held, looks: list[Look]) -> None:
    thumb = reader.thumb(frame)
    if thumb is not None:
        looks.append(Look(at, thumb))
        held.offer(reader, frame, at, thumb)


# Taking


def take(
    reader: VideoReader,
    targets: Sequence[float],
    size: Size,
    clock: Clock,
    *,
    held: Held | None = None,
    auto: bool = False,
) -> Shots:
    """The frames shown at `targets`, each only once. With `auto`, black ones and repetitions of the one before are
    left out, unless there is nothing else.
    """
    images = held.images if held else {}
    taken = Shots()
    dull: list[tuple[float, str]] = []
    late, newest, before = False, -1.0, b""
    targets = sorted(set(targets))
    for target in targets:
        if clock.past(1) and taken.shots:
            break
        late = late or clock.past(_EXACT_SHARE)
        shown = None if target in images else reader.show(target, exact=not late, deadline=clock.at(1))
        at = shown[1] if shown else target
        if at <= newest:
            taken.asked[target] = taken.shots[-1]
            continue
        seen = _seen(reader, shown[0], size.side) if shown else images.get(target)
        if seen is None:
            continue
        if auto and (why := _dull(seen[1], before)):
            dull.append((target, why))
            continue
        newest, before = at, seen[1]
        taken.asked[target] = _shoot(seen[0], at, size, taken)
    if late or clock.past(1):
        taken.notes.append(_lateness(len(targets), len(taken.asked) + len(dull)))
    if dull and len(taken.shots) < 2:
        _keep_dull(reader, dull, size, taken)
    return taken


def _seen(reader: VideoReader, frame: VideoFrame, side: int | None) -> tuple[Image.Image, bytes] | None:
    thumb, image = reader.thumb(frame), reader.upright(frame, side)
    return (image, thumb) if thumb is not None and image is not None else None


def _shoot(image: Image.Image, at: float, size: Size, into: Shots) -> Shot:
    """Encoded at once: no image is held beyond the one at hand."""
    data, (width, height) = jpeg(image, size.quality, size.maximum_bytes)
    shot = Shot(at, width, height, data)
    into.shots.append(shot)
    return shot


def jpeg(image: Image.Image, quality: int, maximum_bytes: int | None) -> tuple[bytes, tuple[int, int]]:
    """JPEG of at most `maximum_bytes` where that can be had: at lower quality first, then smaller. And its size.

    In memory, not as `raster` does: a full disk must not cost a video its frames.
    """
    while True:
        for step in (quality, *(lower for lower in (65, 50) if lower < quality)):
            out = io.BytesIO()
            image.save(out, "JPEG", quality=step)
            if maximum_bytes is None or out.tell() <= maximum_bytes:
                return out.getvalue(), image.size
        width, height = image.size
        if max(width, height) <= 256:
            return out.getvalue(), image.size
        image = image.resize((max(1, width * 3 // 4), max(1, height * 3 // 4)), reducing_gap=2.0)


def _dull(thumb: bytes, before: bytes) -> str:
    if black(thumb):
        return "black"
    return "same" if before and alike(thumb, before) else ""


def _keep_dull(reader: VideoReader, dull: list[tuple[float, str]], size: Size, taken: Shots) -> None:
    """A video of black or unchanging pictures: one or two of them, and the word that it is so."""
    dark = all(why == "black" for _, why in dull)
    if taken.shots and dark:
        taken.notes.append("the rest of this part is black")
        return
    wanted = [dull[-1][0]] if taken.shots else sorted({dull[0][0], dull[-1][0]})
    for target in wanted:
        shown = reader.show(target)
        image = reader.upright(shown[0], size.side) if shown else None
        if shown and image and all(abs(shot.time - shown[1]) > 1e-4 for shot in taken.shots):
            _shoot(image, shown[1], size, taken)
    taken.notes.append("the picture is black throughout" if dark else "the picture does not change")


def _lateness(targets: int, read: int) -> str:
    if read < targets:
        return f"time ran out: {read} of {targets} moments read; a shorter part is read in full"
    return "for want of time, some frames are key frames shortly before the planned moments"
