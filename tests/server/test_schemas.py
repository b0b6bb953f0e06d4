"""The definitions that hosts see: committed word for word, and small.

After a change that is meant: `PYTHONPATH=tests .venv/bin/python tests/server/test_schemas.py` writes the snapshot anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.cases import each
from support.connect import Connect
from support.paths import DATA

from glm_mcp.server.app import TOOLS
from glm_mcp.server.protocol import describe
from glm_mcp.tools.arguments import arguments_of

pytestmark = pytest.mark.anyio

SNAPSHOT = DATA / "schemas.json"
MOST_BYTES = 6_000


def definitions() -> list[dict[str, Any]]:
    return [
        describe(tool).model_dump(mode="json", by_alias=True, exclude_none=True) for tool in TOOLS.values()
    ]


async def test_the_definitions_are_those_committed() -> None:
    assert SNAPSHOT.is_file(), f"no snapshot: run python {Path(__file__).name}"
    assert definitions() == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


async def test_a_host_gets_them_in_at_most_six_thousand_bytes(connect: Connect) -> None:
    async with connect() as client:
        listed = await client.list_tools()
    whole = [t.model_dump(mode="json", by_alias=True, exclude_none=True) for t in listed.tools]
    assert whole == definitions()
    assert len(json.dumps({"tools": whole}, ensure_ascii=False, separators=(",", ":")).encode()) <= MOST_BYTES


@each("name", list(TOOLS))
async def test_each_definition_is_a_plain_object_schema_with_every_argument(name: str) -> None:
    schema = TOOLS[name].schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    # A host that checks before it calls must not refuse what we forgive.
    assert "additionalProperties" not in schema
    rows = arguments_of(TOOLS[name].args)
    assert list(schema["properties"]) == [a.name for a in rows]
    assert schema["required"] == [rows[0].name]


async def test_four_tools_only_read_and_one_writes_a_file() -> None:
    hints = {d["name"]: d["annotations"] for d in definitions()}
    writes = hints.pop("generate_image")
    assert all(h["readOnlyHint"] and h["openWorldHint"] for h in hints.values())
    assert writes == {
        "readOnlyHint": False,
        "destructiveHint": False,
        "idempotentHint": False,
        "openWorldHint": True,
    }


async def test_no_output_schema_unless_structured_results_are_wanted(connect: Connect) -> None:
    async with connect() as client:
        plain = await client.list_tools()
    async with connect(GLM_STRUCTURED="1") as client:
        structured = await client.list_tools()
    assert all(t.output_schema is None for t in plain.tools)
    assert all(t.output_schema is not None for t in structured.tools)


async def test_only_the_tools_of_the_settings_are_offered(connect: Connect) -> None:
    from mcp.shared.exceptions import MCPError

    async with connect(GLM_TOOLS="chat, read_document") as client:
        listed = await client.list_tools()
        with pytest.raises(MCPError) as caught:
            await client.call_tool("generate_image", {"prompt": "a"})
    assert [t.name for t in listed.tools] == ["chat", "read_document"]
    assert caught.value.error.code == -32602
    assert "The tools are: chat, read_document." in caught.value.error.message


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(definitions(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
