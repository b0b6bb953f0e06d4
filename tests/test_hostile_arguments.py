"""Any JSON as arguments of any tool: an answer, or a refusal that names the field."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Connect
from hypothesis import given, settings
from hypothesis import strategies as st
from support import text_of
from toolkit import call, fresh_simulator

from glm_mcp.errors import InvalidRequest
from glm_mcp.server import TOOLS
from glm_mcp.simulator import Simulator
from glm_mcp.tools.arguments import read

pytestmark = pytest.mark.anyio

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
NAMES = sorted({n for t in TOOLS.values() for a in t.args for n in (a.name, *a.also)})


@pytest.fixture
def sim() -> Iterator[Simulator]:
    yield from fresh_simulator()


@pytest.mark.parametrize("tool", list(TOOLS))
@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=12), ANYTHING, max_size=6))
def test_any_arguments_are_read_or_refused_by_name(tool: str, arguments: dict[str, Any]) -> None:
    found, refused = {}, ""
    try:
        found = read(tool, TOOLS[tool].args, arguments)
    except InvalidRequest as error:
        refused = str(error)
    assert set(found) <= {a.name for a in TOOLS[tool].args}
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


@pytest.mark.parametrize("tool", list(TOOLS))
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


@pytest.mark.parametrize("tool", list(TOOLS))
async def test_arguments_as_deep_as_json_allows_are_no_defect(
    tool: str, connect: Connect, sim: Simulator
) -> None:
    deep: Any = "x"
    for _ in range(150):
        deep = [deep]
    async with connect(GLM_DEADLINE_S="5") as client:
        for arguments in (
            {a.name: deep for a in TOOLS[tool].args},
            {"prompt": deep},
            {"x" * 10_000: deep},
            {},
        ):
            result = await call(client, tool, 20, **arguments)
            # A list of one is taken for what is in it, however deep.
            assert not result.is_error or text_of(result).startswith("invalid_request: ")
            assert len(text_of(result)) < 2_000
