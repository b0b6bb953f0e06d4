"""Charts as tables, straight from the series that their XML keeps: every kind of chart, also those no library knows."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.markdown import chart_heading, placed, table
from glm_mcp.media.documents.ooxml.number_format import figure
from glm_mcp.media.documents.ooxml.package import Package, child, descendants, tag, texts, whole
from glm_mcp.media.documents.word.runs import drawn_letters
from glm_mcp.media.documents.zip_xml import attribute

_POINTS = 100_000  # of one series
_LEVELS = 20  # of categories in categories


@dataclass(slots=True)
class _Series:
    name: str
    labels: dict[int, str] = field(default_factory=dict)
    values: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, str] = field(default_factory=dict)
    is_points: bool = False  # x and y of their own, as in scatter and bubble charts

    def points(self) -> list[int]:
        """The places of those that are there: a file of kilobytes can count any number of others."""
        return sorted({*self.labels, *self.values, *self.sizes})[:_POINTS]


def chart_blocks(package: Package, path: str, place: str) -> list[str]:
    """The chart in that part: its title and axes, its data, and any other words in it. [] when it cannot be read, or was
    named too often.
    """
    if not package.named.has_not_met(path):
        return []
    if path not in package.said:
        package.said[path] = _chart(package, path)
    if not package.said[path]:
        package.left_out.add("charts that the file does not hold or that are damaged", place)
    return package.said[path]


def _chart(package: Package, path: str) -> list[str]:
    tree = package.tree(path)
    if tree is None:
        return []
    blocks = (
        _extended(tree)
        if next(descendants(tree, "cx:chartSpace", "cx:chartData"), None) is not None
        else _plain(tree)
    )
    for _, shapes in package.trees(path, "chartUserShapes"):
        blocks += _paragraphs(shapes)
    return blocks


def _plain(tree: ET.Element) -> list[str]:
    title = child(tree, "c:chart", "c:title")
    series = [_series(e, i) for i, e in enumerate(descendants(tree, "c:ser"), 1)]
    rows = _point_rows(series) if any(one.is_points for one in series) else _category_rows(series)
    axes = [_words(e) for e in descendants(tree, "c:title") if e is not title]
    blocks = chart_heading(["" if title is None else _words(title), *axes])
    labels = [text for e in descendants(tree, "c:dLbl", "c:dispUnitsLbl") for text in _typed(e)]
    blocks.append(table(rows) if series else "(no data in the file)")
    if labels:
        blocks.append(f"Labels: {'; '.join(labels)}")
    return blocks


def _words(element: ET.Element) -> str:
    """The paragraphs of a title, or the cell that it was taken from."""
    return " ".join(_paragraphs(element)) or " ".join(texts(element, "c:v").split())


def _paragraphs(element: ET.Element) -> list[str]:
    lines = (" ".join("".join(map(_letters, p)).split()) for p in descendants(element, "a:p"))
    return [line for line in lines if line]


def _letters(part: ET.Element) -> str:
    """What a part of a paragraph says; of a run with the signs of its font."""
    return drawn_letters(part)[0] if tag(part) == "a:r" else texts(part, "a:t")


def _typed(element: ET.Element) -> list[str]:
    """The paragraphs of a label that somebody typed, without fields: these only name what the table has."""
    lines = ("".join(texts(r, "a:t") for r in descendants(p, "a:r")) for p in descendants(element, "a:p"))
    return [" ".join(line.split()) for line in lines if any(map(str.isalnum, line))]


def _series(element: ET.Element, number: int) -> _Series:
    name = child(element, "c:tx")
    one = _Series((" ".join(texts(name, "c:v").split()) if name is not None else "") or f"series {number}")
    for part in element:
        match tag(part):
            case "c:cat" | "c:xVal":
                one.labels = _cached(part)
                one.is_points = tag(part) == "c:xVal"
            case "c:val" | "c:yVal":
                one.values = _cached(part)
                one.is_points = one.is_points or tag(part) == "c:yVal"
            case "c:bubbleSize":
                one.sizes = _cached(part)
    for labels in descendants(element, "c15:dlblRangeCache"):  # of the points, from cells
        for i, text in _points(labels, "").items():
            one.values[i] = f"{one.values.get(i, '')} ({text})".strip() if text else one.values.get(i, "")
    return one


def _cached(element: ET.Element) -> dict[int, str]:
    """Place to text of the stored copy of a range; of several levels of categories, the outer before the inner."""
    levels = list(itertools.islice(descendants(element, "c:lvl"), _LEVELS))
    if levels:
        count = 1 + max(
            (whole(attribute(p, "idx")) for e in levels for p in descendants(e, "c:pt")), default=-1
        )
        joined: dict[int, list[str]] = {i: [] for i in range(min(count, _POINTS))}
        for level in reversed(levels):
            points, last = _points(level, ""), ""
            for i, words in joined.items():
                last = points.get(i, last if level is not levels[0] else "")
                words.append(last)
        return {i: " / ".join(filter(None, words)) for i, words in joined.items()}
    code = next((e.text or "" for e in descendants(element, "c:formatCode")), "")
    return _points(element, code)


def _points(element: ET.Element, code: str) -> dict[int, str]:
    points: dict[int, str] = {}
    for point in descendants(element, "c:pt"):
        text = texts(point, "c:v").strip()
        points[whole(attribute(point, "idx"))] = figure(text, attribute(point, "formatCode") or code)
    return points


def _category_rows(series: list[_Series]) -> list[list[str]]:
    labels = next((one.labels for one in series if one.labels), {})
    rows: dict[int, dict[int, str]] = {-1: {0: "", **{n: one.name for n, one in enumerate(series, 1)}}}
    for n, one in enumerate(series, 1):
        for i in one.points():
            rows.setdefault(i, {0: labels.get(i, str(i + 1))})[n] = one.values.get(i, "")
    return placed(rows)


def _point_rows(series: list[_Series]) -> list[list[str]]:
    sized = any(one.sizes for one in series)
    rows = [["series", "x", "y", *(["size"] if sized else [])]]
    for one in series:
        for i in one.points():
            row = [one.name, one.labels.get(i, str(i + 1)), one.values.get(i, "")]
            rows.append([*row, one.sizes.get(i, "")] if sized else row)
    return rows


def _extended(tree: ET.Element) -> list[str]:
    """The newer kinds (waterfall, funnel, treemap, sunburst, box and whisker, histogram, map): their dimensions."""
    blocks = chart_heading([" ".join(_paragraphs(t)) for t in descendants(tree, "cx:title")][:1])
    for data in descendants(tree, "cx:data"):
        columns: list[tuple[str, dict[int, str]]] = []
        for dimension in data:
            kind = attribute(dimension, "type")
            columns += [
                (kind, {whole(attribute(p, "idx")): p.text or "" for p in level if tag(p) == "cx:pt"})
                for level in descendants(dimension, "cx:lvl")
            ]
        rows = {-1: {n: kind for n, (kind, _) in enumerate(columns)}}
        for n, (_, points) in enumerate(columns):
            for i in sorted(points)[:_POINTS]:
                rows.setdefault(i, {})[n] = points[i]
        blocks.append(table(placed(rows)))
    names = [texts(e, "cx:v").strip() for e in descendants(tree, "cx:tx")]
    if any(names):
        blocks.append(f"Series: {'; '.join(filter(None, names))}")
    return blocks


def diagram_lines(package: Package, path: str, place: str) -> str:
    """The texts of a SmartArt diagram, which lie in a part of their own, as a list."""
    if not package.named.has_not_met(path):
        return ""
    if path not in package.said:
        tree = package.tree(path)
        points = () if tree is None else descendants(tree, "dgm:pt")
        lines = [f"- {text}" for point in points if (text := " ".join(_paragraphs(point)))]
        package.said[path] = [] if tree is None else ["\n".join(lines)]
    if not package.said[path]:
        package.left_out.add("diagrams that the file does not hold or that are damaged", place)
    return "".join(package.said[path])


def hyperlink(package: Package, part: str, number: str, text: str, place: str) -> str:
    """Text that leads to an address as a Markdown link; the text alone when it leads to another place of the file."""
    link = package.links(part).get(number)
    if number and link is None:
        package.left_out.add("links whose target the file does not name", place)
    if link is None or not link.external or not text.strip() or link.target in ("", text, f"mailto:{text}"):
        return text
    lead, trail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    target = package.again.text(link.target, place)
    address = target.replace(" ", "%20").replace(")", "%29")
    return f"{lead}[{text.strip()}]({address}){trail}"
