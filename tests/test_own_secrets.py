"""The files of this server's own secrets stay closed, whatever they are called and wherever they lie."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
from support.cases import each
from support.http_server import Names, called_now, served
from support.processes import Stdio, environment, over_http, said

from glm_mcp.server.app import App, Folders
from glm_mcp.settings import load
from glm_mcp.simulator import Simulator

TOKEN = "one-token-of-mine"


def written(folder: Path, lines: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "team.conf"
    file.write_text(lines, encoding="utf-8")
    return file


@each("simulated", ["0", "1"])
def test_no_tool_reads_the_settings_file_that_the_command_line_names(
    simulated: str, sim: Simulator, tmp_path: Path
) -> None:
    work = tmp_path / "home/work"
    file = written(work, f"GLM_HTTP_TOKEN={TOKEN}\n")
    for name in ("team.conf.bak", "team.conf~"):
        (work / name).write_bytes(file.read_bytes())
    names = ["team.conf", "./team.conf", str(file), "team.conf.bak", "team.conf~"]
    if os.name != "nt":
        (work / "other.txt").symlink_to(file)
        names.append("other.txt")
    env = environment(tmp_path / "home", sim, GLM_ALLOWED_DIRS=str(file), GLM_SIMULATE=simulated)
    with Stdio(env, work, "--env-file", "team.conf") as server:
        server.initialize()
        for name in names:
            text = said(server.call("read_document", {"documents": name}))
            assert text.startswith("forbidden_path: "), name
            assert TOKEN not in text
        whole = said(server.call("chat", {"prompt": "What is in it?", "files": "*.*"}))
        assert "forbidden_path" in whole


def test_no_caller_reads_the_settings_and_the_tokens_of_a_server_over_http(
    folders: Folders, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    tokens = shared / "people.txt"
    file = written(shared, f"GLM_TOKENS_FILE={tokens}\nGLM_ALLOWED_DIRS={shared}\n")
    tokens.write_text("# who may use it\n", encoding="utf-8")
    (shared / "notes.txt").write_text("a note", encoding="utf-8")
    app = App(load(file), remote=True, folders=folders)
    with served(app, authenticator=Names()) as address:
        for name, is_read in (("notes.txt", True), (file.name, False), (tokens.name, False)):
            given = called_now("read_document", documents=str(shared / name))
            given["headers"]["Authorization"] = "Bearer anna"
            answer = httpx.post(f"{address}/mcp", **given, trust_env=False, timeout=60).text
            assert ("forbidden_path: " in answer) is not is_read, name
            assert ("a note" in answer) is is_read, name


def test_connect_sends_its_own_settings_to_no_server(sim: Simulator, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs/work"
    written(theirs, f"GLM_CONNECT_TOKEN={TOKEN}\n")
    env = environment(tmp_path / "server", sim, GLM_HTTP_TOKEN=TOKEN)
    with over_http(env, tmp_path / "server") as (url, _):
        mine = environment(tmp_path / "theirs", None)
        with Stdio(mine, theirs, "--env-file", "team.conf", "connect", url) as server:
            server.initialize()
            text = said(server.call("read_document", {"documents": "team.conf"}))
    assert text.startswith("forbidden_path: ")
    assert not [p for p in (tmp_path / "server").rglob("*") if p.is_file() and "team" in p.name]
