"""Accents that stand apart from their letters, as TeX sets them in fonts that have no accented letters: a sign of its own,
before its letter, or behind the line where the letter is wider than it.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from glm_mcp.media.documents.page.covered import Drawn
from glm_mcp.media.documents.page.letters import signs_of

_TEX = re.compile(r"(?:^|\+)CM(?:R|B|TI|SL|SS|CSC|DUNH)")
_TYPEWRITER = re.compile(r"(?:^|\+)CM\w*TT")
_ACCENTS = dict(
    zip(
        "´`ˆ¨˜¸ˇ˚¯˘˝˙˛",
        "\u0301\u0300\u0302\u0308\u0303\u0327\u030c\u030a\u0304\u0306\u030b\u0307\u0328",
        strict=True,
    )
)
_BELOW = "¸˛"
# An accent is a sign of its own before its letter, often with a gap behind.
_ACCENTED = re.compile(
    r"([´ˆ¨˜¸ˇ˚¯˘˝˙])([A-Za-zı])"
    r"|(?:(?<=[^\W\d_])([´¨¸ˇ˚])|(?<=[^\W\d_]{2})([ˆ˜¯˘˝˙])) ([a-zı])"  # a letter alone is a formula's
    r"|(?<=[^\W\d_])(`)([aeiou])"
)
_GRAVE_FIRST = re.compile(r"(?<![\w`])(`)([AEIOUaeiou])(?!`)")
_APART = re.compile("[´ˆ¨˜¸ˇ˚˘˝˙˛]")
_ANY = re.compile(f"[{''.join(_ACCENTS)}]")
_HYPHENS = ("\x02", "\ufffe", "-")  # the first two stand for one at the end of a line
_MOST = 20_000  # characters of a page
_MARKS = 1_500  # accents of a page; one in Czech has five hundred
_LOOKED_AT = 4_000_000  # characters for all words of a page
_FAR = 300  # characters between both, as the second reader has them
_BLANK = 0.2  # of a letter's height, the least between two words
_GAP = 0.6  # of a letter's height, between it and its accent


def accented(text: str, page: Any, drawn: Drawn) -> str:
    """The text with the accented letters that were put together out of two signs."""
    if not _ANY.search(text):
        return text
    plain, fonts = text, [item.font_name or "" for item in page.text_items]
    if any(map(_TEX.search, fonts)):
        text = _ACCENTED.sub(_composed, text)
        # Where there is code, a grave may be the mark of it.
        text = text if any(map(_TYPEWRITER.search, fonts)) else _GRAVE_FIRST.sub(_composed, text)
    if not _APART.search(text):
        return text
    return drawn.read_again(page.page_num, lambda said: _as_drawn(text, plain, said)) or text


def _composed(pair: re.Match[str]) -> str:
    accent, letter = filter(None, pair.groups())
    return _whole(letter, accent) or pair[0]


@functools.lru_cache(maxsize=2_000)
def _whole(letter: str, accent: str) -> str:
    """The one letter that both are; "" if there is none."""
    whole = unicodedata.normalize("NFC", letter.replace("ı", "i") + _ACCENTS[accent])
    return whole if len(whole) == 1 else ""


@dataclass(frozen=True, slots=True)
class _Word:
    """A word as it is drawn: its letters, and the accents of those that have one."""

    letters: str
    accents: tuple[str, ...]
    open_start: bool
    open_end: bool  # it goes on in the next line

    def __str__(self) -> str:
        pairs = zip(self.letters, self.accents, strict=True)
        return "".join(_whole(letter, accent) if accent else letter for letter, accent in pairs)

    def pattern(self) -> str:
        """Finds it with its accents before their letters, on them, or anywhere else."""
        said = "" if self.open_start else r"(?<![^\W_])"
        for at, (letter, accent) in enumerate(zip(self.letters, self.accents, strict=True)):
            gap = " ?" if at else ""
            behind = f"(?:{accent}{' ?' if at + 1 < len(self.letters) else ''})?" if accent in _BELOW else ""
            said += (
                f"(?:{gap}{accent}{{1,2}} ?)?{gap}[{letter}{_whole(letter, accent)}]{behind}"
                if accent
                else letter
            )
        return said + ("" if self.open_end else r"(?![^\W_])")


def _as_drawn(text: str, plain: str, said: Any) -> str:
    """`text` with the accents of words where the page shows them; `plain`: the text before any was joined."""
    signs = signs_of(said) if said.count_chars() <= _MOST else []
    words = Counter(_words(signs, _on_letters(signs, said), said))
    whole = Counter({word: count for word, count in words.items() if any(word.accents)})
    if len(whole) * len(text) > _LOOKED_AT:
        return text
    bare = {word.letters for word in words if not any(word.accents)}
    joined = _without_strays(_joined(text, whole, bare), plain, whole)
    return _joined(joined, whole, bare)  # again, for words that had the accent of another in them


def _joined(text: str, words: Counter[_Word], bare: set[str]) -> str:
    for word, count in words.items():
        found = list(re.finditer(word.pattern(), text))
        unmarked = sum(match[0] == word.letters for match in found)
        doubtful = word.letters in bare or unmarked > count
        for match in reversed(found):
            if not (doubtful and match[0] == word.letters):
                text = text[: match.start()] + str(word) + text[match.end() :]
    return text


def _without_strays(joined: str, plain: str, words: Counter[_Word]) -> str:
    """Without the signs of those accents that are on their letters now."""
    for accent in {accent for word in words for accent in word.accents if accent}:
        letters = {
            _whole(letter, accent)
            for word in words
            for letter, own in zip(word.letters, word.accents, strict=True)
            if own == accent
        }
        on_letters = sum(joined.count(letter) - plain.count(letter) for letter in letters)
        more = on_letters - (plain.count(accent) - joined.count(accent))
        if more > 0:
            joined = re.sub(rf" ?{accent}(?![^\W_])", "", joined, count=more)
    return joined


def _on_letters(signs: list[str], said: Any) -> dict[int, str]:
    """By the place of a letter the accent that is drawn over or under it."""
    found = dict[int, str]()
    box_of = functools.cache(said.get_charbox)
    marks = [at for at, sign in enumerate(signs) if sign in _ACCENTS]
    for mark in marks if len(marks) <= _MARKS else ():
        left, bottom, right, top = said.get_charbox(mark)
        middle = (left + right) / 2
        for at in (mark + side * by for by in range(1, _FAR) for side in (1, -1)):  # most often the next
            if 0 <= at < len(signs) and at not in found and _whole(signs[at], signs[mark]):
                box = box_of(at)
                gap = box[1] - top if signs[mark] in _BELOW else bottom - box[3]
                if box[0] < middle < box[2] and abs(gap) < _GAP * (box[3] - box[1]):
                    found[at] = signs[mark]
                    break
    return found


def _words(signs: list[str], on_letters: dict[int, str], said: Any) -> Iterator[_Word]:
    """The words in the order of the file; their accents stand among their letters there, or behind."""
    run, before = list[int](), ""
    for at, sign in enumerate([*signs, "\n"]):
        if sign.isalpha() and sign not in _ACCENTS:
            run.append(at)
        elif sign not in _ACCENTS and not (sign == " " and run and _goes_on(signs, run[-1], at, said)):
            if run:
                letters = "".join(signs[place] for place in run)
                accents = tuple(on_letters.get(place, "") for place in run)
                yield _Word(letters, accents, before in _HYPHENS, sign in _HYPHENS)
            run = []
            before = before if sign in "\r\n" else sign


def _goes_on(signs: list[str], last: int, blank: int, said: Any) -> bool:
    """Whether a blank beside an accent is none on the page: the next letter follows the last."""
    after = next(
        (at for at in range(blank + 1, min(blank + 3, len(signs))) if signs[at] not in _ACCENTS), blank
    )
    if after == last + 2 or not signs[after].isalpha():
        return False
    box, following = said.get_charbox(last), said.get_charbox(after)
    return bool(-1 < following[0] - box[2] < _BLANK * (box[3] - box[1]))
