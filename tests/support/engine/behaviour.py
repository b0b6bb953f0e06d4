"""What the tools do in front of a self-hosted engine, whichever it is: the same for a simulated and for a real one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from support.connect import Connect
from support.films import Film, make, regular
from support.made_documents import lines, pdf
from support.paths import SAMPLES
from support.toolkit import call, fail, glm, picture, png, say, text_of

from glm_mcp.server.app import Folders

SHAPE = {
    "type": "object",
    "properties": {"colour": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["colour", "count"],
    "additionalProperties": False,
}
TOOLS = ("chat", "describe_image", "analyze_video", "read_document")
WITHOUT_END = "Count, without end."  # what the tiny model goes on and on at


@dataclass(frozen=True, slots=True)
class Backend:
    """An engine to test against. `running`: how many requests it works on now; may be called from a thread. `hold`: makes it
    go on at the next request that asks for words without end. `too_long`: a prompt that our own count lets pass.
    """

    url: str
    running: Callable[[], int]
    context: int
    too_long: str
    hold: Callable[[], None] = lambda: None

    def settings(self) -> dict[str, Any]:
        return {"GLM_BASE_URL": self.url, "GLM_API_KEY": None}


def arguments(tool: str, folders: Folders, prompt: str = "What is there?") -> dict[str, Any]:
    """A call of a tool, with a small file in the working folder."""
    if tool == "chat":
        return {"prompt": prompt}
    files: dict[str, tuple[str, str, Callable[[], bytes]]] = {
        "describe_image": ("images", "chart.png", png),
        "analyze_video": ("video", "clip.mp4", lambda: make(Film(regular(1)))),
        "read_document": ("documents", "report.pdf", lambda: pdf([lines(["The lake is calm."])])),
    }
    key, name, made = files[tool]
    (folders.cwd / name).write_bytes(made())
    return {key: name, "prompt": prompt}


def of_the_demo(tool: str, folders: Folders) -> dict[str, Any]:
    """The same with the file of the demo, whose film has sound and whose document a page without text."""
    call = arguments(tool, folders)
    for name in set(call.values()) & {"chart.png", "clip.mp4", "report.pdf"}:
        shutil.copy(SAMPLES / name, folders.cwd / name)
    return call


async def answers_streamed(tool: str, backend: Backend, connect: Connect, folders: Folders) -> None:
    heard: list[str] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message or "")

    async with connect(**backend.settings()) as client:
        with anyio.fail_after(60):
            result = await client.call_tool(tool, of_the_demo(tool, folders), progress_callback=listen)
    assert not result.is_error, text_of(result)
    text, _, closing = text_of(result).rpartition("\n\n")
    assert text.strip()
    assert "tokens" in closing
    assert glm(result)["model"] in closing
    assert heard


async def thinks_when_asked(tool: str, backend: Backend, connect: Connect, folders: Folders) -> None:
    async with connect(**backend.settings()) as client:
        thought = await say(client, tool, 30, **arguments(tool, folders), thinking="show")
        plain = await say(client, tool, 30, **arguments(tool, folders), thinking=False)
    assert "Reasoning:\n" in thought
    assert "<think>" not in thought + plain
    assert "Reasoning:" not in plain


async def gives_the_json_asked_for(tool: str, backend: Backend, connect: Connect, folders: Folders) -> None:
    async with connect(**backend.settings()) as client:
        result = await call(client, tool, 30, **arguments(tool, folders), json=SHAPE)
    assert not result.is_error, text_of(result)
    value = json.loads(text_of(result).rpartition("\n\n")[0])
    assert set(value) == {"colour", "count"}
    assert "repaired" not in text_of(result)


async def says_that_it_is_too_long(tool: str, backend: Backend, connect: Connect, folders: Folders) -> None:
    async with connect(**backend.settings()) as client:
        # Frames as many as the window holds would be too many by our own count.
        few = {"max_frames": 1} if tool == "analyze_video" else {}
        text = await fail(client, tool, 30, **arguments(tool, folders, backend.too_long), **few)
    assert text.startswith("too_long: the request is longer than the window that the engine gives the model")
    assert str(backend.context) in text
    assert "--max-model-len" in text


async def stops_the_engine_when_cancelled(
    tool: str, backend: Backend, connect: Connect, folders: Folders
) -> None:
    backend.hold()
    async with connect(**backend.settings()) as client, anyio.create_task_group() as group:
        asked = arguments(tool, folders, WITHOUT_END)
        group.start_soon(lambda: client.call_tool(tool, asked))
        await _until(backend, lambda running: running > 0)
        group.cancel_scope.cancel()
    await _until(backend, lambda running: running == 0)


async def sees_a_picture(backend: Backend, connect: Connect, folders: Folders) -> None:
    """One in a form that engines do not read, so that bytes of another form must have arrived."""
    picture(folders.cwd / "seen.webp")
    async with connect(**backend.settings()) as client:
        with_it = await call(client, "chat", 30, prompt="What is it?", files="seen.webp")
        without = await call(client, "chat", 30, prompt="What is it?")
        several = await say(client, "describe_image", 30, images=["seen.webp", str(_png(folders))])
    assert not with_it.is_error, text_of(with_it)
    assert glm(with_it)["tokens"]["in"] > glm(without)["tokens"]["in"]
    assert "2 pictures sent" in several


def _png(folders: Folders) -> Path:
    return picture(folders.cwd / "other.png", colour="#ffcc00")


async def reads_a_long_document_in_parts(backend: Backend, connect: Connect, folders: Folders) -> None:
    lines = [f"Line {n} of the minutes: nothing was decided about matter {n}." for n in range(400)]
    (folders.cwd / "minutes.txt").write_text("\n".join(lines), encoding="utf-8")
    async with connect(**backend.settings()) as client:
        text = await say(client, "read_document", 60, documents="minutes.txt", prompt="What was decided?")
    assert "parts" in text.rpartition("\n\n")[2]


async def refuses_to_draw_and_names_the_setting(
    backend: Backend,
    connect: Connect,
    folders: Folders,
) -> None:
    async with connect(**backend.settings()) as client:
        unset = await fail(client, "generate_image", prompt="a hill")
    async with connect(**backend.settings(), GLM_IMAGE_MODEL="a-painter") as client:
        absent = await fail(client, "generate_image", prompt="a hill")
    for text in (unset, absent):
        assert text.startswith("config: ")
        assert "GLM_IMAGE_MODEL" in text
        assert "GLM_TOOLS" in text
    assert "a-painter" in absent


async def _until(backend: Backend, condition: Callable[[int], bool], within: float = 15) -> None:
    with anyio.fail_after(within):
        while not condition(await anyio.to_thread.run_sync(backend.running)):  # noqa: ASYNC110 - it is asked over HTTP
            await anyio.sleep(0.01)


OF_EACH_TOOL = (
    answers_streamed,
    thinks_when_asked,
    gives_the_json_asked_for,
    says_that_it_is_too_long,
    stops_the_engine_when_cancelled,
)
OF_ALL = (sees_a_picture, reads_a_long_document_in_parts, refuses_to_draw_and_names_the_setting)
