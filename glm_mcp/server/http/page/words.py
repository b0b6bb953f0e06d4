"""What the page says, in English and in Chinese: the texts of `words.toml`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

Lang = Literal["en", "zh"]


class Words:
    """Every text of the page in one language, each an attribute by its name in `words.toml`."""

    def __init__(self, lang: Lang, texts: dict[str, str]) -> None:
        self.lang = lang
        vars(self).update(texts)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> str: ...


_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
EN = Words("en", {name: english for name, (english, _) in _TABLE.items()})
ZH = Words("zh", {name: chinese for name, (_, chinese) in _TABLE.items()})
LANGUAGES: dict[Lang, Words] = {"en": EN, "zh": ZH}
_RANGE = re.compile(r"\s*([a-zA-Z]{1,8})(?:-[a-zA-Z0-9-]{1,40})?\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?")


def words_for(accepts: str, otherwise: Lang | None) -> Words:
    """For an Accept-Language (RFC 9110, section 12.5.4): the language that it puts first among ours, else the one given."""
    found: dict[str, float] = {}
    for part in accepts[:500].split(","):
        match = _RANGE.fullmatch(part)
        if match and match[1].lower() in LANGUAGES:
            name = match[1].lower()
            found[name] = max(found.get(name, 0.0), float(match[2] or 1))
    best = max(found, key=lambda n: found[n], default="")
    if best and found[best] > 0:
        return EN if best == "en" else ZH
    return LANGUAGES[otherwise or "en"]
