"""The container of an OpenDocument file: an archive, or all of it in one XML file (`.fodt`, `.fods`, `.fodp`)."""

from __future__ import annotations

import zipfile
from typing import BinaryIO

from glm_mcp.media.documents.zip_xml import archive_of, encrypted, member, open_zip


def open_container(file: BinaryIO, name: str) -> zipfile.ZipFile:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encryption)."""
    file.seek(0)
    if file.read(2) != b"PK":  # the one file stands for each part
        file.seek(0)
        parts = dict.fromkeys(("content.xml", "styles.xml", "meta.xml"), file.read())
        return zipfile.ZipFile(archive_of(parts))
    archive = open_zip(file, name)
    if b"encryption-data" in member(archive, "META-INF/manifest.xml", name):
        raise encrypted(name)
    return archive
