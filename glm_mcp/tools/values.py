"""The values of arguments, read as they were meant: each kind is one row."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import from_json

from glm_mcp.glm.json_shape import SMALL, too_many_values

KindName = Literal[
    "text", "texts", "size", "integer", "number", "thinking", "json", "dicts", "time", "flag", "pages"
]

_EFFORTS = ("enabled", "low", "medium", "high")  # as other APIs ask for thinking
_HOLDERS = frozenset(("text", "content", "value", "id", "url", "path", "file"))  # of one text in an object
_PAGES_CHARS = 2_000
TEXTS_MAX = 1_000  # in a list; no tool takes as many pictures or documents
_WORD_CHARS = 400  # of a number, a flag: no number that a machine knows has more
# Possessive, so that no text of blanks is gone through again and again.
_PYTHON_LIST = re.compile(r"\[\s*+'[^'\\]*+'(?:\s*+,\s*+'[^'\\]*+')*+\s*+,?+\s*+\]")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == 1:
        return _text(value[0])
    if isinstance(value, dict) and len(value) == 1 and set(value) <= _HOLDERS:
        return _text(*value.values())
    if isinstance(value, bool | dict | list) or value is None:
        raise ValueError
    return str(value)


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) and value.strip().startswith("["):
        value = _listed(value)
    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    items = value if isinstance(value, list) else [value]
    if len(items) > TEXTS_MAX:
        raise ValueError
    texts = tuple(_named(i) for i in items)
    if not texts or not all(t.strip() for t in texts):
        raise ValueError
    return texts


def _listed(text: str) -> Any:
    """A list that a client wrote as text, as JSON or as Python has it; the text itself, as a path may start so too."""
    if len(text) <= SMALL and _PYTHON_LIST.fullmatch(text.strip()):
        return re.findall(r"'([^']*)'", text)
    try:
        return _loaded(text)
    except (ValueError, RecursionError):
        return text


def _loaded(text: str) -> Any:
    """JSON as a message of the protocol has it: no half characters, nothing nested without end. Raises ValueError, for
    more values than are read at once too.
    """
    if too_many_values(text):
        raise ValueError
    return from_json(text, allow_inf_nan=False)


def _word(value: Any) -> str:
    """A flag or a word as a client may write it. Raises ValueError for what is none."""
    if not isinstance(value, str | int | float) or len(word := str(value)) > _WORD_CHARS:
        raise ValueError
    return word.strip().lower()


# Where a part of a message, a block of a result or a link, as other APIs and the protocol have them, holds its source.
_SOURCES = ("image_url", "video_url", "file_url", "url", "path", "source", "resource", "data", "blob", "uri")


def _named(item: Any) -> str:
    """One item of a list: a text, or what an object of _SOURCES holds."""
    for name in _SOURCES:
        if isinstance(item, dict) and item.get(name):
            return _named(item[name])
    return _text(item)


def _pages(value: Any) -> str:
    """Pages as people write them; a list is joined."""
    pages = ",".join(map(_text, value)) if isinstance(value, list) else _text(value)
    if len(pages) > _PAGES_CHARS:
        raise ValueError
    return pages


def _integer(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, str):
        if len(value) > _WORD_CHARS:
            raise ValueError
        value = value.replace(",", "" if re.fullmatch(r"\s*[1-9]\d{0,2}(?:,\d{3})+\s*", value) else ".")
    number = float(value)
    if number != number or number in {float("inf"), float("-inf")}:  # noqa: PLR0124 - how NaN is told
        raise ValueError
    return number


def _size(value: Any) -> str:
    """WxH, which people also write as a pair or as an object."""
    if isinstance(value, str) and len(value) <= _WORD_CHARS and value.strip().startswith(("[", "(", "{")):
        with contextlib.suppress(ValueError):
            value = _loaded(value.replace("(", "[").replace(")", "]"))
    if isinstance(value, dict) and len(value) == 2:
        named = {str(name).lower()[:1]: side for name, side in value.items()}
        value = [named.get("w"), named.get("h")]
    if isinstance(value, list) and len(value) == 2:
        return "x".join(map(_text, value))
    return _text(value)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = _word(value)
    if word in {"true", "1", "1.0", "yes", "on"}:
        return True
    if word in {"false", "0", "0.0", "no", "off", "none"}:
        return False
    raise ValueError


def _thinking(value: Any) -> str:
    if isinstance(value, dict):
        value = {"enabled": True, "disabled": False}.get(value.get("type", ""), value)
    word = _word(value)
    if word == "show":
        return word
    if word in _EFFORTS:
        return "true"
    if word == "disabled":
        return "false"
    return "true" if _flag(value) else "false"


def _json(value: Any) -> bool | dict[str, Any]:
    if isinstance(value, str) and value.strip().startswith("{"):
        value = _loaded(value)
    if isinstance(value, str) and _word(value) in {"json", "json_object"}:
        return True
    if isinstance(value, dict):
        if value.get("type") in {"json_object", "text"} and len(value) == 1:
            return bool(value["type"] == "json_object")
        nested = value.get("json_schema")
        if isinstance(nested, dict):
            value = nested.get("schema", nested)
        return value if isinstance(value, dict) and value else True
    return _flag(value)


def _dicts(value: Any) -> tuple[dict[str, Any], ...]:
    if isinstance(value, str):
        value = _loaded(value)
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(i, dict) for i in items):
        raise ValueError
    return tuple(items)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a client is told of a kind of value, how people say it, and how it is read: `read` raises ValueError,
    TypeError, OverflowError or RecursionError for what cannot be meant so.
    """

    schema: dict[str, Any]
    words: str
    read: Callable[[Any], Any]


_STRING = {"type": "string"}
KINDS: dict[KindName, Kind] = {
    "text": Kind(_STRING, "a text", _text),
    "texts": Kind({"type": "array", "items": _STRING}, "a text or a list of texts", _texts),
    "size": Kind(_STRING, "a size such as 1024x768", _size),
    "integer": Kind({"type": "integer"}, "a whole number", _integer),
    "number": Kind({"type": "number"}, "a number", _number),
    "time": Kind(_STRING, "a time such as 12.5 or 1:02", _text),
    "pages": Kind(_STRING, "page numbers such as 1-5,8", _pages),
    "flag": Kind({"type": "boolean"}, "true or false", _flag),
    "thinking": Kind({"type": ["boolean", "string"]}, "true, false or show", _thinking),
    "json": Kind({"type": ["boolean", "object"]}, "true, false or a JSON Schema", _json),
    "dicts": Kind({"type": "array", "items": {"type": "object"}}, "a list of objects", _dicts),
}
