"""The fields of a PDF form and what stands in them."""

from __future__ import annotations

from typing import Any

from glm_mcp.media.documents.common.choices import others


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
