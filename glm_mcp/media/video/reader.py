"""A video opened for reading: the frame shown at any moment. Runs in the worker process."""

from __future__ import annotations

import bisect
import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.colours import hdr
from glm_mcp.media.video import orientation
from glm_mcp.media.video.container import (
    boxes_of,
    encrypted,
    library,
    library_errors,
    open_container,
    says_encrypted,
    text_tracks,
    video_streams,
)
from glm_mcp.media.video.probe import Facts, probe

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL import Image

THREADS = 2
BROKEN_PACKETS = 400  # given up after so many packets in a row that cannot be decoded

_EPS = 1e-4
# Decoders that show nothing before a picture that stands alone; the others make grey or torn ones.
_WAITING = frozenset(("h264", "hevc", "vvc", "mpeg1video", "mpeg2video"))
_LEANING = (2, 3, 4)  # kinds of pictures that are made of others: P, B, S
_WORTH_A_SEEK = 0.5  # seconds before the key frame that it leads to; a seek costs some frames of its own


class VideoReader:
    """An open video. Not for threads; `close()` it, or use it as a context.

    `facts`: what an earlier reader of the same file found; without them the video is probed.
    """

    def __init__(self, file: BinaryIO, name: str, facts: Facts | None = None) -> None:
        """Raises: UnsupportedMedia, MediaTooLarge, MissingExtra."""
        self.name = name
        self.decoded = 0  # frames
        self._locked = False  # a packet needs a key
        self._toned = False  # a frame was brought from HDR to an ordinary screen's colours
        self._file = file
        self._av = library()
        self._errors = library_errors()
        self._damaged: set[tuple[int | None, int | None]] = set()  # packets, by place and time
        self._held: tuple[VideoFrame, float] | None = None
        self._ahead: tuple[VideoFrame, float] | None = None
        self._frames: Iterator[tuple[VideoFrame, float]] | None = None
        self._reach = 1.0  # seconds worth decoding forward for, rather than seeking; grows with the key frames' distance
        self._keys: list[float] = []  # times of the key frames met so far, ascending
        self._seeks_miss = False  # a seek did not lead to a key frame that is there
        self._last = -1.0  # time of the frame decoded last
        self._failures = 0  # since then, in a row
        self._stream_index: int | None = facts.stream if facts else None
        self._open()
        self.facts = facts or probe(self, file)
        if facts is None:
            self.seek(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def encrypted(self) -> bool:
        """By the packets that were met, or by the head of the file: the library does not know every way."""
        return self._locked or says_encrypted(self._file)

    @property
    def index_alone(self) -> bool:
        """Whether it is an MP4 that holds nothing but its index, as the first piece of a stream does."""
        boxes = boxes_of(self._file)
        return b"moov" in boxes and not boxes & {b"mdat", b"moof"}

    def close(self) -> None:
        self._frames = self._held = self._ahead = None
        self.container.close()

    # Opening

    def _open(self) -> None:
        self.container: InputContainer = open_container(self._file, self.name)
        self.origin = (self.container.start_time or 0) / self._av.time_base
        # A stream without a container says no start, and shows its first picture a frame later.
        if self.container.format.name == "mpegvideo":
            with contextlib.suppress(*self._errors, StopIteration):
                first = next(self.container.demux(video=0))
                self.origin = float((first.pts or 0) * first.time_base)
            self.container.close()
            self.container = open_container(self._file, self.name)
        self.choose(self._stream_index)

    def _reopen(self) -> None:
        self.container.close()
        self._open()

    def choose(self, index: int | None) -> None:
        """The track to read, by its number in the file; None: the likeliest. Raises UnsupportedMedia."""
        try:
            streams = video_streams(self.container, self.name)
        except UnsupportedMedia:
            if self.encrypted:
                raise encrypted(self.name) from None
            raise
        self.stream: VideoStream = next((s for s in streams if s.index == index), streams[0])
        self.base = float(self.stream.time_base or 1 / 1000)
        self._stream_index = self.stream.index
        if not self.stream.codec_context.is_open:
            self.stream.codec_context.thread_count = THREADS
            self.stream.codec_context.thread_type = "AUTO"

    def text_tracks(self) -> list[Any]:
        return text_tracks(self.container, self._file)

    # Its length

    def claimed(self) -> float:
        """Seconds, by the file's own word; 0 when it has none."""
        return float((self.container.duration or 0) / self._av.time_base)

    def stream_length(self) -> float:
        return float((self.stream.duration or 0) * self.base)

    # Moving about

    def seek(self, seconds: float) -> bool:
        """To the key frame at or before `seconds`, or near it; False when the file cannot seek (then at its start)."""
        self._frames = self._held = self._ahead = None
        try:
            self.container.seek(
                max(0, round((max(0.0, seconds) + self.origin) / self.base)), stream=self.stream
            )
        except self._errors:
            self._reopen()
            return False
        return True

    def show(
        self, seconds: float, *, exact: bool = True, deadline: float | None = None
    ) -> tuple[VideoFrame, float] | None:
        """The frame that a player shows at `seconds`, and its own time. The first one when it begins later, the last
        one when it ended before; None when nothing can be decoded there.

        Not `exact`, or past `deadline` (monotonic): the nearest key frame before, for want of time.
        """
        now = self._held[1] if self._held else None
        if now is None or not exact or seconds < now or self._seek_pays(now, seconds):
            self._go(seconds, now, exact=exact)
        while exact or self._held is None:
            if self._held is not None and self._held[1] >= seconds - _EPS:
                break
            if self._ahead is None:
                self._ahead = self._next()
            if self._ahead is None or (self._held is not None and self._ahead[1] > seconds + _EPS):
                break
            self._held, self._ahead = self._ahead, None
            if deadline is not None and time.monotonic() > deadline:
                break
        return self._held

    def play(self, start: float) -> Iterator[tuple[VideoFrame, float]]:
        """Every frame from the one shown at `start` on, with its time."""
        first = self.show(start)
        if first is None:
            return
        yield first
        while (frame := self.following()) is not None:
            yield frame

    def following(self) -> tuple[VideoFrame, float] | None:
        """The next frame from here on, with its time; None after the last one."""
        self._held = self._ahead or self._next()
        self._ahead = None
        return self._held

    def _next(self) -> tuple[VideoFrame, float] | None:
        if self._frames is None:
            self._frames = self._decode()
        return next(self._frames, None)

    def _seek_pays(self, now: float, seconds: float) -> bool:
        """Whether to seek from `now` forward to `seconds`, rather than to decode all that lies between."""
        return self._key_before(seconds) > now + _WORTH_A_SEEK or seconds - now > self._reach

    def _key_before(self, seconds: float) -> float:
        """The last key frame at or before `seconds` that is known and can be sought; -1.0 when there is none."""
        at = 0 if self._seeks_miss else bisect.bisect_right(self._keys, seconds + _EPS)
        return self._keys[at - 1] if at else -1.0

    def _go(self, seconds: float, now: float | None, *, exact: bool) -> None:
        """Seeks so that the next frame is at or before `seconds`. A seek that would only go back is learnt from. `exact`:
        and to a frame that stands alone, which the file's list of key frames may be wrong about.
        """
        for back in (0.0, 1.0, 5.0, 30.0, seconds):
            goal = max(0.0, seconds - back)
            seekable = self.seek(goal)
            first = self._next()
            if goal == 0 and (first is None or first[1] > self.facts.first + _EPS):
                # MPEG-TS, cut files: a seek to the start may miss the first key frame; a fresh start does not.
                self._frames = None
                self._reopen()
                first = self._next()
            if exact and goal > 0 and first is not None and self._leans(first[0]):
                continue
            if first is not None and (first[1] <= seconds + _EPS or goal == 0):
                if now is not None and first[1] <= now:
                    self._reach = max(self._reach, seconds - first[1])
                    self._seeks_miss |= self._key_before(seconds) > now + _WORTH_A_SEEK
                self._held = first
                return
            if not seekable or goal == 0:
                return

    def _leans(self, frame: VideoFrame) -> bool:
        """Whether a frame that came first after a seek is made of frames before it."""
        return (
            not frame.key_frame
            and frame.pict_type in _LEANING
            and self.stream.codec_context.name not in _WAITING
        )

    # Decoding

    def _time(self, frame: VideoFrame) -> float:
        mark = frame.pts if frame.pts is not None else frame.dts
        if mark is None or frame.time_base is None:
            rate = float(self.stream.average_rate or self.stream.guessed_rate or 25)
            return self._last + 1 / rate if self._last >= 0 else 0.0
        seconds: float = float(mark * frame.time_base) - self.origin
        return seconds

    def _decode(self) -> Iterator[tuple[VideoFrame, float]]:
        """Frames and their times from here on. Packets that are damaged are passed over and counted; those that only need
        a key frame before the place that a seek led to are passed over.
        """
        # A key frame was met: with threads, the error of a packet before it may come at its own.
        keyed = False
        for packet in self._packets():
            if packet.has_sidedata("encryption_info"):  # the decoder would make green frames of it
                self._locked = True
                self._failures += 1
                continue
            try:
                frames = packet.decode()
            except self._errors:
                self._failures += 1
                if keyed:
                    self._damaged.add((packet.pos, packet.dts))
                keyed |= packet.is_keyframe
                continue
            keyed |= packet.is_keyframe
            for frame in frames:
                self._failures = 0
                self.decoded += 1
                self._last = self._time(frame)
                seconds = max(0.0, self._last)
                if frame.key_frame:
                    self._remember_key(seconds)
                yield frame, seconds

    def _remember_key(self, seconds: float) -> None:
        at = bisect.bisect_left(self._keys, seconds)
        if at == len(self._keys) or self._keys[at] != seconds:
            self._keys.insert(at, seconds)

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """Packets of the video from here on; at their end an empty one, for the decoder still holds some frames."""
        self._failures = 0
        packets = self.container.demux(self.stream)
        while self._failures < BROKEN_PACKETS:
            try:
                packet = next(packets)
            except (StopIteration, self._av.error.EOFError):
                break
            except IndexError:  # the library, at a packet of a track that the head of the file did not name
                packets = self.container.demux(self.stream)
                continue
            except self._errors:
                self._failures += 20
                packets = self.container.demux(self.stream)
                continue
            if packet.size:
                yield packet
        flush: Any = self._av.Packet()
        flush.stream, flush.time_base = self.stream, self.stream.time_base
        yield flush

    # Frames as images

    def upright(self, frame: VideoFrame, side: int | None = None) -> Image.Image | None:
        """The frame upright, in RGB, with square pixels, its longer side at most `side` pixels; None when its pixel
        format cannot be converted.
        """
        self._toned |= frame.color_trc in hdr.TRANSFERS
        with contextlib.suppress(*self._errors):
            return orientation.upright(frame, self.facts.turn, self.facts.sar, side)
        return None

    def thumb(self, frame: VideoFrame) -> bytes | None:
        """`orientation.thumb`; None when the frame's pixel format cannot be converted."""
        with contextlib.suppress(*self._errors):
            return orientation.thumb(frame)
        return None

    def notes(self) -> list[str]:
        """What a reader of the result must know about the file."""
        notes = list(self.facts.notes)
        if self._toned:
            notes.append("HDR video: shown in the colours of an ordinary screen")
        if self._locked:
            notes.append("a part of it is encrypted and was not read")
        if self._damaged:
            count = len(self._damaged)
            notes.append(f"damaged: {count} {'packet' if count == 1 else 'packets'} could not be decoded")
        return notes
