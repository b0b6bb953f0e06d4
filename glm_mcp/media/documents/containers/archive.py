"""Zip archives: their files listed and read in turn, within bounds. An archive within the archive is read, one in that is
only named.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from glm_mcp.errors import GLMError, InvalidRequest, UnsupportedMedia
from glm_mcp.media.charset_guess import guess_of_names
from glm_mcp.media.containers import DAMAGED
from glm_mcp.media.detect import detect
from glm_mcp.media.documents.pages import LeftOut, choose, result
from glm_mcp.media.worker_child import load
from glm_mcp.secret_paths import is_secret_within
from glm_mcp.text import one_line

if TYPE_CHECKING:
    from glm_mcp.media.formats import Kind
    from glm_mcp.media.worker_child import Job

_MB = 1024 * 1024
_FILES = 200  # that are read; all are named up to _LISTED
_LISTED = 2_000
_BYTES, _ALL_BYTES = 50 * _MB, 200 * _MB  # unpacked, of one file and of all
_CHARS = 50_000_000  # that all files together say: a small one may repeat itself up to a bound of its own
_RATIO, _RATIO_FROM = 200, 20 * _MB  # unpacked to packed
_UTF8 = 0x800  # the flag of a name that is in it; any other is taken for the letters of DOS
_AES = 99  # the method of a file that is locked in a way the standard library cannot open
_NOISE = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
_UNREADABLE = "Save, download or pack it again, or send what is in it."


def zip_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Reads the files that `params["pages"]` names by number or path; a page for each, the list of all as the first.

    Raises UnsupportedMedia, InvalidRequest (pages, password).
    """
    name = params["name"]
    try:
        archive = zipfile.ZipFile(file)
        _decode_names(archive.infolist())
        members = [m for m in archive.infolist() if not m.filename.endswith("/") and not _is_noise(_path(m))]
    except DAMAGED:
        raise UnsupportedMedia(
            f"{name} is cut off or damaged: its archive cannot be opened", _UNREADABLE
        ) from None
    if not members:
        raise UnsupportedMedia(f"{name} is an empty archive", "Send the files that were meant.")
    password = params.get("password") or ""
    archive.setpassword(password.encode())
    if all(m.flag_bits & 1 for m in members):
        _check_opens(archive, members[0], name, password)
    reader = _Reader(
        archive, params.get("depth", 0), {key: params.get(key) for key in ("encoding", "password")}
    )
    paths = [_path(m) for m in members]
    chosen = choose(params.get("pages"), len(members), name, unit="file", names=paths)
    if len(chosen) > _FILES:
        reader.left_out.add(f"files beyond the first {_FILES}", f"{len(chosen) - _FILES} of {len(members)}")
    rows = [
        (number, f"file '{paths[number - 1]}'", reader.read(members[number - 1]), "")
        for number in chosen[:_FILES]
    ]
    listed = "\n".join(
        f"- {path} ({m.file_size:,} bytes)" for path, m in zip(paths[:_LISTED], members, strict=False)
    )
    more = f"\n- … and {len(members) - _LISTED:,} more" if len(members) > _LISTED else ""
    head = f"{len(members)} files:\n\n{listed}{more}"
    if len(chosen) == len(members):
        number, label, text, why = rows[0]
        rows[0] = number, "files", f"{head}\n\n[{label}]\n\n{text}", why
    return result("zip", rows, len(members), reader.left_out.notes()), []


def _decode_names(members: list[zipfile.ZipInfo]) -> None:
    """Puts right the names that are in the encoding of the machine they were packed on, which an archive does not name."""
    unsaid = [m for m in members if not m.flag_bits & _UTF8 and not m.filename.isascii()]
    raw = [m.filename.encode("cp437", "replace") for m in unsaid]
    encoding = guess_of_names(raw) if raw else "cp437"
    for member, name in zip(unsaid, raw, strict=True):
        member.filename = name.decode(encoding, "replace")


def _check_opens(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, password: str) -> None:
    if info.compress_type == _AES:
        raise InvalidRequest(f"{name} is encrypted", "Unpack it and send its files.")
    if not password:
        raise InvalidRequest(
            f"{name} is encrypted; pass password=…", "Ask the owner of the file for its password."
        )
    try:
        archive.open(info).close()
    except DAMAGED:
        raise InvalidRequest(
            f"the password does not open {name}", "Pass the right one as password=…."
        ) from None


def _told(text: str, why: str) -> str:
    """A page of a file, and how the rest of it is seen, which is not taken out of an archive."""
    if why == "pictures":
        return f"{text}\n\n(pictures that say more: send the file by itself)"
    return text or ("(only a picture of it: send the file by itself)" if why else "(empty)")


def _path(info: zipfile.ZipInfo) -> str:
    return one_line(info.filename).replace("\\", "/").lstrip("/")


def _is_noise(path: str) -> bool:
    return (
        path.startswith(_NOISE)
        or PurePosixPath(path).name in _NOISE
        or PurePosixPath(path).name.startswith("._")
    )


class _Reader:
    """Reads one file after the other and counts the bytes."""

    def __init__(self, archive: zipfile.ZipFile, depth: int, more: dict[str, str | None]) -> None:
        self.left_out = LeftOut()
        self._archive = archive
        self._depth = depth
        self._more = more
        self._bytes = self._said = 0

    def read(self, info: zipfile.ZipInfo) -> str:
        """The file as Markdown, or a word on why it is not read."""
        path = _path(info)
        data = self._unpack(info, path)
        if data is None:
            return "(not read)"
        if not data:
            return "(empty)"
        job, kind = self._job(data, path)
        if job is None:
            return f"(not read here: {kind.title})"
        try:
            facts, _ = job(
                io.BytesIO(data),
                {"name": path, "kind": kind.name, "depth": self._depth + 1, **self._more},
            )
        except GLMError as error:
            self.left_out.add("files that cannot be read", f"{path} ({error.message})")
            return "(not read)"
        except Exception:  # noqa: BLE001 - whatever its reader stumbles on, the other files are whole
            self.left_out.add("files that cannot be read", path)
            return "(not read)"
        for note in facts["notes"]:
            self.left_out.add("as notes in its files say", f"{path}: {note}")
        several = len(facts["pages"]) > 1
        self._said += sum(len(page[2]) for page in facts["pages"])
        texts = ((label, _told(text, why)) for _, label, text, why in facts["pages"])
        return "\n\n".join(f"[{label}]\n\n{text}" if several else text for label, text in texts)

    def _unpack(self, info: zipfile.ZipInfo, path: str) -> bytes | None:
        packed = info.compress_size or 1
        if is_secret_within(path):
            self.left_out.add("files that hold secrets, by their names", path)
        elif info.flag_bits & 1 and (not self._archive.pwd or info.compress_type == _AES):
            self.left_out.add("files under a password", path)
        elif info.file_size > _BYTES or (info.file_size > _RATIO_FROM and info.file_size > _RATIO * packed):
            self.left_out.add(f"files of more than {_BYTES // _MB} MB or packed beyond measure", path)
        elif self._said > _CHARS:
            self.left_out.add(f"files beyond the first {_CHARS:,} characters", path)
        elif self._bytes + info.file_size > _ALL_BYTES:
            self.left_out.add(f"files beyond the first {_ALL_BYTES // _MB} MB", path)
        else:
            self._bytes += info.file_size
            try:
                return self._archive.read(info)
            except DAMAGED:
                self.left_out.add("files that cannot be unpacked", path)
        return None

    def _job(self, data: bytes, path: str) -> tuple[Job | None, Kind]:
        """What reads such a file, None for what this tool does not read or what lies too deep; and its kind."""
        kind = detect(data, path)
        readable = kind.family in ("document", "text") and kind.reader
        if not readable or (kind.name == "zip" and self._depth > 0):
            return None, kind
        return load(kind.reader), kind
