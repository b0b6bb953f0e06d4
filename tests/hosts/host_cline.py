"""Cline: nothing of a result is cut, and its model is given the text of all five tools and no base64."""

from __future__ import annotations

import json
from pathlib import Path

from hosts.clients import CALLS, MARKS, OTHER, home, needs, write
from hosts.models import DONE, Model, chat, chat_results

CUT = 8_000  # characters of a result, after which Cline leaves the middle out


def test_all_five_calls_reach_the_model_uncut(tmp_path: Path) -> None:
    cline = needs("cline")
    here = home(tmp_path)
    file = here.path / ".cline" / "data" / "settings" / "cline_mcp_settings.json"
    write(file, json.dumps({"mcpServers": {"other": {**OTHER, "disabled": True}}}))
    here.install("cline")
    long = ("read_document", {"documents": "long.md"})
    (here.project / "long.md").write_text("A line of a long text, with “quotes”.\n" * 2_000, encoding="utf-8")
    wrong = ("describe_image", {"images": "nowhere.png"})
    calls = [*CALLS, long, wrong]
    with Model(calls, chat) as model:
        url = f"{model.url}/v1"
        here.run(cline, "auth", "-p", "openai", "-k", "dummy", "-m", "mock", "-b", url)
        done = here.run(
            cline,
            "--json",
            "--auto-approve",
            "true",
            "-P",
            "openai-compatible",
            "-m",
            "mock",
            "go now please",
        )
    assert done.code == 0, done.text
    assert DONE in done.text, done.text
    asked = max(model.requests, key=lambda body: len(chat_results(body)))
    results = [json.dumps(r["content"], ensure_ascii=False) for r in chat_results(asked)]
    assert len(results) == len(calls), results
    for (name, _), text in zip(CALLS, results, strict=False):
        assert [mark for mark in MARKS[name] if mark not in text] == [], (name, text)
    assert results[-1].count("there is no file") == 1, "an error is told once"
    whole = results[-2]
    assert "Go on with read_document" in whole
    assert "cursor" in whole
    assert len(chat_results(asked)[-2]["content"]) <= CUT
    assert "resource_link" not in "".join(results)
    assert not [text for text in results if "iVBOR" in text or "/9j/" in text], "no picture as text"
    assert (here.project / "made.png").is_file()

    here.install("cline", "--remove")
    assert json.loads(file.read_text(encoding="utf-8"))["mcpServers"] == {
        "other": {**OTHER, "disabled": True}
    }
    assert here.left_running() == []
