"""What this program says to people, in Chinese: found by its English in `chinese.toml`.

An entry is a whole text, with {1}, {2} … for what is put into it in that order. A test reads every text of an error, of
a closing line, of the doctor and of the command from the source, and wants its entry. What is put in is looked up by
itself, unless the Chinese has it in quotes, “{1}”: a name, or words of somebody else.
"""

from __future__ import annotations

import locale
import os
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from glm_mcp.errors import GLMError

Lang = Literal["zh", "en"]
Failure = TypeVar("Failure", bound=GLMError)
DEPTH = 3  # texts within texts
TELLING = 18  # characters of a pattern
LONGEST = 2_000  # characters of what is looked up; no text of ours has as many, and each is held against all patterns
COUNTED = re.compile(r"\{1\} (?:pictures?|calls|tokens|at once|or more|differ)\b")
PLACED = re.compile(r"(?:page|slide|chapter|part|mail) \{1\}")
# Between the parts that a text is put together from.
PARTS = (("; ", "；"), (": ", "："), (", ", "，"))


def chosen(lang: str | None) -> Lang:
    """`lang` as it is set, else the system's language."""
    if lang in {"zh", "en"}:
        return "zh" if lang == "zh" else "en"
    told = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    name = (next(filter(None, told), "") or locale.getlocale()[0] or "").lower()
    return "zh" if name.startswith(("zh", "chinese")) else "en"


@cache
def entries() -> dict[str, str]:
    """English to Chinese."""
    return dict(tomllib.loads(Path(__file__).with_name("chinese.toml").read_text(encoding="utf-8")))


@cache
def _templates() -> list[tuple[re.Pattern[str], str, bool]]:
    """Those with something put in, the most telling first; and whether one tells enough to be a part of a text."""
    with_holes = [english for english in entries() if "{1}" in english]
    with_holes.sort(key=lambda english: -len(re.sub(r"\{\d+\}", "", english)))
    return [
        (
            pattern := _pattern(english),
            entries()[english],
            _is_place(english) or len(pattern.pattern) > TELLING,
        )
        for english in with_holes
    ]


def _is_place(english: str) -> bool:
    return PLACED.fullmatch(english) is not None or english.startswith("sheet '{1}'")


def _pattern(english: str) -> re.Pattern[str]:
    first, *pieces = re.split(r"\{\d+\}", english)
    # Two words of ours end many a sentence of somebody else.
    begins = "([0-9,]+)" if COUNTED.match(english) or PLACED.fullmatch(english) else "(.*?)"
    return re.compile(re.escape(first) + begins + "(.*?)".join(map(re.escape, pieces)), re.DOTALL)


def in_chinese(text: str, depth: int = DEPTH) -> str:
    """The text in Chinese; as it is where there is no entry for it."""
    if len(text) > LONGEST:
        return text
    bare = " ".join(text.split())
    if bare in entries():
        return entries()[bare]
    if not depth or not re.search("[A-Za-z]{2}", bare):
        return text
    head, colon, rest = bare.partition(": ")
    if colon and head in entries():  # a meaning, and the service's own words
        return f"{entries()[head]}：{in_chinese(rest, depth - 1)}"
    for pattern, chinese, tells in _templates():
        # What was put in may be another's words, which look like our short texts by chance.
        found = pattern.fullmatch(bare) if depth == DEPTH or tells else None
        if found:
            return _filled(chinese, found.groups(), depth - 1)
    for between, instead in PARTS:
        parts = bare.split(between)
        known = [in_chinese(part, depth - 1) for part in parts]
        if known != parts:
            return instead.join(known)
    return text


def _filled(template: str, parts: Sequence[str], depth: int) -> str:
    def put(hole: re.Match[str]) -> str:
        part = parts[int(hole[2]) - 1]
        return hole[1] + (part if hole[1] else in_chinese(part, depth))

    return re.sub(r"(“…?|)\{(\d+)\}", put, template)


def error_said(error: Failure, lang: Lang) -> Failure:
    """The same failure, said in that language."""
    if lang == "en":
        return error
    return error.but(message=in_chinese(error.message), hint=in_chinese(error.hint), stop="。")


def said(text: str, lang: Lang) -> str:
    return in_chinese(text) if lang == "zh" else text
