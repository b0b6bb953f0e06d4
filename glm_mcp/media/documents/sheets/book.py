"""The sheets of a workbook that a caller asked for, one page each, whatever form the workbook has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from glm_mcp.media.documents.common.shown import Shown, why_shown
from glm_mcp.media.documents.pages import LeftOut, choose, result

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sheet(Generic[T]):
    """`at`: where its reader finds it."""

    name: str
    at: T
    is_chart: bool = False
    is_hidden: bool = False


def read_sheets(
    kind: str,
    sheets: Sequence[Sheet[T]],
    spec: str | None,
    name: str,
    left_out: LeftOut,
    read: Callable[[Sheet[T]], tuple[str, list[str]]],
    shown: Callable[[Sheet[T], str], Sequence[Shown]] = lambda _sheet, _where: (),
) -> dict[str, Any]:
    """`read` gives what a sheet says, and notes on it; `shown` then the pictures of a sheet, by what it is called. Raises
    InvalidRequest (pages).
    """
    rows, notes = [], []
    for number in choose(spec, len(sheets), name, unit="sheet", names=[s.name for s in sheets]):
        sheet = sheets[number - 1]
        text, said = read(sheet)
        notes += said
        chart = " (chart)" if sheet.is_chart else ""
        hidden = " (hidden)" if sheet.is_hidden else ""
        where = f"sheet '{sheet.name}'"
        rows.append((number, f"{where}{chart}{hidden}", text, why_shown(text, shown(sheet, where))))
    return result(kind, rows, len(sheets), [*notes, *left_out.notes()])
