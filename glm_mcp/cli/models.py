"""`glm-mcp models`: the model cards."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from glm_mcp.cli.terminal.cells import paragraphs
from glm_mcp.cli.terminal.group import here, joined
from glm_mcp.cli.terminal.screen import width
from glm_mcp.registry import CARDS, ENDPOINTS


def show_models(*, as_json: bool) -> None:
    """What each model can do, its limits, where it lives."""
    homes = {m: [e.name for e in ENDPOINTS.values() if e.models and m in e.models] for m in CARDS}
    if as_json:
        cards = [
            {**asdict(c), "tasks_left_out": sorted(c.tasks_left_out), "endpoints": homes[c.id]}
            for c in CARDS.values()
        ]
        click.echo(json.dumps(cards, indent=1))
        return
    for c in CARDS.values():
        limits = [f"{c.context:,} tokens, answers up to {c.max_tokens:,}"] if c.context else []
        limits += [f"{c.images} picture{'s' * (c.images > 1)} a call"] if c.images else []
        limits += ["takes video"] * c.video + ["calls functions"] * c.functions + ["JSON"] * c.json_mode
        limits += {
            "switch": ["thinking on or off"],
            "effort": ["always thinks"],
            "always": ["always thinks"],
        }.get(c.thinking, [])
        facts = joined([*limits, "free of charge" if c.free else "paid for", f"at {', '.join(homes[c.id])}"])
        click.echo(f"{c.id:<24} {here(c.use)}\n{paragraphs(facts, width(), ' ' * 25)}")
