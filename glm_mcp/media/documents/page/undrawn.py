"""Letters that the picture of a page lacks: their font is neither in the file nor on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ctypes import c_double
from typing import Any

from glm_mcp.media.documents.page.pdfium import opened
from glm_mcp.media.glyphs import visible

_MOST = 20_000  # letters of one page that are looked at, each of which takes some microseconds
_PAGES = 100  # of one call
_FLAT = 0.005  # of its length is how thick nothing is; a dash has ten times that


def undrawn(data: bytes | str, password: str | None, numbers: Sequence[int]) -> dict[int, str]:
    """Of each page that lacks some, those letters; of pages that cannot be read, none."""
    import pypdfium2

    found: dict[int, str] = {}
    try:
        document = opened(data, password)
        for number in numbers[:_PAGES]:
            page = document[number - 1]
            units = "".join(_flat(page.get_textpage())).encode("utf-16", "surrogatepass")
            if letters := "".join(sorted(visible(units.decode("utf-16", "ignore")))):
                found[number] = letters
            page.close()
    except pypdfium2.PdfiumError:
        pass
    return found


def _flat(said: Any) -> Iterator[str]:
    """Letters of no extent, for which nothing is drawn."""
    import pypdfium2.raw as pdfium

    left, right, bottom, top = (c_double() for _ in range(4))
    for index in range(min(said.count_chars(), _MOST)):
        if not pdfium.FPDFText_GetCharBox(said, index, left, right, bottom, top):
            continue
        thin, long = sorted((right.value - left.value, top.value - bottom.value))
        if thin > long * _FLAT:
            continue
        drawn = pdfium.FPDFText_GetTextObject(said, index)
        if drawn and not pdfium.FPDFFont_GetIsEmbedded(pdfium.FPDFTextObj_GetFont(drawn)):
            yield chr(pdfium.FPDFText_GetUnicode(said, index))
