"""The files of clients on the disk: read, copied, written whole, taken away."""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path

from glm_mcp.atomic_files import read_file, replace_file
from glm_mcp.errors import ConfigError

LARGEST = 64 * 1024 * 1024  # of a user's own file: some clients keep their history in it
LARGEST_SHARED = 1024 * 1024  # of a project's, which a stranger may have written
REPOSITORIES = (".git", ".hg", ".svn", ".jj")


def read(file: Path, most: int = LARGEST) -> str:
    """Its text, empty where there is none. Raises ConfigError, also for more than `most` bytes and for what is no file."""
    try:
        return read_file(file, most).decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise _unreadable(file, error.strerror or "the system refuses") from None
    except UnicodeDecodeError:
        raise _unreadable(file, "it is not UTF-8") from None


def _unreadable(file: Path, why: str) -> ConfigError:
    return ConfigError(f"{file} cannot be read ({why})", "Nothing was changed.")


def back_up(file: Path, scope: str) -> list[str]:
    """Leaves a copy of the file as it was, in place of the one before, and says where. It never has more readers than the
    file, and there is none in a project or repository.
    """
    try:
        if not file.is_file() or scope == "project" or in_repository(file):
            return []
        kept, mode = file.with_name(f"{file.name}.glm-mcp.bak"), stat.S_IMODE(file.stat().st_mode)
        replace_file(kept, file.read_bytes(), mode)
    except OSError as error:
        raise _refused(file, error) from None
    return [f"The file as it was: {kept}"]


def in_repository(file: Path) -> bool:
    folder = file.parent.resolve()
    return any((f / name).exists() for f in (folder, *folder.parents) for name in REPOSITORIES)


def write(file: Path, text: str, *, private: bool, secret: bool = False) -> None:
    """The file anew, whole or not at all; one behind a link stays behind it. `secret`: nobody else may read it."""
    file = file.resolve()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        old = file.is_file()
        mark = b"\xef\xbb\xbf" if old and file.read_bytes()[:3] == b"\xef\xbb\xbf" else b""
        mode = stat.S_IMODE(file.stat().st_mode) if old else 0o600 if private else 0o644
        mode = mode & 0o600 if secret else mode
        replace_file(file, mark + text.encode("utf-8"), mode)
    except OSError as error:
        raise _refused(file, error) from None


def _refused(file: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{file} cannot be written ({error.strerror})",
        "Make room or give yourself the right there, or use --print.",
    )


def take_away(file: Path, stop: Path) -> None:
    """A file that says nothing any more, and its folder below `stop` when that is then empty. Raises ConfigError."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise _refused(file, error) from None
    if file.parent != stop:
        with contextlib.suppress(OSError):
            file.parent.rmdir()
