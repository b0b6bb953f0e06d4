"""Documents: from a source to pages of Markdown, and from pages to pictures.

read      Source → Document    which reader: by content; parsing runs in the worker, light text in a thread
render    Source → [Picture]   pages of a PDF as pictures
pieces, to_markdown            what is done with a Document afterwards
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import anyio.to_thread

from glm_mcp.errors import InvalidRequest, MediaTooLarge, UnsupportedMedia
from glm_mcp.glm.messages import Image
from glm_mcp.media.documents.office import OLE, not_a_document
from glm_mcp.media.documents.plaintext import needs_worker, refuse_media, text_job
from glm_mcp.media.formats import ZIP, is_tar, pdf_at
from glm_mcp.media.text_kinds import text_mime
from glm_mcp.media.types import Document, Page, Picture, Source
from glm_mcp.media.worker import run_job
from glm_mcp.registry import Card
from glm_mcp.threads import in_thread

_MB = 1024 * 1024
TEXT_BYTES, OFFICE_BYTES, PDF_BYTES = 50 * _MB, 100 * _MB, 500 * _MB
_SECONDS = 120  # for one document; the call's own deadline usually comes first
_LARGE = 16 * _MB
_FOLDER, _LINK = "glm-mcp-pdf-", "input.pdf"
_STALE_S = 3600.0  # no call takes as long
_TEXT = "glm_mcp.media.documents.plaintext:text_job"


async def read_document(
    source: Source,
    *,
    pages: str | None = None,
    password: str | None = None,
    encoding: str | None = None,
    figures: bool = False,
) -> Document:
    """The document's chosen pages as Markdown, read on this machine.

    `pages`: "3", "1-5", "2,5-7", "10-", "-3", "last", a sheet's name; None: what the source's fragment says, else
    all. `figures`: also mark PDF pages that hold figures or formulas.
    Raises InvalidRequest (pages, password, encoding), UnsupportedMedia, MediaTooLarge, MissingExtra, TimedOut.
    """
    head = await _head(source)
    spec = pages if pages is not None else source.fragment.page
    params: dict[str, Any] = {"name": source.name, "pages": spec}
    if _is_pdf(head, source.name):
        _within(source, PDF_BYTES, "Send the pages needed as a file of their own.")
        params |= {"password": password, "figures": figures}
        return _document(source, (await _pdf_job("pdf", source, params))[0])
    if head.startswith((*ZIP, OLE)):
        _within(source, OFFICE_BYTES, "Save it without its pictures, or as PDF.")
        return _document(source, await _job("office", source, params))
    if is_tar(head):
        raise not_a_document(source.name)
    refuse_media(head, source.name)
    _within(source, TEXT_BYTES, "Send a part of it.")
    params["encoding"] = encoding
    if needs_worker(head, source.name, source.size):
        return _document(source, await _job(_TEXT, source, params))
    return _document(source, await in_thread(_light, source, params))


async def render_pages(
    source: Source, numbers: Sequence[int], card: Card, *, password: str | None = None
) -> list[Picture]:
    """Pages of a PDF as pictures of about 1568 pixels, in the order of `numbers`; a very long page comes in tiles.

    Raises UnsupportedMedia (not a PDF, or damaged), InvalidRequest (page, password), MediaTooLarge, TimedOut.
    """
    if not _is_pdf(await _head(source), source.name):
        raise UnsupportedMedia(
            f"{source.name} has no pages that can be drawn", "Only PDF pages become pictures; save it as PDF."
        )
    _within(source, PDF_BYTES, "Send the pages needed as a file of their own.")
    params = {
        "name": source.name,
        "numbers": list(dict.fromkeys(numbers)),
        "password": password,
        "max_bytes": card.image_bytes,
        "max_side": card.image_side,
    }
    if not numbers:
        return []
    facts, blobs = await _pdf_job("render", source, params)
    rows = facts["rows"]
    pictures: list[Picture] = []
    for (number, width, height, whole_width, whole_height, top, mime), data in zip(rows, blobs, strict=True):
        tiles = [row for row in rows if row[0] == number]
        place = f" (part {1 + [r[5] for r in tiles].index(top)} of {len(tiles)})" if len(tiles) > 1 else ""
        pictures.append(
            Picture(
                part=Image(f"{source.name} page {number}", data, mime),
                width=width,
                height=height,
                original=(whole_width, whole_height),
                top=top,
                label=f"{source.name} page {number}{place}",
                page=number,
            )
        )
    return pictures


def _is_pdf(head: bytes, name: str) -> bool:
    """Whether it is a PDF, perhaps with junk before its header, and no text that only mentions one."""
    at = pdf_at(head)
    if at < 0:
        return False
    suffix = PurePosixPath(name).suffix.lower()
    if not head[:at].strip() or suffix == ".pdf" or not text_mime(head, name):
        return True
    # Source code may hold a whole PDF; a PDF of text alone may come without a name.
    return b" obj" in head[at:] and not (suffix and _is_utf8(head))


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # its end may be cut inside a character
    except UnicodeDecodeError:
        return False
    return True


async def _head(source: Source) -> bytes:
    if source.data is None and source.handle is None:
        raise InvalidRequest(f"{source.name} was not downloaded", "Pass a local copy of it.")
    if source.size == 0:
        raise UnsupportedMedia(f"{source.name} is empty", "Send a file with contents.")
    return await in_thread(_read_head, source)


def _read_head(source: Source) -> bytes:
    if source.data is not None:
        return source.data[:4096]
    assert source.handle is not None  # noqa: S101 - _head has looked
    if hasattr(os, "pread"):
        return os.pread(source.handle.fileno(), 4096, 0)
    source.handle.seek(0)
    return source.handle.read(4096)


def _within(source: Source, limit: int, mend: str) -> None:
    if source.size > limit:
        raise MediaTooLarge(
            f"{source.name} has {source.size // _MB} MB, more than the {limit // _MB} MB that are read", mend
        )


def _memory(source: Source) -> int:
    # The file itself, the copy that the parser keeps, and the work on it.
    return 1500 + 3 * (source.size // _MB)


async def _job(job: str, source: Source, params: dict[str, Any]) -> dict[str, Any]:
    facts, _ = await run_job(job, source, params, timeout_s=_SECONDS, memory_mb=_memory(source))
    return facts


async def _pdf_job(job: str, source: Source, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """A large PDF goes by a path, so that the parser reads what it needs instead of holding all of it twice. It wants
    a name that ends in .pdf: a link to the standard input of whoever follows it, which is the file once opened here.
    """
    timeout, memory = _SECONDS, _memory(source)
    if sys.platform != "linux" or source.size < _LARGE:
        return await run_job(job, source, params, timeout_s=timeout, memory_mb=memory)
    # Waited for also when nobody wants it any more: a folder that is made must be known here.
    link = await anyio.to_thread.run_sync(_link_to_stdin)
    try:
        return await run_job(job, source, {**params, "path": str(link)}, timeout_s=timeout, memory_mb=memory)
    finally:
        shutil.rmtree(link.parent, ignore_errors=True)


def _link_to_stdin() -> Path:
    """In a new folder of its own. What a process that was killed has left goes here."""
    oldest = time.time() - _STALE_S
    for left in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        with contextlib.suppress(OSError):  # gone
            found = left.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and found.st_mtime < oldest:
                (left / _LINK).unlink(missing_ok=True)
                left.rmdir()
    link = Path(tempfile.mkdtemp(prefix=_FOLDER)) / _LINK
    link.symlink_to("/proc/self/fd/0")
    return link


def _light(source: Source, params: dict[str, Any]) -> dict[str, Any]:
    return text_job(io.BytesIO(source.read()), params)[0]


def _document(source: Source, facts: dict[str, Any]) -> Document:
    rows = tuple(Page(number, label, text, why) for number, label, text, why in facts["pages"])
    document = Document(source.name, facts["kind"], rows, facts["total"], tuple(facts["notes"]))
    if not any(page.text or page.as_image for page in rows) and not document.notes:
        document = replace(document, notes=("the document is empty",))
    return document
