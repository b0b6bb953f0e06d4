"""RTF: its text, with tables, by the few rules that text needs. Pictures and styles are left out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from glm_mcp.media.documents.markdown import table
from glm_mcp.media.documents.pages import one_text

_TOKEN = re.compile(
    r"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<sign>[^a-zA-Z])|(?P<brace>[{}])|(?P<text>[^\\{}]+)",
    re.DOTALL,
)
# Groups that are not text of the document.
_SKIPPED = frozenset(
    (
        *(
            "fonttbl",
            "colortbl",
            "stylesheet",
            "info",
            "pict",
            "object",
            "themedata",
            "colorschememapping",
            "datastore",
        ),
        *(
            "listtable",
            "listoverridetable",
            "revtbl",
            "rsidtbl",
            "generator",
            "xmlnstbl",
            "latentstyles",
            "fldinst",
        ),
        *(
            "filetbl",
            "mmathPr",
            "bkmkstart",
            "bkmkend",
            "pn",
            "atnid",
            "atnauthor",
            "annotation",
            "shppict",
        ),
        *(
            "nonshppict",
            "shprslt",
            "header",
            "headerl",
            "headerr",
            "headerf",
            "footer",
            "footerl",
            "footerr",
            "footerf",
        ),
    )
)
_SIGNS = {
    "par": "\n",
    "sect": "\n",
    "page": "\n",
    "line": "\n",
    "tab": "\t",
    "emdash": "—",
    "endash": "–",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
    "bullet": "•",
    "emspace": " ",
    "enspace": " ",
}
# \fcharset to code page, from the format's description.
_CHARSETS = {
    128: "cp932",
    129: "cp949",
    134: "gb18030",
    136: "big5hkscs",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
}
_PAGES = {936: "gb18030", 950: "big5hkscs", 65001: "utf-8", 10000: "mac_roman"}


@dataclass(frozen=True, slots=True)
class _State:
    """What a group inherits and its end restores."""

    skip: bool = False
    after: int = 1  # characters that stand in for a \u, for readers that lack it
    codec: str = "cp1252"
    fonts: bool = False  # inside the font table


@dataclass(slots=True)
class _Writer:
    """Text as it comes, and the table that is open."""

    blocks: list[str] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    in_table: bool = False

    def write(self, text: str) -> None:
        self.line.append(text)
        if text == "\n" and not self.in_table:
            self.flush()

    def end_cell(self) -> None:
        self.cells.append("".join(self.line).strip())
        self.line = []

    def end_row(self) -> None:
        if self.cells:
            self.rows.append(self.cells)
        self.cells = []

    def flush(self) -> None:
        text = "".join(self.line)
        self.line = []
        if text.strip():
            self.end_table()
        self.blocks.append(text)

    def end_table(self) -> None:
        if self.rows:
            self.blocks.append("\n\n" + table(self.rows) + "\n\n")
            self.rows = []

    def finish(self) -> str:
        self.flush()
        self.end_row()
        self.end_table()
        blocks = [re.sub(r"\n", "\n\n", b) if not b.startswith("\n\n|") else b for b in self.blocks]
        return re.sub(r"\n{3,}", "\n\n", "".join(blocks)).strip()


class _Reader:
    def __init__(self) -> None:
        self.out = _Writer()
        self.state = _State()
        self.stack: list[_State] = []
        self.held = bytearray()  # bytes of one code page: a character may come in two pieces
        self.codec = "cp1252"
        self.fonts: dict[int, str | None] = {}
        self.font = 0
        self.to_skip = 0  # stand-in characters after a \u
        self.star = False
        self.high = ""  # first half of a \u pair

    def read(self, source: str) -> str:
        for token in _TOKEN.finditer(source):
            if token["hex"]:
                self._hex(int(token["hex"], 16))
            elif token["text"] is not None:
                self._text(token["text"].replace("\r", "").replace("\n", ""))
            elif token["sign"] == "*":
                self.star = True
                continue
            else:
                self._release()
                if token["brace"]:
                    self._brace(token["brace"])
                elif token["sign"] is not None:
                    self._sign(token["sign"])
                else:
                    self._word(token["word"], int(token["number"]) if token["number"] else None)
            self.star = False
        self._release()
        return self.out.finish()

    def _release(self) -> None:
        if self.held:
            text = self.held.decode(self.state.codec, "replace")
            # A single high letter in a font without a charset, in a file of a double-byte code page.
            self.out.write(text if "\ufffd" not in text else self.held.decode("cp1252", "replace"))
            self.held.clear()

    def _hex(self, byte: int) -> None:
        if self.to_skip:
            self.to_skip -= 1
        elif not self.state.skip:
            self.held.append(byte)

    def _text(self, text: str) -> None:
        cut = min(self.to_skip, len(text))
        self.to_skip -= cut
        if self.state.skip or not text[cut:]:
            return
        self.held += text[cut:].encode("latin-1")
        self._release()

    def _brace(self, brace: str) -> None:
        self.to_skip = 0
        if brace == "{":
            self.stack.append(self.state)
        elif self.stack:
            self.state = self.stack.pop()

    def _sign(self, sign: str) -> None:
        if self.to_skip:
            self.to_skip -= 1
        elif not self.state.skip:
            self.out.write(
                {"~": "\xa0", "_": "‑", "\n": "\n", "\r": "\n"}.get(sign, sign if sign in "\\{}" else "")
            )

    def _word(self, word: str, number: int | None) -> None:
        match word:
            case "ansicpg":
                self.codec = _code_page(number)
                self.state = replace(self.state, codec=self.codec)
            case "fonttbl":
                self.state = replace(self.state, skip=True, fonts=True)
            case "f":
                self.font = number or 0
                if not self.state.fonts:
                    self.state = replace(self.state, codec=self.fonts.get(self.font) or self.codec)
            case "fcharset" if self.state.fonts:
                self.fonts[self.font] = _CHARSETS.get(number or 0)
            case "uc":
                self.state = replace(self.state, after=1 if number is None else max(number, 0))
            case "shptxt":  # the text of a text box, inside a group for newer readers
                self.state = replace(self.state, skip=False)
            case _ if word in _SKIPPED or self.star:
                # A text box lies in a group for newer readers, which otherwise holds no text.
                self.state = replace(self.state, skip=True)
            case _ if not self.state.skip:
                self._layout(word, number)

    def _layout(self, word: str, number: int | None) -> None:
        match word:
            case "u" if number is not None:
                self._unicode(number % 65536)
                self.to_skip = self.state.after
            case "cell" | "nestcell":
                self.out.end_cell()
            case "row" | "nestrow":
                self.out.end_row()
            case "intbl":
                self.out.in_table = True
            case "pard":
                self.out.in_table = False
            case "plain":
                self.state = replace(self.state, codec=self.codec)
            case _ if word in _SIGNS:
                self.out.write(_SIGNS[word])

    def _unicode(self, code: int) -> None:
        if 0xD800 <= code < 0xDC00:
            self.high = chr(code)
            return
        text = (self.high + chr(code)).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        self.high = ""
        self.out.write(text)


def _code_page(number: int | None) -> str:
    if number in _PAGES:
        return _PAGES[number]
    try:
        b"a".decode(f"cp{number}")
    except LookupError:
        return "cp1252"
    return f"cp{number}"


def _without_binary(data: bytes) -> bytes:
    r"""Without the raw bytes that follow a \bin, in which braces mean nothing."""
    kept, start = [], 0
    for word in re.finditer(rb"\\bin(\d{1,10}) ?", data):
        if word.start() >= start:
            kept.append(data[start : word.start()])
            start = word.end() + int(word[1])
    return b"".join([*kept, data[start:]])


def rtf_text(data: bytes) -> str:
    """Markdown of an RTF file; control words that mean nothing for text are passed over."""
    return _Reader().read(_without_binary(data).decode("latin-1"))


def rtf_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    return one_text("rtf", rtf_text(file.read()), params.get("pages"), params["name"]), []
