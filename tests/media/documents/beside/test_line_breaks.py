"""Where the lines of a PDF page end: Chinese and Japanese without blanks in their words, code with its indentation."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from support.made_documents import pdf, text_at
from support.script_pdf import script_pdf

from glm_mcp.media.documents.page.lines.line_breaks import with_line_breaks
from glm_mcp.media.documents.pdf import pdf_job

CHINESE = [
    "\u3000\u3000各市人民政府，省政府各部门：现将关于进一步做好粮食安全工作的通知印发给",
    "你们，请结合本地实际认真贯彻执行。各地要把保障粮食供应放在首位，并切实加强组",
    "织领导，明确责任分工，按时完成各项任务。",
]
JAPANESE = [
    "この装置をご使用になる前に、必ず取扱説明書をお読みいただき、正しく安全にお使いくだ",
    "さい。お読みになった後は、いつでも見られる場所に大切に保管しておいてくださるようお",
    "願いいたします。",
]


def read(data: bytes) -> str:
    facts, _ = pdf_job(io.BytesIO(data), {"name": "a.pdf"})
    return str(facts["pages"][0][2])


@pytest.mark.parametrize("lines", [CHINESE, JAPANESE], ids=["Chinese", "Japanese"])
@pytest.mark.parametrize("font", ["SimSun", "Courier"])
def test_no_blank_parts_a_word_where_a_line_ends(lines: list[str], font: str) -> None:
    text = read(script_pdf(lines, font=font, width=1000))
    assert "".join(lines).strip() in text
    assert "```" not in text


def test_a_line_with_latin_letters_goes_on_in_one_without() -> None:
    """Whose boxes are those of their letters, as of fonts of XeTeX and dvipdfmx: g and ( reach below."""
    lines = [
        "これは『(gpq)美文書作成入門』などの本を作ったときに使ったマクロを集めたものであるが",
        JAPANESE[0],
    ]
    items = [
        SimpleNamespace(text=text, x=60, y=100 + 15 * n, width=460, height=high, font_size=9.96, rotation=0)
        for n, (text, high) in enumerate(zip(lines, (12.5, 9.6), strict=True))
    ]
    assert with_line_breaks(SimpleNamespace(text_items=items), " ".join(lines)) == "".join(lines)


def test_short_lines_of_one_width_stay_apart() -> None:
    names = ["王小明", "李小红", "张大伟", "刘建国"]
    assert read(script_pdf(names, width=1000)).split() == names


def test_a_long_line_that_is_set_like_a_title_is_none() -> None:
    said = "掌握多种编程语言、了解常用开发框架，熟悉常见漏洞的原理及利用方法，能够编写自己的工具"
    big = script_pdf([said, *CHINESE * 4], width=1000).replace(b"/F1 11 Tf 60 780", b"/F1 13 Tf 30 790")
    assert f"# {said[:8]}" not in read(big)
    title = script_pdf([said[:12], *CHINESE * 4], width=1000)
    assert f"# {said[:12]}" in read(title.replace(b"/F1 11 Tf 60 780", b"/F1 20 Tf 60 790"))


def test_code_keeps_its_indentation() -> None:
    code = [
        (0, "def grade(points):"),
        (4, "for limit in LIMITS:"),
        (8, "if points > limit:"),
        (12, "return limit"),
        (4, "return 0"),
    ]
    drawn = "".join(text_at(72 + 6 * indent, 740 - 14 * i, text, 10) for i, (indent, text) in enumerate(code))
    text = read(pdf([drawn]).replace(b"/BaseFont /Helvetica", b"/BaseFont /Courier"))
    assert "\n".join(" " * indent + text for indent, text in code) in text
