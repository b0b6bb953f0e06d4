"""A PDF of a few pages, written by hand: text whose letters are known though its fonts are not, lines and pictures."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from glm_mcp.media.documents.fixed.boxes import font, stream
from glm_mcp.media.documents.fixed.letters import Letters, utf16
from glm_mcp.media.documents.fixed.numbers import PLAIN, Matrix
from glm_mcp.media.documents.fixed.pictures import Made

MM = 72 / 25.4  # points in a millimetre

Step = tuple[str, Sequence[float]]  # an operator of PDF that draws (m, l, c, h), and its points

# How codes lead to letters.
_MAP = (
    "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /U def /CMapType 2 def "
    "1 begincodespacerange <0000> <FFFF> endcodespacerange\n{}endcmap end end"
)
# Where a code is the letter itself (UTF-16).
_PLAIN = "".join(
    f"{min(100, 256 - first)} beginbfrange\n"
    + "".join(f"<{n:02X}00> <{n:02X}FF> <{n:02X}00>\n" for n in range(first, min(first + 100, 256)))
    + "endbfrange\n"
    for first in (0, 100, 200)
)
_FONT = (
    b"<</Type/Font/Subtype/Type0/BaseFont/SimSun/Encoding/%s/ToUnicode 3 0 R/DescendantFonts["
    b"<</Type/Font/Subtype/CIDFontType2/BaseFont/SimSun/CIDSystemInfo<</Registry(Adobe)/Ordering(%s)/Supplement 0>>"
    b"/DW 1000/W[%s]/FontDescriptor<</Type/FontDescriptor/FontName/SimSun/Flags 4/FontBBox[0 -141 1000 859]"
    b"/ItalicAngle 0/Ascent 859/Descent -141/CapHeight 683/StemV 80%s>>%s>>]>>"
)
# Fonts of the machine, which are found by the list of letters that a font says to have: codes are letters (UTF-16) in each.
_SEEN = {
    "F": (b"Identity-H", b"Identity", b"0 255 500"),
    "C": (b"UniGB-UTF16-H", b"GB1", b"1 95 500"),
    "K": (b"UniKS-UTF16-H", b"Korea1", b"1 95 500"),
}
_HANGUL = (range(0x1100, 0x1200), range(0x3130, 0x3190), range(0xAC00, 0xD800))
_CHINESE = range(0x2E80, 0xA000)


@dataclass(slots=True)
class Sheet:
    """A page, in millimetres from its upper left corner. `letters`: of its document, where it is to be read; None: it is to
    be seen, in a font of the machine.
    """

    width: float
    height: float
    letters: Letters | None = None
    ops: list[str] = field(default_factory=list)
    pictures: list[Made] = field(default_factory=list)
    size: int = 0  # bytes of what is drawn

    def text(
        self,
        letters: str,
        places: Sequence[tuple[float, float]],
        matrix: Matrix,
        size: float,
        wide: float = 1.0,
        widths: Sequence[float] = (),
        colour: str = "",
    ) -> None:
        """Letters at their places, which `matrix` moves and turns; those of one line in one piece. `wide`: how much wider
        than usual. `widths`: of each letter, in its size. `colour`: what sets it, where they are to be seen. Rare letters, of two units of UTF-16, have two places and widths.
        """
        a, b, c, d, _, _ = (MM * v for v in matrix)
        step = size * wide
        if not letters or not step:
            return
        narrow = _usual(letters, places, step) if self.letters else 0.5
        ops = [f"BT {wide * 100:.0f} Tz {(not self.letters and colour) or '0 g'}"]
        line: float | None = None
        before, end, at = "", 0.0, 0
        for letter in letters:
            (x, y), own = places[at], widths[at] if at < len(widths) else None
            at += 2 if letter > "\uffff" else 1
            code, width, font = utf16(letter), em(ord(letter), narrow), "F"
            if self.letters:
                code, width = self.letters.code(letter, width if own is None else own)
            elif (font := _font(letter)) != "F":
                width = 0.5 if letter < "\x80" else 1.0
            if (line, before) != (y, font) or not end - 3 * step < x < end + 6 * step:
                moved = "{:.3f} {:.3f} Tm".format(*self._at(matrix, x, y))
                ops.append(f"{'' if line is None else '>] TJ'} /{font} {size:.3f} Tf")
                ops.append(f" {a:.4f} {-b:.4f} {-c:.4f} {d:.4f} {moved} [<")
            elif abs(x - end) > 0.005 * step:
                ops.append(f">{(end - x) / step * 1000:.0f}<")
            ops.append(code)
            line, before, end = y, font, x + width * step
        self._add("".join([*ops, ">] TJ ET"]))

    def path(self, steps: Iterable[Step], matrix: Matrix, width: float, paint: tuple[str, str]) -> None:
        """`paint`: what sets the colours, and the operator that paints."""
        drawn = [
            " ".join(
                "{:.3f} {:.3f}".format(*self._at(matrix, *pair))
                for pair in zip(points[::2], points[1::2], strict=False)
            )
            + f" {step}"
            for step, points in steps
        ]
        if drawn:
            self._add(" ".join([f"q {MM * width:.3f} w", paint[0], *drawn, paint[1], "Q"]))

    def picture(self, made: Made, matrix: Matrix) -> None:
        """In the unit square, which `matrix` moves and turns."""
        a, b, c, d, _, _ = matrix
        x, y = self._at(matrix, 0, 1)
        self._add(
            f"q {MM * a:.3f} {-MM * b:.3f} {-MM * c:.3f} {MM * d:.3f} {x:.3f} {y:.3f} cm /P{len(self.pictures)} Do Q"
        )
        self.pictures.append(made)
        self.size += len(made.data)

    def stamp(self, made: Made | None, box: Sequence[float], clip: Sequence[float] | None) -> None:
        """A seal: what lies below shows through. `clip`: what is seen of it, from the box's corner. None: its frame alone."""
        x, y, width, height = box
        seen = clip or (0.0, 0.0, width, height)
        left, low = self._at(PLAIN, x + seen[0], y + seen[1] + seen[3])
        frame = f"{left:.3f} {low:.3f} {MM * seen[2]:.3f} {MM * seen[3]:.3f} re"
        self._add(f"q /Ink gs {frame} W n" if made else f"q 1 0 0 RG {frame} S")
        if made:
            self.picture(made, (width, 0.0, 0.0, height, x, y))
        self._add("Q")

    def _at(self, matrix: Matrix, x: float, y: float) -> tuple[float, float]:
        a, b, c, d, e, f = matrix
        return MM * (x * a + y * c + e), MM * (self.height - (x * b + y * d + f))

    def _add(self, op: str) -> None:
        self.ops.append(op)
        self.size += len(op)


def em(code: int, narrow: float = 0.5) -> float:
    """How wide a letter is, of its size: all of it in East Asia."""
    return narrow if code < 0x100 else 1.0


def _font(letter: str) -> str:
    """Which of the machine's fonts has a letter to be seen; of rarer ones it is then known that they are not drawn."""
    if any(ord(letter) in letters for letters in _HANGUL):
        return "K"
    return "C" if letter > "\uffff" or ord(letter) in _CHINESE or letter.encode("gbk", "ignore") else "F"


def _usual(letters: str, places: Sequence[tuple[float, float]], step: float) -> float:
    """The width that most narrow letters have, so that they stand in words."""
    steps = [
        (after[0] - place[0]) / step
        for letter, place, after in zip(letters, places, places[1:], strict=False)
        if " " < letter < "\x7f" and place[1] == after[1]
    ]
    usual = statistics.median(steps) if steps and max(map(ord, letters)) < 1 << 16 else 0.5
    return min(max(usual, 0.3), 1.0)


def pdf_of(sheets: Sequence[Sheet]) -> bytes:
    """Of one page or more."""
    letters = sheets[0].letters
    bodies: list[bytes] = [b"<</Type/Catalog/Pages 2 0 R>>", b""]
    bodies.append(stream(_MAP.format(letters.pairs() if letters else _PLAIN).encode()))
    fonts = {name: len(bodies) + n for n, name in enumerate(_SEEN, 1)}
    if letters:
        fonts = {"F": 4}
        drawn = b"/FontFile2 5 0 R", b"/CIDToGIDMap 6 0 R"
        bodies.append(_FONT % (b"Identity-H", b"Identity", letters.widths(), *drawn))
        bodies += [stream(font()), stream(letters.glyphs())]
    else:
        bodies += [_FONT % (*says, b"", b"") for says in _SEEN.values()]
    named = b"".join(b"/%s %d 0 R" % (name.encode(), number) for name, number in fonts.items())
    pages: list[int] = []
    placed: dict[int, int] = {}  # pictures, which may stand in many places
    for sheet in sheets:
        names = b""
        for n, made in enumerate(sheet.pictures):
            if id(made) not in placed:
                says = b"/Type/XObject/Subtype/Image/Width %d/Height %d%s" % (*made.pixels, made.says)
                bodies.append(b"<<%s/Length %d>>stream\n%s\nendstream" % (says, len(made.data), made.data))
                placed[id(made)] = len(bodies)
            names += b"/P%d %d 0 R" % (n, placed[id(made)])
        bodies.append(stream("\n".join(sheet.ops).encode()))
        box = f"[0 0 {sheet.width * MM:.2f} {sheet.height * MM:.2f}]".encode()
        bodies.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox%s/Contents %d 0 R/Resources"
            b"<</Font<<%s>>/ExtGState<</Ink<</BM/Multiply>>>>/XObject<<%s>>>>>>"
            % (box, len(bodies), named, names)
        )
        pages.append(len(bodies))
    bodies[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(pages), b" ".join(b"%d 0 R" % n for n in pages))
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1) + b"".join(
        b"%010d 00000 n \n" % p for p in places
    )
    return bytes(out + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, start))
