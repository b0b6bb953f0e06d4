"""The jobs on a video, without the process round them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from glm_mcp.media.video.frames import QUALITY, SIDE, Clock, Shots, Size, take
from glm_mcp.media.video.job import video_job
from glm_mcp.media.video.reader import VideoReader


def read(data: bytes, **params: Any) -> tuple[dict[str, Any], list[bytes]]:
    return video_job(io.BytesIO(data), {"name": "film", **params})


def framed(data: bytes, **params: Any) -> tuple[dict[str, Any], list[bytes]]:
    """A video of one part, read as frames: what is said of the part and of the video in one."""
    result, blobs = read(data, **params)
    (part,) = result["parts"]
    return {**result, **part, "notes": [*part["notes"], *result["notes"]]}, blobs


def packed(data: bytes, **params: Any) -> tuple[dict[str, Any], list[bytes]]:
    """A video that is to be sent whole."""
    return read(data, **{"whole_bytes": 8_000_000, **params})


def shots(data: bytes, times: Sequence[float], side: int | None = SIDE) -> Shots:
    """The frames shown at these times."""
    with VideoReader(io.BytesIO(data), "film") as reader:
        return take(reader, times, Size(side, QUALITY), Clock(20))
