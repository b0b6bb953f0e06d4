"""Real clients of a team's server behind nginx, with tokens: Claude Code by itself and through the bridge, and Inspector."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hosts.clients import MARKS, home, needs
from hosts.host_claude_code import all_five_reach_the_model, answered_by_claude
from hosts.models import Call
from support.team import Team, team

from glm_mcp.samples import FOLDER
from glm_mcp.settings import TOOLS

# What the simulator of the test received. Only a server that simulates by itself marks its answers.
REACHED = {tool: [m for m in marks if m != "SIMULATED"] for tool, marks in MARKS.items()}


@pytest.fixture(scope="module")
def shared() -> Iterator[Team]:
    with team() as made:
        yield made


@pytest.fixture
def ada(shared: Team) -> Iterator[str]:
    yield shared.token("ada")
    shared.command("token", "revoke", "ada")


def uploaded(team: Team, token: str, name: str) -> str:
    """What the tools take in place of a file of this machine."""
    with (FOLDER / name).open("rb") as file:
        answer = httpx.post(
            f"{team.url}/files",
            files={"file": (name, file)},
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
        )
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["uri"])


def test_claude_code_with_a_token_calls_every_tool_with_files_that_were_uploaded(
    shared: Team, ada: str, tmp_path: Path
) -> None:
    claude = needs("claude")
    here = home(tmp_path)
    line = shared.command("token", "add", "bob").splitlines()[-1]
    assert line.startswith("claude mcp add --transport http glm http://glm.test:8080/mcp --header ")
    shared.command("token", "revoke", "bob")
    here.install("claude-code", "--http", f"{shared.url}/mcp", "--token-env", "TEAM_TOKEN")
    listed = here.run(claude, "mcp", "list", TEAM_TOKEN=ada)
    assert any("glm:" in line and "Connected" in line for line in listed.text.splitlines()), listed.text
    calls: list[Call] = [
        ("chat", {"prompt": "hello from a host"}),
        ("describe_image", {"images": uploaded(shared, ada, "photo.jpg"), "prompt": "What is this?"}),
        ("analyze_video", {"video": uploaded(shared, ada, "clip.mp4"), "task": "summary"}),
        ("read_document", {"documents": uploaded(shared, ada, "report.pdf")}),
        ("generate_image", {"prompt": "a lighthouse", "size": "1024x1024"}),
    ]
    all_five_reach_the_model(here, claude, calls, {**REACHED, "generate_image": ["1024"]}, TEAM_TOKEN=ada)
    served = {r["replica"] for r in shared.front.requests() if r["path"] == "/mcp"}
    assert len(served) == 2, "both replicas"


def test_claude_code_shows_how_to_get_in(shared: Team, tmp_path: Path) -> None:
    claude = needs("claude")
    here = home(tmp_path)
    added = here.run(claude, "mcp", "add", "--transport", "http", "glm", f"{shared.url}/mcp")
    assert added.code == 0, added.text
    listed = here.run(claude, "mcp", "list")
    assert "Connected" not in listed.text
    assert "This server takes a token of its own, not OAuth." in listed.text
    assert "claude mcp add --transport http glm" in listed.text
    assert "Authorization: Bearer TOKEN" in listed.text


def test_claude_code_through_the_bridge_uses_files_of_its_machine(
    shared: Team, ada: str, tmp_path: Path
) -> None:
    claude = needs("claude")
    here = home(tmp_path)
    here.install("claude-code", "--connect", shared.url)
    assert ada not in (here.path / ".claude.json").read_text(encoding="utf-8")
    answered_by_claude(here)
    all_five_reach_the_model(here, claude, marks=REACHED, GLM_CONNECT_TOKEN=ada)
    assert (here.project / "made.png").read_bytes().startswith(b"\x89PNG")
    assert here.left_running() == []


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_inspector_lists_and_calls_with_a_token(era: str, shared: Team, ada: str, tmp_path: Path) -> None:
    inspector = needs("mcp-inspector")
    here = home(tmp_path)
    words = ["--cli", f"{shared.url}/mcp", "--transport", "http", "--protocol-era", era]
    header = ["--header", f"Authorization: Bearer {ada}"]
    listed = here.run(inspector, *words, *header, "--method", "tools/list", "--strict")
    assert listed.code == 0, listed.text
    assert [t["name"] for t in json.loads(listed.out)["tools"]] == list(TOOLS)
    call = ["--method", "tools/call", "--tool-name", "chat", "--tool-arg", "prompt=hello"]
    done = here.run(inspector, *words, *header, *call)
    assert done.code == 0, done.text
    assert "I received text of" in done.out
    refused = here.run(inspector, *words, "--header", "Authorization: Bearer no", *call)
    assert refused.code != 0
