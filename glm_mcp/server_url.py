"""The address of a server of ours, as people write it."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit


def server_url(url: str) -> SplitResult | None:
    """Its parts; None for what is no address, or has a login or a query in it."""
    try:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            return None
    except ValueError:  # of brackets, or of a port beyond all ports
        return None
    return None if "@" in parts.netloc or parts.query or re.search(r"\s", parts.netloc) else parts
