"""A PDF that was cut off, made one that the parser takes."""

from __future__ import annotations

import re

_PAGE = re.compile(rb"(\d{1,9}) (\d{1,5}) obj\b(?=(?:(?!endobj).){0,2000}?/Type\s*/Page\b)", re.DOTALL)
_STREAM = re.compile(rb">>\s*stream\r?\n")


def with_directory(data: bytes) -> bytes:
    """A file (of up to 100 MB) cut off before its directory, with a new one of the pages that are there; b"" when none is."""
    if len(data) > 100_000_000 or not data.startswith(b"%PDF-") or b"/Encrypt" in data:
        return b""
    end = data.rfind(b"endobj") + len(b"endobj")
    pages = _PAGE.findall(data, 0, end)
    if not pages:
        return b""
    # What was cut goes: its open string, dictionary or comment would take in what follows. A cut stream can be read.
    if not _STREAM.search(data, end):
        data = data[:end]
    kids = b" ".join(b"%s %s R" % page for page in pages)
    free = max(int(number) for number in re.findall(rb"(\d{1,9}) \d{1,5} obj\b", data)) + 1
    added = (
        b"\nendstream\nendobj\n"  # of the stream that was cut, if any
        b"%d 0 obj\n<< /Type /Pages /Kids [%s] /Count %d >>\nendobj\n" % (free, kids, len(pages)),
        b"%d 0 obj\n<< /Type /Catalog /Pages %d 0 R >>\nendobj\n" % (free + 1, free),
        b"trailer\n<< /Root %d 0 R /Size %d >>\nstartxref\n0\n%%%%EOF\n" % (free + 1, free + 2),
    )
    return data + b"".join(added)
