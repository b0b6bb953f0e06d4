"""What the page says, in English and in Chinese: the texts of `words.toml`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Lang = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Words:
    """Every text of the page in one language."""

    lang: str
    title: str
    skip: str
    who: str
    everybody: str
    sign_in: str
    sign_in_why: str
    sign_in_not: str
    enter: str
    enter_help: str
    refused: str
    sign_out: str
    again: str
    today: str
    tokens_today: str
    of_tokens: str
    left: str
    no_limit: str
    new_day: str
    minute: str
    minute_of: str
    at_once: str
    at_once_of: str
    waiting: str
    bar: str
    tools: str
    hours: str
    hours_alt: str
    hours_none: str
    as_table: str
    hour: str
    tokens: str
    calls: str
    calls_caption: str
    calls_none: str
    when: str
    tool: str
    model: str
    outcome: str
    seconds: str
    ok: str
    cancelled: str
    models: str
    models_caption: str
    state: str
    ready: str
    rests: str
    gone: str
    running: str
    running_of: str
    queue: str
    pace: str
    foot: str
    foot_replicas: str


def _texts(at: int) -> dict[str, str]:
    return {name: texts[at] for name, texts in _TABLE.items()}


_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
EN, ZH = Words(lang="en", **_texts(0)), Words(lang="zh", **_texts(1))
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
