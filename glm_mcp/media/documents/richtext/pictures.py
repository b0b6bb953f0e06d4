r"""Pictures of RTF: groups of \pict, whose bytes are written as hex digits or follow a \bin as they are."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from glm_mcp.media.documents.common.picture_size import pixels
from glm_mcp.media.documents.ooxml.shown import page_share
from glm_mcp.media.documents.web.along import Along

_SUFFIXES = {"pngblip": "png", "jpegblip": "jpg", "emfblip": "emf", "wmetafile": "wmf", "macpict": "pict"}
_SIZES = ("picwgoal", "pichgoal", "picscalex", "picscaley")
PICTURE = frozenset((*_SUFFIXES, *_SIZES, "bin"))  # words that matter
_TWIP, _DOT = 635, 15  # English Metric Units in a twip, twips in a dot of a screen
_SMALL = 0.02  # of a page
_PICTURES = 2_000  # of one file
_NO_HEX = re.compile(r"[^0-9a-fA-F]+")
_BINARY = re.compile(rb"\\bin(\d{1,10}) ?")


def without_binaries(data: bytes) -> tuple[str, list[bytes]]:
    r"""The text without the raw bytes that follow a \bin, in which braces mean nothing; the number of a \bin is then that
    of its bytes.
    """
    kept, binaries, start = list[bytes](), list[bytes](), 0
    for word in _BINARY.finditer(data):
        if word.start() >= start:
            kept.append(data[start : word.start()])
            start = word.end() + int(word[1])
            if len(binaries) < _PICTURES:
                kept.append(b"\\bin%d " % len(binaries))
                binaries.append(data[word.end() : start])
    return b"".join([*kept, data[start:]]).decode("latin-1"), binaries


@dataclass(slots=True)
class _Open:
    depth: int  # of groups
    counts: bool
    suffix: str = ""
    sizes: dict[str, int] = field(default_factory=dict)
    digits: list[str] = field(default_factory=list)
    binary: bytes = b""

    def share(self) -> float | None:
        """Of a page; None where the file does not say how large it is shown."""
        across, down = (self.sizes.get(f"pic{side}goal", 0) for side in "wh")
        if across <= 0 or down <= 0:
            return None
        across *= self.sizes.get("picscalex", 0) or 100
        down *= self.sizes.get("picscaley", 0) or 100
        return page_share(across * _TWIP / 100, down * _TWIP / 100)

    def data(self) -> bytes:
        digits = _NO_HEX.sub("", "".join(self.digits))
        return self.binary or bytes.fromhex(digits[: len(digits) // 2 * 2])


class RtfPictures:
    """Those of one file, as a reader comes by their groups. `binaries`: as of `without_binaries`."""

    def __init__(self) -> None:
        self.binaries: list[bytes] = []
        self.found: list[Along] = []
        self._open: list[_Open] = []

    def begin(self, depth: int, *, counts: bool) -> None:
        """`depth`: of the group; `counts`: whether it is one of the text, and not of the head of its pages."""
        self._open.append(_Open(depth, counts))

    def word(self, word: str, number: int | None, depth: int) -> None:
        if not self._open or self._open[-1].depth != depth:
            return
        picture = self._open[-1]
        if word in _SUFFIXES:
            picture.suffix = _SUFFIXES[word]
        elif word == "bin" and number is not None and 0 <= number < len(self.binaries):
            picture.binary = self.binaries[number]
        elif word in _SIZES:
            picture.sizes[word] = number or 0

    def text(self, text: str, depth: int) -> None:
        if self._open and self._open[-1].depth == depth and self._open[-1].suffix:
            self._open[-1].digits.append(text)

    def end(self) -> None:
        picture = self._open.pop()
        share = picture.share()
        is_small = share is not None and share < _SMALL
        if not picture.counts or not picture.suffix or is_small or len(self.found) >= _PICTURES:
            return
        data = picture.data()
        if share is None and (sides := pixels(data)) is not None:
            share = page_share(*(side * _DOT * _TWIP for side in sides))
        if data and share:
            self.found.append(Along(f"picture.{picture.suffix}", share, data))
