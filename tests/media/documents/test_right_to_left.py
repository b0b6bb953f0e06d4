"""Lines of PDF pages that run from right to left."""

from __future__ import annotations

import io
import math
import re
from typing import Any

from support.jobs import document_job
from support.paths import DATA
from support.script_pdf import script_pdf

from glm_mcp.media.documents.page.lines.as_drawn import Sign, in_order


def page(data: bytes) -> Any:
    facts, _ = document_job(io.BytesIO(data), {"name": "a.pdf", "pages": None})
    return facts["pages"][0]


def test_lines_that_run_from_right_to_left_keep_the_order_of_their_words() -> None:
    """The file is LibreOffice 7.4's, of a paragraph in Hebrew and one in Arabic, in DejaVu Sans."""
    _, _, text, seen = page((DATA / "right-to-left.pdf").read_bytes())
    assert seen == ""
    hebrew, arabic, english = text.split("\n\n")
    assert hebrew.startswith("החוזה הזה נכנס לתוקף ביום חתימתו על ידי שני הצדדים")
    assert hebrew.endswith("אלא אם כן נקבע אחרת.")
    assert arabic.startswith(
        "يدخل هذا العقد حيز التنفيذ في يوم توقيعه من قبل الطرفين في 12 مايو 2024 ويبقى ساري المفعول حتى الوفاء بجميع"
    )
    assert english == "Normal English."


def test_lines_whose_letters_are_put_one_to_the_left_of_the_other_are_read_from_the_right() -> None:
    lines = [
        "העבודה הכוללת הנעשית לאורך דרך מסוימת, על ידי כל הכוחות",
        "שווה להפרש בין האנרגיה הקינטית",
        "פרק ב",
    ]
    text = page(script_pdf(lines, backwards=True))[2]
    assert " ".join(text.split()) == " ".join(lines)


def drawn_from_the_right(line: str) -> str:
    """As it is drawn from left to right, brackets in the shape that they have there."""
    turned = line[::-1].translate(str.maketrans("()", ")("))
    return re.sub(r"[A-Z]+|\d[\d./-]*\d|\d", lambda run: run[0][::-1], turned)


def test_italics_that_run_from_right_to_left_keep_their_words() -> None:
    hebrew = [
        "תקציר המאמר על שימוש ברשתות אלחוטיות",
        "בספריות של האוניברסיטאות במדינות רבות",
        "ועל דעתם של הספרנים בעניין זה",
    ]
    text = page(script_pdf([drawn_from_the_right(line) for line in hebrew], lean=0.21, width=450))[2]
    assert " ".join(text.split()) == " ".join(hebrew)


def test_marks_brackets_and_numbers_of_lines_from_the_right_stay_where_they_are() -> None:
    hebrew = [
        "מזג אויר - אביבי, כדאי (ורצוי) לבדוק לפני היציאה; מטבע מקומי - יין (JPY).",
        "שער ההמרה, נכון ליום 9/4/2014: כ 25.50 דולר.",
        "טלפון: 050-0000000 ת.ז. 000000000",
        "לפי סעיף 15(ב)(4) לחוק זה",
    ]
    text = page(script_pdf([drawn_from_the_right(line) for line in hebrew], width=450))[2]
    assert " ".join(text.split()) == " ".join(hebrew)


def test_a_table_of_a_page_from_the_right_has_its_words_in_order() -> None:
    """The file is LibreOffice 7.4's: an invoice in Hebrew and a line in Arabic, in DejaVu Sans."""
    text = page((DATA / "right-to-left-table.pdf").read_bytes())[2]
    assert "חשבונית מס מספר 10234 (מקור)" in text
    assert 'תאריך: 12/05/2024, לכבוד: מאפיית הכפר בע"מ' in text
    assert '| 1,000.00 ש"ח | 250.00 | 4 | כיסא משרדי (שחור) |' in text
    assert "الاتصالات والمعلومات خلال COVID-19" in text


def test_a_glyph_of_several_letters_keeps_their_order() -> None:
    lines = ["غفر ﷲ له ولوالديه ولجميع المسلمين", "والحمد ﷲ رب العالمين"]
    for backwards in (False, True):
        drawn = lines if backwards else [drawn_from_the_right(line) for line in lines]
        said = [["الله" if letter == "ﷲ" else letter for letter in line] for line in drawn]
        text = page(script_pdf(drawn, said, width=450, backwards=backwards))[2]
        assert " ".join(text.split()) == " ".join(lines).replace("ﷲ", "الله")


def test_letters_of_sizes_that_no_page_has_are_read_at_once() -> None:
    for left, right in ((0.0, 1e12), (math.nan, math.nan), (-math.inf, math.inf)):
        odd = Sign("א", 10, 0, left, right)
        ((text, _),) = in_order([[odd, Sign("\u05b8", 10, 0, left, right), Sign("ב", 10, 0, 20, 30)]])
        assert {"א", "ב"} <= set(text)
