"""What this program says to people, in Chinese: found by its English in `chinese.toml`.

An entry is a whole text, with {1}, {2} … for what is put into it in that order. A test reads every text of an error, of
a closing line, of the doctor and of the command from the source, and wants its entry. What is put in is looked up by
itself, unless the Chinese has it in quotes, “{1}”: a name, or words of somebody else.
"""

from __future__ import annotations

import itertools
import locale
import os
import re
import tomllib
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from glm_mcp.errors import GLMError

Lang = Literal["zh", "en"]
Failure = TypeVar("Failure", bound=GLMError)
DEPTH = 4  # texts within texts
TELLING = 9  # characters of a text without what is put in
LONGEST = 2_000  # characters of what is looked up; no text of ours has as many, and each is held against all patterns
# Single words that are put into texts of ours; any other one is a name, such as of a file called "models".
STATES = {"blocked", "busy", "drawing", "failed", "gone", "overloaded", "quotes", "silent", "starting"}
COUNTED = re.compile(r"\{1\} (?:(?:pictures?|calls|tokens|at once|or more|differ)\b|of \{2\} (?!is ))")
NUMBERED = re.compile(r"(?:page|slide|chapter|part|mail) \{1\}")
PLACED = re.compile(rf"{NUMBERED.pattern}$|sheet '\{{1\}}'|line \{{1\}}: ")
_CHINESE, _LATIN = re.compile("[\u4e00-\u9fff]"), re.compile("[A-Za-z0-9]")
_NUMBER = re.compile("[0-9,]+")
_AND_AN_ADVICE = re.compile(r".{20}\. \{\d\}$")  # long enough to be known whole, whatever it holds
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


class _Template(NamedTuple):
    """A text with something put in: what stands around that, its Chinese, and where it is looked for: in a "part" of a
    text too, in whole texts "before" their parts, or "after".
    """

    own: int  # characters of these
    pieces: list[str]
    counts: bool  # what is put in first is a number: two words of ours end many a sentence of somebody else
    chinese: str
    where: str
    english: str

    @property
    def follows(self) -> bool:
        """Whether it is said behind another text of ours."""
        return not self.pieces[0] and self.pieces[1].startswith(PARTS[0][0])

    def put_in(self, text: str) -> list[str] | None:
        """From the left, each piece looked for once: of a pattern a stranger's words could ask for hours. From the right
        what follows another text, since more may stand before it.
        """
        first, *between, last = self.pieces
        at, end = len(first), len(text) - len(last)
        if at > end or not (text.startswith(first) and text.endswith(last)):
            return None
        given = list[str]()
        if self.follows:
            for piece in reversed(between):
                found = text.rfind(piece, 0, end)
                if found < 0:
                    return None
                given.insert(0, text[found + len(piece) : end])
                end = found
            return [text[:end], *given]
        for piece in between:
            found = text.find(piece, at, end)
            if found < 0:
                return None
            given.append(text[at:found])
            at = found + len(piece)
        given.append(text[at:end])
        return None if self.counts and not _NUMBER.fullmatch(given[0]) else given


@cache
def _templates() -> list[_Template]:
    """The most telling first."""
    with_holes = [english for english in entries() if "{1}" in english]
    with_holes.sort(key=_own, reverse=True)
    return [
        _Template(
            _own(english),
            re.split(r"\{\d+\}", english),
            bool(COUNTED.match(english) or NUMBERED.fullmatch(english)),
            entries()[english],
            _where(english),
            english,
        )
        for english in with_holes
    ]


def _own(english: str) -> int:
    return len(re.sub(r"\{\d+\}", "", english))


def _where(english: str) -> str:
    # What was put in may be another's words, which look like our short texts by chance.
    if PLACED.match(english) or COUNTED.match(english) or _own(english) >= TELLING:
        return "part"
    return "after" if english.startswith("{1}") else "before"


def in_chinese(text: str, depth: int = DEPTH) -> str:
    """The text in Chinese; as it is where there is no entry for it."""
    if len(text) > LONGEST:
        return text
    bare = " ".join(text.split())
    if bare in entries() and (depth == DEPTH or " " in bare or bare in STATES):
        return entries()[bare]
    if not depth or not re.search("[A-Za-z]{2}", bare):
        return text
    head, colon, rest = bare.partition(": ")
    if colon and head in entries():  # a meaning, and the service's own words
        return f"{entries()[head]}：{in_chinese(rest, depth - 1)}"
    whole = depth == DEPTH
    places = ("part", "before") if whole else ("part",)
    return (
        _by_template(bare, depth, places, within_one=True)
        or _by_sentences(bare, depth)
        or _by_parts(bare, depth, PARTS[:1])
        or _by_template(bare, depth, places)
        or _by_parts(bare, depth, PARTS[1:])
        or (_by_template(bare, depth, ("after",)) if whole else None)
        or text
    )


def _by_sentences(bare: str, depth: int) -> str | None:
    """A whole text of ours, and what was put before or behind it."""
    for end in reversed([found.end() for found in re.finditer(r"\. ", bare)]):
        head, rest = bare[: end - 1], bare[end:]
        if head in entries() or rest in entries():
            return in_chinese(head, depth) + in_chinese(rest, depth)
    return None


def _by_template(bare: str, depth: int, places: Sequence[str], *, within_one: bool = False) -> str | None:
    """`within_one`: only where nothing that is put in reaches over several of our texts in a row."""
    templates = _templates()
    fit = bisect_left(templates, -len(bare), key=lambda template: -template.own)
    for template in itertools.islice(templates, fit, None):
        given = template.put_in(bare) if template.where in places else None
        whole = not within_one or _AND_AN_ADVICE.search(template.english)
        inner = given[1:] if given and template.follows else given
        if given and inner is not None and (whole or not any(PARTS[0][0] in part for part in inner)):
            return _filled(template.chinese, given, depth - 1)
    return None


def _by_parts(bare: str, depth: int, marks: Sequence[tuple[str, str]]) -> str | None:
    for between, instead in marks:
        parts = bare.split(between)
        known = [in_chinese(part, depth - 1) for part in parts]
        if known != parts:
            return instead.join(known)
    return None


def _filled(template: str, parts: Sequence[str], depth: int) -> str:
    def put(hole: re.Match[str]) -> str:
        part = parts[int(hole[2]) - 1]
        if hole[1]:
            return hole[1] + part
        # Latin words and numbers stand apart from Chinese ones.
        said = in_chinese(part, depth)
        begins = _CHINESE.match(template[hole.start() - 1 : hole.start()]) and _LATIN.match(said[:1])
        ends = _CHINESE.match(template[hole.end() :]) and _LATIN.match(said[-1:])
        return " " * bool(begins) + said + " " * bool(ends)

    return re.sub(r"(“…?|)\{(\d+)\}", put, template)


def error_said(error: Failure, lang: Lang) -> Failure:
    """The same failure, said in that language."""
    if lang == "en":
        return error
    said = {name: in_chinese(getattr(error, name)) for name in ("message", "hint", "see")}
    return error.but(**said, stop="。")


def said(text: str, lang: Lang) -> str:
    return in_chinese(text) if lang == "zh" else text
