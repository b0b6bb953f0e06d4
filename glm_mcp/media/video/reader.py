"""A video opened for reading: what it is, and the frame shown at any moment. Runs in the worker process."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.video import orientation
from glm_mcp.media.video.container import AGAIN, library, open_container, pick_stream

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL import Image

PIXELS = 40_000_000  # a frame of 8K is 33 MP; larger ones do not fit the worker's memory
THREADS = 2
MEASURE_SECONDS = 8.0  # to find the end of a file that does not name it; some gigabytes
BROKEN_PACKETS = 400  # given up after so many packets in a row that cannot be decoded
TEXT_TRACKS = frozenset({"mov_text", "subrip", "srt", "webvtt", "ass", "ssa", "text"})

_EPS = 1e-4


@dataclass(frozen=True, slots=True)
class Facts:
    """What a video is. `width`, `height`: upright, with square pixels. `duration`: seconds that can be shown; for a
    damaged file that is less than it `claims`. `whole`: nothing is missing at its end.
    """

    container: str
    codec: str
    width: int
    height: int
    turned: bool
    fps: float
    duration: float
    claims: float
    whole: bool
    has_sound: bool
    text_tracks: int
    picture_tracks: int  # subtitles that are pictures, not text
    hdr: bool


class Reel:
    """An open video. Not for threads; `close()` it, or use it as a context."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.skipped = 0  # packets that could not be decoded
        self._file = file
        self._av = library()
        self._held: tuple[VideoFrame, float] | None = None
        self._ahead: tuple[VideoFrame, float] | None = None
        self._frames: Iterator[tuple[VideoFrame, float]] | None = None
        self._reach = 1.0  # seconds worth decoding forward for, rather than seeking; grows with the key frames' distance
        self._last = -1.0  # time of the frame decoded last
        self._row = 0  # failures since then
        self._unmeasured = False
        self._open()
        self.facts = self._learn()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._frames = self._held = self._ahead = None
        self.container.close()

    # Opening

    def _open(self) -> None:
        self.container: InputContainer = open_container(self._file, self.name)
        self.stream: VideoStream = pick_stream(self.container, self.name)
        self.stream.codec_context.thread_count = THREADS
        self.stream.codec_context.thread_type = "AUTO"
        start = self.container.start_time
        self.origin = (start or 0) / self._av.time_base
        self.base = float(self.stream.time_base or 1 / 1000)

    def _reopen(self) -> None:
        self.container.close()
        self._open()

    # What it is

    def _learn(self) -> Facts:
        stream, container = self.stream, self.container
        if stream.width * stream.height > PIXELS:
            raise MediaTooLarge(
                f"{self.name} has frames of {stream.width}x{stream.height} pixels",
                "Save it at a smaller size.",
            )
        first = next(self._decode(), None)
        if first is None:
            raise UnsupportedMedia(
                f"no frame of {self.name} could be decoded ({stream.codec_context.name})", AGAIN
            )
        frame, self._first = first
        self.turn = orientation.orientation(frame)
        self.sar = float(stream.sample_aspect_ratio or 1) or 1.0
        width, height = round(frame.width * self.sar), frame.height
        if self.turn in orientation.SWAPS:
            width, height = height, width
        claims = (container.duration or 0) / self._av.time_base
        video, any_ = self._end(claims)
        slack = max(1.0, claims * 0.03)
        if self.origin > 0 and abs(max(any_, video) + self.origin - claims) <= slack:
            claims -= self.origin  # Matroska gives the time of its end, whatever its first picture's time
        whole = claims <= 0 or max(any_, video) >= claims - slack
        duration = max(claims, video) if whole else video  # a header may also fall short of its own frames
        if stream.duration and whole:  # sound may run on after the last picture
            duration = min(duration, max(float(stream.duration * self.base), video))
        texts = [s for s in container.streams.subtitles if s.codec_context.name in TEXT_TRACKS]
        rate = stream.average_rate or stream.guessed_rate
        self.seek(0)
        return Facts(
            container=container.format.name,
            codec=str(stream.codec_context.name),
            width=width,
            height=height,
            turned=bool(self.turn),
            fps=float(rate) if rate and 0 < rate <= 1000 else 0.0,
            duration=max(duration, first[1], 1e-3),
            claims=claims,
            whole=whole,
            has_sound=bool(container.streams.audio),
            text_tracks=len(texts),
            picture_tracks=len(container.streams.subtitles) - len(texts),
            hdr=frame.color_trc in (16, 18),  # PQ (HDR10) and HLG
        )

    def _end(self, claims: float) -> tuple[float, float]:
        """Where the video's packets end, and where any packets end; seconds. Reads packets, decodes nothing."""
        if claims <= 0:
            return self._tail(0)
        video, any_ = self._tail(max(0, claims - 0.5))
        if video > 0:
            return video, any_
        low, high = 0.0, claims
        for _ in range(14):
            middle = (low + high) / 2
            if self._tail(middle, most=1)[0] > 0:
                low = middle
            else:
                high = middle
        return self._tail(low)

    def _tail(self, start: float, most: int | None = None) -> tuple[float, float]:
        """The latest end of video packets, and of all packets, from the key frame before `start` (0 for none)."""
        video = any_ = 0.0
        count = 0
        late = time.monotonic() + MEASURE_SECONDS
        if not self.seek(start) and start > 0:
            return 0.0, 0.0
        with contextlib.suppress(self._av.error.FFmpegError, ValueError, IndexError):
            for packet in self.container.demux():
                if time.monotonic() > late:
                    self._unmeasured = True
                    break
                if packet.size == 0 or packet.pts is None or packet.time_base is None:
                    continue
                until = float((packet.pts + (packet.duration or 0)) * packet.time_base) - self.origin
                if packet.is_corrupt:
                    continue
                any_ = max(any_, until)
                if packet.stream.index == self.stream.index:
                    video = max(video, until)
                    count += 1
                    if most is not None and count >= most:
                        break
        return video, any_

    # Moving about

    def seek(self, seconds: float) -> bool:
        """To the key frame at or before `seconds`, or near it; False when the file cannot seek (then at its start)."""
        self._frames = self._held = self._ahead = None
        try:
            self.container.seek(
                max(0, round((max(0.0, seconds) + self.origin) / self.base)), stream=self.stream
            )
        except (self._av.error.FFmpegError, OverflowError, ValueError):
            self._reopen()
            return False
        return True

    def _time(self, frame: VideoFrame) -> float:
        mark = frame.pts if frame.pts is not None else frame.dts
        if mark is None or frame.time_base is None:
            rate = float(self.stream.average_rate or self.stream.guessed_rate or 25)
            return self._last + 1 / rate if self._last >= 0 else 0.0
        seconds: float = float(mark * frame.time_base) - self.origin
        return seconds

    def _decode(self) -> Iterator[tuple[VideoFrame, float]]:
        """Frames and their times from here on. Packets that are damaged are passed over and counted."""
        for packet in self._packets():
            try:
                frames = packet.decode()
            except (self._av.error.FFmpegError, ValueError):
                self._row += 1
                self.skipped += 1
                continue
            for frame in frames:
                self._row = 0
                self._last = self._time(frame)
                yield frame, max(0.0, self._last)

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """Packets of the video from here on; at their end an empty one, for the decoder still holds some frames."""
        errors = self._av.error
        self._row = 0
        packets = self.container.demux(self.stream)
        while self._row < BROKEN_PACKETS:
            try:
                packet = next(packets)
            except (StopIteration, errors.EOFError):
                break
            except (errors.FFmpegError, ValueError):
                self._row += 20
                packets = self.container.demux(self.stream)
                continue
            except IndexError:  # the library, at a packet of a track that the head of the file did not name
                packets = self.container.demux(self.stream)
                continue
            if packet.size:
                yield packet
        flush: Any = self._av.Packet()
        flush.stream, flush.time_base = self.stream, self.stream.time_base
        yield flush

    def play(self, start: float) -> Iterator[tuple[VideoFrame, float]]:
        """Every frame from the one shown at `start` on, with its time."""
        first = self.show(start)
        if first is None:
            return
        yield first
        while (following := self._pull()) is not None:
            yield following

    def show(
        self, seconds: float, *, exact: bool = True, deadline: float | None = None
    ) -> tuple[VideoFrame, float] | None:
        """The frame that a player shows at `seconds`, and its own time. The first one when it begins later, the last
        one when it ended before; None when nothing can be decoded there.

        Not `exact`, or past `deadline` (monotonic): the nearest key frame before, for want of time.
        """
        now = self._held[1] if self._held else None
        if now is None or not exact or seconds < now or seconds - now > self._reach:
            self._go(seconds, now)
        while exact or self._held is None:
            if self._ahead is None:
                self._ahead = self._next()
            if self._ahead is None or (self._held is not None and self._ahead[1] > seconds + _EPS):
                break
            self._held, self._ahead = self._ahead, None
            if self._held[1] > seconds + _EPS or (deadline is not None and time.monotonic() > deadline):
                break
        return self._held

    def _pull(self) -> tuple[VideoFrame, float] | None:
        self._held = self._ahead or self._next()
        self._ahead = None
        return self._held

    def _next(self) -> tuple[VideoFrame, float] | None:
        if self._frames is None:
            self._frames = self._decode()
        return next(self._frames, None)

    def _go(self, seconds: float, now: float | None) -> None:
        """Seeks so that the next frame is at or before `seconds`. A seek that would only go back is learnt from."""
        for back in (0.0, 1.0, 5.0, 30.0, seconds):
            goal = max(0.0, seconds - back)
            seekable = self.seek(goal)
            first = self._next()
            if goal == 0 and (first is None or first[1] > self._first + _EPS):
                # MPEG-TS, cut files: a seek to the start may miss the first key frame; a fresh start does not.
                self._frames = None
                self._reopen()
                first = self._next()
            if first is not None and (first[1] <= seconds + _EPS or goal == 0):
                if now is not None and first[1] <= now:
                    self._reach = max(self._reach, seconds - first[1])
                self._held = first
                return
            if not seekable or goal == 0:
                return

    def picture(self, frame: VideoFrame, side: int | None = None) -> Image.Image:
        """The frame upright, in RGB, with square pixels, its longer side at most `side` pixels."""
        return orientation.picture(frame, self.turn, self.sar, side)

    def damage(self) -> list[str]:
        """What a reader of the result must know about a file that is not whole."""
        notes = []
        if not self.facts.whole:
            notes.append(f"damaged: readable up to {self.facts.duration:.1f} s of {self.facts.claims:.1f} s")
        elif self._unmeasured:
            notes.append(f"the file does not say how long it is: read up to {self.facts.duration:.1f} s")
        if self.skipped:
            notes.append(f"damaged: {self.skipped} packets could not be decoded")
        return notes
