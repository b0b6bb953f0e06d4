"""A video in, `Clip`s out: the file itself, a smaller one, or frames with their times.

All decoding happens in a worker process (`job.py`): `probe.py` finds out what the video is, `reader.py` finds a moment,
`sampling.py` decides which ones, `frames.py` takes them, `transcode.py` re-encodes, `subtitle_tracks.py` reads what is
said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from glm_mcp.errors import InvalidRequest
from glm_mcp.glm.messages import Image, Video
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.types import Clip, Frame, Picture, Source
from glm_mcp.media.video.asked import (
    FRAMES_SECONDS,
    LONG_SECONDS,
    MAXIMUM_FRAMES,
    PART_BYTES,
    TRACK_SECONDS,
    WHOLE_SECONDS,
    StillsParams,
    VideoParams,
)
from glm_mcp.media.video.subtitles import Cue, format_subtitles, parse_subtitles
from glm_mcp.media.video.timecode import between, stamp
from glm_mcp.media.worker import run_job
from glm_mcp.registry import Card
from glm_mcp.secret_texts import secret_in

_START = 10.0  # seconds for the process to start, open the file and hand its result over
_BODY_SHARE = 0.72  # of a request's body for media: base64 takes a third more, the rest is text
SILENT = "sound was not heard"

_VIDEO_JOB, _STILLS_JOB = "glm_mcp.media.video.job:video_job", "glm_mcp.media.video.job:stills_job"


class VideoFile:
    """A video that one call reads. What the first job finds out about it is kept, so that frames after a refusal, and
    stills after the answer, are had without probing it again.

    `start`, `end`: seconds; where both are None, the fragment of the source counts. `sidecar`: the text of a file of
    subtitles, which wins over a track inside the video where it has any; `sidecar_name`: what a note calls it.
    """

    def __init__(
        self,
        source: Source,
        *,
        start: float | None = None,
        end: float | None = None,
        sidecar: str | None = None,
        sidecar_name: str = "a file beside it",
    ) -> None:
        if start is None and end is None and source.fragment.t is not None:
            start, end = source.fragment.t
        self._source = source
        self._span = (start, end)
        self._sidecar = sidecar
        self._sidecar_name = sidecar_name
        self._facts: dict[str, Any] | None = None

    async def prepare(
        self, card: Card, *, max_bytes: int = 0, max_frames: int | None = None, dense_head: bool = False
    ) -> list[Clip]:
        """The video for a model with this card: one clip with the whole of it, or one with frames for each part.

        Whole within `max_bytes` and the card's own limits, untouched where it can be, re-encoded where that keeps it
        watchable; 0: not whole. Frames: exactly `max_frames`, evenly spaced; None: by length and scenes, up to 50 for
        ten minutes, up to four such parts for more. `dense_head`: the first three seconds closely.

        Raises: InvalidRequest (start or end; it names the length), UnsupportedMedia, MediaTooLarge, TimedOut, MissingExtra.
        """
        body = int(card.body_bytes * _BODY_SHARE)
        cues, secret = await in_thread(_beside, self._sidecar) if self._sidecar else ([], "")
        wanted = VideoParams(
            self._source.name,
            *self._span,
            whole_bytes=min(max_bytes, body) if card.video else 0,
            whole_seconds=card.video_seconds,
            max_frames=max_frames,
            images=max(1, min(MAXIMUM_FRAMES, card.images or MAXIMUM_FRAMES)),
            part_bytes=min(PART_BYTES, body),
            dense_head=dense_head,
            subtitles=not cues,
            facts=self._facts,
        )
        seconds = LONG_SECONDS + TRACK_SECONDS + (WHOLE_SECONDS if wanted.whole_bytes else 0)
        result, blobs = await run_job(_VIDEO_JOB, self._source, asdict(wanted), timeout_s=seconds + _START)
        self._facts = result["facts"]
        if cues:
            await in_thread(_add_sidecar, cues, self._sidecar_name, result["parts"])
        elif secret:
            result["notes"].append(f"{self._sidecar_name} holds {secret}, and was not read")
        elif self._sidecar and self._sidecar.strip():
            result["notes"].append(f"{self._sidecar_name} holds no subtitles of a form that is known here")
        return await self._clips(result, blobs)

    async def stills(self, times: Sequence[float]) -> list[tuple[float, bytes]]:
        """The frames shown at `times`, full size and upright, as (their own time, JPEG), in the order asked; at most 50.

        A time past the end gives the last frame. A frame that damage or want of time keeps away is left out.
        Raises: UnsupportedMedia when none can be had, InvalidRequest, TimedOut, MissingExtra.
        """
        if not times:
            return []
        if len(times) > MAXIMUM_FRAMES:
            raise InvalidRequest(
                f"{len(times)} stills were asked for", f"Ask for at most {MAXIMUM_FRAMES} at once."
            )
        asked = tuple(float(t) for t in times)
        wanted = StillsParams(self._source.name, asked, self._facts)
        result, blobs = await run_job(
            _STILLS_JOB, self._source, asdict(wanted), timeout_s=FRAMES_SECONDS + _START
        )
        self._facts = result["facts"]
        stills = {time: (own, blob) for (time, own), blob in zip(result["stills"], blobs, strict=True)}
        return [stills[time] for time in asked if time in stills]

    async def _clips(self, result: dict[str, Any], blobs: list[bytes]) -> list[Clip]:
        whole = result["whole"]
        if whole is None:
            images = iter(blobs)
            return [self._clip(result, part, images) for part in result["parts"]]
        (part,) = result["parts"]
        data = blobs[0] if blobs else await in_thread(self._source.read)
        if not whole["untouched"]:
            size = f"{whole['width']}x{whole['height']}, {_megabytes(len(data))}"
            result["notes"].insert(0, f"{between(part['start'], part['end'])} re-encoded at {size}")
        length = part["end"] - part["start"]
        video = Video(self._source.name, data=data, mime=whole["mime"], seconds=length)
        return [self._clip(result, part, iter(()), video)]

    def _clip(
        self,
        result: dict[str, Any],
        part: dict[str, Any],
        images: Iterator[bytes],
        video: Video | None = None,
    ) -> Clip:
        facts = result["facts"]
        original = (facts["width"], facts["height"])
        notes = [f"sent as frames: {result['reason']}"] if result["reason"] else []
        notes += [*part["notes"], *result["notes"], *([SILENT] if facts["has_sound"] else [])]
        return Clip(
            name=self._source.name,
            duration=facts["duration"],
            start=part["start"],
            end=part["end"],
            width=facts["width"],
            height=facts["height"],
            video=video,
            frames=tuple(
                Frame(_picture(self._source.name, next(images), frame, original), frame["time"])
                for frame in part["frames"]
            ),
            subtitles=part["subtitles"],
            notes=tuple(notes),
        )


def _beside(sidecar: str) -> tuple[list[Cue], str]:
    """Its cues; none where their words hold a secret, which is named, that was not seen in the file with its markup."""
    cues = parse_subtitles(sidecar)
    said = secret_in("\n".join(words for *_, words in cues))
    return ([], said) if said and not secret_in(sidecar) else (cues, "")


def _add_sidecar(cues: list[Cue], name: str, parts: list[dict[str, Any]]) -> None:
    """Sets the text for each part, with a note on where it came from, and where it was cut, or has nothing."""
    for part in parts:
        part["subtitles"], cut = format_subtitles(cues, part["start"], part["end"])
        part["notes"] += [cut] if cut else []
    if any(part["subtitles"] for part in parts):
        parts[0]["notes"].append(f"subtitles of {name} sent along")
    else:
        parts[0]["notes"].append("the subtitle file has nothing for this part")


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


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{max(1, round(size / 1000))} kB"
