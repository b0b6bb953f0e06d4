"""Which characters the fonts of this computer have, by their character maps (`cmap`). Blocking."""

from __future__ import annotations

import struct
import sys
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

_MAX_FONTS = 2_000  # opened for one text
_MAX_TABLE = 8 * 1024 * 1024  # bytes of a character map; the largest of real fonts has under one
_SHOWN = 12  # characters in a note
# Nothing of these is drawn: spaces, controls, and what joins or varies other characters.
_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Cn", "Zs", "Zl", "Zp"))
_VARIATIONS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_PRIVATE = (range(0xE000, 0xF900), range(0xF0000, 0x110000))  # icons of one font: no other has them
_EAST_ASIAN = (
    *(range(0x1100, 0x1200), range(0x2E80, 0x3400), range(0x3400, 0xA4D0), range(0xA960, 0xA980)),
    *(range(0xAC00, 0xD800), range(0xF900, 0xFB00), range(0xFE30, 0xFE50), range(0xFF00, 0xFFF0)),
    range(0x1B000, 0x1B170),
    range(0x20000, 0x32000),
)
_EMOJI = (range(0x1F1E6, 0x1F200), range(0x1F300, 0x1F650), range(0x1F680, 0x1F700), range(0x1F900, 0x1FB00))
# What to install: (Debian and Ubuntu, Windows, macOS).
_PACKAGES = {
    "east asian": (
        "fonts-noto-cjk",
        "Chinese, Japanese or Korean Supplemental Fonts (Optional features)",
        "font-noto-sans-cjk (Homebrew)",
    ),
    "emoji": ("fonts-noto-color-emoji", "Segoe UI Emoji", "font-noto-color-emoji (Homebrew)"),
    "other": (
        "fonts-noto-core",
        "the script's Supplemental Fonts (Optional features)",
        "the script's font-noto-sans-… (Homebrew)",
    ),
}


def visible(text: str) -> set[str]:
    """The characters of a text that are drawn."""
    return {
        c
        for c in set(text)
        if unicodedata.category(c) not in _INVISIBLE and not any(ord(c) in r for r in _VARIATIONS)
    }


def cover(characters: Iterable[str], files: Iterable[str]) -> tuple[list[str], set[str]]:
    """(the fonts of `files`, in their order, that have characters which none before has, the characters in none)."""
    missing = set(characters)
    used = []
    for file in islice(files, _MAX_FONTS):
        if not missing:
            break
        covered = covered_by(file, missing)
        if covered:
            used.append(file)
            missing -= covered
    return used, missing


def missing_note(missing: set[str], platform: str = sys.platform) -> str:
    """What a reader must know of characters that no font here has; empty when there are none."""
    icons = {c for c in missing if any(ord(c) in r for r in _PRIVATE)}
    letters = sorted(missing - icons)
    notes = []
    if letters:
        shown = "".join(letters[:_SHOWN]) + ("…" if len(letters) > _SHOWN else "")
        column = {"win32": 1, "darwin": 2}.get(platform, 0)
        packages = dict.fromkeys(_PACKAGES[_kind(c)][column] for c in letters)
        notes.append(
            f"no font on this computer has {shown} (not legible in the picture): install {', '.join(packages)}"
        )
    if icons:
        notes.append(f"{len(icons)} icon{'s' * (len(icons) > 1)} of a font that is not here: export as PNG")
    return "; ".join(notes)


def _kind(character: str) -> str:
    code = ord(character)
    if any(code in r for r in _EAST_ASIAN):
        return "east asian"
    return "emoji" if any(code in r for r in _EMOJI) else "other"


def covered_by(file: str, characters: Iterable[str]) -> set[str]:
    """Those of the characters that a font file has; none of a file that is no font."""
    codes = sorted({ord(c) for c in characters})
    covered: set[int] = set()
    try:
        with open(file, "rb") as font:  # noqa: PTH123 - as fonts.choose gives it
            for start in _faces(font):
                for table in _tables(font, start):
                    covered |= _read(table, codes)
    except (OSError, struct.error, IndexError, ValueError):
        pass
    return {chr(code) for code in covered}


def _faces(font: BinaryIO) -> list[int]:
    """Where the fonts of a file begin: one, or those of a collection."""
    head = font.read(12)
    if head[:4] != b"ttcf":
        return [0] if head[:4] in {b"\0\1\0\0", b"OTTO", b"true"} else []
    (count,) = struct.unpack(">I", head[8:12])
    return list(struct.unpack(f">{min(count, 64)}I", font.read(4 * min(count, 64))))


def _tables(font: BinaryIO, start: int) -> Iterator[bytes]:
    """The character maps of Unicode."""
    font.seek(start + 4)
    (count,) = struct.unpack(">H", font.read(2))
    font.seek(start + 12)
    for _ in range(count):
        tag, _, offset, length = struct.unpack(">4sIII", font.read(16))
        if tag == b"cmap":
            break
    else:
        return
    font.seek(offset)
    cmap = font.read(min(length, _MAX_TABLE))
    (records,) = struct.unpack_from(">H", cmap, 2)
    for i in range(records):
        platform, encoding, at = struct.unpack_from(">HHI", cmap, 4 + 8 * i)
        if platform == 0 or (platform == 3 and encoding in {1, 10}):
            yield cmap[at:]


def _read(table: bytes, codes: list[int]) -> set[int]:
    (kind,) = struct.unpack_from(">H", table)
    if kind == 4:
        return _segments(table, codes)
    return _groups(table, codes) if kind == 12 else set()


def _segments(table: bytes, codes: list[int]) -> set[int]:
    """Format 4: the characters of the basic plane, in segments."""
    (double,) = struct.unpack_from(">H", table, 6)
    count = double // 2
    ends = struct.unpack_from(f">{count}H", table, 14)
    starts = struct.unpack_from(f">{count}H", table, 16 + double)
    deltas = struct.unpack_from(f">{count}H", table, 16 + 2 * double)
    offsets_at = 16 + 3 * double
    offsets = struct.unpack_from(f">{count}H", table, offsets_at)
    covered = set()
    for code in codes:
        i = bisect_left(ends, code) if code < 0xFFFF else count
        if i == count or starts[i] > code:
            continue
        glyph = code
        if offsets[i]:
            (glyph,) = struct.unpack_from(
                ">H", table, offsets_at + 2 * i + offsets[i] + 2 * (code - starts[i])
            )
            if not glyph:
                continue
        if (glyph + deltas[i]) & 0xFFFF:
            covered.add(code)
    return covered


def _groups(table: bytes, codes: list[int]) -> set[int]:
    """Format 12: every plane, in groups."""
    (count,) = struct.unpack_from(">I", table, 12)
    count = min(count, (len(table) - 16) // 12)
    groups = list(struct.iter_unpack(">III", table[16 : 16 + 12 * count]))
    ends = [end for _, end, _ in groups]
    covered = set()
    for code in codes:
        i = bisect_left(ends, code)
        if i < count and groups[i][0] <= code and groups[i][2] + code - groups[i][0]:
            covered.add(code)
    return covered
