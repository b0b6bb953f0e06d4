"""Codes for letters of any width: text of one line then is one piece of one font, as the parser wants it."""

from __future__ import annotations

import struct

from glm_mcp.media.documents.fixed.boxes import NARROW, WIDE

_STEP = 10  # thousandths of the size, to which a width is rounded
_MOST = 0xFFFE  # codes
_UNKNOWN = "\ufffd"  # what letters beyond them are


class Letters:
    """Of one document. A code stands for a letter and its width, a part of its size."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, int], int] = {(_UNKNOWN, 500): 0}

    def code(self, letter: str, width: float) -> tuple[str, float]:
        """As four digits, and the width that it has."""
        known = letter, min(max(round(width * 1000 / _STEP) * _STEP, 0), 5000)
        if known not in self._codes and len(self._codes) >= _MOST:
            return "0000", 0.5
        return f"{self._codes.setdefault(known, len(self._codes)):04X}", known[1] / 1000

    def widths(self) -> bytes:
        return b"0[%s]" % b" ".join(b"%d" % width for _, width in self._codes)

    def glyphs(self) -> bytes:
        """Of the font of boxes, by code."""
        return b"".join(struct.pack(">H", WIDE if width > 700 else NARROW) for _, width in self._codes)

    def pairs(self) -> str:
        """Codes and letters, as a PDF lists them."""
        lines = [f"<{code:04X}> <{utf16(letter)}>\n" for (letter, _), code in self._codes.items()]
        parts = [lines[n : n + 100] for n in range(0, len(lines), 100)]
        return "".join(f"{len(part)} beginbfchar\n{''.join(part)}endbfchar\n" for part in parts)


def utf16(letter: str) -> str:
    """As a PDF writes it."""
    return letter.encode("utf-16-be", "surrogatepass").hex().upper()
