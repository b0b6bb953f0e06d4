"""Files made so that nobody sees half of one and nothing is overwritten, and told apart once they are open. Blocking."""

from __future__ import annotations

import contextlib
import errno
import functools
import logging
import operator
import os
import re
import secrets
import stat
import sys
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from glm_mcp.errors import ConfigError, InvalidRequest
from glm_mcp.text import one_line

_KINDS = (
    (
        stat.S_ISDIR,
        "{name} is a folder, not a file",
        "Name a file in it, or a pattern such as {path}/*.png or {path}/*.pdf.",
    ),
    (stat.S_ISFIFO, "{name} is a named pipe, not a file", "Write its contents to a file and pass that."),
    (stat.S_ISSOCK, "{name} is a socket, not a file", "Pass a regular file."),
    (stat.S_ISBLK, "{name} is a device, not a file", "Pass a regular file."),
    (stat.S_ISCHR, "{name} is a device, not a file", "Pass a regular file."),
)

# How a file that nobody vouches for is opened: without waiting for whoever may write into a pipe, and for this process alone.
_EXTRA = ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY")
READING = functools.reduce(operator.or_, (getattr(os, name, 0) for name in _EXTRA), os.O_RDONLY)
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_log = logging.getLogger(__name__)
_NUMBERS = 1000  # names tried one by one
# For another process, which may wait for a client's own command; how long that goes without a word.
_OTHERS_S, _SILENT_S, _LOOK_S = 90.0, 1.0, 0.02
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file of a folder: its size in bytes, and when it was written, in seconds since 1970."""

    path: Path
    name: str
    size: int
    modified: float


def safe_name(name: str, *, limit: int = 200) -> str:
    """A file name that every system takes, made of any text: no separators, controls or leading dots, short enough."""
    plain = unicodedata.normalize("NFC", one_line(name))
    plain = "".join("-" if c in '<>:"/\\|?*' or not c.isprintable() else c for c in plain)
    plain = re.sub(r"\s+", " ", plain).strip(" .")
    suffix = Path(plain).suffix
    stem = plain.removesuffix(suffix)
    if len(suffix.encode()) > 16:
        stem, suffix = plain, ""
    stem = stem.encode("utf-8")[: limit - len(suffix.encode())].decode("utf-8", "ignore").strip(" .-")
    return (stem or "result") + suffix


def list_files(folder: Path, start: str = "") -> list[FoundFile]:
    """The regular files directly in a folder whose names start so; none when it cannot be read."""
    files = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # gone since
                if entry.name.startswith(start) and entry.is_file(follow_symlinks=False):
                    info = entry.stat(follow_symlinks=False)
                    files.append(FoundFile(Path(entry.path), entry.name, info.st_size, info.st_mtime))
    return files


def private_folder(folder: Path) -> Path:
    """The folder, made and closed to other users. Raises OSError when it is not ours or cannot be written."""
    try:
        info = _made_private(folder)
    except FileNotFoundError:  # somebody takes the one above away meanwhile
        info = _made_private(folder)
    if folder.is_symlink() or (hasattr(os, "getuid") and info.st_uid != os.getuid()):
        raise PermissionError(errno.EACCES, "it belongs to another user")
    if os.name == "posix" and info.st_mode & 0o077:
        folder.chmod(0o700)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "it cannot be written")
    return folder


def _made_private(folder: Path) -> os.stat_result:
    # `mode` goes for the last folder only: the one above is private too.
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder.lstat()


def read_file(path: Path, most: int, *, links: bool = True) -> bytes:
    """The bytes of a regular file. `links`: whether one is followed.

    Raises OSError, also for what is no file and for more than `most` bytes.
    """
    descriptor = os.open(path, READING if links else READING | NO_LINK)
    with os.fdopen(descriptor, "rb") as file:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        if info.st_size > most:
            size = f"{most >> 20} MB" if most >> 20 else f"{most >> 10} KB"
            raise OSError(errno.EFBIG, f"it has more than {size}")
        return file.read(most)


def write_part(path: Path, data: bytes, mode: int) -> Path:
    """The bytes in a new hidden file beside `path`. Raises OSError."""
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(temporary, flags, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def replace_file(path: Path, data: bytes, mode: int, like: os.stat_result | None = None) -> None:
    """The file anew, whole or not at all, of this mode from its first moment on. `like`: the file whose owner and group it
    gets; where this user may not give it that group, a group gets nothing. Raises OSError.
    """
    temporary = write_part(path, data, mode & 0o600 if like else mode)
    try:
        # The user's umask may have taken something off.
        temporary.chmod(_as_of(temporary, like, mode) if like else mode)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _as_of(path: Path, like: os.stat_result, mode: int) -> int:
    """Gives a new file the owner and group of another, as far as this user may; the mode that it may have then."""
    if sys.platform == "win32":
        return mode
    made = path.lstat()
    if (made.st_uid, made.st_gid) == (like.st_uid, like.st_gid):
        return mode
    for owner in (like.st_uid, -1):
        with contextlib.suppress(OSError):
            os.chown(path, owner, like.st_gid, follow_symlinks=False)
            return mode
    return mode & ~0o070


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """While the block runs no other process is in one for this folder: who reads a file, changes it and writes it back
    undoes what another wrote meanwhile. Where a folder cannot be locked (Windows, some network drives, none is there)
    nobody is kept out. Raises ConfigError when another does not end. Blocking.
    """
    descriptor = _locked(folder)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _locked(folder: Path) -> int | None:
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    until = time.monotonic() + _OTHERS_S
    say_at = until - _OTHERS_S + _SILENT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            now = time.monotonic()
            if now >= say_at:
                say_at = until
                _log.warning("another command changes files in %s: waiting up to %.0f s", folder, _OTHERS_S)
            if now < until:
                time.sleep(_LOOK_S)
                continue
            os.close(descriptor)
            said = f"another command of ours has been changing files in {folder} for too long"
            raise ConfigError(said, "End it, then do this again.") from None
        except OSError:
            os.close(descriptor)
            return None
        return descriptor


def write_here(path: Path, data: bytes) -> Path:
    """`write_new` into the very folder that a resolved `path` was checked for. Raises OSError, as `held` too."""
    with held(path.parent) as folder:
        return path.with_name(write_new(folder / path.name, data).name)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[Path]:
    """A name for a resolved folder that leads to no other meanwhile, though a link may take its place.

    Raises OSError when one has; only Linux can tell and hold a folder so, and only with /proc.
    """
    if sys.platform != "linux" or not Path("/proc/self/fd").is_dir():
        yield folder
        return
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        name = Path(f"/proc/self/fd/{descriptor}")
        if os.fspath(name.readlink()) != os.fspath(folder):
            raise PermissionError(errno.EACCES, "it changed while the file was being written")
        yield name
    finally:
        os.close(descriptor)


def write_new(path: Path, data: bytes, *, links: bool = True) -> Path:
    """Writes a new file and returns where: `path`, or its name with -2, -3 … when that is taken.

    `links`: whether to try hard links, without which a name is claimed by an empty file first. Raises OSError.
    """
    temporary = write_part(path, data, 0o666)  # the user's umask takes off what they do not share
    try:
        for name in _names(path):
            target = path.with_name(name)
            if _take(temporary, target) if links else _claim(temporary, target):
                return target
    finally:
        temporary.unlink(missing_ok=True)
    raise FileExistsError(errno.EEXIST, "every name that was tried is taken")


def _names(path: Path) -> Iterator[str]:
    """The name itself, then with numbers, then with what nobody has: what is written has been paid for."""
    yield path.name
    for number in range(2, _NUMBERS):
        yield f"{path.stem}-{number}{path.suffix}"
    for _ in range(3):
        yield f"{path.stem}-{secrets.token_hex(4)}{path.suffix}"


def _take(temporary: Path, target: Path) -> bool:
    """Gives `temporary` the name `target` unless that is taken; one process alone can win it."""
    try:
        if os.name == "nt":
            temporary.rename(target)  # refuses a taken name there, and only there
        else:
            os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _claim(temporary, target)
    return True


def _claim(temporary: Path, target: Path) -> bool:
    """`_take` where there are no hard links (FAT, some network drives): claims the name by an empty file first."""
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError:
        return False
    temporary.replace(target)
    return True


def same_file(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether two looks were at the same file of the same kind; a change of its contents does not matter."""
    return os.path.samestat(before, after) and stat.S_IFMT(before.st_mode) == stat.S_IFMT(after.st_mode)


def opened_path(descriptor: int) -> Path | None:
    """Where the system says an opened file lies now; None where it does not say."""
    if sys.platform == "win32":  # it keeps an opened file's folders from being renamed
        return None
    import fcntl

    try:
        if hasattr(fcntl, "F_GETPATH"):  # macOS
            return Path(os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, b"\0" * 1024).rstrip(b"\0")))
        # Linux. A file replaced since is shown with " (deleted)" behind its name; it was let in and may be read.
        shown = os.fspath(Path(f"/proc/self/fd/{descriptor}").readlink())
        return Path(shown.removesuffix(" (deleted)"))
    except OSError:
        return None


def check_kind(info: os.stat_result, path: Path) -> None:
    """Raises InvalidRequest where it is no regular file."""
    name = path.name or str(path)
    for test, what, hint in _KINDS:
        if test(info.st_mode):
            raise InvalidRequest(what.format(name=name), hint.format(path=str(path).rstrip("/")))
    if not stat.S_ISREG(info.st_mode):
        raise InvalidRequest(f"{name} is not a regular file", "Pass a regular file.")
