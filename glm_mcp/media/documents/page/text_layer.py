"""Whether the text layer of a PDF page is the page: what was extracted is judged against what is drawn on it."""

from __future__ import annotations

import re
from typing import Any

_MATH = re.compile("[\u2200-\u22ff\u2a00-\u2aff\U0001d400-\U0001d7ff\u2320\u2321\u239b-\u23ae]")
_MATH_FONT = re.compile(
    r"(?:^|\+)(?:CMEX|CMSY|CMMI|MSAM|MSBM|EUEX|rsfs|MathJax|Cambria ?Math|STIX\w*Math|XITS ?Math)",
    re.IGNORECASE,
)
_VOWEL = re.compile("[aeiouyäöüæøåàâéèêëîïôûùáíóúąęěůőű]", re.IGNORECASE)
_STRANGE = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff\x00-\x08\x0e-\x1f\x80-\x9f]|\\(cid:\\d+\\)")
_MOJIBAKE = re.compile("(?:Ã[\u0080-\u00bf]|â[\u0080-\u009f€]|[\u00c0-\u00ff]{4,}|锟斤拷|烫烫烫)")


def letters_in(text: str) -> int:
    """How much there is to read: letters and digits, a Chinese character counting as two."""
    return sum(2 if c > "\u2e7f" else 1 for c in text if c.isalnum())


def why_seen(text: str, page: Any, inked: bool, *, figures: bool) -> str:
    """Why a picture of the page must go along: "scanned", "garbled", "thin", "figure" or ""."""
    facts = page.complexity
    covered = 0.0 if facts is None else 1.0 if facts.full_page_image else facts.image_coverage
    letters = letters_in(text)
    if is_garbled(text) or (facts is not None and facts.is_garbled and not reads_well(text)):
        return "garbled"
    if not letters:
        return "scanned" if inked or covered > 0.02 else ""
    if covered >= 0.6 and letters < 150:
        return "thin"
    if figures and facts is not None:
        drawn = facts.layout.figure_coverage if facts.layout else 0.0
        dense = facts.layout is not None and "dense-graphics" in facts.layout.reasons
        if covered >= 0.05 or drawn >= 0.05 or dense or _has_formulas(text, page):
            return "figure"
    return ""


def is_garbled(text: str) -> bool:
    """Whether an extracted text layer is wrong: replacement and private-use characters, `(cid:12)`, mojibake, or mostly signs."""
    solid = re.sub(r"[\s|`#*_>\-.·…]+", "", text)
    if len(solid) < 8:
        return False
    strange = sum(len(m) for m in _STRANGE.findall(solid)) + 2 * len(_MOJIBAKE.findall(solid))
    # Bullets of symbol fonts are private-use too, so a few are normal.
    return strange > 0.15 * len(solid) or (
        len(solid) > 40 and sum(map(str.isalnum, solid)) < 0.35 * len(solid)
    )


def reads_well(text: str) -> bool:
    """Whether it looks like words of a language: the parser also calls pages garbled for one odd font among others."""
    letters = [c for c in text if c.isalpha()]
    strange = sum(len(m) for m in _STRANGE.findall(text))
    if len(letters) < 40 or strange > 0.01 * len(text):
        return False
    if sum(c > "\u024f" for c in letters) > 0.5 * len(letters):
        return True  # a script of its own: a broken map would give Latin letters, or none
    words = re.findall(r"[A-Za-z\u00c0-\u024f]{3,}", text)
    voiced = sum(bool(_VOWEL.search(word)) for word in words)
    return len(words) >= 10 and voiced > 0.8 * len(words)


def _has_formulas(text: str, page: Any) -> bool:
    fonts = {item.font_name or "" for item in page.text_items}
    return len(_MATH.findall(text)) >= 3 or any(_MATH_FONT.search(font) for font in fonts)
