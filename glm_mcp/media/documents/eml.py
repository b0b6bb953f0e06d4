"""Mail messages (EML): the headers people read, the text, and what is attached."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage, Message
from typing import Any, BinaryIO

from glm_mcp.media.charset import decode
from glm_mcp.media.documents.html import decode_html, html_markdown
from glm_mcp.media.documents.pages import one_text

_HEADERS = ("Subject", "From", "To", "Cc", "Bcc", "Reply-To", "Date")


def read_mail(data: bytes, spec: str | None, name: str, encoding: str | None) -> dict[str, Any]:
    """The plain text where there is one, else the HTML as Markdown. Raises InvalidRequest, MissingExtra."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    lines = [f"{title}: {value}  " for title in _HEADERS if (value := _header(message, title))]
    plain: list[str] = []
    rich: list[str] = []
    attached: list[str] = []
    for part in _leaves(message):
        filename = part.get_filename()
        kind = part.get_content_type()
        body = part.get_payload(decode=True)
        payload = body if isinstance(body, bytes) else b""
        if kind == "message/rfc822":
            attached.append(f"- {filename or 'a message'} ({kind})")
        elif filename or part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            attached.append(f"- {filename or 'unnamed'} ({kind}, {len(payload):,} bytes)")
        elif kind == "text/html":
            rich.append(decode_html(payload, name, encoding, part.get_content_charset()).text)
        else:
            plain.append(decode(payload, name, encoding, declared=part.get_content_charset()).text.strip())
    text = "\n\n".join(filter(None, plain)) or "\n\n".join(
        html_markdown(h, what="reading a mail in HTML") for h in rich
    )
    blocks = ["\n".join(lines), text, "\n".join(["Attachments:", "", *attached]) if attached else ""]
    return one_text("eml", "\n\n".join(filter(None, blocks)), spec, name)


def _leaves(message: EmailMessage | Message) -> Iterator[Any]:
    """The parts that hold something; a mail within the mail is one attachment."""
    if message.get_content_type() != "message/rfc822" and message.is_multipart():
        for part in message.get_payload():
            if isinstance(part, Message):
                yield from _leaves(part)
    else:
        yield message


def _header(message: EmailMessage, title: str) -> str:
    """The header as people read it; as it was written where the standard parser fails on a broken address or date."""
    try:
        value = str(message.get(title, ""))
    except (ValueError, LookupError, AttributeError, ArithmeticError):
        value = next((str(raw) for key, raw in message.raw_items() if key.lower() == title.lower()), "")
    return " ".join(value.split())


def mail_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    return read_mail(file.read(), params.get("pages"), params["name"], params.get("encoding")), []
