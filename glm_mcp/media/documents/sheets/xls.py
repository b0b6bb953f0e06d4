"""XLS from Excel 97 on, from its records: each sheet with its cells as they are shown, comments, text boxes, charts."""

from __future__ import annotations

import contextlib
import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from glm_mcp.media.documents.common.few_times import SaidAgain
from glm_mcp.media.documents.common.shown import PagesShown, mark
from glm_mcp.media.documents.ooxml.number_format import BUILT_IN
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.sheets.beside import comment_block, comment_line, printed_line
from glm_mcp.media.documents.sheets.biff import Number, Record, Texts, formula_texts, records
from glm_mcp.media.documents.sheets.book import Sheet, read_sheets
from glm_mcp.media.documents.sheets.grid import Grid, Range, place, sheet_text
from glm_mcp.media.documents.sheets.rules import rule_in
from glm_mcp.media.documents.sheets.shown import sheets_shown
from glm_mcp.media.documents.sheets.values import ERRORS, Values, number_text, rk
from glm_mcp.media.documents.sheets.xls_chart import Chart
from glm_mcp.media.documents.sheets.xls_shown import OldSheetPictures

_BIFF8 = 0x0600
_CHART = 0x20  # kind of a part
# Records of one cell.
_TEXTS = (Number.SHARED, Number.LABEL, Number.RICH)
_ONE = (*_TEXTS, Number.REAL, Number.RK, Number.BOOL_OR_ERROR, Number.FORMULA)
_PICTURE = 8  # kind of an object
_BUILT_IN = 0x20  # flag of names that are Excel's own
_URL = bytes.fromhex("e0c9ea79f9bace118c8200aa004ba90b")  # what stands before an address


@dataclass(slots=True)
class _Found:
    """What one sheet holds."""

    grid: Grid = field(default_factory=Grid)
    merged: list[Range] = field(default_factory=list)
    words: dict[int, str] = field(default_factory=dict)  # by the number of their object
    notes: list[tuple[int, int, int, str]] = field(default_factory=list)  # row, column, object, author
    pictures: int = 0
    beside: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    printed: dict[str, None] = field(default_factory=dict)
    formulas: int = 0
    # The texts in formulas whose result is empty, and in those without one.
    empty: dict[tuple[int, int], str] = field(default_factory=dict)
    awaiting: dict[tuple[int, int], str] = field(default_factory=dict)
    pending: tuple[int, int, int] | None = None  # the cell whose text comes next
    damaged: bool = False


def is_new(stream: bytes) -> bool:
    """Whether the records are those of Excel 97 and later, which this module reads."""
    return len(stream) > 8 and struct.unpack_from("<HHH", stream)[::2] == (Number.BOF, _BIFF8)


def is_locked(stream: bytes) -> bool:
    """Whether it is encrypted: how is said right behind its beginning ([MS-XLS] 2.4.117), or behind one record between."""
    return any(record.number == Number.PASSWORD for record in itertools.islice(records(stream), 3))


def read_xls(stream: bytes, spec: str | None, name: str) -> dict[str, Any]:
    """Raises ValueError for a stream without sheets, InvalidRequest (pages)."""
    sheets, values = _globals(stream)
    if not sheets:
        raise ValueError("no sheets")
    left_out = LeftOut()
    pictures = OldSheetPictures(stream, name, left_out)
    done: set[int] = set()
    again = SaidAgain(left_out)

    def read(sheet: Sheet[int]) -> tuple[str, list[str]]:
        found = _Found(Grid(again))
        try:
            if sheet.at in done:
                left_out.add("sheets that lie where another does", f"'{sheet.name}'")
            else:
                _read(stream, sheet.at, values, found)
                placed = pictures.placed(sheet.at)
                marks = [mark(one.words, one.shown.place) for one in placed]
                found.beside = [*(marks or ["[picture]"] * found.pictures), *found.beside]
            done.add(sheet.at)
        except (struct.error, IndexError, ValueError):
            found.damaged = True
        if found.damaged:
            left_out.add("parts of sheets that are damaged", f"'{sheet.name}'")
        return _text(found, sheet.name)

    return read_sheets(
        "xls", sheets, spec, name, left_out, read, lambda sheet, where: pictures.on(sheet.at, where)
    )


def pictures_of_xls(stream: bytes, name: str, numbers: Sequence[int], left_out: LeftOut) -> PagesShown:
    """As of `pages_shown`. Raises ValueError, struct.error, InvalidRequest."""
    sheets, _ = _globals(stream)
    pictures = OldSheetPictures(stream, name, left_out)
    return sheets_shown(pictures.parts, sheets, numbers, lambda sheet: pictures.on(sheet.at))


def texts_of_names(stream: bytes) -> Iterator[tuple[str, str]]:
    """Names that stand for a text instead of a place ([MS-XLS] 2.4.150), as what a workbook says of itself."""
    for record in records(stream):
        if record.number == Number.EOF:
            return
        if record.number == Number.NAME:
            with contextlib.suppress(struct.error, IndexError):
                flags, length, formula = struct.unpack_from("<HxBH", record.body)
                if flags & _BUILT_IN:
                    continue
                parts = Texts(record.parts, 14)
                name, written = parts.text(length), parts.take(formula)
                text = Texts([written[2:]]).text(written[1]) if written[:1] == b"\x17" else ""
                if text and len(written) == 3 + written[1] * (1 + (written[2] & 1)):
                    yield f"name {name}", text


def _globals(stream: bytes) -> tuple[list[Sheet[int]], Values]:
    sheets: list[Sheet[int]] = []
    codes, styles, strings = dict(BUILT_IN), [], []
    since_1904 = False
    for record in records(stream):
        body = record.body
        match record.number:
            case Number.SHEETS:
                at, hidden, kind = struct.unpack_from("<IBB", body)
                if kind in (0, 2):  # a worksheet or a chart; others are macros
                    title = Texts([body[7:]]).text(body[6])
                    sheets.append(Sheet(title, at, is_chart=kind == 2, is_hidden=bool(hidden & 3)))
            case Number.DATES:
                since_1904 = body[:1] == b"\1"
            case Number.STRINGS:
                strings = list(_strings(record))
            case Number.FORMAT:
                with contextlib.suppress(struct.error):  # of an older form in a few files
                    codes[struct.unpack_from("<H", body)[0]] = Texts([body[2:]]).text()
            case Number.STYLE:
                styles.append(struct.unpack_from("<H", body, 2)[0])
            case Number.EOF:
                break
    return sheets, Values(strings, [codes.get(n, "General") for n in styles], since_1904=since_1904)


def _strings(record: Record) -> Iterator[str]:
    texts = Texts(record.parts, 8)
    try:
        for _ in range(struct.unpack_from("<I", record.body, 4)[0]):
            yield texts.text().strip()
    except struct.error:
        return  # damaged: what was read of it


def _read(stream: bytes, at: int, values: Values, found: _Found) -> None:
    depth, thing, chart = 0, (0, 0), None
    for record in records(stream, at):
        number, body = record.number, record.body
        if number == Number.BOF:
            depth += 1
            if struct.unpack_from("<H", body, 2)[0] == _CHART:
                chart = Chart(values)
        elif number == Number.EOF:
            depth -= 1
            if chart is not None:
                found.beside += chart.blocks()
                chart = None
            if depth <= 0:
                return
        elif chart is not None:
            chart.read(record)
        elif number == Number.OBJECT and len(body) >= 8:
            thing = struct.unpack_from("<HH", body, 4)
            found.pictures += thing[0] == _PICTURE
        elif number == Number.WORDS:
            found.words[thing[1]] = _box(record)
        else:
            try:
                _cells(record, values, found)
            except (struct.error, IndexError, ValueError):
                found.damaged = True


def _box(record: Record) -> str:
    """The text of a box or a comment, which lies in the continuing records."""
    (count,) = struct.unpack_from("<H", record.body, 10)
    return Texts(record.parts[1:]).text(count) if count and len(record.parts) > 1 else ""


def _cells(record: Record, values: Values, found: _Found) -> None:
    body = record.body
    match record.number:
        case number if number in _ONE:
            row, column, style = struct.unpack_from("<HHH", body)
            stored = _stored(record)
            if stored is None:
                found.pending = row, column, style
                found.awaiting[row, column] = formula_texts(body)
            else:
                found.grid.put(row, column, values.text(*stored, str(style)))
            if record.number == Number.FORMULA:
                found.formulas += 1
                if stored == ("", "str"):
                    found.empty[row, column] = formula_texts(body)
        case Number.PACKED:
            row, column = struct.unpack_from("<HH", body)
            for i in range((len(body) - 6) // 6):
                style, packed = struct.unpack_from("<HI", body, 4 + 6 * i)
                found.grid.put(row, column + i, values.text(number_text(rk(packed)), "n", str(style)))
        case Number.RESULT if found.pending is not None:
            row, column, style = found.pending
            found.pending = None
            found.awaiting.pop((row, column), None)
            found.grid.put(row, column, values.text(Texts(record.parts).text(), "str", str(style)))
        case Number.MERGED:
            for i in range(struct.unpack_from("<H", body)[0]):
                top, low, left, far = struct.unpack_from("<4H", body, 2 + 8 * i)
                found.merged.append((top, left, low, far))
        case Number.NOTE:
            row, column, _, thing = struct.unpack_from("<4H", body)
            found.notes.append((row, column, thing, Texts([body[8:]]).text()))
        case Number.HEADER | Number.FOOTER if body:
            kind = "header" if record.number == Number.HEADER else "footer"
            with contextlib.suppress(struct.error):
                found.printed |= dict.fromkeys(printed_line(kind, Texts(record.parts).text()))
        case Number.RULE:
            with contextlib.suppress(struct.error, IndexError):
                found.rules += rule_in(record)
        case Number.LINK:
            _link(body, found.grid)


def _stored(record: Record) -> tuple[str, str] | None:
    """The stored value of a cell and its kind, as in the XML form; None for a text that comes in the next record."""
    body = record.body
    match record.number:
        case Number.REAL:
            return number_text(struct.unpack_from("<d", body, 6)[0]), "n"
        case Number.RK:
            return number_text(rk(struct.unpack_from("<I", body, 6)[0])), "n"
        case Number.SHARED:
            return str(struct.unpack_from("<I", body, 6)[0]), "s"
        case Number.LABEL | Number.RICH:
            return Texts([body[6:], *record.parts[1:]]).text(), "str"
        case Number.BOOL_OR_ERROR:
            return (ERRORS.get(body[6], "#ERROR!"), "e") if body[7] else (str(body[6]), "b")
    if body[12:14] != b"\xff\xff":
        return number_text(struct.unpack_from("<d", body, 6)[0]), "n"
    match body[6]:
        case 0:
            return None
        case 1:
            return str(body[8]), "b"
        case 2:
            return ERRORS.get(body[8], "#ERROR!"), "e"
    return "", "str"


def _link(body: bytes, grid: Grid) -> None:
    """A cell that leads to an address says where."""
    row, _, column, _ = struct.unpack_from("<4H", body)
    mark = body.find(_URL, 32)
    text = grid.to_link(row, column) if mark >= 0 else ""
    if not text:
        return
    start = mark + 20
    (length,) = struct.unpack_from("<I", body, mark + 16)
    url = body[start : start + length].decode("utf-16-le", "replace").partition("\0")[0]
    if url and url not in (text, f"mailto:{text}"):
        grid.rows[row][column] = f"[{text}]({url.replace(' ', '%20').replace(')', '%29')})"


def _text(found: _Found, title: str) -> tuple[str, list[str]]:
    if len(found.empty) == found.formulas:  # as a program writes it that calculates nothing
        found.awaiting |= found.empty
    for (row, column), words in found.awaiting.items():
        found.grid.put(row, column, f"={words}")
    found.grid.fill(found.merged)
    lines = []
    for row, column, thing, author in found.notes:
        lines.append(comment_line(place(row, column), author, found.words.pop(thing, "")))
    boxes = [f"Text box: {words.strip()}" for words in found.words.values() if words.strip()]
    beside = [*boxes, *found.beside, *comment_block([*lines, *found.rules]), *found.printed]
    text, notes = sheet_text(found.grid, beside, title)
    if count := len(found.awaiting):
        notes.append(
            f"sheet '{title}': formulas without a stored result, of which only the texts in them are shown: {count}"
        )
    return text, notes
