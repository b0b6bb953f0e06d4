"""How many tokens a text or a picture is, roughly, and which beginning of a prompt was seen before."""

import math
import re
from bisect import bisect_left, bisect_right
from collections import deque

# 1 token is about 0.75 English words or 1.5 Chinese characters (the vendor's page).
WORDS_PER_TOKEN = 0.75
CHARACTERS_PER_TOKEN = 1.5
# The service says nothing of pictures; one token for 28 by 28 pixels is what open models of the family do, and the cap
# lets fifty of the largest pictures fit into 128K.
PIXELS_PER_TOKEN = 28
IMAGE_CAP = 2_048
# A second of film: 45 s overflow a window of 64K, 40 s do not.
FILM_TOKENS_S = 1_400
# A film whose length is not known.
FILM_TOKENS = 8_192
FILE_TOKENS = 2_048
# A shorter prefix is not cached.
CACHE_FROM = 500
_SHORTEST = 700

_HAN = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
HAN = re.compile(f"[{_HAN}]")
# A word longer than twelve characters counts as several, or a megabyte without a space would be one token.
WORD = re.compile(f"[^\\s{_HAN}]{{1,12}}")


def count(text: str) -> int:
    han = 0 if text.isascii() else len(HAN.findall(text))
    return math.ceil(han / CHARACTERS_PER_TOKEN + len(WORD.findall(text)) / WORDS_PER_TOKEN)


def cut(text: str, budget: int) -> str:
    """The longest beginning of `text` that is at most `budget` tokens."""
    if count(text) <= budget:
        return text
    return text[: bisect_right(range(len(text)), budget, key=lambda end: count(text[:end])) - 1]


def film(seconds: float | None) -> int:
    return FILM_TOKENS if seconds is None else math.ceil(seconds * FILM_TOKENS_S)


def image(width: int, height: int) -> int:
    return min(IMAGE_CAP, math.ceil(width / PIXELS_PER_TOKEN) * math.ceil(height / PIXELS_PER_TOKEN))


def chinese(text: str) -> bool:
    """Whether a text is mostly Chinese: more characters of it than words of anything else."""
    if text.isascii():
        return False
    return len(HAN.findall(text)) > len(re.findall(r"[A-Za-z]+", text))


class PrefixCache:
    """The last prompts of each model, to report cached_tokens as the service does: a miss, then n-2 of n."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[str]] = {}

    def hit(self, model: str, prompt: str) -> int:
        seen = self._seen.setdefault(model, deque(maxlen=16))
        longest = max((_common(prompt, other) for other in seen), default=0)
        if prompt not in seen and len(prompt) >= _SHORTEST:
            seen.append(prompt)
        if longest < _SHORTEST:
            return 0
        tokens = count(prompt[:longest])
        return tokens - 2 if tokens >= CACHE_FROM else 0


def _common(one: str, other: str) -> int:
    """How many characters they begin with alike."""
    ends = range(1, min(len(one), len(other)) + 1)
    return bisect_left(ends, True, key=lambda end: not one.startswith(other[:end]))
