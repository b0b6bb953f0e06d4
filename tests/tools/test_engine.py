"""A self-hosted engine behind GLM_BASE_URL, simulated: bytes only, JSON by schema, thoughts, refusals, limits."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.cases import each
from support.connect import Connect
from support.engine.behaviour import OF_ALL, OF_EACH_TOOL, SHAPE, TOOLS, Backend
from support.made_documents import pdf, text_at
from support.paths import SAMPLES
from support.toolkit import chats, fail, last, picture, png, say

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Fault, Reply, Simulator
from glm_mcp.simulator.engine.mode import Engine, Json, Program
from glm_mcp.simulator.pictures.images import FILES

pytestmark = pytest.mark.anyio
PROGRAMS: tuple[Program, ...] = ("vllm", "sglang", "llama.cpp")


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> Program:
    found: Program = request.param
    return found


@pytest.fixture
def backend(sim: Simulator, program: Program) -> Backend:
    """Each engine with a small window that it does not tell before it refuses."""
    sim.engine = Engine(program=program, context=4_096, says_context=False)

    def hold() -> None:
        sim.queue(Fault("hang_mid", chunks=2))

    def running() -> int:
        return sum(r.ended is None for r in sim.received)

    return Backend(sim.engine_url, running, 4_096, "nothing new " * 6_000, hold)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("behaviour", OF_EACH_TOOL, ids=lambda b: b.__name__)
async def test_a_tool_in_front_of_an_engine(
    tool: str,
    behaviour: Callable[[str, Backend, Connect, Folders], Awaitable[None]],
    backend: Backend,
    connect: Connect,
    folders: Folders,
) -> None:
    await behaviour(tool, backend, connect, folders)


@pytest.mark.parametrize("behaviour", OF_ALL, ids=lambda b: b.__name__)
async def test_an_engine(
    behaviour: Callable[[Backend, Connect, Folders], Awaitable[None]],
    backend: Backend,
    connect: Connect,
    folders: Folders,
) -> None:
    await behaviour(backend, connect, folders)


def at(sim: Simulator, **engine: Any) -> dict[str, Any]:
    """The settings of a user of this engine, who names no model."""
    sim.engine = Engine(**engine)
    return {"GLM_BASE_URL": sim.engine_url, "GLM_API_KEY": None}


# Addresses


def lend(sim: Simulator, data: bytes, mime: str, name: str) -> str:
    """The address of a file at the one private host that may be asked: the engine's own."""
    body = data.decode("utf-8", "surrogateescape")
    sim.queue(Fault("body", path=FILES + name, message=body, content_type=mime))
    return f"{sim.origin}{FILES}{name}"


def sent(sim: Simulator) -> str:
    return json.dumps([r.body["messages"] for r in chats(sim)])


async def test_a_picture_by_its_address_arrives_as_bytes(connect: Connect, sim: Simulator) -> None:
    async with connect(**at(sim)) as client:
        for tool, name in (("describe_image", "images"), ("chat", "files")):
            url = lend(sim, png(), "image/png", "a.png")
            await say(client, tool, prompt="What is it?", **{name: url})
            assert last(sim).media[0].form == "data"
    assert "http" not in sent(sim)


async def test_addresses_in_the_history_are_fetched_here(connect: Connect, sim: Simulator) -> None:
    page = pdf([text_at(72, 700, "The minutes of the ninth of May say nothing.")])
    found = [
        ("image_url", lend(sim, png(), "image/png", "a.png")),
        ("video_url", lend(sim, (SAMPLES / "clip.mp4").read_bytes(), "video/mp4", "a.mp4")),
        ("file_url", lend(sim, page, "application/pdf", "a.pdf")),
    ]
    parts = [{"type": kind, kind: {"url": url}} for kind, url in found]
    history = [{"role": "user", "content": [*parts, {"type": "text", "text": "See?"}]}]
    async with connect(**at(sim)) as client:
        await say(client, "chat", prompt="And?", history=history)
    assert [m.kind for m in last(sim).media] == ["image", "video"]
    assert "The minutes of the ninth of May" in last(sim).text
    assert sim.origin not in sent(sim)


async def test_a_private_address_in_the_history_is_not_fetched(connect: Connect, sim: Simulator) -> None:
    part = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest"}}
    async with connect(**at(sim)) as client:
        text = await fail(client, "chat", prompt="?", history=[{"role": "user", "content": [part]}])
    assert text.startswith("forbidden_url")
    assert not chats(sim)


async def test_a_film_and_a_document_by_address_are_read_here(connect: Connect, sim: Simulator) -> None:
    async with connect(**at(sim)) as client:
        url = lend(sim, (SAMPLES / "clip.mp4").read_bytes(), "video/mp4", "a.mp4")
        await say(client, "analyze_video", video=url, prompt="What happens?")
        page = pdf([text_at(72, 700, "The minutes say nothing.")])
        url = lend(sim, page, "application/pdf", "a.pdf")
        await say(client, "read_document", documents=url, prompt="What is said?", mode="native")
    assert "The minutes say nothing." in last(sim).text
    assert sim.origin not in sent(sim)


async def test_a_film_that_the_engine_refuses_goes_as_frames(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "clip.mp4").write_bytes((SAMPLES / "clip.mp4").read_bytes())
    async with connect(**at(sim, program="llama.cpp")) as client:
        text = await say(client, "analyze_video", video="clip.mp4", prompt="What happens?")
    assert "the service refused the video whole" in text
    assert {m.kind for m in last(sim).media} == {"image"}


async def test_a_field_that_the_engine_does_not_know_is_not_blamed_on_the_film(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "clip.mp4").write_bytes((SAMPLES / "clip.mp4").read_bytes())
    async with connect(**at(sim, unknown=("chat_template_kwargs",))) as client:
        text = await say(client, "analyze_video", video="clip.mp4", prompt="What happens?")
    assert "sent whole" in text
    assert [m.kind for m in last(sim).media] == ["video"]


async def test_a_film_in_the_history_that_is_too_large_is_an_error(connect: Connect, sim: Simulator) -> None:
    url = lend(sim, (SAMPLES / "clip.mp4").read_bytes(), "video/mp4", "a.mp4")
    history = [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": url}}]}]
    async with connect(**at(sim), GLM_MAX_VIDEO_MB=0.01) as client:
        text = await fail(client, "chat", prompt="And?", history=history)
    assert text.startswith("media_too_large")
    assert "analyze_video" in text


# JSON


async def test_a_schema_goes_to_the_engine_itself(connect: Connect, sim: Simulator) -> None:
    async with connect(**at(sim)) as client:
        await say(client, "chat", prompt="Which colour?", json=SHAPE)
    (request,) = chats(sim)
    form = request.body["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["schema"] == SHAPE


@pytest.mark.parametrize(
    ("form", "asked"),
    [("object", ["json_schema", "json_object"]), ("none", ["json_schema", "json_object", None])],
)
async def test_an_engine_without_schemas_is_asked_in_another_way_from_then_on(
    connect: Connect, sim: Simulator, form: Json, asked: list[str | None]
) -> None:
    sim.queue(Reply('{"colour": "blue", "count": 2}', times=2))
    async with connect(**at(sim, json=form)) as client:
        assert '"blue"' in await say(client, "chat", prompt="Which colour?", json=SHAPE)
        await say(client, "chat", prompt="Which colour?", json=SHAPE)
    assert forms(sim) == [*asked, asked[-1]]


async def test_a_schema_that_the_engine_cannot_take_does_not_stop_the_next_one(
    connect: Connect, sim: Simulator
) -> None:
    odd = {**SHAPE, "properties": {"colour": {"type": "string", "pattern": "^b"}}, "required": ["colour"]}
    sim.queue(Reply('{"colour": "blue"}'))
    async with connect(**at(sim)) as client:
        await say(client, "chat", prompt="Which colour?", json=odd)
        await say(client, "chat", prompt="Which colour?", json=SHAPE)
    assert forms(sim) == ["json_schema", "json_object", "json_schema"]


def forms(sim: Simulator) -> list[str | None]:
    return [(r.body.get("response_format") or {}).get("type") for r in chats(sim)]


# Thoughts


async def test_an_engine_takes_more_chance_than_the_platform(connect: Connect, sim: Simulator) -> None:
    async with connect(**at(sim)) as client:
        await say(client, "chat", prompt="hi", temperature=1.7)
    assert last(sim).body["temperature"] == 1.7


async def test_the_template_is_told_whether_to_think(connect: Connect, sim: Simulator) -> None:
    async with connect(**at(sim)) as client:
        await say(client, "chat", prompt="Hello", thinking=True)
        await say(client, "chat", prompt="Hello")
    assert [r.body["chat_template_kwargs"] for r in chats(sim)] == [
        {"enable_thinking": True},
        {"enable_thinking": False},
    ]


async def test_a_template_that_knows_only_an_effort_gets_no_other_switch(
    connect: Connect, sim: Simulator
) -> None:
    async with connect(**at(sim, models=("zai-org/GLM-5.3-Flash",), effort=True)) as client:
        plain = await say(client, "chat", prompt="Hello", thinking="show")
        shown = await say(client, "chat", prompt="Hello")
    asked, told = (r.body for r in chats(sim))
    assert "chat_template_kwargs" not in asked
    assert told["chat_template_kwargs"] == {"reasoning_effort": "low"}
    assert "Reasoning:" in plain
    assert "Reasoning:" not in shown


async def test_thoughts_that_no_parser_took_out_are_no_part_of_the_answer(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(Reply("Nine.", reasoning="Three times three."))
    async with connect(**at(sim, parser=False)) as client:
        text = await say(client, "chat", prompt="3 x 3?", thinking="show")
    assert text.startswith("Nine.\n\nReasoning:\nThree times three.")


async def test_an_answer_that_the_parser_takes_for_thoughts_is_one_where_none_were_asked_for(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(Reply(reasoning="Nine.", times=0))
    async with connect(**at(sim)) as client:
        assert (await say(client, "chat", prompt="3 x 3?")).startswith("Nine.")
        assert len(chats(sim)) == 1
        assert "thought but wrote no answer" in await fail(client, "chat", prompt="3 x 3?", thinking=True)


# Models


async def test_the_model_that_the_engine_serves_is_found(connect: Connect, sim: Simulator) -> None:
    async with connect(**at(sim, models=("my/own-weights",))) as client:
        text = await say(client, "chat", prompt="Hello")
        await say(client, "chat", prompt="Hello")
    assert [r.model for r in chats(sim)] == ["my/own-weights"] * 2
    assert "[my/own-weights · " in text
    assert sum(r.path == "/v1/models" for r in sim.received) == 1


async def test_of_several_models_the_one_that_sees_gets_the_pictures(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png")
    served = ("my-embeddings", "zai-org/GLM-4.7-Flash", "zai-org/GLM-4.6V-Flash")
    async with connect(**at(sim, models=served)) as client:
        await say(client, "chat", prompt="Hello")
        await say(client, "describe_image", images="a.png")
    assert [r.model for r in chats(sim)] == list(served[1:])


async def test_a_model_named_for_pictures_is_taken_to_see(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png")
    settings = at(sim, models=("a", "b"))
    async with connect(**settings, GLM_CHAT_MODEL="a", GLM_VISION_MODEL="b") as client:
        await say(client, "describe_image", images="a.png")
    assert last(sim).model == "b"


async def test_a_model_that_is_not_served_is_named_with_those_that_are(
    connect: Connect, sim: Simulator
) -> None:
    settings = at(sim, models=("glm-a", "glm-b"))
    async with connect(**settings, GLM_CHAT_MODEL="glm-4.7-flash") as client:
        text = await fail(client, "chat", prompt="Hello")
    assert text.startswith("config: the engine does not serve this model")
    assert "It serves glm-a, glm-b." in text
    assert "GLM_CHAT_MODEL" in text


@each("program", PROGRAMS)
async def test_a_model_that_sees_nothing_is_an_error_that_names_the_setting(
    connect: Connect, sim: Simulator, folders: Folders, program: Program
) -> None:
    picture(folders.cwd / "a.png")
    async with connect(**at(sim, program=program, sees=False)) as client:
        text = await fail(client, "describe_image", images="a.png")
    assert text.startswith("invalid_request: the model sees no pictures")
    assert "GLM_VISION_MODEL" in text


# Refusals that a request is changed for


async def test_a_field_that_the_engine_does_not_know_is_left_out_from_then_on(
    connect: Connect, sim: Simulator
) -> None:
    async with connect(**at(sim, unknown=("chat_template_kwargs", "stream_options"))) as client:
        await say(client, "chat", prompt="Hello")
        assert len(chats(sim)) == 3
        await say(client, "chat", prompt="Hello")
    assert len(chats(sim)) == 4
    assert not {"chat_template_kwargs", "stream_options"} & set(last(sim).body)


@pytest.mark.parametrize("program", ["vllm", "sglang"])
async def test_an_answer_asked_too_long_gets_what_the_window_leaves(
    connect: Connect, sim: Simulator, program: Program
) -> None:
    async with connect(**at(sim, program=program, context=2_000, says_context=False)) as client:
        await say(client, "chat", prompt="Hello", max_tokens=4_000)
        await say(client, "chat", prompt="Hello", max_tokens=500)
    first, second, third = (r.body["max_tokens"] for r in chats(sim))
    assert first == 4_000
    assert 1_900 < second < 2_000
    assert third == 500


async def test_a_text_of_rare_letters_takes_nothing_of_the_window_from_other_calls(
    connect: Connect, sim: Simulator
) -> None:
    refused = (
        "This model's maximum context length is 8000 tokens. However, your request has 90000 input tokens."
    )
    body = json.dumps({"error": {"message": refused, "code": 400}})
    async with connect(**at(sim, context=8_000, says_context=False)) as client:
        sim.queue(Fault("body", status=400, message=body, content_type="application/json"))
        await fail(client, "chat", prompt="\u13a0" * 4_000)
        await say(client, "chat", prompt="word " * 2_000)
    assert [r.status for r in chats(sim)] == [400, 200]


async def test_pictures_that_are_too_many_go_one_by_one(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    names = [str(picture(folders.cwd / f"{n}.png", colour=c)) for n, c in enumerate(("red", "blue", "lime"))]
    async with connect(**at(sim, images=1)) as client:
        text = await say(client, "describe_image", images=names)
        assert [r.status for r in chats(sim)] == [400, 200, 200, 200]
        assert "3 pictures, one call each" in text
        await say(client, "describe_image", images=names, prompt="Another question")
    assert [len(r.media) for r in chats(sim)][1:] == [1] * 6


async def test_pictures_that_are_too_many_to_compare_are_an_error_that_names_the_option(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    names = [str(picture(folders.cwd / f"{n}.png", colour=c)) for n, c in enumerate(("red", "blue"))]
    async with connect(**at(sim, images=1)) as client:
        text = await fail(client, "describe_image", images=names, task="compare")
    assert "At most 1 image(s)" in text
    assert "--limit-mm-per-prompt" in text


@each("program", PROGRAMS)
async def test_functions_without_a_parser_are_an_error_that_names_the_options(
    connect: Connect, sim: Simulator, program: Program
) -> None:
    async with connect(**at(sim, program=program, functions=False)) as client:
        text = await fail(client, "chat", prompt="Hello", functions=[{"name": "look_up"}])
    assert text.startswith("config: the engine was started without function calls")
    assert "--tool-call-parser" in text


async def test_functions_are_called_and_their_results_taken(connect: Connect, sim: Simulator) -> None:
    history = [
        {"role": "user", "content": "Use look_up."},
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "nine"},
    ]
    async with connect(**at(sim)) as client:
        called = await say(client, "chat", prompt="Use look_up.", functions=[{"name": "look_up"}])
        await say(client, "chat", prompt="", history=history, functions=[{"name": "look_up"}])
    assert '"look_up"' in called
    assert last(sim).body["messages"][-1]["role"] == "tool"


async def test_an_engine_that_is_still_loading_is_asked_again(connect: Connect, sim: Simulator) -> None:
    sim.queue(Fault("error", status=503, message="Loading model"))
    async with connect(**at(sim, program="llama.cpp")) as client:
        await say(client, "chat", prompt="Hello")
    assert [r.status for r in chats(sim)] == [503, 200]


async def test_a_window_larger_than_we_assume_is_used(connect: Connect, sim: Simulator) -> None:
    words = "nothing new " * 80_000
    async with connect(**at(sim, models=("wide",), context=400_000)) as client:
        await say(client, "chat", prompt=words)
    assert len(chats(sim)) == 1


async def test_the_key_goes_with_the_question_which_models_there_are(
    connect: Connect, sim: Simulator
) -> None:
    settings = at(sim) | {"GLM_API_KEY": sim.key}
    async with connect(**settings) as client:
        await say(client, "chat", prompt="Hello")
    assert [bool(r.headers.get("authorization")) for r in sim.received] == [True, True]
