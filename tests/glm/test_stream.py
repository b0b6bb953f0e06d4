"""The shapes of the API: what goes out, and whatever may come in."""

from __future__ import annotations

import base64
import json
import re
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.calls import V1, V4, V6, L, T
from support.cases import each

from glm_mcp.errors import GLMError, QuotaError
from glm_mcp.glm.messages import (
    ChatRequest,
    Dialect,
    File,
    Image,
    Message,
    Text,
    Video,
    count_tokens,
    fold_functions,
    fold_system,
    write_body,
)
from glm_mcp.glm.network.events import Events
from glm_mcp.glm.network.refusals import raise_if_error, read_error
from glm_mcp.glm.stream import (
    LONGEST_UNIT,
    LOOK_EVERY,
    LOOP,
    Draft,
    Repetition,
    Shown,
    repeated,
    split_thinking,
)
from glm_mcp.glm.usage import Usage
from glm_mcp.registry import card
from glm_mcp.text import plain, whole

PNG = b"\x89PNG fake"
B64 = base64.b64encode(PNG).decode()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                re.findall(
                    r"\w+",
                    "choices delta message content reasoning_content tool_calls function arguments index usage "
                    "prompt_tokens error code msg success id finish_reason text data",
                )
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


def body(
    *messages: Message, model: str = T, compatible: bool = False, dialect: Any = (), **wishes: Any
) -> dict[str, Any]:
    """What is sent; `dialect`: what is known of the model beside its card."""
    tokens = wishes.get("max_tokens")
    request = ChatRequest(messages or (Message("user", "hi"),), **wishes)
    chosen = card(model, compatible=compatible)
    known = replace(Dialect.of(chosen), **dict(dialect))
    raw = write_body(request, chosen, known, max_tokens=tokens, compatible=compatible)
    found: dict[str, Any] = json.loads(raw)
    return found


def chunk(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "2026", "choices": [{"index": 0, "delta": {"role": "assistant", **delta}, **more}]}


def test_of_several_answers_the_first_is_read() -> None:
    draft = Draft()
    for index, text in ((0, "fi"), (1, "se"), (0, "rst"), (1, "cond")):
        draft.feed({"choices": [{"index": index, "delta": {"content": text}, "finish_reason": "STOP"}]})
    assert (draft.text, draft.finish) == ("first", "stop")


def test_a_piece_that_does_not_say_of_which_answer_it_is_belongs_to_the_first() -> None:
    draft = Draft()
    for index, piece in ((None, "on"), (0, "e a"), (None, "nd "), (1, "other"), (0, "two")):
        draft.feed({"choices": [{"index": index, "delta": {"content": piece}}]})
    assert draft.text == "one and two"


def test_what_comes_after_the_end_under_another_id_is_another_answer() -> None:
    draft = Draft()
    for ident, text, reason in (
        ("a", "first", None),
        ("b", "!", "stop"),
        ("c", "second", None),
        ("c", "", "length"),
    ):
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
        draft.feed({"id": ident, "model": ident, "choices": [choice]})
    draft.feed({"id": "d", "choices": [], "usage": {"completion_tokens": 3}})
    assert (draft.text, draft.finish, draft.request_id, draft.model) == ("first!", "stop", "d", "b")
    assert draft.usage.completion == 3


@each("where", ["content", "reasoning_content", "arguments", "lines"])
def test_of_what_comes_in_tens_of_thousands_of_pieces_no_piece_is_kept(where: str) -> None:
    draft, events = Draft(), Events()
    held = {"index": 0, "function": {"name": "f", "arguments": ""}}

    def feed(piece: str) -> None:
        if where == "lines":
            assert not list(events.feed(f"data:{piece}\n".encode()))
            return
        held["function"] = {"arguments": piece}
        draft.feed(chunk({"tool_calls": [held]} if where == "arguments" else {where: piece}))

    tracemalloc.start()
    for n in range(30_000):
        feed(f"a{n % 10}")
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < 700_000, "each piece is an object of some 50 bytes"


def test_content_that_is_lists_in_lists_is_no_text_and_no_defect() -> None:
    nested = json.loads("[" * 900 + '"x"' + "]" * 900)
    assert Draft().feed(chunk({"content": nested})) == ""


@each("content", [["a ", "text"], {"type": "text", "text": "a text"}, [{"text": "a "}, {"text": "text"}]])
def test_a_text_is_read_in_every_form(content: Any) -> None:
    assert Draft().feed(chunk({"content": content})) == "a text"


# What goes out


@each(
    ("part", "form", "written"),
    [
        (Text("a"), "raw", {"type": "text", "text": "a"}),
        (Image("i", data=PNG), "raw", {"type": "image_url", "image_url": {"url": B64}}),
        (
            Image("i", data=PNG, mime="image/jpeg"),
            "data",
            {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{B64}"}},
        ),
        (Image("i", url="https://a/b"), "data", {"type": "image_url", "image_url": {"url": "https://a/b"}}),
        (
            Video("v", data=PNG),
            "raw",
            {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{B64}"}},
        ),
        (Video("v", url="https://a/v"), "raw", {"type": "video_url", "video_url": {"url": "https://a/v"}}),
        (File("f", "https://a/f.pdf"), "raw", {"type": "file_url", "file_url": {"url": "https://a/f.pdf"}}),
    ],
)
def test_a_part_is_written_as_the_platform_wants_it(part: Any, form: str, written: dict[str, Any]) -> None:
    turn = Message("user", (part, Image("x", url="https://x")))
    turns = body(turn, model=V6, dialect={"image_form": form})["messages"]
    assert turns[0]["content"][0] == written


def test_a_part_without_content_is_a_defect_and_says_so() -> None:
    with pytest.raises(ValueError, match=r"nothing\.png"):
        body(Message("user", (Image("nothing.png"),)), model=V6)


def test_parts_that_are_all_text_become_one_text() -> None:
    assert body(Message("user", (Text("a"), Text("b"))))["messages"] == [
        {"role": "user", "content": "a\n\nb"}
    ]


def test_what_the_api_knows_beside_content_goes_along() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    turns = body(
        Message("user", "hi"),
        Message("assistant", None, {"tool_calls": calls, "reasoning_content": "hm"}),
        Message("tool", "42", {"tool_call_id": "c1"}),
    )["messages"]
    assert turns[1] == {"role": "assistant", "tool_calls": calls, "reasoning_content": "hm"}
    assert turns[2] == {"role": "tool", "tool_call_id": "c1", "content": "42"}


@each(
    ("model", "asked", "sent"),
    [
        (T, None, 16_384),
        (T, 100, 100),
        (T, 10**9, 131_072),
        (V6, 10**9, 32_768),
        (V1, 10**9, 16_384),
        (V4, None, 1_024),
        (V4, 4_096, 1_024),
        (V4, 0, 1_024),
    ],
)
def test_max_tokens_stays_within_what_the_model_takes(model: str, asked: int | None, sent: int) -> None:
    assert body(model=model, max_tokens=asked)["max_tokens"] == sent


@each(
    ("asked", "sent"),
    [
        (None, {}),
        (0, {"do_sample": False}),
        (-1, {"do_sample": False}),
        (0.333, {"temperature": 0.33}),
        (5, {"temperature": 1.0}),
    ],
)
def test_temperature_is_written_within_the_range_of_the_api(
    asked: float | None, sent: dict[str, Any]
) -> None:
    found = body(temperature=asked)
    assert {k: v for k, v in found.items() if k in {"temperature", "do_sample"}} == sent


def test_a_compatible_server_gets_a_temperature_of_zero_as_such() -> None:
    found = body(temperature=0, compatible=True)
    assert found["temperature"] == 0
    assert "do_sample" not in found


@each(("model", "switch"), [(T, True), (V6, True), (V1, False), (V4, False)])
def test_thinking_is_switched_where_there_is_a_switch(model: str, switch: bool) -> None:
    assert body(model=model).get("thinking") == ({"type": "disabled"} if switch else None)
    assert body(model=model, thinking=True).get("thinking") == ({"type": "enabled"} if switch else None)


@pytest.mark.parametrize(("model", "dialect"), [("glm-5.3-flash", {}), (T, {"effort": True})])
def test_a_model_that_always_thinks_is_told_to_think_little(model: str, dialect: dict[str, Any]) -> None:
    found = body(model=model, dialect=dialect)
    assert found["reasoning_effort"] == "low"
    assert "thinking" not in found
    assert not {"thinking", "reasoning_effort"} & set(body(model=model, dialect=dialect, thinking=True))


def test_json_mode_is_asked_for_only_where_the_model_has_it() -> None:
    assert body(json_mode=True)["response_format"] == {"type": "json_object"}
    assert "response_format" not in body(model=V6, json_mode=True)
    assert "response_format" not in body(json_mode=True, dialect={"json_mode": False})


@each(
    ("model", "form", "json_mode", "effort", "tool_role"),
    [
        (T, "raw", True, False, True),
        (V6, "raw", False, False, False),
        (V1, "data", False, False, True),
        (V4, "data", False, False, True),
        (L, "raw", True, False, True),
        ("glm-5.3-flash", "raw", True, True, True),
    ],
)
def test_a_model_is_spoken_to_as_its_card_says(
    model: str, form: str, json_mode: bool, effort: bool, tool_role: bool
) -> None:
    known = Dialect(form, json_mode=json_mode, effort=effort, tool_role=tool_role)
    assert Dialect.of(card(model)) == known


def test_functions_are_passed_on_unchanged_with_the_one_choice_there_is() -> None:
    own = ({"type": "web_search", "web_search": {"enable": True}},)
    found = body(functions=own)
    assert (found["tools"], found["tool_choice"]) == (list(own), "auto")


def test_a_compatible_server_gets_data_urls_usage_and_the_template_switch_and_no_made_up_limit() -> None:
    found = body(
        Message("user", (Image("i", data=PNG), Text("x"))),
        model=V6,
        compatible=True,
        thinking=True,
    )
    assert found["stream_options"] == {"include_usage": True}
    assert found["chat_template_kwargs"] == {"enable_thinking": True}
    assert found["messages"][0]["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert "max_tokens" not in found
    assert not {"stream_options", "chat_template_kwargs"} & set(body())


def test_system_turns_are_folded_into_the_first_user_turn_where_there_is_no_such_role() -> None:
    turns = body(Message("system", "be brief"), Message("user", "hi"), Message("user", "there"), model=V4)[
        "messages"
    ]
    assert turns == [{"role": "user", "content": "be brief\n\nhi"}, {"role": "user", "content": "there"}]
    assert fold_system((Message("user", "a"),)) == (Message("user", "a"),)


def test_function_calls_become_words_where_there_is_no_such_role() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]
    folded = fold_functions(
        (
            Message("user", "hi"),
            Message("assistant", None, {"tool_calls": calls}),
            Message("tool", "sunny", {"tool_call_id": "c1"}),
        )
    )
    assert [m.role for m in folded] == ["user", "assistant", "user"]
    assert not any(m.extra for m in folded)
    assert "weather" in str(folded[1].content)
    assert "c1" in str(folded[2].content)
    assert "sunny" in str(folded[2].content)


# What comes in


def test_a_stream_is_put_together() -> None:
    draft = Draft()
    events: list[dict[str, Any]] = [
        chunk({"reasoning_content": "let me "}),
        chunk({"reasoning_content": "see"}),
        chunk({"content": "Hel"}),
        chunk({"content": [{"type": "text", "text": "lo"}]}),
        chunk({"content": ""}, finish_reason="stop")
        | {"usage": {"prompt_tokens": 3, "completion_tokens": 4}, "web_search": [{"title": "t"}]},
        {"choices": []},
    ]
    pieces = [draft.feed(event) for event in events]
    assert pieces == ["", "", "Hel", "lo", "", ""]
    assert (draft.text, draft.reasoning, draft.finish, draft.request_id) == (
        "Hello",
        "let me see",
        "stop",
        "2026",
    )
    assert (draft.usage, draft.thought_chars) == (Usage(3, 4), 10)
    assert draft.extras == {"web_search": [{"title": "t"}]}


def test_the_model_that_answers_is_read() -> None:
    draft = Draft()
    assert draft.model == ""
    draft.feed(chunk({"content": "a"}) | {"model": "glm-5.3-flash"})
    draft.feed(chunk({"content": "b"}))
    assert draft.model == "glm-5.3-flash"


@each(
    ("raw", "usage"),
    [
        (None, Usage()),
        ([], Usage()),
        ({"prompt_tokens": float("nan"), "completion_tokens": float("inf")}, Usage()),
        ({"prompt_tokens": "7", "prompt_tokens_details": 5}, Usage()),
        (
            {
                "prompt_tokens": 7,
                "completion_tokens": 8,
                "prompt_tokens_details": {"cached_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(7, 8, 2, 3),
        ),
    ],
)
def test_usage_is_read_with_and_without_details(raw: Any, usage: Usage) -> None:
    assert Usage.read(raw) == usage


@each(
    ("given_", "read"),
    [
        (-5, 0),
        (10**400, 100_000_000),
        (1e300, 100_000_000),
        (-1e300, 0),
        (True, 0),
        ("7", 0),
        (7.9, 7),
        (None, 0),
    ],
)
def test_a_count_that_cannot_be_is_clamped(given_: Any, read: int) -> None:
    raw = {
        "prompt_tokens": given_,
        "completion_tokens": given_,
        "prompt_tokens_details": {"cached_tokens": given_},
    }
    assert Usage.read(raw) == Usage(read, read, read, 0)


@given(JSON)
@example({"choices": 5})
@example({"choices": {"delta": 1}})
@example({"usage": {"prompt_tokens": float("inf")}})
@example({"usage": {"prompt_tokens": 10**400}})
def test_any_event_is_taken_or_refused_in_our_own_words(event: Any) -> None:
    draft = Draft()
    try:
        added = draft.feed(event)
    except GLMError:
        return
    assert added.encode()[:0] == b""
    assert draft.text.encode()[:0] == b""
    assert draft.reasoning.encode()[:0] == b""
    assert json.dumps(draft.tool_calls)


def cuttings(text: str, data: st.DataObject) -> list[str]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@given(st.text(st.characters(exclude_characters="<>", exclude_categories=["Cs"])), st.data())
def test_a_text_arrives_whole_from_any_cutting(text: str, data: st.DataObject) -> None:
    draft, heard = Draft(), ""
    for piece in cuttings(text, data):
        heard += draft.feed(chunk({"content": piece}))
    assert draft.text == plain(text).strip()
    assert heard == text


@given(st.text(st.characters(categories=["So", "Lu", "Lo"]), max_size=20))
def test_halves_of_a_character_from_two_pieces_are_joined(text: str) -> None:
    draft = Draft()
    for half in text.encode("utf-16-le", "surrogatepass").decode("utf-16-le"):
        pair = half.encode("utf-16-le")
        for i in range(0, len(pair), 2):
            piece = pair[i : i + 2].decode("utf-16-le", "surrogatepass")
            assert draft.feed(chunk({"content": piece})).encode()
    assert draft.text == text


@given(st.text(st.characters()))
def test_a_half_alone_becomes_a_mark_and_the_rest_stays(text: str) -> None:
    found = whole(text)
    assert found.encode().decode() == found
    if not any("\ud800" <= c <= "\udfff" for c in text):
        assert found == text


@each(
    ("text", "reasoning", "answer"),
    [
        ("plain", "", "plain"),
        ("<think>a</think>b", "a", "b"),
        ("\n <think>\na\n</think>\n\nb\n", "a", "b"),
        ("<think>cut off", "cut off", ""),
        ("thought without a start</think>b", "thought without a start", "b"),
        ("</think>\nb", "", "b"),
        ("b\n</think>", "", "b"),
        ("</think>", "", ""),
        ("<think></think>", "", ""),
        ("<think>a</think><answer>b</answer>", "a", "b"),
        ("<answer>b", "", "b"),
        ("say <think> in the middle", "", "say <think> in the middle"),
        ("Close it with `</think>` and go on.", "", "Close it with `</think>` and go on."),
        ("", "", ""),
    ],
)
def test_thinking_aloud_is_told_from_the_answer(text: str, reasoning: str, answer: str) -> None:
    assert split_thinking(text) == (reasoning, answer)


@given(st.text("<>/think answer\n`ab"))
def test_no_word_of_a_text_is_invented(text: str) -> None:
    reasoning, answer = split_thinking(text)
    assert reasoning in text
    assert answer in text


@given(st.text("ab \n", min_size=1).filter(str.strip), st.text("cd \n", min_size=1).filter(str.strip))
def test_thought_and_answer_are_both_kept(thought: str, answer: str) -> None:
    assert split_thinking(f"<think>{thought}</think>{answer}") == (thought.strip(), answer.strip())


@each(
    ("text", "bare"),
    [
        ("no box", "no box"),
        ("at <|begin_of_box|>[[1,2,3,4]]<|end_of_box|>.", "at [[1,2,3,4]]."),
        ("<|begin_of_box|>a<|end_of_box|><|begin_of_box|>b", "ab"),
        ("b<|end_of_box|>", "b"),
    ],
)
def test_answer_boxes_lose_their_marks(text: str, bare: str) -> None:
    assert split_thinking(text) == ("", bare)


@given(st.lists(st.text("ab<|>", max_size=5)))
def test_what_stands_in_boxes_stays(contents: list[str]) -> None:
    text = "x".join(f"<|begin_of_box|>{c}<|end_of_box|>" for c in contents)
    assert split_thinking(text)[1] == "x".join(contents)


LEAKED = [
    ("[gMASK]<sop><|assistant|>\nParis.", "Paris."),
    ("[gMASK]<sop><think>hm</think>\n<answer>Paris.</answer>", "Paris."),
    ("\n<think>\nhm\n</think>\n\nParis.", "Paris."),
    ("Paris.<|observation|>", "Paris."),
    ("Paris.\n<|user|>\n<|endoftext|>", "Paris."),
    ("It is <|begin_of_box|>42<|end_of_box|>.", "It is 42."),
    ("<|observation|>", ""),
    ("Paris.<|user|>\nAnd of Italy?<|assistant|>\nRome.", "Paris."),
    ("Paris.\n<|user|>\nAnd of Italy?", "Paris."),
    ("Paris.<|endoftext|><|user|>\nHello", "Paris."),
    ("So:\n```\nparis\n```<|user|>\nAnd of Italy?", "So:\n```\nparis\n```"),
    (
        "I look.\n<tool_call>search\n<arg_key>q</arg_key><arg_value>a</arg_value></tool_call><|observation|>",
        "I look.",
    ),
    ('<tool_call>{"name": "search", "arguments": {}}', ""),
    ("<tool_call>search</tool_call>\nDone.", "Done."),
]
TALKED_ABOUT = [
    "A turn of GLM ends with <|user|>",
    "A turn of GLM ends with `<|user|>`",
    "A turn of the user begins with <|user|> and a line break, 在中文里写作<|user|>标记。",
    "So:\n```\n<|user|>\nHello\n<|assistant|>\n```\nThat is all.",
    "So:\n~~~\nHello<|user|>\n~~~\nThat is all.",
    "The marks are [gMASK]<sop>, <|user|> and <|observation|>, in that order.",
    "Write `<tool_call>search</tool_call>` to call it.",
    "So:\n```\n<tool_call>search</tool_call>\n```\nThat is all.",
    "So:\n~~~\n<tool_call>search</tool_call>\n~~~\nThat is all.",
    '{"example": "<tool_call>search</tool_call>"}',
    "A call stands between <tool_call> and </tool_call>.",
    "<tool_call> begins a call of a function, which I cannot make.",
    "if a < b and c <d: print(x<|y",
]


def arrived(text: str) -> Draft:
    draft = Draft(calls=False)
    draft.feed({"choices": [{"delta": {"content": text}, "finish_reason": "stop"}]})
    return draft


@each(("text", "answer"), [*LEAKED, *((text, text) for text in TALKED_ABOUT)])
def test_marks_that_a_model_lets_out_are_no_part_of_its_answer(text: str, answer: str) -> None:
    draft = arrived(text)
    assert draft.text == answer
    assert draft.unasked == ("<tool_call>" in text and "<tool_call>" not in answer)


@given(st.sampled_from([*(text for text, _ in LEAKED), *TALKED_ABOUT]), st.data())
def test_what_is_shown_of_an_answer_on_its_way_is_how_it_begins(text: str, data: st.DataObject) -> None:
    shown, seen = Shown(), ""
    for piece in cuttings(text, data):
        seen += shown.add(piece)
        assert arrived(text).text.startswith(seen.strip())


@each("text", [*(text for text, _ in LEAKED), *TALKED_ABOUT])
def test_it_is_so_wherever_a_piece_ends(text: str) -> None:
    whole = arrived(text).text
    for cut in range(len(text)):
        shown = Shown()
        assert whole.startswith((shown.add(text[:cut]) + shown.add(text[cut:])).strip()), cut


def test_of_several_marks_at_an_end_none_is_shown_though_they_come_in_pieces() -> None:
    for text in ("Paris.\n<|user|>\n<|endoftext|>", "<answer>Paris.</answer><|user|>"):
        for cut in range(len(text)):
            shown = Shown()
            assert "<" not in shown.add(text[:cut]) + shown.add(text[cut:]), cut


@given(st.text(), st.text())
def test_a_longer_text_never_counts_fewer_tokens(text: str, more: str) -> None:
    assert 1 <= count_tokens(text) <= count_tokens(text + more)


@each(
    ("text", "least", "most"),
    [("", 1, 1), ("word " * 750, 900, 1_100), ("汉" * 1_500, 900, 1_100), ("x" * 4_000, 900, 1_100)],
)
def test_tokens_are_guessed_as_the_platform_counts_them(text: str, least: int, most: int) -> None:
    assert least <= count_tokens(text) <= most


# An answer without end

SENTENCE = "It is as I said before, and so it stays. "


def fed(text: str, piece: int = 100) -> Draft:
    draft = Draft()
    for at in range(0, len(text), piece):
        draft.feed(chunk({"content": text[at : at + piece]}))
        draft.look_for_repetition()
    return draft


@each("unit", ["ab", "。", SENTENCE, "".join(f"line {n}\n" for n in range(120))])
def test_words_that_are_repeated_and_repeated_are_found_with_their_first_time(unit: str) -> None:
    text = "The answer is 42. " + unit * (1 + (LOOP + 2 * LONGEST_UNIT) // len(unit))
    found = repeated(text)
    assert found is not None
    start, end = found
    assert text[:end] == "The answer is 42. "[:start] + text[start:end]
    assert (end - start) % len(unit) == 0 or len(unit) % (end - start) == 0


@each(
    "text",
    [
        "",
        SENTENCE * (LOOP // len(SENTENCE)),  # not long enough to be sure
        "".join(f"{n}. It is as I said.\n" for n in range(1_000)),
        SENTENCE * 200 + "But now for something else.",
        "".join(f"| row {n} | 0.00 | 0.00 |\n" for n in range(500)),
        ("x" * (LONGEST_UNIT + 100) + "\n") * 10,
    ],
)
def test_what_changes_or_ends_is_no_repetition(text: str) -> None:
    assert repeated(text) is None


def test_a_loop_is_stopped_when_it_goes_on_from_one_look_to_the_next() -> None:
    with pytest.raises(Repetition) as caught:
        fed("The answer is 42: " + SENTENCE * 1_000)
    draft = fed("The answer is 42: " + SENTENCE)
    draft.cut_text(caught.value.end)
    assert draft.text == ("The answer is 42: " + SENTENCE).strip()


def test_a_table_of_zeros_that_comes_to_its_end_is_not_cut() -> None:
    zeros = "0, " * ((LOOP + LOOK_EVERY // 2) // 3) + "done."
    assert fed(zeros).text == zeros


@given(st.text("ab \n", min_size=200, max_size=400), st.text("xy.", min_size=1, max_size=200))
def test_no_loop_survives_and_nothing_before_it_is_lost(before: str, unit: str) -> None:
    with pytest.raises(Repetition) as caught:
        fed(before + unit * (2 + (LOOP + 3 * LOOK_EVERY) // len(unit)))
    assert len(before) - len(unit) <= caught.value.start <= len(before)
    assert 0 < caught.value.end - caught.value.start <= len(unit)


# Errors


@each(
    "event",
    [
        {"error": {"code": "1113", "message": "no money"}},
        {"error": {"code": 1113, "message": "no money"}},
        {"code": 1113, "msg": "no money", "success": False},
        {"code": "1113", "message": "no money"},
        {"type": "error", "error": {"type": "x", "code": "1113", "message": "no money"}, "request_id": "r"},
        {"error": {"code": "1113", "message": "no money"}, "choices": []},
    ],
)
@each("status", [200, 429, 500])
def test_an_error_is_found_in_every_shape_it_comes_in(event: dict[str, Any], status: int) -> None:
    with pytest.raises(QuotaError, match="no money") as caught:
        raise_if_error(event, status)
    assert caught.value.code == "1113"
    assert read_error(status, json.dumps(event)).code == "1113"


@each(
    "event",
    [
        {"choices": []},
        {"code": 200, "data": []},
        {"code": 0, "msg": "ok"},
        {"data": [{"url": "x"}], "code": 7},
        {"error": None, "choices": []},
        {"error": {"code": 0, "message": ""}, "choices": []},
        {"error": {"code": "0", "message": "success"}, "choices": [{"message": {"content": "Yes."}}]},
        {},
    ],
)
def test_what_is_no_error_passes(event: dict[str, Any]) -> None:
    raise_if_error(event)


@each(
    ("text", "shown"),
    [
        ("", "the service failed"),
        ("<html><h1>502 Bad Gateway</h1></html>", "502 Bad Gateway"),
        ('"just words"', "just words"),
        ("[1,2]", "[1,2]"),
        ('{"error": "words"}', "words"),
        ('{"error": {"message": "words"}}', "words"),
        ('{"detail": "Not Found"}', "Not Found"),
        ("[" * 60_000, "[[["),
        ("1" * 6_000, "111"),
    ],
)
def test_any_refused_body_says_what_it_can(text: str, shown: str) -> None:
    error = read_error(502, text, request_id="r1", retry_after=2.5)
    assert (error.kind, error.request_id, error.retry_after) == ("upstream", "r1", 2.5)
    assert shown in str(error)


@given(st.integers(100, 599), st.text() | JSON.map(json.dumps))
def test_a_refused_body_is_always_an_error_of_ours(status: int, text: str) -> None:
    assert read_error(status, text).hint


def test_a_message_in_a_stream_does_not_end_the_answer() -> None:
    draft = Draft()
    draft.feed({"choices": [{"index": 0, "message": {"content": "Half of it"}}]})
    assert (draft.text, draft.finish) == ("Half of it", None)
