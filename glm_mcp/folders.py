"""The folders that the system gives this user and this process. Blocking."""

from __future__ import annotations

import errno
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from platformdirs import PlatformDirs

from glm_mcp.errors import ConfigError


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


def working_folder() -> Path:
    """The folder that this process was started in; the root, which never counts, when it has been deleted since."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(home_folder().anchor)


def temporary_folder() -> Path:
    """The system's, also where nothing can be written: only what needs a temporary file fails then, and says so."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return Path("/tmp")  # noqa: S108 - nothing is written to it


def user_folders(platform: str = sys.platform) -> UserFolders:
    """Raises ConfigError as `home_folder` does."""
    home = home_folder()
    # The library would let the variables of XDG, which has no say on a Mac, move them.
    if platform == "darwin":
        support = home / "Library" / "Application Support" / "glm-mcp"
        return UserFolders(support, home / "Library" / "Caches" / "glm-mcp", support / "output")
    known = PlatformDirs("glm-mcp", appauthor=False, roaming=True)
    data = known.user_data_path / "output" if platform == "win32" else known.user_data_path
    return UserFolders(known.user_config_path, known.user_cache_path, data)


def try_writing(folder: Path) -> None:
    """Writes a byte in a folder, or where it would be made, and leaves nothing behind. Raises OSError."""
    there = next((p for p in (folder, *folder.parents) if p.exists()), folder)
    if not there.is_dir():
        raise OSError(errno.ENOTDIR, "a file stands in the way")
    with tempfile.TemporaryFile(dir=there) as file:
        file.write(b"1")
        file.flush()
