"""A client that asks, waits for as long as the test says, and hangs up."""

from __future__ import annotations

import http.client
import json as as_json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from support.processes import LIMIT_S


@contextmanager
def waiting(url: str, json: Any, headers: Mapping[str, str]) -> Iterator[http.client.HTTPConnection]:
    """A POST that has gone out whole and of whose answer nothing is read yet; the end of the block hangs up."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=LIMIT_S)
    try:
        connection.request(
            "POST", address.path, as_json.dumps(json), {"Content-Type": "application/json", **headers}
        )
        yield connection
    finally:
        connection.close()
