"""The headers of mails as people read them, each parsed once a mail; also those that no rule allows."""

from __future__ import annotations

import base64
import contextlib
import re
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import EmailPolicy, default
from functools import lru_cache
from quopri import decodestring

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.charset import decode

_WORDS = re.compile(r"=\?([\w-]+)\?([BbQq])\?[^?\s]*\?=(?:\s+=\?\1\?\2\?[^?\s]*\?=)+")


def _as_one(words: re.Match[str]) -> str:
    """Words that were encoded one by one, where a letter may begin in one and end in the next."""
    data = b""
    for word in re.findall(r"\?[BbQq]\?([^?\s]*)\?=", words[0]):
        try:
            data += base64.b64decode(word + "==") if words[2] in "Bb" else decodestring(word, header=True)
        except ValueError:
            return words[0]
    return f"=?{words[1]}?B?{base64.b64encode(data).decode()}?="


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
# Characters of a header that says how a part is written, and of any other. What is longer takes parsing minutes, since it
# looks at its defects again and again.
_LONG_OWN, _LONG = 5_000, 10_000
_OF_PEOPLE = ("from", "to", "cc", "bcc", "sender", "reply-to")


def _name_before(found: re.Match[str]) -> str:
    name = found[2].strip()
    return f"{name} <{found[1]}>" if "=?" in name else f'"{name}" <{found[1]}>'


def _decoded(value: str) -> str:
    """A header as it is written, but for the words that are encoded in it."""
    try:
        return str(make_header(decode_header(value)))
    except (ValueError, LookupError):  # of an encoding that is none
        return value


class Once(EmailPolicy):
    """Parses a header once a mail. The standard one does so each time that it is looked at, thirty times in a small one.

    `raw`: the encoding of letters that stand in a header as they are, against the rules; UTF-8 is known without it.
    """

    raw: str
    seen: dict[tuple[str, str], str]

    def __init__(self, raw: str) -> None:
        super().__init__(message_factory=EmailMessage)
        object.__setattr__(self, "raw", raw)  # a policy takes no other way
        object.__setattr__(self, "seen", {})

    def header_fetch_parse(self, name: str, value: str) -> str:
        if _PLAIN.fullmatch(value) and name.lower().startswith("content-"):
            return value
        if (name, value) not in self.seen:
            self.seen[name, value] = self._parsed(name, value)
        return self.seen[name, value]

    def _parsed(self, name: str, value: str) -> str:
        own = name.lower().startswith("content-")
        if len(value) > (_LONG_OWN if own else _LONG):
            return "" if own else _decoded(value)
        value = _WORDS.sub(_as_one, value)
        if name.lower().startswith("content-"):
            value = _BARE.sub(lambda bare: f';{bare[1]}"{bare[2].rstrip()}"', value)
        if not value.isascii():
            with contextlib.suppress(UnsupportedMedia):
                value = decode(value.encode("utf-8", "surrogateescape"), name, declared=self.raw).text
        if "(" in value and name.lower() in _OF_PEOPLE:
            value = _NAMED_BEHIND.sub(_name_before, value)
        header: str = _parse(name, value)
        return header
