"""The fields of a PDF form and what stands in them; and forms of Adobe LiveCycle (XFA), whose pages only Adobe's programs
draw: what was filled in, out of their data.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

from glm_mcp.media.documents.common.choices import others
from glm_mcp.text import unescaped

_DRAWN_ELSEWHERE = 2  # the parser's number for a form whose pages in the file merely say so
_DATA = re.compile(r"<xfa:data(?:\s[^<>]{0,2000})?>")
_LEAF = re.compile(r"<([\w.-]{1,100})(?:\s[^<>]{0,500})?>([^<>]*+)</\1\s*>")
_FIELDS, _LONGEST = 2_000, 2_000  # of one form; characters of one value


def form_block(page: Any) -> str:
    """The page's form fields with their values; radio buttons of one name are one field."""
    values: dict[str, str] = {}
    for field in page.form_fields or ():
        title = field.alternate_name or field.name
        if not title or field.type in ("pushbutton", "signature", "unknown"):
            continue
        if field.type == "checkbox":
            value = "[x]" if field.checked else "[ ]"
        elif field.type == "radio":
            value = (field.export_value or "chosen") if field.checked else values.get(title, "")
        else:
            value = ", ".join(field.selected_options) or field.value or ""
            value = (value or "(empty)") + others(field.options, value)
        values[title] = " ".join(value.split())
    rows = [f"- {title}: {value or '(empty)'}" for title, value in values.items()]
    return "\n".join(["Form fields:", "", *rows]) if rows else ""


def is_xfa(parsed: Any) -> bool:
    """Whether what the file has as pages stands in for a form drawn elsewhere."""
    return bool(parsed.form_type == _DRAWN_ELSEWHERE and parsed.xfa_packets)


def xfa_notes(parsed: Any) -> list[str]:
    """What a careful reader must know of such a form."""
    if not is_xfa(parsed):
        return []
    return [
        "the PDF is an XFA form: what was filled in is given, not what it asks; print it to a new PDF in Acrobat"
    ]


def xfa_block(parsed: Any) -> str:
    """What was filled in, a line for each field."""
    data = "".join(packet.content or "" for packet in parsed.xfa_packets if packet.name == "datasets")
    rows = [f"- {name}: {value[:_LONGEST]}" for name, value in itertools.islice(_values(data), _FIELDS)]
    return "\n".join(["Form fields:", "", *rows]) if rows else ""


def _values(data: str) -> Iterator[tuple[str, str]]:
    """As they are written: beside them there may be lists to choose from, with ampersands as no XML has them."""
    start = _DATA.search(data)
    held = data[start.end() :].partition("</xfa:data>")[0] if start else ""
    for name, text in _LEAF.findall(held):
        value = " ".join(unescaped(text).split())
        if value:
            yield name, value
