"""JSON with comments, edited: nothing but the edit changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import each

from glm_mcp.install import jsonc

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=4), VALUES, max_size=4),
    st.text(max_size=4),
    VALUES,
    st.sampled_from([None, 1, "\t"]),
)
def test_any_member_can_be_put_into_any_object_and_dropped_again(
    whole: dict[str, Any], key: str, value: Any, indent: Any
) -> None:
    text = json.dumps(whole, indent=indent)
    new = jsonc.put(text, [key], value)
    assert jsonc.load(new) == {**whole, key: value}
    left = {k: v for k, v in whole.items() if k != key}
    assert jsonc.load(jsonc.drop(new, [key])) == left
    if key not in whole:
        assert "".join(jsonc.drop(new, [key]).split()) == "".join(text.split())


@each(
    "text",
    [
        "{",
        '{"a" 1}',
        '{"a": }',
        "{a: 1}",
        '{"a": 1} 2',
        '{"a": 01}',
        '{"a": "\n"}',
        "[" * 200,
        '{"a": 1 "b": 2}',
        "/* never closed",
    ],
)
def test_what_is_not_json_is_a_value_error_with_its_line(text: str) -> None:
    with pytest.raises(ValueError, match="line 1: "):
        jsonc.load(text)


def test_the_comma_before_a_last_member_goes_with_it_and_comments_stay() -> None:
    text = '{\n  "a": 1, // first\n  // about b\n  "b": 2\n}\n'
    assert jsonc.drop(text, ["b"]) == '{\n  "a": 1 // first\n  // about b\n}\n'
    assert jsonc.drop(text, ["a"]) == '{\n   // first\n  // about b\n  "b": 2\n}\n'
    assert jsonc.drop(text, ["c"]) == text
    assert jsonc.drop(text, ["a", "x"]) == text
    assert jsonc.drop("", ["a"]) == ""
    assert jsonc.drop(text, ["x", "y"]) == text
    assert jsonc.load(jsonc.put('{"a": 1,}', ["b"], 2)) == {"a": 1, "b": 2}
    assert jsonc.load(jsonc.drop('{"a": 1, "a": 2}', ["a"])) == {}


def test_a_value_is_replaced_in_its_place() -> None:
    text = '{\n  "a": {\n    "b": 1 /* old */\n  },\n  "c": 3\n}\n'
    assert (
        jsonc.put(text, ["a", "b"], [1])
        == '{\n  "a": {\n    "b": [\n      1\n    ] /* old */\n  },\n  "c": 3\n}\n'
    )
    with pytest.raises(ValueError, match="of another kind"):
        jsonc.put(text, ["c", "d"], 1)
