"""What `install` has turned into an address on this machine, so that it can be turned back with what its user had set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from glm_mcp.atomic_files import private_folder, read_file, replace_file
from glm_mcp.installation import Machine

_LARGEST = 4 << 20  # bytes


def recall(machine: Machine, file: Path, name: str) -> tuple[str, dict[str, Any]] | None:
    """(the address that was written there, what its user had set beside a command)."""
    kept = _read(machine).get(_key(file, name))
    if not isinstance(kept, dict) or not isinstance(kept.get("fields"), dict):
        return None
    return str(kept.get("url", "")), kept["fields"]


def remember(machine: Machine, file: Path, name: str, url: str, fields: dict[str, Any]) -> None:
    """Raises OSError."""
    _write(machine, {**_read(machine), _key(file, name): {"url": url, "fields": fields}})


def forget(machine: Machine, file: Path, name: str) -> None:
    """Raises OSError."""
    all_of_it = _read(machine)
    if all_of_it.pop(_key(file, name), None) is not None:
        _write(machine, all_of_it)


def _key(file: Path, name: str) -> str:
    return f"{file} {name}"


def _place(machine: Machine) -> Path:
    return machine.settings() / "glm-mcp" / "installed.json"


def _read(machine: Machine) -> dict[str, Any]:
    try:
        found = json.loads(read_file(_place(machine), _LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(machine: Machine, whole: dict[str, Any]) -> None:
    place = _place(machine)
    private_folder(place.parent)
    replace_file(place, json.dumps(whole, indent=1, default=str).encode(), 0o600)
