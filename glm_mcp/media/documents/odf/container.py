"""The container of an OpenDocument file: an archive, or all of it in one XML file (`.fodt`, `.fods`, `.fodp`)."""

from __future__ import annotations

import io
import zipfile
from typing import BinaryIO

from glm_mcp.errors import InvalidRequest
from glm_mcp.media.documents.zip_xml import member, open_zip


def open_container(file: BinaryIO, name: str) -> zipfile.ZipFile:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encryption)."""
    file.seek(0)
    if file.read(2) != b"PK":
        return _flat(file)
    archive = open_zip(file, name)
    if b"encryption-data" in member(archive, "META-INF/manifest.xml", name):
        raise InvalidRequest(f"{name} is encrypted", "Save it without a password, or as a PDF with one.")
    return archive


def _flat(file: BinaryIO) -> zipfile.ZipFile:
    """The one file as the parts that it stands for."""
    file.seek(0)
    data, made = file.read(), io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("content.xml", data)
        archive.writestr("styles.xml", data)
        archive.writestr("meta.xml", data)
    return zipfile.ZipFile(made)
