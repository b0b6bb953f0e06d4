"""Text as it may leave this process: without our keys, without what acts on a terminal, on one line where a line is meant."""

from __future__ import annotations

import json
import re

SHORTEST = 8  # a "key" such as EMPTY, which some servers of one's own want, is a word that may stand anywhere
CERTAIN = 24  # from here on no honest text holds it by chance; dummies such as "no-key-required" are shorter

_hidden: set[str] = set()


def hide(*secrets: str | None) -> None:
    """Keeps these out of what is said from now on, whatever they look like."""
    _hidden.update(s for s in secrets if s and len(s) >= SHORTEST)


def without_secrets(text: str, shortest: int = SHORTEST) -> str:
    """For what we say ourselves; with CERTAIN for what a model or a document says."""
    for secret in sorted(_hidden, key=len, reverse=True):  # one may begin another
        if len(secret) >= shortest:
            text = text.replace(secret, "[key]")
    return text


# An unfinished script or style reaches to the end; without that, many of them would be searched for over and over.
_MARKUP = r"<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^>]{0,500}>"
_LOOKED_AT = 8_000  # characters; the reason stands at the start
ID_CHARS = 80  # of a request id; the service's have some 30


def clean(text: object, limit: int = 300) -> str:
    """One line of printable text from whatever a service sent: markup, control characters and key-like words removed."""
    # Keys first: a cut would leave the half of one, which nothing knows any more.
    known = without_secrets(str(text)[: 2 * _LOOKED_AT])[:_LOOKED_AT]
    plain = re.sub(_MARKUP, " ", known, flags=re.DOTALL | re.IGNORECASE)
    plain = re.sub(r"\b[0-9a-fA-F]{16,}\.[A-Za-z0-9]{8,}\b|\bsk-[\w-]{8,}|\bBearer\s+\S+", "[key]", plain)
    plain = "".join(c if c.isprintable() else " " for c in plain)
    plain = re.sub(r"\s+", " ", plain).strip()
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


# Escape sequences whole, so that no rest of them stays; then every other control character; then the overrides and
# isolates of direction, which show a text in another order than it has (the marks that Hebrew and Arabic need stay);
# then the invisible twins of ASCII, with which a text can speak to a model and to nobody else (a flag is the one honest
# use of them).
_ESCAPES = (
    r"\x1b[\]PX^_][^\x07\x1b\x9c]{0,2000}(?:\x07|\x1b\\|\x9c)"  # a title, a link: only when it ends
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
_TURNS = "[\u202a-\u202e\u2066-\u2069]"
_FLAG = "(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f)"
# A character of its own may have one variation selector; a run of them spells something.
_INVISIBLE = "[\U000e0000-\U000e007f]+|[\U000e0100-\U000e01ef]{2,}"
_UNWANTED = re.compile(f"{_FLAG}|{_ESCAPES}|{_CONTROLS}|{_TURNS}|{_INVISIBLE}")
_ACTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85]")  # a new page or line: what stood apart must not be glued
_HALF = re.compile("[\ud800-\udfff]")  # no output can encode it; a file's name may hold one


def plain(text: str) -> str:
    """A text of a model, a document or a web page as data: without control characters, terminal escapes, or our key.

    Tabs and line breaks stay; a lone carriage return, which writes over a line, becomes a line break.
    """
    if _ACTS.search(text):
        text = _HALF.sub("\ufffd", _UNWANTED.sub(r"\1", _BREAKS.sub("\n", text)))
    return without_secrets(text, CERTAIN)


def escaped(written: str) -> str:
    """JSON that `plain` would change, with the same content: such characters as JSON escapes."""
    return _ACTS.sub(lambda found: json.dumps(found[0])[1:-1], written)


def one_line(text: str) -> str:
    """The same on one line, for a sentence that names a file: a line break in its name says nothing of its own."""
    return " ".join(plain(text).splitlines())


def whole(text: str) -> str:
    """The text with the halves of a character that came in two pieces joined; a half alone becomes a mark."""
    if text.isascii() or not _HALF.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
