"""Any JSON as arguments of any tool: an answer, or a refusal that names the field."""

from __future__ import annotations

import json
import random
import re
import string
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cases import each
from support.connect import Connect
from support.films import Film, make, regular
from support.made_documents import lines, pdf, zipped
from support.toolkit import call, chats, fail, png, say, text_of

from glm_mcp.errors import InvalidRequest
from glm_mcp.glm.threads import within_share
from glm_mcp.media.sources.room import CALLER_CHARS, CALLER_PICTURES_BYTES, PICTURES_BYTES, Room
from glm_mcp.media.types import TEXT_CHARS
from glm_mcp.server.app import TOOLS, Folders
from glm_mcp.simulator import Simulator
from glm_mcp.tools.arguments import arguments_of, read
from glm_mcp.tools.describe_image import ImageArgs

pytestmark = [pytest.mark.anyio, pytest.mark.extreme]

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
COMPUTED_S = 2.5  # they took 4 and 15, in which nothing else was answered
KIND = re.compile(r"[a-z_]+: .")
NAMES = sorted({n for t in TOOLS.values() for a in arguments_of(t.args) for n in (a.name, *a.also)})


@pytest.mark.parametrize("tool", list(TOOLS))
@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=12), ANYTHING, max_size=6))
def test_any_arguments_are_read_or_refused_by_name(tool: str, arguments: dict[str, Any]) -> None:
    refused = ""
    try:
        assert isinstance(read(tool, TOOLS[tool].args, arguments), TOOLS[tool].args)
    except InvalidRequest as error:
        refused = str(error)
    assert not refused or refused.startswith(f"invalid_request: {tool}")
    assert len(refused) < 2_000


class Fuzz:
    """Arguments that fit a schema more or less: right types mostly, values at the edges."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def text(self) -> str:
        odd = (
            "",
            " ",
            "\0",
            "\ud800",
            "a" * 5_000,
            "{}",
            "[]",
            "null",
            "-1",
            "1e400",
            "../x",
            "a.txt",
            "%s%n",
            "\u202e",
            "0",
        )
        plain = "".join(self.chance.choices(string.printable, k=self.chance.randrange(20)))
        return self.chance.choice([*odd, plain])

    def value(self, depth: int = 0) -> Any:
        kinds: list[Callable[[], Any]] = [
            self.text,
            self.number,
            lambda: None,
            lambda: self.chance.random() < 0.5,
        ]
        if depth < 3:
            kinds += [lambda: [self.value(depth + 1) for _ in range(self.chance.randrange(4))]]
            kinds += [
                lambda: {self.text()[:20]: self.value(depth + 1) for _ in range(self.chance.randrange(4))}
            ]
        return self.chance.choice(kinds)()

    def number(self) -> float:
        return self.chance.choice([0, -1, 1, 2**31, 2**63, -(2**63), 10**30, 0.5, -0.0, 1e308, 5])

    def fitting(self, schema: dict[str, Any]) -> Any:
        if self.chance.random() < 0.3:
            return self.value()
        if "enum" in schema:
            return self.chance.choice(schema["enum"])
        match schema.get("type"):
            case "array":
                return [self.fitting(schema.get("items", {})) for _ in range(self.chance.randrange(3))]
            case "integer" | "number":
                return self.number()
            case "boolean":
                return True
            case "object":
                return {"type": self.text(), self.text(): self.value()}
            case "string":
                return self.text()
        return self.value()


@each("tool", list(TOOLS))
async def test_fuzzed_arguments_are_answered_or_refused_and_never_a_defect(
    tool: str, connect: Connect, sim: Simulator
) -> None:
    fuzz = Fuzz(len(tool))
    schema = TOOLS[tool].schema()
    async with connect(GLM_DEADLINE_S="5") as client:
        for _ in range(60):
            names = [n for n in schema["properties"] if n in schema["required"] or fuzz.chance.random() < 0.3]
            arguments = {n: fuzz.fitting(schema["properties"][n]) for n in names}
            sound = {
                k: v for k, v in arguments.items() if "\\ud800" not in repr(v)
            }  # which JSON cannot carry
            result = await call(client, tool, 20, **sound)
            text = text_of(result)
            assert not text.startswith("internal: "), (sound, text)
            assert not result.is_error or text.partition(": ")[0].replace("_", "").isalpha(), text


@each("tool", list(TOOLS))
async def test_arguments_as_deep_as_json_allows_are_no_defect(
    tool: str, connect: Connect, sim: Simulator
) -> None:
    deep: Any = "x"
    for _ in range(150):
        deep = [deep]
    async with connect(GLM_DEADLINE_S="5") as client:
        for arguments in (
            {a.name: deep for a in arguments_of(TOOLS[tool].args)},
            {"prompt": deep},
            {"x" * 10_000: deep},
            {},
        ):
            result = await call(client, tool, 20, **arguments)
            # A list of one is taken for what is in it, however deep.
            assert not result.is_error or text_of(result).startswith("invalid_request: ")
            assert len(text_of(result)) < 2_000


TEXTS = st.text(max_size=20) | st.sampled_from(
    ["a.txt", "a.png", "*.png", "a.png#xywh=1,1,2,2", "-", "1", "0:01", "1-2"]
)
NUMBERS = st.integers(-5, 900) | st.floats(0, 2) | st.integers() | st.floats()


def near(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What fits a schema, what nearly does, and now and then anything at all."""
    if "enum" in schema:
        fits = st.sampled_from(schema["enum"]).flatmap(
            lambda w: st.sampled_from([w, w.upper(), [w], w.replace("_", "-")])
        )
    else:
        kinds = schema.get("type", "string")
        fits = {
            "array": st.lists(TEXTS, max_size=3) | TEXTS,
            "integer": NUMBERS | NUMBERS.map(str),
            "number": NUMBERS | NUMBERS.map(str),
            "boolean": st.booleans() | st.sampled_from(["yes", "False", 1]),
        }.get(kinds if isinstance(kinds, str) else kinds[0], TEXTS)  # fmt: skip
    if schema.get("items", {}).get("type") == "object":
        roles = st.sampled_from(["user", "assistant", "tool", "system", "x"])
        fits = st.lists(
            st.fixed_dictionaries({"role": roles}, optional={"content": TEXTS | ANYTHING, "name": TEXTS}),
            max_size=3,
        )
    return st.one_of(fits, fits, fits, ANYTHING)


@each("tool", list(TOOLS))
def test_whatever_fits_a_schema_or_nearly_does_ends_in_a_result(
    tool: str, connect: Connect, folders: Folders, sim: Simulator
) -> None:
    (folders.cwd / "a.txt").write_text("Words.", encoding="utf-8")
    (folders.cwd / "a.png").write_bytes(png())
    schema = TOOLS[tool].schema()
    needed = {n: near(schema["properties"][n]) for n in schema["required"]}
    others = {n: near(s) for n, s in schema["properties"].items() if n not in needed}
    whole = st.fixed_dictionaries(needed, optional=others)

    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(connect(GLM_DEADLINE_S="5")) as client,
    ):

        @settings(max_examples=40, suppress_health_check=list(HealthCheck))
        @given(whole)
        def ask(arguments: dict[str, Any]) -> None:
            sent = json.loads(json.dumps(arguments, ensure_ascii=False).encode("utf-8", "replace"))
            result = portal.call(partial(call, client, tool, 20, **sent))
            text = text_of(result)
            assert text
            assert not text.startswith("internal: "), text
            assert not result.is_error or KIND.match(text), text
            assert "Traceback" not in text

        ask()


# What models send though the schema says otherwise, and how it is read.
FORGIVEN: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("chat", {"PROMPT": "x"}, {"prompt": "x"}),
    ("chat", {"arguments": {"prompt": "x"}}, {"prompt": "x"}),
    ("chat", {"prompt": ["x"]}, {"prompt": "x"}),
    ("chat", {"user_prompt": "x", "system_message": "y"}, {"prompt": "x", "system": "y"}),
    ("chat", {"content": "x"}, {"prompt": "x"}),
    ("describe_image", {"screenshot": "x", "instructions": "y"}, {"images": ("x",), "prompt": "y"}),
    ("read_document", {"pdf_path": "x", "instruction": "y"}, {"documents": ("x",), "prompt": "y"}),
    ("analyze_video", {"file_path": "x", "instruction": "y"}, {"video": "x", "prompt": "y"}),
    ("chat", {"prompt": {"text": "x"}}, {"prompt": "x"}),
    ("chat", {"prompt": 5}, {"prompt": "5"}),
    ("chat", {"prompt": "x", "max-tokens": "1,000"}, {"prompt": "x", "max_tokens": 1000}),
    ("chat", {"prompt": "x", "maxTokens": 100.0}, {"prompt": "x", "max_tokens": 100}),
    ("chat", {"prompt": "x", "Temperature": "0,7"}, {"prompt": "x", "temperature": 0.7}),
    ("chat", {"prompt": "x", "temperature": "0,700"}, {"prompt": "x", "temperature": 0.7}),
    ("chat", {"prompt": "x", "files": []}, {"prompt": "x"}),
    ("chat", {"prompt": "x", "files": ""}, {"prompt": "x"}),
    ("chat", {"prompt": "x", "json": []}, {"prompt": "x"}),
    ("chat", {"prompt": "x", "json": "JSON"}, {"prompt": "x", "json": True}),
    ("chat", {"prompt": "x", "thinking": 1.0}, {"prompt": "x", "thinking": "true"}),
    ("chat", {"prompt": "x", "thinking": "none"}, {"prompt": "x", "thinking": "false"}),
    ("chat", {"prompt": "x", "thinking": "High"}, {"prompt": "x", "thinking": "true"}),
    ("chat", {"prompt": "x", "history": {"role": "user", "content": "y"}}, {"prompt": "x", "history": ({"role": "user", "content": "y"},)}),
    ("describe_image", {"imageUrl": "a.png"}, {"images": ("a.png",)}),
    ("describe_image", {"image_paths": ["a.png", "b.png"]}, {"images": ("a.png", "b.png")}),
    ("describe_image", {"filePath": "a.png"}, {"images": ("a.png",)}),
    ("describe_image", {"images": [["a.png", "b.png"]]}, {"images": ("a.png", "b.png")}),
    ("describe_image", {"images": "['a.png', 'b.png']"}, {"images": ("a.png", "b.png")}),
    ("describe_image", {"images": "['a.png"}, {"images": ("['a.png",)}),
    ("describe_image", {"images": "a.png", "task": "uiToCode"}, {"images": ("a.png",), "task": "ui_to_code"}),
    ("describe_image", {"images": "a.png", "task": ["OCR"]}, {"images": ("a.png",), "task": "ocr"}),
    ("analyze_video", {"video": {"url": "a.mp4"}, "start": 5, "max_frames": "8"}, {"video": "a.mp4", "start": "5", "max_frames": 8}),
    ("read_document", {"documentPath": "a.pdf", "page": [1, 2]}, {"documents": ("a.pdf",), "pages": "1,2"}),
    ("generate_image", {"prompt": "x", "output_file": "a.png", "preview": "0"}, {"prompt": "x", "output": "a.png", "preview": False}),
]  # fmt: skip


@each(("tool", "given_", "meant"), FORGIVEN, ids=[str(f[1]) for f in FORGIVEN])
def test_what_is_nearly_right_is_read_as_it_was_meant(
    tool: str, given_: dict[str, Any], meant: dict[str, Any]
) -> None:
    assert read(tool, TOOLS[tool].args, given_) == TOOLS[tool].args(**meant)


@each(
    ("tool", "given_", "mend"),
    [
        ("chat", {"prompt": "x", "temp": 1}, "Did you mean 'temperature'?"),
        ("chat", {"prompt": "x", "max_tokens": "1k"}, "It may be a whole number from 1 to 1000000."),
        ("chat", {"prompt": ["x", "y"]}, "It may be a text."),
        ("describe_image", {"images": {"0": "a", "1": "b"}}, "It may be a text or a list of texts."),
        ("describe_image", {"images": ["a.png", None]}, "It may be a text or a list of texts."),
        ("describe_image", {"images": "a.png", "task": "read"}, "It may be describe, ocr, table,"),
        ("analyze_video", {"video": "a", "fps": 1}, "It takes: video, prompt, task, start, end, max_frames,"),
        ("read_document", {"documents": "a", "mode": "x"}, "It may be auto, text, vision, native."),
        ("generate_image", {"prompt": "x", "size": {"wide": True}}, "It may be a size such as 1024x768."),
        ("chat", {"prompt": "x", "model": "m" * 1_001}, "It may be a text. At most 1,000 characters are taken."),
        ("generate_image", {"prompt": "x", "prompt_file": "x.txt"}, "Did you mean 'prompt'?"),
    ],
)  # fmt: skip
def test_what_cannot_be_guessed_is_refused_with_its_mend(
    tool: str, given_: dict[str, Any], mend: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(tool, TOOLS[tool].args, given_)
    assert mend in str(refused.value)


@each(
    ("tool", "given_", "said"),
    [
        ("read_document", {"documents": "a.pdf", "pages": "1," * 50_000}, "It may be page numbers such as 1-5,8."),
        ("read_document", {"documents": "a.pdf", "pages": "9" * 500}, "is out of range: a.pdf has 1 page."),
        ("read_document", {"documents": "a.pdf", "pages": {"start": 1}}, "It may be page numbers such as 1-5,8."),
        ("read_document", {"documents": "a.pdf", "password": "x" * 200_000}, "a.pdf are too long. Give"),
        ("read_document", {"documents": "a.txt", "encoding": "punycode"}, "encoding='punycode' is not known."),
        ("read_document", {"documents": "a.txt", "encoding": "idna"}, "encoding='idna' is not known."),
        ("generate_image", {"prompt": "x", "size": "9" * 5_000 + "x1"}, "It may be one of 1024x1024,"),
        ("generate_image", {"prompt": "x", "size": "1:" + "9" * 5_000}, "It may be one of 1024x1024,"),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
async def test_values_beyond_all_measure_are_refused_before_anything_is_asked(
    tool: str, given_: dict[str, Any], said: str, connect: Connect, folders: Folders, sim: Simulator
) -> None:
    (folders.cwd / "a.txt").write_text("Words. Grüße.", encoding="utf-8")
    (folders.cwd / "a.pdf").write_bytes(pdf([lines(["Words."])]))
    async with connect() as client:
        result = await call(client, tool, 20, **given_)
    assert text_of(result).startswith("invalid_request: "), text_of(result)
    assert said in text_of(result)
    assert sim.received == []


WORDS = "word " * 500_000
CALL = {"id": "a", "type": "function", "function": {"name": "look", "arguments": WORDS}}


@each(
    "given_",
    [
        {"functions": [{"name": "look", "description": WORDS}]},
        {"functions": [{"name": "look", "parameters": {WORDS: {}}}]},
        {"history": [{"role": "assistant", "tool_calls": [CALL]}]},
        {"history": [{"role": "assistant", "content": "a", "reasoning_content": WORDS}]},
        {"history": [{"role": "user", "content": "a", "name": WORDS}]},
    ],
    ids=["description", "parameters", "call", "thoughts", "name"],
)
async def test_what_stands_beside_the_texts_of_a_chat_is_bounded_before_anything_is_asked(
    given_: dict[str, Any], connect: Connect, sim: Simulator
) -> None:
    async with connect() as client:
        result = await call(client, "chat", 20, prompt="Hello", **given_)
    assert text_of(result).startswith(
        "too_long: chat: functions, and calls and thoughts in history, have 2,500,"
    )
    assert sim.received == []


@each(
    ("tool", "field", "name"),
    [
        ("chat", "files", "a.png"),
        ("describe_image", "images", "a.png"),
        ("read_document", "documents", "a.txt"),
    ],
)
@each("lines", [1, 50])
async def test_a_call_opens_no_more_files_than_others_can_spare(
    tool: str, field: str, name: str, lines: int, connect: Connect, folders: Folders, sim: Simulator
) -> None:
    (folders.cwd / "a.png").write_bytes(png())
    (folders.cwd / "a.txt").write_text("Words.", encoding="utf-8")
    named = ["\n".join([f"./{name}"] * lines)] * (201 // lines + 1)
    async with connect() as client:
        result = await call(client, tool, 20, prompt="What is it?", **{field: named})
    assert text_of(result).startswith("invalid_request: more than 200 files and addresses"), text_of(result)
    assert sim.received == []


@each("filling", [" ", "',' ", "'a',", "[", "{'", "\\'"])
def test_a_list_as_a_text_that_never_ends_is_looked_at_once(filling: str) -> None:
    """Half a megabyte would take minutes if any of it were gone through twice."""
    text = "['a'" + filling * (500_000 // len(filling)) + "x"
    assert read("describe_image", ImageArgs, {"images": text}) == ImageArgs(images=(text,))


@each(
    "text",
    ['"\\ud800"', '"x\\udc00y"', "NaN", "[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900],
    ids=["half", "other half", "no number", "deep list", "deep object"],
)
async def test_json_as_a_text_is_taken_as_a_message_would_be(
    text: str, connect: Connect, folders: Folders, sim: Simulator
) -> None:
    calls = {
        "functions": f'[{{"type": "mcp", "mcp": {{"a": {text}}}}}]',
        "history": f'[{{"role": "tool", "tool_call_id": "1", "content": {text}}}]',
        "json": f'{{"type": "object", "description": {text}}}',
    }
    async with connect() as client:
        for name, value in calls.items():
            result = await call(client, "chat", prompt="x", **{name: value})
            assert text_of(result).startswith(f"invalid_request: chat: {name} is "), text_of(result)
    assert not sim.received


async def test_the_name_of_a_model_has_the_length_of_a_name(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        text = text_of(await call(client, "chat", prompt="x", model="m" * 5_000))
    assert text.startswith("invalid_request: chat: model is ")
    assert not sim.received


@each(
    ("tool", "given_"),
    [
        ("describe_image", {"images": "a.png"}),
        ("chat", {"prompt": "?", "files": "a.png"}),
        ("analyze_video", {"video": "a.mp4"}),
        ("analyze_video", {"video": "a.mp4", "task": "timeline"}),
    ],
)
async def test_pictures_and_films_of_a_call_are_counted_until_it_ends(
    connect: Connect, folders: Folders, sim: Simulator, tool: str, given_: dict[str, Any]
) -> None:
    (folders.cwd / "a.png").write_bytes(png())
    (folders.cwd / "a.mp4").write_bytes(make(Film(regular(2))))
    with within_share(anyio.Semaphore(4)):
        async with connect() as client:
            with Room() as another, Room() as more:
                another.draw(PICTURES_BYTES)
                more.draw(CALLER_PICTURES_BYTES - PICTURES_BYTES)
                refused = await fail(client, tool, **given_)
            assert refused.startswith("overloaded: your calls hold 1,024 MB of pictures and films")
            assert not chats(sim)
            await say(client, tool, **given_)


async def test_of_a_comic_of_twenty_thousand_pages_that_cannot_be_read_each_page_is_looked_at_once(
    connect: Connect, folders: Folders
) -> None:
    (folders.cwd / "a.cbz").write_bytes(zipped({f"{n}.png": b"" for n in range(20_000)}))
    async with connect() as client:
        begun = time.process_time()
        refused = await fail(client, "read_document", documents="a.cbz")
        assert time.process_time() - begun < COMPUTED_S
    assert "Give fewer pages" in refused


async def test_of_a_comic_in_a_chat_each_page_is_looked_at_once(connect: Connect, folders: Folders) -> None:
    pages = {f"{n}.png": b"" for n in range(9_000)} | {"0.png": png((300, 400))}
    (folders.cwd / "a.cbz").write_bytes(zipped(pages))
    async with connect() as client:
        begun = time.process_time()
        said = await say(client, "chat", prompt="What is it?", files="a.cbz")
        assert time.process_time() - begun < COMPUTED_S
    assert "PNG 300×400" in said


async def test_a_kept_text_that_is_read_on_and_subtitles_are_counted_until_their_call_ends(
    app_of: Callable[..., Any], connect: Connect, folders: Folders
) -> None:
    app = app_of()
    uri = f"glm://outputs/{app.outputs.keep('words', '.md')}"
    (folders.cwd / "a.mp4").write_bytes(make(Film(regular(2))))
    (folders.cwd / "a.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\nwords\n", encoding="utf-8")
    with within_share(anyio.Semaphore(4)):
        async with connect(app=app) as client:
            with Room() as another, Room() as more:
                another.read(TEXT_CHARS)
                more.read(CALLER_CHARS - TEXT_CHARS)
                for tool, given_ in (
                    ("read_document", {"documents": uri}),
                    ("analyze_video", {"video": "a.mp4"}),
                ):
                    refused = await fail(client, tool, **given_)
                    assert refused.startswith(
                        "overloaded: your calls hold 120 million characters of documents"
                    )
            assert await say(client, "read_document", documents=uri) == "words"
            assert "subtitles of a.srt" in await say(client, "analyze_video", video="a.mp4")
