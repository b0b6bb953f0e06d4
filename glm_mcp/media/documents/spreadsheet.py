"""Workbooks: each sheet a page with its cells as a Markdown table as they are shown, hidden ones too."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.containers import OLE
from glm_mcp.media.documents.about import of_compound_file, with_about
from glm_mcp.media.documents.common.shown import PagesShown
from glm_mcp.media.documents.containers.blips import Blips
from glm_mcp.media.documents.containers.compound import compound_file
from glm_mcp.media.documents.odf.container import open_container
from glm_mcp.media.documents.ooxml.package import Package
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.sheets.ods import read_ods
from glm_mcp.media.documents.sheets.old_xls import is_old, read_old_xls
from glm_mcp.media.documents.sheets.xls import is_locked, is_new, pictures_of_xls, read_xls, texts_of_names
from glm_mcp.media.documents.sheets.xlsb import read_xlsb
from glm_mcp.media.documents.sheets.xlsx import read_xlsx
from glm_mcp.media.documents.sheets.xml2003 import read_xml2003
from glm_mcp.media.documents.zip_xml import open_zip

_LOCKED = (
    "Save it without a password, or as a PDF with one. Where Excel opens a workbook without asking, take its protection "
    "off first (Review > Protect Workbook)."
)
_SAVE = "Save it again as XLSX or CSV."


def sheets_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Reads `params["pages"]` of a workbook of `params["kind"]`: xlsx, xlsb, xls, xml2003 or ods.

    Raises MissingExtra (XLS), UnsupportedMedia, MediaTooLarge, InvalidRequest (pages, password).
    """
    name, kind, spec = params["name"], params["kind"], params.get("pages")
    if kind == "xls":
        return _xls(file, spec, name, params.get("encoding")), []
    if kind == "xml2003":
        return read_xml2003(file.read(), spec, name, params.get("encoding")), []
    if kind == "ods":
        return read_ods(open_container(file, name), spec, name), []
    package = Package(open_zip(file, name), name, LeftOut(), params.get("depth", 0))
    return (read_xlsx if kind == "xlsx" else read_xlsb)(package, spec, name), []


def pictures_of_old_sheets(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    """Those of an XLS, as of `pages_shown`. Raises UnsupportedMedia, InvalidRequest."""
    name = params["name"]
    try:
        stream, _ = _stream(file, name)
        if is_new(stream) and not is_locked(stream):
            return pictures_of_xls(stream, name, params["numbers"], left_out)
        if is_old(stream):  # which keeps them in a way of its own
            return PagesShown(Blips(name, left_out, {}), iter(()))
    except (OSError, ValueError, IndexError, struct.error):
        pass
    raise UnsupportedMedia(f"{name} is damaged: its pictures cannot be read", _SAVE)


def _xls(file: BinaryIO, spec: str | None, name: str, encoding: str | None) -> dict[str, Any]:
    try:
        stream, said = _stream(file, name)
        if is_locked(stream):
            raise InvalidRequest(f"{name} is encrypted", _LOCKED)
        if is_new(stream):
            return with_about(read_xls(stream, spec, name), [*said, *texts_of_names(stream)])
        if is_old(stream):
            return with_about(read_old_xls(stream, spec, name, encoding), said)
    except (OSError, ValueError, IndexError, struct.error):
        pass
    raise UnsupportedMedia(f"{name} is damaged: its sheets cannot be read", _SAVE)


def _stream(file: BinaryIO, name: str) -> tuple[bytes, list[tuple[str, str]]]:
    """The records of the workbook, which are the whole file where no container holds them; what else the file says."""
    file.seek(0)
    data = file.read()
    if not data.startswith(OLE):
        return data, []
    with compound_file(file, name) as container:
        streams = [name for name in ("Workbook", "Book") if container.exists(name)]
        stream = bytes(container.openstream(streams[0]).read()) if streams else b""
        return stream, of_compound_file(container)
