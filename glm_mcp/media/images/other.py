"""Pictures that Pillow does not read, by the optional library that reads films. Blocking: in a child process."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageMath

from glm_mcp.errors import MissingExtra
from glm_mcp.media.colours import said
from glm_mcp.media.images import deep, tiff
from glm_mcp.media.images.decode import CAP

if TYPE_CHECKING:
    from av.codec.context import CodecContext
    from av.video.frame import VideoFrame

# A kind of picture and the decoder of it, FFmpeg's name.
_CODECS = {
    **{name: name for name in ("tiff", "bmp", "exr", "hdr", "psd", "dds", "pcx", "sgi")},
    "tga": "targa",
    "jp2": "jpeg2000",
    "jpeg": "mjpeg",  # without loss, as scanners for X-rays write them; JPEG-LS
}
# Which Pillow never reads: values of light as it adds up, that would be far too dark if they were shown as they are.
_LINEAR = frozenset(("exr", "hdr"))
_OPTIONS = {"max_pixels": str(CAP)}
_WHOLE = {"err_detect": "explode"}  # of a JPEG: Pillow shows better what is left of a damaged one
_GAMMA = 1 / 2.2
# Two ways to mix the colours of BT.2020, by ITU-T H.273; the first cannot be taken apart here, and looks much like the other.
_CONSTANT, _USUAL = 10, 9
_SHINES = 4  # of 255, by which rounding may be off


def read(data: bytes, name: str, kind: str) -> Image.Image | None:
    """The picture, upright, RGB or RGBA; None where this library refuses it too. Raises MissingExtra."""
    if (kind not in _CODECS and kind != "avif") or (kind == "tiff" and tiff.of_rare_numbers(data)):
        return None
    try:
        import av
        import av.logging
    except ImportError:
        if kind in _LINEAR or (kind == "jp2" and deep.overflows(data)):
            raise MissingExtra("video", f"reading {name}") from None
        return None
    av.logging.set_level(None)
    try:
        if kind == "avif":
            return _avif(av, data)
        frame = _decoded(av, kind, data)
        if kind in _LINEAR:
            return _shown(frame)
        image = _image(frame)
        # Four colours of print are taken for three and their transparency.
        return None if kind == "tiff" and image.mode == "RGBA" else image
    except (av.error.FFmpegError, ValueError, IndexError, OverflowError, NotImplementedError):
        return None


def _decoded(av: Any, kind: str, data: bytes) -> VideoFrame:
    """Raises as `_first`."""
    bare = data[max(0, data.find(deep.PIXELS)) :] if kind == "jp2" else data
    if kind == "hdr":
        data = bare = data.replace(b"#?RGBE", b"#?RADIANCE", 1)  # the older name of the same
    try:
        return _first(
            av.CodecContext.create(_CODECS[kind], "r"),
            [av.Packet(data)],
            _WHOLE if kind == "jpeg" else {},
        )
    except av.error.FFmpegError:
        if bare == data:
            raise
        # Boxes that it does not expect before the pixels.
        return _first(av.CodecContext.create(_CODECS[kind], "r"), [av.Packet(bare)], {})


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
    if transfer := said.transfer(data, "avif"):
        image.info[said.TRANSFER] = transfer
    return image.rotate(frames[0].rotation, expand=True)


def _image(frame: VideoFrame) -> Image.Image:
    mode, form = ("RGBA", "rgba") if _is_clear(frame) else ("RGB", "rgb24")
    if frame.colorspace == _CONSTANT:
        frame.colorspace = _USUAL
    plane: Any = frame.reformat(format=form, threads=1).planes[0]
    return Image.frombuffer(mode, (frame.width, frame.height), bytes(plane), "raw", mode, plane.line_size, 1)


def _is_clear(frame: VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components) or frame.format.name == "pal8"


def _shown(frame: VideoFrame) -> Image.Image:
    """Values of light from 0 to 1 and above as a screen shows them."""
    planes: Any = frame.reformat(format="gbrapf32le" if _is_clear(frame) else "gbrpf32le", threads=1).planes
    size = (frame.width, frame.height)
    green, blue, red, *covers = (
        Image.frombuffer("F", size, bytes(plane), "raw", "F;32F", plane.line_size, 1) for plane in planes
    )
    light = [_calculated(lambda v: v["min"](v["max"](v["a"], 0.0), 1.0), band) for band in (red, green, blue)]
    cover = covers[0] if covers else None
    # Where nothing covers and yet something shines, as the glow of a flame, it lies on black.
    if cover is not None and any(_shines(band, cover) for band in light):
        cover = None
    if cover is not None:  # the colours are multiplied by it
        light = [
            _calculated(lambda v: v["min"](v["a"] / v["max"](v["b"], 1e-6), 1.0), band, cover)
            for band in light
        ]
    bands = [_eight(lambda v: v["a"] ** _GAMMA, band) for band in light]
    if cover is None:
        return Image.merge("RGB", bands)
    return Image.merge("RGBA", (*bands, _eight(lambda v: v["a"], cover)))


def _shines(light: Image.Image, cover: Image.Image) -> bool:
    brightest: Any = _eight(lambda v: v["a"] - 255 * v["b"], light, cover).getextrema()[1]
    return bool(brightest > _SHINES)


def _calculated(
    formula: Callable[[dict[str, Any]], Any], a: Image.Image, b: Image.Image | None = None
) -> Image.Image:
    made: Image.Image = ImageMath.lambda_eval(formula, a=a, b=b or a)
    return made


def _eight(
    formula: Callable[[dict[str, Any]], Any], a: Image.Image, b: Image.Image | None = None
) -> Image.Image:
    """What the formula makes of values from 0 to 1, in eight bits."""
    return _calculated(lambda v: v["convert"](v["min"](v["max"](formula(v), 0.0), 1.0) * 255.0, "L"), a, b)
