"""The key goes to the service and nowhere else; what was asked and answered goes into no log unless it is wished."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import re
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import canary
from support.calls import answering, ask, client_of
from support.cases import each
from support.connect import Connect
from support.processes import COMMAND, Stdio, environment, said, stuck_reader, until
from support.toolkit import call, fail, say, text_of

from glm_mcp.errors import ConfigError, GLMError
from glm_mcp.server.app import App, Folders
from glm_mcp.server.log import configure
from glm_mcp.settings import Settings
from glm_mcp.simulator import Fault, Reply, Simulator
from glm_mcp.text import Redactor, clean
from glm_mcp.tools.base import Deps

pytestmark = pytest.mark.anyio
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

PROMPT, ANSWER, CONTENT = "PromptCanary7", "AnswerCanary8", "FileCanary9"


def test_the_watch_over_all_tests_sees_a_key_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_bytes(b"\xff" + canary.KEY.encode())
    (tmp_path / "env").write_text(f"GLM_API_KEY={canary.KEY}", encoding="utf-8")
    (tmp_path / "other").write_text("nothing", encoding="utf-8")
    assert [p.name for p in sorted(tmp_path.iterdir()) if canary.leaked(p)] == ["log.txt"]
    (tmp_path / "log.txt").unlink()


async def test_no_object_of_the_server_shows_the_key(app_of: Callable[..., App], sim: Simulator) -> None:
    app = app_of(GLM_HTTP_TOKEN=canary.KEY)
    deps = Deps(app.settings, app.glm, app.sandbox, app.outputs, None, None, 0.0)  # type: ignore[arg-type]
    for thing in (app, app.settings, app.glm, deps, app.glm.transport, app.settings.model_dump()):
        assert canary.SECRET not in repr(thing)
        assert canary.SECRET not in str(thing)
    assert canary.SECRET not in app.settings.model_dump_json()


@each("fault", ["error", "reset", "hang", "html", "error_in_200"])
async def test_no_exception_of_a_call_shows_the_key_in_its_whole_chain(sim: Simulator, fault: str) -> None:
    message = f"key {sim.key} is refused"
    sim.queue(Fault(fault, code="1000", message=message, times=0))  # type: ignore[arg-type]  # one of its kinds
    async with client_of(sim) as client:
        with pytest.raises(GLMError) as caught:
            await ask(client, within=1)
    whole = traceback.TracebackException.from_exception(caught.value)
    assert canary.SECRET not in "".join(whole.format())
    assert canary.SECRET not in repr(caught.value.as_meta())


async def test_the_key_is_not_in_what_is_sent_to_the_model(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        await say(client, "chat", prompt="hi")
    assert canary.SECRET not in json.dumps(sim.received[-1].body)


async def test_the_key_in_a_file_or_a_prompt_is_not_in_what_is_sent_to_the_model_either(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    source = folders.cwd / "client.py"
    source.write_text(f'client = Client(api_key="{canary.KEY}")', encoding="utf-8")
    async with connect() as client:
        await say(client, "chat", prompt="What does it do?", files="client.py")
        await say(client, "read_document", documents="client.py", prompt="What does it do?")
        await say(client, "chat", prompt=f"What is {canary.KEY}?")
        await say(client, "chat", history=[{"role": "user", "content": canary.KEY}], prompt="And now?")
        await say(client, "generate_image", prompt=f"A sign that says {canary.KEY}")
    source.unlink()
    asked = [json.dumps(request.body) for request in sim.received if request.body]
    assert len(asked) >= 5
    assert all("[key]" in body and canary.SECRET not in body for body in asked)


@linux
def test_neither_the_command_line_nor_a_workers_environment_holds_the_key(
    sim: Simulator, tmp_path: Path
) -> None:
    env = environment(tmp_path / "home", sim, GLM_HTTP_TOKEN=canary.KEY, **stuck_reader(tmp_path))
    with Stdio(env, tmp_path, command=[*COMMAND]) as server:  # not forked: it has a command line of its own
        server.initialize()
        server.start_call("read_document", {"documents": "paper.pdf"})
        worker = until(server.workers)[-1]

        def environment_of_worker() -> bytes:
            # Between fork and exec a child still shows its parent's.
            found = Path(f"/proc/{worker}/environ").read_bytes()
            return found if b"GLM_WORKER_PATH" in found else b""

        environ = until(environment_of_worker)
        seen = [
            Path(f"/proc/{pid}/{name}").read_bytes()
            for pid in (server.popen.pid, worker)
            for name in ("cmdline", "comm")
        ]
    assert not [s for s in seen if canary.SECRET.encode() in s]
    assert canary.SECRET.encode() not in environ
    assert b"GLM_API_KEY" not in environ


@linux
def test_a_server_that_is_killed_by_its_own_memory_writes_no_dump_of_the_key(
    sim: Simulator, tmp_path: Path
) -> None:
    """SIGABRT, as a crash in a library gives it: nothing is written but what the system was told to write."""
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize()
        server.call("chat", {"prompt": "hello"})
        server.signal(signal.SIGABRT)
        assert canary.SECRET not in server.err.rest()
    assert not [p for p in tmp_path.rglob("*") if p.name != "core" and canary.leaked(p)]


def log_of(sim: Simulator, tmp_path: Path, *options: str, **variables: str) -> str:
    """The log of a server that answered, refused, and met a defect of a reader."""
    work = tmp_path / "home" / "work"
    work.mkdir(parents=True)
    (work / "a.txt").write_text(CONTENT, encoding="utf-8")
    (work / "a.pdf").write_bytes(b"%PDF-1.7\n" + CONTENT.encode() * 50)
    (work / "a.svg").write_text(f"<svg xmlns='http://www.w3.org/2000/svg'><{CONTENT}", encoding="utf-8")
    sim.queue(Reply(ANSWER), Reply(ANSWER), Fault("error", code="1301"))
    with Stdio(environment(tmp_path / "home", sim, **variables), work, *options) as server:
        server.initialize()
        assert ANSWER in said(server.call("chat", {"prompt": PROMPT}))
        server.call("chat", {"prompt": PROMPT, "files": ["a.txt"]})
        server.call("chat", {"prompt": PROMPT})
        server.call("read_document", {"documents": "a.txt"})
        server.call("read_document", {"documents": "a.pdf"})
        server.call("describe_image", {"images": "a.svg", "prompt": PROMPT})
        server.end()
        return server.err.rest()


@pytest.mark.parametrize("level", ["info", "debug"])
def test_the_log_says_what_was_called_and_nothing_of_what_was_said(
    level: str, sim: Simulator, tmp_path: Path
) -> None:
    log = log_of(sim, tmp_path, "--log-level", level)
    assert "chat: ok" in log
    assert "chat: content_blocked" in log
    assert "request id" in log
    for word in (PROMPT, ANSWER, CONTENT, canary.SECRET):
        assert word not in log


def test_the_log_holds_what_was_said_when_that_is_wished_and_still_no_key(
    sim: Simulator, tmp_path: Path
) -> None:
    log = log_of(sim, tmp_path, "--log-level", "info", GLM_LOG_CONTENT="1")
    assert PROMPT in log
    assert ANSWER in log
    assert canary.SECRET not in log


def test_the_log_may_be_json_a_line(sim: Simulator, tmp_path: Path) -> None:
    lines = log_of(sim, tmp_path, "--log-level", "info", "--log-format", "json").splitlines()
    records = [json.loads(line) for line in lines]
    assert {"time", "level", "logger", "message"} <= set(records[0])
    assert any(r["message"].startswith("chat: ok") and r["level"] == "info" for r in records)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_trace_shows_places_and_kinds_and_an_errors_own_words_only_when_wished(
    form: str, restored: None
) -> None:
    def written(*, content: bool = False) -> str:
        found = io.StringIO()
        with redirect_stderr(found):
            configure("debug", form, content=content)
            try:
                try:
                    int(CONTENT)
                except ValueError as error:
                    raise RuntimeError(CONTENT) from error
            except RuntimeError:
                logging.getLogger("glm_mcp.test").exception("failed")
        return found.getvalue()

    text = written()
    assert CONTENT not in text.replace("int(CONTENT)", "").replace("RuntimeError(CONTENT)", "")
    for word in ("failed", "ValueError", "RuntimeError", "test_secrets.py"):
        assert word in text
    assert CONTENT in written(content=True)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_warning_of_a_library_is_a_record_as_any_other(form: str, restored: None) -> None:
    def written(*, content: bool = False) -> str:
        found = io.StringIO()
        with redirect_stderr(found), warnings.catch_warnings():
            warnings.simplefilter("always")
            configure("warning", form, content=content)
            warnings.warn(f"odd cell: {CONTENT}\n\x1b[31m", stacklevel=1)
        return found.getvalue()

    (line,) = written().splitlines()
    assert "UserWarning at " in line
    assert "test_secrets.py" in line
    assert CONTENT not in line
    assert CONTENT in written(content=True)
    assert "\x1b" not in written(content=True)


async def test_a_service_that_answers_with_the_key_tells_it_nobody(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    said = f"You sent {sim.key} to me."
    sim.queue(Reply(said, reasoning=said), Reply(f"no JSON: {sim.key}", times=2))
    (folders.cwd / "notes.txt").write_text(said, encoding="utf-8")
    async with connect(GLM_STRUCTURED="1") as client:
        whole = await call(client, "chat", prompt="hi", thinking="show")
        assert text_of(whole).startswith("You sent [key] to me.")
        partial = await fail(client, "chat", prompt="hi", json=True)
        assert "no JSON: [key]" in partial
        assert "You sent [key] to me." in await say(client, "read_document", documents="notes.txt")
    (folders.cwd / "notes.txt").unlink()  # it would be found


async def test_a_service_that_ends_its_answer_with_the_key_tells_it_nobody(connect: Connect) -> None:
    own = "TeamServer.AnOwnServicesPassPhrase"
    with Simulator(keys=(own,)) as service:
        service.queue(Reply("half an answer", finish_reason=f"Ended by {own}"))
        async with connect(GLM_API_KEY=own, GLM_BASE_URL=service.url, GLM_STRUCTURED="1") as client:
            whole = (await call(client, "chat", prompt="hi")).model_dump_json()
    assert "cut by the service (ended by [key])" in whole
    assert own.lower() not in whole.lower()


@each("header", ["Content-Type", "Content-Encoding"])
async def test_a_service_that_answers_with_the_key_in_a_header_tells_it_nobody(header: str) -> None:
    own = "TeamServer.AnOwnServicesPassPhrase"
    network = answering(
        lambda _: httpx.Response(200, headers={header: own}, stream=httpx.ByteStream(b"hello"))
    )
    with Redactor(own).applied():
        async with client_of(transport=network) as client:
            with pytest.raises(GLMError, match=re.escape("[key]")) as caught:
                await ask(client, within=1)
    assert own[:12].lower() not in str(caught.value).lower()


async def test_a_key_is_known_as_json_writes_it_too(connect: Connect, sim: Simulator) -> None:
    own = 'a-secret-"with"-\\signs-of-its-own-12'
    async with connect(GLM_SESSION_SECRET=own) as client:
        await say(client, "chat", prompt=f"What is {own}?")
        await say(client, "generate_image", prompt=f"A sign that says {own}", size="512x512")
    asked = [json.dumps(request.body) for request in sim.received if request.body]
    assert len(asked) == 2
    assert all("[key]" in body and "of-its-own" not in body for body in asked)


@each(
    "name",
    ["GLM_CONNECT_TOKEN", "GLM_METRICS_TOKEN", "GLM_API_KEYS", "GLM_REDIS_URL", "GLM_REDIS_URL, quoted"],
)
async def test_no_secret_of_the_settings_is_in_a_result(
    name: str,
) -> None:
    own, given = "another-word-of-24-letters", "another-word-of-24-letters"
    if name.startswith("GLM_REDIS_URL"):
        own = own.replace("-", "@") if "quoted" in name else own
        given = f"redis://:{own.replace('@', '%40')}@127.0.0.1:1/0"
    settings = Settings(**{name.partition(",")[0]: given})
    with Redactor(*settings.secrets).applied():
        assert clean(f"It is {own}.") == "It is [key]."


@given(st.integers(0, 400), st.sampled_from(["", "<p>", " \n"]))
def test_no_cut_leaves_a_half_of_a_key(before: int, filler: str) -> None:
    own = "an-own-service's-pass_phrase"
    with Redactor(own).applied():
        for text in ("x" * before + own, filler * (8_000 // max(1, len(filler))) + "x" * (before % 40) + own):
            assert own[:10] not in clean(text)


@each("within", ["\u200b", "\u2060\u2060", "\ufeff"])
def test_a_key_with_letters_in_it_that_nobody_sees_is_none_once_they_have_gone(within: str) -> None:
    redactor = Redactor(canary.KEY)
    with redactor.applied():
        assert clean(f"about {canary.KEY[:9]}{within}{canary.KEY[9:]} here") == "about [key] here"


async def test_two_applications_in_a_process_each_take_out_their_own_key_alone(
    app_of: Callable[..., App], connect: Connect
) -> None:
    """An application that took out another one's key would tell its callers which word that is."""
    keys = "feedface01234567feedface01234567.OfOneTenant", "deadbeef01234567deadbeef01234567.OfTheOtherOne"
    with Simulator(keys=keys) as service:
        apps = [app_of(GLM_API_KEY=key, GLM_BASE_URL=service.url) for key in keys]
        for app, own, other in zip(apps, keys, reversed(keys), strict=True):
            service.queue(Reply(f"{other} and {own}"))
            async with connect(app=app) as client:
                assert (await say(client, "chat", prompt="hi")).startswith(f"{other} and [key]")


def test_the_log_of_a_process_holds_no_key_of_any_application_in_it(restored: None) -> None:
    words = "the first pass phrase", "the second pass phrase"
    first, second = (Redactor(word) for word in words)
    shown = io.StringIO()
    with redirect_stderr(shown), first.applied():
        configure("debug")
        logging.getLogger("glm_mcp.test").warning("%s and %s", *words)
    assert "[key] and [key]" in shown.getvalue()
    with first.applied():
        assert clean(" and ".join(words)) == f"[key] and {words[1]}"
    assert clean(" and ".join(words)) == "[key] and [key]", "outside every call"
    del second


def test_the_key_of_an_application_that_has_gone_is_kept_nowhere() -> None:
    assert clean("a phrase of one application") == "a phrase of one application"
    gone = Redactor("a phrase of one application")
    assert clean("a phrase of one application") == "[key]"
    del gone
    assert clean("a phrase of one application") == "a phrase of one application"


@linux
def test_a_crash_says_where_and_not_with_what(sim: Simulator, tmp_path: Path) -> None:
    """A fault inside a library, as the system and Python's own fault handler show it."""
    env = environment(tmp_path / "home", sim, PYTHONFAULTHANDLER="1", PYTHONDEVMODE="1")
    with Stdio(env, tmp_path, "--log-level", "debug") as server:
        server.initialize()
        server.call("chat", {"prompt": PROMPT})
        server.signal(signal.SIGSEGV)
        shown = server.err.rest()
    assert "Fatal Python error: Segmentation fault" in shown
    assert canary.SECRET not in shown
    assert PROMPT not in shown


@each("status", [301, 302, 307, 308])
async def test_the_key_does_not_follow_where_the_service_points(status: int) -> None:
    asked: list[httpx.Request] = []

    def point_elsewhere(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, headers={"Location": "https://elsewhere.example/"})

    async with client_of(transport=answering(point_elsewhere)) as client:
        with pytest.raises(ConfigError, match="the address only points elsewhere"):
            await ask(client)
    assert [r.url.host for r in asked] == ["127.0.0.1"]


async def test_a_download_carries_no_key_even_from_the_service_itself(
    connect: Connect, sim: Simulator
) -> None:
    async with connect() as client:
        await say(client, "generate_image", prompt="a hill", size="512x512")
        drawn = next(r.path for r in sim.received if r.path.startswith("/files/"))
        await say(client, "describe_image", images=f"{sim.origin}{drawn}", task="locate", prompt="a tree")
    downloads = [r for r in sim.received if r.path.startswith("/files/")]
    assert len(downloads) == 2
    for request in downloads:
        assert canary.SECRET not in repr(request.headers) + request.path


async def test_a_refused_key_is_not_repeated_to_anybody(connect: Connect, sim: Simulator) -> None:
    sim.queue(Fault("error", code="1002", message=f"no such key: {canary.KEY}", times=0))
    async with connect() as client:
        with anyio.fail_after(60):
            text = await fail(client, "chat", prompt="hi")
    assert canary.SECRET not in text


@each("how", ["reason", "refusal", "answer"])
async def test_the_login_of_a_proxy_is_told_to_nobody(
    how: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = "Proxy/Canary@of-24-characters"
    sent = base64.b64encode(f"ops:{password}".encode()).decode()

    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert sent in head
        said = f"{sent} {password}"
        choice = {"message": {"content": said}, "finish_reason": "stop"}
        body = json.dumps({"choices": [choice]} if how == "answer" else {"error": {"message": said}})
        status = "200 OK" if how == "answer" else f"407 {said}" if how == "reason" else "403 No"
        kind = "Content-Type: application/json\r\nConnection: close"
        writer.write(f"HTTP/1.1 {status}\r\n{kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(repeat, "127.0.0.1") as server:
        place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        scheme = "https" if how == "reason" else "http"
        monkeypatch.setenv(f"{scheme}_proxy", f"http://ops:{password}@{place}")
        async with connect(GLM_BASE_URL=f"{scheme}://engine.example/v1", GLM_CHAT_MODEL="a-model") as client:
            told = text_of(await call(client, "chat", prompt="hi"))
    assert "[key] [key]" in told
    assert "Canary" not in told
    assert sent not in told
