"""A video made small enough to be sent whole: H.264 in MP4, upright, without sound. Runs in the worker process."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from glm_mcp.media.colours import hdr
from glm_mcp.media.video import orientation
from glm_mcp.media.video.reader import VideoReader
from glm_mcp.media.video.timecode import stamp

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SIDE = 854  # 480p: what a model is shown of a video is rarely larger
SMALL_SIDE = 640
RATE = 15.0  # frames a second; models sample one or two of them
SMALL_RATE = 10.0
FLOOR = 120_000  # bit/s; below this, 360p smears and still frames show more
AMPLE = 300_000  # bit/s from which 480p at 15 frames a second looks right

_CRF = "26"  # quality where the limit leaves room; the limit rules otherwise
_FILL = 0.88  # of the byte limit is planned for; the container and the rate control's wobble take the rest

# Containers that the API names (MP4, MOV, MKV), by what the file itself says.
MP4, _MOV, _MKV = "video/mp4", "video/quicktime", "video/x-matroska"


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
        return _MOV if first[8:12] == b"qt  " else MP4
    if first[4:8] in {b"moov", b"mdat", b"wide"}:  # QuickTime files from before the ftyp box
        return _MOV
    if first[:4] == b"\x1aE\xdf\xa3":
        return _MKV if b"matroska" in first[:64] else ""
    return ""


def watchable(duration: float, maximum_bytes: int) -> bool:
    """Whether `maximum_bytes` hold `duration` seconds in a quality in which things can still be made out."""
    return duration > 0 and maximum_bytes * 8 * _FILL / duration >= FLOOR


def plan(duration: float, maximum_bytes: int, fps: float, squeeze: float = 1.0) -> Plan:
    """How to encode `duration` seconds (from a video of `fps`) into `maximum_bytes`."""
    bits = int(maximum_bytes * 8 * _FILL * squeeze / max(duration, 0.1))
    ample = bits >= AMPLE
    top = RATE if ample else SMALL_RATE
    # A low average may be a screen recording that stands still and then moves fast: the full rate for it.
    return Plan(SIDE if ample else SMALL_SIDE, min(top, fps) if fps >= 5 else top, min(bits, 4_000_000))


@dataclass(frozen=True, slots=True)
class Encoded:
    data: bytes
    width: int
    height: int


def fit(reader: VideoReader, start: float, end: float, maximum_bytes: int, deadline: float) -> Encoded | str:
    """The stretch as MP4 of at most `maximum_bytes`, or why not. `deadline`: monotonic."""
    if not watchable(end - start, maximum_bytes):
        return f"{maximum_bytes / 1e6:.3g} MB cannot hold {stamp(end - start)} in a watchable quality"
    squeeze = 1.0
    for _ in range(3):
        how = plan(end - start, maximum_bytes, reader.facts.fps, squeeze)
        made = _encode(reader, start, end, how, maximum_bytes, deadline)
        if isinstance(made, str) or (made.data and len(made.data) <= maximum_bytes):
            return made
        squeeze *= 0.6
    return f"re-encoding did not bring it below {maximum_bytes / 1e6:.3g} MB"


def _encode(
    reader: VideoReader, start: float, end: float, how: Plan, maximum_bytes: int, deadline: float
) -> Encoded | str:
    """MP4, without bytes when they outgrew `maximum_bytes`; or why not."""
    import av

    out = io.BytesIO()
    container = av.open(out, "w", format="mp4")
    try:
        try:
            film = _Film(container, how)
        except ValueError:  # a build of the library without this encoder
            return "this installation cannot encode H.264"
        why = _fill(film, reader, start, end, _Patience(deadline), lambda: out.tell() > maximum_bytes)
        if why:
            return why
        if out.tell() > maximum_bytes:
            return Encoded(b"", 0, 0)
        film.finish(end - start)
    finally:
        container.close()
    return Encoded(out.getvalue(), *film.shape)


class _Patience:
    """Whether re-encoding will be done in time, by the pace so far."""

    def __init__(self, deadline: float) -> None:
        self.began = time.monotonic()
        self.deadline = deadline

    def ended(self, done: float, total: float) -> bool:
        now = time.monotonic()
        pace = (now - self.began) / max(done, 0.1)
        return now > self.deadline or (now - self.began > 3 and pace * (total - done) > self.deadline - now)


def _fill(
    film: _Film,
    reader: VideoReader,
    start: float,
    end: float,
    patience: _Patience,
    outgrown: Callable[[], bool],
) -> str:
    """Writes the frames from `start` to `end`, until they outgrow their room; gives why that cannot be, or ""."""
    for frame, at in reader.play(start):
        if at > end or outgrown():
            break
        if patience.ended(at - start, end - start):
            return "re-encoding it would take too long"
        film.add(reader, frame, at - start, end - start)
    return "" if film.newest >= 0 else "no frame of it could be decoded"


class _Film:
    """A film that is being written. Frames are counted in a time base of one frame, so that no two share a timestamp,
    and a frame that lasts is repeated: whoever samples by count sees the right moments.
    """

    def __init__(self, container: OutputContainer, how: Plan) -> None:
        """Raises: ValueError when the library has no encoder."""
        self.shape = (0, 0)
        self.newest = -1  # index of the last frame written
        self._how = how
        self._rate = Fraction(how.fps).limit_denominator(1001)
        self._container = container
        self._stream: VideoStream = container.add_stream("libx264", rate=self._rate)
        self._last: VideoFrame | None = None

    def add(self, reader: VideoReader, source: VideoFrame, at: float, length: float) -> None:
        """The frame shown from `at` on, seconds; left out when its place is taken or beyond `length`."""
        index = max(0, int(at * float(self._rate) + 1e-3))
        if index <= self.newest or index >= self._total(length):
            return
        if self.newest < 0:
            self.shape = _shape(reader, self._how.side)
        frame = _fitted(reader, source, self.shape)
        if frame is None:
            return
        if self.newest < 0:
            self._configure()
        self._repeat(self._last or frame, index)
        self._write(frame, index)
        self.newest, self._last = index, frame

    def finish(self, length: float) -> None:
        if self._last is not None:
            self._repeat(self._last, self._total(length))
        self._container.mux(self._stream.encode(None))

    def _total(self, length: float) -> int:
        return max(1, round(length * float(self._rate)))

    def _repeat(self, frame: VideoFrame, until: int) -> None:
        for index in range(self.newest + 1, until):
            self._write(frame, index)

    def _configure(self) -> None:
        stream, how = self._stream, self._how
        stream.width, stream.height = self.shape
        stream.pix_fmt = "yuv420p"
        stream.time_base = 1 / self._rate
        context = stream.codec_context
        context.thread_count = 2
        context.gop_size = max(1, round(how.fps * 4))  # a decoder that jumps to a moment is there soon
        context.options = {
            "preset": "veryfast",
            "crf": _CRF,
            "maxrate": str(how.bits),
            "bufsize": str(how.bits * 2),
        }

    def _write(self, frame: VideoFrame, index: int) -> None:
        frame.pts = index
        frame.dts = None
        frame.time_base = 1 / self._rate
        frame.pict_type = 0  # else the encoder would repeat the original's key frames
        self._container.mux(self._stream.encode(frame))


def _shape(reader: VideoReader, side: int) -> tuple[int, int]:
    """Upright size with even sides, never larger than the original."""
    width, height = reader.facts.width, reader.facts.height
    scale = min(1.0, side / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _fitted(reader: VideoReader, frame: VideoFrame, shape: tuple[int, int]) -> VideoFrame | None:
    """The frame upright, in this size; None when it cannot be converted."""
    from av import VideoFrame as Frame

    plain = frame.format.name.startswith("yuv") and "a" not in frame.format.name
    if plain and not reader.facts.turn and frame.color_trc not in hdr.TRANSFERS:
        return orientation.scaled(frame, shape, "yuv420p")
    image = reader.upright(frame, max(shape))
    if image is None:
        return None
    if image.size != shape:
        image = image.resize(shape)
    turned: VideoFrame = Frame.from_image(image)  # type: ignore[no-untyped-call]  # the stub leaves it bare
    return turned.reformat(format="yuv420p")
