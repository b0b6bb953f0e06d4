"""A decoded image of any mode into RGB or L: transparency on white, 16 bits scaled, colours by their profile. Blocking."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from PIL import Image, ImageChops, ImageCms

from glm_mcp.media.colours import hdr
from glm_mcp.media.colours.said import TRANSFER
from glm_mcp.media.images.rare import no_value

Flatten = Callable[[Image.Image], Image.Image]

_WHITE, _GREY = 255, 118  # on this grey both white and black have a contrast of 4.5
_ROUNDED = 4  # of 255, by which a colour laid on white may be off
_DEPTHS = (8, 10, 12)  # bits that would be nearly black if they were shown as a part of 16
_HDR = "HDR picture: shown in the colours of an ordinary screen"
_BITS_PER_SAMPLE, _COLOURS = 258, 262  # of TIFF


def flattener(image: Image.Image) -> tuple[Flatten, list[str]]:
    """A function that makes RGB or L of this picture or of any part cut from it, and notes on what it changes.

    16-bit and float values are scaled by what the whole picture holds, so that parts agree with each other.
    """
    mode, icc = image.mode, image.info.get("icc_profile")
    if mode.startswith("I") or mode == "F":
        return _scaler(image)
    ground, notes = (_GREY, ["transparent: shown on grey"]) if _light_on_nothing(image) else (_WHITE, [])
    # Both write black as one, and Pillow does not know it.
    if image.format in {"PSD", "XBM"} and mode == "1":
        return lambda part: ImageChops.invert(part.convert("L")), []
    on_ground = partial(on_white, ground=ground, laid=_lies_on_white(image))
    if (transfer := image.info.get(TRANSFER)) and not icc:
        return lambda part: hdr.shown(on_ground(part).convert("RGB"), transfer), [*notes, _HDR]
    if mode in {"CMYK", "LAB"} or (mode in {"RGB", "RGBA", "RGBX", "P"} and icc):
        return _with_profile(image, icc, on_ground), notes
    return on_ground, notes


def _lies_on_white(image: Image.Image) -> bool:
    """Whether the colours are already those on white, as Photoshop writes them: nowhere darker than their transparency
    allows. Other programs write into a PSD what they write into a PNG.
    """
    if image.format != "PSD" or image.mode != "RGBA":
        return False
    *colours, alpha = image.split()
    darkest: list[Any] = [ImageChops.add(colour, alpha).getextrema()[0] for colour in colours]
    return bool(min(darkest) >= 255 - _ROUNDED)


def _light_on_nothing(image: Image.Image) -> bool:
    """Whether what is seen of a partly transparent picture is nearly all so light that white would swallow it."""
    if not image.has_transparency_data:
        return False
    step = math.ceil(max(image.size) / 1000)  # every n-th pixel tells enough
    sample = _with_alpha(
        image.resize((max(1, image.width // step), max(1, image.height // step)), Image.Resampling.NEAREST)
    )
    alpha = sample.getchannel("A").point(lambda a: 255 if a >= 16 else 0)
    seen = sample.convert("L").histogram(alpha)
    visible, light = sum(seen), sum(seen[216:])
    return 0 < visible < 0.95 * sample.width * sample.height and light >= 0.98 * visible


def _with_alpha(image: Image.Image) -> Image.Image:
    """RGBA or LA where there is transparency of any kind, else as it is."""
    if image.mode in {"P", "PA"}:
        try:
            image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        except ValueError:
            # Transparency of colours that the palette does not have: damage, which costs no more than that.
            image = image.copy()
            image.info.pop("transparency", None)
            image = image.convert("RGB").convert("RGBA")
    elif image.mode in {"RGB", "L", "1"} and "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode in {"RGBa", "La"}:
        image = image.convert(image.mode.upper())
    return image


def on_white(image: Image.Image, *, ground: int = _WHITE, laid: bool = False) -> Image.Image:
    """RGB or L; transparent parts white, or of another grey. `laid`: its colours lie on white already, as Photoshop's do."""
    image = _with_alpha(image)
    if image.mode in {"RGBA", "LA"}:
        plain = image.convert("RGB" if image.mode == "RGBA" else "L")
        if laid:
            less = image.getchannel("A").point(lambda a: (255 - a) * (255 - ground) // 255)
            return ImageChops.subtract(plain, Image.merge("RGB", (less, less, less)))
        base = Image.new(plain.mode, image.size, ground if plain.mode == "L" else (ground,) * 3)
        base.paste(plain, mask=image.getchannel("A"))
        return base
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in {"RGB", "L"} else image.convert("RGB")


def _scaler(image: Image.Image) -> tuple[Flatten, list[str]]:
    """16 bits, or those of them that are used, to 8 (a plain convert clips all above 255); others by what they hold."""
    low, high, notes = _span(image)
    scale = 255 / (high - low) if high > low else 1.0
    offset = -low * scale
    if getattr(image, "tag_v2", {}).get(_COLOURS) == 0:  # the least is white, as in films of X-rays
        scale, offset = -scale, 255 - offset

    def flatten(part: Image.Image) -> Image.Image:
        if part.mode.startswith("I"):
            part = part.convert("I").convert("F")
        return part.point(lambda v: v * scale + offset).convert("L")

    return flatten, notes


def _span(image: Image.Image) -> tuple[float, float, list[str]]:
    """The values that are black and white, and a note where they had to be guessed."""
    deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PNG", "PPM", "JPEG2000"})
    low, high = no_value.extremes(image)
    if not deep and low >= 0 and high <= 255:
        return 0.0, 1.0 if high <= 1 and image.mode == "F" else 255.0, []
    low, high, absent = no_value.measured(image, low, high)
    notes = [f"{number:g} is taken for no value" for number in absent if not deep or number > high]
    if deep:
        least, most, said = _depth(image, high)
        return least, most, [*said, *notes]
    return low, high, [f"values {low:g} to {high:g} shown as black to white", *notes]


def _depth(image: Image.Image, high: float) -> tuple[float, float, list[str]]:
    """Cameras and scanners of 12 bits often write them into 16 as they are, and say so in a TIFF at best."""
    said = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))
    if said == (12,):
        return 0.0, 4095.0, []
    bits = used_bits(high)
    return 0.0, float((1 << bits) - 1), [few_bits(bits)] if bits < 16 else []


def used_bits(high: float) -> int:
    """How many of 16 bits values up to `high` are meant to fill."""
    return next((b for b in _DEPTHS if high < 1 << b), 16) if high > 0 else 16


def few_bits(bits: int) -> str:
    return f"only {bits} of its 16 bits are used: shown as {bits} bits"


def _with_profile(image: Image.Image, icc: bytes | None, on_ground: Flatten) -> Flatten:
    """Colours to sRGB by the embedded profile; without one, or with a bad one, by Pillow's plain arithmetic."""
    transform = None
    mode = "RGB" if image.mode in {"P", "RGBA", "RGBX"} else image.mode
    try:
        if mode == "LAB":
            source: Any = ImageCms.createProfile("LAB")
        else:
            source = ImageCms.ImageCmsProfile(io.BytesIO(icc)) if icc else None
        if source is not None and (mode != "RGB" or "sRGB" not in ImageCms.getProfileDescription(source)):
            transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        transform = None

    def flatten(part: Image.Image) -> Image.Image:
        if mode == "RGB":
            part = on_ground(part)
        if transform is not None and part.mode == mode:
            return transform.apply(part)
        return on_ground(part)

    return flatten
