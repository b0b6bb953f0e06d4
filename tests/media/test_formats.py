"""Every kind of file is one row: whole, known by its bytes, read or refused with what to do, from a file through a tool."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.cases import each
from support.connect import Connect
from support.format_samples import LFS, READ, REFUSED
from support.formats import put
from support.made_documents import docx, para
from support.pictures import corners, save
from support.toolkit import fail, fresh_simulator, say

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.detect import detect
from glm_mcp.media.formats import EXTRAS, KINDS, Want, check_fits, largest, named, suffixes
from glm_mcp.media.worker_child import load
from glm_mcp.server.app import Folders
from glm_mcp.simulator import Simulator

pytestmark = pytest.mark.anyio

ALL = 1_000_000
TOOLS = {
    "image": ("describe_image", "images"),
    "video": ("analyze_video", "video"),
    "document": ("read_document", "documents"),
    "text": ("read_document", "documents"),
}


@pytest.fixture
def sim() -> Iterator[Simulator]:
    yield from fresh_simulator()


async def test_every_row_is_whole_and_every_suffix_and_magic_belongs_to_one() -> None:
    whole = [suffix for kind in KINDS.values() for suffix in kind.suffixes]
    magics = [magic for kind in KINDS.values() for magic in kind.magic]
    assert len(whole) == len(set(whole))
    assert len(magics) == len(set(magics))
    for kind in KINDS.values():
        assert kind.name
        assert "/" in kind.mime
        assert kind.title.strip()
        assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in kind.suffixes)
        assert named(f"A{kind.suffixes[0].upper()}" if kind.suffixes else "") in (kind, KINDS["unknown"])
        assert kind.extra in ("", *EXTRAS)
        assert kind.limit_mb > 0
        if kind.reader:
            assert callable(load(kind.reader))
        else:
            assert kind.fix[-1] in ".)", f"{kind.name} is not read: what is to be done?"


async def test_every_row_has_a_file_and_each_file_is_known_for_its_row() -> None:
    assert {**READ, **REFUSED}.keys() == KINDS.keys()
    for row, (name, build) in {**READ, **REFUSED}.items():
        data = build()
        assert detect(data, name).name == row
        assert detect(data, "a.pdf").name == row or KINDS[row].family == "text" or row == "numbers"


@each("row", READ)
async def test_a_file_of_every_row_is_read_by_its_tool(
    connect: Connect, sim: Simulator, folders: Folders, row: str
) -> None:
    name, build = READ[row]
    put(folders.cwd / name, build())
    tool, argument = TOOLS[KINDS[row].family]
    async with connect() as client:
        assert await say(client, tool, 50, **{argument: name})
    assert bool(sim.received) == (tool != "read_document" or row == "cbz"), "a comic is pictures alone"


@each("row", [row for row in REFUSED if not KINDS[row].reader])
async def test_what_no_tool_reads_is_refused_with_what_it_is_and_what_to_do(
    connect: Connect, sim: Simulator, folders: Folders, row: str
) -> None:
    kind = KINDS[row]
    name, build = REFUSED[row]
    put(folders.cwd / name, build())
    async with connect() as client:
        for tool, argument, more in (
            ("describe_image", "images", {}),
            ("read_document", "documents", {}),
            ("chat", "files", {"prompt": "What?"}),
        ):
            text = await fail(client, tool, **{argument: name, **more})
            assert text.startswith(f"unsupported_media: {name} is {kind.title}")
            assert text.endswith(kind.fix)
    assert sim.received == []


@each(
    ("name", "build", "said"),
    [
        ("comment.svg", lambda: save_svg(6_000), ""),
        ("longer.svg", lambda: save_svg(60_000), ""),
        ("a.pcx", lambda: save(corners(), "PCX"), ""),
        ("icon.tga", lambda: save(corners(), "TGA"), ""),
    ],
)
async def test_a_picture_that_was_taken_for_something_else_is_seen(
    connect: Connect, sim: Simulator, folders: Folders, name: str, build: Callable[[], bytes], said: str
) -> None:
    put(folders.cwd / name, build())
    async with connect() as client:
        assert said in await say(client, "describe_image", images=name)
    assert len(sim.received[-1].media) == 1


def save_svg(size: int) -> bytes:
    return (
        f"<!--{'x' * size}--><svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'>"
        "<rect width='20' height='20' fill='red'/></svg>"
    ).encode()


def pictured() -> bytes:
    """A Word file whose pictures stand before its text."""
    import io
    import zipfile

    out = io.BytesIO()
    inner = zipfile.ZipFile(io.BytesIO(docx(para("After all the pictures."))))
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(5_000):
            archive.writestr(f"word/media/picture{number}.bin", b"x" * 20)
        for info in inner.infolist():
            archive.writestr(info.filename, inner.read(info))
    return out.getvalue()


BOOK = b'{"cells": [{"cell_type": "markdown", "source": ["# Study of ice"]}], "metadata": {}, "nbformat": 4}'


@pytest.mark.parametrize(
    ("name", "build", "said"),
    [
        ("pictures.docx", pictured, "After all the pictures."),
        ("notebook.txt", lambda: BOOK, "# Study of ice\n"),
        ("zeros.txt", lambda: b"abc\0def\nline two\n", "abcdef\nline two"),
        ("bad.log", lambda: b"good words\n" * 9 + b"and a bad byte \xff here\n" * 2, "and a bad byte"),
    ],
)
async def test_a_document_that_was_taken_for_something_else_is_read(
    connect: Connect, folders: Folders, name: str, build: Callable[[], bytes], said: str
) -> None:
    put(folders.cwd / name, build())
    async with connect() as client:
        text = await say(client, "read_document", documents=name)
    assert said in text
    assert ("left out" in text) == (name == "zeros.txt")
    assert ("decoded as" in text) == (name == "bad.log")


async def test_a_pointer_of_git_lfs_says_how_to_fetch_the_file(connect: Connect, folders: Folders) -> None:
    put(folders.cwd / "photo.jpg", LFS)
    put(folders.cwd / "report.pdf", LFS)
    async with connect() as client:
        told = [
            await fail(client, "describe_image", images="photo.jpg"),
            await fail(client, "read_document", documents="report.pdf"),
            await fail(client, "analyze_video", video="photo.jpg"),
        ]
    assert all("is a pointer of Git LFS" in text and '"git lfs pull"' in text for text in told)


@each(
    ("name", "want", "said"),
    [
        ("a.png", "document", "a PNG picture, not a document"),
        ("a.gif", "document", "a GIF picture, not a document"),
        ("a.docx", "image", "a Word document, not a picture"),
        ("a.mp3", "any", "an MP3 sound file, which is not read here"),
        ("a.zip", "video", "an archive (zip), not a video"),
        ("a.m3u8", "video", "a list of stream parts, not a video"),
    ],
)
async def test_a_refusal_says_what_it_is_and_what_was_wanted(name: str, want: Want, said: str) -> None:
    with pytest.raises(UnsupportedMedia) as caught:
        check_fits(named(name), 1, name, want)
    assert caught.value.message == f"{name} is {said}"


async def test_what_is_offered_and_how_large_it_may_be_comes_from_the_rows() -> None:
    assert {".png", ".jpeg", ".heic", ".svg", ".pcx"} <= set(suffixes("image"))
    assert {".mp4", ".gif"} <= set(suffixes("video"))
    assert {".pdf", ".docx", ".md", ".txt"} <= set(suffixes("document"))
    assert not {".py", ".djvu", ".tar", ".mp3"} & set(suffixes("any"))
    assert (largest("image"), largest("document")) == (500 * 2**20, 500 * 2**20)
