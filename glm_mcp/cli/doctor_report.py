"""What `glm-mcp doctor` prints of its findings: for a person, or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click

from glm_mcp.cli.asking import run
from glm_mcp.cli.doctor import examine
from glm_mcp.cli.service import Finding
from glm_mcp.cli.terminal.cells import paragraphs
from glm_mcp.cli.terminal.group import here, labelled, say
from glm_mcp.cli.terminal.moving import moving
from glm_mcp.cli.terminal.screen import painted, room
from glm_mcp.errors import ConfigError
from glm_mcp.settings import Settings
from glm_mcp.text import escaped


def report(settings: Callable[[], Settings], env_file: Path | None, *, as_json: bool) -> bool:
    """Prints what was found; whether something is wrong. `settings`: gives them, or raises ConfigError."""
    try:
        given = settings()
        with moving() as line:
            line.say(here("asking the service"))
            findings = run(lambda: examine(given, env_file=env_file))
    except ConfigError as error:
        findings = [Finding("settings", "wrong", error.message, error.hint)]
    bad = any(f.state == "wrong" for f in findings)
    if as_json:
        whole = {"ok": not bad, "findings": [f.as_dict() for f in findings]}
        click.echo(escaped(json.dumps(whole, ensure_ascii=False, indent=1)))
    else:
        for finding in findings:
            click.echo(_shown(finding), color=True)
        busy = any(f.what == "service" and f.why for f in findings)
        well = "Nothing is wrong here; the service does not answer just now." if busy else "All is well."
        say("Something is wrong; the mend stands behind each ✗." if bad else well)
    return bad


def _shown(finding: Finding) -> str:
    """For a person, in their language and fitted to their terminal."""
    mark, colour = {"ok": ("✓", "green"), "note": ("•", "yellow"), "wrong": ("✗", "red")}[finding.state]
    columns = room(sys.stdout)
    shown = paragraphs(f"{mark} {labelled(finding.what, finding.said)}", columns)
    if mend := here(finding.mend):
        shown += "\n" + paragraphs(f"→ {mend}", columns, "    ")
    return shown.replace(mark, painted(mark, colour), 1)
