"""What Outlook's items other than mails hold beside their text: contacts, appointments and meetings, tasks."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

_TEXT, _TIME, _SHARE = "text", "time", "share"
_NAMED = 0x8000  # the first number of properties that each file numbers for itself

# What it is called, its number ([MS-OXPROPS]; from 0x8000 on the number of its name), and its kind.
_CONTACT = (
    ("Name", 0x3001, _TEXT),
    ("Nickname", 0x3A4F, _TEXT),
    ("Company", 0x3A16, _TEXT),
    ("Department", 0x3A18, _TEXT),
    ("Job title", 0x3A17, _TEXT),
    ("Phone (business)", 0x3A08, _TEXT),
    ("Phone (home)", 0x3A09, _TEXT),
    ("Phone (mobile)", 0x3A1C, _TEXT),
    ("Phone (other)", 0x3A1F, _TEXT),
    ("Fax", 0x3A24, _TEXT),
    ("E-mail", 0x8083, _TEXT),
    ("E-mail 2", 0x8093, _TEXT),
    ("E-mail 3", 0x80A3, _TEXT),
    ("Messenger", 0x8062, _TEXT),
    ("Address (business)", 0x801B, _TEXT),
    ("Address (home)", 0x801A, _TEXT),
    ("Address (other)", 0x801C, _TEXT),
    ("Web page", 0x3A51, _TEXT),
    ("Birthday", 0x3A42, _TIME),
)
_APPOINTMENT = (
    ("Start", 0x820D, _TIME),
    ("End", 0x820E, _TIME),
    ("Place", 0x8208, _TEXT),
    ("Repeats", 0x8232, _TEXT),
)
_TASK = (
    ("Start", 0x8104, _TIME),
    ("Due", 0x8105, _TIME),
    ("Done", 0x8102, _SHARE),
    ("Owner", 0x811F, _TEXT),
)
_CLASSES = (
    ("ipm.contact", _CONTACT),
    ("ipm.appointment", _APPOINTMENT),
    ("ipm.schedule", _APPOINTMENT),
    ("ipm.task", _TASK),
)


def fields_of(
    kind: str,
    names: bytes,
    text: Callable[[str], str],
    fixed: dict[int, bytes],
    time: Callable[[bytes], str],
) -> Iterator[tuple[str, str]]:
    """The fields of an item of this class. `names`: which number the file gave to each name; `text` and `fixed`: its
    properties by their numbers; `time`: one that is a moment, as it is written.
    """
    numbers = _numbers(names)
    fields = next((rows for start, rows in _CLASSES if kind.lower().startswith(start)), ())
    for title, known, form in fields:
        number = known if known < _NAMED else numbers.get(known, 0)
        held = fixed.get(number, b"") if number else b""
        if form == _TEXT:
            yield title, text(f"{number:04X}") if number else ""
        elif form == _TIME:
            yield title, time(held)
        elif len(held) == 8:
            yield title, f"{struct.unpack('<d', held)[0]:.0%}"


def _numbers(names: bytes) -> dict[int, int]:
    """The number of a name to the number that the file gave it ([MS-OXMSG] 2.2.3.1.2); names that are words are none here."""
    rows = struct.iter_unpack("<IHH", names[: len(names) // 8 * 8])
    return {name: _NAMED + index for name, kind, index in rows if not kind & 1}
