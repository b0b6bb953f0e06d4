"""The key that the tests use where none is asked for, and the look at everything that came out of them for it.

Searched are: results, errors, progress and notifications of every client, what each process wrote to stdout and stderr,
log records with their traces, command lines, the environment of each worker, and the files below a test's folder. Only
a settings file that a test wrote itself may hold it. The test in which it came out fails.
"""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, types
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel
from support.plain_words import closed, told

KEY = "c0ffee0123456789c0ffee0123456789.PlantedCanary42"
SECRET = KEY.partition(".")[2]  # a half of it is too much
SETTINGS_SUFFIX = (".env", "env")
LARGEST = 30_000_000  # bytes of a file that is still searched
WORKER = "GLM_WORKER_PATH"  # the variable that a worker's environment has and no other

_found: list[str] = []
_looked: set[Path] = set()


def saw(where: str, text: str) -> None:
    """Something came out of the program."""
    if SECRET in text:
        _found.append(f"{where}: {text[:500]}")


def found() -> list[str]:
    """Where the key came out since this was asked last."""
    seen = _found.copy()
    _found.clear()
    return seen


class _Records(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        # A copy: a formatter leaves the trace in the record, for the next one to show.
        saw(f"log record of {record.name}", logging.Formatter().format(copy.copy(record)))


def _started(event: str, args: tuple[Any, ...]) -> None:
    """Every process that this one starts: Python tells of it before it happens."""
    if event == "subprocess.Popen":
        saw("command line", repr(args[1]))
        if args[3] and WORKER in args[3]:
            saw("environment of a worker", repr(args[3]))


def look_at_process(pid: int) -> None:
    """The command line of a running process (Linux), and those of its workers with their environment."""
    folder = Path(f"/proc/{pid}")
    try:
        saw("command line", _read(folder / "cmdline") + _read(folder / "comm"))
        children = _read(folder / "task" / str(pid) / "children").split()
    except OSError:  # no such system, or it has gone
        return
    for child in children:
        look_at_process(int(child))
        try:
            environment = _read(Path(f"/proc/{child}/environ"))
        except OSError:
            continue
        # Between fork and exec a child still shows its parent's.
        saw("environment of a worker", environment if f"{WORKER}=" in environment else "")


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def _watching(name: str) -> Callable[..., Awaitable[Any]]:
    """A method of the client that looks at what comes back, error or not, and at the progress that is told meanwhile."""
    plain = getattr(Client, name)

    async def call(self: Client, *given: Any, **more: Any) -> Any:
        if name == "call_tool":
            theirs = more.get("progress_callback")

            async def heard(step: float, total: float | None, message: str | None) -> None:
                saw("progress", str(message))
                if theirs:
                    await theirs(step, total, message)

            more["progress_callback"] = heard
        try:
            result: BaseModel = await plain(self, *given, **more)
        except MCPError as error:
            saw(f"error of {name}", f"{error!r} {error.error.model_dump_json()}")
            told(error.error.message)
            raise
        saw(f"result of {name} {given[:1]}", result.model_dump_json())
        if isinstance(result, types.CallToolResult):
            said = "\n".join(b.text for b in result.content if isinstance(b, types.TextContent))
            (told if result.is_error else closed)(said)
        return result

    return call


class Watched(Client):
    """A client that looks at everything it is told."""


for _name in (
    *("call_tool", "read_resource", "get_prompt", "complete"),
    *("list_tools", "list_resources", "list_resource_templates", "list_prompts"),
):
    setattr(Watched, _name, _watching(_name))


@pytest.fixture(scope="session", autouse=True)
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    handler = _Records()
    logging.getLogger("glm_mcp").addHandler(handler)
    sys.addaudithook(_started)
    yield
    logging.getLogger("glm_mcp").removeHandler(handler)
    _look_below(tmp_path_factory.getbasetemp())
    assert not (late := found()), "the key came out:\n" + "\n".join(late)


@pytest.fixture(autouse=True)
def nothing_came_out(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails the test in which the key came out, so that it is known and fails again when it runs alone."""
    yield
    folder = request.node.funcargs.get("tmp_path")
    if folder is not None:
        _look_below(folder)
    assert not (seen := found()), "the key came out:\n" + "\n".join(seen)


def look_at_report(report: pytest.TestReport) -> None:
    """What a test and the processes it started wrote to stdout and stderr without anybody reading it."""
    for title, text in report.sections:
        saw(f"{title} of {report.nodeid}", text)


def _look_below(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path not in _looked and leaked(path):
            _found.append(f"file {path}")
        _looked.add(path)


def leaked(path: Path) -> bool:
    """Whether a file holds the key and is no settings file of a test's own."""
    try:
        if (
            path.name.endswith(SETTINGS_SUFFIX)
            or path.is_symlink()
            or not path.is_file()
            or path.stat().st_size > LARGEST
        ):
            return False
        return SECRET.encode() in path.read_bytes()
    except OSError:
        return False
