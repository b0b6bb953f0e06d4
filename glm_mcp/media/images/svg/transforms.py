"""CSS transforms as the attribute of that name, which has no units."""

from __future__ import annotations

import math
from typing import Any

from glm_mcp.media.images.svg.arithmetic import quantity
from glm_mcp.media.images.svg.tokens import Tokens, Unknown, one, parts, significant

_TURN = {"deg": 1.0, "turn": 360.0, "rad": 180 / math.pi, "grad": 0.9}


def transform_text(tokens: Tokens) -> str:
    """CSS `transform` as the attribute of that name, which has no units. Raises Unknown."""
    written = []
    for token in significant(tokens):
        if token.type == "ident" and token.lower_value == "none":
            continue
        if token.type != "function":
            raise Unknown
        numbers = [_plain_number(one(part)) for part in parts(token.arguments)]
        written.append(_transform(token.lower_name, numbers))
    return " ".join(written)


def _plain_number(token: Any) -> float:
    value, unit = quantity(token)
    if unit in _TURN:
        return value * _TURN[unit]
    if unit not in {"", "px"}:
        raise Unknown("transform")
    return value


def _transform(name: str, numbers: list[float]) -> str:
    first, *rest = numbers
    other = {"translatex": (first, 0), "translatey": (0, first), "scalex": (first, 1), "scaley": (1, first)}
    if name in other:
        name, numbers = name[:-1], list(other[name])
    elif name in {"translate3d", "scale3d"}:  # the third is depth, of which a drawing has none
        name, numbers = name[:-2], numbers[:2]
    elif name == "rotatez":
        name = "rotate"
    elif name == "translatez":
        return ""
    elif name == "skew":
        return f"skewX({first:g})" + (f" skewY({rest[0]:g})" if rest else "")
    elif name in {"skewx", "skewy"}:
        name = f"skew{name[-1].upper()}"
    if name not in {"matrix", "translate", "scale", "rotate", "skewX", "skewY"}:
        raise Unknown(name)
    return f"{name}({' '.join(f'{n:g}' for n in numbers)})"
