"""Subtitles that are marked up: SAMI (.smi), as players in Korea have them, and TTML (.ttml, .dfxp, .xml), as streams do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from glm_mcp.media.video.timecode import clock_seconds

Raw = tuple[float, float, str]  # from, to (seconds), text with its markup

_HEAD = 4_000  # characters, within which a file says what it is
_CUES = 50_000
_PIECE, _MARK = 500_000, 3_000  # characters that a pattern goes through at once, and of what it finds at most
_LONGEST = 20_000  # characters of one; no other thread runs while a pattern goes through it
_SYNC = re.compile(r"<sync\s{1,9}start\s{0,9}=\s{0,9}[\"']?(\d{1,9})[^<>]{0,200}>", re.IGNORECASE)
_TIMED = re.compile(r"<(?:\w{1,20}:)?tt[\s>]")
_PARAGRAPH = re.compile(r"<(?:\w{1,20}:)?p\b([^<>]{0,2000})>")
_ENDED = re.compile(r"</(?:\w{1,20}:)?p\s{0,9}>")
_BREAK = re.compile(r"<(?:\w{1,20}:)?br\b[^<>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(r"</?[\w!][^<>]{0,2000}>")
_SAID = re.compile(r"\b(begin|end|dur)\s{0,9}=\s{0,9}[\"']([^\"'<>]{1,40})[\"']")
_RATE = re.compile(r"\b(frameRate|tickRate)\s{0,9}=\s{0,9}[\"'](\d{1,9})[\"']")
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)(?::(\d{1,3}))?")
_OFFSET = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|ms|m|s|f|t)?")


def marked_up(text: str) -> Iterator[Raw] | None:
    """The cues of such a file, in the order in which they stand there; None for any other text."""
    head = text[:_HEAD]
    if "<sami" in head.lower():
        return _sami(text)
    if found := _TIMED.search(head):
        return _ttml(text, dict(_RATE.findall(text[found.start() : found.start() + _HEAD])))
    return None


def _found(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Each mark that it finds, which has no other within."""
    for start in range(0, len(text), _PIECE):
        for mark in pattern.finditer(text, start, start + _PIECE + _MARK):
            if mark.start() < start + _PIECE:
                yield mark


def _sami(text: str) -> Iterator[Raw]:
    """A cue is shown until another moment begins; several languages have cues of one moment."""
    marks = [(int(mark[1]) / 1000, mark.start(), mark.end()) for mark in islice(_found(_SYNC, text), _CUES)]
    behind, until = len(text), marks[-1][0] if marks else 0.0
    found: list[Raw] = []
    for at in range(len(marks) - 1, -1, -1):
        begin, mark, start = marks[at]
        until = marks[at + 1][0] if at + 1 < len(marks) and marks[at + 1][0] != begin else until
        found.append((begin, until, _lines(text[start : min(behind, start + _LONGEST)])))
        behind = mark
    yield from reversed(found)


def _ttml(text: str, rates: dict[str, str]) -> Iterator[Raw]:
    found = list(islice(_found(_PARAGRAPH, text), _CUES))
    frames, ticks = (
        float(rates.get(name) or most) or most for name, most in (("frameRate", 30.0), ("tickRate", 1.0))
    )
    for at, paragraph in enumerate(found):
        said = {name: _seconds(value, frames, ticks) for name, value in _SAID.findall(paragraph[1])}
        begin = said.get("begin")
        if begin is None:
            continue
        end = said.get("end") or begin + (said.get("dur") or 0.0)
        following = found[at + 1].start() if at + 1 < len(found) else len(text)
        body = text[paragraph.end() : min(following, paragraph.end() + _LONGEST)]
        ended = _ENDED.search(body)
        yield begin, end, _lines(body[: ended.start()] if ended else body)


def _seconds(value: str, frames: float, ticks: float) -> float | None:
    if clock := _CLOCK.fullmatch(value.strip()):
        return clock_seconds(clock[1], clock[2], clock[3]) + int(clock[4] or 0) / frames
    if offset := _OFFSET.fullmatch(value.strip()):
        units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "f": 1 / frames, "t": 1 / ticks}
        return float(offset[1]) * units[offset[2] or "s"]
    return None


def _lines(body: str) -> str:
    """Lines end where the markup says so, not where the file has them."""
    return _TAG.sub("", _BREAK.sub("\n", " ".join(body.split())))
