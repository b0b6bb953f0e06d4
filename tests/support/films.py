"""Small videos made on the spot. Every frame carries its number as sixteen black and white bars (Gray code), so that a
test can tell which frame it got, whatever was done to it on the way.
"""

from __future__ import annotations

import functools
import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.subtitles.subtitle import SubtitleSet
from PIL import Image

BITS = 16
ASS_HEADER = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\n"
    b"Style: Default,Arial,16\n\n[Events]\n"
    b"Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)


@dataclass(frozen=True)
class Film:
    """What to make: `times` of the frames in seconds, a `look` (mark, black, static, flash: bright and then black), and the rest of the file."""

    times: tuple[float, ...]
    size: tuple[int, int] = (320, 192)
    form: str = "mp4"
    codec: str = "libx264"
    gop: int = 12
    look: str = "mark"
    rotate: int = 0
    sar: tuple[int, int] = (1, 1)
    sound: bool = False
    subtitles: tuple[tuple[float, float, str], ...] = ()
    subtitle_codec: str = "mov_text"
    mux: tuple[tuple[str, str], ...] = ()
    hdr: bool = False
    cuts: tuple[int, ...] = ()  # frames at which the background changes


def regular(seconds: float, fps: float = 25) -> tuple[float, ...]:
    return tuple(i / fps for i in range(round(seconds * fps)))


def mark(number: int) -> list[bool]:
    code = number ^ (number >> 1)
    return [bool(code >> bit & 1) for bit in reversed(range(BITS))]


def read_mark(data: bytes | Image.Image) -> int:
    """The number of the frame in this picture."""
    picture = data if isinstance(data, Image.Image) else Image.open(io.BytesIO(data))
    gray = picture.convert("L")
    code = 0
    for bar in range(BITS):
        x = int((bar + 0.5) * gray.width / BITS)
        code = code << 1 | (gray.getpixel((x, gray.height // 4)) > 128)  # type: ignore[operator]
    number = 0
    while code:
        number ^= code
        code >>= 1
    return number


@functools.cache
def make(film: Film) -> bytes:
    """The whole file. By way of a real one: an index is only moved to the front in a file that can be opened twice."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film"
        _write(film, path)
        return path.read_bytes()


def _write(film: Film, path: Path) -> None:
    with av.open(path, "w", format=film.form, options=dict(film.mux)) as container:
        video: Any = container.add_stream(film.codec, rate=25)
        video.width, video.height = film.size
        video.pix_fmt = {"gif": "rgb8"}.get(film.codec, "yuv420p")
        # 1/1000 holds any time; codecs that count frames want their own rate.
        base = Fraction(1, 25) if film.codec in {"mpeg4", "mpeg2video", "gif"} else Fraction(1, 1000)
        video.codec_context.time_base = base
        video.codec_context.gop_size = film.gop
        video.codec_context.thread_count = 1
        if film.codec == "libx264":
            video.options = {"preset": "ultrafast", "sc_threshold": "0", "bf": "2"}
        if film.codec == "libvpx-vp9":
            video.options = {"deadline": "realtime", "cpu-used": "8"}
        if film.sar != (1, 1):
            video.codec_context.sample_aspect_ratio = Fraction(*film.sar)
        if film.hdr:
            video.codec_context.color_trc = 16  # PQ
        if film.rotate:
            video.set_display_rotation(film.rotate)
        sound: Any = (
            container.add_stream("aac" if film.form != "webm" else "libopus", rate=48000)
            if film.sound
            else None
        )
        words: Any = container.add_stream(film.subtitle_codec) if film.subtitles else None
        if words is not None:
            words.codec_context.subtitle_header = ASS_HEADER
        for number, seconds in enumerate(film.times):
            frame = _frame(film, number)
            frame.pts = round(seconds / base)
            frame.time_base = base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            _add_sound(container, sound, film.times[-1])
        for start, end, text in film.subtitles:
            _add_words(container, words, start, end, text)


def _frame(film: Film, number: int) -> Any:
    width, height = film.size
    shade = 0 if film.look == "black" or (film.look == "flash" and number) else 90
    if film.look == "mark":
        scene = sum(number >= cut for cut in film.cuts)
        shade = (90, 220, 30, 160)[scene % 4]
    if film.look == "mark":
        bars = b"".join((b"\xeb" if bit else b"\x10") * (width // BITS) for bit in mark(number))
        bars = bars.ljust(width, b"\x10")
    else:
        bars = bytes([max(16, shade)]) * width
    frame = av.VideoFrame(width, height, "yuv420p")
    plane = frame.planes[0]
    pad = bytes(plane.line_size - width)
    plane.update(
        (bars + pad) * (height // 2) + (bytes([max(16, shade)]) * width + pad) * (height - height // 2)
    )
    for other in frame.planes[1:]:
        other.update(bytes([128]) * other.buffer_size)
    return frame.reformat(format="rgb8") if film.codec == "gif" else frame


def _add_sound(container: Any, stream: Any, seconds: float) -> None:
    for i in range(int(seconds * 48000 / 1024)):
        frame = av.AudioFrame("fltp", "stereo", 1024)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = 48000, i * 1024, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _add_words(container: Any, stream: Any, start: float, end: float, text: str) -> None:
    line = f"0,0,Default,,0,0,0,,{text}".encode()
    packet = stream.codec_context.encode_subtitle(
        SubtitleSet.create(line, 0, round((end - start) * 1000), round(start * 1_000_000))
    )
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = round(start * 1000)
    packet.duration = round((end - start) * 1000)
    container.mux(packet)


def only_sound() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        _add_sound(container, container.add_stream("aac", rate=48000), 1)
    return out.getvalue()


def flip_bits(data: bytes, places: Sequence[float]) -> bytes:
    """The file with some bytes inverted at these shares of its length."""
    broken = bytearray(data)
    for place in places:
        at = int(len(broken) * place)
        for i in range(at, min(at + 40, len(broken))):
            broken[i] ^= 0xFF
    return bytes(broken)
