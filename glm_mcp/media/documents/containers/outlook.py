"""Outlook's messages (.msg): headers, text and attachments out of the properties that they are kept in ([MS-OXMSG])."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import re
import struct
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.common.shown import PagesShown, mark
from glm_mcp.media.documents.containers.compound import compound_file
from glm_mcp.media.documents.containers.mail import Mail
from glm_mcp.media.documents.containers.mail_pictures import is_picture
from glm_mcp.media.documents.containers.outlook_items import fields_of
from glm_mcp.media.documents.containers.outlook_objects import STREAMS, Held, held_in, held_whole
from glm_mcp.media.documents.containers.outlook_rtf import page_within, unpacked
from glm_mcp.media.documents.eml import CLOSED, is_poorer, text_of
from glm_mcp.media.documents.html import decode_html, html_markdown
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.rtf import PLACE, rtf_with_places
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
_SENT, _DELIVERED, _ROLE, _RENDERED = 0x0039, 0x0E06, 0x0C15, 0x370B
_NOWHERE = 0xFFFFFFFF  # as the place in the text of what is attached
_RECEIVERS = 500  # of one mail whose addresses are looked up; the names of all stand in the mail itself
_CODE_PAGES = (0x3FFD, 0x3FDE)  # of its texts, of its HTML
_EPOCH = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)
_PACKED = 1_000_000  # bytes of a packed text; a longer one is mostly pictures
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
        self._names: dict[str, str] = {}  # of what is attached, by its storage
        self._parts: dict[str, str] = {}  # of pictures, likewise
        head = 32 if not path else 24
        self._fixed = _fixed(self._stream("__properties_version1.0")[head:])

    def _stream(self, *path: str) -> bytes:
        where = [*self._path, *path]
        return bytes(self._container.openstream(where).read()) if self._container.exists(where) else b""

    def _storages(self, prefix: str) -> list[str]:
        return sorted({name for name in self._container.inside(self._path) if name.startswith(prefix)})

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
        if body := self._body(mail, html, attached, along):
            mail.bodies.append(body)
        for storage in attached:
            self._attachment(storage, mail, depth)
        return mail

    def _pictures(self, attached: list[str], html: str) -> PicturesAlong:
        along = PicturesAlong()
        for storage in attached:
            name = self._file_name(storage)
            if is_picture(self._text(_MIME, storage), name):
                content = self._text(_CONTENT, storage).strip("<>")
                places = f"cid:{content}" * bool(content), self._text(_LOCATION, storage)
                self._parts[storage] = along.add(name, self._data(storage), places)
        self._page = along.page(html)
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
        if html:
            return decode_html(html, self._name, None, self._code_page(1)).text
        return page_within(self._rtf)

    @functools.cached_property
    def _rtf(self) -> bytes:
        packed = self._stream(f"__substg1.0_{_RTF}0102")
        return unpacked(packed) if len(packed) <= _PACKED or not self._text(_BODY).strip() else b""

    def _body(self, mail: Mail, html: str, attached: list[str], along: PicturesAlong) -> str:
        plain = along.in_plain(self._text(_BODY).strip().replace("\r\n", "\n"))

        def shown() -> str:
            return html_markdown(self._page, what="reading a mail in HTML", along=along.marks)

        if html and (not plain or is_poorer(plain, html.encode(), shown)):
            return shown()
        if plain:
            return plain
        return self._rich(mail, attached, along) if self._rtf else ""

    def _rich(self, mail: Mail, attached: list[str], along: PicturesAlong) -> str:
        """The body that is RTF, with its own pictures, and with what is attached where it stands."""
        text, pictures = rtf_with_places(self._rtf)
        mail.pictures += pictures
        places = [(place, storage) for storage in attached if (place := self._place(storage)) is not None]
        names = iter([self._named_there(storage, along) for _, storage in sorted(places)])
        return re.sub(PLACE, lambda _: next(names, ""), text)

    def _place(self, storage: str) -> int | None:
        """Where in the text a thing is attached; None where it is not."""
        raw = _fixed(self._stream(storage, "__properties_version1.0")[8:]).get(_RENDERED, b"")
        place = struct.unpack("<I", raw[:4])[0] if len(raw) >= 4 else _NOWHERE
        return None if place == _NOWHERE else place

    def _named_there(self, storage: str, along: PicturesAlong) -> str:
        words = along.marks.get(self._parts.get(storage, ""))
        return mark(words) if words is not None else f"[attached: {self._file_name(storage) or 'unnamed'}]"

    def _file_name(self, storage: str) -> str:
        """An object of another program is called by what it is, such as a package, and not by the file that it holds."""
        if storage not in self._names:
            said = (self._text(number, storage) for number in (_LONG_NAME, _SHORT_NAME, _TITLE))
            self._names[storage] = one_line(self._object(storage).name or next(filter(None, said), ""))
        return self._names[storage]

    def _data(self, storage: str) -> bytes:
        return self._object(storage).data or self._stream(storage, f"__substg1.0_{_DATA}0102")

    def _object(self, storage: str) -> Held:
        """Read anew each time: thousands may share their bytes, and would hold them as often."""
        inner = [storage, f"__substg1.0_{_DATA}000D"]
        with contextlib.suppress(*_DAMAGED):
            if any(self._container.exists([*self._path, *inner, stream]) for stream in STREAMS):
                return held_in(lambda stream: self._stream(*inner, stream))
            if not self._container.exists([*self._path, *inner, "__properties_version1.0"]):
                return held_whole(self._stream(*inner), self._name)
        return Held()

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
        data, kind = self._data(storage), self._text(_MIME, storage)
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
