"""Subtitles as plain text: what is said, and when. From a sidecar file's text or from a track inside the video."""

from __future__ import annotations

import contextlib
import html
import re
import time
from collections.abc import Iterable
from typing import Any

from glm_mcp.media.video.reader import TEXT_TRACKS, Reel
from glm_mcp.media.video.timecode import stamp

Cue = tuple[float, float, str]  # from, to (seconds), text

MOST_CHARS = 20_000  # some 7,000 tokens: an hour of dense speech is about 60,000 characters
SECONDS = 6.0  # time to read a track; it lies scattered over the whole file
_MOST_CUES = 50_000

_TIME = r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2})(?:[.,:](\d{1,6}))?"
_ARROW = re.compile(rf"^\s*{_TIME}\s*-{{1,2}}>\s*{_TIME}")
_MARKUP = re.compile(r"</?[A-Za-z0-9][^<>\n]{0,200}>|\{\\[^{}]{0,200}\}|\{[yY]:[^{}]{0,20}\}")


def parse_subtitles(text: str) -> list[Cue]:
    """Cues of an SRT or WebVTT text, in order of time; whatever is no cue is passed over, so that damaged files give
    what they have. Markup goes; a line that the cue before already showed (rolling captions) is not repeated.
    """
    lines = text.lstrip("\ufeff").replace("\x00", "").splitlines()
    raw: list[tuple[float, float, list[str]]] = []
    for line in lines:
        found = _ARROW.match(line)
        if found:
            if raw:
                _drop_number(raw[-1][2])
            marks = found.groups()
            raw.append((_clock(marks[:4]), _clock(marks[4:]), []))
        elif raw:
            raw[-1][2].append(line)
        if len(raw) > _MOST_CUES:
            break
    cues = [(start, max(start, end), _body(body)) for start, end, body in raw]
    return tidy(cues)


def _clock(marks: Iterable[str | None]) -> float:
    hours, minutes, seconds, fraction = marks
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + float(f"0.{fraction or 0}")


def _drop_number(body: list[str]) -> None:
    """Takes the next cue's number off a body that runs into it for want of a blank line."""
    if body and re.fullmatch(r"\s*\d+\s*", body[-1]):
        body.pop()


def _body(lines: list[str]) -> str:
    kept: list[str] = []
    for line in lines:
        if not line.strip():
            if kept:
                break  # what follows a blank line is the next block: a NOTE, a STYLE, a number
            continue
        kept.append(line)
    return plain("\n".join(kept))


def plain(text: str) -> str:
    """Without tags, override codes, entities and doubled spaces; lines stay."""
    text = html.unescape(_MARKUP.sub("", text)).replace("\\N", "\n").replace("\\h", " ")
    lines = (re.sub(r"\s+", " ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def tidy(cues: Iterable[Cue]) -> list[Cue]:
    """In order of time, without empty cues and without lines that were on the screen just before."""
    kept: list[Cue] = []
    shown: list[str] = []
    until = -1.0
    for start, end, text in sorted(cues, key=lambda cue: (cue[0], cue[1])):
        lines = text.split("\n")
        fresh = [line for line in lines if not (line in shown and start <= until + 0.1)]
        if text:
            shown, until = lines, end
        if text and fresh:
            kept.append((start, end, "\n".join(fresh)))
        elif text and kept:
            kept[-1] = (kept[-1][0], max(kept[-1][1], end), kept[-1][2])
    return kept


def format_subtitles(
    cues: Iterable[Cue], start: float, end: float, most: int = MOST_CHARS
) -> tuple[str, str]:
    """Lines "[0:12–0:15] text" of the cues that touch `start` to `end`, at most `most` characters; and a note when
    some had to be left out, else "".
    """
    lines: list[str] = []
    size = 0
    for begin, until, text in cues:
        if until < start or begin >= end:
            continue
        line = f"[{stamp(begin)}–{stamp(until)}] {' '.join(text.split())}"
        if size + len(line) + 1 > most:
            return "\n".join(
                lines
            ), f"subtitles are given up to {stamp(begin)}; ask for a later part to read on"
        lines.append(line)
        size += len(line) + 1
    return "\n".join(lines), ""


def embedded(reel: Reel, start: float, end: float, seconds: float = SECONDS) -> tuple[list[Cue], str, bool]:
    """Cues of the text track inside a video that has one, between `start` and `end`; the track's language ("" unknown);
    and whether time ran out before the end.

    The default track, else the first one. Leaves the reel at another place: frames are read before.
    """
    tracks = [s for s in reel.container.streams.subtitles if s.codec_context.name in TEXT_TRACKS]
    import av.error
    from av.stream import Discard, Disposition

    forced = Disposition.forced
    tracks.sort(key=lambda s: (bool(s.disposition & forced), not s.disposition & Disposition.default))
    track = tracks[0]
    deadline = time.monotonic() + seconds
    cues: list[Cue] = []
    late = False
    # Some seconds earlier: a cue that began before `start` may still be on the screen.
    reel.seek(max(0.0, start - 15))
    track = reel.container.streams[track.index]  # type: ignore[assignment]  # seeking may have opened the file anew
    for other in reel.container.streams:
        if other.index != track.index:
            other.discard = Discard.all
    with contextlib.suppress(av.error.FFmpegError, ValueError, IndexError):
        for packet in reel.container.demux(track):
            if packet.pts is None or packet.time_base is None:
                continue
            begin = float(packet.pts * packet.time_base) - reel.origin
            late = time.monotonic() > deadline
            if begin >= end or len(cues) > _MOST_CUES or late:
                break
            length = float((packet.duration or 0) * packet.time_base)
            text = _text(packet)
            if text:
                cues.append((max(0.0, begin), max(0.0, begin + length), text))
    return tidy(cues), track.language or "", late


def _text(packet: Any) -> str:
    """The words of one subtitle packet."""
    import av.error

    try:
        decoded = packet.decode()
    except (av.error.FFmpegError, ValueError):
        return ""
    words = []
    for piece in decoded:
        for rect in piece if hasattr(piece, "rects") else (piece,):
            raw = getattr(rect, "ass", b"") or getattr(rect, "text", b"") or b""
            text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
            # ASS: ReadOrder, Layer, Style, Name, three margins, Effect, and then the words with all their commas.
            fields = text.split(",", 8)
            words.append(fields[8] if len(fields) == 9 and fields[0].isdigit() else text)
    return plain("\n".join(words))


def track_text(reel: Reel, start: float, end: float) -> tuple[str, list[str]]:
    """The lines of the text track inside the video between `start` and `end`, and what to note on it."""
    if not reel.facts.text_tracks:
        pictures = "its subtitles are pictures, not text, and were not read separately"
        return "", [pictures] if reel.facts.picture_tracks else []
    cues, language, late = embedded(reel, start, end)
    text, cut = format_subtitles(cues, start, end)
    known = f" ({language})" if language not in {"", "und"} else ""
    notes = [f"subtitles come from the track inside the video{known}"] if text else []
    if late:
        notes.append(
            f"for want of time, subtitles were read only up to {stamp(cues[-1][1] if cues else start)}"
        )
    return text, notes + ([cut] if cut else [])
