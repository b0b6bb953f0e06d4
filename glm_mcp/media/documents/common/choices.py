"""The entries of a drop-down beside the chosen one."""

from __future__ import annotations

from collections.abc import Iterable

_SHOWN = 30  # entries; a list of all countries is not what the form says


def others(entries: Iterable[str], chosen: str) -> str:
    """` [choices: …]`, all that a field offers; "" where that is no more than what is `chosen`."""
    offered = list(dict.fromkeys(e for entry in entries if (e := " ".join(entry.split()))))
    if not offered or offered == [" ".join(chosen.split())]:
        return ""
    more = f" and {len(offered) - _SHOWN} more" if len(offered) > _SHOWN else ""
    return f" [choices: {', '.join(offered[:_SHOWN])}{more}]"
