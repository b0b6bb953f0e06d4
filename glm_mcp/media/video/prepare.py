"""A video in, a `Clip` out: the file itself, a smaller one, or frames with their times.

All decoding happens in a worker process (`worker.run_job`): `reel.py` finds a moment, `times.py` decides which ones,
`frames.py` takes them, `transcode.py` re-encodes, `subtitles.py` reads what is said, `sheet.py` makes a contact sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.glm.messages import Image, Video
from glm_mcp.media.types import Clip, Frame, Picture, Source
from glm_mcp.media.video import frames, subtitles, transcode
from glm_mcp.media.video.subtitles import format_subtitles, parse_subtitles
from glm_mcp.media.video.timecode import MOST_FRAMES, even_parts, stamp
from glm_mcp.media.worker import run_job
from glm_mcp.registry import Card
from glm_mcp.threads import in_thread

_START = 10.0  # seconds for the process to start, open the file and hand its result over
_BODY_SHARE = 0.72  # of a request's body for frames: base64 takes a third more, the rest is text
SILENT = "sound was not heard"
_FRAMES, _PROBE = "glm_mcp.media.video.frames:frames_job", "glm_mcp.media.video.frames:probe_job"
_WHOLE = "glm_mcp.media.video.transcode:video_job"


async def prepare_video(  # noqa: PLR0913 - each one is an argument of the tool
    source: Source,
    card: Card,
    *,
    whole: bool,
    max_bytes: int,
    start: float | None,
    end: float | None,
    max_frames: int | None,
    dense_head: bool = False,
    sidecar: str | None = None,
) -> Clip:
    """The video for a model with this card.

    `whole`: as one file of at most `max_bytes`, untouched where it can be, re-encoded where that keeps it watchable;
    where neither can be, or not `whole`, as frames, whose notes then say why. `start`, `end`: seconds; where both are
    None, the fragment of the source counts. `max_frames`: exactly so many, evenly spaced; None: by length and scenes.
    `sidecar`: the text of an .srt or .vtt file. `dense_head`: the first three seconds closely.

    Raises: InvalidRequest (start or end; it names the length), UnsupportedMedia, MediaTooLarge, TimedOut, MissingExtra.
    """
    if start is None and end is None and source.fragment.t is not None:
        start, end = source.fragment.t
    if start is not None and end is not None and start >= end:
        raise InvalidRequest(f"start {start:g} s is not before end {end:g} s", "Choose start before end.")
    if max_frames is not None and max_frames < 1:
        raise InvalidRequest(f"max_frames is {max_frames}", f"Give 1 to {MOST_FRAMES}, or leave it out.")
    if source.url is not None and source.data is None and source.handle is None:
        return _by_url(source, whole=whole and start is None and end is None)
    why = ""
    if whole and card.video and max_bytes > 0:
        clip = await _whole(source, max_bytes, start, end, sidecar)
        if isinstance(clip, Clip):
            return clip
        why = clip
    return await _as_frames(source, card, start, end, max_frames, dense_head, sidecar, why)


def _by_url(source: Source, *, whole: bool) -> Clip:
    if not whole:
        raise InvalidRequest(
            f"frames or a part of {source.name} need the file itself",
            "Download the video first, or give a local path.",
        )
    note = "the service fetched the video by its address: its length was not checked here"
    return Clip(source.name, 0.0, 0.0, 0.0, 0, 0, video=Video(source.name, url=source.url), notes=(note,))


async def _whole(
    source: Source, max_bytes: int, start: float | None, end: float | None, sidecar: str | None
) -> Clip | str:
    """The clip as one file, or why that cannot be."""
    params = {"max_bytes": max_bytes, "start": start, "end": end, "subtitles": sidecar is None}
    facts, blobs = await run_job(
        _WHOLE,
        source,
        {"name": source.name, "seconds": transcode.SECONDS, **params},
        timeout_s=transcode.SECONDS + subtitles.SECONDS + _START,
    )
    if "reason" in facts:
        return f"sent as frames: {facts['reason']}"
    data = blobs[0] if blobs else await in_thread(source.read)
    notes = [*facts["notes"]]
    if not facts["untouched"]:
        size = f"{facts['sent'][0]}x{facts['sent'][1]}"
        notes.insert(
            0, f"{frames.between(facts['start'], facts['end'])} re-encoded at {size}, {_megabytes(len(data))}"
        )
    return await _clip(source, facts, notes, sidecar, video=Video(source.name, data=data, mime=facts["mime"]))


async def _as_frames(
    source: Source,
    card: Card,
    start: float | None,
    end: float | None,
    max_frames: int | None,
    dense_head: bool,
    sidecar: str | None,
    why: str,
) -> Clip:
    most = max(1, min(MOST_FRAMES, card.images or MOST_FRAMES))
    params = {
        "start": start,
        "end": end,
        "max_frames": max_frames,
        "dense_head": dense_head,
        "most": most,
        "budget": min(frames.BUDGET, int(card.body_bytes * _BODY_SHARE)),
        "subtitles": sidecar is None,
    }
    facts, blobs = await _frames(source, params)
    notes = [why] if why else []
    notes += facts["notes"]
    if max_frames is not None and max_frames > most:
        notes.append(f"{most} frames are the most that one call takes; {max_frames} were asked for")
    whole_size = (facts["width"], facts["height"])
    taken = tuple(
        Frame(_picture(source.name, blob, frame, whole_size), frame["time"])
        for frame, blob in zip(facts["frames"], blobs, strict=True)
    )
    return await _clip(source, facts, notes, sidecar, frames=taken)


def _picture(name: str, data: bytes, frame: dict[str, Any], original: tuple[int, int]) -> Picture:
    time = stamp(frame["time"], 2)
    return Picture(
        Image(f"{name} at {time}", data, "image/jpeg"),
        frame["width"],
        frame["height"],
        original,
        scale=frame["width"] / max(1, original[0]),
        label=time,
    )


async def _frames(source: Source, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    return await run_job(
        _FRAMES,
        source,
        {"name": source.name, "seconds": frames.SECONDS, **params},
        timeout_s=frames.SECONDS + subtitles.SECONDS + _START,
    )


async def _clip(
    source: Source, facts: dict[str, Any], notes: list[str], sidecar: str | None, **content: Any
) -> Clip:
    text = facts["subtitles"]
    if sidecar is not None:
        text, cut = await in_thread(_spoken, sidecar, facts["start"], facts["end"])
        notes += [cut] if cut else []
        if not text and sidecar.strip():
            notes.append("the subtitle file has nothing for this part")
    if facts["has_sound"]:
        notes.append(SILENT)
    return Clip(
        name=source.name,
        duration=facts["duration"],
        start=facts["start"],
        end=facts["end"],
        width=facts["width"],
        height=facts["height"],
        subtitles=text,
        has_sound=facts["has_sound"],
        notes=tuple(notes),
        **content,
    )


def _spoken(sidecar: str, start: float, end: float) -> tuple[str, str]:
    return format_subtitles(parse_subtitles(sidecar), start, end)


async def probe(source: Source) -> dict[str, Any]:
    """What the video is, as `frames.describe` says it, and `notes` on damage.

    Raises: UnsupportedMedia (no video, only sound, damaged beyond reading), MissingExtra, TimedOut.
    """
    facts, _ = await run_job(_PROBE, source, {"name": source.name}, timeout_s=_START + 20)
    return facts


async def plan_parts(
    source: Source, start: float | None = None, end: float | None = None, max_frames: int | None = None
) -> list[tuple[float, float, int]]:
    """The stretches (start, end, frames) in which this video is to be read, one call of a model each: `times.parts`
    with the video's own length. Without `max_frames`, prepare each with `max_frames=None`, so that its frames follow
    the scenes.
    """
    if start is None and end is None and source.fragment.t is not None:
        start, end = source.fragment.t
    facts = await probe(source)
    if end is not None and not facts["whole"] and end <= facts["claims"] + 1:
        end = min(end, facts["duration"])  # a damaged file claims more than it has
    return even_parts(facts["duration"], start, end, max_frames)


async def still(source: Source, time: float) -> bytes:
    """The frame shown at `time` (seconds), full size and upright, as JPEG. Raises: as `stills`."""
    return (await stills(source, [time]))[0][1]


async def stills(source: Source, times: Sequence[float]) -> list[tuple[float, bytes]]:
    """The frames shown at `times`, full size and upright, as (their own time, JPEG), in the order asked; at most 50.

    A time past the end gives the last frame. A frame that damage or want of time keeps away is left out.
    Raises: UnsupportedMedia when none can be had, TimedOut, MissingExtra.
    """
    if not times:
        return []
    if len(times) > MOST_FRAMES:
        raise InvalidRequest(f"{len(times)} stills were asked for", f"Ask for at most {MOST_FRAMES} at once.")
    asked = [float(t) for t in times]
    facts, blobs = await _frames(source, {"times": asked, "side": 0, "quality": frames.FULL_QUALITY})
    found = {time: int(index) for time, index in facts["asked"]}
    got = [(facts["frames"][found[t]]["time"], blobs[found[t]]) for t in asked if t in found]
    if not got:
        raise UnsupportedMedia(
            f"no frame of {source.name} at the given times could be decoded", "Choose others."
        )
    return got


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{max(1, round(size / 1000))} kB"
