"""Whole files that a Word document takes in as they are (altChunk): HTML, mail archives, text, RTF, another DOCX."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath

from glm_mcp.media.charset import decode
from glm_mcp.media.documents.eml import read_mail
from glm_mcp.media.documents.html import decode_html, html_markdown
from glm_mcp.media.documents.ooxml.package import Package, descendants, tag
from glm_mcp.media.documents.rtf import rtf_text

_ARCHIVE = b"PK\x03\x04"


def chunk_text(package: Package, path: str) -> str:
    """Markdown of the file at that part, "" when there is none. Raises MissingExtra."""
    data = package.read(path)
    name = PurePosixPath(path).name
    head = data[:1024].lstrip().lower()
    if not data:
        return ""
    if data.startswith(_ARCHIVE):
        return _nested(package, data)
    if data.startswith(b"{\\rtf"):
        return rtf_text(data)
    if name.lower().endswith((".mht", ".mhtml", ".eml")) or head.startswith(b"mime-version:"):
        return "\n\n".join(row[2] for row in read_mail(data, None, name, None)["pages"])
    if name.lower().endswith((".htm", ".html", ".xhtml")) or head.startswith((b"<", b"\xef\xbb\xbf<")):
        return html_markdown(decode_html(data, name).text, what="reading HTML within a DOCX")
    return decode(data, name).text.strip()


def _nested(package: Package, data: bytes) -> str:
    """The paragraphs of a DOCX within the DOCX, each in a line; its own styles and numbers are not looked up."""
    try:
        inner = Package(zipfile.ZipFile(io.BytesIO(data)), package.name, package.left_out)
    except (zipfile.BadZipFile, ValueError):
        return ""
    tree = inner.tree(inner.main("word/document.xml"))
    if tree is None:
        return ""
    lines = ("".join(e.text or "" for e in p.iter() if tag(e) == "w:t") for p in descendants(tree, "w:p"))
    return "\n\n".join(line.strip() for line in lines if line.strip())
