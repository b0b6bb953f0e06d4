"""Comic books (CBZ): an archive whose pictures are the pages, in the order of their names."""

from __future__ import annotations

import re
from typing import Any, BinaryIO

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.documents.about import Said, with_about
from glm_mcp.media.documents.common.shown import PagesShown, Shown, within
from glm_mcp.media.documents.ooxml.package import Package
from glm_mcp.media.documents.pages import LeftOut, choose, result
from glm_mcp.media.documents.zip_xml import local, open_zip

_PAGE = re.compile(r".+\.(?:jpe?g|png|gif|webp|bmp|tiff?|avif|heic|jxl|svg)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"(\d{1,18})")
# Elements of ComicInfo.xml, which many programs write.
_WORDS = {
    "Title": "title",
    "Series": "series",
    "Number": "number",
    "Writer": "author",
    "Penciller": "artist",
    "Summary": "description",
}
_ABOUT = "ComicInfo.xml"


def comic_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted, pages)."""
    name, left_out = params["name"], LeftOut()
    package, pages = _opened(file, name, left_out)
    chosen = choose(params.get("pages"), len(pages), name)
    rows = [(number, f"page {number}", "[picture]", "pictures") for number in chosen]
    about = _about(package)
    return with_about(result("cbz", rows, len(pages), left_out.notes()), about), []


def pictures_of_comic(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    """As of `pages_shown`. Raises UnsupportedMedia, MediaTooLarge, InvalidRequest."""
    package, pages = _opened(file, params["name"], left_out)
    numbers = within(params["numbers"], len(pages), params["name"], "page")
    shown = ((n, f"page {n}", [Shown(pages[n - 1], 1.0)]) for n in numbers)
    return PagesShown(package, shown, 1, 1.0)


def _opened(file: BinaryIO, name: str, left_out: LeftOut) -> tuple[Package, list[str]]:
    package = Package(open_zip(file, name), name, left_out)
    pages = sorted(filter(_is_page, package.parts()), key=_in_order)
    if not pages:
        raise UnsupportedMedia(f"{name} holds no pictures", "Check that the file is whole.")
    return package, pages


def _is_page(path: str) -> bool:
    return bool(_PAGE.fullmatch(path)) and not path.startswith("__MACOSX/") and "/." not in f"/{path}"


def _in_order(path: str) -> list[tuple[int, str]]:
    """Page 10 behind page 9."""
    return [
        (int(piece), "") if piece.isdecimal() else (-1, piece.casefold())
        for piece in _NUMBER.split(path)
        if piece
    ]


def _about(package: Package) -> Said:
    try:
        tree = package.tree(_ABOUT)
    except (UnsupportedMedia, MediaTooLarge):  # the pages are worth having without it
        package.left_out.add("what it says of itself", _ABOUT)
        return []
    return [
        (_WORDS[local(e)], e.text.strip())
        for e in ([] if tree is None else tree)
        if local(e) in _WORDS and e.text and e.text.strip()
    ]
