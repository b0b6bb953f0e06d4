"""Frames out of a video: which moments, at which size, as JPEG. `frames_job` runs in the worker process."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.video import orientation
from glm_mcp.media.video.reader import Facts, Reel
from glm_mcp.media.video.subtitles import track_text
from glm_mcp.media.video.timecode import (
    MOST_FRAMES,
    Look,
    alike,
    black,
    budget,
    choose,
    evenly,
    head,
    span,
    stamp,
)

if TYPE_CHECKING:
    from PIL import Image

SIDE = (
    1024  # pixels of the longer side: text of a screen recording stays legible, fifty frames fit one request
)
QUALITY = 80
FULL_QUALITY = 92
BUDGET = 10 * 1024 * 1024  # bytes of all frames together; base64 makes 14 MB of them
SECONDS = 20.0  # time for all frames; most hosts wait 60 s for the whole call

_DENSE_WORK = 1.2e9  # pixels that are decoded one after another within some four seconds on two cores
_EXACT_SHARE = 0.7  # of the time; later frames are the key frames before the moments asked
_SCAN_SHARE = 0.3


@dataclass(slots=True)
class _Shots:
    """What has been taken so far. Encoded at once: no frame is held beyond the one at hand."""

    most_bytes: int
    side: int | None
    quality: int
    frames: list[dict[str, Any]] = field(default_factory=list)
    blobs: list[bytes] = field(default_factory=list)
    thumb: bytes = b""

    def take(self, image: Image.Image, at: float, thumb: bytes) -> int:
        data, size = encode(image, self.quality, self.most_bytes)
        self.frames.append({"time": at, "width": size[0], "height": size[1]})
        self.blobs.append(data)
        self.thumb = thumb
        return len(self.frames) - 1


def frames_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Frames of a video, as JPEG, in order of time.

    `params`, all optional but the name: name; start, end (seconds); max_frames (so many, evenly spaced; without it
    as many as the length and the scenes deserve); times (exactly these moments instead); dense_head; most (a
    ceiling, 50); side (longest side in pixels, 0 for full size); quality; budget (bytes in all); seconds; subtitles (whether to read the track inside the video).

    Facts: those of `describe`, start, end, frames [{time, width, height}], asked [[time, index of its frame]], subtitles (text), notes.
    Raises: UnsupportedMedia, MediaTooLarge, InvalidRequest (start or end), MissingExtra.
    """
    clock = _Clock(float(params.get("seconds") or SECONDS))
    name = str(params.get("name") or "the video")
    with Reel(file, name) as reel:
        start, end = limits(reel.facts, params.get("start"), params.get("end"), name)
        most = max(1, min(int(params.get("most") or MOST_FRAMES), MOST_FRAMES))
        given = [float(t) for t in params.get("times") or ()]
        notes: list[str] = []
        auto = not given and params.get("max_frames") is None
        targets = given or _moments(reel, start, end, most, params, clock)
        side = params.get("side", SIDE)
        room = int(params.get("budget") or BUDGET) // max(1, len(targets))
        shots = _Shots(room if side else 1 << 40, side or None, int(params.get("quality") or QUALITY))
        asked, left_out = _shoot(reel, sorted(set(targets)), shots, clock, auto=auto)
        if not shots.frames:
            raise UnsupportedMedia(
                f"no frame of {name} between {stamp(start)} and {stamp(end)} could be decoded",
                "Choose another part with start and end, or save the video again as MP4 (H.264).",
            )
        if not given:
            notes.append(_coverage(len(shots.frames), start, end))
        notes += left_out + _quirks(reel)
        facts = {**describe(reel.facts), "start": start, "end": end, "subtitles": "", "notes": notes}
        if params.get("subtitles"):
            facts["subtitles"], more = track_text(reel, start, end)
            notes += more
        return {**facts, "frames": shots.frames, "asked": asked}, shots.blobs


def probe_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """What the video is (`describe`), and `notes` on damage. Raises: UnsupportedMedia when it is no readable video."""
    with Reel(file, str(params.get("name") or "the video")) as reel:
        return {**describe(reel.facts), "notes": _quirks(reel)}, []


def describe(facts: Facts) -> dict[str, Any]:
    """The facts as JSON: container, codec, width, height, turned, fps, duration, claims, whole, has_sound,
    text_tracks, picture_tracks, hdr.
    """
    return {name: getattr(facts, name) for name in Facts.__dataclass_fields__}


def limits(facts: Facts, start: float | None, end: float | None, name: str) -> tuple[float, float]:
    """The span that is meant, of what is really there: what a damaged file claims beyond it is cut off."""
    if end is not None and not facts.whole and end <= facts.claims + 1:
        end = min(end, facts.duration)
    return span(facts.duration, start, end, name)


def encode(image: Image.Image, quality: int, most: int) -> tuple[bytes, tuple[int, int]]:
    """JPEG of at most `most` bytes where that can be had: at lower quality first, then smaller. And its size."""
    while True:
        for step in (quality, 65, 50):
            if step > quality:
                continue
            out = io.BytesIO()
            image.save(out, "JPEG", quality=step)
            if out.tell() <= most:
                return out.getvalue(), image.size
        width, height = image.size
        if max(width, height) <= 256:
            return out.getvalue(), image.size
        image = image.resize((max(1, width * 3 // 4), max(1, height * 3 // 4)), reducing_gap=2.0)


def _moments(
    reel: Reel, start: float, end: float, most: int, params: dict[str, Any], clock: _Clock
) -> list[float]:
    asked = params.get("max_frames")
    count = max(1, min(most, budget(end - start) if asked is None else int(asked)))
    opening: list[float] = []
    if params.get("dense_head"):
        opening, start = head(start, end, count)
        count -= len(opening)
    if count <= 0 or start >= end:
        return opening
    if asked is not None:
        return opening + evenly(start, end, count)
    return opening + choose(_looks(reel, start, end, count, clock), count)


def _looks(reel: Reel, start: float, end: float, count: int, clock: _Clock) -> list[Look]:
    """Cheap looks at the stretch: every frame of a short one, key frames of a long one, and moments that nobody has
    looked at where key frames are far apart.
    """
    length, facts = end - start, reel.facts
    looks: list[Look] = []
    if length * (facts.fps or 30) * facts.width * facts.height <= _DENSE_WORK:
        step = max(0.05, length / (count * 8))
        for frame, at in reel.play(start):
            if at > end or clock.past(_SCAN_SHARE):
                break
            if not looks or at - looks[-1].time >= step - 1e-3:
                looks.append(Look(at, orientation.thumb(frame)))
    else:
        for moment in evenly(start, end, count * 4):
            shown = None if clock.past(_SCAN_SHARE) else reel.show(moment, exact=False)
            if shown is not None and start <= shown[1] <= end and (not looks or shown[1] > looks[-1].time):
                looks.append(Look(shown[1], orientation.thumb(shown[0])))
    near = length / max(1, count - 1) * 0.75
    far = [
        Look(moment)
        for moment in evenly(start, end, count)
        if all(abs(look.time - moment) > near for look in looks)
    ]
    return sorted([*looks, *far], key=lambda look: look.time)


def _shoot(
    reel: Reel, targets: Sequence[float], shots: _Shots, clock: _Clock, *, auto: bool
) -> tuple[list[list[float]], list[str]]:
    """Takes the frames shown at `targets` (ascending), each only once. With `auto`, black ones and repetitions of the
    one before are left out, unless there is nothing else. Gives [[target, index of its frame]] and what to note.
    """
    asked: list[list[float]] = []
    dull: list[tuple[float, str]] = []
    late, newest = False, -1.0
    for target in targets:
        if clock.past(1) and shots.frames:
            break
        late = late or clock.past(_EXACT_SHARE)
        shown = reel.show(target, exact=not late, deadline=clock.at(1))
        if shown is None:
            continue
        frame, at = shown
        if at > newest:
            thumb = orientation.thumb(frame)
            why = _dull(thumb, shots.thumb) if auto else ""
            if why:
                dull.append((target, why))
                continue
            newest = at
            shots.take(reel.picture(frame, shots.side), at, thumb)
        asked.append([target, len(shots.frames) - 1])
    notes = [_lateness(targets, asked)] if late else []
    if auto and dull and len(shots.frames) < 2:
        notes += _keep_dull(reel, dull, shots)
    return asked, notes


def _dull(thumb: bytes, before: bytes) -> str:
    if black(thumb):
        return "black"
    return "same" if before and alike(thumb, before) else ""


def _keep_dull(reel: Reel, dull: list[tuple[float, str]], shots: _Shots) -> list[str]:
    """A video of black or unchanging pictures: one or two of them, and the word that it is so."""
    dark = all(why == "black" for _, why in dull)
    if shots.frames:
        if dark:
            return ["the rest of this part is black"]
        wanted = [dull[-1][0]]
    else:
        wanted = [dull[0][0], dull[-1][0]] if len(dull) > 1 else [dull[0][0]]
    for target in wanted:
        shown = reel.show(target)
        if shown is not None and all(abs(f["time"] - shown[1]) > 1e-4 for f in shots.frames):
            shots.take(reel.picture(shown[0], shots.side), shown[1], b"")
    return ["the picture is black throughout" if dark else "the picture does not change"]


def _lateness(targets: Sequence[float], asked: Sequence[Sequence[float]]) -> str:
    if len(asked) < len(targets):
        return f"time ran out: {len(asked)} of {len(targets)} moments read; a shorter part is read in full"
    return "for want of time, some frames are key frames shortly before the planned moments"


def _coverage(count: int, start: float, end: float) -> str:
    return f"{count} {'frame' if count == 1 else 'frames'} of {between(start, end)} read"


def between(start: float, end: float) -> str:
    """A stretch as people write it: "0:00–8:00"; tenths where whole seconds would say nothing."""
    digits = 1 if end - start < 5 else 0
    return f"{stamp(start, digits)}–{stamp(end, digits)}"


def _quirks(reel: Reel) -> list[str]:
    notes = reel.damage()
    if reel.facts.hdr:
        notes.append("HDR video: colours look flatter than on an HDR screen")
    return notes


class _Clock:
    """How much of the time for a job is used up."""

    def __init__(self, seconds: float) -> None:
        self.began = time.monotonic()
        self.seconds = seconds

    def at(self, share: float) -> float:
        return self.began + self.seconds * share

    def past(self, share: float) -> bool:
        return time.monotonic() > self.at(share)
