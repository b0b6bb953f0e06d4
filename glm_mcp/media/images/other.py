"""Pictures that Pillow does not read, by the optional library that reads films. Blocking: in a child process."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageMath

from glm_mcp.errors import MissingExtra
from glm_mcp.media.images import tiff
from glm_mcp.media.images.decode import CAP

if TYPE_CHECKING:
    from av.codec.context import CodecContext
    from av.video.frame import VideoFrame

# A kind of picture and the decoder of it, FFmpeg's name.
_CODECS = {
    **{name: name for name in ("tiff", "bmp", "exr", "hdr", "pam", "psd", "dds", "pcx", "sgi")},
    "tga": "targa",
    "jp2": "jpeg2000",
    "jpeg": "mjpeg",  # without loss, as scanners for X-rays write them; JPEG-LS
}
_ALONE = frozenset(("exr", "hdr", "pam"))  # which Pillow never reads
# Values of light as it adds up: shown as they are, they would be far too dark.
_LINEAR = frozenset(("exr", "hdr"))
_OPTIONS = {"max_pixels": str(CAP)}
_WHOLE = {"err_detect": "explode"}  # of a JPEG: Pillow shows better what is left of a damaged one
_GAMMA = 1 / 2.2


def read(data: bytes, name: str, kind: str) -> Image.Image | None:
    """The picture, upright, RGB or RGBA; None where this library refuses it too. Raises MissingExtra."""
    if (kind not in _CODECS and kind != "avif") or (kind == "tiff" and tiff.of_rare_numbers(data)):
        return None
    try:
        import av
        import av.logging
    except ImportError:
        if kind in _ALONE:
            raise MissingExtra("video", f"reading {name}") from None
        return None
    av.logging.set_level(None)
    try:
        if kind == "avif":
            return _avif(av, data)
        context = av.CodecContext.create(_CODECS[kind], "r")
        frame = _first(context, [av.Packet(data)], _WHOLE if kind == "jpeg" else {})
        if kind in _LINEAR:
            return _shown(frame)
        image = _image(frame)
        # Four colours of print are taken for three and their transparency.
        return None if kind == "tiff" and image.mode == "RGBA" else image
    except (av.error.FFmpegError, ValueError, IndexError, OverflowError, NotImplementedError):
        return None


def _first(context: CodecContext, packets: Iterable[Any], options: dict[str, str]) -> VideoFrame:
    """Raises IndexError where there is none, or an error of the library."""
    context.options = {**_OPTIONS, **options}
    frames: Any = [frame for packet in packets for frame in context.decode(packet)]  # type: ignore[attr-defined]
    frames = frames or context.decode(None)  # type: ignore[attr-defined]
    frame: VideoFrame = frames[0]
    return frame


def _avif(av: Any, data: bytes) -> Image.Image | None:
    """A picture in one piece, and the one that holds its transparency."""
    with av.open(io.BytesIO(data), format="mov", options={"protocol_whitelist": "none"}) as opened:
        streams = opened.streams.video
        if len(streams) > 2:
            return None
        frames = []
        for stream in streams:
            opened.seek(0, stream=stream)
            packets = (packet for packet in opened.demux(stream) if packet.size)
            frames.append(_first(stream.codec_context, [next(packets)], {}))
    image = _image(frames[0]).convert("RGB")
    if len(frames) == 2:
        if frames[1].format.components[1:] or (frames[1].width, frames[1].height) != image.size:
            return None  # a second piece
        image.putalpha(_image(frames[1]).convert("L"))
    return image.rotate(frames[0].rotation, expand=True)


def _image(frame: VideoFrame) -> Image.Image:
    clear = any(component.is_alpha for component in frame.format.components) or frame.format.name == "pal8"
    mode, form = ("RGBA", "rgba") if clear else ("RGB", "rgb24")
    plane: Any = frame.reformat(format=form, threads=1).planes[0]
    return Image.frombuffer(mode, (frame.width, frame.height), bytes(plane), "raw", mode, plane.line_size, 1)


def _shown(frame: VideoFrame) -> Image.Image:
    """Values of light from 0 to 1 and above as a screen shows them."""
    planes: Any = frame.reformat(format="gbrpf32le", threads=1).planes

    def shown(plane: Any) -> Image.Image:
        size = (frame.width, frame.height)
        light = Image.frombuffer("F", size, bytes(plane), "raw", "F;32F", plane.line_size, 1)
        made: Image.Image = ImageMath.lambda_eval(
            lambda v: v["convert"](v["min"](v["max"](v["light"], 0.0), 1.0) ** _GAMMA * 255.0, "L"),
            light=light,
        )
        return made

    green, blue, red = (shown(plane) for plane in planes[:3])
    return Image.merge("RGB", (red, green, blue))
