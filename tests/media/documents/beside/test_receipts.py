"""Chinese invoices: a printed form with values typed over it, as the page is laid out."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

from support.made_documents import assemble

from glm_mcp.media.documents.pdf import pdf_job

Place = tuple[float, float, str]


def read(places: Sequence[Place]) -> str:
    facts, _ = pdf_job(io.BytesIO(chinese_pdf(places)), {"name": "a.pdf"})
    return str(facts["pages"][0][2])


def chinese_pdf(places: Sequence[Place]) -> bytes:
    """A page of these texts in a font that is not in the file."""
    text = "".join(f"BT /F 9 Tf {x} {y} Td <{t.encode('utf-16-be').hex()}> Tj ET\n" for x, y, t in places)
    face = "/BaseFont /STSong-Light"
    system = "/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >>"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 610 400] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        f"<< /Type /Font /Subtype /Type0 {face} /Encoding /UniGB-UCS2-H /DescendantFonts [6 0 R] >>",
        f"<< /Type /Font /Subtype /CIDFontType0 {face} /DW 1000 /W [1 94 500] /FontDescriptor 7 0 R {system} >>",
        "<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /Ascent 880 /Descent -120 >>",
    ]
    return assemble([one.encode() for one in objects])


def invoice() -> list[Place]:
    form: list[Place] = [
        (200, 370, "电子普通发票"),
        (420, 370, "发票代码:"),
        (420, 355, "发票号码:"),
        (420, 340, "开票日期:      年   月   日"),
        (20, 325, "机器编号:"),
        (420, 325, "校 验 码:"),
        (32, 300, "名        称:"),
        (32, 286, "纳税人识别号:"),
        (32, 272, "地 址、电 话:"),
        (18, 100, "备注"),
        (30, 240, "项目名称"),
        (140, 240, "规格型号"),
        (205, 240, "单位"),
        (250, 240, "数 量"),
        (310, 240, "单 价"),
        (390, 240, "金 额"),
        (450, 240, "税率"),
        (520, 240, "税 额"),
        (60, 150, "价税合计(大写)"),
        (420, 150, "(小写)"),
        (20, 60, "收款人:"),
        (160, 60, "复核:"),
        (300, 60, "开票人:"),
    ]
    form += [(18, 294 - 12 * i, letter) for i, letter in enumerate("购买方")]
    typed: list[Place] = [
        (466, 370.5, "034012000211"),
        (466, 355.5, "75505018"),
        (464, 340.5, "2021"),
        (500, 340.5, "04"),
        (520, 340.5, "28"),
        (65, 325, "661914984673"),
        (470, 325, "57948 81670"),
        (95, 300, "一号软件有限公司"),
        (95, 286, "91440300799214981G"),
        (95, 272, "第一大道93号"),
        (24, 225, "*运输服务*客运服务费"),
        (205, 225, "次"),
        (262, 225, "1"),
        (305, 225, "29.42718447"),
        (390, 225, "29.43"),
        (452, 225, "3%"),
        (530, 225, "0.88"),
        (150, 150, "叁拾圆叁角壹分"),
        (455, 150, "¥30.31"),
        (60, 60, "李一"),
        (190, 60, "王二"),
        (340, 60, "张三"),
    ]
    return form + typed


def test_each_value_of_an_invoice_stands_beside_its_label() -> None:
    text = re.sub(" ", "", read(invoice()))
    for value in (
        "发票代码:034012000211",
        "发票号码:75505018",
        "开票日期:2021年04月28日",
        "校验码:5794881670",
        "购买方名称:一号软件有限公司",
        "纳税人识别号:91440300799214981G",
        "(小写)¥30.31",
        "收款人:李一复核:王二开票人:张三",
    ):
        assert value in text, text


def test_a_line_of_an_invoice_is_one_row_with_its_cells_apart() -> None:
    row = next(line for line in read(invoice()).splitlines() if "客运服务费" in line)
    cells = ["*运输服务*客运服务费", "次", "1", "29.42718447", "29.43", "3%", "0.88"]
    assert re.split(" {2,}", row.strip()) == cells


def test_a_text_that_speaks_of_invoices_stays_a_text() -> None:
    said = ["发票上应当写明开票日期、发票号码和价税合计。", "收款人、复核、开票人都要签字。"]
    text = read([(60, 360 - 14 * i, line) for i, line in enumerate(said)])
    assert "```" not in text
