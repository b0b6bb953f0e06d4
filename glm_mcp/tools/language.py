"""In which language an answer is wanted."""

from __future__ import annotations

import locale
import re
from typing import Literal

from glm_mcp.settings import Settings

Lang = Literal["zh", "en"]


def language(prompt: str, settings: Settings) -> Lang:
    """The prompt's language; without one GLM_LANG, else the system's."""
    if re.search("[\u3040-\u30ff\uac00-\ud7af]", prompt):
        return "en"  # Japanese and Korean have Chinese characters too; we have words in neither
    # Paths and names from code say nothing of the language around them.
    plain = re.sub(r"\S+[/\\._]\w\S*|\b[a-z]+[A-Z]\w*", " ", prompt)
    letters = [c for c in plain if c.isalpha()] or [c for c in prompt if c.isalpha()]
    if letters:
        chinese = ["\u4e00" <= c <= "\u9fff" for c in letters]
        return "zh" if chinese[0] or sum(chinese) * 4 >= len(letters) else "en"
    if settings.lang:
        return settings.lang
    name = (locale.getlocale()[0] or "").lower()
    return "zh" if name.startswith(("zh", "chinese")) else "en"
