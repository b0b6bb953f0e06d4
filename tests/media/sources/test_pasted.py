"""Sources as people and models paste them: with labels, as Markdown, from Windows, one a line."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import anyio
import pytest
from support.cases import each
from support.connect import Connect
from support.toolkit import text_of

from glm_mcp.media.sources.pasted import tidy
from glm_mcp.samples import FOLDER
from glm_mcp.server.app import App, Folders
from glm_mcp.simulator import Simulator

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _files(folders: Folders) -> None:
    shots = folders.cwd / "my shots"
    shots.mkdir()
    shutil.copy(FOLDER / "photo.jpg", folders.cwd / "photo.jpg")
    shutil.copy(FOLDER / "chart.png", shots / "chart.png")
    (folders.cwd / "a - b").mkdir()
    shutil.copy(FOLDER / "chart.png", folders.cwd / "a - b" / "chart.png")
    shutil.copy(FOLDER / "report.pdf", shots / "report.pdf")


@pytest.mark.parametrize(
    "written",
    [
        "path: photo.jpg",
        "Image path: `photo.jpg`",
        "path=photo.jpg",
        "![a photo](photo.jpg)",
        '![](photo.jpg "A photo")',
        "[the photo](./photo.jpg)",
        "[Image: source: photo.jpg]",
        "![](<my shots/chart.png>)",
        "my%20shots/chart.png",
        "![](my%20shots/chart.png)",
        r"my shots\chart.png",
        r".\my shots\chart.png",
        r"my\ shots/chart.png",
        "“my shots/chart.png”",
        "@my shots/chart.png",
    ],
)
async def test_a_picture_is_found_however_its_path_is_written(
    written: str, connect: Connect, sim: Simulator
) -> None:
    with anyio.fail_after(60):
        async with connect() as client:
            result = await client.call_tool("describe_image", {"images": written})
    assert not result.is_error, text_of(result)
    assert len(sim.received[-1].media) == 1


@pytest.mark.parametrize(
    "written", [r"my shots\report.pdf", "path: my%20shots/report.pdf", "![](my shots/report.pdf)"]
)
async def test_so_is_a_document(written: str, connect: Connect) -> None:
    with anyio.fail_after(60):
        async with connect() as client:
            result = await client.call_tool("read_document", {"documents": written, "pages": "1"})
            asked = await client.call_tool("chat", {"prompt": "Who?", "files": [written]})
    assert "Lakeside" in text_of(result)
    assert not asked.is_error, text_of(asked)


@pytest.mark.parametrize(
    "written",
    [
        "photo.jpg\nmy shots/chart.png",
        "photo.jpg\r\n\r\nmy shots/chart.png\r\n",
        "- photo.jpg\n- ![](my%20shots/chart.png)",
        "1. `photo.jpg`\n2. 'my shots/chart.png'",
        "photo.jpg\na - b/chart.png",
    ],
)
async def test_two_paths_in_two_lines_are_two_pictures(
    written: str, connect: Connect, sim: Simulator
) -> None:
    with anyio.fail_after(60):
        async with connect() as client:
            result = await client.call_tool("describe_image", {"images": written, "task": "compare"})
    assert not result.is_error, text_of(result)
    assert len(sim.received[-1].media) == 2


async def test_a_file_of_that_very_name_goes_before_every_reading(connect: Connect, folders: Folders) -> None:
    odd = ["a\\b.jpg", "100%25.jpg", "two\nlines.jpg", "[image].jpg"]
    for name in odd:
        shutil.copy(FOLDER / "photo.jpg", folders.cwd / name)
    with anyio.fail_after(60):
        async with connect() as client:
            for name in odd:
                result = await client.call_tool("describe_image", {"images": name})
                assert not result.is_error, text_of(result)


@pytest.mark.parametrize(
    "mark",
    ["[Image #1]", "[image]", "[Image 2]", "[Pasted image #3]", "[Screenshot #1]", "Image 1", "picture"],
)
@pytest.mark.parametrize("remote", [False, True])
async def test_what_a_chat_shows_for_a_pasted_picture_is_told_from_a_file(
    mark: str, app_of: Callable[..., App], connect: Connect, *, remote: bool
) -> None:
    with anyio.fail_after(60):
        async with connect(app=app_of(remote=remote)) as client:
            text = text_of(await client.call_tool("describe_image", {"images": [mark]}))
    assert text.startswith(f"invalid_request: {mark} is how the chat shows")
    assert ("clipboard" in text) != remote
    assert ("data: URL" in text) == remote


async def test_a_suggestion_keeps_its_folder(connect: Connect) -> None:
    with anyio.fail_after(60):
        async with connect() as client:
            near = text_of(await client.call_tool("describe_image", {"images": "my shots/chrt.png"}))
            plain = text_of(await client.call_tool("describe_image", {"images": "foto.jpg"}))
    assert "Did you mean my shots/chart.png?" in near
    assert "Did you mean photo.jpg?" in plain


@pytest.mark.parametrize(
    ("folder", "pattern"), [(".", "./*.png"), ("my shots", "my shots/*.png"), ("my shots/", "my shots/*.png")]
)
async def test_a_folder_is_answered_with_the_pattern_for_its_pictures(
    folder: str, pattern: str, connect: Connect
) -> None:
    with anyio.fail_after(60):
        async with connect() as client:
            text = text_of(await client.call_tool("describe_image", {"images": folder}))
            again = await client.call_tool("describe_image", {"images": pattern})
    assert f"such as {pattern} or " in text
    assert again.is_error == (folder == ".")


async def test_a_path_of_windows_is_led_to_where_it_is(connect: Connect) -> None:
    with anyio.fail_after(60):
        async with connect() as client:
            drive = text_of(await client.call_tool("describe_image", {"images": r"C:\Users\me\new shot.png"}))
            mangled = text_of(await client.call_tool("describe_image", {"images": "C:\\Users\new\temp.png"}))
    assert "/mnt/c/Users/me/new shot.png" in drive
    assert "/mnt/c/Users/new/temp.png" in mangled


@pytest.mark.parametrize(
    "output", ["drawn\\made.png", '"drawn/made.png"', "./drawn/made.png", "path: drawn/made.png"]
)
async def test_a_file_to_be_made_is_named_in_the_same_ways(
    output: str, connect: Connect, folders: Folders
) -> None:
    with anyio.fail_after(60):
        async with connect() as client:
            given = {"prompt": "a lighthouse", "size": "1024x1024", "output": output}
            result = await client.call_tool("generate_image", given)
    assert not result.is_error, text_of(result)
    assert (folders.cwd / "drawn" / "made.png").is_file()


async def test_a_line_of_digits_among_paths_is_looked_at_once(connect: Connect) -> None:
    """Gone through again from each digit, it would hold the server up for minutes."""
    with anyio.fail_after(60):
        async with connect() as client:
            result = await client.call_tool("describe_image", {"images": f"photo.jpg\n{'1' * 90_000}!"})
    assert result.is_error


@each("end", ["x", "x)", ")", '"', "' )", ">x"])
@each("start", ["[a](", "[a](b", "![a](<b", "[a](b'"])
def test_a_link_with_thousands_of_blanks_is_looked_at_once(start: str, end: str) -> None:
    """Gone through again from each of them, they would take minutes."""
    assert tidy(f"{start}{' ' * 4_900}{end}")
