"""RTF, HTML, mail, notebooks and odd texts: the rarer things that such files hold."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from support.cases import each
from support.jobs import document_job

from glm_mcp.errors import InvalidRequest
from glm_mcp.media.charset import decode
from glm_mcp.media.documents.eml import read_mail
from glm_mcp.media.documents.html import html_markdown
from glm_mcp.media.documents.notebook import read_notebook
from glm_mcp.media.documents.rtf import rtf_text

# ── RTF ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@each(
    ("source", "text"),
    [
        (rb"a\~b\_c\-d \{\}\\", "a\xa0b‑cd {}\\"),  # spaces and hyphens of their own kind
        (b"one\\\ntwo", "one\n\ntwo"),  # a line's end after a backslash is a paragraph's
        (rb"\u8364? \uc0\u8364 x \uc1\u8364\'80 y \u8364\~z", "€ €x € y €z"),  # stand-ins for old readers
        (rb"{\*\shpinst\sp{\shptxt in the box\par}} after", " after\n\nin the box"),
        (rb"{\pict \~ab\'41 \u65 x}c{\*\unknown \'41\~b}", "[picture]c"),  # nothing of an unknown group
        (rb"\ansicpg437 \'82 \ansicpg10000 \'8e \ansicpg99999 \'e9", "é é é"),
        (rb"{\fonttbl{\f1\fcharset204 Arial;}}\f1 \'cf\plain \'e9", "Пé"),
        (rb"{\fonttbl{\f1\fcharset78 Osaka;}{\f2\fcharset85 G;}}\f1\'82\'a8 \f2\'e1", "お α"),  # of the Mac
        (rb"\ansicpg10001 \'82\'a8 \ansicpg10007 \'df \mac \'8e \pc \'81 \pca \'9b", "お я é ü ø"),
        (b"a\\bin7 }{\\bin1}{}\\{b", "a{b"),  # raw bytes that look like groups
        (rb"\trowd\intbl A\cell\row\pard\par\par b", "| A |\n| --- |\n\nb"),
        (rb"{a\i0 \*\cs7 b}{\*\cs7 c}", "ab"),  # a star elsewhere than at the beginning of a group
        (rb"a}b}}c", "abc"),  # more ends than beginnings
    ],
)
def test_rtf_is_read_by_the_rules_of_its_format(source: bytes, text: str) -> None:
    assert rtf_text(rb"{\rtf1\ansi " + source + b"}") == text


# ── HTML ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_html_shows_nothing_hidden_whatever_it_lies_in() -> None:
    page = (
        "<p>seen<input value='typed'></p><div hidden>a<span style='display: none'>b</span></div>"
        "<p style='visibility:hidden'>c</p><nav>d<script>e</script></nav><p aria-hidden='true'>f</p>"
    )
    assert html_markdown(page) == "seen typed"


@each(
    ("page", "text"),
    [
        ("<ol type=a><li>x<li>y<ol type=I><li>q</ol></ol>", "a. x\nb. y\n   I. q"),
        ("<ol style='list-style: inside lower-roman'><li>x<li>y</ol>", "i. x\nii. y"),
        ("<ol reversed><li>x<li>y</ol>", "2. x\n1. y"),
        ("<ol start=5><li>w<li value=9>x<li>y<br>z</ol>", "5. w\n9. x\n10. y\n    z"),
        ("<ol start=-1><li>x<li>y<li type=A>z</ol>", "-1. x\n0. y\nA. z"),
        ("<ol>" + "<li>x" * 60_000 + "</ol>", "\n".join(f"{n}. x" for n in range(1, 60_001))),
    ],
)
def test_the_items_of_a_list_of_html_have_the_numbers_that_a_browser_shows(page: str, text: str) -> None:
    assert html_markdown(page) == text


def test_spans_that_alone_fill_a_block_are_words_apart_and_letters_of_a_word_are_not() -> None:
    def of(first: str, second: str) -> str:
        return f"<div><span>{first}</span><span>{second}</span></div>"

    assert html_markdown(of("Mumbai", "3029") + of("Dip", "3")) == "Mumbai 3029\n\nDip 3"
    assert (
        html_markdown(of("H", "ello") + f"<pre>{of('print', '(x)')}</pre>") == "Hello\n\n```\nprint(x)\n```"
    )
    assert html_markdown(f"<table><tr><th>A<th>B<tr><td>{of('by', 'Ann')}<td>x</table>").endswith(
        "| by Ann | x |"
    )


def test_a_label_that_is_seen_and_not_heard_is_read() -> None:
    assert (
        html_markdown("<label aria-hidden=true><p>Age</p></label><input aria-label=Age value=40>")
        == "Age\n\n40"
    )


@each("tag", ["section", "article", "main", "header", "x-slide"])
def test_a_page_that_writes_out_neither_its_head_nor_its_body_is_read(tag: str) -> None:
    page = f"<!DOCTYPE html><meta charset=utf-8><title>Talk</title><style>a</style><{tag}><h2>One</h2><p>two</p></{tag}>"
    assert html_markdown(page) == "# Talk\n\n## One\n\ntwo"


def test_a_table_in_a_cell_becomes_words_and_a_tall_cell_goes_down_all_its_rows() -> None:
    page = (
        "<table><tr><td rowspan=3>tall</td><td><table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table></td></tr>"
        "<tr><td>2</td></tr><tr><td colspan=x>3</td></tr></table>"
    )
    assert html_markdown(page) == "| tall | a ; b / c |\n| --- | --- |\n| tall | 2 |\n| tall | 3 |"


def test_powers_and_indices_are_marked_in_the_text_and_in_cells() -> None:
    page = "<p>10<sup>6</sup> H<sub>2</sub>O</p><table><tr><td>m<sup>2</sup></td><td>x<sub>i</sub></td></tr></table>"
    assert html_markdown(page) == "10^6^ H~2~O\n\n| m^2^ | x~i~ |\n| --- | --- |"


def test_check_boxes_show_whether_they_are_ticked_and_other_fields_what_is_in_them() -> None:
    page = (
        "<ul><li><input type=checkbox checked>Milk</li><li><input type=CHECKBOX> Bread</li></ul>"
        "<p>Name <input value=typed><input type=checkbox hidden></p>"
        "<table><tr><td><input type=checkbox checked></td><td>Paid</td></tr></table>"
    )
    assert html_markdown(page) == "- [x] Milk\n- [ ] Bread\n\nName typed\n\n| [x] | Paid |\n| --- | --- |"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<table><tr><th>Name<th>Sum<tr><td>A<td>1</table>", "| Name | Sum |\n| --- | --- |\n| A | 1 |"),
        ("<ul><li>one<ul><li>a<li>b</ul><li>two</ul>", "- one\n  - a\n  - b\n- two"),
    ],
)
def test_html_may_leave_out_the_end_tags_that_its_standard_lets_it(page: str, text: str) -> None:
    assert html_markdown(page) == text


def test_xhtml_may_close_an_element_in_its_first_tag() -> None:
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>a<b/>c <a href="x"/>d</p></body></html>'
    assert html_markdown(page) == "ac d"


def book(body: str, definitions: str = "") -> str:
    return (
        f'<?xml version="1.0" encoding="windows-1251"?>{definitions}<FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0" '
        'xmlns:l="http://www.w3.org/1999/xlink"><description><title-info><author><first-name>Лев</first-name></author>'
        f"<book-title>Война и мир</book-title></title-info></description><body>{body}</body>"
        f'<binary id="a.jpg" content-type="image/jpeg">{"AbCd" * 500}</binary></FictionBook>'
    )


def test_an_e_book_of_one_xml_file_is_read_without_the_data_of_its_pictures() -> None:
    body = "<section><title><p>Часть первая</p></title><p>Он <emphasis>сказал</emphasis> <style name='own'>так</style></p><empty-line/><poem><stanza><v>раз</v><v>два</v></stanza></poem></section>"
    facts, _ = document_job(io.BytesIO(book(body).encode("cp1251")), {"name": "war.fb2"})
    text = facts["pages"][0][2]
    assert text == "Лев\n\nВойна и мир\n\n## Часть первая\n\nОн *сказал* так\n\nраз\n\nдва"


def test_an_e_book_opens_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("of this machine", encoding="utf-8")
    definitions = f'<!DOCTYPE x [{" " * 30_000}<!ENTITY own SYSTEM "{(tmp_path / "own.txt").as_uri()}">]>'
    facts, _ = document_job(
        io.BytesIO(book("<p>before &own; after</p>", definitions).encode("cp1251")), {"name": "a.fb2"}
    )
    assert "before" in facts["pages"][0][2]
    assert "of this machine" not in facts["pages"][0][2]


def test_a_page_that_is_one_menu_is_read() -> None:
    links = "".join(f"<li><a href='/{n}'>The chapter of number {n}</a></li>" for n in range(20))
    assert "The chapter of number 19" in html_markdown(f"<title>Contents</title><nav><ul>{links}</ul></nav>")
    menu = f"<nav><ul>{links}</ul></nav><p>{'Words of the page itself. ' * 20}</p>"
    assert "chapter" not in html_markdown(menu)


def test_html_is_read_without_the_parser_that_is_preferred() -> None:
    code = (
        "import sys; sys.modules['lxml'] = None\nfrom glm_mcp.media.documents.html import html_markdown\n"
        "print(html_markdown('<p>one</p><ul><li>two</li></ul>'))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.split() == ["one", "-", "two"]


# ── Mail ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_mail_within_a_mail_is_named_and_read_below() -> None:
    inner, outer = EmailMessage(), EmailMessage()
    inner["Subject"] = "the first one"
    inner.set_content("secret of the inner mail")
    outer["Subject"] = "Fwd"
    outer.set_content("see below")
    outer.add_attachment(inner)
    text = read_mail(bytes(outer), None, "a.eml", None)["pages"][0][2]
    assert "see below" in text
    assert "- the first one (message/rfc822)" in text
    assert text.endswith(
        "[attached mail: the first one]\n\nSubject: the first one  \n\nsecret of the inner mail"
    )


def test_a_mail_within_a_mail_that_was_packed_is_read_too() -> None:
    inner = base64.encodebytes(b"Subject: the first one\n\nwords of the inner mail\n").decode()
    outer = f"Subject: Fwd\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{inner}"
    text = read_mail(outer.encode(), None, "a.eml", None)["pages"][0][2]
    assert text.endswith(
        "[attached mail: the first one]\n\nSubject: the first one  \n\nwords of the inner mail"
    )


def test_words_that_a_mail_breaks_at_the_end_of_a_line_are_whole() -> None:
    body = "会议定在下周二上午在三楼的大 \n会议室举行，see  \nhttps://a.example/long/ \naddress\n-- \nA\n> quoted wo \n> rds\n>> deeper\n"
    head = "Subject: a\nContent-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\n\n"
    text = read_mail((head + body).encode(), None, "a.eml", None)["pages"][0][2]
    assert "三楼的大会议室举行，see https://a.example/long/address\n" in text
    assert "\nA\n> quoted words\n>> deeper" in text
    plain = read_mail((head.replace("; delsp=yes", "") + body).encode(), None, "a.eml", None)["pages"][0][2]
    assert "三楼的大 \n会议室举行" in plain


# ── Notebooks ───────────────────────────────────────────────────────────────────────────────────────────────────


def notebook(book: dict[str, Any]) -> str:
    return str(read_notebook(json.dumps(book), None, "a.ipynb")["pages"][0][2])


def test_a_notebook_of_the_old_form_and_its_formulas_are_read() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Part"},
        {
            "cell_type": "code",
            "input": "",
            "outputs": [{"output_type": "display_data", "data": {"widget": {}}}],
        },
        {
            "cell_type": "code",
            "input": "f",
            "outputs": [{"output_type": "display_data", "data": {"text/latex": "$x^2$"}}],
        },
    ]
    text = notebook({"nbformat": 3, "worksheets": [{"cells": cells}]})
    assert text == "## Part\n\n```python\nf\n```\n\nOutput:\n\n$x^2$"


@each("level", [10**9, 10**30, float("inf"), "7", [2], -1])
def test_a_heading_of_a_notebook_is_of_a_level_that_there_is(level: Any) -> None:
    cells = [{"cell_type": "heading", "level": level, "source": "Part"}]
    assert notebook({"nbformat": 3, "cells": cells}) in ("# Part", "###### Part")


# ── Text ────────────────────────────────────────────────────────────────────────────────────────────────────────


def plain(data: bytes, name: str) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": name})[0]


@each(
    ("data", "kind"), [(b'{"a": 1}', "json"), (b"[1, 2", "text"), (b"[" * 9_000, "text"), (b"words", "text")]
)
def test_json_without_a_suffix_is_told_by_being_json(data: bytes, kind: str) -> None:
    assert plain(data, "export")["kind"] == kind


def test_a_file_of_spaces_alone_is_said_to_be_empty() -> None:
    assert plain(b" \n \n", "a.txt")["notes"] == ["the file is empty"]


# ── Encodings ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_wrong_byte_does_not_change_what_a_long_text_is_taken_for() -> None:
    text = "안녕하세요. 이것은 한국어 텍스트입니다. " * 10
    found = decode(text.encode("euc_kr") + b"\xff" + text.encode("euc_kr"), "a.txt")
    assert found.encoding == "euc-kr"
    assert found.text.count("한국어") == 20
    assert "1 character could not be decoded" in found.note


def test_bytes_of_no_known_encoding_are_shown_as_they_can_be() -> None:
    found = decode(
        b"\x90\x81\x90aa\x81 \x8fa\x8d\x81\x8fa\x9d\x90\xa0\xa0\x8f\x8d\x9d\xff\xa0b\x81a\x81 \xfe", "a"
    )
    assert len(found.text) == 28
    assert "\ufffd" not in found.text
    assert "guessed" in found.note


def test_the_callers_encoding_is_taken_with_a_mark_and_refused_when_it_fits_nothing() -> None:
    assert decode("\ufeffgrün".encode(), "a.txt", "utf-8").text == "grün"
    assert decode("grün".encode("utf-16"), "a.txt", "utf-16").text == "grün"
    with pytest.raises(InvalidRequest, match=r"a\.txt is not written in utf-8"):
        decode(b"\xd0\xff" * 30, "a.txt", "utf-8")


@each(("sender", "end"), [("a@b.c", b"\r\n"), ("ann at example.org", b"\n"), ("-", b"\n\n\n")])
def test_a_mailbox_of_a_mailing_list_or_without_empty_lines_between_is_read(sender: str, end: bytes) -> None:
    mail = f"From {sender}  Tue Mar  2 21:36:05 1999\nFrom: a@b.c\nSubject: One\nDate: x\n\nFrom Sun Jan 1 on\nFrom a Sun Jan 1 1999"
    facts, _ = document_job(io.BytesIO((mail.encode() + end) * 2), {"name": "1999-March.txt"})
    assert facts["kind"] == "mbox"
    assert [row[2].partition("\n\n")[2] for row in facts["pages"]] == [
        "From Sun Jan 1 on\nFrom a Sun Jan 1 1999"
    ] * 2


@each(
    ("written", "shown"),
    [
        ("a@b.c (Ann Otter)", "Ann Otter <a@b.c>"),
        ("a@b.c (=?utf-8?q?J=C3=BCrgen?=), Bob <b@c.d>", "Jürgen <a@b.c>, Bob <b@c.d>"),
        ("ann at example.org (Ann, Jr.)", '"Ann, Jr." <"ann at example.org">'),
    ],
)
def test_a_name_behind_an_address_is_told(written: str, shown: str) -> None:
    mail = f"From: {written}\nSubject: x\nDate: Tue, 2 Mar 1999 16:36:05 -0500\n\nhi"
    facts, _ = document_job(io.BytesIO(mail.encode()), {"name": "a.eml"})
    assert f"From: {shown}  \n" in facts["pages"][0][2]


def test_a_mailbox_is_read_mail_by_mail() -> None:
    """As Python's mailbox and most mail clients write it."""
    mails = [
        b"From a@b.c Mon Jan  1 00:00:00 2024\nSubject: =?utf-8?b?w5xuw69jb2Rl?=\nFrom: a@b.c\n\nFirst words\n>From here on quoted\n",
        b"From MAILER-DAEMON Tue Jan  2 00:00:00 2024\nSubject: Two\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\nU2Vjb25kIHdvcmRz\n",
    ]
    facts, _ = document_job(io.BytesIO(b"\n".join(mails)), {"name": "a.mbox"})
    assert facts["kind"] == "mbox"
    assert [(row[1], "words" in row[2]) for row in facts["pages"]] == [("mail 1", True), ("mail 2", True)]
    assert "Subject: Ünïcode" in facts["pages"][0][2]
    assert "\nFrom here on quoted" in facts["pages"][0][2]
    assert "Second words" in facts["pages"][1][2]
