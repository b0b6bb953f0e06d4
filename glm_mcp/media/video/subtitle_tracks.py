"""Subtitles inside a video: its tracks of text, and its closed captions."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from typing import Any

from glm_mcp.media.video import captions
from glm_mcp.media.video.asked import TRACK_SECONDS
from glm_mcp.media.video.container import codec, is_marked, library_errors
from glm_mcp.media.video.reader import VideoReader
from glm_mcp.media.video.subtitles import MAXIMUM_CUES, Cue, plain, tidy
from glm_mcp.media.video.timecode import stamp

_UNREAD = "its subtitles are pictures, or of a kind that is not known here, and were not read separately"


def track_cues(reader: VideoReader, start: float, end: float) -> tuple[list[Cue], list[str]]:
    """Cues of the text track inside the video, the default one, else the first, between `start` and `end`; and what to
    note on it. Leaves the reader at another place: frames are read before.
    """
    if not reader.facts.text_tracks:
        return _without_track(reader, start, end)
    tracks = reader.text_tracks()
    track = min(tracks, key=lambda s: (not codec(s), is_marked(s, "forced"), not is_marked(s, "default")))
    language = (track.language or "").encode("utf-8", "replace").decode()
    cues, late = _read_track(reader, track.index, start, end)
    known = f" ({language})" if language not in {"", "und"} else ""
    others = f", one of {len(tracks)}" if len(tracks) > 1 else ""
    notes = [f"subtitles come from the track inside the video{known}{others}"] if cues else []
    if not cues and not codec(track):
        notes.append(_UNREAD)
    return cues, notes + _lateness(cues, start, late=late)


def _without_track(reader: VideoReader, start: float, end: float) -> tuple[list[Cue], list[str]]:
    """`track_cues` of a video without a track of text: its closed captions, or a word on what it has instead."""
    notes = [_UNREAD] if reader.facts.other_tracks else []
    if not reader.facts.captioned:
        return [], notes
    found, late = captions.shown(reader, start, end, time.monotonic() + TRACK_SECONDS)
    cues = [
        cue for cue in tidy((begin, until, _said([said])) for begin, until, said in found) if cue[1] >= start
    ]
    notes += ["subtitles come from its closed captions"] if cues else []
    return cues, notes + _lateness(cues, start, late=late)


def _lateness(cues: list[Cue], start: float, *, late: bool) -> list[str]:
    reached = stamp(cues[-1][1] if cues else start)
    return [f"for want of time, subtitles were read only up to {reached}"] if late else []


def _read_track(reader: VideoReader, index: int, start: float, end: float) -> tuple[list[Cue], bool]:
    """The cues of the track with this number, and whether time ran out before the end."""
    from av.stream import Discard

    deadline = time.monotonic() + TRACK_SECONDS
    cues: list[Cue] = []
    late = False
    # Some seconds earlier: a cue that began before `start` may still be on the screen.
    reader.seek(max(0.0, start - 15))
    for other in reader.container.streams:
        if other.index != index:
            other.discard = Discard.all
    with contextlib.suppress(*library_errors()):
        for packet in reader.container.demux(reader.container.streams[index]):
            if packet.pts is None or packet.time_base is None:
                continue
            begin = float(packet.pts * packet.time_base) - reader.origin
            late = time.monotonic() > deadline
            if begin >= end or len(cues) > MAXIMUM_CUES or late:
                break
            until = begin + float((packet.duration or 0) * packet.time_base)
            text = _text(packet)
            if text:
                cues.append((max(0.0, begin), max(0.0, until), text))
    return [cue for cue in tidy(cues) if cue[1] >= start], late


def _text(packet: Any) -> str:
    """The words of one subtitle packet."""
    try:
        if not codec(packet.stream):
            return plain(bytes(packet).decode().partition("\0")[0])
        return _said(packet.decode())
    except library_errors():
        return ""


def _said(decoded: Iterable[Any]) -> str:
    words = []
    for piece in decoded:
        for rect in piece if hasattr(piece, "rects") else (piece,):
            raw = getattr(rect, "ass", b"") or getattr(rect, "text", b"") or b""
            text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
            # ASS: ReadOrder, Layer, Style, Name, three margins, Effect, and then the words with all their commas.
            fields = text.split(",", 8)
            words.append(fields[8] if len(fields) == 9 and fields[0].isdigit() else text)
    return plain("\n".join(words))
