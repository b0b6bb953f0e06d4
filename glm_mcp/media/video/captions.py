"""Closed captions, which lie among the pictures of television (CEA-608): read by playing them."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from glm_mcp.media.video.container import library, library_errors

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from glm_mcp.media.video.reader import VideoReader

_KIND = "A53_CC"  # of what lies beside a frame
_BEFORE = 5.0  # seconds; what is on the screen at a moment was sent before it


def carried(frame: VideoFrame) -> bool:
    """Whether the frame has room for captions; most often they are empty."""
    return _beside(frame) != b""


def shown(
    reader: VideoReader, start: float, end: float, deadline: float
) -> tuple[list[tuple[float, float, Any]], bool]:
    """What is shown from when to when, seconds, each as a subtitle of the library; and whether time ran out before the end.
    `deadline`: monotonic.
    """
    decoder: Any = library().CodecContext.create("cc_dec", "r")
    decoder.options = {"real_time": "1"}  # a change is told when it comes, not when the next one does
    found: list[tuple[float, float, Any]] = []
    now: tuple[float, Any] | None = None
    at = start
    with contextlib.suppress(*library_errors()):
        for frame, at in reader.play(max(0.0, start - _BEFORE)):
            late = time.monotonic() > deadline
            if at >= end or late:
                break
            change = decoder.decode2(library().Packet(data)) if (data := _beside(frame)) else None
            if change is not None:
                found += [(now[0], at, now[1])] if now else []
                now = at, change
        else:
            late = False
        return found + ([(now[0], at, now[1])] if now else []), late
    return found, False


def _beside(frame: VideoFrame) -> bytes:
    with contextlib.suppress(*library_errors()):  # beside something that has no name there
        data: Any = frame.side_data
        beside = data.get(_KIND)
        return b"" if beside is None else bytes(beside)
    return b""
