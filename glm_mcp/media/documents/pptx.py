"""PPTX: slides with titles, bullets, tables, chart data, diagrams and notes, one page a slide."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from glm_mcp.errors import GLMError, MissingExtra, UnsupportedMedia
from glm_mcp.media.documents.markdown import table
from glm_mcp.media.documents.pages import choose, result
from glm_mcp.media.documents.zip_xml import local, open_zip, refuse_entities_in, xml

_DEEP = 20  # groups within groups


def read_pptx(archive: zipfile.ZipFile, file: BinaryIO, spec: str | None, name: str) -> dict[str, Any]:
    """Raises MissingExtra, UnsupportedMedia, InvalidRequest (pages)."""
    try:
        from pptx import Presentation
    except ImportError:
        raise MissingExtra("office", "reading a PPTX") from None
    refuse_entities_in(archive, name)
    file.seek(0)
    try:
        slides = list(Presentation(file).slides)
        chosen = choose(spec, len(slides), name, unit="slide")
        return result("pptx", [_slide(slides[n - 1], n) for n in chosen], len(slides))
    except (GLMError, RecursionError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - a damaged part raises anything, from lxml's errors to KeyError
        raise UnsupportedMedia(
            f"{name} is damaged: {type(error).__name__}", "Save it again as PPTX, or as PDF."
        ) from None


def _slide(slide: Any, number: int) -> tuple[int, str, str, str]:
    title = slide.shapes.title
    heading = " ".join(title.text_frame.text.split()) if title is not None and title.has_text_frame else ""
    blocks = [f"# {heading}"] if heading else []
    own = title.shape_id if heading else None
    blocks += [b for shape in slide.shapes if shape.shape_id != own for b in _shape(shape, 0) if b]
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text.strip()
        if notes:
            blocks.append(f"Notes: {notes}")
    # The element's own attribute: the library has no word for a hidden slide.
    hidden = " (hidden)" if slide._element.get("show") in ("0", "false") else ""  # noqa: SLF001
    return number, f"slide {number}{hidden}", "\n\n".join(blocks), ""


def _shape(shape: Any, depth: int) -> Iterator[str]:
    from pptx.enum.shapes import MSO_SHAPE_TYPE

    if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
        if depth < _DEEP:
            for inner in shape.shapes:
                yield from _shape(inner, depth + 1)
    elif getattr(shape, "has_table", False):
        yield table(
            [["" if c.is_spanned else c.text_frame.text for c in row.cells] for row in shape.table.rows]
        )
    elif getattr(shape, "has_chart", False):
        yield from _chart(shape.chart)
    elif shape.shape_type == MSO_SHAPE_TYPE.PICTURE or shape._element.tag.endswith("}pic"):  # noqa: SLF001 - placeholders with a picture
        alt = " ".join((shape._element.xpath("./p:nvPicPr/p:cNvPr/@descr") or [""])[0].split())  # noqa: SLF001 - alt text has no other way
        yield f"[picture: {alt}]" if alt else "[picture]"
    elif shape.has_text_frame:
        yield _text(shape)
    else:
        yield _diagram(shape)


def _text(shape: Any) -> str:
    """Paragraphs; in a body placeholder or at a deeper level they are list items."""
    bulleted = (
        shape.is_placeholder
        and shape.placeholder_format.type is not None
        and shape.placeholder_format.idx != 0
    )
    lines: list[str] = []
    paragraphs = [
        p for p in shape.text_frame.paragraphs if "".join(r.text for r in p.runs).strip() or p.text.strip()
    ]
    for paragraph in paragraphs:
        text = " ".join(paragraph.text.replace("\v", " ").split())
        item = paragraph.level > 0 or (bulleted and len(paragraphs) > 1)
        lines.append(f"{'  ' * paragraph.level}- {text}" if item else text)
    return "\n".join(lines) if any(line.lstrip().startswith("- ") for line in lines) else "\n\n".join(lines)


def _chart(chart: Any) -> Iterator[str]:
    title = (
        chart.chart_title.text_frame.text.strip()
        if chart.has_title and chart.chart_title.has_text_frame
        else ""
    )
    yield f"Chart: {title}" if title else "Chart:"
    for plot in chart.plots:
        series = list(plot.series)
        categories = [str(c) for c in plot.categories]
        columns = [[_figure(v) for v in one.values] for one in series]
        length = max([len(categories), *map(len, columns)], default=0)
        rows = [["", *(str(one.name or f"series {i}") for i, one in enumerate(series, 1))]]
        for i in range(length):
            label = categories[i] if i < len(categories) else str(i + 1)
            rows.append([label, *(c[i] if i < len(c) else "" for c in columns)])
        yield table(rows)


def _figure(value: Any) -> str:
    if value is None:
        return ""
    return (
        str(int(value))
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15
        else str(value)
    )


def _diagram(shape: Any) -> str:
    """The texts of a SmartArt diagram, which lie in a part of their own."""
    ids = shape._element.xpath('.//*[local-name()="relIds"]/@*[local-name()="dm"]')  # noqa: SLF001 - the library has no word for diagrams
    if not ids:
        return ""
    tree = xml(shape.part.related_part(ids[0]).blob, "the diagram")
    points = [e for e in tree.iter() if local(e) == "pt"]
    texts = ["".join(t.text or "" for t in p.iter() if local(t) == "t").strip() for p in points]
    return "\n".join(f"- {t}" for t in texts if t)


def pptx_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    name = params["name"]
    return read_pptx(open_zip(file, name), file, params.get("pages"), name), []
