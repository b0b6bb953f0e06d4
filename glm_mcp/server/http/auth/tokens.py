"""The tokens that this server gives out: their form, and the file of who holds one.

A token is `glm_`, 32 random bytes in base 62, and a checksum, so that a scanner for secrets finds it and a mistyped one is
refused without a look-up. The file holds the SHA-256 of each: what has 256 random bits needs no slow hash.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import shlex
import stat
import time
import tomllib
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from glm_mcp.atomic_files import read_file
from glm_mcp.errors import ConfigError
from glm_mcp.glm.threads import limiter
from glm_mcp.installation import typed
from glm_mcp.server.callers.caller import Caller, owner_of
from glm_mcp.settings import TOOLS
from glm_mcp.text import one_line

log = logging.getLogger(__name__)

PREFIX = "glm_"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET, _CHECK = 43, 6  # digits that 32 bytes and a CRC-32 take
_FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_SECRET + _CHECK}}}")
_HASH = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
NAME_IS = "1 to 64 letters, digits and . _ @ -, the first a letter or a digit"
LIMITS = ("per_minute", "at_once", "tokens_per_day")
LARGEST = 10**12
FILE_BYTES = 16 << 20  # some 60,000 tokens
LOOK_S = 0.25  # between two looks at the file: how long a revoked token may still be good
LOOK_LIMIT_S = 1.0
OIDC = "oidc"  # the table of the limits of everybody whom the issuer let in
EVERYBODY = Caller(OIDC, owner_of(OIDC))


def new_token() -> str:
    word = _base62(int.from_bytes(secrets.token_bytes(32)), _SECRET)
    return f"{PREFIX}{word}{_checksum(word)}"


def well_formed(token: str) -> bool:
    """Whether it is one of this form whose checksum is right."""
    return _FORM.fullmatch(token) is not None and token[-_CHECK:] == _checksum(token[len(PREFIX) : -_CHECK])


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def mark_of(sha256: str) -> str:
    """What stands for a token of this hash in the cookie of a browser."""
    return hashlib.sha256(f"page\0{sha256}".encode()).hexdigest()[:32]


def _checksum(word: str) -> str:
    return _base62(zlib.crc32(word.encode()), _CHECK)


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a token was given to. `expires`: in seconds since 1970."""

    caller: Caller
    sha256: str
    created: float | None = None
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class Holders:
    """What the file says: the holders by the hash of their token, and by its mark; `oidc`, the limits of those whom
    an issuer let in.
    """

    by_hash: Mapping[str, Holder] = field(default_factory=dict)
    oidc: Caller = EVERYBODY
    by_mark: Mapping[str, Holder] = field(default_factory=dict)

    def named(self, name: str) -> Holder | None:
        return next((h for h in self.by_hash.values() if h.caller.name.casefold() == name.casefold()), None)


def parse(text: str) -> Holders:
    """The holders in the text of a file. Raises ValueError saying what is wrong, without a hash."""
    whole = tomllib.loads(text)
    unknown = sorted(whole.keys() - {"tokens", OIDC})
    if unknown:
        raise ValueError(f"[{unknown[0]}] is nothing that it may hold")
    tables = whole.get("tokens", {})
    if not isinstance(tables, dict):
        raise ValueError("tokens is no table")  # noqa: TRY004 - one kind of error for whoever reads it
    holders = [_holder(name, table) for name, table in tables.items()]
    if len({h.caller.name.casefold() for h in holders}) < len(holders):
        raise ValueError("a name is there twice")
    if len(by_hash := {h.sha256: h for h in holders}) < len(holders):
        raise ValueError("two names have the same token")
    oidc = replace(EVERYBODY, **_rights(OIDC, whole.get(OIDC, {}), set()))
    return Holders(by_hash, oidc, {mark_of(sha256): h for sha256, h in by_hash.items()})


def _holder(name: str, table: Any) -> Holder:
    if not NAME.fullmatch(name):
        raise ValueError(f"{one_line(name)[:64]!r} is no name: {NAME_IS}")
    rights = _rights(name, table, {"sha256", "created", "expires"})
    sha256 = table.get("sha256")
    if not isinstance(sha256, str) or not _HASH.fullmatch(sha256):
        raise ValueError(f"{name} has no sha256 of 64 hex digits")
    created, expires = (_moment(name, key, table.get(key)) for key in ("created", "expires"))
    return Holder(Caller(name, owner_of("token", name), **rights), sha256, created, expires)


def _rights(name: str, table: Any, also: set[str]) -> dict[str, Any]:
    """Tools and limits of one table."""
    if not isinstance(table, dict):
        raise ValueError(f"{name} is no table")  # noqa: TRY004 - as above
    unknown = sorted(table.keys() - also - {"tools", *LIMITS})
    if unknown:
        raise ValueError(f"{one_line(unknown[0])[:64]} of {name} is nothing that it may hold")
    rights: dict[str, Any] = {}
    for limit in LIMITS:
        number = table.get(limit)
        if number is not None and (type(number) is not int or not 0 < number <= LARGEST):
            raise ValueError(f"{limit} of {name} is no whole number above 0")
        rights[limit] = number
    tools = table.get("tools")
    if tools is not None:
        if not isinstance(tools, list) or not tools or not all(t in TOOLS for t in tools):
            raise ValueError(f"tools of {name} are not among {', '.join(TOOLS)}")
        rights["tools"] = frozenset(tools)
    return rights


def _moment(name: str, key: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        with suppress(OverflowError):  # of the year 10,000 in UTC, and of the year 0
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).timestamp()
    elif isinstance(value, date):
        return datetime.combine(value, time_of_day(), UTC).timestamp()
    raise ValueError(f"{key} of {name} is no time")


def read_text(path: Path) -> str:
    """The text of a file of tokens. Raises OSError, ValueError. Blocking."""
    return read_file(path, FILE_BYTES).decode("utf-8-sig")  # as editors of Windows write it


class TokenFile:
    """The holders, read again when the file changes. One that cannot be read whole leaves what was read before in force;
    one that is gone or empty lets nobody in.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Reads it. Raises ConfigError when it is there and cannot be used."""
        self.path = path
        self._clock = clock
        self._looked = clock()
        self._looking, self._reading = anyio.Lock(), False
        self._seen, holders, wrong = _read(path, None)
        if wrong:
            raise unusable(path, wrong)
        self._holders = holders or Holders()
        self.there = holders is not None  # once there, it counts for as long as this process runs

    async def holders(self) -> Holders:
        """As they were `LOOK_S` ago or later."""
        due = self._clock() - self._looked >= LOOK_S
        return await self.look() if due and not self._looking.locked() else self._holders

    async def look(self) -> Holders:
        """As they are now: for a token that is not among those known, and may have been added a moment ago."""
        async with self._looking:
            if not self._reading:
                self._looked = self._clock()
                with anyio.move_on_after(LOOK_LIMIT_S):  # a network drive may not answer
                    one = limiter("tokens", 1)  # no thread of a long work before it
                    seen, holders, wrong = await anyio.to_thread.run_sync(
                        self._read_again, abandon_on_cancel=True, limiter=one
                    )
                    if seen != self._seen:
                        self._take(seen, holders, wrong)
        return self._holders

    def _read_again(self) -> tuple[_Seen | None, Holders | None, str]:
        """A thread that nobody waits for any more keeps others from being left like it."""
        self._reading = True
        try:
            return _read(self.path, self._seen)
        finally:
            self._reading = False

    def _take(self, seen: _Seen | None, holders: Holders | None, wrong: str) -> None:
        self._seen = seen
        if wrong:
            log.error("the tokens as they were stay in force: %s", unusable(self.path, wrong))
            return
        self._holders = holders or Holders()
        self.there = self.there or holders is not None
        log.info("%s was read again: %s tokens", self.path, len(self._holders.by_hash))


_Seen = tuple[int, int, int, int]


def _read(path: Path, seen: _Seen | None) -> tuple[_Seen | None, Holders | None, str]:
    """What it was when it was read, what it says (None: it is gone, or as before), and what is wrong with it. Blocking."""
    try:
        info = path.stat()
        now = (info.st_mtime_ns, info.st_size, info.st_ino, info.st_mode)
        if now == seen:
            return now, None, ""
        if os.name == "posix" and info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return now, None, "others may write to it; chmod 600 it"
        if os.name == "posix" and info.st_mode & (stat.S_IRGRP | stat.S_IROTH):
            log.warning("%s can be read by other users of this machine; chmod 600 it", path)
        return now, parse(read_text(path)), ""
    except FileNotFoundError:
        return None, None, ""
    except OSError as error:
        return (0, 0, 0, 0), None, error.strerror or "it cannot be read"
    except RecursionError:
        return now, None, "it is nested too deeply"
    except ValueError as error:  # also of TOML and UTF-8
        return now, None, one_line(str(error))[:200]


def adding(path: Path) -> str:
    """The line that gives somebody a token of this file."""
    return typed(f"token --file {shlex.quote(str(path))} add NAME")


def unusable(path: Path, wrong: str) -> ConfigError:
    return ConfigError(
        f"the file of tokens {path} cannot be used ({wrong})",
        f"Mend it, or move it away and add the tokens anew with: {adding(path)}",
    )
