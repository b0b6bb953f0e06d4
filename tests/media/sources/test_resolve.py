"""An argument to sources: every way to name one, and what is said when it does not work."""

from __future__ import annotations

import base64
import io
import os
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from support.processes import gone, until

from glm_mcp.errors import (
    ForbiddenPath,
    ForbiddenURL,
    GLMError,
    InvalidRequest,
    MediaTooLarge,
    NotFound,
    TimedOut,
    UnsupportedMedia,
)
from glm_mcp.media.formats import KINDS, UNKNOWN, Want
from glm_mcp.media.kept.outputs import Outputs
from glm_mcp.media.sources.letting_in import admitted
from glm_mcp.media.sources.pasted import tidy
from glm_mcp.media.sources.paths import natural
from glm_mcp.media.sources.resolve import resolve_source
from glm_mcp.media.types import Fragment, Source
from glm_mcp.sandbox import Sandbox

pytestmark = pytest.mark.anyio
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX names")
LIMIT = 1_000_000


def picture(form: str = "PNG") -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (16, 16), "blue").save(held, form)
    return held.getvalue()


PNG = picture()
PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + b"1 0 obj\n" * 20


class World:
    """A home with a working folder; sources that were opened are closed at the end."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.home, self.work = top / "home", top / "home" / "work"
        for folder in (self.work, top / "tmp", top / "outside"):
            folder.mkdir(parents=True)
        self.outputs = Outputs(folder=None, cwd=self.work, data=top / "data", cache=top / "cache")
        self.opened: list[Source] = []
        self.sandbox = self.box()

    def box(
        self, *, remote: bool = False, allowed: tuple[Path, ...] = (), own_host: str | None = None
    ) -> Sandbox:
        return Sandbox(
            cwd=self.work,
            home=self.home,
            temp=self.top / "tmp",
            remote=remote,
            allowed=allowed,
            own_host=own_host,
        )

    def put(self, name: str, data: bytes = PNG) -> Path:
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    async def all(
        self, argument: str, want: Want = "any", *, max_bytes: int = LIMIT, sandbox: Sandbox | None = None
    ) -> list[Source]:
        with anyio.fail_after(60):
            found = await resolve_source(
                argument,
                want,
                sandbox=sandbox or self.sandbox,
                outputs=self.outputs,
                max_bytes=max_bytes,
                env={},
                platform="linux",
            )
        self.opened += found
        return found

    async def one(self, argument: str, want: Want = "any", *, sandbox: Sandbox | None = None) -> Source:
        (source,) = await self.all(argument, want, sandbox=sandbox)
        return source


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for source in made.opened:
        source.close()


# Paths


async def test_a_local_file_comes_opened_with_its_kind_size_and_name(world: World) -> None:
    path = world.put("shots/a.png")
    source = await world.one("shots/a.png", "image")
    assert (source.name, source.kind.name, source.size) == ("a.png", "png", len(PNG))
    assert source.path == path.resolve()
    path.unlink()
    assert source.read() == PNG


@pytest.mark.parametrize(
    "form",
    [
        "{name}",
        "  {name}\n",
        '"{name}"',
        "'{name}'",
        "`{name}`",
        "@{name}",
        "<{name}>",
        "./{name}",
        "{path}",
        "~/work/{name}",
        "file://{path}",
        "file://localhost{path}",
        "FILE://{path}",
        "file:{path}",
        "file://~/work/{name}",
        "file://{quoted}",
    ],
)
async def test_every_way_to_write_a_path_is_understood(world: World, form: str) -> None:
    path = world.put("my shot.png")
    source = await world.one(form.format(name="my shot.png", path=path, quoted=quote(str(path))))
    assert source.read() == PNG


@posix
@pytest.mark.parametrize("argument", ["my\\ shot\\ \\(1\\).png", "@my\\ shot\\ \\(1\\).png"])
async def test_spaces_escaped_for_a_shell_are_understood(world: World, argument: str) -> None:
    world.put("my shot (1).png")
    assert (await world.one(argument)).name == "my shot (1).png"


@posix
@pytest.mark.parametrize(
    "name", ["@home.png", "a[1].png", "what?.png", "a*b.png", "a#t=1,2.png", "x#page=2", "100%25.png", "a\\ b.png", "data.png", "{a,b}.png"]
)  # fmt: skip
async def test_a_file_with_the_very_name_wins_over_every_other_reading(world: World, name: str) -> None:
    world.put(name)
    world.put("home.png", picture("JPEG"))
    source = await world.one(name)
    assert (source.name, source.read(), source.fragment) == (name, PNG, Fragment())


async def test_a_media_fragment_is_taken_from_the_name(world: World) -> None:
    path = world.put("a.png")
    world.put("b#c.png")
    assert (await world.one("a.png#xywh=1,2,3,4")).fragment == Fragment(xywh=(1, 2, 3, 4))
    assert (await world.one("b#c.png#page=2")).fragment == Fragment(page="2")
    assert (await world.one(f"file://{path}#t=1,2")).fragment == Fragment(t=(1, 2))
    with pytest.raises(InvalidRequest, match="Forms"):
        await world.one("a.png#xywh=1,2")


@posix
async def test_a_name_read_off_a_screen_finds_its_file(world: World) -> None:
    world.put("Screenshot 2026-01-02 at 1.23.45\u202fPM.png")
    world.put("cafe\u0301.png")
    assert (await world.one("Screenshot 2026-01-02 at 1.23.45 PM.png")).read() == PNG
    assert (await world.one("caf\u00e9.png")).read() == PNG
    world.put("Mu\u0308ll/sub/cafe\u0301 1/re\u0301sume\u0301.png")
    world.put("Mu\u0308ll/plain.png")
    assert (await world.one("M\u00fcll/sub/caf\u00e9\u00a01/r\u00e9sum\u00e9.png")).read() == PNG
    assert (await world.one(f"{world.work}/M\u00fcll/plain.png")).read() == PNG
    world.put("M\u00fcll/plain.png", b"another")  # both are there: the one that is written
    assert (await world.one("M\u00fcll/plain.png", "any")).path == world.work / "M\u00fcll/plain.png"
    with pytest.raises(NotFound):
        await world.one("\u00fc/" * 500 + "a.png")


async def test_a_missing_file_names_the_working_folder_and_close_names(world: World) -> None:
    for name in (
        "screenshot.png",
        "screenshot2.png",
        "Screenshots.png",
        "screenshot-3.png",
        ".screenshot.png",
    ):
        world.put(name)
    with pytest.raises(NotFound) as caught:
        await world.one("screenshit.png")
    said = str(caught.value)
    assert "screenshit.png" in said
    assert str(world.work) in said
    assert "Did you mean screenshot" in said
    assert said.count(".png") == 4
    with pytest.raises(NotFound, match="Its folder does not exist"):
        await world.one("no/where.png")


async def test_no_name_is_suggested_of_what_may_not_be_read(world: World) -> None:
    for name in (".config/tokens.txt", "prod.env", ".config/shot-1.png"):
        world.put(name)
    for asked in (".config/token.txt", "prod.en"):
        with pytest.raises(NotFound, match="Check the path"):
            await world.one(asked)
    with pytest.raises(NotFound, match=r"Did you mean .*shot-1\.png\?"):
        await world.one(".config/shot-2.png")


async def test_a_name_that_shares_its_suffix_alone_is_not_suggested(world: World) -> None:
    for name in ("b.png", "foto.png"):
        world.put(name)
    with pytest.raises(NotFound, match="Check the path"):
        await world.one("nope.png")
    with pytest.raises(NotFound, match=r"Did you mean foto\.png\?"):
        await world.one("photo.png")


async def test_no_names_are_suggested_from_outside(world: World) -> None:
    (world.top / "outside/secret-plan.png").write_bytes(PNG)
    with pytest.raises(ForbiddenPath) as caught:
        await world.one(str(world.top / "outside/secret-plam.png"))
    assert "secret-plan" not in str(caught.value)


@pytest.mark.parametrize("argument", ["\ud800.png", "http://example.com/\ud800", "data:,\ud800", "a\0.png"])
async def test_characters_that_no_name_has_are_refused(world: World, argument: str) -> None:
    with pytest.raises(InvalidRequest):
        await world.one(argument)


@posix
async def test_a_name_with_odd_bytes_is_shown_without_them(world: World) -> None:
    world.put(os.fsdecode(b"odd\xff\n.png"))
    assert (await world.one("odd*.png")).name == "odd??.png"


@pytest.mark.parametrize("argument", ["", "  ", '""', "` `", "\n"])
async def test_an_empty_argument_says_what_may_stand_there(world: World, argument: str) -> None:
    with pytest.raises(InvalidRequest, match="empty source"):
        await world.one(argument)


async def test_a_folder_an_empty_file_and_a_large_one_are_named(world: World) -> None:
    world.put("shots/a.png")
    world.put("empty.png", b"")
    world.put("large.png", PNG + bytes(300_000))
    with pytest.raises(InvalidRequest, match="shots is a folder") as caught:
        await world.one("shots")
    assert "such as shots/*.png or shots/*.pdf" in str(caught.value)
    with pytest.raises(UnsupportedMedia, match=r"empty.png is empty \(0 bytes\)"):
        await world.one("empty.png")
    with pytest.raises(MediaTooLarge, match=r"large.png is 0.3 MB, more than the 0.2 MB taken"):
        await world.all("large.png", max_bytes=200_000)


async def test_a_file_url_of_another_machine_is_refused(world: World) -> None:
    for argument in ("file://server/share/a.png", "file://[::1]/a.png", "file://["):
        with pytest.raises(ForbiddenPath, match="another machine"):
            await world.one(argument)


@pytest.mark.parametrize(
    "key", ["-----BEGIN RSA PRIVATE KEY-----\nMII", "x" * 1_048_570 + "\n-----BEGIN OPENSSH PRIVATE KEY-----"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
async def test_a_text_with_a_private_key_is_refused_wherever_it_stands(
    world: World, key: str, encoding: str
) -> None:
    world.put("notes.txt", key.encode(encoding))
    with pytest.raises(ForbiddenPath, match="holds a private key"):
        await world.all("notes.txt", max_bytes=10_000_000)


# Kinds


class Growing(io.BytesIO):
    """A file to whose end is written as fast as it is read."""

    def read(self, size: int | None = -1) -> bytes:
        assert self.tell() < 20_000_000, "far beyond what it had"
        piece, at = super().read(size), self.tell()
        self.seek(0, io.SEEK_END)
        self.write(piece)
        self.seek(at)
        return piece


async def test_a_file_that_grows_while_it_is_looked_through_is_looked_through_as_far_as_it_was() -> None:
    line = b"a line of a log\n"
    with Growing(line * 100_000) as file:
        assert admitted(file, 100_000 * len(line), "a.log", "any", 100_000_000).family == "text"
    with Growing(line * 99_999 + b"-----BEGIN PRIVATE KEY-----\n") as file, pytest.raises(ForbiddenPath):
        admitted(file, 99_999 * len(line) + 28, "a.log", "any", 100_000_000)


@pytest.mark.parametrize(
    ("name", "data", "want", "said"),
    [
        ("notes.txt", b"hello", "image", "notes.txt is plain text, not a picture.*read_document"),
        ("shot.png", b"hello", "image", "its name says a PNG picture, its bytes do not"),
        ("a.png", PNG, "video", "a.png is a PNG picture, not a video.*describe_image"),
        ("a.png", PNG, "document", "a.png is a PNG picture, not a document.*describe_image.*ocr"),
        ("a.pdf", PDF, "image", "a.pdf is a PDF, not a picture.*read_document with mode=vision.*pages=2"),
        (
            "a.mp4",
            b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
            "image",
            "a.mp4 is an MP4 video, not a picture.*analyze_video",
        ),
        ("a.mp3", b"ID3\x04\0\0\0\0", "any", "a.mp3 is an MP3 sound file.*transcript"),
        ("a.zip", b"PK\x05\x06" + bytes(18), "image", "a.zip is an archive.*read_document"),
        ("a.bin", bytes(range(64)), "document", "a.bin is of a kind that no tool here reads"),
        (
            "a.m3u8",
            b"#EXTM3U\n#EXT-X-VERSION:3\n",
            "video",
            "a.m3u8 is a list of stream parts, not a video.*Record",
        ),
    ],
)
async def test_what_does_not_fit_is_named_with_the_tool_that_takes_it(
    world: World, name: str, data: bytes, want: Want, said: str
) -> None:
    world.put(name, data)
    with pytest.raises(UnsupportedMedia, match=f"(?s){said}"):
        await world.one(name, want)


async def test_kinds_that_serve_two_purposes_are_taken(world: World) -> None:
    world.put("a.gif", picture("GIF"))
    world.put("a.svg", b"<svg/>")
    world.put("a.py", b"print(1)")
    for want in ("image", "video", "any"):
        assert (await world.one("a.gif", want)).kind.name == "gif"
    assert (await world.one("a.svg", "image")).kind.name == "svg"
    assert (await world.one("a.py", "document")).kind.name == "code"


# Patterns


async def test_a_pattern_gives_its_files_in_natural_order(world: World) -> None:
    for number in (10, 9, 1, 100):
        world.put(f"shots/page{number}.png")
    world.put("shots/deep/er/page2.jpg", picture("JPEG"))
    world.put("shots/.hidden.png")
    assert [s.name for s in await world.all("shots/*.png")] == [
        "page1.png",
        "page9.png",
        "page10.png",
        "page100.png",
    ]
    assert [s.name for s in await world.all("shots/**/*.jpg")] == ["page2.jpg"]
    assert len(await world.all("shots/**")) == 5
    assert len(await world.all("shots/" + "**/" * 1_000 + "*.jpg")) == 1
    assert len(await world.all("**/*.{png,jpg}")) == 5
    assert [s.name for s in await world.all("shots/page[19].png")] == ["page1.png", "page9.png"]
    assert len(await world.all(f"{world.work}/sh?ts/page1*.png")) == 3
    assert [s.fragment.page for s in await world.all("shots/page1.*#page=2")] == ["2"]


async def test_a_pattern_leaves_out_what_office_keeps_beside_an_open_document(world: World) -> None:
    for name in ("Report.txt", "~$Report.txt", "sub/~$Other.txt"):
        world.put(name, b"words of it\n")
    assert [s.name for s in await world.all("*.txt", "document")] == ["Report.txt"]
    assert [s.name for s in await world.all("**/*.txt", "document")] == ["Report.txt"]
    assert [s.name for s in await world.all("~$*.txt", "document")] == ["~$Report.txt"]
    assert (await world.one("~$Report.txt", "document")).name == "~$Report.txt"


async def test_files_of_one_name_are_told_apart_by_their_folders(world: World) -> None:
    world.put("a/report.pdf", PDF)
    world.put("b/report.pdf", PDF)
    assert [s.name for s in await world.all("*/report.pdf")] == ["a/report.pdf", "b/report.pdf"]


async def test_too_many_files_are_counted(world: World) -> None:
    for number in range(51):
        world.put(f"shots/{number}.png")
    with pytest.raises(InvalidRequest, match="matches 51 files, and at most 50"):
        await world.all("shots/*.png")
    (world.work / "shots/0.png").unlink()
    assert len(await world.all("shots/*.png")) == 50


async def test_a_pattern_that_would_take_for_ever_is_refused(world: World) -> None:
    for pattern in ("{a,b,c,d}{a,b,c,d}{a,b,c,d}.png", "{" + "a," * 60 + "}"):
        with pytest.raises(InvalidRequest, match="too many braces"):
            await world.all(pattern)
    deep = world.work
    for _ in range(300):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "a.png").write_bytes(PNG)
    with pytest.raises(NotFound):
        await world.all("**/*.png")


@pytest.mark.extreme
async def test_a_pattern_that_goes_through_the_same_folders_over_and_over_is_refused(world: World) -> None:
    world.put("/".join("d" * 20) + "/a.txt")
    with pytest.raises(InvalidRequest, match="the pattern covers more than 100000 files and folders"):
        await world.all("**/*/" * 7 + "*.png")


async def test_a_pattern_that_matches_by_the_thousand_is_not_counted_to_its_end(world: World) -> None:
    for number in range(1010):
        (world.work / f"{number}.png").touch()
    with pytest.raises(InvalidRequest, match="matches more than 1000 files"):
        await world.all("*.png")


async def test_a_missing_folder_that_is_allowed_is_just_missing(world: World) -> None:
    gone = world.top / "share"
    with pytest.raises(NotFound, match="there is no file"):
        await world.one(str(gone), sandbox=world.box(allowed=(gone,)))


async def test_a_small_picture_in_base64_is_no_name_however_long(world: World) -> None:
    held = io.BytesIO()
    Image.new("P", (40, 40)).save(held, "GIF")
    coded = base64.b64encode(held.getvalue() + bytes(400)).decode()
    assert "/" not in coded[:300]
    assert len(coded) < 1024
    assert (await world.one(coded, "image")).kind.name == "gif"


@pytest.mark.parametrize("argument", ["a" + " " * 500_000 + "!", "A" * 500_000 + "!", "*" * 2000, "{" * 500, "#t=" * 5000, "data:" + "#" * 500_000])  # fmt: skip
async def test_long_and_odd_arguments_are_answered_at_once(world: World, argument: str) -> None:
    with pytest.raises(GLMError):
        await world.one(argument)


async def test_a_pattern_without_files_and_one_outside_are_errors(world: World) -> None:
    with pytest.raises(NotFound, match=r"no file matches none/\*.png"):
        await world.all("none/*.png")
    for pattern in (f"{world.top}/outside/*", "../../outside/*", "/etc/*", "/*"):
        with pytest.raises(ForbiddenPath):
            await world.all(pattern)


async def test_an_open_pattern_leaves_out_what_does_not_fit_and_a_named_kind_does_not(world: World) -> None:
    world.put("mixed/a.png")
    world.put("mixed/notes.txt", b"hello")
    world.put("mixed/b.png", b"not a picture")
    assert [s.name for s in await world.all("mixed/*", "image")] == ["a.png"]
    with pytest.raises(UnsupportedMedia, match=r"b.png is plain text"):
        await world.all("mixed/*.png", "image")
    with pytest.raises(UnsupportedMedia, match="not a video"):
        await world.all("mixed/*", "video")


@posix
async def test_a_pattern_does_not_follow_links_out_or_round(world: World) -> None:
    (world.top / "outside/far.png").write_bytes(PNG)
    world.put("near.png")
    (world.work / "out").symlink_to(world.top / "outside")
    (world.work / "out.png").symlink_to(world.top / "outside/far.png")
    (world.work / "round").symlink_to(world.work)
    assert [s.name for s in await world.all("**/*.png")] == ["near.png"]
    with pytest.raises((NotFound, ForbiddenPath)):
        await world.all("out/*.png")


@posix
async def test_a_pattern_follows_a_link_only_within_its_folder_and_a_link_by_name_where_it_leads(
    world: World,
) -> None:
    world.put("private/tax.png")
    world.put("shots/a.png")
    world.put("shots/deep/b.png")
    (world.work / "shots/c.png").symlink_to(world.work / "shots/deep/b.png")
    (world.work / "shots/tax.png").symlink_to(world.work / "private/tax.png")
    (world.work / "shots/all").symlink_to(world.work / "private")
    (world.work / "named").symlink_to(world.work / "private")
    for pattern in ("shots/*.png", "shots/*", "shots/[a-z]*.png"):
        assert [s.name for s in await world.all(pattern)] == ["a.png", "c.png"]
    assert [s.name for s in await world.all("shots/**/*.png")] == ["a.png", "c.png", "b.png"]
    with pytest.raises(NotFound, match="no file matches"):
        await world.all("shots/*/tax.png")
    with pytest.raises(NotFound, match="no file matches"):
        await world.all("shots/ta?.png")
    assert [s.name for s in await world.all("shots/tax.png")] == ["tax.png"]
    assert [s.name for s in await world.all("named/*.png")] == ["tax.png"]
    assert [s.name for s in await world.all("shots/{a,tax}.png")] == ["a.png", "tax.png"]


def test_natural_order_holds_for_any_names() -> None:
    assert sorted(["b", "a10", "a2", "a", "2", "10", "a2b"], key=natural) == [
        "2",
        "10",
        "a",
        "a2",
        "a2b",
        "a10",
        "b",
    ]


# Bytes in the argument


@pytest.mark.parametrize(
    "form",
    [
        "data:image/png;base64,{b64}",
        "data:;base64,{b64}",
        "DATA:image/png;name=a.png;charset=x;BASE64,{b64}",
        "data:text/plain;base64,{lines}",
        "data:image/png;base64,{percent}",
        "data:image/png;base64,{bare}",
        "{b64}",
        "{lines}",
        "{url}",
        "{bare}",
    ],
)
async def test_bytes_in_the_argument_are_decoded_and_looked_at(world: World, form: str) -> None:
    b64 = base64.b64encode(PNG).decode()
    argument = form.format(
        b64=b64,
        lines="\n".join(b64[i : i + 76] for i in range(0, len(b64), 76)),
        percent=quote(b64, safe=""),
        bare=b64.rstrip("="),
        url=base64.urlsafe_b64encode(PNG).decode(),
    )
    source = await world.one(argument, "image")
    assert (source.data, source.kind.name, source.name) == (PNG, "png", "pasted.png")


async def test_a_data_url_may_be_percent_encoded_and_have_a_fragment(world: World) -> None:
    assert (await world.one("data:image/svg+xml,%3Csvg%20width='5'/%3E")).data == b"<svg width='5'/>"
    assert (await world.one("data:,hello%20world", "document")).data == b"hello world"
    b64 = base64.b64encode(PNG).decode()
    for argument in (f"data:image/png;base64,{b64}#xywh=1,1,2,2", f"{b64}#xywh=1,1,2,2"):
        source = await world.one(argument)
        assert (source.data, source.fragment.xywh) == (PNG, (1, 1, 2, 2))


@pytest.mark.parametrize(
    "argument",
    [
        "data:",
        "data:image/png;base64",
        "data:image/png;base64,",
        "data:;base64,@@@@",
        "data:;base64,abcde",
        "data:,",
    ],
)
async def test_a_malformed_data_url_is_an_error(world: World, argument: str) -> None:
    with pytest.raises(InvalidRequest):
        await world.one(argument)


async def test_bytes_over_the_limit_are_refused_before_decoding(world: World) -> None:
    b64 = base64.b64encode(PNG + bytes(3000)).decode()
    for argument in (b64, "data:;base64," + b64, "data:," + "a" * 6000):
        with pytest.raises(MediaTooLarge):
            await world.all(argument, max_bytes=1000)


async def test_a_jpeg_in_base64_is_no_absolute_path(world: World) -> None:
    argument = base64.b64encode(picture("JPEG")).decode()
    assert argument.startswith("/9j/")
    assert (await world.one(argument)).kind.name == "jpeg"


async def test_a_word_or_path_in_the_alphabet_is_a_path(world: World) -> None:
    world.put("abcd/efgh", b"hello")
    assert (await world.one("abcd/efgh")).kind.name == "text"
    for argument in ("abce", "a" * 64, "src/components/" * 6 + "x", f"{world.home}/work/" + "o" * 80):
        with pytest.raises(NotFound):
            await world.one(argument)


async def test_long_base64_of_nothing_known_says_so(world: World) -> None:
    with pytest.raises(UnsupportedMedia, match="base64 of no picture"):
        await world.one(base64.b64encode(bytes(3000)).decode())


@pytest.mark.parametrize("argument", ["x" * 5000 + ".png", "a.b/" * 3000, "日" * 2000])
async def test_very_long_names_are_an_error(world: World, argument: str) -> None:
    with pytest.raises((InvalidRequest, NotFound)):
        await world.one(argument)


# URLs


async def test_a_url_is_checked_and_not_fetched(world: World) -> None:
    source = await world.one("https://example.com/pics/my%20shot.PNG?key=1#xywh=1,2,3,4", "image")
    assert source.url == "https://example.com/pics/my%20shot.PNG?key=1"
    assert (source.name, source.kind.name) == ("my shot.PNG", "png")
    assert source.fragment == Fragment(xywh=(1, 2, 3, 4))
    assert (await world.one("https://example.com/a b.pdf#toc")).url == "https://example.com/a%20b.pdf"
    bare = await world.one("https://example.com/")
    assert (bare.name, bare.kind) == ("example.com", UNKNOWN)


@pytest.mark.parametrize("argument", ["http://127.0.0.1/a.png", "http://10.0.0.1/a.png", "https://u:p@example.com/", "ftp://example.com/a.png", "s3://bucket/a.png", "javascript:alert(1)", "blob:https://x", "http://localhost:8000/a"])  # fmt: skip
async def test_addresses_that_may_not_be_fetched_are_refused(world: World, argument: str) -> None:
    with pytest.raises(ForbiddenURL):
        await world.one(argument)


async def test_the_endpoints_own_files_may_be_named(world: World) -> None:
    sandbox = world.box(own_host="127.0.0.1:9999")
    assert (await world.one("http://127.0.0.1:9999/a.png", sandbox=sandbox)).url


@pytest.mark.parametrize(
    "argument",
    ["rtsp://cam/1", "RTMP://x/y", "https://example.com/live.m3u8?x=1", "https://example.com/a.mpd"],
)
async def test_live_streams_are_refused_with_the_way_out(world: World, argument: str) -> None:
    with pytest.raises(
        UnsupportedMedia,
        match=r"(live streams are not read|is a list of stream parts, not a video).*Record a piece",
    ):
        await world.one(argument, "video")


@pytest.mark.parametrize(
    "argument",
    ["https://www.youtube.com/watch?v=x", "https://youtu.be/x", "https://www.bilibili.com/video/BV1"],
)
async def test_a_page_that_shows_a_video_is_not_a_video(world: World, argument: str) -> None:
    with pytest.raises(UnsupportedMedia, match="yt-dlp"):
        await world.one(argument, "video")
    assert (await world.one(argument, "document")).url


# Kept results


async def test_a_kept_result_that_is_named_again_and_again_is_held_once_at_most(world: World) -> None:
    ident = world.outputs.keep("words " * 100_000, ".md")
    tracemalloc.start()
    try:
        found = [await world.one(f"glm://outputs/{ident}") for _ in range(50)]
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()
    assert {source.size for source in found} == {600_000}


async def test_a_kept_result_is_read_by_its_uri(world: World) -> None:
    ident = world.outputs.keep("a long text", ".md", name="Long answer")
    source = await world.one(f"glm://outputs/{ident}#page=2", "document")
    assert (source.read(), source.name, source.kind.name) == (b"a long text", "Long answer.md", "markdown")
    assert source.fragment.page == "2"
    for wrong in ("glm://outputs/../../etc/passwd", "glm://outputs/" + "0" * 24, "glm://outputs/"):
        with pytest.raises(NotFound, match="call the tool again"):
            await world.one(wrong)


# Over HTTP


async def test_over_http_only_urls_data_and_allowed_folders_are_sources(world: World) -> None:
    world.put("a.png")
    remote = world.box(remote=True)
    for argument in ("a.png", str(world.work / "a.png"), "*.png", "~/work/a.png", "clipboard", "/etc/passwd"):
        with pytest.raises(ForbiddenPath):
            await world.one(argument, sandbox=remote)
    assert (
        await world.one("data:image/png;base64," + base64.b64encode(PNG).decode(), sandbox=remote)
    ).data == PNG
    assert (await world.one("https://example.com/a.png", sandbox=remote)).url
    allowed = world.box(remote=True, allowed=(world.work,))
    assert (await world.one("a.png", sandbox=allowed)).read() == PNG
    with pytest.raises(NotFound) as caught:
        await world.one("b.png", sandbox=allowed)
    assert str(world.top) not in str(caught.value)


# What a file is read as


OLE_HEAD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt", b"a session of some program\n%PDF-1.4\n1 0 obj\n" + b"words \n" * 60 + b"\0"),
        ("page.html", b"<html>%PDF-1.4 1 0 obj" + b"words \n" * 60 + b"\0"),
        ("letter.doc", OLE_HEAD + b"%PDF-1.4" + bytes(2000)),
    ],
)
async def test_in_a_hidden_place_nothing_is_read_as_a_text_for_the_mark_of_a_pdf_in_it(
    name: str, data: bytes, world: World
) -> None:
    world.put(f".app/{name}", data)
    with pytest.raises(ForbiddenPath, match="hidden place"):
        await world.all(f".app/{name}")


# The clipboard


def fake(folder: Path, name: str, body: str) -> str:
    """A program in a folder of its own; the folder, as PATH."""
    folder.mkdir()
    program = folder / name
    program.write_text(f"#!{sys.executable}\nimport sys\n{body}\n", encoding="utf-8")
    program.chmod(0o755)
    return str(folder)


async def clip(
    world: World, env: dict[str, str], max_bytes: int = LIMIT, platform: str = "linux"
) -> list[Source]:
    with anyio.fail_after(60):
        found = await resolve_source(
            "Clipboard",
            "image",
            sandbox=world.sandbox,
            outputs=world.outputs,
            max_bytes=max_bytes,
            env=env,
            platform=platform,
        )
    world.opened += found
    return found


@posix
@pytest.mark.parametrize(
    ("tool", "display", "listing"),
    [("wl-paste", "WAYLAND_DISPLAY", "--list-types"), ("xclip", "DISPLAY", "TARGETS")],
)
async def test_a_picture_in_the_clipboard_is_read(
    world: World, tool: str, display: str, listing: str
) -> None:
    (world.top / "held").write_bytes(PNG)
    body = (
        f"if {listing!r} in sys.argv: print('text/plain\\nimage/png')\n"
        f"elif 'image/png' in sys.argv: sys.stdout.buffer.write(open({str(world.top / 'held')!r}, 'rb').read())\n"
    )
    env = {"PATH": fake(world.top / "bin", tool, body), display: ":0"}
    (source,) = await clip(world, env)
    assert (source.data, source.name, source.kind.name) == (PNG, "clipboard.png", "png")
    with pytest.raises(MediaTooLarge):
        await clip(world, env, max_bytes=10)


@posix
async def test_files_copied_in_a_file_manager_are_opened_if_they_may_be(world: World) -> None:
    path = world.put("my shot.png")
    body = "if 'TARGETS' in sys.argv: print('text/uri-list')\nelse: print('file://' + {!r} + '\\r')"
    env = {"PATH": fake(world.top / "bin", "xclip", body.format(quote(str(path)))), "DISPLAY": ":0"}
    assert [s.name for s in await clip(world, env)] == ["my shot.png"]
    env["PATH"] = fake(world.top / "bin2", "xclip", body.format("/etc/passwd"))
    with pytest.raises(ForbiddenPath):
        await clip(world, env)


@posix
async def test_a_clipboard_that_cannot_be_read_names_the_mend(world: World) -> None:
    empty = str(world.top / "tmp")
    text = fake(world.top / "bin", "xclip", "print('UTF8_STRING\\ntext/plain')")
    nothing = fake(world.top / "bin2", "xclip", "sys.exit(1)")
    cases: list[tuple[dict[str, str], type[GLMError], str]] = [
        ({"PATH": empty}, NotFound, "without a display.*Save the picture"),
        ({"PATH": empty, "DISPLAY": ":0"}, NotFound, "apt install xclip"),
        ({"PATH": empty, "WAYLAND_DISPLAY": "w"}, NotFound, "apt install wl-clipboard"),
        ({"PATH": text, "DISPLAY": ":0"}, UnsupportedMedia, "holds text"),
        ({"PATH": nothing, "DISPLAY": ":0"}, NotFound, "holds no picture"),
    ]
    for env, error, said in cases:
        with pytest.raises(error, match=said):
            await clip(world, env)


@posix
@pytest.mark.extreme
async def test_a_clipboard_that_does_not_answer_is_given_up(world: World) -> None:
    hung = fake(world.top / "bin", "xclip", "import threading; threading.Event().wait(60)")
    with pytest.raises(TimedOut, match="did not answer"):
        await clip(world, {"PATH": hung, "DISPLAY": ":0"})


@posix
async def test_a_clipboards_program_that_is_ended_takes_along_what_it_started(world: World) -> None:
    pid = world.top / "pid"
    body = f"""
import subprocess
if "TARGETS" in sys.argv:
    print("image/png")
else:
    other = subprocess.Popen(["sleep", "600"])
    open({str(pid)!r}, "w").write(str(other.pid))
    sys.stdout.write("x" * 1_000)
    sys.stdout.flush()
    other.wait()
"""
    env = {"PATH": fake(world.top / "bin", "xclip", body) + ":/usr/bin:/bin", "DISPLAY": ":0"}
    with pytest.raises(MediaTooLarge):
        await clip(world, env, max_bytes=100)
    until(lambda: gone(int(pid.read_text(encoding="ascii"))))


@posix
async def test_a_clipboards_program_that_ends_takes_along_what_it_started(world: World) -> None:
    pid = world.top / "pid"
    body = f"""
import subprocess
other = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL)
open({str(pid)!r}, "w").write(str(other.pid))
"""
    env = {"PATH": fake(world.top / "bin", "xclip", body) + ":/usr/bin:/bin", "DISPLAY": ":0"}
    with pytest.raises(NotFound, match="holds no picture"):
        await clip(world, env)
    until(lambda: gone(int(pid.read_text(encoding="ascii"))))


@posix
async def test_no_program_of_the_working_folder_reads_the_clipboard(world: World) -> None:
    """As in a PATH that ends in a colon; the folder may be a stranger's."""
    here = os.path.relpath(fake(world.work / "bin", "xclip", "open('ran', 'w')"))
    for path in (here, f"{here}:", f":{here}:/usr/bin"):
        with pytest.raises(NotFound, match="apt install xclip"):
            await clip(world, {"PATH": path, "DISPLAY": ":0"})
    assert not Path("ran").exists()


@posix
async def test_a_macs_clipboard_is_read_as_bytes_by_a_program_that_gets_no_key(world: World) -> None:
    """Whoever fills it says that they are a PNG."""
    held = world.top / "held"
    body = (
        "import os\nif 'GLM_API_KEY' in os.environ or '-e' not in sys.argv: sys.exit(1)\n"
        f"held = open({str(held)!r}, 'rb').read().hex().upper()\n"
        "sys.stdout.buffer.write(f'«data PNGf{held}»\\n'.encode())"
    )
    env = {"PATH": fake(world.top / "bin", "osascript", body), "GLM_API_KEY": "a-key-of-enough-characters"}
    held.write_bytes(PNG)
    (source,) = await clip(world, env, platform="darwin")
    assert (source.data, source.name, source.kind.name) == (PNG, "clipboard.png", "png")
    with pytest.raises(MediaTooLarge, match="the clipboard is larger"):
        await clip(world, env, max_bytes=len(PNG) // 2, platform="darwin")
    held.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    with pytest.raises(UnsupportedMedia):
        await clip(world, env, platform="darwin")
    with pytest.raises(NotFound, match="holds no picture"):
        await clip(world, {"PATH": fake(world.top / "bin2", "osascript", "sys.exit(1)")}, platform="darwin")
    here = os.path.relpath(fake(world.work / "bin", "osascript", "open('ran', 'w')"))
    with pytest.raises(NotFound, match="cannot be read here"):
        await clip(world, {"PATH": f"{here}:"}, platform="darwin")
    assert not Path("ran").exists()


@posix
async def test_of_files_in_the_clipboard_no_more_are_opened_than_a_call_may_have(world: World) -> None:
    """A web page may have put them there."""
    path = world.put("a.png")
    body = f"print('text/uri-list' if 'TARGETS' in sys.argv else 'file://{path}\\n' * {{}})"
    many = fake(world.top / "bin", "xclip", body.format(201))
    with pytest.raises(InvalidRequest, match="more than 200 files"):
        await clip(world, {"PATH": many, "DISPLAY": ":0"})
    endless = fake(world.top / "bin2", "xclip", body.format(100_000))
    with pytest.raises(MediaTooLarge, match="larger than 1 MB"):
        await clip(world, {"PATH": endless, "DISPLAY": ":0"}, max_bytes=500_000_000)


# Anything at all


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.text(max_size=80),
    st.sampled_from(["", "data:", "file://", "http://", "glm://outputs/", "@", "~/", "**/", "#"]),
)
@pytest.mark.extreme
def test_any_argument_gives_sources_or_an_error_that_says_why(world: World, text: str, start: str) -> None:
    if tidy_or_none(start + text) == "clipboard":
        return
    usual = ("not_found", "forbidden_path", "forbidden_url", "invalid_request", "unsupported_media")
    refused: GLMError | None = None
    found: list[Source] = []
    try:
        found = anyio.run(world.all, start + text)
    except GLMError as error:
        refused = error
    assert found or (refused and refused.message and refused.kind in usual)


def tidy_or_none(text: str) -> str | None:
    try:
        return tidy(text).lower()
    except InvalidRequest:
        return None


def test_an_address_that_was_not_fetched_has_no_bytes() -> None:
    with pytest.raises(ValueError, match="not fetched"):
        Source("a.png", KINDS["png"], 0, url="https://example.com/a.png").read()
