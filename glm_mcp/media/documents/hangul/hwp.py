"""HWP 5: Hangul documents as binary records, made into the elements of HWPX."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.documents.about import of_compound_file, with_about
from glm_mcp.media.documents.common.shown import Shown, kept, marked, why_shown
from glm_mcp.media.documents.containers.blips import Blip, Blips
from glm_mcp.media.documents.containers.compound import compound_file
from glm_mcp.media.documents.hangul.shown import shown_in
from glm_mcp.media.documents.hangul.writer import Levels, Shapes, Writer
from glm_mcp.media.documents.pages import LeftOut, one_text
from glm_mcp.media.documents.zip_xml import encrypted

_SAVE = "Save it as DOCX or PDF."
_DAMAGED = (OSError, ValueError, IndexError, KeyError, struct.error, zlib.error)
_UNPACKED = 100 * 1024 * 1024  # bytes of one stream
_DEEP = 60  # records in records
_NUMBERING, _BULLET, _PARA_SHAPE = 23, 24, 25
_PARAGRAPH, _TEXT, _CONTROL, _LIST, _TABLE, _FORMULA = 66, 67, 71, 72, 77, 88
_BINARY, _EMBEDDED, _PICTURE = 18, 1, 85
_DRAWN = {84: "ole", 85: "pic", 95: "chart", 98: "video"}
_HEADINGS = ("NONE", "OUTLINE", "NUMBER", "BULLET")
_NUMBERS = (
    "DIGIT", "CIRCLED_DIGIT", "ROMAN_CAPITAL", "ROMAN_SMALL", "LATIN_CAPITAL", "LATIN_SMALL", "", "", "HANGUL_SYLLABLE",
    "", "", "", "", "IDEOGRAPH", "", "",
)  # fmt: skip
# Signs in a text, with what stands there: one unit long; eight, of a control of its own; all others below 32 are eight too.
_ONE = {0: "", 10: "lineBreak", 13: "", 24: "hyphen", 30: "nbSpace", 31: "fwSpace"}
_OWN = (1, 2, 3, 11, 12, 14, 15, 16, 17, 18, 21, 22, 23)
_CONTROLS = {
    b"fn  ": "footNote", b"en  ": "endNote", b"head": "header", b"foot": "footer", b"tcmt": "hiddenComment", b"tbl ": "tbl",
    b"%%me": "memo", b"eqed": "equation",
}  # fmt: skip


@dataclass(slots=True)
class _Record:
    tag: int
    data: bytes
    inner: list[_Record] = field(default_factory=list)


def hwp_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises MissingExtra, UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted, pages)."""
    name = params["name"]
    try:
        with compound_file(file, name) as container:
            document = _Document(container, name)
            writer, blocks, shown = Writer(document.shapes), list[str](), list[Shown]()
            for section in document.sections():
                blocks += writer.section(section)
                shown += shown_in(section, document.pictures)
            said = of_compound_file(container)
    except _DAMAGED:
        raise UnsupportedMedia(f"{name} is damaged: its text cannot be read", _SAVE) from None
    text = "\n\n".join([*blocks, *writer.end()])
    why = why_shown(text, kept(writer.left_out, shown, "the text"))
    whole = one_text("hwp", text, params.get("pages"), name, writer.left_out.notes())
    return with_about(marked(whole, why), said), []


def pictures_of_hwp(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> tuple[Blips, list[Shown]]:
    """Those of the whole text. Raises MissingExtra, UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted)."""
    name = params["name"]
    try:
        with compound_file(file, name) as container:
            document = _Document(container, name)
            every = (one for section in document.sections() for one in shown_in(section, document.pictures))
            shown = kept(left_out, list(every), "")
            held = {path: document.picture(path) for path in dict.fromkeys(one.part for one in shown)}
    except _DAMAGED:
        raise UnsupportedMedia(f"{name} is damaged: its text cannot be read", _SAVE) from None
    return Blips(name, left_out, held), shown


class _Document:
    """Raises UnsupportedMedia, InvalidRequest (encrypted), MediaTooLarge, and _DAMAGED."""

    def __init__(self, container: Any, name: str) -> None:
        self._container = container
        self._name = name
        (flags,) = struct.unpack_from("<I", container.openstream("FileHeader").read(), 36)
        if flags & 2:
            raise encrypted(name)
        if flags & 4:
            raise UnsupportedMedia(f"{name} is locked against editing and copying", _SAVE)
        self._packed = bool(flags & 1)
        records = _records(_unpacked(container.openstream("DocInfo").read(), name, self._packed))
        self.shapes = _shapes(records)
        # By the number that a picture names: the stream that holds it; whether that is packed.
        self.pictures: dict[str, str] = {}
        self._are_packed: dict[str, bool] = {}
        for number, record in enumerate((r for r in _all(records) if r.tag == _BINARY), 1):
            looks, at, size = struct.unpack_from("<HHH", record.data.ljust(6, b"\0"))
            path = f"BIN{at:04X}.{record.data[6 : 6 + 2 * size].decode('utf-16-le', 'replace')}"
            if looks & 15 == _EMBEDDED and container.exists(["BinData", path]):
                self.pictures[str(number)] = path
                self._are_packed[path] = self._packed if not looks & 0x30 else looks & 0x30 == 0x10

    def sections(self) -> Iterator[ET.Element]:
        """One after the other: each may unpack to much."""
        places = sorted(p for p in self._container.listdir() if p[0] == "BodyText")
        places.sort(key=lambda place: int("".join(filter(str.isdecimal, place[-1])) or 0))
        for place in places:
            data = _unpacked(self._container.openstream(place).read(), self._name, self._packed)
            yield _section(_records(data))

    def picture(self, path: str) -> Blip:
        """Without bytes where it is damaged."""
        data = b""
        with contextlib.suppress(OSError):
            data = bytes(self._container.openstream(["BinData", path]).read())
        return Blip("", data, is_packed=self._are_packed[path])


def _unpacked(data: bytes, name: str, packed: bool) -> bytes:
    if not packed:
        return data
    out = zlib.decompressobj(-15).decompress(data, _UNPACKED + 1)
    if len(out) > _UNPACKED:
        raise MediaTooLarge(
            f"{name} holds a part of more than {_UNPACKED >> 20} MB", "Send a part of it, or as PDF."
        )
    return out


def _records(data: bytes) -> list[_Record]:
    """The outermost of a stream, each with those within it."""
    top: list[_Record] = []
    open_ = [top]
    at = 0
    while at + 4 <= len(data):
        (head,) = struct.unpack_from("<I", data, at)
        at += 4
        level, size = head >> 10 & 0x3FF, head >> 20
        if size == 0xFFF:
            (size,) = struct.unpack_from("<I", data, at)
            at += 4
        record = _Record(head & 0x3FF, data[at : at + size])
        at += size
        del open_[min(level, _DEEP) + 1 :]
        open_[-1].append(record)
        open_.append(record.inner)
    return top


def _shapes(records: list[_Record]) -> Shapes:
    """Shapes count from 0, numberings and bullets from 1."""
    numberings: dict[str, Levels] = {}
    bullets: dict[str, str] = {}
    headings: dict[str, tuple[str, str, int]] = {}
    for record in _all(records):
        if record.tag == _NUMBERING:
            numberings[str(len(numberings) + 1)] = list(_levels(record.data))
        elif record.tag == _BULLET:
            bullets[str(len(bullets) + 1)] = record.data[12:14].decode("utf-16-le", "replace")
        elif record.tag == _PARA_SHAPE:
            looks, which = struct.unpack_from("<I26xH", record.data)
            headings[str(len(headings))] = _HEADINGS[looks >> 23 & 3], str(which), looks >> 25 & 7
    return Shapes(headings, numberings, bullets)


def _levels(data: bytes) -> Iterator[tuple[str, str, int]]:
    at = 0
    for _ in range(7):
        if at + 14 > len(data):
            return
        looks, size = struct.unpack_from("<I8xH", data, at)
        text = data[at + 14 : at + 14 + 2 * size].decode("utf-16-le", "replace")
        at += 14 + 2 * size
        yield text, _NUMBERS[looks >> 5 & 15], 1


def _all(records: list[_Record]) -> Iterator[_Record]:
    """But what hangs on paragraphs within them, which is theirs."""
    for record in records:
        yield record
        if record.tag != _PARAGRAPH:
            yield from _all(record.inner)


def _section(records: list[_Record]) -> ET.Element:
    section = ET.Element("sec")
    section.extend([_paragraph(record) for record in records if record.tag == _PARAGRAPH])
    return section


def _paragraph(record: _Record) -> ET.Element:
    (shape,) = struct.unpack_from("<8xH", record.data)
    made = ET.Element("p", paraPrIDRef=str(shape))
    controls = deque(_control(r) for r in record.inner if r.tag == _CONTROL)
    text = next((r.data for r in record.inner if r.tag == _TEXT), b"")
    at = 0
    while at + 2 <= len(text):
        sign = text[at] | text[at + 1] << 8
        if sign >= 32:
            end = at
            while end + 2 <= len(text) and (text[end] >= 32 or text[end + 1]):
                end += 2
            ET.SubElement(made, "t").text = text[at:end].decode("utf-16-le", "replace")
            at = end
            continue
        at += 2 if sign in _ONE else 16
        if name := "tab" if sign == 9 else _ONE.get(sign, ""):
            ET.SubElement(made, name)
        elif sign in _OWN and controls:
            made.append(controls.popleft())
    made.extend(controls)
    return made


def _control(record: _Record) -> ET.Element:
    sign = record.data[3::-1]
    made = ET.Element(_CONTROLS.get(sign, "ctrl"))
    if sign == b"secd" and len(record.data) >= 20:
        ET.SubElement(made, "secPr", outlineShapeIDRef=str(struct.unpack_from("<18xH", record.data)[0]))
    elif sign == b"atno" and len(record.data) >= 10:
        kind, number = struct.unpack_from("<4xIH", record.data)
        ET.SubElement(
            made, "autoNum", num=str(number), numType=("PAGE", "FOOTNOTE", "ENDNOTE", "")[min(kind & 15, 3)]
        )
    elif sign == b"tbl ":
        _table(record, made)
    elif sign == b"tdut" and len(record.data) >= 6:
        _read_above(record.data, made)
    elif sign == b"tcps" and len(record.data) >= 6:  # letters in one place, such as a number in a ring
        (size,) = struct.unpack_from("<4xH", record.data)
        text = record.data[6 : 6 + 2 * size].decode("utf-16-le", "replace")
        ET.SubElement(made, "compose", composeText=text)
    else:
        drawn = list(_all(record.inner))
        pictures = sum(inner.tag == _PICTURE for inner in drawn)
        for inner in drawn:
            if inner.tag in _DRAWN:
                shape = ET.SubElement(made, _DRAWN[inner.tag])
                if inner.tag == _PICTURE and len(inner.data) >= 73 and len(record.data) >= 24:
                    across, down = struct.unpack_from("<16xII", record.data)
                    ET.SubElement(shape, "sz", width=str(across), height=str(down // pictures))
                    (number,) = struct.unpack_from("<71xH", inner.data)
                    ET.SubElement(shape, "img", binaryItemIDRef=str(number))
            if inner.tag == _FORMULA:
                (size,) = struct.unpack_from("<4xH", inner.data)
                ET.SubElement(made, "script").text = inner.data[6 : 6 + 2 * size].decode(
                    "utf-16-le", "replace"
                )
        _lists(record.inner, made)
    return made


def _table(record: _Record, made: ET.Element) -> None:
    row = ET.SubElement(made, "tr")
    place, begun = None, False
    for inner in record.inner:
        begun = begun or inner.tag == _TABLE
        if inner.tag == _LIST:
            cell = begun and len(inner.data) >= 16
            place = ET.SubElement(row, "tc") if cell else ET.SubElement(made, "caption")
            if cell:
                column, line, across, down = struct.unpack_from("<8x4H", inner.data)
                ET.SubElement(place, "cellAddr", rowAddr=str(line), colAddr=str(column))
                ET.SubElement(place, "cellSpan", rowSpan=str(down), colSpan=str(across))
            place = ET.SubElement(place, "subList")
        elif inner.tag == _PARAGRAPH and place is not None:
            place.append(_paragraph(inner))


def _lists(records: list[_Record], made: ET.Element) -> None:
    """The texts of notes, boxes and drawings, wherever in them they stand."""
    place = None
    for record in records:
        if record.tag == _LIST:
            place = ET.SubElement(made, "subList")
        elif record.tag == _PARAGRAPH and place is not None:
            place.append(_paragraph(record))
        else:
            _lists(record.inner, made)


def _read_above(data: bytes, made: ET.Element) -> None:
    """A word with a reading above it."""
    at = 4
    for name in ("mainText", "subText"):
        (size,) = struct.unpack_from("<H", data, at)
        ET.SubElement(made, name).text = data[at + 2 : at + 2 + 2 * size].decode("utf-16-le", "replace")
        at += 2 + 2 * size
