"""Text of a PDF page that the parser leaves out: what is not level, of which it writes only the tables, the rest of a line in
which a letter leans, and lines that a table beside them takes in.
"""

from __future__ import annotations

import bisect
import ctypes
import itertools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from glm_mcp.media.documents.common.put_back import put
from glm_mcp.media.documents.markdown import table
from glm_mcp.media.documents.page.covered import Drawn
from glm_mcp.media.documents.page.letters import signs_of

SIDEWAYS = "[sideways text]"
_WHOLE = 0.7  # of a page's letters that stand one way: then the page does
_GAP = 1.5  # heights of a letter between two cells of a row
_SHORT = 8  # letters
_STEPS = 10  # from one letter of a word to the next that tell how a page lies
_TOKENS = 3  # words and numbers of a text, all of which are not there by chance alone
_TOKEN = re.compile(r"[^\W_]+")
_MARKS = re.compile(r"[\W_]+")
_WORD = re.compile(r"[^\W_]{3,}")
_HERE = "\x01"  # of which a text is freed before
_IN_PLACE = 100  # texts that lean, of a page; for each all others are looked through
_ROWS_FROM = re.compile(r"(?:\|.*\n?)+")
_LOOKED_FOR = 5_000  # texts of a page, in what is written of it; of others each word is looked up
_LEANS = 30  # degrees at most; italics have some 12 to 20


@dataclass(frozen=True, slots=True)
class _Item:
    """A piece of text as it stands when its line is level: `x` along the line, `y` down the page."""

    text: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Side:
    """How nearly all of a page lies: `turned` by 90, 180 or 270 degrees clockwise; by 0 where its font alone says that it
    was. `rest`: the text that does not.
    """

    turned: int
    rest: str


def side_of(page: Any, drawn: Drawn) -> Side | None:
    """None where the page lies as it should."""
    letters: Counter[int] = Counter()
    for item in page.text_items:
        letters[_angle(item)] += len(item.text)
    turned, most = max(letters.items(), key=lambda pair: pair[1], default=(0, 0))
    if most < _WHOLE * letters.total():
        return None
    nameless = sum(len(item.text) for item in page.text_items if not item.font_name)
    told = drawn.read_again(page.page_num, _way) if 2 * nameless > letters.total() else ""
    way = int(told) if told else turned
    if turned == way == 0 or {turned, way} - {0, 90, 180, 270}:
        return None
    rest = " ".join(item.text.strip() for item in page.text_items if _angle(item) != turned)
    return Side(way, rest.strip())


def _way(said: Any) -> str:
    """How the letters of a page follow each other: degrees clockwise from the right, of which most are; "" where too few do. The
    fonts of pictures (Type 3) of old TeX are upside down, and the parser takes their text to run the other way.
    """
    import pypdfium2.raw as pdfium

    x, y, ways = ctypes.c_double(), ctypes.c_double(), Counter[int]()
    before: tuple[float, float] | None = None
    for at, sign in enumerate(signs_of(said)):
        if not sign.isalnum():
            before = None
            continue
        pdfium.FPDFText_GetCharOrigin(said, at, x, y)
        place = x.value, y.value
        if before and before != place:
            across, up = place[0] - before[0], place[1] - before[1]
            ways[round(math.degrees(math.atan2(-up, across)) / 90) * 90 % 360] += 1
        before = place
    most, steps = max(ways.items(), key=lambda pair: pair[1], default=(0, 0))
    if steps < _STEPS or steps < _WHOLE * ways.total():
        return ""
    return str((most + said.page.get_rotation()) % 360)


def _angle(item: Any) -> int:
    return round(item.rotation or 0) % 360


def upright(page: Any, written: str, side: Side | None) -> str:
    """The page's text, given what the parser wrote of it, with what it left out. `side`: how it lay before it was turned."""
    turned: dict[int, list[Any]] = {}
    for item in page.text_items:
        if item.text.strip():
            turned.setdefault(_angle(item), []).append(item)
    if side:
        # What else there is was whole before.
        way = max(turned, key=lambda angle: sum(len(item.text) for item in turned[angle]), default=0)
        turned = {0: turned.get(way, [])}
    level = turned.pop(0, [])
    known = _bare(written)
    tokens = Counter(_TOKEN.findall(written))
    also = _left_out(level, written, known, tokens)
    sideways: list[str] = []
    leaning: list[Any] = []
    room = _LOOKED_FOR
    for angle, items in sorted(turned.items()):
        missing = [item for item in items[:room] if _bare(item.text) not in known]
        missing += [item for item in items[room:] if not tokens.keys() >= {*_TOKEN.findall(item.text)}]
        room = max(0, room - len(items))
        if angle % 90 and _lean(missing, angle):
            leaning += missing
        else:
            sideways += _blocks(_levelled(missing, angle))
    if also:
        also += leaning
    else:
        written = _with_leaning(written, level, leaning)
    blocks = [
        *_headed("[also on the page]", _blocks(_levelled(also, 0))),
        *_headed(SIDEWAYS, sideways),
    ]
    return "\n\n".join(filter(None, [written, *blocks, side.rest if side else ""]))


def _with_leaning(written: str, level: list[Any], leaning: list[Any]) -> str:
    """What was written of the `level` text, with the lines whose letters lean, as italics of a font without any, in place;
    beyond so many at its end.
    """
    own, done, placed, more = set(map(id, leaning)), 0, 0, list[str]()
    written = written.replace(_HERE, "")
    every = sorted([*level, *leaning], key=lambda one: (one.y, one.x))
    for leans, group in itertools.groupby(range(len(every)), lambda at: id(every[at]) in own):
        if leans:
            numbers = list(group)
            text = "\n\n".join(_blocks(_levelled([every[at] for at in numbers], 0)))
            placed += 1
            if placed > _IN_PLACE:
                more.append(text)
                continue
            before = [item.text for item in _column(every[: numbers[0]], every[numbers[0]])]
            rest = [item for item in every[numbers[-1] + 1 :] if id(item) not in own]
            after = [item.text for item in _column(rest[::-1], every[numbers[-1]])[::-1]]
            written, _ = put(written, "\n".join(before), f"\n{_HERE}", "\n".join(["", *after]), done)
            written, done = _beside_tables(written, text)
    return "\n\n".join([written.strip(), *more])


def _beside_tables(written: str, text: str) -> tuple[str, int]:
    """Written with the text in the place that is marked, or after the table which that is in; and where the text ends."""
    at = written.index(_HERE)
    if rows := _ROWS_FROM.match(written, written.rfind("\n", 0, at) + 1):
        above = re.sub(f" ?{_HERE}", "", written[: rows.end()]).rstrip("\n")
        written = "\n\n".join([above, _HERE, written[rows.end() :].lstrip("\n")])
    start = written.index(_HERE)
    return written.replace(_HERE, text), start + len(text)


def _column(items: list[Any], beside: Any) -> list[Any]:
    """The items with those last that stand in its column, if any do."""

    def is_in_it(item: Any) -> bool:
        return bool(item.x < beside.x + beside.width and beside.x < item.x + item.width)

    return sorted(items, key=is_in_it)


def _left_out(items: list[Any], written: str, known: str, tokens: Counter[str]) -> list[Any]:
    """Those that are not in the page as `written`: most of their words are nowhere, or all are there less often than on the
    page; with the short ones beside them, which may stand elsewhere by chance.
    """
    missing = Counter(token for item in items for token in _TOKEN.findall(item.text))
    missing.subtract(tokens)

    def is_short_of(text: str) -> bool:
        own = _TOKEN.findall(text)
        return len(own) >= _TOKENS and all(missing[token] > 0 for token in own)

    unsaid, looked_for = list[Any](), 0
    for item in items:
        new = [word for word in _WORD.findall(item.text) if word not in tokens]
        is_short = is_short_of(item.text)
        if not new and not is_short:  # each of its words is there
            continue
        looked_for += 1
        if looked_for > _LOOKED_FOR:
            is_unsaid = 2 * sum(map(len, new)) >= len(_bare(item.text))
        elif item.text in written or _bare(item.text) in known:
            is_unsaid = False
        else:
            is_unsaid = is_short or _unsaid(item.text, known)
        if is_unsaid:
            unsaid.append(item)
    if not unsaid:
        return []
    lines = _apart((item.y, item.y + item.height) for item in unsaid)

    def is_left_out(item: Any) -> bool:
        tokens, middle = _TOKEN.findall(item.text), item.y + item.height / 2
        short = 0 < len(item.text.strip()) <= _SHORT and any(missing[token] > 0 for token in tokens)
        if not short or not (at := bisect.bisect_left(lines, (middle,))):
            return False
        top, bottom = lines[at - 1]
        return bool(top < middle < bottom)

    surely = set(map(id, unsaid))
    return [item for item in items if id(item) in surely or is_left_out(item)]


def _apart(lines: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """What lines take from above to below, in order; those that overlap in one."""
    apart = list[tuple[float, float]]()
    for top, bottom in sorted(lines):
        if apart and top < apart[-1][1]:
            apart[-1] = apart[-1][0], max(bottom, apart[-1][1])
        else:
            apart.append((top, bottom))
    return apart


def _headed(head: str, blocks: Iterable[str]) -> list[str]:
    found = list(blocks)
    return [head, *found] if found else []


def _bare(text: str) -> str:
    return _MARKS.sub("", unicodedata.normalize("NFKC", text))


def _unsaid(text: str, known: str) -> bool:
    """Whether most of it is in words that are nowhere on the page: what the parser writes may part and mark a text."""
    own = _bare(text)
    if not own or own in known:
        return False
    return 2 * sum(len(word) for word in _WORD.findall(text) if _bare(word) not in known) >= len(own)


def _lean(items: list[Any], angle: int) -> bool:
    """Whether it is the letters that are turned, as those of drawings lean, and their lines are level: what the boxes
    around turned lines would make of their height is then less than a letter's width.
    """
    if min(angle, 360 - angle) > _LEANS:
        return False
    turn = math.radians(min(angle, 360 - angle))
    along, across = math.cos(turn), math.sin(turn)
    tall = sum(item.height * along - item.width * across for item in items)
    wide = sum((item.width * along - item.height * across) / len(item.text.strip()) for item in items)
    return along > across and tall < wide


def _levelled(items: list[Any], angle: int) -> list[_Item]:
    along, across = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    levelled = []
    for item in items:
        if angle % 90:
            length, height = math.hypot(item.width, item.height), float(item.font_size or 1)
        else:
            length, height = (item.height, item.width) if angle % 180 else (item.width, item.height)
        x, y = item.x + item.width / 2, item.y + item.height / 2
        start, top = x * along + y * across - length / 2, y * along - x * across - height / 2
        levelled.append(_Item(item.text.strip(), start, top, length, max(height, 1.0)))
    return levelled


def _blocks(items: list[_Item]) -> Iterator[str]:
    """Paragraphs and tables: rows of as many cells, one below the other, are a table."""
    rows = [list(_cells(line)) for line in _lines(items)]
    start = 0
    while start < len(rows):
        end = start + 1
        while end < len(rows) and len(rows[end]) == len(rows[start]):
            end += 1
        if len(rows[start]) > 1 and end - start > 1:
            yield table(rows[start:end])
        else:
            yield "\n".join(" ".join(row) for row in rows[start:end])
        start = end


def _lines(items: list[_Item]) -> Iterator[list[_Item]]:
    line: list[_Item] = []
    for item in sorted(items, key=lambda one: one.y):
        if line and item.y - line[0].y > 0.6 * line[0].height:
            yield line
            line = []
        line.append(item)
    if line:
        yield line


def _cells(line: list[_Item]) -> Iterator[str]:
    words: list[str] = []
    end = 0.0
    for item in sorted(line, key=lambda one: one.x):
        if words and item.x - end > _GAP * item.height:
            yield " ".join(words)
            words = []
        words.append(item.text)
        end = item.x + item.width
    if words:
        yield " ".join(words)
