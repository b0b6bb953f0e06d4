"""What `glm-mcp doctor --live` shows: its question to the person, the call under way, the table, and the report as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from glm_mcp.cli.asking import run
from glm_mcp.cli.doctor_live import Report, Row, ask_service
from glm_mcp.cli.terminal.cells import cells, padded
from glm_mcp.cli.terminal.group import here, say
from glm_mcp.cli.terminal.moving import moving
from glm_mcp.folders import user_folders
from glm_mcp.glm import findings
from glm_mcp.glm.findings import Value
from glm_mcp.registry import endpoint
from glm_mcp.settings import Settings

WIDTH = 80
COST = (
    "At most 25 small calls with your key, some 4,000 tokens and two small drawings,\n"
    "to six models that are free of charge. It takes one to five minutes."
)
_FIRST, _EXPECTED, _DID = 31, 13, 26  # columns; the rest is the cost


def command(settings: Settings, *, live: bool, yes: bool, forget: bool, as_json: bool) -> None:
    """What --live and --forget do.

    Raises GLMError where nothing can be asked, kept or deleted, UsageError where there is nobody to ask, Abort for a no.
    """
    data = user_folders().data
    if forget:
        path = findings.forget(data, settings)
        say(f"Deleted {path}" if path else "Nothing is kept for this endpoint and key.", err=live)
    if live:
        _run(settings, data, as_json=as_json, yes=yes)


def _run(settings: Settings, data: Path, *, as_json: bool, yes: bool) -> None:
    """Asks the person, then the service; shows what came of it and keeps it."""
    if not yes:
        _ask_person(settings)
    with moving() as line:
        report = run(lambda: ask_service(settings, say=lambda text: line.say(here(text))))
    path = None
    if not settings.simulate:
        known = report.findings(findings.load(data, settings))
        path = findings.save(data, settings, known, as_dict(report))
    if as_json:
        click.echo(json.dumps(as_dict(report), ensure_ascii=False, indent=1))
    else:
        click.echo(table(report))
        say(_kept(path))


def _ask_person(settings: Settings) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"--live makes calls with your key, and there is no terminal to ask you on: add --yes.\n\n{COST}"
        )
    say("This asks the service which models and which forms of request it takes:", err=True)
    say(f"{endpoint(settings.base_url).name}\n{COST}", err=True)
    click.confirm(here("Ask now?"), abort=True, err=True)


def table(report: Report) -> str:
    """What was expected and what the service did, 80 columns wide, with what the marks mean."""
    when = report.asked.replace("T", " ").rstrip("Z")
    lines = [here(f"{report.endpoint}, asked with this key on {when} UTC"), ""]
    lines += [_line("", "this version", "", ""), _line("", "expects", "the service did", "tokens")]
    for model, rows in groupby((r for r in report.rows if _shown(r)), lambda r: r.model):
        lines += [model, *(_of_row(row) for row in rows)]
    return "\n".join([*lines, "", *_summary(report)])


def _shown(row: Row) -> bool:
    return row.differs or not row.fact.quiet


def _of_row(row: Row) -> str:
    mark = "?" if not row.known else "•" if row.differs else "✓"
    cost = f"{row.pictures} picture" if row.pictures else f"{row.tokens:,}" if row.calls else ""
    return _line(row.fact.label, _words(row.expected), row.reading.said, cost, f"{mark} ")


def _line(first: str, expected: str, did: str, cost: str, mark: str = "") -> str:
    label, *more = (mark + here(first), here(expected), here(did), here(cost))
    row = padded(label, _FIRST) + padded(more[0], _EXPECTED) + padded(more[1], _DID)
    return (row + " " * (WIDTH - cells(row) - cells(more[2])) + more[2]).rstrip()


def _words(value: Value | None) -> str:
    """A value that is expected, in a word."""
    if value is None:
        return "either"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int) else "yes"


def _summary(report: Report) -> list[str]:
    used = f"{len(report.calls)} calls, {report.tokens:,} tokens"
    drawn = f"{report.pictures} picture{'s' * (report.pictures > 1)}"
    seconds = f"{report.seconds:.0f}"
    lines = [here(f"{used}, {drawn}, {seconds} s." if report.pictures else f"{used}, {seconds} s.")]
    differ = sum(r.differs for r in report.rows)
    unknown = sum(not r.known and _shown(r) for r in report.rows)
    if differ:
        lines.append(here(f"• {differ} differ{'s' * (differ == 1)} from what this version expects."))
    if unknown:
        lines.append(here(f"? {unknown} not known: ask again when the models are less busy."))
    return lines


def _kept(path: Path | None) -> str:
    """What becomes of the findings."""
    if path is None:
        return "Nothing is kept: the answers were simulated."
    home = Path.home()
    shown = Path("~") / path.relative_to(home) if path.is_relative_to(home) else path
    return (
        "Servers that start from now on use what is known; it is kept, without your key:\n"
        f"{shown}\n"
        "Attach that file to a bug report. `glm-mcp doctor --forget` deletes it."
    )


def as_dict(report: Report) -> dict[str, Any]:
    """The whole report, for a program or a bug report; it holds no key."""
    return {
        "glm_mcp": report.version,
        "endpoint": report.endpoint,
        "asked": report.asked,
        "seconds": round(report.seconds, 1),
        "tokens": report.tokens,
        "pictures": report.pictures,
        "facts": [_row(r) for r in report.rows],
        "calls": [asdict(c) for c in report.calls],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "model": row.model,
        "fact": row.fact.name,
        "asked": row.fact.label,
        "expected": row.expected,
        "found": row.reading.value,
        "said": row.reading.said,
        "differs": row.differs,
        "calls": row.calls,
        "tokens": row.tokens,
    }
