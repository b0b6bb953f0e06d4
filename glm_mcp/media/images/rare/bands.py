"""A TIFF of more channels, or of rarer numbers, than Pillow takes: what drones, satellites, microscopes and programs that
compute write. Blocking.
"""

from __future__ import annotations

import struct

from PIL import Image

from glm_mcp.errors import MediaTooLarge
from glm_mcp.media.images.flatten import few_bits, used_bits
from glm_mcp.media.images.rare import no_value
from glm_mcp.media.images.rare.tiff_numbers import Numbers
from glm_mcp.media.images.tiff import pages

_BYTES = 100_000_000  # unpacked, of which Python makes some times as many
_GREY, _RGB = 1, 2  # what the first channels mean
_COVERS = ((1,), (2,))  # what the first of the others means where it is transparency


def read(data: bytes, name: str, notes: list[str]) -> Image.Image | None:
    """The first page: F, or RGB; None where it is not read here. Adds to `notes`. Raises MediaTooLarge."""
    try:
        numbers = Numbers.of(data)
    except Exception:  # noqa: BLE001 - tags of any kind of brokenness tell nothing
        return None
    if numbers is None or numbers.colours not in {_GREY, _RGB}:
        return None
    if numbers.unpacked > _BYTES:
        raise MediaTooLarge(
            f"{name} has {numbers.unpacked // 1_000_000:,} MB of numbers, more than the {_BYTES // 1_000_000} MB that are read of its form",
            "Make it smaller first, or save the channels needed as a picture of their own.",
        )
    shown = 3 if numbers.colours == _RGB and numbers.count >= 3 else 1
    try:
        bands = numbers.bands(shown)
    except (OSError, ValueError, IndexError, OverflowError, struct.error, SyntaxError):
        return None
    ends = (start + length for start, length in zip(numbers.starts, numbers.lengths, strict=False))
    if max(ends, default=0) > len(data):
        notes.append("file is truncated: the missing part is grey or black")
    if numbers.count > shown and numbers.extra[:1] not in _COVERS:
        notes.append(f"{shown} of its {numbers.count} channels shown")
    elif numbers.count > shown:
        notes.append("where it is transparent is not shown")
    if (count := len(pages(data)[0])) > 1:
        notes.append(f"page 1 of {count}; the others cannot be read")
    return bands[0] if shown == 1 else _coloured(bands, numbers.code, notes)


def _coloured(bands: list[Image.Image], code: str, notes: list[str]) -> Image.Image:
    """All colours by one measure. Adds to `notes`."""
    found = [no_value.measured(band, *no_value.extremes(band)) for band in bands]
    low, high = min(low for low, _, _ in found), max(high for _, high, _ in found)
    absent = sorted({number for *_, numbers in found for number in numbers})
    notes += [f"{number:g} is taken for no value" for number in absent]
    if low >= 0 and high <= 255 and (code not in "efd" or high > 1):
        low, high = 0.0, 255.0
    elif low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif code == "H":
        bits = used_bits(high)
        low, high = 0.0, float((1 << bits) - 1)
        notes += [few_bits(bits)] if bits < 16 else []
    else:
        notes.append(f"values {low:g} to {high:g} shown as black to white")
    scale = 255 / ((high - low) or 1)
    return Image.merge("RGB", [_eight(band, scale, -low * scale) for band in bands])


def _eight(band: Image.Image, scale: float, offset: float) -> Image.Image:
    return band.point(lambda v: v * scale + offset).convert("L")
