"""Files written for the user, and what is kept for a while: long texts, drawn boxes, finished parts of long work.

    output     GLM_OUTPUT_DIR, else `glm-output` in the working folder, else the user's data folder; never overwritten
    cache      private (0700), 7 days or 500 MB: `outputs/` behind glm://outputs/ID, `parts/` finished parts

Every method of `Outputs` may block; call it from a thread.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import PlatformDirs

from glm_mcp.atomic_files import list_files, private_folder, safe_name, write_here, write_part
from glm_mcp.errors import ConfigError, ForbiddenPath, InvalidRequest, NotFound
from glm_mcp.sandbox import Sandbox

MAX_BYTES = 500 * 1000 * 1000
MAX_AGE_DAYS = 7.0
SCHEME = "glm://outputs/"

_ID = re.compile(r"[0-9a-f]{24}")  # 96 random bits: not to be guessed, and copied by a model without a slip
_STALE_S = 3600.0  # a temporary file of a process that died
_SWEEP_S = 600.0  # shortest time between two sweeps of one process
_NAME_BYTES = 120  # of a kept file's own name

_log = logging.getLogger(__name__)


def is_kept(argument: str) -> bool:
    """Whether an argument names a kept file by its address."""
    return argument.strip()[: len(SCHEME)].lower() == SCHEME


def kept_id(ident: str) -> str:
    """The id alone, of an id or an address."""
    text = ident.strip()
    return (text[len(SCHEME) :] if is_kept(text) else text).strip("/")


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
    """The files of one server. Several processes may share the folders."""

    def __init__(
        self,
        *,
        folder: Path | None,
        cwd: Path | None,
        data: Path,
        cache: Path,
        max_bytes: int = MAX_BYTES,
        max_age_days: float = MAX_AGE_DAYS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`folder`: GLM_OUTPUT_DIR. `cwd`: the working folder, None when it does not count. `data`, `cache`: as in
        `UserFolders`; nothing is made before it is needed.
        """
        self.folder = folder
        self.cwd = cwd
        self._own = Path(os.path.realpath(data))
        self.max_bytes = max_bytes
        self.max_age_s = max_age_days * 86_400
        self._cache = cache
        self._clock = clock
        self._checked: dict[str, Path] = {}
        self._swept: float | None = None
        self._since = 0

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
            return write_here(checked(), data)
        except OSError as error:
            raise _unwritable(path, error) from error

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
        shown = safe_name(name or "result", limit=_NAME_BYTES)
        shown = shown if not suffix or shown.lower().endswith(suffix.lower()) else shown + suffix
        self._put(self._folder("outputs") / f"{ident}.{shown}", raw)
        return ident

    def kept(self, ident: str) -> tuple[Path, bytes]:
        """Where a kept file lies, and its bytes. Raises NotFound when it is unknown or has expired."""
        path = self.find(ident)
        try:
            return path, path.read_bytes()
        except OSError as error:
            raise _gone(ident) from error

    def find(self, ident: str) -> Path:
        """Where a kept file lies. `ident`: an id or its glm://outputs/ URI. Raises NotFound."""
        plain = kept_id(ident)
        if _ID.fullmatch(plain):
            for item in self.list():
                if item.id == plain:
                    return self._folder("outputs") / f"{item.id}.{item.name}"
        raise _gone(ident)

    def list(self) -> list[Kept]:
        """What is kept and has not expired, newest first."""
        kept = []
        oldest = self._clock() - self.max_age_s
        for entry in list_files(self._folder("outputs")):
            ident, _, name = entry.name.partition(".")
            if _ID.fullmatch(ident) and name and entry.modified >= oldest:
                kept.append(Kept(ident, name, entry.size, entry.modified))
        return sorted(kept, key=lambda item: (-item.modified, item.id))

    def remember(self, key: str, value: dict[str, Any]) -> None:
        """Keeps a finished part of long work under a key made by the caller from content, prompt and model.

        Raises ConfigError.
        """
        self._put(self._part(key), json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))

    def recall(self, key: str) -> dict[str, Any] | None:
        """What was remembered under `key`; None when nothing is, or it has expired or is damaged."""
        path = self._part(key)
        try:
            if path.stat().st_mtime < self._clock() - self.max_age_s:
                return None
            value = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def sweep(self) -> None:
        """Removes what is older than the limit, then the oldest until the rest fits. A listing of two folders."""
        self._swept, self._since = self._clock(), 0
        files = [entry for name in ("outputs", "parts") for entry in list_files(self._folder(name))]
        total = sum(entry.size for entry in files)
        for entry in sorted(files, key=lambda entry: entry.modified):
            age = self._clock() - entry.modified
            stale = entry.name.endswith(".part") and age > _STALE_S
            if not stale and age <= self.max_age_s and total <= self.max_bytes:
                continue
            with contextlib.suppress(OSError):  # another process may have swept it
                entry.path.unlink()
                total -= entry.size

    def _put(self, path: Path, raw: bytes) -> None:
        """Writes a private file of the cache, whole or not at all."""
        try:
            temporary = write_part(path, raw, 0o600)
            temporary.replace(path)
        except OSError as error:
            raise ConfigError(
                f"nothing can be kept now ({error.strerror or 'the system refuses'})",
                "Free some space on the disk of the server's cache.",
            ) from error
        now = self._clock()
        os.utime(path, (now, now))
        self._since += len(raw)
        if self._swept is None or now - self._swept >= _SWEEP_S or self._since > self.max_bytes // 20:
            self.sweep()

    def _part(self, key: str) -> Path:
        return (
            self._folder("parts") / f"{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}.json"
        )

    def _folder(self, name: str) -> Path:
        """A folder of the cache, made at first use; where the cache cannot be written, a private temporary one."""
        known = self._checked.get(name)
        if known is not None and known.is_dir():
            return known
        try:
            folder = private_folder(self._cache / name)
        except OSError as error:
            try:
                folder = Path(tempfile.mkdtemp(prefix="glm-mcp-"))
            except OSError:
                raise ConfigError(
                    "nothing can be kept: neither the cache nor a temporary folder can be written",
                    "Set XDG_CACHE_HOME or TMPDIR in the server's environment to a folder that can be written.",
                ) from error
            _log.warning(
                "the cache %s cannot be used (%s): kept files go to %s", self._cache, error.strerror, folder
            )
        self._checked[name] = folder
        return folder


@dataclass(frozen=True, slots=True)
class UserFolders:
    """The folders of this user where this program keeps its settings, its cache, and results without a better place."""

    config: Path
    cache: Path
    data: Path

    @property
    def settings_file(self) -> Path:
        return self.config / "env"


def home_folder() -> Path:
    """The home folder. Raises ConfigError where it is relative: it would then be whatever folder a client starts us in."""
    name = "USERPROFILE" if sys.platform == "win32" else "HOME"
    try:
        home = Path.home()
    except RuntimeError:  # no variable, and a user without an account
        raise ConfigError("the home folder is not known", f"Set {name} to an absolute path.") from None
    if not home.is_absolute():
        raise ConfigError(f"{name} is {str(home)!r}, a relative path", "Set it to an absolute path.")
    return home


def user_folders(platform: str = sys.platform) -> UserFolders:
    """Raises ConfigError as `home_folder` does."""
    home = home_folder()
    if (
        platform == "darwin"
    ):  # where the library would let the variables of XDG, which has no say there, move them
        support = home / "Library" / "Application Support" / "glm-mcp"
        return UserFolders(support, home / "Library" / "Caches" / "glm-mcp", support / "output")
    known = PlatformDirs("glm-mcp", appauthor=False, roaming=True)
    data = known.user_data_path / "output" if platform == "win32" else known.user_data_path
    return UserFolders(known.user_config_path, known.user_cache_path, data)


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


def _gone(ident: str) -> NotFound:
    return NotFound(
        f"nothing is kept under {SCHEME}{kept_id(ident)[:60]}",
        "Kept results last 7 days or 500 MB: call the tool again to make it anew, or check the id.",
    )
