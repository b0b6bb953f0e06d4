"""What a cell shows: its stored value by its type, and by the number format of its style."""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence

from glm_mcp.media.documents.ooxml.number_format import display, display_text, general
from glm_mcp.media.documents.ooxml.package import whole

_SHORT = 15  # digits that a sheet shows as they are stored
# Of the binary forms, which store them as numbers.
ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}


class Values:
    """`strings`: those that cells share. `formats`: the format code of each cell style."""

    def __init__(self, strings: Sequence[str], formats: Sequence[str], *, since_1904: bool) -> None:
        self._strings = strings
        self._formats = formats
        self._since_1904 = since_1904
        # The styles that change nothing.
        self._general = frozenset({str(i) for i, c in enumerate(formats) if c == "General"} or {"0"})
        self._shown = functools.lru_cache(maxsize=100_000)(self._display)

    def text(self, written: str, kind: str, style: str) -> str:
        """`kind`: n a number, s a shared string, b a truth, d a date in words, others text."""
        if kind == "n":
            if style in self._general and len(written) <= _SHORT and written.isdecimal():
                return written
            return self._shown(written, style)
        if kind == "s":
            at = whole(written, -1)
            text = self._strings[at] if 0 <= at < len(self._strings) else ""
            return text if style in self._general else display_text(text, self._code(style)).strip()
        if kind == "b":
            return "TRUE" if written == "1" else "FALSE"
        if kind == "d":
            return written.removesuffix("T00:00:00").replace("T", " ")
        return written.strip()

    def _code(self, style: str) -> str:
        at = whole(style)
        return self._formats[at] if at < len(self._formats) else "General"

    def _display(self, written: str, style: str) -> str:
        try:
            number = float(written)
        except ValueError:
            return written.strip()
        if style in self._general:
            return general(number, written)
        return display(number, self._code(style), written, since_1904=self._since_1904)


def number_text(number: float) -> str:
    """A number of a binary form as the XML forms store it."""
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def rk(packed: int) -> float:
    """A number packed into 32 bits: 30 of a float or a whole one, which may be hundredths."""
    if packed & 2:
        number = float((packed >> 2) - (1 << 30 if packed & 0x80000000 else 0))
    else:
        number = float(struct.unpack("<d", bytes(4) + (packed & 0xFFFFFFFC).to_bytes(4, "little"))[0])
    return number / 100 if packed & 1 else number
