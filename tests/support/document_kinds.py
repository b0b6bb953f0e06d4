"""One document of every kind, and what must be read from it."""

from __future__ import annotations

import json
from collections.abc import Callable

from support.made_documents import (
    RTF,
    docx,
    epub,
    grid,
    lines,
    mail,
    odt,
    para,
    pdf,
    presentation,
    text_at,
    word_table,
    workbook,
)

BODY = lines([f"Line {i} says that the quick brown fox jumps over the lazy dog." for i in range(30)])


def report() -> bytes:
    rows = [["Item", "Qty", "Price"], *([f"Widget {i}", str(i), f"{i}.50"] for i in range(1, 9))]
    return pdf([text_at(72, 790, "Report of the year", 20) + BODY, grid(rows), BODY])


def columns() -> bytes:
    left = lines([f"left{i:02} words of a column that goes on" for i in range(24)], x=50, size=9)
    right = lines([f"right{i:02} words of a column that goes on" for i in range(24)], x=320, size=9)
    return pdf([left + right])


def form() -> bytes:
    widget = "<< /Type /Annot /Subtype /Widget /Rect [{}] {} >>"
    fields = [
        widget.format("100 100 300 120", "/FT /Tx /T (fullname) /V (Ada Lovelace)"),
        widget.format("100 60 112 72", "/FT /Btn /T (agree) /V /Yes /AS /Yes"),
    ]
    return pdf([BODY], fields=fields)


def letter() -> bytes:
    body = para("The Title", "T") + para("First", "H1") + para("one", number=1) + para("two", number=2)
    return docx(body + word_table([["Name", "Qty"], ["苹果", "3"]]) + para("Last words."))


def notebook() -> bytes:
    output = [{"output_type": "stream", "text": ["forty-two\n"]}]
    cells = [
        {"cell_type": "markdown", "source": ["# Study"]},
        {"cell_type": "code", "source": "print(42)", "outputs": output},
    ]
    head = {"nbformat": 4, "metadata": {"language_info": {"name": "python"}}}
    return json.dumps({**head, "cells": cells}).encode()


PAGE = """<html><head><title>t</title><script>secret()</script></head><body><nav>menu</nav><h1>Title</h1>
<p>Snow &amp; <b>ice</b></p><table><tr><th>R</th><th>W</th></tr><tr><td>1|2</td><td>3</td></tr></table></body></html>"""


# Name, file, what must arrive word for word, in this order.
KINDS: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "report.pdf": (
        report,
        [
            "page 1]",
            "Report of the year",
            "Line 29 says",
            "page 2]",
            "| Widget 8 | 8 | 8.50 |",
            "page 3]",
            "Line 0",
        ],
    ),
    "columns.pdf": (columns, [f"{side}{i:02}" for side in ("left", "right") for i in range(24)]),
    "form.pdf": (form, ["Line 29 says", "- fullname: Ada Lovelace\n- agree: [x]"]),
    "letter.docx": (
        letter,
        ["# The Title", "# First", "- one", "1. two", "| Name | Qty |", "| 苹果 | 3 |", "Last words."],
    ),
    "deck.pptx": (
        presentation,
        [
            "slide 1]",
            "# Plan",
            "  - deeper",
            "Notes: say hello",
            "slide 2]",
            "| Apple | 3 |",
            "| Q2 | 12.5 |  |",
            "slide 3 (hidden)]",
            "[picture: the logo]",
        ],
    ),
    "book.xlsx": (
        workbook,
        [
            "sheet 'S1']",
            "| id | name\\|pipe | when | ok | value |",
            "| 1 | row of 1 | 2026-01-02 | FALSE | 1.1 |",
            "sheet 'S7' (hidden)]",
            "row of 7",
            '=SUM(E2:E2)&"<"',
            "sheet 'S40']",
            "row of 40",
            "(empty sheet)",
        ],
    ),
    "list.csv": (
        lambda: "名称;价格\n苹果;3,50\n梨|;1\n".encode("gbk"),
        ["| 名称 | 价格 |", "| 苹果 | 3,50 |", "| 梨\\| | 1 |"],
    ),
    "list.tsv": (lambda: b"a\tb\n1\t2\n", ["| a | b |", "| 1 | 2 |"]),
    "page.html": (PAGE.encode, ["# Title", "Snow & **ice**", "| R | W |", "| 1\\|2 | 3 |"]),
    "novel.epub": (
        lambda: epub({"b": "<h1>Two</h1><p>end</p>", "a": "<h1>One</h1><p>start</p>"}, ["a", "b"]),
        ["One", "start", "Two", "end"],
    ),
    "note.eml": (
        mail,
        ["Subject: 中文主题", "From: 张三 <a@b.example>", "正文\nsecond line", "- 报告.pdf (application/pdf"],
    ),
    "study.ipynb": (notebook, ["# Study", "```python\nprint(42)\n```", "forty-two"]),
    "text.odt": (
        lambda: odt('<text:h text:outline-level="1">Head</text:h><text:p>Body words</text:p>'),
        ["# Head", "Body words"],
    ),
    "old.rtf": (lambda: RTF, ["中文", "café € 😀", "| A | B<br>b2 |", "after"]),
    "readme.md": (lambda: b"# Title\n\n* point `x`\n", ["# Title", "* point `x`"]),
    "code.py": (
        lambda: b'def f(x):\n    """Doc."""\n    return x\n',
        ['```python\ndef f(x):\n    """Doc."""\n    return x\n```'],
    ),
    "Dockerfile": (lambda: b"FROM scratch\n", ["```dockerfile\nFROM scratch\n```"]),
    "data.json": (lambda: b'{"a": 1.10, "b": [true, null]}', ['{"a": 1.10, "b": [true, null]}']),
    "rows.jsonl": (lambda: b'{"a": 1}\n{"a": 2}\n', ['{"a": 1}\n{"a": 2}']),
    "bare": (lambda: b"Just words.\nTwo lines.\n", ["Just words.\nTwo lines."]),
    "words.pdf": (lambda: b"No PDF at all.\n", ["No PDF at all."]),
    "letter.pdf": (letter, ["# The Title", "Last words."]),  # a DOCX by its bytes
}
