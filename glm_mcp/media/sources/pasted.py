"""An argument as people and models write it, without what is written around it."""

from __future__ import annotations

import os
import re

from glm_mcp.errors import InvalidRequest
from glm_mcp.media.sources.paths import of_windows

_LONGEST = 5_000  # characters of what is looked at so
_QUOTES = ('"', "'", "`", "“”", "‘’", "<>")  # as models wrap paths
# How models and chat windows write a path: with a label, as Markdown, as a transcript names a pasted picture.
_WRAPPED = (
    re.compile(r"(?:\w+ )?path\s*[:=]\s*(\S.*)", re.IGNORECASE | re.DOTALL),
    # A run of blanks is looked at once, from its start: a few thousand of them took minutes.
    re.compile(
        r"!?\[[^\[\]]*\]\(\s*+<?+\s*+(\S.*?)>?(?:(?<=\S)\s++[\"'][^\"']*[\"'])?(?<=\S)\s*+\)", re.DOTALL
    ),
    re.compile(r"\[image:\s*(?:source:\s*)?(\S.*)\]", re.IGNORECASE | re.DOTALL),
)
# "C:\\temp\\new.png" of somebody who did not double the backslashes
_ESCAPED = re.compile("[\a\b\t\n\v\f\r](?!\\s*+[A-Za-z]:[\\\\/])")
_AS_TYPED = {"\a": r"\a", "\b": r"\b", "\t": r"\t", "\n": r"\n", "\v": r"\v", "\f": r"\f", "\r": r"\r"}


def tidy(argument: str) -> str:
    """An argument without what wraps it: white space, a label, Markdown, and one pair of quotes, backticks or angle
    brackets.
    """
    text = argument.strip()
    if len(text) < _LONGEST and re.match(r"[A-Za-z]:[\\\a\b\t\n\v\f\r]", text):
        text = _ESCAPED.sub(lambda found: _AS_TYPED[found[0]], text)
    for wrapped in _WRAPPED:
        found = wrapped.fullmatch(text) if len(text) < _LONGEST else None
        text = found[1].strip() if found else text
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            "the source holds half a character (a lone surrogate)", "Check the path."
        ) from error
    for pair in _QUOTES:
        if len(text) > 1 and text[0] == pair[0] and text[-1] == pair[-1]:
            text = text[1:-1].strip()
            break
    if not text:
        raise InvalidRequest(
            "an empty source was given", "Give a path, an http(s) or data: URL, base64, or `clipboard`."
        )
    return text


def new_file(argument: str) -> str:
    """The path of a file that is to be made, however it is written; empty where none is named."""
    text = tidy(argument).strip("'\"`") if argument.strip("'\"` \n\t") else ""
    if os.name == "nt" or "\\" not in text:
        return text
    return of_windows(text) or text.replace("\\ ", " ").replace("\\", "/")
