"""What each host does with results, by the name that its client gives. Measured with the real clients."""

from __future__ import annotations

from dataclasses import dataclass, replace

from glm_mcp.settings import Settings


@dataclass(frozen=True, slots=True)
class McpClient:
    """What the calling host does with results. `budget`: characters of a serialised result. `previews`: it shows
    images to its model. `local`: it sees this machine's files, so that a path means something to it.
    """

    budget: int = 7_800
    previews: bool = False
    local: bool = True
    deadline_s: float = 55.0


# Hosts cut at 8,000 characters (Cline) or about 11,000 (Codex); a host that we do not know may be as strict.
UNKNOWN = McpClient()
# Claude Code takes 150,000 characters in one result when told, has no time limit of its own, and shows pictures.
PATIENT = McpClient(budget=50_000, previews=True, deadline_s=300.0)

PROFILES: tuple[tuple[str, McpClient], ...] = (
    # the start of the client's name, lower case: the first that fits
    ("claude-code", PATIENT),
    ("claude-ai", McpClient(previews=True)),
    ("claude", McpClient(previews=True)),
    ("codex", McpClient(previews=True)),
    ("cursor", McpClient(previews=True)),
    ("visual studio code", McpClient(previews=True)),
    ("vscode", McpClient(previews=True)),
    ("cline", UNKNOWN),  # writes base64 into the prompt as text: never a picture
    ("glm-mcp", McpClient(budget=10_000_000, deadline_s=300.0)),  # this project's own commands
)


def client_named(name: str, settings: Settings, *, remote: bool) -> McpClient:
    """The profile for a client's name. `remote`: over HTTP, where this machine's paths mean nothing."""
    folded = name.strip().lower()
    found = next((profile for start, profile in PROFILES if folded.startswith(start)), UNKNOWN)
    return replace(found, local=not remote, deadline_s=settings.deadline_s or found.deadline_s)
