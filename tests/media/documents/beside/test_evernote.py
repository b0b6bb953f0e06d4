"""Notes that Evernote and Yinxiang export."""

from __future__ import annotations

import base64
import hashlib
import io

from support.cases import each
from support.jobs import document_job
from support.toolkit import png

PICTURE, WORDS = b"\x89PNG picture", "# 锁的优化\n\n自旋锁".encode()


def resource(data: bytes, kind: str, name: str) -> str:
    return (
        f'<resource><data encoding="base64">\n{base64.encodebytes(data).decode()}</data><mime>{kind}</mime>'
        f"<resource-attributes><file-name>{name}</file-name></resource-attributes></resource>"
    )


def media(data: bytes, kind: str) -> str:
    return f'<en-media hash="{hashlib.md5(data, usedforsecurity=False).hexdigest()}" type="{kind}"/>'


def read(content: str, more: str = "") -> tuple[str, list[str]]:
    page = f'<?xml version="1.0"?><!DOCTYPE en-note SYSTEM "http://xml.evernote.com/pub/enml2.dtd"><en-note>{content}</en-note>'
    note = f"<note><title>购物 list</title><content><![CDATA[{page}]]></content><created>20200328T130459Z</created>"
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE en-export SYSTEM "http://xml.evernote.com/pub/evernote-export2.dtd">\n'
    data = f'{head}<en-export version="6.x">{note}<tag>home</tag>{more}</note></en-export>'.encode()
    facts, _ = document_job(io.BytesIO(data), {"name": "a.enex", "pages": None})
    return facts["pages"][0][2], facts["notes"]


def test_a_note_comes_with_its_title_its_day_its_tags_and_its_words() -> None:
    text, notes = read("<div>Milk &amp; <b>bread</b></div><div>Tea</div>")
    assert text.startswith("## 购物 list\n\n2020-03-28 13:04:59 UTC · #home")
    assert "Milk & **bread**" in text
    assert "notes: 1" in notes


def test_boxes_are_ticked_or_not() -> None:
    old = '<div><en-todo checked="true"/>Milk</div><div><en-todo checked="false"/>Tea</div>'
    new = '<ul style="--en-todo:true;"><li style="--en-checked:true;"><div>Eggs</div></li><li style="--en-checked:false;"><div>Jam</div></li></ul>'
    text, _ = read(old + new)
    for line in ("☑ Milk", "☐ Tea", "- ☑ Eggs", "- ☐ Jam"):
        assert line in text


def test_files_of_a_note_are_named_where_they_stand_and_texts_among_them_read() -> None:
    files = resource(PICTURE, "image/png", "cat.png") + resource(WORDS, "application/octet-stream", "锁.md")
    text, notes = read(
        f"<div>See {media(PICTURE, 'image/png')}</div>{media(WORDS, 'application/octet-stream')}", files
    )
    assert "See [picture: cat.png]" in text
    assert "[file: 锁.md]" in text
    assert "自旋锁" in text
    assert notes == ["notes: 1"]
    assert base64.b64encode(PICTURE).decode() not in text


def test_a_file_that_is_neither_a_text_nor_a_picture_is_said_to_be_left_out() -> None:
    _, notes = read("<div>See there.</div>", resource(b"%PDF-1.7", "application/pdf", "offer.pdf"))
    assert "left out, files in notes: offer.pdf" in notes


def test_what_is_encrypted_is_said_to_be() -> None:
    text, _ = read('<div>PIN <en-crypt hint="cat">QUFBQQ==</en-crypt></div>')
    assert "PIN [encrypted text]" in text


@each("name", ["accessKeys.csv", "Credentials.csv", ".env.txt", "id_rsa.txt"])
def test_a_file_of_a_note_that_is_called_as_a_secret_is_named_and_not_read(name: str) -> None:
    text, notes = read("<div>See there.</div>", resource(b"a word of the file", "text/plain", name))
    assert "a word of the file" not in text
    assert f"left out, files that hold secrets, by their names: {name}" in notes


def test_a_picture_or_file_that_the_notes_do_not_hold_is_said_to_be_missing() -> None:
    text, notes = read(f"<div>a {media(PICTURE, 'image/png')} {media(WORDS, 'text/markdown')}</div>")
    assert "a [picture] [file]" in text
    assert "left out, pictures and files that the file does not hold: 购物 list" in notes


def test_a_picture_without_a_name_stands_where_the_note_has_it() -> None:
    picture = png((400, 300))
    text, notes = read(f"<div>a {media(picture, 'image/png')} b</div>", resource(picture, "image/png", ""))
    assert "a [picture] b" in text
    assert not any("does not hold" in note for note in notes)
