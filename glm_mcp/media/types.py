"""What passes between the media files: a source that was let in, and the prepared parts made from it."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from glm_mcp.errors import ForbiddenPath, MediaTooLarge, NotFound, UnsupportedMedia
from glm_mcp.glm.messages import Image, Video
from glm_mcp.media.formats import Kind

# What is wrong with one file of a pattern, and no reason to refuse the others.
LEAVABLE = (UnsupportedMedia, MediaTooLarge, ForbiddenPath, NotFound)
# Characters of the documents of one call together: some more than the largest text file has. Some hundred bytes of a
# workbook may stand for as many as one likes, and each takes up to ten bytes of the server on its way out.
TEXT_CHARS = 60_000_000
PAGES = 20_000  # of one document; each has its row on the event loop
_PIECE = 256 * 1024  # bytes of a file that are looked at in one go
SHORT = 20_000  # characters of a text that is looked through in half a millisecond


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a source, from a media fragment: pixels (x, y, width, height), seconds (start, end), page numbers."""

    xywh: tuple[float, float, float, float] | None = None
    percent: bool = False
    t: tuple[float, float | None] | None = None
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file, bytes or a public URL that passed the guards.

    `name` is what people and models see. A local file is opened once, at its check, and every reader works on that
    descriptor. `kind`: its row of `formats`, detected when it was opened. For a `url` nothing was fetched yet: `kind` is
    what its path claims.
    """

    name: str
    kind: Kind
    size: int
    fragment: Fragment = Fragment()
    url: str | None = None
    data: bytes | None = None
    path: Path | None = None  # for messages and sidecar files; contents come from `handle`
    handle: IO[bytes] | None = None
    matched: bool = False  # by a pattern: the call can go on without it
    named: bool = False  # in the settings, as this very file
    kept: bool = False  # what a tool made before
    beside: str = ""  # the argument of a file that came along with it, such as a film's subtitles

    @property
    def is_remote(self) -> bool:
        """A URL that nothing was fetched of."""
        return self.url is not None and self.data is None and self.handle is None

    def read(self) -> bytes:
        """All bytes. Blocking; the size was checked before."""
        return self._opened(0, self.size) if self.data is None else self.data

    def piece(self, at: int) -> bytes:
        """The bytes from there on, 256 KB at most and none beyond `size`; b"" where the file ends. Blocking. Raises NotFound
        where it cannot be read any more.
        """
        if self.data is not None:
            return self.data[at : at + _PIECE]
        try:
            return self._opened(at, min(_PIECE, self.size - at))
        except OSError as error:  # a drive that went away
            why = error.strerror or "the system refuses"
            raise NotFound(
                f"{self.name} cannot be read any more ({why})", "Check the disk, and call again."
            ) from error

    def _opened(self, at: int, count: int) -> bytes:
        if self.handle is None:
            raise ValueError("a URL that was not fetched has no bytes")
        if sys.platform == "win32":
            self.handle.seek(at)
            return self.handle.read(count)
        return os.pread(self.handle.fileno(), count, at)

    def digest(self) -> str:
        """sha256 of all bytes, in hex. Blocking: a second for a gigabyte. Raises as `piece`."""
        found, at = hashlib.sha256(), 0
        while piece := self.piece(at):
            found.update(piece)
            at += len(piece)
        return found.hexdigest()

    def close(self) -> None:
        if self.handle is not None:
            self.handle.close()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture ready for the API, and where it lies in the picture it was made from.

    `width`, `height`: pixels sent. `original`: upright size of the whole source picture. A point (x, y) in the sent
    picture is (left + x / scale, top + y / (scale * stretch)) in the original. `notes`: what a careful reader must know.
    """

    part: Image
    width: int
    height: int
    original: tuple[int, int]
    left: float = 0.0
    top: float = 0.0
    scale: float = 1.0
    stretch: float = (
        1.0  # how much more it was made higher than wider: a fax may have fewer lines than dots an inch
    )
    label: str = ""
    notes: tuple[str, ...] = ()
    page: int = 0  # of the document that it was rendered from
    lacks: str = ""  # letters of that page for which no font is here


@dataclass(frozen=True, slots=True)
class Frame:
    """One video frame: the picture and its exact time in seconds from the start of the whole video."""

    picture: Picture
    time: float


@dataclass(frozen=True, slots=True)
class Clip:
    """A prepared video: whole (`video`) or as `frames`. Times in seconds of the whole original video."""

    name: str
    duration: float
    start: float
    end: float
    width: int
    height: int
    video: Video | None = None
    frames: tuple[Frame, ...] = ()
    subtitles: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A page, sheet, slide or chapter. `text` is Markdown. `as_image` says why a picture of it must go along:
    "scanned", "garbled", "thin" (text is not the page), "figure", "formula" (text and picture), "layer" (text that lies
    over a picture of the page); of other documents "pictures" (those in it say more than its words, which stay) and
    "illustrated" (large pictures beside much text); empty for text alone.
    """

    number: int
    label: str
    text: str
    as_image: str = ""

    @property
    def is_picture(self) -> bool:
        """Whether the text is not the page."""
        return self.as_image in {"scanned", "garbled", "thin"}

    @property
    def is_to_be_seen(self) -> bool:
        """Whether the text leaves out what the page says."""
        return self.is_picture or self.as_image == "pictures"


@dataclass(frozen=True, slots=True)
class Document:
    """A document read on this machine: the chosen pages of `total`, and what a careful reader must know."""

    name: str
    kind: str
    pages: tuple[Page, ...]
    total: int
    notes: tuple[str, ...] = ()

    @property
    def chars(self) -> int:
        return sum(len(page.label) + len(page.text) for page in self.pages)


def check_pages(pages: Sequence[Sequence[Any]], name: str) -> None:
    """Of rows as a job gives them. Raises MediaTooLarge."""
    fewer = "Ask read_document for some of its pages (pages=1-20), or send a part of it."
    if len(pages) > PAGES:
        raise MediaTooLarge(f"{name} has more than {PAGES:,} pages", fewer)
    if sum(len(text) for _, _, text, _ in pages) > TEXT_CHARS:
        millions = TEXT_CHARS // 1_000_000
        raise MediaTooLarge(f"{name} gives more than {millions} million characters of text", fewer)
