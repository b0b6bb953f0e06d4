"""generate_image: what is asked for, where the picture goes, and how it is shown."""

from __future__ import annotations

import base64
import functools
import io
import resource
from collections.abc import Callable
from pathlib import Path

import anyio
import httpx
import pytest
from PIL import Image
from support.calls import answering
from support.cases import each
from support.connect import Connect
from support.pictures import grain
from support.toolkit import call, chats, fail, glm, images, last, links, png, say, text_of
from support.web_server import Server

from glm_mcp.errors import InvalidRequest
from glm_mcp.glm.calls import Drawing
from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.threads import within_share
from glm_mcp.media.sources.room import CALL_BYTES, Room
from glm_mcp.registry import SIZES
from glm_mcp.server.app import App, Folders
from glm_mcp.simulator import Fault, Simulator, Switches
from glm_mcp.tools.generate_image import plan_size

pytestmark = pytest.mark.anyio


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as opened:
        opened.load()
        return opened.size


@each("size", SIZES)
async def test_the_recommended_sizes_are_asked_for_as_they_are(size: str) -> None:
    width, height = map(int, size.split("x"))
    planned = plan_size(size)
    assert (planned.api, planned.final) == ((width, height), None)


@each(
    ("given", "api", "final"),
    [
        (None, (1024, 1024), None),
        ("", (1024, 1024), None),
        ("1:1", (1024, 1024), None),
        ("square", (1024, 1024), None),
        ("16:9", (1344, 768), None),
        ("9:16", (768, 1344), None),
        ("4:3", (1152, 864), None),
        ("3:4", (864, 1152), None),
        ("2:1", (1440, 720), None),
        ("1:2", (720, 1440), None),
        ("16/9", (1344, 768), None),
        ("3:2", (1248, 832), None),
        ("21:9", (1568, 672), None),
        ("1024 × 1024", (1024, 1024), None),
        ("1024*1024 px", (1024, 1024), None),
        ("1280X960", (1280, 960), None),
        ("1024", (1024, 1024), None),
        ("512 px", (512, 512), None),
        ("1000", (1008, 1008), (1000, 1000)),
        ("auto", (1024, 1024), None),
        ("1000x1000", (1008, 1008), (1000, 1000)),
        ("1920x1080", (1920, 1088), (1920, 1080)),
        ("64x64", (512, 512), (64, 64)),
        ("512x4096", (512, 2048), (512, 4096)),
        ("4096x4096", (1440, 1440), (4096, 4096)),
    ],
)
async def test_a_size_becomes_one_that_the_service_draws(
    given: str | None, api: tuple[int, int], final: tuple[int, int] | None
) -> None:
    planned = plan_size(given)
    assert (planned.api, planned.final) == (api, final)


@each("width", range(16, 8193, 613))
@each("height", [16, 511, 1025, 3000, 8192])
async def test_whatever_is_asked_the_size_sent_is_legal(width: int, height: int) -> None:
    if max(width, height) < 64:
        return
    api_width, api_height = plan_size(f"{width}x{height}").api
    assert api_width % 16 == api_height % 16 == 0
    assert 512 <= min(api_width, api_height) <= max(api_width, api_height) <= 2048
    assert api_width * api_height <= 2**21


@each("wrong", ["huge", "0x100", "100000x10", "1:9", "9:1", "1:0", "-5x5", "x", "10", "123456"])
async def test_a_size_that_makes_no_sense_is_refused_with_the_forms(wrong: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan_size(wrong)
    assert "It may be one of 1024x1024, 768x1344" in str(caught.value)
    assert "or a ratio such as 16:9" in str(caught.value)


async def test_the_path_is_on_the_first_line_and_the_picture_is_there(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    async with connect() as client:
        result = await call(client, "generate_image", prompt="A red fox, running!", quality="hd")
    lines = text_of(result).splitlines()
    path = Path(lines[0])
    assert path == folders.cwd / "glm-output" / "a-red-fox-running.png"
    assert size_of(path) == (1024, 1024)
    assert sim.received[0].body == {
        "model": "cogview-3-flash",
        "prompt": "A red fox, running!",
        "size": "1024x1024",
        "quality": "hd",
    }
    link = links(result)[0]
    assert (link.uri, link.name, link.mime_type) == (path.as_uri(), path.name, "image/png")
    assert lines[-1].startswith("[cogview-3-flash · 1024x1024 · ")
    assert "'AI generated' mark" in lines[-1]
    assert glm(result)["size"] == "1024x1024"


async def test_a_number_is_the_side_of_a_square(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        for side in (768, "768", 768.0):
            await say(client, "generate_image", prompt="a hill", size=side)
    assert [r.body["size"] for r in sim.received if r.body] == ["768x768"] * 3


@pytest.mark.parametrize(
    "size",
    [
        [1344, 768],
        ["1344", "768"],
        "[1344, 768]",
        "(1344, 768)",
        {"width": 1344, "height": 768},
        {"height": "768", "width": "1344"},
        {"w": 1344, "h": 768},
        '{"width": 1344, "height": 768}',
    ],
)
async def test_a_size_is_understood_as_a_pair_and_as_an_object(
    connect: Connect, sim: Simulator, size: object
) -> None:
    async with connect() as client:
        await say(client, "generate_image", prompt="a hill", size=size)
    assert [r.body["size"] for r in sim.received if r.body] == ["1344x768"]


async def test_a_size_between_is_drawn_larger_scaled_and_cropped_and_said(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    async with connect() as client:
        text = await say(client, "generate_image", prompt="a hill", size="1000x300")
    assert sim.received[0].body["size"] == "1712x512"
    assert size_of(Path(text.splitlines()[0])) == (1000, 300)
    assert "drawn at 1712x512, then scaled and cropped" in text


async def test_a_drawn_picture_counts_among_what_the_calls_of_its_caller_hold(
    connect: Connect, folders: Folders
) -> None:
    with within_share(anyio.Semaphore(8)), Room() as one, Room() as other:
        one.download(CALL_BYTES)
        other.download(CALL_BYTES)
        async with connect() as client:
            text = await fail(client, "generate_image", prompt="a hill", size="512x512")
            assert text.startswith("overloaded: your calls hold 2,000 MB of downloads. The picture was made")
            assert "http://127.0.0.1" in text
            other.__exit__()
            assert "hill.png" in await say(client, "generate_image", prompt="a hill", size="512x512")


@each(
    ("suffix", "form"),
    [
        ("png", "PNG"),
        ("jpg", "JPEG"),
        ("JPEG", "JPEG"),
        ("webp", "WEBP"),
        ("gif", "GIF"),
        ("bmp", "BMP"),
        ("tiff", "TIFF"),
    ],
)
async def test_the_suffix_of_the_output_sets_the_format(
    connect: Connect, sim: Simulator, folders: Folders, suffix: str, form: str
) -> None:
    async with connect() as client:
        text = await say(
            client, "generate_image", prompt="a hill", size="512x512", output=f"art/hill.{suffix}"
        )
    path = folders.cwd / "art" / f"hill.{suffix}"
    assert text.splitlines()[0] == str(path)
    with Image.open(path) as opened:
        assert (opened.format, opened.size) == (form, (512, 512))


async def test_an_output_may_be_a_folder_or_a_name_without_a_suffix(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "assets.v1").mkdir()
    async with connect() as client:
        one = await say(client, "generate_image", prompt="一座山", size="512x512", output="assets.v1")
        two = await say(client, "generate_image", prompt="a hill", size="512x512", output="new/")
        three = await say(client, "generate_image", prompt="a hill", size="512x512", output='"hill"')
        four = await say(client, "generate_image", prompt="a hill", size="512x512", output="hill.of-stone")
    names = [Path(t.splitlines()[0]).relative_to(folders.cwd).as_posix() for t in (one, two, three, four)]
    assert names == ["assets.v1/一座山.png", "new/a-hill.png", "hill.png", "hill.of-stone.png"]


async def test_a_taken_name_gets_a_number_and_nothing_is_replaced(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "hill.png").write_bytes(b"mine")
    async with connect() as client:
        text = await say(client, "generate_image", prompt="a hill", size="512x512", output="hill.png")
        more = await say(client, "generate_image", prompt="a hill", size="512x512", output="hill.png")
    assert [Path(t.splitlines()[0]).name for t in (text, more)] == ["hill-2.png", "hill-3.png"]
    assert (folders.cwd / "hill.png").read_bytes() == b"mine"


async def test_the_output_folder_of_the_settings_is_used(
    connect: Connect, sim: Simulator, tmp_path: Path
) -> None:
    place = tmp_path / "pictures"
    async with connect(GLM_OUTPUT_DIR=str(place)) as client:
        text = await say(client, "generate_image", prompt="a hill", size="512x512")
        asked = await say(
            client, "generate_image", prompt="a hill", size="512x512", output=str(place / "b.png")
        )
    assert Path(text.splitlines()[0]) == place / "a-hill.png"
    assert Path(asked.splitlines()[0]) == place / "b.png"


@each("output", ["/etc/hill.png", "../outside.png", "~/hill.png", ".hidden/hill.png"])
async def test_a_place_outside_the_working_folder_is_refused_before_anything_is_asked_for(
    connect: Connect, sim: Simulator, output: str
) -> None:
    async with connect() as client:
        text = await fail(client, "generate_image", prompt="a hill", output=output)
    assert text.startswith("forbidden_path: ")
    assert not sim.received


async def test_a_format_that_cannot_be_written_is_refused_before_anything_is_asked_for(
    connect: Connect, sim: Simulator
) -> None:
    async with connect() as client:
        text = await fail(client, "generate_image", prompt="a hill", output="hill.psd")
    assert text.startswith(
        "invalid_request: generate_image: pictures cannot be saved as '.psd'. The suffix of output may be .png"
    )
    assert not sim.received


async def test_a_folder_that_cannot_be_written_fails_before_anything_is_asked_for(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "file").write_text("in the way", encoding="utf-8")
    async with connect(GLM_OUTPUT_DIR=str(folders.cwd / "file" / "pictures")) as client:
        setting = await fail(client, "generate_image", prompt="a hill")
    async with connect() as client:
        asked = await fail(client, "generate_image", prompt="a hill", output="file/hill.png")
    assert setting.startswith("config: a-hill.png cannot be written to ")
    assert "GLM_OUTPUT_DIR" in setting
    assert asked.startswith("config: hill.png cannot be written to ")
    assert not sim.received


async def test_an_empty_prompt_is_refused(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        text = await fail(client, "generate_image", prompt="  ")
        size = await fail(client, "generate_image", prompt="a hill", size="huge")
    assert text == "invalid_request: generate_image: prompt is empty. Say what to draw."
    assert size.startswith("invalid_request: generate_image: size is 'huge'. It may be one of 1024x1024")
    assert not sim.received


async def test_a_preview_is_small_and_only_for_hosts_that_show_pictures(
    connect: Connect, sim: Simulator
) -> None:
    shown = {}
    for host in ("claude-code", "codex-mcp-client", "Cline", "a-client", ""):
        async with connect(client=host) as client:
            shown[host] = images(
                await call(client, "generate_image", prompt="a hill", size="16:9", preview=True)
            )
    async with connect(client="claude-code") as client:
        default = images(await call(client, "generate_image", prompt="a hill"))
        without = images(await call(client, "generate_image", prompt="a hill", preview="no"))
    assert [host for host, found in shown.items() if found] == ["claude-code", "codex-mcp-client"]
    assert len(default) == 1
    assert not without
    data = base64.b64decode(shown["claude-code"][0].data)
    assert shown["claude-code"][0].mime_type == "image/jpeg"
    with Image.open(io.BytesIO(data)) as opened:
        assert max(opened.size) == 512
    assert len(data) <= 30_000


async def test_a_preview_that_was_asked_for_in_vain_is_said(connect: Connect, sim: Simulator) -> None:
    async with connect(client="Cline") as client:
        text = await say(client, "generate_image", prompt="a hill", size="512x512", preview=True)
    assert "no preview: this host is not known to show pictures" in text


async def test_over_http_the_picture_is_kept_and_readable_as_a_resource(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    async with connect(remote=True) as client:
        result = await call(client, "generate_image", prompt="a hill", size="512x512")
        uri = text_of(result).splitlines()[0]
        assert uri.startswith("glm://outputs/")
        assert links(result)[0].uri == uri
        assert links(result)[0].name == "a-hill.png"
        read = await client.read_resource(uri)
        refused = await fail(client, "generate_image", prompt="a hill", output="hill.png")
    blob = read.contents[0].model_dump()["blob"]
    with Image.open(io.BytesIO(base64.b64decode(blob))) as opened:
        assert opened.size == (512, 512)
    assert str(folders.cwd) not in text_of(result)
    assert not (folders.cwd / "glm-output").exists()
    assert refused.startswith("forbidden_path: over HTTP a file is not written to a path of the caller's.")


async def test_a_picture_that_is_gone_is_said_to_be_gone(connect: Connect, sim: Simulator) -> None:
    sim.queue(Fault("image_404"))
    async with connect() as client:
        text = await fail(client, "generate_image", prompt="a hill")
    assert text.startswith("not_found: ")
    assert f"{sim.origin}/files/cogview/" in text
    assert "call again for another" in text
    assert len([r for r in sim.received if r.path.endswith("generations")]) == 1


async def test_a_download_that_breaks_is_tried_again_and_the_picture_is_not_drawn_twice(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(Fault("refuse", path="/files/", times=2))
    async with connect() as client:
        text = await say(client, "generate_image", prompt="a hill", size="512x512")
    assert size_of(Path(text.splitlines()[0])) == (512, 512)
    assert [r.path.startswith("/files/") for r in sim.received] == [False, True, True, True]


async def test_a_picture_that_is_not_there_at_once_is_waited_for(connect: Connect, sim: Simulator) -> None:
    sim.queue(Fault("body", status=404, message="NoSuchKey", path="/files/", times=2))
    async with connect() as client:
        text = await say(client, "generate_image", prompt="a hill", size="512x512")
    assert size_of(Path(text.splitlines()[0])) == (512, 512)


async def test_a_picture_that_cannot_be_downloaded_is_not_lost(connect: Connect, sim: Simulator) -> None:
    sim.queue(Fault("refuse", path="/files/", times=0))
    async with connect() as client:
        text = await fail(client, "generate_image", prompt="a hill")
    assert text.startswith("network: ")
    made = text.partition("The picture was made and is kept for 30 days at ")[2].split()[0]
    assert made.startswith(f"{sim.origin}/files/cogview/")
    assert text.endswith("Download it there.")
    assert sum(r.path.endswith("generations") for r in sim.received) == 1


@each(
    "fault",
    [
        Fault("body", message="", content_type="image/png", path="/files/"),
        Fault("html", status=200, path="/files/"),
        Fault("hang", path="/files/"),
    ],
    ids=["nothing", "a page", "silence"],
)
async def test_a_picture_in_whose_place_something_else_comes_is_fetched_again(
    connect: Connect, sim: Simulator, fault: Fault
) -> None:
    sim.queue(fault)
    async with connect(GLM_DEADLINE_S="6") as client:
        text = await say(client, "generate_image", prompt="a hill", size="512x512")
    assert size_of(Path(text.splitlines()[0])) == (512, 512)
    assert [r.path.endswith("generations") for r in sim.received] == [True, False, False]


async def test_a_picture_that_has_not_come_when_the_time_is_over_is_not_lost(
    connect: Connect, sim: Simulator
) -> None:
    async with connect(GLM_DEADLINE_S="1") as client:
        await call(client, "generate_image", prompt="a lake")  # the first takes some of its time to begin
        sim.queue(Fault("html", status=200, path="/files/", times=0))
        text = await fail(client, "generate_image", prompt="a hill")
    assert f"The picture was made and is kept for 30 days at {sim.origin}/files/cogview/" in text


async def test_what_is_no_picture_is_not_saved(connect: Connect, sim: Simulator, folders: Folders) -> None:
    sim.queue(Fault("image_not_image"))
    async with connect() as client:
        text = await fail(client, "generate_image", prompt="a hill")
    assert text.startswith("upstream: what the service drew is not a picture (request id ")
    assert f"kept for 30 days at {sim.origin}/files/cogview/" in text
    assert not (folders.cwd / "glm-output").exists()


async def test_a_redirect_is_followed_within_the_service_but_not_inwards(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(
        Fault("image_redirect"), Fault("image_redirect", location="http://169.254.169.254/latest/meta-data")
    )
    async with connect() as client:
        text = await say(client, "generate_image", prompt="a hill", size="512x512")
        inwards = await fail(client, "generate_image", prompt="a hill")
    assert size_of(Path(text.splitlines()[0])) == (512, 512)
    assert inwards.startswith("forbidden_url: ")


async def test_a_lost_answer_is_not_asked_for_twice(connect: Connect, sim: Simulator) -> None:
    sim.queue(Fault("image_lost"))
    async with connect() as client:
        text = await fail(client, "generate_image", prompt="a hill")
    assert len(sim.received) == 1
    assert text.startswith("network: ")
    assert "it is not asked for twice" in text


async def test_a_busy_service_is_asked_again_and_a_blocked_prompt_is_not(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(Fault("error", code="1302"))
    async with connect() as client:
        await say(client, "generate_image", prompt="a hill", size="512x512")
        before = len(sim.received)
        text = await fail(client, "generate_image", prompt="SIMULATED-SENSITIVE")
    assert [r.status for r in sim.received[:2]] == [429, 200]
    assert len(sim.received) == before + 1
    assert text.startswith("content_blocked: ")


async def test_a_named_model_must_draw(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        text = await fail(client, "generate_image", prompt="a hill", model="glm-4.7-flash")
        paid = await fail(client, "generate_image", prompt="a hill", model="cogview-4")
    assert "glm-4.7-flash does not draw" in text
    assert paid.startswith("quota: ")
    assert last(sim).model == "cogview-4"
    assert not chats(sim)


async def test_a_service_without_custom_sizes_draws_the_nearest_it_has_and_that_is_said(
    connect: Connect, sim: Simulator
) -> None:
    sim.switches = Switches(custom_image_sizes="refuse")
    async with connect() as client:
        text = await say(client, "generate_image", prompt="a hill", size="1280x960")
    assert [r.body["size"] for r in sim.received if r.body] == ["1280x960", "1152x864"]
    assert size_of(Path(text.splitlines()[0])) == (1152, 864)
    assert "the size 1280x960 was refused: drawn at 1152x864" in text


async def test_a_link_in_the_working_folder_does_not_lead_a_picture_elsewhere(
    connect: Connect, sim: Simulator, folders: Folders, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folders.cwd / "link").symlink_to(tmp_path / "elsewhere")
    async with connect() as client:
        text = await fail(client, "generate_image", prompt="a hill", output="link/hill.png")
    assert text.startswith("forbidden_path: ")
    assert not sim.received


async def test_a_simulated_picture_says_so(app_of: object, connect: Connect, sim: Simulator) -> None:
    app: App = app_of(GLM_SIMULATE="1")  # type: ignore[operator]
    async with connect(app=app) as client:
        text = await say(client, "generate_image", prompt="a hill", size="512x512")
    assert "SIMULATED" in text.splitlines()[-1]


async def test_small_sides_are_an_icon_and_the_smallest_a_shape(connect: Connect) -> None:
    async with connect() as client:
        icon = await say(client, "generate_image", prompt="a hill", size="32x32", output="icon.png")
        shape = await say(client, "generate_image", prompt="a hill", size="16x9", output="shape.png")
    assert size_of(Path(icon.splitlines()[0])) == (32, 32)
    width, height = size_of(Path(shape.splitlines()[0]))
    assert width / height == pytest.approx(16 / 9, rel=0.03)


def served(app: App, server: Server, drawn: bytes) -> str:
    """The service draws this picture; its address."""
    server.words = drawn
    address = f"http://{server.host}/drawn.txt"
    answer = {"created": 1, "id": "drawn-1", "data": [{"url": address}]}
    app.glm = GLMClient(app.settings, transport=answering(lambda _: httpx.Response(200, json=answer)))
    return address


def noise(size: tuple[int, int], form: str) -> bytes:
    out = io.BytesIO()
    grain(*size, 80).convert("RGB").save(out, form)
    return out.getvalue()


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def garbled(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(64) + data[middle + 64 :]


@pytest.mark.parametrize("output", ["hill.png", "hill.jpg", ""])
@pytest.mark.parametrize(("form", "harm"), [("PNG", half), ("PNG", garbled), ("JPEG", half)])
@pytest.mark.extreme
async def test_a_drawn_picture_that_came_cut_or_damaged_is_not_saved_and_its_address_is_said(
    connect: Connect,
    app_of: Callable[..., App],
    folders: Folders,
    server: Server,
    form: str,
    harm: Callable[[bytes], bytes],
    output: str,
) -> None:
    app = app_of(GLM_BASE_URL=f"http://{server.host}/api/paas/v4")
    address = served(app, server, harm(noise((512, 512), form)))
    async with connect(app=app) as client:
        text = await fail(client, "generate_image", prompt="a hill", size="512x512", output=output)
    assert text.startswith("unsupported_media: the picture that the service drew cannot be read as a picture")
    assert f"is kept for 30 days at {address} ." in text
    assert [r["path"] for r in server.seen] == ["/drawn.txt"]
    assert not list(folders.cwd.rglob("*hill*"))


async def test_a_picture_drawn_ten_times_as_large_is_refused_and_its_address_is_said(
    connect: Connect, app_of: Callable[..., App], folders: Folders, server: Server
) -> None:
    app = app_of(GLM_BASE_URL=f"http://{server.host}/api/paas/v4")
    address = served(app, server, png((1632, 1632)))
    async with connect(app=app) as client:
        text = await fail(client, "generate_image", prompt="a hill", size="512x512")
    assert text.startswith(
        "media_too_large: the picture that the service drew has 1632 x 1632 pixels, far more"
    )
    assert f"is kept for 30 days at {address} ." in text
    assert not list(folders.cwd.rglob("*hill*"))


@functools.cache
def bomb() -> bytes:
    out = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(out, "PNG")
    return out.getvalue()


FOREIGN: dict[str, Callable[[], bytes]] = {
    "a drawing that reads files": lambda: (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="512" height="512"><image href="file:///etc/passwd"/></svg>'
    ),
    "a drawing of any size": lambda: (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="900000" height="900000"/>'
    ),
    "a Photoshop file": lambda: (
        b"8BPS\0\1" + bytes(6) + b"\0\3" + b"\0\1\x86\xa0" * 2 + b"\0\x08\0\3" + bytes(14)
    ),
    "a damaged TIFF": lambda: half(noise((512, 512), "TIFF")),
    "a bomb": bomb,
}


@pytest.mark.parametrize("output", ["hill.png", "hill.jpg", "hill.tiff", ""])
@pytest.mark.parametrize("drawn", FOREIGN)
@pytest.mark.extreme
async def test_what_no_model_draws_is_refused_within_limits_however_it_is_to_be_saved(
    connect: Connect,
    app_of: Callable[..., App],
    folders: Folders,
    server: Server,
    drawn: str,
    output: str,
) -> None:
    app = app_of(GLM_BASE_URL=f"http://{server.host}/api/paas/v4")
    address = served(app, server, FOREIGN[drawn]())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with connect(app=app, client="claude-code") as client:
        with anyio.fail_after(60):
            text = await fail(
                client, "generate_image", prompt="a hill", size="512x512", output=output, preview=True
            )
    assert text.startswith(("unsupported_media: ", "media_too_large: "))
    assert address in text
    assert not list(folders.cwd.rglob("*hill*"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "kilobytes, of this process"


async def test_a_picture_drawn_somewhat_larger_is_saved_and_said(
    connect: Connect, app_of: Callable[..., App], server: Server
) -> None:
    app = app_of(GLM_BASE_URL=f"http://{server.host}/api/paas/v4")
    served(app, server, png((1024, 1024)))
    async with connect(app=app) as client:
        text = await say(client, "generate_image", prompt="a hill", size="512x512")
    assert size_of(Path(text.splitlines()[0])) == (1024, 1024)
    assert "the service drew 1024x1024 instead of 512x512" in text


class Inline(GLMClient):
    """A service that answers with the picture itself instead of an address."""

    drawn = b""

    async def generate_image(self, *_: object) -> Drawing:
        return Drawing(None, "cogview-3-flash", "drawn-1", data=self.drawn)


async def test_a_picture_that_comes_without_an_address_is_saved_or_said_to_be_damaged(
    connect: Connect, app_of: Callable[..., App], folders: Folders
) -> None:
    app = app_of()
    app.glm = inline = Inline(app.settings)
    async with connect(app=app) as client:
        inline.drawn = png((512, 512))
        text = await say(client, "generate_image", prompt="a hill", size="512x512")
        inline.drawn = half(noise((512, 512), "PNG"))
        damaged = await fail(client, "generate_image", prompt="a lake", size="512x512")
    assert size_of(Path(text.splitlines()[0])) == (512, 512)
    assert damaged.startswith(
        "unsupported_media: the picture that the service drew cannot be read as a picture"
    )
    assert "The picture was made, but without an address: call again for another." in damaged
    assert not list(folders.cwd.rglob("*lake*"))


@pytest.mark.parametrize("output", ["x" * 255, "x" * 251 + ".png"])
async def test_a_picture_whose_name_turns_out_too_long_is_not_lost(
    connect: Connect, folders: Folders, output: str
) -> None:
    (folders.cwd / ("x" * 251 + ".png")).touch()
    async with connect() as client:
        text = await fail(client, "generate_image", prompt="a hill", output=output)
    assert text.startswith("invalid_request: ")
    assert "The picture was made and is kept for 30 days at http" in text
