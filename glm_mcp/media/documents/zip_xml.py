"""Zip containers and the XML in them, opened with care: bombs are refused by the directory, entities before parsing."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import InvalidRequest, MediaTooLarge, UnsupportedMedia
from glm_mcp.media.charset import declaration, decode
from glm_mcp.media.containers import DAMAGED, is_bomb

UNPACKED = 200 * 1024 * 1024  # bytes of all members; an office file near it is mostly pictures
_MEMBERS = 20_000
_PARSED = 100 * 1024 * 1024  # bytes of one XML part, which a tree makes ten times larger
_DECLARED = re.compile(r"\A\s*<\?xml\b[^>]*\?>")
_CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BARE = re.compile(r"&(?!#?\w{1,10};)")
_DOCTYPE = re.compile(rb"<!\s*ENTITY", re.IGNORECASE)

_SAVE = "Open it in its program and save it again, or save it as PDF."


def open_zip(file: BinaryIO, name: str) -> zipfile.ZipFile:
    """The archive, when its directory is sane. Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted)."""
    try:
        archive = zipfile.ZipFile(file)
        members = archive.infolist()
    except DAMAGED:
        raise UnsupportedMedia(f"{name} is cut off or damaged: its archive cannot be opened", _SAVE) from None
    packed = sum(m.compress_size for m in members) or 1
    unpacked = sum(m.file_size for m in members)
    if len(members) > _MEMBERS:
        raise MediaTooLarge(
            f"{name} holds {len(members):,} files, more than {_MEMBERS:,}", "Send a part of it."
        )
    if unpacked > UNPACKED or is_bomb(unpacked, packed):
        raise MediaTooLarge(
            f"{name} unpacks to {unpacked >> 20:,} MB ({unpacked // packed}× its size), which is not opened",
            "Send a part of it, or the sheets needed as CSV or the pages needed as PDF.",
        )
    if any(m.flag_bits & 1 for m in members):
        raise encrypted(name)
    return archive


def encrypted(name: str) -> InvalidRequest:
    return InvalidRequest(f"{name} is encrypted", "Save it without a password, or as a PDF with one.")


def member(
    archive: zipfile.ZipFile,
    path: str | zipfile.ZipInfo,
    name: str,
    most: int | None = None,
) -> bytes:
    """The bytes of one member, or the first `most`, b"" when there is none. Raises MediaTooLarge, UnsupportedMedia."""
    info = archive.NameToInfo.get(path) if isinstance(path, str) else path
    if info is None:
        return b""
    if info.file_size > _PARSED:
        raise MediaTooLarge(
            f"{name} holds a part of {info.file_size >> 20:,} MB", "Send a part of it, or as PDF."
        )
    try:
        if most is None:
            return archive.read(info)
        with archive.open(info) as part:
            return part.read(most)
    except DAMAGED:
        raise UnsupportedMedia(
            f"{name} is damaged: its part {info.filename[:60]} cannot be unpacked", _SAVE
        ) from None


def refuse_entities(data: bytes, name: str) -> None:
    """Raises UnsupportedMedia for XML that declares entities, in any encoding that a parser takes."""
    if _DOCTYPE.search(data) or (b"\x00" in data[:200] and _DOCTYPE.search(data.replace(b"\x00", b""))):
        raise UnsupportedMedia(f"{name} declares XML entities, which are not read", _SAVE)


def xml(data: bytes, name: str) -> ET.Element:
    """The tree of one XML part. Raises UnsupportedMedia."""
    refuse_entities(data, name)
    try:
        return ET.fromstring(data)  # noqa: S314 - entities are refused above, and the worker bounds the rest
    except (ET.ParseError, ValueError, LookupError):
        raise UnsupportedMedia(f"{name} is damaged: an XML part of it cannot be read", _SAVE) from None


def mended(data: bytes, name: str, encoding: str | None) -> bytes:
    """A file that is one XML text in UTF-8, in whatever encoding it came; without what XML does not allow and tools that
    put it together let through. Raises UnsupportedMedia, InvalidRequest (encoding).
    """
    text = _DECLARED.sub("", decode(data, name, encoding, declared=declaration(data)).text, count=1)
    return _BARE.sub("&amp;", _CONTROLS.sub("", text)).encode("utf-8", "replace")


def parse(archive: zipfile.ZipFile, path: str, name: str) -> ET.Element | None:
    """The tree of a member, None when there is none. Raises UnsupportedMedia, MediaTooLarge."""
    data = member(archive, path, name)
    return xml(data, name) if data else None


def local(element: ET.Element) -> str:
    """The tag without its namespace."""
    return str(element.tag).rpartition("}")[2]


def outermost(
    element: ET.Element, *names: str, named: Callable[[ET.Element], str] = local
) -> Iterator[ET.Element]:
    """The elements of these names, in order, without those within them, which are theirs: who went through each of a
    hundred that lie in each other would go through the innermost a hundred times, or twice as often with each.
    """
    waiting = [element]
    while waiting:
        here = waiting.pop()
        if named(here) in names:
            yield here
        elif len(here):
            waiting += here[::-1]


def archive_of(parts: Mapping[str, str | bytes]) -> io.BytesIO:
    """An archive of these members, unpacked."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, data in parts.items():
            archive.writestr(path, data)
    return made


def attribute(element: ET.Element, name: str) -> str:
    """The attribute of that local name, whatever its namespace; "" when there is none."""
    return next((v for k, v in element.attrib.items() if k.rpartition("}")[2] == name), "")
