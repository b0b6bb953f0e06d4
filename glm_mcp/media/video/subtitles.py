"""Subtitles as plain text: what is said, and when."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator

from glm_mcp.media.video.subtitle_forms import marked_up
from glm_mcp.media.video.timecode import clock_seconds, stamp
from glm_mcp.text import unescaped

Cue = tuple[float, float, str]  # from, to (seconds), text

MAXIMUM_CHARS = 20_000  # some 7,000 tokens: an hour of dense speech is about 60,000 characters
MAXIMUM_CUES = 50_000

_ROLLED = 4  # lines that captions have on the screen at once

_TIME = r"(-?)(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2}(?:[.,:]\d{1,6})?)"
_ARROW = re.compile(rf"^\s*{_TIME}\s*-{{1,2}}>\s*{_TIME}")
_COMMA = re.compile(r"\s*()(\d+):(\d\d):(\d\d\.\d{2,3}),()(\d+):(\d\d):(\d\d\.\d{2,3})\s*")  # SBV, of YouTube
_DIALOGUE = re.compile(rf"\s*Dialogue:[^,]*,\s*{_TIME}\s*,\s*{_TIME}\s*,(?:[^,]*,){{6}}(.*)")
_DRAWING = re.compile(r"\{[^{}]{0,200}\\p[1-9][^{}]{0,200}\}[^{]*")  # shapes, as numbers
_MARKUP = re.compile(r"</?[A-Za-z0-9][^<>\n]{0,200}>|\{\\[^{}]{0,200}\}|\{[yY]:[^{}]{0,20}\}")


def parse_subtitles(text: str) -> list[Cue]:
    """Cues of an SRT, WebVTT, ASS, SBV, SAMI or TTML text, in order of time; whatever is no cue is passed over, so that damaged files give
    what they have. Markup goes; lines that the cue before ended with (rolling captions) are not repeated.
    """
    if (marked := marked_up(text)) is not None:
        return tidy((a, max(a, b), plain(said)) for a, b, said in marked)
    text = text.lstrip("\ufeff").replace("\x00", "")
    parted = text.startswith("WEBVTT")
    raw: list[tuple[float, float, list[str]]] = []
    body: list[str] = []
    for line in _lines(text):
        if arrow := _ARROW.match(line) if ">" in line else _COMMA.fullmatch(line):
            _drop_number(body)
            body = []
            raw.append((_seconds(*arrow.groups()[:4]), _seconds(*arrow.groups()[4:]), body))
        elif spoken := _DIALOGUE.match(line):
            raw.append((_seconds(*spoken.groups()[:4]), _seconds(*spoken.groups()[4:8]), [spoken[9]]))
            body = []
        elif "-->" in line and body and (not body[-1].strip() or body[-1].strip().isdecimal()):
            _drop_number(body)
            body = []  # a cue whose time is damaged
        else:
            body.append(line)
        if len(raw) > MAXIMUM_CUES:
            break
    cues = [(start, max(start, end), _body(said, parted=parted)) for start, end, said in raw]
    return tidy(cues)


def _lines(text: str) -> Iterator[str]:
    """Without their ends, of which some programs write half twice over."""
    for line in io.StringIO(text):
        yield from line.rstrip("\r\n").splitlines() or [""]


def _seconds(sign: str, hours: str | None, minutes: str, seconds: str) -> float:
    return 0.0 if sign else clock_seconds(hours, minutes, re.sub("[,:]", ".", seconds))


def _drop_number(body: list[str]) -> None:
    """Takes the next cue's number off a body that it ends: in a line of its own behind a blank one, or where the body runs
    into it for want of one.
    """
    at = len(body) - 1
    while at > 0 and not body[at].strip():
        at -= 1
    runs_on, behind_blank = at == len(body) - 1, at > 1 and not body[at - 1].strip()
    if at >= 0 and (runs_on or behind_blank) and re.fullmatch(r"\s*\d+\s*", body[at]):
        del body[at:]


def _body(lines: list[str], *, parted: bool) -> str:
    """What a cue says. `parted`: a blank line ends it, as in WebVTT; in SRT some programs set one after each line, and only
    the next cue's time ends it.
    """
    kept: list[str] = []
    for line in lines:
        if not line.strip() and kept and parted:
            break  # what follows is the next block: a NOTE, a STYLE, a name
        kept.append(line)
    return plain("\n".join(kept)[:MAXIMUM_CHARS])  # no other thread runs while a pattern goes through it


def plain(text: str) -> str:
    """Without tags, override codes, drawings, entities and doubled spaces; lines stay."""
    text = unescaped(_MARKUP.sub("", _DRAWING.sub("", text))).replace("\\N", "\n").replace("\\h", " ")
    lines = (re.sub(r"\s+", " ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def tidy(cues: Iterable[Cue]) -> list[Cue]:
    """In order of time, without empty cues, and without first lines that the cue just before ended with."""
    kept: list[Cue] = []
    shown: list[str] = []
    until = -1.0
    for start, end, text in sorted(cues, key=lambda cue: (cue[0], cue[1])):
        if not text:
            continue
        lines = text.split("\n")
        fresh = lines[_rolled(shown, lines) :] if start <= until + 0.1 else lines
        shown, until = lines, end
        if fresh:
            kept.append((start, end, "\n".join(fresh)))
        else:
            kept[-1] = (kept[-1][0], max(kept[-1][1], end), kept[-1][2])
    return kept


def _rolled(shown: list[str], lines: list[str]) -> int:
    """How many of the lines were on the screen already, and moved up."""
    if shown == lines:
        return len(lines)
    most = min(len(shown), len(lines), _ROLLED)
    return next((count for count in range(most, 0, -1) if shown[-count:] == lines[:count]), 0)


def format_subtitles(
    cues: Iterable[Cue], start: float, end: float, maximum: int = MAXIMUM_CHARS
) -> tuple[str, str]:
    """Lines "[0:12–0:15] text" of the cues that touch `start` to `end`, at most `maximum` characters; and a note when
    some had to be left out, else "".
    """
    lines: list[str] = []
    size = 0
    for begin, until, text in cues:
        if until < start or begin >= end:
            continue
        line = f"[{stamp(begin)}–{stamp(until)}] {' '.join(text.split())}"
        if size + len(line) + 1 > maximum:
            note = f"subtitles are given up to {stamp(begin)}; ask for a later part to read on"
            return "\n".join(lines), note
        lines.append(line)
        size += len(line) + 1
    return "\n".join(lines), ""
