"""CAJ and KDH, as CNKI gives papers: read where they are a PDF inside."""

from __future__ import annotations

import io
import itertools
from typing import Any

import pytest
from support.connect import Connect
from support.formats import one_picture
from support.jobs import document_job
from support.made_documents import lines, noise, pdf
from support.toolkit import say

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator


def read(data: bytes, **params: Any) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": "a.caj", **params})[0]


def moved(data: bytes, first: bytes) -> bytes:
    """A PDF of which an object stands behind all others, and without its directory and catalog."""
    body = data[: data.index(b"xref\n")]
    start = body.index(b"\n" + first + b" 0 obj") + 1
    end = body.index(b"endobj\n", start) + len(b"endobj\n")
    return body[:start] + body[end:] + body[start:end]


def test_pages_of_a_caj_come_in_their_order_wherever_they_lie_in_it() -> None:
    whole = pdf([lines([f"This is page number {n}"]) for n in ("one", "two", "three")])
    body = moved(whole, b"6")  # the first page
    facts = read(b"CAJ\0\1\0\2\0" + bytes(56) + body[body.index(b"1 0 obj") :])
    assert [row[2] for row in facts["pages"]] == [f"This is page number {n}" for n in ("one", "two", "three")]
    assert (facts["kind"], facts["notes"]) == ("caj", [])


@pytest.mark.anyio
async def test_a_scanned_page_of_a_caj_is_seen_by_the_model(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    body = moved(pdf([noise(0, 0, 595, 842)]), b"6")
    (folders.cwd / "a.caj").write_bytes(b"CAJ\0" + bytes(60) + body[body.index(b"1 0 obj") :])
    sim.queue(Reply(text="The scanned words."))
    async with connect() as client:
        assert "The scanned words." in await say(client, "read_document", documents="a.caj")
    assert one_picture(sim).image.size[1] > 1000


def test_a_kdh_is_read_without_the_word_that_it_is_written_over_with() -> None:
    whole = pdf([lines(["Words of a paper"])]) + bytes(3000)
    over = bytes(a ^ b for a, b in zip(whole, itertools.cycle(b"FZHMEI"), strict=False))
    facts = read(b"KDH 2.00".ljust(254, b"\0") + over)
    assert (facts["pages"][0][2], facts["notes"]) == ("Words of a paper", [])


def test_other_kinds_are_refused_with_what_to_do() -> None:
    for head in (b"HN\0\0\xc8\0\0\0", b"\xc8" + bytes(7), b"CAJ\0"):
        with pytest.raises(UnsupportedMedia, match="save or print it as PDF"):
            read(head + bytes(500))
