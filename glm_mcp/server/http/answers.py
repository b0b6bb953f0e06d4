"""What the server answers by itself, before or in place of the protocol: JSON always, which hosts print word for word."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import Send

    from glm_mcp.settings import Settings

# Clients look for an authorization server here before they show a refusal to their user.
REGISTRATION = "/.well-known/oauth-", "/.well-known/openid-configuration", "/register"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a JSON object and headers."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    async def send(self, send: Send) -> None:
        body = json.dumps(self.body, ensure_ascii=False).encode()
        headers = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "cache-control": "no-store",
            **self.headers,
        }
        raw = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def refusal(status: int, error: str, description: str, **headers: str) -> Answer:
    """`headers`: with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"error": error, "error_description": description}, named)


DEFECT = refusal(
    500, "internal", "internal: it failed by a defect of this server. Please report it, with the log."
)


def not_allowed(*methods: str) -> Answer:
    allow = ", ".join(methods)
    return refusal(405, "method_not_allowed", f"Only {allow} is served here.", allow=allow)


def no_registration(path: str, settings: Settings, *, oauth: bool) -> Answer:
    """What is said to a client that looks for OAuth here. `oauth`: it is to be had, elsewhere."""
    if oauth:
        return refusal(404, "not_found", "The metadata of this server names where to get a token.")
    if path == "/register":
        said = f"This server takes a token of its own, not OAuth. Ask whoever runs it for one, then: {add_line(settings)}"
        return refusal(400, "invalid_client_metadata", said)
    return refusal(404, "not_found", "This server takes a token of its own, not OAuth.")


def add_line(settings: Settings, token: str = "TOKEN") -> str:  # noqa: S107 - where the token goes
    """The command that adds this server to Claude Code."""
    url = settings.public_url or "http://HOST:PORT"
    return f'claude mcp add --transport http glm {url}/mcp --header "Authorization: Bearer {token}"'
