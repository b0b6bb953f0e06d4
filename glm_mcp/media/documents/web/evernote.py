"""Notes that Evernote and Yinxiang export (ENEX): each a web page in XML, and the files that it holds."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.charset import declaration, decode
from glm_mcp.media.documents.html import html_markdown
from glm_mcp.media.documents.pages import LeftOut, one_text
from glm_mcp.media.documents.zip_xml import local, xml
from glm_mcp.secret_paths import is_secret_within
from glm_mcp.text import one_line

_HEAD = re.compile(r"^\s*(?:<\?xml[^>]*\?>\s*)?(?:<!DOCTYPE[^>]*>)?")
# Of one that does not end no more is looked at than to the next.
_TODO = re.compile(r"<en-todo\b([^<>]*)>")
_ITEM = re.compile(r"<li\b[^<>]*--en-checked:\s*(true|false)[^<>]*>(\s*<div[^<>]*>)?")
_MEDIA = re.compile(r"<en-media\b([^<>]*)>")
_LOCKED = re.compile(r"<en-crypt\b[^<>]*>(?:[^<]*</en-crypt>)?")
_CLOSE = re.compile(r"</en-(?:todo|media)>")
_HASH, _TYPE = re.compile(r'hash="(\w+)"'), re.compile(r'type="([^"]+)"')
_TEXT = re.compile(r"\.(?:md|markdown|txt|csv|log)\Z", re.IGNORECASE)
_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z")
_NOTES = 5_000
_LONG = 1_000_000  # bytes of a text among the files


def notes_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Reads `params["pages"]` (parts). Raises UnsupportedMedia, InvalidRequest, MissingExtra (HTML in it)."""
    data, name = file.read(), params["name"]
    decoded = decode(data, name, params.get("encoding"), declared=declaration(data))
    left_out, notes = LeftOut(), [decoded.note] if decoded.note else []
    try:
        found = [e for e in xml(_HEAD.sub("", decoded.text, count=1).encode(), name) if local(e) == "note"]
    except UnsupportedMedia:
        notes.append("the notes are damaged: here they are as they are written")
        return one_text("text", decoded.text, params.get("pages"), name, notes), []
    blocks = [block for note in found[:_NOTES] for block in _blocks(note, name, left_out)]
    if len(found) > _NOTES:
        left_out.add(f"notes beyond the first {_NOTES:,}", f"{len(found) - _NOTES:,} of {len(found):,}")
    notes += [f"notes: {len(found)}", *left_out.notes()]
    return one_text("evernote", "\n\n".join(blocks), params.get("pages"), name, notes), []


def _blocks(note: ET.Element, name: str, left_out: LeftOut) -> list[str]:
    files = {key: (title, data) for key, title, data in map(_file, note.iter("resource"))}
    facts = [_DAY.sub(r"\1-\2-\3 \4:\5:\6 UTC", _said(note, "created")), _said(note, "author")]
    facts += [_said(note, "source-url"), ", ".join(f"#{tag.text}" for tag in note.iter("tag") if tag.text)]

    def shown(media: re.Match[str]) -> str:
        key, kind = _HASH.search(media[1]), _TYPE.search(media[1])
        title = files.get(key[1].lower(), ("", b""))[0] if key else ""
        what = "picture" if kind and kind[1].startswith("image/") else "file"
        return f"[{what}: {title}]" if title else f"[{what}]"

    page = _HEAD.sub("", _said(note, "content"), count=1)
    page = _TODO.sub(lambda todo: "☑ " if 'checked="true"' in todo[1] else "☐ ", _MEDIA.sub(shown, page))
    page = _ITEM.sub(lambda item: f"<li>{item[2] or ''}{'☑' if item[1] == 'true' else '☐'} ", page)
    page = _CLOSE.sub("", _LOCKED.sub("[encrypted text]", page))
    blocks = [f"## {_said(note, 'title') or '(without a title)'}", " · ".join(filter(None, facts))]
    blocks.append(html_markdown(page, what="reading notes") if page.strip() else "")
    blocks += [
        f"- {'☑' if _said(task, 'taskStatus') == 'completed' else '☐'} {_said(task, 'title')}"
        for task in note.iter("task")
    ]
    for title, data in files.values():
        if is_secret_within(title):
            left_out.add("files that hold secrets, by their names", title)
            continue
        try:
            words = decode(data, title).text if _TEXT.search(title) and len(data) < _LONG else ""
        except UnsupportedMedia:
            words = ""
        blocks += [f"### {title}", words] if words else []
        if not words:
            left_out.add("files in notes", title or name)
    return [block for block in blocks if block]


def _file(resource: ET.Element) -> tuple[str, str, bytes]:
    """The number by which a page names it, what it is called, and its bytes; none of what is damaged."""
    try:
        data = base64.b64decode(_said(resource, "data"))
    except (binascii.Error, ValueError):
        data = b""
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return digest, one_line(_said(resource, "file-name")), data


def _said(element: ET.Element, name: str) -> str:
    return next(((e.text or "").strip() for e in element.iter() if local(e) == name), "")
