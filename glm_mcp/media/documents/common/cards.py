"""Contacts and calendars (vCard, iCalendar), whose lines are folded, escaped and encoded for machines."""

from __future__ import annotations

import re
from quopri import decodestring

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.charset import decode

_BEGIN = re.compile(r"\s*BEGIN:V(?:CARD|CALENDAR)\b", re.IGNORECASE)
_OLD = re.compile(r"^VERSION:(?:1\.0|2\.1)\s*$", re.MULTILINE)  # which fold and escape in another way
_SOFT = re.compile(r"^[^:\n]{1,300}QUOTED-PRINTABLE[^:\n]{0,300}:(?:.*=\n)+.*$", re.MULTILINE | re.IGNORECASE)
_CODED = re.compile(
    r"^([\w.-]{1,100})((?:;[^:;\n]{0,200}){0,20}?);(?:ENCODING=)?(QUOTED-PRINTABLE|BASE64|B)\b((?:;[^:;\n]{0,200}){0,20}):(.*)$",
    re.MULTILINE | re.IGNORECASE,
)
_INLINE = re.compile(r"(?<=:)data:[\w/+.-]*;base64,[^\s]*")  # as version 4 has its pictures
_CHARSET = re.compile(r";CHARSET=([\w.:-]+)", re.IGNORECASE)


def card_text(text: str) -> str:
    """Contacts and calendars with whole lines and their words as they are read; any other text as it is."""
    if not _BEGIN.match(text):
        return text
    old = _OLD.search(text)
    text = re.sub(r"\r+\n?", "\n", text)  # some were saved twice as text, with two of the first
    text = _SOFT.sub(lambda found: found[0].replace("=\n", ""), text)
    text = re.sub(r"\n(?=[ \t])" if old else r"\n[ \t]", "", text)
    text = _INLINE.sub(lambda found: _size(found[0]), _CODED.sub(_decoded, text))
    return text if old else re.sub(r"\\([\\,;nN])", lambda e: "\n  " if e[1] in "nN" else e[1], text)


def _decoded(found: re.Match[str]) -> str:
    name, before, how, after, words = found.groups()
    if not how.upper().startswith("Q"):
        return f"{name}{before}{after}:{_size(words)}"
    charset = _CHARSET.search(before + after)
    data = decodestring(words.encode("utf-8", "replace"))
    try:
        words = decode(data, name, declared=charset[1] if charset else "utf-8").text if data else ""
    except UnsupportedMedia:
        return found[0]
    return f"{name}{_CHARSET.sub('', before + after)}:" + words.rstrip().replace("\r\n", "\n").replace(
        "\n", "\n  "
    )


def _size(packed: str) -> str:
    return f"[{len(packed) * 3 // 4:,} bytes]"
