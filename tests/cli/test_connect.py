"""`glm-mcp connect`: an MCP client over stdio, the bridge, a server over HTTP and the simulator, each a process of its own."""

from __future__ import annotations

import base64
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from mcp import Client, StdioServerParameters, types
from mcp.shared.exceptions import MCPError
from support.busy import within
from support.canary import Watched
from support.cases import each
from support.commands import program
from support.films import Film, make, regular
from support.http_server import Names, served
from support.made_documents import docx, lines, para, pdf, text_at
from support.processes import COMMAND, Process, Stdio, environment, over_http, ran, said
from support.served import client_of
from support.toolkit import chats, fail, images, links, picture, say, text_of

from glm_mcp.server.app import App
from glm_mcp.server.callers.caller import owner_of
from glm_mcp.settings import TOOLS
from glm_mcp.simulator import Fault, Reply, Simulator

pytestmark = pytest.mark.anyio
ERAS = ("legacy", "2026-07-28")
TOKEN = "a-token-of-enough-characters"


class Bridge:
    """A machine of a user, beside the server's."""

    def __init__(self, top: Path, url: str) -> None:
        self.home, self.work = top / "theirs", top / "theirs/work"
        self.work.mkdir(parents=True)
        self.env = environment(self.home, None, GLM_CONNECT_TOKEN=TOKEN, TMPDIR=str(top / "theirs/tmp"))
        (top / "theirs/tmp").mkdir()
        self.url = url

    @asynccontextmanager
    async def client(
        self, mode: str = "legacy", name: str = "a-client", **variables: str
    ) -> AsyncIterator[Client]:
        env = {**self.env, **variables}
        command = StdioServerParameters(
            command=program(self.home, env), args=["connect", self.url], env=env, cwd=self.work
        )
        info = types.Implementation(name=name, version="1")
        with anyio.fail_after(60):
            async with Watched(command, client_info=info, mode=mode) as client:
                yield client

    def stdio(self, **variables: str) -> Stdio:
        return Stdio({**self.env, **variables}, self.work, "connect", self.url)


@contextmanager
def serving(sim: Simulator, top: Path, **variables: str) -> Iterator[tuple[str, Process]]:
    env = environment(top / "server", sim, GLM_HTTP_TOKEN=TOKEN, **variables)
    with over_http(env, top / "server") as (url, process):
        yield url, process


@pytest.fixture
def url(sim: Simulator, tmp_path: Path) -> Iterator[str]:
    with serving(sim, tmp_path) as (address, _):
        yield address


@pytest.fixture
def bridge(tmp_path: Path, url: str) -> Bridge:
    return Bridge(tmp_path, url)


def uploads(top: Path) -> list[str]:
    """The names of the files that the server has."""
    found = (top / "server/.cache/glm-mcp/files").glob("*/*")
    return sorted(p.name.partition(".")[2] for p in found)


@pytest.mark.parametrize("mode", ERAS)
async def test_tools_prompts_resources_and_completions_are_those_of_the_server(
    mode: str, bridge: Bridge, sim: Simulator
) -> None:
    async with bridge.client(mode) as client:
        assert [t.name for t in (await client.list_tools()).tools] == list(TOOLS)
        prompts = (await client.list_prompts()).prompts
        assert prompts
        assert "glm://models" in {r.uri for r in (await client.list_resources()).resources}
        assert (await client.list_resource_templates()).resource_templates
        (read,) = (await client.read_resource("glm://models")).contents
        assert isinstance(read, types.TextResourceContents)
        ref = types.ResourceTemplateReference(uri="glm://models/{id}")
        found = await client.complete(ref, {"name": "id", "value": "glm-4.7"})
        assert found.completion.values == ["glm-4.7-flash"]
        assert "I received" in await say(client, "chat", prompt="héllo 你好")
    assert chats(sim)[-1].body["messages"][-1]["content"] == "héllo 你好"


@pytest.mark.parametrize("mode", ERAS)
async def test_the_tools_are_described_as_to_a_client_whose_files_are_here(mode: str, bridge: Bridge) -> None:
    async with bridge.client(mode) as client:
        tools = {t.name: t for t in (await client.list_tools()).tools}
        assert "output" in tools["generate_image"].input_schema["properties"]
        assert "Paths" in tools["read_document"].input_schema["properties"]["documents"]["description"]
        if mode == "legacy":  # the other does not ask for them
            assert "local paths" in str(client.instructions)
    async with client_of(bridge.url, mode, Authorization=f"Bearer {TOKEN}") as plain:
        tools = {t.name: t for t in (await plain.list_tools()).tools}
        assert "output" not in tools["generate_image"].input_schema["properties"]


@pytest.mark.parametrize("mode", ERAS)
async def test_every_form_of_a_local_source_arrives(
    mode: str, bridge: Bridge, sim: Simulator, tmp_path: Path
) -> None:
    work = bridge.work
    for name, colour in (("a.png", "red"), ("shots/1.png", "green"), ("shots/2.png", "blue")):
        picture(work / name, (40, 30), colour)
    picture(work / "it's #1 [x].png", (40, 30), "black")
    picture(bridge.home / "at home.png", (40, 30), "white")
    (work / "paper.pdf").write_bytes(pdf([lines(["First page"]), lines(["Second page"])]))
    (work / "note.py").write_text("print('hello')\n", encoding="utf-8")
    async with bridge.client(mode) as client:
        for source, number in (
            ("a.png", 1),
            (str(work / "a.png"), 1),
            ("@a.png", 1),
            ("'a.png'", 1),
            ((work / "a.png").as_uri(), 1),
            ("~/at home.png", 1),
            ("it's #1 [x].png", 1),
            ("a.png#xywh=0,0,10,10", 1),
            (["a.png", "shots/1.png"], 2),
            ("shots/*.png", 2),
            ("- a.png\n- shots/2.png#xywh=percent:0,0,50,50", 2),
        ):
            await say(client, "describe_image", image_paths=source)
            assert len(chats(sim)[-1].media) == number, source
        assert "print('hello')" in await _asked(client, sim, "chat", prompt="What?", file="note.py")
        assert len(chats(sim)[-1].media) == 0
        text = await say(client, "read_document", documents="paper.pdf#page=2")
        assert "Second page" in text
        assert "First page" not in text
    names = uploads(tmp_path)
    assert names == sorted(
        ["1.png", "2.png", "a.png", "at home.png", "it's #1 [x].png", "note.py", "paper.pdf"]
    ), "each once"


async def _asked(client: Any, sim: Simulator, tool: str, **arguments: Any) -> str:
    await say(client, tool, **arguments)
    return json.dumps(chats(sim)[-1].body, ensure_ascii=False).replace("\\", "")


async def test_a_film_goes_along_with_its_subtitles(bridge: Bridge, sim: Simulator, tmp_path: Path) -> None:
    (bridge.work / "clip.mp4").write_bytes(make(Film(regular(14, 5), size=(64, 48))))
    srt = "1\n00:00:00,000 --> 00:00:02,000\nA word that is said\n"
    (bridge.work / "clip.en.srt").write_text(srt, encoding="utf-8")
    async with bridge.client() as client:
        shown = await say(client, "analyze_video", video="clip.mp4#t=0,4")
    assert "clip.en.srt" in shown
    assert "A word that is said" in json.dumps(chats(sim)[-1].body)
    assert uploads(tmp_path) == ["clip.en.srt", "clip.mp4"]


@pytest.mark.skipif(
    sys.platform != "linux", reason="a program that reads the clipboard, put in place of the usual"
)
async def test_the_clipboard_is_that_of_the_user(bridge: Bridge, sim: Simulator, tmp_path: Path) -> None:
    shot = picture(tmp_path / "shot.png", (31, 17))
    programs = tmp_path / "programs"
    programs.mkdir()
    tool = programs / "wl-paste"
    tool.write_text(
        f'#!/bin/sh\ncase "$*" in *-l*) echo image/png ;; *) cat "{shot}" ;; esac\n', encoding="utf-8"
    )
    tool.chmod(0o755)
    path = f"{programs}:{bridge.env['PATH']}"
    async with bridge.client(PATH=path, WAYLAND_DISPLAY="wayland-0") as client:
        await say(client, "describe_image", images="clipboard")
    assert len(chats(sim)[-1].media) == 1


async def test_what_the_users_sandbox_closes_does_not_leave(
    bridge: Bridge, sim: Simulator, tmp_path: Path
) -> None:
    (bridge.home / ".ssh").mkdir()
    (bridge.home / ".ssh/id_rsa").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n", encoding="utf-8")
    (bridge.work / "key.txt").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAA\n", encoding="utf-8")
    (bridge.work / "link.txt").symlink_to("/etc/hostname")
    (bridge.work / ".env").write_text("KEY=1\n", encoding="utf-8")
    async with bridge.client() as client:
        for source in (
            "~/.ssh/id_rsa",
            "key.txt",
            "link.txt",
            ".env",
            "/etc/passwd",
            str(tmp_path / "server/.cache/x"),
        ):
            shown = await fail(client, "read_document", documents=source)
            assert shown.startswith(("forbidden_path: ", "not_found: ")), shown
        assert "there is no file nothing.png" in await fail(client, "describe_image", images="nothing.png")
        assert "describe_image" in await fail(client, "analyze_video", video=_png(bridge.work))
    assert uploads(tmp_path) == []
    assert chats(sim) == []


async def test_a_key_of_this_machines_settings_goes_to_no_teams_server(
    bridge: Bridge, sim: Simulator, tmp_path: Path
) -> None:
    key = "0123456789abcdef0123456789abcdef.OwnKeyOfThisUser"
    (bridge.work / "a.txt").write_text(f"the key is {key}", encoding="utf-8")
    (bridge.work / "a.docx").write_bytes(docx(para(f"the key is {key}")))
    (bridge.work / "b.txt").write_text("of no key", encoding="utf-8")
    async with bridge.client(GLM_API_KEY=key) as client:
        await say(client, "chat", prompt=f"What is {key}?")
        for name in ("a.txt", "a.docx"):
            shown = await fail(client, "read_document", documents=name)
            assert shown.startswith(f"forbidden_path: {name} holds a key or token of this machine's settings")
        assert "of no key" in await say(client, "read_document", documents="*.txt")
    (request,) = chats(sim)
    assert "What is [key]?" in str(request)
    assert key not in str(request)
    assert uploads(tmp_path) == ["b.txt"]


async def test_a_document_with_a_secret_within_does_not_leave(
    bridge: Bridge, sim: Simulator, tmp_path: Path
) -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----"
    (bridge.work / "a.docx").write_bytes(docx(para(key[:20]) + para(key[20:])))
    (bridge.work / "a.pdf").write_bytes(pdf([text_at(50, 700, "first"), text_at(50, 700, key)]))
    (bridge.work / "b.docx").write_bytes(docx(para("of no secret")))
    async with bridge.client() as client:
        for given in ({"documents": "a.docx"}, {"documents": "a.pdf", "pages": "1"}):
            shown = await fail(client, "read_document", **given)
            assert shown.startswith(f"forbidden_path: {given['documents']} holds a private key"), shown
        assert "a private key" in await fail(client, "chat", prompt="?", files="a.pdf")
        some = await say(client, "read_document", documents="*.docx")
    assert "of no secret" in some
    assert "1 left out: a.docx holds a private key" in some
    assert uploads(tmp_path) == ["b.docx"]
    assert chats(sim) == []


def _png(folder: Path) -> str:
    return picture(folder / "shot.png").name


async def test_a_file_is_uploaded_once_by_its_contents(
    bridge: Bridge, sim: Simulator, tmp_path: Path
) -> None:
    shot = picture(bridge.work / "shot.png")
    store = tmp_path / "server/.cache/glm-mcp/files"
    heard: list[str | None] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message)

    async with bridge.client() as client:
        await client.call_tool("describe_image", {"images": "shot.png"}, progress_callback=on_progress)
        (first,) = store.glob("*/*")
        before = first.stat().st_ino
        shutil.copy(shot, bridge.home / "shot.png")
        for source in ("shot.png", "~/shot.png"):
            await client.call_tool("describe_image", {"images": source}, progress_callback=on_progress)
    async with bridge.client() as client:
        await say(client, "describe_image", images="shot.png")
        assert [p.stat().st_ino for p in store.glob("*/*")] == [before]
        assert heard.count("uploading shot.png") == 1
        picture(shot, colour="red")
        await say(client, "describe_image", images="shot.png")
    assert len(list(store.glob("*/*"))) == 2


async def test_what_is_drawn_is_written_where_the_user_says(bridge: Bridge, tmp_path: Path) -> None:
    work = bridge.work
    async with bridge.client(name="claude-code") as client:
        for given, expected, magic in (
            ({}, work / "glm-output/a-hill.png", b"\x89PNG"),
            ({}, work / "glm-output/a-hill-2.png", b"\x89PNG"),
            ({"output_path": "made/hill.jpg"}, work / "made/hill.jpg", b"\xff\xd8"),
            ({"output": str(work / "x.webp")}, work / "x.webp", b"RIFF"),
        ):
            result = await client.call_tool("generate_image", {"prompt": "a hill", **given})
            assert text_of(result).splitlines()[0] == str(expected), text_of(result)
            assert expected.read_bytes().startswith(magic)
            assert [link.uri for link in links(result)] == [expected.as_uri()]
            assert images(result), "the preview is passed on"
            assert "glm://" not in result.model_dump_json()
        for wrong in ("../../out.png", "/etc/out.png", "x.xyz"):
            shown = await fail(client, "generate_image", prompt="a hill", output=wrong)
            assert shown.startswith(("forbidden_path: ", "invalid_request: ")), shown
    assert not (tmp_path / "server/glm-output").exists()


@pytest.mark.parametrize("mode", ERAS)
async def test_the_link_of_what_was_drawn_is_read_here(mode: str, bridge: Bridge) -> None:
    async with bridge.client(mode) as client:
        drawn = await client.call_tool("generate_image", {"prompt": "a hill"})
        (link,) = links(drawn)
        (read,) = (await client.read_resource(link.uri)).contents
        assert isinstance(read, types.BlobResourceContents)
        assert base64.b64decode(read.blob) == (bridge.work / "glm-output/a-hill.png").read_bytes()
        with pytest.raises(MCPError, match="not_found: no call of this server made /etc/passwd"):
            await client.read_resource("file:///etc/passwd")


async def test_a_drawing_is_not_shown_to_a_model_that_may_have_no_eyes(bridge: Bridge) -> None:
    elsewhere = "https://open.bigmodel.cn/api/anthropic"
    async with bridge.client(name="claude-code", ANTHROPIC_BASE_URL=elsewhere) as client:
        result = await client.call_tool("generate_image", {"prompt": "a hill"})
    assert text_of(result).splitlines()[0] == str(bridge.work / "glm-output/a-hill.png")
    assert images(result) == []


async def test_saved_code_is_written_here_and_a_marked_copy_and_a_long_text_are_kept_here(
    bridge: Bridge, sim: Simulator
) -> None:
    picture(bridge.work / "shot.png")
    async with bridge.client() as client:
        sim.queue(Reply(text="```html\n<h1>Hello</h1>\n```"))
        coded = await say(client, "describe_image", images="shot.png", task="ui_to_code")
        (made,) = (bridge.work / "glm-output").iterdir()
        assert str(made) in coded
        assert made.read_text(encoding="utf-8").strip() == "<h1>Hello</h1>"
        located = await say(client, "describe_image", images="shot.png", task="locate", prompt="the button")
        (marked,) = re.findall(r"/\S+-boxes\.png", located)
        assert Path(marked).is_relative_to(bridge.home / ".cache")
        sim.queue(Reply(text="A long answer. " + " ".join(f"Line {n}." for n in range(9_000))))
        long = await say(client, "chat", prompt="hello")
        (whole,) = re.findall(r"The whole is in (/\S+)\.\]", long)
        assert Path(whole).read_text(encoding="utf-8").startswith("A long answer.")
        (address, cursor) = re.findall(r'documents="(glm://outputs/\w+)", cursor="(\d+)"', long)[0]
        assert "Line 800." in await say(client, "read_document", documents=address, cursor=cursor)
    assert len(list((bridge.work / "glm-output").iterdir())) == 1


async def test_another_callers_file_and_output_are_not_found(app_of: Any, tmp_path: Path) -> None:
    app: App = app_of(remote=True)
    theirs = app.outputs.for_owner(owner_of("bob"))
    kept = theirs.keep("# Bob's", ".md")
    incoming = theirs.uploads.begin("note.txt")
    incoming.write(b"a note of Bob's\n")
    file = incoming.finish(lambda *_: None)
    with served(app, authenticator=Names()) as url:
        bridge = Bridge(tmp_path, url)
        async with bridge.client(GLM_CONNECT_TOKEN="ada") as client:
            for address in (file.uri, f"glm://outputs/{kept}"):
                assert (await fail(client, "read_document", documents=address)).startswith("not_found: ")
        async with bridge.client(GLM_CONNECT_TOKEN="bob") as client:
            for address in (file.uri, f"glm://outputs/{kept}"):
                assert "Bob's" in await say(client, "read_document", documents=address)


@pytest.mark.parametrize("mode", ERAS)
async def test_progress_is_passed_on(mode: str, bridge: Bridge, sim: Simulator) -> None:
    sim.queue(Fault("slow_first_byte", seconds=0.6))
    heard: list[tuple[float, str | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, message))

    async with bridge.client(mode) as client:
        await client.call_tool("chat", {"prompt": "hello"}, progress_callback=on_progress)
    assert "waiting for glm-4.7-flash" in {m for _, m in heard}
    assert [p for p, _ in heard] == sorted({p for p, _ in heard})


@pytest.mark.parametrize("way", ["cancel", "end"])
async def test_a_call_that_is_given_up_ends_at_the_service(way: str, bridge: Bridge, sim: Simulator) -> None:
    sim.queue(Fault("hang"))

    def give_up() -> None:
        with bridge.stdio() as server:
            server.initialize()
            ident = server.start_call("chat", {"prompt": "hello"})
            sim.wait_received(1)
            if way == "cancel":
                server.send("notifications/cancelled", {"requestId": ident})
            else:
                with within(1.5):
                    server.end()
            sim.wait(lambda received: received[-1].disconnected)
            if way == "cancel":
                assert server.request("ping")["result"] == {}
                assert "I received" in said(server.call("chat", {"prompt": "hello"}))

    await anyio.to_thread.run_sync(give_up)


async def test_the_local_clients_name_decides_the_deadline(sim: Simulator, tmp_path: Path) -> None:
    """Claude Code is given pictures and 50,000 characters; a client that is not known neither."""
    with serving(sim, tmp_path) as (url, _):
        bridge = Bridge(tmp_path, url)
        for mode in ERAS:
            for name, shown in (("claude-code", True), ("a-client", False)):
                async with bridge.client(mode, name) as client:
                    drawn = await client.call_tool("generate_image", {"prompt": "a hill"})
                    assert bool(images(drawn)) is shown, (mode, name)


@pytest.mark.extreme
async def test_what_is_wrong_with_the_server_is_said_in_the_result(
    sim: Simulator, closed: int, tmp_path: Path
) -> None:
    with serving(sim, tmp_path) as (url, _):
        tls = url.replace("http://", "https://")
        rows: tuple[tuple[str, dict[str, str], str, str], ...] = (
            (url, {"GLM_CONNECT_TOKEN": "glm_wrong"}, "auth: ", "does not take the token"),
            (url, {"GLM_CONNECT_TOKEN": ""}, "auth: ", "took no token"),
            (f"http://127.0.0.1:{closed}", {}, "network: ", "cannot be reached"),
            (f"{url}/elsewhere", {}, "not_found: ", "The protocol is at /mcp"),
            (sim.url, {}, "", ""),
            (tls, {}, "network: ", "TLS"),
        )
        for number, (address, variables, kind, words) in enumerate(rows):
            bridge = Bridge(tmp_path / str(number), address)
            async with bridge.client(**variables) as client:
                assert [t.name for t in (await client.list_tools()).tools] == list(TOOLS)
                picture(bridge.work / "a.png")
                for tool, arguments in (("chat", {"prompt": "hi"}), ("describe_image", {"images": "a.png"})):
                    shown = await fail(client, tool, **arguments)
                    assert shown.startswith(kind), (address, shown)
                    assert words in shown, (address, shown)
                    assert TOKEN not in shown


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.extreme
async def test_a_server_that_is_away_is_known_from_before_and_found_again(
    mode: str, sim: Simulator, closed: int, tmp_path: Path
) -> None:
    env = environment(tmp_path / "server", sim, GLM_HTTP_TOKEN=TOKEN)
    served_there = partial(over_http, env, tmp_path / "server", ["--port", str(closed)])
    bridge = Bridge(tmp_path, f"http://127.0.0.1:{closed}/mcp")
    with served_there():
        async with bridge.client(mode) as client:
            before = await client.list_tools()
            offered = await client.list_prompts()
    async with bridge.client(mode) as client:
        assert await client.list_tools() == before
        assert await client.list_prompts() == offered
        assert "cannot be reached" in await fail(client, "chat", prompt="hi")
        with served_there():
            assert "I received" in await say(client, "chat", prompt="hi")
        with served_there():  # which knows none of the other's ids
            assert "I received" in await say(client, "chat", prompt="hi again")


def keyring_of(home: Path, held: str) -> None:
    """A keyring of this test's own, found by the configuration that the library reads."""
    folder = home / ".config/python_keyring"
    folder.mkdir(parents=True)
    (folder / "keyringrc.cfg").write_text(
        f"[backend]\ndefault-keyring=made_up.Keyring\nkeyring-path={folder}\n", encoding="utf-8"
    )
    (folder / "made_up.py").write_text(
        "from keyring.backend import KeyringBackend\n"
        "class Keyring(KeyringBackend):\n"
        "    priority = 1\n"
        f"    def get_password(self, service, username): return {held}.get((service, username))\n"
        "    def set_password(self, service, username, password): pass\n"
        "    def delete_password(self, service, username): pass\n",
        encoding="utf-8",
    )


async def test_the_token_may_lie_in_the_systems_keyring(bridge: Bridge) -> None:
    keyring_of(bridge.home, repr({("glm-team", "me"): TOKEN}))
    async with bridge.client(GLM_CONNECT_TOKEN="keyring:glm-team/me") as client:
        assert "I received" in await say(client, "chat", prompt="hi")
    done = await anyio.to_thread.run_sync(
        lambda: ran(
            [*COMMAND, "connect", bridge.url],
            {**bridge.env, "GLM_CONNECT_TOKEN": "keyring:glm-team/you"},
            bridge.work,
        )
    )
    assert done.returncode == 1
    assert done.stderr == (
        "config: the system's keyring has nothing for glm-team/you. Store it: keyring set glm-team you\n"
    )


@each("address", ["glm.example.org", "ftp://glm.example.org", "https://me:secret@glm.example.org"])
def test_an_address_that_is_none_is_refused(address: str, tmp_path: Path) -> None:
    done = ran([*COMMAND, "connect", address], environment(tmp_path), tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("config: ")
    assert "secret" not in done.stderr


async def test_lines_that_are_no_messages_are_answered(bridge: Bridge) -> None:
    def spoken() -> None:
        with bridge.stdio() as server:
            server.initialize()
            for line in ("{", "[]", "3", '{"jsonrpc":"1.0"}'):
                server.write(line)
                answer = json.loads(server.out.next() or "")
                assert (answer["id"], answer["error"]["code"]) == (None, -32700)
            server.write("")
            for odd in ("true", "1.5", '"\\ud800"'):
                server.write(f'{{"jsonrpc":"2.0","id":{odd},"method":"ping"}}')
                answer = json.loads(server.out.next() or "")
                assert (answer["id"], answer["error"]["code"]) == (None, -32600)
            for ident in ("a\u202e", "", " b ", 10**40):
                server.write(json.dumps({"jsonrpc": "2.0", "id": ident, "method": "no/such"}))
                answer = json.loads(server.out.next() or "")
                assert (answer["id"], answer["error"]["code"]) == (ident, -32601)
            assert server.request("ping")["result"] == {}
            assert server.request("no/such")["error"]["code"] == -32601

    await anyio.to_thread.run_sync(spoken)
