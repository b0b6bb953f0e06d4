"""The two jobs of the worker process: a video for a model, whole or as frames in parts; and stills of a video.

Whatever a job finds out about the video goes back with its result, and may come along with the next job on the same
file, which then probes nothing.
"""

from __future__ import annotations

import io
import time
from dataclasses import asdict
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.video import transcode
from glm_mcp.media.video.asked import (
    FRAMES_SECONDS,
    LONG_SECONDS,
    StillsParams,
    VideoParams,
)
from glm_mcp.media.video.container import AGAIN
from glm_mcp.media.video.frames import FULL_QUALITY, QUALITY, SIDE, Clock, Shots, Size, take, take_part
from glm_mcp.media.video.probe import Facts
from glm_mcp.media.video.reader import VideoReader
from glm_mcp.media.video.sampling import Part, even_parts
from glm_mcp.media.video.subtitle_tracks import track_cues
from glm_mcp.media.video.subtitles import format_subtitles
from glm_mcp.media.video.timecode import between, span, stamp

Result = tuple[dict[str, Any], list[bytes]]


def video_job(file: BinaryIO, params: dict[str, Any]) -> Result:
    """`params`: those of VideoParams.

    Result: facts (for the next job); start, end; notes; decoded (frames); whole {mime, untouched, width, height}, or
    null and why: the `reason` ("" when none was wanted); parts [{start, end, subtitles, notes, frames [{time, width,
    height}]}]. Blobs: the file to send, unless it is untouched; or the JPEGs of all parts' frames.
    Raises: UnsupportedMedia, MediaTooLarge, InvalidRequest (start or end), MissingExtra.
    """
    wanted = VideoParams(**params)
    with VideoReader(file, wanted.name, _facts(wanted.facts)) as reader:
        start, end = _span(reader.facts, wanted)
        result: dict[str, Any] = {"start": start, "end": end, "whole": None, "reason": ""}
        blobs: list[bytes] = []
        parts: list[dict[str, Any]] = [{"start": start, "end": end, "notes": [], "frames": []}]
        if wanted.whole_bytes > 0:
            made = _whole(file, reader, start, end, wanted)
            if isinstance(made, str):
                result["reason"] = made
            else:
                result["whole"], blobs = made
        if result["whole"] is None:
            parts, blobs = _in_parts(reader, start, end, wanted)
        notes = reader.notes()
        cues, more = track_cues(reader, start, end) if wanted.subtitles else ([], [])
        for part in parts:
            part["subtitles"], cut = format_subtitles(cues, part["start"], part["end"])
            part["notes"] += [cut] if cut else []
        result |= {"facts": asdict(reader.facts), "notes": notes + more, "decoded": reader.decoded}
        return {**result, "parts": parts}, blobs


def stills_job(file: BinaryIO, params: dict[str, Any]) -> Result:
    """`params`: those of StillsParams. Result: facts, and stills [[time asked, the frame's own time]]; a blob for each.

    Times that damage or want of time keeps away are left out.
    Raises: UnsupportedMedia when none is left, MediaTooLarge, MissingExtra.
    """
    wanted = StillsParams(**params)
    with VideoReader(file, wanted.name, _facts(wanted.facts)) as reader:
        asked = take(reader, wanted.times, Size(None, FULL_QUALITY), Clock(FRAMES_SECONDS)).asked
        if not asked:
            raise UnsupportedMedia(
                f"no frame of {wanted.name} at the given times could be decoded", "Choose others."
            )
        stills = [[time, shot.time] for time, shot in asked.items()]
        return {"facts": asdict(reader.facts), "stills": stills}, [shot.jpeg for shot in asked.values()]


def _facts(raw: dict[str, Any] | None) -> Facts | None:
    return Facts(**{**raw, "notes": tuple(raw["notes"])}) if raw else None


def _span(facts: Facts, wanted: VideoParams) -> tuple[float, float]:
    """The span that is meant, of what is really there: what a damaged file claims beyond it is cut off."""
    end = wanted.end
    if end is not None and not facts.whole and end <= facts.claims + 1:
        end = min(end, facts.duration)
    return span(facts.duration, wanted.start, end, wanted.name)


# Whole


def _whole(
    file: BinaryIO, reader: VideoReader, start: float, end: float, wanted: VideoParams
) -> tuple[dict[str, Any], list[bytes]] | str:
    """The file as it is or re-encoded, or why neither can be."""
    facts = reader.facts
    if wanted.whole_seconds is not None and end - start > wanted.whole_seconds:
        return f"the model takes at most {wanted.whole_seconds:g} s whole, this has {stamp(end - start)}"
    size, head = _size_and_head(file)
    mime = transcode.sendable(head)
    complete = start <= 0 and end >= facts.duration - 0.05
    if mime and complete and facts.whole and size <= wanted.whole_bytes:
        return {"mime": mime, "untouched": True, "width": facts.width, "height": facts.height}, []
    made = transcode.fit(reader, start, end, wanted.whole_bytes, time.monotonic() + wanted.whole_time)
    if isinstance(made, str):
        return made
    whole = {"mime": transcode.MP4, "untouched": False, "width": made.width, "height": made.height}
    return whole, [made.data]


def _size_and_head(file: BinaryIO) -> tuple[int, bytes]:
    """Leaves the file where it was: the library reads on from there, and does not look whether it was moved."""
    at = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(64)
    file.seek(at)
    return size, head


# Frames


def _in_parts(
    reader: VideoReader, start: float, end: float, wanted: VideoParams
) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The frames of all parts, one after the other, in one pass where the moments allow it."""
    parts = even_parts(start, end, wanted.max_frames)
    clock = Clock(wanted.frames_time or (FRAMES_SECONDS if len(parts) == 1 else LONG_SECONDS))
    taken: list[dict[str, Any]] = []
    blobs: list[bytes] = []
    for n, part in enumerate(parts):
        count = min(part.frames, wanted.images)
        shots = take_part(
            reader,
            Part(part.start, part.end, count),
            Size(SIDE, QUALITY, wanted.part_bytes // count),
            Clock(clock.left() / (len(parts) - n)),
            spread=wanted.max_frames is not None,
            dense_head=wanted.dense_head and n == 0,
        )
        if count < part.frames and wanted.max_frames is not None:
            shots.notes.append(f"the model takes {count} of the {part.frames} frames asked for in one call")
        taken.append(_described(part, shots))
        blobs += [shot.jpeg for shot in shots.shots]
    return _readable(taken, reader.name, start, end), blobs


def _described(part: Part, shots: Shots) -> dict[str, Any]:
    frames = [{"time": shot.time, "width": shot.width, "height": shot.height} for shot in shots.shots]
    return {"start": part.start, "end": part.end, "notes": shots.notes, "frames": frames}


def _readable(parts: list[dict[str, Any]], name: str, start: float, end: float) -> list[dict[str, Any]]:
    """The parts that have frames; the first of them says which have none. Raises: UnsupportedMedia when none has."""
    readable = [part for part in parts if part["frames"]]
    if not readable:
        raise UnsupportedMedia(
            f"no frame of {name} between {stamp(start)} and {stamp(end)} could be decoded",
            f"Choose another part with start and end. {AGAIN}",
        )
    for part in parts:
        if not part["frames"]:
            readable[0]["notes"].append(f"nothing of {between(part['start'], part['end'])} could be read")
    return readable
