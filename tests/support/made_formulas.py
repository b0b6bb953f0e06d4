"""Formulas as MathType (5) and Word's older editor (3) keep them, made by hand: lists of records, each ended by a zero."""

from __future__ import annotations

import struct

ITALIC, FUNCTION, SYMBOL, NUMBER, BRACKETS, SPACE, OTHERS = 0x83, 0x82, 0x86, 0x88, 0x96, 0x98, 0x8B
_BEFORE = (
    b"\x66\x06TeX\0x\0"  # a record of a later version
    b"\x13WinAllCodePages\0\x11\x01Times New Roman\0"
    b"\x12\0\2\x21\xf4\x5f\1\x1f\2\1\0\0"  # lengths in half bytes, styles
    b"\x10\0\0\0\0\0\0\0\x0f\1\x08\1\0\x09\x65\0\3\x09\1\2\x0a"
)


class Formula:
    """Of one version; `new` for MathType's."""

    def __init__(self, *, new: bool) -> None:
        self._new = new

    def stream(self, *records: bytes) -> bytes:
        head = b"\5\1\0\6\0DSMT6\0\0" + _BEFORE if self._new else b"\3\1\1\3\x0a\x0a\x08\x83\0Times\0"
        body = head + b"".join(records) + b"\0"
        return struct.pack("<HIHI16x", 28, 0x20000, 0xC1FF, len(body)) + body

    def _record(self, kind: int, options: int = 0) -> bytes:
        return bytes([kind, options]) if self._new else bytes([kind | options << 4])

    def text(self, letters: str, face: int = ITALIC) -> bytes:
        return b"".join(self._record(2) + struct.pack("<BH", face, ord(letter)) for letter in letters)

    def over(self, letter: str, *marks: int) -> bytes:
        """A letter with marks such as a prime (5) or an arrow (11)."""
        listed = b"".join(self._record(6) + bytes([mark]) for mark in marks) + b"\0"
        return self._record(2, 1 if self._new else 2) + struct.pack("<BH", ITALIC, ord(letter)) + listed

    def line(self, *records: bytes) -> bytes:
        return self._record(1, 8) + b"\x80\x80\1\0\2\0" + b"".join(records) + b"\0"

    def no_line(self) -> bytes:
        return self._record(1, 1)

    def pile(self, *lines: bytes) -> bytes:
        return self._record(4) + b"\1\2" + b"".join(lines) + b"\0"

    def matrix(self, columns: int, *cells: bytes) -> bytes:
        rows = len(cells) // columns
        parts = bytes((rows + 4) // 4 + (columns + 4) // 4)
        return self._record(5) + bytes([0, 0, 0, rows, columns]) + parts + b"".join(cells) + b"\0"

    def template(self, number: int, variation: int, *records: bytes) -> bytes:
        return self._record(3) + bytes([number, variation, 0]) + b"".join(records) + b"\0"


def a_little_of_all(*, new: bool) -> bytes:
    f = Formula(new=new)

    def number(of_new: int, of_old: int) -> int:
        return of_new if new else of_old

    def power(text: str) -> bytes:
        return f.template(number(28, 15), 0, f.no_line(), f.line(f.text(text, NUMBER)))

    two = f.text("2", NUMBER)
    half = f.template(number(11, 14), 0, f.line(f.text("x"), power("2")), f.line(two))
    root = f.template(number(10, 13), number(1, 1), f.line(f.text("y")), f.line(f.text("3", NUMBER)))
    index = f.template(number(27, 15), number(0, 1), f.line(f.text("n")), f.no_line())
    operator = f.text("∫", SYMBOL)
    integral = f.template(
        number(15, 21), 1, f.line(f.text("dx")), f.line(two), f.line(f.text("∞", SYMBOL)), operator
    )
    limit = f.template(number(23, 39), 0, f.line(f.text("lim", FUNCTION)), f.line(f.text("n→∞")), f.no_line())
    cells = [f.line(f.text(letter)) for letter in "abcd"]
    brackets = f.text("\ue907\ue908", BRACKETS)
    matrix = f.template(3, number(3, 0), f.line(f.matrix(2, *cells)), brackets)
    left = f.template(
        2, 1, f.line(f.pile(f.line(f.text("u")), f.line(f.text("v")))), brackets[: len(brackets) // 2]
    )
    whole = (
        f.text("a", ITALIC), index, f.text("=", SYMBOL), half, f.text("+", SYMBOL), root, integral,
        f.text("\uef04", SPACE), f.text("b"), f.text("sin", FUNCTION), f.text("x"), limit, f.over("f", 5), matrix, left,
    )  # fmt: skip
    return f.stream(f.line(*whole))


SHOWN = "a_(n)=(x^(2))/(2)+root{3}(y)∫_(2)^(∞) dx b sin x lim_(n→∞)f′[[a, b; c, d]]{u; v"
