"""Files written for the user, and what is kept for a while: long texts, drawn boxes, finished parts of long work.

    output     GLM_OUTPUT_DIR, else `glm-output` in the working folder, else the user's data folder; never overwritten
    kept       in the cache, for whoever made it alone: glm://outputs/ID, and finished parts

Every method of `Outputs` may block; call it from a thread.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from glm_mcp.atomic_files import NO_LINK, READING, read_file, safe_name, write_here
from glm_mcp.errors import ConfigError, ForbiddenPath, InvalidRequest, NotFound
from glm_mcp.media.detect import is_media
from glm_mcp.media.kept.cache import MAX_AGE_DAYS, MAX_BYTES, OUTPUTS, PARTS, Cache
from glm_mcp.media.kept.uploads import QUOTA, Uploads
from glm_mcp.sandbox import Sandbox

SCHEME = "glm://outputs/"
NOBODY = "0" * 16  # where there is one owner alone

_ID = re.compile(r"[0-9a-f]{24}")  # 96 random bits: not to be guessed, and copied by a model without a slip
# Waiting for a program that holds it: a file of our own that cannot be opened is gone.
_OPENING = READING & ~getattr(os, "O_NONBLOCK", 0) | NO_LINK
_PART_BYTES = 64 << 20
_REMEMBERED = 1_000  # files whose links are read back
_NAME_BYTES = 120  # of a kept file's own name


def is_kept(argument: str) -> bool:
    """Whether an argument names a kept file by its address."""
    return argument.strip()[: len(SCHEME)].lower() == SCHEME


def kept_id(ident: str) -> str:
    """The id alone, of an id or an address."""
    text = ident.strip()
    return (text[len(SCHEME) :] if is_kept(text) else text).strip("/")


def project_owner(folder: Path) -> str:
    """Who owns what is made in a working folder: every server that is started there, and none that is started elsewhere.
    As `server.front` has it.
    """
    return hashlib.blake2b(os.fsencode(os.path.realpath(folder)), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept file: `uri` is what a caller passes back, `modified` seconds since 1970."""

    id: str
    name: str
    size: int
    modified: float

    @property
    def uri(self) -> str:
        return SCHEME + self.id


class Outputs:
    """The files of one owner: the project in whose folder the server was started, or, by `for_owner`, a caller over HTTP.
    Several processes may share the folders.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of its own
        self,
        *,
        folder: Path | None,
        cwd: Path | None,
        data: Path,
        cache: Path,
        max_bytes: int = MAX_BYTES,
        max_age_days: float = MAX_AGE_DAYS,
        owner: str = NOBODY,
        quota: int = QUOTA,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`folder`: GLM_OUTPUT_DIR. `cwd`: the working folder, None when it does not count. `data`, `cache`: as in
        `UserFolders`; nothing is made before it is needed. `owner`: as of `project_owner`. `quota`: bytes of an
        owner's uploaded files.
        """
        self.folder = folder
        self.cwd = cwd
        self._own = Path(os.path.realpath(data))
        self._cache = Cache(cache, max_bytes=max_bytes, max_age_days=max_age_days, clock=clock)
        self.owner = owner
        self._written: dict[Path, None] = {}  # the last files that were written for the user
        self.uploads = Uploads(self._cache, self.owner, quota)

    def for_owner(self, owner: str) -> Self:
        """The files of another owner, 16 hex digits, in the same folders."""
        theirs = copy.copy(self)
        theirs.owner = owner
        theirs.uploads = self.uploads.for_owner(owner)
        return theirs

    @property
    def place(self) -> Path:
        """Where kept results lie, once there are any."""
        return self._cache.root / OUTPUTS / self.owner

    # Files for the user

    def destination(self, output: str | None, default_name: str, *, sandbox: Sandbox) -> Path:
        """Where a result goes: `output` (a file, or a folder for `default_name`), else the default folder.

        A name without a suffix gets that of `default_name`. Raises ForbiddenPath, InvalidRequest.
        """
        if output is None or not output.strip():
            return self._default(safe_name(default_name), sandbox)
        asked = output.strip()
        path = Path(asked)
        if (
            not path.is_absolute()
            and path.parts[:1] != ("~",)
            and self.cwd is None
            and self.folder is not None
        ):
            path = self.folder / path
        resolved = sandbox.writable(path)
        if asked.endswith(("/", "\\")) or resolved.is_dir():
            return sandbox.writable(resolved / safe_name(default_name))
        return resolved if resolved.suffix else resolved.with_name(resolved.name + Path(default_name).suffix)

    def write(self, path: Path, data: bytes, *, sandbox: Sandbox) -> Path:
        """Writes a new file and returns where: `path`, or its name with -2, -3 … when that is taken.

        The file appears whole or not at all and never replaces another, also between processes. A `path` of
        `destination` is checked again before its folder is made and once it exists, and written into the very folder
        that was checked. Raises ConfigError, ForbiddenPath, InvalidRequest.
        """

        def checked() -> Path:
            return path if path.parent == self._own else sandbox.writable(path)

        try:
            checked().parent.mkdir(parents=True, exist_ok=True)
            written = write_here(checked(), data)
        except OSError as error:
            raise _unwritable(path, error) from error
        self._written[written] = None
        if len(self._written) > _REMEMBERED:
            self._written.pop(next(iter(self._written)), None)
        return written

    def _default(self, name: str, sandbox: Sandbox) -> Path:
        if self.folder is not None:
            return sandbox.writable(self.folder / name)
        if self.cwd is not None:
            folder = self.cwd / "glm-output"
            # A link there may lead anywhere; the folder of a stranger's repository is not followed.
            if not folder.is_symlink() and os.access(folder if folder.is_dir() else self.cwd, os.W_OK):
                with contextlib.suppress(ForbiddenPath):  # a working folder among secrets
                    return sandbox.writable(folder / name)
        return self._own / name

    # What is kept

    def keep(self, data: bytes | str, suffix: str, *, name: str = "") -> str:
        """Keeps bytes or a text for a while; the id that `glm://outputs/ID` takes. `name`: what people see."""
        raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
        ident = secrets.token_hex(12)
        shown = name or "result"
        shown = safe_name(
            shown if shown.lower().endswith(suffix.lower()) else shown + suffix, limit=_NAME_BYTES
        )
        self._cache.put(OUTPUTS, self.owner, f"{ident}.{shown}", raw)
        return ident

    def kept(self, ident: str) -> tuple[Path, bytes]:
        """Where a kept file lies, and its bytes. Raises NotFound when it is unknown or has expired."""
        path, file = self.open(ident)
        with file:
            return path, file.read()

    def open(self, ident: str) -> tuple[Path, IO[bytes]]:
        """The same, opened for reading. Raises NotFound."""
        path = self.find(ident)
        try:
            return path, os.fdopen(os.open(path, _OPENING), "rb")
        except OSError as error:
            raise _gone(ident) from error

    def open_link(self, path: Path, *, sandbox: Sandbox) -> tuple[Path, IO[bytes]]:
        """A file that a result's link leads to, opened for reading: one that is kept, one that this process wrote, or one in
        the folder where results go. Raises NotFound for any other.
        """
        if path.parent in (self.place, self._cache.used(OUTPUTS, self.owner)):
            found, file = self.open(path.name.partition(".")[0])
            if found == path:
                return found, file
            file.close()
        with contextlib.suppress(ForbiddenPath, InvalidRequest):
            if path in self._written or path.parent == self._default(path.name, sandbox).parent:
                file, found, _ = sandbox.open(path, suited=is_media)
                return found, file
        raise not_made(path)

    def find(self, ident: str) -> Path:
        """Where a kept file lies. `ident`: an id or its glm://outputs/ URI. Raises NotFound."""
        plain = kept_id(ident)
        for entry in self._cache.entries(OUTPUTS, self.owner, f"{plain}.") if _ID.fullmatch(plain) else ():
            return entry.path
        raise _gone(ident)

    def list(self) -> list[Kept]:
        """What is kept and has not expired, newest first."""
        kept = []
        for entry in self._cache.entries(OUTPUTS, self.owner):
            ident, _, name = entry.name.partition(".")
            if _ID.fullmatch(ident) and name:
                kept.append(Kept(ident, name, entry.size, entry.modified))
        return sorted(kept, key=lambda item: (-item.modified, item.id))

    def remember(self, key: str, value: dict[str, Any]) -> None:
        """Keeps a finished part of long work under a key made by the caller from content, prompt and model.

        Raises ConfigError.
        """
        raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        self._cache.put(PARTS, self.owner, _part(key), raw)

    def recall(self, key: str) -> dict[str, Any] | None:
        """What was remembered under `key`; None when nothing is, or it has expired or is damaged."""
        path = self._cache.folder(PARTS, self.owner) / _part(key)
        try:
            if path.stat().st_mtime < self._cache.clock() - self._cache.max_age_s[PARTS]:
                return None
            value = json.loads(read_file(path, _PART_BYTES, links=False))
        except (OSError, ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def sweep(self) -> None:
        """As of `Cache`: of all owners."""
        self._cache.sweep()


def _part(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest() + ".json"


def _unwritable(path: Path, error: OSError) -> ConfigError | InvalidRequest:
    if error.errno == errno.ENAMETOOLONG:
        return InvalidRequest(f"the name of the output is too long: {path.name[:60]}…", "Give a shorter one.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return ConfigError(
            f"there is no space left to write {path.name}", "Free some space, or set GLM_OUTPUT_DIR."
        )
    why = error.strerror or "the system refuses"
    return ConfigError(
        f"{path.name} cannot be written to {path.parent} ({why})",
        "Set GLM_OUTPUT_DIR in the server's environment to a folder that can be written.",
    )


def not_made(path: Path) -> NotFound:
    return NotFound(f"no call of this server made {path}", "Pass its path to a tool, which reads it.")


def _gone(ident: str) -> NotFound:
    return NotFound(
        f"nothing is kept under {SCHEME}{kept_id(ident)[:60]}",
        "Kept results last 7 days or 500 MB: call the tool again to make it anew, or check the id.",
    )
