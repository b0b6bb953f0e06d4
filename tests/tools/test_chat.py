"""chat: what reaches the model, and what comes back."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from support.cases import each
from support.connect import Connect
from support.made_documents import lines, noise, pdf
from support.paths import SAMPLES
from support.toolkit import (
    call,
    chats,
    fail,
    glm,
    kinds,
    last,
    parts,
    picture,
    png,
    say,
    text_of,
    words,
)

from glm_mcp.server.app import App, Folders
from glm_mcp.simulator import Fault, Reply, Simulator, Switches

pytestmark = pytest.mark.anyio

WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}


async def test_a_prompt_goes_to_the_text_model_streamed_without_thinking(
    connect: Connect, sim: Simulator
) -> None:
    async with connect() as client:
        text = await say(client, "chat", prompt="Say hello.")
    assert len(sim.received) == 1
    body = last(sim).body
    assert body["model"] == "glm-4.7-flash"
    assert body["messages"] == [{"role": "user", "content": "Say hello."}]
    assert body["stream"] is True
    assert body["thinking"] == {"type": "disabled"}
    assert "temperature" not in body
    assert text.startswith("[simulated glm-4.7-flash] I received text of 10 characters")
    assert "\n\n[glm-4.7-flash · " in text
    assert "tokens" in text.splitlines()[-1]


async def test_system_and_history_reach_the_model_as_they_are(connect: Connect, sim: Simulator) -> None:
    history = [
        {"role": "user", "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]},
        {"role": "assistant", "content": "Three.", "reasoning_content": "  First one,\nthen two.  "},
    ]
    async with connect() as client:
        await say(client, "chat", prompt="Four?", system="Count.", history=history)
    assert last(sim).body["messages"] == [
        {"role": "system", "content": "Count."},
        {"role": "user", "content": "One.\n\nTwo."},
        history[1],
        {"role": "user", "content": "Four?"},
    ]


async def test_turns_as_other_apis_have_them_are_understood(connect: Connect, sim: Simulator) -> None:
    turns = [
        {"role": "developer", "content": "Count."},
        {"role": "human", "text": "One."},
        {"role": "model", "parts": [{"text": "Two."}]},
    ]
    async with connect() as client:
        await say(client, "chat", prompt="Three?", history=turns)
    assert last(sim).body["messages"] == [
        {"role": "system", "content": "Count."},
        {"role": "user", "content": "One."},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Three?"},
    ]


async def test_a_conversation_that_ends_with_a_question_needs_no_prompt(
    connect: Connect, sim: Simulator
) -> None:
    turns = [{"role": "system", "content": "Count."}, {"role": "user", "content": "Four?"}]
    async with connect() as client:
        await say(client, "chat", messages=turns)
        text = await fail(client, "chat", messages=[{"role": "assistant", "content": "Four."}])
    assert last(sim).body["messages"] == turns
    assert "chat: prompt is empty. Give the question in prompt" in text


async def test_a_picture_in_the_history_takes_the_call_to_the_vision_model(
    connect: Connect, sim: Simulator
) -> None:
    url = "data:image/png;base64," + base64.b64encode(png((48, 32))).decode()
    history = [
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "?"}],
        },
        {"role": "assistant", "content": "A red square."},
    ]
    async with connect() as client:
        await say(client, "chat", prompt="Are you sure?", history=history)
    assert last(sim).model == "glm-4.6v-flash"
    assert (last(sim).media[0].width, last(sim).media[0].height) == (48, 32)


async def test_parts_by_address_in_the_history_pass_unchanged(connect: Connect, sim: Simulator) -> None:
    sim.web["https://example.com/a.png"] = (png(), "image/png")
    part = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    history = [
        {"role": "user", "content": [part, {"type": "text", "text": "See."}]},
        {"role": "assistant", "content": "Yes."},
    ]
    async with connect() as client:
        await say(client, "chat", prompt="And?", history=history)
    assert last(sim).body["messages"][0]["content"][0] == part


@each(
    ("turn", "said"),
    [
        (
            {"role": "robot", "content": "x"},
            "history[0] has role 'robot'. A role is one of system, user, assistant, tool.",
        ),
        ({"text": "x"}, "history[0] has role ''. A role is one of"),
        ({"role": "User"}, "history[0] has no content"),
        ({"role": "tool", "content": "x"}, "history[0] is a function result without tool_call_id"),
        (
            {"role": "user", "content": [{"type": "audio"}]},
            "Parts are text, image_url, video_url and file_url.",
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "shot.png"}}]},
            "neither a URL nor base64. Give local pictures in files.",
        ),
    ],
)
async def test_a_wrong_turn_is_named(
    connect: Connect, sim: Simulator, turn: dict[str, Any], said: str
) -> None:
    async with connect() as client:
        text = await fail(client, "chat", prompt="hi", history=[turn])
    assert said in text
    assert not sim.received


@each(
    "given",
    [
        WEATHER,
        {"type": "function", "function": WEATHER},
        {"type": "function", **WEATHER},
        {
            "name": "get_weather",
            "description": "The weather of a city",
            "input_schema": WEATHER["parameters"],
        },
        {"name": "get_weather", "description": "The weather of a city", "inputSchema": WEATHER["parameters"]},
    ],
)
async def test_a_function_is_wrapped_however_it_was_written(
    connect: Connect, sim: Simulator, given: dict[str, Any]
) -> None:
    async with connect() as client:
        await say(client, "chat", prompt="hi", functions=[given])
    assert last(sim).body["tools"] == [{"type": "function", "function": WEATHER}]
    assert last(sim).body["tool_choice"] == "auto"


async def test_the_services_own_tools_pass_unchanged(connect: Connect, sim: Simulator) -> None:
    own = [
        {"type": "web_search", "web_search": {"enable": True, "search_engine": "search_std"}},
        {"type": "retrieval", "retrieval": {"knowledge_id": "k1"}},
        {"type": "mcp", "mcp": {"server_label": "s", "server_url": "https://example.com/mcp"}},
    ]
    async with connect() as client:
        await say(client, "chat", prompt="hi", functions=own)
    assert last(sim).body["tools"] == own


async def test_a_function_name_that_the_service_refuses_is_named(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        text = await fail(client, "chat", prompt="hi", functions=[{"name": "get weather"}])
        many = await fail(client, "chat", prompt="hi", functions=[{"name": f"f{n}"} for n in range(129)])
    assert "functions[0] has the name 'get weather'. A name is 1 to 64 letters" in text
    assert "129 functions. At most 128." in many
    assert not sim.received


async def test_a_function_call_makes_a_round_trip_with_an_empty_prompt(
    connect: Connect, sim: Simulator
) -> None:
    async with connect() as client:
        result = await call(client, "chat", prompt="Use get_weather for Beijing.", functions=[WEATHER])
        head, _, rest = text_of(result).partition("\n\n")
        turn = json.loads(rest.partition("\n\n[")[0])
        assert head.startswith("The model asks for function calls.")
        assert turn["role"] == "assistant"
        made = turn["tool_calls"][0]
        assert made["function"]["name"] == "get_weather"
        history = [
            {"role": "user", "content": "Use get_weather for Beijing."},
            turn,
            {"role": "tool", "tool_call_id": made["id"], "content": {"sky": "clear"}},
        ]
        text = await say(client, "chat", prompt="", history=history, functions=[WEATHER])
    assert "I received a tool reply of" in text
    assert last(sim).body["messages"][1:] == [
        {k: v for k, v in turn.items() if v is not None},
        {"role": "tool", "tool_call_id": made["id"], "content": '{"sky": "clear"}'},
    ]


@pytest.mark.parametrize("how", ["argument", "setting"])
async def test_reasoning_comes_back_with_a_call_so_that_it_can_be_passed_on(
    connect: Connect, sim: Simulator, how: str
) -> None:
    sim.queue(Reply(reasoning="Think: the sky.", tool_calls=({"name": "get_weather", "arguments": {}},)))
    options = {"GLM_THINKING": "true"} if how == "setting" else {}
    async with connect(**options) as client:
        more = {"thinking": True} if how == "argument" else {}
        text = await say(client, "chat", prompt="Weather?", functions=[WEATHER], **more)
    assert json.loads(text.split("\n\n")[1])["reasoning_content"] == "Think: the sky."


async def test_function_results_go_to_a_vision_model_in_words_when_it_knows_no_role_for_them(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = Switches(vision_tool_role="refuse")
    picture(folders.cwd / "a.png")
    history = [
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "clear"},
    ]
    async with connect() as client:
        await say(client, "chat", prompt="And this picture?", history=history, files="a.png")
    assert [r.status for r in sim.received] == [200]
    assert "[result of call c1]\nclear" in last(sim).text


async def test_an_empty_prompt_alone_is_refused(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        text = await fail(client, "chat", prompt=" ")
    assert text.startswith("invalid_request: chat: prompt is empty. Give the question in prompt;")
    assert not sim.received


async def test_text_and_code_files_become_text_before_the_prompt(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "a.py").write_text("print('hello')\n", encoding="utf-8")
    (folders.cwd / "b.txt").write_bytes("价格：一百元\n".encode("gb18030"))
    async with connect() as client:
        await say(client, "chat", prompt="Review these.", files=["a.py", "b.txt"])
    assert last(sim).model == "glm-4.7-flash"
    sent = words(last(sim))
    assert "[file: a.py]\n" in sent
    assert "print('hello')" in sent
    assert "价格：一百元" in sent
    assert sent.endswith("Review these.")


async def test_a_pdf_becomes_text_and_its_scanned_pages_pictures(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "text.pdf").write_bytes(pdf([lines(["Clause seven: payment within thirty days."])]))
    (folders.cwd / "scan.pdf").write_bytes(pdf([noise(0, 0, 595, 842)]))
    async with connect() as client:
        await say(client, "chat", prompt="When?", files="text.pdf")
        await say(client, "chat", prompt="When?", files="scan.pdf")
    text, scan = chats(sim)
    assert text.model == "glm-4.7-flash"
    assert "payment within thirty days" in text.text
    assert scan.model == "glm-4.6v-flash"
    assert len(scan.media) == 1
    assert kinds(scan)[-1] == "text"


async def test_any_picture_takes_the_call_down_the_vision_chain_and_patterns_work(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "shots" / "1.png", (50, 40))
    picture(folders.cwd / "shots" / "2.png", (60, 40))
    (folders.cwd / "notes.md").write_text("# Notes\n", encoding="utf-8")
    sim.queue(Fault("error", code="1305", model="glm-4.6v-flash", times=0))
    async with connect() as client:
        text = await say(client, "chat", prompt="Compare.", files=["shots/*.png", "notes.md"])
    assert [r.model for r in sim.received] == ["glm-4.6v-flash", "glm-4.1v-thinking-flash"]
    assert [m.width for m in last(sim).media] == [50, 60]
    assert "# Notes" in last(sim).text
    assert [p["text"] for p in parts(last(sim)) if p["type"] == "text"][:2] == ["[1.png]", "[2.png]"]
    assert "instead of glm-4.6v-flash" in text


async def test_a_placeholder_in_the_place_of_the_key_is_named_and_sent_to_nobody(
    connect: Connect, sim: Simulator
) -> None:
    async with connect(GLM_API_KEY="${GLM_API_KEY}", GLM_BASE_URL="zhipu") as client:
        text = await fail(client, "chat", prompt="hello")
    async with connect(GLM_API_KEY="<your-key>") as client:
        example = await fail(client, "chat", prompt="hello")
    assert text.startswith(
        "config: no API key is set: there is only the placeholder '${GLM_API_KEY}'. Get a free key"
    )
    assert "there is only the placeholder '<your-key>'" in example
    assert sim.received == []


async def test_of_a_pattern_what_cannot_be_read_is_left_out_and_named(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "shots" / "1.png", (50, 40))
    (folders.cwd / "shots" / "2.png").touch()
    (folders.cwd / "shots" / "3.png").write_bytes(png()[:40])
    async with connect() as client:
        text = await say(client, "chat", prompt="Which?", files="shots/*")
        none = await fail(client, "chat", prompt="Which?", files="shots/[23].png")
    assert [m.width for m in last(sim).media] == [50]
    assert "2 left out: 2.png is empty (0 bytes); 3.png " in text.splitlines()[-1]
    assert none.startswith("unsupported_media: ")


async def test_a_part_of_a_picture_is_cut_out_before_it_goes(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png", (640, 480))
    async with connect() as client:
        await say(client, "chat", prompt="What?", files="a.png#xywh=10,20,300,200")
    assert (last(sim).media[0].width, last(sim).media[0].height) == (300, 200)


async def test_a_video_among_the_files_is_refused_with_the_tool_that_takes_it(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "clip.mp4").write_bytes((SAMPLES / "clip.mp4").read_bytes())
    async with connect() as client:
        local = await fail(client, "chat", prompt="What?", files="clip.mp4")
        remote = await fail(client, "chat", prompt="What?", files="https://example.com/a/clip.mp4")
    assert (
        local
        == "unsupported_media: clip.mp4 is an MP4 video, which chat does not take. Use analyze_video for it."
    )
    assert remote == local
    assert not sim.received


async def test_thinking_is_asked_for_and_shown_when_wanted(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        plain = await say(client, "chat", prompt="hi", thinking=True)
        shown = await say(client, "chat", prompt="hi", thinking="show")
        none = await say(client, "chat", prompt="hi", thinking="no")
    assert [r.body["thinking"]["type"] for r in sim.received] == ["enabled", "enabled", "disabled"]
    assert "Reasoning:" not in plain + none
    assert "\n\nReasoning:\nThe user sent 2 characters and 0 attachments." in shown


async def test_shown_reasoning_is_capped(connect: Connect, sim: Simulator) -> None:
    sim.queue(Reply(text="Done.", reasoning="ponder " * 2_000))
    async with connect(client="claude-code") as client:
        text = await say(client, "chat", prompt="hi", thinking="show")
    assert text.startswith("Done.\n\nReasoning:\nponder")
    assert 4_000 < len(text) < 4_300


async def test_json_true_is_asked_for_by_the_api_and_given_back_bare(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(Reply(text='```json\n{"a": 1}\n```'))
    async with connect() as client:
        text = await say(client, "chat", prompt="Give JSON.", json=True)
    assert json.loads(text.rpartition("\n\n[")[0]) == {"a": 1}
    assert last(sim).body["response_format"] == {"type": "json_object"}


async def test_a_schema_is_written_into_the_prompt_and_checked(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        text = await say(client, "chat", prompt="Who?", json=PERSON)
    assert set(json.loads(text.rpartition("\n\n[")[0])) == {"name", "age"}
    assert words(last(sim)).startswith("Who?\n\nAnswer with one JSON value alone")
    assert json.dumps(PERSON, separators=(",", ":")) in words(last(sim))


async def test_wrong_json_is_repaired_once(connect: Connect, sim: Simulator) -> None:
    sim.queue(Reply(text='{"name": "Ada"}'), Reply(text='{"name": "Ada", "age": 36}'))
    async with connect() as client:
        text = await say(client, "chat", prompt="Who?", json=PERSON)
    assert json.loads(text.rpartition("\n\n[")[0]) == {"name": "Ada", "age": 36}
    assert "JSON repaired" in text
    assert [m["role"] for m in last(sim).body["messages"]] == ["user", "assistant", "user"]
    assert "'age' is a required property" in words(last(sim))


async def test_what_wrong_json_cost_is_counted_with_its_repair(connect: Connect, sim: Simulator) -> None:
    used = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "completion_tokens_details": {"reasoning_tokens": 8},
    }
    sim.queue(Reply(text="Ada.", usage=used), Reply(text='{"name": "Ada", "age": 36}', usage=used))
    async with connect() as client:
        result = await call(client, "chat", prompt="Who?", json=PERSON)
    assert glm(result)["tokens"] == {"in": 200, "out": 40, "reasoning": 16}
    assert [a["outcome"] for a in glm(result)["attempts"]] == ["ok", "ok"]


async def test_a_model_that_is_overloaded_by_then_does_not_keep_another_from_the_repair(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(
        Reply(text="Ada is 36.", model="glm-4.7-flash"),
        Fault("error", code="1305", model="glm-4.7-flash", times=0),
    )
    sim.queue(Reply(text='{"name": "Ada", "age": 36}'))
    async with connect() as client:
        text = await say(client, "chat", prompt="Who?", json=PERSON)
    assert "instead of glm-4.7-flash (overloaded 1305) · JSON repaired" in text


async def test_a_repaired_answer_says_which_model_should_have_given_it(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(Fault("error", code="1305", model="glm-4.7-flash", times=0))
    sim.queue(Reply(text="Ada is 36."), Reply(text='{"name": "Ada", "age": 36}'))
    async with connect() as client:
        text = await say(client, "chat", prompt="Who?", json=PERSON)
    assert "instead of glm-4.7-flash (" in text


async def test_json_that_stays_wrong_is_an_error_that_carries_the_text(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(Reply(text="Ada is 36.", times=2))
    async with connect() as client:
        text = await fail(client, "chat", prompt="Who?", json=PERSON)
    assert len(sim.received) == 2
    assert text.startswith("upstream: glm-4.7-flash did not give the JSON asked for: not JSON")
    assert text.endswith("What had arrived (not complete):\nAda is 36.")


async def test_a_broken_schema_is_refused_before_any_request(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        text = await fail(client, "chat", prompt="Who?", json={"type": "objekt"})
    assert text.startswith("invalid_request: json is not a valid JSON Schema: 'objekt'")
    assert not sim.received


@each(
    ("given", "sent"),
    [
        (0, {"do_sample": False}),
        (0.456, {"temperature": 0.46}),
        (1, {"temperature": 1.0}),
        (1.7, {"temperature": 1.0}),
    ],
)
async def test_temperature_is_put_into_the_apis_terms(
    connect: Connect, sim: Simulator, given: float, sent: dict[str, Any]
) -> None:
    async with connect() as client:
        await say(client, "chat", prompt="hi", temperature=given)
    assert {k: v for k, v in last(sim).body.items() if k in {"temperature", "do_sample"}} == sent


async def test_max_tokens_bounds_the_answer_and_a_cut_is_said(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        text = await say(client, "chat", prompt="hi", max_tokens=5)
    assert last(sim).body["max_tokens"] == 5
    assert "cut off by max_tokens" in text.splitlines()[-1]


async def test_a_named_model_is_asked_and_never_replaced(connect: Connect, sim: Simulator) -> None:
    sim.queue(Fault("error", code="1305", model="glm-4.6v-flash", times=0))
    async with connect(GLM_DEADLINE_S="3") as client:
        text = await fail(client, "chat", prompt="hi", model="glm-4.6v-flash")
    assert {r.model for r in sim.received} == {"glm-4.6v-flash"}
    assert text.startswith("overloaded: ")
    assert "code 1305" in text


async def test_a_paid_model_without_balance_says_so(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        text = await fail(client, "chat", prompt="hi", model="glm-4.6")
    assert text.startswith("quota: no balance and no resource package")
    assert len(sim.received) == 1


async def test_what_had_arrived_at_the_deadline_is_returned_and_marked(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(Fault("hang_mid", chunks=2))
    async with connect(GLM_DEADLINE_S=1) as client:
        result = await call(client, "chat", prompt="hi")
    text = text_of(result)
    assert not result.is_error
    assert text.startswith("[simulated glm-4.7-flash] ")
    assert "stopped at the deadline of 1 s: the answer is not complete" in text
    assert glm(result)["partial"] is True


@pytest.mark.parametrize("exact", [{"json": True}, {"functions": [WEATHER]}])
async def test_half_an_exact_answer_is_an_error_that_carries_it(
    connect: Connect, sim: Simulator, exact: dict[str, Any]
) -> None:
    sim.queue(Fault("hang_mid", chunks=2))
    async with connect(GLM_DEADLINE_S=1) as client:
        text = await fail(client, "chat", prompt="hi", **exact)
    assert text.startswith("timeout: no complete answer within 1 s")
    assert "What had arrived (not complete):\n" in text


async def test_a_blocked_answer_is_not_shown_in_part(connect: Connect, sim: Simulator) -> None:
    sim.queue(Fault("sensitive_mid", chunks=2))
    async with connect() as client:
        text = await fail(client, "chat", prompt="hi")
    assert text.startswith("content_blocked: ")
    assert "[simulated" not in text


async def test_cached_tokens_are_told(connect: Connect, sim: Simulator) -> None:
    long = "The quick brown fox jumps over the lazy dog. " * 200
    async with connect() as client:
        await say(client, "chat", prompt=long + "One?")
        text = await say(client, "chat", prompt=long + "Two?")
    assert " cached) + " in text.splitlines()[-1]


async def test_both_chains_work_when_the_service_is_lenient(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = Switches(vision_tool_role="accept", mixing="accept", call_tools=True)
    picture(folders.cwd / "a.png")
    async with connect() as client:
        text = await say(client, "chat", prompt="hi", files="a.png", functions=[WEATHER])
    assert "get_weather" in text


async def test_every_kind_of_part_in_the_history_is_passed_on(connect: Connect, sim: Simulator) -> None:
    sim.web["https://example.com/a.mp4"] = ((SAMPLES / "clip.mp4").read_bytes(), "video/mp4")
    sim.web["https://example.com/a.pdf"] = ((SAMPLES / "report.pdf").read_bytes(), "application/pdf")
    raw = base64.b64encode(png()).decode()
    seen: list[list[dict[str, Any]]] = [
        [{"type": "image_url", "image_url": {"url": raw}}],
        [{"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}],
        [{"type": "file_url", "file_url": {"url": "https://example.com/a.pdf"}}],
    ]
    async with connect() as client:
        for part in seen:
            history = [
                {"role": "user", "content": [*part, "And this?"]},
                {"role": "assistant", "content": "Yes."},
            ]
            await say(client, "chat", prompt="Sure?", history=history)
    assert [r.body["messages"][0]["content"][:1] for r in sim.received] == seen
    assert {r.body["messages"][0]["content"][1]["text"] for r in sim.received} == {"And this?"}


async def test_a_part_of_a_picture_by_address_is_cut_out_here(connect: Connect, sim: Simulator) -> None:
    async with connect(GLM_STRUCTURED="1") as client:
        made = await call(client, "generate_image", prompt="a hill", size="512x512")
        address = (made.structured_content or {})["url"]
        await say(client, "chat", prompt="What?", files=f"{address}#xywh=0,0,100,50")
    assert (last(sim).media[0].width, last(sim).media[0].height) == (100, 50)


async def test_a_simulated_answer_says_so(
    app_of: Callable[..., App], connect: Connect, sim: Simulator
) -> None:
    async with connect(app=app_of(GLM_SIMULATE="1")) as client:
        text = await say(client, "chat", prompt="hi")
    assert "SIMULATED" in text.splitlines()[-1]


async def test_the_model_of_the_settings_is_asked_first(connect: Connect, sim: Simulator) -> None:
    async with connect(GLM_CHAT_MODEL="glm-4.6v-flash") as client:
        await say(client, "chat", prompt="hi")
    assert last(sim).model == "glm-4.6v-flash"


async def test_without_fallback_no_other_model_is_asked(connect: Connect, sim: Simulator) -> None:
    sim.queue(Fault("error", code="1305", times=0))
    async with connect(GLM_FALLBACK="0", GLM_DEADLINE_S="3") as client:
        await fail(client, "chat", prompt="hi")
    assert {r.model for r in sim.received} == {"glm-4.7-flash"}


async def test_what_a_web_search_found_is_listed_to_cite(connect: Connect) -> None:
    search = {"type": "web_search", "web_search": {"enable": True, "search_result": True}}
    async with connect() as client:
        text = await say(client, "chat", prompt="What is new?", functions=[search])
    assert "\n\nSources:\n- Simulated search result: https://search.invalid/1" in text


@pytest.mark.parametrize("role", ["accept", "refuse"])
async def test_a_function_round_with_a_picture_is_completed_with_an_empty_prompt(
    connect: Connect, sim: Simulator, folders: Folders, role: Any
) -> None:
    sim.switches = Switches(vision_tool_role=role)
    picture(folders.cwd / "a.png")
    call_made = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [
        {"role": "user", "content": "What is it?"},
        {"role": "assistant", "content": None, "tool_calls": [call_made]},
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
    ]
    async with connect() as client:
        text = await say(
            client, "chat", prompt="", history=history, files=["a.png"], functions=[{"name": "g"}]
        )
    assert "I received 1 image" in text


@each("thinking", ["show", True])
async def test_an_answer_without_the_reasoning_that_was_asked_for_says_so(
    connect: Connect, thinking: str | bool
) -> None:
    async with connect() as client:
        text = await say(client, "chat", prompt="hello", thinking=thinking, model="glm-4-flash-250414")
        assert "the model sent no reasoning" in text.splitlines()[-1]
        assert "no reasoning" not in await say(client, "chat", prompt="hello", model="glm-4-flash-250414")


async def test_a_file_that_no_model_holds_leads_to_what_reads_it_in_parts(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "long.txt").write_text("the quick brown fox\n" * 60_000)
    async with connect() as client:
        text = await fail(client, "chat", prompt="What is it about?", files="long.txt")
        own = await fail(client, "chat", prompt="the quick brown fox " * 60_000)
    assert text.startswith("too_long: ")
    assert "Call read_document with the file in documents and the same prompt" in text
    assert own.startswith("too_long: ")
    assert "read_document" not in own
    assert not sim.received
