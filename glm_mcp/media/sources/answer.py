"""What the answer to a download says before and beside its body: its status, length and packing, and why there is none."""

from __future__ import annotations

import re

from glm_mcp.errors import MediaTooLarge, NetworkError, NotFound, UnsupportedMedia
from glm_mcp.media.sources.urls import PublicURL, show
from glm_mcp.text import clean

ELSE = "Download the file another way and pass that."
NOWHERE = "it redirects to no address"
_GZIP = ("gzip", "x-gzip", "deflate")
# What else is packed. Any other word says nothing of that: stores repeat what was set at the upload (aws-chunked, utf-8).
_PACKED = (*_GZIP, "br", "zstd", "compress", "x-compress", "dcb", "dcz")


def check_status(status: int, url: PublicURL) -> None:
    """Raises NotFound, NetworkError for an answer without the whole file."""
    where = show(str(url))
    if status == 202:
        raise NetworkError(f"{where} is not ready yet (HTTP 202)", "Call again later.")
    if status == 206:
        raise NetworkError(f"{where} gave a part alone, which was not asked for (HTTP 206)", ELSE)
    if 200 <= status < 300:
        return
    if status in (404, 410):
        raise NotFound(f"{where} does not exist (HTTP {status})", "Check the address.")
    if status in (401, 403, 407, 451):
        raise NetworkError(f"{where} refused the download (HTTP {status})", ELSE)
    if status == 429 or status >= 500:
        raise NetworkError(f"{where} failed (HTTP {status})", "Call again later, or pass the file's path.")
    raise NetworkError(f"{where} answered HTTP {status}", ELSE)


def check_length(claimed: str | None, max_bytes: int, url: PublicURL) -> None:
    """Raises MediaTooLarge. `claimed`: the Content-Length, which may be missing or anything."""
    if claimed and claimed.isdecimal() and int(claimed[:18]) > max_bytes:
        raise too_large(url, max_bytes)


def too_large(url: PublicURL, max_bytes: int) -> MediaTooLarge:
    return MediaTooLarge(
        f"{show(str(url))} is larger than the {max_bytes / 1e6:.1f} MB taken",
        "Give a smaller version, or download it and pass a part.",
    )


def is_packed(encoding: str, url: PublicURL) -> bool:
    """Whether a body is packed as gzip or deflate. `encoding`: its Content-Encoding. Raises UnsupportedMedia for another."""
    found = [c for c in re.split(r"[\s,]+", encoding.lower()) if c in _PACKED]
    if len(found) > 1 or not set(found) <= set(_GZIP):
        raise UnsupportedMedia(
            f"{show(str(url))} comes in the compression '{', '.join(found)[:20]}', which was not asked for",
            ELSE,
        )
    return bool(found)


def broken_by(error: Exception) -> str:
    """Why a download failed, in our words where the library's would be of use to nobody."""
    import httpx

    text = str(error)
    if isinstance(error, httpx.ProtocolError) and not re.search("closed|disconnected", text):
        return NOWHERE if "location" in text else "what it answers is not HTTP"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not valid for this machine (SSL_CERT_FILE names another store)"
    broke = not text or isinstance(error, httpx.ProtocolError)
    return "the connection broke" if broke else clean(text, 160)
