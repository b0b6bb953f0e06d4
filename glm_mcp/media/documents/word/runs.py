"""The runs of a paragraph as Markdown: emphasis, links, what stands high or low, and signs of symbol fonts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.ooxml.package import child, is_on, texts, value

# Symbol fonts put their signs at the places of letters; Word writes the place, mostly 0xF000 higher.
_SYMBOL = dict(
    enumerate("∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼", 0x22)
) | dict(
    enumerate("€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…|—↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪", 0xA0)
) | dict(enumerate("〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭", 0xF1))  # fmt: skip
_WINGDINGS = {
    **dict(enumerate("✂✁", 0x22)), **dict(enumerate("☜☞☝☟✋☺😐☹💣☠⚑", 0x45)), **dict(enumerate("✈☼💧❄", 0x51)),
    **dict(enumerate("●❍■☐", 0x6C)), **dict(enumerate("❑❒⬧⧫◆❖", 0x71)), **dict(enumerate("①②③④⑤⑥⑦⑧⑨⑩", 0x81)),
    **dict(enumerate("❶❷❸❹❺❻❼❽❾❿", 0x8C)), 0x9E: "·", 0x9F: "•", 0xA7: "▪", 0xA8: "☐", 0xAB: "★", 0xD8: "➢",
    **dict(enumerate("←→↑↓↖↗↙↘←→↑↓↖↗↙↘⇦⇨⇧⇩⇔⇳", 0xDF)), **dict(enumerate("✗✓☒☑", 0xFB)),
}  # fmt: skip

_WINGDINGS_2 = dict(zip("PORST£", "✓✗☑☒☒☐", strict=True))
_NO_LETTERS = ("wingdings 3", "webdings", "marlett")
SYMBOL_FONTS = ("symbol", "symbolprop bt", "wingdings", "wingdings 2", *_NO_LETTERS)
# LibreOffice's own, which has letters too: it writes the signs of Symbol and Wingdings with it, at their places.
_OPEN_SYMBOL = ("opensymbol", "starsymbol")
_DOTS = (0xF0B7, 0xF095)  # of its lists
_SIGN = re.compile("[\uf020-\uf0ff]")


def symbol(font: str, code: str) -> str:
    """The sign that a symbol font has at a place given in hexadecimal; "" for one that has no letter."""
    try:
        place = int(code, 16)
    except ValueError:
        return ""
    letter = chr(place - 0xF000 if 0xF000 <= place <= 0xF0FF else place) if place <= 0x10FFFF else ""
    match font.lower():
        case "wingdings":
            return _WINGDINGS.get(ord(letter or "\0"), "")
        case "wingdings 2":
            return _WINGDINGS_2.get(letter, "")
        case "symbol" | "symbolprop bt":
            return _SYMBOL.get(ord(letter or "\0"), letter)
        case name if name in _OPEN_SYMBOL and place in _DOTS:
            return "•"
        case name if name in _OPEN_SYMBOL and 0xF020 <= place <= 0xF0FF:
            return _WINGDINGS.get(ord(letter), "")
        case name if name in _NO_LETTERS:
            return ""
    return "" if 0xE000 <= place <= 0xF8FF else letter


def letters_of(text: str, font: str) -> tuple[str, bool]:
    """A text with the signs that a symbol font has at private places as the letters that they show; and whether some have
    none and are left out. What lies there in other fonts stays.
    """
    if font.lower() not in (*SYMBOL_FONTS, *_OPEN_SYMBOL) or not _SIGN.search(text):
        return text, False
    shown = [symbol(font, f"{ord(letter):X}") if _SIGN.match(letter) else letter for letter in text]
    return "".join(shown), not all(shown)


def drawn_letters(run: ET.Element) -> tuple[str, str]:
    """The text of a run of a drawing or a slide, and the font of which it has signs without a letter, else ""."""
    fonts = (value(run, "a:rPr", f"a:{kind}", name="typeface") for kind in ("sym", "latin"))
    font = next(filter(None, fonts), "")
    shown, is_less = letters_of(texts(run, "a:t"), font)
    return shown, font if is_less else ""


@dataclass(frozen=True, slots=True)
class Look:
    """How a run looks, as far as Markdown can say it."""

    bold: bool = False
    italic: bool = False
    struck: bool = False
    place: str = ""  # "superscript" or "subscript"
    code: bool = False
    url: str = ""


def look_of(properties: ET.Element | None, style: str) -> Look:
    """By the run's own properties (<w:rPr>) and the name of its character style."""
    if properties is None:
        return Look()
    place = value(properties, "w:vertAlign") or ""
    return Look(
        bold=is_on(properties, "w:b") or (style == "strong" and child(properties, "w:b") is None),
        italic=is_on(properties, "w:i") or (style == "emphasis" and child(properties, "w:i") is None),
        struck=is_on(properties, "w:strike") or is_on(properties, "w:dstrike"),
        place=place if place in ("superscript", "subscript") else "",
        code=style in ("code", "html code", "verbatim char", "source text"),
    )


Piece = tuple[str, Look]


def markdown(pieces: Iterable[Piece], *, heading: bool = False) -> str:
    """One text; runs that look the same are one. A heading is strong anyway."""
    kept = [(text, replace(look, bold=False) if heading else look) for text, look in pieces if text]
    out = []
    for url, linked in itertools.groupby(kept, key=lambda piece: piece[1].url):
        text = "".join(_marked(linked))
        out.append(
            _around(text, "[", f"]({_address(url)})") if url and url not in (text, f"mailto:{text}") else text
        )
    return "".join(out).strip()


def _address(url: str) -> str:
    return url.replace(" ", "%20").replace("(", "%28").replace(")", "%29")


def _marked(pieces: Iterable[Piece]) -> Iterator[str]:
    merged: list[tuple[list[str], Look]] = []
    for text, look in pieces:
        if merged and (merged[-1][1] == look or not text.strip()):
            merged[-1][0].append(text)  # spaces take any look
        else:
            merged.append(([text], look))
    for pieces_of_one, look in merged:
        yield _dressed("".join(pieces_of_one), look)


def _dressed(text: str, look: Look) -> str:
    sign = {"superscript": "^", "subscript": "~"}.get(look.place, "")
    marks = (
        "`" if look.code else sign,
        "~~" if look.struck else "",
        "*" if look.italic else "",
        "**" if look.bold else "",
    )
    for mark in filter(None, marks):
        text = _around(text, mark, mark)
    return text


def standing(text: str, raised: float) -> str:
    """Text that stands high or, with a negative number, low."""
    mark = "^" if raised > 0 else "~"
    return _around(text, mark, mark)


def _around(text: str, before: str, after: str) -> str:
    """Marks close to the words, or Markdown does not see them; a line break ends none of them."""
    if not text.strip():
        return text
    lines = text.split("\n") if after == before else [text]
    return "\n".join(_one_around(line, before, after) for line in lines)


def _one_around(line: str, before: str, after: str) -> str:
    words = line.strip()
    if not words:
        return line
    start = line.index(words)
    return f"{line[:start]}{before}{words}{after}{line[start + len(words) :]}"
