"""XLS before Excel 97 (BIFF 2 to 5), which small programs still write, often as bare records: cells as they are shown. Also
the data of a chart of Microsoft Graph, as they lie in slides and texts ([MS-OGRAPH]).

Records and their bodies as OpenOffice's documentation of the Excel format has them (chapters 4 and 5).
"""

from __future__ import annotations

import contextlib
import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.charset import decode
from glm_mcp.media.documents.common.few_times import SaidAgain
from glm_mcp.media.documents.ooxml.number_format import BUILT_IN
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.richtext.words import code_page
from glm_mcp.media.documents.sheets.beside import comment_block, comment_line, printed_line
from glm_mcp.media.documents.sheets.biff import Number, Record, Texts, records
from glm_mcp.media.documents.sheets.book import Sheet, read_sheets
from glm_mcp.media.documents.sheets.grid import Grid, place, sheet_text
from glm_mcp.media.documents.sheets.values import ERRORS, Values, number_text, rk

_BEGINS = (0x09, 0x209, 0x409, Number.BOF)
_CODE_PAGE, _SHEET_OF_MANY = 0x42, 0x8F
_OLD_FORMATS, _OLD_STYLES = (0x1E, Number.FORMAT), (0x243, 0x443)
_TEXTS, _RESULTS = (0x04, Number.LABEL), (0x07, Number.RESULT)
# Records of one cell, of BIFF 2 and later, and what they hold.
_CELLS = {
    0x02: "whole",
    Number.RK: "packed",
    **dict.fromkeys((0x03, Number.REAL), "real"),
    **dict.fromkeys((*_TEXTS, Number.RICH), "text"),
    **dict.fromkeys((0x05, Number.BOOL_OR_ERROR), "truth"),
    **dict.fromkeys((Number.FORMULA, 0x206, 0x406), "formula"),
}
_FORMAT_BITS = 0x3F
_SAMPLE = 20_000  # texts by which the encoding is guessed
_GRAPH = 0x680  # the version of Microsoft Graph from 97 on
_MORE = 0xFFFF  # the row of a remark that goes on from the record before


@dataclass(slots=True)
class _Book:
    """What all sheets of one file share."""

    codec: str
    version: int
    sheets: list[Sheet[int]] = field(default_factory=list)
    codes: dict[int, str] = field(default_factory=dict)
    styles: list[int] = field(default_factory=list)
    since_1904: bool = False
    is_graph: bool = False

    def text(self, data: bytes, at: int, width: int = 1) -> str:
        """A text behind its length, which has `width` bytes."""
        length = int.from_bytes(data[at : at + width], "little")
        if self.is_graph:
            return Texts([data[at + width :]]).text(length)
        return data[at + width : at + width + length].decode(self.codec, "replace")

    @property
    def values(self) -> Values:
        numbers = self.styles or range(max(self.codes, default=0) + 1)  # BIFF 2 has no styles between
        return Values([], [self.codes.get(n, "General") for n in numbers], since_1904=self.since_1904)


def is_old(stream: bytes) -> bool:
    return len(stream) > 8 and struct.unpack_from("<H", stream)[0] in _BEGINS


def read_old_xls(stream: bytes, spec: str | None, name: str, encoding: str | None) -> dict[str, Any]:
    """Raises ValueError for a stream without sheets, InvalidRequest (pages, encoding)."""
    book = _shared(stream, name, encoding)
    values, left_out, done = book.values, LeftOut(), set[int]()
    again = SaidAgain(left_out)

    def read(sheet: Sheet[int]) -> tuple[str, list[str]]:
        grid, remarks, beside = Grid(again), list[tuple[int, int, str]](), dict[str, None]()
        if sheet.at in done:
            left_out.add("sheets that lie where another does", f"'{sheet.name}'")
            return sheet_text(grid, (), sheet.name)
        done.add(sheet.at)
        try:
            for thing in _things(stream, sheet.at, book):
                match thing:
                    case str():
                        beside[thing] = None
                    case (row, column, words):
                        remarks.append((row, column, words))
                    case (row, column, style, stored, kind):
                        grid.put(row, column, values.text(stored, kind, str(style)))
        except (struct.error, IndexError):
            left_out.add("the rest of sheets that are damaged", f"'{sheet.name}'")
        lines = [comment_line(place(row, column), "", words) for row, column, words in remarks]
        return sheet_text(grid, [*comment_block(lines), *beside], sheet.name)

    facts = read_sheets("xls", book.sheets, spec, name, left_out, read)
    drawn = any(
        r.number == Number.OBJECT or (r.number in _BEGINS and r.body[2:3] == b" ") for r in records(stream)
    )
    notes = ["text boxes and charts of this old form are not read"] if drawn else []
    return {**facts, "notes": notes + facts["notes"]}


def _shared(stream: bytes, name: str, encoding: str | None) -> _Book:
    version = 2 + _BEGINS.index(struct.unpack_from("<H", stream)[0])
    is_graph = struct.unpack_from("<H", stream, 4)[0] == _GRAPH
    book = _Book("" if is_graph else _codec(stream, name, encoding), version, is_graph=is_graph)
    if version == 5:
        book.codes = dict(BUILT_IN)
    for record in records(stream):
        body, number = record.body, record.number
        if number == Number.EOF and version == 5 and book.sheets:
            break
        with contextlib.suppress(struct.error, IndexError):
            match number:
                case Number.SHEETS:
                    at, hidden, kind = struct.unpack_from("<IBB", body)
                    if kind in (0, 2):
                        title = book.text(body, 6) or "Datasheet" * is_graph
                        is_chart = kind == 2 and not is_graph
                        book.sheets.append(Sheet(title, at, is_chart=is_chart, is_hidden=bool(hidden & 3)))
                case number if number == _SHEET_OF_MANY:
                    book.sheets.append(Sheet(book.text(body, 4), record.at + 4 + len(body)))
                case Number.DATES:
                    book.since_1904 = body[:1] == b"\1"
                case number if number in _OLD_FORMATS:
                    _format(record, book)
                case Number.STYLE:
                    book.styles.append(struct.unpack_from("<H", body, 2)[0])
                case number if number in _OLD_STYLES:
                    book.styles.append(body[1])
    book.sheets = book.sheets or [Sheet("Sheet1", 0)]
    return book


def _format(record: Record, book: _Book) -> None:
    """Before BIFF 5 they are numbered as they come, the first being the usual one in the words of its country."""
    if book.version == 5:
        book.codes[struct.unpack_from("<H", record.body)[0]] = book.text(record.body, 2)
    else:
        at = 2 if record.number == Number.FORMAT else 0
        book.codes[len(book.codes)] = book.text(record.body, at) if book.codes else "General"


def _codec(stream: bytes, name: str, encoding: str | None) -> str:
    """As the file says, else as its texts look: programs of one country leave it out."""
    for record in records(stream):
        if record.number == _CODE_PAGE and len(record.body) == 2 and not encoding:
            number = int.from_bytes(record.body, "little")
            return {0x8000: "mac_roman", 0x8001: "cp1252"}.get(number) or code_page(number)
    found = (record.body[8:] for record in records(stream) if record.number in _TEXTS)
    texts = b"\n".join(itertools.islice(found, _SAMPLE))
    try:
        return decode(texts.replace(b"\0", b" "), name, encoding).encoding
    except UnsupportedMedia:
        return "cp1252"


def _things(stream: bytes, at: int, book: _Book) -> Iterator[Any]:
    """Of one sheet: cells (row, column, style, stored value and its kind), remarks (row, column, words), printed lines."""
    depth = 0
    pending: tuple[int, int, int] | None = None  # the cell whose text comes next
    for record in records(stream, at):
        body, number = record.body, record.number
        if number in _BEGINS:
            depth += 1
        elif number == Number.EOF:
            depth -= 1
            if depth <= 0:
                return
        elif depth != 1:
            continue  # a chart in the sheet
        elif number == Number.NOTE:
            row, column = struct.unpack_from("<HH", body)
            if row != _MORE:
                yield row, column, book.text(body, 4, 2)
        elif number in (Number.HEADER, Number.FOOTER) and body:
            kind = "header" if number == Number.HEADER else "footer"
            yield from printed_line(kind, book.text(body, 0))
        elif number == Number.PACKED:
            row, column = struct.unpack_from("<HH", body)
            for i in range((len(body) - 6) // 6):
                style, packed = struct.unpack_from("<HI", body, 4 + 6 * i)
                yield row, column + i, style, number_text(rk(packed)), "n"
        elif number in _RESULTS and pending is not None:
            yield *pending, book.text(body, 0, 1 if number == 0x07 else 2), "str"
            pending = None
        elif number in _CELLS:
            cell = _cell(record, book)
            if cell[4] == "awaited":
                pending = cell[:3]
            else:
                yield cell


def _cell(record: Record, book: _Book) -> tuple[int, int, int, str, str]:
    """BIFF 2 has three bytes of looks in a cell, of which the second holds its number format; later there are two."""
    body, number = record.body, record.number
    is_first = number <= 0x05 or (number == Number.FORMULA and book.version == 2)
    row, column, style = struct.unpack_from("<HHH", body)
    style = body[5] & _FORMAT_BITS if is_first else style
    return row, column, style, *_stored(body, 7 if is_first else 6, _CELLS[number], book)


def _stored(body: bytes, at: int, kind: str, book: _Book) -> tuple[str, str]:
    """The stored value, which begins at that place, and its kind; "awaited" for a text that comes in the next record."""
    match kind:
        case "whole":
            return str(struct.unpack_from("<H", body, at)[0]), "n"
        case "packed":
            return number_text(rk(struct.unpack_from("<I", body, at)[0])), "n"
        case "text":
            return book.text(body, at, 1 if at == 7 else 2), "str"
        case "truth":
            return (ERRORS.get(body[at], "#ERROR!"), "e") if body[at + 1] else (str(body[at]), "b")
    if kind == "formula" and body[at + 6 : at + 8] == b"\xff\xff":
        said = body[at + 2]
        results = {0: ("", "awaited"), 1: (str(said), "b"), 2: (ERRORS.get(said, "#ERROR!"), "e")}
        return results.get(body[at], ("", "str"))
    return number_text(struct.unpack_from("<d", body, at)[0]), "n"
