"""The demo: short, real where it says so, and made of lines that can be pasted."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from support.commands import program
from support.processes import COMMAND, environment, ran

from glm_mcp.simulator import Simulator

LIMIT_S = 50


def demo(env: dict[str, str], cwd: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return ran([*COMMAND, *options, "demo"], env, cwd, limit_s=LIMIT_S)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What somebody without a key sees."""
    place = tmp_path_factory.mktemp("demo")
    done = demo(environment(place / "home", TMPDIR=str(place)), place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def folder_of(shown: str) -> Path:
    return Path(re.findall(r"cd (\S+?);? ", shown)[0])


def test_it_fits_a_screen(shown: str) -> None:
    lines = shown.splitlines()
    folder = str(folder_of(shown))
    assert len(lines) <= 40
    paths = [line for line in lines if folder in line or "://" in line]
    assert [line for line in lines if len(line) > 80 and line not in paths] == []


def test_what_is_real_comes_first_and_the_rest_says_that_it_is_simulated(shown: str) -> None:
    real, simulated = shown.split("answers are SIMULATED")
    assert "Lakeside Brewery: Annual Report 2025" in real
    assert re.search(r"Q3 +427 +159 +586", real), "a table in columns"
    assert "Minutes: the new bottling line" in real
    assert "Quarter" in real
    assert "[simulated" not in shown
    assert "All 5 answered" in simulated


def test_the_pictures_that_it_names_are_in_its_folder(shown: str) -> None:
    for name in ("clip-sheet.jpg", "chart-boxes.png", "lighthouse.png"):
        assert name in shown
        with Image.open(folder_of(shown) / name) as picture:
            picture.load()
    with Image.open(folder_of(shown) / "chart-boxes.png") as boxed:
        assert boxed.convert("RGB").getpixel((652, 400)) != (255, 255, 255), "the left side of the box"


@pytest.mark.skipif(os.name == "nt", reason="lines of a POSIX shell")
@pytest.mark.timeout(8 * LIMIT_S)
def test_each_line_can_be_pasted(shown: str, tmp_path: Path) -> None:
    first = next(line.strip() for line in shown.splitlines() if line.startswith("  cd "))
    commands = [line for line in shown.splitlines() if line.startswith("glm-mcp call ")]
    assert len(commands) == 7
    env = environment(tmp_path / "home")
    env["PATH"] = f"{Path(program(tmp_path, env)).parent}:{env['PATH']}"
    said = ""
    for command in commands:  # each a program of its own, and as long as any may take
        done = ran(["sh", "-c", f"set -e\n{first}\n{command}"], env, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        said += done.stdout
    assert said.count("SIMULATED") == 5


def test_with_a_key_the_models_answer(sim: Simulator, tmp_path: Path) -> None:
    done = demo(environment(tmp_path / "home", sim, TMPDIR=str(tmp_path)), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SIMULATED" not in done.stdout
    assert "GLM_SIMULATE" not in done.stdout
    assert "answered by the models" in done.stdout
    assert "    [simulated glm-4.7-flash] I received" in done.stdout, "the beginning of each answer"
    assert len(sim.received) >= 5


def test_it_uses_the_settings_file_that_it_is_given(sim: Simulator, tmp_path: Path) -> None:
    """The server that it starts works in another folder and needs the file too."""
    text = f"GLM_API_KEY={sim.key}\nGLM_BASE_URL={sim.url}\nGLM_TOOLS=chat\n"
    (tmp_path / "mine.env").write_text(text, encoding="utf-8")
    env = environment(tmp_path / "home", TMPDIR=str(tmp_path))
    done = demo(env, tmp_path, "--env-file", "mine.env")
    assert done.returncode == 0, done.stdout
    assert "All 1 answered" in done.stdout
    assert len(sim.received) == 1


def test_a_tool_that_fails_is_shown_with_its_reason(sim: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path / "home", sim, TMPDIR=str(tmp_path), GLM_TOOLS="chat", GLM_API_KEY="an.other")
    done = demo(env, tmp_path)
    assert done.returncode == 1
    assert "    auth: " in done.stdout
    assert "1 of 1 failed; `glm-mcp doctor` looks for the cause." in done.stdout
