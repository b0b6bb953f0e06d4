"""Who calls: the person or program behind a request, and what is theirs to use."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pydantic import SecretStr


def owner_of(*words: str) -> str:
    """16 hex digits for what identifies a caller (the form of the token, its name); never given a secret."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller. None: no limit of that kind, every tool, the server's own key.

    `name` is for people and logs, `owner` for paths and keys of stores. `key` is the caller's own for the service.
    """

    name: str
    owner: str
    tools: frozenset[str] | None = None
    per_minute: int | None = None
    at_once: int | None = None
    tokens_per_day: int | None = None
    key: SecretStr | None = None


LOCAL = Caller("local", owner_of("local"))  # over stdio, and over HTTP where no token is asked for
