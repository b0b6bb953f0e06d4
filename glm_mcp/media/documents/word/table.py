"""The columns of a table of a `.doc`, whose rows each say where their own cells end: those that stand below each other."""

from __future__ import annotations

import bisect
import itertools
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.word import binary
from glm_mcp.media.documents.word.binary import Properties
from glm_mcp.media.documents.word.made import w

_NEAR = 120  # twentieths of a point (2 mm): edges that are one; a cell has as much for its own margins


class Row(NamedTuple):
    element: ET.Element
    edges: tuple[int, ...]  # of its cells, one more than there are


def row(cells: Sequence[ET.Element], properties: Properties) -> Row:
    """With what its definition says of cells that are one with another."""
    said, upright = properties.get(binary.CELLS, b""), properties.get(binary.VERTICAL, b"")
    count = said[2] if len(said) > 2 else 0
    from_above = {upright[at + 1] for at in range(0, len(upright) - 2, 3) if upright[at + 2] == 1}
    for i, cell in enumerate(cells[:count]):
        flags = int.from_bytes(said[3 + 2 * (count + 1) + 20 * i :][:2], "little")
        beside, above = bool(flags & 2), i in from_above or bool(flags & 0x20 and not flags & 0x40)
        looks = [w(tag, val="continue") for tag, on in (("hMerge", beside), ("vMerge", above)) if on]
        cell.insert(0, w("tcPr", *looks))
    return Row(w("tr", *cells), _edges(said))


def table(rows: Sequence[Row]) -> ET.Element:
    for one, (before, widths) in zip(rows, _spans([one.edges for one in rows]), strict=True):
        for cell, wide in zip(one.element, widths, strict=False):
            cell[0].append(w("gridSpan", val=wide))
        if before:
            one.element.insert(0, w("trPr", w("gridBefore", val=before)))
    return w("tbl", *(one.element for one in rows))


def _edges(definition: bytes) -> tuple[int, ...]:
    """Those of the cells of a row; () where they are not in their order."""
    count = definition[2] if len(definition) > 2 else 0
    if len(definition) < 3 + 2 * (count + 1):
        return ()
    edges = struct.unpack_from(f"<{count + 1}h", definition, 3)
    return edges if all(a < b for a, b in itertools.pairwise(edges)) else ()


def _spans(rows: Sequence[Sequence[int]]) -> Iterator[tuple[int, list[int]]]:
    """Of each row, by its edges: how many columns are before it, and over how many each cell goes; nothing of a table of
    which a row does not tell.
    """
    columns = _columns(edge for row in rows for edge in row)
    placed = [[bisect.bisect_right(columns, edge) - 1 for edge in row] for row in rows]
    wide = [[b - a for a, b in itertools.pairwise(row)] for row in placed]
    fits = all(placed) and all(all(row) for row in wide)
    for row, widths in zip(placed, wide, strict=True):
        yield (row[0], widths) if fits else (0, [])


def _columns(edges: Iterable[int]) -> list[int]:
    """Where each begins: the first of the edges that are one."""
    columns: list[int] = []
    for edge in sorted(edges):
        if not columns or edge - columns[-1] > _NEAR:
            columns.append(edge)
    return columns
