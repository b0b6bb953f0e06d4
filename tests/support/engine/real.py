"""The real engine of the tests, in a process of its own; gone with the `with` block."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.engine.behaviour import Backend
from support.processes import Lines

START_S = 30.0
CONTEXT = 8_192  # as serve.py has it
TOO_LONG = "q7#" * 4_000  # a token a sign


def need_engine() -> None:
    """Skips where the engine is not installed; fails where GLM_TEST_TEAM says that all is there."""
    missing = [m for m in ("xllamacpp", "gguf", "numpy") if importlib.util.find_spec(m) is None]
    if not missing:
        return
    said = f"needs {', '.join(missing)}; scripts/test-team installs it"
    if os.environ.get("GLM_TEST_TEAM"):
        pytest.fail(said)
    pytest.skip(said)


@contextmanager
def real_engine(folder: Path) -> Iterator[Backend]:
    need_engine()
    script = Path(__file__).with_name("serve.py")
    with (folder / "engine.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(script), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONPATH": str(script.parents[2])},
        )
    try:
        assert process.stdout
        url = (Lines(process.stdout).next(START_S) or "").strip()
        assert url, (folder / "engine.log").read_text(errors="replace")[-2_000:]
        yield Backend(f"{url}/v1", lambda: _running(url), CONTEXT, TOO_LONG)
    finally:
        process.kill()  # it holds nothing that is worth an orderly end
        process.wait(START_S)
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def _running(url: str) -> int:
    with urllib.request.urlopen(f"{url}/slots", timeout=60) as response:  # noqa: S310 - an address of this test
        return sum(bool(slot["is_processing"]) for slot in json.load(response))
