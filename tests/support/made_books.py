"""Books that show pictures, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from support.made_documents import zipped

Held = dict[str, str | bytes]  # parts of a book by their names

_KINDS = {"xhtml": "application/xhtml+xml", "svg": "image/svg+xml", "png": "image/png", "css": "text/css"}


def book(
    parts: Mapping[str, str | bytes],
    spine: Sequence[str],
    *,
    fixed: bool = False,
    cover: str = "",
    fallbacks: Mapping[str, str] | None = None,
) -> bytes:
    """An EPUB of these parts, of which `spine` names those that are its chapters. Of a page, what its body holds."""
    items = ""
    for name in parts:
        properties = ' properties="cover-image"' if name == cover else ""
        instead = f' fallback="{fallbacks[name]}"' if fallbacks and name in fallbacks else ""
        items += f'<item id="{name}" href="{name}" media-type="{_KINDS[name.rpartition(".")[2]]}"{properties}{instead}/>'
    order = "".join(f'<itemref idref="{name}"/>' for name in spine)
    layout = '<meta property="rendition:layout">pre-paginated</meta>' if fixed else ""
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"{layout}</metadata><manifest>{items}</manifest><spine>{order}</spine></package>"
    )
    held: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        "OPS/book.opf": package,
    }
    for name, part in parts.items():
        if isinstance(part, str) and name.endswith(".xhtml") and "<html" not in part:
            held[f"OPS/{name}"] = f"<html><body>{part}</body></html>"
        else:
            held[f"OPS/{name}"] = part
    return zipped(held)


def drawing(inside: str, *, sides: str = 'width="600" height="800"') -> str:
    """A drawing of a page's size."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {sides} '
        f'viewBox="0 0 600 800">{inside}</svg>'
    )
