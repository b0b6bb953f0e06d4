"""Whether an answer is the JSON asked for, with a schema that may be hostile."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import each

from glm_mcp.errors import InvalidRequest
from glm_mcp.tools.structured import check, check_schema, misfit, parse

pytestmark = pytest.mark.anyio

POINT = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}


@each(
    ("text", "value"),
    [
        ('{"x": 1}', {"x": 1}),
        ("[1]", [1]),
        ('Here:\n```json\n{"x": 1}\n```\nDone.', {"x": 1}),
        ("```\n3\n```", 3),
        ('{"x": "one\ntwo\t3"}', {"x": "one\ntwo\t3"}),
        ('So: {"x": "one\ntwo"} there', {"x": "one\ntwo"}),
        ('{"x": [1, 2,],\n}', {"x": [1, 2]}),
        (
            'Here:\n```json\n{"x": "a,]", // the first\n "y": "http://b/*c*/", /* all */}\n```',
            {"x": "a,]", "y": "http://b/*c*/"},
        ),
    ],
)
def test_json_is_found_alone_or_in_a_fence(text: str, value: object) -> None:
    assert parse(text) == (value, None)


@each(
    "text",
    [
        "",
        "no",
        "{'x': 1}",
        "[,]",
        "[1,,2]",
        "{" + "/* " * 300_000,
        "{" + '"\\' * 300_000,
        '{"x": 1',
        "[" * 100_000,
        '{"x": NaN}',
        "[Infinity]",
    ],
)
def test_what_is_no_json_is_named(text: str) -> None:
    value, problem = parse(text)
    assert value is None
    assert problem is not None
    assert problem.startswith("not JSON (")


@given(st.text())
def test_no_text_is_too_strange_to_judge(text: str) -> None:
    parse(text)


async def test_a_value_that_does_not_fit_is_named_with_its_place() -> None:
    assert await check('{"x": 1}', POINT) == ({"x": 1}, None)
    assert misfit({"x": "a"}, POINT) == "x: 'a' is not of type 'integer'"
    assert misfit({}, POINT) == "the value: 'x' is a required property"


async def test_patterns_are_checked() -> None:
    schema = {"type": "string", "pattern": "^a+$"}
    with anyio.fail_after(60):
        assert await check('"aaa"', schema) == ("aaa", None)
        assert (await check('"b"', schema))[1] == "the value: 'b' does not match '^a+$'"


TREE = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)} | {"a40": True}


@pytest.mark.extreme
@each(
    ("schema", "answer"),
    [
        ({"type": "string", "pattern": "^(a+)+$"}, '"' + "a" * 60 + '!"'),
        ({"$defs": TREE, "$ref": "#/$defs/a0"}, "1"),
        ({"type": "array", "uniqueItems": True}, json.dumps([{"n": n} for n in range(30_000)])),
    ],
    ids=["pattern", "references", "unique"],
)
async def test_a_schema_that_takes_for_ever_is_refused_and_nothing_waits_for_it(
    schema: Any, answer: str
) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await anyio.sleep(0.05)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            with pytest.raises(InvalidRequest, match="could not be checked within 2 s"):
                await check(answer, schema, within_s=2)
            group.cancel_scope.cancel()
    assert ticks > 16


@pytest.mark.timeout(10)
def test_white_space_without_end_is_judged_at_once() -> None:
    assert parse("```json" + "\n" * 200_000 + "x")[1] is not None


@pytest.mark.anyio
async def test_a_schema_of_a_size_that_no_model_follows_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="at most 60,000"):
        await check_schema({"enum": ["x" * 70_000]})


@pytest.mark.anyio
@each("ref", ["http://127.0.0.1:9/schema.json", "file:///etc/passwd", "other.json"])
async def test_a_schema_that_refers_elsewhere_is_refused_and_not_fetched(ref: str) -> None:
    with pytest.raises(InvalidRequest, match="is not fetched"):
        await check_schema({"properties": {"x": {"$ref": ref}}})
    assert "refers to" in str(misfit({"x": 1}, {"properties": {"x": {"$ref": ref}}}))


@pytest.mark.anyio
async def test_a_schema_may_refer_to_itself() -> None:
    tree = {
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        "$ref": "#/$defs/node",
    }
    await check_schema(tree)
    assert misfit({"next": {"next": {}}}, tree) is None
    assert misfit({"next": 1}, tree) == "next: 1 is not of type 'object'"


@pytest.mark.anyio
@each("schema", [{"type": "nothing"}, {"$schema": []}, {"$schema": 5}, {"$schema": "http://["}])
async def test_a_schema_that_is_none_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="not a valid JSON Schema"):
        await check_schema(schema)


@pytest.mark.anyio
async def test_an_envelope_that_the_schema_does_not_know_is_taken_off() -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    assert await check('{"answer": {"city": "Oslo"}}', schema) == ({"city": "Oslo"}, None)
    assert await check('{"city": "Oslo"}', schema) == ({"city": "Oslo"}, None)
    value, problem = await check('{"a": {"city": "Oslo"}, "b": {"city": "Rome"}}', schema)
    assert problem, f"nobody knows which of two is meant: {value}"


def test_a_place_of_megabytes_in_an_answer_is_not_repeated() -> None:
    said = misfit({"a" * 1_000_000: 1}, {"additionalProperties": {"type": "string"}})
    assert said is not None
    assert len(said) < 500
