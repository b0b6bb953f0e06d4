"""What the command says is fitted to the terminal, at words; what a person copies stays in one line."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import threading
from contextlib import suppress
from pathlib import Path

from support.cases import each
from support.commands import program
from support.processes import LIMIT_S, environment, ran

from glm_mcp.cli.terminal.cells import cells, paragraphs

WIDTH = 60
FOREVER = "/a/folder/whose/path/is/longer/than/any/line/of/this/small/terminal/.venv/bin/glm-mcp"


@each("lang", ["en", "zh"])
@each(
    "args",
    [
        ("key", "--show"),
        ("key", "--from-env"),
        ("install",),
        ("install", "codex"),
        ("install", "nohost"),
        ("install", "cline", "--http", "http://team.example/mcp", "--token", "abcdefghijklmnop"),
        ("token", "list"),
        ("token", "add", "an n"),
        ("doctor",),
        ("doctor", "--live"),
        ("call", "paint", "hello"),
        ("paint",),
        ("--env-file", "none.env", "call", "chat", "hello"),
    ],
    ids=" ".join,
)
def test_no_line_is_wider_than_the_terminal_but_for_a_path_or_a_command(
    args: tuple[str, ...], lang: str, tmp_path: Path
) -> None:
    text = on_terminal(args, lang, tmp_path)
    assert text.strip()
    wide = [line for line in text.splitlines() if cells(line) > WIDTH]
    assert [line for line in wide if str(tmp_path) not in line] == []


@each(
    "command",
    [
        "glm-mcp key --from-env",
        f"{FOREVER} token revoke NAME",
        "GLM_BASE_URL=http://127.0.0.1:1 GLM_API_KEY=k.s glm-mcp call chat prompt=hello",
        "`git lfs pull`",
        "uv tool install '/my clone[all]'",
        "claude mcp list",
        "export GLM_HTTP_TOKEN=…",
        "/Users/ann/Library/Application Support/glm-mcp/env",
    ],
)
@each("said", ["Nobody has one yet; to give one to somebody: {}, and so on.", "还没有人持有（{}），请发放。"])
def test_what_is_copied_stays_in_one_line_at_every_width(command: str, said: str) -> None:
    for width in range(16, 90):
        lines = paragraphs(said.format(command), width).splitlines()
        assert any(command in line for line in lines), width
        assert all(cells(line) <= width for line in lines if command.split(maxsplit=1)[0] not in line), width


def test_no_line_begins_or_ends_with_the_wrong_bracket() -> None:
    text = "使用此项目的人都须在 PATH 上有它（pipx 安装），任何文件都不保存它（只有你能读）。"
    for width in range(16, 90):
        for line in paragraphs(text, width).splitlines():
            assert not line.endswith("（"), width
            assert not line.startswith(("）", "，", "。")), width


def test_an_error_goes_on_below_its_kind(tmp_path: Path) -> None:
    text = on_terminal(("call", "chat", "hello"), "en", tmp_path)
    lines = text[text.index("config: ") :].splitlines()
    assert [line for line in lines if line.startswith(" ")] == []


def on_terminal(args: tuple[str, ...], lang: str, folder: Path) -> str:
    """What a command writes to a terminal of WIDTH columns, but for the line that moves."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
    env = environment(folder / "home", GLM_LANG=lang, NO_COLOR="1", TERM="xterm")
    written: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # as Linux says that the other side is closed
            while piece := os.read(controller, 65_536):
                written.append(piece)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        ran(
            [program(folder, env), *args], env, folder, capture_output=False, stdout=terminal, stderr=terminal
        )
    finally:
        os.close(terminal)
        reader.join(LIMIT_S)
        os.close(controller)
    return b"".join(written).decode().replace("\r\n", "\n").rpartition("\x1b[K")[2]
