"""Text of every encoding that files are found in: generated, written in it, and read as it was meant."""

from __future__ import annotations

import base64
import codecs
import random
import time

import pytest
from support.cases import each
from support.connect import Connect
from support.formats import put
from support.toolkit import say

from glm_mcp.media.charset import declaration, decode
from glm_mcp.server.app import Folders

pytestmark = pytest.mark.anyio

# By a language: the encoding, and words of everyday texts.
WORDS = {
    "German": ("cp1252", "die Lieferung erfolgt über den Händler bitte prüfen Sie die Ware sofort nach dem Empfang Größe Preis Käufer für schließen"),
    "French": ("cp1252", "le reçu a été envoyé à l’adresse indiquée veuillez vérifier la commande avant de procéder au paiement où forêt déjà"),
    "Italian": ("cp1252", "perché la città è così bella il caffè è più caldo di ieri però non c’è lo zucchero martedì andrò università"),
    "Spanish": ("cp1252", "el niño comió una manzana en el jardín mañana será otro día y la señora llegará después dónde está estación información"),
    "Polish": ("cp1250", "proszę o przesłanie faktury na adres podany poniżej ponieważ książki już zostały wysłane zażółć gęślą jaźń który dużo"),
    "Czech": ("cp1250", "objednávka byla přijata a zboží bude doručeno během tří dnů děkujeme za důvěru příliš žluťoučký kůň úpěl ďábelské ódy"),
    "Hungarian": ("cp1250", "a megrendelést megkaptuk és a terméket három napon belül kiszállítjuk köszönjük hogy minket választott előre űrlap tükörfúrógép"),
    "Turkish": ("cp1254", "siparişiniz alınmıştır ve üç gün içinde teslim edilecektir teşekkür ederiz şu anda hava güneşli çok güzel bir gün değil"),
    "Hebrew": ("cp1255", "זהו מסמך קצר בעברית שנשמר בקידוד ישן החשבונית שולמה ביום שלישי והמשלוח יצא למחרת בבוקר שלום לכולם מחיר"),
    "Russian": ("cp1251", "заказ получен и будет доставлен в течение трёх дней спасибо за доверие это русский текст для проверки ещё немного слов"),
    "Russian, Unix": ("koi8-r", "заказ получен и будет доставлен в течение трёх дней спасибо за доверие это русский текст для проверки ещё немного слов"),
    "Russian, DOS": ("cp866", "заказ получен и будет доставлен в течение трёх дней спасибо за доверие это русский текст для проверки ещё немного слов"),
    "Ukrainian": ("cp1251", "замовлення отримано і буде доставлено протягом трьох днів дякуємо за довіру це український текст для перевірки їхній"),
    "Greek": ("cp1253", "η παραγγελία σας παραλήφθηκε και θα παραδοθεί σε τρεις ημέρες αυτό είναι ένα ελληνικό κείμενο για δοκιμή"),
    "Arabic": ("cp1256", "تم استلام الطلب وسيتم التسليم خلال ثلاثة أيام شكرا لثقتكم هذا نص عربي للاختبار السعر مئة دولار"),
    "Lithuanian": ("cp1257", "užsakymas gautas ir bus pristatytas per tris dienas ačiū už pasitikėjimą tai yra lietuviškas tekstas su daugybe ženklų"),
    "Thai": ("cp874", "ได้รับคำสั่งซื้อแล้ว และจะจัดส่งภายในสามวัน ขอบคุณที่ไว้วางใจ นี่คือข้อความภาษาไทย สำหรับการทดสอบ"),
    "Japanese": ("cp932", "月末までに注文を確認してください これは製品の価格に関する説明です 髙橋様 ①番 株式会社 請求書をお送りします"),
    "Chinese": ("gb18030", "请在月底之前确认订单 这是一份关于产品价格的说明 我们的客户都很满意 谢谢您的支持"),
    "Chinese, Taiwan": ("big5", "請在月底之前確認訂單 這是一份關於產品價格的說明 我們的客戶都很滿意 謝謝您的支持"),
    "Korean": ("cp949", "주문을 확인해 주세요 이것은 제품의 가격에 대한 설명입니다 감사합니다 고객님"),
}  # fmt: skip


def written(language: str, seed: int) -> str:
    """Eight lines of such words, some with a number."""
    rng = random.Random(seed)
    words = WORDS[language][1].split()
    lines = [rng.sample(words, min(8, len(words))) for _ in range(8)]
    return "\n".join(" ".join([*line, str(rng.randrange(1000))]).capitalize() + "." for line in lines)


@each("language", WORDS)
async def test_a_text_is_read_in_whatever_encoding_it_was_written(language: str) -> None:
    for seed in range(5):
        text = written(language, seed)
        decoded = decode(text.encode(WORDS[language][0]), "a.txt")
        assert decoded.text == text
        assert decoded.note == f"decoded as {decoded.encoding} (guessed: pass encoding=… if it reads wrong)"


@each(
    ("text", "encoding"),
    [
        ("名前,年齢,住所\n佐藤太郎,30,東京\n髙橋淳①,35,名古屋\n", "cp932"),
        ("שלום לכולם. זהו מסמך קצר בעברית.", "cp1255"),
        ("Größe", "cp1252"),
        ("5 € – 7 €", "cp1252"),
        ("l’été", "cp1252"),
        ("Łódź, Gdańsk i Kraków: książki dla wszystkich", "cp1250"),
        ("İstanbul'da güneşli bir gün, çok güzel değil mi?", "cp1254"),
    ],
)
async def test_a_short_text_in_an_old_encoding_is_right_through_the_tool(
    connect: Connect, folders: Folders, text: str, encoding: str
) -> None:
    put(folders.cwd / "note.txt", text.encode(encoding))
    async with connect() as client:
        shown = await say(client, "read_document", documents="note.txt")
    assert shown.startswith(text.strip())


async def test_what_xml_says_of_its_encoding_is_believed_unless_the_bytes_contradict_it(
    connect: Connect, folders: Folders
) -> None:
    hebrew = "<?xml version='1.0' encoding='{}'?><a>שלום</a>"
    put(folders.cwd / "right.xml", hebrew.format("windows-1255").encode("cp1255"))
    put(folders.cwd / "wrong.xml", hebrew.format("us-ascii").encode())
    put(folders.cwd / "none.xml", hebrew.format("klingon").encode("cp1255"))
    async with connect() as client:
        right, wrong, none = [
            await say(client, "read_document", documents=f"{name}.xml") for name in ("right", "wrong", "none")
        ]
    assert "<a>שלום</a>" in right
    assert "guessed" not in right
    assert "<a>שלום</a>" in wrong
    assert "guessed" in none


@each(
    ("name", "encoding", "words"),
    [
        ("x-sjis", "cp932", "相手が読めない字"),
        ("iso-8859-8-i", "iso8859_8", "שלום לכולם"),
        ("windows-874", "cp874", "สัญญาฉบับนี้"),
        ("x-cp1251", "cp1251", "Отчёт"),
        ("hz-gb-2312", "hz", "会议改到星期五下午三点"),
        ("utf-7", "utf-7", "Grüße aus Köln"),
        ("x-gb2312", "gbk", "会议改到星期五下午三点"),
        ("x-windows-949", "cp949", "회의는 금요일 오후입니다"),
        ("eucJP-ms", "euc_jp", "相手が読めない字"),
    ],
)
async def test_an_encoding_is_known_by_the_name_that_web_pages_and_mails_have_for_it(
    connect: Connect, folders: Folders, name: str, encoding: str, words: str
) -> None:
    put(folders.cwd / "page.html", f"<meta charset='{name}'><p>".encode() + words.encode(encoding))
    subject = f"Subject: =?{name}?B?".encode() + base64.b64encode(words.encode(encoding)) + b"?=\n"
    kind = f"Content-Type: text/plain; charset={name}\n\n".encode()
    put(folders.cwd / "note.eml", b"From: a@b.c\n" + subject + kind + words.encode(encoding))
    async with connect() as client:
        page = await say(client, "read_document", documents="page.html")
        note = await say(client, "read_document", documents="note.eml")
    assert (words in page, note.count(words), "guessed" in page + note) == (True, 2, False), page + note


async def test_a_korean_mail_of_seven_bits_is_read(connect: Connect, folders: Folders) -> None:
    words = "회의는 금요일 오후입니다"
    kind = b"From: a@b.c\nContent-Type: text/plain; charset=iso-2022-kr\n\n"
    put(folders.cwd / "note.eml", kind + words.encode("iso2022_kr"))
    async with connect() as client:
        assert words in await say(client, "read_document", documents="note.eml")


async def test_korean_and_japanese_of_seven_bits_that_say_nothing_are_told_apart() -> None:
    for words, codec, name in (
        ("회의는 금요일 오후입니다\n내일 만나요", "iso2022_kr", "iso-2022-kr"),
        ("会議は金曜日の午後です", "iso2022_jp", "iso-2022-jp"),
    ):
        read = decode(words.encode(codec), "note.txt")
        assert (read.text, read.encoding) == (words, name)


async def test_only_what_begins_as_markup_declares_an_encoding() -> None:
    assert declaration(b"\n<html><head><meta charset='koi8-r'></head>") == "koi8-r"
    assert declaration(b"print('<meta charset=koi8-r>')") is None
    assert declaration(b"<p>nothing said</p>") is None


async def test_a_log_of_two_encodings_is_read_line_by_line() -> None:
    rng = random.Random(3)
    lines = [f"2026-01-02 {n} {written('Chinese', n).splitlines()[0]}" for n in range(400)]
    ours = [rng.random() < 0.5 for _ in lines]
    data = b"\n".join(
        line.encode("utf-8" if utf8 else "gb18030") for line, utf8 in zip(lines, ours, strict=True)
    )
    decoded = decode(data, "a.log")
    assert decoded.text.split("\n") == lines
    assert decoded.note.startswith(f"{ours.count(False)} lines decoded as gb18030 (guessed: pass encoding=…")
    assert decoded.note.endswith("the others as utf-8")


async def test_half_a_megabyte_of_mixed_logs_takes_less_than_a_second() -> None:
    rng = random.Random(5)
    languages = list(WORDS)
    lines: list[bytes] = []
    while sum(map(len, lines)) < 512 * 1024:
        language = rng.choice(languages)
        encoding = rng.choice(["utf-8", WORDS[language][0]])
        lines.append(written(language, rng.randrange(1000)).encode(encoding))
    started = time.process_time()
    assert decode(b"\n".join(lines), "a.log").text
    assert time.process_time() - started < 1


async def test_zeros_are_left_out_with_a_note_and_utf16_keeps_its_own() -> None:
    decoded = decode("Größe\0 und Preis\n".encode() * 20, "a.txt")
    assert (decoded.text, decoded.encoding) == ("Größe und Preis\n" * 20, "utf-8")
    assert decoded.note == "20 NUL characters left out"
    one = decode(b"caf\xe9 and tea\0\n" * 1, "a.txt")
    assert one.text == "café and tea\n"
    assert one.note.endswith("wrong); 1 NUL character left out")
    assert decode("plain words".encode("utf-16-le"), "a.txt").text == "plain words"


async def test_a_mark_decides_whatever_follows() -> None:
    for mark, encoding in ((codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF32_LE, "utf-32-le")):
        assert decode(mark + "日本".encode(encoding), "a.txt").text == "日本"
