"""Arguments forgive: other names, one text for a list, JSON as text; what is wrong is named with what it may be."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from support.cases import each
from support.connect import Connect
from support.paths import ROOT
from support.toolkit import chats, fail, last, picture, png, say, text_of, words

from glm_mcp.server.app import TOOLS, Folders
from glm_mcp.simulator import Simulator
from glm_mcp.tools.arguments import arguments_of
from glm_mcp.tools.tasks import IMAGE

pytestmark = pytest.mark.anyio


@each(
    "name",
    [
        "images",
        "image",
        "image_source",
        "imageSource",
        "image-path",
        "path",
        "url",
        "file",
        "files",
        "source",
        "IMAGE",
        "Images",
    ],
)
async def test_a_picture_may_be_given_under_any_obvious_name(
    connect: Connect, sim: Simulator, folders: Folders, name: str
) -> None:
    picture(folders.cwd / "shot.png", (64, 48))
    async with connect() as client:
        await say(client, "describe_image", **{name: "shot.png", "question": "What is it?"})
    assert [(m.width, m.height) for m in last(sim).media] == [(64, 48)]
    assert words(last(sim)) == "What is it?"


@each(
    "given",
    [
        ["a.png", "b.png"],
        '["a.png", "b.png"]',
        [{"path": "a.png"}, {"url": "b.png"}],
        [
            {"type": "image_url", "image_url": {"url": "a.png", "detail": "high"}},
            {"type": "image_url", "image_url": "b.png"},
        ],
        [
            {"type": "resource_link", "uri": "a.png", "name": "a.png"},
            {"type": "resource", "resource": {"uri": "b.png", "mimeType": "image/png"}},
        ],
        ["*.png"],
        "*.png",
        [" @a.png ", '"b.png"'],
    ],
)
async def test_a_list_may_be_one_text_a_pattern_or_json(
    connect: Connect, sim: Simulator, folders: Folders, given: Any
) -> None:
    picture(folders.cwd / "a.png", (50, 40))
    picture(folders.cwd / "b.png", (60, 40))
    async with connect() as client:
        await say(client, "describe_image", images=given, prompt="Both?")
    assert [m.width for m in last(sim).media] == [50, 60]


@each(
    "block",
    [
        {"type": "image", "data": "{}", "mimeType": "image/png"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "{}"}},
        {"type": "resource", "resource": {"uri": "shot://1", "mimeType": "image/png", "blob": "{}"}},
    ],
)
async def test_a_picture_may_be_a_block_of_a_message_or_a_result(
    connect: Connect, sim: Simulator, folders: Folders, block: dict[str, Any]
) -> None:
    path = picture(folders.cwd / "a.png", (50, 40))
    packed = base64.b64encode(path.read_bytes()).decode()
    given = json.loads(json.dumps(block).replace("{}", packed))
    async with connect() as client:
        await say(client, "describe_image", images=[given], prompt="What?")
    assert [m.width for m in last(sim).media] == [50]


async def test_lists_given_under_two_names_are_joined_and_nothing_is_dropped(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png", (50, 40))
    picture(folders.cwd / "b.png", (60, 40))
    async with connect() as client:
        await say(client, "describe_image", images=["a.png"], image="b.png", path="a.png")
    assert [m.width for m in last(sim).media] == [50, 60]


async def test_of_a_text_given_twice_its_own_name_wins(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        await say(client, "chat", question="second", prompt="first")
        await say(client, "chat", prompt="first", question="second")
    assert [words(r) for r in chats(sim)] == ["first", "first"]


@each("other", ["content", "text", "input"])
async def test_a_text_beside_the_question_is_not_dropped(
    connect: Connect, sim: Simulator, other: str
) -> None:
    async with connect() as client:
        refused = text_of(await client.call_tool("chat", {"prompt": "Sum it up.", other: "An article."}))
        await say(client, "chat", **{other: "An article.", "prompt": "An article."})
    assert f"chat: 'prompt' and '{other}' both mean prompt. Put all of it into prompt." in refused
    assert [words(r) for r in chats(sim)] == ["An article."]


@each(
    "source",
    [
        "raw",
        "data",
        "quoted",
        "at",
        "file",
        "home",
        "relative",
    ],
)
async def test_a_source_may_be_spelled_in_every_way(
    connect: Connect, sim: Simulator, folders: Folders, source: str
) -> None:
    path = picture(folders.cwd / "a dir" / "p q.png", (64, 48))
    b64 = base64.b64encode(png((64, 48))).decode()
    spelled = {
        "raw": b64,
        "data": f"data:image/png;base64,{b64}",
        "quoted": f'"{path}"',
        "at": "@a dir/p q.png",
        "file": path.as_uri(),
        "home": "~/work/a dir/p q.png",
        "relative": "./a dir/../a dir/p q.png",
    }[source]
    async with connect() as client:
        await say(client, "describe_image", images=spelled)
    assert (last(sim).media[0].width, last(sim).media[0].height) == (64, 48)


@each("task", ["ocr", "OCR", " Ocr ", "UI-to-Code", "ui to code"])
async def test_the_casing_of_a_choice_does_not_matter(
    connect: Connect, sim: Simulator, folders: Folders, task: str
) -> None:
    picture(folders.cwd / "a.png")
    async with connect() as client:
        await say(client, "describe_image", images="a.png", task=task)
    assert words(last(sim)).startswith(IMAGE["ocr" if "ocr" in task.lower() else "ui_to_code"]["en"])


async def test_a_part_of_a_message_is_taken_as_a_file(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "a.md").write_text("# Alpha", encoding="utf-8")
    url = f"data:image/png;base64,{base64.b64encode(png((64, 48))).decode()}"
    async with connect() as client:
        await say(client, "describe_image", images={"type": "image_url", "image_url": {"url": url}})
        await say(client, "read_document", documents={"type": "file_url", "file_url": {"url": "a.md"}})
        wrong = await fail(client, "chat", prompt="What?", files=[{"type": "text", "text": "no file"}])
    assert (last(sim).media[0].width, last(sim).media[0].height) == (64, 48)
    assert wrong.startswith("invalid_request: chat: files is")


async def test_camel_case_and_json_texts_are_understood(connect: Connect, sim: Simulator) -> None:
    history = [{"role": "user", "content": "My name is Ada."}, {"role": "assistant", "content": "Hello Ada."}]
    async with connect() as client:
        await say(
            client,
            "chat",
            message="Who am I?",
            systemPrompt="Be brief.",
            messages=json.dumps(history),
            maxTokens="300",
            temperature="0.5",
            thinking={"type": "enabled"},
        )
    body = last(sim).body
    assert [m["role"] for m in body["messages"]] == ["system", "user", "assistant", "user"]
    assert body["max_tokens"] == 300
    assert body["temperature"] == 0.5
    assert body["thinking"] == {"type": "enabled"}


@each(("pages", "shown"), [(2, "[page 2]"), ([2], "[page 2]"), ("2", "[page 2]"), ([1, 2], "[page 1]")])
async def test_pages_may_be_a_number_a_text_or_a_list(
    connect: Connect, sim: Simulator, pages: Any, shown: str
) -> None:
    report = ROOT / "glm_mcp" / "samples" / "report.pdf"
    async with connect(GLM_ALLOWED_DIRS=str(report.parent)) as client:
        text = await say(client, "read_document", file_path=str(report), page=pages)
    assert text.startswith(shown)
    assert not sim.received


async def test_two_names_in_one_are_told_to_be_a_list(connect: Connect) -> None:
    async with connect() as client:
        text = await fail(client, "describe_image", images="a.png, b.png")
    assert "Several files are given as a list, each by itself." in text


async def test_a_word_that_is_near_none_of_those_there_are_is_not_taken_for_one(connect: Connect) -> None:
    async with connect() as client:
        text = await fail(client, "read_document", documents="a", task="translate")
        other = await fail(client, "describe_image", images="a", task="caption")
        name = await fail(client, "generate_image", prompt="a", steam=1)
    assert 'task is "translate". It may be answer, summary, extract, compare.' in text
    assert "Did you mean" not in text + other + name


@each(
    ("tool", "arguments", "said"),
    [
        ("chat", {"promt": "hi"}, "chat has no argument 'promt'. Did you mean 'prompt'? It takes: prompt,"),
        ("describe_image", {"imagess": "a.png"}, "Did you mean 'images'?"),
        ("analyze_video", {"video": "a.mp4", "max_frame": 4}, "Did you mean 'max_frames'?"),
        ("read_document", {"documents": "a.pdf", "pasword": "x"}, "Did you mean 'password'?"),
        ("generate_image", {"prompt": "a", "qualty": "hd"}, "Did you mean 'quality'?"),
        ("chat", {"prompt": "hi", "zzz": 1}, "chat has no argument 'zzz'. It takes: prompt, system,"),
        ("chat", {}, "chat needs 'prompt'. Give prompt: The question"),
        (
            "generate_image",
            {"prompt": "a", "image": "a.png"},
            "no argument 'image'. It draws from words alone",
        ),
        (
            "generate_image",
            {"prompt": "a", "reference_images": []},
            "It draws from words alone and changes no",
        ),
        ("generate_image", {"prompt": "a", "num_images": 2}, "It draws one picture a call: call again for"),
        (
            "generate_image",
            {"prompt": "a", "width": 8},
            "Give both in size, such as 800x400. It takes: prompt,",
        ),
        ("generate_image", {"prompt": "a", "negativePrompt": "x"}, "Say it in prompt."),
        ("chat", {"prompt": "a", "reasoning_effort": "low"}, "Thinking is switched by thinking. It takes:"),
        ("chat", {"prompt": "a", "stream": True}, "Leave it out: nothing here depends on it. It takes:"),
        (
            "chat",
            {"prompt": "a", "context": "b"},
            "Put it into prompt, and what was said before into history.",
        ),
        ("read_document", {"documents": "a", "language": "en"}, "Say it in prompt."),
        ("describe_image", {"images": "a.png", "mode": "ocr"}, "What is done is task. It takes:"),
        ("chat", {"prompt": ["a", "b"]}, "It may be a text. Give one, not a list."),
        ("describe_image", {"images": "a.png", "history": []}, "goes to chat, with history and files."),
        ("analyze_video", {"video": "a.mp4", "timestamp": 3}, "A moment is given by start and end."),
        ("analyze_video", {"video": "a.mp4", "fps": 3}, "How many frames are read is max_frames."),
        ("read_document", {"documents": "a.pdf", "start_page": 3}, "Give pages, such as 3-7."),
        ("describe_image", {}, "describe_image needs 'images'. Give images: Paths, globs, URLs"),
        ("analyze_video", {"prompt": "x"}, "analyze_video needs 'video'. Give video: Path or URL."),
        ("read_document", {"prompt": "x"}, "read_document needs 'documents'."),
        ("generate_image", {"size": "1:1"}, "generate_image needs 'prompt'."),
        ("describe_image", {"images": []}, "images is []. It may be a text or a list of texts."),
        ("describe_image", {"images": ["a.png", 3.5, {}]}, "It may be a text or a list of texts."),
        ("describe_image", {"images": ""}, "It may be a text or a list of texts."),
        (
            "describe_image",
            {"images": "a.png", "task": "orc"},
            'task is "orc". It may be describe, ocr, table, chart,',
        ),
        (
            "describe_image",
            {"images": "a.png", "task": "orc"},
            "locate, error, tags, inspect, ui_action, image_to_prompt. Did you mean ocr?",
        ),
        ("generate_image", {"prompt": "a", "size": {"width": 5}}, "It may be a size such as 1024x768."),
        ("generate_image", {"prompt": "a", "size": [1, 2, 3]}, "It may be a size such as 1024x768."),
        ("analyze_video", {"video": "a", "task": "sumary"}, "Did you mean summary?"),
        ("analyze_video", {"video": "a", "max_frames": 0}, "It may be a whole number from 1 to 800."),
        ("analyze_video", {"video": "a", "max_frames": 2.5}, "max_frames is 2.5. It may be a whole number"),
        ("analyze_video", {"video": ["a", "b"]}, "It may be a text. Give one, not a list."),
        (
            "analyze_video",
            {"video": "a.mp4", "start": "soon"},
            "'soon' is not a time in a video. Give seconds",
        ),
        ("read_document", {"documents": "a", "mode": "ocr"}, "It may be auto, text, vision, native."),
        ("read_document", {"documents": "a", "output_format": "xml"}, "It may be markdown, json, html."),
        ("read_document", {"documents": "a", "max_chars": 5}, "a whole number from 100 to 1000000"),
        ("read_document", {"documents": "a", "task": "sum"}, "It may be answer, summary, extract, compare."),
        ("generate_image", {"prompt": "a", "quality": "4k"}, "It may be standard, hd."),
        ("generate_image", {"prompt": "a", "preview": "maybe"}, "It may be true or false."),
        ("chat", {"prompt": "a", "temperature": 3}, "temperature is 3. It may be a number from 0 to 2."),
        ("chat", {"prompt": "a", "temperature": "warm"}, 'temperature is "warm". It may be a number'),
        ("chat", {"prompt": "a", "temperature": True}, "It may be a number from 0 to 2."),
        ("chat", {"prompt": "a", "max_tokens": 0}, "It may be a whole number from 1"),
        ("chat", {"prompt": "a", "thinking": "hard"}, 'thinking is "hard". It may be true, false or show.'),
        ("chat", {"prompt": "a", "json": [1]}, "It may be true, false or a JSON Schema."),
        ("chat", {"prompt": "a", "json": "{broken"}, "It may be true, false or a JSON Schema."),
        ("chat", {"prompt": "a", "history": "hello"}, "It may be a list of objects."),
        ("chat", {"prompt": "a", "functions": ["f"]}, "It may be a list of objects."),
        ("chat", {"prompt": {"a": 1, "b": 2}}, "prompt is {"),
    ],
)
async def test_a_wrong_argument_is_named_with_what_it_may_be(
    connect: Connect, sim: Simulator, tool: str, arguments: dict[str, Any], said: str
) -> None:
    async with connect() as client:
        text = await fail(client, tool, **arguments)
    assert text.startswith("invalid_request: ")
    assert said in text
    assert not sim.received


async def test_absent_and_empty_optional_values_count_as_not_given(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        await say(
            client, "chat", prompt="hi", system="", history=None, max_tokens=None, json=False, thinking=None
        )
    body = last(sim).body
    assert [m["role"] for m in body["messages"]] == ["user"]
    assert "response_format" not in body


async def test_null_as_a_word_counts_as_not_given(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        await say(client, "chat", prompt="null", model="null", system="None", files="undefined")
    assert last(sim).text == "null"


async def test_a_model_of_ours_is_known_in_capital_letters(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        await say(client, "chat", prompt="hi", model="GLM-4.7-Flash")
    assert last(sim).body["model"] == "glm-4.7-flash"


async def test_the_value_in_a_message_is_cut_so_that_it_cannot_fill_the_result(connect: Connect) -> None:
    async with connect() as client:
        text = await fail(client, "describe_image", images="a.png", task="x" * 10_000)
        other = await fail(client, "describe_image", images="a.png", **{"y" * 10_000: 1})
    assert len(text) < 600
    assert len(other) < 600


@each("tool", sorted(TOOLS))
async def test_no_argument_has_the_name_of_another(tool: str) -> None:
    names = [n for arg in arguments_of(TOOLS[tool].args) for n in (arg.name, *arg.also)]
    assert len(names) == len(set(names))


@each(
    ("given", "asked"),
    [
        ({"type": "json_object"}, True),
        ("true", True),
        ({}, True),
        ({"type": "text"}, False),
        ("no", False),
        (json.dumps({"type": "object", "properties": {"a": {"type": "string"}}}), True),
        (
            {
                "type": "json_schema",
                "json_schema": {
                    "name": "x",
                    "schema": {"type": "object", "properties": {"a": {"type": "string"}}},
                },
            },
            True,
        ),
    ],
)
async def test_json_may_be_asked_for_in_every_dialect(
    connect: Connect, sim: Simulator, given: Any, asked: bool
) -> None:
    async with connect() as client:
        await say(client, "chat", prompt="hi", response_format=given)
    assert ("response_format" in last(sim).body) is asked
    if "properties" in json.dumps(given):
        assert '{"type":"object","properties":{"a":{"type":"string"}}}' in words(last(sim))


@each(
    ("given", "sent"),
    [
        (True, "enabled"),
        ("on", "enabled"),
        ("enabled", "enabled"),
        ("Show", "enabled"),
        ({"type": "disabled"}, "disabled"),
        (0, "disabled"),
    ],
)
async def test_thinking_may_be_asked_for_in_every_dialect(
    connect: Connect, sim: Simulator, given: Any, sent: str
) -> None:
    async with connect() as client:
        await say(client, "chat", prompt="hi", thinking=given)
    assert last(sim).body["thinking"] == {"type": sent}


@each("given", [{"url": "a.png"}, [["a.png"]], "`a.png`", "“a.png”"])
async def test_a_picture_may_be_wrapped(
    connect: Connect, sim: Simulator, folders: Folders, given: Any
) -> None:
    picture(folders.cwd / "a.png", (50, 40))
    async with connect() as client:
        await say(client, "describe_image", images=given)
    assert [m.width for m in last(sim).media] == [50]


async def test_numbers_that_are_none_are_refused(connect: Connect) -> None:
    async with connect() as client:
        assert "It may be a number" in await fail(client, "chat", prompt="hi", temperature="nan")
        assert "It may be a number" in await fail(client, "chat", prompt="hi", temperature="inf")
        assert "It may be a text" in await fail(client, "chat", prompt=["a", "b"])
        assert "It may be a text" in await fail(client, "chat", prompt=True)


@each("name", ["max_tokens", "history", "temperature"])
async def test_values_beyond_all_measure_are_refused_by_name(connect: Connect, name: str) -> None:
    value = "[" * 50_000 if name == "history" else 10**400
    async with connect() as client:
        text = await fail(client, "chat", prompt="x", **{name: value})
    assert text.startswith(f"invalid_request: chat: {name} is ")
