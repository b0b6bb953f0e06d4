"""Presentations of the old format, made by hand: records within records."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from support.made_outlook import compound


def record(kind: int, *inside: bytes, instance: int = 0, plain: bool = False) -> bytes:
    body = b"".join(inside)
    return struct.pack("<HHI", instance << 4 | (0 if plain else 15), kind, len(body)) + body


def words(text: str, kind: int) -> bytes:
    """What kind of text it is (0 a title, 1 a body, 4 any other), and the text."""
    return record(0x0F9F, struct.pack("<I", kind), plain=True) + record(
        0x0FA0, text.encode("utf-16-le"), plain=True
    )


def looks(*runs: tuple[int, int | None, int]) -> bytes:
    """What is said of a text: of so many characters (one more than it has) the font of signs, by its number, and by how
    many percent they are raised; of its paragraph a bullet and two places of tabs.
    """
    count = sum(run[0] for run in runs)
    data = struct.pack("<IHIHHHII", count, 0, 0x100081, 1, 0x2022, 2, 1, 2)
    for size, font, raised in runs:
        said = [
            (0x1, "H", 1),
            (0x10000, "H", 0),
            (0x800000, "H", font),
            (0x20000, "H", 20),
            (0x40000, "I", 0),
            (0x80000, "h", raised),
        ]
        said = [(bit, form, value) for bit, form, value in said if value is not None]
        data += struct.pack("<II", size, sum(bit for bit, _, _ in said))
        data += b"".join(struct.pack(f"<{form}", value) for _, form, value in said)
    return record(0x0FA1, data, plain=True)


def deep(*paragraphs: tuple[int, int, int]) -> bytes:
    """What is said of a text whose paragraphs have so many characters with their marks (the last one more than there are),
    stand so deep, and belong to these groups of `numbered`.
    """
    data = b"".join(struct.pack("<IHI", size, level, 0) for size, level, _ in paragraphs)
    for size, _, group in paragraphs:
        data += struct.pack("<IIH", size, 0x3C00, (group % 16) << 10)
    return record(0x0FA1, data, plain=True)


def numbered(*groups: tuple[int, int] | None) -> bytes:
    """Of groups of paragraphs the scheme of their numbers and the first one, with other things that are said of them."""
    said = b"".join(
        struct.pack("<IHHHHIIIH", 0x3800000, 0xFFFF, 1, *group, 0x100000, 0, 0x2, 0x804)
        if group
        else bytes(12)
        for group in groups
    )
    return record(0x0FAC, said, plain=True)


def added(*records: bytes) -> bytes:
    """What a later version has added to a part."""
    return record(0x1388, record(0x138A, record(0x138B, *records, plain=True)))


def shape(*inside: bytes, about: bytes = b"") -> bytes:
    return record(0xF004, record(0xF00D, *inside), record(0xF011, about) if about else b"")


def placeholder(at: int) -> bytes:
    """A shape that shows a text of the list of slides."""
    return shape(record(0x0F9E, struct.pack("<I", at), plain=True))


def grid(rows: Sequence[Sequence[str]]) -> bytes:
    looks = record(0xF122, struct.pack("<HI", 0x039F, 1), instance=1, plain=True)
    cells = [
        record(
            0xF004,
            record(0xF00F, struct.pack("<4i", x, y, x + 1, y + 1), plain=True),
            record(0xF00D, words(text, 4)),
        )
        for y, row in enumerate(rows)
        for x, text in enumerate(row)
    ]
    return record(0xF003, record(0xF004, looks), *cells)


def of_object(number: int) -> bytes:
    """A shape that shows an object of another program: its number, from 1."""
    return record(0xF004, record(0xF011, record(0x0BC1, struct.pack("<I", number), plain=True)))


def pictured(number: int, place: tuple[int, int, int, int], *, code: int = 0x4104) -> bytes:
    """A shape that shows a picture of the store, by its number from 1, at left, top, right, bottom in 576ths of an inch."""
    left, top, right, bottom = place
    looks = record(0xF00B, struct.pack("<HI", code, number), instance=1, plain=True)
    return record(0xF004, looks, record(0xF010, struct.pack("<hhhh", top, left, right, bottom), plain=True))


def slide(*shapes: bytes, notes: int = 0, hidden: bool = False, footer: str = "") -> bytes:
    atom = record(0x03EF, struct.pack("<I8xIIHH", 0, 0, notes, 0, 0), plain=True)
    show = record(0x03F9, bytes(10) + bytes([4 * hidden]) + bytes(5), plain=True)
    printed = (
        record(0x0FD9, record(0x0FBA, footer.encode("utf-16-le"), instance=2, plain=True)) if footer else b""
    )
    return record(0x03EE, atom, show, record(0x040C, record(0xF002, record(0xF003, *shapes))), printed)


def show(
    slides: Sequence[tuple[bytes, bytes]],
    notes: Sequence[bytes] = (),
    *,
    objects: Sequence[tuple[str, bytes]] = (),
    fonts: Sequence[str] = (),
    numbers: Sequence[tuple[int, int, bytes]] = (),
    pictures: Sequence[bytes] = (),
    shared: int = 1,
    locked: bool = False,
) -> bytes:
    """Slides with the texts of their placeholders, pages of notes whose numbers count from 500, and objects of other
    programs with their files, every second one packed. `numbers`: of a slide (its number counts from 256) and a kind of
    text in the list of slides, what `numbered` makes. `shared`: entries of the store for each of `pictures`.
    """

    def listed(first: int, number: int, texts: Sequence[bytes]) -> list[bytes]:
        return [
            record(0x03F3, struct.pack("<I8xII", first + i, number + i, 0), plain=True) + text
            for i, text in enumerate(texts)
        ]

    of_slides = listed(2, 256, [text for _, text in slides])
    of_notes = listed(2 + len(slides), 500, [b""] * len(notes))
    first = 2 + len(slides) + len(notes)
    embedded = [
        record(
            0x0FCC,
            record(0x0FC3, struct.pack("<6I", 1, 0, 1 + i, 0, first + i, 0), plain=True),
            record(0x0FBA, program.encode("utf-16-le"), instance=2, plain=True),
        )
        for i, (program, _) in enumerate(objects)
    ]
    files = [
        record(0x1011, struct.pack("<I", len(file)), zlib.compress(file), instance=1, plain=True)
        if i % 2
        else record(0x1011, file, plain=True)
        for i, (_, file) in enumerate(objects)
    ]
    named = [
        record(0x0FB7, name.encode("utf-16-le").ljust(68, b"\0"), instance=i, plain=True)
        for i, name in enumerate(fonts)
    ]
    of_list = [
        record(0x0FAF, struct.pack("<II", number, kind), plain=True) + schemes
        for number, kind, schemes in numbers
    ]
    document = record(
        0x03E8,
        record(0x03F2, record(0x07D5, *named)),
        record(0x07D0, added(record(0x0FAE, *of_list))),
        record(0x0FF0, *of_slides),
        record(0x0FF0, *of_notes, instance=2),
        record(0x0409, *embedded),
    )
    if pictures:
        document = document[:8] + record(0x040B, record(0xF000, stored(pictures, shared))) + document[8:]
        document = document[:4] + struct.pack("<I", len(document) - 8) + document[8:]
    parts, data, places = [document, *(part for part, _ in slides), *notes, *files], b"", []
    for part in parts:
        places.append(len(data))
        data += part
    directory = len(data)
    data += record(0x1772, struct.pack(f"<I{len(parts)}I", len(parts) << 20 | 1, *places), plain=True)
    edit = len(data)
    data += record(0x0FF5, struct.pack("<8x5I", 0, directory, 1, 0, 0), plain=True)
    token = 0xF3D1C4DF if locked else 0xE391C05F
    current = struct.pack("<HHIIII", 0, 0x0FF6, 20, 20, token, edit)
    held = {"Pictures": b"".join(map(blip, pictures))} if pictures else {}
    return compound({"PowerPoint Document": data, "Current User": current, **held})


def blip(picture: bytes) -> bytes:
    """The record of a PNG; of what is none, that of a drawing of Windows, which is not packed."""
    if not picture.startswith(b"\x89PNG"):
        return record(0xF01A, bytes(48) + b"\xfe\xfe" + picture, instance=0x3D4, plain=True)
    return record(0xF01E, bytes(17) + picture, instance=0x6E0, plain=True)


def stored(pictures: Sequence[bytes], shared: int = 1) -> bytes:
    """The store of these pictures, which lie elsewhere one behind the other; so many entries for each."""
    entries, at = b"", 0
    for picture in pictures:
        size = len(blip(picture))
        entry = record(0xF007, struct.pack("<2x16x2xIIII", size, 1, at, 0), instance=6, plain=True)
        entries += entry * shared
        at += size
    return record(0xF001, entries, instance=len(pictures))


def datasheet(head: str, *, wide: bool = False) -> bytes:
    """The data of a chart of Microsoft Graph: a head above 12.5, which is what the row "Rent" has."""

    def biff(kind: int, body: bytes = b"") -> bytes:
        return struct.pack("<HH", kind, len(body)) + body

    def cell(row: int, column: int, body: bytes) -> bytes:
        return struct.pack("<HH3x", row, column) + body

    text = bytes([len(head), wide]) + head.encode("utf-16-le" if wide else "latin-1")
    begin = [biff(0x809, struct.pack("<HH12x", 0x680, kind)) for kind in (5, 0x8000)]
    globals_ = begin[0] + biff(0x85, struct.pack("<IBBBB", len(begin[0]) + 12 + 4, 0, 2, 0, 0)) + biff(0x0A)
    cells = [
        biff(0x04, cell(0, 1, text)),
        biff(0x04, cell(1, 0, b"\4\0Rent")),
        biff(0x03, cell(1, 1, struct.pack("<d", 12.5))),
    ]
    return globals_ + begin[1] + b"".join(cells) + biff(0x0A)
