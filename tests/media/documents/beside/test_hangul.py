"""Documents of Hangul, Korea's word processor: HWPX and HWP give the same Markdown."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from support.jobs import document_job
from support.made_documents import zipped
from support.made_hangul import cell, control, hwp, hwpx, paragraph, record, run, sign, t, words_in
from support.ole import ole

from glm_mcp.errors import InvalidRequest, UnsupportedMedia


def read(data: bytes, name: str = "a.hwpx", **params: Any) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": name, **params})[0]


SHAPES = (
    '<hh:paraPr id="1"><hh:heading type="OUTLINE" idRef="0" level="0"/></hh:paraPr>'
    '<hh:paraPr id="2"><hh:heading type="NUMBER" idRef="1" level="1"/></hh:paraPr>'
    '<hh:paraPr id="3"><hh:heading type="BULLET" idRef="1" level="0"/></hh:paraPr>'
    '<hh:numbering id="1"><hh:paraHead start="1" level="1" numFormat="DIGIT">^1.</hh:paraHead>'
    '<hh:paraHead start="1" level="2" numFormat="HANGUL_SYLLABLE">^2)</hh:paraHead></hh:numbering>'
    '<hh:bullet id="1" char="■"/>'
)
WHOLE = """# 1. 개요

가) 첫째

나) 둘째

■ 셋째

이름\t홍길동[^1]

| 구분 | 금액 |
| --- | --- |
| 합계 | 100 |
| 합계 | 200 |

상자

[^1]: 각주

[page header: 머리말]"""


def test_an_hwpx_is_read_with_its_numbers_tables_notes_and_boxes() -> None:
    note = f"<hp:ctrl><hp:footNote><hp:subList>{run(t('각주'))}</hp:subList></hp:footNote></hp:ctrl>"
    head = f"<hp:ctrl><hp:header><hp:subList>{run(t('머리말'))}</hp:subList></hp:header></hp:ctrl>"
    table = (
        f"<hp:tbl><hp:tr>{cell(0, 0, run(t('구분')), across=2)}{cell(0, 2, run(t('금액')))}</hp:tr>"
        f"<hp:tr>{cell(1, 0, run(t('합계')), down=2, across=2)}{cell(1, 2, run(t('100')))}</hp:tr>"
        f"<hp:tr>{cell(2, 2, run(t('200')))}</hp:tr></hp:tbl>"
    )
    box = f"<hp:rect><hp:shapeComment>사각형</hp:shapeComment><hp:drawText><hp:subList>{run(t('상자'))}</hp:subList></hp:drawText></hp:rect>"
    section = (
        run('<hp:secPr outlineShapeIDRef="1"/>', head, t("개요"), shape=1)
        + run(t("첫째"), shape=2)
        + run(t("둘째"), shape=2)
        + run(t("셋째"), shape=3)
        + run(t("이름<hp:tab/>홍길동"), note, table)
        + run(box)
    )
    facts = read(hwpx(section, head=SHAPES))
    assert (facts["kind"], facts["pages"][0][2]) == ("hwpx", WHOLE)


def shape(kind: int, which: int, level: int) -> bytes:
    return record(25, 0, struct.pack("<I26xH", kind << 23 | level << 25, which))


def level(form: int, text: str) -> bytes:
    return struct.pack("<IHHIH", form << 5, 0, 0, 0, len(text)) + text.encode("utf-16-le")


def test_an_hwp_is_read_as_the_hwpx_of_the_same_text() -> None:
    table = control(
        1, b"tbl ",
        record(77, 2, bytes(20)),
        *(
            words_in(2, paragraph(2, text), place=struct.pack("<4H", column, row, across, down))
            for row, column, across, down, text in ((0, 0, 2, 1, "구분"), (0, 2, 1, 1, "금액"), (1, 0, 2, 2, "합계"), (1, 2, 1, 1, "100"), (2, 2, 1, 1, "200"))
        ),
    )  # fmt: skip
    box = control(1, b"gso ", record(76, 2, bytes(8)) + words_in(3, paragraph(3, "상자")))
    section = (
        paragraph(
            0,
            sign(2) + sign(16) + "개요",
            control(1, b"secd", data=struct.pack("<14xH", 1)),
            control(1, b"head", words_in(2, paragraph(2, "머리말"))),
            shape=1,
        )
        + paragraph(0, "첫째", shape=2)
        + paragraph(0, "둘째", shape=2)
        + paragraph(0, "셋째", shape=3)
        + paragraph(
            0,
            f"이름{sign(9)}홍길동{sign(17)}{sign(11)}",
            control(1, b"fn  ", words_in(2, paragraph(2, "각주"))),
            table,
        )
        + paragraph(0, sign(11), box)
    )
    head = (
        record(23, 0, level(0, "^1.") + level(8, "^2)")),
        record(24, 0, bytes(12) + "■".encode("utf-16-le")),
        shape(0, 0, 0), shape(1, 0, 0), shape(2, 1, 1), shape(3, 1, 0),
    )  # fmt: skip
    facts = read(hwp(section, head=head), "a.hwp")
    assert (facts["kind"], facts["pages"][0][2]) == ("hwp", WHOLE)


def test_forms_formulas_and_remarks_are_given_and_pictures_named() -> None:
    memo = f'<hp:ctrl><hp:fieldBegin type="MEMO"><hp:subList>{run(t("확인"))}</hp:subList></hp:fieldBegin></hp:ctrl>'
    section = run(
        t("값 "), "<hp:equation><hp:script>a`over ~b</hp:script></hp:equation>", memo,
        "<hp:dutmal><hp:mainText>漢字</hp:mainText><hp:subText>한자</hp:subText></hp:dutmal>",
        '<hp:comboBox><hp:listItem displayText="서울" value="1"/></hp:comboBox><hp:pic><hp:shapeComment>그림</hp:shapeComment></hp:pic>',
    )  # fmt: skip
    group = f"<hp:memogroup><hp:memo><hp:paraList>{run(t('다시'))}</hp:paraList></hp:memo></hp:memogroup>"
    facts = read(hwpx(section + group))
    assert facts["pages"][0][2] == "값 `a over b`漢字(한자)서울[picture]\n\n[remark: 확인]\n\n[remark: 다시]"
    assert facts["notes"] == []


def test_a_formula_in_a_box_is_said_once() -> None:
    formula = control(4, b"eqed", record(88, 5, struct.pack("<IH", 0, 5) + "a+b=c".encode("utf-16-le")))
    inside = words_in(3, paragraph(3, f"상자 {sign(11)}", formula))
    box = control(1, b"gso ", record(76, 2, bytes(8)) + inside)
    facts = read(hwp(paragraph(0, f"앞{sign(11)}", box)), "a.hwp")
    assert facts["pages"][0][2] == "앞\n\n상자 `a+b=c`"


def test_letters_in_a_ring_are_read_where_they_stand() -> None:
    ring = control(1, b"tcps", data=struct.pack("<H", 2) + "21".encode("utf-16-le") + bytes(4))
    facts = read(hwp(paragraph(0, f"앞 {sign(23)} 뒤", ring)), "a.hwp")
    assert facts["pages"][0][2] == "앞 21 뒤"
    assert read(hwpx(run(t("앞 "), '<hp:compose composeText="21"/>', t(" 뒤"))))["pages"][0][2] == "앞 21 뒤"


@pytest.mark.extreme
def test_a_numbering_that_begins_at_no_number_begins_at_one() -> None:
    head = (
        '<hh:paraPr id="2"><hh:heading type="NUMBER" idRef="1" level="0"/></hh:paraPr>'
        '<hh:numbering id="1"><hh:paraHead start="123456abc" numFormat="DIGIT">^1.</hh:paraHead></hh:numbering>'
    )
    assert read(hwpx(run(t("첫째"), shape=2), head=head))["pages"][0][2] == "1. 첫째"


def test_a_document_that_is_locked_damaged_or_too_old_is_refused_with_what_to_do() -> None:
    for data, refusal, words in (
        (hwp(paragraph(0, "x"), flags=3), InvalidRequest, "is encrypted"),
        (hwp(paragraph(0, "x"), flags=5), UnsupportedMedia, "is locked against editing"),
        (ole(["FileHeader", ("BodyText", ["Section0"])]), UnsupportedMedia, "is damaged"),
        (zipped({"mimetype": "application/hwp+zip"}), UnsupportedMedia, "it has no contents"),
        (b"HWP Document File V3.00 \x1a\1\2\3\4\5".ljust(200, b"\0"), UnsupportedMedia, "of before 2000"),
    ):
        with pytest.raises(refusal, match=words) as caught:
            read(data, "a.hwp")
        assert "Save it" in str(caught.value)
    locked = zipped({"Contents/section0.xml": b"\x93", "META-INF/manifest.xml": "<m><encryption-data/></m>"})
    with pytest.raises(InvalidRequest, match="is encrypted"):
        read(locked)


def table_of(*cells: str) -> str:
    rows = "".join(f"<hp:tr>{one}</hp:tr>" for one in cells)
    return str(read(hwpx(run(f"<hp:tbl>{rows}</hp:tbl>")))["pages"][0][2])


def test_a_table_whose_cells_each_have_a_row_and_a_column_of_their_own_is_not_filled_up() -> None:
    text = table_of(*(cell(n, n, run(t(f"cell {n}"))) for n in range(3_000)))
    assert "cell 2999" in text
    assert len(text) < 100_000


def test_a_long_text_that_is_merged_over_hundreds_of_thousands_of_rows_stands_once() -> None:
    text = table_of(cell(0, 0, run(t("long " * 400)), down=900_000), cell(0, 1, run(t("beside"))))
    assert text.count("long ") == 400
    assert "beside" in text
