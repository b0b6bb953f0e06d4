"""Prompts: few, ready to send, completed, and each leads to a call that the tool takes."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import pytest
from mcp import types
from mcp.shared.exceptions import MCPError
from support.cases import each
from support.connect import ERAS, Connect

from glm_mcp.media.formats import suffixes
from glm_mcp.server.app import TOOLS, Folders
from glm_mcp.server.prompts import PROMPTS
from glm_mcp.tools.arguments import read

pytestmark = pytest.mark.anyio
GIVEN = {
    "image": 'shots/a "b".png',
    "before": "old.png",
    "after": "new {x}.png",
    "video": "clip.mp4",
    "document": "report.pdf",
}


def text_of(result: types.GetPromptResult) -> str:
    (message,) = result.messages
    assert message.role == "user"
    assert isinstance(message.content, types.TextContent)
    return message.content.text


@pytest.mark.parametrize("mode", ERAS)
async def test_at_most_eight_are_listed_with_title_description_and_arguments(
    mode: str, connect: Connect
) -> None:
    with anyio.fail_after(60):
        async with connect(mode=mode) as client:
            found = (await client.list_prompts()).prompts
    assert [p.name for p in found] == list(PROMPTS)
    assert len(found) <= 8
    for prompt in found:
        assert re.fullmatch(r"[a-z-]{1,24}", prompt.name)
        assert prompt.title
        assert prompt.description
        assert prompt.arguments
        assert all(a.description for a in prompt.arguments)
        assert prompt.arguments[0].required


@each("mode", ERAS)
@each("name", list(PROMPTS))
async def test_a_prompt_names_a_tool_and_arguments_that_it_takes(
    name: str, mode: str, connect: Connect
) -> None:
    prompt = PROMPTS[name]
    given = {a.name: GIVEN[a.name] for a in prompt.arguments if a.required}
    with anyio.fail_after(60):
        async with connect(mode=mode) as client:
            text = text_of(await client.get_prompt(name, given))
    assert text.startswith(f"Call {prompt.tool} with ")
    assert all(value.replace('"', '\\"') in text for value in given.values())
    named = dict(re.findall(r'\b([a-z]+)="((?:[^"\\]|\\.)*)"', text))
    named |= {"images": "a.png"} if "images=[" in text else {}
    named |= {"task": "summary"} if 'Its task is "summary"' in text else {}
    assert read(prompt.tool, TOOLS[prompt.tool].args, dict(named))


async def test_what_is_optional_is_in_the_text_only_when_given(connect: Connect) -> None:
    with anyio.fail_after(60):
        async with connect() as client:
            asked = text_of(
                await client.get_prompt(
                    "ask-document", {"document": "a.pdf", "question": 'Who signs "it"? {document}'}
                )
            )
            plain = text_of(await client.get_prompt("ask-document", {"document": "a.pdf", "question": " "}))
            react = text_of(
                await client.get_prompt("screenshot-to-code", {"image": "a.png", "framework": "react"})
            )
            html = text_of(await client.get_prompt("screenshot-to-code", {"image": "a.png"}))
    assert 'Who signs "it"? {document}' in asked
    assert "summary" not in asked
    assert 'task is "summary"' in plain
    assert "react" in react
    assert "style of this project" not in html


@each("mode", ERAS)
@each(
    ("name", "given", "said"),
    [
        ("ocr", {}, "image is missing. Its arguments are: image."),
        ("ocr", {"image": "  "}, "image is missing"),
        ("ocr", {"image": "a.png", "colour": "red"}, "there is no argument 'colour'"),
        ("paint", {}, "Unknown prompt: paint. There are: screenshot-to-code"),
    ],
)
async def test_what_is_wrong_is_a_protocol_error_that_says_what(
    name: str, given: dict[str, str], said: str, mode: str, connect: Connect
) -> None:
    with anyio.fail_after(60):
        async with connect(mode=mode) as client:
            with pytest.raises(MCPError) as caught:
                await client.get_prompt(name, given)
    assert caught.value.error.code == types.INVALID_PARAMS
    assert said in caught.value.error.message


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_that_gives_one_word_an_argument_loses_none(mode: str, connect: Connect) -> None:
    """As Claude Code does: the words of the line to the declared arguments in turn, and what is left is dropped."""

    def typed(prompt: types.Prompt, line: str) -> dict[str, str]:
        return dict(zip([a.name for a in prompt.arguments or []], line.split(), strict=False))

    with anyio.fail_after(60):
        async with connect(client="claude-code", mode=mode) as client:
            found = {p.name: p for p in (await client.list_prompts()).prompts}
            said = {}
            for name, line in (
                ("ask-document", "report.pdf what was sold"),
                ("ask-document", '"my report.pdf" who wrote "it"'),
                ("ocr", "my shot.png"),
                ("screenshot-to-code", "a.png react"),
            ):
                said[line] = text_of(await client.get_prompt(name, typed(found[name], line)))
            with pytest.raises(MCPError, match="there is no argument 'word99'"):
                await client.get_prompt("ocr", {"image": "a.png", "word99": "b"})
    assert 'documents="report.pdf"' in said["report.pdf what was sold"]
    assert said["report.pdf what was sold"].endswith("want to know: what was sold")
    assert 'documents="my report.pdf"' in said['"my report.pdf" who wrote "it"']
    assert said['"my report.pdf" who wrote "it"'].endswith('who wrote "it"')
    assert 'images="my shot.png"' in said["my shot.png"]
    assert "into react code" in said["a.png react"]


async def test_a_prompt_goes_with_its_tool(connect: Connect) -> None:
    with anyio.fail_after(60):
        async with connect(GLM_TOOLS="read_document chat") as client:
            assert [p.name for p in (await client.list_prompts()).prompts] == ["ask-document"]
            with pytest.raises(MCPError, match="Unknown prompt: ocr"):
                await client.get_prompt("ocr", {"image": "a.png"})


def fill(folder: Path) -> None:
    for name in (
        "a.png",
        "B.JPG",
        "b.pdf",
        "clip.mp4",
        ".hidden.png",
        "notes.txt",
        "shots/one.png",
        "shots/two.pdf",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (folder.parent / "outside.png").touch()


@pytest.mark.parametrize("mode", ERAS)
async def test_arguments_are_completed_with_files_of_their_kind_and_with_choices(
    mode: str, connect: Connect, folders: Folders
) -> None:
    fill(folders.cwd)
    cases = {
        ("ocr", "image", ""): ["a.png", "B.JPG", "shots/"],
        ("ocr", "image", "b"): ["B.JPG"],
        ("ocr", "image", "shots/"): ["shots/one.png"],
        ("ocr", "image", "./" * 6_000): [],  # each folder of a path takes longer than the one before it
        ("ocr", "image", "../"): [],
        ("ocr", "image", "/"): [],
        ("ocr", "image", "~/"): [],
        ("ocr", "image", "no/such/"): [],
        ("ocr", "image", "a\0b/"): [],
        ("ocr", "colour", ""): [],
        ("video-timeline", "video", "c"): ["clip.mp4"],
        ("ask-document", "document", "b"): ["b.pdf"],
        ("ask-document", "question", "w"): [],
        ("screenshot-to-code", "framework", "s"): ["svelte", "swiftui"],
        ("no-such", "image", ""): [],
    }
    with anyio.fail_after(60):
        async with connect(mode=mode) as client:
            for (name, argument, begun), expected in cases.items():
                ref = types.PromptReference(name=name)
                found = await client.complete(ref, {"name": argument, "value": begun})
                assert found.completion.values == expected, (name, argument, begun)


async def test_a_long_list_is_cut_and_says_so(connect: Connect, folders: Folders) -> None:
    for number in range(120):
        (folders.cwd / f"{number:03}.png").touch()
    with anyio.fail_after(60):
        async with connect() as client:
            ref = types.PromptReference(name="ocr")
            found = (await client.complete(ref, {"name": "image", "value": ""})).completion
    assert (len(found.values), found.total, found.has_more) == (100, 120, True)


async def test_over_http_no_file_names_are_told(connect: Connect, folders: Folders) -> None:
    fill(folders.cwd)
    with anyio.fail_after(60):
        async with connect(remote=True) as client:
            ref = types.PromptReference(name="ocr")
            assert (await client.complete(ref, {"name": "image", "value": ""})).completion.values == []


async def test_a_link_that_leads_out_of_the_folder_completes_nothing(
    connect: Connect, folders: Folders
) -> None:
    fill(folders.cwd)
    (folders.cwd / "out").symlink_to(folders.cwd.parent)
    (folders.cwd / "round").symlink_to("round")
    with anyio.fail_after(60):
        async with connect() as client:
            ref = types.PromptReference(name="ocr")
            for begun in ("out/", "round/"):
                assert (await client.complete(ref, {"name": "image", "value": begun})).completion.values == []
            beside = (await client.complete(ref, {"name": "image", "value": ""})).completion.values
            assert [v for v in beside if v.endswith(".png")], "what lies beside such a link is there"


@each("begun", [".ssh/", "./.ssh/", "shots/../.ssh/", "way/", ".hidden/", ".hidden/more/"])
async def test_nothing_is_told_of_what_lies_in_a_hidden_or_secret_folder(
    begun: str, connect: Connect, folders: Folders
) -> None:
    for folder in (".ssh/of-a-bank", ".hidden/more/within", "shots"):
        (folders.cwd / folder).mkdir(parents=True)
        (folders.cwd / folder / "a.png").write_bytes(b"")
        (folders.cwd / folder).with_name("b.png").write_bytes(b"")
    (folders.cwd / "way").symlink_to(".ssh")
    with anyio.fail_after(60):
        async with connect() as client:
            ref = types.PromptReference(name="ocr")
            shown = (await client.complete(ref, {"name": "image", "value": "shots/"})).completion.values
            assert shown == ["shots/a.png"]
            assert (await client.complete(ref, {"name": "image", "value": begun})).completion.values == []


def test_the_kinds_of_files_do_not_overlap() -> None:
    whole = [*suffixes("image"), *suffixes("video"), *suffixes("document")]
    assert {s for s in whole if whole.count(s) > 1} == {".gif"}  # a picture and a film
