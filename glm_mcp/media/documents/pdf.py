"""PDF: Markdown a page, which pages must be seen rather than read, and pictures of pages. Runs in the worker."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

from glm_mcp.errors import InvalidRequest
from glm_mcp.media.documents.about import with_about
from glm_mcp.media.documents.common.rows import in_rows
from glm_mcp.media.documents.page.annotations import annotation_blocks
from glm_mcp.media.documents.page.attachments import attachment_notes
from glm_mcp.media.documents.page.bookmarks import bookmark_notes
from glm_mcp.media.documents.page.covered import Drawn
from glm_mcp.media.documents.page.fonts import as_meant
from glm_mcp.media.documents.page.form import form_block, is_xfa, xfa_block, xfa_notes
from glm_mcp.media.documents.page.lines.accents import accented
from glm_mcp.media.documents.page.lines.line_breaks import with_line_breaks
from glm_mcp.media.documents.page.lines.list_marks import with_list_marks
from glm_mcp.media.documents.page.lines.right_to_left import reordered
from glm_mcp.media.documents.page.lines.sideways import Side, side_of, upright
from glm_mcp.media.documents.page.lines.vertical import in_columns
from glm_mcp.media.documents.page.no_font import with_boxes
from glm_mcp.media.documents.page.opening import (
    SEARCHED,
    Input,
    open_pdf,
    parser_of,
    unless_changed,
    unreadable,
)
from glm_mcp.media.documents.page.pictures import SIDE, TALL, pictures
from glm_mcp.media.documents.page.properties import properties
from glm_mcp.media.documents.page.text_layer import (
    cyrillic,
    latin,
    letters_in,
    letters_of_signs,
    usual_letters,
    why_seen,
)
from glm_mcp.media.documents.page.undrawn import undrawn
from glm_mcp.media.documents.pages import choose, clean_text, result

BATCH = 50  # pages held in memory at once; 500 pages took 67 MB so, and 220 MB in one piece
LARGE_BATCH = 10  # of a file that is itself too large for the memory: its pages hold large pictures
_MAX_DPI = 400

# What the parser says of some pages; these, all upright; and how those lay that it turned.
_Batch = tuple[Any, list[Any], dict[int, Side]]


def pdf_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Reads `params["pages"]` (a specification or None); of these `part`, from and to, where one is given.

    Raises InvalidRequest (password, pages), UnsupportedMedia.
    """
    name = params["name"]
    data, password, total = open_pdf(file, params, name)
    chosen = choose(params.get("pages"), total, name)[slice(*params.get("part", (None,)))]
    data = with_boxes(data) if isinstance(data, bytes) else unless_changed(data, file, with_boxes)
    rows: list[tuple[int, str, str, str]] = []
    xmp, notes, drawn = "", list[str](), Drawn(data, password)
    for parsed, pages, sides in _ahead(_batches(data, chosen, total, password, name, drawn)):
        xmp = xmp or (parsed.doc_meta and parsed.doc_meta.xmp) or ""
        first = is_xfa(parsed) and not rows
        notes += xfa_notes(parsed) if first else []
        filled = xfa_block(parsed) if first and chosen[0] == 1 else ""
        written = [(page, _markdown(page)) for page in pages]
        silent = [
            page.page_num
            for page, text in written
            if not letters_in(text)
            and not ((facts := page.complexity) and (facts.full_page_image or facts.image_block_count))
        ]
        inked = _inked(data, silent, password)
        for page, raw in written:
            side = sides.get(page.page_num)
            text = in_columns(page, cyrillic(upright(page, raw, side)))
            text = with_list_marks(page, with_line_breaks(page, text))
            text = drawn.with_covered(page, as_meant(in_rows(page, text)), side.turned if side else 0)
            text = letters_of_signs(usual_letters(text), page)
            text = reordered(page.page_num, latin(accented(text, page, drawn)), drawn)
            why = why_seen(text, page, page.page_num in inked)
            blocks = [text, form_block(page) or filled, *annotation_blocks(page, text)]
            filled = ""
            rows.append((page.page_num, f"page {page.page_num}", "\n\n".join(filter(None, blocks)), why))
    failed = sorted({*chosen} - {row[0] for row in rows})
    rows += [(n, f"page {n}", "", "scanned") for n in failed]
    if failed:
        notes.append(f"page{'s' if len(failed) > 1 else ''} {_list(failed)}: the text could not be extracted")
    notes += drawn.notes
    size, whole = file.seek(0, io.SEEK_END), b""
    if size <= SEARCHED:
        file.seek(0)
        whole = file.read()
        notes += attachment_notes(whole)
        # Those of pages that were not asked for would all be missing from the text.
        notes += bookmark_notes(whole, (row[2] for row in rows)) if len(chosen) == total else []
    file.seek(max(0, size - 2048))
    if b"%%EOF" not in file.read():
        notes.append("the file is cut off or damaged at its end; pages may be missing: get it anew")
    return with_about(result("pdf", sorted(rows), total, notes), properties(whole, xmp)), []


def chosen_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """The numbers of the pages that `pdf_job` would read."""
    _, _, total = open_pdf(file, params, params["name"])
    return {"chosen": choose(params.get("pages"), total, params["name"])}, []


def _ahead(batches: Iterator[_Batch]) -> Iterator[_Batch]:
    """Each while the parser, which holds no lock of Python's, reads the next."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, batches, None)
        while batch := following.result():
            following = thread.submit(next, batches, None)
            yield batch


def _batches(
    data: Input, chosen: list[int], total: int, password: str | None, name: str, drawn: Drawn
) -> Iterator[_Batch]:
    from liteparse import ParseError

    xfa = _may_have(b"/XFA", data)  # what kind of form it is comes with the fields
    options: dict[str, Any] = {
        "output_format": "markdown",
        "max_pages": total,  # by default the parser leaves out those beyond 1,000, and does not say so
        "include_complexity": True,
        "extract_form_fields": xfa or _may_have(b"/Widget", data),
        "extract_document_metadata": True,
        "extract_xfa_packets": xfa,
        "extract_annotations": _may_have(b"/Annots", data),
        "continue_on_page_error": True,
    }
    size = LARGE_BATCH if isinstance(data, str) else BATCH
    try:
        if len(chosen) == total:  # the file is opened once
            parts = (batch.result for batch in parser_of(password, **options).parse_batches(data, size))
        else:
            parts = (
                parser_of(password, target_pages=_list(chosen[i : i + size]), **options).parse(data)
                for i in range(0, len(chosen), size)
            )
        for parsed in parts:
            sides = {page.page_num: side for page in parsed.pages if (side := side_of(page, drawn))}
            corrections = [(n, side.turned) for n, side in sides.items() if side.turned]
            more = {"target_pages": _list(dict(corrections)), "page_orientation_corrections": corrections}
            again = parser_of(password, **more, **options).parse(data).pages if corrections else []
            turned = {page.page_num: page for page in again}
            pages = [turned.get(page.page_num, page) for page in parsed.pages]
            yield parsed, pages, {n: side for n, side in sides.items() if n in turned or not side.turned}
    except ParseError as error:
        raise unreadable(name, data, str(error)) from error


def _may_have(name: bytes, data: Input) -> bool:
    """Whether the file can have objects of this name, looking for which takes a tenth of the time of its text."""
    return isinstance(data, str) or name in data or b"/ObjStm" in data


def _list(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def _markdown(page: Any) -> str:
    text = clean_text(page.markdown).strip()
    return "" if re.fullmatch(r"```\w*\s*```", text) else text  # the parser's word for no text


def _inked(data: Input, numbers: list[int], password: str | None) -> set[int]:
    """Those of the pages without text and pictures on which something is drawn: text as outlines, a plan, handwriting."""
    from PIL import Image, ImageChops

    inked: set[int] = set()
    for shot in _shots(data, numbers, password, dpi=30) if numbers else ():
        if shot.is_solid_fill:
            continue
        with Image.open(io.BytesIO(shot.image_bytes)) as picture:
            grey = picture.convert("L")
        box = ImageChops.difference(grey, Image.new("L", grey.size, grey.getpixel((0, 0)))).getbbox()
        # A single rule or a margin mark is not a page.
        if box and min(box[2] - box[0], box[3] - box[1]) > 0.03 * max(grey.size):
            inked.add(shot.page_num)
    return inked


def _shots(data: Input, numbers: list[int], password: str | None, dpi: float) -> list[Any]:
    from liteparse import ParseError

    parser = parser_of(
        password,
        target_pages=_list(numbers),
        extract_screenshots=True,
        render_form_fields=True,
        continue_on_page_error=True,
        dpi=dpi,
    )
    try:
        return list(parser.parse(data).screenshots)
    except ParseError:
        return []


def render_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Pictures of the pages `params["numbers"]`, long side `SIDE`, each within `max_bytes` and `max_side`.

    Hands back one row a picture (page, width, height, whole width, whole height, top, mime, letters lacked) and the bytes;
    none of a page that cannot be drawn, and none of the `empty` ones, on which nothing is drawn. Raises InvalidRequest,
    UnsupportedMedia.
    """
    name = params["name"]
    data, password, total = open_pdf(file, params, name)
    wanted = [int(n) for n in params["numbers"]]
    if outside := [n for n in wanted if not 1 <= n <= total]:
        raise InvalidRequest(
            f"page {outside[0]} is out of range: {name} has {total} pages", "Ask for pages it has."
        )
    side = min(SIDE, params["max_side"])
    rows: dict[int, list[tuple[list[Any], bytes]]] = {}
    empty: list[int] = []
    for dpi, numbers in _resolutions(data, wanted, password, side):
        for i in range(0, len(numbers), 8):  # eight bitmaps at once
            for shot in _shots(data, numbers[i : i + 8], password, dpi):
                if shot.is_solid_fill:
                    empty.append(shot.page_num)
                else:
                    rows[shot.page_num] = pictures(shot, side, params["max_bytes"])
    flat = [pair for n in wanted for pair in rows.get(n, ())]
    lacks = undrawn(data, password, [n for n in wanted if n in rows])
    facts = {"rows": [[*row, lacks.get(row[0], "")] for row, _ in flat], "empty": empty}
    return facts, [blob for _, blob in flat]


def _resolutions(
    data: Input, numbers: list[int], password: str | None, side: int
) -> list[tuple[float, list[int]]]:
    """(dots per inch, page numbers): pages of one size are drawn together."""
    from liteparse import ParseError

    groups: dict[float, list[int]] = {}
    parser = parser_of(password, target_pages=_list(numbers), continue_on_page_error=True)
    try:
        pages = parser.parse(data).pages
    except ParseError:
        pages = []
    for page in pages:
        long, short = max(page.width, page.height, 1), max(min(page.width, page.height), 1)
        # A page like a long web page is drawn wider and cut into tiles, up to 16,000 pixels long.
        points = long if long / short <= TALL else max(short * 1.5, long * side / 16_000)
        groups.setdefault(round(min(side / points * 72, _MAX_DPI), 1), []).append(page.page_num)
    return list(groups.items())
