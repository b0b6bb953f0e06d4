"""What a host hears while a call runs: every stage, in growing numbers, and never five seconds of silence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.busy import within
from support.connect import Connect
from support.processes import Stdio, environment
from support.toolkit import picture

from glm_mcp.glm.policy import Pace
from glm_mcp.glm.progress import EVERY_S, PAUSE_S, Progress
from glm_mcp.samples import FOLDER
from glm_mcp.server.app import App, Folders
from glm_mcp.simulator import Fault, Reply, Simulator, Switches
from glm_mcp.text import Redactor, plain

pytestmark = pytest.mark.anyio


class Heard:
    """A host's progress callback. `until` waits for a message with a word in it."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.messages: list[str] = []
        self._more = anyio.Event()

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        assert total is None
        self.steps.append(progress)
        self.messages.append(message or "")
        self._more.set()

    async def until(self, word: str) -> str:
        with anyio.fail_after(60):
            while True:
                found = next((m for m in self.messages if word in m), None)
                if found is not None:
                    return found
                self._more = anyio.Event()
                await self._more.wait()


KEY = "0123456789abcdef0123456789abcdef.GhIjKlMnOpQrStUv"


def shows(text: str, most: int = 6) -> bool:
    """Whether more of KEY stands in a text than any words of ours have."""
    return any(KEY[n : n + most] in text for n in range(len(KEY) - most + 1))


@given(
    st.lists(st.sampled_from([KEY, KEY[:20], KEY[5:], "a b ", "0", "\x1b[31m", "é"]), max_size=8),
    st.integers(1, 60),
    st.booleans(),
)
def test_no_part_of_a_key_is_told_while_an_answer_arrives_in_any_pieces(
    words: list[str], size: int, of_a_call: bool
) -> None:
    text = "".join(words)
    told: list[str] = []
    messages: list[str] = []
    redactor = Redactor(KEY)
    with redactor.applied() if of_a_call else nullcontext():
        progress = Progress(on_text=told.append)
        for at in range(0, len(text), size):
            progress.text(text[at : at + size])
            messages.append(progress.message)
        whole = plain(text)
    # Only what stands there of a key that is not whole may be told.
    rest = text.replace(KEY, "")
    if not shows(rest):
        assert not shows("".join(told))
        assert not any(shows(message) for message in messages)
    assert KEY not in "".join(told)
    assert whole.startswith("".join(told))


async def test_a_key_that_a_model_repeats_slowly_is_in_no_message(connect: Connect, sim: Simulator) -> None:
    sim.switches = Switches(chunk_s=0.04)
    said = f"The key is {KEY}, and that was it."
    sim.queue(Reply(text=said, chunks=tuple(said)))
    heard = Heard()
    with anyio.fail_after(60):
        async with connect(GLM_HTTP_TOKEN=KEY) as client:
            await client.call_tool("chat", {"prompt": "hello"}, progress_callback=heard)
    assert any("The key is" in message for message in heard.messages)
    assert not any(shows(message) for message in heard.messages), heard.messages


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_an_answer_is_heard_while_it_is_written_with_its_tail(
    mode: str, connect: Connect, sim: Simulator
) -> None:
    words = [f"word{n} " for n in range(8)]
    sim.switches = Switches(chunk_s=0.15)
    sim.queue(Reply(reasoning="first this, then that", text="".join(words), chunks=tuple(words)))
    heard = Heard()
    with anyio.fail_after(60):
        async with connect(mode=mode) as client:
            await client.call_tool("chat", {"prompt": "hello", "thinking": True}, progress_callback=heard)
    written = [m for m in heard.messages if m.startswith("writing (")]
    assert len(written) >= 2
    assert "word" in written[-1].partition("…")[2]
    assert written[0] != written[-1]
    assert heard.steps == sorted(set(heard.steps)), "numbers must grow"


async def test_thinking_is_heard(connect: Connect, sim: Simulator) -> None:
    sim.switches = Switches(chunk_s=0.3, chunk_chars=8)
    sim.queue(Reply(reasoning="first this, then that, and so on", text="done"))
    heard = Heard()
    with anyio.fail_after(60):
        async with connect() as client:
            await client.call_tool("chat", {"prompt": "hello", "thinking": True}, progress_callback=heard)
    assert any(m.startswith("thinking (") for m in heard.messages)


async def test_preparing_and_uploading_and_waiting_are_heard(connect: Connect, sim: Simulator) -> None:
    sim.queue(Fault("slow_first_byte", seconds=0.6, times=2))
    heard, small = Heard(), Heard()
    with anyio.fail_after(60):
        async with connect() as client:
            photo = str(FOLDER / "photo.jpg")
            await client.call_tool("describe_image", {"images": data_url(photo)}, progress_callback=heard)
            await client.call_tool("chat", {"prompt": "hello"}, progress_callback=small)
    assert any(m.startswith("uploading 0.") and m.endswith("MB to glm-4.6v-flash") for m in heard.messages)
    assert "waiting for glm-4.7-flash" in small.messages


def data_url(path: str) -> str:
    import base64

    return "data:image/jpeg;base64," + base64.b64encode(Path(path).read_bytes()).decode()


async def test_a_call_that_waits_hears_its_place(connect: Connect, sim: Simulator) -> None:
    sim.queue(Fault("hang"))
    second, third = Heard(), Heard()
    with anyio.fail_after(60):
        async with connect(GLM_MAX_CONCURRENCY=1) as client, anyio.create_task_group() as tasks:

            async def call(heard: Heard | None = None) -> None:
                await client.call_tool("chat", {"prompt": "hello"}, progress_callback=heard)

            tasks.start_soon(call)
            await anyio.to_thread.run_sync(sim.wait_received, 1)
            tasks.start_soon(call, second)
            await second.until("queued: place 1")
            tasks.start_soon(call, third)
            await third.until("queued: place 2")
            tasks.cancel_scope.cancel()


async def test_another_try_is_heard_with_its_reason(
    connect: Connect, sim: Simulator, app_of: Callable[..., App]
) -> None:
    sim.queue(Fault("error", code="1302"))
    heard = Heard()
    app = app_of(pace=Pace(waits=(30.0, 30.0)), GLM_FALLBACK="0")
    async with connect(app=app) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(partial(client.call_tool, "chat", {"prompt": "hello"}, progress_callback=heard))
        await heard.until("glm-4.7-flash: rate_limited; try 2 in")
        tasks.cancel_scope.cancel()


def test_a_silent_service_is_told_of_at_least_every_five_seconds(sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Fault("hang"))
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize("2024-11-05")
        server.start_call("chat", {"prompt": "hello"}, token="tok")
        steps: list[float] = []
        waiting = 0
        while waiting < 2:
            with within(EVERY_S + 1.0):
                line = server.out.next()
            params = json.loads(line or "{}")["params"]
            assert params["progressToken"] == "tok"
            steps.append(params["progress"])
            waiting += params["message"] == "waiting for glm-4.7-flash"
        assert steps == sorted(set(steps))


def test_without_a_token_nothing_is_sent(sim: Simulator, tmp_path: Path) -> None:
    sim.switches = Switches(chunk_s=0.1)
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize()
        server.call("chat", {"prompt": "hello"})
        assert server.heard == []


def test_a_token_may_be_a_word_or_a_number(sim: Simulator, tmp_path: Path) -> None:
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize()
        for token in ("word", 7, 0):
            server.heard.clear()
            params = {"name": "chat", "arguments": {"prompt": "hello"}, "_meta": {"progressToken": token}}
            server.request("tools/call", params)
            assert [m["params"]["progressToken"] for m in server.heard[:1]] == [token]


async def test_a_host_that_cannot_be_told_does_not_end_the_call(connect: Connect, sim: Simulator) -> None:
    async def fails(progress: float, total: float | None, message: str | None) -> None:
        raise RuntimeError("a host's own defect")

    sim.queue(Fault("slow_first_byte", seconds=0.4))
    with anyio.fail_after(60):
        async with connect() as client:
            result = await client.call_tool("chat", {"prompt": "hello"}, progress_callback=fails)
    assert not result.is_error


async def test_a_stream_of_tokens_does_not_become_a_stream_of_messages() -> None:
    sent: list[str] = []

    async def send(step: float, message: str) -> None:
        sent.append(message)

    progress = Progress(send)
    began = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(progress.run)
        for number in range(200):
            progress.text(f"{number} ")
            await anyio.sleep(0.001)
        tasks.cancel_scope.cancel()
    assert 1 <= len(sent) <= 2 + (anyio.current_time() - began) / PAUSE_S


def test_what_a_failed_attempt_wrote_does_not_count() -> None:
    progress = Progress()
    progress.text("half an ans")
    progress.start_text()
    progress.text("")
    progress.text("whole\n answer")
    assert progress.message == "writing (13 characters): …whole answer"
    progress.thinking(1234)
    assert progress.message == "thinking (1,234 characters)"


async def test_of_answers_that_are_written_at_once_it_tells_how_many_are_done_and_no_words(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for name in ("a.png", "b.png"):
        picture(folders.cwd / name)
    words = [f"word{n} " for n in range(8)]
    sim.switches = Switches(chunk_s=0.15)
    sim.queue(Reply("".join(words), chunks=tuple(words), times=2))
    heard = Heard()
    given = {"images": ["a.png", "b.png"], "task": "locate", "prompt": "boats"}
    with anyio.fail_after(60):
        async with connect() as client:
            await client.call_tool("describe_image", given, progress_callback=heard)
    assert any(re.fullmatch(r"[01] of 2 parts done; writing \(\d+ characters\)", m) for m in heard.messages)
    assert not any("word" in message for message in heard.messages)
