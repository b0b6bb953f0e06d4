"""Which paths may be touched. What may be fetched is decided in `media/sources`, which secrets stay closed in `secret_paths`.

    readable   regular files below the working folder, home, the temporary folders and GLM_ALLOWED_DIRS
    hidden     below these, anything in a folder or with a name that begins with a dot (and AppData, Library): only
               files whose bytes are a picture, video or PDF
    secret     key folders, password stores, browser profiles, .env and key files: never, under whatever root, also
               below GLM_ALLOWED_DIRS
    guarded    names that mostly hold a secret: only where GLM_ALLOWED_DIRS has that very file
    writable   new files below the working folder or GLM_OUTPUT_DIR, never in hidden folders

What it does not protect against: hard links, bind mounts and folders shared into a root from elsewhere, another process
of the same user, and secrets in ordinary files. It keeps an agent from what it was not meant to read; it is no wall.
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from glm_mcp.atomic_files import NO_LINK, READING, check_kind, opened_path, same_file
from glm_mcp.errors import ConfigError, ForbiddenPath, InvalidRequest, NotFound, exhausted
from glm_mcp.secret_paths import (
    PATH_MAX,
    check_new_name,
    check_spelling,
    closed,
    fold,
    hidden,
    is_guarded,
    is_secret,
)

HEAD = 16_384  # bytes shown to `suited`

# No client starts a server there to read it.
_SYSTEM = ("/etc", "/proc", "/sys", "/dev", "/boot", "/bin", "/sbin", "/run")
_NEVER = ("/proc", "/sys", "/dev")  # what looks like a file there is the kernel speaking
_HIDDEN_AT_HOME = {"win32": "appdata", "darwin": "library"}
_OPEN_IN_LIBRARY = ("mobile documents", "cloudstorage")  # where iCloud Drive and others keep ordinary files


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a path leads, checked: `hidden` closes it to everything but media."""

    path: Path
    hidden: bool


class Sandbox:
    """The folders one server may read and write. All methods that take a path may block."""

    def __init__(  # noqa: PLR0913 - each is a setting of its own
        self,
        *,
        cwd: Path,
        home: Path,
        temp: Path | Sequence[Path],
        allowed: Sequence[Path] = (),
        output: Path | None = None,
        own: Sequence[Path] = (),
        kept: Sequence[Path] = (),
        closed: Sequence[Path] = (),
        remote: bool = False,
        upload: Callable[[str], str] | None = None,
        own_host: str | None = None,
        platform: str = sys.platform,
    ) -> None:
        """`allowed`: GLM_ALLOWED_DIRS. `output`: GLM_OUTPUT_DIR. `own`: the server's own data and cache folders, whose
        ordinary files may be read though they lie in hidden places. `closed`: files of its secrets, which nobody reads.
        `remote`: callers come over HTTP, only `allowed` counts, and `kept`, where there is what is others', is closed.
        `upload`: the line that uploads a path of theirs. `own_host`: "host:port" of the configured endpoint.
        """
        self.home, self.cwd, self.remote = _real(home), _real(cwd), remote
        self._upload = upload
        self.own_host = own_host
        self._platform = platform
        self._temp = [_real(p) for p in ((temp,) if isinstance(temp, Path) else temp)]
        self._allowed = [_real(_expand(p, home)) for p in allowed]
        self._output = None if output is None else _real(_expand(output, home))
        self._own = [_real(p) for p in own]
        self._never = [*map(Path, _NEVER), *(_real(p) for p in kept if remote)]
        self._closed = frozenset(tuple(map(fold, _real(p).parts)) for p in closed)
        self._roots = self._find_roots()

    def uploading(self, upload: Callable[[str], str]) -> Self:
        """The same for one caller, who is told by this line how to send a file."""
        theirs = copy.copy(self)
        theirs._upload = upload  # noqa: SLF001 - of the copy
        return theirs

    def roots(self) -> list[Path]:
        """The folders whose files may be read, resolved, without repetition."""
        return list(self._roots)

    def working_folder_counts(self) -> bool:
        """Whether the working folder is one that a person chose: not `/`, a drive root, above home or the system's."""
        above = self.cwd != self.home and self._below(self.home, self.cwd) is not None
        if self.remote or self.cwd == self.cwd.parent or above:
            return False
        first = fold(self.cwd.parts[1]) if len(self.cwd.parts) > 1 else ""
        if self._platform == "win32" and first in ("windows", "program files", "program files (x86)"):
            return False
        return all(self._below(self.cwd, Path(system)) is None for system in _SYSTEM)

    def base(self) -> Path:
        """The folder that relative paths start from."""
        folders = [p for p in self._allowed if not p.is_file()] if self.remote else []
        return folders[0] if folders else self.cwd

    def absolute(self, path: Path) -> Path:
        """`path` with `~` and the base folder put in; nothing is looked up. Raises InvalidRequest, ForbiddenPath."""
        check_spelling(str(path))
        whole = self.base() / _expand(path, self.home)
        if len(os.fsencode(whole)) >= PATH_MAX:
            raise InvalidRequest(f"a path of {len(str(whole))} characters is too long", "Check the path.")
        return whole

    def check(self, path: Path) -> Path:
        """Where a path leads, in a readable place; nothing need be there. Raises ForbiddenPath, InvalidRequest."""
        return self._place(path).path

    def is_hidden(self, path: Path) -> bool:
        """Whether it leads to where only media are read. Raises as `check`."""
        return self._place(path).hidden

    def allows_by_name(self, resolved: Path) -> bool:
        """Whether the settings allow this very file, not only a folder above it."""
        return any(self._below(resolved, allowed) == () for allowed in self._allowed)

    def contains(self, path: Path) -> bool:
        """Whether a path leads into a readable place; says nothing about whether something is there."""
        try:
            self.check(path)
        except (ForbiddenPath, InvalidRequest):
            return False
        return True

    def open(self, path: Path, *, suited: Callable[[bytes], bool]) -> tuple[IO[bytes], Path, int]:
        """Opens a regular file for reading: (file, resolved path, size in bytes). Blocking.

        `suited` gets the first bytes of a file in a hidden place and says whether they are a picture, video or PDF.
        Raises ForbiddenPath, NotFound, InvalidRequest. Outside the roots the message is the same whether or not
        something is there.
        """
        place = self._place(path)
        try:
            before = place.path.stat()
            check_kind(before, path)
            # A pipe or a link may have been put there since.
            descriptor = os.open(place.path, READING | NO_LINK)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"there is no file {path}", "Check the path.") from error
        except PermissionError as error:
            raise ForbiddenPath(
                f"the system does not let this server read {path}",
                "Change the file's permissions, or copy it.",
            ) from error
        except OSError as error:
            why = NotFound(f"{path} cannot be opened ({error.strerror})", "Check the path.")
            raise exhausted(error) or why from error
        file = os.fdopen(descriptor, "rb")
        try:
            size = self._check_opened(file, before, place, path, suited)
        except BaseException:
            file.close()
            raise
        return file, place.path, size

    def _check_opened(
        self,
        file: IO[bytes],
        before: os.stat_result,
        place: _Place,
        path: Path,
        suited: Callable[[bytes], bool],
    ) -> int:
        """Whether what was opened is what was checked; its size."""
        after = os.fstat(file.fileno())
        check_kind(after, path)
        opened = opened_path(file.fileno())
        now = opened or place.path
        if not same_file(before, after) or (opened != place.path and not self._is_as(place, now)):
            raise ForbiddenPath(f"{path} changed while it was being opened", "Call again.")
        head = file.read(HEAD)
        if is_guarded(path.name, now.name, head=head) and not self.allows_by_name(now):
            raise closed(path, may_be_named=True)
        if place.hidden and not suited(head):
            raise hidden(path)
        file.seek(0)
        return after.st_size

    def _is_as(self, place: _Place, path: Path) -> bool:
        """Whether a path may be read as that place may."""
        try:
            return self._place(path).hidden == place.hidden
        except (ForbiddenPath, InvalidRequest):
            return False

    def writable(self, path: Path) -> Path:
        """Where a new file may be written: `path` resolved, below the working folder or GLM_OUTPUT_DIR.

        Raises ForbiddenPath, InvalidRequest. The folder need not exist yet; call again when it does, before writing.
        """
        if self.remote:
            raise ForbiddenPath(
                "over HTTP a file is not written to a path of the caller's", "Leave `output` out."
            )
        check_new_name(path)
        asked = self.absolute(path)
        resolved = _resolve(asked)
        roots = [self.cwd] if self.working_folder_counts() else []
        roots += [self._output] if self._output else []
        below = [parts for root in roots if (parts := self._below(resolved, root)) is not None]
        if not below or self.never_reads(resolved):
            raise ForbiddenPath(
                f"{path} is not below the working folder" + (" or GLM_OUTPUT_DIR" if self._output else ""),
                "Give a path that is, or set GLM_OUTPUT_DIR="
                f"{os.path.normpath(asked.parent)} in the server's environment.",
            )
        in_hidden = all(any(part.startswith(".") for part in parts) for parts in below)
        if in_hidden or self._secret(asked, resolved) or is_guarded(asked.name, resolved.name):
            raise ForbiddenPath(f"{path} is a hidden or secret place", "Give a path without hidden folders.")
        return resolved

    def never_reads(self, resolved: Path) -> bool:
        """Whether it lies where nothing is read or written: what the kernel says, and over HTTP what is kept of callers."""
        return any(self._below(resolved, place) is not None for place in self._never)

    def _find_roots(self) -> list[Path]:
        roots = list(self._allowed)
        if not self.remote:
            roots += [self.cwd] if self.working_folder_counts() else []
            roots += [p for p in (self.home, *self._temp, *self._own) if p != p.parent]
            roots += [self._output] if self._output else []
        return list(dict.fromkeys(roots))

    def _place(self, path: Path) -> _Place:
        """Where `path` leads, if that may be read. Raises ForbiddenPath, InvalidRequest."""
        asked = self.absolute(path)
        resolved = _resolve(asked)
        below = [parts for root in self._roots if (parts := self._below(resolved, root)) is not None]
        if not below or self.never_reads(resolved):
            raise self.outside(path, asked)
        if self._secret(asked, resolved):
            raise closed(path)
        # A root that is itself hidden opens what lies in it: it was chosen.
        return _Place(resolved, all(self._hidden(parts, resolved) for parts in below))

    def _below(self, path: Path, root: Path) -> tuple[str, ...] | None:
        """The components of `path` below `root`, or None. Case counts where the platform's file names have it."""
        parts, top = path.parts, root.parts
        same = parts[: len(top)] == top
        if not same and self._platform in ("win32", "darwin"):
            same = [fold(p) for p in parts[: len(top)]] == [fold(p) for p in top]
        return parts[len(top) :] if same else None

    def _hidden(self, parts: tuple[str, ...], resolved: Path) -> bool:
        if any(part.startswith(".") for part in parts):
            return True
        at_home = tuple(fold(p) for p in self._below(resolved, self.home) or ())
        if not at_home or len(parts) < len(at_home) or at_home[0] != _HIDDEN_AT_HOME.get(self._platform):
            return False
        return at_home[1:2] == () or at_home[1] not in _OPEN_IN_LIBRARY

    def _secret(self, asked: Path, resolved: Path) -> bool:
        both = {resolved, Path(os.path.normpath(asked))}
        return any(is_secret(path.parts, self.home.parts, resolved, self._closed) for path in both)

    def outside(self, path: Path, asked: Path) -> ForbiddenPath:
        if self.remote:
            return _not_here(str(path), self._upload, allowed=bool(self._allowed))
        asked = Path(os.path.normpath(asked))
        if self.never_reads(asked):
            return ForbiddenPath(f"{path} is part of the system and is never read", "Name an ordinary file.")
        copy = "copy the file into the working folder, home or the temporary folder."
        if any(self._below(asked, root) is not None for root in self._roots):
            return ForbiddenPath(
                f"{path} leads, by a link, outside the folders that may be read",
                f"Name the folder it leads to in GLM_ALLOWED_DIRS, or {copy}",
            )
        hint = f"To allow it, {self._setting_help(asked.parent)}, or {copy}"
        if not path.is_absolute() and path.parts[:1] != ("~",) and not self.working_folder_counts():
            hint = (
                f"The server runs in {self.cwd}, which is not a project folder: give an absolute path. {hint}"
            )
        return ForbiddenPath(f"{path} is outside the folders that may be read", hint)

    def _setting_help(self, folder: Path) -> str:
        shown = f'"{folder}"' if " " in str(folder) else str(folder)
        return f"add {shown} to GLM_ALLOWED_DIRS" if self._allowed else f"set GLM_ALLOWED_DIRS={shown}"


def _resolve(path: Path) -> Path:
    try:
        text = os.path.realpath(path)
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{path.name} is not a usable path", "Check the path.") from error
    # Windows writes long paths in its own way.
    return Path(text[4:] if text.startswith("\\\\?\\") and text[5:6] == ":" else text)


def _real(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} is not a usable folder", "Check GLM_ALLOWED_DIRS and GLM_OUTPUT_DIR."
        ) from error


def _expand(path: Path, home: Path) -> Path:
    return home.joinpath(*path.parts[1:]) if path.parts[:1] == ("~",) else path


def _not_here(path: str, upload: Callable[[str], str] | None, *, allowed: bool) -> ForbiddenPath:
    """The refusal to a caller over HTTP. `upload`: as of `Sandbox`; `allowed`: some folders of the server may be read."""
    send = f"Upload it and pass the glm://files/ID that this prints: {upload(path)} ." if upload else ""
    if allowed:
        more = "Or give a path below them." if send else "Give a path below them."
        return ForbiddenPath(f"{path} is outside the folders of GLM_ALLOWED_DIRS", f"{send} {more}".strip())
    allow = "or set GLM_ALLOWED_DIRS on the server to folders that may be read."
    taken = "A URL, a data: URL or base64 is taken too," if send else "Send a URL, a data: URL or base64,"
    return ForbiddenPath("local files are not read over HTTP", f"{send} {taken} {allow}".strip())
