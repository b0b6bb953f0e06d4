"""Outlook's messages (.msg): headers, text and attachments out of the properties that they are kept in ([MS-OXMSG])."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import struct
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.common.shown import PagesShown
from glm_mcp.media.documents.containers.compound import compound_file
from glm_mcp.media.documents.containers.mail import Mail
from glm_mcp.media.documents.containers.mail_pictures import is_picture
from glm_mcp.media.documents.containers.outlook_items import fields_of
from glm_mcp.media.documents.eml import CLOSED, is_poorer, text_of
from glm_mcp.media.documents.html import decode_html, html_markdown
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.rtf import rtf_text
from glm_mcp.media.documents.web.along import PicturesAlong
from glm_mcp.secret_paths import is_secret_within
from glm_mcp.text import one_line

_DEPTH = 5  # mails within mails
_DAMAGED = (OSError, ValueError, IndexError, KeyError, struct.error)
_NAMES = ["__nameid_version1.0", "__substg1.0_00030102"]  # which number the file gave to each name
# Property numbers ([MS-OXPROPS]).
_SUBJECT, _BODY, _HTML, _RTF = "0037", "1000", "1013", "1009"
_SENDER, _SENDER_MAIL, _SENDER_SMTP, _TO, _CC, _BCC = "0C1A", "0C1F", "5D01", "0E04", "0E03", "0E02"
_LONG_NAME, _SHORT_NAME, _DATA, _MIME, _TITLE = "3707", "3704", "3701", "370E", "3001"
_CONTENT, _LOCATION = "3712", "3713"
_CLASS, _SMTP, _ADDRESS = "001A", "39FE", "3003"
_SENT, _DELIVERED, _ROLE = 0x0039, 0x0E06, 0x0C15
_RECEIVERS = 500  # of one mail whose addresses are looked up; the names of all stand in the mail itself
_CODE_PAGES = (0x3FFD, 0x3FDE)  # of its texts, of its HTML
_EPOCH = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)
_LZFU = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    b"\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
# Made of a text; of one that is unpacked for the sizes of its pictures alone.
_RTF_BYTES, _PACKED = 50_000_000, 300_000
_TAG = re.compile(r"\{\\\*\\htmltag\d{0,5} ?(<img [^{}]{1,4000})\}", re.IGNORECASE)
_TEXT = 200_000  # bytes of an attached text


def msg_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Reads `params["pages"]` (parts) of a .msg. Raises MissingExtra, UnsupportedMedia, InvalidRequest."""
    name = params["name"]
    try:
        with compound_file(file, name) as container:
            mail = Message(container, [], name).read(0)
    except _DAMAGED:
        raise damaged(name) from None
    return mail.facts("msg", params.get("pages"), name), []


def pictures_of_msg(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    """As of `pages_shown`. Raises MissingExtra, UnsupportedMedia."""
    name = params["name"]
    try:
        with compound_file(file, name) as container:
            return Message(container, [], name).read(0).shown(name, left_out)
    except _DAMAGED:
        raise damaged(name) from None


def damaged(name: str) -> UnsupportedMedia:
    return UnsupportedMedia(
        f"{name} is damaged: its message cannot be read", "Save it again from Outlook, or as .eml or PDF."
    )


class Message:
    """One message: the properties in one storage of the container."""

    def __init__(self, container: Any, path: list[str], name: str) -> None:
        self._container = container
        self._path = path
        self._name = name
        head = 32 if not path else 24
        self._fixed = _fixed(self._stream("__properties_version1.0")[head:])

    def _stream(self, *path: str) -> bytes:
        where = [*self._path, *path]
        return bytes(self._container.openstream(where).read()) if self._container.exists(where) else b""

    def _storages(self, prefix: str) -> list[str]:
        depth = len(self._path)
        names = {
            entry[depth]
            for entry in self._container.listdir(streams=True, storages=True)
            if len(entry) > depth and entry[:depth] == self._path and entry[depth].startswith(prefix)
        }
        return sorted(names)

    def _text(self, number: str, *path: str) -> str:
        """A property that is text, in Unicode or in the message's code page."""
        wide = self._stream(*path, f"__substg1.0_{number}001F")
        if wide:
            return wide.decode("utf-16-le", "replace").strip("\0")
        narrow = self._stream(*path, f"__substg1.0_{number}001E").strip(b"\0")
        return text_of(narrow, self._name, declared=self._code_page(0)) if narrow else ""

    def _code_page(self, which: int) -> str | None:
        page = self._fixed.get(_CODE_PAGES[which])
        number = struct.unpack("<I", page[:4])[0] if page else 0
        return "utf-8" if number == 65001 else f"cp{number}" if number else None

    def read(self, depth: int) -> Mail:
        mail = Mail([f"{title}: {value}  " for title, value in self._headers() if value])
        attached = self._storages("__attach_version1.0_#")
        html = self._html()
        along = self._pictures(attached, html)
        mail.pictures += along.counted()
        if body := self._body(html, along):
            mail.bodies.append(body)
        for storage in attached:
            self._attachment(storage, mail, depth)
        return mail

    def _pictures(self, attached: list[str], html: str) -> PicturesAlong:
        along, is_named = PicturesAlong(), False
        for storage in attached:
            name = self._file_name(storage)
            if is_picture(self._text(_MIME, storage), name):
                content = self._text(_CONTENT, storage).strip("<>")
                data = self._stream(storage, f"__substg1.0_{_DATA}0102")
                along.add(name, data, (f"cid:{content}" * bool(content), self._text(_LOCATION, storage)))
                is_named |= bool(content)
        self._page = along.page(html) if along.has_any or "data:image" in html else html
        packed = b"" if html or not is_named else self._stream(f"__substg1.0_{_RTF}0102")
        if 0 < len(packed) <= _PACKED:  # which often holds the page
            along.page("".join(_tags(_unpacked(packed))))
        return along

    def _headers(self) -> list[tuple[str, str]]:
        address = self._text(_SENDER_SMTP) or self._text(_SENDER_MAIL)
        sender = self._text(_SENDER)
        both = f"{sender} <{address}>" if "@" in address and address != sender else sender or address
        values = [("Subject", self._text(_SUBJECT)), ("From", both)]
        receivers = self._receivers()
        values += [
            (title, receivers.get(role) or self._text(number))
            for role, title, number in ((1, "To", _TO), (2, "Cc", _CC), (3, "Bcc", _BCC))
        ]
        values.append(("Date", _moment(self._fixed.get(_SENT) or self._fixed.get(_DELIVERED) or b"")))
        names = b""
        with contextlib.suppress(*_DAMAGED):  # one for all messages of the file
            names = (
                bytes(self._container.openstream(_NAMES).read()) if self._container.exists(_NAMES) else b""
            )
        values += fields_of(self._text(_CLASS), names, self._text, self._fixed, _moment)
        return [(title, " ".join(value.split())) for title, value in values]

    def _receivers(self) -> dict[int, str]:
        """Role (1 to, 2 cc, 3 bcc) to names with their addresses; a role where no address is known is left out."""
        storages = self._storages("__recip_version1.0_#")
        people: dict[int, list[str]] = {}
        known: set[int] = set()
        for storage in storages if len(storages) <= _RECEIVERS else ():
            try:
                role, address, name = self._receiver(storage)
            except _DAMAGED:
                return {}  # the names in the mail itself are whole
            is_known = "@" in address
            known |= {role} if is_known else set()
            both = f"{name} <{address}>" if is_known and name and name != address else name or address
            people.setdefault(role, []).append(both)
        return {role: "; ".join(names) for role, names in people.items() if role in known}

    def _receiver(self, storage: str) -> tuple[int, str, str]:
        role = _fixed(self._stream(storage, "__properties_version1.0")[8:]).get(_ROLE, b"\1")[0]
        address = self._text(_SMTP, storage) or self._text(_ADDRESS, storage)
        return role, address, self._text(_TITLE, storage).strip("' ")

    def _html(self) -> str:
        html = self._stream(f"__substg1.0_{_HTML}0102").rstrip(b"\0") or self._text(_HTML).encode()
        return decode_html(html, self._name, None, self._code_page(1)).text if html else ""

    def _body(self, html: str, along: PicturesAlong) -> str:
        plain = along.in_plain(self._text(_BODY).strip().replace("\r\n", "\n"))

        def shown() -> str:
            return html_markdown(self._page, what="reading a mail in HTML", along=along.marks)

        if html and (not plain or is_poorer(plain, html.encode(), shown)):
            return shown()
        if plain:
            return plain
        packed = self._stream(f"__substg1.0_{_RTF}0102")
        return rtf_text(_unpacked(packed)) if packed else ""

    def _file_name(self, storage: str) -> str:
        numbers = (_LONG_NAME, _SHORT_NAME, _TITLE)
        return one_line(next(filter(None, (self._text(number, storage) for number in numbers)), ""))

    def _attachment(self, storage: str, mail: Mail, depth: int) -> None:
        inner = [storage, f"__substg1.0_{_DATA}000D"]
        name = self._file_name(storage)
        if self._container.exists([*self._path, *inner, "__properties_version1.0"]):
            title = name or "a message"
            mail.attached.append(f"- {title} (a mail)")
            if depth < _DEPTH:
                read = Message(self._container, [*self._path, *inner], self._name).read(depth + 1)
                mail.within.append(f"[attached mail: {title}]\n\n{read.markdown()}")
                mail.pictures += read.pictures
            return
        data = self._stream(storage, f"__substg1.0_{_DATA}0102")
        kind = self._text(_MIME, storage)
        mail.attached.append(f"- {name or 'unnamed'} ({f'{kind}, ' if kind else ''}{len(data):,} bytes)")
        if is_secret_within(name):
            mail.within.append(CLOSED.format(name))
        elif data and (kind == "text/plain" or name.lower().endswith((".txt", ".csv", ".md", ".log"))):
            shown = text_of(data[:_TEXT], self._name)
            mail.within.append(f"[attached: {name or 'unnamed'}]\n\n{shown}")


def _moment(raw: bytes) -> str:
    """A property that is a time; "" where there is none or it is beyond the calendar."""
    try:
        moment = _EPOCH + dt.timedelta(microseconds=struct.unpack("<Q", raw)[0] // 10)
    except (struct.error, OverflowError):
        return ""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _fixed(table: bytes) -> dict[int, bytes]:
    """Property number to the eight bytes of those that are no longer than that."""
    return {
        struct.unpack_from("<H", table, at + 2)[0]: table[at + 8 : at + 16]
        for at in range(0, len(table) - 15, 16)
    }


def _tags(rtf: bytes) -> list[str]:
    """Those of pictures, of a page that was made RTF ([MS-OXRTFEX])."""
    return _TAG.findall(rtf.decode("latin-1"))


def _unpacked(data: bytes) -> bytes:
    """RTF as messages hold it, compressed or not ([MS-OXRTFCP])."""
    if len(data) < 16:
        return b""
    size, kind = struct.unpack_from("<I", data, 4)[0], data[8:12]
    if kind != b"LZFu":
        return data[16 : 16 + size]
    window = bytearray(_LZFU.ljust(4096, b"\0"))
    write, at = len(_LZFU), 16
    out = bytearray()

    def put(letter: int) -> None:
        nonlocal write
        window[write % 4096] = letter
        write += 1
        out.append(letter)

    while at < len(data) and len(out) < min(size, _RTF_BYTES):
        flags = data[at]
        at += 1
        for bit in range(8):
            if not flags >> bit & 1:
                if at < len(data):
                    put(data[at])
                at += 1
                continue
            token = int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big")
            at += 2
            start = token >> 4
            if start == write % 4096:  # the mark of the end
                return bytes(out)
            for i in range((token & 15) + 2):  # what is copied may be what was just written
                put(window[(start + i) % 4096])
    return bytes(out)
