"""`glm-mcp call` with words, with what is piped in, with --help; what the server has, by `list`; completion in a shell."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.cases import each
from support.commands import program
from support.processes import COMMAND, LIMIT_S, Process, environment, ran, until

from glm_mcp.cli.tool_help import EXAMPLES
from glm_mcp.samples import FOLDER
from glm_mcp.server.app import TOOLS
from glm_mcp.simulator import Fault, Simulator
from glm_mcp.tools.arguments import arguments_of


@pytest.fixture
def env(sim: Simulator, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    for path in FOLDER.glob("*.*"):
        shutil.copy(path, tmp_path)
    return environment(tmp_path_factory.mktemp("home"), sim)


def run(
    env: dict[str, str], cwd: Path, *args: str, piped: str | None = None
) -> subprocess.CompletedProcess[str]:
    given: dict[str, Any] = {} if piped is None else {"input": piped}
    done = ran([*COMMAND, *args], env, cwd, **given)
    assert "Traceback" not in done.stderr
    return done


# Words


@pytest.mark.parametrize(
    ("args", "text", "media"),
    [
        (("chat", "Write", "a", "haiku"), "Write a haiku", 0),
        (("chat", "Write a = b", "max_tokens=64", "now"), "Write a = b now", 0),
        (("describe_image", "photo.jpg", "Say", "what", "it", "is"), "Say what it is", 1),
        (("describe_image", "photo.jpg", "chart.png", "Compare"), "Compare", 2),
        (("describe_image", "*.png", "Say what"), "Say what", 1),
        (("describe_image", "prompt=Say what", "photo.jpg"), "Say what", 1),
        (("describe_image", "images=photo.jpg", "Say", "what"), "Say what", 1),
        (("analyze_video", "path=second.mp4", "Say", "what"), "Say what", 1),
        (("analyze_video", "second.mp4", "Say", "what"), "Say what", 1),
    ],
)
def test_words_without_a_name_are_the_first_argument_and_then_the_prompt(
    args: tuple[str, ...], text: str, media: int, env: dict[str, str], sim: Simulator, tmp_path: Path
) -> None:
    done = run(env, tmp_path, "call", *args)
    assert done.returncode == 0, done.stdout + done.stderr
    assert text in sim.received[-1].text
    assert len(sim.received[-1].media) == media


def test_a_program_finds_the_answer_without_its_closing_line(env: dict[str, str], tmp_path: Path) -> None:
    done = run(env, tmp_path, "call", "chat", "hello", "json=true", "--raw")
    whole = json.loads(done.stdout)
    assert json.loads(whole["structuredContent"]["text"])["simulated"] is True
    assert whole["content"][0]["text"].endswith("]")


def test_a_first_word_that_is_no_file_is_named_by_the_tool(env: dict[str, str], tmp_path: Path) -> None:
    done = run(env, tmp_path, "call", "describe_image", "nothing", "there")
    assert done.returncode == 1
    assert "there is no file nothing" in done.stdout


def test_an_argument_that_is_given_twice_is_refused(env: dict[str, str], tmp_path: Path) -> None:
    done = run(env, tmp_path, "call", "chat", "prompt=one", "two")
    assert done.returncode == 2
    assert "prompt is given twice" in done.stderr


def test_words_that_are_no_text_are_an_error_and_no_defect(env: dict[str, str], tmp_path: Path) -> None:
    command = [os.fsencode(word) for word in (*COMMAND, "call", "chat")]
    done = subprocess.run(
        [*command, b"caf\xe9"], env=env, cwd=tmp_path, capture_output=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.startswith(b"invalid_request: argument 3 is not UTF-8: caf\\xe9. ")


# Standard input


def test_what_is_piped_in_is_the_prompt(env: dict[str, str], sim: Simulator, tmp_path: Path) -> None:
    assert run(env, tmp_path, "call", "chat", piped="a whole text\n").returncode == 0
    assert sim.received[-1].text == "a whole text\n"


def test_what_is_piped_in_comes_after_the_words(env: dict[str, str], sim: Simulator, tmp_path: Path) -> None:
    run(env, tmp_path, "call", "chat", "Review", "this:", piped="+ line")
    assert sim.received[-1].text == "Review this:\n\n+ line"


def test_a_call_by_names_leaves_standard_input_alone(
    env: dict[str, str], sim: Simulator, tmp_path: Path
) -> None:
    read, write = os.pipe()  # never written, never closed: reading it would wait for ever
    try:
        done = ran([*COMMAND, "call", "chat", "prompt=hello"], env, tmp_path, stdin=read)
    finally:
        os.close(read)
        os.close(write)
    assert done.returncode == 0
    assert sim.received[-1].text == "hello"


@pytest.mark.parametrize("words", [(), ("-",), ("documents=-",)])
def test_what_is_piped_in_is_the_document(
    words: tuple[str, ...], env: dict[str, str], tmp_path: Path
) -> None:
    with (tmp_path / "report.pdf").open("rb") as file:
        done = ran([*COMMAND, "call", "read_document", *words, "pages=1"], env, tmp_path, stdin=file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# Lakeside Brewery: Annual Report 2025" in done.stdout


def test_words_beside_a_piped_document_are_the_question(
    env: dict[str, str], sim: Simulator, tmp_path: Path
) -> None:
    done = run(env, tmp_path, "call", "read_document", "What", "was", "sold", piped="Sold: 12 boats.")
    assert done.returncode == 0, done.stdout
    assert "Sold: 12 boats." in sim.received[-1].text
    assert "What was sold" in sim.received[-1].text


def test_the_file_made_of_standard_input_is_gone_after_the_call(env: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    done = run({**env, "TMPDIR": str(folder)}, tmp_path, "call", "read_document", "-", piped="words")
    assert "words" in done.stdout
    assert list(folder.iterdir()) == []


def test_what_a_call_that_was_killed_has_left_of_standard_input_goes_a_day_later(
    env: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "temporary"
    kept, left = folder / "glm-mcp-stdin-new", folder / "glm-mcp-stdin-old"
    for each_one in (kept, left):
        each_one.mkdir(parents=True)
        (each_one / "stdin").write_text("words", encoding="utf-8")
    os.utime(left, (1_000_000_000,) * 2)
    done = run({**env, "TMPDIR": str(folder)}, tmp_path, "call", "read_document", "-", piped="words")
    assert done.returncode == 0
    assert list(folder.iterdir()) == [kept]


@pytest.mark.skipif(os.name != "posix", reason="signals")
@each("number", ["SIGTERM", "SIGHUP", "SIGINT"])
@each("then", ["while it comes", "while it is read"])
def test_the_file_made_of_standard_input_goes_with_a_call_that_is_ended(
    then: str, number: str, env: dict[str, str], sim: Simulator, tmp_path: Path
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    sim.queue(Fault("hang"))
    with Process(
        {**env, "TMPDIR": str(folder)}, tmp_path, "call", "read_document", "-", "What is it?", anew=True
    ) as call:
        assert call.popen.stdin
        call.popen.stdin.write("words")
        call.popen.stdin.flush()
        until(lambda: list(folder.rglob("stdin")))
        if then == "while it is read":
            call.popen.stdin.close()
            until(lambda: sim.received)
        call.signal(getattr(signal, number))
        assert list(folder.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="a bound on memory that holds")
@pytest.mark.extreme
def test_a_little_that_is_piped_in_takes_no_room_for_much(env: dict[str, str], tmp_path: Path) -> None:
    command = shlex.join([*COMMAND, "call", "read_document", "-"])
    done = ran(["sh", "-c", f"ulimit -v 1900000; exec {command}"], env, tmp_path, input="words")
    assert done.returncode == 0, done.stderr
    assert "words" in done.stdout


@pytest.mark.parametrize(
    ("piped", "said"),
    [(b"\xff\xfe\xff", "standard input is not UTF-8 text"), (b"", "chat: prompt is empty")],
)
def test_what_is_piped_in_and_no_text_is_said(
    piped: bytes, said: str, env: dict[str, str], tmp_path: Path
) -> None:
    read, write = os.pipe()
    os.write(write, piped)
    os.close(write)
    done = ran([*COMMAND, "call", "chat"], env, tmp_path, stdin=read)
    os.close(read)
    assert done.returncode == 1
    assert said in done.stdout + done.stderr


# What there is


@each("tool", list(TOOLS))
def test_the_help_of_a_tool_names_every_argument_with_its_values_and_default(
    tool: str, tmp_path: Path
) -> None:
    shown = run(environment(tmp_path / "home"), tmp_path, "call", tool, "--help").stdout
    listed = {line.split()[0]: line for line in shown.splitlines() if line.startswith("  ")}
    flat = " ".join(shown.split())
    for arg in arguments_of(TOOLS[tool].args):
        assert arg.name in listed
        assert not arg.choices or f"One of {', '.join(arg.choices)}" in flat
    assert all(line in shown for line in EXAMPLES[tool])
    first = next(iter(arguments_of(TOOLS[tool].args)))
    assert f"{first.name} takes" in flat
    assert max(map(len, shown.splitlines())) <= 82, "an example is not broken"


@pytest.mark.skipif(os.name == "nt", reason="the examples are lines of a POSIX shell")
@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_every_example_can_be_pasted(line: str, env: dict[str, str], tmp_path: Path) -> None:
    shutil.copy(tmp_path / "photo.jpg", tmp_path / "shot.png")
    (tmp_path / "main.py").write_text("print(1)\n", encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=LIMIT_S)
    path = f"{Path(program(tmp_path, env)).parent}{os.pathsep}{env['PATH']}"
    if line.startswith("git diff"):
        line = line.replace("git diff", "git status")  # it has something to say
    done = ran(["sh", "-c", line], {**env, "PATH": path}, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_list_shows_tools_prompts_resources_and_what_is_kept(env: dict[str, str], tmp_path: Path) -> None:
    run(env, tmp_path, "call", "analyze_video", "clip.mp4", "task=storyboard")
    shown = run(env, tmp_path, "list").stdout
    assert "  chat(prompt, system=, history=" in shown
    assert "  ask-document(document, question=)" in shown
    assert "  glm://usage\n" in shown
    assert "clip-sheet.jpg" in shown.partition("Kept outputs")[2]
    found = json.loads(run(env, tmp_path, "list", "--format", "json").stdout)
    assert [entry["signature"].partition("(")[0] for entry in found["tools"]] == list(TOOLS)
    assert found["kept outputs"]


# Completion


def offered(env: dict[str, str], cwd: Path, words: str, at: int) -> list[str]:
    """What bash is given for the word number `at` of a line, which it splits at `=` too."""
    asked = {"_GLM_MCP_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
    shown = ran(COMMAND, {**env, **asked}, cwd)
    assert "Traceback" not in shown.stderr
    return [line.partition(",")[2] for line in shown.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("line", "at", "wanted"),
    [
        ("glm-mcp ca", 1, ["call"]),
        ("glm-mcp call de", 2, ["describe_image"]),
        ("glm-mcp call describe_image ta", 3, ["task="]),
        ("glm-mcp call describe_image task = oc", 5, ["ocr"]),
        ("glm-mcp call describe_image task=oc", 3, ["task=ocr"]),
        ("glm-mcp call describe_image images = ph", 5, ["photo.jpg"]),
        ("glm-mcp call describe_image images=ph", 3, ["images=photo.jpg"]),
        ("glm-mcp call describe_image ph", 3, ["photo.jpg"]),
        ("glm-mcp call describe_image images=~nobody-of-that-name/p", 3, []),
        ("glm-mcp call chat thinking=s", 3, ["thinking=show"]),
        ("glm-mcp call chat model=cog", 3, ["model=cogview-3-flash"]),
        ("glm-mcp call paint si", 3, []),
        ("glm-mcp completion z", 2, ["zsh"]),
    ],
)
def test_a_shell_is_offered_tools_arguments_values_and_files(
    line: str, at: int, wanted: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    assert offered(env, tmp_path, line, at) == wanted


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_one_that_it_reads(shell: str, env: dict[str, str], tmp_path: Path) -> None:
    script = run(env, tmp_path, "completion", shell).stdout
    assert "_GLM_MCP_COMPLETE" in script
    if shutil.which(shell):
        assert ran([shell, "-n"], env, tmp_path, input=script).returncode == 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_file_whose_name_is_a_command_is_completed_by_bash_as_a_name(
    quote: str, env: dict[str, str], tmp_path: Path
) -> None:
    name = "zz '$(touch made)`touch made`;touch made;\";touch made;\" '\\.png"
    (tmp_path / name).write_bytes(b"")
    script = run(env, tmp_path, "completion", "bash").stdout
    # As bash does at a tab, and then at the end of the line.
    line = f"""{script}
        COMP_WORDS=(glm-mcp call describe_image "$1zz") COMP_CWORD=3
        _glm_mcp_completion "$2" && eval "printf %s $1${{COMPREPLY[0]}}$1"
    """
    shown = ran(["bash", "-c", line, "bash", quote, program(tmp_path, env)], env, tmp_path)
    assert shown.stdout == name
    assert not (tmp_path / "made").exists()


# One meaning of --json


@each("command", ["doctor", "models", "list"])
def test_json_is_arguments_alone_and_format_is_how_it_is_printed(command: str, tmp_path: Path) -> None:
    env = environment(tmp_path / "home", GLM_SIMULATE="1")
    assert json.loads(run(env, tmp_path, command, "--format", "json").stdout)
    assert "No such option" in run(env, tmp_path, command, "--json").stderr
