"""Files that hold streams as a disk holds files (OLE2): the office formats before XML, and Outlook's messages."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from typing import Any, BinaryIO

from glm_mcp.errors import MissingExtra

_Path = tuple[str, ...]


def compound_file(file: BinaryIO, name: str) -> Any:
    """Opened, as olefile has it, and with `inside`; whoever asks closes it. Raises MissingExtra, OSError."""
    try:
        opened = _opened()
    except ImportError:
        raise MissingExtra("office", f"reading {name}") from None
    file.seek(0)
    return opened(io.BytesIO(file.read()))


@functools.cache
def _opened() -> Any:
    """Raises ImportError."""
    from olefile import OleFileIO

    class Opened(OleFileIO):  # type: ignore[misc]
        """Each look for a stream went through all beside it: with thousands of attachments a message took minutes."""

        def inside(self, path: Sequence[str]) -> list[str]:
            """The names of what lies directly in a storage."""
            return [entry.name for entry in self._within.get(_key(path), ())]

        def _find(self, filename: str | Sequence[str]) -> int:
            path = filename.split("/") if isinstance(filename, str) else filename
            try:
                return int(self._numbers[_key(path)])
            except KeyError:
                raise OSError("file not found") from None

        @functools.cached_property
        def _within(self) -> dict[_Path, list[Any]]:
            found, waiting = dict[_Path, list[Any]](), [(_Path(), self.root)]
            seen = set[int]()  # a damaged one may lead back to its root
            while waiting:
                path, entry = waiting.pop()
                if entry.sid not in seen:
                    seen.add(entry.sid)
                    found.setdefault(path, entry.kids)
                    waiting += [((*path, kid.name.lower()), kid) for kid in entry.kids]
            return found

        @functools.cached_property
        def _numbers(self) -> dict[_Path, int]:
            every = ((path, kid) for path, kids in self._within.items() for kid in reversed(kids))
            return {(*path, kid.name.lower()): kid.sid for path, kid in every}  # of one name the first

    return Opened


def _key(path: Sequence[str]) -> _Path:
    return tuple(name.lower() for name in path)
