"""Plain text of mails whose lines were broken within words (RFC 3676, `format=flowed; delsp=yes`), as Apple Mail does with
addresses, Chinese and Japanese.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_QUOTED = re.compile(">*")
_SIGNATURE = "-- "


def unbroken(text: str) -> str:
    """The text with the broken lines of each depth of quotation in one."""
    return "\n".join(_lines(text))


def _lines(text: str) -> Iterator[str]:
    held, deep = list[str](), 0
    for line in text.splitlines():
        marks = len((_QUOTED.match(line) or [""])[0])
        words = line[marks:].removeprefix(" ")  # before what begins with a sign of its own
        if held and marks != deep:
            yield _quoted(held, deep)
            held = []
        deep = marks
        is_broken = words.endswith(" ") and words != _SIGNATURE
        held.append(words[:-1] if is_broken else words)
        if not is_broken:
            yield _quoted(held, deep)
            held = []
    if held:
        yield _quoted(held, deep)


def _quoted(held: list[str], deep: int) -> str:
    return f"{'>' * deep} {''.join(held)}" if deep else "".join(held)
