"""The keys of this process, which nothing that it says may show."""

from __future__ import annotations

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
