"""A document through the reader of its kind, in this process."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from glm_mcp.media.detect import detect_file
from glm_mcp.media.formats import check_fits
from glm_mcp.media.worker_child import load


def document_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    kind = detect_file(file, params["name"])
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    check_fits(kind, size, params["name"], "document")
    return load(kind.reader)(file, {"kind": kind.name, **params})
