"""Presentations and Word files that show pictures, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from support.made_documents import docx, zipped

P = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
_KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_DRAWN = (
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture" ' + P
)
WIDE, HIGH = 12_192_000, 6_858_000
_PAGE = 7_560_000, 10_692_000  # A4


def shown(name: str, percent: Sequence[float] = (0, 0, 100, 100), alt: str = "", cut: str = "") -> str:
    """A picture on a slide: the name of its part, left, top, width and height in percent of the slide, what is cut off."""
    return (
        f'<p:pic><p:nvPicPr><p:cNvPr id="2" name="x" descr="{alt}"/></p:nvPicPr><p:blipFill>{_blip(name)}'
        f"{cut}</p:blipFill><p:spPr>{_place(percent)}</p:spPr></p:pic>"
    )


def filled(name: str, percent: Sequence[float]) -> str:
    """A shape that a picture fills, as programs for designers export pictures."""
    fill = f"<a:blipFill>{_blip(name)}<a:stretch/></a:blipFill>"
    return f'<p:sp><p:nvSpPr><p:cNvPr id="3" name="y"/></p:nvSpPr><p:spPr>{_place(percent)}{fill}</p:spPr></p:sp>'


def said(text: str) -> str:
    return f"<p:sp><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"


def _blip(name: str) -> str:
    return f'<a:blip r:embed="{name}"/>'


def _place(percent: Sequence[float]) -> str:
    left, top, width, height = (
        int(part * whole / 100) for part, whole in zip(percent, (WIDE, HIGH) * 2, strict=True)
    )
    return f'<a:xfrm><a:off x="{left}" y="{top}"/><a:ext cx="{width}" cy="{height}"/></a:xfrm>'


def deck(
    slides: Sequence[str],
    pictures: Mapping[str, bytes],
    links: Mapping[str, str] | None = None,
    backgrounds: Mapping[int, str] | None = None,
) -> bytes:
    """A presentation of these slides' shapes. `links`: pictures that lie elsewhere; `backgrounds`: by a slide's number."""
    numbers = range(1, len(slides) + 1)
    media = "".join(_related(name, "image", f"../media/{name}") for name in pictures)
    media += "".join(
        _related(name, "image", address, ' TargetMode="External"') for name, address in (links or {}).items()
    )
    parts: dict[str, str | bytes] = {
        "_rels/.rels": _rels(_related("m", "officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f"<p:presentation {P}><p:sldIdLst>"
        + "".join(f'<p:sldId id="{255 + n}" r:id="s{n}"/>' for n in numbers)
        + f'</p:sldIdLst><p:sldSz cx="{WIDE}" cy="{HIGH}"/></p:presentation>',
        "ppt/_rels/presentation.xml.rels": _rels(
            "".join(_related(f"s{n}", "slide", f"slides/slide{n}.xml") for n in numbers)
        ),
    }
    for number, shapes in zip(numbers, slides, strict=True):
        behind = (backgrounds or {}).get(number, "")
        ground = f"<p:bg><p:bgPr><a:blipFill>{_blip(behind)}</a:blipFill></p:bgPr></p:bg>" if behind else ""
        parts[f"ppt/slides/slide{number}.xml"] = (
            f"<p:sld {P}><p:cSld>{ground}<p:spTree>{shapes}</p:spTree></p:cSld></p:sld>"
        )
        used = "".join(
            rel
            for rel in media.split("\n")
            if rel and f'r:embed="{rel.split(chr(34))[1]}"' in shapes + ground
        )
        parts[f"ppt/slides/_rels/slide{number}.xml.rels"] = _rels(used)
    return zipped(parts | {f"ppt/media/{name}": data for name, data in pictures.items()})


def scanned_docx(body: str, pictures: Mapping[str, bytes]) -> bytes:
    """A Word file; `in_word` puts the pictures into its body."""
    rels = "".join(_related(name, "image", f"media/{name}") for name in pictures)
    more: dict[str, str | bytes] = {f"word/media/{name}": data for name, data in pictures.items()}
    return docx(body, more | {"word/_rels/document.xml.rels": _rels(rels)})


def in_word(name: str, percent: tuple[float, float] = (90, 90)) -> str:
    """A paragraph that is a picture, of so many percent of a page's width and height."""
    across, down = (int(part * whole / 100) for part, whole in zip(percent, _PAGE, strict=True))
    return (
        f'<w:p><w:r><w:drawing {_DRAWN}><wp:inline><wp:extent cx="{across}" cy="{down}"/><a:graphic><a:graphicData>'
        f"<pic:pic><pic:blipFill>{_blip(name)}</pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline>"
        "</w:drawing></w:r></w:p>"
    )


def frame(name: str, width: float, height: float) -> str:
    """A picture of OpenDocument, its sides in centimetres; alone in a paragraph of a text."""
    return f'<draw:frame svg:width="{width}cm" svg:height="{height}cm"><draw:image xlink:href="Pictures/{name}"/></draw:frame>'


def open_deck(slides: Sequence[str], pictures: Mapping[str, bytes]) -> bytes:
    return _open("".join(f"<draw:page>{shapes}</draw:page>" for shapes in slides), "presentation", pictures)


def open_text(body: str, pictures: Mapping[str, bytes]) -> bytes:
    return _open(body, "text", pictures)


def open_sheets(sheets: Sequence[str], pictures: Mapping[str, bytes]) -> bytes:
    """A workbook of these sheets' shapes and rows."""
    tables = (f'<table:table table:name="S{n}">{inside}</table:table>' for n, inside in enumerate(sheets, 1))
    return _open("".join(tables), "spreadsheet", pictures)


def _open(body: str, kind: str, pictures: Mapping[str, bytes]) -> bytes:
    odf = "urn:oasis:names:tc:opendocument:xmlns"
    spaces = " ".join(
        f'xmlns:{short}="{odf}:{name}:1.0"'
        for short, name in (
            ("office", "office"),
            ("text", "text"),
            ("draw", "drawing"),
            ("svg", "svg-compatible"),
            ("table", "table"),
        )
    )
    content = (
        f'<office:document-content {spaces} xmlns:xlink="http://www.w3.org/1999/xlink"><office:body>'
        f"<office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )
    parts: dict[str, str | bytes] = {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "content.xml": content,
    }
    return zipped(parts | {f"Pictures/{name}": data for name, data in pictures.items()})


def _related(number: str, kind: str, target: str, more: str = "") -> str:
    return f'<Relationship Id="{number}" Type="{_KIND}/{kind}" Target="{target}"{more}/>\n'


def _rels(inside: str) -> str:
    space = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<Relationships xmlns="{space}">{inside}</Relationships>'
