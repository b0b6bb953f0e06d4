"""Boxes in a model's answer, read in any of its spellings. Pure functions; `locate.py` has what is done with them.

A vision model answers with integers from 0 to 1000 of width and height, origin top left: `[[x1,y1,x2,y2]]`, one
list, answer-box tokens round it, JSON with `bbox_2d` and `label`, points `[x,y]`, an object keyed by video frame.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_OVER = 1010.0  # a little more than 1000 is a slip and clamped; much more is not a coordinate
_LABEL = 80
_PIECE = 50_000  # characters
_LOOKED_AT = 1_000_000  # characters of an answer; the longest that a model writes have some 600,000

# One character for one, so that places in the text stay what they are.
_PLAIN = str.maketrans("【】［］〔〕｛｝，、；：．０１２３４５６７８９－−“”", '[][][]{},,,:.0123456789--""')
_NUMBER = r"[-+]?\d{1,6}(?:\.\d{1,12})?"
# Bounded everywhere: an answer of endless blanks or brackets must not cost more than its length.
# An answer of nothing but lists; without a way back, so that the first word ends the search.
_ALONE = re.compile(r"(?:[\[\]\d\s.,;:+-]++|```(?:json)?+|<\|\w++\|>)*+")
_LIST = re.compile(
    rf"\[\s{{0,40}}({_NUMBER}(?:(?:\s{{0,40}}[,;]\s{{0,40}}|\s{{1,40}}){_NUMBER}){{1,3}})\s{{0,40}},?\s{{0,40}}\]"
)
_FENCE = re.compile(r"```[ \t]{0,8}([\w+#.-]*)[^\n]{0,100}\n(.*?)(?:```|\Z)", re.DOTALL)
_TOKEN = re.compile(r"<\|begin_of_box\|>(.*?)(?:<\|end_of_box\|>|\Z)", re.DOTALL)
_BOX_KEYS = frozenset(
    "bbox_2d bbox box box_2d boxes bboxes bounding_box bounding_boxes boundingbox coordinates coords "
    "position location rect region 坐标 位置 框 边界框".split()
)
_POINT_KEYS = frozenset(
    "point point_2d points center centre click position coordinate coordinates coords 点 坐标 中心 中心点".split()
)
_OTHER_KEYS = frozenset(
    "bbox_3d size shape years year version range values data scores score width height resolution "
    "image_size rgb rgba color colour padding margin".split()
)
_LIST_KEY = re.compile(r"""["']([^"'\n]{1,40})["']\s{0,9}:\s{0,9}[\[{]""")
_LABEL_IN = re.compile(
    r"""["'](?:label|name|category|class|object|text|text_content|description|标签|名称|类别)["']\s*:\s*(?:"((?:[^"\\]|\\.){0,200})"|'((?:[^'\\]|\\.){0,200})')"""
)
_FRAME = re.compile(
    r"(?:(?:frame|image|second|time|t|第)?[ _-]*)(\d+(?:[.:]\d+)*) *(?:s|sec|seconds?|秒|帧)?", re.IGNORECASE
)
_POINT_WORD = re.compile(
    r"(?:point|click|tap|cent(?:er|re)|坐标|点击|点|中心|位于)[^\[\]\n]{0,20}(?:\[\s*)?$", re.IGNORECASE
)


def _simply(text: str) -> str:
    """With brackets, commas and digits as they are in ASCII; in pieces, as one look at megabytes lets no other thread run."""
    end = min(len(text), _LOOKED_AT)
    return "".join(text[at : min(at + _PIECE, end)].translate(_PLAIN) for at in range(0, end, _PIECE))


@dataclass(frozen=True, slots=True)
class Box:
    """A box in thousandths of width and height; a point has no extent. `span`: where it stands in the text.

    `at`: the frame or second a video answer keys it by.
    """

    label: str
    x1: float
    y1: float
    x2: float
    y2: float
    span: tuple[int, int] = (0, 0)
    at: str = ""

    @property
    def is_point(self) -> bool:
        return self.x1 == self.x2 and self.y1 == self.y2


BOXES_MAX = 1_000  # of one answer; nobody can use more, and a model that writes more has lost its way


def parse_boxes(text: str, *, asked: bool = False) -> list[Box]:
    """The boxes and points in an answer, in order, at most `BOXES_MAX`. Never raises; lists that cannot be boxes are
    left alone. `asked`: for places, so that its lists are surely some.
    """
    ascii_text = _simply(text)
    code = [
        (m.start(2), m.end(2))
        for m in _FENCE.finditer(ascii_text)
        if m[1].lower() not in {"", "json", "json5", "jsonc", "text", "txt"}
    ]
    tokens = [(m.start(1), m.end(1)) for m in _TOKEN.finditer(ascii_text)]
    nest = _braces(ascii_text)
    alone = _ALONE.fullmatch(ascii_text) is not None
    boxes: list[Box] = []
    key = ""
    for match in _LIST.finditer(ascii_text):
        start, end = match.span()
        if _within(code, start):
            continue
        # A list right after another one belongs to the same key or word: "dog": [[1,2,3,4],[5,6,7,8]]
        follows = bool(boxes) and ascii_text[boxes[-1].span[1] : start].strip() == ","
        key = key if follows else _key_before(ascii_text, start)
        trusted = asked or follows or _within(tokens, start) is not None
        box = _read(ascii_text, match, key.lower(), trusted=trusted, alone=alone)
        if box is None:
            continue
        if len(boxes) == BOXES_MAX:
            break
        if follows:
            label, at = boxes[-1].label, boxes[-1].at
        else:
            label, at = _name(text, ascii_text, start, key, nest, boxes[-1].span[1] if boxes else 0)
        boxes.append(Box(label, *box, span=(start, end), at=at))
    return boxes


# How other models, and self-hosted ones, write a box where they were asked for a list of numbers.
_RESPELLED_CHARS = 100_000
_PAIR = rf"[\[(]\s{{0,9}}{_NUMBER}\s{{0,9}}[,;]\s{{0,9}}{_NUMBER}\s{{0,9}}[\])]"
_FOUR = rf"{_NUMBER}(?:[,;\s]{{1,19}}{_NUMBER}){{3}}"  # one way to read it: blanks would be tried in all
_RESPELLINGS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(rf"""["']({_NUMBER})\s?(?:px)?["']"""), lambda m: m[1]),
    (re.compile(rf"({_NUMBER})\s?%"), lambda m: f"{float(m[1]) * 10:g}"),
    (re.compile(r"\{[^{}]{1,400}\}"), lambda m: _of_names(m[0])),
    (
        re.compile(rf"""\[\s{{0,9}}("[^"\n]{{1,80}}")\s{{0,9}},\s{{0,9}}({_FOUR})\s{{0,9}}\]"""),
        lambda m: f'{{"label": {m[1]}, "bbox": [{m[2]}]}}',
    ),
    (
        re.compile(rf"\[\s{{0,9}}({_FOUR})\s{{0,9}},\s{{0,9}}[01]?\.\d{{1,9}}\s{{0,9}}\]"),
        lambda m: f"[{m[1]}]",
    ),
    (
        re.compile(rf"(?:\(|<\w{{0,9}}box\w{{0,9}}>)\s{{0,9}}({_FOUR})\s{{0,9}}(?:\)|</\w{{1,20}}>)"),
        lambda m: f"[{m[1]}]",
    ),
    (
        re.compile(rf"[\[(]?\s{{0,9}}{_PAIR}(?:\s{{0,9}},?\s{{0,9}}{_PAIR}){{1,60}}\s{{0,9}}[\])]?"),
        lambda m: _round(m[0]),
    ),
    (
        re.compile(
            rf"(?:\(|<point>)\s{{0,9}}({_NUMBER}\s{{0,9}}[,;\s]\s{{0,9}}{_NUMBER})\s{{0,9}}(?:\)|</point>)"
        ),
        lambda m: f"[{m[1]}]",
    ),
    (re.compile(r"</?[|\w]{1,20}>?"), lambda _: " "),
)
_NAMED = re.compile(rf"""["']?\b([A-Za-z]\w{{0,9}})["']?\s{{0,9}}[:=]\s{{0,9}}({_NUMBER})""")
_SIDES = (
    ("x1", "xmin", "left", "x0"),
    ("y1", "ymin", "top", "y0"),
    ("x2", "xmax", "right"),
    ("y2", "ymax", "bottom"),
)


def located(text: str) -> list[Box]:
    """The boxes and points of an answer that was asked for them: where its lists give none, those in any other spelling."""
    return parse_boxes(text) or parse_boxes(_respelled(text), asked=True)


def _respelled(text: str) -> str:
    text = text[:_RESPELLED_CHARS].translate(_PLAIN)
    for spelling, as_list in _RESPELLINGS:
        text = spelling.sub(as_list, text)
    return text


def _of_names(written: str) -> str:
    """An object with its sides as a list, where it names all four, or a corner and a size, or a point."""
    named = {m[1].lower().replace("_", ""): float(m[2]) for m in _NAMED.finditer(written)}
    sides = [next((named[n] for n in names if n in named), None) for names in _SIDES]
    x, y = named.get("x", sides[0]), named.get("y", sides[1])
    size = named.get("width", named.get("w")), named.get("height", named.get("h"))
    if None in sides and x is not None and y is not None:
        sides = [x, y, x + size[0], y + size[1]] if size[0] and size[1] else [x, y]
    if None in sides:
        return written
    key = "bbox" if len(sides) == 4 else "point"
    alone = len(_NAMED.sub("", written).strip("{}, \n\t")) == 0
    listed = f"[{', '.join(f'{side:g}' for side in sides if side is not None)}]"
    return listed if alone else f'{{"{key}": {listed}, {written[1:]}'


def _round(points: str) -> str:
    """The box round some points."""
    numbers = [float(n) for n in re.findall(_NUMBER, points)]
    xs, ys = numbers[::2], numbers[1::2]
    return f"[{min(xs):g}, {min(ys):g}, {max(xs):g}, {max(ys):g}]"


def unplaced(text: str) -> list[str]:
    """Notes on the boxes of an answer that are left out: beyond 1000, so that nobody knows where, or too many."""
    ascii_text = _simply(text)
    lists = [[float(w) for w in re.split(r"[,;\s]+", m[1].strip())] for m in _LIST.finditer(ascii_text)]
    outside = sum(len(numbers) == 4 and max(numbers) > _OVER and min(numbers) >= 0 for numbers in lists)
    notes = [f"{outside} box{'es' * (outside > 1)} could not be placed: beyond 1000"] if outside else []
    return notes + [f"of {len(lists):,} boxes the first {BOXES_MAX:,}"] * (len(lists) > BOXES_MAX)


def _read(
    ascii_text: str, match: re.Match[str], key: str, *, trusted: bool, alone: bool
) -> tuple[float, float, float, float] | None:
    """The corners in order, from 0 to 1000; None when the list is something else. `trusted`: surely coordinates.
    `alone`: the answer has nothing but lists.
    """
    words = re.split(r"[,;\s]+", match[1].strip())
    numbers = [float(w) for w in words]
    before = ascii_text[max(0, match.start() - 60) : match.start()]
    if key in _OTHER_KEYS or any(v < -10 or v > _OVER for v in numbers):
        return None
    if all(abs(v) <= 1.05 for v in numbers) and any("." in w for w in words):
        numbers = [v * 1000 for v in numbers]
    x, y, *rest = (min(max(v, 0.0), 1000.0) for v in numbers)
    if not rest:
        if trusted or alone or key in _POINT_KEYS or _frame(key) or _POINT_WORD.search(before):
            return x, y, x, y
        return None
    if len(rest) != 2 or x == rest[0] or y == rest[1]:  # nothing is that thin
        return None
    nested = before.rstrip().endswith(("[", "],"))
    if not trusted and not key and not nested and re.search(r"[=(+*/%.$@&|<>^~]\s?$|[A-Za-z_]$", before):
        return None  # code: an index, an argument, an assignment
    return min(x, rest[0]), min(y, rest[1]), max(x, rest[0]), max(y, rest[1])


def _key_before(ascii_text: str, start: int) -> str:
    """The key of the object member whose value the list at `start` is or begins, else nothing."""
    head = ascii_text[max(0, start - 120) : start]
    match = re.search(
        r"""["']([^"'\n]{1,80})["']\s*:\s*(?:\[\s*)*$|[{,]\s*(\w{1,40})\s*:\s*(?:\[\s*)*$""", head
    )
    return (match[1] or match[2]).strip() if match else ""


def _frame(key: str) -> str:
    match = _FRAME.fullmatch(key.strip())
    return match[1] if match else ""


def _braces(ascii_text: str) -> list[tuple[int, int]]:
    """Spans of all objects `{…}`, by their start; an object that was cut off ends with the text."""
    spans: list[tuple[int, int]] = []
    open_at: list[int] = []
    for match in re.finditer(r"[{}]", ascii_text):
        if match[0] == "{":
            open_at.append(match.start())
        elif open_at:
            spans.append((open_at.pop(), match.end()))
    spans += [(at, len(ascii_text)) for at in open_at]
    return sorted(spans)


def _within(spans: Sequence[tuple[int, int]], at: int) -> tuple[int, int] | None:
    """The last-starting span that holds `at`; spans are sorted by start."""
    index = bisect.bisect_right(spans, (at, 1 << 60))
    for start, end in reversed(spans[max(0, index - 64) : index]):
        if start <= at < end:
            return start, end
    return None


def _name(
    text: str, ascii_text: str, start: int, key: str, nest: list[tuple[int, int]], since: int
) -> tuple[str, str]:
    """(label, frame) of the list at `start`: from its JSON object, its key, or the words before it on its line.

    `since`: where the box before it ended.
    """
    frame = _frame(key)
    if frame:
        return "", frame
    obj = _within(nest, start)
    if obj is not None:
        # Looked for nearby only, so that a long answer costs its length.
        outer = _within(nest, obj[0] - 1)
        above = ascii_text[max(outer[0], obj[0] - 2000) : obj[0] + 1] if outer else ""
        frame = next((f for k in reversed(_LIST_KEY.findall(above)) if (f := _frame(k))), "")
        inside = _LABEL_IN.search(text[max(obj[0], start - 2000) : min(obj[1], start + 2000)])
        if inside:
            return _tidy(inside[1] or inside[2] or ""), frame
    if key:
        return "" if key.lower() in _BOX_KEYS | _POINT_KEYS else _tidy(key), frame
    line = max(text.rfind("\n", max(0, start - 200), start) + 1, since, start - 200)
    words = re.sub(r"<\|\w+\|>|[\[\]{}【】［］`*_#>|]", " ", text[line:start])
    words = re.sub(r"^[\s\d.,;:)\-•、，。；和及与]+|[\s:：,，(（\-–—=]+$", "", words)
    words = re.sub(r"^(?:and|the)\s+", "", words, flags=re.IGNORECASE)
    words = re.sub(
        r"\s+(?:is |are )?(?:located )?(?:at|in)$|(?:位于|坐标[为是]?|在)$", "", words, flags=re.IGNORECASE
    )
    return (_tidy(words), "") if len(words) <= 60 else ("", "")


def _tidy(words: str) -> str:
    return re.sub(r"\s+", " ", words.replace("\\n", " ").replace('\\"', '"')).strip(" \"'“”")[:_LABEL]
