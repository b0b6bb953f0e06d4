"""What `glm-mcp call` shows to a person: progress on a terminal, and an answer that broke off."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from support.cases import each
from support.commands import program
from support.processes import COMMAND, LIMIT_S, environment, ran, unreadable_result, until

from glm_mcp.media.kept.outputs import project_owner
from glm_mcp.samples import FOLDER
from glm_mcp.simulator import Fault, Reply, Simulator

pty = pytest.importorskip("pty", reason="a pseudo-terminal is POSIX")
CLEARED = "\r\x1b[K"


def rest(controller: int) -> bytes:
    """What a terminal still holds when nobody writes to it any more."""
    said = b""
    with suppress(OSError):  # how Linux says that the other end is closed
        while piece := os.read(controller, 65_536):
            said += piece
    return said


def plain(text: str) -> str:
    return re.sub(r"\x1b\[\d*m", "", text)


def shown(sim: Simulator, tmp_path: Path, *arguments: str) -> tuple[str, str]:
    """What a call writes to standard output, and what to a terminal 24 columns wide."""
    controller, terminal = pty.openpty()
    env = environment(tmp_path / "home", sim, COLUMNS="24")
    try:
        done = ran(
            [program(tmp_path, env), "call", *arguments],
            env,
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
    lines = [plain(line) for line in progress.split(CLEARED)]
    turning = [line for line in lines if line]
    assert all(re.fullmatch(r"\S .+ · \d+ s", line) for line in turning)
    assert all(len(line) < 24 for line in turning), "cut to the width"
    assert len({line[0] for line in turning}) > 3, "it moves"
    assert any("uploading" in line for line in turning)
    assert {line.split()[-2] for line in turning} >= {"0", "1"}, "the seconds go by"
    assert lines[-1] == "", "nothing stays behind"
    assert text.startswith("a hill\n")


def test_ctrl_c_leaves_no_progress_behind(sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Fault("hang"))
    controller, terminal = pty.openpty()
    env = environment(tmp_path / "home", sim)
    command = [program(tmp_path, env), "call", "chat", "hello"]
    with subprocess.Popen(
        command, env=env, cwd=tmp_path, stdin=terminal, stdout=terminal, stderr=terminal
    ) as process:
        os.close(terminal)
        said = b""
        while b"waiting" not in said and b"glm" not in said:
            said += os.read(controller, 65_536)
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 130
        said += rest(controller)
    os.close(controller)
    assert said.endswith(CLEARED.encode())


def test_streamed_text_is_not_mixed_with_progress(sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Reply(text="one two three", chunks=("one ", "two ", "three")))
    text, progress = shown(sim, tmp_path, "chat", "prompt=count")
    assert text.startswith("one two three\n\n[glm-4.7-flash")
    assert progress.split(CLEARED)[-1] == ""
    assert "writing" not in progress


def test_no_mark_or_thought_of_the_model_is_shown_while_it_writes(sim: Simulator, tmp_path: Path) -> None:
    chunks = (
        "[gMASK]",
        "<sop><th",
        "ink>one? ",
        "two?</think>\n",
        "one <|begin_of",
        "_box|>two<|end_of_box|>",
        " three<|",
    )
    sim.queue(Reply(text="".join((*chunks, "observation|>")), chunks=(*chunks, "observation|>")))
    text, _ = shown(sim, tmp_path, "chat", "prompt=count")
    assert text.startswith("one two three\n\n[glm-4.7-flash")


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


# Standard output on a terminal

TABLE = "Sales:\n\n| Month | What was said of it |\n|---|---|\n| Jan | a good month for boats and for oars |\n| 二月 | 很好的一个月 |\n"


def on_terminal(
    sim: Simulator,
    tmp_path: Path,
    *arguments: str,
    columns: int = 40,
    variables: Mapping[str, str] | None = None,
) -> str:
    """What a call shows on a terminal of so many columns."""
    controller, terminal = pty.openpty()
    env = environment(tmp_path / "home", sim, COLUMNS=str(columns), TERM="xterm", **(variables or {}))
    command = [program(tmp_path, env), "call", *arguments]
    with subprocess.Popen(
        command, env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=terminal, stderr=subprocess.PIPE
    ) as process:
        os.close(terminal)
        said = rest(controller)
        process.wait(LIMIT_S)
    os.close(controller)
    return said.decode().replace("\r\n", "\n")


def wide(line: str) -> int:
    return sum(1 + (c > "\u2e7f") for c in line)


@each("pieces", [1, 7, 300])
def test_text_is_fitted_to_the_terminal_however_it_comes(pieces: int, sim: Simulator, tmp_path: Path) -> None:
    text = f"{'many words ' * 12}\n- {'an item of a list ' * 5}\n{'很多的字' * 15}\n\n```python\n{'x' * 60}\n```\n{TABLE}The end."
    size = len(text) // pieces + 1
    chunks = tuple(text[i : i + size] for i in range(0, len(text), size))
    sim.queue(Reply(text=text, chunks=chunks))
    lines = on_terminal(sim, tmp_path, "chat", "hello").split("\n")
    body = lines[: lines.index("The end.")]
    assert "x" * 60 in body, "code is not broken"
    assert [line for line in body if wide(line) > 40 and "x" * 60 not in line] == []
    assert any(line.startswith("  ") and "item" in line for line in body), "an item goes on below itself"
    assert "Month  What was said of it" in body
    assert "二月   很好的一个月" in body
    flat = "".join("".join(body).split())
    assert flat.count("manywords") == 12
    assert flat.count("很多的字") == 15


def test_piped_text_is_as_the_model_wrote_it(sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Reply(text=TABLE + "word " * 60))
    done = ran([*COMMAND, "call", "chat", "hi"], environment(tmp_path / "home", sim, COLUMNS="40"), tmp_path)
    assert done.stdout.startswith(TABLE + "word " * 59)


@each(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)])
def test_there_is_colour_on_a_terminal_unless_it_is_refused(
    variables: dict[str, str], coloured: bool, sim: Simulator, tmp_path: Path
) -> None:
    assert (
        "\x1b[2m[glm-4.7-flash" in on_terminal(sim, tmp_path, "chat", "hi", variables=variables)
    ) is coloured


@pytest.mark.parametrize(("variables", "coloured"), [({}, False), ({"FORCE_COLOR": "1"}, True)])
def test_there_is_colour_in_a_pipe_only_where_it_is_asked_for(
    variables: dict[str, str], coloured: bool, sim: Simulator, tmp_path: Path
) -> None:
    done = ran([*COMMAND, "call", "chat", "hi"], environment(tmp_path / "home", sim, **variables), tmp_path)
    assert ("\x1b[" in done.stdout) is coloured


@each(
    ("variables", "mark"),
    [
        ({"KITTY_WINDOW_ID": "1"}, "\x1b_Ga=T,f=100,q=2,m="),
        ({"TERM_PROGRAM": "iTerm.app"}, "\x1b]1337;File=inline=1;size="),
        ({"TERM_PROGRAM": "iTerm.app", "TMUX": "1"}, None),
        ({}, None),
    ],
)
def test_a_picture_is_shown_where_the_terminal_says_that_it_can(
    variables: dict[str, str], mark: str | None, sim: Simulator, tmp_path: Path
) -> None:
    shown = on_terminal(
        sim, tmp_path, "generate_image", "a fox", variables={**variables, "GLM_OUTPUT_DIR": str(tmp_path)}
    )
    assert ".png" in shown
    if mark is None:
        assert "\x1b_G" not in shown
        assert "\x1b]" not in shown
    else:
        assert mark in shown


def test_what_a_model_wrote_is_no_picture_whatever_it_begins_with(sim: Simulator, tmp_path: Path) -> None:
    drawer = tmp_path / "bin" / "gs"  # with which Pillow reads PostScript
    drawer.parent.mkdir()
    drawer.write_text(f'#!/bin/sh\ntouch "{tmp_path}/drawn"\n', encoding="utf-8")
    drawer.chmod(0o700)
    shutil.copy(FOLDER / "photo.jpg", tmp_path)
    sim.queue(
        Reply("```\n%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n```")
    )
    shown = on_terminal(
        sim,
        tmp_path,
        *("describe_image", "photo.jpg", "task=ui_to_code"),
        variables={
            "KITTY_WINDOW_ID": "1",
            "GLM_OUTPUT_DIR": str(tmp_path),
            "PATH": f"{drawer.parent}{os.pathsep}{os.environ['PATH']}",
        },
    )
    assert "photo.html" in shown
    assert not (tmp_path / "drawn").exists()


def test_open_gives_the_file_to_the_system(sim: Simulator, tmp_path: Path) -> None:
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(
        f'#!/bin/sh\necho "$1" > "{tmp_path}/part" && mv "{tmp_path}/part" "{tmp_path}/opened"\n',
        encoding="utf-8",
    )
    opener.chmod(0o700)
    env = environment(tmp_path / "home", sim, GLM_OUTPUT_DIR=str(tmp_path))
    env["PATH"] = f"{opener.parent}{os.pathsep}{env['PATH']}"
    done = ran([*COMMAND, "call", "generate_image", "a fox", "--open"], env, tmp_path)
    path = until(lambda: (tmp_path / "opened").exists() and (tmp_path / "opened").read_text(encoding="utf-8"))
    assert path.strip() == done.stdout.splitlines()[0]


def test_what_opens_a_file_gets_no_key(sim: Simulator, tmp_path: Path) -> None:
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(
        f'#!/bin/sh\nenv > "{tmp_path}/part" && mv "{tmp_path}/part" "{tmp_path}/env"\n', encoding="utf-8"
    )
    opener.chmod(0o700)
    token = "a-token-of-sixteen-letters"
    env = environment(tmp_path / "home", sim, GLM_OUTPUT_DIR=str(tmp_path), GLM_HTTP_TOKEN=token)
    env["PATH"] = f"{opener.parent}{os.pathsep}{env['PATH']}"
    env["ZHIPU_API_KEY"] = sim.key
    ran([*COMMAND, "call", "generate_image", "a fox", "--open"], env, tmp_path)
    held = until(lambda: (tmp_path / "env").exists() and (tmp_path / "env").read_text(encoding="utf-8"))
    (tmp_path / "env").unlink()  # it would be found
    assert "PATH=" in held
    assert sim.key not in held
    assert token not in held


def test_what_a_model_wrote_as_a_script_is_not_opened(sim: Simulator, tmp_path: Path) -> None:
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\ntouch "{tmp_path}/opened"\n', encoding="utf-8")
    opener.chmod(0o700)
    shutil.copy(FOLDER / "photo.jpg", tmp_path)
    env = environment(tmp_path / "home", sim, GLM_OUTPUT_DIR=str(tmp_path))
    env["PATH"] = f"{opener.parent}{os.pathsep}{env['PATH']}"
    sim.queue(Reply("```js\nnew ActiveXObject('WScript.Shell')\n```"))
    done = ran([*COMMAND, "call", "describe_image", "photo.jpg", "task=ui_to_code", "--open"], env, tmp_path)
    assert f"Not opened, since that could run it: {tmp_path / 'photo.js'}" in done.stderr
    assert not (tmp_path / "opened").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="a file that opens for nobody")
def test_a_call_that_a_dead_disk_holds_ends_at_its_deadline(sim: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path / "home", sim, GLM_DEADLINE_S="1")
    with unreadable_result(tmp_path / "home", project_owner(tmp_path)) as uri:
        done = ran([*COMMAND, "call", "read_document", uri], env, tmp_path, limit_s=30)
    assert done.returncode == 1
    assert done.stdout.startswith("timeout: ")


def test_where_nothing_opens_files_the_path_is_said(sim: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path / "home", sim, GLM_OUTPUT_DIR=str(tmp_path), PATH=str(tmp_path))
    done = ran([*COMMAND, "call", "generate_image", "a fox", "--open"], env, tmp_path)
    assert "Nothing here opens files; it is at " in done.stderr
    done = ran([*COMMAND, "call", "chat", "hi", "--open"], env, tmp_path)
    assert "Nothing to open" in done.stderr
