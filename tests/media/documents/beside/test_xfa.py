"""Forms of Adobe LiveCycle in PDFs, whose pages the file does not have."""

from __future__ import annotations

import io
from typing import Any

from support.made_documents import assemble, lines

from glm_mcp.media.documents.pdf import pdf_job

FONT = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
DATA = (
    '<xfa:datasets xmlns:xfa="http://www.xfa.org/schema/xfa-data/1.0/"><List><Trade>Gas & water</Trade></List>'
    "<xfa:data><form1><Name>Ann\nLee</Name><Tolls><Year>1902</Year><Paid/></Tolls></form1></xfa:data></xfa:datasets>"
)


def stream(text: str) -> str:
    return f"<< /Length {len(text)} >>\nstream\n{text}\nendstream"


def form(data: str, words: str = "Please wait") -> bytes:
    """A page with these words, and a form with this data that is drawn elsewhere."""
    page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources"
    drawn = "<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'>"
    template = (
        "<template xmlns='http://www.xfa.org/schema/xfa-template/2.8/'><subform name='form1'/></template>"
    )
    parts = "(preamble) 6 0 R (template) 7 0 R (datasets) 8 0 R (postamble) 9 0 R"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R /AcroForm 5 0 R /NeedsRendering true >>",
        "<< /Type /Pages /Kids [3 0 R 10 0 R] /Count 2 >>",
        f"{page} {FONT} >>",
        stream(lines([words])),
        f"<< /Fields [] /XFA [{parts}] >>",
        *map(stream, (drawn, template, data, "</xdp:xdp>")),
        f"{page} {FONT} >>",
    ]
    return assemble([text.encode() for text in objects])


def read(data: bytes, pages: str | None = None) -> dict[str, Any]:
    return pdf_job(io.BytesIO(data), {"name": "a.pdf", "pages": pages})[0]


def test_what_was_filled_into_a_form_drawn_elsewhere_is_given() -> None:
    facts = read(form(DATA))
    assert [row[2] for row in facts["pages"]] == [
        "Please wait\n\nForm fields:\n\n- Name: Ann Lee\n- Year: 1902",
        "Please wait",
    ]
    assert any("is an XFA form" in note for note in facts["notes"])


def test_an_empty_form_drawn_elsewhere_says_what_it_is() -> None:
    for data in ("", "<broken", DATA.replace(">1902<", "><").replace("Ann\nLee", "")):
        facts = read(form(data), "1")
        assert [row[2] for row in facts["pages"]] == ["Please wait"]
        assert any("is an XFA form" in note for note in facts["notes"])
