"""What a team's server said last of itself and its lists, for when it is away at start."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from glm_mcp.atomic_files import private_folder, read_file, replace_file
from glm_mcp.cli.connect.lines import Message

METHODS = frozenset(
    {"initialize", "server/discover", "tools/list", "prompts/list", "resources/templates/list"}
)
VERSION = "io.modelcontextprotocol/protocolVersion"
_LARGEST = 1_000_000  # characters of one answer that are kept


class Memory:
    """One file for a server's address and whoever is let in there: what may be listed depends on both. Blocking."""

    def __init__(self, cache: Path, url: str, token: str | None) -> None:
        whose = hashlib.sha256(f"{url}\0{token or ''}".encode()).hexdigest()[:24]
        self._file = cache / "connect" / f"{whose}.json"
        self._known: dict[str, Any] | None = None

    def recall(self, request: Message) -> dict[str, Any] | None:
        """The last result of such a request."""
        found = self._load().get(_key(request))
        return found if isinstance(found, dict) else None

    def remember(self, request: Message, result: dict[str, Any]) -> None:
        known, key = self._load(), _key(request)
        if (
            request["method"] not in METHODS
            or "cursor" in (request.get("params") or {})
            or known.get(key) == result
        ):
            return
        known = {**known, key: result}
        raw = json.dumps(known, ensure_ascii=False).encode("utf-8", "replace")
        if len(raw) > _LARGEST:
            return
        self._known = known
        try:
            private_folder(self._file.parent)
            replace_file(self._file, raw, 0o600)
        except OSError:  # a start without the server is then answered from what this version knows
            return

    def _load(self) -> dict[str, Any]:
        if self._known is None:
            try:
                found = json.loads(read_file(self._file, _LARGEST))
            except (OSError, ValueError, RecursionError):
                found = {}
            self._known = found if isinstance(found, dict) else {}
        return self._known


def version_of(request: Message) -> str:
    """The version of the protocol that a request names; empty for one of an older client, which named it at its start."""
    params = request.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    named = meta.get(VERSION) if isinstance(meta, dict) else None
    return named if isinstance(named, str) else ""


def _key(request: Message) -> str:
    params = request.get("params") or {}
    asked = params.get("protocolVersion") if request["method"] == "initialize" else version_of(request)
    return f"{request['method']} {asked or ''}"
