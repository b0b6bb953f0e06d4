"""Pictures and pages that are much work to those who go through them again and again."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

from support.made_documents import docx, ofd, unzipped, zipped
from support.made_iwork import link, message, numbers
from support.made_old_sheets import number_cell, over, pictured, place, record, xls
from support.toolkit import png


def narrow_bitmap(height: int) -> bytes:
    """One pixel wide, with the bits of its colours where few programs put them."""
    masks = struct.pack("<4I", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    head = struct.pack("<IiiHHI20x", 56, 1, height, 1, 32, 3)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 70) + head + masks + bytes(4 * height)


def page_of_texts(turn: int, text: str = "word") -> Any:
    """Forty thousand texts, each of which stands `turn` degrees further round than the one before."""
    box = SimpleNamespace(text=text, x=0, y=0, width=9, height=9)
    items = [
        SimpleNamespace(
            text=f"{text} {n}", x=n, y=n, width=9, height=9, rotation=n * turn, font_size=9, words=[box]
        )
        for n in range(40_000)
    ]
    return SimpleNamespace(text_items=items)


def short_texts_beside_long() -> Any:
    """A page whose lines are not in what is written of it, half of them of a few letters."""
    items = [
        SimpleNamespace(
            text=f"words{n} said{n} here{n}" if n % 2 else "ab",
            x=0, y=n, width=9, height=0.5, rotation=0, font_size=9,
        )
        for n in range(20_000)
    ]  # fmt: skip
    return SimpleNamespace(text_items=items)


def much_drawn(objects: str, resources: str) -> bytes:
    """An OFD of a page with these objects, and what they use."""
    page = f"<ofd:Content><ofd:Layer>{objects}</ofd:Layer></ofd:Content>"
    return ofd([page], common="<ofd:PublicRes>Res.xml</ofd:PublicRes>", Res=resources)


def much_typed() -> bytes:
    """A Word text of paragraphs in a font whose name has a million letters."""
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    style = f'<w:style w:type="paragraph" w:default="1" w:styleId="a"><w:rPr><w:rFonts w:ascii="{"m" * 1_000_000}"/></w:rPr></w:style>'
    body = "<w:p><w:r><w:t>word</w:t></w:r></w:p>" * 3_000
    return zipped(
        {
            "word/document.xml": f'<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>',
            "word/styles.xml": f'<w:styles xmlns:w="{space}">{style}</w:styles>',
            "word/_rels/document.xml.rels": '<Relationships><Relationship Id="r" Type="x/styles" Target="styles.xml"/></Relationships>',
        }
    )


def much_shown() -> bytes:
    """A presentation that shows one slide of many pictures again and again."""
    space = "http://schemas.openxmlformats.org/presentationml/2006/main"
    links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    again = '<p:sldId r:id="s"/>' * 5_000
    pictures = "".join(f'<Relationship Id="i{n}" Type="x/image" Target="p{n}.png"/>' for n in range(15_000))
    return zipped(
        {
            "ppt/presentation.xml": f'<p:presentation xmlns:p="{space}" xmlns:r="{links}">{again}</p:presentation>',
            "ppt/_rels/presentation.xml.rels": '<Relationships><Relationship Id="s" Type="x/slide" Target="a.xml"/></Relationships>',
            "ppt/a.xml": f'<p:sld xmlns:p="{space}"/>',
            "ppt/_rels/a.xml.rels": f"<Relationships>{pictures}</Relationships>",
        }
    )


def narrow_tiff(height: int, strips: int) -> bytes:
    """A TIFF one pixel of three bits wide, each of whose strips has all of it."""
    tags = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", 7)
    for tag, count, value in (
        *((256, 1, 1), (257, 1, height), (258, 1, 3), (259, 1, 1), (262, 1, 1)),
        *((273, strips, 98), (279, strips, 98 + 4 * strips)),
    ):
        one = {273: 98, 279: height}.get(tag, value)
        tags += struct.pack("<HHII", tag, 4, count, value if count > 1 else one)
    lists = struct.pack("<I", 98) * strips + struct.pack("<I", height) * strips
    return tags + bytes(4) + lists + bytes(height)


def drawing_of_comments() -> bytes:
    """A label of draw.io with comments that do not end."""
    return _drawing(f'<mxCell id="a" parent="1" style="html=1" value="{"&lt;!--" * 1_000_000}"/>')


def drawing_of_arrows() -> bytes:
    """One of thousands of arrows to a shape of many words."""
    shape = f'<mxCell id="a" parent="1" value="{"words " * 100_000}"/>'
    arrow = '<mxCell id="e{0}" parent="1" edge="1" source="a" target="a" value="{0}"/>'
    return _drawing(shape + "".join(map(arrow.format, range(5_000))))


def drawing_of_labels() -> bytes:
    """One of tens of thousands of labels on one arrow."""
    label = f'<mxCell id="w{{0}}" parent="e" value="{"word " * 20}"/>'
    return _drawing('<mxCell id="e" parent="1" edge="1"/>' + "".join(map(label.format, range(50_000))))


def _drawing(cells: str) -> bytes:
    return f"<mxGraphModel><root>{cells}</root></mxGraphModel>".encode()


def field_in_pieces() -> bytes:
    """A field of Word whose instruction comes in tens of thousands of pieces."""
    pieces = f"<w:r><w:instrText>{'EQ words ' * 12}</w:instrText></w:r>" * 80_000
    return _of_word(f"{_sign('begin')}{pieces}{_sign('separate')}<w:r><w:t>x</w:t></w:r>{_sign('end')}")


def fields_in_fields() -> bytes:
    """Fields of Word that do not end, with words in each."""
    opened = _sign("begin") + "<w:r><w:instrText>EQ a</w:instrText></w:r>" + _sign("separate")
    return _of_word((opened + "<w:r><w:t>x</w:t></w:r>") * 8_000)


def _sign(kind: str) -> str:
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'


def _of_word(runs: str) -> bytes:
    return docx(f"<w:p>{runs}</w:p>")


def old_workbook_of_parts() -> bytes:
    """An XLS whose pictures' store comes in hundreds of thousands of records."""
    return xls(record(0xEB, bytes(20)) * 160_000, number_cell(0, 0, 7))


def old_workbook_of_one_place() -> bytes:
    """One of hundreds of sheets that lie in one place, which has pictures and thousands of cells."""
    cells = b"".join(number_cell(row, 0, 7) for row in range(20_000))
    pictures = over(pictured(1, place(1, 2, 9, 30)))
    return xls(b"", cells + pictures, pictures=[png((80, 60))], sheets=800)


def sheets_of_pictures() -> bytes:
    """A file of Numbers with thousands of sheets, each of which shows the same pictures."""
    shows = {n: (3005, message({1: message({}), 11: link(n)})) for n in range(10_000, 10_020)}
    files = {f"Data/one-{n}.png": png((80, 60)) for n in shows}
    made = numbers({f"S{n}": list(shows) for n in range(3_000)}, shows)
    return zipped({**unzipped(made), **files})


def list_of_word() -> bytes:
    """A list of Word of thousands of long items."""
    number = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
    return docx(f"<w:p><w:pPr>{number}</w:pPr><w:r><w:t>{'word ' * 160}</w:t></w:r></w:p>" * 16_000)
