"""Readings over East Asian words, as pages and books have them."""

from __future__ import annotations

from support.cases import each

from glm_mcp.media.documents.html import html_markdown


@each(
    ("page", "text"),
    [
        ("これは<ruby>山路<rt>やまみち</rt></ruby>です", "これは山路(やまみち)です"),
        ("<ruby>漢<rt>かん</rt>字<rt>じ</rt></ruby>", "漢字(かんじ)"),
        ("<ruby>漢<rt>かん<rt>じ</ruby>", "漢(かんじ)"),
        ("<ruby><rb>東</rb><rb>京</rb><rt>とう</rt><rt>きょう</rt></ruby>", "東京(とうきょう)"),
        ("<ruby><rb>吾輩</rb><rp>（</rp><rt>わがはい</rt><rp>）</rp></ruby>は", "吾輩（わがはい）は"),
        ("<ruby>汉<rt>hàn</rt>字<rt>zì</rt></ruby>", "汉字(hàn zì)"),
        ("<ruby>汉<rtc><rt>hàn</rt></rtc></ruby>", "汉(hàn)"),
        ("<ruby><ruby>護<rt>まも</rt></ruby>れ<rt>protect</rt></ruby>", "護(まも)れ(protect)"),
        ("<ruby><b>人</b>の世<rt></rt></ruby>", "**人**の世"),
    ],
)
def test_a_reading_stands_in_brackets_behind_its_word(page: str, text: str) -> None:
    assert html_markdown(f"<p>{page}</p>") == text
