"""How this copy of the program is started, how an optional part is added to it, and the machine as `install` sees it."""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DISTRIBUTION = "glm-flash-mcp"
COMMANDS = ("glm-mcp", DISTRIBUTION)
# Where `uvx` and `pipx run` put what they run: the folder is deleted when they clean up.
_FLEETING = re.compile(
    r"/uv/(?:cache/)?(?:archive|builds|environments)-v\d+/|/pipx/(?:\.cache|cache)/", re.IGNORECASE
)


def own_command(folders: Sequence[Path] = ()) -> list[str]:
    """The absolute path of the installed command, as a client must start it. `folders`: where to look for it."""
    import sysconfig

    suffix = ".exe" if sys.platform == "win32" else ""
    for folder in folders or (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        commands = [folder / f"{name}{suffix}" for name in COMMANDS if (folder / f"{name}{suffix}").is_file()]
        if commands:
            return [str(commands[0].absolute())]
    # -P: a client starts it in the project's folder, whose modules are a stranger's.
    return [sys.executable, "-P", "-m", "glm_mcp"]


def which(command: str, path: str) -> str | None:
    """Where a program is, of the absolute folders of a PATH alone: the working folder may be a stranger's."""
    for folder in path.split(os.pathsep):
        found = shutil.which(command, path=folder) if Path(folder).is_absolute() else None
        if found and Path(found).is_absolute():  # Windows looks into the working folder besides
            return found
    return None


def is_fleeting(command: Sequence[str]) -> bool:
    """Whether a command lies in the cache of a program that starts others once (`uvx`, `pipx run`)."""
    path = command[0].replace("\\", "/")
    cache = os.environ.get("UV_CACHE_DIR", "").replace("\\", "/").rstrip("/")
    return bool(_FLEETING.search(path)) or bool(cache and path.startswith(cache + "/"))


def typed(words: str = "") -> str:
    """A line that a person can type to run this copy: by its name where the PATH leads to it, with its settings file."""
    file = re.search(r"\0--env-file[=\0]([^\0]+)", "\0".join(sys.argv))
    settings = f"--env-file {shlex.quote(file[1])} " if file else ""
    return f"{_shown(os.environ.get('PATH'))} {settings}{words}".rstrip()


@functools.cache  # errors name it too, and a folder of the PATH may lie on a disk that does not answer
def _shown(path: str | None) -> str:
    command = own_command()
    found = shutil.which(COMMANDS[0], path=path)
    same = found is not None and len(command) == 1 and Path(found).absolute() == Path(command[0])
    return COMMANDS[0] if same else shlex.join(command)


def runnable(text: str) -> str:
    """The commands that a text names, as they can be typed here; on the PATH may be none, or a stranger's."""
    return text.replace(f"`{COMMANDS[0]} ", f"`{typed()} ") if f"`{COMMANDS[0]} " in text else text


def clone() -> Path | None:
    """The folder of the source that this copy runs from; None where it was installed from a package."""
    folder = Path(__file__).resolve().parent.parent
    try:
        text = (folder / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return folder if f'name = "{DISTRIBUTION}"' in text else None


def line_for_extra(extra: str) -> str:
    """The line that adds an optional part to this very installation.

    From a clone it names the clone; otherwise the libraries themselves, as the package's own metadata do: never a name
    under which somebody else could publish.
    """
    from importlib.util import find_spec

    python = shlex.quote(sys.executable)
    pip = f"{python} -m pip install" if find_spec("pip") else f"uv pip install --python {python}"
    folder = clone()
    if folder:
        return f"{pip} -e {shlex.quote(f'{folder}[{extra}]')}"
    return " ".join([pip, *(shlex.quote(name) for name in _libraries(extra))])


def _libraries(extra: str) -> list[str]:
    from importlib.metadata import PackageNotFoundError, requires

    try:
        needed = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return []
    mark = re.compile(rf"""extra\s*==\s*["']{re.escape(extra)}["']""")
    return [
        spec.strip() for spec, _, condition in (n.partition(";") for n in needed) if mark.search(condition)
    ]


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
        return which(command, self.env.get("PATH", ""))
