"""Resources: the models, this process's usage, and what was kept; an unknown one is the protocol's own error."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio
import pytest
from mcp import Client, types
from mcp.shared.exceptions import MCPError
from pydantic import SecretStr
from support.cases import each
from support.connect import Connect
from support.toolkit import call, fail, say

from glm_mcp.glm import findings
from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.findings import Findings, Value
from glm_mcp.registry import CARDS
from glm_mcp.samples import FOLDER
from glm_mcp.server.app import App, Folders
from glm_mcp.settings import Settings
from glm_mcp.simulator import Fault, Simulator

pytestmark = pytest.mark.anyio
ERAS = {"legacy": -32002, "2026-07-28": -32602}
# What no call makes.
OTHERS = {
    "key.txt": b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXkt\n-----END OPENSSH PRIVATE KEY-----\n",
    "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><!-- -----BEGIN RSA PRIVATE KEY----- --></svg>",
    "login.md": b"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1",
    "notepad.txt": "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1".encode("utf-16"),
    "unseen.md": "aws_\u00adsecret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1".encode(),
    "paper.pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n",
    "state.bin": bytes(range(256)) * 4,
}
FIXED = ["glm://models", "glm://usage", "glm://outputs"]


async def json_of(client: Client, uri: str) -> Any:
    with anyio.fail_after(60):
        (found,) = (await client.read_resource(uri)).contents
    assert isinstance(found, types.TextResourceContents)
    assert found.mime_type == "application/json"
    return json.loads(found.text)


@pytest.mark.parametrize("mode", list(ERAS))
async def test_the_fixed_ones_come_first_and_the_templates_have_a_variable_each(
    mode: str, connect: Connect
) -> None:
    async with connect(mode=mode) as client:
        listed = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
    assert [r.uri for r in listed] == FIXED
    assert all(r.title and r.description and r.mime_type == "application/json" for r in listed)
    assert [t.uri_template for t in templates] == ["glm://models/{id}", "glm://outputs/{name}"]


async def test_every_model_is_there_with_its_limits_and_where_it_is_offered(connect: Connect) -> None:
    async with connect(GLM_BASE_URL="zai") as client:
        whole = await json_of(client, "glm://models")
        one = await json_of(client, "glm://models/glm-4.6v-flash")
    assert [m["id"] for m in whole["models"]] == list(CARDS)
    assert one == whole["models"][1]
    assert one["offered_at"] == "zai"
    assert one["images"] == 50
    drawing = whole["models"][-1]
    assert drawing["draws"]
    assert drawing["offered_at"] is None


async def test_a_model_is_shown_as_the_service_was_found_and_what_differs_is_marked(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    facts: dict[str, dict[str, Value]] = {
        "glm-4.7-flash": {"json_mode": False, "concurrency": 3, "tool_role": True},
        "glm-4v-flash": {"gone": "the model does not exist (1211)"},
    }
    settings = Settings(base_url=sim.url, api_key=SecretStr(sim.key))
    findings.save(folders.data, settings, Findings(facts, "2026-01-31T12:00:00Z"), {})
    async with connect(app=App(settings, folders=folders)) as client:
        models = {m["id"]: m for m in (await json_of(client, "glm://models"))["models"]}
    talks = models["glm-4.7-flash"]
    assert (talks["json_mode"], talks["concurrency"]) == (False, 3)
    shipped = CARDS["glm-4.7-flash"]
    assert talks["corrected"] == {
        "asked": "2026-01-31T12:00:00Z",
        "expected": {"json_mode": shipped.json_mode, "concurrency": shipped.concurrency},
    }
    assert models["glm-4v-flash"]["corrected"]["gone"] == "the model does not exist (1211)"
    assert "corrected" not in models["glm-4.6v-flash"]


@each(("mode", "code"), list(ERAS.items()))
@each(
    "uri",
    [
        "glm://models/gpt",
        "glm://outputs/" + "0" * 24,
        "glm://outputs/../../etc/passwd",
        "file:///etc/passwd",
        "glm://other",
    ],
)
async def test_an_unknown_one_is_an_error_with_the_code_of_its_era_and_its_address(
    uri: str, mode: str, code: int, connect: Connect
) -> None:
    async with connect(mode=mode) as client:
        with anyio.fail_after(60), pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
    assert caught.value.error.code == code
    assert caught.value.error.data == {"uri": uri}
    assert caught.value.error.message.startswith("not_found: ")


async def test_usage_counts_requests_tokens_and_time_by_model(connect: Connect) -> None:
    async with connect() as client:
        assert (await json_of(client, "glm://usage"))["models"] == {}
        await say(client, "chat", prompt="hello")
        await say(client, "chat", prompt="hello again")
        await say(client, "generate_image", prompt="a hill")
        used = (await json_of(client, "glm://usage"))["models"]
    assert set(used) == {"glm-4.7-flash", "cogview-3-flash"}
    chat = used["glm-4.7-flash"]
    assert (chat["requests"], chat["answered"], chat["errors"]) == (2, 2, {})
    assert chat["tokens"]["in"] > 0
    assert chat["tokens"]["out"] > 0
    assert used["cogview-3-flash"]["answered"] == 1


async def test_usage_counts_every_refusal_and_what_was_cut_off_by_the_deadline(
    connect: Connect, sim: Simulator
) -> None:
    async with connect(GLM_FALLBACK="0", GLM_DEADLINE_S="1") as client:
        sim.queue(Fault("error", code="1301"))
        await fail(client, "chat", prompt="hello")
        sim.queue(Fault("hang"))
        await fail(client, "chat", prompt="hello")
        used = (await json_of(client, "glm://usage"))["models"]["glm-4.7-flash"]
    assert used["requests"] == 2
    assert used["answered"] == 0
    assert used["errors"] == {"content_blocked 1301": 1, "timeout": 1}


@pytest.mark.parametrize("mode", list(ERAS))
async def test_what_was_kept_is_listed_and_read_as_text_or_bytes(
    mode: str, connect: Connect, app_of: Any
) -> None:
    app: App = app_of()
    text = "glm://outputs/" + app.outputs.keep("# whole\n", ".md")
    drawn = "glm://outputs/" + app.outputs.keep(b"\x89PNG", ".png", name="boxes.png")
    async with connect(app=app, mode=mode) as client:
        assert {r.uri for r in (await client.list_resources()).resources} == {*FIXED, text, drawn}
        listed = await json_of(client, "glm://outputs")
        read = [(await client.read_resource(uri)).contents[0] for uri in (text, drawn)]
        ref = types.ResourceTemplateReference(uri="glm://outputs/{name}")
        begun = text.removeprefix("glm://outputs/")[:6]
        known = (await client.complete(ref, {"name": "name", "value": begun})).completion.values
    assert {(o["uri"], o["name"], o["bytes"]) for o in listed["outputs"]} == {
        (text, "result.md", 8),
        (drawn, "boxes.png", 4),
    }
    assert isinstance(read[0], types.TextResourceContents)
    assert (read[0].text, read[0].mime_type) == ("# whole\n", "text/markdown")
    assert isinstance(read[1], types.BlobResourceContents)
    assert base64.b64decode(read[1].blob) == b"\x89PNG"
    assert text.removeprefix("glm://outputs/") in known


def link_of(result: types.CallToolResult) -> str:
    (link,) = [block for block in result.content if isinstance(block, types.ResourceLink)]
    return str(link.uri)


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
@pytest.mark.parametrize("mode", list(ERAS))
async def test_the_links_of_results_can_be_read_back(mode: str, connect: Connect, folders: Folders) -> None:
    boxes = {"images": str(FOLDER / "photo.jpg"), "task": "locate", "prompt": "a boat"}
    settings = {"GLM_ALLOWED_DIRS": str(FOLDER)}
    async with connect(mode=mode, **settings) as client:
        links = [
            link_of(await call(client, "describe_image", **boxes)),
            link_of(await call(client, "generate_image", prompt="a cat at sea")),
            link_of(await call(client, "generate_image", prompt="a cat", output="my pictures/own.png")),
        ]
        read = [(await client.read_resource(uri)).contents[0] for uri in links]
    kinds = ["image/jpeg", "image/png", "image/png"]
    for uri, found, kind in zip(links, read, kinds, strict=True):
        assert isinstance(found, types.BlobResourceContents)
        assert (found.uri, found.mime_type) == (uri, kind)
        assert base64.b64decode(found.blob) == Path(unquote(uri.removeprefix("file://"))).read_bytes()
    assert "%20" in links[2]
    beside = folders.cwd / "notes.txt"
    beside.write_text("mine", "utf-8")
    (folders.cwd / "glm-output" / "link.txt").symlink_to("/etc/passwd")
    async with connect(mode=mode, **settings) as client:  # a server that was started anew
        for uri in links[:2]:
            assert (await client.read_resource(uri)).contents
        outside = folders.cwd / "glm-output" / "link.txt"
        for path in (
            beside,
            outside,
            folders.cwd / "glm-output" / ".." / "notes.txt",
            folders.cwd / "no.png",
        ):
            with pytest.raises(MCPError, match=r"not_found|forbidden_path"):
                await client.read_resource(f"file://{path}")


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
async def test_a_link_put_in_the_place_of_a_result_opens_no_hidden_place(
    connect: Connect, folders: Folders
) -> None:
    hidden = folders.home / ".app" / "login.txt"
    hidden.parent.mkdir()
    hidden.write_text("a login of some program", encoding="utf-8")
    async with connect() as client:
        uri = link_of(await call(client, "generate_image", prompt="a cat", output="cat.png"))
        (folders.cwd / "cat.png").unlink()
        (folders.cwd / "cat.png").symlink_to(hidden)
        with pytest.raises(MCPError, match="no call of this server made"):
            await client.read_resource(uri)


@each("name", OTHERS)
async def test_what_no_call_made_is_not_given_out_of_the_folder_of_results(
    name: str, connect: Connect, folders: Folders
) -> None:
    path = folders.cwd / name
    path.write_bytes(OTHERS[name])
    async with connect(GLM_OUTPUT_DIR=str(folders.cwd)) as client:
        with pytest.raises(MCPError, match=r"not_found|forbidden_path"):
            await client.read_resource(path.as_uri())


async def test_a_caller_of_another_machine_reads_no_file_by_its_path(
    connect: Connect, folders: Folders
) -> None:
    folder = folders.cwd / "glm-output"
    folder.mkdir()
    (folder / "a.txt").write_text("mine", "utf-8")
    async with connect(remote=True) as client:
        with pytest.raises(MCPError, match="no resource"):
            await client.read_resource((folder / "a.txt").as_uri())


async def test_of_thousands_of_kept_results_the_newest_are_listed(connect: Connect, app_of: Any) -> None:
    app: App = app_of()
    newest = "glm://outputs/" + app.outputs.keep("# whole\n", ".md")
    for number in range(1_500):
        old = app.outputs.place / f"{number:024x}.result.md"
        old.touch()
        os.utime(old, (time.time() - 60, time.time() - 60))
    async with connect(app=app) as client:
        listed = [r.uri for r in (await client.list_resources()).resources]
        told = (await json_of(client, "glm://outputs"))["outputs"]
    assert len(listed) == len(FIXED) + 1_000
    assert len(told) == 1_000
    assert listed[len(FIXED)] == told[0]["uri"] == newest


async def test_what_is_kept_of_many_megabytes_is_not_sent_in_one_message(
    connect: Connect, app_of: Any
) -> None:
    app: App = app_of()
    uri = "glm://outputs/" + app.outputs.keep("words of it\n" * 400_000, ".md")
    async with connect(app=app) as client:
        with anyio.fail_after(60), pytest.raises(MCPError, match="at most 4 MB are sent at once"):
            await client.read_resource(uri)


@pytest.mark.parametrize("remote", [False, True])
async def test_what_another_project_or_caller_made_is_not_there(
    remote: bool, connect: Connect, app_of: Any
) -> None:
    app: App = app_of(remote=remote)
    theirs = app.outputs.for_owner("0123456789abcdef")
    uri = "glm://outputs/" + theirs.keep("theirs", ".md")
    async with connect(app=app) as client:
        assert [r.uri for r in (await client.list_resources()).resources] == FIXED
        assert await json_of(client, "glm://outputs") == {"outputs": []}
        ref = types.ResourceTemplateReference(uri="glm://outputs/{name}")
        assert (await client.complete(ref, {"name": "name", "value": ""})).completion.values == []
        with pytest.raises(MCPError, match="not_found: nothing is kept"):
            await client.read_resource(uri)
        assert "nothing is kept" in await fail(client, "read_document", documents=uri)


async def test_model_ids_are_completed_and_other_templates_are_not(connect: Connect) -> None:
    async with connect() as client:
        for uri, begun, expected in (
            ("glm://models/{id}", "glm-4.", ["glm-4.7-flash", "glm-4.6v-flash", "glm-4.1v-thinking-flash"]),
            ("glm://other/{id}", "", []),
        ):
            ref = types.ResourceTemplateReference(uri=uri)
            found = await client.complete(ref, {"name": "id", "value": begun})
            assert found.completion.values == expected


def test_a_client_s_meter_is_its_own(app_of: Any) -> None:
    first, second = app_of(), app_of()
    first.glm.meter.count({"model": "m", "s": 0.5, "outcome": "ok"})
    assert isinstance(first.glm, GLMClient)
    assert first.glm.meter.report()["models"]["m"]["requests"] == 1
    assert second.glm.meter.report()["models"] == {}


class Defective(GLMClient):
    """A client with a defect, whose words are nobody's business."""

    def usage(self) -> dict[str, Any]:
        raise RuntimeError("/home/ada/private: words of a library")


@pytest.mark.defect
@pytest.mark.parametrize("mode", list(ERAS))
async def test_a_defect_is_a_protocol_error_in_our_words(
    mode: str, connect: Connect, app_of: Callable[..., App], folders: Folders
) -> None:
    settings = app_of().settings
    async with connect(mode=mode, app=App(settings, glm=Defective(settings), folders=folders)) as client:
        with anyio.fail_after(60), pytest.raises(MCPError) as caught:
            await client.read_resource("glm://usage")
    assert caught.value.error.code == types.INTERNAL_ERROR
    assert caught.value.error.message.startswith("internal: ")
    assert "ada" not in str(caught.value)


@pytest.mark.parametrize("mode", list(ERAS))
async def test_what_is_repeated_of_an_unknown_address_is_short_and_acts_on_nothing(
    mode: str, connect: Connect
) -> None:
    async with connect(mode=mode) as client:
        with anyio.fail_after(60), pytest.raises(MCPError) as caught:
            await client.read_resource("glm://nope/\x1b[31m\u200b" + "x" * 50_000)
    said = json.dumps([caught.value.error.message, caught.value.error.data])
    assert len(said) < 800
    assert "\\u001b" not in said
    assert "\\u200b" not in said
