"""What the worker's jobs on a video are asked, as JSON, and within what bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MAXIMUM_FRAMES = 50  # pictures that one call takes (the cards' `images`)
WHOLE_SECONDS = 25.0  # time for re-encoding; frames take a second
FRAMES_SECONDS = 20.0  # time for the frames of one part; most clients wait 60 s for the whole call
LONG_SECONDS = 32.0  # for those of several
PART_BYTES = 10 * 1024 * 1024  # of the frames of a part together; base64 makes 14 MB of them
TRACK_SECONDS = 6.0  # time to read a track of subtitles; it lies scattered over the whole file


@dataclass(frozen=True, slots=True)
class VideoParams:
    """What `video_job` is asked for; it travels as JSON.

    `start`, `end`: seconds, None for the video's own. `whole_bytes`, `whole_seconds`: what a file sent whole may have;
    0 bytes: none is wanted, no seconds: any length. `max_frames`: exactly so many, evenly spaced; None: by length and scenes.
    `images`: the most in one part; `part_bytes`: of a part's frames together. `dense_head`: the first three seconds closely.
    `subtitles`: whether the track inside the video is read. `facts`: those of an earlier job on the same file.
    """

    name: str
    start: float | None = None
    end: float | None = None
    whole_bytes: int = 0
    whole_seconds: float | None = None
    max_frames: int | None = None
    images: int = MAXIMUM_FRAMES
    part_bytes: int = PART_BYTES
    dense_head: bool = False
    subtitles: bool = False
    facts: dict[str, Any] | None = None
    whole_time: float = WHOLE_SECONDS
    frames_time: float | None = None


@dataclass(frozen=True, slots=True)
class StillsParams:
    """What `stills_job` is asked for: the frames shown at `times` (seconds), full-size."""

    name: str
    times: tuple[float, ...]
    facts: dict[str, Any] | None = None
