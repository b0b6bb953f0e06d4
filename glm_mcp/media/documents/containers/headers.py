"""The headers of mails as people read them, each parsed once a mail; also those that no rule allows."""

from __future__ import annotations

import base64
import contextlib
import re
from email.message import EmailMessage
from email.policy import EmailPolicy, default
from functools import lru_cache
from quopri import decodestring

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.charset import decode

_WORD = re.compile(r"=\?([\w-]+)(?:\*[\w-]*)?\?([BbQq])\?([^?\s]*)\?=(?:\s+(?==\?[\w*-]+\?[BbQq]\?))?")
_WORDS = re.compile(r"=\?([\w-]+)\?([BbQq])\?[^?\s]*\?=(?:\s+=\?\1\?\2\?[^?\s]*\?=)+")


def _as_one(words: re.Match[str]) -> str:
    """Words that were encoded one by one, where a letter may begin in one and end in the next."""
    encoded = re.findall(r"\?[BbQq]\?([^?\s]*)\?=", words[0])
    try:
        data = b"".join(_bytes(words[2], word) for word in encoded)
    except ValueError:
        return words[0]
    return f"=?{words[1]}?B?{base64.b64encode(data).decode()}?="


def _bytes(kind: str, word: str) -> bytes:
    return base64.b64decode(word + "==") if kind in "Bb" else decodestring(word, header=True)


# The mails of a box have their senders and lists in common; what one mail looks at again is kept by its policy.
_parse = lru_cache(256)(default.header_fetch_parse)

# A type, a disposition or an encoding that parsing leaves as it is.
_PLAIN = re.compile(r'[\w+.-]+(?:/[\w+.-]+)?(?:; ?[\w-]+=(?:[\w.-]+|"[\w .()-]*"))*', re.ASCII)
# A name or a border that the standard wants in quotes, as many write it: parsing would end it at the first = or blank.
_BARE = re.compile(r';(\s*(?:(?:file)?name|boundary)\s*=)\s*([^\s";][^";\r\n]*)', re.IGNORECASE)
# The old form of an address, with the name behind it, which parsing drops; archives of mailing lists write "at".
_NAMED_BEHIND = re.compile(
    r"(?<![^\s,])([^\s,;:<>()\"@]{1,200}(?:@| at )[^\s,;:<>()\"@]{1,200})\s{1,20}\(([^()\\\"]{1,200})\)(?=\s*(?:,|$))"
)
# Characters of a header that says how a part is written, and of any other. Parsing looks at defects again and again: what
# is longer takes minutes, and many that are not short together. The work grows as the square of the length.
_LONG_OWN, _LONG, _SHORT = 5_000, 10_000, 1_000
_WORK = _LONG**2 * 3 // 2
_OF_PEOPLE = ("from", "to", "cc", "bcc", "sender", "reply-to")


def _name_before(found: re.Match[str]) -> str:
    name = found[2].strip()
    return f"{name} <{found[1]}>" if "=?" in name else f'"{name}" <{found[1]}>'


def _decoded(word: re.Match[str]) -> str:
    try:
        return _bytes(word[2], word[3]).decode(word[1], "replace")
    except (ValueError, LookupError):  # of an encoding that is none
        return word[0]


def _as_written(value: str, *, own: bool) -> str:
    """A header that is not parsed: its words decoded; of one that says how a part is written, the plain beginning."""
    if own:
        return plain[0] if (plain := _PLAIN.match(value)) else ""
    return _WORD.sub(_decoded, value)


def enough() -> list[int]:
    """What the headers of one file may cost."""
    return [_WORK]


class Once(EmailPolicy):
    """Parses a header once a mail. The standard one does so each time that it is looked at, thirty times in a small one.

    `raw`: the encoding of letters that stand in a header as they are, against the rules; UTF-8 is known without it. `work`:
    what is left of it for all mails of a file, as of `enough`.
    """

    raw: str
    seen: dict[tuple[str, str], str]
    work: list[int]

    def __init__(self, raw: str, work: list[int]) -> None:
        super().__init__(message_factory=EmailMessage)
        object.__setattr__(self, "raw", raw)  # a policy takes no other way
        object.__setattr__(self, "seen", {})
        object.__setattr__(self, "work", work)

    def header_fetch_parse(self, name: str, value: str) -> str:
        if _PLAIN.fullmatch(value) and name.lower().startswith("content-"):
            return value
        if (name, value) not in self.seen:
            self.seen[name, value] = self._parsed(name, value)
        return self.seen[name, value]

    def _parsed(self, name: str, value: str) -> str:
        own = name.lower().startswith("content-")
        value = _WORDS.sub(_as_one, value)
        if not value.isascii():
            with contextlib.suppress(UnsupportedMedia):
                value = decode(value.encode("utf-8", "surrogateescape"), name, declared=self.raw).text
        if len(value) > (_LONG_OWN if own else _LONG):
            return _as_written(value, own=own)
        if len(value) > _SHORT:
            self.work[0] -= len(value) ** 2
            if self.work[0] < 0:
                return _as_written(value, own=own)
        if own:
            value = _BARE.sub(lambda bare: f';{bare[1]}"{bare[2].rstrip()}"', value)
        if "(" in value and name.lower() in _OF_PEOPLE:
            value = _NAMED_BEHIND.sub(_name_before, value)
        try:
            header: str = _parse(name, value)
        except RecursionError:  # of brackets in brackets
            return _as_written(value, own=own)
        return header
