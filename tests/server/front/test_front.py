"""A start with a record of answers, as a process: who answers what, and that the session is one."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import zlib
from collections import Counter
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from support.busy import within
from support.cases import each
from support.processes import COMMAND, LIMIT_S, VERSIONS, Stdio, environment, ran, said, until
from support.records import (
    LISTS,
    MODERN,
    ODD,
    OPEN,
    content,
    envelope,
    files,
    lines,
    mark,
    record,
    request,
    session,
    stuck,
)

from glm_mcp.media.kept.outputs import project_owner

posix = pytest.mark.skipif(os.name != "posix", reason="looks at owners and permissions")
HELLO = {"name": "chat", "arguments": {"prompt": "hello"}}


def asked(env: dict[str, str], cwd: Path, text: str, *args: str) -> list[str]:
    """What a server says to all of this, sent at once; sorted, as answers may overtake each other."""
    done = ran([*COMMAND, *args], env, cwd, input=text)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return sorted(done.stdout.splitlines())


@posix
def test_a_pipe_in_the_place_of_the_settings_file_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = ran([*COMMAND, "--env-file", str(tmp_path / "pipe")], environment(tmp_path), tmp_path, input="")
    assert "does not exist" in done.stderr


@each("version", [*VERSIONS, MODERN])
def test_every_list_is_answered_before_the_program_is_loaded_as_the_loaded_program_does(
    version: str, tmp_path: Path
) -> None:
    env = environment(tmp_path / "home")
    record(env, tmp_path)
    loaded = asked(environment(tmp_path / "other"), tmp_path, lines(session(version)))
    with Stdio({**env, **stuck(tmp_path)}, tmp_path) as server:
        server.write(lines(session(version)).rstrip("\n"))
        early = [server.out.next() for _ in loaded]
        # With everything said nothing is waited for, though the program is not loaded yet.
        with within(1.0):
            server.end()
        assert server.popen.returncode == 0
    assert sorted(str(line).rstrip("\n") for line in early) == loaded


@each("version", [VERSIONS[0], VERSIONS[-1], MODERN])
def test_a_call_waits_for_the_program_which_is_handed_the_same_session(version: str, tmp_path: Path) -> None:
    env = environment(tmp_path / "home", GLM_SIMULATE="1")
    record(env, tmp_path)
    more = envelope() if version == MODERN else {}
    call = {"jsonrpc": "2.0", "id": "call", "method": "tools/call", "params": {**HELLO, **more}}
    later = {"jsonrpc": "2.0", "id": "later", "method": "tools/list", "params": more}
    asked_for = [*session(version), call, later]
    with Stdio(env, tmp_path, anew=True) as server:
        server.write(lines(asked_for).rstrip("\n"))
        result = server.answer("call")["result"]  # type: ignore[arg-type]
        assert "I received text of 5 characters" in said(result)
        again = {"jsonrpc": "2.0", "id": "again", "method": "tools/list", "params": more}
        server.write(json.dumps(again))
        listed = server.answer("again")["result"]  # type: ignore[arg-type]
        server.end()
        heard = [json.loads(line) for line in server.out.rest().splitlines()]
    assert Counter(m["id"] for m in heard) == Counter(m["id"] for m in [*asked_for, again] if "id" in m)
    assert next(m["result"] for m in heard if m["id"] == "later") == listed


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, str]]:
    """Two environments: with a record, and where none can be made."""
    folder = tmp_path_factory.mktemp("both")
    env = environment(folder / "home")
    record(env, folder)
    other = environment(folder / "other")
    (folder / "other" / ".cache").write_text("no folder", encoding="utf-8")
    return env, other


# Those that the program itself is needed to judge; `test_answers` has them all.
@pytest.mark.parametrize(
    "name",
    [
        "nothing at all",
        "a batch",
        "no JSON between",
        "half a character",
        "another end of line",
        "no end of line",
        "a long message",
    ],
)
def test_an_odd_session_gets_the_same_answers_with_a_record_as_without(
    name: str, both: tuple[dict[str, str], dict[str, str]], tmp_path: Path
) -> None:
    env, other = both
    assert asked(env, tmp_path, ODD[name]) == asked(other, tmp_path, ODD[name])


def test_a_call_that_is_cancelled_while_the_program_loads_is_not_answered(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", GLM_SIMULATE="1")
    record(env, tmp_path)
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}}
    with Stdio(env, tmp_path, anew=True) as server:
        server.write(lines([OPEN, request(2, "tools/call", **HELLO), cancel]).rstrip("\n"))
        server.write(lines([request(3, "completion/complete")]).rstrip("\n"))
        server.answer(3)
        server.end()
        assert [json.loads(line)["id"] for line in server.out.rest().splitlines()] == [1, 3]


def marked(heard: list[str]) -> bool:
    return any('"marked":true' in line for line in heard)


START = lines([OPEN, request(2, "tools/list"), request(3, "resources/list")])


@each(
    ("args", "variables"),
    [
        ((), {"GLM_TOOLS": "chat"}),
        ((), {"GLM_STRUCTURED": "1"}),
        ((), {"GLM_LANG": "de"}),
        (("--env-file", "settings"), {}),
        (("serve",), {}),
    ],
)
def test_a_record_is_not_used_under_other_conditions(
    args: tuple[str, ...], variables: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "settings").write_text("GLM_TOOLS=chat\n", encoding="utf-8")
    env = environment(tmp_path / "home")
    mark(record(env, tmp_path))
    done = ran([*COMMAND, *args], {**env, **variables}, tmp_path, input=START)
    assert not marked(done.stdout.splitlines())


def test_a_record_is_not_used_after_the_settings_file_or_the_code_has_changed(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    mark(record(env, tmp_path))
    settings = tmp_path / "home" / ".config" / "glm-mcp" / "env"
    settings.parent.mkdir(parents=True)
    settings.write_text("GLM_TOOLS=chat\n", encoding="utf-8")
    heard = asked(env, tmp_path, START)
    assert not marked(heard)
    assert "describe_image" not in "".join(heard)
    # Another version of what is installed is another name among what is installed.
    site = tmp_path / "site-packages"
    (site / "mcp-9.9.dist-info").mkdir(parents=True)
    settings.unlink()
    assert not marked(asked({**env, "PYTHONPATH": str(site)}, tmp_path, START))


def test_a_new_key_or_a_longer_deadline_changes_no_answer_and_needs_no_new_record(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    mark(record(env, tmp_path))
    more = {"GLM_API_KEY": "0123456789abcdef.0123", "GLM_DEADLINE_S": "280", "GLM_SIMULATE": "1"}
    assert marked(asked({**env, **more}, tmp_path, START))
    settings = tmp_path / "home" / ".config" / "glm-mcp" / "env"
    settings.parent.mkdir(parents=True)
    settings.write_text("# mine\nGLM_API_KEY='0123456789abcdef.0123'\n", encoding="utf-8")
    record({**env, "GLM_TOOLS": "chat"}, tmp_path)
    assert b"0123456789abcdef" not in b"".join(f.read_bytes() for f in files(tmp_path / "home"))


def test_a_record_that_is_not_true_is_found_out_and_made_anew(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    file = record(env, tmp_path)
    true = content(file)
    mark(file)
    with Stdio(env, tmp_path) as server:
        assert server.initialize()["marked"]
        # The real server is heard from the first request on that is not on record.
        server.request("completion/complete")
        until(lambda: files(tmp_path / "home") and content(file)["eras"] == true["eras"])
        assert "out of date" in "".join(server.err.seen)
    assert not marked(asked(env, tmp_path, START))


@pytest.mark.extreme
@each("damage", ["cut", "changed", "empty", "of others", "a link", "nested", "a list", "bare"])
@posix
def test_a_damaged_or_strange_record_is_not_used(damage: str, tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    file = record(env, tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    mark(file, check=damage != "changed")
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage in {"nested", "a list"}:
        body = b"[" * 100_000 if damage == "nested" else b"[]"
        file.write_bytes(b"%08x\n%s" % (zlib.crc32(body), body))
    elif damage == "bare":
        body = b'{"digest": "%s"}' % file.stem.encode()
        file.write_bytes(b"%08x\n%s" % (zlib.crc32(body), body))
    elif damage == "of others":
        file.chmod(0o666)
    elif damage == "a link":
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
    heard = asked(env, tmp_path, START)
    assert len(heard) == 3
    assert not marked(heard)


def test_the_list_of_resources_is_on_record_for_what_is_kept_and_for_as_long_as_it_is(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    kept = tmp_path / "home" / ".cache" / "glm-mcp" / "outputs" / project_owner(tmp_path)
    kept.mkdir(parents=True, mode=0o700)
    for above in (kept.parent, kept.parent.parent):
        above.chmod(0o700)
    (kept / f"{'0' * 24}.one.md").write_text("one", encoding="utf-8")
    file = record(env, tmp_path)
    ask = lines([OPEN, request(2, "resources/list")])
    heard = asked({**env, **stuck(tmp_path)}, tmp_path, ask)
    assert "one.md" in heard[1]
    mark(file)
    (kept / f"{'1' * 24}.two.md").write_text("two", encoding="utf-8")
    with Stdio(env, tmp_path) as server:
        assert server.initialize()["marked"]
        listed = server.request("resources/list")["result"]
        assert "marked" not in listed
        assert {"one.md", "two.md"} <= {r["name"] for r in listed["resources"]}
    other = tmp_path / "other"
    other.mkdir()
    assert "one.md" not in asked(env, other, ask)[1], "another project's are not listed"


def test_what_a_call_has_kept_is_on_record_for_the_next_start(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", GLM_SIMULATE="1")
    file = record(env, tmp_path)
    before = content(file)["resources"]["state"]
    (tmp_path / "long.md").write_text("A line of words.\n" * 2_000, encoding="utf-8")
    with Stdio(env, tmp_path) as server:
        server.initialize()
        server.call("read_document", {"documents": "long.md"})
        until(lambda: content(file)["resources"]["state"] != before)
    heard = asked({**env, **stuck(tmp_path)}, tmp_path, lines([OPEN, request(2, "resources/list")]))
    assert "result.md" in heard[1]


@pytest.mark.parametrize("home", ["", "relative"])
def test_without_a_home_folder_that_is_known_it_is_as_without_a_record(home: str, tmp_path: Path) -> None:
    env = {**environment(tmp_path / "home"), "HOME": home}
    with Stdio(env, tmp_path) as server:
        with suppress(BrokenPipeError) if home else nullcontext():  # it may be gone before it is spoken to
            server.write(json.dumps(OPEN))
        server.popen.wait(LIMIT_S) if home else server.answer(1)
        assert not files(tmp_path)
        assert not files(tmp_path / "relative")


def test_where_nothing_can_be_recorded_it_serves_and_says_nothing_of_it(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    cache = tmp_path / "home" / ".cache" / "glm-mcp"
    cache.mkdir(parents=True, mode=0o700)
    (cache / "start").write_text("no folder", encoding="utf-8")
    with Stdio(env, tmp_path) as server:
        server.initialize()
        for method in LISTS:
            assert server.request(method)["result"]
        server.end()
        assert server.err.rest() == ""


def test_after_the_installation_the_first_start_has_a_record_too(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    assert ran([*COMMAND, "install", "cline"], env, tmp_path).returncode == 0
    with Stdio({**env, "GLM_API_KEY": "0123456789abcdef.0123", **stuck(tmp_path)}, tmp_path) as server:
        server.initialize()
        assert len(server.request("tools/list")["result"]["tools"]) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_program_loads_ends_it_quietly(number: signal.Signals, tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    record(env, tmp_path)
    with Stdio({**env, **stuck(tmp_path)}, tmp_path) as server:
        server.initialize()
        with within(1.0):
            server.signal(number)
        assert server.err.rest() == ""


def test_a_child_or_a_library_that_reads_stdin_takes_nothing_of_the_session(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    record(env, tmp_path)
    thief = tmp_path / "thief"
    thief.mkdir()
    (thief / "sitecustomize.py").write_text(
        "import sys, threading, time\n"
        "def steal():\n"
        "    while 'click' not in sys.modules:\n"
        "        time.sleep(0.001)\n"
        "    import subprocess\n"
        "    assert subprocess.run(['cat'], capture_output=True).stdout == b''\n"
        "    assert sys.stdin.read() == ''\n"
        "    print('nothing to be had', file=sys.stderr, flush=True)\n"
        "threading.Thread(target=steal, daemon=True).start()\n",
        encoding="utf-8",
    )
    with Stdio({**env, "PYTHONPATH": str(thief)}, tmp_path) as server:
        server.initialize()
        assert server.err.next() == "nothing to be had\n"
        assert len(server.request("tools/list")["result"]["tools"]) == 5
