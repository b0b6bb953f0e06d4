"""What a video is: found out once for each call, then passed on. Runs in the worker process."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.video import captions
from glm_mcp.media.video.clocks import began_anew
from glm_mcp.media.video.container import AGAIN, JOINED, codec, encrypted, library_errors, video_streams
from glm_mcp.media.video.orientation import SWAPS, transposition

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from glm_mcp.media.video.reader import VideoReader

PIXELS = 40_000_000  # a frame of 8K is 33 MP; larger ones do not fit the worker's memory
WIDEST = 8  # times as wide as high: a pixel of film or tape is two; beyond it is damage
TOGETHER = "Write it with one clock (ffmpeg -i FILE -c copy film.mp4) and pass that."
MEASURE_SECONDS = 8.0  # to find the end of a file that does not name it; some gigabytes


@dataclass(frozen=True, slots=True)
class Facts:
    """What a video is. `width`, `height`: upright, with square pixels. `duration`: seconds that can be shown; for a
    damaged file that is less than it `claims`. `whole`: nothing is missing at its end. `stream`: the index of the
    track that is read; `first`: the time of its first frame; `turn`, `sar`: how its frames are set upright and how
    wide a pixel is. `notes`: what a reader of the result must know of it.
    """

    container: str
    codec: str
    stream: int
    width: int
    height: int
    turn: str
    sar: float
    fps: float
    first: float
    duration: float
    claims: float
    whole: bool
    has_sound: bool
    text_tracks: int
    other_tracks: int  # subtitles that are pictures, or of an unknown kind
    captioned: bool  # its frames have room for closed captions
    notes: tuple[str, ...] = ()


def probe(reader: VideoReader, file: BinaryIO) -> Facts:
    """`file`: what it reads. Leaves the reader at the first frame of the track that it is to read.

    Raises: UnsupportedMedia, MediaTooLarge.
    """
    (frame, first), notes = _first_frame(reader)
    claims, duration, whole, measured = _length(reader)
    stream, container = reader.stream, reader.container  # measuring may have opened the file anew
    turn = transposition(frame)
    sar = float(stream.sample_aspect_ratio or 1)
    sar = sar if 1 / WIDEST <= sar <= WIDEST else 1.0
    width, height = max(1, round(frame.width * sar)), frame.height
    if turn in SWAPS:
        width, height = height, width
    if not whole:
        notes.append(f"damaged: readable up to {duration:.1f} s of {claims:.1f} s")
    elif not measured:
        notes.append(f"the file does not say how long it is: read up to {duration:.1f} s")
    if (anew := began_anew(file, container.format.name)) is not None:
        notes.append(f"its clock begins anew after {anew:.1f} s: not all of it was seen. {TOGETHER}")
    texts = reader.text_tracks()
    rate = stream.average_rate or stream.guessed_rate
    return Facts(
        container=container.format.name,
        codec=codec(stream),
        stream=stream.index,
        width=width,
        height=height,
        turn=turn,
        sar=sar,
        fps=float(rate) if rate and 0 < rate <= 1000 else 0.0,
        first=first,
        duration=max(duration, first, 1e-3),
        claims=claims,
        whole=whole,
        has_sound=bool(container.streams.audio),
        text_tracks=len(texts),
        other_tracks=len(container.streams.subtitles) - len(texts),
        captioned=captions.carried(frame),
        notes=tuple(notes),
    )


def _first_frame(reader: VideoReader) -> tuple[tuple[VideoFrame, float], list[str]]:
    """The first frame of the first track that has one, with its time, and what to note on the tracks before it."""
    notes: list[str] = []
    streams = [(s.index, s.width, s.height, codec(s)) for s in video_streams(reader.container, reader.name)]
    for index, width, height, name in streams:
        if width * height > PIXELS:
            raise MediaTooLarge(
                f"{reader.name} has frames of {width}x{height} pixels", "Save it at a smaller size."
            )
        reader.choose(index)
        frame = reader.following()
        if frame is not None:
            if len(streams) > 1 and not notes:
                notes.append(f"one of its {len(streams)} video tracks was read")
            return frame, notes
        notes.append(f"a video track ({name}) could not be decoded: another one was read")
        reader.seek(0)
    if reader.encrypted:
        raise encrypted(reader.name)
    if reader.index_alone:
        raise UnsupportedMedia(f"{reader.name} is the index of a stream, without its pictures", JOINED)
    raise UnsupportedMedia(f"no frame of {reader.name} could be decoded ({streams[0][3]})", AGAIN)


def _length(reader: VideoReader) -> tuple[float, float, bool, bool]:
    """The seconds that the file claims, those that can be shown, whether it is whole, and whether it was measured to
    its end.
    """
    late = time.monotonic() + MEASURE_SECONDS
    claims = reader.claimed()
    video, any_ = _end(reader, claims, late)
    slack = max(1.0, claims * 0.03)
    if reader.origin > 0 and abs(max(any_, video) + reader.origin - claims) <= slack:
        claims -= reader.origin  # Matroska gives the time of its end, whatever its first picture's time
    whole = claims <= 0 or max(any_, video) >= claims - slack
    duration = max(claims, video) if whole else video  # a header may also fall short of its own frames
    if whole and (own := reader.stream_length()):  # sound may run on after the last picture
        duration = min(duration, max(own, video))
    return claims, duration, whole, time.monotonic() <= late


def _end(reader: VideoReader, claims: float, late: float) -> tuple[float, float]:
    """Where the video's packets end, and where any packets end; seconds. Reads packets, decodes nothing."""
    if claims <= 0:
        return _packet_ends(reader, 0, late)
    video, any_ = _packet_ends(reader, max(0, claims - 0.5), late)
    if video > 0:
        return video, any_
    low, high = 0.0, claims
    for _ in range(14):
        middle = (low + high) / 2
        if _packet_ends(reader, middle, late, maximum=1)[0] > 0:
            low = middle
        else:
            high = middle
    return _packet_ends(reader, low, late)


def _packet_ends(
    reader: VideoReader, start: float, late: float, maximum: int | None = None
) -> tuple[float, float]:
    """The latest end of video packets, and of all packets, from the key frame before `start` (0 for none).

    Stops at `late` (monotonic), or after `maximum` packets of the video.
    """
    video = any_ = 0.0
    count = 0
    if not reader.seek(start) and start > 0:
        return 0.0, 0.0
    with contextlib.suppress(*library_errors()):
        for packet in reader.container.demux():
            if time.monotonic() > late:
                break
            if packet.size == 0 or packet.pts is None or packet.time_base is None:
                continue
            until = float((packet.pts + (packet.duration or 0)) * packet.time_base) - reader.origin
            if packet.is_corrupt:
                continue
            any_ = max(any_, until)
            if packet.stream.index == reader.stream.index:
                video = max(video, until)
                count += 1
                if maximum is not None and count >= maximum:
                    break
    return video, any_
