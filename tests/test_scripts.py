"""What is run here, before a commit and by continuous integration: the same scripts, in versions that were tested."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from support.cases import each
from support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NEEDS = [
    need
    for needs in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for need in needs
    if not need.startswith(PROJECT["name"])
]
WORKFLOW, PRE_COMMIT = ROOT / ".github" / "workflows" / "ci.yml", ROOT / ".pre-commit-config.yaml"
SCRIPTS = sorted(p for p in (ROOT / "scripts").iterdir() if os.access(p, os.X_OK) and p.name != "venv")
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def test_the_constraints_are_names_and_versions_alone() -> None:
    for name, version in constraints().items():
        assert re.fullmatch(r"[a-z0-9.-]+", name)
        assert re.fullmatch(r"\d[\w.!+]*", version)
    assert PROJECT["name"] not in constraints()


@each("need", NEEDS)
def test_every_library_asked_for_has_a_tested_version_that_is_allowed(need: str) -> None:
    name, lowest = re.match(r"([\w.-]+)>=([\w.]+)", need).groups()  # type: ignore[union-attr]
    tested = constraints()[name.lower().replace("_", "-")]
    assert numbers(tested) >= numbers(lowest)
    if highest := re.search(r",<([\w.]+)", need):
        assert numbers(tested) < numbers(highest[1])


def test_every_tested_version_runs_on_the_oldest_python_that_is_promised() -> None:
    oldest = PROJECT["requires-python"].removeprefix(">=") + ".0"
    tested = constraints()
    here = {d.metadata["Name"].lower().replace("_", "-"): d for d in distributions()}
    wants = {
        name: next(iter(here[name].metadata.get_all("Requires-Python") or [""]))
        for name, version in tested.items()
        if name in here and here[name].version == version
    }
    assert len(wants) > 60, "what is installed was looked at"
    assert [f"{name} {w}" for name, w in wants.items() if not SpecifierSet(w).contains(oldest)] == []


@each("path", [WORKFLOW, PRE_COMMIT, ROOT / ".ci" / "run"], ids=lambda p: p.name)
def test_automation_calls_scripts_that_a_developer_has(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    called = set(re.findall(r"(?:- run: |entry: bash |^\./)(scripts/[\w-]+)", text, re.MULTILINE))
    assert {"scripts/check", "scripts/test"} <= called
    assert all((ROOT / script).is_file() for script in called)


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_a_script_that_is_asked_for_help_tells_what_it_is_for_and_does_nothing(
    path: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [path, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    first = done.stdout.partition("\n")[0].strip()
    assert first in path.read_text(encoding="utf-8").split("\n", 2)[1]
    assert first
    assert (done.stderr, list(tmp_path.iterdir())) == ("", [])


def test_a_failed_test_is_not_run_a_second_time() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert {"./scripts/test", "./scripts/test-extremes", "./scripts/test-team", "./scripts/test-hosts"} <= {
        *lines
    }
    assert not [line for line in lines if "||" in line]
    assert not [line for line in lines if "--last-failed" in line]


def test_the_workflow_runs_the_tests_on_three_systems() -> None:
    text = WORKFLOW.read_text(encoding="utf-8")
    assert "os: [ubuntu-latest, macos-latest, windows-latest]" in text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_a_report_of_a_problem_brings_the_doctor_s(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "`glm-mcp doctor`" in text


@pytest.mark.skipif(shutil.which("bash") is None, reason="the scripts are bash")
def test_every_script_of_the_shell_can_be_read_by_it() -> None:
    files = [p for p in (ROOT / "scripts").iterdir() if p.is_file()]
    scripts = [p for p in files if "bash" in p.read_text(encoding="utf-8").partition("\n")[0]]
    assert len(scripts) >= 7
    for script in (*scripts, ROOT / ".ci" / "run"):
        done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
