"""Markdown tables, and CSV as one."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.charset import decode
from glm_mcp.media.documents.pages import one_text

_DELIMITERS = ",;\t|"
_SAMPLE, _SAMPLE_LINES = 20_000, 60
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_DECIMAL = re.compile(r"\s*-?\d{1,15},\d{1,9}\s*")
# A quote behind a backslash that a value goes on behind, or ends; and one that is written twice.
_ESCAPED = re.compile(r'(?<![\\,;\t|])\\"(?=[^,;\t|\n"]|"(?:[,;\t|\n]|\Z))|(?<=[ (])\\"(?=\w)')
_DOUBLED = re.compile(r'(?<=[^,;\t|\n"\\])""(?=[^"\n])')
_BEFORE_QUOTE = re.compile(r'(?<!\\)((?:\\\\)*+)\\"')
_NAMED = re.compile(r'"?sep=([^\w\s"]|\t)"?(?:\n|\Z)', re.IGNORECASE)  # a first line for Excel
# Cells that a table may have once it is filled up: so many, or so many times its own.
_FILLED, _SPARSE = 1_000_000, 10
_JOINED = 10_000  # lines
# Cells of a table that is written whole, however few hold something; else every fourth is to.
_SMALL, _MOSTLY = 200, 4
_FIELD = 10_000_000  # characters in one field; the library stops at 131,072 by default


def chart_heading(titles: Sequence[str]) -> list[str]:
    """The lines before the data of a chart: its own title, which may be empty, and those of its axes."""
    head = f"Chart: {titles[0]}" if titles and titles[0] else "Chart:"
    axes = "; ".join(filter(None, titles[1:]))
    return [head, f"Axes: {axes}"] if axes else [head]


def table(rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with the first row as its head; pipes escaped, line breaks as <br>, short rows filled up, unless
    one row is so long that most of the table would be what it was filled up with.
    """
    grid = [[cell(value) for value in row] for row in rows]
    return _written(grid, Counter(map(len, grid)))


def sparse_table(rows: Iterable[Sequence[str]]) -> str:
    """The same of rows that hold little: each ends with its last cell that says something, which Markdown allows below the
    head.
    """
    grid = [[cell(value) for value in row] for row in rows]
    area, held = sum(map(len, grid)), sum(sum(map(bool, row)) for row in grid)
    if area < _SMALL or held * _MOSTLY > area:
        return _written(grid, Counter(map(len, grid)))
    head, *below = grid
    ends = (max((i for i, value in enumerate(row) if value), default=0) + 1 for row in below)
    written = [row[:end] for row, end in zip(below, ends, strict=True)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *written))


def _written(rows: Iterable[Sequence[str]], lengths: Counter[int]) -> str:
    """`lengths`: how many rows have so many cells. Its lines are joined some at a time: each takes more by itself than a
    short row holds.
    """
    width, cells = max(lengths, default=0), sum(size * count for size, count in lengths.items())
    if not width:
        return ""
    filled = width if width * lengths.total() <= max(_FILLED, _SPARSE * cells) else 0
    lines = ("| " + " | ".join([*row, *[""] * (filled - len(row))]) + " |" for row in rows)
    pieces = [next(lines), "|" + " --- |" * width]
    while piece := "\n".join(itertools.islice(lines, _JOINED)):
        pieces.append(piece)
    return "\n".join(pieces)


def placed(rows: Mapping[int, Mapping[int, str]]) -> list[list[str]]:
    """The rows of a table whose cells are known by row and column, filled up; each with its own cells alone where most of
    the table would be what it was filled up with.
    """
    ordered = [rows[number] for number in sorted(rows)]
    columns, held = sorted({column for row in ordered for column in row}), sum(map(len, ordered))
    if len(ordered) * len(columns) > max(_FILLED, _SPARSE * held):
        return [[row[column] for column in sorted(row)] for row in ordered]
    return [[row.get(column, "") for column in columns] for row in ordered]


def cell(value: str) -> str:
    if "|" in value:
        value = value.replace("|", "\\|")
    return "<br>".join(value.split("\n")) if "\n" in value else value


def fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any run of backticks in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.strip(chr(10))}\n{fence}"


def flat(rows: Iterable[Sequence[str]]) -> str:
    """A table within a cell, in one line: its cells apart by semicolons, its rows by slashes."""
    lines = (" ; ".join(" ".join(value.split()) for value in row if value.strip()) for row in rows)
    return " / ".join(filter(None, lines))


def trim(rows: list[list[str]]) -> list[list[str]]:
    """The rows without empty rows and columns at the end."""
    while rows and not any(rows[-1]):
        rows.pop()
    width = max((max((i for i, v in enumerate(row, 1) if v), default=0) for row in rows), default=0)
    return [row[:width] for row in rows]


def read_csv(text: str, name: str, spec: str | None, notes: list[str]) -> dict[str, Any]:
    """A CSV or TSV as a Markdown table. Raises UnsupportedMedia, InvalidRequest."""
    csv.field_size_limit(_FIELD)
    # Pipes in quotes are data; NUL and stray carriage returns are not.
    text = text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")
    named = _NAMED.match(text)
    delimiter = named[1] if named else _delimiter(text, name)
    text = text[named.end() :] if named else text
    text = _quoted(text, delimiter)
    try:
        fields, lengths = _measured(text, delimiter)
    except csv.Error as error:
        raise UnsupportedMedia(
            f"{name} is not a readable CSV: {error}", "Read it with another suffix, such as .txt."
        ) from None
    if len(fields) > 1:
        notes = [*notes, f"rows have {min(fields)} to {max(fields)} fields"]
    kind, width = "tsv" if delimiter == "\t" else "csv", max(lengths, default=0)
    rows = ([cell(value.strip()) for value in row[:width]] for row in _rows(text, delimiter))
    written = _written(itertools.islice(rows, lengths.total()), lengths)
    return one_text(kind, written, spec, name, notes)


def _quoted(text: str, delimiter: str) -> str:
    """The text with its quotes as the reader knows them: doubled within a value, and none behind a blank. Databases and PHP
    write a backslash before those within.
    """
    head = text[:_SAMPLE]
    if f'"{delimiter}' not in head and f'{delimiter} "' not in head:
        return text
    if _ESCAPED.search(text) and not _DOUBLED.search(text):
        text = _BEFORE_QUOTE.sub(r'\1""', text)
    if f'{delimiter} "' in head and f'{delimiter}"' not in head and delimiter != "\t":
        text = re.sub(f'{re.escape(delimiter)} {{1,9}}"', f'{delimiter}"', text)
    return text


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows that are no empty lines, one at a time: together they take twenty times the file."""
    lines = (line[0] for line in _LINE.finditer(text))
    return (row for row in csv.reader(lines, delimiter=delimiter) if row)


def _measured(text: str, delimiter: str) -> tuple[set[int], Counter[int]]:
    """How many fields rows have, and how many rows have so many of them without the empty rows and columns at the end."""
    width, lengths, empty = 0, Counter[int](), Counter[int]()
    for row in _rows(text, delimiter):
        filled = next((n for n in range(len(row), 0, -1) if row[n - 1].strip()), 0)
        if not filled:
            empty[len(row)] += 1
            continue
        width = max(width, filled)
        lengths[len(row)] += 1
        if empty:
            lengths.update(empty)
            empty.clear()
    trimmed = Counter[int]()
    for size, count in lengths.items():
        trimmed[min(size, width)] += count
    return {*lengths, *empty}, trimmed


def _delimiter(text: str, name: str) -> str:
    """The delimiter that gives the first rows the same number of fields, more than one; by default the suffix's.

    One that does so for all of them goes before one that does for most: decimal commas are no fields.
    """
    usual = "\t" if name.lower().endswith((".tsv", ".tab")) else ","
    lines = text[:_SAMPLE].split("\n")
    head = lines[:_SAMPLE_LINES]
    cut = len(text) > _SAMPLE or len(lines) > _SAMPLE_LINES
    best, best_score = usual, (False, 0.0)
    for delimiter in dict.fromkeys(usual + _DELIMITERS):
        rows = [row for row in csv.reader(head, delimiter=delimiter) if row]
        # The last row of a sample may be cut inside a quoted field.
        counts = [len(row) for row in (rows[:-1] if cut and len(rows) > 1 else rows)]
        if not counts or max(counts) < 2:
            continue
        common = max(set(counts), key=counts.count)
        share = counts.count(common) / len(counts) if common > 1 else 0.0
        score = share == 1, share * min(common, 3)
        # Tabs stand in no values, and commas that part nothing are of decimals.
        is_likelier = delimiter == "\t" or (delimiter == ";" and any(map(_DECIMAL.fullmatch, rows[-1])))
        if score > best_score or (score == best_score and share and is_likelier):
            best, best_score = delimiter, score
    return best


def table_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    name = params["name"]
    decoded = decode(file.read(), name, params.get("encoding"))
    return read_csv(decoded.text, name, params.get("pages"), [decoded.note] if decoded.note else []), []


def solid(text: str) -> str:
    """Without spaces and what Markdown adds, to tell whether a text says something."""
    return re.sub(r"[\s\\*_`~|]|<br>", "", text)
