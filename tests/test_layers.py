"""A file imports only from rows above its own, or from the left in its own row. The table is the architecture."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "glm_mcp"

# Rows from the top; within a row a file may import what stands left of it. A name ending in "/" is a folder.
ROWS: list[list[str]] = [
    ["__init__"],
    ["simulator/"],
    ["samples/"],
    ["hidden", "errors"],
    ["registry", "settings", "wire", "log", "progress", "threads"],
    ["policy", "limiter", "secret_names", "addresses", "sandbox", "files", "outputs"],
    ["media/"],
    ["transport", "attempts", "usage", "spans", "client"],
    ["tools/", "prompts", "resources"],
    ["profiles"],
    ["catalogue", "server", "stdio", "http/", "local"],
    ["jsonc", "hosts", "entries", "install", "doctor", "terminal", "cli", "__main__"],
]
TOOLS = [
    "arguments",
    "language",
    "tasks",
    "base",
    "files",
    "inputs",
    "checking",
    "ask",
    "parts",
    "packing",
    "pixels",
    "sidecar",
    "*",
]
SIMULATOR_USERS = {"server", "cli"}  # server.py's start-up and the command line
MCP_USERS = {"catalogue", "server", "stdio", "http/", "local"}


def place(module: str) -> tuple[int, int]:
    top = module.split(".")[1] if "." in module else "__init__"
    for row, names in enumerate(ROWS):
        for column, name in enumerate(names):
            if name.rstrip("/") == top:
                return row, column
    raise AssertionError(f"{module} is not in the table of layers")


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(p for p in parts if p != "__init__")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {
                f"{node.module}.{a.name}"
                for a in node.names
                if (PACKAGE.parent / Path(*node.module.split("."))).is_dir()
            }
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


def test_the_table_names_every_file_of_the_package() -> None:
    assert FILES
    for path in FILES:
        place(name_of(path))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_imports_only_from_above_or_from_its_left(path: Path) -> None:
    own = name_of(path)
    for target in imports(path):
        if (
            not target.startswith("glm_mcp.")
            or not (PACKAGE.parent / Path(*target.split("."))).with_suffix(".py").exists()
        ):
            continue
        if own.split(".")[1:2] == target.split(".")[1:2]:
            continue  # within one folder
        assert place(target) < place(own), f"{own} imports {target}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "tools").glob("[a-z]*.py")), ids=lambda p: p.stem)
def test_a_tool_uses_what_tools_share_and_no_other_tool(path: Path) -> None:
    own = name_of(path).split(".")
    rank = {name: n for n, name in enumerate(TOOLS)}
    for target in imports(path):
        parts = target.split(".")
        if (
            parts[:2] == ["glm_mcp", "tools"]
            and len(parts) > 2
            and (PACKAGE / "tools" / f"{parts[2]}.py").exists()
        ):
            assert parts[2] in rank, f"{own[2]} imports the tool {parts[2]}"
            assert rank[parts[2]] < rank.get(own[2], len(rank)), f"{own[2]} imports {parts[2]}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_simulator_knows_nothing_of_the_rest_and_only_start_up_knows_it(path: Path) -> None:
    own, found = name_of(path), imports(path)
    ours = {t for t in found if t.startswith("glm_mcp")}
    if own.startswith("glm_mcp.simulator"):
        assert all(t.startswith("glm_mcp.simulator") for t in ours), ours
    elif own.split(".")[1:2] and own.split(".")[1] not in SIMULATOR_USERS:
        assert not any(t.startswith("glm_mcp.simulator") for t in ours), ours


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_server_its_http_side_and_the_local_clients_know_the_protocol_library(path: Path) -> None:
    own = name_of(path).split(".")[1:2]
    if own and (own[0] in MCP_USERS or f"{own[0]}/" in MCP_USERS):
        return
    assert not any(t == "mcp" or t.startswith("mcp.") for t in imports(path))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_file_passes_500_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
