"""Qwen Code: its model is given the tools themselves in its first request, and the whole of each result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hosts.clients import CALLS, OTHER, home, needs, results_of, write
from hosts.models import DONE, Call, Model, chat

CUT = 25_000  # characters of a result, of which it shows the first 2,000 where there are more
# It holds arguments to their types.
LISTS: list[Call] = [
    (name, {k: [v] if k in ("images", "documents") else v for k, v in given.items()}) for name, given in CALLS
]


def test_all_five_calls_reach_the_model_uncut(tmp_path: Path) -> None:
    qwen = needs("qwen")
    here = home(tmp_path)
    file = here.path / ".qwen" / "settings.json"
    whole: dict[str, Any] = {
        "mcpServers": {"other": OTHER},
        "security": {"auth": {"selectedType": "openai"}},
        "privacy": {"usageStatisticsEnabled": False},
    }
    write(file, json.dumps(whole))
    here.install("qwen-code")
    (here.project / "long.md").write_text("A line of a long text, with “quotes”.\n" * 2_000, encoding="utf-8")
    calls = [
        *LISTS,
        ("read_document", {"documents": ["long.md"]}),
        ("describe_image", {"images": ["nowhere.png"]}),
    ]
    with Model(calls, chat) as model:
        api = f"{model.url}/v1"
        words = ("--yolo", "--prompt", "go now please")
        done = here.run(qwen, *words, OPENAI_BASE_URL=api, OPENAI_API_KEY="dummy", OPENAI_MODEL="mock")
    assert done.code == 0, done.text
    assert DONE in done.text, done.text
    results = results_of(model, calls, "mcp__glm__")
    assert len(results[-2]) <= CUT
    assert "persisted-output" not in "".join(results)
    assert (here.project / "made.png").is_file()

    here.install("qwen-code", "--remove")
    assert json.loads(file.read_text(encoding="utf-8"))["mcpServers"] == {"other": OTHER}
    assert here.left_running() == []
