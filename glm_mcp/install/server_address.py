"""The running server that an entry leads to: its address, and what it is shown."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from glm_mcp.clients.row import TOKEN, KnownClient
from glm_mcp.clients.table import ANY
from glm_mcp.errors import ConfigError
from glm_mcp.install.entry import Bearer
from glm_mcp.install.wish import Wish
from glm_mcp.installation import Machine
from glm_mcp.setting_values import server_url


def address_of(url: str, option: str) -> str:
    """The address as it is written, with /mcp. `option`: by which it was given. Raises ConfigError."""
    if (parts := server_url(url)) is None:
        shown = "an address with a login or a query" if "@" in url or "?" in url else repr(url)
        raise ConfigError(
            f"{shown} is no address of a server",
            f"Give the address alone, as {option} https://glm.example.com",
        )
    return url.strip() if parts.path.strip("/") else url.strip().rstrip("/") + "/mcp"


def bearer_for(client: KnownClient, wish: Wish, url: str | None, machine: Machine) -> Bearer | None:
    """What the server at `url` is shown. One that is reached by https:// asks for a token, one on this machine may not.

    Raises ConfigError for a token that would be read on its way, or that cannot be one.
    """
    if not url:
        return None
    name = wish.token_env or TOKEN
    printed = wish.show or bool(client.link) or client is ANY
    # What nobody typed on this command line is not shown on its screen either.
    literal = wish.token or ("" if printed else machine.env.get(name, "").strip())
    if not re.fullmatch(r"[A-Za-z_]\w{0,80}", name, re.ASCII):
        raise ConfigError("that is no name of a variable", "Give --token-env a name such as GLM_HTTP_TOKEN.")
    if literal and not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", literal):
        raise ConfigError("the token is not one word that a header takes", "Copy it alone, in one piece.")
    if not (literal or wish.token_env or url.startswith("https:")):
        return None
    if literal and not client.refers and not url.startswith("https:") and not _is_loopback(url):
        raise ConfigError(
            f"the token would travel in the clear to {urlsplit(url).hostname}", "Give an https:// address."
        )
    return Bearer(name, "" if wish.scope == "project" or client.refers else literal)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
