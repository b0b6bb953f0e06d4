"""The pictures that pages of documents show, as they lie in the file, for a model to see."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Any, BinaryIO

from glm_mcp.media.documents.common.picture_pages import pages_shown
from glm_mcp.media.documents.common.shown import Box, Shown
from glm_mcp.media.documents.pages import LeftOut

_EACH, _ALL = 20_000_000, 64_000_000  # bytes of one picture, and of all; they are held by the server
_PICTURES = 100  # of one call
_TOGETHER = 8  # of one question


def pictures_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """The pictures of the pages `params["numbers"]` of a file of `params["kind"]`, at most
    `params["together"]` of them in one question.

    Hands back one row a picture (page, question of that page, name, region in percent or None, place) and the bytes; under
    "again", page and earlier page of those that an earlier page has shown; notes on what is left out.
    Raises UnsupportedMedia, MediaTooLarge, InvalidRequest.
    """
    left_out = LeftOut()
    held = pages_shown(file, params, left_out)
    parts = held.parts
    together = max(1, min(_TOGETHER, params["together"]))
    rows, blobs = list[list[Any]](), list[bytes]()
    again = list[tuple[int, int]]()
    first = dict[tuple[tuple[int, int], Box | None], int]()
    room = _ALL
    for number, place, shown in held.pages:
        chosen = _largest(shown, held.most, place, left_out)
        questions = _Questions(together, held.full)
        for picture in chosen:
            key = parts.identity(picture.part), picture.crop
            if first.setdefault(key, number) != number:
                again.append((number, first[key]))
                continue
            size, path = key[0][1], posixpath.basename(picture.part)
            if size > _EACH or size > room or len(rows) == _PICTURES:
                left_out.add(
                    f"pictures beyond {_PICTURES}, {_ALL // 10**6} MB or {_EACH // 10**6} MB each (ask for fewer pages)",
                    place,
                )
            elif data := parts.read(picture.part):
                room -= len(data)
                rows.append([number, questions.next(picture.share), path, picture.crop, picture.place])
                blobs.append(data)
            elif not size:
                left_out.add("pictures whose records are damaged", place)
    return {"rows": rows, "again": sorted(set(again)), "notes": left_out.notes()}, blobs


def _largest(shown: Sequence[Shown], most: int, place: str, left_out: LeftOut) -> list[Shown]:
    """The largest, in their own order."""
    if len(shown) > most:
        left_out.add(f"all but the {most} largest pictures", place)
    ranked = sorted(range(len(shown)), key=lambda at: -shown[at].share)[:most]
    return [shown[at] for at in sorted(ranked)]


class _Questions:
    """Pictures go in one question until they fill `pages`."""

    def __init__(self, together: int, pages: float) -> None:
        self._together, self._pages = together, pages
        self._number = self._count = 0
        self._filled = 0.0

    def next(self, share: float) -> int:
        """The number of the question, from 0, that a picture of this share goes with."""
        if self._count and (self._filled + share > self._pages or self._count == self._together):
            self._number, self._count, self._filled = self._number + 1, 0, 0.0
        self._count += 1
        self._filled += share
        return self._number
