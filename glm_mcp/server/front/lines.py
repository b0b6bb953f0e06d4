"""Bytes of stdin as lines, each bounded before it is read: in its length, and in the values that it holds."""

from __future__ import annotations

import re

from glm_mcp.glm.json_shape import DIGITS, MESSAGE_VALUES, NAME_BYTES, Shape

LINE_BYTES = 32 * 1024 * 1024  # of one message, as over HTTP: a picture as base64 among the arguments
TOO_MANY = (
    f"of more than {MESSAGE_VALUES:,} values, or 800,000 escaped letters, or with a number of more than {DIGITS} digits; "
    "send less at once"
)
LONG_NAME = f"whose id, method or name has more than {NAME_BYTES:,} characters"
BOM = b"\xef\xbb\xbf"  # that writers of .NET and PowerShell put in front of what they send
_END = 300  # bytes at the start and the end of a message that is not read, in one of which its id stands
_ID_FIRST = re.compile(rb'\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15}|"[^"\\]{1,100}")\s*,')
_ID_LAST = re.compile(
    rb',\s*"id"\s*:\s*(\d{1,15}|"[^"\\]{1,100}")\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*\Z'
)
_INVALID_REQUEST = -32600


class Refusal(bytes):
    """The answer, as a line, to a message that is not read."""

    __slots__ = ()


class Lines:
    """What has come, cut into lines. One that is too long, or holds too many values to be read at once, is a Refusal."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._begun = bytearray()
        self._size = 0
        self._shape = Shape(MESSAGE_VALUES)

    def feed(self, chunk: bytes) -> list[bytes | bytearray]:
        """The lines that `chunk` ends."""
        *finished, rest = chunk.split(b"\n")
        lines = []
        for piece in finished:
            self._add(piece)
            lines.append(self._line())
        self._add(rest)
        return lines

    def end(self) -> list[bytes | bytearray]:
        """The line that no newline ended, if there is one."""
        return [self._line()] if self._size else []

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        self._shape.feed(piece)
        self._begun += piece
        if self._unreadable():
            del self._begun[_END:-_END]

    def _unreadable(self) -> str:
        if self._size > LINE_BYTES:
            return f"longer than {LINE_BYTES >> 20} MB; give the path of a file instead of its contents"
        if self._shape.too_many:
            return TOO_MANY
        return LONG_NAME if self._shape.long_name else ""

    def _line(self) -> bytes | bytearray:
        line, why = self._begun, self._unreadable()
        self._begin()
        if line.startswith(BOM):
            del line[: len(BOM)]
        if not why:
            return line
        found = _ID_FIRST.match(line) or _ID_LAST.search(line)
        ident = found[1].decode("utf-8", "replace") if found else "null"
        words = f'{{"code":{_INVALID_REQUEST},"message":"a message {why}"}}'
        return Refusal(f'{{"jsonrpc":"2.0","id":{ident},"error":{words}}}\n'.encode())
