"""The key that the tests use where none is asked for, and the look at everything that came out of them for it.

What a server wrote to stdout and stderr, every result and progress message, every log record and every file below the
tests' folders is searched. Only a settings file that a test wrote itself may hold it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

KEY = "c0ffee0123456789c0ffee0123456789.PlantedCanary42"
SECRET = KEY.partition(".")[2]  # a half of it is too much
SETTINGS_SUFFIX = (".env", "env")
LARGEST = 30_000_000  # bytes of a file that is still searched

_found: list[str] = []


def saw(where: str, text: str) -> None:
    """Something came out of the program."""
    if SECRET in text:
        _found.append(f"{where}: {text[:500]}")


class _Records(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        saw(f"log record of {record.name}", record.getMessage() + (record.exc_text or ""))


@pytest.fixture(scope="session", autouse=True)
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    handler = _Records()
    logging.getLogger("glm_mcp").addHandler(handler)
    yield
    logging.getLogger("glm_mcp").removeHandler(handler)
    _found.extend(f"file {path}" for path in tmp_path_factory.getbasetemp().rglob("*") if leaked(path))
    assert not _found, "the key came out:\n" + "\n".join(_found)


def leaked(path: Path) -> bool:
    """Whether a file holds the key and is no settings file of a test's own."""
    try:
        if (
            path.name.endswith(SETTINGS_SUFFIX)
            or path.is_symlink()
            or not path.is_file()
            or path.stat().st_size > LARGEST
        ):
            return False
        return SECRET.encode() in path.read_bytes()
    except OSError:
        return False
