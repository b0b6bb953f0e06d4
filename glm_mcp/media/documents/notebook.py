"""Jupyter notebooks: cells in order, with what they printed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.glm.json_shape import dict_of
from glm_mcp.media.charset import decode
from glm_mcp.media.documents.about import with_about
from glm_mcp.media.documents.markdown import fenced
from glm_mcp.media.documents.pages import clean_text, one_text
from glm_mcp.text import unescaped

_HTML = 200_000  # characters of an output in HTML
_OUTPUT = 20_000  # characters of one output; a log printed by a cell is not the notebook


def read_notebook(text: str, spec: str | None, name: str) -> dict[str, Any]:
    """Raises UnsupportedMedia, InvalidRequest (pages)."""
    try:
        book = json.loads(text)
        about = dict_of(book.get("metadata"))
        authors = about.get("authors") or about.get("author") or ()
        names = (
            [authors]
            if isinstance(authors, str)
            else [str(dict_of(a).get("name") or "") or str(a) for a in authors]
        )
        said = [("title", str(about.get("title") or "")), *(("author", name) for name in names)]
        language = str(dict_of(about.get("language_info")).get("name") or "python")
        cells = book.get("cells") or [
            c for sheet in book.get("worksheets") or () for c in sheet.get("cells") or ()
        ]
        blocks = [block for cell in cells for block in _cell(dict_of(cell), language)]
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise UnsupportedMedia(
            f"{name} is not a readable notebook", "Save it again, or send it as .py or .txt."
        ) from None
    return with_about(one_text("ipynb", "\n\n".join(blocks), spec, name), said)


def _cell(cell: dict[str, Any], language: str) -> Iterator[str]:
    source = _joined(cell.get("source", cell.get("input"))).strip("\n")
    match cell.get("cell_type"):
        case "code":
            if source:
                yield fenced(source, language)
            for output in cell.get("outputs") or ():
                text = _output(dict_of(output)).strip("\n")
                if text:
                    yield f"Output:\n\n{text}"
        case "heading":
            level = cell.get("level")
            yield f"{'#' * (min(max(level, 1), 6) if isinstance(level, int) else 1)} {source}"
        case _:
            yield source


def _output(output: dict[str, Any]) -> str:
    data = dict_of(output.get("data", output))
    if output.get("output_type") in ("error", "pyerr"):
        frames = output.get("traceback") or ()
        said = fenced(f"{output.get('ename')}: {output.get('evalue')}", "text")
        return f"{said}\n\n[its traceback of {len(frames)} parts is left out]" if frames else said
    if output.get("output_type") == "stream":
        return fenced(_short(_joined(output.get("text"))), "text")
    pictured = any(key.startswith("image/") or key in ("png", "jpeg", "svg") for key in data)
    for key in ("text/markdown", "text/latex"):
        if key in data:
            return _short(_joined(data[key]))
    text = _joined(data.get("text/plain", data.get("text")))
    page = _joined(data.get("text/html"))
    if page and (not text or text.startswith("<IPython")):  # what stands for it says nothing
        shown = _short(_words(page))
    elif not text and "application/json" in data:
        shown = fenced(_short(json.dumps(data["application/json"], ensure_ascii=False)), "json")
    else:
        shown = fenced(_short(text), "text") if text else ""
    others = [kind for kind in data if kind.startswith("application/")]
    if not shown and not pictured and others:
        return f"[output: {others[0]}]"
    return "\n\n".join(filter(None, [shown, "[picture output]" if pictured else ""]))


def _words(page: str) -> str:
    """Of an output in HTML, without the libraries that would keep more of its form: a notebook is read without them."""
    page = re.sub(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", "", page[:_HTML], flags=re.DOTALL | re.IGNORECASE)
    page = re.sub(r"</t[dh]>\s*(?=<t[dh]\b)", " | ", page, flags=re.IGNORECASE)
    lines = re.sub(r"<(?:br|/?(?:p|div|tr|li|h\d|table|pre))\b[^>]{0,1000}>", "\n", page, flags=re.IGNORECASE)
    plain = unescaped(re.sub(r"<!--.*?(?:-->|\Z)|<[!/a-zA-Z][^<>]{0,5000}>", "", lines, flags=re.DOTALL))
    return "\n".join(filter(None, (" ".join(line.split()) for line in plain.split("\n"))))


def _short(text: str) -> str:
    text = clean_text(text)
    return text if len(text) <= _OUTPUT else f"{text[:_OUTPUT]}\n… ({len(text) - _OUTPUT:,} characters more)"


def _joined(value: Any) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value or "")


def notebook_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    decoded = decode(file.read(), params["name"], params.get("encoding"))
    return read_notebook(decoded.text, params.get("pages"), params["name"]), []
