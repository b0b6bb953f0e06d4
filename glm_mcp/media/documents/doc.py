"""Word's documents before DOCX (`.doc`, 97 to 2003): made into the parts of a DOCX, and read as one."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.about import Said, of_compound_file, with_about
from glm_mcp.media.documents.containers.compound import compound_file
from glm_mcp.media.documents.docx import read_word
from glm_mcp.media.documents.ooxml.mathtype import NATIVE, native_formula
from glm_mcp.media.documents.word import binary
from glm_mcp.media.documents.word.binary import Binary, Properties, is_on
from glm_mcp.media.documents.word.drawn import Float, Placed, drawn
from glm_mcp.media.documents.word.made import w
from glm_mcp.media.documents.word.numbering import form_of
from glm_mcp.media.documents.word.pictures import Pictures
from glm_mcp.media.documents.word.table import Row, row, table
from glm_mcp.media.documents.zip_xml import archive_of, encrypted

_O = "urn:schemas-microsoft-com:office:office"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_M = "http://schemas.openxmlformats.org/officeDocument/2006/math"
_SAVE = "Save it as DOCX or PDF."
_DAMAGED = (OSError, ValueError, IndexError, KeyError, struct.error)
_INSTRUCTION = 1_000  # characters of a field's, of which the second word may name a program
_SINCE = 0xC1  # the version of Word 97
_MARKS = re.compile("[\x00-\x1f]")
_NONE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_FIELD = {"\x13": "begin", "\x14": "separate", "\x15": "end"}
_PLACES = {b"\1": "superscript", b"\2": "subscript"}
_FILES = ("Workbook", "Book", "Package", "package")  # streams of an object that are read as files
_HEADS = ("header", "header", "footer", "footer", "header", "footer")  # of each section


def doc_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises MissingExtra, UnsupportedMedia, InvalidRequest (encrypted, pages)."""
    package, said = word_package(file, params["name"], pictures=False)
    return with_about(read_word(package, "doc", params), said), []


def word_package(file: BinaryIO, name: str, *, pictures: bool) -> tuple[zipfile.ZipFile, Said]:
    """What the document would be as DOCX, with the bytes of its pictures or with their names alone, and what it says of
    itself. Raises MissingExtra, UnsupportedMedia, InvalidRequest (encrypted).
    """
    try:
        with compound_file(file, name) as container:
            stream = bytes(container.openstream("WordDocument").read())
            version, flags = struct.unpack_from("<2xH6xH", stream)
            if flags & 0x100:
                raise encrypted(name)
            if version < _SINCE:
                raise UnsupportedMedia(f"{name} is of a Word before 97, which is not read here", _SAVE)
            table = bytes(container.openstream("1Table" if flags & 0x200 else "0Table").read())
            data = bytes(container.openstream("Data").read()) if container.exists("Data") else b""
            said = of_compound_file(container)
            objects = dict(_objects(container))
        return _Parts(Binary(stream, table, data), objects, pictures=pictures).package(), said
    except _DAMAGED:
        raise UnsupportedMedia(f"{name} is damaged: its text cannot be read", _SAVE) from None


def _objects(container: Any) -> Iterator[tuple[int, str | bytes]]:
    """Those of other programs, by the numbers that the text has for them: a formula, or a file."""
    for path in container.listdir():
        if path[0] == "ObjectPool" and len(path) == 3 and path[1][1:].isdecimal():
            if path[2] == NATIVE:
                yield int(path[1][1:]), native_formula(container.openstream(path).read())
            elif path[2] in _FILES:
                yield int(path[1][1:]), container.openstream(path).read()


class _Parts:
    def __init__(self, binary: Binary, objects: dict[int, str | bytes], *, pictures: bool) -> None:
        self._binary = binary
        self._lists = binary.lists()
        self._fonts = [_plain(name) for name in binary.fonts()]
        self._authors = [_plain(name) for name in binary.authors()]
        counts = binary.counts
        # Where each text begins.
        self._begin = [sum(counts[:i]) for i in range(len(counts) + 1)]
        # By the place of its mark: the element that stands for it.
        self._refers: dict[int, ET.Element] = {}
        self._box = ""  # of a form, in the field that is open
        self._objects = objects
        self._pictures = Pictures(binary, with_bytes=pictures)
        self._object = 0  # whose picture follows
        self._instruction = ""  # of the field that was opened last

    def package(self) -> zipfile.ZipFile:
        footnotes = self._notes(2, 2, 3, self._begin[1], "footnote", "footnoteReference")
        endnotes = self._notes(46, 2, 47, self._begin[5], "endnote", "endnoteReference")
        comments = self._notes(4, 30, 5, self._begin[4], "comment", "commentReference")
        floats = drawn(self._binary)
        for place, pieces in floats.at.items():
            self._refers[place] = w("pict", *map(self._float, pieces))
        boxes = [paragraph for places in floats.others for paragraph in self._boxed(places)]
        body = w("body", *self._paragraphs(0, self._binary.counts[0]), *boxes)
        parts = {
            "document": w("document", body),
            "footnotes": w("footnotes", *footnotes),
            "endnotes": w("endnotes", *endnotes),
            "comments": w("comments", *comments),
            "numbering": self._numbering(),
            "styles": w(
                "styles", *(w("style", w("name", val=f"heading {n}"), styleId=n) for n in range(1, 10))
            ),
            **dict(self._heads()),
        }
        files = {number: held for number, held in self._objects.items() if isinstance(held, bytes)}
        links = ET.Element("Relationships")
        for number in files:
            ET.SubElement(links, "Relationship", Id=f"o{number}", Target=f"{number}.bin")
        for picture in self._pictures.held:
            ET.SubElement(links, "Relationship", Id=picture, Target=picture)
        members: dict[str, str | bytes] = {
            f"word/{name}.xml": ET.tostring(part) for name, part in parts.items()
        }
        members |= {f"word/{number}.bin": held for number, held in files.items()}
        members |= {f"word/{picture}": held for picture, held in self._pictures.held.items()}
        members |= {f"word/_rels/{name}.xml.rels": ET.tostring(links) for name in parts}
        return zipfile.ZipFile(archive_of(members))

    def _float(self, piece: Float) -> ET.Element:
        if isinstance(piece, Placed):
            return self._pictures.floating(piece)
        return w("txbxContent", *self._boxed(piece))

    def _boxed(self, places: range) -> Iterator[ET.Element]:
        return self._paragraphs(self._begin[6] + places.start, self._begin[6] + places.stop)

    def _notes(
        self, marks: int, size: int, texts: int, begin: int, tag: str, refers: str
    ) -> list[ET.Element]:
        """The texts of notes or comments, whose marks in the text are taken down."""
        places, said = self._binary.places(marks, size)
        borders, _ = self._binary.places(texts, 0)
        notes, done = list[ET.Element](), 0
        for i, (place, about) in enumerate(zip(places, said, strict=False)):
            if i + 1 >= len(borders):
                break
            author = self._author(about) if tag == "comment" else ""
            if borders[i] < done:
                continue  # text that was told: those of a whole file follow each other
            done = max(borders[i], borders[i + 1])
            words = self._paragraphs(begin + borders[i], begin + borders[i + 1])
            notes.append(w(tag, *words, id=i, author=author))
            self._refers[place] = w(refers, id=i)
        return notes

    def _author(self, about: bytes) -> str:
        number = int.from_bytes(about[20:22], "little")
        return self._authors[number] if number < len(self._authors) else ""

    def _heads(self) -> Iterator[tuple[str, ET.Element]]:
        """What stands at the head and the foot of pages, after six texts that divide notes."""
        borders, _ = self._binary.places(11, 0)
        done = 0
        for i in range(6, len(borders) - 1):
            if done <= borders[i] < borders[i + 1]:
                done = borders[i + 1]
                kind, begin = _HEADS[i % 6], self._begin[2]
                words = self._paragraphs(begin + borders[i], begin + borders[i + 1])
                yield f"{kind}{i}", w("hdr", *words)

    def _numbering(self) -> ET.Element:
        kinds = [
            w("abstractNum", *(
                w("lvl", w("start", val=level.start), w("numFmt", val=form_of(level.form)), w("lvlText", val=_shown(level.text)), ilvl=n)
                for n, level in enumerate(levels)
            ), abstractNumId=number)
            for number, levels in self._lists.levels.items()
        ]  # fmt: skip
        named = {f"s{n}": at[0] for n, at in self._lists.of_style.items()}
        named |= {str(n): at for n, at in self._lists.of_number.items()}
        return w(
            "numbering", *kinds, *(w("num", w("abstractNumId", val=at), numId=n) for n, at in named.items())
        )

    # ── Paragraphs and tables ───────────────────────────────────────────────────────────────────────────────────

    def _paragraphs(self, first: int, last: int) -> Iterator[ET.Element]:
        """The paragraphs from place to place, those of cells within their tables."""
        rows: list[Row] = []
        cells: list[ET.Element] = []
        held: list[ET.Element] = []  # paragraphs of the cell that is open
        start = first
        for mark in re.finditer("[\r\x07\x0c]|\\Z", self._binary.text[first:last]):
            place = first + mark.start()
            is_page_break = mark[0] == "\x0c" and place not in self._binary.section_ends
            if is_page_break or (not mark[0] and place == start):
                continue
            style, properties = self._binary.paragraph(min(place, last - 1))
            if mark[0] == "\x07" and is_on(properties, binary.TABLE_ROW):
                rows.append(row(cells, properties))
                cells, held = [], []
            else:
                held.append(self._paragraph(start, place, style, properties))
                if mark[0] == "\x07":
                    cells.append(w("tc", *held))
                    held = []
                elif not is_on(properties, binary.IN_TABLE):
                    if rows:
                        yield table(rows)
                    yield from held
                    rows, held = [], []
            start = first + mark.end()
        yield from ([table(rows)] if rows else []) + [e for c in cells for e in c] + held

    def _paragraph(self, first: int, last: int, style: int, properties: Properties) -> ET.Element:
        looks = [w("pStyle", val=style)] if 1 <= style <= 9 else []
        number = int.from_bytes(properties.get(binary.LIST, b""), "little", signed=True)
        level = int.from_bytes(properties.get(binary.LEVEL, b""), "little")
        if binary.LIST not in properties and style in self._lists.of_style:
            looks.append(_numbered(f"s{style}", self._lists.of_style[style][1]))
        elif number > 0:
            looks.append(_numbered(number, level))
        return w("p", w("pPr", *looks), *self._words(first, last))

    def _words(self, first: int, last: int) -> Iterator[ET.Element]:
        codes: list[bool] = []  # of the fields that are open, whether their instruction goes on
        for place, letters, properties in self._binary.characters(first, last):
            if is_on(properties, binary.DELETED):
                yield w("del", w("r", _text("delText", letters)))
                continue
            run = w("r", w("rPr", *self._looks(properties)))
            at = 0
            for sign in [*_MARKS.finditer(letters), None]:
                if plain := letters[at : sign.start() if sign else None]:
                    if any(codes) and len(self._instruction) < _INSTRUCTION:
                        self._instruction += plain
                    run.extend(self._letters(plain, properties, "instrText" if any(codes) else "t"))
                if sign:
                    if (
                        sign[0] == "\x01"
                        and any(codes)
                        and (ticked := self._binary.ticked(properties)) is not None
                    ):
                        self._box = "[x]" if ticked else "[ ]"
                    if sign[0] == "\x14":
                        self._object = int.from_bytes(properties.get(binary.OBJECT, b""), "little")
                    run.extend(self._special(sign[0], place + sign.start(), codes, properties))
                    at = sign.end()
            yield run

    def _looks(self, properties: Properties) -> Iterator[ET.Element]:
        for tag, code in (("b", binary.BOLD), ("i", binary.ITALIC), ("strike", binary.STRUCK)):
            if properties.get(code) == b"\1":
                yield w(tag)
        if place := _PLACES.get(properties.get(binary.PLACED, b"")):
            yield w("vertAlign", val=place)
        if binary.FONT in properties:
            yield w("rFonts", ascii=self._font(properties[binary.FONT]))

    def _font(self, packed: bytes) -> str:
        number = int.from_bytes(packed, "little")
        return self._fonts[number] if number < len(self._fonts) else ""

    def _letters(self, plain: str, properties: Properties, tag: str) -> Iterator[ET.Element]:
        """The characters, or the signs of a font of symbols in the place of each."""
        if binary.SYMBOL not in properties:
            yield _text(tag, plain)
            return
        number, code = struct.unpack("<2sH", properties[binary.SYMBOL])
        font = self._font(number) or "Wingdings"
        yield from (w("sym", font=font, char=f"{code:04X}") for _ in plain)

    def _special(
        self, sign: str, place: int, codes: list[bool], properties: Properties
    ) -> Iterator[ET.Element]:
        if sign in _FIELD:
            yield w("fldChar", fldCharType=_FIELD[sign])
            if sign == "\x13":
                codes.append(True)
                self._instruction = ""
            else:
                codes[-1:] = [] if sign == "\x15" else [False]
            if sign == "\x15" and self._box:
                yield _text("t", self._box)
                self._box = ""
        elif sign in "\x02\x05\x08" and place in self._refers:
            yield self._refers[place]
        elif sign == "\x01" and not any(codes):
            yield self._picture(properties.get(binary.OBJECT))
        elif sign in "\t\x0b\x0c\x1e":
            yield w({"\t": "tab", "\x0b": "br", "\x0c": "br", "\x1e": "noBreakHyphen"}[sign])

    def _picture(self, packed: bytes | None) -> ET.Element:
        """`packed`: where it lies among the data."""
        number, self._object = self._object, 0
        held = self._objects.get(number)
        if held and isinstance(held, str):
            formula = ET.Element(f"{{{_M}}}oMath")
            ET.SubElement(formula, f"{{{_M}}}t").text = _plain(held)
            return formula
        if not held:
            return w("pict", self._pictures.in_line(packed))
        picture = w("pict", ET.Element("{urn:schemas-microsoft-com:vml}imagedata"))
        program = _plain(" ".join(w for w in self._instruction.split()[1:2] if w[0] != "\\"))
        ET.SubElement(picture, f"{{{_O}}}OLEObject", {"ProgID": program, f"{{{_R}}}id": f"o{number}"})
        return picture


def _text(tag: str, letters: str) -> ET.Element:
    element = w(tag)
    element.text = _plain(letters)
    return element


def _plain(letters: str) -> str:
    """Without what XML does not hold, the halves of pairs put together."""
    whole = letters.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _NONE.sub("", whole)


def _numbered(number: object, level: int) -> ET.Element:
    return w("numPr", w("ilvl", val=level), w("numId", val=number))


def _shown(text: str) -> str:
    return _plain("".join(f"%{ord(letter) + 1}" if letter < "\x09" else letter for letter in text))
