"""Gemini CLI: connected by the file that `install` writes, beside the servers that were there."""

from __future__ import annotations

from pathlib import Path

from hosts.clients import COMMAND, home, needs, write

from glm_mcp.install import jsonc

SETTINGS = """{
  // mine
  "theme": "dark",
  "mcpServers": {
    "other": { "command": "/bin/false" }, // broken on purpose
  }
}
"""


def test_gemini_lists_it_as_connected_and_the_file_keeps_the_rest(tmp_path: Path) -> None:
    gemini = needs("gemini")
    here = home(tmp_path)
    file = here.path / ".gemini" / "settings.json"
    write(file, SETTINGS)
    here.install("gemini-cli")
    after = jsonc.load(file.read_text(encoding="utf-8"))
    assert after["mcpServers"]["other"] == {"command": "/bin/false"}
    assert "// broken on purpose" in file.read_text(encoding="utf-8")
    listed = here.run(gemini, "mcp", "list", GEMINI_CLI_TRUST_WORKSPACE="true")
    lines = listed.text.splitlines()
    assert any(COMMAND in line and "Connected" in line and "glm" in line for line in lines), listed.text
    here.install("gemini-cli", "--remove")
    assert "glm" not in jsonc.load(file.read_text(encoding="utf-8"))["mcpServers"]
    assert here.left_running() == []
