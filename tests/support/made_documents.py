"""Documents made by hand for the tests: PDF syntax, and zip archives with the XML that the readers look at."""

from __future__ import annotations

import datetime as dt
import io
import plistlib
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from typing import Any

import pytest
from support.pictures import grain

from glm_mcp.media.detect import detect
from glm_mcp.media.types import Fragment, Source

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def source(name: str, data: bytes, page: str | None = None) -> Source:
    return Source(name, detect(data, name), len(data), Fragment(page=page), data=data)


# ── PDF ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def text_at(x: float, y: float, text: str, size: float = 11) -> str:
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /F1 {size} Tf {x} {y} Td ({escaped}) Tj ET\n"


def lines(texts: Sequence[str], x: float = 72, top: float = 740, step: float = 16, size: float = 11) -> str:
    return "".join(text_at(x, top - step * i, text, size) for i, text in enumerate(texts))


def grid(
    rows: Sequence[Sequence[str]], x: float = 72, top: float = 600, wide: float = 120, high: float = 20
) -> str:
    """A table with ruled lines."""
    drawn = ""
    across, down = len(rows[0]) * wide, len(rows) * high
    for i in range(len(rows) + 1):
        drawn += f"{x} {top - i * high} m {x + across} {top - i * high} l S\n"
    for j in range(len(rows[0]) + 1):
        drawn += f"{x + j * wide} {top} m {x + j * wide} {top - down} l S\n"
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            drawn += text_at(x + j * wide + 4, top - i * high - 14, value)
    return drawn


def noise(x: float, y: float, width: float, height: float) -> str:
    """The picture /Im1, placed."""
    return f"q {width} 0 0 {height} {x} {y} cm /Im1 Do Q\n"


def pdf(
    contents: Sequence[str],
    size: tuple[float, float] = (595, 842),
    fields: Sequence[str] = (),
    *,
    garbled: bool = False,
) -> bytes:
    """A PDF with one page for each content stream; `fields` are widget dictionaries on the first page.

    `garbled`: the font's map to Unicode leads to signs instead of letters, as broken exporters write it.
    """
    jpeg = io.BytesIO()
    grain(120, 165, 60).convert("RGB").save(jpeg, "JPEG")
    objects: list[bytes] = []
    first_page = 6
    kids = " ".join(f"{first_page + 2 * i} 0 R" for i in range(len(contents)))
    first_field = first_page + 2 * len(contents)
    references = " ".join(f"{first_field + i} 0 R" for i in range(len(fields)))
    form = f" /AcroForm << /Fields [{references}] /NeedAppearances true /DA (/F1 11 Tf 0 g) /DR << /Font << /F1 3 0 R >> >> >>"
    objects.append(f"<< /Type /Catalog /Pages 2 0 R{form if fields else ''} >>".encode())
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode())
    mapped = b" /ToUnicode 4 0 R" if garbled else b""
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica" + mapped + b" >>")
    cmap = (
        b"/CIDInit /ProcSet findresource begin begincmap /CMapName /X def /CMapType 2 def 1 begincodespacerange <00> <FF> "
        b"endcodespacerange 1 beginbfrange <20> <7E> <2520> endbfrange endcmap end"
    )
    objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(cmap), cmap))
    image = (
        f"<< /Type /XObject /Subtype /Image /Width 120 /Height 165 /ColorSpace /DeviceRGB /BitsPerComponent 8 "
        f"/Filter /DCTDecode /Length {jpeg.tell()} >>\nstream\n"
    )
    objects.append(image.encode() + jpeg.getvalue() + b"\nendstream")
    for i, content in enumerate(contents):
        annotations = f" /Annots [{references}]" if fields and i == 0 else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size[0]} {size[1]}] /Contents {first_page + 2 * i + 1} 0 R "
            f"/Resources << /Font << /F1 3 0 R >> /XObject << /Im1 5 0 R >> >>{annotations} >>".encode()
        )
        stream = content.encode("latin-1")
        objects.append(f"<< /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream")
    objects += [field.encode() for field in fields]
    return assemble(objects)


def large(data: bytes) -> bytes:
    """A PDF made larger than those that are held in memory, by a comment before its end."""
    return data.replace(b"\n%%EOF", b"\n%" + b" " * 17_000_000 + b"\n%%EOF")


def assemble(objects: Sequence[bytes]) -> bytes:
    out = io.BytesIO()
    out.write(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n".encode() + body + b"\nendobj\n")
    start = out.tell()
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    out.writelines(f"{place:010d} 00000 n \n".encode() for place in places)
    out.write(f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


def xps(pages: Sequence[str], encoding: str = "utf-8", **parts: str | bytes) -> bytes:
    """An XPS document of pages with these elements, and other parts."""
    space = 'xmlns="http://schemas.microsoft.com/xps/2005/06"'
    places = "".join(f'<PageContent Source="Pages/{n}.fpage"/>' for n in range(len(pages)))
    return zipped(
        {
            "FixedDocSeq.fdseq": f'<FixedDocumentSequence {space}><DocumentReference Source="/Documents/1/FixedDoc.fdoc"/></FixedDocumentSequence>',
            "Documents/1/FixedDoc.fdoc": f"<FixedDocument {space}>{places}</FixedDocument>",
            **{
                f"Documents/1/Pages/{n}.fpage": f"<FixedPage {space}>{page}</FixedPage>".encode(encoding)
                for n, page in enumerate(pages)
            },
            **parts,
        }
    )


_OFD = 'xmlns:ofd="http://www.ofdspec.org/2016"'


def ofd(
    pages: Sequence[str], document: str = "", common: str = "", seals: str = "", **parts: str | bytes
) -> bytes:
    """An OFD of pages with these elements. `document`, `common`: more of its main part; `parts`: its others, with what
    is in their element, or whole where they are bytes. `seals`: where its signature stamps, with the part `Seal`.
    """
    places = "".join(f'<ofd:Page ID="{n}" BaseLoc="Pages/{n}.xml"/>' for n in range(len(pages)))
    area = "<ofd:PageArea><ofd:PhysicalBox>0 0 210 140</ofd:PhysicalBox></ofd:PageArea>"
    whole = f"<ofd:CommonData>{area}{common}</ofd:CommonData><ofd:Pages>{places}</ofd:Pages>{document}"
    about = "<ofd:DocInfo><ofd:Title>Receipt</ofd:Title></ofd:DocInfo>"
    signed = "<ofd:Signatures>Doc_0/Signatures.xml</ofd:Signatures>" if seals else ""
    if seals:
        parts["Signatures"] = '<ofd:Signature ID="1" BaseLoc="Signature.xml"/>'
        parts["Signature"] = (
            f"<ofd:SignedInfo>{seals}</ofd:SignedInfo><ofd:SignedValue>Seal</ofd:SignedValue>"
        )
    inner = {"Document": whole, **{f"Pages/{n}": page for n, page in enumerate(pages)}, **parts}
    return zipped(
        {
            "OFD.xml": f"<ofd:OFD {_OFD}><ofd:DocBody>{about}<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>{signed}</ofd:DocBody></ofd:OFD>",
            **{
                f"Doc_0/{name}" if isinstance(says, bytes) else f"Doc_0/{name}.xml": says
                if isinstance(says, bytes)
                else f"<ofd:Part {_OFD}>{says}</ofd:Part>"
                for name, says in inner.items()
            },
        }
    )


def seal(name: str, picture: bytes) -> bytes:
    """A signature with a seal, as an OFD has it (GB/T 38540); what signs it is left out."""

    def der(tag: int, *values: bytes) -> bytes:
        content = b"".join(values)
        return bytes([tag, 0x83]) + len(content).to_bytes(3, "big") + content

    looks = der(0x30, der(0x16, b"png"), der(0x04, picture), der(0x02, b"\x28"), der(0x02, b"\x28"))
    whose = der(0x30, der(0x02, b"\x03"), der(0x0C, name.encode()), der(0x02, b"\x01"))
    head = der(0x30, der(0x16, b"ES"), der(0x02, b"\x04"))
    return der(0x30, der(0x30, der(0x02, b"\x04"), der(0x30, der(0x30, head, der(0x16, b"1"), whose, looks))))


def webarchive(page: bytes, parts: int = 0, encoding: str = "UTF-8") -> bytes:
    """A web page as Safari saves it, with this many pictures."""
    main = {
        "WebResourceData": page,
        "WebResourceMIMEType": "text/html",
        "WebResourceTextEncodingName": encoding,
    }
    pictures = [{"WebResourceData": b"%d" % n, "WebResourceURL": f"a://{n}"} for n in range(parts)]
    return plistlib.dumps(
        {"WebMainResource": main} | ({"WebSubresources": pictures} if pictures else {}),
        fmt=plistlib.FMT_BINARY,
    )


def with_packed(data: bytes, numbers: Sequence[int]) -> bytes:
    """The PDF with these of its objects packed, as programs write them since 2003."""
    bodies = re.findall(rb"\d+ 0 obj\n(.*?)\nendobj", data, re.DOTALL)
    stream, table = len(bodies) + 1, len(bodies) + 2
    held = [bodies[number - 1] + b"\n" for number in numbers]
    starts = [sum(map(len, held[:i])) for i in range(len(held))]
    heads = b"".join(b"%d %d " % pair for pair in zip(numbers, starts, strict=True))
    objects = zlib.compress(heads + b"".join(held))
    said = b"<< /Type /ObjStm /N %d /First %d /Filter /FlateDecode /Length %d >>"
    said %= (len(numbers), len(heads), len(objects))
    bodies.append(b"%b\nstream\n%b\nendstream" % (said, objects))
    out, rows = b"%PDF-1.5\n", struct.pack(">BIH", 0, 0, 65535)
    for number, body in enumerate(bodies, 1):
        packed = number in numbers
        rows += struct.pack(">BIH", *((2, stream, numbers.index(number)) if packed else (1, len(out), 0)))
        out += b"" if packed else b"%d 0 obj\n%s\nendobj\n" % (number, body)
    rows += struct.pack(">BIH", 1, len(out), 0)
    said = b"<< /Type /XRef /Size %d /Root 1 0 R /W [1 4 2] /Length %d >>" % (table + 1, len(rows))
    end = b"%d 0 obj\n%s\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n"
    return out + end % (table, said, rows, len(out))


# ── Office ──────────────────────────────────────────────────────────────────────────────────────────────────────


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELS = '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
_KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def docx(body: str, more: Mapping[str, str | bytes] | None = None, prolog: str = "") -> bytes:
    """A DOCX whose body is this WordprocessingML; numbering 1 is bullets and 2 is numbers; footnote 1 exists."""
    levels = (
        f'<w:abstractNum w:abstractNumId="{n}"><w:lvl w:ilvl="0"><w:numFmt w:val="{form}"/></w:lvl><w:lvl w:ilvl="1">'
        f'<w:numFmt w:val="{form}"/></w:lvl></w:abstractNum>'
        for n, form in ((1, "bullet"), (2, "decimal"))
    )
    numbers = "".join(f'<w:num w:numId="{n}"><w:abstractNumId w:val="{n}"/></w:num>' for n in (1, 2))
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{i}"><w:name w:val="{name}"/></w:style>'
        for i, name in (("T", "Title"), ("H1", "heading 1"), ("H2", "heading 2"), ("C1", "标题 1"))
    )
    related = "".join(
        f'<Relationship Id="r{kind}" Type="{_KIND}/{kind}" Target="{kind}.xml"/>'
        for kind in ("numbering", "styles", "footnotes")
    )
    math = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    return zipped(
        {
            "[Content_Types].xml": _TYPES,
            "_rels/.rels": _RELS.format(
                f'<Relationship Id="r1" Type="{_KIND}/officeDocument" Target="word/document.xml"/>'
            ),
            "word/document.xml": f'<?xml version="1.0"?>{prolog}<w:document {W} {math}><w:body>{body}</w:body></w:document>',
            "word/_rels/document.xml.rels": _RELS.format(related),
            "word/numbering.xml": f"<w:numbering {W}>{''.join(levels)}{numbers}</w:numbering>",
            "word/styles.xml": f"<w:styles {W}>{styles}</w:styles>",
            "word/footnotes.xml": f'<w:footnotes {W}><w:footnote w:id="1">{para("The fine print.")}</w:footnote></w:footnotes>',
            **(more or {}),
        }
    )


def para(text: str, style: str = "", number: int = 0, level: int = 0) -> str:
    properties = f'<w:pStyle w:val="{style}"/>' if style else ""
    if number:
        properties += f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'
    return f'<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def word_table(rows: Sequence[Sequence[str]]) -> str:
    """Cells as text, or as whole <w:tc> elements for merged ones."""
    written = ""
    for row in rows:
        cells = (c if c.startswith("<w:tc") else f"<w:tc>{para(c)}</w:tc>" for c in row)
        written += f"<w:tr>{''.join(cells)}</w:tr>"
    return f"<w:tbl>{written}</w:tbl>"


def odt(body: str, prolog: str = "", kind: str = "text") -> bytes:
    spaces = " ".join(
        f'xmlns:{p}="urn:oasis:names:tc:opendocument:xmlns:{p if p != "fo" else "xsl-fo-compatible"}:1.0"'
        for p in ("office", "text", "table", "style", "draw", "presentation")
    )
    automatic = (
        '<office:automatic-styles><text:list-style style:name="N"><text:list-level-style-number text:level="1"/>'
        "</text:list-style></office:automatic-styles>"
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>{prolog}<office:document-content {spaces}>{automatic}<office:body>'
        f"<office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )
    return zipped(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": content,
            "META-INF/manifest.xml": "<m/>",
        }
    )


def epub(chapters: Mapping[str, str], spine: Sequence[str]) -> bytes:
    items = "".join(
        f'<item id="{k}" href="text/{k}.xhtml" media-type="application/xhtml+xml"/>' for k in chapters
    )
    order = "".join(f'<itemref idref="{k}"/>' for k in spine)
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"<dc:title>A Book</dc:title></metadata><manifest>{items}</manifest><spine>{order}</spine></package>"
    )
    doctype = (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">'
    )
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>',
            "OPS/book.opf": package,
            **{
                f"OPS/text/{k}.xhtml": f"{doctype}<html><body>{html}</body></html>"
                for k, html in chapters.items()
            },
        }
    )


# python-pptx brings both.
xlsxwriter: Any = pytest.importorskip("xlsxwriter")


pptx: Any = pytest.importorskip("pptx")


chart_data: Any = pytest.importorskip("pptx.chart.data")


def presentation() -> bytes:
    from PIL import Image
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    deck = pptx.Presentation()
    one = deck.slides.add_slide(deck.slide_layouts[1])
    one.shapes.title.text = "Plan"
    frame = one.placeholders[1].text_frame
    frame.text = "first point"
    for text, level in (("deeper", 1), ("second point", 0)):
        paragraph = frame.add_paragraph()
        paragraph.text, paragraph.level = text, level
    one.notes_slide.notes_text_frame.text = "say hello"
    two = deck.slides.add_slide(deck.slide_layouts[5])
    two.shapes.title.text = "Numbers"
    grid = two.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    for i, text in enumerate(("Item", "Qty", "Apple", "3")):
        grid.cell(i // 2, i % 2).text = text
    data = chart_data.CategoryChartData()
    data.categories = ["Q1", "Q2"]
    data.add_series("Sales", (10, 12.5))
    data.add_series("Cost", (7, None))
    two.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(3), Inches(4), Inches(3), data)
    three = deck.slides.add_slide(deck.slide_layouts[6])
    group = three.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "inside the group"
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    picture.seek(0)
    shape = three.shapes.add_picture(picture, 0, 0)
    shape._element.nvPicPr.cNvPr.set("descr", "the logo")  # noqa: SLF001 - the library cannot set alt text
    three._element.set("show", "0")  # noqa: SLF001 - nor hide a slide
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def workbook() -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for n in range(1, 41):
        sheet = book.add_worksheet(f"S{n}")
        sheet.write_row(0, 0, ["id", "name|pipe", "when", "ok", "value"])
        sheet.write_row(1, 0, [n, f"row of {n}"])
        sheet.write_datetime(1, 2, dt.datetime(2026, 1, n % 28 + 1), day)  # noqa: DTZ001 - sheets have no time zones
        sheet.write_boolean(1, 3, n % 2 == 0)
        sheet.write_number(1, 4, n + 0.1)
        if n == 7:
            sheet.hide()
        if n == 9:
            sheet.write_formula(2, 4, '=SUM(E2:E2)&"<"', value="")
            sheet.write_formula(3, 4, "=E2*2", value=18.2)
    book.add_worksheet("Empty")
    book.close()
    return out.getvalue()


def mail(html: bool = False) -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "中文主题", "张三 <a@b.example>", "x@y.example"
    message["Date"] = "Mon, 02 Nov 2026 10:00:00 +0000"
    if html:
        message.set_content("<p>Rich <b>text</b></p>", subtype="html")
    else:
        message.set_content("正文\nsecond line\n")
        message.add_alternative("<p>Rich <b>text</b></p>", subtype="html")
    message.add_attachment(b"12345", maintype="application", subtype="pdf", filename="报告.pdf")
    return bytes(message)


RTF = (
    rb"{\rtf1\ansi\ansicpg936\deff0{\fonttbl{\f0\fnil\fcharset134 SimSun;}{\f1\fswiss\fcharset0 Arial;}}{\colortbl;\red0;}"
    rb"\pard\f0\b \'d6\'d0\'ce\'c4\b0\par\f1 caf\'e9 \u8364? \u-10179?\u-8704? {\*\bkmkstart x}done\{\}\par"
    rb"\trowd\cellx100\cellx200\intbl A\cell B\par b2\cell\row\intbl 1\cell 2\cell\row\pard after{\pict\wmetafile8 0102}\par"
    rb"{\field{\*\fldinst HYPERLINK x}{\fldrslt link}}}"
)
