"""CSS colours of every space into the rgb() that the renderer knows. Matrices are those of CSS Color 4, §17."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinycss2 import color4

Triple = tuple[float, float, float]
_Matrix = tuple[Triple, Triple, Triple]

_TO_XYZ: dict[str, _Matrix] = {  # from linear light; XYZ for D65
    "srgb": (
        (0.41239079926595934, 0.357584339383878, 0.1804807884018343),
        (0.21263900587151027, 0.715168678767756, 0.07219231536073371),
        (0.01933081871559182, 0.11919477979462598, 0.9505321522496607),
    ),
    "display-p3": (
        (0.4865709486482162, 0.26566769316909306, 0.1982172852343625),
        (0.2289745640697488, 0.6917385218365064, 0.079286914093745),
        (0.0, 0.04511338185890264, 1.043944368900976),
    ),
}
_XYZ_TO_LINEAR: _Matrix = (
    (3.2409699419045226, -1.537383177570094, -0.4986107602930034),
    (-0.9692436362808796, 1.8759675015077202, 0.04155505740717559),
    (0.05563007969699366, -0.20397695888897652, 1.0569715142428786),
)
_D50_TO_D65: _Matrix = (
    (0.955473421488075, -0.02309845494876471, 0.06325924320057072),
    (-0.0283697093338637, 1.0099953980813041, 0.021041441191917323),
    (0.012314014864481998, -0.020507649298898964, 1.330365926242124),
)
_D65_TO_D50: _Matrix = (
    (1.0479297925449969, 0.022946870601609652, -0.05019226628920524),
    (0.02962780877005599, 0.9904344267538799, -0.017073799063418826),
    (-0.009243040646204504, 0.015055191490298152, 0.7518742814281371),
)
_XYZ_TO_LMS: _Matrix = (
    (0.819022437996703, 0.3619062600528904, -0.1288737815209879),
    (0.0329836539323885, 0.9292868615863434, 0.0361446663506424),
    (0.0481771893596242, 0.2642395317527308, 0.6335478284694309),
)
_LMS_TO_OKLAB: _Matrix = (
    (0.210454268309314, 0.7936177747023054, -0.0040720430116193),
    (1.9779985324311684, -2.4285922420485799, 0.450593709617411),
    (0.0259040424655478, 0.7827717124575296, -0.8086757549230774),
)
# The space whose second and third value are an angle and a distance.
_POLAR = {"oklch": "oklab", "lch": "lab"}


@dataclass(frozen=True, slots=True)
class Rgba:
    """sRGB, each from 0 to 1; red, green and blue may lie outside until they are written."""

    rgb: Triple
    alpha: float = 1.0

    def css(self) -> str:
        red, green, blue = (round(255 * min(1.0, max(0.0, v))) for v in self.rgb)
        if self.alpha >= 1:
            return f"rgb({red},{green},{blue})"
        return f"rgba({red},{green},{blue},{self.alpha:.4g})"


def parse(token: Any) -> Rgba | None:
    """A colour of CSS Color 4 from a tinycss2 token; None for what is none, currentcolor and the rarest spaces."""
    try:
        color = color4.parse_color(token)
    except (ValueError, TypeError, ZeroDivisionError):  # arguments that are no colour's
        return None
    if not isinstance(color, color4.Color):
        return None
    rgb = _to_rgb(color)
    return Rgba(rgb, color.alpha) if rgb is not None and all(map(math.isfinite, rgb)) else None


def _to_rgb(color: color4.Color) -> Triple | None:
    a, b, c = (v or 0.0 for v in color.coordinates)
    match color.space:
        case "srgb":
            return a, b, c
        case "hsl" | "hwb":
            return _triple(color.to("srgb").coordinates)
        case "srgb-linear":
            return _encoded((a, b, c))
        case "display-p3":
            return _from_xyz(_times(_TO_XYZ["display-p3"], _linear((a, b, c))))
        case "oklab" | "oklch":
            return _from_xyz(_triple(color.to("xyz-d65").coordinates))
        case "lab" | "lch":
            return _from_xyz(_times(_D50_TO_D65, _triple(color.to("xyz-d50").coordinates)))
        case "xyz-d65":
            return _from_xyz((a, b, c))
        case "xyz-d50":
            return _from_xyz(_times(_D50_TO_D65, (a, b, c)))
    return None


def mix(first: Rgba, second: Rgba, share: float, alpha: float, space: str) -> Rgba | None:
    """color-mix(): `share` of the second; `alpha` of the whole, for percentages that do not reach 100. Hues take the
    shorter way. None for a space that is not known.
    """
    if space not in {"srgb", "srgb-linear", "hsl", "oklab", "oklch", "lab", "lch", "xyz", "xyz-d65"}:
        return None
    a, b = _in_space(first.rgb, space), _in_space(second.rgb, space)
    hue = {"hsl": 0, "oklch": 2, "lch": 2}.get(space)
    mixed_alpha = first.alpha * (1 - share) + second.alpha * share
    mixed = []
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        if i == hue:
            mixed.append((x + ((y - x + 180) % 360 - 180) * share) % 360)
        else:
            weighed = x * first.alpha * (1 - share) + y * second.alpha * share
            mixed.append(weighed / mixed_alpha if mixed_alpha else 0.0)
    known = color4.Color("xyz-d65" if space == "xyz" else space, mixed, 1)
    rgb = _to_rgb(known)
    return Rgba(rgb, mixed_alpha * alpha) if rgb is not None else None


def _in_space(rgb: Triple, space: str) -> Triple:
    if space == "srgb":
        return rgb
    if space == "hsl":
        hue, light, saturation = colorsys.rgb_to_hls(*(min(1.0, max(0.0, v)) for v in rgb))
        return hue * 360, saturation * 100, light * 100
    linear = _linear(rgb)
    if space == "srgb-linear":
        return linear
    xyz = _times(_TO_XYZ["srgb"], linear)
    if space.startswith("xyz"):
        return xyz
    if space in _POLAR:
        light, x, y = _in_space(rgb, _POLAR[space])
        return light, math.hypot(x, y), math.degrees(math.atan2(y, x)) % 360
    if space == "lab":
        return _triple(color4.Color("xyz-d50", _times(_D65_TO_D50, xyz), 1).to("lab").coordinates)
    return _times(_LMS_TO_OKLAB, _triple([math.cbrt(v) for v in _times(_XYZ_TO_LMS, xyz)]))


def _from_xyz(xyz: Triple) -> Triple:
    return _encoded(_times(_XYZ_TO_LINEAR, xyz))


def _times(matrix: _Matrix, vector: Triple) -> Triple:
    return _triple([sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix])


def _encoded(linear: Triple) -> Triple:
    """With the gamma of sRGB, which display-p3 shares."""
    return _triple(
        [
            math.copysign(1.055 * abs(v) ** (1 / 2.4) - 0.055, v) if abs(v) > 0.0031308 else 12.92 * v
            for v in linear
        ]
    )


def _linear(encoded: Triple) -> Triple:
    return _triple(
        [
            math.copysign(((abs(v) + 0.055) / 1.055) ** 2.4, v) if abs(v) > 0.04045 else v / 12.92
            for v in encoded
        ]
    )


def _triple(values: Sequence[float | None]) -> Triple:
    a, b, c = (v or 0.0 for v in values)
    return a, b, c
