"""The files of clients on the disk: read, copied, written whole, taken away. `project`: the folder that one of a project
must not leave by a link, though links change meanwhile; a user's own may lie behind any.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

from glm_mcp.atomic_files import held, read_file, replace_file
from glm_mcp.errors import ConfigError

LARGEST = 64 * 1024 * 1024  # of a user's own file: some clients keep their history in it
LARGEST_SHARED = 1024 * 1024  # of a project's, which a stranger may have written
REPOSITORIES = (".git", ".hg", ".svn", ".jj")


def read(file: Path, project: Path | None = None) -> str:
    """Its text, empty where there is none. Raises ConfigError, also for a file too large and for what is none."""
    try:
        with _place(file, project) as place:
            data = read_file(place, LARGEST_SHARED if project else LARGEST, links=project is None)
        return data.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise _unreadable(file, error.strerror or "the system refuses") from None
    except UnicodeDecodeError:
        raise _unreadable(file, "it is not UTF-8") from None


def settled(file: Path, project: Path | None) -> Path:
    """Where it lies behind its links. Raises ConfigError for one out of the project."""
    try:
        real = file.resolve()
        inside = project is None or real.is_relative_to(project.resolve())
    except (OSError, RuntimeError):  # links that lead to one another
        inside = False
    # A stranger's repository must not choose which file of this user is read and changed.
    if not inside:
        raise ConfigError(
            f"{file} leads, by a link, out of the project", "Remove the link, or use --scope user."
        )
    return real


@contextlib.contextmanager
def _place(file: Path, project: Path | None) -> Iterator[Path]:
    """A name for what lies behind its links, that leads to no other folder meanwhile. Raises OSError, ConfigError."""
    real = settled(file, project)
    if project is None:
        yield real
        return
    with held(real.parent) as folder:
        yield folder / real.name


def _unreadable(file: Path, why: str) -> ConfigError:
    return ConfigError(f"{file} cannot be read ({why})", "Nothing was changed.")


def back_up(file: Path, project: Path | None) -> list[str]:
    """Leaves a copy of the file as it was, in place of the one before, and says where. It never has more readers than the
    file, and there is none in a project or repository.
    """
    try:
        if project or not file.is_file() or in_repository(file):
            return []
        kept, info = file.with_name(f"{file.name}.glm-mcp.bak"), file.stat()
        replace_file(kept, file.read_bytes(), stat.S_IMODE(info.st_mode), info)
    except OSError as error:
        raise _refused(file, error) from None
    return [f"The file as it was: {kept}"]


def in_repository(file: Path) -> bool:
    folder = file.parent.resolve()
    return any((f / name).exists() for f in (folder, *folder.parents) for name in REPOSITORIES)


def write(file: Path, text: str, project: Path | None, *, secret: bool = False) -> None:
    """The file anew, whole or not at all; one behind a link stays behind it. `secret`: nobody else may read it. Raises
    ConfigError.
    """
    try:
        settled(file, project).parent.mkdir(parents=True, exist_ok=True)
        with _place(file, project) as place:
            old = place.stat() if place.is_file() else None
            mark = b"\xef\xbb\xbf" if old and place.read_bytes()[:3] == b"\xef\xbb\xbf" else b""
            mode = stat.S_IMODE(old.st_mode) if old else 0o644 if project else 0o600
            mode = mode & 0o600 if secret else mode
            replace_file(place, mark + text.encode("utf-8"), mode, None if secret else old)
    except OSError as error:
        raise _refused(file, error) from None


def _refused(file: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{file} cannot be written ({error.strerror})",
        "Make room or give yourself the right there, or use --print.",
    )


def take_away(file: Path, project: Path | None, stop: Path) -> None:
    """A file that says nothing any more, and its folder below `stop` when that is then empty. Raises ConfigError."""
    try:
        with _place(file, project) as place:
            place.unlink(missing_ok=True)
    except OSError as error:
        raise _refused(file, error) from None
    if file.parent != stop:
        with contextlib.suppress(OSError):
            file.parent.rmdir()
