"""Office files whose parts are named by relationships: a slide with a chart."""

from __future__ import annotations

from support.made_documents import zipped


def relations(*rows: tuple[str, str, str]) -> str:
    made = (
        f'<Relationship Id="{number}" Type="x/{kind}" Target="{target}"'
        f"{' TargetMode=' + chr(34) + 'External' + chr(34) if '://' in target else ''}/>"
        for number, kind, target in rows
    )
    return f"<Relationships>{''.join(made)}</Relationships>"


def on_a_slide(shapes: str, *links: tuple[str, str, str], **parts: str) -> bytes:
    spaces = " ".join(
        f'xmlns:{prefix}="http://schemas.openxmlformats.org/{name}"'
        for prefix, name in (
            ("p", "presentationml/2006/main"),
            ("a", "drawingml/2006/main"),
            ("c", "drawingml/2006/chart"),
            ("r", "officeDocument/2006/relationships"),
        )
    )
    return zipped(
        {
            "ppt/presentation.xml": f'<p:presentation {spaces}><p:sldId r:id="s"/></p:presentation>',
            "ppt/_rels/presentation.xml.rels": relations(("s", "slide", "a.xml")),
            "ppt/a.xml": f"<p:sld {spaces}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>",
            "ppt/_rels/a.xml.rels": relations(*links),
            **{
                f"ppt/{name}.xml": f"<c:chartSpace {spaces}>{inside}</c:chartSpace>"
                for name, inside in parts.items()
            },
        }
    )


def slide_paragraph(text: str, looks: str = "") -> str:
    return f"<a:p><a:r>{looks}<a:t>{text}</a:t></a:r></a:p>"


def chart(*series: str) -> bytes:
    frame = '<p:graphicFrame><a:graphic><c:chart r:id="c"/></a:graphic></p:graphicFrame>'
    return on_a_slide(frame, ("c", "chart", "c.xml"), c="".join(f"<c:ser>{one}</c:ser>" for one in series))
