"""A video made small enough to be sent whole: H.264 in MP4, upright, without sound. Runs in the worker process."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

from glm_mcp.media.video import orientation
from glm_mcp.media.video.frames import describe, limits
from glm_mcp.media.video.reader import Reel
from glm_mcp.media.video.subtitles import track_text
from glm_mcp.media.video.timecode import stamp

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SIDE = 854  # 480p: what a model is shown of a video is rarely larger
SMALL_SIDE = 640
RATE = 15.0  # frames a second; models sample one or two of them
SMALL_RATE = 10.0
FLOOR = 120_000  # bit/s; below this, 360p smears and still frames show more
AMPLE = 300_000  # bit/s from which 480p at 15 frames a second looks right
SECONDS = 25.0  # time for re-encoding; frames take a second

_CRF = "26"  # quality where the limit leaves room; the limit rules otherwise
_FILL = 0.88  # of the byte limit is planned for; the container and the rate control's wobble take the rest

# Containers that the API names (MP4, MOV, MKV), by what the file itself says.
_MP4, _MOV, _MKV = "video/mp4", "video/quicktime", "video/x-matroska"


@dataclass(frozen=True, slots=True)
class Plan:
    side: int  # pixels, the longer one
    fps: float
    bits: int  # a second


def sendable(first: bytes) -> str:
    """The MIME type of a file that the service takes as it is, by its first bytes; "" for any other container."""
    if first[4:8] == b"ftyp":
        if first[8:12] in {b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"crx ", b"M4A "}:
            return ""
        return _MOV if first[8:12] == b"qt  " else _MP4
    if first[4:8] in {b"moov", b"mdat", b"wide"}:  # QuickTime files from before the ftyp box
        return _MOV
    if first[:4] == b"\x1aE\xdf\xa3":
        return _MKV if b"matroska" in first[:64] else ""
    return ""


def watchable(duration: float, max_bytes: int) -> bool:
    """Whether `max_bytes` hold `duration` seconds in a quality in which things can still be made out."""
    return duration > 0 and max_bytes * 8 * _FILL / duration >= FLOOR


def plan(duration: float, max_bytes: int, fps: float, squeeze: float = 1.0) -> Plan:
    """How to encode `duration` seconds (from a video of `fps`) into `max_bytes`."""
    bits = int(max_bytes * 8 * _FILL * squeeze / max(duration, 0.1))
    ample = bits >= AMPLE
    top = RATE if ample else SMALL_RATE
    # A low average may be a screen recording that stands still and then moves fast: the full rate for it.
    return Plan(SIDE if ample else SMALL_SIDE, min(top, fps) if fps >= 5 else top, min(bits, 4_000_000))


def video_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """The video, or the part from `start` to `end`, as a file of at most `max_bytes`.

    `params`: name; max_bytes; start, end (seconds); seconds (time for re-encoding); subtitles (as for frames). Facts: those of `describe`,
    start, end, subtitles, notes; and `reason`, which says why there is no blob when it cannot be done, else mime, sent [width,
    height], untouched (then there is no blob either: the file itself is what to send).
    Raises: UnsupportedMedia, MediaTooLarge, InvalidRequest (start or end), MissingExtra.
    """
    name = str(params.get("name") or "the video")
    most = int(params["max_bytes"])
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    mime = sendable(file.read(64))
    with Reel(file, name) as reel:
        facts = reel.facts
        start, end = limits(facts, params.get("start"), params.get("end"), name)
        result = {**describe(facts), "start": start, "end": end, "subtitles": "", "notes": reel.damage()}
        complete = start <= 0 and end >= facts.duration - 0.05
        if mime and complete and facts.whole and size <= most:
            _read_track(reel, params, result)
            return {**result, "mime": mime, "untouched": True, "sent": [facts.width, facts.height]}, []
        if not watchable(end - start, most):
            return {
                **result,
                "reason": f"{most / 1e6:.3g} MB cannot hold {stamp(end - start)} in a watchable quality",
            }, []
        deadline = time.monotonic() + float(params.get("seconds") or SECONDS)
        squeeze = 1.0
        for _ in range(3):
            made = _encode(reel, start, end, plan(end - start, most, facts.fps, squeeze), most, deadline)
            if isinstance(made, str):
                return {**result, "reason": made}, []
            data, sent = made
            if data and len(data) <= most:
                result["notes"] = reel.damage()
                _read_track(reel, params, result)
                return {**result, "mime": _MP4, "untouched": False, "sent": list(sent)}, [data]
            squeeze *= 0.6
        return {**result, "reason": f"re-encoding did not bring it below {most / 1e6:.3g} MB"}, []


def _read_track(reel: Reel, params: dict[str, Any], result: dict[str, Any]) -> None:
    """Adds the subtitles when they are wanted. Last of all: it leaves the reel at another place."""
    if params.get("subtitles"):
        result["subtitles"], more = track_text(reel, result["start"], result["end"])
        result["notes"] += more


def _encode(
    reel: Reel, start: float, end: float, how: Plan, most: int, deadline: float
) -> tuple[bytes, tuple[int, int]] | str:
    """MP4 bytes (empty when they outgrew `most`) and the picture's size; or why not.

    Frames are counted in a time base of one frame, so that no two share a timestamp, and a frame that lasts is
    repeated: whoever samples by count sees the right moments.
    """
    import av

    rate = Fraction(how.fps).limit_denominator(1001)
    out = io.BytesIO()
    began = time.monotonic()
    container = av.open(out, "w", format="mp4")
    try:
        try:
            stream: VideoStream = container.add_stream("libx264", rate=rate)
        except ValueError:  # a build of the library without this encoder
            return "this installation cannot encode H.264"
        shape: tuple[int, int] | None = None
        newest, before = -1, None
        total = max(1, round((end - start) * float(rate)))
        for source, at in reel.play(start):
            index = min(max(0, int((at - start) * float(rate) + 1e-3)), total)
            if at > end or index >= total:
                break
            now = time.monotonic()
            slow = now - began > 3 and (now - began) / max(at - start, 0.1) * (end - at) > deadline - now
            if now > deadline or slow:
                return "re-encoding it would take too long"
            if out.tell() > most:
                return b"", (0, 0)
            if index <= newest:
                continue
            shape = shape or _shape(reel, how.side)
            frame = _fitted(reel, source, shape)
            if newest < 0:
                _configure(stream, shape, how, rate)
            for i in range(newest + 1, index):
                _write(container, stream, before or frame, i, rate)
            _write(container, stream, frame, index, rate)
            newest, before = index, frame
        if before is None or shape is None:
            return "no frame of it could be decoded"
        for i in range(newest + 1, total):
            _write(container, stream, before, i, rate)
        container.mux(stream.encode(None))
    finally:
        container.close()
    return out.getvalue(), shape


def _configure(stream: VideoStream, shape: tuple[int, int], how: Plan, rate: Fraction) -> None:
    stream.width, stream.height = shape
    stream.pix_fmt = "yuv420p"
    stream.time_base = 1 / rate
    context = stream.codec_context
    context.thread_count = 2
    context.gop_size = max(1, round(how.fps * 4))  # a decoder that jumps to a moment is there soon
    context.options = {
        "preset": "veryfast",
        "crf": _CRF,
        "maxrate": str(how.bits),
        "bufsize": str(how.bits * 2),
    }


def _shape(reel: Reel, side: int) -> tuple[int, int]:
    """Upright size with even sides, never larger than the original."""
    width, height = reel.facts.width, reel.facts.height
    scale = min(1.0, side / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _fitted(reel: Reel, frame: VideoFrame, shape: tuple[int, int]) -> VideoFrame:
    from av import VideoFrame as Frame

    if reel.turn or not frame.format.name.startswith("yuv") or "a" in frame.format.name:
        picture = reel.picture(frame, max(shape))
        if picture.size != shape:
            picture = picture.resize(shape)
        turned: VideoFrame = Frame.from_image(picture)  # type: ignore[no-untyped-call]  # the stub leaves it bare
        return turned.reformat(format="yuv420p")
    return orientation.scaled(frame, shape, "yuv420p")


def _write(container: Any, stream: VideoStream, frame: VideoFrame, index: int, rate: Fraction) -> None:
    frame.pts = index
    frame.dts = None
    frame.time_base = 1 / rate
    frame.pict_type = 0  # else the encoder would repeat the original's key frames
    container.mux(stream.encode(frame))
