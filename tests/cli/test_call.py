"""What `glm-mcp call` shows to a person: progress on a terminal, and an answer that broke off."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.processes import COMMAND, environment, ran

from glm_mcp.samples import FOLDER
from glm_mcp.simulator import Fault, Reply, Simulator

pty = pytest.importorskip("pty", reason="a pseudo-terminal is POSIX")
CLEARED = "\r\x1b[K"


def shown(sim: Simulator, tmp_path: Path, *arguments: str) -> tuple[str, str]:
    """What a call writes to standard output, and what to a terminal 24 columns wide."""
    controller, terminal = pty.openpty()
    try:
        done = ran(
            [*COMMAND, "call", *arguments],
            environment(tmp_path / "home", sim, COLUMNS="24"),
            tmp_path,
            capture_output=False,
            stdout=subprocess.PIPE,
            stderr=terminal,
        )
        os.write(terminal, b"END\n")  # so that the read ends
        said = b""
        while not said.endswith(b"END\r\n"):
            said += os.read(controller, 65_536)
    finally:
        os.close(terminal)
        os.close(controller)
    assert done.returncode == 0, done.stdout
    return done.stdout, said.decode().removesuffix("END\r\n")


def test_a_terminal_shows_one_line_of_progress_at_a_time_and_clears_it(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.queue(Reply("a hill", delay_s=1))  # longer than the pause between two lines
    shutil.copy(FOLDER / "photo.jpg", tmp_path)
    text, progress = shown(sim, tmp_path, "describe_image", "images=photo.jpg")
    lines = progress.split(CLEARED)
    assert lines[0] == "… starting"
    assert "… uploading 0.3 MB to g" in lines, "cut to the width"
    assert lines[-1] == "", "nothing stays behind"
    assert text.startswith("a hill\n")


def test_streamed_text_is_not_mixed_with_progress(sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Reply(text="one two three", chunks=("one ", "two ", "three")))
    text, progress = shown(sim, tmp_path, "chat", "prompt=count")
    assert text.startswith("one two three\n\n[glm-4.7-flash")
    assert progress.split(CLEARED)[-1] == ""
    assert "writing" not in progress


def test_an_answer_that_broke_off_is_told_and_the_whole_one_shown_once(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.queue(Fault("close", chunks=3), Reply(text="one two three", chunks=("one ", "two ", "three")))
    text, _ = shown(sim, tmp_path, "chat", "prompt=count")
    assert len(sim.received) == 2
    before, after = text.split("\n[the answer broke off; asking again]\n")
    assert before
    assert after.startswith("one two three\n\n[glm-4.7-flash")
    assert after.count("one two three") == 1
