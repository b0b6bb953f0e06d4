"""Format codes of spreadsheets, taken apart: up to four sections, each a row of tokens."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<general>(?i:General))|(?P<ampm>AM/PM|A/P|上午/下午)|(?P<date>[yY]+|[eE]+(?![+-])|[gG]+|[mM]+|[dD]+|[hH]+|[sS]+|[aA]{3,4})"
    r"|(?P<exponent>[eE][+-])|(?P<digit>[0#?])|(?P<sign>.)",
    re.DOTALL,
)

Token = tuple[str, str]  # its kind (a group of _TOKEN, or "elapsed") and its text


@dataclass(frozen=True, slots=True)
class Section:
    tokens: tuple[Token, ...]
    condition: tuple[str, float] | None

    @property
    def is_date(self) -> bool:
        return any(kind in ("date", "elapsed") for kind, _ in self.tokens)


@functools.lru_cache(maxsize=4_096)
def sections(code: str) -> tuple[Section, ...]:
    parts: list[Section] = []
    tokens: list[Token] = []
    condition = None
    for match in _TOKEN.finditer(code[:1_000]):
        kind, text = match.lastgroup or "sign", match[match.lastgroup or 0]
        if kind == "sign" and text == ";":
            parts.append(Section(_minutes(tokens), condition))
            tokens, condition = [], None
        elif kind == "bracket":
            limit = re.fullmatch(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)", text)
            if limit:
                condition = limit[1], float(limit[2])
            elif re.fullmatch(r"[hH]+|[mM]+|[sS]+", text):
                tokens.append(("elapsed", text.lower()))
            elif text.startswith("$"):
                tokens.append(("quoted", text[1:].partition("-")[0]))
        else:
            tokens.append((kind, text.lower() if kind == "date" else text))
    parts.append(Section(_minutes(tokens), condition))
    return tuple(parts[:4])


def _minutes(tokens: list[Token]) -> tuple[Token, ...]:
    """The tokens with minutes told from months: they follow hours or stand before seconds."""
    timed = [i for i, (kind, _) in enumerate(tokens) if kind in ("date", "elapsed")]
    for before, i, after in zip([None, *timed], timed, [*timed[1:], None], strict=False):
        kind, text = tokens[i]
        hours = before is not None and tokens[before][1][0] == "h"
        seconds = after is not None and tokens[after][1][0] == "s"
        if kind == "date" and text in ("m", "mm") and (hours or seconds):
            tokens[i] = kind, "n" * len(text)
    return tuple(tokens)


def literal(kind: str, text: str) -> str:
    match kind:
        case "space":
            return " "
        case "fill" | "general" | "digit":
            return ""
    return text
