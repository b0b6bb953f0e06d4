"""Elements of a DOCX, made for a reader of it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def w(tag: str, *inside: ET.Element, **attributes: object) -> ET.Element:
    """Of Word's own names, as are those of its attributes."""
    element = ET.Element(f"{{{_W}}}{tag}", {f"{{{_W}}}{k}": str(v) for k, v in attributes.items()})
    element.extend(inside)
    return element
