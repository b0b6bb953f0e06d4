"""Fonts of PDFs: their maps from codes to letters, and accents that they have as signs of their own."""

from __future__ import annotations

import io
import zlib

from support.jobs import document_job
from support.made_documents import lines, pdf

from glm_mcp.media.documents.page.fonts import with_plain_fonts


def test_accents_that_tex_sets_before_their_letters_are_joined_with_them() -> None:
    said = [
        "Modelos din\xb4 amicos y la l\xb4 inea",
        "La citt`a `e bella, na\xa8ive, rock`n roll, x \xb4q, y\xb4 B",
    ]
    plain = pdf([lines(said)]).replace(b"/BaseFont", b"/Encoding /WinAnsiEncoding /BaseFont")

    def read(data: bytes) -> str:
        return str(document_job(io.BytesIO(data), {"name": "a.pdf"})[0]["pages"][0][2])

    text = read(plain.replace(b"/Helvetica", b"/CMR10"))
    assert "Modelos dinámicos y la línea" in text
    assert "La città è bella, naïve, rock`n roll, x ´q, y´ B" in text
    assert "citt`a" in read(plain)


def over(letter: str, accent: str, wide: int, own: int = 333) -> str:
    """A letter with an accent over its middle, in thousandths of Helvetica, as TeX draws it."""
    before = (wide - own) / 2
    return f") {-before:.0f} ({accent}) {before + own:.0f} ({letter}"


def test_accents_over_letters_wider_than_they_are_joined_with_them_in_any_font() -> None:
    u, n, s = over("u", "\xa8", 556), over("n", "\xb4", 556), over("s", "\xb8", 500)
    under = ") 417 (\xb8) 84 ("  # a letter of 500
    rows = [
        f"[(Ko{'c' + under}, and {u}c{under}etin)] TJ",
        f"[(Institut f{u}r Informatik \xb4 und {u}bung)] TJ",
        f"[(Der Kur f{u}r Mar{s}a Koze{n}ska, der Kurs, it\xb4s fur)] TJ",
    ]
    drawn = "".join(f"BT /F1 11 Tf 72 {740 - 16 * at} Td {row} ET\n" for at, row in enumerate(rows))
    data = pdf([drawn]).replace(b"/BaseFont", b"/Encoding /WinAnsiEncoding /BaseFont")
    text = " ".join(document_job(io.BytesIO(data), {"name": "a.pdf"})[0]["pages"][0][2].split())
    assert "Koç, and üçetin" in text
    assert "Institut für Informatik ´ und übung" in text
    assert "Der Kur für Marşa Kozeńska, der Kurs, it´s fur" in text


def test_an_accent_drawn_after_its_line_is_joined_with_its_letter() -> None:
    def read(rows: list[str]) -> str:
        drawn = lines(rows) + "BT /F1 11 Tf 105.6 740 Td (\xa8) Tj ET\n"  # over the u of the first row
        data = pdf([drawn]).replace(b"/BaseFont", b"/Encoding /WinAnsiEncoding /BaseFont")
        return " ".join(document_job(io.BytesIO(data), {"name": "a.pdf"})[0]["pages"][0][2].split())

    assert read(["Worte uber das Alphabet", "und mehr"]) == "Worte über das Alphabet und mehr"
    doubtful = read(["Worte uber das Alphabet", "und uber mehr"])
    assert doubtful.count("uber") == 2, "which of the two words it is, the text does not say"
    assert "¨" in doubtful


def test_a_range_of_a_fonts_map_that_goes_too_far_takes_no_letters_from_the_rows_behind_it() -> None:
    """As Ghostscript wrote them: 47FF for 4700, with rows for the letters from 4701 on."""
    rows = b"<46FE> <47FF> <306E>\n<4735> <4735> <30A7>\n<4765> <4765> <30D7>\n"
    said = (
        b"/CIDInit /ProcSet findresource begin\n3 beginbfrange\n"
        + rows
        + b"endbfrange\n1 beginbfchar\n<4701> <3071>\nendbfchar\n"
    )
    start = b"%PDF-1.4\n4 0 obj\n<< /Filter /FlateDecode >>\nstream\n"
    changed = with_plain_fonts(start + zlib.compress(said, 0) + b"\nendstream\nendobj\n")
    map_ = zlib.decompressobj().decompress(changed[len(start) :])
    assert b"4 beginbfrange\n<46FE><46FF><306E>\n<4700><4700><3070>\n<4735>" in map_


def test_ranges_of_a_fonts_map_are_parted_with_their_number_and_lists_of_letters_stay() -> None:
    rows = b"<0001> <0102> <4E00>\n<0200> <0202> [<002B> <2212> <003D>]\n"
    said = b"/CIDInit /ProcSet findresource begin\n2 beginbfrange\n" + rows + b"endbfrange\n"
    start = b"%PDF-1.4\n4 0 obj\n<< /Filter /FlateDecode >>\nstream\n"
    changed = with_plain_fonts(start + zlib.compress(said, 0) + b"\nendstream\nendobj\n")
    map_ = zlib.decompressobj().decompress(changed[len(start) :])
    parted = b"<0001><00FF><4E00>\n<0100><0100><4EFF>\n<0101><0102><4F00>\n"
    assert b"4 beginbfrange\n" + parted in map_
    assert rows.splitlines()[1] in map_
