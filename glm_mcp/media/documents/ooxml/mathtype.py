"""Formulas of MathType and of Word's older editor (MTEF 3 and 5), in one line as `formula` writes those of Office."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

NATIVE = "Equation Native"  # the stream of an embedded object that holds the formula
_LARGEST = 32_768  # bytes; the largest seen has 3,000
_DEPTH = 40  # of templates within templates
_LINE, _CHAR, _TEMPLATE, _PILE, _MATRIX, _EMBELLISHMENT = range(1, 7)
_RULER, _FONT_STYLE, _SIZE = range(7, 10)
_COLOR, _COLOR_DEF, _FONT_DEF, _PREFERENCES, _ENCODING = range(15, 20)
_NAMES = ("lim", "max", "min", "sup", "inf", "sqrt", "root")  # that a template may begin with
_NUDGED, _NULL, _WITH_RULER, _SPACED = 8, 1, 2, 4
_FUNCTION, _FENCES_FACE, _SPACE_FACES = 0x82, 0x96, (0x97, 0x98)
_OVER = dict(zip(range(2, 21), "\u0307\u0308\u20db′″‵\u0303\u0302\u0338\u20d7\u20d6\u20e1\u20d1\u20d0\u0336\u0305‴\u0311\u032e", strict=True))  # fmt: skip
_FENCES = ("⟨⟩", "()", "{}", "[]", "||", "‖‖", "⌊⌋", "⌈⌉")
# What templates mean by their number, in each version.
_NEW = {
    **dict.fromkeys(range(9), "fence"), 9: "interval", 10: "root", 11: "fraction", 12: "plain", 13: "\u0305", 14: "→",
    **dict.fromkeys(range(15, 23), "operator"), 23: "limits", 24: "brace", 25: "brace", 27: "sub", 28: "sup", 29: "both",
    31: "\u20d7", 32: "\u0303", 33: "\u0302", 34: "\u0311",
}  # fmt: skip
_OLD = {
    **dict.fromkeys(range(8), "fence"), **dict.fromkeys(range(8, 13), "interval"), 13: "root", 14: "fraction", 15: "script",
    16: "plain", 17: "\u0305", 18: "←", 19: "→", 20: "↔", **dict.fromkeys([*range(21, 27), *range(29, 39), 42, 43], "operator"),
    27: "brace", 28: "brace", 39: "limits", 41: "fraction", 44: "script", 47: "\u20d7", 48: "\u0311",
}  # fmt: skip
_OLD_INTERVALS = ("[[", "]]", "][", "[)", "(]")


def native_formula(stream: bytes) -> str:
    """The formula of an embedded object; "" for one that cannot be read."""
    if len(stream) > _LARGEST:
        return ""
    try:
        head, size = struct.unpack_from("<H6xI", stream)
        return " ".join(_Reader(stream[head : head + size]).formula().split())
    except (IndexError, ValueError, struct.error):
        return ""


@dataclass(slots=True)
class _Items:
    """What a list holds: its text as a whole; of a template, its slots and the signs between them."""

    text: str = ""
    slots: list[str] = field(default_factory=list)
    signs: list[str] = field(default_factory=list)
    face: int = 0  # of the last character

    def add(self, letter: str, face: int) -> None:
        """Words that stand for something stand apart: sin x, not sinx."""
        named = (
            letter.startswith(_NAMES) if face == 0 else _FUNCTION in (face, self.face) and face != self.face
        )
        parted = named and self.text[-1:].isalnum() and letter[:1].isalnum()
        self.text += f" {letter}" if parted else letter
        self.face = face


class _Reader:
    """Raises IndexError, ValueError, struct.error for what is damaged."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._new = data[0] >= 5
        if data[0] not in (2, 3, 5):
            raise ValueError("of another version")
        self._at = data.index(b"\0", 5) + 2 if self._new else 5
        self._depth = 0
        self._readers = {
            _LINE: self._line,
            _TEMPLATE: self._template,
            _PILE: self._pile,
            _MATRIX: self._matrix,
        }

    def formula(self) -> str:
        return self._items().text

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _word(self) -> int:
        self._at += 2
        return int(struct.unpack_from("<H", self._data, self._at - 2)[0])

    def _count(self) -> int:
        number = self._byte()
        return self._word() if number == 255 else number

    def _skip_name(self) -> None:
        self._at = self._data.index(b"\0", self._at) + 1

    def _record(self) -> tuple[int, int]:
        """The kind of the next one and its options, behind which its place may be nudged."""
        kind = self._byte()
        if self._new:
            options = self._byte() if kind in (*range(1, 7), _COLOR_DEF, _PREFERENCES) else 0
        else:
            kind, options = kind & 15, kind >> 4
        if 1 <= kind <= _EMBELLISHMENT and options & _NUDGED:
            self._at += 4 if self._data[self._at : self._at + 2] == b"\x80\x80" else 0
            self._at += 2
        return kind, options

    def _items(self) -> _Items:
        """To the end of the list."""
        self._depth += 1
        if self._depth > _DEPTH:
            raise ValueError("too deep")
        items = _Items()
        while self._at < len(self._data):
            kind, options = self._record()
            if kind == 0:
                break
            if kind == _CHAR:
                self._character(items, options)
            elif kind in self._readers:
                text = self._readers[kind](options)
                items.slots.append(text)
                items.add(text, 0)
            else:
                self._pass(kind, options)
        self._depth -= 1
        return items

    def _character(self, items: _Items, options: int) -> None:
        face = self._byte()
        code = 0
        if self._new:
            code = 0 if options & 0x20 else self._word()
            other = self._byte() if options & 4 else self._word() if options & 16 else 0
            code = code or other
        else:
            code = self._byte() if self._data[0] == 2 else self._word()
        letter = chr(code) if code >= 0x20 else ""
        # Spaces of all widths, parts of brackets, and what fonts of others have there.
        if 0xD800 <= code <= 0xF8FF:
            if face not in (_FENCES_FACE, *_SPACE_FACES):
                raise ValueError("of a font that is not known")
            letter = " " if face in _SPACE_FACES and code & 0xFF in (4, 5) else ""
        if options & (1 if self._new else 2):
            letter += self._embellishments()
        items.signs.append(letter)
        items.add(letter, face)

    def _embellishments(self) -> str:
        over = ""
        while self._record()[0] == _EMBELLISHMENT:
            over += _OVER.get(self._byte(), "")
        return over

    def _line(self, options: int) -> str:
        if options & _SPACED:
            self._word()
        if options & _WITH_RULER:
            self._pass(*self._record())
        return "" if options & _NULL else self._items().text

    def _pile(self, options: int) -> str:
        self._at += 2
        if options & _WITH_RULER:
            self._pass(*self._record())
        return "; ".join(filter(None, self._items().slots))

    def _matrix(self, _options: int) -> str:
        self._at += 3
        rows, columns = self._byte(), self._byte()
        self._at += (rows + 4) // 4 + (columns + 4) // 4
        cells = self._items().slots
        lines = (", ".join(cells[at : at + columns]) for at in range(0, len(cells), max(columns, 1)))
        return f"[{'; '.join(lines)}]"

    def _template(self, _options: int) -> str:
        number, variation = self._byte(), self._byte()
        if self._new and variation & 0x80:
            variation = variation & 0x7F | self._byte() << 7
        self._byte()
        items = self._items()
        first, second, third, *_ = *map(str.strip, items.slots), "", "", ""
        kind = (_NEW if self._new else _OLD).get(number, "plain")
        if kind == "script":
            kind = ("sup", "sub", "both")[min(variation, 2)]
        match kind:
            case "fence":
                left, right = tuple(_FENCES[number] if number < 8 else "⟦⟧")
                which = {1: "left", 2: "right"}.get(variation & 3, "both")
                return f"{left if which != 'right' else ''}{first}{right if which != 'left' else ''}"
            case "interval":
                signs = "".join(items.signs) if self._new else _OLD_INTERVALS[number - 8]
                return f"{signs[:1] or '('}{first}{signs[1:] or ')'}"
            case "fraction":
                return f"({first})/({second})"
            case "root":
                return f"root{{{second}}}({first})" if second else f"sqrt({first})"
            case "sub" | "sup":
                return "".join(f"{'_' if kind == 'sub' else '^'}({text})" for text in items.slots if text)
            case "both":
                return _limits(first, second)
            case "operator":
                return f"{''.join(items.signs) or '∑'}{_limits(second, third)} {first}"
            case "limits":
                return f"{first}{_limits(second, third)}"
            case "brace":
                return f"{first}{_limits(second, '')}"
            case "plain":
                return " ".join(filter(None, items.slots))
            case "→" | "←" | "↔":
                return f" {kind}{_limits(second, first)} "
        return f"{first}{kind}" if len(first) == 1 else f"({first}){kind}"

    def _pass(self, kind: int, options: int) -> None:
        """What says how the signs look, not which they are."""
        if kind == _RULER:
            self._at += 1 + 3 * self._data[self._at]
        elif kind == _FONT_STYLE:
            self._at += 2
            if not self._new:
                self._skip_name()
        elif kind == _SIZE:
            self._at += {101: 3, 100: 4}.get(self._data[self._at], 2)
        elif kind == _COLOR:
            self._count()
        elif kind == _COLOR_DEF:
            self._at += 8 if options & 1 else 6
            if options & 4:
                self._skip_name()
        elif kind == _FONT_DEF:
            self._count()
            self._skip_name()
        elif kind == _ENCODING:
            self._skip_name()
        elif kind == _PREFERENCES:
            self._preferences()
        elif kind >= 100:
            length = self._count()
            self._at += length

    def _preferences(self) -> None:
        """Two arrays of lengths in half bytes, each ended by 0xF, and the styles."""
        for _ in range(2):
            left, half = self._byte(), 0
            while left:
                nibble = self._data[self._at + half // 2] >> (0 if half % 2 else 4) & 15
                left -= nibble == 15
                half += 1
            self._at += (half + 1) // 2
        for _ in range(self._byte()):
            if self._byte():
                self._byte()


def _limits(low: str, high: str) -> str:
    return f"{f'_({low})' if low else ''}{f'^({high})' if high else ''}"
