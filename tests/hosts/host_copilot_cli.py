"""Copilot CLI: its model is given the tools in its first request and the whole of each result."""

from __future__ import annotations

import json
from pathlib import Path

from hosts.clients import CALLS, OTHER, home, needs, results_of, write
from hosts.models import DONE, Model, chat

CUT = 20_480  # bytes of a result, of which it shows the first 500 where there are more


def test_all_five_calls_reach_the_model_uncut(tmp_path: Path) -> None:
    copilot = needs("copilot")
    here = home(tmp_path)
    file = here.path / ".copilot" / "mcp-config.json"
    other = {"type": "local", "tools": [], **OTHER}
    write(file, json.dumps({"mcpServers": {"other": other}}))
    here.install("copilot-cli")
    (here.project / "long.md").write_text("一行很长的文字，里面有“引号”。\n" * 6_000, encoding="utf-8")
    calls = [
        *CALLS,
        ("read_document", {"documents": "long.md"}),
        ("describe_image", {"images": "nowhere.png"}),
    ]
    with Model(calls, chat) as model:
        done = here.run(
            copilot,
            "--prompt",
            "go now please",
            "--allow-all-tools",
            COPILOT_OFFLINE="true",
            COPILOT_PROVIDER_BASE_URL=f"{model.url}/v1",
            COPILOT_PROVIDER_API_KEY="dummy",
            COPILOT_MODEL="mock",
        )
    assert done.code == 0, done.text
    assert DONE in done.text, done.text
    results = results_of(model, calls, "glm-")
    assert CUT // 2 < len(results[-2].encode()) <= CUT
    assert "Output too large" not in "".join(results)
    assert (here.project / "made.png").is_file()

    here.install("copilot-cli", "--remove")
    assert json.loads(file.read_text(encoding="utf-8"))["mcpServers"] == {"other": other}
    assert here.left_running() == []
