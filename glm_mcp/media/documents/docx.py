"""DOCX: by mammoth to HTML (lists, merged cells, footnotes), then to Markdown. What mammoth drops is rewritten first."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import GLMError, MissingExtra, UnsupportedMedia
from glm_mcp.media.documents.html import html_markdown
from glm_mcp.media.documents.pages import one_text
from glm_mcp.media.documents.zip_xml import attribute, local, member, open_zip, parse, refuse_entities_in, xml

_STYLES = "\n".join(
    [
        "p[style-name='Title'] => h1:fresh",
        "p[style-name='Subtitle'] => h2:fresh",
        *(f"p[style-name='标题 {n}'] => h{n}:fresh" for n in range(1, 7)),  # WPS Office in Chinese
        *(f"p[style-name='見出し {n}'] => h{n}:fresh" for n in range(1, 7)),
        "r[style-name='Code'] => code",
    ]
)
_COMMENTS = "\ncomment-reference => sup"
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_UNKNOWN = re.compile(rb"<(?:[\w.-]+:)?(?:oMath|fldSimple|ruby|bdo|dir)\b")
_HIGH_NOTE = re.compile(r"<sup>(<a [^<>]*>\[[^<>]*\]</a>)</sup>")
_M = "http://schemas.openxmlformats.org/officeDocument/2006/math"


def read_docx(archive: zipfile.ZipFile, file: BinaryIO, spec: str | None, name: str) -> dict[str, Any]:
    """Raises MissingExtra, UnsupportedMedia, InvalidRequest (pages)."""
    try:
        import mammoth
    except ImportError:
        raise MissingExtra("office", "reading a DOCX") from None
    refuse_entities_in(archive, name)
    body = member(archive, "word/document.xml", name)
    if not body:
        raise UnsupportedMedia(f"{name} holds no text document", "Save it again as DOCX, or as PDF.")
    source = _rewritten(archive, body, name) if _UNKNOWN.search(body) else file

    def html_by(styles: str) -> str:
        source.seek(0)
        return str(
            mammoth.convert_to_html(
                source, style_map=styles, convert_image=_picture, ignore_empty_paragraphs=True
            ).value
        )

    try:
        try:
            html = html_by(_STYLES + _COMMENTS)
        except KeyError:  # the mark of a comment that the archive does not hold
            html = html_by(_STYLES)
    except (GLMError, RecursionError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - the library has no errors of its own: a broken part raises anything
        raise UnsupportedMedia(
            f"{name} is damaged: {type(error).__name__}", "Save it again as DOCX, or as PDF."
        ) from None
    for _ in range(2):  # a note's mark is a link already: neither the converter nor its run need set it high
        html = _HIGH_NOTE.sub(r"\1", html)
    text = html_markdown(html, what="reading a DOCX")
    # A footnote ends with a link back to its mark, which is noise in text.
    text = re.sub(r"\s*\[↑\]\(#[^)]*\)", "", text)
    text = re.sub(r"\[\[(\d+)\]\]\(#[^)]*\)", r"[^\1]", text)
    return one_text("docx", "\n\n".join(filter(None, [text, _furniture(archive, name)])), spec, name)


def _picture(image: Any) -> list[Any]:
    import mammoth

    alt = " ".join((image.alt_text or "").split())
    return [mammoth.html.text(f"[picture: {alt}]" if alt else "[picture]")]


def _furniture(archive: zipfile.ZipFile, name: str) -> str:
    """The texts of page headers and footers, each once."""
    lines: dict[str, None] = {}
    for path in sorted(archive.namelist()):
        found = re.fullmatch(r"word/(header|footer)\d*\.xml", path)
        tree = parse(archive, path, name) if found else None
        if found and tree is not None:
            words = " ".join("".join(t.text or "" for t in tree.iter(f"{{{_W}}}t")).split())
            if len(words) > 2:
                lines[f"[page {found[1]}: {words}]"] = None
    return "\n\n".join(lines)


def _rewritten(archive: zipfile.ZipFile, body: bytes, name: str) -> io.BytesIO:
    """The archive with its text in elements that the converter knows: it would drop the others with their words."""
    tree = xml(body, name)
    for parent in reversed(list(tree.iter())):  # what lies within is done first
        parent[:] = [known for child in parent for known in _known(child)]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as copy:
        for info in archive.infolist():
            changed = info.filename == "word/document.xml"
            copy.writestr(
                info.filename, ET.tostring(tree, "utf-8") if changed else member(archive, info.filename, name)
            )
    return out


def _known(element: ET.Element) -> list[ET.Element]:
    """What stands for an element: formulas become runs, ruby a text with its reading, wrappers what they hold."""
    if element.tag == f"{{{_M}}}oMath":
        run = ET.Element(f"{{{_W}}}r")
        ET.SubElement(run, f"{{{_W}}}t").text = f" {_linear(element)} "
        return [run]
    if element.tag == f"{{{_M}}}oMathPara":
        return [c for c in element if c.tag == f"{{{_W}}}r"]
    if "wordprocessingml" not in element.tag:
        return [element]
    match local(element):
        case "fldSimple" | "bdo" | "dir":
            return list(element)
        case "ruby":
            words = {
                local(part): "".join(t.text or "" for t in part.iter() if local(t) == "t") for part in element
            }
            base, reading = words.get("rubyBase", ""), words.get("rt", "")
            text = ET.Element(f"{{{_W}}}t")
            text.text = f"{base}({reading})" if reading else base
            return [text]
    return [element]


def _linear(node: ET.Element) -> str:
    """A formula in one line: (a)/(b), x^(2), x_(i), sqrt(x)."""
    tag = local(node)
    if tag == "t":
        return node.text or ""
    inner = {local(child): _linear(child) for child in node}
    base = inner.get("e", "")
    match tag:
        case "f":
            return f"({inner.get('num', '')})/({inner.get('den', '')})"
        case "sSup":
            return f"{base}^({inner.get('sup', '')})"
        case "sSub":
            return f"{base}_({inner.get('sub', '')})"
        case "sSubSup":
            return f"{base}_({inner.get('sub', '')})^({inner.get('sup', '')})"
        case "rad":
            return f"root{{{inner['deg']}}}({base})" if inner.get("deg") else f"sqrt({base})"
        case "nary":
            sign = next((attribute(c, "val") for c in node.iter() if local(c) == "chr"), "∫")
            limits = "".join(
                f"{mark}({inner[at]})" for mark, at in (("_", "sub"), ("^", "sup")) if inner.get(at)
            )
            return f"{sign}{limits} {base}"
        case "d":
            return "(" + ", ".join(_linear(c) for c in node if local(c) == "e") + ")"
        case "m":
            return (
                "["
                + "; ".join(", ".join(_linear(c) for c in row) for row in node if local(row) == "mr")
                + "]"
            )
    return "".join(_linear(child) for child in node)


def docx_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    name = params["name"]
    return read_docx(open_zip(file, name), file, params.get("pages"), name), []
