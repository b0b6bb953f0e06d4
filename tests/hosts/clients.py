"""What the tests with real hosts share: where the clients are, a home folder that has other servers, one command with a limit."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hosts.models import Call, Model, chat_results
from support.processes import until

from glm_mcp.samples import FOLDER

CLIENTS = Path(os.environ.get("HOST_CLIENTS", "/nonexistent"))
BIN = CLIENTS / "node_modules" / ".bin"
COMMAND = str(Path(sys.executable).parent / "glm-mcp")
LIMIT_S = 120.0

CALLS: list[Call] = [
    ("chat", {"prompt": "hello from a host"}),
    ("describe_image", {"images": "photo.jpg", "prompt": "What is this?"}),
    ("analyze_video", {"video": "clip.mp4", "task": "summary"}),
    ("read_document", {"documents": "report.pdf"}),
    ("generate_image", {"prompt": "a lighthouse", "size": "1024x1024", "output": "made.png"}),
]
# What a model must find in the answer to each call: from the simulator, which tells what reached it.
MARKS = {
    "chat": ["I received text of", "SIMULATED"],
    "describe_image": ["I received 1 image: JPEG", "256,646 bytes", "SIMULATED"],
    "analyze_video": ["I received 1 video: MP4", "sent whole", "SIMULATED"],
    "read_document": ["Lakeside Brewery", "1 scanned page transcribed", "SIMULATED"],
    "generate_image": ["made.png", "1024"],
}
OTHER = {"command": "/bin/false", "args": ["--others"], "env": {"A": "1"}}


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Home:
    """A private home folder with a project in it, and the environment that a host starts in."""

    path: Path
    project: Path

    def run(self, *words: str, limit_s: float = LIMIT_S, **variables: str) -> Done:
        """Runs a command here, without a terminal; whatever it leaves running is ended with it."""
        env = {
            "PATH": f"{BIN}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(self.path),
            "TERM": "dumb",
            "NO_COLOR": "1",
            "GLM_SIMULATE": "1",
            "GLM_LANG": "en",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "NO_PROXY": "127.0.0.1",
            "CLINE_SESSION_BACKEND_MODE": "local",  # else it leaves a process of its own behind, for all later sessions
            **variables,
        }
        child = subprocess.Popen(
            words,
            cwd=self.project,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            out, err = child.communicate(timeout=limit_s)
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(child.pid, number)
                except ProcessLookupError:
                    break
            child.wait(10)
        return Done(child.returncode, out, err)

    def left_running(self) -> list[str]:
        """The processes that have this home folder, once those that are just ending have ended."""
        mark = f"HOME={self.path}".encode()

        def found() -> list[str]:
            lines = []
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    if mark in (process / "environ").read_bytes().split(b"\0"):
                        lines.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            return lines

        with suppress(AssertionError):
            until(lambda: not found(), 5)
        return found()

    def install(self, host: str, *words: str) -> Done:
        done = self.run(COMMAND, "install", host, *words)
        assert done.code == 0, done.text
        return done


def home(folder: Path) -> Home:
    made = Home(folder / "home", folder / "home" / "project")
    made.project.mkdir(parents=True)
    for name in ("photo.jpg", "chart.png", "clip.mp4", "report.pdf"):
        shutil.copy(FOLDER / name, made.project / name)
    return made


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def needs(command: str) -> str:
    """The path of a client; the test is skipped where the registry has no such package, and fails where it is just missing."""
    found = BIN / command
    missing = os.environ.get("HOST_CLIENTS_MISSING", "").split()
    if command in missing:
        pytest.skip(f"THE REGISTRY HAS NO PACKAGE FOR {command}")
    assert found.exists(), f"{found} is missing: run scripts/test-hosts"
    return str(found)


def json_in(text: str) -> dict[str, object]:
    """The JSON object that a command printed, after whatever else."""
    found = json.loads(text[text.index("{") :])
    assert isinstance(found, dict)
    return found


def results_of(model: Model, calls: Sequence[Call], prefix: str) -> list[str]:
    """What a model that speaks as OpenAI's was given for each call, all tools of ours having been there from its first request
    on, under this prefix: for the five what they are to tell, a long text that says how to read on, and an error.
    """
    asked = [body for body in model.requests if body.get("tools")]
    listed = {tool["function"]["name"] for tool in asked[0]["tools"]}
    assert {prefix + name for name, _ in CALLS} <= listed, "in the first turn"
    last = max(asked, key=lambda body: len(chat_results(body)))
    results = [json.dumps(r["content"], ensure_ascii=False) for r in chat_results(last)]
    assert len(results) == len(calls), results
    for (name, _), text in zip(CALLS, results, strict=False):
        assert [mark for mark in MARKS[name] if mark not in text] == [], (name, text)
    assert "Go on with read_document" in results[-2]
    assert "there is no file" in results[-1]
    return results
