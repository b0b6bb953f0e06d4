"""Small values that fit a JSON Schema, for simulated tool arguments and structured answers."""

import json
import re
from typing import Any

_DEPTH = 8


def sample(schema: Any, text: str = "simulated", depth: int = 0) -> Any:
    """The smallest value that fits the common keywords of a schema; `text` is what free strings hold."""
    if not isinstance(schema, dict) or depth > _DEPTH:
        return text
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    if schema.get("enum"):
        return schema["enum"][0]
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return sample(schema[name][0], text, depth + 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        return {name: sample(inner, text, depth + 1) for name, inner in properties.items()}
    if kind == "array":
        length = max(int(schema.get("minItems", 1)), 0)
        return [sample(schema.get("items", {}), text, depth + 1) for _ in range(length)]
    return _scalar(schema, kind, text)


def _scalar(schema: dict[str, Any], kind: Any, text: str) -> Any:
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        value = low + 1 if "exclusiveMinimum" in schema else max(low, 1)
        return min(value, schema.get("maximum", value))
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    padded = text.ljust(int(schema.get("minLength", 0)), "·")
    return padded[: int(schema.get("maxLength", len(padded)))]


def find_schema(text: str) -> dict[str, Any] | None:
    """The JSON Schema written out in a prompt, if there is one."""
    decoder = json.JSONDecoder()
    for match in re.finditer(r"\{", text):
        try:
            value, _ = decoder.raw_decode(text, match.start())
        except json.JSONDecodeError:
            continue
        if isinstance(value, dict) and ("properties" in value or value.get("type") in ("object", "array")):
            return value
    return None
