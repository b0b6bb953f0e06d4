"""Whether a drawing holds CSS that must be worked out, and what of it is lost."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

COLORS = frozenset(("fill", "stroke", "color", "stop-color", "flood-color", "lighting-color"))
# What shows; a function that is not known anywhere else (animation, cursor …) is not missed.
DRAWN = COLORS | frozenset(
    "opacity fill-opacity stroke-opacity stop-opacity flood-opacity clip-path mask filter stroke-width stroke-dasharray "
    "stroke-dashoffset font-size letter-spacing transform x y width height r rx ry cx cy d".split()
)
# An attribute or inline style with none of these is left as it is.
MODERN = re.compile(
    r"(?<![\w-])(?!url\(|rgb\(\s*\d+\s*,\s*\d+\s*,\s*\d+\s*\))[\w-]+\("
    r"|--|rebeccapurple|canvas|linktext|graytext|buttonface|buttontext",
    re.IGNORECASE,
)
NEEDS_ATTRIBUTE = re.compile(r"(?:^|[;\s])(?:transform|x|y|width|height|r|rx|ry|cx|cy|d)\s*:", re.IGNORECASE)
_SAID = 3  # declarations named in a note


@dataclass(slots=True)
class Losses:
    """What could not be made of the CSS: `values` as "property: value"; `imports`: style sheets of other files."""

    values: dict[str, None] = field(default_factory=dict)  # in the order in which they were met, once each
    imports: int = 0

    def note(self) -> str:
        """Empty when nothing is lost."""
        named = [*self.values][:_SAID]
        if len(self.values) > _SAID:
            named.append(f"{len(self.values) - _SAID} more")
        if self.imports:
            named.append(
                "an imported style sheet" if self.imports == 1 else f"{self.imports} imported style sheets"
            )
        return f"CSS not drawn: {', '.join(named)}" if named else ""


def has_css(root: Element) -> bool:
    """Whether the renderer, left alone, may draw something else than a browser."""
    for element in root.iter():
        if str(element.tag).endswith("style"):
            return True
        inline = element.get("style")
        if inline and (MODERN.search(inline) or NEEDS_ATTRIBUTE.search(inline)):
            return True
        if any(
            name in DRAWN and name != "transform" and MODERN.search(value) for name, value in element.items()
        ):
            return True
    return False
