"""OpenCode and Kilo Code, which is made from it: their model is given the tools in its first request and the whole of each result, and no picture that it cannot see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hosts.clients import CALLS, LIMIT_S, home, needs, results_of, write
from hosts.models import DONE, Model, chat

from glm_mcp.install import jsonc

SETTINGS = """{
  // mine
  "autoupdate": false,
  "model": "mock/mock",
  "small_model": "mock/mock",
  "provider": {"mock": {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": "ADDRESS/v1", "apiKey": "dummy"}, "models": {"mock": {}}}},
  "mcp": {"other": {"type": "local", "command": ["/bin/false"], "enabled": false}},
}
"""


@pytest.mark.parametrize(("command", "host"), [("opencode", "opencode"), ("kilo", "kilo-code")])
def test_all_five_calls_reach_the_model_uncut(command: str, host: str, tmp_path: Path) -> None:
    program = needs(command)
    here = home(tmp_path)
    (here.project / "long.md").write_text("一行很长的文字，里面有“引号”。\n" * 6_000, encoding="utf-8")
    calls = [
        *CALLS,
        ("read_document", {"documents": "long.md"}),
        ("describe_image", {"images": "nowhere.png"}),
    ]
    with Model(calls, chat) as model:
        file = here.path / ".config" / command / f"{command}.jsonc"
        write(file, SETTINGS.replace("ADDRESS", model.url))
        here.install(host)
        quiet = {"OPENCODE_DISABLE_MODELS_FETCH": "1", "KILO_DISABLE_MODELS_FETCH": "1"}
        done = here.run(program, "run", "go now please", limit_s=LIMIT_S, **quiet)
    assert done.code == 0, done.text
    assert DONE in done.text, done.text
    results = results_of(model, calls, "glm_")
    assert "truncated" not in "".join(results)
    assert "Cannot read image" not in json.dumps(model.requests)
    assert (here.project / "made.png").is_file()

    here.install(host, "--remove")
    text = file.read_text(encoding="utf-8")
    assert "// mine" in text
    assert list(jsonc.load(text)["mcp"]) == ["other"]
    assert here.left_running() == []
