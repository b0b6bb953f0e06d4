"""Readings beside East Asian words (furigana, pinyin): behind the word, where they stand over it."""

from __future__ import annotations

from typing import Any


def write_readings(soup: Any) -> None:
    """A word stays whole, whose signs may each have a reading of their own: 漢字(かんじ)."""
    for ruby in reversed(soup.find_all("ruby")):  # within another before that one
        readings, brackets = list[str](), list[str]()
        for part in list(ruby.children):
            if part.name in ("rt", "rtc", "rp"):
                said = brackets if part.name == "rp" else readings
                # `get_text` passes over what stands in an `rt` of it.
                said += filter(None, (text.strip() for text in part.find_all(string=True)))
                part.extract()
        if readings:
            # Syllables of Latin letters are words of their own, Japanese ones are not.
            between = " " if all(text[0] < "\u2e80" for text in readings) else ""
            opening, closing = (brackets[0], brackets[-1]) if len(brackets) > 1 else ("(", ")")
            ruby.append(f"{opening}{between.join(readings)}{closing}")
        ruby.name = "span"
