"""The controls of OpenDocument forms: what is typed, ticked or chosen in them, and what stands on them."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from glm_mcp.media.documents.common.choices import others
from glm_mcp.media.documents.zip_xml import attribute, local

_TICKED = ("checkbox", "radio")


def controls(tree: ET.Element) -> dict[str, str]:
    """What each control shows, by its number."""
    return {
        attribute(control, "id"): shown(control)
        for forms in tree.iter()
        if local(forms) == "forms"
        for control in forms.iter()
        if attribute(control, "id")
    }


def shown(control: ET.Element) -> str:
    kind, label = local(control), " ".join(attribute(control, "label").split())
    if kind in _TICKED:
        state = attribute(control, "current-state") or attribute(control, "state")
        chosen = attribute(control, "current-selected") or attribute(control, "selected")
        return f"[{'x' if state == 'checked' or chosen == 'true' else ' '}] {label}".rstrip()
    if kind == "listbox":
        entries = [e for e in control if local(e) == "option"]
        now = [e for e in entries if attribute(e, "current-selected") == "true"]
        usual = [e for e in entries if attribute(e, "selected") == "true"]
        chosen = ", ".join(attribute(e, "label") for e in now or usual)
        return chosen + others((attribute(e, "label") for e in entries), chosen)
    if kind in ("password", "hidden"):
        return ""
    typed = "\n".join("".join(e.itertext()) for e in control if local(e) == "p")
    text = attribute(control, "current-value") or typed or attribute(control, "value") or label
    return text + others((attribute(e, "label") for e in control if local(e) == "item"), text)
