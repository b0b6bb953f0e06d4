"""Mail messages (EML, MHTML): the headers people read, the text, the mails attached to it, and what else is attached."""

from __future__ import annotations

import email
import itertools
import re
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage, Message
from functools import lru_cache
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.charset import decode
from glm_mcp.media.documents.common.cards import card_text
from glm_mcp.media.documents.common.shown import PagesShown, within
from glm_mcp.media.documents.containers.flowed import unbroken
from glm_mcp.media.documents.containers.headers import Once, enough
from glm_mcp.media.documents.containers.mail import Mail
from glm_mcp.media.documents.containers.mail_pictures import MailPictures
from glm_mcp.media.documents.containers.signed import signed_content
from glm_mcp.media.documents.html import decode_html, html_markdown
from glm_mcp.media.documents.pages import LeftOut, choose, result
from glm_mcp.media.documents.web.along import pages_of
from glm_mcp.secret_paths import is_secret_within
from glm_mcp.text import one_line

_HEADERS = ("Subject", "From", "To", "Cc", "Bcc", "Reply-To", "Date")
_BODIES = ("text/plain", "text/html", "text/markdown", "text/enriched")
_FORMS = (*_BODIES, "text/x-amp-html", "text/watch-html")  # of one text, among alternatives
_REPORTS = ("message/delivery-status", "message/disposition-notification", "message/feedback-report")
_SEALED = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_OUTLOOK = ("application/ms-tnef", "application/vnd.ms-tnef")
_DAMAGED = (
    "[Outlook put the formatted text and the attachments of this mail into winmail.dat, which is damaged: ask the sender "
    "for the mail as HTML]"
)
CLOSED = "[attached: {}]\n\n(not read: a file of this name holds secrets)"
# In saved pages.
_MACHINES = ("text/css", "text/javascript", "application/javascript", "application/x-javascript")
# The line before each mail of a mailbox, and those of a text that would look like it.
# Some programs leave out the empty line before it; archives of mailing lists write "name at example.org".
_BETWEEN = re.compile(
    rb"^(?:(?:(?<![^\n]\n)|(?<=\n\r\n))From \S+(?: at \S+)? +\w{3} \w{3} +\d[^\r\n]{5,40}\r?\n"
    rb"|From \S+(?: at \S+)? +\w{3} \w{3} +\d{1,2} +\d\d?:\d\d[^\r\n]{5,30}\r?\n(?=[A-Za-z][\w-]*:))",
    re.MULTILINE,
)
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_CHARSET = re.compile(rb"charset=[\"']?(?!us-ascii|utf-8)([\w.:-]{1,40})", re.IGNORECASE)
_DEPTH = 5  # mails within mails
_STUB = 500  # characters of a plain text that may only say that there is HTML
_ADDRESS, _WORD = re.compile(r"https?://[^\s)>\]]+"), re.compile(r"[^\W_]+")
_CELL, _ROWS = re.compile(rb"<t[dh]\b", re.IGNORECASE), 3  # of a table that is more than a frame
_PARTS = 2_000  # of one mail
_TEXT = 200_000  # characters of an attached text


def sample() -> bytes:
    """Another mail each time: what is kept of the headers and borders of the last spares the work on the same ones."""
    mark = time.monotonic_ns()
    return f"""Subject: Caf=C3=A9 {mark}
From: A <a{mark}@b.example>
To: c{mark}@d.example
Date: Mon, 02 Nov 2026 10:00:00 +0000
Message-ID: <{mark}@b.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="{mark}"

--{mark}
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

Caf=C3=A9 {mark}
--{mark}--
""".encode()


def read_mail(data: bytes, spec: str | None, name: str, encoding: str | None) -> dict[str, Any]:
    """Raises InvalidRequest, MissingExtra."""
    return mail_of(data, name, encoding).facts("eml", spec, name)


def mail_of(
    data: bytes, name: str, encoding: str | None = None, depth: int = 0, work: list[int] | None = None
) -> Mail:
    """A whole mail with those attached to it. `work`: as of `Once`, of a file of several. Raises MissingExtra."""
    own = _CHARSET.search(data)
    policy = Once(encoding or (own[1].decode() if own else ""), enough() if work is None else work)
    return _read(email.message_from_bytes(data, policy=policy), name, encoding, depth)


def _read(message: EmailMessage | Message, name: str, encoding: str | None, depth: int) -> Mail:
    mail = Mail([f"{title}: {value}  " for title in _HEADERS if (value := _header(message, title))])
    pictures = MailPictures(message, name, encoding)
    mail.pictures += pictures.found
    parts = _chosen(message, name, encoding, pictures)
    for part in itertools.islice(parts, _PARTS):
        kind, filename = part.get_content_type(), one_line(part.get_filename() or "")
        if kind == "message/rfc822":
            _attached_mail(part, mail, name, encoding, depth)
            continue
        if kind in _REPORTS:
            mail.bodies.append(_report(part))
            continue
        payload = _payload(part)
        if kind in _SEALED and depth < _DEPTH:
            _unseal(message, payload, mail, name, encoding, depth)
        if kind == "application/pgp-encrypted":  # which says so of the part after it
            mail.bodies.append("[the text of this mail is encrypted (PGP)]")
            continue
        is_packed = kind in _OUTLOOK or filename.lower() == "winmail.dat"
        if is_packed and _unpack(payload, mail, name, depth):
            continue
        is_text = kind in _BODIES
        is_attached = filename or part.get_content_disposition() == "attachment"
        if not is_attached and (kind in _MACHINES or kind.startswith("font/")):
            continue  # what makes a saved page look as it does
        if is_attached or not is_text:
            mail.attached.append(f"- {filename or 'unnamed'} ({kind}, {len(payload):,} bytes)")
            mail.bodies += filter(None, [pictures.stands(part)])
            if is_secret_within(filename):
                mail.within.append(CLOSED.format(filename))
            elif kind.startswith("text/") and kind not in _MACHINES:
                shown = _text(part, name, encoding, pictures)
                more = f"\n… ({len(shown) - _TEXT:,} characters more)" if len(shown) > _TEXT else ""
                mail.within.append(f"[attached: {filename or 'unnamed'}]\n\n{shown[:_TEXT]}{more}")
        elif text := _text(part, name, encoding, pictures):
            mail.bodies.append(text)
    if beyond := sum(1 for _ in parts):
        mail.attached.append(f"- … and {beyond:,} more parts, not read")
    return mail


def _unpack(payload: bytes, mail: Mail, name: str, depth: int) -> bool:
    """What Outlook packed, in its place; its text where the mail has none of its own. False where it is damaged."""
    from glm_mcp.media.documents.containers import tnef  # which is made of mails itself

    try:
        packed = tnef.tnef_mail(payload, name, depth + 1)
    except tnef.DAMAGED:
        mail.bodies.append(_DAMAGED)
        return False
    mail.bodies = mail.bodies or packed.bodies
    mail.attached += packed.attached
    mail.within += packed.within
    mail.pictures += packed.pictures
    return True


def _report(part: Any) -> str:
    """What a server says of the delivery of a mail, which has the form of headers."""
    blocks = part.get_payload() if part.is_multipart() else []
    said = []
    for block in blocks:
        lines = [f"{key}: {_header(block, key)}  " for key in block]
        if not block.is_multipart():  # what some write in their own words
            lines.append(str(block.get_payload()).strip())
        said.append("\n".join(filter(None, lines)))
    return "\n\n".join(filter(None, said))


def _unseal(
    message: EmailMessage | Message, payload: bytes, mail: Mail, name: str, encoding: str | None, depth: int
) -> None:
    """Adds a mail that is signed as a whole; a word on one that is encrypted."""
    content = signed_content(payload)
    if not content:
        mail.bodies.append("[the text of this mail is encrypted (S/MIME)]")
        return
    sealed = mail_of(content, name, encoding, depth + 1, getattr(message.policy, "work", None))
    mail.bodies.append(sealed.markdown())
    mail.pictures += sealed.pictures


def _attached_mail(part: Any, mail: Mail, name: str, encoding: str | None, depth: int) -> None:
    inner = (
        next((m for m in part.get_payload() if isinstance(m, Message)), None) if part.is_multipart() else None
    )
    if (
        inner is not None
        and not inner.keys()
        and "base64" in _header(part, "Content-Transfer-Encoding").lower()
    ):
        inner["Content-Transfer-Encoding"] = "base64"  # of a sender who packs what is to stay as it is
        inner = email.message_from_bytes(_payload(inner), policy=inner.policy)
    title = (
        one_line(part.get_filename() or "")
        or (_header(inner, "Subject") if inner is not None else "")
        or "a message"
    )
    mail.attached.append(f"- {title} (message/rfc822)")
    if inner is not None and depth < _DEPTH:
        read = _read(inner, name, encoding, depth + 1)
        mail.within.append(f"[attached mail: {title}]\n\n{read.markdown()}")
        mail.pictures += read.pictures


def _chosen(
    message: EmailMessage | Message, name: str, encoding: str | None, pictures: MailPictures
) -> Iterator[Any]:
    """The parts that hold something, of alternatives one: the plain text, unless it only stands in for the HTML."""
    if message.get_content_type() in ("message/rfc822", *_REPORTS) or not message.is_multipart():
        yield message
        return
    parts = [part for part in message.get_payload() if isinstance(part, Message)]
    if message.get_content_type() == "multipart/alternative":
        parts = _alternative(parts, name, encoding, pictures)
    for part in parts:
        yield from _chosen(part, name, encoding, pictures)


def _alternative(
    parts: list[Message], name: str, encoding: str | None, pictures: MailPictures
) -> list[Message]:
    """One of the forms of a text, and what is none of its forms, such as an invitation to a calendar."""
    plain = next((p for p in parts if p.get_content_type() == "text/plain"), None)
    rich = next((p for p in parts if p is not plain and _has_html(p)), None)
    others = [p for p in parts if p is not plain and p is not rich and p.get_content_type() not in _FORMS]
    if plain is None or rich is None:
        return [p for p in (plain or rich, *others) if p is not None] or parts[-1:]
    html = next((p for p in rich.walk() if p.get_content_type() == "text/html"), rich)
    said = _text(plain, name, encoding, pictures)
    if is_poorer(said, _payload(html), lambda: _text(html, name, encoding, pictures)):
        return [rich, *others]
    # Pictures of the HTML are attachments of the mail, whichever text is read.
    return [plain, *(p for p in rich.walk() if not p.is_multipart() and p is not html), *others]


def is_poorer(plain: str, html: bytes, shown: Callable[[], str]) -> bool:
    """Whether the plain text of a mail does not say what its HTML does, whose text is `shown`."""
    said = _ADDRESS.sub("", plain)
    if len(said) < _STUB and _lacks(said, shown()):
        return True
    return len(_CELL.findall(html[:_TEXT])) >= 3 * _ROWS and _is_torn(plain, shown())


def _lacks(said: str, shown: str) -> bool:
    """Whether the plain text is the shorter one, and has not a third and more of the words that the HTML shows."""
    words, known = set(_WORD.findall(_ADDRESS.sub("", shown).casefold())), said.casefold()
    return len(shown) > len(said) and 3 * sum(word not in known for word in words) > len(words)


def _is_torn(plain: str, shown: str) -> bool:
    """Whether tables of the HTML lost their rows in the plain text: a cell a line, or all of them in one word."""
    rows = [
        cells
        for line in shown.split("\n")
        if line.startswith("| ")
        and len(cells := [c for cell in line.split("|") if (c := cell.partition("<br>")[0].strip())]) > 1
    ]
    # A line of dashes is below the head alone.
    rows = [cells for cells in rows if set(cells[0]) != {"-"} and max(map(len, cells)) < 100]
    lines = [line for line in plain.split("\n") if line.strip()][:_PARTS]
    whole = sum(
        any(all(cell in line for cell in cells) and "".join(cells) not in line for line in lines)
        for cells in rows[:_PARTS]
    )
    return len(rows) >= _ROWS and 2 * whole < len(rows)


def _has_html(part: Message) -> bool:
    return any(p.get_content_type() == "text/html" for p in part.walk())


@lru_cache(maxsize=2)  # the two that are compared are read then
def _text(part: Message, name: str, encoding: str | None, pictures: MailPictures) -> str:
    payload, declared = _payload(part), part.get_content_charset()
    if part.get_content_type() == "text/html":
        page = pictures.pages.get(id(part)) or decode_html(payload, name, encoding, declared).text
        return html_markdown(page, what="reading a mail in HTML", along=pictures.marks)
    said = text_of(payload, name, encoding, declared)
    return pictures.in_plain(unbroken(said) if str(part.get_param("delsp")).lower() == "yes" else said)


def text_of(data: bytes, name: str, encoding: str | None = None, declared: str | None = None) -> str:
    """One part's text; a part that is none costs the mail no more than itself."""
    try:
        return card_text(decode(data, name, encoding, declared=declared).text).strip()
    except UnsupportedMedia:
        return "[not read: its bytes are binary data, no text]"


def _payload(part: Message) -> bytes:
    body = part.get_payload(decode=True)
    return body if isinstance(body, bytes) else b""


def _header(message: EmailMessage | Message, title: str) -> str:
    """The header as people read it; as it was written where the standard parser fails on a broken address or date."""
    try:
        value = str(message.get(title, ""))
    except (ValueError, LookupError, AttributeError, ArithmeticError):
        value = next((str(raw) for key, raw in message.raw_items() if key.lower() == title.lower()), "")
    return " ".join(value.split())


def mail_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    return read_mail(file.read(), params.get("pages"), params["name"], params.get("encoding")), []


def mailbox_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """A mailbox (mbox), one page a mail. Raises InvalidRequest (pages), MissingExtra."""
    name = params["name"]
    mails, left_out = _BETWEEN.split(file.read())[1:], LeftOut()
    rows, work = list[tuple[int, str, str, str]](), enough()
    for n in choose(params.get("pages"), len(mails), name, unit="mail"):
        mail = _in_box(mails[n - 1], params, work)
        rows.append((n, f"mail {n}", mail.markdown(), mail.why(name, left_out, f"mail {n}")))
    return result("mbox", rows, len(mails), left_out.notes()), []


def pictures_of_mail(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    """As of `pages_shown`. Raises MissingExtra."""
    file.seek(0)
    return mail_of(file.read(), params["name"]).shown(params["name"], left_out)


def pictures_of_box(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    """As of `pages_shown`. Raises InvalidRequest, MissingExtra."""
    file.seek(0)
    mails = _BETWEEN.split(file.read())[1:]
    numbers, work = within(params["numbers"], len(mails), params["name"], "mail"), enough()
    return pages_of(
        {n: _in_box(mails[n - 1], params, work).pictures for n in numbers}, "mail", params["name"], left_out
    )


def _in_box(data: bytes, params: dict[str, Any], work: list[int]) -> Mail:
    return mail_of(_QUOTED.sub(rb"\1", data), params["name"], params.get("encoding"), work=work)
