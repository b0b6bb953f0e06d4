"""What callers over HTTP have sent: `glm://files/ID`, for 24 hours, each for its own caller alone.

The id is made of a file's contents and name, so that whoever has both can ask whether it is here already. Every method
may block; call it from a thread.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import os
import re
import secrets
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from glm_mcp.atomic_files import NO_LINK, READING, FoundFile, safe_name
from glm_mcp.errors import MediaTooLarge, NotFound, QuotaError
from glm_mcp.media.kept.cache import FILES, FILES_HOURS, Cache, cannot_keep

SCHEME = "glm://files/"
MIB = 1024 * 1024
LARGEST = 200 * MIB  # of one file; what is taken of a URL too
QUOTA = 1000 * 1000 * 1000

_ID = re.compile(r"[0-9a-f]{24}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME_BYTES = 120
FILES_MAX = 2_000  # of an owner: each look-up goes through their names
_COUNTED = 8 * MIB  # how often what an owner has is counted while a file comes in


def is_upload(argument: str) -> bool:
    """Whether an argument names an uploaded file by its address."""
    return argument.strip()[: len(SCHEME)].lower() == SCHEME


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file. `until`: seconds since 1970, when it goes."""

    id: str
    name: str
    size: int
    until: float
    path: Path

    @property
    def uri(self) -> str:
        return SCHEME + self.id


class Uploads:
    """The uploaded files of one owner."""

    def __init__(self, cache: Cache, owner: str, quota: int) -> None:
        """`quota`: bytes of all files of an owner together."""
        self._cache, self._owner, self._quota = cache, owner, quota

    def for_owner(self, owner: str) -> Self:
        theirs = copy.copy(self)
        theirs._owner = owner  # noqa: SLF001 - of the copy
        return theirs

    def begin(self, name: str, declared: int = 0) -> Incoming:
        """A file that is to come in, `declared` bytes long if that is known. Raises MediaTooLarge, QuotaError,
        ConfigError.
        """
        if declared > LARGEST:
            raise _too_large()
        self.check_room(declared)
        return Incoming(self, self._cache, self._cache.folder(FILES, self._owner), _safe(name))

    def check_room(self, more: int = 0) -> None:
        """Raises QuotaError where there is no room for so many bytes more. What others send at the same time counts."""
        held = self._cache.entries(FILES, self._owner)
        if len(held) >= FILES_MAX:
            raise QuotaError(
                f"you have {len(held):,} files here, and there may be {FILES_MAX:,}",
                "Each goes after 24 hours. DELETE /files/ID takes one away now.",
            )
        if sum(f.size for f in held) + more > self._quota:
            raise QuotaError(
                f"your files here may have {self._quota // 1_000_000:,} MB together",
                "Each goes after 24 hours. DELETE /files/ID takes one away now.",
            )

    def known(self, digest: str, name: str) -> Upload:
        """The file of these contents (sha256, hex) and this name, its time begun anew. Raises NotFound."""
        digest = digest.lower()
        if not _DIGEST.fullmatch(digest):
            raise NotFound("no file has that sha256", "It is 64 hex digits.")
        found = self.find(_ident(digest, _safe(name)))
        with contextlib.suppress(OSError):
            self._cache.touch(found.path)
        return self.find(found.id)

    def find(self, ident: str) -> Upload:
        """A file by its id or address. Raises NotFound: for another owner's and an expired one too."""
        text = ident.strip()
        plain = (text[len(SCHEME) :] if is_upload(text) else text).strip("/")
        for file in self._cache.entries(FILES, self._owner, f"{plain}.") if _ID.fullmatch(plain) else ():
            return self._upload(plain, file)
        raise _gone(plain)

    def open(self, ident: str) -> tuple[IO[bytes], Upload]:
        """A file opened for reading. Raises NotFound."""
        upload = self.find(ident)
        try:
            return os.fdopen(os.open(upload.path, READING | NO_LINK), "rb"), upload
        except OSError as error:
            raise _gone(upload.id) from error

    def remove(self, ident: str) -> None:
        """Raises NotFound."""
        path = self.find(ident).path
        try:
            path.unlink()
        except OSError as error:
            raise _gone(ident) from error

    def _upload(self, ident: str, file: FoundFile) -> Upload:
        until = file.modified + self._cache.max_age_s[FILES]
        return Upload(ident, file.name.partition(".")[2], file.size, until, file.path)


class Incoming:
    """A file that comes in. Nobody sees it before `finish`; `discard` leaves nothing of it."""

    def __init__(self, uploads: Uploads, cache: Cache, folder: Path, name: str) -> None:
        self.name = name
        self.size = 0
        self._uploads, self._cache = uploads, cache
        self._digest = hashlib.sha256()
        self._part = folder / f".{secrets.token_hex(8)}.part"
        self._counted = 0
        try:
            self._file = os.fdopen(os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
        except OSError as error:
            raise cannot_keep(error) from error

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, data: bytes | bytearray) -> None:
        """The next bytes. Raises MediaTooLarge, QuotaError, ConfigError."""
        self.size += len(data)
        if self.size > LARGEST:
            raise _too_large()
        self._digest.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise cannot_keep(error) from error
        if self.size - self._counted >= _COUNTED:
            self._counted = self.size
            self._uploads.check_room()

    def finish(self, check: Callable[[IO[bytes], int, str], object]) -> Upload:
        """The whole file, once `check(file, size, name)` has raised nothing. Raises as that, QuotaError, ConfigError."""
        check(self._file, self.size, self.name)
        self._uploads.check_room()
        ident = _ident(self.sha256, self.name)
        path = self._part.with_name(f"{ident}.{self.name}")
        try:
            self._file.close()
            self._part.replace(path)
            self._cache.touch(path)
        except OSError as error:
            raise cannot_keep(error) from error
        self._cache.grown(self.size)
        return self._uploads.find(ident)

    def discard(self) -> None:
        """After `finish` it changes nothing."""
        self._file.close()
        self._part.unlink(missing_ok=True)


def curl_line(address: str, *, token: bool) -> Callable[[str], str]:
    """What makes, of a path, the line for a shell that uploads it to the server at `address`."""
    header = ' -H "Authorization: Bearer $GLM_HTTP_TOKEN"' if token else ""
    end = shlex.quote(f"{address}/files")

    def line(path: str) -> str:
        # A pattern that a shell may be given as it is.
        if re.fullmatch(r"[\w./~,@%+{}-]*[*?][\w./~,@%+{}*?-]*", path):
            return f"""for f in {path}; do curl{header} -F "file=@\\"$f\\"" {end}; done"""
        inner = path.removeprefix("~/").replace("\\", "\\\\").replace('"', '\\"')
        home = '"$HOME"' if path.startswith("~/") else ""  # which curl would not look up
        quoted = f"""'file=@"'{home}{shlex.quote("/" * bool(home) + inner)}'"'"""
        return f"curl{header} -F {quoted} {end}"

    return line


def _safe(name: str) -> str:
    return safe_name(re.split(r"[/\\]", name)[-1] or "file", limit=_NAME_BYTES)


def _ident(digest: str, name: str) -> str:
    return hashlib.sha256(f"{digest}/{name}".encode()).hexdigest()[:24]


def _too_large() -> MediaTooLarge:
    return MediaTooLarge(
        f"a file may have {LARGEST // MIB} MB here", "Send a part of it, or a smaller version."
    )


def _gone(ident: str) -> NotFound:
    return NotFound(
        f"no file of yours is kept under {SCHEME}{ident[:60]}",
        f"Uploaded files last {FILES_HOURS:.0f} hours: upload it again, or check the id.",
    )
