"""Whether the clock of a broadcast's or a disc's film begins anew within it, as where recordings were joined byte by byte.
The library shows one time but once: of what follows nothing would be seen.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import BinaryIO

_LOOKS, _WINDOW = (
    64,
    1 << 18,
)  # places that are looked at, and bytes of each; a clock comes every tenth of a second
_TICKS = 90_000  # a second
_ROUND = 1 << 32  # ticks; a clock has twice as many, and begins anew after 26 hours by itself
_SLACK = 1.0  # seconds
_PACK = b"\0\0\1\xba"

Clock = tuple[int, int]  # of which program, and its ticks


def began_anew(file: BinaryIO, form: str) -> float | None:
    """The seconds after which the clock goes back; None where it does not, or the form has none. Leaves the file where it
    was.
    """
    clock = _CLOCKS.get(form)
    if clock is None:
        return None
    at, size = file.tell(), file.seek(0, io.SEEK_END)
    known = defaultdict[int, list[int]](list)
    step = max(_WINDOW, size // _LOOKS)
    try:
        for place in (*range(0, size, step), *([size - _WINDOW] if step > 2 * _WINDOW else [])):
            file.seek(place)
            for program, ticks in clock(file.read(_WINDOW)):
                seen = known[program]
                seen.append(ticks)
                # Two on each side: a single one may be damaged.
                before, after = min(seen[-4:-2], default=0), max(seen[-2:])
                if _SLACK * _TICKS < before - after < _ROUND:
                    return max(0, before - seen[0]) / _TICKS
                del seen[1:-4]
    finally:
        file.seek(at)
    return None


def _of_broadcast(data: bytes) -> Iterator[Clock]:
    """Those of MPEG-TS, with what cameras and discs put between packets."""
    for step in (188, 192, 204):
        start = next(
            (n for n in range(min(step, len(data))) if set(data[n : n + 8 * step : step]) == {0x47}), None
        )
        if start is not None:
            break
    else:
        return
    for at in range(start, len(data) - 188, step):
        if data[at] == 0x47 and data[at + 3] & 0x20 and data[at + 4] > 6 and data[at + 5] & 0x10:
            program = int.from_bytes(data[at + 1 : at + 3], "big") & 0x1FFF
            yield program, int.from_bytes(data[at + 6 : at + 11], "big") >> 7


def _of_disc(data: bytes) -> Iterator[Clock]:
    """Those of MPEG program streams, of both versions."""
    at = data.find(_PACK)
    while 0 <= at < len(data) - 9:
        bits = int.from_bytes(data[at + 4 : at + 9], "big")
        if data[at + 4] & 0xC4 == 0x44:
            yield 0, (bits >> 35 & 7) << 30 | (bits >> 19 & 0x7FFF) << 15 | bits >> 3 & 0x7FFF
        elif data[at + 4] & 0xF1 == 0x21:
            yield 0, (bits >> 33 & 7) << 30 | (bits >> 17 & 0x7FFF) << 15 | bits >> 1 & 0x7FFF
        at = data.find(_PACK, at + 4)


_CLOCKS: dict[str, Callable[[bytes], Iterator[Clock]]] = {"mpegts": _of_broadcast, "mpeg": _of_disc}
