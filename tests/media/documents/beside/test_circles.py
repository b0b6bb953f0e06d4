"""Bookmarks of a PDF that lead back to themselves."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from support.made_documents import assemble, large, lines, source, with_packed

from glm_mcp.media.documents.page.repair import without_circles
from glm_mcp.media.documents.read import read_document

FONT = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
WORDS = lines(["The last word"])


def outlined(*links: str, packed: bool = False) -> bytes:
    """A page, and bookmarks from object 6 on, each with these links; `packed`: they and the catalog in one stream."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R /Outlines 5 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources {FONT} >>",
        f"<< /Length {len(WORDS)} >>\nstream\n{WORDS}\nendstream",
        "<< /Type /Outlines /First 6 0 R /Last 7 0 R >>",
        *(f"<< /Title (Chapter {i}) /Parent 5 0 R {link} >>" for i, link in enumerate(links, 1)),
    ]
    data = assemble([text.encode() for text in objects])
    return with_packed(data, [1, *range(5, len(objects) + 1)]) if packed else data


@pytest.mark.anyio
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("size", [bytes, large])
@pytest.mark.parametrize(
    "links",
    [
        ("/Next 7 0 R", "/Next 6 0 R"),
        ("/Next 6 0 R",),
        ("/Next 7 0 R /First 8 0 R", "", "/First 6 0 R"),
    ],
)
async def test_bookmarks_that_lead_back_to_themselves_do_not_cost_the_pages(
    links: tuple[str, ...], size: Callable[[bytes], bytes], packed: bool
) -> None:
    with anyio.fail_after(60):
        document = await read_document(source("a.pdf", size(outlined(*links, packed=packed))))
    assert document.total == 1
    assert document.pages[0].text == "The last word"


def test_bookmarks_that_end_are_left_as_they_are() -> None:
    whole = outlined("/Next 7 0 R /First 8 0 R", "/Prev 6 0 R", "/Next 9 0 R", "")
    circle = outlined("/Next 7 0 R", "/Next 6 0 R")
    written_anew = b"7 0 obj\n<< /Title (The last one) /Parent 5 0 R >>\nendobj\n"
    for data in (whole, outlined("/Next 7 0 R", "", packed=True), circle + written_anew):
        assert without_circles(data) is data
