"""Formulas of Office (OMML) in one line: (a)/(b), x^(2), x_(i), sqrt(x)."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from glm_mcp.media.documents.ooxml.package import descendants, tag
from glm_mcp.media.documents.zip_xml import attribute


def linear(node: ET.Element) -> str:
    """The formula below a node of any kind."""
    name = tag(node)
    if name in ("m:t", "a:t", "w:t"):
        return node.text or ""
    if name == "m:d":
        return _delimited(node)
    if name in ("m:m", "m:eqArr"):
        return _rows(node)
    parts = [(tag(child), linear(child)) for child in node]
    inner = dict(parts)
    base = inner.get("m:e", "")
    low, high = inner.get("m:sub", ""), inner.get("m:sup", "")
    match name:
        case "m:f":
            return f"({inner.get('m:num', '')})/({inner.get('m:den', '')})"
        case "m:sSup":
            return f"{base}^({high})"
        case "m:sSub":
            return f"{base}_({low})"
        case "m:sSubSup":
            return f"{base}_({low})^({high})"
        case "m:sPre":
            return f"_({low})^({high}){base}"
        case "m:rad":
            return f"root{{{inner['m:deg']}}}({base})" if inner.get("m:deg") else f"sqrt({base})"
        case "m:limLow" | "m:limUpp":
            return f"{base}{'_' if name == 'm:limLow' else '^'}({inner.get('m:lim', '')})"
        case "m:nary":
            limits = "".join(f"{mark}({limit})" for mark, limit in (("_", low), ("^", high)) if limit)
            return f"{_sign(node, '∫')}{limits} {base}"
        case "m:acc" | "m:bar":
            return base + ("\u0305" if name == "m:bar" else _sign(node, "\u0302"))
        case "m:func":
            words = inner.get("m:fName", "")
            return f"{words} {base}" if base[:1].isalnum() else f"{words}{base}"
    return "".join(text for _, text in parts)


def _sign(node: ET.Element, default: str) -> str:
    properties = next((e for e in node if tag(e).endswith("Pr")), None)
    sign = None if properties is None else next(descendants(properties, "m:chr"), None)
    return default if sign is None else attribute(sign, "val")


def _delimited(node: ET.Element) -> str:
    own = next((e for e in node if tag(e) == "m:dPr"), ())  # those within have theirs
    marks = {tag(e): attribute(e, "val") for e in own}
    inside = [linear(e) for e in node if tag(e) == "m:e"]
    separator = marks.get("m:sepChr", "|")
    return f"{marks.get('m:begChr', '(')}{separator.join(inside)}{marks.get('m:endChr', ')')}"


def _rows(node: ET.Element) -> str:
    """A matrix [a, b; c, d], or the lines of a system of equations."""
    if tag(node) == "m:eqArr":
        return "; ".join(linear(e) for e in node if tag(e) == "m:e")
    rows = (", ".join(linear(e) for e in row) for row in node if tag(row) == "m:mr")
    return f"[{'; '.join(rows)}]"
