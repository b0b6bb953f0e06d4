"""Mails with pictures, as programs send them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from email.message import EmailMessage

from support.made_outlook import Tree, compound, message, text


def mail(
    plain: str = "",
    html: str = "",
    pasted: Mapping[str, bytes] | None = None,
    attached: Mapping[str, bytes] | None = None,
) -> bytes:
    """`pasted`: by name, which `cid:NAME` means in the HTML."""
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = "It fails", "Ann <ann@a.example>", "help@b.example"
    made.set_content(plain)
    if html:
        made.add_alternative(html, subtype="html")
        for name, data in (pasted or {}).items():
            made.get_payload(1).add_related(data, "image", "png", cid=f"<{name}>", filename=name)  # type: ignore[union-attr]
    for name, data in (attached or {}).items():
        made.add_attachment(data, "image", "png", filename=name)
    return made.as_bytes()


def outlook(
    plain: str = "", html: str = "", pictures: Mapping[str, bytes] | None = None, rtf: bytes = b""
) -> bytes:
    """A message of Outlook, whose HTML shows pictures by `cid:NAME`. `rtf`: what holds that HTML instead."""
    parts: dict[str, Tree | bytes] = {**text("0037", "It fails"), **text("1000", plain)}
    if html:
        parts["__substg1.0_10130102"] = html.encode()
    if rtf:
        parts["__substg1.0_10090102"] = struct.pack("<II4sI", len(rtf) + 12, len(rtf), b"MELA", 0) + rtf
    for number, (name, data) in enumerate((pictures or {}).items()):
        parts[f"__attach_version1.0_#{number:08X}"] = {
            "__properties_version1.0": bytes(8),
            **text("3707", name),
            **text("370E", "image/png"),
            **text("3712", name),
            "__substg1.0_37010102": data,
        }
    return compound(message(parts))
