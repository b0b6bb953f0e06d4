"""How much a call holds of what addresses lead to, in memory and in files, of the text of documents and of pictures and
films; and how much all calls of one caller over HTTP do: a few bytes sent may stand for much of each.
"""

from __future__ import annotations

from collections import Counter
from typing import Self
from weakref import WeakKeyDictionary

import anyio

from glm_mcp.errors import MediaTooLarge, Overloaded
from glm_mcp.glm.threads import share_of_caller
from glm_mcp.media.kept.uploads import LARGEST, MIB
from glm_mcp.media.types import PAGES, TEXT_CHARS

CALL_BYTES = 5 * LARGEST
CALL_PAGES = 5 * PAGES  # all of them are gone through beside other calls
PICTURES_BYTES = 512 * MIB  # as they go to a model, pages and frames among them
CALLER_BYTES, CALLER_CHARS, CALLER_PAGES = 2 * CALL_BYTES, 2 * TEXT_CHARS, 2 * CALL_PAGES
CALLER_PICTURES_BYTES = 2 * PICTURES_BYTES

_held: WeakKeyDictionary[anyio.Semaphore, Counter[str]] = WeakKeyDictionary()


class Room:
    """What is counted is given back at the end of a try, for which it is entered. For the event loop alone."""

    def __init__(self) -> None:
        caller = share_of_caller()
        self._call = Counter[str]()
        self._caller = Counter[str]() if caller is None else _held.setdefault(caller, Counter())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._caller.subtract(self._call)
        self._call.clear()

    def download(self, size: int) -> None:
        """So many bytes more. Raises MediaTooLarge, Overloaded."""
        if self._call["bytes"] + size > CALL_BYTES:
            raise MediaTooLarge(
                f"the addresses of one call lead to more than {CALL_BYTES // MIB:,} MB",
                "Send them in several calls.",
            )
        if self._caller["bytes"] + size > CALLER_BYTES:
            raise Overloaded(
                f"your calls hold {CALLER_BYTES // MIB:,} MB of downloads",
                "Call again when one of them has ended.",
            )
        self._add("bytes", size)

    def read(self, chars: int, pages: int = 0) -> None:
        """So many characters more, on so many pages. Raises MediaTooLarge, Overloaded."""
        if self._call["pages"] + pages > CALL_PAGES:
            raise MediaTooLarge(
                f"the documents of one call have more than {CALL_PAGES:,} pages",
                "Ask for some of their pages, or send them in several calls.",
            )
        if self._call["chars"] + chars > TEXT_CHARS:
            raise MediaTooLarge(
                f"the documents of one call give more than {TEXT_CHARS // 1_000_000} million characters of text",
                "Send them in several calls.",
            )
        if self._caller["chars"] + chars > CALLER_CHARS:
            raise Overloaded(
                f"your calls hold {CALLER_CHARS // 1_000_000} million characters of documents",
                "Call again when one of them has ended.",
            )
        if self._caller["pages"] + pages > CALLER_PAGES:
            raise Overloaded(
                f"your calls hold {CALLER_PAGES:,} pages of documents",
                "Call again when one of them has ended.",
            )
        self._add("chars", chars)
        self._add("pages", pages)

    def draw(self, size: int) -> None:
        """So many bytes of pictures and films more. Raises MediaTooLarge, Overloaded."""
        if self._call["pictures"] + size > PICTURES_BYTES:
            raise MediaTooLarge(
                f"the pictures of one call have more than {PICTURES_BYTES // MIB:,} MB",
                "Ask for fewer pages or pictures at a time.",
            )
        if self._caller["pictures"] + size > CALLER_PICTURES_BYTES:
            raise Overloaded(
                f"your calls hold {CALLER_PICTURES_BYTES // MIB:,} MB of pictures and films",
                "Call again when one of them has ended.",
            )
        self._add("pictures", size)

    @property
    def drawn(self) -> int:
        """Bytes of pictures and films that the call holds."""
        return self._call["pictures"]

    def put_away(self, size: int) -> None:
        """So many bytes of pictures and films are held no longer."""
        self._add("pictures", -size)

    def _add(self, what: str, amount: int) -> None:
        self._call[what] += amount
        self._caller[what] += amount
