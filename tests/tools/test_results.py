"""Results: within each host's budget, nothing lost, small _meta, errors that say what to do."""

from __future__ import annotations

import dataclasses
import json
import random
import re
import string
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mcp import types
from mcp.shared.exceptions import MCPError
from support.cases import each
from support.connect import Connect
from support.films import Film, make, regular
from support.toolkit import NEXT, call, chats, fail, glm, links, picture, say, text_of

from glm_mcp.clients.table import client_named
from glm_mcp.glm.calls import Answer
from glm_mcp.media.kept.outputs import Outputs
from glm_mcp.samples import FOLDER
from glm_mcp.server.app import App, Folders
from glm_mcp.settings import Settings
from glm_mcp.simulator import Fault, Reply, Simulator
from glm_mcp.text import plain
from glm_mcp.tools.ask import result as asked
from glm_mcp.tools.chat import ChatArgs

pytestmark = pytest.mark.anyio

# Numbered, since an answer that repeats itself is cut by the client core.
TEXTS = {
    "english": "".join(f"The {n}. fox jumps over the lazy dog. " for n in range(2_000)),
    "chinese": "".join(f"第{n}只敏捷的棕色狐狸跳过了懒狗。" for n in range(4_500)),
    "escapes": "".join(f'\n"\\\t\u0001{n}' for n in range(10_000)),
    "one word": "".join(random.Random(1).choices(string.ascii_lowercase, k=70_000)),
    "emoji": "".join(f"🦊🐺{n % 997}🦝" for n in range(12_000)),
    "table": "| a | b |\n|---|---|\n" + "".join(f'| "{n}" | 2 |\n' for n in range(5_000)),
}
FORM = re.compile(
    r"(config|auth|quota|rate_limited|overloaded|upstream|network|timeout|content_blocked|invalid_request|too_long|"
    r"unsupported_media|media_too_large|not_found|forbidden_path|forbidden_url|missing_extra|internal): \S.*\. \S.*",
    re.DOTALL,
)


def weight(result: types.CallToolResult) -> int:
    """Characters of the result as a host gets it."""
    return len(written(result))


def written(result: types.CallToolResult) -> str:
    return result.model_dump_json(by_alias=True, exclude_none=True)


@each("text", list(TEXTS))
@each(("host", "budget"), [("a-client", 7_800), ("Cline", 7_800), ("claude-code", 50_000)])
@pytest.mark.extreme
async def test_a_long_answer_fits_its_host_and_uses_the_room(
    connect: Connect, sim: Simulator, text: str, host: str, budget: int
) -> None:
    sim.queue(Reply(text=TEXTS[text]))
    async with connect(client=host) as client:
        result = await call(client, "chat", prompt="Tell me everything.")
    assert budget * 0.7 < weight(result) <= budget
    assert "[glm-4.7-flash · " in text_of(result)
    assert NEXT.search(text_of(result))


class Swept(Outputs):
    """Of which another process, or whoever cleans the disk, takes away at once what is kept."""

    def keep(self, data: bytes | str, suffix: str, *, name: str = "") -> str:
        ident = super().keep(data, suffix, name=name)
        self.find(ident).unlink()
        return ident


async def test_an_answer_is_not_lost_with_what_is_kept_of_it(
    connect: Connect, app_of: Any, sim: Simulator, folders: Folders
) -> None:
    app: App = app_of(GLM_ALLOWED_DIRS=str(FOLDER))
    app.outputs = Swept(folder=None, cwd=folders.cwd, data=folders.data, cache=folders.cache)
    sim.queue(Reply(text=TEXTS["english"]))
    async with connect(app=app) as client:
        answered = await call(client, "chat", prompt="Tell me everything.")
        boxes = {"images": str(FOLDER / "photo.jpg"), "task": "locate", "prompt": "a boat"}
        found = await call(client, "describe_image", **boxes)
    assert text_of(answered).startswith("The 0. fox jumps")
    assert "The rest could not be kept: nothing is kept under glm://outputs/" in text_of(answered)
    assert "1 found in" in text_of(found)
    assert "not saved: nothing is kept under" in text_of(found)


@each(("host", "most"), [("opencode", 51_200), ("copilot-cli", 20_480)])
async def test_a_host_that_counts_bytes_gets_no_more_of_chinese_than_of_english(
    connect: Connect, sim: Simulator, host: str, most: int
) -> None:
    sim.queue(Reply(text=TEXTS["chinese"]), Reply(text=TEXTS["english"]))
    async with connect(client=host) as client:
        sizes = [len(written(await call(client, "chat", prompt=which)).encode()) for which in ("zh", "en")]
    assert all(0.7 * most < size < most for size in sizes), sizes


@each("text", ["english", "chinese", "escapes", "emoji"])
@pytest.mark.extreme
async def test_what_was_cut_is_read_on_to_the_last_character_without_a_model(
    connect: Connect, sim: Simulator, text: str
) -> None:
    whole = TEXTS[text][:30_000].strip()
    sim.queue(Reply(text=whole))
    pieces = []
    async with connect() as client:
        shown = await say(client, "chat", prompt="Tell me everything.")
        while found := NEXT.search(shown):
            pieces.append(shown[: found.start()].removesuffix("\n\n"))
            assert len(pieces) < 60
            result = await call(client, "read_document", documents=found[3], cursor=found[4])
            assert weight(result) <= 7_800
            shown = text_of(result)
        pieces.append(shown)
    assert "".join(pieces) == plain(whole).strip(), "control characters are no part of it"
    assert len(chats(sim)) == 1


async def test_a_short_answer_is_whole_and_says_nothing_of_reading_on(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(Reply(text="Short."))
    async with connect() as client:
        text = await say(client, "chat", prompt="hi")
    assert text.startswith("Short.\n\n[glm-4.7-flash · ")
    assert "read_document" not in text


async def test_a_local_host_is_told_where_the_whole_is_and_a_remote_one_is_not(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.queue(Reply(text=TEXTS["english"], times=2))
    async with connect() as client:
        local = await say(client, "chat", prompt="hi")
    async with connect(remote=True) as client:
        remote = await say(client, "chat", prompt="hi")
    found = re.search(r"The whole is in (.+)\.\]", local)
    assert found
    assert Path(found[1]).read_text(encoding="utf-8").strip() == TEXTS["english"].strip()
    assert str(folders.cache) not in remote
    assert NEXT.search(remote)


async def test_a_deep_cache_folder_does_not_break_the_budget(
    app_of: object, connect: Connect, sim: Simulator, folders: Folders, tmp_path: Path
) -> None:
    deep = dataclasses.replace(folders, cache=tmp_path / ("c" * 200) / ("d" * 200) / ("e" * 200))
    built: App = app_of()  # type: ignore[operator]
    app = App(built.settings, glm=built.glm, folders=deep)
    sim.queue(Reply(text=TEXTS["table"]))
    async with connect(app=app) as client:
        result = await call(client, "chat", prompt="hi")
    assert weight(result) <= 7_800


async def test_twelve_key_frames_with_long_paths_fit_too(
    app_of: object, connect: Connect, sim: Simulator, folders: Folders
) -> None:
    deep = dataclasses.replace(folders, cwd=folders.cwd / ("長い名前" * 15) / ("b" * 180))
    deep.cwd.mkdir(parents=True)
    built: App = app_of()  # type: ignore[operator]
    app = App(built.settings, glm=built.glm, folders=deep)
    (deep.cwd / "film.mp4").write_bytes(make(Film(regular(14, 5), size=(64, 48))))
    sim.queue(Reply(text="\n".join(f"0:{n:02}: " + "frame " * 200 for n in range(1, 13))))
    async with connect(app=app) as client:
        result = await call(client, "analyze_video", video="film.mp4", task="keyframes")
    lines = text_of(result).splitlines()
    stills = [Path(line.split(" ", 1)[1]) for line in lines[:12]]
    assert all(p.is_file() for p in stills)
    assert weight(result) <= 7_800


async def test_max_chars_wins_over_the_hosts_budget(connect: Connect, folders: Folders) -> None:
    (folders.cwd / "a.txt").write_text(TEXTS["english"], encoding="utf-8")
    async with connect() as client:
        more = await say(client, "read_document", documents="a.txt", max_chars=20_000)
        less = await say(client, "read_document", documents="a.txt", max_chars=500)
    more_found, less_found = NEXT.search(more), NEXT.search(less)
    assert more_found
    assert less_found
    assert 19_000 < int(more_found[4]) <= 20_000
    assert 400 < int(less_found[4]) <= 500


async def test_meta_is_small_and_says_what_a_program_wants(connect: Connect, sim: Simulator) -> None:
    sim.queue(Fault("error", code="1302", times=2))
    async with connect() as client:
        result = await call(client, "chat", prompt="hi", model="glm-4.7-flash")
    meta = glm(result)
    assert meta["model"] == "glm-4.7-flash"
    assert set(meta["tokens"]) >= {"in", "out"}
    assert meta["finish"] == "stop"
    assert meta["request_id"]
    assert [a["outcome"] for a in meta["attempts"]] == ["rate_limited 1302", "rate_limited 1302", "ok"]
    assert len(json.dumps(meta)) < 600


async def test_meta_has_the_notes_of_the_closing_line_but_for_a_host_that_shows_both(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for size in ((100, 100), (50, 50)):
        picture(folders.cwd / f"{size[0]}.png", size)
    for host, notes in (("a-client", ["2 pictures sent"]), ("Cline", None)):
        async with connect(client=host) as client:
            result = await call(client, "describe_image", images=["100.png", "50.png"], prompt="Which?")
        assert "2 pictures sent" in text_of(result)
        assert glm(result).get("notes") == notes


async def test_meta_holds_no_more_notes_than_are_small(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for n in range(49):
        (folders.cwd / f"{n}.png").write_bytes(b"no picture")
    picture(folders.cwd / "a.png", (100, 100))
    async with connect() as client:
        result = await call(client, "describe_image", images=["*.png"], prompt="Which?")
    assert 0 < sum(map(len, glm(result)["notes"])) <= 600
    assert weight(result) <= 7_800


async def test_a_simulated_answer_says_so_to_a_program_too(connect: Connect, folders: Folders) -> None:
    (folders.cwd / "a.txt").write_text("hello", encoding="utf-8")
    number = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    async with connect(GLM_SIMULATE="1", GLM_STRUCTURED="1") as client:
        answered = [
            await call(client, "chat", prompt="How many?", json=number),
            await call(client, "generate_image", prompt="a hill"),
        ]
        read = await call(client, "read_document", documents="a.txt")
    for result in answered:
        assert (result.structured_content or {})["simulated"] is True
        assert glm(result)["simulated"] is True
    assert "simulated" not in {**(read.structured_content or {}), **glm(read)}


async def test_structured_content_says_how_a_picture_was_drawn(connect: Connect, sim: Simulator) -> None:
    async with connect(GLM_STRUCTURED="1") as client:
        result = await call(client, "generate_image", prompt="a hill", size="500x500")
    notes = (result.structured_content or {})["notes"]
    assert notes == [
        "drawn at 512x512, then scaled and cropped",
        "the service puts an 'AI generated' mark on it",
    ]


async def test_a_fallback_is_told_in_the_text_and_in_meta(connect: Connect, sim: Simulator) -> None:
    sim.queue(Fault("error", code="1305", model="glm-4.7-flash", times=0))
    async with connect() as client:
        result = await call(client, "chat", prompt="hi")
    assert "[glm-4.6v-flash · " in text_of(result)
    assert "instead of glm-4.7-flash (overloaded 1305)" in text_of(result)
    assert glm(result)["fallback"] == "glm-4.7-flash (overloaded 1305)"


async def test_there_is_no_structured_content_unless_it_is_wanted(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png", (100, 100))
    (folders.cwd / "a.txt").write_text("hello", encoding="utf-8")
    boxes = Reply(text='[{"label": "x", "bbox_2d": [0, 0, 500, 500]}]')
    for wanted in ("0", "1"):
        sim.queue(boxes)
        async with connect(GLM_STRUCTURED=wanted) as client:
            found = [
                await call(client, "describe_image", images="a.png", task="locate", prompt="x"),
                await call(client, "chat", prompt="hi", thinking="show"),
                await call(client, "read_document", documents="a.txt"),
                await call(client, "generate_image", prompt="a hill", size="512x512"),
            ]
        if wanted == "0":
            assert [r.structured_content for r in found] == [None] * 4
    located, chatted, read, drawn = (r.structured_content or {} for r in found)
    assert located["count"] == 1
    assert located["items"] == [
        {
            "label": "x",
            "picture": "a.png",
            "box_px": [0, 0, 50, 50],
            "centre_px": [25, 25],
            "box_1000": [0, 0, 500, 500],
        }
    ]
    assert chatted["text"].startswith("[simulated glm-4.7-flash]")
    assert {"model", "finish_reason", "request_id", "usage", "attempts", "seconds", "reasoning"} <= set(
        chatted
    )
    assert read["documents"] == [
        {"name": "a.txt", "kind": read["documents"][0]["kind"], "pages": 1, "total": 1}
    ]
    assert Path(drawn["path"]).is_file()
    assert drawn["url"].startswith("http")


async def test_structured_content_holds_the_whole_of_a_text_that_was_cut(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(Reply(text=TEXTS["chinese"]))
    async with connect(GLM_STRUCTURED="1") as client:
        result = await call(client, "chat", prompt="hi")
    assert (result.structured_content or {})["text"] == TEXTS["chinese"]
    assert len(text_of(result)) < 7_800


async def test_structured_content_of_a_text_of_megabytes_says_how_to_read_on(
    connect: Connect, folders: Folders
) -> None:
    (folders.cwd / "long.txt").write_text("words of it\n" * 100_000, encoding="utf-8")
    async with connect(GLM_STRUCTURED="1") as client:
        result = await call(client, "read_document", documents="long.txt")
    text = (result.structured_content or {})["text"]
    assert len(text) < 10_000
    assert "Go on with read_document(" in text


@each(
    ("code", "kind"),
    [
        ("1000", "auth"),
        ("1113", "quota"),
        ("1301", "content_blocked"),
        ("1261", "too_long"),
        ("1211", "invalid_request"),
        ("1305", "overloaded"),
        ("1302", "rate_limited"),
        ("500", "upstream"),
    ],
)
async def test_an_error_names_its_kind_cause_and_mend_in_text_and_meta(
    connect: Connect, sim: Simulator, code: str, kind: str
) -> None:
    sim.queue(Fault("error", code=code, times=0))
    async with connect(GLM_DEADLINE_S="3") as client:
        result = await call(client, "chat", prompt="hi")
    text = text_of(result)
    assert result.is_error
    assert FORM.fullmatch(text)
    assert text.startswith(f"{kind}: ")
    assert f"code {code}" in text
    error = glm(result)["error"]
    assert (error["kind"], error["code"]) == (kind, code)
    assert error["hint"]
    assert error["hint"] in text
    assert sim.key not in result.model_dump_json()


async def test_every_way_to_fail_has_the_same_form(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "a.txt").write_text("hello", encoding="utf-8")
    wrong: list[tuple[str, dict[str, object]]] = [
        ("describe_image", {"images": "none.png"}),
        ("describe_image", {"images": "a.txt"}),
        ("describe_image", {"images": "/etc/shadow"}),
        ("describe_image", {"images": "http://localhost/a.png"}),
        ("analyze_video", {"video": "a.txt"}),
        ("read_document", {"documents": "a.txt", "pages": "7"}),
        ("generate_image", {"prompt": "x", "size": "tiny"}),
        ("chat", {"prompt": "x", "model": "gpt-99"}),
        ("chat", {"promptt": "x"}),
    ]
    async with connect() as client:
        for tool, arguments in wrong:
            text = await fail(client, tool, **arguments)
            assert FORM.fullmatch(text), text
            assert "Traceback" not in text
            assert "Error executing tool" not in text


async def test_a_call_without_a_key_says_how_to_get_one(connect: Connect, sim: Simulator) -> None:
    async with connect(GLM_API_KEY=None, GLM_BASE_URL="zhipu") as client:
        assert len((await client.list_tools()).tools) == 5
        text = await fail(client, "chat", prompt="hi")
    assert text.startswith("config: no API key is set. Get a free key at https://bigmodel.cn/")
    assert "GLM_SIMULATE=1" in text


@pytest.mark.extreme
async def test_a_long_partial_answer_in_an_error_fits_too(connect: Connect, sim: Simulator) -> None:
    sim.queue(Reply(text=TEXTS["escapes"], times=2))
    async with connect() as client:
        result = await call(client, "chat", prompt="hi", json=True)
    assert result.is_error
    assert weight(result) <= 7_800
    assert "What had arrived (not complete):\n" in text_of(result)
    assert text_of(result).endswith("…")


async def test_an_unknown_tool_is_a_protocol_error(connect: Connect) -> None:
    async with connect() as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("paint", {})
    assert caught.value.error.code == -32602
    assert "chat, describe_image, analyze_video, read_document, generate_image" in caught.value.error.message


async def test_kept_results_are_listed_and_readable_as_resources(connect: Connect, sim: Simulator) -> None:
    sim.queue(Reply(text=TEXTS["chinese"]))
    async with connect() as client:
        text = await say(client, "chat", prompt="hi")
        found = NEXT.search(text)
        assert found
        listed = (await client.list_resources()).resources
        read = await client.read_resource(found[3])
        with pytest.raises(MCPError) as gone:
            await client.read_resource("glm://outputs/" + "0" * 24)
        with pytest.raises(MCPError) as other:
            await client.read_resource("file:///etc/passwd")
    assert [(r.uri, r.mime_type) for r in listed][3:] == [(found[3], "text/markdown")]
    content = read.contents[0]
    assert isinstance(content, types.TextResourceContents)
    assert content.text == TEXTS["chinese"]
    assert gone.value.error.code == -32002
    assert "no call of this server made /etc/passwd" in other.value.error.message


async def test_links_name_files_of_this_machine_or_kept_ones_over_http(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    boxes = Reply(text='[{"label": "x", "bbox_2d": [0, 0, 500, 500]}]')
    sim.queue(boxes, boxes)
    picture(folders.cwd / "a.png", (100, 100))
    async with connect() as client:
        local = await call(client, "describe_image", images="a.png", task="locate", prompt="x")
    async with connect(remote=True, GLM_ALLOWED_DIRS=str(folders.cwd)) as client:
        remote = await call(client, "describe_image", images="a.png", task="locate", prompt="x")
    assert links(local)[0].uri.startswith("file:///")
    assert links(remote)[0].uri.startswith("glm://outputs/")
    assert links(remote)[0].uri in text_of(remote)


@each(
    ("name", "budget", "previews", "deadline"),
    [
        ("claude-code", 50_000, True, 300),
        ("Claude-Code/2.1", 50_000, True, 300),
        ("claude-ai", 7_800, True, 55),
        ("codex-mcp-client", 7_800, True, 55),
        ("cursor-vscode", 7_800, True, 55),
        ("Visual Studio Code", 7_800, True, 55),
        ("Cline", 7_800, False, 55),
        ("somebody", 7_800, False, 55),
        ("", 7_800, False, 55),
    ],
)
async def test_a_host_is_known_by_its_clients_name(
    name: str, budget: int, previews: bool, deadline: float
) -> None:
    host = client_named(name, Settings(_env_file=None), remote=False)
    assert (host.budget, host.previews, host.deadline_s, host.local) == (budget, previews, deadline, True)


async def test_the_deadline_of_the_settings_wins_and_http_has_no_paths() -> None:
    host = client_named("claude-code", Settings(_env_file=None, GLM_DEADLINE_S=7), remote=True)
    assert (host.deadline_s, host.local) == (7, False)


async def test_over_http_saved_code_and_key_frames_are_kept_and_readable(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "film.mp4").write_bytes(make(Film(regular(3, 5), size=(64, 48))))
    picture(folders.cwd / "a.png")
    sim.queue(Reply(text="```html\n<p>hello</p>\n```"), Reply(text="0:01: here"))
    async with connect(remote=True, GLM_ALLOWED_DIRS=str(folders.cwd)) as client:
        code = await call(client, "describe_image", images="a.png", task="ui_to_code")
        frames = await call(client, "analyze_video", video="film.mp4", task="keyframes")
        page = await client.read_resource(links(code)[0].uri)
        still = await client.read_resource(links(frames)[0].uri)
    assert text_of(code).startswith(f"Saved: {links(code)[0].uri}\n")
    assert isinstance(page.contents[0], types.TextResourceContents)
    assert page.contents[0].text == "<p>hello</p>"
    assert isinstance(still.contents[0], types.BlobResourceContents)
    assert still.contents[0].mime_type == "image/jpeg"
    assert not (folders.cwd / "glm-output").exists()


def test_what_stands_beside_an_answer_goes_to_a_program_up_to_a_bound() -> None:
    found: dict[str, Any] = {"content_filter": [{"level": 3}], "web_search": [{"title": "t" * 2_000_000}]}
    deps: Any = SimpleNamespace(settings=SimpleNamespace(thinking="false", simulate=False), said=str)
    data = asked(deps, ChatArgs(prompt="hi"), Answer("hello", "glm-4.7-flash", extras=found)).data
    assert data["content_filter"] == [{"level": 3}]
    assert "web_search" not in data
