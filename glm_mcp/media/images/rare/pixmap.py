"""XPM as Pillow reads it: one string a line, colours as six digits. Programs write comments, names and twelve digits."""

from __future__ import annotations

import re
from itertools import islice

import PIL
from PIL import ImageColor

# What is not closed ends with the file: looked for from each of its marks it would be gone through again and again.
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*+)(?:"|\Z)', re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_COMMENT = re.compile(rb'/\*.*?(?:\*/|\Z)|("(?:[^"\\]|\\.)*+(?:"|\Z))', re.DOTALL)
# A colour for screens of colours, of grey, of four greys, of black and white, or what it is for; of one word or several.
_KEYS = ("c", "g", "g4", "m", "s")
_KEYED = re.compile(r"(?:^|\s)(c|g|g4|m|s)\s+(.+?)(?=\s+(?:c|g|g4|m|s)\s|\s*$)")
_COLOURS, _CHARS = 100_000, 1_000  # in a file, and what is said of one
# A word that Pillow 12 cannot read.
_NOTHING = b"None" if int(PIL.__version__.partition(".")[0]) >= 13 else b"#FFFFFF"


def simple(data: bytes) -> bytes:
    """The same picture; as it is where its head or its colours cannot be told."""
    bare = _COMMENT.sub(lambda found: found[1] or b" ", data)
    strings = [_ESCAPE.sub(rb"\1", found) for found in _STRING.findall(bare)]
    try:
        width, height, count, letters = map(int, strings[0].split()[:4])
        if not 0 < count <= _COLOURS or len(strings) <= count:
            return data
        colours = [
            text[:letters] + b" c " + _colour(text[letters : letters + _CHARS].decode("latin-1"))
            for text in islice(strings, 1, count + 1)
        ]
    except (ValueError, IndexError):
        return data
    head = f"{width} {height} {count} {letters}".encode()
    lines = [head, *colours, *strings[count + 1 :]]
    return b"/* XPM */\n" + b"".join(b'"' + line + b'",\n' for line in lines)


def _colour(text: str) -> bytes:
    """Raises ValueError."""
    by_screen = dict(_KEYED.findall(text))
    value = next((by_screen[key] for key in _KEYS if key in by_screen), "")
    if value.lower() in {"none", "transparent"}:
        return _NOTHING
    if value.startswith("#") and len(value) in {4, 7, 10, 13}:
        digits = (len(value) - 1) // 3
        parts = [value[at : at + digits] for at in range(1, len(value), digits)]
        levels = [int(part, 16) * 255 // (16**digits - 1) for part in parts]
    else:
        levels = list(ImageColor.getrgb(_named(value))[:3])
    return "#{:02X}{:02X}{:02X}".format(*levels).encode()


def _named(value: str) -> str:
    """The name of an X11 colour as CSS has it: grey in a hundred steps, four shades of each that begin with its own."""
    name = value.replace(" ", "").lower()
    grey = re.fullmatch(r"gr[ae]y(\d{1,3})", name)
    return f"hsl(0,0%,{grey[1]}%)" if grey else re.sub(r"1$", "", name)
