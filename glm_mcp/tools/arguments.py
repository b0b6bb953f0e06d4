"""What a tool takes: the schema that hosts see, and the forgiving reading of what they send."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from glm_mcp.errors import InvalidRequest

Kind = Literal["text", "texts", "integer", "number", "thinking", "json", "dicts", "time", "flag", "pages"]

_SCHEMAS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "time": {"type": "string"},
    "pages": {"type": "string"},
    "flag": {"type": "boolean"},
    "thinking": {"type": ["boolean", "string"]},
    "json": {"type": ["boolean", "object"]},
    "dicts": {"type": "array", "items": {"type": "object"}},
}


@dataclass(frozen=True, slots=True)
class Arg:
    """One argument: its schema, its other names, its limits (inclusive)."""

    name: str
    kind: Kind
    doc: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    def schema(self) -> dict[str, Any]:
        found = dict(_SCHEMAS[self.kind])
        if self.choices:
            found["enum"] = list(self.choices)
        if self.doc:
            found["description"] = self.doc
        return found


COMMON = (
    Arg("thinking", "thinking", "true, false, show"),
    Arg("json", "json", "true or a JSON Schema", also=("json_schema", "schema", "response_format")),
    Arg(
        "max_tokens", "integer", least=1, most=1_000_000, also=("max_output_tokens", "max_completion_tokens")
    ),
    Arg("temperature", "number", least=0, most=2),
)
MODEL = Arg("model", "text", also=("model_id", "model_name"))

_WRAPPERS = ("arguments", "args", "kwargs", "params", "parameters")
_EFFORTS = ("enabled", "low", "medium", "high")  # as other APIs ask for thinking
_HOLDERS = frozenset(("text", "content", "value", "id", "url", "path", "file"))  # of one text in an object
_PAGES_CHARS = 2_000
# Possessive, so that no text of blanks is gone through again and again.
_PYTHON_LIST = re.compile(r"\[\s*+'[^'\\]*+'(?:\s*+,\s*+'[^'\\]*+')*+\s*+,?+\s*+\]")


def schema(args: tuple[Arg, ...]) -> dict[str, Any]:
    """The JSON Schema of a tool's input."""
    return {
        "type": "object",
        "properties": {a.name: a.schema() for a in args},
        "required": [a.name for a in args if a.required],
    }


def read(tool: str, args: tuple[Arg, ...], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The values by name; absent ones are absent.

    Raises InvalidRequest that names the argument, what is wrong with it, and what it may be.
    """
    names = {a.name: a for a in args} | {other: a for a in args for other in a.also}
    found: dict[str, Any] = {}
    for name, value in _unwrapped(given or {}, names).items():
        arg = names.get(name) or names.get(_snake(name)) or names.get(name.lower()) or _source(name, names)
        if arg is None:
            begun = [n for n in names if len(name) > 2 and n.startswith(_snake(name))]
            near = begun or difflib.get_close_matches(_snake(name), list(names), 1, 0.6)
            mean = f"Did you mean '{names[near[0]].name}'? " if near else ""
            raise InvalidRequest(
                f"{tool} has no argument '{name[:60]}'", f"{mean}It takes: {', '.join(a.name for a in args)}."
            )
        if value is None or (value in ("", []) and not arg.required):
            continue
        read_value = _value(tool, arg, value)
        if arg.name in found and arg.kind == "texts":
            found[arg.name] += [item for item in read_value if item not in found[arg.name]]
        elif arg.name not in found or name == arg.name:  # its own name wins over another name
            found[arg.name] = read_value
    missing = [a.name for a in args if a.required and a.name not in found]
    if missing:
        raise InvalidRequest(f"{tool} needs '{missing[0]}'", _meant(args, missing[0]))
    return found


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else "_" if c in "- " else c for c in name).strip("_")


def _unwrapped(given: Mapping[str, Any], names: Mapping[str, Arg]) -> Mapping[str, Any]:
    """The arguments themselves, where a host has put them into an argument of their own."""
    if len(given) == 1:
        (name, value), *_ = given.items()
        if name in _WRAPPERS and name not in names and isinstance(value, Mapping):
            return value
    return given


def _source(name: str, names: Mapping[str, Arg]) -> Arg | None:
    """The argument for a file that `imageUrl`, `image_paths` or `file_uri` means: what may also be called `path`."""
    whole = _snake(name)
    for stem in (whole, re.sub(r"_(?:path|url|uri|file|source)s?$", "", whole)):
        for spelled in (stem, stem + "s"):
            arg = names.get(spelled)
            if arg is not None and "path" in arg.also:
                return arg
    return None


def _meant(args: tuple[Arg, ...], name: str) -> str:
    arg = next(a for a in args if a.name == name)
    return f"Give {name}: {arg.doc or arg.kind}."


def _value(tool: str, arg: Arg, value: Any) -> Any:
    try:
        found = _READERS[arg.kind](value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidRequest(
            f"{tool}: {arg.name} is {_shown(value)}", f"It may be {_allowed(arg)}."
        ) from None
    if arg.choices:
        folded = str(found).strip().lower().replace("-", "_").replace(" ", "_")
        folded = folded if folded in arg.choices else _snake(str(found).strip())
        if folded not in arg.choices:
            near = difflib.get_close_matches(folded, arg.choices, 1, 0.5)
            mean = f" Did you mean {near[0]}?" if near else ""
            raise InvalidRequest(
                f"{tool}: {arg.name} is {_shown(value)}", f"It may be {_allowed(arg)}.{mean}"
            )
        return folded
    number = isinstance(found, int | float) and not isinstance(found, bool)
    if number and (
        (arg.least is not None and found < arg.least) or (arg.most is not None and found > arg.most)
    ):
        raise InvalidRequest(f"{tool}: {arg.name} is {_shown(value)}", f"It may be {_allowed(arg)}.")
    return found


def _allowed(arg: Arg) -> str:
    if arg.choices:
        return ", ".join(arg.choices)
    words = {
        "text": "a text",
        "texts": "a text or a list of texts",
        "integer": "a whole number",
        "number": "a number",
        "time": "a time such as 12.5 or 1:02",
        "flag": "true or false",
        "thinking": "true, false or show",
        "json": "true, false or a JSON Schema",
        "dicts": "a list of objects",
        "pages": "page numbers such as 1-5,8",
    }[arg.kind]
    if arg.least is not None and arg.most is not None:
        words += f" from {arg.least:.9g} to {arg.most:.9g}"
    return words


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:79] + "…"


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


def _texts(value: Any) -> list[str]:
    if isinstance(value, str) and value.strip().startswith("["):
        value = _listed(value)
    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    items = value if isinstance(value, list) else [value]
    found = [_named(i) for i in items]
    if not found or not all(f.strip() for f in found):
        raise ValueError
    return found


def _listed(text: str) -> Any:
    """A list that a host wrote as text, as JSON or as Python has it; the text itself, as a path may start so too."""
    if _PYTHON_LIST.fullmatch(text.strip()):
        return re.findall(r"'([^']*)'", text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _named(item: Any) -> str:
    """One item of a list: a text, or what a part of a message as other APIs have it holds."""
    for name in ("image_url", "video_url", "file_url", "url", "path"):
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
        value = value.replace(",", "" if re.fullmatch(r"\s*[1-9]\d{0,2}(?:,\d{3})+\s*", value) else ".")
    number = float(value)
    if number != number or number in {float("inf"), float("-inf")}:  # noqa: PLR0124 - how NaN is told
        raise ValueError
    return number


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in {"true", "1", "1.0", "yes", "on"}:
        return True
    if word in {"false", "0", "0.0", "no", "off", "none"}:
        return False
    raise ValueError


def _thinking(value: Any) -> str:
    if isinstance(value, dict):
        value = {"enabled": True, "disabled": False}.get(value.get("type", ""), value)
    if isinstance(value, str) and value.strip().lower() == "show":
        return "show"
    if isinstance(value, str) and value.strip().lower() in _EFFORTS:
        return "true"
    if isinstance(value, str) and value.strip().lower() == "disabled":
        return "false"
    return "true" if _flag(value) else "false"


def _json(value: Any) -> bool | dict[str, Any]:
    if isinstance(value, str) and value.strip().startswith("{"):
        value = json.loads(value)
    if isinstance(value, str) and value.strip().lower() in {"json", "json_object"}:
        return True
    if isinstance(value, dict):
        if value.get("type") in {"json_object", "text"} and len(value) == 1:
            return bool(value["type"] == "json_object")
        nested = value.get("json_schema")
        if isinstance(nested, dict):
            value = nested.get("schema", nested)
        return value if isinstance(value, dict) and value else True
    return _flag(value)


def _dicts(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, str):
        value = json.loads(value)
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(i, dict) for i in items):
        raise ValueError
    return items


_READERS: dict[str, Any] = {
    "text": _text,
    "texts": _texts,
    "integer": _integer,
    "number": _number,
    "time": _text,
    "flag": _flag,
    "thinking": _thinking,
    "json": _json,
    "dicts": _dicts,
    "pages": _pages,
}
