"""Codex: its own file keeps its comments, and its model is given the text and the pictures of all five tools."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from hosts.clients import CALLS, COMMAND, MARKS, home, needs, write
from hosts.models import DONE, Model, responses, responses_results

CONFIG = """# my own choice
model = "mock"          # not another
model_provider = "mock"

[model_providers.mock]
name = "mock"
base_url = "{url}/v1"
env_key = "MOCK_KEY"
wire_api = "responses"

[mcp_servers.other]
command = "/bin/false"  # does nothing
"""


def test_all_five_calls_reach_the_model_and_the_file_keeps_the_rest(tmp_path: Path) -> None:
    codex = needs("codex")
    here = home(tmp_path)
    file = here.path / ".codex" / "config.toml"
    with Model(CALLS, responses) as model:
        config = CONFIG.format(url=model.url)
        write(file, config)
        here.install("codex")
        text = file.read_text(encoding="utf-8")
        assert text.startswith(config.rstrip())
        assert tomllib.loads(text)["mcp_servers"]["other"] == {"command": "/bin/false"}

        got = here.run(codex, "mcp", "get", "glm")
        assert got.code == 0, got.text
        assert COMMAND in got.out
        listed = here.run(codex, "mcp", "list")
        assert "glm" in listed.out
        assert "other" in listed.out

        done = here.run(
            codex, "exec", "--skip-git-repo-check",
            "-c", 'mcp_servers.glm.env.GLM_SIMULATE="1"',
            "-c", 'mcp_servers.glm.env.GLM_LANG="en"',
            "-c", 'mcp_servers.glm.default_tools_approval_mode="approve"',
            "go",
            MOCK_KEY="dummy",
        )  # fmt: skip
    assert done.code == 0, done.text
    assert DONE in done.text
    asked = max(model.requests, key=lambda body: len(responses_results(body)))
    results = {r["call_id"].removeprefix("call_"): r["output"] for r in responses_results(asked)}
    assert list(results) == [name for name, _ in CALLS]
    for name, output in results.items():
        text = json.dumps(output, ensure_ascii=False)
        assert [mark for mark in MARKS[name] if mark not in text] == [], (name, text)
    drawn = results["generate_image"]
    assert isinstance(drawn, list)
    assert any(item["type"] == "input_image" and len(item["image_url"]) > 100 for item in drawn), drawn
    assert (here.project / "made.png").is_file()
    assert "GLM models as tools" in json.dumps(asked), "the server's instructions"

    here.install("codex", "--remove")
    assert file.read_text(encoding="utf-8").rstrip() == config.rstrip()
    assert here.left_running() == []
