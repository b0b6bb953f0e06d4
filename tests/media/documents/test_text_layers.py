"""Text layers of PDF pages: those that read well, in any script, are text; those that do not are seen by the model."""

from __future__ import annotations

import io
import struct
import unicodedata
from types import SimpleNamespace
from typing import Any

import pytest
from liteparse import LiteParse
from support.cases import each
from support.jobs import document_job
from support.made_documents import lines, pdf, with_packed
from support.script_pdf import script_pdf

from glm_mcp.media.documents.fixed import boxes
from glm_mcp.media.documents.page.covered import Drawn
from glm_mcp.media.documents.page.lines.sideways import upright
from glm_mcp.media.documents.page.text_layer import usual_letters

ENGLISH = [
    "The committee met in the spring and agreed on the rules for the coming year, which are",
    "set out below. Members who wish to change them should write to the office before June,",
    "and say what they would have instead and why it would serve all of them better than now.",
    "Nothing in these rules takes from anyone what was given to them in earlier agreements.",
]
GOOD: dict[str, list[str]] = {
    "english": ENGLISH,
    "chinese": ["本合同由双方于二零二四年五月在北京签订,自签字之日起生效。", "甲方应在三十日内支付全部款项,逾期按日计收违约金。"] * 3,
    "japanese": ["この契約は両当事者の署名の日から効力を生ずる。", "甲は三十日以内に代金の全額を支払うものとする。"] * 3,
    "korean": ["이 계약은 양 당사자가 서명한 날부터 효력이 발생한다.", "갑은 삼십 일 이내에 대금 전액을 지급하여야 한다."] * 3,
    "russian": ["Настоящий договор вступает в силу со дня подписания обеими сторонами и действует", "до полного исполнения обязательств, если иное не указано ниже."] * 3,
    "greek": ["Η παρούσα σύμβαση ισχύει από την ημέρα της υπογραφής της από τα δύο μέρη", "και λήγει με την εκπλήρωση όλων των υποχρεώσεων."] * 3,
    "thai": ["สัญญาฉบับนี้มีผลใช้บังคับตั้งแต่วันที่ลงนามโดยคู่สัญญาทั้งสองฝ่าย"] * 4,
    "hindi": ["यह अनुबंध दोनों पक्षों के हस्ताक्षर के दिन से लागू होगा और"] * 4,
    "polish": ["Niniejsza umowa wchodzi w życie z dniem podpisania przez obie strony i trwa", "aż do wykonania wszystkich zobowiązań, chyba że poniżej wskazano inaczej."] * 3,
    "vietnamese": ["Hợp đồng này có hiệu lực kể từ ngày hai bên ký kết và kéo dài đến khi", "mọi nghĩa vụ được thực hiện xong, trừ khi có quy định khác dưới đây."] * 3,
    "finnish": ["Sopimus tulee voimaan sinä päivänä, jona molemmat osapuolet ovat sen", "allekirjoittaneet, ja se on voimassa toistaiseksi ellei toisin sovita."] * 3,
    "maths": ["Let f: ℝ → ℝ be such that ∀ε>0 ∃δ>0: |x−y|<δ ⇒ |f(x)−f(y)|<ε.", "Then ∑ₖ aₖ ≤ ∫ f(x) dx, and ∂f/∂x = 2πα + √(β² − 4αγ) ≠ ∞."] * 3,
    "code": ["def parse(argv: list[str]) -> int:", "    for i, arg in enumerate(argv[1:]):", "        if not arg.startswith('--'): return -i", "    return sum(len(a) for a in argv) % 7"] * 2,
    "numbers": [f"{i:04}  {i * 37.5:10.2f}  {i * 12.25:8.3f} %  -{i * 3}  {1900 + i}-0{i % 9 + 1}-12" for i in range(12)],
    "ligatures": ["The ﬁrst ofﬁce of the ﬂeet was ﬁlled with efﬁcient and afﬂuent ofﬁcers."] * 4,
    "bases": ["acgtgcatgc gtacgtagct agctagctag gctagcatcg atcgatcgta gctagctacg"] * 6,
    "masks": ["Insured XXXXXXXX XXXXXXX, holder XXXXXXX XXXXXXXX, policy number XXXXXXXXXX, agent XXXXXX"] * 4,
}  # fmt: skip


def shifted(text: str, by: int) -> str:
    return "".join(chr((ord(c.lower()) - 97 + by) % 26 + 97) if c.isalpha() else c for c in text)


def replaced(text: str, first: int) -> str:
    """Each letter as one of a run of characters."""
    return "".join(chr(first + ord(c) % 26) if c.isalpha() else c for c in text)


BAD: dict[str, list[str]] = {
    **{f"shifted by {n}": [shifted(line, n) for line in ENGLISH] for n in (1, 3, 4, 11, 13, 22)},
    "codes of glyphs": ["".join(chr(ord(c) - 29) if ord(c) > 61 else c for c in line) for line in ENGLISH],
    "private letters": [replaced(line, 0xE000) for line in ENGLISH],
    "replacements": ["".join("\ufffd" if c.isalpha() else c for c in line) for line in ENGLISH],
    "controls": [replaced(line, 0x80) for line in ENGLISH],
    "signs": [replaced(line, 0x2500) for line in ENGLISH],
}


def page(data: bytes) -> Any:
    facts, _ = document_job(io.BytesIO(data), {"name": "a.pdf", "pages": None})
    return facts["pages"][0]


@each("name", GOOD)
def test_a_good_text_layer_is_read_as_text_whatever_its_script(name: str) -> None:
    lines = GOOD[name]
    _, _, text, seen = page(script_pdf(lines))
    assert seen in {"", "formula"}, "formulas are seen beside their text"
    said = "".join(text.split())
    for word in lines[0].split()[:3]:
        assert word.replace("<", "\\<") in said or word in said or word.replace("ﬁ", "fi") in said, text


@each("name", BAD)
def test_a_text_layer_of_other_letters_than_the_page_shows_is_garbled(name: str) -> None:
    assert page(script_pdf(ENGLISH, BAD[name]))[3] == "garbled"


def test_glyph_numbers_in_the_text_are_garbled() -> None:
    assert page(script_pdf(["(cid:12)(cid:45)(cid:7) (cid:99)(cid:3)(cid:21)"] * 4))[3] == "garbled"


def test_signs_of_a_symbol_font_are_read_as_what_they_show() -> None:
    _, _, text, seen = page(script_pdf(["\uf0b7 \uf061 \uf0b3 \uf062"] * 3, font="Symbol"))
    assert seen in {"", "formula"}
    assert text.startswith("• α ≥ β") or "α ≥ β" in text


def test_signs_that_libreoffice_writes_with_its_own_font_are_those_of_the_font_it_stands_for() -> None:
    lines = ["\uf0a7 bring tea to all", "\uf0d8 and to the others", "\uf0fc \uf095 done by each of them"]
    text = page(script_pdf(lines, font="BAAAAA+OpenSymbol"))[2]
    assert all(words in text for words in ("▪ bring tea", "➢ and to", "✓ • done"))


@each("font", ["TimesNewRoman,Italic", "SimSun", "ABCDEF+Calibri"])
def test_a_sign_of_symbol_within_a_line_of_text_is_read_as_what_it_shows(font: str) -> None:
    lines = ["the loss \uf061 \uf0a3 12 and f \uf0ce A \uf0c7 B for all of them"] * 3
    text = page(script_pdf(lines, font=font))[2]
    assert "the loss α ≤ 12 and f ∈ A ∩ B for all of them" in text


def test_a_sign_of_a_font_of_icons_is_no_letter_of_symbol() -> None:
    text = page(script_pdf(["\uf0e0 write to the address below, or call"] * 3, font="FontAwesome"))[2]
    assert "◊" not in text
    assert "write to the address below" in text


def test_private_places_of_adobes_fonts_are_read_as_what_they_show() -> None:
    lines = [
        "C\uf768\uf761\uf770\uf774\uf765\uf772 \uf731\uf739\uf738\uf734 and \uf8ebx\uf8f6 of all the letters"
    ] * 3
    text = page(script_pdf(lines, font="Minion"))[2]
    assert "CHAPTER 1984 and ⎛x⎞ of all the letters" in text


def test_letters_of_formulas_are_read_as_plain_ones() -> None:
    lines = [
        "for all 𝑥 and 𝑦 the area is 𝐴 = 𝜋𝑟 and 𝑎𝑏𝑐 = 𝟏𝟐",
        "from 𝑌𝑍𝑎 to 𝑓𝑔 and 𝒙 beside 𝔸",
        "an ordinary line",
    ]
    text = page(script_pdf(lines, font="CambriaMath", packed=True))[2]
    for line in lines:
        assert unicodedata.normalize("NFKC", line) in text


def test_emoji_and_rare_ideographs_are_read() -> None:
    lines = ["done 👍 by 😀😁😂 and 𠮷野家", "an ordinary line 𡃁 with 𝑥 and a sign of its own \ue123\ue456"]
    text = page(script_pdf(lines, font="Noto", packed=True))[2]
    assert " ".join(text.split()) == " ".join(lines).replace("𝑥", "x")


@pytest.mark.parametrize("packed", [False, True])
def test_no_line_is_lost_of_a_font_that_says_its_letters_are_far_taller_than_they_are(packed: bool) -> None:
    lines = [f"Row {n} of ten" for n in range(10)]
    data = script_pdf(lines, font="Cambria", step=12, box=(-1475, -2463, 2868, 3117))
    text = page(with_packed(data, [8]) if packed else data)[2]
    assert " ".join(text.split()) == " ".join(lines)


def test_no_line_is_lost_of_a_font_some_of_whose_signs_are_far_taller_than_its_letters() -> None:
    """As Noto and Source Han fonts are, of which XeTeX, LuaTeX and dvipdfmx say so."""
    lines = [f"Row {n} of ten" for n in range(10)]
    file = boxes.font()
    for usual, tall in [((800, -100, 0), (1809, -1049, 0)), ((0, -100, 950, 800), (-997, -1049, 2929, 1809))]:
        was, is_ = (struct.pack(f">{len(numbers)}h", *numbers) for numbers in (usual, tall))
        assert was in file
        file = file.replace(was, is_)
    data = script_pdf(lines, font="Noto", step=12, box=(-997, -1049, 2929, 1809), rise=(-120, 880), file=file)
    text = page(data)[2]
    assert " ".join(text.split()) == " ".join(lines)


def test_an_ideograph_is_the_usual_one_whatever_form_a_font_gives_it() -> None:
    assert usual_letters("2026\uf98e\u2f00\uf967 \uf97e, \uac00 \ufb01") == "2026年一不 量, 가 ﬁ"


def test_slanted_latin_letters_that_came_as_ideographs_are_read_as_letters() -> None:
    text = page(script_pdf(["犃犫狊狋狉犪犮狋：本文研究了一种方法", "其中犡与犢为变量"], width=1000))[2]
    assert "Abstract：" in text
    assert "X与Y" in text
    assert "犇犇商店" in page(script_pdf(["犇犇商店在街角的第一家"], width=1000))[2]


def test_signs_between_the_marks_of_chinese_are_garbled() -> None:
    lines = [
        "KLM%.¾23@5-23456AB¿d、78ÀÁGH。",
        "KLMÂ(Ã23@5ÄÅ6Æb-Ç(。",
        "ÈÉ)*ÊÃK)*69(ËÌe6。ÎËVÏÐ6'()*，ÑVÏÐ6ÒKÂ(ÃK。",
    ]
    assert page(script_pdf(lines, width=1000))[3] == "garbled"
    said = ["if (a != b) { return a % 2; } // 如果不同，返回余数。", "x = [1, 2, 3]; // 列表、数组、集合。"]
    assert page(script_pdf(said, width=1000))[3] == ""


def test_columns_from_right_to_left_are_read_one_after_the_other() -> None:
    columns = ["床前明月光疑是地上霜", "举头望明月低头思故乡", "春眠不觉晓处处闻啼鸟", "夜来风雨声花落知多少"]
    rows = ["  ".join(column[row] for column in reversed(columns)) for row in range(10)]
    assert page(script_pdf(rows, step=11))[2] == "\n".join(columns)
    level = ["床前明月光疑是地上霜", "举头望明月低头思故乡", "春眠不觉晓处处闻啼鸟"]
    assert "".join(page(script_pdf(level, step=11))[2].split()) == "".join(level)


ENTRIES = [
    "从谐振子模型出发，推到色散关系并用图说明。",
    "描述全反射并说明隐失波的特性，用图表示出来",
    "证明菲涅尔反射公式",
    "线光效应的完整推导",
    "推导矩形波导的光场表达式",
]


def listed(*lines: str) -> str:
    """A page with a large title, whose entries the parser parts from their numbers."""
    data = script_pdf(["           期末考试题目说明", *lines], title=24, box=(0, -140, 1000, 860))
    return str(page(data)[2])


def test_numbers_that_stand_apart_from_their_entries_are_in_front_of_them() -> None:
    text = listed(*(f"{n}.\t{entry}" for n, entry in enumerate(ENTRIES, 1)))
    wanted = "\n\n".join(f"{n}. {entry}" for n, entry in enumerate(ENTRIES, 1))
    assert text == f"期末考试题目说明\n\n{wanted}"


def test_numbers_beside_nothing_stay_where_they_are() -> None:
    numbers = ["1.\t ", "2.\t ", "3.\t "]
    text = listed(*(f"{n}.\t{entry}" for n, entry in enumerate(ENTRIES, 1)), *numbers)
    assert sorted(text.split()).count("1.") == 2
    assert all(f"{n}. {entry}" in text for n, entry in enumerate(ENTRIES, 1))


def test_a_number_that_is_in_front_of_its_entry_is_not_put_there_again() -> None:
    entries = [f"{n}.\t{entry}" for n, entry in enumerate(ENTRIES, 1)]
    text = listed(*entries, "这里又说一遍：", *entries)
    assert all(text.count(f"{n}. {entry}") == 2 for n, entry in enumerate(ENTRIES, 1))
    assert "1. 1." not in text


TOLD = [
    "We describe how a vector is drawn into a space of few dimensions,",
    "each is distorted by at most (1 + e). This simple and elegant method",
    "has the following properties, which we prove in the sections below.",
]


def told_without(lost: int) -> str:
    """A page of which the parser has all lines but one."""
    data = pdf([lines(TOLD)])
    parsed = LiteParse(ocr_enabled=False, quiet=True, image_mode="off").parse(data).pages[0]
    items = [item for item in parsed.text_items if item.text not in TOLD[lost]]
    assert len(items) < len(parsed.text_items)
    written = " ".join(line for n, line in enumerate(TOLD) if n != lost)
    return Drawn(data, None).with_covered(SimpleNamespace(page_num=1, text_items=items), written, 0)


@each("lost", [0, 1, 2])
def test_a_line_of_words_for_which_the_parser_has_nothing_is_put_where_it_stands(lost: int) -> None:
    assert " ".join(told_without(lost).split()) == " ".join(TOLD)


def test_a_row_all_of_whose_words_other_rows_have_too_is_not_taken_for_one_of_them() -> None:
    """The parser left out rows of a long table beside text: what stands in them stands in others as well."""
    rows = ["11 report 85372 fixed", "12 report 85377 fixed", "13 report 85372 fixed"]
    parsed = LiteParse(ocr_enabled=False, quiet=True, image_mode="off").parse(pdf([lines(rows)])).pages[0]
    written = upright(parsed, " ".join(rows[:2]), None)
    assert written.endswith(f"[also on the page]\n\n{rows[2]}")


def test_a_range_of_a_fonts_map_over_the_end_of_a_byte_costs_no_letters() -> None:
    # As macOS and XeTeX write them: the parser leaves out the whole list with such a range in it.
    ideographs = [chr(0x6210 + n) for n in range(300)]
    lines = ["".join(ideographs[n : n + 30]) for n in range(0, 300, 30)]
    _, _, text, seen = page(script_pdf(lines, packed=True, width=1000))
    assert "".join(text.split()) == "".join(lines)
    assert seen == ""


def test_letters_of_many_scripts_within_words_are_no_text() -> None:
    garbled = ["ਉ䘠ਟ⍻䳶ᇊѹˈᒦ䇱᰾ਟ⍻䳶Ⲵᒦ䳶ਟ", "ᴹаࡇ൘䰝४䰤кⲴ䘎㔝࠭ᮠˈ᭦ᮋࡠ䇱᰾"]
    languages = ["हिन्दी and ગુજરાતી and বাংলা and ਪੰਜਾਬੀ", "አማርኛ and Монгол and தமிழ் and తెలుగు", "and ಕನ್ನಡ"] * 2
    assert page(script_pdf(garbled, width=1000))[3] == "garbled"
    assert page(script_pdf(languages))[3] == ""
