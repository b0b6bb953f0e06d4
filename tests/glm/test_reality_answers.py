"""What people see of requests that the real service refuses in its own way, and of answers that are not quite right."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.calls import C3, V1, V4, V6, T, models_asked
from support.cases import each
from support.connect import Connect
from support.films import Film, make, regular
from support.toolkit import call, fail, glm, picture, say, text_of

from glm_mcp.glm.policy import Pace
from glm_mcp.registry import SIZES
from glm_mcp.server.app import Folders
from glm_mcp.simulator import Fault, Received, Reply, Simulator, Switches

pytestmark = pytest.mark.anyio

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        },
    },
}
CITIES = (
    {"name": "weather", "arguments": {"city": "Paris", "days": 2}},
    {"name": "weather", "arguments": {"city": "Rome"}},
)
SEEN = "One sentence that the model wrote."


@pytest.fixture
def shot(folders: Folders) -> str:
    return str(picture(folders.cwd / "shot.png"))


def refused(said: str, code: str = "1210", **more: Any) -> Fault:
    return Fault("error", code=code, message=said, **more)


def sent(request: Received) -> list[str]:
    """The kinds of media of a request."""
    return [m.kind for m in request.media]


# Films


def film(folders: Folders, name: str, seconds: float = 4, cut: int = 0) -> str:
    path = folders.cwd / name
    cuts = (cut,) if cut else ()
    path.write_bytes(make(Film(regular(seconds, 4), size=(160, 96), cuts=cuts)))
    return str(path)


@pytest.mark.parametrize("model", [V6, V1])
async def test_a_film_is_sent_whole_as_bytes(
    sim: Simulator, connect: Connect, folders: Folders, model: str
) -> None:
    async with connect() as client:
        await say(client, "analyze_video", video=film(folders, "a.mp4"), model=model)
    (request,) = sim.received
    (media,) = request.media
    assert (media.kind, media.form) == ("video", "data")
    assert request.body["messages"][-1]["content"][0]["video_url"]["url"].startswith("data:video/mp4;base64,")
    assert request.status == 200


@each(("seconds", "kind"), [(39, "video"), (41, "image"), (45, "image")])
async def test_a_film_above_forty_seconds_never_goes_whole_to_the_model_with_the_small_window(
    sim: Simulator, connect: Connect, folders: Folders, seconds: float, kind: str
) -> None:
    async with connect() as client:
        await say(client, "analyze_video", video=film(folders, "a.mp4", seconds), model=V1)
    assert {k for r in sim.received for k in sent(r)} == {kind}
    assert {r.status for r in sim.received} == {200}


UNREADABLE = "视频输入格式/解析错误"


@each(
    ("fault", "cause"),
    [
        (refused(UNREADABLE, times=0, media="video"), "invalid_request 1210"),
        (refused("Prompt 超长", "1261", times=0, media="video"), "too_long 1261"),
        (
            refused("messages[0].content[0].video_url 不能为空", "1213", times=0, media="video"),
            "invalid_request 1213",
        ),
        (
            refused("messages[0].content[0].video_url 参数非法", "1214", times=0, media="video"),
            "invalid_request 1214",
        ),
        (Fault("html", status=413, times=0, media="video"), "media_too_large"),
        (Fault("error", code="500", times=0, media="video"), "upstream 500"),
        (Fault("html", status=502, times=0, media="video"), "upstream"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.code or value.status}",
)
async def test_a_film_that_is_refused_whole_for_any_reason_is_read_as_frames(
    sim: Simulator, connect: Connect, folders: Folders, fault: Fault, cause: str
) -> None:
    sim.queue(fault)
    async with connect() as client:
        result = await call(client, "analyze_video", video=film(folders, "a.mp4"))
    assert not result.is_error, text_of(result)
    refusals = [r for r in sim.received if r.fault]
    assert refusals
    assert all(sent(r) == ["video"] for r in refusals)
    assert set(sent(sim.received[-1])) == {"image"}
    assert re.search(r"\d+ frames of 0:00–0:04 read", text_of(result))
    assert "the service refused the video whole" in text_of(result)
    assert glm(result)["attempts"][0]["outcome"] == cause, "the true cause"


async def test_one_odd_film_does_not_turn_the_process_to_frames_and_two_different_ones_do(
    sim: Simulator, connect: Connect, folders: Folders
) -> None:
    odd, another, third, fourth = (film(folders, f"{n}.mp4", cut=n) for n in (2, 4, 6, 8))
    async with connect() as client:

        async def kinds(path: str, fault: Fault | None = None) -> list[str]:
            sim.clear()
            if fault:
                sim.queue(fault)
            await say(client, "analyze_video", video=path)
            return [sent(r)[0] for r in sim.received]

        broken = refused(UNREADABLE, media="video")
        assert await kinds(odd, broken) == ["video", "image"]
        assert await kinds(odd) == ["image"], "what was refused once is not tried again"
        assert await kinds(another) == ["video"]
        assert await kinds(third, broken) == ["video", "image"]
        assert await kinds(fourth) == ["image"]


async def test_films_with_too_many_words_teach_nothing_of_films(
    sim: Simulator, connect: Connect, folders: Folders
) -> None:
    first, second, third = (film(folders, f"{n}.mp4", cut=n) for n in (2, 4, 6))
    async with connect() as client:
        for path in (first, second):
            sim.queue(refused("Prompt 超长", "1261", media="video"))
            await say(client, "analyze_video", video=path)
        for path in (first, third):
            sim.clear()
            await say(client, "analyze_video", video=path)
            assert [sent(r) for r in sim.received] == [["video"]]


# Pictures


@pytest.mark.parametrize("refusing", ["raw", "data"])
@pytest.mark.parametrize("model", [V6, V1])
async def test_a_picture_goes_in_the_form_that_the_model_takes_and_the_process_remembers_it(
    sim: Simulator, connect: Connect, shot: str, model: str, refusing: str
) -> None:
    sim.switches = Switches(
        raw_base64_images="refuse" if refusing == "raw" else "accept",
        data_url_images="refuse" if refusing == "data" else "accept",
    )
    async with connect() as client:
        for _ in range(2):
            await say(client, "describe_image", images=shot, model=model)
    forms = [m.form for r in sim.received for m in r.media]
    wanted = "data" if refusing == "raw" else "raw"
    assert sim.received[-1].media[0].form == wanted
    assert [r.code for r in sim.received][-2:] == ["", ""]
    assert len(sim.received) <= 3
    assert forms.count(wanted) == 2


async def test_the_smallest_model_gets_data_urls_first(sim: Simulator, connect: Connect, shot: str) -> None:
    async with connect() as client:
        await say(client, "describe_image", images=shot, model=V4)
    (request,) = sim.received
    assert request.media[0].form == "data"


async def test_a_picture_that_one_model_refuses_in_both_forms_goes_to_the_next(
    sim: Simulator, connect: Connect, shot: str
) -> None:
    unreadable = "图片输入格式/解析错误"
    sim.queue(refused(unreadable, model=V6, times=0))
    async with connect() as client:
        result = await call(client, "describe_image", images=shot)
    assert glm(result)["model"] == V1
    assert [(r.model, r.code) for r in sim.received] == [(V6, "1210"), (V6, "1210"), (V1, "")]
    sim.clear()
    sim.queue(refused(unreadable, times=0))
    async with connect() as client:
        said = await fail(client, "describe_image", images=shot)
    assert said.startswith("invalid_request: ")
    assert "shot.png" in said
    assert models_asked(sim) == [V6, V6, V1, V1, V4, V4]


async def test_too_many_pictures_for_one_model_are_not_for_the_next(
    sim: Simulator, connect: Connect, shot: str
) -> None:
    sim.queue(refused("图片数量超过限制", model=V6, times=0))
    async with connect() as client:
        result = await call(client, "describe_image", images=[shot, shot])
    assert glm(result)["model"] == V1
    assert [(r.model, r.code) for r in sim.received] == [(V6, "1210"), (V1, "")]


async def test_what_is_too_long_for_the_smallest_model_is_said_so_or_goes_to_another(
    sim: Simulator, connect: Connect, shot: str
) -> None:
    sim.queue(refused("输入过长", model=V4, times=0))
    async with connect() as client:
        said = await fail(client, "describe_image", images=shot, model=V4)
    assert said.startswith("too_long: the prompt is too long for the model: 输入过长")
    assert len(sim.received) == 1
    async with connect(GLM_VISION_MODEL=V4) as client:
        result = await call(client, "describe_image", images=shot)
    assert glm(result)["model"] == V6
    assert models_asked(sim)[1:] == [V4, V6]


# Thinking


@pytest.mark.parametrize("known", [True, False])
async def test_a_model_that_always_thinks_is_asked_to_think_little(
    sim: Simulator, connect: Connect, known: bool
) -> None:
    if not known:
        sim.queue(refused("该模型始终思考，不支持关闭思考；请使用 low、high 或 max"))
    async with connect() as client:
        for _ in range(2):
            await say(client, "chat", prompt="hello", model="glm-5.3-flash" if known else T)
    efforts = [r.body.get("reasoning_effort") for r in sim.received]
    assert efforts == (["low", "low"] if known else [None, "low", "low"])
    assert not [r for r in sim.received if r.body.get("reasoning_effort") and "thinking" in r.body]


async def test_thoughts_that_leave_no_room_for_an_answer_say_what_helps(
    sim: Simulator, connect: Connect, shot: str
) -> None:
    sim.queue(Fault("cut_thinking", model=V6))
    async with connect() as client:
        said = await fail(client, "describe_image", images=shot, thinking=True, max_tokens=1024, model=V6)
    assert re.search(r"used all 1024 tokens for thinking.*larger max_tokens.*thinking=false", said)
    assert [r.fault for r in sim.received] == ["cut_thinking"]


async def test_a_model_that_cannot_be_kept_from_thinking_and_was_cut_gives_way_to_the_next(
    sim: Simulator, connect: Connect, shot: str
) -> None:
    sim.queue(Fault("cut_thinking", model=V1, times=0))
    async with connect(GLM_VISION_MODEL=V1) as client:
        result = await call(client, "describe_image", images=shot)
    assert glm(result)["model"] == V6
    assert [r.fault for r in sim.received] == ["cut_thinking", ""]


async def test_endless_thinking_is_a_timeout_that_says_what_helps(sim: Simulator, connect: Connect) -> None:
    sim.queue(Fault("endless_thinking", seconds=0.05, times=0))
    async with connect(GLM_DEADLINE_S="1") as client:
        said = await fail(client, "chat", prompt="hello", thinking=True)
    assert said.startswith("timeout: ")
    assert "still thinking" in said
    assert "thinking=false" in said
    sim.wait(lambda received: all(r.ended for r in received))
    assert [(r.fault, r.disconnected) for r in sim.received] == [("endless_thinking", True)]


# Functions


@each("form", ["text_calls", "one_index", "no_index", "native", "doubled_calls", "packed_calls"])
async def test_function_calls_come_as_calls_however_the_model_writes_them(
    sim: Simulator, connect: Connect, form: Any
) -> None:
    sim.queue(Reply("Let me look.", tool_calls=CITIES, calls=form))
    async with connect() as client:
        said = await say(client, "chat", prompt="How is the weather?", functions=[WEATHER])
    (message,) = re.findall(r"\{.*\"tool_calls\".*\}", said)
    turn = json.loads(message)
    calls = [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in turn["tool_calls"]]
    assert calls == [("weather", {"city": "Paris", "days": 2}), ("weather", {"city": "Rome"})]
    assert len({c["id"] for c in turn["tool_calls"]}) == 2
    assert "<tool_call>" not in said


async def test_calls_at_the_end_of_the_thoughts_are_calls_where_nothing_else_came(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(Reply(reasoning="I should look. ", tool_calls=CITIES, calls="thought_calls"))
    asked = {"prompt": "How is the weather?", "functions": [WEATHER], "thinking": True}
    async with connect() as client:
        said = await say(client, "chat", **asked)
        assert said.count('"name": "weather"') == 2
        assert len(sim.received) == 1
        # A thought that was cut was no decision yet.
        sim.queue(Reply(reasoning="Maybe <tool_call>weather</tool_call>? No,", finish_reason="length"))
        assert "used all" in await fail(client, "chat", **asked, model=T)


async def test_results_of_functions_are_words_at_once_for_the_model_that_refuses_their_role(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(Fault("error", code="1305", model=T, times=0))
    history = [
        {"role": "user", "content": "How is the weather?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sunny in Oslo"},
    ]
    async with connect() as client:
        result = await call(client, "chat", history=history, prompt="", functions=[WEATHER])
    assert not result.is_error, text_of(result)
    assert [(r.model, r.code) for r in sim.received] == [(T, "1305"), (V6, "")]
    roles = [[m["role"] for m in r.body["messages"]] for r in sim.received]
    assert ["tool" in turns for turns in roles] == [True, False]
    assert "sunny in Oslo" in json.dumps(sim.received[1].body["messages"])


# Fields


@each(("asked", "written"), [(0.333, 0.33), (1.0, 1.0), (0.7, 0.7)])
async def test_a_temperature_has_two_decimals_and_is_taken(
    sim: Simulator, connect: Connect, asked: float, written: float
) -> None:
    async with connect() as client:
        await say(client, "chat", prompt="hello", temperature=asked)
    (request,) = sim.received
    assert (request.body["temperature"], request.code) == (written, "")


async def test_json_is_asked_for_in_words_where_response_format_is_refused(
    sim: Simulator, connect: Connect
) -> None:
    sim.switches = Switches(response_format="refuse")
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    async with connect() as client:
        for _ in range(2):
            said = await say(client, "chat", prompt="Where?", json=schema)
            assert "city" in json.loads(said.rpartition("[")[0])
    formats = ["response_format" in r.body for r in sim.received]
    assert formats == [True, False, False], "and the process remembers it"
    assert sim.received[0].code


# Answers


async def test_a_loop_is_cut_and_said_and_what_stood_before_it_is_kept(
    sim: Simulator, connect: Connect
) -> None:
    story = "\n".join(f"{n}. The captain looked at island number {n} and sailed on." for n in range(20))
    again = "And so it goes. "
    sim.queue(Reply(f"{story}\n{again * 2_000}", finish_reason="length"))
    async with connect() as client:
        said = await say(client, "chat", prompt="Tell me a story", max_tokens=20_000)
    assert said.startswith(story)
    assert said.count(again.strip()) == 1
    assert "the model repeated the last words without end" in said
    assert len(sim.received) == 1


async def test_a_loop_and_nothing_else_is_asked_for_again_of_the_next_model(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(Fault("loop", model=T, message="And so it goes. ", times=0))
    async with connect() as client:
        result = await call(client, "chat", prompt="hello", max_tokens=20_000)
    assert glm(result)["model"] == V6
    assert f"instead of {T} (upstream repetition)" in text_of(result)
    assert [(r.model, r.fault) for r in sim.received] == [(T, "loop"), (V6, "")]


@pytest.mark.parametrize("reason", ["content_filter", "abort"])
async def test_an_end_that_nobody_listed_is_said_and_not_passed_off_as_whole(
    sim: Simulator, connect: Connect, reason: str
) -> None:
    sim.queue(Fault("finish_reason", message=reason))
    async with connect() as client:
        result = await call(client, "chat", prompt="hello")
    assert not result.is_error
    assert f"cut by the service ({reason})" in text_of(result)
    assert glm(result)["finish"] == reason
    assert [r.fault for r in sim.received] == ["finish_reason"]


@pytest.mark.parametrize("key", ["answer", "result"])
async def test_json_in_an_envelope_is_unwrapped_when_the_inside_fits(
    sim: Simulator, connect: Connect, key: str
) -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    sim.queue(Fault("envelope", message=key))
    async with connect() as client:
        said = await say(client, "chat", prompt="Where?", json=schema)
    assert list(json.loads(said.rpartition("[")[0])) == ["city"]
    assert [r.fault for r in sim.received] == ["envelope"], "and nothing is asked for again"


async def test_boxes_beyond_the_picture_are_told(sim: Simulator, connect: Connect, shot: str) -> None:
    sim.queue(Fault("far_boxes", times=0))
    async with connect() as client:
        said = await say(client, "describe_image", images=shot, task="locate", prompt="the button", model=V6)
    assert [r.fault for r in sim.received] == ["far_boxes"]
    assert "1 box could not be placed" in said


@pytest.mark.parametrize("kind", ["plain_content_type", "no_content_type"])
async def test_a_stream_of_a_compatible_server_is_read_whatever_it_is_said_to_be(
    sim: Simulator, connect: Connect, kind: Any
) -> None:
    sim.queue(Fault(kind))
    async with connect(GLM_BASE_URL=f"{sim.url}/chat/completions") as client:
        assert "No model was asked." in await say(client, "chat", prompt="hello")
    assert [r.fault for r in sim.received] == [kind]


# Drawings


def drawings(sim: Simulator) -> list[Received]:
    return [r for r in sim.received if r.path.endswith("/images/generations")]


def drawn(result: Any) -> Image.Image:
    with Image.open(Path(text_of(result).splitlines()[0])) as opened:
        opened.load()
        return opened


async def test_a_drawing_may_come_as_bytes_instead_of_an_address(sim: Simulator, connect: Connect) -> None:
    sim.queue(Fault("image_b64"))
    async with connect() as client:
        result = await call(client, "generate_image", prompt="a hill", size="512x512")
    assert not result.is_error, text_of(result)
    assert drawn(result).size == (512, 512)
    assert [r.fault for r in drawings(sim)] == ["image_b64"]


async def test_a_refused_quality_is_drawn_without_and_said(sim: Simulator, connect: Connect) -> None:
    sim.switches = Switches(hd_images="refuse")
    async with connect() as client:
        result = await call(client, "generate_image", prompt="a hill", quality="hd")
    assert not result.is_error, text_of(result)
    assert "quality hd was refused: drawn in standard" in text_of(result)
    assert [r.body.get("quality") for r in drawings(sim)] == ["hd", "standard"]
    assert drawings(sim)[0].code


@each(("size", "nearest"), [("1600x1120", "1152x864"), ("512x512", "1024x1024"), ("512x2048", "720x1440")])
async def test_a_refused_size_is_drawn_at_the_nearest_of_the_seven_and_said(
    sim: Simulator, connect: Connect, size: str, nearest: str
) -> None:
    assert nearest in SIZES
    sim.switches = Switches(custom_image_sizes="refuse")
    async with connect() as client:
        result = await call(client, "generate_image", prompt="a hill", size=size)
    assert not result.is_error, text_of(result)
    assert f"the size {size} was refused: drawn at {nearest}" in text_of(result)
    assert [r.body.get("size") for r in drawings(sim)] == [size, nearest]


@pytest.mark.parametrize("kind", ["image_cut", "image_garbled"])
async def test_a_drawing_that_is_not_whole_is_an_error_that_keeps_its_address(
    sim: Simulator, connect: Connect, folders: Folders, kind: Any
) -> None:
    sim.queue(Fault(kind))
    async with connect() as client:
        said = await fail(client, "generate_image", prompt="a hill", size="512x512")
    assert not said.startswith("internal")
    assert f"{sim.origin}/" in said
    assert not list(folders.cwd.rglob("*.png"))
    assert [r.fault for r in drawings(sim)] == [kind]


async def test_a_slow_drawing_is_waited_for_and_not_asked_for_twice(sim: Simulator, connect: Connect) -> None:
    sim.queue(Fault("slow_first_byte", seconds=1))
    async with connect(pace=Pace(patience=0.01)) as client:
        result = await call(client, "generate_image", prompt="a hill", size="512x512")
    assert not result.is_error
    assert [(r.model, r.disconnected) for r in drawings(sim)] == [(C3, False)]
