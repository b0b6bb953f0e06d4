"""The body that Outlook keeps as RTF: how it is packed ([MS-OXRTFCP]), and the web page that was made RTF ([MS-OXRTFEX])."""

from __future__ import annotations

import codecs
import struct
from typing import NamedTuple

from glm_mcp.media.documents.richtext.words import CHARSETS, TOKEN, code_page

_LZFU = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    b"\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_RTF_BYTES = 50_000_000  # made of a text
_FROM_A_PAGE = b"\\fromhtml"  # among the first words
_WESTERN = "cp1252"
_ONE_BY_ONE = "glm_mcp.western"  # how errors are handled
_HEAD = 2_000  # bytes in which it stands
_SIGNS = {
    **dict.fromkeys(("par", "line"), "\r\n"),
    "tab": "\t",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
    "bullet": "•",
    "endash": "–",
    "emdash": "—",
    "~": "\u00a0",
    "_": "\u00ad",
}


def _western(error: UnicodeError) -> tuple[str, int]:
    """A letter that the code page of the others does not have, as programs put a hard blank between Chinese words."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.start + 1].decode(_WESTERN, "replace"), error.start + 1


codecs.register_error(_ONE_BY_ONE, _western)


def unpacked(data: bytes) -> bytes:
    """RTF as messages hold it, compressed or not."""
    if len(data) < 16:
        return b""
    size, kind = struct.unpack_from("<I", data, 4)[0], data[8:12]
    if kind != b"LZFu":
        return data[16 : 16 + size]
    window = bytearray(_LZFU.ljust(4096, b"\0"))
    write, at = len(_LZFU), 16
    out = bytearray()

    def put(letter: int) -> None:
        nonlocal write
        window[write % 4096] = letter
        write += 1
        out.append(letter)

    while at < len(data) and len(out) < min(size, _RTF_BYTES):
        flags = data[at]
        at += 1
        for bit in range(8):
            if not flags >> bit & 1:
                if at < len(data):
                    put(data[at])
                at += 1
                continue
            token = int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big")
            at += 2
            start = token >> 4
            if start == write % 4096:  # the mark of the end
                return bytes(out)
            for i in range((token & 15) + 2):  # what is copied may be what was just written
                put(window[(start + i) % 4096])
    return bytes(out)


class _State(NamedTuple):
    """Of a group. `rtf`: what stands there is for readers of RTF alone; `skip`: it is no text; `after`: letters that
    stand for one of Unicode.
    """

    codec: str
    rtf: bool = False
    skip: bool = False
    after: int = 1


def page_within(rtf: bytes) -> str:
    """The page that was made this RTF; "" for any other."""
    return _Page().read(rtf.decode("latin-1")) if _FROM_A_PAGE in rtf[:_HEAD] else ""


class _Page:
    def __init__(self) -> None:
        self._state, self._stack = _State(_WESTERN), list[_State]()
        self._codec = _WESTERN
        self._fonts: dict[int, str | None] = {}
        self._out: list[str] = []
        self._bytes = bytearray()  # of one code page: a letter may come in two pieces
        self._star = self._opened = False
        self._font = self._to_skip = 0

    def read(self, source: str) -> str:
        for token in TOKEN.finditer(source):
            if token["hex"] is None and token["text"] is None:
                self._release()
            if token["hex"] is not None:
                self._put(bytes([int(token["hex"], 16)]))
            elif token["text"] is not None:
                self._put(token["text"].replace("\r", "").replace("\n", "").encode("latin-1"))
            elif token["brace"]:
                self._brace(token["brace"])
                continue
            elif token["word"]:
                number = token["number"]
                self._word(token["word"], None if number is None else int(number))
            elif token["sign"] == "*":
                self._star = True
                continue
            elif token["sign"] in "\\{}":
                self._put(token["sign"].encode("latin-1"))
            elif sign := _SIGNS.get(token["sign"]):
                self._write(sign)
            self._star = self._opened = False
        self._release()
        return "".join(self._out).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _brace(self, brace: str) -> None:
        if brace == "{":
            self._stack.append(self._state)
        elif self._stack:
            self._state = self._stack.pop()
        self._star, self._opened, self._to_skip = False, brace == "{", 0

    def _word(self, word: str, number: int | None) -> None:
        if word == "htmlrtf":
            self._state = self._state._replace(rtf=number != 0)
        elif word == "htmltag" and self._star:
            self._state = self._state._replace(skip=False, rtf=False)
        elif self._star or (self._opened and word in ("fonttbl", "colortbl", "stylesheet", "info", "pntext")):
            self._state = self._state._replace(skip=True)
        elif word == "ansicpg":
            self._codec = code_page(number)
            self._state = self._state._replace(codec=self._codec)
        elif word == "f":
            self._font = number or 0
            codec = self._fonts.get(self._font)
            self._state = self._state._replace(codec=codec or self._codec)
        elif word == "fcharset":
            self._fonts[self._font] = CHARSETS.get(number or 0) or (_WESTERN if number == 0 else None)
        elif word == "uc":
            self._state = self._state._replace(after=max(number or 0, 0))
        elif word == "u" and number is not None:
            self._write(chr(number % 65_536))
            self._to_skip = self._state.after
        elif sign := _SIGNS.get(word):
            self._write(sign)

    def _put(self, data: bytes) -> None:
        cut = min(self._to_skip, len(data))
        self._to_skip -= cut
        if not (self._state.rtf or self._state.skip):
            self._bytes += data[cut:]

    def _write(self, text: str) -> None:
        self._release()
        if not (self._state.rtf or self._state.skip):
            self._out.append(text)

    def _release(self) -> None:
        if self._bytes:
            self._out.append(self._bytes.decode(self._state.codec, _ONE_BY_ONE))
            self._bytes.clear()
