"""calc(), min(), max() and clamp() of CSS, where the units agree."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from glm_mcp.media.images.svg.tokens import Unknown, one, parts, significant

_PX = {"px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
Quantity = tuple[float, str]  # a value and its unit: "", "px", "%", "deg", "em" …
_SIGNS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
FUNCTIONS = frozenset(("calc", "min", "max", "clamp"))


def calculable(token: Any) -> Any:
    """calc() inside of a colour as the number that it is."""
    if token.type == "function" and token.lower_name in FUNCTIONS:
        return one(written(calculated(token)))
    return token


def written(quantity: Quantity) -> str:
    return f"{quantity[0]:.6g}{quantity[1]}"


def calculated(token: Any) -> Quantity:
    """calc(), min(), max(), clamp() where the units agree. Raises Unknown."""
    values = [_sum(significant(part)) for part in parts(token.arguments)]
    units = {unit for value, unit in values if value}
    if len(units) > 1 or (token.lower_name == "calc" and len(values) != 1):
        raise Unknown(token.lower_name)
    numbers, unit = [value for value, _ in values], units.pop() if units else values[0][1]
    if token.lower_name == "clamp" and len(numbers) == 3:
        return max(numbers[0], min(numbers[1], numbers[2])), unit
    return (max(numbers) if token.lower_name == "max" else min(numbers)), unit


def _sum(tokens: list[Any]) -> Quantity:
    """Left to right, products first."""
    terms: list[tuple[str, Quantity]] = []
    sign = "+"
    for i, token in enumerate(tokens):
        if i % 2:
            if token.type != "literal" or token.value not in _SIGNS:
                raise Unknown("calc")
            sign = token.value
        elif sign in "*/" and terms:
            terms[-1] = (terms[-1][0], _combined(terms[-1][1], sign, quantity(token)))
        else:
            terms.append((sign, quantity(token)))
    if not terms or not len(tokens) % 2:
        raise Unknown("calc")
    total: Quantity = 0.0, terms[0][1][1]
    for sign, term in terms:
        total = _combined(total, sign, term)
    return total


def _combined(a: Quantity, sign: str, b: Quantity) -> Quantity:
    alike = a[1] == b[1] if sign in "+-" else not b[1] or (sign == "*" and not a[1])
    if not alike or (sign == "/" and not b[0]):
        raise Unknown("calc")
    return _SIGNS[sign](a[0], b[0]), a[1] or b[1]


def quantity(token: Any) -> Quantity:
    if token.type == "number":
        return token.value, ""
    if token.type == "percentage":
        return token.value, "%"
    if token.type == "dimension":
        unit = token.lower_unit
        return (token.value * _PX[unit], "px") if unit in _PX else (token.value, unit)
    if token.type == "() block":
        return _sum(significant(token.content))
    if token.type == "function" and token.lower_name in FUNCTIONS:
        return calculated(token)
    raise Unknown("calc")
