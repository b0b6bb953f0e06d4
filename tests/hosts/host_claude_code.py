"""Claude Code: installed by its own command, connected, and its model is given the text and the pictures of all five tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hosts.clients import CALLS, COMMAND, LIMIT_S, MARKS, OTHER, Home, home, needs, write
from hosts.models import DONE, Call, Model, messages, messages_results
from support.processes import environment, over_http

TOKEN = "a-token-of-enough-characters"


def answered_by_claude(here: Home) -> None:
    """Tells the server that the model of the test stands for Claude, as where Claude answers behind a gateway."""
    place = here.path / ".claude.json"
    file = json.loads(place.read_text(encoding="utf-8"))
    file["mcpServers"]["glm"]["env"]["ANTHROPIC_BASE_URL"] = "https://api.anthropic.com"
    write(place, json.dumps(file))


def all_five_reach_the_model(
    here: Home,
    claude: str,
    calls: list[Call] = CALLS,
    marks: dict[str, list[str]] = MARKS,
    **variables: str,
) -> dict[str, Any]:
    """What the model was asked last. `variables`: of the environment in which Claude Code starts."""
    with Model(calls, messages) as model:
        done = here.run(
            claude, "-p", "go", "--allowedTools", "mcp__glm__*", "--output-format", "json",
            ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="sk-dummy", limit_s=LIMIT_S, **variables,
        )  # fmt: skip
    assert done.code == 0, done.text
    assert DONE in done.out
    asked = max(model.requests, key=lambda body: len(messages_results(body)))
    results = {r["tool_use_id"].removeprefix("toolu_"): r for r in messages_results(asked)}
    assert list(results) == [name for name, _ in calls]
    for name, result in results.items():
        blocks = (
            result["content"]
            if isinstance(result["content"], list)
            else [{"type": "text", "text": result["content"]}]
        )
        text = "\n".join(b["text"] for b in blocks if b["type"] == "text")
        assert not result.get("is_error"), text
        assert [mark for mark in marks[name] if mark not in text] == [], (name, text)
    drawn = results["generate_image"]["content"]
    assert any(b["type"] == "image" and len(b["source"]["data"]) > 100 for b in drawn), drawn
    return asked


def test_installed_connected_and_all_five_calls_reach_the_model(tmp_path: Path) -> None:
    claude = needs("claude")
    here = home(tmp_path)
    write(here.path / ".claude.json", json.dumps({"mcpServers": {"other": OTHER}, "numStartups": 3}))
    here.install("claude-code")
    file = json.loads((here.path / ".claude.json").read_text(encoding="utf-8"))
    assert file["mcpServers"]["other"] == OTHER
    assert file["mcpServers"]["glm"]["command"] == COMMAND
    assert file["mcpServers"]["glm"]["timeout"] == 600_000

    listed = here.run(claude, "mcp", "list")
    assert any("glm:" in line and "Connected" in line for line in listed.text.splitlines()), listed.text
    got = here.run(claude, "mcp", "get", "glm")
    assert COMMAND in got.out, got.text

    answered_by_claude(here)
    asked = all_five_reach_the_model(here, claude)
    assert (here.project / "made.png").is_file()
    assert "GLM models as tools" in json.dumps(asked), "the server's instructions"

    here.install("claude-code", "--remove")
    file = json.loads((here.path / ".claude.json").read_text(encoding="utf-8"))
    assert file["mcpServers"] == {"other": OTHER}
    assert here.left_running() == []


def test_a_teams_server_is_used_through_the_bridge_with_files_of_this_machine(tmp_path: Path) -> None:
    claude = needs("claude")
    here = home(tmp_path)
    env = environment(tmp_path / "server", GLM_SIMULATE="1", GLM_HTTP_TOKEN=TOKEN)
    with over_http(env, tmp_path / "server") as (url, _):
        here.install("claude-code", "--connect", url)
        assert TOKEN not in (here.path / ".claude.json").read_text(encoding="utf-8")
        answered_by_claude(here)
        listed = here.run(claude, "mcp", "list", GLM_CONNECT_TOKEN=TOKEN)
        assert any("glm:" in line and "Connected" in line for line in listed.text.splitlines()), listed.text
        all_five_reach_the_model(here, claude, GLM_CONNECT_TOKEN=TOKEN)
    assert (here.project / "made.png").read_bytes().startswith(b"\x89PNG")


def test_a_prompt_gets_every_word_of_the_line(tmp_path: Path) -> None:
    claude = needs("claude")
    here = home(tmp_path)
    here.install("claude-code")
    for line, words in (
        ("report.pdf what was sold", ['documents="report.pdf"', "to know: what was sold"]),
        ('"my report.pdf" what was sold', ['documents="my report.pdf"', "to know: what was sold"]),
    ):
        with Model([], messages) as model:
            done = here.run(
                claude, "-p", f"/mcp__glm__ask-document {line}",
                ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="sk-dummy",
            )  # fmt: skip
        assert done.code == 0, done.text
        asked = json.dumps([body["messages"] for body in model.requests])
        assert [word for word in words if word not in asked and json.dumps(word)[1:-1] not in asked] == []


def test_a_token_is_sent_to_a_team_s_server(tmp_path: Path) -> None:
    claude = needs("claude")
    here = home(tmp_path)
    env = environment(here.path, GLM_SIMULATE="1", GLM_HTTP_TOKEN=TOKEN)
    with over_http(env, here.project) as (url, _):
        here.install("claude-code", "--http", f"{url}/mcp", "--token-env", "TEAM_TOKEN")
        assert TOKEN not in (here.path / ".claude.json").read_text(encoding="utf-8")
        listed = here.run(claude, "mcp", "list", TEAM_TOKEN=TOKEN)
    assert any("glm:" in line and "Connected" in line for line in listed.text.splitlines()), listed.text


def test_a_project_s_file_is_read_and_waits_for_approval(tmp_path: Path) -> None:
    claude = needs("claude")
    here = home(tmp_path)
    here.install("claude-code", "--scope", "project")
    listed = here.run(claude, "mcp", "list")
    assert any("glm:" in line and "Pending approval" in line for line in listed.text.splitlines()), (
        listed.text
    )
