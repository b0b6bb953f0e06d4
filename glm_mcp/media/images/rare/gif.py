"""GIFs whose frames are taken away again: every viewer leaves their place empty, Pillow fills it with one of the file's
colours, unless that frame and the first one name a colour that is seen through.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

_HEAD = 13
_TABLE, _TABLE_SIZE = 0x80, 7  # of the flags of the file, and of a frame
_EXTENSION, _FRAME, _CONTROL = 0x21, 0x2C, b"\xf9\4"
_CLEAR, _EMPTIED = 1, 2  # of the flags of a control block; what becomes of the frame when the next one comes
_COLOURS = 256


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a frame begins, what its control block says, and where (0: it has none), and a colour that it does not have."""

    at: int
    control: int
    said: bytes
    free: int

    @property
    def is_emptied(self) -> bool:
        return self.said[0] >> 2 & 7 == _EMPTIED and not self.said[0] & _CLEAR


def known(data: bytes) -> bytes:
    """The same file, where such frames name a colour that they do not have. The same object where there are none, or no
    colour is left; what is damaged stays.
    """
    frames: list[_Frame] = []
    with contextlib.suppress(IndexError):
        _find(data, frames)
    emptied = [frame for frame in frames if frame.is_emptied and frame.free < _COLOURS]
    if not emptied:
        return data
    if not frames[0].said[0] & _CLEAR:
        if frames[0].free >= _COLOURS:
            return data
        emptied = [frames[0], *(frame for frame in emptied if frame is not frames[0])]
    made, done = [], 0
    for frame in emptied:
        new = bytes((frame.said[0] | _CLEAR, *frame.said[1:3], frame.free))
        start = frame.control or frame.at
        made += [data[done:start], new if frame.control else b"\x21" + _CONTROL + new + b"\0"]
        done = start + (4 if frame.control else 0)
    return b"".join((*made, data[done:]))


def _find(data: bytes, frames: list[_Frame]) -> None:
    """Adds to `frames`. Raises IndexError where the file ends."""
    colours = _table(data[10])
    at, control = _HEAD + 3 * colours, 0
    while data[at] in {_EXTENSION, _FRAME}:
        if data[at] == _EXTENSION:
            control = at + 3 if data[at + 1 : at + 3] == _CONTROL else control
            at = _behind(data, at + 2)
            continue
        own = _table(data[at + 9])
        pixels = at + 10 + 3 * own
        said = data[control : control + 4] if control else bytes(4)
        frames.append(_Frame(at, control, said, own or colours))
        at, control = _behind(data, pixels + 1), 0


def _table(flags: int) -> int:
    """How many colours a table has."""
    return 2 << (flags & _TABLE_SIZE) if flags & _TABLE else 0


def _behind(data: bytes, at: int) -> int:
    """Where a chain of blocks ends, each of which begins with its length."""
    while data[at]:
        at += data[at] + 1
    return at + 1
