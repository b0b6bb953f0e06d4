"""What the service did when it was asked, kept for one endpoint and key; the cards are corrected by it.

One file a pair in the data folder, named by a digest of both, readable by its owner alone. It holds no key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from glm_mcp.atomic_files import private_folder, read_file, replace_file
from glm_mcp.errors import ConfigError
from glm_mcp.registry import Card, endpoint
from glm_mcp.settings import Settings

_LARGEST = 4 << 20  # bytes of a file
Value = bool | int | str
# Facts that are a field of a card, with what each may be.
_FIELDS: dict[str, type | tuple[str, ...]] = {
    "thinking": ("switch", "effort", "always"),
    "video_data": bool,
    "tool_role": bool,
    "json_mode": bool,
    "system": bool,
    "any_size": bool,
    "hd": bool,
    "concurrency": int,
}
# `gone`: why a model is not to be had, empty where it is; `data`, `raw`: the two forms of a picture's bytes.
_OTHERS: dict[str, type] = {"gone": str, "answered_as": str, "data": bool, "raw": bool}
_CALLS_AT_ONCE = range(1, 1001)
_LONGEST = 300  # characters of a text; ours are shorter


@dataclass(frozen=True, slots=True)
class Findings:
    """Facts by model and name; empty where the service was never asked. `asked`: when, as ISO 8601."""

    facts: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    asked: str = ""

    def of(self, model: str) -> Mapping[str, Value]:
        return self.facts.get(model.lower(), {})

    def gone(self, model: str) -> str:
        """Why a model is not to be had; empty where it is, or where nobody knows."""
        return str(self.of(model).get("gone", ""))

    def corrected(self, card: Card) -> Card:
        """The card with what is known in the place of what was expected."""
        facts = self.of(card.id)
        if not facts:
            return card
        changes: dict[str, Any] = {name: facts[name] for name in _FIELDS if name in facts}
        forms = [form for form in card.image_forms if facts.get(form) is not False]
        if forms:  # where both were refused the picture was to blame
            changes["image_forms"] = tuple(sorted(forms, key=lambda form: facts.get(form) is not True))
        return replace(card, **changes)

    def updated(self, facts: Mapping[str, Mapping[str, Value]], asked: str) -> Findings:
        """With new facts; what is not known this time stays as it was."""
        models = {**self.facts, **facts}
        return Findings({m: {**self.facts.get(m, {}), **facts.get(m, {})} for m in models}, asked)


UNASKED = Findings()


def load(data: Path, settings: Settings) -> Findings:
    """What is kept for the endpoint and key of these settings; nothing where it is damaged. `data`: the data folder.
    Blocks.
    """
    try:
        kept = json.loads(read_file(path_of(data, settings), _LARGEST))
        return Findings(_checked(kept["facts"]), str(kept["asked"])[:_LONGEST])
    except (OSError, ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return UNASKED


def save(data: Path, settings: Settings, findings: Findings, report: Mapping[str, Any]) -> Path:
    """Keeps the findings, with the report of how they came about beside them; where. Raises ConfigError. Blocks."""
    path = path_of(data, settings)
    whole = {"asked": findings.asked, "facts": findings.facts, "report": report}
    try:
        private_folder(path.parent)
        replace_file(path, json.dumps(whole, ensure_ascii=False, indent=1).encode(), 0o600)
    except OSError as error:
        raise ConfigError(
            f"nothing can be kept in {path.parent} ({error.strerror or 'the system refuses'})",
            "Give yourself write access to it, then ask again.",
        ) from error
    return path


def forget(data: Path, settings: Settings) -> Path | None:
    """Deletes what is kept; where it was, None where there was nothing. Blocks."""
    path = path_of(data, settings)
    try:
        path.unlink()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be deleted ({error.strerror or 'the system refuses'})", "Delete it by hand."
        ) from error
    return path


def path_of(data: Path, settings: Settings) -> Path:
    pair = f"{endpoint(settings.base_url).url}\n{settings.key or ''}"
    return data / "findings" / f"{hashlib.sha256(pair.encode()).hexdigest()[:32]}.json"


def _checked(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Value]]:
    """Those that a card can take: the file may be of another version, or edited."""
    return {
        model: {name: value for name, value in of_model.items() if _fits(name, value)}
        for model, of_model in facts.items()
    }


def _fits(name: str, value: object) -> bool:
    kind = _FIELDS.get(name) or _OTHERS.get(name)
    if isinstance(kind, tuple):
        return value in kind
    if kind is int:
        return type(value) is int and value in _CALLS_AT_ONCE
    return kind is not None and type(value) is kind and (kind is not str or len(str(value)) <= _LONGEST)
