"""What a zip or a container of old Office files is: which document, which e-book, or an archive."""

from __future__ import annotations

import re

from glm_mcp.media.containers import Zip
from glm_mcp.media.formats import KINDS, Kind, named

# What the package of an office file says of its main part, in its content types or its relationships. Nothing in these
# patterns is without a bound: they are looked for in whatever a stranger packed, by the server itself.
_MAIN_TYPES = (
    (rb"sheet\.binary\.macroenabled\.main", "xlsb"),
    (rb"(?:wordprocessingml|ms-word)\.[\w.]{0,40}main\+xml", "docx"),
    (rb"(?:spreadsheetml|ms-excel)\.[\w.]{0,40}main\+xml", "xlsx"),
    (rb"(?:presentationml|ms-powerpoint)\.[\w.]{0,40}main\+xml", "pptx"),
    (rb"ms-visio\.[\w.]{0,40}main\+xml", "visio"),
    (rb"xps-fixeddocumentsequence", "xps"),
)
_DEFAULTS = re.compile(rb"<Default\s[^>]{0,500}>")
_RELATIONS = 1 << 16  # bytes of them that are looked through; those of an office file have some hundred
_MAIN_FOLDERS = (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx"), ("visio/", "visio"))
_MAIN_TARGET = re.compile(
    rb"""/officeDocument"[^>]{0,500}?Target="/?([\w-]{1,40}/)|Target="/?([\w-]{1,40}/)[^>]{0,500}?/officeDocument\""""
)
_MIMETYPES = (
    ("application/epub+zip", "epub"),
    ("application/hwp+zip", "hwpx"),
    ("application/vnd.adobe.indesign-idml-package", "indesign"),
    ("application/x-kr", "layered"),  # Krita's, under two names
    ("image/openraster", "layered"),
    ("application/vnd.adobe.sparkler.project", "layered"),
    *((KINDS[name].mime, name) for name in ("ods", "odp", "odg", "odt")),
)
# Members that only the files of Figma, Procreate and Sketch have.
_LAYERED = (
    {"canvas.fig"},
    {"document.archive", "quicklook/thumbnail.png"},
    {"document.json", "meta.json", "user.json"},
)
_IWORK = ("pages", "numbers", "keynote")
_OLE_STREAMS = (
    ("EncryptedPackage", "encrypted"),
    ("WordDocument", "doc"),
    ("PowerPoint Document", "ppt"),
    ("Workbook", "xls"),
    ("Book", "xls"),
    ("__properties_version1.0", "msg"),
    ("VisioDocument", "vsd"),
    ("Quill", "publisher"),
    ("BodyText", "hwp"),
    *((f"Props{version}", "project") for version in ("", 9, 12, 14)),
)


def zip_kind(archive: Zip, head: bytes, name: str) -> Kind:
    """What a zip is by its members: office files, e-books and others are zips. One that is cut off, by what its
    beginning names.
    """
    names = list(archive.members) or [n.decode("latin-1") for n in re.findall(rb"PK\x03\x04.{26}([\w/\\.\[\] -]+)", head, re.DOTALL)]  # fmt: skip
    low = [n.replace("\\", "/").lower() for n in names]
    mimetype = (archive.read("mimetype") or _first_member(head))[:100].decode("ascii", "replace").strip()
    row = next((kind for mime, kind in _MIMETYPES if mimetype.startswith(mime)), "")
    row = row or _package(archive, low) or _other_zip(archive, low, name)
    return KINDS[row or "zip"]


def _first_member(head: bytes) -> bytes:
    """What ODF and EPUB say of themselves: their first member is not packed."""
    if head[30:38] != b"mimetype":
        return b""
    start = 38 + int.from_bytes(head[28:30], "little")
    return head[start : start + (int.from_bytes(head[18:22], "little") or 80)]


def _package(archive: Zip, names: list[str]) -> str:
    """An office file, by its content types, its relationships or the folder of its parts, whichever says it first."""
    types = archive.read("[Content_Types].xml")
    # Some programs name the type of a binary workbook for the ending .bin in every workbook: that of a part counts first.
    for said in (_DEFAULTS.sub(b"", types), types):
        for pattern, kind in _MAIN_TYPES:
            if re.search(pattern, said, re.IGNORECASE):
                return kind
    target = _MAIN_TARGET.search(archive.read("_rels/.rels")[:_RELATIONS])
    folder = (target[1] or target[2]).decode().lower() if target else ""
    for start, kind in _MAIN_FOLDERS:
        if folder == start or any(n.startswith(start) for n in names):
            return "xlsb" if start == "xl/" and "xl/workbook.bin" in names else kind
    return "xps" if any(n.endswith(".fdseq") for n in names) else ""


def _other_zip(archive: Zip, names: list[str], name: str) -> str:
    if "meta-inf/container.xml" in names:
        return "epub"
    if "content.xml" in names and "meta-inf/manifest.xml" in names:
        manifest = archive.read("META-INF/manifest.xml").decode("utf-8", "replace")
        # XMind's mind maps have a manifest too.
        other = "odt" if not manifest or re.search("opendocument|openoffice", manifest) else ""
        return next((kind for mime, kind in _MIMETYPES if f'"{mime}' in manifest), other)
    if any(members <= set(names) for members in _LAYERED):
        return "layered"
    if "ofd.xml" in names:
        return "ofd"
    if "contents/section0.xml" in names:
        return "hwpx"
    claimed = named(name).name
    if claimed == "cbz" or "comicinfo.xml" in names:
        return "cbz"
    parts = ("index/document.iwa", "index.zip", "index.apxl", *(["index.xml"] if claimed in _IWORK else []))
    if any(n in parts for n in names):
        slides = any(n.startswith("index/slide") or n == "index.apxl" for n in names)
        return claimed if claimed in _IWORK else "keynote" if slides else "pages"
    return ""


def ole_kind(names: set[str], name: str) -> Kind:
    for stream, kind in _OLE_STREAMS:
        if stream in names:
            return KINDS[kind]
    if any(n.startswith("__substg1.0_") for n in names):
        return KINDS["msg"]
    claimed = named(name).name
    return KINDS[claimed if claimed in ("doc", "xls", "ppt", "msg", "project") else "ole"]
