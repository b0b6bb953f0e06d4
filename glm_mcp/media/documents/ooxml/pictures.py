"""What is said of a picture in an office file."""

from __future__ import annotations

import re

_FOLDERS = re.compile(r"\A(?:[A-Za-z]:[\\/]|\\\\)(?:[^\\/:]*[\\/])*")


def picture_words(text: str) -> str:
    """In one line; of a place in somebody's folders, which programs put there, the name of the file."""
    return _FOLDERS.sub("", " ".join(text.split()))
