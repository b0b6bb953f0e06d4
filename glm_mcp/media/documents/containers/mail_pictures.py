"""Pictures of a mail or a saved page: pasted into its text, or attached."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from email.message import EmailMessage, Message
from pathlib import PurePath
from typing import Any

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.html import decode_html
from glm_mcp.media.documents.web.along import Along, PicturesAlong
from glm_mcp.media.formats import KINDS
from glm_mcp.secret_paths import is_secret_within
from glm_mcp.text import one_line

_PARTS = 2_000
_ANY = ("application/octet-stream", "binary/octet-stream")  # a type that says nothing
SUFFIXES = frozenset(suffix for kind in KINDS.values() if kind.family == "image" for suffix in kind.suffixes)


class MailPictures(PicturesAlong):
    """`pages`: by the identity of the parts that are HTML, those that show what came along; `parts`: those of pictures."""

    def __init__(self, message: EmailMessage | Message, name: str, encoding: str | None) -> None:
        super().__init__()
        own = list(itertools.islice(_own(message), _PARTS))
        self.pages: dict[int, str] = {}
        self._inline: dict[int, str] = {}
        for part in own:
            if is_picture(part.get_content_type(), part.get_filename() or ""):
                self._take(part)
        for part in own:
            if part.get_content_type() == "text/html":
                self._show(part, name, encoding)
        self.found: list[Along] = self.counted()

    def _take(self, part: Any) -> None:
        content, location = _raw(part, "content-id").strip("<>"), _raw(part, "content-location")
        filename, payload = one_line(part.get_filename() or ""), part.get_payload(decode=True)
        known = self.add(
            filename or content.partition("@")[0],
            payload if isinstance(payload, bytes) else b"",
            (f"cid:{content}" * bool(content), location),
            attached=bool(filename or not location),
        )
        if part.get_content_disposition() == "inline":
            self._inline[id(part)] = known

    def _show(self, part: Any, name: str, encoding: str | None) -> None:
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes):
            return
        try:
            text = decode_html(payload, name, encoding, part.get_content_charset()).text
        except UnsupportedMedia:
            return
        self.pages[id(part)] = self.page(text, _raw(part, "content-location"))

    def stands(self, part: Any) -> str:
        """The mark of a picture that is shown between the texts of a mail; "" for others."""
        return self.beside(self._inline.get(id(part), ""))


def is_picture(kind: str, filename: str) -> bool:
    """Whether a part says so by its type, or by its name where the type says nothing; none whose name is that of a secret."""
    is_named = kind in ("", *_ANY) and PurePath(filename).suffix.lower() in SUFFIXES
    return (is_named or kind.startswith("image/")) and not is_secret_within(filename)


def _own(message: EmailMessage | Message) -> Iterator[Any]:
    """The parts of a mail without those of mails attached to it."""
    waiting: list[Any] = [message]
    while waiting:
        part = waiting.pop()
        if not part.is_multipart():
            yield part
        elif part.get_content_maintype() == "multipart":
            waiting += [one for one in reversed(part.get_payload()) if isinstance(one, Message)]


def _raw(part: Any, title: str) -> str:
    return next(("".join(str(raw).split()) for key, raw in part.raw_items() if key.lower() == title), "")
