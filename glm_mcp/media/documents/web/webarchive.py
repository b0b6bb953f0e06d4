"""Web pages as Safari saves them (`.webarchive`): the page itself, out of a property list."""

from __future__ import annotations

import contextlib
import plistlib
import posixpath
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.common.shown import PagesShown
from glm_mcp.media.documents.html import decode_html
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.web.along import PicturesAlong, pages_of
from glm_mcp.media.documents.web.page import html_page, with_pictures

_DAMAGED = (
    plistlib.InvalidFileException,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    OverflowError,
    EOFError,
)


def webarchive_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises MissingExtra, UnsupportedMedia, InvalidRequest."""
    data, declared, base, along = _opened(file, params["name"])
    return html_page(data, params, along, declared, base), []


def pictures_of_webarchive(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    """As of `pages_shown`. Raises UnsupportedMedia."""
    data, declared, base, along = _opened(file, params["name"])
    with_pictures(decode_html(data, params["name"], None, declared).text, along, base)
    return pages_of({1: along.counted()}, "", params["name"], left_out)


def _opened(file: BinaryIO, name: str) -> tuple[bytes, str | None, str, PicturesAlong]:
    """The page, its encoding, its address, and the pictures beside it."""
    along = PicturesAlong()
    file.seek(0)
    try:
        archive = plistlib.load(file)
        page = archive["WebMainResource"]
        data = bytes(page["WebResourceData"])
        declared = page.get("WebResourceTextEncodingName")
        base = str(page.get("WebResourceURL") or "")
    except _DAMAGED:
        raise UnsupportedMedia(
            f"{name} is damaged: no page can be found in it", "Save it as PDF or HTML."
        ) from None
    with contextlib.suppress(*_DAMAGED, AttributeError):
        for one in archive.get("WebSubresources") or ():
            address = str(one.get("WebResourceURL") or "")
            if str(one.get("WebResourceMIMEType")).startswith("image/"):
                picture = bytes(one.get("WebResourceData") or b"")
                along.add(posixpath.basename(address), picture, (address,), attached=False)
    return data, declared if isinstance(declared, str) else None, base, along
