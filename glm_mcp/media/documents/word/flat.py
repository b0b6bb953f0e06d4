"""Word's documents that are one XML file, as the parts of a DOCX: packages laid flat, and those of 2003 (WordprocessingML),
which programs that fill in templates write under the name `.doc`.
"""

from __future__ import annotations

import base64
import binascii
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.about import Said, of_properties_2003
from glm_mcp.media.documents.word.made import w
from glm_mcp.media.documents.word.numbering import form_of
from glm_mcp.media.documents.zip_xml import archive_of, attribute, local, mended, xml

_OLD = "{http://schemas.microsoft.com/office/word/2003/wordml}"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_ANNOTATION = "{http://schemas.microsoft.com/aml/2001/core}annotation"
# Of what Word adds for readers, and around annotations.
_WRAPPERS = ("sect", "sub-section", "pBdrGroup", "content")
_NAMES = {"vmerge": "vMerge", "hmerge": "hMerge", "listPr": "numPr", "ilfo": "numId"}
_GONE = ("binData", "docOleData", "docSuppData", "shapeDefaults", "fonts")


def flat_package(data: bytes, name: str, encoding: str | None) -> tuple[zipfile.ZipFile, Said]:
    """The parts, and what the file says of itself beside them. Raises UnsupportedMedia, InvalidRequest (encoding)."""
    root = xml(mended(data, name, encoding), name)
    is_package = local(root) == "package"
    parts = dict(_of_package(root)) if is_package else _Of2003(root).parts
    said = (
        []
        if is_package
        else [s for e in root if local(e) == "DocumentProperties" for s in of_properties_2003(e)]
    )
    return zipfile.ZipFile(archive_of(parts)), said


def _of_package(root: ET.Element) -> Iterator[tuple[str, bytes]]:
    for part in root:
        content = next(iter(part), None)
        if content is None:
            continue
        if local(content) == "xmlData":
            data = b"".join(map(ET.tostring, content))
        else:
            try:
                data = base64.b64decode(content.text or "")
            except (binascii.Error, ValueError):
                data = b""
        yield attribute(part, "name").lstrip("/"), data


class _Of2003:
    def __init__(self, root: ET.Element) -> None:
        self._notes: dict[str, list[ET.Element]] = {"footnote": [], "endnote": [], "comment": []}
        self._heads: list[ET.Element] = []
        parts = {"document": w("document", *self._all([e for e in root if local(e) == "body"]))}
        for tag, path in (("styles", "styles"), ("lists", "numbering")):
            parts[path] = w(path, *(part for e in root if local(e) == tag for part in self._inside(e)))
        parts |= {f"{kind}s": w(f"{kind}s", *notes) for kind, notes in self._notes.items()}
        parts |= {f"{local(e)}{i}": e for i, e in enumerate(self._heads)}
        self.parts = {f"word/{path}.xml": ET.tostring(part) for path, part in parts.items()}

    def _all(self, elements: list[ET.Element]) -> list[ET.Element]:
        return [turned for e in elements for turned in self._turned(e)]

    def _inside(self, element: ET.Element) -> list[ET.Element]:
        return self._all(list(element))

    def _turned(self, element: ET.Element) -> list[ET.Element]:
        """The element as DOCX has it, its parts in its place, or nothing."""
        name = local(element)
        if element.tag == _ANNOTATION:
            return self._annotation(element)
        if name in _WRAPPERS:
            return self._inside(element)
        if not str(element.tag).startswith(_OLD):
            kept = ET.Element(element.tag, element.attrib)
            kept.text = element.text
            kept.extend(self._inside(element))
            return (
                []
                if str(element.tag).startswith("{http://schemas.microsoft.com/office/word/2003/aux")
                else [kept]
            )
        if name in self._notes:
            return [self._note(name, element)]
        if name == "hlink":
            return self._link(element)
        if name in ("hdr", "ftr"):
            self._heads.append(w({"hdr": "header", "ftr": "footer"}[name], *self._inside(element)))
            return []
        if name in ("listDef", "list"):
            return [self._list(name, element)]
        made = w(_NAMES.get(name, name), *([] if name in _GONE else self._inside(element)))
        made.attrib |= {_W + key.rpartition("}")[2]: value for key, value in element.attrib.items()}
        made.text = element.text
        return [made]

    def _note(self, kind: str, element: ET.Element, author: str = "") -> ET.Element:
        notes = self._notes[kind]
        number = str(len(notes))
        notes.append(w(kind, *self._inside(element), id=number, author=author))
        return w(f"{kind}Reference", id=number)

    def _annotation(self, element: ET.Element) -> list[ET.Element]:
        kind = attribute(element, "type")
        if kind == "Word.Comment":
            return [self._note("comment", element, attribute(element, "author"))]
        inside = self._inside(element)
        return [w("del", *inside)] if kind == "Word.Deletion" and inside else inside

    def _link(self, element: ET.Element) -> list[ET.Element]:
        """As a field, which needs no relationship."""
        code = w("instrText")
        code.text = f'HYPERLINK "{attribute(element, "dest")}"'
        begin, separate, end = (w("r", w("fldChar", fldCharType=t)) for t in ("begin", "separate", "end"))
        return [begin, w("r", code), separate, *self._inside(element), end] if attribute(element, "dest") else self._inside(element)  # fmt: skip

    def _list(self, name: str, element: ET.Element) -> ET.Element:
        if name == "list":
            means = next((attribute(e, "val") for e in element if local(e) == "ilst"), "")
            return w("num", w("abstractNumId", val=means), numId=attribute(element, "ilfo"))
        made = w("abstractNum", *self._inside(element), abstractNumId=attribute(element, "listDefId"))
        for form in made.iter(f"{_W}nfc"):
            form.tag = f"{_W}numFmt"
            form.set(f"{_W}val", form_of(attribute(form, "val")))
        if not any(local(e) == "numFmt" for e in made.iter()):
            for level in made.iter(f"{_W}lvl"):
                level.append(w("numFmt", val="decimal"))
        return made
