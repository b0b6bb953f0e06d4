"""The settings file: which it is, read, and written so that every line but the one in question stays. Blocking."""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from glm_mcp.atomic_files import alone_in, read_file, replace_file
from glm_mcp.errors import ConfigError
from glm_mcp.folders import user_folders
from glm_mcp.setting_values import whole_path

PRIVATE = 0o600
LARGEST = 64 << 10  # bytes; each line takes the parser as long as a kilobyte would take another
_GAP = re.compile(r"[^\S\r\n]{1000}")  # in a value the parser looks for a comment behind each of its blanks
_MARK = b"\xef\xbb\xbf"


def file_of(env_file: Path | None = None) -> Path:
    """The file that the settings are read from, besides the environment."""
    return env_file or user_folders().settings_file


def read(env_file: Path | None) -> dict[str, str]:
    """The variables that the file sets. Raises ConfigError."""
    if env_file is not None and not env_file.is_file():
        raise ConfigError(
            f"the settings file {env_file} does not exist",
            "Give --env-file the path of a file with lines NAME=value.",
        )
    text = _read(file_of(env_file), to_change=False)
    if not text:
        return {}
    from dotenv import dotenv_values

    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {k: v for k, v in values.items() if v and v.strip()}


def text_of(path: Path) -> str:
    """Raises OSError, UnicodeDecodeError."""
    # -sig: some editors begin a file with a byte order mark, which would become part of the first name.
    text = read_file(path, LARGEST).decode("utf-8-sig")
    if _GAP.search(text):
        raise OSError(errno.EINVAL, "a line of it has a thousand blanks in a row")
    return text


def folder_as_pasted(folder: Path) -> Path:
    """A folder as a shell needs it written, with a backslash before each blank, where that is what is there. Raises
    ValueError.
    """
    text = os.fspath(folder)
    whole_path(folder)  # raises for what names no folder
    plain = Path(text.replace("\\ ", " "))
    return plain if os.name != "nt" and "\\ " in text and whole_path(plain).exists() else folder


def put(path: Path, values: Mapping[str, str]) -> None:
    """Sets variables, each in its place where it has one, in one step: a server that looks at the file meanwhile would send
    a key to the endpoint of the one before. The file is then its owner's alone. Raises ConfigError.
    """
    shown = {name: _quoted(value) for name, value in values.items()}
    with _alone(path):
        text = _read(path)
        for name, value in shown.items():
            text = _changed(text, name, value)
        _write(path, text)


def _changed(text: str, name: str, shown: str) -> str:
    """The text of the file with this value, once."""
    lines: list[str] = []
    done = False
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
    return "".join(lines)


def _quoted(value: str) -> str:
    """A value as it is read back, whatever stands in the lines below it. Raises ConfigError where it cannot be written."""
    from dotenv.parser import parse_stream

    single = "'" + value.replace("'", "\\'") + "'"
    for shown in (value, single) if re.fullmatch(r"[\w.~+/=-]+", value) else (single, value):
        # A backslash before the closing quote would take the next quote of the file for it.
        found = list(parse_stream(io.StringIO(f"A={shown}\n# ' it\"s '")))
        if found and found[0].key == "A" and found[0].value == value:
            return shown
    raise ConfigError(
        "a value with quotes and backslashes cannot be written to the settings file",
        "Set it in the client's own configuration or environment.",
    )


def drop(path: Path, names: Sequence[str]) -> bool:
    """Takes variables out; whether one was there. Raises ConfigError."""
    if not path.is_file():
        return False
    with _alone(path):
        found = _lines(_read(path))
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


def _read(path: Path, *, to_change: bool = True) -> str:
    try:
        return text_of(path) if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        fix = "Nothing was changed." if to_change else "Keep nothing but lines NAME=value in it, as UTF-8."
        raise ConfigError(f"the settings file {path} cannot be read ({why})", fix) from None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else changes it meanwhile. Its folder is made. Raises ConfigError."""
    folder = Path(os.path.realpath(path)).parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None
    with alone_in(folder):
        yield


def _write(path: Path, text: str) -> None:
    real = Path(os.path.realpath(path))  # a file behind a link stays behind it; a circle of links goes
    data = text.encode("utf-8")
    if len(data) + len(_MARK) > LARGEST:  # nobody could read it again
        raise _unwritable(path, OSError(errno.EFBIG, f"it would have more than {LARGEST >> 10} KB"))
    try:
        mark = _MARK if real.is_file() and read_file(real, LARGEST)[:3] == _MARK else b""
        replace_file(real, mark + data, PRIVATE)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"the settings file {path} cannot be written ({error.strerror})",
        "Make room or give yourself the right there, or name another file with --env-file.",
    )
