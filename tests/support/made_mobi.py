"""Kindle books, record by record."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence


def packed(data: bytes) -> bytes:
    """As PalmDOC packs: what came before is copied, a blank before a letter is one byte, other bytes are quoted."""
    out = bytearray()
    at = 0
    while at < len(data):
        back = data.rfind(data[at : at + 8], max(0, at - 2000), at) if at + 8 <= len(data) else -1
        if back >= 0 and at - back >= 8:
            out += struct.pack(">H", 0x8000 | (at - back) << 3 | 8 - 3)
            at += 8
        elif data[at] == 0x20 and at + 1 < len(data) and 0x40 <= data[at + 1] < 0x80:
            out.append(data[at + 1] ^ 0x80)
            at += 2
        elif 9 <= data[at] < 0x80:
            out.append(data[at])
            at += 1
        else:
            out += b"\1" + data[at : at + 1]
            at += 1
    return bytes(out)


def exth(said: Mapping[int, str]) -> bytes:
    rows = b"".join(struct.pack(">II", kind, 8 + len(text)) + text.encode() for kind, text in said.items())
    return b"EXTH" + struct.pack(">II", 12 + len(rows), len(said)) + rows


def mobi(
    text: bytes,
    *,
    packing: int = 2,
    code: int = 65001,
    version: int = 6,
    locked: int = 0,
    about: bytes = b"",
    trailing: int = 0,
    records: Sequence[bytes] = (),
    more: Sequence[bytes] = (),
) -> bytes:
    """`records`: those of the text, where they are not to be made of it; `more`: those after them, such as
    pictures.
    """
    records = records or [packed(text) if packing == 2 else text]
    head = bytearray(248)
    struct.pack_into(">HxxIHHH", head, 0, packing, len(text) or 100_000, len(records), 4096, locked)
    struct.pack_into(">4sIIIII", head, 16, b"MOBI", 232, 2, code, 1, version)
    struct.pack_into(">I", head, 108, len(records) + 1)
    struct.pack_into(">I", head, 192, len(records) + 1)
    struct.pack_into(">H", head, 242, trailing)
    parts = [bytes(head) + about, *records, *more]
    start = 78 + 8 * len(parts) + 2
    places = [start + sum(map(len, parts[:n])) for n in range(len(parts))]
    listed = b"".join(struct.pack(">II", place, 2 * n) for n, place in enumerate(places))
    name = b"A_book".ljust(32, b"\0") + bytes(28) + b"BOOKMOBI" + bytes(8)
    return name + struct.pack(">H", len(parts)) + listed + bytes(2) + b"".join(parts)


def overlaid(record: bytes, times: int) -> bytes:
    """A book whose text is so many records that lie at the same place, each second one without a byte."""
    whole = bytearray(mobi(b"", records=[record, b""] * times))
    first = 78 + 8  # where the place of the first stands
    start = struct.unpack_from(">I", whole, first)[0]
    for number in range(2 * times):
        struct.pack_into(">I", whole, first + 8 * number, start + len(record) * (number % 2))
    return bytes(whole[: start + len(record)])
