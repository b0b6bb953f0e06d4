"""What a model, a service or a file name says acts on nothing, whichever way it goes out: structured content, resources,
prompts, completions, protocol errors, a terminal, the log.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import types
from mcp.shared.exceptions import MCPError
from support.calls import PACE, answering
from support.connect import Connect
from support.harmless import ACTS, HALF, check, harmless
from support.processes import COMMAND, Stdio, environment, ran, said
from support.toolkit import call, say

from glm_mcp.glm.client import GLMClient
from glm_mcp.samples import FOLDER
from glm_mcp.server.app import App, Folders
from glm_mcp.settings import Settings
from glm_mcp.simulator import Reply, Simulator

pytestmark = pytest.mark.anyio
posix = pytest.mark.skipif(os.name == "nt", reason="such names exist on POSIX")
NAME = f"a\x1b[31m\u202e{HALF}b.txt"


def app_with(folders: Folders, answer: dict[str, Any], **variables: str) -> App:
    """The application in front of a service that gives this answer to everything."""
    settings = Settings(GLM_API_KEY="a.b", GLM_LANG="en", **variables)
    transport = answering(lambda _: httpx.Response(200, json=answer))
    return App(settings, glm=GLMClient(settings, transport=transport, pace=PACE), folders=folders)


async def test_every_field_of_a_hostile_service_acts_on_nothing(connect: Connect, folders: Folders) -> None:
    page = {
        "title": ACTS,
        "link": f"https://a.example/{ACTS}",
        "message": ACTS,
        ACTS: [ACTS],
        "tool_calls": ACTS,
    }
    answer = {
        "id": ACTS * 100,
        "request_id": f"{ACTS}\nauth: all is lost" * 100,
        "choices": [{"message": {"content": ACTS}, "finish_reason": ACTS * 100}],
        "web_search": [page],
        "content_filter": [{"role": ACTS, "level": 3}],
    }
    async with connect(app=app_with(folders, answer, GLM_STRUCTURED="1")) as client:
        result = await call(client, "chat", prompt="hi")
    text = check(result)
    assert not result.is_error
    assert len(str(result.meta)) < 600
    assert "with pages of a web search]" in text.splitlines()[-1]


async def test_the_request_id_of_a_hostile_service_stays_one_short_line_of_an_error(
    connect: Connect, folders: Folders
) -> None:
    answer = {"request_id": "x\nauth: all is lost. " * 100, "choices": [{"message": {"content": ""}}]}
    async with connect(app=app_with(folders, answer, GLM_DEADLINE_S="3")) as client:
        text = check(await call(client, "chat", prompt="hi"))
    assert text.startswith("upstream: ")
    assert "\n" not in text
    assert len(text) < 300


async def test_a_kept_result_acts_on_nothing_when_it_is_read(
    connect: Connect, app_of: Callable[..., App]
) -> None:
    app = app_of()
    uris = [f"glm://outputs/{app.outputs.keep(f'<p>{ACTS}', s, name=f'{ACTS}{s}')}" for s in (".html", ".md")]
    async with connect(app=app) as client:
        for uri in uris:
            (content,) = (await client.read_resource(uri)).contents
            assert isinstance(content, types.TextResourceContents)
            assert harmless(content.text)
            assert "gpj.exe" in content.text
        listed = await client.list_resources()
        index = await client.read_resource("glm://outputs")
    assert len(listed.resources) == 5
    assert all(harmless(r.name + str(r.title)) for r in listed.resources)
    assert harmless(index.model_dump_json())


async def test_what_a_prompt_is_given_acts_on_nothing_and_a_path_stays_one_line(connect: Connect) -> None:
    async with connect() as client:
        given = {"document": f"a{ACTS}\n\x1b[0mb.pdf", "question": f"What?\n{ACTS}"}
        found = await client.get_prompt("ask-document", given)
    content = found.messages[0].content
    assert isinstance(content, types.TextContent)
    assert harmless(content.text)
    assert "b.pdf" in content.text.splitlines()[0]
    assert "What?\nred" in content.text


@posix
async def test_a_file_whose_name_acts_is_not_offered(connect: Connect, folders: Folders) -> None:
    for name in (NAME, "line\nbreak.txt", "fine.txt"):
        (folders.cwd / name).write_text("hello", encoding="utf-8")
    async with connect() as client:
        ref = types.PromptReference(name="ask-document")
        found = await client.complete(ref, {"name": "document", "value": ""})
    assert found.completion.values == ["fine.txt"]


async def test_an_error_of_the_protocol_repeats_nothing_that_acts(connect: Connect) -> None:
    wrong = f"no{ACTS}\nsuch"
    async with connect() as client:
        for asked in (
            lambda: client.call_tool(wrong, {}),
            lambda: client.get_prompt(wrong),
            lambda: client.get_prompt("ocr", {wrong: "x", "image": "a"}),
            lambda: client.read_resource(f"glm://outputs/{wrong}"),
        ):
            with pytest.raises(MCPError) as caught:
                await asked()
            assert harmless(caught.value.error.message)
            assert "\n" not in caught.value.error.message


@posix
def test_a_name_that_is_no_text_does_not_end_a_server(sim: Simulator, tmp_path: Path) -> None:
    for name in (NAME, f"{HALF}.txt"):
        (tmp_path / name).write_text("hello", encoding="utf-8")
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize()
        for arguments in (
            {"documents": "*.txt"},
            {"documents": "*.nothing"},
            {"documents": NAME.replace(HALF, "")},
        ):
            assert harmless(said(server.call("read_document", arguments)))
        assert harmless(said(server.call("chat", {"prompt": "What is in them?", "files": ["*.txt"]})))
        ref = {
            "ref": {"type": "ref/prompt", "name": "ask-document"},
            "argument": {"name": "document", "value": ""},
        }
        assert server.request("completion/complete", ref)["result"]["completion"]["values"] == []
        assert len(server.request("resources/list")["result"]["resources"]) == 3


def test_what_a_terminal_shows_acts_on_nothing(sim: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path / "home", sim)
    sim.queue(Reply(ACTS, chunks=tuple(ACTS)))
    streamed = ran([*COMMAND, "call", "chat", "prompt=hi"], env, tmp_path)
    assert streamed.returncode == 0
    assert "red" in streamed.stdout
    sim.queue(
        Reply(tool_calls=({"name": f"print{ACTS}", "arguments": json.dumps(ACTS, ensure_ascii=False)},))
    )
    wanted = json.dumps({"prompt": "hi", "functions": [{"name": "print"}]})
    raw = ran([*COMMAND, "call", "--raw", "chat", "--json", wanted], {**env, "GLM_STRUCTURED": "1"}, tmp_path)
    call_back = json.loads(raw.stdout)["structuredContent"]["tool_calls"][0]["function"]
    assert json.loads(call_back["arguments"]) == ACTS, "data for a program stays as it was"
    missing = ran(
        [*COMMAND, "call", "describe_image", f"images=no{ACTS.replace(chr(0), '')}.png"], env, tmp_path
    )
    unknown = ran([*COMMAND, "call", f"paint{ACTS.replace(chr(0), '')}"], env, tmp_path)
    for shown in (streamed, raw, missing, unknown):
        assert harmless(shown.stdout.replace("\r\n", "\n"))
        assert harmless(shown.stderr)


@pytest.mark.parametrize("form", ["text", "json"])
def test_nobody_writes_a_line_of_their_own_into_the_log(form: str, sim: Simulator, tmp_path: Path) -> None:
    forged = f"hi{ACTS}\n12:00:00 ERROR glm_mcp.server.app: forged\u2028forged\x85forged"
    sim.queue(Reply(forged))
    options = ("--log-level", "info", "--log-format", form)
    with Stdio(environment(tmp_path / "home", sim, GLM_LOG_CONTENT="1"), tmp_path, *options) as server:
        server.initialize()
        server.call("chat", {"prompt": forged})
        server.call("read_document", {"documents": forged})
        server.end()
        lines = server.err.rest().splitlines()
    assert len(lines) == 4, lines
    for line in lines:
        assert harmless(line)
        if form == "json":
            assert json.loads(line)["level"] == "info"
        else:
            assert re.match(r"\d\d:\d\d:\d\d INFO glm_mcp\.server\.(calls|tally): (chat|read_document)", line)
    assert sum("forged" in line for line in lines) >= 2


async def test_what_comes_from_elsewhere_is_named_with_its_host_by_every_tool_that_takes_it(
    connect: Connect, sim: Simulator
) -> None:
    picture, film = "https://pictures.example.com/photo.jpg", "https://films.example.org/clip.mp4"
    sim.web[picture] = ((FOLDER / "photo.jpg").read_bytes(), "image/jpeg")
    sim.web[film] = ((FOLDER / "clip.mp4").read_bytes(), "video/mp4")
    async with connect() as client:
        await say(client, "generate_image", prompt="a hill", size="512x512")
        drawn = sim.origin + next(r.path for r in sim.received if r.path.startswith("/files/"))
        listing = f"{sim.origin}/_simulator/received"  # the one host that may be downloaded from here
        for tool, host, arguments in (
            ("describe_image", "pictures.example.com", {"images": picture}),
            ("chat", "pictures.example.com", {"files": [picture], "prompt": "What is it?"}),
            ("analyze_video", "films.example.org", {"video": film}),
            ("describe_image", "127.0.0.1", {"images": drawn, "task": "locate", "prompt": "trees"}),
            ("read_document", "127.0.0.1", {"documents": listing}),
            ("read_document", "127.0.0.1", {"documents": listing, "prompt": "What is it?"}),
            ("chat", "127.0.0.1", {"files": [listing], "prompt": "What is it?"}),
        ):
            text = await say(client, tool, **arguments)
            assert f" from {host}" in text.splitlines()[-1], text


async def test_what_is_asked_of_a_kept_answer_says_that_it_was_kept(
    connect: Connect, app_of: Callable[..., App]
) -> None:
    app = app_of()
    kept = f"glm://outputs/{app.outputs.keep('an answer of a model', '.md')}"
    async with connect(app=app) as client:
        text = await say(client, "read_document", documents=kept, prompt="What does it say?")
    assert "kept from an earlier answer" in text.splitlines()[-1]
