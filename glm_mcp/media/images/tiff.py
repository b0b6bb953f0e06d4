"""What Pillow does badly with a TIFF. Blocking.

Its pages: Pillow reads every one on its way to a later one and compares it with all before: 60,000 took it 20 s. Numbers
of 64 bits, or of twelve where the least is white, and print with transparency: Pillow refuses them.
"""

from __future__ import annotations

import io
import struct
import sys
from dataclasses import dataclass
from typing import Any

from PIL import Image, TiffImagePlugin
from PIL.TiffImagePlugin import OPEN_INFO, ImageFileDirectory_v2

PAGES = 100_000  # looked for in one file
_SUBFILE = 254  # the lowest tag, so the first; bit 0: a smaller copy of another page
_SHORT = 3
_HEAD = 16  # bytes that Pillow reads at once to know the file

# Numbers as programs that compute write them: of 64 bits with a point, of 32 without a sign.
for _mark, _order in ((b"II", ""), (b"MM", "B")):
    OPEN_INFO[_mark, 1, (3,), 1, (64,), ()] = "F", f"F;64{_order}F"
    OPEN_INFO[_mark, 1, (1,), 1, (32,), ()] = "F", f"F;32{_order}"
    for _least in (0, 1):
        OPEN_INFO[_mark, _least, (1,), 1, (12,), ()] = "I;16", "I;12"
    for _covers in (1, 2):
        OPEN_INFO[_mark, 5, (1,), 1, (8,) * 5, (_covers,)] = "CMYK", "CMYKX"
OPEN_INFO[b"MM", 0, (1,), 1, (16,), ()] = "I;16B", "I;16B"  # as it knows the other order of bytes
# Of 16 bits a value, what Pillow takes for three colours, and for four bytes; `own_colours` has it right.
for _mark, _order in ((b"II", "L"), (b"MM", "B")):
    OPEN_INFO[_mark, 8, (1,), 1, (16, 16, 16), ()] = "RGB", f"RGB;16{_order}"
    OPEN_INFO[_mark, 1, (1,), 1, (16, 16), (2,)] = "RGBA", "RGBA"


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the numbers of a file are written: of a link to a page, and of how many tags of how many bytes it has."""

    link: str
    count: str
    tag: int
    first: int  # where the link to the first page is
    order: str

    @classmethod
    def of(cls, data: bytes) -> _Layout:
        order = "<" if data[:2] == b"II" else ">"
        if 43 in data[2:4]:  # BigTIFF
            return cls(order + "Q", order + "Q", 20, 8, order)
        return cls(order + "I", order + "H", 12, 4, order)

    def read(self, form: str, data: bytes, at: int) -> int:
        (number,) = struct.unpack_from(form, data, at)
        return int(number)

    def is_page(self, data: bytes, at: int) -> bool:
        """Whether the tags at `at` are those of a page, not of a smaller copy of one."""
        tag, kind = struct.unpack_from(self.order + "HH", data, at)
        form = self.order + ("H" if kind == _SHORT else "I")
        return tag != _SUBFILE or not self.read(form, data, at + self.tag - struct.calcsize(self.link)) & 1


def pages(data: bytes) -> tuple[list[int], bool]:
    """(where each page begins, whether they end as they should): a file may break off, or go on without end."""
    form = _Layout.of(data)
    seen: dict[int, bool] = {}
    first = at = form.read(form.link, data, form.first)
    while at and at not in seen and len(seen) < PAGES:
        try:
            count = form.read(form.count, data, at)
            tags = at + struct.calcsize(form.count)
            follows = form.read(form.link, data, tags + count * form.tag)
            seen[at] = form.is_page(data, tags)
        except (struct.error, OverflowError):
            break
        at = follows
    # Some writers leave out the link that ends the pages, others what a page is.
    found = [at for at, is_page in seen.items() if is_page] or list(seen)[:1] or [first]
    return found, at == 0 or at in seen


class Page(io.BytesIO):
    """The file as if this page were its first."""

    def __init__(self, data: bytes, at: int) -> None:
        super().__init__(data)
        form = _Layout.of(data)
        self._head = data[: form.first] + struct.pack(form.link, at)

    def read(self, size: int | None = -1, /) -> bytes:
        """What is read in one piece is read as it is: libtiff is told the page, and that may be all of a large file."""
        start = self.tell()
        piece = super().read(size)
        if len(piece) > _HEAD:
            return piece
        changed = self._head[start : start + len(piece)]
        return changed + piece[len(changed) :]


def opened(file: io.BytesIO) -> Image.Image:
    """The page, not decoded. By libtiff, where Pillow reads what is not compressed by itself and wrongly: print of 16 bits
    in planes, colours that neighbours share, tiles that stand in the place of strips. Of the whole process for a moment:
    in a child. Raises as `Image.open`.
    """
    image: Any = Image.open(file, formats=["TIFF"])
    tags = image.tag_v2
    if tags.get(_COMPRESSION, 1) != 1 or not (
        (tags.get(_COLOURS) == _SHARING and tags.get(_SHARED, (2, 2)) != (1, 1))
        or (tags.get(_COLOURS) == _PRINT and tags.get(_PLANES) == 2 and max(tags.get(_BITS)) > 8)
        or (_TILED in tags and _TILES not in tags)
    ):
        return image  # type: ignore[no-any-return]
    TiffImagePlugin.READ_LIBTIFF = True
    try:
        file.seek(0)
        return Image.open(file, formats=["TIFF"])
    finally:
        TiffImagePlugin.READ_LIBTIFF = False


_COLOUR_MAP = 320


def palette_of_bytes(image: Image.Image) -> bytes | None:
    """The colours of an opened file where old writers gave each 8 bits of its 16, of which Pillow takes the upper ones."""
    tags: Any = getattr(image, "tag_v2", {})
    values = tags.get(_COLOUR_MAP, ())
    if image.mode != "P" or not values or max(values) > 255:
        return None
    third = len(values) // 3
    return bytes(value for colour in range(third) for value in values[colour : 3 * third : third])


_ORIENTATION, _ACROSS, _DOWN = 274, 282, 283  # dots an inch, or a centimetre
_SQUARE = 1.1  # a fax in fine resolution has 204 x 196


def pixel_height(image: Image.Image) -> float:
    """How high a pixel of an opened, not yet decoded file is once it is upright, its width being 1: a fax in standard
    resolution has half as many lines as dots an inch.
    """
    tags: Any = getattr(image, "tag_v2", {})
    try:
        height = float(tags[_ACROSS]) / float(tags[_DOWN])
        height = 1 / height if tags.get(_ORIENTATION, 1) >= 5 else height
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return 1.0
    # What is beyond a ratio of 4 is no resolution that a scanner has.
    return height if _SQUARE < max(height, 1 / (height or 1)) <= 4 else 1.0


def print_is_clear(image: Image.Image) -> bool:
    """Whether an opened file has the colours of print, and how far they cover beside them, which Pillow leaves out. Where
    the colours are weighed by it there is none where nothing covers.
    """
    tags: Any = getattr(image, "tag_v2", {})
    return bool(tags.get(_COLOURS) == _PRINT and tags.get(_EXTRA) == (2,))


def own_colours(image: Image.Image) -> Image.Image:
    """A decoded file of 16 bits as Lab, or as grey and its transparency, where it is that; any other as it is.

    Raises ValueError (its values lie in planes).
    """
    tags: Any = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS)
    if bits in {(8, 8), (16, 16)} and tags.get(_PLANES) == 2:
        raise ValueError("grey and transparency in planes")
    if bits == (16, 16):
        # Only what is not compressed comes in the file's order of bytes.
        first = tags.prefix == b"MM" if tags.get(_COMPRESSION) == 1 else sys.byteorder == "big"
        made = Image.merge("LA", image.split()[0 if first else 1 :: 2])
    elif bits == (16, 16, 16) and tags.get(_COLOURS) == 8:
        light, *colours = image.split()
        made = Image.merge("LAB", (light, *(band.point(lambda v: v ^ 128) for band in colours)))
    else:
        return image
    made.info, made.format = image.info, image.format
    return made


# Tags of the form of a picture.
_BITS, _COMPRESSION, _COLOURS = 258, 259, 262
_OLD_JPEG, _FIRST_FORM = 513, 6
_PLANES, _EXTRA, _FORMATS, _TILED, _TILES, _SHARED = 284, 338, 339, 322, 324, 530
_PRINT, _SHARING = 5, 6  # of colours


def first_tags(data: bytes, mark: bytes = b"") -> ImageFileDirectory_v2:
    """The tags of the first page. `mark`: four bytes in the place of the file's own, where these are not those of a TIFF.
    Raises errors of any kind where they are broken.
    """
    tags = ImageFileDirectory_v2((mark or data[:4]) + data[4:8])
    file = io.BytesIO(data)
    file.seek(tags.next)
    tags.load(file)
    return tags


def of_rare_numbers(data: bytes) -> bool:
    """Whether its values have a sign, or 32 bits and no point, or a point and not 32 bits, or a number of bits that few
    have, or the first form of JPEG: the library of films takes them for others, or for nothing.
    """
    try:
        tags = first_tags(data)
        if tags.get(_COMPRESSION) == _FIRST_FORM:
            return True
        forms, bits = set(tags.get(_FORMATS, (1,))), set(tags.get(_BITS, (1,)))
    except Exception:  # noqa: BLE001 - tags of any kind of brokenness tell nothing
        return False
    return (forms, bits) != ({3}, {32}) and (forms != {1} or not bits <= {1, 2, 4, 8, 16})


def old_jpeg(data: bytes) -> bytes | None:
    """The JPEG that is the picture of a file of one page in the first form of JPEG in TIFF, which few programs wrote
    right; None for any other.
    """
    try:
        tags = first_tags(data)
        start = tags.get(_OLD_JPEG)
    except Exception:  # noqa: BLE001 - tags of any kind of brokenness tell nothing
        return None
    if tags.get(_COMPRESSION) != _FIRST_FORM or len(pages(data)[0]) > 1 or not isinstance(start, int):
        return None
    return data[start:] if data.startswith(b"\xff\xd8\xff", start) else None
