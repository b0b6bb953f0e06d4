"""How many values a JSON text holds, told piece by piece without reading it.

Reading JSON holds the interpreter to its end: megabytes of one string take some milliseconds, megabytes of small values
seconds. So whoever reads a text of somebody else's bounds the number of its values first.
"""

from __future__ import annotations

import re
from typing import Any

VALUES_MAX = 100_000  # of a text that is read into plain objects, in some 30 ms
# Of a message, which is validated too, in some 50 ms; a history of 5,000 turns has 35,000.
MESSAGE_VALUES = 40_000
# Of a text that stands in a message or its params directly: what answers and traces repeat.
NAME_BYTES = 1_000
SMALL = 100_000  # bytes or characters whose values cannot be too many to be read at once
_NAMED = 2  # levels: the id and the method, the name of a tool
DEEPEST = 100  # values in values: Python's own limit depends on where it reads and where it writes
# Of a number. The time for one grows with the square of its digits, and 32 MB in numbers of 4,000 took a second.
DIGITS = 350
_ESCAPES_A_VALUE = 20  # as many take half the time of one value; the SDK reads a body over HTTP a second time
_STEP = 1 << 16  # bytes looked at in one go: some milliseconds at most
_DIGIT = re.compile(rb"[0-9]")
_LONG_NUMBER = re.compile(rb"(?<![0-9])[0-9]{%d}" % (DIGITS + 1))
_DIGITS_AT_END = re.compile(rb"(?<![0-9])[0-9]+\Z")


def dict_of(value: Any) -> dict[str, Any]:
    """Itself, where it is an object; else an empty one."""
    return value if isinstance(value, dict) else {}


class Shape:
    """`values`: strings, commas and brackets so far, at least as many as there are values. `too_many`: more than
    `most`; escapes count too, and so does one number of more than `DIGITS`. `long_name`: a text of more than some
    `NAME_BYTES` stands in the outermost value or in one directly within it. `closed`: whether something was opened
    and all of it is closed again.
    """

    def __init__(self, most: int = VALUES_MAX) -> None:
        self._most = most
        self.values = 0
        self.long_name = False
        self._depth = 0
        self._opened = self._in_string = False
        self._escapes = 0
        self._escape = b""  # a backslash whose other half is still to come
        self._digits = b""  # at the end of what came, of a number that may go on
        self._long_number = False

    @property
    def too_many(self) -> bool:
        return self._long_number or self.values + self._escapes // _ESCAPES_A_VALUE > self._most

    @property
    def closed(self) -> bool:
        return self._opened and self._depth <= 0 and not self._in_string

    def feed(self, text: bytes) -> None:
        for at in range(0, len(text), _STEP):
            if self.too_many:
                return
            self._feed(self._escape + text[at : at + _STEP])

    def _feed(self, piece: bytes) -> None:
        bare = piece.rstrip(b"\\")
        self._escape = b"\\" * ((len(piece) - len(bare)) % 2)
        parts = bare.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        if len(max(parts, key=len)) > NAME_BYTES:
            self._look_at_names(parts)
        outside = b" ".join(parts[1::2] if self._in_string else parts[::2])
        self._look_at_numbers(outside)
        begun = (len(parts) - self._in_string) // 2
        self._in_string ^= len(parts) % 2 == 0
        self._escapes += bare.count(b"\\")
        opened = outside.count(b"[") + outside.count(b"{")
        self._opened = self._opened or opened > 0
        self._depth += opened - outside.count(b"]") - outside.count(b"}")
        self.values += begun + opened + outside.count(b",")

    def _look_at_numbers(self, outside: bytes) -> None:
        text = self._digits + outside
        # A long number is met by steps of its length, which are few; most texts need no closer look.
        if _DIGIT.search(text[:: DIGITS + 1]) and _LONG_NUMBER.search(text):
            self._long_number = True
        at_end = _DIGITS_AT_END.search(text, max(0, len(text) - DIGITS - 1))
        self._digits = at_end[0] if at_end else b""

    def _look_at_names(self, parts: list[bytes]) -> None:
        depth, in_string = self._depth, self._in_string
        for part in parts:
            if in_string:
                self.long_name = self.long_name or (depth <= _NAMED and len(part) > NAME_BYTES)
            else:
                depth += part.count(b"[") + part.count(b"{") - part.count(b"]") - part.count(b"}")
            in_string = not in_string


def too_many_values(text: str | bytes, most: int = VALUES_MAX) -> bool:
    """Whether a JSON text has more values than are read. Takes a tenth of a second for some ten megabytes."""
    if len(text) <= SMALL:
        return False
    shape = Shape(most)
    for at in range(0, len(text), _STEP):
        piece = text[at : at + _STEP]
        shape.feed(piece.encode("utf-8", "replace") if isinstance(piece, str) else piece)
        if shape.too_many:
            return True
    return False


def too_deep(value: Any) -> bool:
    """Whether what was read has more values in values than can surely be written again."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True
