"""CSS values: var(), light-dark(), color-mix(), calc() and colours of every space into what the renderer knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinycss2 import ast, serialize

from glm_mcp.media.images.svg import arithmetic, colors
from glm_mcp.media.images.svg.colors import Rgba
from glm_mcp.media.images.svg.tokens import Tokens, Unknown, function, one, parsed, parts, significant

_MAX_TOKENS = 2_000  # of one value, however its variables multiply it
_MAX_DEPTH = 50  # variables within variables
_COLOR_FUNCTIONS = frozenset(
    ("rgb", "rgba", "hsl", "hsla", "hwb", "lab", "lch", "oklab", "oklch", "color", "color-mix", "light-dark")
)
_KNOWN_FUNCTIONS = frozenset(
    "url matrix translate translatex translatey scale scalex scaley rotate skewx skewy blur brightness contrast "
    "drop-shadow grayscale hue-rotate invert opacity saturate sepia path".split()
)
# Colours by name that the renderer does not have; of the system's, those of a light page.
_NAMED = {
    "rebeccapurple": "rgb(102,51,153)",
    "canvas": "#fff",
    "canvastext": "#000",
    "field": "#fff",
    "linktext": "rgb(0,0,238)",
    "graytext": "#808080",
    "buttonface": "#efefef",
    "buttontext": "#000",
}


class _TooMuch(Unknown):
    """A value whose variables multiply it without end."""


def substituted(tokens: Tokens, custom: Mapping[str, Tokens]) -> list[Any]:
    """With every var() replaced. Raises Unknown for one that has no value, or is made of itself."""
    return _Substitution(custom).of(tokens, ())


class _Substitution:
    def __init__(self, custom: Mapping[str, Tokens]) -> None:
        self.custom = custom
        self.left = _MAX_TOKENS

    def of(self, tokens: Tokens, within: tuple[str, ...]) -> list[Any]:
        """`within`: the variables that are being replaced."""
        made: list[Any] = []
        for token in tokens:
            self.left -= 1
            if self.left < 0 or len(within) > _MAX_DEPTH:
                raise _TooMuch
            if token.type == "function" and token.lower_name == "var":
                made += self._variable(token.arguments, within)
            elif token.type == "function":
                made.append(function(token.name, self.of(token.arguments, within)))
            elif token.type == "() block":
                made.append(ast.ParenthesesBlock(1, 1, self.of(token.content, within)))
            else:
                made.append(token)
        return made

    def _variable(self, arguments: Tokens, within: tuple[str, ...]) -> list[Any]:
        comma = next((i for i, t in enumerate(arguments) if t == ","), None)
        name = [t.value for t in significant(arguments[:comma]) if t.type == "ident"]
        if len(name) != 1:
            raise Unknown
        value = None if name[0] in within else self.custom.get(name[0])
        if value is not None:
            try:
                return self.of(value, (*within, name[0]))
            except _TooMuch:
                raise
            except Unknown:
                if comma is None:
                    raise
        if comma is None:
            raise Unknown
        return self.of(arguments[comma + 1 :], within)


def text_of(tokens: Tokens) -> str:
    """As the renderer reads it. Raises Unknown, which names the function that cannot be had."""
    return "".join(_token_text(token) for token in tokens).strip()


def color_text(tokens: Tokens) -> str:
    """As `text_of`, of a property that is a colour: some names are none to the renderer."""
    return "".join(
        _NAMED.get(t.lower_value, t.value) if t.type == "ident" else _token_text(t) for t in tokens
    ).strip()


def _token_text(token: Any) -> str:
    if token.type == "comment":
        return ""
    if token.type != "function":
        return str(token.serialize())
    name = token.lower_name
    if name in _COLOR_FUNCTIONS:
        return color_of(token).css()
    if name in arithmetic.FUNCTIONS:
        return arithmetic.written(arithmetic.calculated(token))
    if name not in _KNOWN_FUNCTIONS:
        raise Unknown(name)
    return f"{token.name}({text_of(token.arguments)})"


# ── Colours ─────────────────────────────────────────────────────────────────────────────────────────────────────


def color_of(token: Any) -> Rgba:
    """Raises Unknown."""
    if token.type == "ident" and token.lower_value in _NAMED:
        return color_of(one(_NAMED[token.lower_value]))
    if token.type == "function":
        if token.lower_name == "light-dark":  # drawn on a light page
            return color_of(one(parts(token.arguments)[0]))
        if token.lower_name == "color-mix":
            return _mixed(parts(token.arguments))
        token = function(token.name, [arithmetic.calculable(t) for t in token.arguments])
    color = colors.parse(token)
    if color is None:
        raise Unknown(serialize([token]))
    return color


def _mixed(parts: list[list[Any]]) -> Rgba:
    """color-mix(in SPACE, COLOUR [PERCENT], COLOUR [PERCENT])."""
    if len(parts) == 2:  # the space may be left out
        parts = [[*parsed("in oklab")], *parts]
    method = [t.lower_value for t in significant(parts[0]) if t.type == "ident"]
    if (
        len(parts) != 3
        or len(method) not in {2, 4}
        or method[0] != "in"
        or method[2:] not in ([], ["shorter", "hue"])
    ):
        raise Unknown("color-mix")
    first, second = (_weighed(part) for part in parts[1:])
    one, two = first[1], second[1]
    if one is None:
        one = 0.5 if two is None else 1 - two
    if two is None:
        two = 1 - one
    if one + two <= 0:
        raise Unknown("color-mix")
    mixed = colors.mix(first[0], second[0], two / (one + two), min(1.0, one + two), method[1])
    if mixed is None:
        raise Unknown("color-mix")
    return mixed


def _weighed(part: Tokens) -> tuple[Rgba, float | None]:
    tokens = significant(part)
    shares = [t.value / 100 for t in tokens if t.type == "percentage"]
    return color_of(one([t for t in tokens if t.type != "percentage"])), shares[0] if shares else None
