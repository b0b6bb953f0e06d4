"""Whether the text layer of a PDF page is the page: what was extracted is judged against what is drawn on it."""

from __future__ import annotations

import itertools
import math
import re
import string
import unicodedata
from collections import Counter
from typing import Any

from glm_mcp.media.documents.word.runs import symbol

_MATH = re.compile("[\u2200-\u22ff\u2a00-\u2aff\U0001d400-\U0001d7ff\u2320\u2321\u239b-\u23ae]")
_MATH_FONT = re.compile(
    r"(?:^|\+)(?:CMEX|CMSY|CMMI|MSAM|MSBM|EUEX|rsfs|MathJax|Cambria ?Math|STIX\w*Math|XITS ?Math)",
    re.IGNORECASE,
)
_VOWEL = re.compile("[aeiouyäöüæøåàâéèêëîïôûùáíóúąęěůőű]", re.IGNORECASE)
_STRANGE = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff\x00-\x08\x0e-\x1f\x80-\x9f]|\\(cid:\\d+\\)")
_SIGN = re.compile("[\uf020-\uf0ff]")
_FONTS = ("Symbol", "Wingdings", "OpenSymbol", "StarSymbol")
_TEXT_FONT = re.compile(
    "times|song|simsun|simhei|kaiti|fang|yahei|dengxian|ming|arial|helvetica|calibri|cambria|garamond|courier|[^\0-\x7f]"
)
_MOJIBAKE = re.compile("(?:Ã[\u0080-\u00bf]|â[\u0080-\u009f€]|[\u00c0-\u00ff]{4,}|锟斤拷|烫烫烫)")
# A word between spaces or marks; code, numbers and what is longer is none.
_WORD = re.compile(r"(?<![^\s(\"'“‘*#|>\[])([^\W\d_]{2,14})(?=[\s.,;:!?)\"'”’*|\]]|$)")
_VARIANT = re.compile("[\u2e80-\u2fdf\uf900-\ufaff\U0002f800-\U0002fa1f]")
# Of Adobe's list of glyphs, where Unicode has no such place, or had none.
_ADOBE = {
    **dict(enumerate("©®™", 0xF6D9)),
    **{0xF700 + code: chr(code) for code in range(0x30, 0x3A)},
    **{
        0xF700 + code: chr(code).upper()
        for code in (*range(0x61, 0x7B), *range(0xE0, 0xF7), *range(0xF8, 0xFF))
    },
    **dict(enumerate("‾⏐⎯®©™⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪⎮⎞⎟⎠⎤⎥⎦⎫⎬⎭", 0xF8E5)),
}
# The row of GBK in which Founder's programs, which set most journals and standards of China, put slanted Latin letters.
_FOUNDER = {
    ord(bytes([0xA0, code | 0x80]).decode("gbk")): chr(code) for code in string.ascii_letters.encode()
}
_FOUNDER_WORD = re.compile(f"(?!(.)\\1\\1)[{''.join(map(chr, _FOUNDER))}]{{3}}")
_MASK = re.compile(r"(.)\1+", re.IGNORECASE)  # XXXX, for what is not shown
_CYRILLIC = re.compile("[\u00c0-\u00ff]{4,}")
# Letters of a hundred in running text, a to z, the mean of English, German, French, Spanish and their neighbours. Pages
# in any of forty languages written so agree with it to 0.4 or more (551 pieces of other projects' documents); with each
# letter replaced by the one n places on, to 0.28 at most.
_SHARES = (
    *(9.5, 1.6, 3.0, 4.0, 12.5, 1.4, 1.8, 2.7, 7.8, 0.6, 1.9, 4.7, 2.9),
    *(7.4, 6.2, 2.6, 0.4, 6.4, 6.4, 6.8, 4.2, 1.6, 1.1, 0.2, 1.3, 1.2),
)
_AGREES = 0.33
_CHINESE_MARK = re.compile("[，。、；]")
_NO_WORD = re.compile(r"[!\"#$%&'()*+/<=>?@\[\\\]^{}~\u00a1-\u00ff]")
_MARKS = 4
# Neither European nor East Asian, but for the ideographs that nobody uses.
_RARE = re.compile("[\u0530-\u10ff\u1200-\u1cff\u2c00-\u2ddf\u3400-\u4dbf\ua000-\uabff]")
_MIXED = 12  # pairs of letters
_ENOUGH = 150  # letters of words that tell
_WHOLE = 0.7  # of a page whose text lies over a picture of it: a scan that was read, a slide's background
_PICTURE = 0.15  # of a page that pictures cover; beyond it they are what the page says, unless there is more to read beside them


def letters_in(text: str) -> int:
    """How much there is to read: letters and digits, a Chinese character counting as two."""
    return sum(count * (2 if c > "\u2e7f" else 1) for c, count in Counter(text).items() if c.isalnum())


def usual_letters(text: str) -> str:
    """The text with ideographs where it has their radicals or compatibility forms, which look the same and are not found:
    a font maps one shape to several characters, and which of them is read back depends on the machine's fonts. Small
    capitals, old figures and parts of brackets, which Adobe's fonts put at private places, are what they show.
    """
    return _VARIANT.sub(lambda form: unicodedata.normalize("NFKC", form[0]), text).translate(_ADOBE)


def latin(text: str) -> str:
    """The text with slanted Latin letters that came as ideographs, which hardly any text has, three and more in a row."""
    return text.translate(_FOUNDER) if _FOUNDER_WORD.search(text) else text


def letters_of_signs(text: str, page: Any) -> str:
    """The text with the signs of symbol fonts, which put them at private places, as the letters that they show. A piece of
    text has one font for the parser, that of its first letter: a sign behind it is one of Symbol's, as Word writes them,
    where no other piece says what it is.
    """
    if not _SIGN.search(text):
        return text
    shown: dict[str, set[str]] = {}
    behind: dict[str, set[str]] = {}
    for item in page.text_items:
        font = re.sub(r"^[A-Z]{6}\+", "", item.font_name or "").lower()
        name = next((known for known in _FONTS if font.startswith(known.lower())), "")
        text_font = not name and _TEXT_FONT.search(font)
        for sign in _SIGN.findall(item.text) if name or text_font else ():
            signs = shown if name else behind
            signs.setdefault(sign, set()).add(symbol(name or "Symbol", f"{ord(sign):X}"))
    shown = behind | shown
    known = {sign: letters.pop() for sign, letters in shown.items() if len(letters) == 1}  # else of two fonts
    return _SIGN.sub(lambda sign: known.get(sign[0]) or sign[0], text)


def cyrillic(text: str) -> str:
    """The text with Cyrillic letters where old fonts that have no map of their own give those of Latin at the same places:
    words of accented letters alone, of which as many are vowels as in a Slavic language.
    """
    words = _CYRILLIC.findall(text)
    letters = _cp1251("".join(words)).lower()
    vowels = sum(letters.count(vowel) for vowel in "аеиоуыэюяіїє")
    if len(words) < 3 or not 0.3 * len(letters) < vowels < 0.6 * len(letters):
        return text
    return re.sub("[\u00a8\u00b8\u00b9\u00c0-\u00ff]", lambda letter: _cp1251(letter[0]), text)


def _cp1251(text: str) -> str:
    return text.encode("latin-1").decode("cp1251")


def why_seen(text: str, page: Any, inked: bool) -> str:
    """Why a picture of the page must go along: "scanned", "garbled", "thin", "layer", "figure",
    "formula" or "".
    """
    facts = page.complexity
    covered = 0.0 if facts is None else 1.0 if facts.full_page_image else facts.image_coverage
    letters = letters_in(text)
    if is_garbled(text) or (facts is not None and facts.is_garbled and not reads_well(text)):
        return "garbled"
    if not letters:
        return "scanned" if inked or covered > 0.02 else ""
    if covered >= _PICTURE and letters < min(150, 250 * covered):
        return "thin"
    if covered >= _WHOLE:
        return "layer"
    if facts is not None:
        drawn = facts.layout.figure_coverage if facts.layout else 0.0
        dense = facts.layout is not None and "dense-graphics" in facts.layout.reasons
        if covered >= 0.05 or drawn >= 0.05 or dense:
            return "figure"
    return "formula" if _has_formulas(text, page) else ""


def is_garbled(text: str) -> bool:
    """Whether an extracted text layer is wrong: replacement and private-use characters, `(cid:12)`, mojibake, mostly
    signs, or letters that stand for others.
    """
    solid = re.sub(r"[\s|`#*_>\-.·…]+", "", text)
    if len(solid) < 8:
        return False
    strange = sum(len(m) for m in _STRANGE.findall(solid)) + 2 * len(_MOJIBAKE.findall(solid))
    # Bullets of symbol fonts are private-use too, so a few are normal.
    return (
        strange > 0.15 * len(solid)
        or (len(solid) > 40 and _meaningful(solid) < 0.35 * len(solid))
        or _stands_for_others(text)
        or _has_no_ideographs(solid)
        or _mixes_scripts(text)
    )


def _has_no_ideographs(text: str) -> bool:
    """Whether signs stand for the ideographs between the marks of Chinese, as where a font numbers these as they come."""
    marks = len(_CHINESE_MARK.findall(text))
    if marks <= _MARKS:
        return False
    signs = len(_NO_WORD.findall(text))
    ideographs = sum("\u3040" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af" for c in text)
    return marks > ideographs and signs > 0.15 * len(text)


def _mixes_scripts(text: str) -> bool:
    """Whether letters stand beside those of other scripts, as where a font without a map numbers ideographs as they come."""
    if 2 * len(_RARE.findall(text)) < _MIXED:
        return False  # each stands beside two letters at most
    scripts = [unicodedata.name(c, "").split(" ")[0] if c.isalpha() else "" for c in text]
    rare = [bool(_RARE.match(c)) for c in text]
    mixed = sum(
        bool(one and other) and one != other and (rare[at] or rare[at + 1])
        for at, (one, other) in enumerate(itertools.pairwise(scripts))
    )
    return mixed >= _MIXED and 2 * mixed > sum(rare)


def _meaningful(text: str) -> int:
    """How many of its characters are letters, their marks, digits, and what formulas are made of."""
    return sum(
        count
        for c, count in Counter(text).items()
        if c.isalnum() or unicodedata.category(c) in ("Mn", "Mc", "Sm")
    )


def _stands_for_others(text: str) -> bool:
    """Whether words of Latin letters have the letters of no language, as where each is the one three places on."""
    letters = unicodedata.normalize("NFD", "".join(_words(text)).lower())
    counts = [letters.count(letter) for letter in string.ascii_lowercase]
    total = sum(counts)
    if total < _ENOUGH or sum(count * 100 > total for count in counts) < 12:
        return False  # too few, or of few letters: a sequence of bases, keys
    return _agreement([count / total for count in counts], _SHARES) < _AGREES


def _agreement(one: list[float], other: tuple[float, ...]) -> float:
    """Pearson's correlation."""
    mean, means = sum(one) / len(one), sum(other) / len(other)
    spread = math.sqrt(sum((x - mean) ** 2 for x in one) * sum((y - means) ** 2 for y in other))
    return sum((x - mean) * (y - means) for x, y in zip(one, other, strict=True)) / spread if spread else 0.0


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text) if not _MASK.fullmatch(word)]


def reads_well(text: str) -> bool:
    """Whether it looks like words of a language: the parser also calls pages garbled for one odd font among others."""
    letters = [c for c in text if c.isalpha()]
    strange = sum(len(m) for m in _STRANGE.findall(text))
    if len(letters) < 40 or strange > 0.01 * len(text):
        return False
    if sum(c > "\u024f" for c in letters) > 0.4 * len(letters):
        return True  # a script of its own: a broken map would give Latin letters, or none
    words = [w for w in re.findall(r"[A-Za-z\u00c0-\u024f]{3,}", text) if not _MASK.fullmatch(w)]
    voiced = sum(bool(_VOWEL.search(word)) for word in words)
    return len(words) >= 10 and voiced > 0.8 * len(words)


def _has_formulas(text: str, page: Any) -> bool:
    fonts = {item.font_name or "" for item in page.text_items}
    return len(_MATH.findall(text)) >= 3 or any(_MATH_FONT.search(font) for font in fonts)
