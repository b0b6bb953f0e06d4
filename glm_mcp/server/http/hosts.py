"""Which Host and Origin a request may name, so that no web page reaches the server by a name of its own (DNS rebinding)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from glm_mcp.settings import Settings
from glm_mcp.settings_team import LOOPBACK

_HOST = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::\d{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names that the server answers to.

    `named`: those of the settings. `local`: it is bound to loopback, whose names alone are then allowed besides, also as
    origins. Beyond loopback any address in numbers may stand in Host: no name of a stranger leads there.
    """

    named: frozenset[str]
    local: bool

    @classmethod
    def of(cls, settings: Settings, bound: str) -> Hosts:
        named = set(settings.allowed_hosts)
        if settings.public_url:
            named.add(urlsplit(settings.public_url).hostname or "")
        return cls(frozenset(named), bound in LOOPBACK)

    def host(self, header: str) -> bool:
        name = _name(header)
        if not name or name in self.named or name in LOOPBACK:
            return bool(name)
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self.local

    def origin(self, header: str, host: str) -> bool:
        """`host`: the Host header of the same request, which has been found good."""
        try:
            parts = urlsplit(header)
        except ValueError:  # half an address in brackets
            return False
        name = _name(parts.netloc) if parts.scheme in ("http", "https") else ""
        if not name:
            return False
        return name in self.named or parts.netloc == host or (self.local and name in LOOPBACK)


def is_loopback(header: str) -> bool:
    """Whether a Host header names this machine."""
    return _name(header) in LOOPBACK


def _name(header: str) -> str:
    match = _HOST.fullmatch(header)
    return (match["six"] or match["name"]).lower().rstrip(".") if match else ""
