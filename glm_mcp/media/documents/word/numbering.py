"""The numbers of paragraphs as Word shows them: several levels, going on after prose, restarted, in any script."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.ooxml.package import child, is_on, tag, value, whole
from glm_mcp.media.documents.word.written_numbers import LONGEST_LABEL, written
from glm_mcp.media.documents.zip_xml import attribute

_LEVELS = 9
# Which are written in English alone; 1st also where no language is named.
_IN_WORDS = ("cardinalText", "ordinalText", "ordinal")
# By the numbers that the older forms have for them.
_FORMS = (
    *("decimal", "upperRoman", "lowerRoman", "upperLetter", "lowerLetter", "ordinal", "cardinalText", "ordinalText"),
    *("hex", "chicago", "ideographDigital", "japaneseCounting", "aiueo", "iroha", "decimalFullWidth"),
    *("decimalHalfWidth", "japaneseLegal", "japaneseDigitalTenThousand", "decimalEnclosedCircle"),
    *("decimalFullWidth2", "aiueoFullWidth", "irohaFullWidth", "decimalZero", "bullet", "ganada", "chosung"),
    *("decimalEnclosedFullstop", "decimalEnclosedParen", "decimalEnclosedCircleChinese", "ideographEnclosedCircle"),
    *("ideographTraditional", "ideographZodiac", "ideographZodiacTraditional", "taiwaneseCounting"),
    *("ideographLegalTraditional", "taiwaneseCountingThousand", "taiwaneseDigital", "chineseCounting"),
    *("chineseLegalSimplified", "chineseCountingThousand"),
)  # fmt: skip


def form_of(number: int | str) -> str:
    at = whole(str(number), len(_FORMS))
    return _FORMS[at] if 0 <= at < len(_FORMS) else "none"


@dataclass(frozen=True, slots=True)
class Level:
    form: str = "decimal"
    text: str | None = None  # such as "%1.%2"
    start: int = 1
    restart: int | None = None  # after which level, from 1; 0 for never
    legal: bool = False  # all numbers in it as 1, 2, 3, or 01
    style: str = ""  # the paragraph style whose paragraphs stand on this level


@dataclass(slots=True)
class _List:
    """One numbering of the file: the definition whose counters it shares, its levels, and what it starts anew."""

    shared: str
    levels: dict[int, Level]
    starts: dict[int, int] = field(default_factory=dict)


class Numbering:
    def __init__(self, tree: ET.Element | None, language: str = "") -> None:
        """`language`: of the document, such as "en-US"; "" where it is not said."""
        abstract: dict[str, ET.Element] = {}
        self._lists: dict[str, _List] = {}
        self._counters: dict[str, list[int | None]] = {}
        levels: dict[str, dict[int, Level]] = {}  # of each definition, which many lists may share
        if tree is None:
            return
        for element in tree:
            if tag(element) == "w:abstractNum":
                abstract[attribute(element, "abstractNumId")] = element
        by_style = {value(e, "w:styleLink") or "": e for e in abstract.values()}
        for element in tree:
            if tag(element) == "w:num":
                shared = value(element, "w:abstractNumId") or ""
                base = abstract.get(shared)
                link = value(base, "w:numStyleLink") if base is not None else None
                if link and link in by_style:
                    base = by_style[link]
                    shared = attribute(base, "abstractNumId")
                if shared not in levels:
                    levels[shared] = {} if base is None else _levels(base, language)
                self._lists[attribute(element, "numId")] = _list(element, levels[shared], shared, language)

    def level_of_style(self, number: str, style: str) -> int:
        """The level that a numbering gives to paragraphs of a style."""
        known = self._lists.get(number)
        return next((i for i, e in known.levels.items() if e.style == style), 0) if known else 0

    def label(self, number: str, level: int) -> str | None:
        """What stands before the next paragraph of that list and level: "-" for a bullet, None for no such list."""
        known = self._lists.get(number)
        if known is None or not 0 <= level < _LEVELS:
            return None
        counters = self._counters.setdefault(known.shared, [None] * _LEVELS)
        if level in known.starts:  # the first paragraph of a list that starts anew
            counters[level] = known.starts.pop(level) - 1
        here = known.levels.get(level, Level())
        counters[level] = here.start if (count := counters[level]) is None else count + 1
        for above in range(level):
            if counters[above] is None:
                counters[above] = known.levels.get(above, Level()).start
        for below in range(level + 1, _LEVELS):
            after = known.levels.get(below, Level()).restart
            if after is None or (after and level < after):
                counters[below] = None
        return _shown(known.levels, here, level, counters)


def _list(element: ET.Element, base: dict[int, Level], shared: str, language: str) -> _List:
    levels = base
    starts: dict[int, int] = {}
    for change in element:
        if tag(change) != "w:lvlOverride":
            continue
        at = whole(attribute(change, "ilvl"))
        if level := next(iter(_levels(change, language).values()), None):
            levels = levels | {at: level}
        start = value(change, "w:startOverride")
        if start is not None:
            starts[at] = whole(start, 1)
    return _List(shared, levels, starts)


def _levels(element: ET.Element, language: str) -> dict[int, Level]:
    numbered = ((whole(attribute(e, "ilvl")), e) for e in element if tag(e) == "w:lvl")
    return {at: _level(e, language) for at, e in numbered if 0 <= at < _LEVELS}


def _level(element: ET.Element, language: str) -> Level:
    restart = value(element, "w:lvlRestart")
    form = value(element, "w:numFmt")
    if form is None:  # in a newer form, with the older one beside it
        newer = ("mc:AlternateContent", "mc:Choice", "w:numFmt")
        first = (value(element, *newer, name="format") or "").partition(",")[0]  # of "001, 002, 003, ..."
        form = first if first[:1] == "0" else value(element, *newer) or "decimal"
    if form in _IN_WORDS and not (language or "en" * (form == "ordinal")).startswith("en"):
        form = "decimal"
    picture = child(element, "w:lvlPicBulletId") is not None
    return Level(
        form="bullet" if picture else form,
        text=None if (label := value(element, "w:lvlText")) is None else label[:LONGEST_LABEL],
        start=whole(value(element, "w:start"), 1),
        restart=None if restart is None else whole(restart),
        legal=is_on(element, "w:isLgl"),
        style=value(element, "w:pStyle") or "",
    )


def _shown(levels: dict[int, Level], here: Level, at: int, counters: list[int | None]) -> str:
    if here.form == "bullet":
        return "-"
    text = here.text if here.text is not None else f"%{at + 1}."

    def number(place: re.Match[str]) -> str:
        level = int(place[1]) - 1
        form = levels.get(level, Level()).form
        form = "decimal" if here.legal and form != "decimalZero" else form  # Article II, Section 2.01
        return written(counters[level] or 0, form) if level <= at else ""

    return re.sub(r"%([1-9])", number, text).strip()
