"""The settings file written and watched: every line but the one in question stays as it is. Blocking."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

from glm_mcp.atomic_files import replace_file
from glm_mcp.errors import ConfigError
from glm_mcp.settings import Settings, file_of, load

PRIVATE = 0o600
_MARK = b"\xef\xbb\xbf"


def put(path: Path, name: str, value: str) -> None:
    """Sets one variable, in its place where it has one. The file is then its owner's alone. Raises ConfigError."""
    shown = value if re.fullmatch(r"[\w.~+/=-]+", value) else "'" + value.replace("'", "\\'") + "'"
    lines: list[str] = []
    done, text = False, _read(path)
    end = "\r\n" if "\r\n" in text else "\n"
    for key, line in _lines(text):
        if key != name:
            lines.append(line)
        elif not done:
            lines.append(f"{name}={shown}{end}")
            done = True
    if not done:
        gap = end if lines and not lines[-1].endswith("\n") else ""
        lines.append(f"{gap}{name}={shown}{end}")
    _write(path, "".join(lines))


def drop(path: Path, names: Sequence[str]) -> bool:
    """Takes variables out; whether one was there. Raises ConfigError."""
    found = _lines(_read(path)) if path.is_file() else []
    kept = [line for key, line in found if key not in names]
    if len(kept) == len(found):
        return False
    _write(path, "".join(kept))
    return True


def has(path: Path, name: str) -> bool:
    """Whether a variable is set there. Raises ConfigError."""
    return any(key == name for key, _ in _lines(_read(path)))


def _lines(text: str) -> list[tuple[str | None, str]]:
    """(the variable that it sets, the line), a value over several lines as one."""
    from dotenv.parser import parse_stream

    found: list[tuple[str | None, str]] = []
    for binding in parse_stream(io.StringIO(text, newline="")):
        whole = binding.original.string
        line = whole.lstrip("\r\n")  # empty lines before one count as part of it there
        found += [(None, whole[: len(whole) - len(line)]), (binding.key, line)]
    return found


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(
            f"the settings file {path} cannot be read ({why})", "Nothing was changed."
        ) from None


def _write(path: Path, text: str) -> None:
    real = path.resolve()  # a file behind a link stays behind it
    try:
        real.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark = _MARK if real.is_file() and real.read_bytes()[:3] == _MARK else b""
        replace_file(real, mark + text.encode("utf-8"), PRIVATE)
    except OSError as error:
        raise ConfigError(
            f"the settings file {path} cannot be written ({error.strerror})",
            "Give yourself the right, or name another file with --env-file.",
        ) from None


class Watched:
    """The key of a running server: its settings file is read again when it has changed."""

    def __init__(self, env_file: Path | None) -> None:
        self._env_file = env_file
        self.file = file_of(env_file)
        self._stamp = self._look()

    def changed(self) -> Settings | None:
        """The settings as they are now; None where the file is as it was at the last look. Raises ConfigError."""
        stamp = self._look()
        if stamp == self._stamp:
            return None
        settings = load(self._env_file)
        self._stamp = stamp
        return settings

    def _look(self) -> tuple[int, int, int] | None:
        try:
            info = self.file.stat()
        except OSError:
            return None
        return info.st_mtime_ns, info.st_size, info.st_ino
