"""Fields of Word, as DOCX, DOC and RTF have them: where they lead, and what they show of their instruction."""

from __future__ import annotations

import re

_LINK = re.compile(r'\s*HYPERLINK\s+(?!\\l)"?([^"\s]+)')
_PROMPT = re.compile(r"\s*MACROBUTTON\s+\S+\s+(.+)", re.DOTALL)
_READING = re.compile(r"\\s\\up\s*\d+\s*\((.*?)\),(.*?)\)\s*$", re.DOTALL)
_RINGED = re.compile(r"\\o\\ac\s*\(\s*\S\s*[,;]\s*([^,;()]+)\)\s*$")


def address(instruction: str) -> str:
    """Where a field leads; "" for one that leads nowhere else."""
    link = _LINK.match(instruction)
    return link[1] if link else ""


def shown_without_result(instruction: str) -> str:
    """What a field shows whose result the file leaves empty: a place to fill in, a formula of the older
    kind, a word with its reading above it, a sign in a ring.
    """
    if prompt := _PROMPT.match(instruction):
        return prompt[1].strip()
    if not re.match(r"\s*EQ\b", instruction, re.IGNORECASE):
        return ""
    if ringed := _RINGED.search(instruction):
        return f"({ringed[1].strip()})"
    reading = _READING.search(instruction)
    return f"{reading[2]}({reading[1]})" if reading else f"[formula: {instruction.strip()}]"
