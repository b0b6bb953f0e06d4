"""Web pages as Safari saves them (`.webarchive`): the page itself, out of a property list."""

from __future__ import annotations

import plistlib
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.web.page import html_page

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
    try:
        page = plistlib.load(file)["WebMainResource"]
        data = bytes(page["WebResourceData"])
        declared = page.get("WebResourceTextEncodingName")
    except _DAMAGED:
        raise UnsupportedMedia(
            f"{params['name']} is damaged: no page can be found in it", "Save it as PDF or HTML."
        ) from None
    return html_page(data, params, declared=declared if isinstance(declared, str) else None), []
