"""PowerPoint's presentations before PPTX (`.ppt`, 97 to 2003, [MS-PPT]): the texts of each slide, its tables, its notes, and
what other programs have put there.
"""

from __future__ import annotations

import contextlib
import struct
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.about import of_compound_file, with_about
from glm_mcp.media.documents.common.shown import PagesShown, slides_shown, why_shown
from glm_mcp.media.documents.containers.compound import compound_file
from glm_mcp.media.documents.pages import choose, one_text, result
from glm_mcp.media.documents.slides.old_show import Show
from glm_mcp.media.documents.slides.shown import OldSlidePictures
from glm_mcp.media.documents.zip_xml import encrypted

_SAVE = "Save it as PPTX or PDF."
_DAMAGED = (OSError, ValueError, IndexError, KeyError, struct.error)
_LOCKED = 0xF3D1C4DF
_BESIDE = "PP97_DUALSTORAGE"  # of a file for PowerPoint 95 as well


def ppt_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises MissingExtra, UnsupportedMedia, InvalidRequest (encrypted, pages)."""
    name, spec = params["name"], params.get("pages")
    try:
        show, pictures, said = _opened(file, params)
        chosen = choose(spec, len(show.slides), name, unit="slide") if show.slides else []
        rows = []
        for number in chosen:
            label, text, own = show.page(number)
            why = why_shown(own, pictures.on(number, f"slide {number}"), 1.0)
            rows.append((number, label, text or "[picture]" * bool(why), why))
    except _DAMAGED:
        raise UnsupportedMedia(f"{name} is damaged: its slides cannot be read", _SAVE) from None
    if not rows:
        return with_about(one_text("ppt", "(the presentation has no slides)", spec, name), said), []
    notes = ["remarks of this old form are not read"]
    return with_about(result("ppt", rows, len(show.slides), [*notes, *show.left_out.notes()]), said), []


def pictures_of_ppt(file: BinaryIO, params: dict[str, Any]) -> PagesShown:
    """As of `pages_shown`. Raises MissingExtra, UnsupportedMedia, InvalidRequest."""
    name = params["name"]
    try:
        show, pictures, _ = _opened(file, params)
    except _DAMAGED:
        raise UnsupportedMedia(f"{name} is damaged: its slides cannot be read", _SAVE) from None
    return slides_shown(pictures.parts, params["numbers"], len(show.slides), pictures.on)


def _opened(file: BinaryIO, params: dict[str, Any]) -> tuple[Show, OldSlidePictures, list[tuple[str, str]]]:
    """The presentation, its pictures, and what it says of itself. Raises as `ppt_job` and _DAMAGED."""
    name = params["name"]
    with compound_file(file, name) as container:
        newer = [_BESIDE] if container.exists([_BESIDE]) else []
        if not container.exists([*newer, "PowerPoint Document"]):
            raise UnsupportedMedia(f"{name} is of a PowerPoint before 97, which is not read here", _SAVE)
        data = bytes(container.openstream([*newer, "PowerPoint Document"]).read())
        current = bytes(container.openstream([*newer, "Current User"]).read())
        held = next((p for p in ([*newer, "Pictures"], ["Pictures"]) if container.exists(p)), None)
        delayed = b""
        with contextlib.suppress(OSError):  # without it the texts are whole
            delayed = bytes(container.openstream(held).read()) if held else b""
        said = of_compound_file(container)
    token, edit = struct.unpack_from("<II", current, 12)
    if token == _LOCKED:
        raise encrypted(name)
    show = Show(data, edit, params.get("depth", 0))
    places = [slide.place for slide in show.slides]
    return show, OldSlidePictures(data, show.document, places, delayed, name, show.left_out), said
