"""RTF: its text, with tables, notes, comments, text boxes, page headers and formulas, by the rules that text needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, BinaryIO

from glm_mcp.media.documents.about import with_about
from glm_mcp.media.documents.common.fields import address, shown_without_result
from glm_mcp.media.documents.common.shown import PagesShown, marked, why_shown
from glm_mcp.media.documents.pages import LeftOut, one_text
from glm_mcp.media.documents.richtext.pictures import PICTURE, RtfPictures, without_binaries
from glm_mcp.media.documents.richtext.state import Part, State
from glm_mcp.media.documents.richtext.words import (
    APART,
    CHARSETS,
    DEAD,
    FORMULA,
    IN_LINE,
    KEPT,
    PROPERTIES,
    SETS,
    SIGNS,
    TOKEN,
    code_page,
    heading_styles,
    information,
)
from glm_mcp.media.documents.richtext.writer import Writer
from glm_mcp.media.documents.web.along import Along, pages_of, parts_of
from glm_mcp.media.documents.word.runs import SYMBOL_FONTS, letters_of

PLACE = "\ufffc"  # of something attached


class _Reader:
    def __init__(self) -> None:
        self.main = Part("", Writer())
        self.state = State(part=self.main)
        self.stack: list[State] = []
        self.held = bytearray()  # bytes of one code page: a character may come in two pieces
        self.codec = "cp1252"
        self.fonts: dict[int, str | None] = {}
        self.names: dict[int, str] = {}  # of symbol fonts
        self.font = 0
        self.to_skip = 0  # stand-in characters after a \u
        self.star = self.opened = False
        self.high = ""  # first half of a \u pair
        self.author = ""
        self.instructions: list[str] = []  # of the fields that are open
        self.property = ""
        self.alt = ""
        self.notes: list[str] = []
        self.furniture: dict[str, None] = {}
        self.left_out = LeftOut()
        self.attached = ""  # what stands for an attachment
        self.pictures = RtfPictures()

    def read(self, source: str) -> str:
        self.main.writer.headings = heading_styles(source)
        for token in TOKEN.finditer(source):
            if token["hex"]:
                self._hex(int(token["hex"], 16))
            elif token["text"] is not None:
                self._text(token["text"].replace("\r", "").replace("\n", ""))
            elif token["sign"] == "*":
                self.star = self.opened  # elsewhere it means nothing
                continue
            else:
                self._release()
                if token["brace"]:
                    self._brace(token["brace"])
                elif token["sign"] is not None:
                    self._sign(token["sign"])
                else:
                    self._word(token["word"], int(token["number"]) if token["number"] else None)
            if token["text"] is None or token["text"].strip("\r\n"):
                self.star, self.opened = False, token["brace"] == "{"
        self._release()
        while self.stack:
            self._brace("}")
        footnotes = [f"[^{i}]: {text}" for i, text in enumerate(self.notes, 1)]
        return "\n\n".join(filter(None, [self.main.writer.finish(), *footnotes, *self.furniture]))

    def _release(self) -> None:
        if self.held and self.state.symbols:
            self._write_signs(self.held.decode("latin-1"))
            self.held.clear()
        elif self.held:
            text = self.held.decode(self.state.codec, "replace")
            # A single high letter in a font without a charset, in a file of a double-byte code page.
            self._write(text if "\ufffd" not in text else self.held.decode("cp1252", "replace"))
            self.held.clear()

    def _write_signs(self, text: str) -> None:
        """As the letters that they show; such a font has its signs at the places of letters, or 0xF000 higher."""
        placed = "".join(chr(0xF000 + ord(c)) if " " < c < "\u0100" else c for c in text)
        shown, is_less = letters_of(placed, self.state.symbols)
        if is_less:
            self.left_out.add(f"signs of the font {self.state.symbols}", "the text")
        self._write(shown)

    def _write(self, text: str) -> None:
        state = self.state
        if state.deleted:
            if text.strip():
                self.left_out.add("words whose deletion is tracked", "the text")
            return
        mark = state.script or ("~~" if state.struck else "")
        if mark and text.strip():
            words = text.strip()
            text = text.replace(words, f"{mark}{words}{mark}", 1)
        state.part.writer.write(text)

    def _hex(self, byte: int) -> None:
        if self.to_skip:
            self.to_skip -= 1
        elif not self.state.skip:
            self.held.append(byte)

    def _text(self, text: str) -> None:
        cut = min(self.to_skip, len(text))
        self.to_skip -= cut
        if self.state.fonts and (name := text.strip(" ;")).lower() in SYMBOL_FONTS:
            self.names.setdefault(self.font, name)  # before the name of another that may stand for it
        if self.state.part.kind == "picture":
            self.pictures.text(text, len(self.stack))
        if self.state.skip or not text[cut:]:
            return
        self.held += text[cut:].encode("latin-1")
        self._release()

    def _brace(self, brace: str) -> None:
        self.to_skip = 0
        if brace == "{":
            self.stack.append(self.state)
        elif self.stack:
            part = self.state.part
            self.state = self.stack.pop()
            if part is not self.state.part:
                self._end(part)

    def _sign(self, sign: str) -> None:
        if self.to_skip:
            self.to_skip -= 1
        elif not self.state.skip:
            self._write(
                {"~": "\xa0", "_": "‑", "\n": "\n", "\r": "\n"}.get(sign, sign if sign in "\\{}" else "")
            )

    def _word(self, word: str, number: int | None) -> None:
        if word in ("ansicpg", "fonttbl", "f", "fcharset", "uc") or word in SETS:
            self._letters(word, number)
        elif self.state.dead:
            return
        elif word in PICTURE:
            self.pictures.word(word, number, len(self.stack))
        elif word in DEAD and (self.opened or self.star):  # elsewhere it would end the text around it
            self.state = replace(self.state, skip=True, dead=True)
        elif word in IN_LINE:
            self._begin(IN_LINE[word], skip=word == "pict" or (word == "field" and self.state.skip))
        elif word in APART:
            self._begin(APART[word], skip=False)
        elif word in FORMULA:
            self._begin("formula", skip=False)
            before, self.state.part.after = FORMULA[word]
            self._write(before)
        elif word in PROPERTIES:
            self.state = replace(self.state, skip=True)
        elif self.star:
            # A text box lies in a group for newer readers, which otherwise holds no text.
            self.state = replace(self.state, skip=word not in KEPT)
        elif not self.state.skip:
            self._write(self.attached) if word == "objattph" else self._layout(word, number)

    def _letters(self, word: str, number: int | None) -> None:
        match word:
            case "ansicpg" | "mac" | "pc" | "pca":
                self.codec = SETS.get(word) or code_page(number)
                self.state = replace(self.state, codec=self.codec)
            case "fonttbl":
                self.state = replace(self.state, skip=True, dead=True, fonts=True)
            case "f":
                self.font = number or 0
                if not self.state.fonts:
                    codec, name = self.fonts.get(self.font) or self.codec, self.names.get(self.font, "")
                    self.state = replace(self.state, codec=codec, symbols=name)
            case "fcharset" if self.state.fonts:
                self.fonts[self.font] = CHARSETS.get(number or 0)
            case "uc":
                self.state = replace(self.state, after=1 if number is None else max(number, 0))

    def _begin(self, kind: str, *, skip: bool) -> None:
        """The rest of the group is a part of its own; pictures, results and formulas stay in the line."""
        writer = self.state.part.writer
        start = (len(self.instructions), 0) if kind == "field" else (len(writer.line), len(writer.blocks))
        if kind in APART.values():
            part = Part(kind, Writer())
            aside = self.state.aside or kind in ("header", "footer")
            self.state = replace(self.state, skip=skip, part=part, struck=False, script="", aside=aside)
        else:
            self.state = replace(self.state, skip=skip, part=Part(kind, writer, start))
        if kind == "picture":
            self.alt = ""
            counts = not self.state.aside and not self.state.deleted
            self.pictures.begin(len(self.stack), counts=counts)

    def _end(self, part: Part) -> None:
        writer = self.state.part.writer
        if part.kind == "picture":
            self.pictures.end()
            self._write(f"[picture: {self.alt}]" if self.alt else "[picture]")
        elif part.kind == "formula":
            self._write(part.after)
        elif part.kind == "result":
            self._end_result(part)
        elif part.kind == "field" and len(self.instructions) > part.start[0]:
            self._write(shown_without_result(self.instructions.pop()))
        elif part.kind in APART.values():
            self._end_apart(part.kind, part.writer.finish(), writer)

    def _end_apart(self, kind: str, text: str, writer: Writer) -> None:
        words = " ".join(text.split())
        match kind:
            case "header" | "footer" if len(words) > 2:
                self.furniture[f"[page {kind}: {' / '.join(text.split(chr(10) * 2))}]"] = None
            case "footnote":
                self.notes.append(text.strip())
                writer.write(f"[^{len(self.notes)}]")
            case "annotation":
                by, self.author = f", {self.author}" if self.author else "", ""
                self._write(f" [comment{by}: {words}]")
            case "atnauthor":
                self.author = words
            case "fldinst":
                self.instructions.append(text)
            case "objclass" if words:
                self._write(f"[embedded: {words}]")
            case "box" if words:
                writer.hang(text)
            case "listtext":
                writer.mark(words)
            case "sn":
                self.property = words
            case "sv" if self.property == "wzDescription":
                self.alt = words
            case "sv" if self.property == "gtextUNICODE" and words:
                self.main.writer.hang(text)

    def _end_result(self, part: Part) -> None:
        instruction = self.instructions.pop() if self.instructions else ""
        url, writer = address(instruction), part.writer
        at, blocks = part.start
        words = "".join(writer.line[at:]) if len(writer.blocks) == blocks else ""
        if url and words.strip() and "\n" not in words and url not in (words, f"mailto:{words}"):
            writer.line[at:] = [f"[{words}]({url})"]
        elif url and url not in words:
            self._write(f" ({url})")
        elif not words.strip():
            self._write(shown_without_result(instruction))

    def _layout(self, word: str, number: int | None) -> None:
        part = self.state.part
        if word == "u" and number is not None:
            self._unicode(number % 65536)
            self.to_skip = self.state.after
        elif word in SIGNS:
            self._write(SIGNS[word])
        elif not part.writer.lay_out(word, number, inner=part.kind == "inner table"):
            self._look(word, on=number != 0)

    def _look(self, word: str, *, on: bool) -> None:
        match word:
            case "plain":
                state = replace(self.state, codec=self.codec, symbols="")
                self.state = replace(state, deleted=False, struck=False, script="")
            case "deleted":
                self.state = replace(self.state, deleted=on)
            case "strike" | "striked":
                self.state = replace(self.state, struck=on)
            case "super" | "sub" | "nosupersub":
                script = {"super": "^", "sub": "~"}.get(word, "") if on else ""
                self.state = replace(self.state, script=script)

    def _unicode(self, code: int) -> None:
        if 0xD800 <= code < 0xDC00:
            self.high = chr(code)
            return
        text = (self.high + chr(code)).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        self.high = ""
        self._write_signs(text) if self.state.symbols else self._write(text)


def _opened(data: bytes) -> tuple[_Reader, str]:
    reader = _Reader()
    source, reader.pictures.binaries = without_binaries(data)
    return reader, source


def rtf_text(data: bytes) -> str:
    """Markdown of an RTF file; control words that mean nothing for text are passed over."""
    reader, source = _opened(data)
    return reader.read(source)


def rtf_with_places(data: bytes) -> tuple[str, list[Along]]:
    """The body of a mail: as `rtf_text`, with PLACE where something is attached, and its pictures."""
    reader, source = _opened(data)
    reader.attached = PLACE
    return reader.read(source), reader.pictures.found


def rtf_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises InvalidRequest (pages)."""
    name = params["name"]
    reader, source = _opened(file.read())
    text = reader.read(source)
    _, shown = parts_of({1: reader.pictures.found}, name, reader.left_out, "the text")
    whole = one_text("rtf", text, params.get("pages"), name, reader.left_out.notes())
    about = [(word, _Reader().read(said)) for word, said in information(source)]
    return with_about(marked(whole, why_shown(text, shown[1])), about), []


def pictures_of_rtf(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    """As of `pages_shown`."""
    file.seek(0)
    reader, source = _opened(file.read())
    reader.read(source)
    return pages_of({1: reader.pictures.found}, "", params["name"], left_out)
