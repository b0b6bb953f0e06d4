"""Which texts hold secrets: private keys, whatever the settings, and logins, unless the settings have that very file.

Pure functions on text; nothing here touches a disk.
"""

from __future__ import annotations

import re

from glm_mcp.errors import ForbiddenPath

# Looked for in a text without its white space and marks: a document sets them in other places than the key file had.
_MARKS = "\\>|*`_~^\xad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
_ASCII_GAPS = dict.fromkeys(n for n in range(128) if chr(n).isspace() or chr(n) in _MARKS)
# Each key has one of these in it: to look for them takes a tenth of the time of the patterns below.
_IN_KEYS = ("privatekey", "putty-user-key-file-", "age-secret-key-1", "age-plugin-", "untrustedcomment:")
_DASHES = "[-\u2010-\u2015\u2212]"
_PRIVATE_KEY = re.compile(
    # Its last line too: of a document the page may be asked for on which a key ends.
    rf"{_DASHES}(?:BEGIN|END)[A-Z0-9]{{0,40}}PRIVATEKEY(?:BLOCK)?{_DASHES}"
    rf"|{_DASHES}(?:BEGIN|END)SSH2(?:ENCRYPTED)?PRIVATEKEY{_DASHES}"
    r"|PuTTY-User-Key-File-\d"
    r"|AGE-SECRET-KEY-1|AGE-PLUGIN-[A-Z0-9-]{1,60}-1"
    r"|untrustedcomment:(?:minisign|signify|rsign)(?:encrypted)?secretkey",
    re.IGNORECASE,
)
# Fast by its set.
_ESCAPES = re.compile(r"[\\\xad\u180e\u200b-\u200f\u2060-\u2064\ufeff](?:(?<!\\)|(?=\W|_))")
_LOOKS = "*`~^"  # with which Markdown sets a part of a word apart
_TYPED = (  # what programs and other keyboards write, and the sign that a login has
    *(("\u2010", "-"), ("\u2011", "-"), ("\uff1a", ":"), ("\uff1d", "="), ("\u2018", "'"), ("\u2019", "'")),
    *(("\u201c", '"'), ("\u201d", '"'), ("\u201e", '"')),
)
_IN_ADDRESSES = (
    ("%20", " "),
    ("%3D", "="),
    ("%3d", "="),
    ("%3A", ":"),
    ("%3a", ":"),
    ("%2D", "-"),
    ("%2d", "-"),
)
_IS = r"(?:[\"'\s>]{0,40}[=:|]){1,3}[\"'\s>]{0,40}"
_GAP = r"\s{0,2}"  # where a narrow page breaks a line within a word
# Each with a word that it holds, in small letters.
_LOGINS: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (
        "the key to a Kubernetes cluster",
        "client-",
        re.compile(rf"\bclient-{_GAP}key-{_GAP}data{_IS}[A-Za-z0-9+/]{{16}}"),
    ),
    (
        "an AWS secret key",
        "secret",
        re.compile(
            rf"\b(?:aws_{_GAP}secret_{_GAP}access_{_GAP}key|SecretAccessKey){_IS}(?:"
            # With a digit, as every one has: else it is a word about keys.
            r"(?=[A-Za-z/+=]{0,39}\d)[A-Za-z0-9/+=]{16}"
            # In lines, with one between letters: else these are words.
            rf"|(?=[A-Za-z0-9/+])(?=[A-Za-z0-9/+\s]{{1,78}}(?<=[A-Za-z])\d[A-Za-z])"
            rf"(?:[A-Za-z0-9/+]{_GAP}){{39}}[A-Za-z0-9/+](?![A-Za-z0-9/+]))",
            re.IGNORECASE,
        ),
    ),
    # As AWS gives both to download, in a row, under whatever name a browser keeps them.
    (
        "an AWS secret key",
        "akia",
        re.compile(r"\bAKIA[A-Z0-9]{16}[\"'\s]{0,4}[,;|\t][\"'\s]{0,4}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])"),
    ),
    ("a WireGuard key", "privatekey", re.compile(rf"\bPrivateKey{_IS}(?:[A-Za-z0-9+/]{_GAP}){{42,43}}=")),
)
_OBJECT = re.compile(r"\{[^{}]{1,16000}\}")
_KEY_TYPE = re.compile(r'"kty"\s*:\s*"')
_KEY_PART = re.compile(r'"(?:d|k)"\s*:\s*"[A-Za-z0-9_-]{16}')
_PIECE, OVERLAP = 1 << 18, 20_000  # characters looked at in one go, and again with the next piece


def secret_in(text: str, *, allowed: bool = False) -> str:
    """Which secret a text holds, in words, or "": a private key (PEM, OpenSSH, PGP, SSH2, PuTTY, age, minisign), a JSON
    Web Key, a login to a cluster or cloud. `allowed`: the settings name this file, and only private keys count.

    In pieces, since one look at megabytes would let no other thread run.
    """
    for at in range(0, len(text), _PIECE):
        piece = _as_in_files(text[at : at + _PIECE + OVERLAP])
        if _holds_key(piece):
            return "a private key"
        said = "" if allowed else _login_in(_as_typed(piece))
        if said:
            return said
    return ""


def _holds_key(text: str) -> bool:
    close = _closed_up(text)
    folded = close.casefold()
    return any(word in folded for word in _IN_KEYS) and _PRIVATE_KEY.search(close) is not None


def _closed_up(text: str) -> str:
    if text.isascii():
        return text.translate(_ASCII_GAPS)
    text = "".join(text.split())
    for mark in _MARKS:
        text = text.replace(mark, "")
    return text


def _as_in_files(text: str) -> str:
    """With the signs that addresses write as numbers."""
    for other, sign in _IN_ADDRESSES if "%" in text else ():
        text = text.replace(other, sign)
    return text


def _as_typed(text: str) -> str:
    """Without what a document sets into a login, and with the signs that it has in a file."""
    text = _ESCAPES.sub("", text)
    for mark in _LOOKS:
        text = text.replace(mark, "")
    for other, sign in () if text.isascii() else _TYPED:
        text = text.replace(other, sign)
    return text


def _login_in(text: str) -> str:
    folded = text.casefold()
    for said, word, pattern in _LOGINS:
        if word in folded and pattern.search(text):
            return said
    if '"kty"' in text:
        for match in _OBJECT.finditer(text):
            if _KEY_TYPE.search(match[0]) and _KEY_PART.search(match[0]):
                return "a private JSON Web Key"
    return ""


def holds_secret(name: str, said: str) -> ForbiddenPath:
    """The refusal of a file for what `secret_in` said of it."""
    if said == "a private key":
        hint = "Take the key out of a copy, and pass that."
    else:
        hint = "Take it out of a copy, and pass that, or add this very file to GLM_ALLOWED_DIRS."
    return ForbiddenPath(f"{name} holds {said}, and these are never read", hint)
