"""Notes that Evernote and Yinxiang export (ENEX): each a web page in XML, and the files that it holds."""

from __future__ import annotations

import base64
import binascii
import hashlib
import html as markup
import re
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.charset import Decoded, declaration, decode
from glm_mcp.media.documents.common.shown import PagesShown, marked, why_shown
from glm_mcp.media.documents.containers.mail_pictures import is_picture
from glm_mcp.media.documents.html import html_markdown
from glm_mcp.media.documents.pages import LeftOut, one_text
from glm_mcp.media.documents.web.along import Along, PicturesAlong, pages_of, parts_of
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
_HELD = "held:"  # what stands before the number of a picture, as an address
_SIDE = re.compile(r'\b((?:width|height)="[\d.]{1,9}(?:px)?")')

_Files = dict[str, tuple[str, str, bytes]]  # title, kind and bytes, by the number that a page names


def notes_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Reads `params["pages"]` (parts). Raises UnsupportedMedia, InvalidRequest, MissingExtra (HTML in it)."""
    name, left_out = params["name"], LeftOut()
    decoded, found = _opened(file, params)
    notes = [decoded.note] if decoded.note else []
    if found is None:
        notes.append("the notes are damaged: here they are as they are written")
        return one_text("text", decoded.text, params.get("pages"), name, notes), []
    pictures = list[Along]()
    text = "\n\n".join(block for note in found[:_NOTES] for block in _blocks(note, name, left_out, pictures))
    if len(found) > _NOTES:
        left_out.add(f"notes beyond the first {_NOTES:,}", f"{len(found) - _NOTES:,} of {len(found):,}")
    _, shown = parts_of({1: pictures}, name, left_out, "the text")
    notes += [f"notes: {len(found)}", *left_out.notes()]
    facts = one_text("evernote", text, params.get("pages"), name, notes)
    return marked(facts, why_shown(text, shown[1])), []


def pictures_of_notes(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    """As of `pages_shown`. Raises UnsupportedMedia, MissingExtra."""
    file.seek(0)
    name, pictures = params["name"], list[Along]()
    for note in (_opened(file, params)[1] or [])[:_NOTES]:
        pictures += _pictures(note, _files(note), left_out)[1].counted()
    return pages_of({1: pictures}, "", name, left_out)


def _opened(file: BinaryIO, params: dict[str, Any]) -> tuple[Decoded, list[ET.Element] | None]:
    """The text, and the notes in it; None of damaged ones. Raises UnsupportedMedia."""
    data, name = file.read(), params["name"]
    decoded = decode(data, name, params.get("encoding"), declared=declaration(data))
    try:
        tree = xml(_HEAD.sub("", decoded.text, count=1).encode(), name)
    except UnsupportedMedia:
        return decoded, None
    return decoded, [e for e in tree if local(e) == "note"]


def _pictures(note: ET.Element, files: _Files, left_out: LeftOut) -> tuple[str, PicturesAlong]:
    """The page of a note, in which its pictures are pictures of a web page, and these."""
    along = PicturesAlong()
    for key, (title, kind, data) in files.items():
        if is_picture(kind, title):
            along.add(title, data, (f"{_HELD}{key}",))

    def shown(media: re.Match[str]) -> str:
        key, kind = _HASH.search(media[1]), _TYPE.search(media[1])
        number = key[1].lower() if key else ""
        title = files[number][0] if number in files else ""
        if number not in files:
            left_out.add("pictures and files that the file does not hold", _said(note, "title")[:100])
        if not (kind and kind[1].startswith("image/")):
            return f"[file: {title}]" if title else "[file]"
        sides = " ".join(_SIDE.findall(media[1]))
        return (
            f'<img src="{_HELD}{number}" alt="{markup.escape(title)}" {sides}>'
            if number in files
            else "[picture]"
        )

    page = _HEAD.sub("", _said(note, "content"), count=1)
    return along.page(_MEDIA.sub(shown, page)), along


def _blocks(note: ET.Element, name: str, left_out: LeftOut, pictures: list[Along]) -> list[str]:
    """What a note says. `pictures`: to which those that count are added."""
    files = _files(note)
    facts = [_DAY.sub(r"\1-\2-\3 \4:\5:\6 UTC", _said(note, "created")), _said(note, "author")]
    facts += [_said(note, "source-url"), ", ".join(f"#{tag.text}" for tag in note.iter("tag") if tag.text)]
    page, along = _pictures(note, files, left_out)
    pictures += along.counted()
    page = _TODO.sub(lambda todo: "☑ " if 'checked="true"' in todo[1] else "☐ ", page)
    page = _ITEM.sub(lambda item: f"<li>{item[2] or ''}{'☑' if item[1] == 'true' else '☐'} ", page)
    page = _CLOSE.sub("", _LOCKED.sub("[encrypted text]", page))
    blocks = [f"## {_said(note, 'title') or '(without a title)'}", " · ".join(filter(None, facts))]
    blocks.append(html_markdown(page, what="reading notes", along=along.marks) if page.strip() else "")
    blocks += [
        f"- {'☑' if _said(task, 'taskStatus') == 'completed' else '☐'} {_said(task, 'title')}"
        for task in note.iter("task")
    ]
    for title, kind, data in files.values():
        if is_secret_within(title):
            left_out.add("files that hold secrets, by their names", title)
            continue
        try:
            words = decode(data, title).text if _TEXT.search(title) and len(data) < _LONG else ""
        except UnsupportedMedia:
            words = ""
        blocks += [f"### {title}", words] if words else []
        if not words and not is_picture(kind, title):
            left_out.add("files in notes", title or name)
    return [block for block in blocks if block]


def _files(note: ET.Element) -> _Files:
    return {key: (title, kind, data) for key, title, kind, data in map(_file, note.iter("resource"))}


def _file(resource: ET.Element) -> tuple[str, str, str, bytes]:
    """The number by which a page names it, what it is called, its kind, and its bytes; none of what is damaged."""
    try:
        data = base64.b64decode(_said(resource, "data"))
    except (binascii.Error, ValueError):
        data = b""
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return digest, one_line(_said(resource, "file-name")), _said(resource, "mime"), data


def _said(element: ET.Element, name: str) -> str:
    return next(((e.text or "").strip() for e in element.iter() if local(e) == name), "")
