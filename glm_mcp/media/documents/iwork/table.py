"""The cells of iWork tables (TST) as their program shows them."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from decimal import Decimal

from glm_mcp.media.documents.common.few_times import SaidAgain
from glm_mcp.media.documents.iwork.objects import Message, Objects
from glm_mcp.media.documents.ooxml.number_format import display, general
from glm_mcp.media.documents.sheets.grid import CELLS, Grid

_TILE = 256  # rows
_HEAD, _LONGEST = 12, 128  # bytes of a cell
_OLD = 4  # the version of cells until 2017
# What follows the head of a cell, in this order, each where its bit is set; 4 bytes where _SIZES does not say more.
_PARTS_OLD = tuple(
    zip(
        (0x2, 0x80, 0x400, 0x800, 0x4, 0x8, 0x100, 0x200, 0x1000, 0x10, 0x20, 0x40),
        "- - - - format - - rich - string number seconds".split(),
        strict=True,
    )
)
_PARTS = tuple(
    (1 << bit, what)
    for bit, what in enumerate(
        "decimal number seconds string rich - - - - - - - - format currency format format format format".split()
    )
)
_SIZES = {"decimal": 16, "number": 8, "seconds": 8}
_NUMBER, _DATE, _TRUTH, _DURATION, _ERROR, _CURRENCY = 2, 5, 6, 7, 8, 10  # types of cells
_EPOCH, _DAY = 36_892, 86_400  # 2001-01-01 in a workbook's days; seconds
_EXPONENT = 0x1820  # of 1, in a decimal
_LABEL = 200  # bytes of a pattern or a currency, which is looked at for each cell
_AUTO = 253  # decimals as many as there are
_MONEY, _PERCENT, _SCIENTIFIC, _FRACTION = 257, 258, 259, 262  # forms of numbers
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "¥", "INR": "₹", "KRW": "₩"}


def table_text(objects: Objects, number: int, rich: Callable[[int], str], again: SaidAgain) -> str:
    """A table with its name, where that is shown. `rich`: the text of a cell that has one of its own."""
    model = objects.get(number)
    store = model.one(4)
    strings = {e.number(1): e.text(3) for e in _entries(objects, store.link(4))}
    riches = {e.number(1): e.link(9) or e.link(4) for e in _entries(objects, store.link(17))}
    forms, forms_old = (
        {e.number(1): e.one(6) for e in _entries(objects, store.link(field))} for field in (22, 11)
    )
    grid = Grid(again)
    for read, (row, column, cell) in enumerate(_cells(objects, store.one(3))):
        if read > CELLS:
            break
        kind, old = cell[1], cell[0] <= _OLD
        parts = _parts(cell, old=old)
        if "rich" in parts:
            text = rich(objects.get(riches.get(_whole(parts["rich"]), 0)).link(1))
        elif "string" in parts:
            text = strings.get(_whole(parts["string"]), "")
        else:
            named = (parts.get("currency") if kind == _CURRENCY else b"") or parts.get("format", b"")
            text = _shown(kind, parts, (forms_old if old else forms).get(_whole(named), Message()))
        grid.put(row, column, text.strip())
    text, _ = grid.markdown()
    name = model.text(8).strip()
    return f"**{name}**\n\n{text}" if text and name and model.number(22) else text


def _entries(objects: Objects, number: int) -> Iterator[Message]:
    """Those of a list, which may be in pieces."""
    held = objects.get(number)
    yield from held.all(3)
    for piece in held.links(4):
        yield from objects.get(piece).all(3)


def _cells(objects: Objects, tiles: Message) -> Iterator[tuple[int, int, bytes]]:
    size = tiles.number(2) or _TILE
    for tile in tiles.all(1):
        for row in objects.get(tile.link(2)).all(5):
            held, places = (row.data(6), row.data(7)) if row.data(6) else (row.data(3), row.data(4))
            step = 4 if row.number(8) else 1
            for column, (start,) in enumerate(struct.iter_unpack("<h", places[: len(places) // 2 * 2])):
                if start >= 0 and start * step + _HEAD <= len(held):
                    cell = held[start * step : start * step + _LONGEST]
                    yield tile.number(1) * size + row.number(1), column, cell


def _parts(cell: bytes, *, old: bool) -> dict[str, bytes]:
    flags, at = _whole(cell[4:6] if old else cell[8:_HEAD]), _HEAD
    found: dict[str, bytes] = {}
    for bit, what in _PARTS_OLD if old else _PARTS:
        if flags & bit:
            size = _SIZES.get(what, 4)
            found.setdefault(what, cell[at : at + size].ljust(size, b"\0"))
            at += size
    return found


def _whole(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _shown(kind: int, parts: dict[str, bytes], form: Message) -> str:
    number, seconds = (struct.unpack("<d", parts.get(what, bytes(8)))[0] for what in ("number", "seconds"))
    if kind in (_NUMBER, _CURRENCY):
        return _number(_decimal(parts["decimal"]) if "decimal" in parts else float(number), form)
    if kind == _DATE:
        pattern = re.sub("'[^']*'", "", form.text(14, _LABEL)) or ("yHs" if seconds % _DAY else "y")
        time = "h:mm:ss" if "s" in pattern else "h:mm"
        codes = (("yyyy-mm-dd", "[yMLdE]"), (time, "[Hhk]"))
        return display(
            _EPOCH + seconds / _DAY, " ".join(c for c, letters in codes if re.search(letters, pattern))
        )
    if kind == _DURATION:
        return display(number / _DAY, "[h]:mm:ss")
    return ("TRUE" if number else "FALSE") if kind == _TRUTH else "(error)" if kind == _ERROR else ""


def _decimal(data: bytes) -> float:
    """A number of IEEE 754's decimal128, its digits as a binary number."""
    bits = _whole(data)
    digits = Decimal(bits & (1 << 113) - 1).scaleb((bits >> 113 & 0x3FFF) - _EXPONENT)
    return float(-digits if bits >> 127 else digits)


def _number(number: float, form: Message) -> str:
    kind = form.number(24) or form.number(1)  # 24: of a slider or a stepper
    decimals, grouped = form.number(2, _AUTO), form.number(5)
    places = "." + "#" * 10 if decimals >= _AUTO else "." + "0" * min(decimals, 30) if decimals else ""
    code = ("#,##0" if grouped else "0") + places
    if kind == _PERCENT:
        code += "%"
    elif kind == _MONEY:
        sign = form.text(3, _LABEL)
        code = f'"{_SIGNS.get(sign, sign + " ")}"{code}'
    elif kind == _SCIENTIFIC:
        code = f"0{places}E+00"
    elif kind == _FRACTION:
        code = "# ??/??"
    elif decimals >= _AUTO and not grouped:
        return general(number)
    return display(number, code).replace(".%", "%").rstrip(".")
