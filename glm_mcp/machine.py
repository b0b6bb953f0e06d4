"""The machine as `install` sees it: where programs keep their settings, and which there are."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """`platform`: as `sys.platform`; `cwd`: the project of `--scope project`."""

    env: Mapping[str, str]
    platform: str
    home: Path
    cwd: Path

    def settings(self) -> Path:
        """Where programs of this platform keep their settings."""
        if self.platform == "win32":
            return Path(self.env.get("APPDATA") or self.home / "AppData" / "Roaming")
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self.dot_config()

    def dot_config(self) -> Path:
        named = Path(self.env.get("XDG_CONFIG_HOME", ""))
        return named if named.is_absolute() else self.home / ".config"  # a relative one counts as none

    def vscode(self) -> Path:
        """The user's folder of VS Code, which its extensions share."""
        return self.settings() / "Code" / "User"

    def unix_like(self) -> Path:
        """Where programs that keep to ~/.config on macOS too have their settings."""
        return self.settings() if self.platform == "win32" else self.dot_config()

    def folder(self, variable: str, below_home: str = "") -> Path:
        """The folder that a variable names, else one below home."""
        return Path(self.env.get(variable) or self.home / below_home)

    def which(self, command: str) -> str | None:
        return shutil.which(command, path=self.env.get("PATH", ""))
