"""Text from right to left, as Arabic and Hebrew drawings have it: it begins at its right end, which the renderer, knowing no
directions, takes for its left.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

_OTHER_END = {"start": "end", "middle": "middle", "end": "start"}
_SAID = {
    name: re.compile(rf"(?:^|;)\s*{name}\s*:\s*([a-z]+)", re.IGNORECASE)
    for name in ("direction", "text-anchor")
}


def settle(root: ET.Element) -> None:
    """Anchors all text from right to left at the other end."""
    waiting = [(root, "ltr", "start", False)]
    while waiting:
        element, direction, anchor, inside = waiting.pop()
        own = _said(element, "text-anchor")
        direction, anchor = _said(element, "direction") or direction, own or anchor
        is_text = str(element.tag).rpartition("}")[2] == "text"
        if direction == "rtl" and (is_text or (inside and own)) and anchor in _OTHER_END:
            style = element.get("style", "").rstrip("; ")
            element.set("style", f"{style};text-anchor:{_OTHER_END[anchor]}".lstrip(";"))
        waiting += [(child, direction, anchor, inside or is_text) for child in element]


def _said(element: ET.Element, name: str) -> str:
    found = _SAID[name].findall(element.get("style", ""))
    return str(found[-1] if found else element.get(name, "")).strip().lower()
