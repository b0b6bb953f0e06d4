"""The reference tools of the protocol: Inspector, the FastMCP client, the bundle's validator, the conformance suite."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts.clients import CALLS, CLIENTS, COMMAND, MARKS, Home, home, json_in, needs, write
from support.processes import environment, over_http

from glm_mcp.settings import TOOLS

ROOT = Path(__file__).resolve().parents[2]

# Scenarios of the suite for any server; the others need the fixtures of its own example server.
SCENARIOS = {
    "2025-11-25": [
        *(
            "server-initialize",
            "server-session-lifecycle",
            "ping",
            "tools-list",
            "resources-list",
            "prompts-list",
        ),
        *("dns-rebinding-protection", "server-sse-multiple-streams"),
    ],
    "2026-07-28": [
        *("tools-list", "resources-list", "prompts-list", "dns-rebinding-protection", "caching"),
        *("sep-2164-resource-not-found", "http-header-validation", "server-sse-multiple-streams"),
        *("input-required-result-unsupported-methods", "server-stateless"),
    ],
}
# Each of these calls a diagnostic tool of the suite's own example server: two a tool that asks its client for sampling, one
# a tool that asks for an elicitation in its stream, one a tool that logs. No tool of ours asks its client for anything or
# logs through the protocol, so there is nothing to see; the suite calls that "not testable", and counts it as a failure.
EXPECTED = """server:
  - server-stateless:sep-2575-server-rejects-undeclared-capability
  - server-stateless:sep-2575-missing-capability-http-400
  - server-stateless:sep-2575-http-server-no-independent-requests-on-stream
  - server-stateless:sep-2575-server-no-log-without-loglevel
"""


@pytest.fixture
def here(tmp_path: Path) -> Home:
    return home(tmp_path)


@pytest.fixture
def address(here: Home) -> Iterator[str]:
    """A server over HTTP, on the simulator: of one person, without a token and so without folders."""
    env = environment(here.path, GLM_SIMULATE="1")
    with over_http(env, here.project) as (url, _):
        yield f"{url}/mcp"


@pytest.mark.parametrize("era", ["auto", "modern", "legacy"])
def test_inspector_finds_no_fault_in_the_schemas_over_stdio(era: str, here: Home) -> None:
    inspector = needs("mcp-inspector")
    done = here.run(inspector, "--cli", COMMAND, "--method", "tools/list", "--strict", "--protocol-era", era)
    assert done.code == 0, done.text
    assert [t["name"] for t in json.loads(done.out)["tools"]] == list(TOOLS)


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_inspector_finds_no_fault_in_the_schemas_over_http(era: str, here: Home, address: str) -> None:
    inspector = needs("mcp-inspector")
    words = ["--cli", address, "--transport", "http", "--protocol-era", era]
    done = here.run(inspector, *words, "--method", "tools/list", "--strict")
    assert done.code == 0, done.text
    assert [t["name"] for t in json.loads(done.out)["tools"]] == list(TOOLS)


def test_inspector_calls_every_tool_over_stdio(here: Home) -> None:
    inspector = needs("mcp-inspector")
    for name, arguments in CALLS:
        given = json.dumps(arguments)
        words = ["--method", "tools/call", "--tool-name", name, "--tool-args-json", given]
        done = here.run(inspector, "--cli", COMMAND, *words, "-e", "GLM_SIMULATE=1", "-e", "GLM_LANG=en")
        assert done.code == 0, done.text
        text = "\n".join(b["text"] for b in json.loads(done.out)["content"] if b["type"] == "text")
        assert [mark for mark in MARKS[name] if mark not in text] == [], text


def test_inspector_calls_over_http_and_an_error_is_one(here: Home, address: str) -> None:
    inspector = needs("mcp-inspector")
    words = ["--cli", address, "--transport", "http", "--method", "tools/call", "--tool-name"]
    done = here.run(inspector, *words, "chat", "--tool-arg", "prompt=hello")
    assert done.code == 0, done.text
    assert "I received text of" in done.out
    wrong = here.run(inspector, *words, "describe_image", "--tool-arg", "images=/etc/passwd")
    assert wrong.code != 0
    assert "forbidden_path" in wrong.text


def test_inspector_reads_prompts_and_resources(here: Home) -> None:
    inspector = needs("mcp-inspector")
    base = [inspector, "--cli", COMMAND, "--method"]
    prompts = here.run(*base, "prompts/list")
    assert len(json_in(prompts.out)["prompts"]) == 8, prompts.text  # type: ignore[arg-type]
    written = here.run(*base, "prompts/get", "--prompt-name", "ocr", "--prompt-args", "image=photo.jpg")
    assert "Call describe_image" in written.out, written.text
    listed = here.run(*base, "resources/list")
    assert "glm://usage" in listed.out, listed.text
    read = here.run(*base, "resources/read", "--uri", "glm://models/glm-4.6v-flash")
    assert "glm-4.6v-flash" in read.out, read.text


def test_fastmcp_lists_and_calls_over_stdio_and_http(here: Home, address: str, tmp_path: Path) -> None:
    fastmcp = CLIENTS / "fastmcp" / "bin" / "fastmcp"
    assert fastmcp.is_file(), "run scripts/test-hosts"
    config = tmp_path / "config.json"
    config.write_text(here.install("print").out, encoding="utf-8")
    # This client hands none of its environment on: the settings file must do.
    write(here.path / ".config" / "glm-mcp" / "env", "GLM_SIMULATE=1\nGLM_LANG=en\n")
    for target in ([address], [str(config)]):
        listed = here.run(str(fastmcp), "list", *target)
        assert listed.code == 0, listed.text
        assert [name for name in TOOLS if name not in listed.out] == []
        words = ["chat", "prompt=hello"]
        called = here.run(str(fastmcp), "call", *target, *words)
        assert called.code == 0, called.text
        assert "I received text of" in called.out, called.text


def test_the_bundle_is_valid(here: Home, tmp_path: Path) -> None:
    mcpb = needs("mcpb")
    manifest = here.run(mcpb, "validate", str(ROOT / "manifests" / "manifest.json"))
    assert manifest.code == 0, manifest.text
    packed = runpy.run_path(str(ROOT / "scripts" / "bundle"))["pack"](tmp_path)
    unpacked = here.run(mcpb, "unpack", str(packed), str(tmp_path / "out"))
    assert unpacked.code == 0, unpacked.text
    again = here.run(mcpb, "validate", str(tmp_path / "out" / "manifest.json"))
    assert again.code == 0, again.text
    assert (tmp_path / "out" / "glm_mcp" / "server" / "app.py").is_file()


@pytest.mark.parametrize("version", list(SCENARIOS))
def test_every_scenario_of_the_conformance_suite_that_applies_passes(
    version: str, here: Home, address: str, tmp_path: Path
) -> None:
    conformance = needs("conformance")
    known = here.run(conformance, "list", "--server")
    assert known.code == 0, known.text
    baseline = tmp_path / "expected.yml"
    baseline.write_text(EXPECTED, encoding="utf-8")
    for scenario in SCENARIOS[version]:
        assert scenario in known.out
        words = ["--url", address, "--scenario", scenario, "--spec-version", version]
        if scenario == "server-stateless":
            words += ["--expected-failures", str(baseline)]
        done = here.run(conformance, "server", *words)
        assert done.code == 0, f"{scenario}: {done.text}"
        failed = [line for line in done.text.splitlines() if line.strip().startswith("Error:")]
        assert all("Not testable: server does not list the diagnostic tool" in line for line in failed), (
            failed
        )
