"""Function calls as models write them: in pieces, with one index or none, or as text."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.calls import V6, T, ask, client_of
from support.cases import each

from glm_mcp.errors import UpstreamError
from glm_mcp.glm.function_calls import CALLS_MAX, Calls, damaged, written_as_text
from glm_mcp.glm.messages import Message
from glm_mcp.simulator import Reply, Simulator


def piece(
    name: str | None = None, arguments: Any = None, *, index: int | None = None, ident: str | None = None
) -> dict[str, Any]:
    whole = {"index": index, "id": ident, "function": {"name": name, "arguments": arguments}}
    function = {k: v for k, v in whole.pop("function").items() if v is not None}  # type: ignore[union-attr]
    return {k: v for k, v in whole.items() if v is not None} | {"function": function}


def read(*events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    calls = Calls()
    for event in events:
        calls.feed(event)
    return [(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in calls.whole()]


PARIS, ROME = ("a", "weather", '{"city":"Paris"}'), ("b", "weather", '{"city":"Rome"}')


@each(
    ("events", "calls"),
    [
        # as the specification has it
        (
            [
                [piece("weather", '{"city":', index=0, ident="a")],
                [piece(None, '"Paris"}', index=0)],
                [piece("weather", '{"city":', index=1, ident="b")],
                [piece(None, '"Rome"}', index=1)],
            ],
            [PARIS, ROME],
        ),
        # pieces of both calls by turns
        (
            [
                [piece("weather", '{"city":', index=0, ident="a")],
                [piece("weather", '{"city":', index=1, ident="b")],
                [piece(None, '"Paris"}', index=0), piece(None, '"Rome"}', index=1)],
            ],
            [PARIS, ROME],
        ),
        # one index for all
        (
            [
                [piece("weather", '{"city":"Paris"}', index=0, ident="a")],
                [piece("weather", '{"city":', index=0, ident="b")],
                [piece(None, '"Rome"}', index=0)],
            ],
            [PARIS, ROME],
        ),
        # no index
        (
            [
                [piece("weather", '{"city":', ident="a")],
                [piece(None, '"Paris"}')],
                [piece("weather", '{"city":"Rome"}', ident="b")],
            ],
            [PARIS, ROME],
        ),
        # no index, all in one piece
        (
            [[piece("weather", '{"city":"Paris"}', ident="a"), piece("weather", '{"city":"Rome"}', ident="b")]],
            [PARIS, ROME],
        ),
        # neither index nor id
        (
            [[piece("weather", '{"city":"Paris"}')], [piece("weather", '{"city":"Rome"}')]],
            [("call_0", *PARIS[1:]), ("call_1", *ROME[1:])],
        ),
        # one id for both
        (
            [[piece("weather", '{"city":"Paris"}', index=0, ident="a"), piece("weather", '{"city":"Rome"}', index=1, ident="a")]],
            [PARIS, ("call_1", *ROME[1:])],
        ),
        # one after another under one index, the second without a name
        (
            [
                [piece("weather", '{"city":"Paris"}', index=0, ident="a")],
                [piece("", '{"city":', index=0)],
                [piece(None, '"Rome"}', index=0)],
            ],
            [PARIS, ("call_1", *ROME[1:])],
        ),
        # arguments that hold what looks like the seam of two
        ([[piece("say", '{"text":"{}{}"}', index=0, ident="a")]], [("a", "say", '{"text":"{}{}"}')]),
        ([[piece("say", '{"a":1}{"b"', index=0, ident="a")]], [("a", "say", '{"a":1}{"b"')]),
        # the same arguments twice, an empty object before them, and packed as the text of a text
        ([[piece("weather", '{"city":"Paris"}{"city": "Paris"}', index=0, ident="a")]], [PARIS]),
        ([[piece("weather", "{}", index=0, ident="a")], [piece(None, PARIS[2], index=0)]], [PARIS]),
        ([[piece("weather", json.dumps(PARIS[2]), index=0, ident="a")]], [PARIS]),
        ([[piece("say", '"{not packed"', index=0, ident="a")]], [("a", "say", '"{not packed"')]),
        # id and name with every piece
        (
            [
                [piece("weather", '{"city":', index=0, ident="a")],
                [piece("weather", '"Paris"}', index=0, ident="a")],
            ],
            [PARIS],
        ),
        # the name with every piece, and no id
        ([[piece("weather", '{"city":')], [piece("weather", '"Paris"}')]], [("call_0", *PARIS[1:])]),
        # the name before its id, the arguments as an object
        ([[piece("f", index=0)], [piece(None, {"x": 1}, index=0, ident="a")]], [("a", "f", '{"x": 1}')]),
        # no arguments at all
        ([[piece("now", index=0, ident="a")], [piece("today", index=0, ident="b")]], [("a", "now", ""), ("b", "today", "")]),
    ],
)  # fmt: skip
def test_each_call_gets_its_own_arguments(
    events: list[list[dict[str, Any]]], calls: list[tuple[str, str, str]]
) -> None:
    assert read(*events) == calls


@given(st.integers(2, 100), st.sampled_from(["", " ", "\n \t"]))
def test_arguments_of_a_few_calls_in_one_are_parted_and_no_others(count: int, between: str) -> None:
    together = between.join(f'{{"n": {n}}}' for n in range(count))
    parted = read([piece("f", together)])
    assert [(name, json.loads(arguments)["n"]) for _, name, arguments in parted] == [
        ("f", n) for n in range(count)
    ]
    for more in (together + "{}" * 100_000, together + " " * 100_000 + "{}"):
        assert [arguments for _, _, arguments in read([piece("f", more)])] == [more]


@each("raw", [None, 5, "x", {}, [None, 5, []], [{"function": 5}], [{"index": "0"}]])
def test_what_is_no_list_of_calls_does_no_harm(raw: Any) -> None:
    calls = Calls()
    calls.feed(raw)
    assert json.dumps(calls.whole())


ARGUMENTS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=8), max_size=3).map(
    json.dumps
)


@given(st.lists(ARGUMENTS, min_size=1, max_size=4), st.sampled_from(["own", "one", "none"]), st.data())
@pytest.mark.extreme
def test_calls_arrive_whole_from_any_cutting_and_any_numbering(
    arguments: list[str], numbering: str, data: st.DataObject
) -> None:
    events = []
    for n, text in enumerate(arguments):
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=3)))
        index = {"own": n, "one": 0, "none": None}[numbering]
        for at, (a, b) in enumerate(zip([0, *cuts], [*cuts, len(text)], strict=True)):
            first = at == 0
            name, ident = ("f", f"call_{n}") if first else (None, None)
            events.append([piece(name, text[a:b], index=index, ident=ident)])
    assert read(*events) == [(f"call_{n}", "f", text) for n, text in enumerate(arguments)]


# Written as text

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer"},
                "units": {"type": "array"},
            },
        },
    },
}


def said(text: str, *functions: dict[str, Any]) -> tuple[str, list[tuple[str, Any]]]:
    rest, calls = written_as_text(text, functions or (WEATHER,))
    assert [c["id"] for c in calls] == [f"call_{n}" for n in range(len(calls))]
    return rest, [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in calls]


def pairs(**values: str) -> str:
    return "".join(f"<arg_key>{k}</arg_key>\n<arg_value>{v}</arg_value>\n" for k, v in values.items())


@each(
    ("text", "rest", "calls"),
    [
        (f"<tool_call>weather\n{pairs(city='Paris')}</tool_call>", "", [("weather", {"city": "Paris"})]),
        (
            f"Let me look.\n<tool_call>weather{pairs(city='Paris', days='3', units='[1, 2]')}</tool_call>",
            "Let me look.",
            [("weather", {"city": "Paris", "days": 3, "units": [1, 2]})],
        ),
        (
            f"<tool_call>weather{pairs(city='Paris')}</tool_call><tool_call>weather{pairs(city='Rome')}</tool_call>",
            "",
            [("weather", {"city": "Paris"}), ("weather", {"city": "Rome"})],
        ),
        # a text that looks like a number stays a text where the schema says so, and is kept as it is where it is none
        (f"<tool_call>weather{pairs(city='75001', days='few')}</tool_call>", "", [("weather", {"city": "75001", "days": "few"})]),
        ('<tool_call>{"name": "weather", "arguments": {"city": "Rome"}}</tool_call>', "", [("weather", {"city": "Rome"})]),
        ("<tool_call>weather</tool_call>", "", [("weather", {})]),
        # the end of the answer ends a call
        (f"<tool_call>weather{pairs(city='Paris')}", "", [("weather", {"city": "Paris"})]),
        # line breaks and quotation marks as an engine escapes them
        (r'<tool_call>weather\n<arg_key>units</arg_key>\n<arg_value>[\"C\"]</arg_value>\n</tool_call>', "", [("weather", {"units": ["C"]})]),
        # nothing that was not offered is called
        ("<tool_call>rm</tool_call>", "<tool_call>rm</tool_call>", []),
        ("Write <tool_call> to call a tool.", "Write <tool_call> to call a tool.", []),
        ("<tool_call>{not json</tool_call>", "<tool_call>{not json</tool_call>", []),
        ('<tool_call>{"name": "weather", "arguments": 5}</tool_call>', '<tool_call>{"name": "weather", "arguments": 5}</tool_call>', []),
        ("sunny", "sunny", []),
    ],
)  # fmt: skip
def test_calls_written_into_the_text_are_taken_out_of_it(
    text: str, rest: str, calls: list[tuple[str, Any]]
) -> None:
    assert said(text) == (rest, calls)


@each(
    "text",
    [
        "<tool_call>weather<arg_key>city</arg_key><arg_value>Par",
        "<tool_call>weather<arg_key>city</arg_key>",
        "<tool_call>weather<arg_key>city</arg_key><arg_value>Paris</tool_call>",
        f"<tool_call>weather{pairs(city='Paris')}<arg_key>da",
        '<tool_call>{"name": "weather", "arguments": {"city": "Par',
    ],
)
def test_a_call_that_is_cut_within_its_arguments_is_not_taken_for_a_whole_one(text: str) -> None:
    rest, calls = written_as_text(text, (WEATHER,))
    assert (rest, [c["function"]["name"] for c in calls]) == ("", ["weather"])
    assert damaged(calls)


def test_of_calls_without_end_in_a_text_as_many_are_taken_as_an_answer_may_have() -> None:
    rest, calls = said("<tool_call>weather</tool_call>" * 3_000)
    assert len(calls) == CALLS_MAX
    assert rest.count("<tool_call>") == 3_000 - CALLS_MAX


def test_of_arguments_packed_within_others_no_more_values_are_read_than_an_answer_may_have() -> None:
    many = json.dumps({"city": [0] * 200_000})
    packed = json.dumps(many)
    assert read([piece("weather", packed, ident="a")]) == [("a", "weather", packed)]
    cut = written_as_text(f'<tool_call>{{"name":"weather","arguments":{many}}}</tool_call>', (WEATHER,))[1]
    assert damaged(cut)
    value = json.dumps([0] * 200_000)
    assert said(f"<tool_call>weather{pairs(days=value)}</tool_call>")[1] == [("weather", {"days": value})]


def test_arguments_that_were_written_as_one_make_no_calls_by_the_thousand() -> None:
    made = read([piece("weather", '{"city":"Rome"}' * 90, index=n, ident=f"c{n}") for n in range(100)])
    assert len(made) < 2 * CALLS_MAX  # as many of them again may have come


def test_without_functions_a_text_stays_as_it_is() -> None:
    text = f" <tool_call>weather{pairs(city='Paris')}</tool_call> "
    assert written_as_text(text, ()) == (text, [])
    assert written_as_text(text, ({"type": "web_search", "web_search": {}},)) == (text, [])


@given(st.text('<>/tol_carg{}key"value weather[]:5\n'))
@example("<tool_call>{" + "[" * 5_000 + "</tool_call>")
def test_any_text_gives_a_text_and_calls_that_can_be_sent(text: str) -> None:
    rest, calls = written_as_text(text, (WEATHER,))
    assert len(rest) <= len(text)
    for call in calls:
        assert call["function"]["name"] == "weather"
        assert damaged([call]) or isinstance(json.loads(call["function"]["arguments"]), dict)


def test_a_call_without_a_name_is_none() -> None:
    assert read([piece(None, '{"city":"Paris"}', index=0, ident="a")]) == []


DAYS = {"city": {"type": "string"}, "days": {"type": "integer"}}
FORECAST = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": DAYS},
    },
}


@pytest.mark.anyio
async def test_arguments_in_the_name_are_put_in_their_place(sim: Simulator) -> None:
    name = "weather<arg_key>city</arg_key><arg_value>7</arg_value><arg_key>days</arg_key><arg_value>3</arg_value>"
    sim.queue(Reply(tool_calls=({"name": name, "arguments": "{}"},)))
    async with client_of(sim) as client:
        answer = await ask(client, functions=(FORECAST,))
    (call,) = answer.tool_calls
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "7", "days": 3}


@pytest.mark.anyio
@pytest.mark.parametrize("arguments", ["", " "])
async def test_a_call_without_arguments_has_an_empty_object_of_them(sim: Simulator, arguments: str) -> None:
    sim.queue(Reply(tool_calls=({"name": "weather", "arguments": arguments},)))
    async with client_of(sim) as client:
        answer = await ask(client, model=T, functions=(FORECAST,))
    assert [c["function"] for c in answer.tool_calls] == [{"name": "weather", "arguments": "{}"}]
    assert len(sim.received) == 1


@pytest.mark.anyio
async def test_a_call_whose_arguments_are_no_json_is_asked_for_again(sim: Simulator) -> None:
    sim.queue(Reply(tool_calls=({"name": "weather", "arguments": '{"city": "Par'},), model=T))
    sim.queue(Reply(tool_calls=({"name": "weather", "arguments": '{"city": "Paris"}'},)))
    async with client_of(sim) as client:
        answer = await ask(client, functions=(FORECAST,))
    assert json.loads(answer.tool_calls[0]["function"]["arguments"]) == {"city": "Paris"}
    assert len(sim.received) == 2


@pytest.mark.anyio
async def test_a_call_that_max_tokens_cut_is_told_as_cut(sim: Simulator) -> None:
    cut = {"name": "weather", "arguments": '{"city": "Par'}
    sim.queue(Reply(tool_calls=(cut,), finish_reason="length"))
    async with client_of(sim) as client:
        answer = await ask(client, functions=(FORECAST,))
    assert (answer.cut, len(sim.received)) == ("max_tokens", 1)


UNASKED = Reply(tool_calls=({"name": "search", "arguments": "{}"},))


@pytest.mark.anyio
async def test_calls_of_functions_that_nobody_offered_are_no_answer(sim: Simulator) -> None:
    sim.queue(replace(UNASKED, model=T, times=0))
    async with client_of(sim) as client:
        answer = await ask(client)
        assert (answer.model, answer.tool_calls) == (V6, [])
        with pytest.raises(UpstreamError, match="which nobody offered, and wrote no answer"):
            await ask(client, model=T, within=3)


@pytest.mark.anyio
async def test_a_text_beside_calls_that_nobody_offered_is_given_and_that_is_said(sim: Simulator) -> None:
    sim.queue(replace(UNASKED, text="I would look that up."))
    async with client_of(sim) as client:
        answer = await ask(client)
    assert (answer.text, answer.tool_calls) == ("I would look that up.", [])
    assert "it also asked for function calls, which nobody offered" in answer.notes


@pytest.mark.anyio
async def test_a_function_may_be_called_again_that_was_called_before(sim: Simulator) -> None:
    sim.queue(UNASKED)
    call = {"id": "a", "type": "function", "function": {"name": "search", "arguments": "{}"}}
    turns = (
        Message("user", "hi"),
        Message("assistant", None, {"tool_calls": [call]}),
        Message("tool", "nothing", {"tool_call_id": "a"}),
    )
    async with client_of(sim) as client:
        answer = await ask(client, messages=turns)
    assert [c["function"]["name"] for c in answer.tool_calls] == ["search"]
