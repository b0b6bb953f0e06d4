"""A value as a person or a client's form gave it: with quotes, blanks and names around it, or with nothing but a
placeholder.
"""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

# What stands where a value should: a reference that a client was to replace, or the words of an example.
_PLACEHOLDER = re.compile(
    r"\$\{[^{}]*\}|\$[A-Za-z_][\w:]*|%\w+%|\{\{[^{}]*\}\}"
    r"|<[^<>]*>|your[\w.-]*(?:key|token|secret)[\w.-]*|x{3,}(?:[.-]x{3,})*",
    re.IGNORECASE,
)
_PLACE = 1_000  # characters of it; some of the pattern goes through a word again and again
_QUOTES = ('""', "''", "“”", "‘’", "``")  # that come along with what is copied
_UNSEEN = "\u200b\u2060\ufeff"  # as _QUOTES; `str.strip` leaves them


def is_placeholder(value: str) -> bool:
    """Whether something stands there that only holds the place of a value."""
    return len(value) <= _PLACE and _PLACEHOLDER.fullmatch(value) is not None


def unquoted(value: str) -> str:
    """A value without the quotes and blanks that were copied along with it."""
    value = value.strip().strip(_UNSEEN).strip()
    for pair in _QUOTES:
        first, last = pair[0], pair[1]
        inner = value[1:-1]
        if len(value) > 1 and value[0] == first and value[-1] == last and not {first, last} & set(inner):
            return unquoted(inner)
    return value


def proxy_secrets() -> tuple[str, ...]:
    """The passwords of the proxies that the environment names, and each login as it goes to its proxy, which may repeat it."""
    found: list[str] = []
    for name, value in os.environ.items():
        if name.lower().endswith("_proxy"):
            # A password may hold any character, also an @ or a slash.
            user, _, password = unquoted(value).rpartition("@")[0].rpartition("://")[2].partition(":")
            sent = f"{unquote(user)}:{unquote(password)}".encode("utf-8", "replace")
            found += [password, unquote(password), base64.b64encode(sent).decode()] if password else []
    return tuple(found)


def whole_path(value: Path) -> Path:
    """With `~` put in, which a client's configuration leaves; relative to the folder at start. Raises ValueError."""
    if "\0" in str(value):
        raise ValueError("no name of a file")
    try:
        return value.expanduser().absolute()
    except RuntimeError:
        raise ValueError("the home of nobody") from None


_KEY_NAME = r"(?:\w*API_?KEY|\w*_?TOKEN|Authorization|key)"
_BEFORE_KEY = re.compile(
    rf"""(?:(?:export|set)\s+|\$env:)?["']?{_KEY_NAME}["']?\s*[=:]\s*["']?(?=\S)""", re.IGNORECASE
)
_BEARER = re.compile(r"Bearer\s+(?=\S)", re.IGNORECASE)
_KEY_FORM = re.compile(r"[0-9A-Za-z]{8,}\.[0-9A-Za-z]{8,}")  # of both platforms: id.secret


def bare_key(value: str) -> tuple[str, list[str]]:
    """A key as it is sent, and what had been copied along with it: quotes, the name of its variable, `Bearer`, blanks."""
    bare, taken = unquoted(value), []
    if bare != value.strip():
        taken.append("quotes")
    for pattern, what in ((_BEFORE_KEY, "the name before it"), (_BEARER, "the word Bearer")):
        found = pattern.match(bare)
        if found:
            taken.append(what)
            bare = unquoted(bare[found.end() :].rstrip("\"',; "))
    joined = "".join(c for c in bare if not c.isspace() and c not in _UNSEEN)
    if joined != bare and _KEY_FORM.fullmatch(joined):
        taken.append("blanks inside it")
        bare = joined
    return bare, taken


def has_key_form(key: str) -> bool:
    """Whether it looks like a key of the platforms: id.secret."""
    return _KEY_FORM.fullmatch(key) is not None


# Where the next of several folders begins, which people part as they part other lists.
_NEXT_FOLDER = re.compile(r"(?<!\s)\s*+[,;]\s*+(?=[/~\"']|[A-Za-z]:[\\/])")


def parted_folders(value: str) -> list[str]:
    """The folders of a list: parted as the system parts them, and by commas or semicolons where no folder has such a name."""
    parts: list[str] = []
    for part in value.split(os.pathsep):
        several = _NEXT_FOLDER.split(part)
        one = len(several) == 1 or os.path.exists(os.path.expanduser(unquoted(part)))  # noqa: PTH110, PTH111 - these do not raise
        parts += [part] if one else several
    return parts


def server_url(url: str) -> SplitResult | None:
    """The parts of the address of a server of ours, as people write it; None for what is no address, or has a login or a query in it."""
    try:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            return None
    except ValueError:  # of brackets, or of a port beyond all ports
        return None
    return None if "@" in parts.netloc or parts.query or re.search(r"\s", parts.netloc) else parts
