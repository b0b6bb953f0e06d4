"""The functions that a model wants called, however it writes them: in pieces, with one index or none, or as text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from glm_mcp.text import whole

_TEXT_CALL = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)
_PAIR = re.compile(r"<arg_key>\s*(.*?)\s*</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)


class Calls:
    """The calls of one answer while they arrive.

    The API numbers them by `index`; some models give all the same or none. A piece with an id or a name of its own begins
    another call where the last one of that index is named already.
    """

    def __init__(self) -> None:
        self._calls: list[dict[str, Any]] = []
        self._last: dict[int, int] = {}  # index → place of the call that its next piece belongs to

    def __bool__(self) -> bool:
        return bool(self._calls)

    def feed(self, raw: Any) -> None:
        for position, item in enumerate(raw if isinstance(raw, list) else ()):
            if isinstance(item, dict):
                index = item.get("index")
                self._piece(index if isinstance(index, int) else position, item)

    def _piece(self, index: int, item: dict[str, Any]) -> None:
        given = item.get("function")
        function = given if isinstance(given, dict) else {}
        ident, name = _word(item.get("id")), _word(function.get("name"))
        place = self._last.get(index)
        if place is None or self._is_another(self._calls[place], ident, name):
            place = self._last[index] = len(self._calls)
            self._calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        call = self._calls[place]
        call["id"] = ident or call["id"]
        call["type"] = _word(item.get("type")) or call["type"]
        call["function"]["name"] = name or call["function"]["name"]
        arguments = function.get("arguments")
        if arguments and not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        call["function"]["arguments"] += arguments or ""

    @staticmethod
    def _is_another(call: dict[str, Any], ident: str, name: str) -> bool:
        if ident and call["id"]:
            return bool(ident != call["id"])
        # The same name again with every piece is one call; after whole arguments it is the next.
        return bool(name and call["function"]["name"] and _is_json(call["function"]["arguments"]))

    def whole(self) -> list[dict[str, Any]]:
        for call in self._calls:
            call["function"]["arguments"] = whole(call["function"]["arguments"])
        return self._calls


def written_as_text(text: str, functions: Sequence[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """The text without the calls written into it, and these calls; only of functions that were offered."""
    schemas = {f["function"]["name"]: f["function"] for f in functions if _is_function(f)}
    calls: list[dict[str, Any]] = []

    def take(match: re.Match[str]) -> str:
        name, arguments = _parsed(match[1])
        if name not in schemas:
            return match[0]
        properties = (schemas[name].get("parameters") or {}).get("properties") or {}
        typed = {k: _typed(v, properties.get(k)) for k, v in arguments.items()}
        calls.append(
            {
                "id": f"call_{len(calls)}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(typed, ensure_ascii=False)},
            }
        )
        return ""

    rest = _TEXT_CALL.sub(take, text) if schemas and "<tool_call>" in text else text
    return (rest.strip() if calls else text), calls


def _is_function(entry: dict[str, Any]) -> bool:
    function = entry.get("function")
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def _parsed(body: str) -> tuple[str, dict[str, Any]]:
    """Name and arguments of one call: `name<arg_key>k</arg_key><arg_value>v</arg_value>`, or an object of JSON."""
    if body.startswith("{"):
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return "", {}
        arguments = said.get("arguments") if isinstance(said, dict) else None
        return (str(said.get("name")), arguments) if isinstance(arguments, dict) else ("", {})
    name = body.partition("<")[0].strip()
    return name, dict(_PAIR.findall(body))


def _typed(value: Any, schema: Any) -> Any:
    """A value written as text, as what the function's schema says it is."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    if not isinstance(value, str) or kind == "string":
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _word(value: Any) -> str:
    return whole(value) if isinstance(value, str) else ""
