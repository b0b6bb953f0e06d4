"""Broken, hostile and wrong files, and decoders that crash, swell or hang: a clear error, and the next call works."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import socket
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from PIL import Image
from support.busy import slowness
from support.cases import each
from support.connect import Connect
from support.films import Film, make, only_sound, regular
from support.formats import chats_done, pictures, put
from support.image_kinds import jxl
from support.made_documents import docx, lines, noise, para, pdf, zipped
from support.made_metafiles import emf
from support.made_word import plain, word
from support.ole import ole
from support.paths import DATA
from support.pictures import corners, photo, png_claiming, save
from support.toolkit import call as called
from support.toolkit import chats, fail, glm, say, text_of

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Fault, Reply, Simulator

pytestmark = [pytest.mark.anyio, pytest.mark.extreme]

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}">{}</svg>'
LAUGHS = (
    '<!DOCTYPE svg [<!ENTITY l0 "aaaaaaaaaa">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
    + "]><svg xmlns='http://www.w3.org/2000/svg'><text>&l8;</text></svg>"
)
# The header of a PEM file, in two pieces, so that no scanner takes this file for one.
KEY = "-----BEGIN RSA PRIVATE" + " KEY-----\nMIIEow==\n"


@pytest.fixture
def good(folders: Folders) -> dict[str, dict[str, Any]]:
    """A call of each tool that works."""
    put(folders.cwd / "fine" / "a.png", save(corners(), "PNG"))
    put(folders.cwd / "fine" / "a.mp4", make(Film(regular(1))))
    put(folders.cwd / "fine" / "a.txt", "Fine.")
    return {
        "describe_image": {"images": "fine/a.png"},
        "analyze_video": {"video": "fine/a.mp4", "max_frames": 1},
        "read_document": {"documents": "fine/a.txt", "prompt": "What?"},
    }


def heic() -> bytes:
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(photo(128, 96)).save(out, quality=90)
    return out.getvalue()


def tiff_bomb() -> bytes:
    """A few bytes that claim 60,000 x 60,000 pixels."""
    data = bytearray(save(Image.new("1", (64, 64)), "TIFF", compression="group4"))
    for tag in (256, 257):
        at = re.search(tag.to_bytes(2, "little") + rb"[\x03\x04]\0\x01\0\0\0", bytes(data))
        assert at
        data[at.end() : at.end() + 2] = (60_000).to_bytes(2, "little")
    return bytes(data)


def gif_bomb() -> bytes:
    data = bytearray(save(Image.new("P", (10, 10)), "GIF"))
    data[6:10] = b"\xff\xff\xff\xff"
    return bytes(data)


def zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", bytes(300_000_000))
    return out.getvalue()


def half(data: bytes, share: float = 0.3) -> bytes:
    return data[: int(len(data) * share)]


Bad = tuple[str, str, Callable[[], bytes], str, str]
# Tool, file, what is in it, the kind of the error, a word it must say.
BAD: list[Bad] = [
    # nothing, noise, and something else than is wanted
    ("describe_image", "empty.png", bytes, "unsupported_media", "is empty"),
    ("describe_image", "noise.png", lambda: bytes(range(7, 256)) * 40, "unsupported_media", "noise.png"),
    ("describe_image", "words.png", lambda: b"no picture at all", "unsupported_media", "read_document"),
    ("describe_image", "a.pdf", lambda: pdf([lines(["x"])]), "unsupported_media", "read_document"),
    ("describe_image", "film.jpg", lambda: make(Film(regular(1))), "unsupported_media", "analyze_video"),
    ("describe_image", "pack.zip", lambda: zipped({"a.png": b"x"}), "unsupported_media", "archive"),
    ("describe_image", "post.eps", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", "unsupported_media", "post.eps"),
    ("analyze_video", "empty.mp4", bytes, "unsupported_media", "is empty"),
    ("analyze_video", "noise.mp4", lambda: bytes(range(7, 256)) * 40, "unsupported_media", "noise.mp4"),
    ("analyze_video", "a.png", lambda: save(corners(), "PNG"), "unsupported_media", "describe_image"),
    ("analyze_video", "still.mp4", heic, "unsupported_media", "describe_image"),
    ("analyze_video", "still.avif", lambda: save(corners(), "AVIF"), "unsupported_media", "describe_image"),
    ("analyze_video", "song.mp4", only_sound, "unsupported_media", "song.mp4"),
    (
        "analyze_video",
        "live.m3u8",
        lambda: b"#EXTM3U\n#EXTINF:9,\na.ts\n",
        "unsupported_media",
        "live streams",
    ),
    (
        "analyze_video",
        "empty-box.mp4",
        lambda: b"\0\0\0\x18ftypisom\0\0\0\0isomiso2",
        "unsupported_media",
        "empty-box",
    ),
    ("read_document", "empty.docx", bytes, "unsupported_media", "is empty"),
    ("read_document", "noise.pdf", lambda: bytes(range(1, 256)) * 40, "unsupported_media", "noise.pdf"),
    ("read_document", "a.png", lambda: save(corners(), "PNG"), "unsupported_media", "describe_image"),
    ("read_document", "film.pdf", lambda: make(Film(regular(1))), "unsupported_media", "analyze_video"),
    ("read_document", "empty.zip", lambda: zipped({}), "unsupported_media", "empty archive"),
    (
        "read_document",
        "song.mp3",
        lambda: b"ID3\x03\0\0\0\0\0\x0f" + b"\0" * 90,
        "unsupported_media",
        "transcript",
    ),
    ("read_document", "key.txt", KEY.encode, "forbidden_path", "private key"),
    (
        "read_document",
        "key16.txt",
        lambda: ("说明" * 40 + "\n" + KEY).encode("utf-16"),
        "forbidden_path",
        "private key",
    ),
    # broken
    ("describe_image", "cut.png", lambda: save(photo(100, 100), "PNG")[:60], "unsupported_media", "damaged"),
    ("describe_image", "cut.jpg", lambda: b"\xff\xd8\xff\xe0" + b"\0" * 50, "unsupported_media", "cut.jpg"),
    ("describe_image", "cut.webp", lambda: save(photo(99, 99), "WEBP")[:60], "unsupported_media", "cut.webp"),
    (
        "describe_image",
        "cut.avif",
        lambda: half(save(photo(300, 300), "AVIF")),
        "unsupported_media",
        "truncated",
    ),
    ("describe_image", "cut.heic", lambda: heic()[:-200], "unsupported_media", "truncated"),
    (
        "describe_image",
        "cut.jp2",
        lambda: save(photo(99, 99), "JPEG2000")[:90],
        "unsupported_media",
        "cut.jp2",
    ),
    ("describe_image", "cut.tif", lambda: b"II*\0\x08\0\0\0\xff\xff", "unsupported_media", "cut.tif"),
    (
        "describe_image",
        "cut.svg",
        SVG.format(9, 9, "<rect")[:-8].encode,
        "unsupported_media",
        "cut.svg",
    ),
    (
        "analyze_video",
        "no-index.mp4",
        lambda: half(make(Film(regular(4)))),
        "unsupported_media",
        "no-index.mp4",
    ),
    (
        "read_document",
        "cut.pdf",
        lambda: pdf([lines(["x"])])[:120],
        "unsupported_media",
        "cut off or damaged",
    ),
    ("read_document", "cut.docx", lambda: half(docx(para("x")), 0.6), "unsupported_media", "cut.docx"),
    (
        "read_document",
        "bad.xlsx",
        lambda: zipped({"xl/workbook.xml": "<broken"}),
        "unsupported_media",
        "bad.xlsx",
    ),
    ("read_document", "bad.ipynb", lambda: b"{broken", "unsupported_media", "bad.ipynb"),
    # locked and old
    (
        "read_document",
        "locked.xlsx",
        lambda: ole(["EncryptionInfo", "EncryptedPackage"]),
        "unsupported_media",
        "encrypted",
    ),
    (
        "read_document",
        "older.doc",
        lambda: word([plain("Words")], version=0x65),
        "unsupported_media",
        "DOCX or PDF",
    ),
    # bombs
    ("describe_image", "bomb.png", lambda: png_claiming(100_000, 100_000), "media_too_large", "bomb.png"),
    (
        "describe_image",
        "big.png",
        lambda: png_claiming(15_000, 14_000),
        "media_too_large",
        "210 million pixels",
    ),
    ("describe_image", "bomb.gif", gif_bomb, "media_too_large", "bomb.gif"),
    ("describe_image", "bomb.tif", tiff_bomb, "media_too_large", "bomb.tif"),
    ("describe_image", "laughs.svg", LAUGHS.encode, "unsupported_media", "laughs.svg"),
    ("read_document", "bomb.docx", zip_bomb, "media_too_large", "unpacks to 286 MB"),
    (
        "read_document",
        "laughs.docx",
        lambda: docx(para("&a;"), prolog='<!DOCTYPE x [<!ENTITY a "ha">]>'),
        "unsupported_media",
        "laughs.docx",
    ),
]


@pytest.mark.parametrize("bad", BAD, ids=[f"{b[0]}-{b[1]}" for b in BAD])
async def test_a_bad_file_is_a_clear_error_and_the_next_call_works(
    connect: Connect, sim: Simulator, folders: Folders, good: dict[str, dict[str, Any]], bad: Bad
) -> None:
    tool, name, build, kind, word = bad
    put(folders.cwd / name, build())
    argument = next(iter(good[tool]))
    async with connect() as client:
        result = await called(client, tool, **{argument: name})
        assert chats(sim) == [], "nothing goes out for it"
        await say(client, tool, **good[tool])
    text = text_of(result)
    assert result.is_error
    assert text.startswith(f"{kind}: ")
    assert name in text
    assert word in text
    assert str(folders.cwd) not in text
    assert glm(result)["error"]["kind"] == kind
    assert re.search(r"[.] [A-Z]\S+ .+[.]$", text), "what to do next"
    assert chats(sim)[-1].status == 200


@pytest.mark.parametrize(
    "size", ['width="1" height="900000000"', 'width="1e9" height="1e9"', 'viewBox="0 0 1e30 1"']
)
async def test_a_drawing_that_claims_the_world_is_an_answer_or_an_error_but_not_the_end(
    connect: Connect, sim: Simulator, folders: Folders, good: dict[str, dict[str, Any]], size: str
) -> None:
    put(
        folders.cwd / "huge.svg",
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><rect width="9" height="9"/></svg>',
    )
    async with connect() as client:
        result = await called(client, "describe_image", images="huge.svg")
        await say(client, "describe_image", **good["describe_image"])
    assert not result.is_error or text_of(result).split(":")[0] in {
        "unsupported_media",
        "media_too_large",
        "timeout",
    }
    assert all(max(m.width, m.height) <= 6000 for r in chats(sim) for m in r.media)


async def test_a_pdf_that_unpacks_to_memory_beyond_all_limits_is_an_error(
    connect: Connect, sim: Simulator, folders: Folders, good: dict[str, dict[str, Any]]
) -> None:
    stream = zlib.compress(b"0 0 m 1 1 l S\n" * 20_000_000, 1)
    whole = pdf(["CONTENT"])
    head, _, tail = whole.partition(b"<< /Length 7 >>\nstream\nCONTENT")
    packed = b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(stream) + stream
    put(folders.cwd / "bomb.pdf", head + packed + tail)  # its index is wrong now, which readers mend
    async with connect() as client:
        text = await fail(client, "read_document", 40, documents="bomb.pdf")
        await say(client, "read_document", **good["read_document"])
    if sys.platform == "linux":  # elsewhere there is no limit of memory, or it is not known what was held
        assert text.startswith(
            "media_too_large: bomb.pdf needs more memory to read than is allowed. Send a smaller"
        )
    assert text.split(":")[0] in {"unsupported_media", "media_too_large", "timeout"}
    assert "bomb.pdf" in text


async def test_what_is_no_file_is_refused_by_name(
    connect: Connect,
    sim: Simulator,
    folders: Folders,
    good: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folders.cwd / "folder.png").mkdir()
    os.mkfifo(folders.cwd / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(folders.cwd)  # a socket's path must be short
        listener.bind("sock.png")
    async with connect() as client:
        for name in ("folder.png", "pipe.png", "sock.png", "absent.png"):
            text = await fail(client, "describe_image", 20, images=name)
            assert name in text
            assert text.split(":")[0] in {
                "unsupported_media",
                "not_found",
                "forbidden_path",
                "invalid_request",
            }
        await say(client, "describe_image", **good["describe_image"])
    assert len(chats(sim)) == 1


async def test_a_file_larger_than_is_taken_is_refused_before_it_is_read(
    connect: Connect, sim: Simulator, folders: Folders, good: dict[str, dict[str, Any]]
) -> None:
    for name, start in (("a.png", b"\x89PNG\r\n\x1a\n"), ("a.pdf", b"%PDF-1.4\n"), ("a.txt", b"words\n")):
        with (folders.cwd / name).open("wb") as file:
            file.write(start)
            file.truncate(600_000_000 if name != "a.txt" else 60_000_000)
    async with connect() as client:
        picture = await fail(client, "describe_image", 20, images="a.png")
        document = await fail(client, "read_document", 20, documents="a.pdf")
        await say(client, "describe_image", **good["describe_image"])
    assert picture.startswith("media_too_large: a.png is 600.0 MB")
    assert document.startswith("media_too_large: a.pdf is 600.0 MB")


@each(
    ("tool", "arguments", "word"),
    [
        ("describe_image", {"images": "a.png#xywh=70,0,10,10"}, "60 x 40 pixels"),
        ("describe_image", {"images": "a.png#xywh=1,2,3"}, "four numbers"),
        ("describe_image", {"images": "a.png#page=2"}, "it is one picture"),
        ("describe_image", {"images": "a.png#t=1"}, "not animated"),
        ("describe_image", {"images": "a.png", "task": "locate"}, "what to find"),
        ("describe_image", {"images": "a.png", "task": "compare"}, "two or more pictures"),
        ("analyze_video", {"video": "a.mp4", "start": "9"}, "a.mp4 is 0:02.00 long"),
        ("analyze_video", {"video": "a.mp4", "end": "1:00"}, "a.mp4 is 0:02.00 long"),
        ("analyze_video", {"video": "a.mp4", "start": "2", "end": "1"}, "not before end"),
        ("analyze_video", {"video": "a.mp4", "start": "soon"}, "not a time"),
        ("analyze_video", {"video": "a.mp4", "max_frames": 0}, "from 1 to 800"),
        ("read_document", {"documents": "a.pdf", "pages": "9"}, "a.pdf has 1 page"),
        ("read_document", {"documents": "a.pdf", "pages": "x"}, "'1-5'"),
    ],
)
async def test_a_part_that_is_not_there_names_what_there_is(
    connect: Connect, sim: Simulator, folders: Folders, tool: str, arguments: dict[str, Any], word: str
) -> None:
    put(folders.cwd / "a.png", save(corners(), "PNG"))
    put(folders.cwd / "a.mp4", make(Film(regular(2))))
    put(folders.cwd / "a.pdf", pdf([lines(["x"])]))
    async with connect() as client:
        text = await fail(client, tool, **arguments)
    assert text.split(":")[0] in {"invalid_request", "not_found"}
    assert word in text
    assert chats(sim) == []


async def test_one_bad_picture_among_good_ones_is_named(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for n in range(3):
        put(folders.cwd / f"{n}.png", save(corners(), "PNG"))
    put(folders.cwd / "bad.png", save(corners(), "PNG")[:60])
    async with connect() as client:
        text = await fail(client, "describe_image", images=["0.png", "bad.png"])
        of_pattern = await say(client, "describe_image", images="*.png")
    assert text.startswith("unsupported_media: bad.png")
    assert "1 left out: bad.png cannot be read" in of_pattern.splitlines()[-1]
    assert len(pictures(chats(sim)[-1])) == 3


async def test_a_page_as_large_as_a_house_is_drawn_within_the_limits(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "house.pdf", pdf([lines(["Words"] * 9, top=14_000)], size=(14_400, 14_400)))
    async with connect() as client:
        await say(client, "read_document", documents="house.pdf", prompt="What?", mode="vision")
    assert max(max(g.image.size) for g in pictures(chats(sim)[-1])) <= 6000


# ── Decoders that crash, swell, hang ────────────────────────────────────────────────────────────────────────────

BEHAVIOUR = {
    "crash": "import os\nos.abort()\n",
    "swell": "held = [bytes(1 << 28) for _ in range(200)]\n",
    "hang": (
        "import os, pathlib, subprocess, sys, time\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "note = pathlib.Path(__file__).with_name('pids')\n"
        "note.with_suffix('.new').write_text(f'{os.getpid()} {other.pid}')\n"
        "note.with_suffix('.new').rename(note)\n"
        "while True:\n    time.sleep(600)\n"
    ),
}

# The library that reads it, tool, file, contents.
READERS: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "resvg_py": (
        "describe_image",
        "drawing.svg",
        lambda: SVG.format(9, 9, '<rect width="9" height="9"/>').encode(),
    ),
    "metafile_render": ("describe_image", "plan.emf", emf),
    "pillow_heif": ("describe_image", "IMG_1.heic", heic),
    "pillow_jxl": ("describe_image", "photo.jxl", lambda: jxl(corners())),
    "av": ("analyze_video", "film.mp4", lambda: make(Film(regular(1)))),
    "liteparse": ("read_document", "paper.pdf", lambda: pdf([lines(["Words."])])),
    "markdownify": ("read_document", "page.html", lambda: b"<p>Words.</p>"),
    "olefile": ("read_document", "book.xls", (DATA / "excel97.xls").read_bytes),
}
EXPECTED = {"crash": "unsupported_media", "swell": "media_too_large", "hang": "timeout"}


def children() -> set[int]:
    """The workers that are still there, zombies too, but for one that waits for a job: its input is nothing yet."""
    forked = {worker for clean in children_of("self") for worker in children_of(clean)}
    return {worker for worker in forked if not waits(worker)}


def waits(worker: int) -> bool:
    try:
        return str(Path(f"/proc/{worker}/fd/0").readlink()) == os.devnull
    except OSError:  # a zombie, or gone
        return False


def children_of(pid: int | str) -> set[int]:
    found: set[int] = set()
    with contextlib.suppress(FileNotFoundError):  # it has ended since
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found |= {int(n) for n in (task / "children").read_text(encoding="ascii").split()}
    return found


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def settled(until: Callable[[], object], within: float = 60) -> None:
    """Waits for another process, which gives no notice."""
    with anyio.fail_after(within):
        while not until():  # noqa: ASYNC110 - as above
            await anyio.sleep(0.02)


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a library that misbehaves before the real one, for the child processes alone: they start with this path."""

    def make_it(library: str, how: str) -> Path:
        folder = tmp_path / "hostile"
        put(folder / f"{library}.py", BEHAVIOUR[how])
        monkeypatch.setenv("PYTHONPATH", str(folder))
        return folder

    return make_it


async def call_it(client: Client, library: str, within: float = 20) -> Any:
    tool, name, _ = READERS[library]
    argument = {"describe_image": "images", "analyze_video": "video", "read_document": "documents"}[tool]
    return await called(client, tool, within, **{argument: name})


@pytest.mark.skipif(sys.platform != "linux", reason="address-space limits and /proc are of Linux")
@pytest.mark.parametrize("how", ["crash", "swell"])
@pytest.mark.parametrize("library", READERS)
async def test_a_decoder_that_crashes_or_swells_is_an_error_and_the_next_call_works(
    connect: Connect,
    sim: Simulator,
    folders: Folders,
    hostile: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
    library: str,
    how: str,
) -> None:
    _, name, build = READERS[library]
    put(folders.cwd / name, build())
    before = children()
    hostile(library, how)
    async with connect() as client:
        result = await call_it(client, library)
        assert result.is_error
        assert text_of(result).startswith(f"{EXPECTED[how]}: ")
        assert name in text_of(result)
        assert chats(sim) == []
        monkeypatch.delenv("PYTHONPATH")
        again = await call_it(client, library)
    # The workbook is none; it is the reader's own error that tells that the reader is back.
    assert not again.is_error or "book.xlsx is damaged" in text_of(again)
    await settled(lambda: children() <= before)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")
@pytest.mark.parametrize("library", ["resvg_py", "av", "liteparse"])
async def test_a_decoder_that_hangs_ends_with_the_time_of_the_call_and_leaves_no_process(
    connect: Connect,
    sim: Simulator,
    folders: Folders,
    hostile: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
    library: str,
) -> None:
    _, name, build = READERS[library]
    put(folders.cwd / name, build())
    before = children()
    folder = hostile(library, "hang")
    async with connect(GLM_DEADLINE_S="1.5") as client:
        result = await call_it(client, library)
        note = folder / "pids"
        pids = [int(n) for n in note.read_text(encoding="ascii").split()] if note.exists() else []
        await settled(lambda: not any(map(runs, pids)))
        await settled(lambda: children() <= before)
    assert result.is_error
    assert text_of(result).startswith("timeout: ")
    assert name in text_of(result)
    monkeypatch.delenv("PYTHONPATH")
    async with connect() as client:
        assert not (await call_it(client, library)).is_error


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")
@pytest.mark.parametrize("library", ["pillow_heif", "av", "liteparse", "markdownify"])
async def test_a_cancelled_call_kills_its_decoder_and_what_that_started(
    connect: Connect,
    sim: Simulator,
    folders: Folders,
    hostile: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
    library: str,
) -> None:
    _, name, build = READERS[library]
    put(folders.cwd / name, build())
    before = children()
    folder = hostile(library, "hang")
    async with connect() as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call_it, client, library)
            await settled((folder / "pids").exists)
            pids = [int(n) for n in (folder / "pids").read_text(encoding="ascii").split()]
            assert all(map(runs, pids))
            tasks.cancel_scope.cancel()
        await settled(lambda: not any(map(runs, pids)))
        await settled(lambda: children() <= before)
        monkeypatch.delenv("PYTHONPATH")
        assert not (await call_it(client, library)).is_error
    assert len(chats(sim)) <= 2


# ── Finished parts ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_parts_that_are_done_are_kept_when_the_time_runs_out(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    pages = [noise(0, 20 * n, 595, 842 - 40 * n) for n in range(4)]
    put(folders.cwd / "scan.pdf", pdf(pages))
    sim.queue(Reply("SCAN ONE"), Reply("SCAN TWO"), Fault("hang", times=0))
    async with connect(GLM_DEADLINE_S=4 * slowness(), GLM_FALLBACK="0") as client:
        text = await fail(client, "read_document", documents="scan.pdf")
        done = len(chats_done(sim))
        sim.clear()
        whole = await say(client, "read_document", documents="scan.pdf")
    assert done == 2
    assert text.startswith("timeout: 2 of 4 parts done before the deadline")
    assert "Call again" in text
    assert "SCAN ONE" in text
    assert {"SCAN ONE", "SCAN TWO"} <= set(re.findall(r"SCAN [A-Z]+", whole))
    assert len(chats_done(sim)) == 2


async def test_a_broken_json_line_is_still_text(connect: Connect, sim: Simulator, folders: Folders) -> None:
    put(folders.cwd / "bad.json", b'{"a": 1,')
    put(folders.cwd / "rows.jsonl", json.dumps({"a": "字"}, ensure_ascii=False).encode("gbk") + b"\n{oops\n")
    async with connect() as client:
        assert '{"a": 1,' in await say(client, "read_document", documents="bad.json")
        assert "{oops" in await say(client, "read_document", documents="rows.jsonl")
