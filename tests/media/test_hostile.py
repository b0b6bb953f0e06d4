"""Damaged, disguised and oversized files at the tools themselves: an answer or a plain refusal, and the server goes on."""

from __future__ import annotations

import base64
import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import each
from support.connect import Connect
from support.made_documents import odt
from support.made_documents import zipped as archive
from support.toolkit import call, png, say, text_of

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.detect import detect
from glm_mcp.media.images.prepare import prepare_image
from glm_mcp.media.types import Source
from glm_mcp.registry import CARDS
from glm_mcp.samples import FOLDER
from glm_mcp.server.app import Folders
from glm_mcp.simulator import Simulator

pytestmark = [pytest.mark.anyio, pytest.mark.extreme]

SAMPLES = {
    name: (FOLDER / name).read_bytes() for name in ("photo.jpg", "chart.png", "clip.mp4", "report.pdf")
}
PICTURES = ("photo.jpg", "chart.png")
HIDDEN = "HiddenTextOfSomebody"


def prepared(data: bytes) -> None:
    """A picture made ready as a call would; a refusal must be one of ours."""

    async def prepare_it() -> None:
        kind = detect(data, "a.png")
        if kind.family != "image":
            return
        source = Source("a.png", kind, len(data), data=data)
        with anyio.fail_after(20), suppress(UnsupportedMedia, MediaTooLarge):
            await prepare_image(source, CARDS["glm-4.6v-flash"], max_parts=4, budget=5_000_000)

    anyio.run(prepare_it)


def flipped(name: str, places: list[tuple[int, int]]) -> bytes:
    data = bytearray(SAMPLES[name])
    for place, value in places:
        data[place % len(data)] ^= value
    return bytes(data)


@settings(max_examples=25)
@given(
    st.sampled_from(PICTURES),
    st.lists(
        st.tuples(st.integers(0, 2_000) | st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=6
    ),
)
def test_a_picture_with_flipped_bytes_is_taken_or_refused(name: str, places: list[tuple[int, int]]) -> None:
    prepared(flipped(name, places))


@settings(max_examples=15)
@given(st.sampled_from(PICTURES), st.integers(0, 3_000), st.binary(max_size=60))
def test_a_picture_with_foreign_bytes_put_in_is_taken_or_refused(name: str, place: int, more: bytes) -> None:
    data = SAMPLES[name]
    prepared(data[:place] + more + data[place:])


async def test_films_and_documents_with_flipped_bytes_are_answers_or_refusals(
    connect: Connect, folders: Folders, sim: Simulator
) -> None:
    chance = random.Random(3)
    wishes = []
    for n in range(4):
        for name, tool, argument in (
            ("clip.mp4", "analyze_video", "video"),
            ("report.pdf", "read_document", "documents"),
        ):
            places = [
                (chance.randrange(len(SAMPLES[name])), chance.randrange(1, 256)) for _ in range(8 * n + 1)
            ]
            (folders.cwd / f"{n}{name}").write_bytes(flipped(name, places))
            wishes.append((tool, {argument: f"{n}{name}"}))
    async with connect() as client, anyio.create_task_group() as group:

        async def one(tool: str, arguments: dict[str, str]) -> None:
            result = await call(client, tool, 55, **arguments)
            assert not text_of(result).startswith("internal: "), text_of(result)

        for tool, arguments in wishes:
            group.start_soon(one, tool, arguments)


def png_bomb(width: int, height: int) -> bytes:
    """A picture of so many pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(((width + 7) // 8 + 1) * min(height, 2_000)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def zipped(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def docx_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"<w:t>" + b"A" * 400_000_000)
    return out.getvalue()


def table_of_gaps() -> bytes:
    """Of which three times as much would be said as it has bytes."""
    return (b"a" + b"," * 98 + b"b\n") * 215_000


def sheets(*names: str) -> bytes:
    return odt("".join(f'<table:table table:name="{name}"/>' for name in names), kind="spreadsheet")


LAUGHS = (
    "<!DOCTYPE x ["
    "<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12)) + "]>"
)

LAUGHING = f"<?xml version='1.0'?>{LAUGHS}<svg xmlns='http://www.w3.org/2000/svg'><text>&a11;</text></svg>"
BAD: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    # name: (tool, argument, contents)
    "pixels.png": ("describe_image", "images", lambda: png_bomb(60_000, 60_000)),
    "line.png": ("describe_image", "images", lambda: png_bomb(2_000_000, 1)),
    "laughs.svg": (
        "describe_image",
        "images",
        LAUGHING.encode,
    ),
    "bomb.docx": ("read_document", "documents", docx_bomb),
    "laughs.docx": ("read_document", "documents", lambda: zipped("word/document.xml", LAUGHS.encode())),
    "gaps.csv": ("read_document", "documents", table_of_gaps),
    "sheets.ods": ("read_document", "documents", lambda: sheets(*["a"] * 21_000)),
    "gz.txt": ("read_document", "documents", lambda: gzip.compress(bytes(10**7))),
    "empty.pdf": ("read_document", "documents", lambda: b""),
    "half.mp4": ("analyze_video", "video", lambda: SAMPLES["clip.mp4"][:900]),
    "head.mp4": ("analyze_video", "video", lambda: SAMPLES["clip.mp4"][:64] + bytes(5_000)),
    "page.png": ("describe_image", "images", lambda: b"<html><script>alert(1)</script></html>"),
    "archive.png": ("describe_image", "images", lambda: zipped("a.txt", b"hello")),
}


@pytest.mark.parametrize("name", list(BAD))
async def test_a_bomb_or_a_disguise_is_refused_in_time_and_the_next_call_works(
    name: str, connect: Connect, folders: Folders, sim: Simulator
) -> None:
    tool, argument, contents = BAD[name]
    (folders.cwd / name).write_bytes(contents())
    async with connect(GLM_DEADLINE_S="20") as client:
        result = await call(client, tool, 25, **{argument: name})
        text = text_of(result)
        assert result.is_error or name == "line.png", text
        assert not text.startswith("internal: "), text
        assert "I received text" in await say(client, "chat", prompt="hello")


@pytest.mark.parametrize(
    "tail", [b"<script>alert(1)</script>", zipped("a.txt", HIDDEN.encode()), HIDDEN.encode()]
)
@pytest.mark.parametrize("head", ["png", "jpg"])
async def test_a_picture_that_is_also_something_else_is_a_picture_to_every_tool(
    head: str, tail: bytes, connect: Connect, folders: Folders, sim: Simulator
) -> None:
    whole = (png() if head == "png" else SAMPLES["photo.jpg"]) + tail
    (folders.cwd / "a.txt").write_bytes(whole)
    async with connect() as client:
        assert (await call(client, "describe_image", images="a.txt")).is_error is False
        refused = await call(client, "read_document", documents="a.txt")
        await call(client, "chat", prompt="hi", files=["a.txt"])
    assert refused.is_error
    assert text_of(refused).startswith("unsupported_media: ")
    assert HIDDEN not in text_of(refused)
    assert HIDDEN not in "".join(r.text for r in sim.received)


@each(("tool", "argument"), [("read_document", "documents"), ("chat", "files")])
async def test_the_documents_of_a_call_give_no_more_text_together_than_one_may(
    tool: str, argument: str, connect: Connect, folders: Folders, sim: Simulator
) -> None:
    names = ["a.txt", "b.txt"]
    for name in names:
        (folders.cwd / name).write_bytes(b"word " * 6_200_000)
    async with connect() as client:
        result = await call(client, tool, 60, prompt="What is it?", **{argument: names})
    said = "media_too_large: the documents of one call give more than 60 million characters"
    assert text_of(result).startswith(said), text_of(result)[:300]
    assert sim.received == []


async def test_the_documents_of_a_call_have_no_more_pages_together_than_others_can_wait_for(
    connect: Connect, folders: Folders, sim: Simulator
) -> None:
    (folders.cwd / "a.cbz").write_bytes(archive({f"{n}.png": b"" for n in range(20_000)}))
    async with connect() as client:
        result = await call(client, "read_document", 60, prompt="What is it?", documents=["a.cbz"] * 6)
    said = "media_too_large: the documents of one call have more than 100,000 pages"
    assert text_of(result).startswith(said), text_of(result)[:300]
    assert sim.received == []


async def test_the_names_of_sheets_are_shortened_in_a_document_and_in_an_error(
    connect: Connect, folders: Folders
) -> None:
    (folders.cwd / "a.ods").write_bytes(sheets(*(f"{n}{'a' * 500_000}" for n in range(3))))
    async with connect() as client:
        read = await call(client, "read_document", 25, documents="a.ods")
        refused = await call(client, "read_document", 25, documents="a.ods", pages="b")
    assert "sheet '0aaa" in text_of(read)
    assert "total_chars" in str(read.meta), read.meta
    assert (read.meta or {})["glm"]["total_chars"] < 1_000
    assert len(text_of(refused)) < 2_000


async def test_base64_that_grows_or_lies_is_refused(connect: Connect, sim: Simulator) -> None:
    huge = base64.b64encode(bytes(3_000_000)).decode()
    async with connect() as client:
        for given_ in (
            "data:image/png;base64," + huge,
            "data:image/png;base64,!!!!",
            "data:image/png;base64,",
            "data:;base64," + base64.b64encode(b"plain text").decode(),
            "data:image/png," + "%00" * 1_000,
            "data:" + "a" * 100_000,
            huge[:-1],
        ):
            result = await call(client, "describe_image", images=given_)
            assert result.is_error, given_[:40]
            assert not text_of(result).startswith("internal: "), text_of(result)
            assert len(text_of(result)) < 1_000
    assert not sim.received
