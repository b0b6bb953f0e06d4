"""Which lines at the head or the foot of a page say more than its number."""

from __future__ import annotations

import re

# Beside the number, in the languages that office programs are mostly used in.
_COUNTING = frozenset(
    {
        "page", "pages", "of", "p", "pp", "pg", "no", "seite", "seiten", "von", "sur", "de", "pagina", "página", "pag", "pág", "di", "da",
        "strona", "z", "стр", "страница", "из", "sayfa", "sida", "av", "side", "trang", "第", "页", "頁", "共", "ページ", "쪽", "صفحة", "من",
    }
)  # fmt: skip


def only_counts(words: str) -> bool:
    """Whether a line without its numbers holds nothing but the words that stand beside them."""
    plain = re.sub("[第页頁共쪽]|ページ", " ", words.lower())
    left = [word for word in re.findall(r"[^\W\d_]+", plain) if word not in _COUNTING]
    return not left or (len(left) == 1 and len(left[0]) == 1)
