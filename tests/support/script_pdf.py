"""A PDF page of text in any script: a font of numbered glyphs, and the map of the numbers to Unicode that readers use."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from support.made_documents import assemble


def script_pdf(
    lines: Sequence[str],
    shown_as: Sequence[Sequence[str]] | None = None,
    *,
    font: str = "Helvetica",
    step: int = 18,
    box: tuple[int, int, int, int] = (0, -200, 1000, 800),
    width: int = 600,
    packed: bool = False,
    lean: float = 0,
    title: int = 11,
    backwards: bool = False,
    rise: tuple[int, int] | None = None,
    file: bytes = b"",
) -> bytes:
    """`shown_as`: what the map says instead, letter by letter, as broken exporters write it. `step`: from line to line.
    `box` and `width`: what the font says of its letters' size. `packed`: the map is, and gives
    ranges. `lean`: of the letters, as a program makes italics of a font without any. `title`: the size of the first line. What stands before a tab is in Times, a
    little larger and higher, and what stands behind it begins 21 points to the right of the line's beginning.
    `backwards`: each letter is put to the left of the one before, and no blanks are written, as LuaTeX does.
    `rise`: how far letters go below and above the line, where it is not the `box` that says so. `file`: of the font.
    """
    said = shown_as or lines
    below, above = rise or (box[1], box[3])
    letters = dict.fromkeys("".join(lines))
    numbers = {letter: i for i, letter in enumerate(letters, 1)}
    means = {
        numbers[a]: b
        for line, other in zip(lines, said, strict=True)
        for a, b in zip(line, other, strict=True)
    }
    rows = "".join(f"<{n:04X}> <{b.encode('utf-16-be').hex()}>\n" for n, b in means.items())
    blocks = rows.splitlines(keepends=True)
    mapped = "".join(
        f"{len(blocks[i : i + 100])} beginbfchar\n{''.join(blocks[i : i + 100])}endbfchar\n"
        for i in range(0, len(blocks), 100)
    )
    if packed:
        ranges = _ranges(means)
        mapped = "".join(f"1 beginbfrange\n{row}\nendbfrange\n" for row in ranges.splitlines())
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        f"1 begincodespacerange <0000> <FFFF> endcodespacerange\n{mapped}endcmap end end"
    )
    tilt, place = (f"1 0 {lean} 1 ", "Tm") if lean else ("", "Td")
    drawn = ""
    for i, line in enumerate(lines):
        mark, tab, rest = line.rpartition("\t")
        y, codes = 780 - step * i, "".join(f"{numbers[c]:04X}" for c in rest)
        drawn += f"BT /F2 13 Tf 60 {y + 1} Td ({mark}) Tj ET\n" if tab else ""
        if backwards:
            shown = " ".join(str(width // 2) if c == " " else f"<{numbers[c]:04X}> {2 * width}" for c in rest)
            drawn += f"BT /F1 11 Tf 520 {y} Td [{shown}] TJ ET\n"
            continue
        drawn += f"BT /F1 {11 if i else title} Tf {tilt}{81 if tab else 60} {y} {place} <{codes}> Tj ET\n"
    return assemble(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R /F2 9 0 R >> >> >>",
            f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream".encode(),
            f"<< /Type /Font /Subtype /Type0 /BaseFont /{font} /Encoding /Identity-H /DescendantFonts [6 0 R] /ToUnicode 7 0 R >>".encode(),
            f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{font} /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) "
            f"/Supplement 0 >> /DW {width} /FontDescriptor 8 0 R >>".encode(),
            _stream(cmap.encode(), packed=packed),
            f"<< /Type /FontDescriptor /FontName /{font} /Flags 4 /FontBBox [{' '.join(map(str, box))}] /ItalicAngle 0 /Ascent {above} "
            f"/Descent {below} /CapHeight 700 /StemV 80{' /FontFile2 10 0 R' if file else ''} >>".encode(),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>",
            b"<< /Length1 %d /Length %d >>\nstream\n%b\nendstream" % (len(file), len(file), file),
        ]
    )


def _ranges(means: dict[int, str]) -> str:
    """Letters that follow each other as their numbers do, as one row."""
    runs: list[list[int]] = []
    for number, letter in sorted(means.items()):
        if runs and ord(letter) - ord(means[runs[-1][0]]) == number - runs[-1][0]:
            runs[-1].append(number)
        else:
            runs.append([number])
    return "".join(
        f"<{run[0]:04X}> <{run[-1]:04X}> <{means[run[0]].encode('utf-16-be').hex().upper()}>\n"
        for run in runs
    )


def _stream(data: bytes, *, packed: bool) -> bytes:
    if packed:
        data = zlib.compress(data)
    return b"<< %b/Length %d >>\nstream\n%b\nendstream" % (
        b"/Filter /FlateDecode " * packed,
        len(data),
        data,
    )
