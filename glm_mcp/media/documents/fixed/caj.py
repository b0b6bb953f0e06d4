"""CAJ and KDH, papers and theses as CNKI gives them: some are a PDF without its directory, or written over with a word."""

from __future__ import annotations

import io
import itertools
import re
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents import pdf
from glm_mcp.media.documents.page.repair import with_directory

_OBJECT = re.compile(rb"\d{1,9} \d{1,5} obj\b")
_KEY, _BEGINS = b"FZHMEI", 254
_END = b"%%EOF"
_SAVE = "Open it in CAJViewer and save or print it as PDF."


def caj_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, InvalidRequest (pages)."""
    facts, _ = pdf.pdf_job(_made(file, params["name"]), {**params, "path": None, "password": None})
    return {**facts, "kind": "caj"}, []


def render_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """As that of a PDF."""
    return pdf.render_job(_made(file, params["name"]), {**params, "path": None, "password": None})


def _made(file: BinaryIO, name: str) -> BinaryIO:
    file.seek(0)
    data = file.read()
    if data.startswith(b"KDH"):
        over = data[_BEGINS:]
        key = bytes(itertools.islice(itertools.cycle(_KEY), len(over)))
        data = (int.from_bytes(over, "big") ^ int.from_bytes(key, "big")).to_bytes(len(over), "big")
        return io.BytesIO(data[: data.rfind(_END) + len(_END)] if _END in data else data)
    first = _OBJECT.search(data) if data.startswith(b"CAJ") else None
    if first is None:
        raise UnsupportedMedia(f"{name} is a CNKI document of a kind that is not read here", _SAVE)
    data = b"%PDF-1.4\n" + data[first.start() :]
    return io.BytesIO(with_directory(data) or data)
