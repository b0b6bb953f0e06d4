"""What the rules of cells say to whoever fills them in: a hint, the entries to choose from, and what is said to a
wrong one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.sheets.beside import comment_line
from glm_mcp.media.documents.sheets.biff import Record, Texts
from glm_mcp.media.documents.sheets.grid import range_name
from glm_mcp.media.documents.zip_xml import attribute, local
from glm_mcp.text import unescaped

_RULE = re.compile(rb"<(?:\w{1,20}:)?dataValidation\s([^>]{1,5000})>")
_ATTRIBUTE = re.compile(rb"\b(\w{1,30})=[\"']([^\"']*)[\"']")
_INNER = 5_000  # bytes of the elements of one rule
_LISTED = re.compile(rb'formula1>(?:<xm:f>)?\s*(?:"|&quot;)([^<]{0,2000}?)(?:"|&quot;)\s*</')
_PLACE = re.compile(rb"sqref>([^<]{1,200})<")  # of the newer form
_CONDITION = 10_000  # characters
_IN_LIST = re.compile(r'is-in-list\(((?:[^"()]|"[^"]*"){0,5000})\)')
_LIST, _WRITTEN = 3, 0x80  # kind of a rule in XLS; flag of entries that the rule itself holds
_TEXT = 0x17  # a formula that is a text


def rule_said(at: str, hint: tuple[str, str], choices: list[str], error: tuple[str, str]) -> Iterator[str]:
    for what, parts in (("hint", hint), ("error", error)):
        if words := ": ".join(filter(None, (" ".join(part.split()) for part in parts))):
            yield comment_line(at, what, words)
        if what == "hint" and (entries := [e for c in choices if (e := " ".join(c.split()))]):
            yield comment_line(at, "choices", ", ".join(entries))


def rules_on(data: bytes) -> Iterator[str]:
    """Of a sheet of an XLSX, by its bytes."""
    rules = list(_RULE.finditer(data))
    ends = [*(rule.start() for rule in rules[1:]), len(data)]
    for rule, end in zip(rules, ends, strict=False):
        given: dict[bytes, bytes] = dict(_ATTRIBUTE.findall(rule[1]))
        inner = (
            b""
            if rule[1].endswith(b"/")
            else data[rule.end() : min(end, rule.end() + _INNER)].partition(b"dataValidation>")[0]
        )
        place_of = _PLACE.search(inner)
        title, words, wrong, error = (
            unescaped(given.get(n, b"").decode("utf-8", "replace"))
            for n in (b"promptTitle", b"prompt", b"errorTitle", b"error")
        )
        listed = _LISTED.match(inner, max(inner.find(b"formula1>"), 0))
        choices = unescaped(listed[1].decode("utf-8", "replace")).split(",") if listed else []
        at = given.get(b"sqref", place_of[1] if place_of else b"").decode("ascii", "replace")
        yield from rule_said(at, (title, words), choices, (wrong, error))


def rule_lines(rule: ET.Element, at: str) -> Iterator[str]:
    """Of a sheet of an ODS, by the element of one rule and the first of its cells."""
    said = {local(e): (attribute(e, "title"), " ".join("".join(p.itertext()) for p in e)) for e in rule}
    listed = _IN_LIST.search(attribute(rule, "condition")[:_CONDITION])
    choices = re.findall(r'"([^"]*)"', listed[1]) if listed else []
    yield from rule_said(at, said.get("help-message", ("", "")), choices, said.get("error-message", ("", "")))


def rule_in(record: Record) -> Iterator[str]:
    """Of a sheet of an XLS, by the record of one rule ([MS-XLS] 2.4.90). Raises struct.error."""
    texts = Texts(record.parts)
    (flags,) = struct.unpack("<I", texts.take(4))
    title, wrong, words, error = (texts.text().strip("\0") for _ in range(4))
    formulas = []
    for _ in range(2):
        length, _unused = struct.unpack("<HH", texts.take(4))
        formulas.append(texts.take(length))
    (count,) = struct.unpack("<H", texts.take(2))
    top, low, left, far = struct.unpack("<4H", texts.take(8)) if count else (0, 0, 0, 0)
    at = range_name((top, left, low, far))
    choices: list[str] = []
    if flags & 0xF == _LIST and flags & _WRITTEN and formulas[0][:1] == bytes([_TEXT]):
        choices = Texts([formulas[0][2:]]).text(formulas[0][1]).split("\0")
    yield from rule_said(at, (title, words), choices, (wrong, error))
