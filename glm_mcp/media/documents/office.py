"""Office files and e-books in the worker: which format it is, by content, and which reader takes it."""

from __future__ import annotations

from typing import Any, BinaryIO

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.documents.containers.outlook import msg_job
from glm_mcp.media.documents.docx import read_docx
from glm_mcp.media.documents.epub import read_epub
from glm_mcp.media.documents.opendocument import read_open_document
from glm_mcp.media.documents.pptx import read_pptx
from glm_mcp.media.documents.spreadsheet import read_sheets
from glm_mcp.media.documents.zip_xml import member, open_zip

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def office_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Reads `params["pages"]` of an office file or e-book. Raises UnsupportedMedia, MediaTooLarge, InvalidRequest, MissingExtra."""
    name, spec = params["name"], params.get("pages")
    head = file.read(8)
    file.seek(0)
    try:
        return (_old(file, spec, name) if head == OLE else _zipped(file, spec, name)), []
    except RecursionError:
        raise UnsupportedMedia(f"{name} is nested too deep to be read", "Save it as PDF.") from None


def not_a_document(name: str) -> UnsupportedMedia:
    return UnsupportedMedia(f"{name} is an archive, not a document", "Unpack it and send the files in it.")


def _zipped(file: BinaryIO, spec: str | None, name: str) -> dict[str, Any]:
    archive = open_zip(file, name)
    names = {n.replace("\\", "/") for n in archive.namelist()}
    kind = member(archive, "mimetype", name, 1024).decode("ascii", "replace").strip()
    if kind == "application/epub+zip" or "META-INF/container.xml" in names:
        return read_epub(archive, spec, name)
    if "opendocument.spreadsheet" in kind:
        return read_sheets(archive, file, spec, name, "ods")
    if "opendocument" in kind:
        return read_open_document(archive, spec, name, "odp" if "presentation" in kind else "odt")
    if any(n.startswith("word/") for n in names):
        return read_docx(archive, file, spec, name)
    if any(n.startswith("ppt/") for n in names):
        return read_pptx(archive, file, spec, name)
    if any(n.startswith("xl/") for n in names):
        return read_sheets(archive, file, spec, name, "xlsb" if "xl/workbook.bin" in names else "xlsx")
    raise not_a_document(name)


def _old(file: BinaryIO, spec: str | None, name: str) -> dict[str, Any]:
    """The container of Office 97-2003, told apart by the names of its streams."""
    data = file.read()
    file.seek(0)
    streams = {
        s
        for s in (
            "EncryptedPackage",
            "WordDocument",
            "PowerPoint Document",
            "Workbook",
            "Book",
            "__substg1.0_",
        )
        if s.encode("utf-16-le") in data
    }
    if "EncryptedPackage" in streams:
        raise InvalidRequest(f"{name} is encrypted", "Save it without a password, or as a PDF with one.")
    if "__substg1.0_" in streams:
        return msg_job(file, {"name": name, "pages": spec})[0]
    if "WordDocument" in streams:
        raise UnsupportedMedia(
            f"{name} is in the old .doc format, which is not read", "Save it as DOCX or PDF."
        )
    if "PowerPoint Document" in streams:
        raise UnsupportedMedia(
            f"{name} is in the old .ppt format, which is not read", "Save it as PPTX or PDF."
        )
    if streams:
        return read_sheets(None, file, spec, name, "xls")
    raise UnsupportedMedia(
        f"{name} is in an old office format that is not read", "Save it as DOCX, PPTX, XLSX or PDF."
    )
