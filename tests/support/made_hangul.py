"""Documents of Hangul: as HWPX, and as the records of HWP 5."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

from support.made_documents import zipped
from support.made_outlook import compound

_SPACES = "".join(
    f' xmlns:{prefix}="http://www.hancom.co.kr/hwpml/2011/{name}"'
    for prefix, name in (("hs", "section"), ("hp", "paragraph"), ("hh", "head"))
)


def hwpx(*sections: str, head: str = "", pictures: Mapping[str, bytes] | None = None) -> bytes:
    """`sections`: their paragraphs; `head`: the shapes that these name; `pictures`: by the names that the text has."""
    held = pictures or {}
    items = "".join(f'<item id="{name}" href="BinData/{name}.png"/>' for name in held)
    listed: dict[str, str | bytes] = {"Contents/content.hpf": f"<package>{items}</package>"} if held else {}
    return zipped(
        {
            "mimetype": "application/hwp+zip",
            **listed,
            **{f"BinData/{name}.png": data for name, data in held.items()},
            "Contents/header.xml": f"<hh:head{_SPACES}>{head}</hh:head>",
            **{
                f"Contents/section{n}.xml": f"<hs:sec{_SPACES}>{section}</hs:sec>"
                for n, section in enumerate(sections)
            },
        }
    )


def run(*inside: str, shape: int = 0) -> str:
    return f'<hp:p paraPrIDRef="{shape}"><hp:run>{"".join(inside)}</hp:run></hp:p>'


def t(text: str) -> str:
    return f"<hp:t>{text}</hp:t>"


def cell(row: int, column: int, *paragraphs: str, down: int = 1, across: int = 1) -> str:
    return (
        f"<hp:tc><hp:subList>{''.join(paragraphs)}</hp:subList>"
        f'<hp:cellAddr rowAddr="{row}" colAddr="{column}"/><hp:cellSpan rowSpan="{down}" colSpan="{across}"/></hp:tc>'
    )


def record(tag: int, level: int, data: bytes) -> bytes:
    if len(data) < 0xFFF:
        return struct.pack("<I", tag | level << 10 | len(data) << 20) + data
    return struct.pack("<II", tag | level << 10 | 0xFFF << 20, len(data)) + data


def paragraph(level: int, text: str, *controls: bytes, shape: int = 0) -> bytes:
    """`text`: with the signs of its controls (`sign`); `controls`: their records, a level below."""
    head = struct.pack("<IIHBBHHHI", len(text), 0, shape, 0, 0, 0, 0, 0, 0)
    return (
        record(66, level, head) + record(67, level + 1, f"{text}\r".encode("utf-16-le")) + b"".join(controls)
    )


def sign(number: int) -> str:
    """A control in a text takes eight letters."""
    return chr(number) + "\0" * 6 + chr(number)


def control(level: int, name: bytes, *inside: bytes, data: bytes = b"") -> bytes:
    return record(71, level, name[::-1] + data) + b"".join(inside)


def words_in(level: int, *paragraphs: bytes, place: bytes = b"") -> bytes:
    """A list of paragraphs: of a note, a box; with a `place` (column, row, columns, rows), of a cell."""
    return record(72, level, struct.pack("<HHI", len(paragraphs), 0, 0) + place) + b"".join(paragraphs)


def picture(number: int, width: int, height: int) -> bytes:
    """One of a document, by its number from 1, its sides in 7,200ths of an inch."""
    about = struct.pack("<III II", 0, 0, 0, width, height)
    return control(
        1,
        b"gso ",
        record(76, 2, b""),
        record(85, 3, bytes(71) + struct.pack("<H", number) + bytes(9)),
        data=about,
    )


def hwp(
    *sections: bytes, head: Sequence[bytes] = (), flags: int = 1, pictures: Sequence[bytes] = ()
) -> bytes:
    """`pictures`: that lie in the file; each is a PNG, and the first as it is, the others packed."""

    def packed(data: bytes) -> bytes:
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(data) + packer.flush()

    ext = struct.pack("<H", 3) + "png".encode("utf-16-le")
    for at in range(len(pictures)):
        head = [*head, record(18, 0, struct.pack("<HH", 0x21 if at == 0 else 0x11, at + 1) + ext)]
    held = {f"BIN{at:04X}.png": data if at == 1 else packed(data) for at, data in enumerate(pictures, 1)}
    return compound(
        {
            **({"BinData": held} if held else {}),
            "FileHeader": b"HWP Document File".ljust(32, b"\0") + struct.pack("<II", 0x05000300, flags),
            "DocInfo": packed(b"".join(head)),
            "BodyText": {f"Section{n}": packed(section) for n, section in enumerate(sections)},
        }
    )
