"""Bytes to facts: what a picture, video or file really is, whatever its name or MIME type say."""

import hashlib
import importlib.util
import io
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from glm_mcp.simulator.errors import Refusal
from glm_mcp.simulator.received import Colour
from glm_mcp.simulator.switches import Switches

MAX_SIDE = 6_000


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A format's name, the MIME types that may claim it, and its measures in pixels and seconds."""

    format: str
    mimes: frozenset[str]
    width: int = 0
    height: int = 0
    duration_s: float | None = None
    mean_rgb: Colour | None = None
    corners: tuple[Colour, ...] = ()


# The pictures seen last, by digest: a picture sent again need not be decoded again.
_CACHE: OrderedDict[bytes, Facts] = OrderedDict()
_CACHE_SIZE = 256
_LOCK = threading.Lock()


def image_facts(data: bytes, switches: Switches) -> Facts | None:
    """PNG and JPEG, decoded to the last pixel; None when it is neither or is damaged. Raises Refusal: 1210 for more
    than 6000 pixels a side, 1234 (by switch) for a GIF.
    """
    digest = hashlib.sha256(data).digest()
    with _LOCK:
        if found := _CACHE.get(digest):
            _CACHE.move_to_end(digest)
            return found
    if data[:4] == b"GIF8" and switches.gif_code == "1234":
        raise Refusal("1234", "simulated")
    facts = _picture(data)
    if facts is not None:
        with _LOCK:
            _CACHE[digest] = facts
            if len(_CACHE) > _CACHE_SIZE:
                _CACHE.popitem(last=False)
    return facts


def _picture(data: bytes) -> Facts | None:
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    # The two classes directly: Image.open would try forty formats, and warn of large pictures before they are refused.
    kind: type[PngImageFile | JpegImageFile]
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        kind, name, mime = PngImageFile, "png", "image/png"
    elif data[:3] == b"\xff\xd8\xff":
        kind, name, mime = JpegImageFile, "jpeg", "image/jpeg"
    else:
        return None
    try:
        with kind(io.BytesIO(data)) as picture:
            width, height = picture.size
            _check_side(max(width, height))
            picture.load()
            pixels = picture.convert("RGB")
    except Refusal:
        raise
    except Exception:  # noqa: BLE001 - damaged files make the decoder fail in many ways, all with one answer
        return None
    mean = pixels.resize((1, 1), Image.Resampling.BOX)
    ends = ((0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1))
    return Facts(
        format=name,
        mimes=frozenset({mime}),
        width=width,
        height=height,
        mean_rgb=_colour(mean.getpixel((0, 0))),
        corners=tuple(_colour(pixels.getpixel(end)) for end in ends),
    )


def _check_side(longest: int) -> None:
    if longest > MAX_SIDE:
        raise Refusal("1210", message="图片像素超过限制")


def _colour(pixel: Any) -> Colour:
    return int(pixel[0]), int(pixel[1]), int(pixel[2])


_VIDEOS = {
    "mp4": frozenset({"video/mp4"}),
    "m4v": frozenset({"video/mp4", "video/x-m4v"}),
    "mov": frozenset({"video/quicktime", "video/mp4"}),
    "mkv": frozenset({"video/matroska"}),
    "webm": frozenset({"video/webm"}),
    "gif": frozenset({"image/gif"}),
}
_MORE_VIDEOS = {"webm", "gif"}


def video_facts(data: bytes, switches: Switches) -> Facts | None:
    """MP4, MOV and MKV, by switch WebM and GIF too, whose first picture can be decoded; None for anything else."""
    import filetype

    kind = filetype.guess_extension(data[:8192])
    if kind is None and data[4:8] == b"ftyp":
        kind = "mp4"  # a brand the table does not know
    if kind not in _VIDEOS or (kind in _MORE_VIDEOS and not switches.more_video_formats):
        return None
    measures = _measure_video(data)
    if measures is None:
        return None
    width, height, duration = measures
    return Facts(format=kind, mimes=_VIDEOS[kind], width=width, height=height, duration_s=duration)


def _measure_video(data: bytes) -> tuple[int, int, float | None] | None:
    """Width, height and seconds; None when it has no pictures. Without PyAV every film is readable and has no length."""
    if importlib.util.find_spec("av") is None:
        return 0, 0, None
    import av

    try:
        with av.open(io.BytesIO(data), "r") as container:
            stream = container.streams.video[0]
            duration = container.duration / av.time_base if container.duration else None
            next(container.decode(stream))
            return stream.codec_context.width, stream.codec_context.height, duration
    except (av.FFmpegError, IndexError, OSError, StopIteration):
        return None


_OFFICE = "application/vnd.openxmlformats-officedocument."
_FILES = {
    "pdf": frozenset({"application/pdf"}),
    "docx": frozenset({f"{_OFFICE}wordprocessingml.document"}),
    "xlsx": frozenset({f"{_OFFICE}spreadsheetml.sheet"}),
    "pptx": frozenset({f"{_OFFICE}presentationml.presentation"}),
    "doc": frozenset({"application/msword"}),
    "txt": frozenset({"text/plain", "application/jsonl", "application/x-ndjson", "application/json"}),
}
_PLACES = {b"word/": "docx", b"xl/": "xlsx", b"ppt/": "pptx"}


def file_facts(data: bytes, switches: Switches) -> Facts | None:  # noqa: ARG001 - one shape for the three
    """PDF, Word, XLSX, PPTX and text (JSONL is text); None for anything else."""
    kind = _file_kind(data)
    return None if kind is None else Facts(format=kind, mimes=_FILES[kind])


def _file_kind(data: bytes) -> str | None:
    if data[:5] == b"%PDF-":
        return "pdf"
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return "doc"
    if data[:4] == b"PK\x03\x04":
        return next((kind for place, kind in _PLACES.items() if place in data), None)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else "txt"
