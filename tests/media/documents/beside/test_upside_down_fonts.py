"""Fonts of pictures that are upside down, as TeX made them before 2000, on pages that lie on their side."""

from __future__ import annotations

import io

from support.jobs import document_job
from support.made_documents import assemble

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SAID = ["the protocol provides a reliable stream", "between the two ends of a connection"]


def tex_slide(turned: int) -> bytes:
    """A page whose lines run down its paper. `turned`: by so many degrees where it is shown."""
    drawn = "".join(
        f"BT /F1 1 Tf 0 -0.012 -0.012 0 {400 - 20 * i} 700 Tm ({line}) Tj ET\n" for i, line in enumerate(SAID)
    )
    glyph = "600 0 0 -700 500 0 d1 0 0 500 -700 re f"
    pictures = "".join(f"/{letter} 5 0 R " for letter in LETTERS)
    names = "".join(f"/{letter} " for letter in LETTERS)
    return assemble(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /Rotate %d /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 6 0 R >> >> >>"
            % turned,
            f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream".encode(),
            f"<< /Length {len(glyph)} >>\nstream\n{glyph}\nendstream".encode(),
            f"<< /Type /Font /Subtype /Type3 /FontBBox [0 -700 500 0] /FontMatrix [1 0 0 -1 0 0] /FirstChar 97 /LastChar 122 "
            f"/Widths [{'600 ' * 26}] /CharProcs << {pictures}>> "
            f"/Encoding << /Type /Encoding /Differences [97 {names}] >> >>".encode(),
        ]
    )


def test_a_page_in_them_has_its_words_whole_whichever_way_it_is_shown() -> None:
    for turned in (0, 90, 180, 270):
        facts, _ = document_job(io.BytesIO(tex_slide(turned)), {"name": "a.pdf", "pages": None})
        assert facts["pages"][0][2].replace(" ", "") == "".join(SAID).replace(" ", ""), turned
