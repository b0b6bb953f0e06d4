"""In which language an answer is wanted."""

from __future__ import annotations

import locale
from typing import Literal

from glm_mcp.settings import Settings

Lang = Literal["zh", "en"]


def language(prompt: str, settings: Settings) -> Lang:
    """The prompt's language; without one GLM_LANG, else the system's."""
    letters = [c for c in prompt if c.isalpha()]
    if letters:
        chinese = sum("\u4e00" <= c <= "\u9fff" for c in letters)
        return "zh" if chinese * 4 >= len(letters) else "en"
    if settings.lang:
        return settings.lang
    name = (locale.getlocale()[0] or "").lower()
    return "zh" if name.startswith(("zh", "chinese")) else "en"
