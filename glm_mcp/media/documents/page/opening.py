"""A PDF opened: what the parser does not take is mended, and the password found that opens it."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable
from typing import Any, BinaryIO

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.documents.page.fonts import with_plain_fonts
from glm_mcp.media.documents.page.repair import with_directory, without_circles

SEARCHED = 100_000_000  # bytes of a file that is looked through: for what needs mending, and the names of files in it
Input = bytes | str  # a PDF as the parser takes it: its bytes, or a path
_LOCKED = "Open it where it can be opened, with its certificate or program, and print it to a new PDF."
_BROKEN = "Open it in a PDF reader and save it again, or send pictures of its pages to describe_image."


def open_pdf(file: BinaryIO, params: dict[str, Any], name: str) -> tuple[Input, str | None, int]:
    """The file, repaired when it was cut off; the password that opens it (None where none is needed); how many pages.

    The path `params["path"]`, where one is given, leads to the file too; read that way it is not held in memory, where it
    needs no mending.
    """
    password = params.get("password")
    path: str | None = params.get("path")
    if path is None or file.read(5) != b"%PDF-":
        data: Input = _bytes(file)
    else:
        data = unless_changed(path, file, _mended)
    total, said, locked = 0, "", False
    # One that was typed may have other forms of its letters; a document locked for editing only refuses any.
    for attempt in dict.fromkeys((password, password and _prepared(password), None)):
        total, said = _count(data, attempt)
        if total > 0:
            return data, attempt, total
        locked = locked or total < 0
    if locked and password:
        raise InvalidRequest(f"the password does not open {name}", "Pass the right one as password=….")
    if locked:
        raise InvalidRequest(
            f"{name} is encrypted; pass password=…", "Ask the owner of the file for its password."
        )
    data = _bytes(file)
    repaired = with_directory(data)
    if repaired:
        total, said = _count(repaired, None)
    if total < 1:
        raise unreadable(name, data, said)
    return repaired, None, total


def _bytes(file: BinaryIO) -> bytes:
    file.seek(0)
    return _mended(file.read())


def _mended(data: bytes) -> bytes:
    """The file from its header on: the parser wants that first, and mail servers put junk there. It takes no file of
    Illustrator, which it knows by a word for what only that program reads, though the rest is a PDF as any other.
    """
    data = data.replace(b"/AIPrivateData", b"/aIPrivateData")
    return without_circles(with_plain_fonts(data[max(data.find(b"%PDF-", 0, 1024), 0) :]))


def unless_changed(path: str, file: BinaryIO, change: Callable[[bytes], bytes]) -> Input:
    """The path, where nothing changes or the file is too large to be looked through; else what it is changed to."""
    if file.seek(0, io.SEEK_END) > SEARCHED:
        return path
    file.seek(0)
    data = file.read()
    changed = change(data)
    return path if changed is data else changed


def parser_of(password: str | None, **more: Any) -> Any:
    """The `liteparse.LiteParse` that all here use, with `more` of its options."""
    from liteparse import LiteParse

    # OCR off: the model reads scans better than the bundled engine. Headers kept: the library drops repeated
    # headings such as "Chapter 1", "Chapter 2" as page furniture.
    return LiteParse(
        ocr_enabled=False, quiet=True, image_mode="off", keep_headers_footers=True, password=password, **more
    )


def _prepared(password: str) -> str:
    """As the newest locks (AES-256) want it: letters in their usual forms, without those that no one sees (SASLprep)."""
    return "".join(c for c in unicodedata.normalize("NFKC", password) if unicodedata.category(c) != "Cf")


def _count(data: Input, password: str | None) -> tuple[int, str]:
    """How many pages open, and what the parser said; 0 for a broken file, -1 for a wrong or missing password."""
    from liteparse import ParseError

    try:
        # None is read: one that cannot be must not hide the others.
        parsed = parser_of(password, max_pages=0).parse(data)
    except ParseError as error:
        return -1 if "password" in str(error).lower() else 0, str(error)
    return int(parsed.total_pages), ""


def unreadable(name: str, data: Input, said: str) -> UnsupportedMedia:
    """The error; what the parser `said` goes to the log."""
    pdf = isinstance(data, str) or b"%PDF-" in data[:1024]
    what = "is cut off or damaged" if pdf else "is not a PDF"
    # So the parser calls a lock: that of a certificate, or a program's own.
    if "security handler" in said:
        error = UnsupportedMedia(f"{name} is locked with something else than a password", _LOCKED)
    else:
        error = UnsupportedMedia(f"{name} {what}: no page can be read", _BROKEN)
    error.add_note(f"the parser: {said or 'no pages'}")
    return error
