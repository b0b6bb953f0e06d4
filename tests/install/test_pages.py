"""The pages about clients show what `install` writes."""

from __future__ import annotations

import re

from support.cases import each
from support.paths import ROOT

from glm_mcp.cli.main import cli
from glm_mcp.clients.table import ANY, CLIENTS
from glm_mcp.install.config_file import dump
from glm_mcp.install.entry import document, entry
from glm_mcp.install.install import NAMES

PAGES = ROOT / "docs" / "hosts"


def test_every_host_has_a_page_and_both_languages_lead_to_it() -> None:
    assert {p.stem for p in PAGES.iterdir()} == set(NAMES)
    for readme in ("README.md", "README.zh-CN.md"):
        text = (PAGES.parent.parent / readme).read_text(encoding="utf-8")
        assert [n for n in NAMES if f"(docs/hosts/{n}.md)" not in text] == []


@each("name", NAMES)
def test_a_page_shows_the_entry_of_the_code_and_ends_in_how_to_check(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    client = CLIENTS.get(name, ANY)
    made = entry(client, ["/path/to/glm_mcp/.venv/bin/glm-mcp"])
    assert dump(client, document(client, {"glm": made})) in text
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[-1] == "How to check"
    assert "```console" in text.partition("## How to check")[2]
    shown = re.findall(r"^glm-mcp install (.*)$", text, re.MULTILINE)
    assert shown
    for words in shown:
        context = cli.commands["install"].make_context("install", words.split())
        assert context.params["host"] == name
        if context.params["scope"] == "project":
            assert client.project
        if context.params["url"]:
            assert client.http is not None
