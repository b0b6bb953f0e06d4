"""Which proxy the environment names for an address: the one place that reads it, for calls and for downloads."""

from __future__ import annotations

import ipaddress
import os
import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import unquote, urlsplit

from glm_mcp.errors import ConfigError
from glm_mcp.setting_values import unquoted
from glm_mcp.text import clean

# socks:// is what desktops write into ALL_PROXY; browsers take it for SOCKS5.
_SCHEMES = {s: s for s in ("http", "https", "socks5", "socks5h")} | {"socks": "socks5"}
_FORMS = (
    "http://host:port, https://host:port or socks5://host:port, a login as user:password@ before the host"
)
_PLACE = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>\d{1,5}))?", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy and who names it. `url`: scheme, host and port, to be shown; `login`: user and password, never shown."""

    url: str
    variable: str
    login: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def socks(self) -> bool:
        return self.url.startswith("socks")


def proxy_for(url: str, proxies: Mapping[str, str] | None = None) -> Proxy | None:
    """The proxy for an http(s) URL, or None. Only the one that would be used is looked at.

    `proxies`: by scheme, "all", and "no" for what goes directly, as `urllib.request.getproxies()` gives them (the default).
    This machine itself is reached directly, as Go's and the browsers' clients do.
    Raises ConfigError where that proxy cannot be used, ValueError where the URL is none.
    """
    named = urllib.request.getproxies() if proxies is None else proxies
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if _goes_directly(host, parts.port or _PORTS.get(parts.scheme, 0), named.get("no", "")):
        return None
    for name in (parts.scheme, "all"):
        value = unquoted(named.get(name, ""))
        if value:
            return _read(value, _variable(name, system=proxies is None), host)
    return None


def _variable(name: str, *, system: bool) -> str:
    """Who names the proxy, spelled as it is set; small letters win, as in `getproxies`."""
    spelled = sorted((n for n in os.environ if n.lower() == f"{name}_proxy" and os.environ[n]), reverse=True)
    return spelled[0] if spelled else "the system's proxy setting" if system else f"{name.upper()}_PROXY"


def _read(value: str, variable: str, host: str) -> Proxy:
    scheme, has_scheme, rest = value.partition("://")
    if not has_scheme:
        scheme, rest = "http", value
    login, _, place = rest.rpartition("@")  # a password may hold any character, also an @ or a slash
    place = re.split(r"[/?#]", place, maxsplit=1)[0]
    spoken = _SCHEMES.get(scheme.lower())
    match = _PLACE.fullmatch(place)
    if spoken is None or match is None or not _is_place(match):
        # Where a port should be may stand a password whose host is missing.
        shown = re.sub(r":[^:\]]*[^:\]\d][^:\]]*$", ":…", place)
        raise ConfigError(
            f"{variable} holds {clean(f'{scheme}://{shown}', 80)}, which is no proxy that can be used",
            f"It may be {_FORMS}. Mend it, unset it, or set NO_PROXY={host}.",
        )
    user, _, password = login.partition(":")
    return Proxy(
        f"{spoken}://{place.lower()}", variable, (unquote(user), unquote(password)) if login else None
    )


def _is_place(match: re.Match[str]) -> bool:
    host, port = match["host"], match["port"]
    if host.startswith("[") and _address(host[1:-1]) is None:
        return False
    return port is None or 0 < int(port) < 65_536


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _goes_directly(host: str, port: int, rules: str) -> bool:
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_matches(rule, host, port, address) for rule in re.split(r"[\s,;]+", rules.lower()) if rule)


def _matches(rule: str, host: str, port: int, address: Address | None) -> bool:
    """One word of NO_PROXY: *, a name or its end, an address (an IPv6 one with or without brackets), a network such as
    10.0.0.0/8, a pattern such as 192.168.*, each with or without a port.
    """
    if rule == "*":
        return True
    if "://" in rule:
        rule = rule.partition("://")[2].partition("/")[0]
    match = re.fullmatch(r"\[(?P<six>[^\]]*)\](?::(?P<port>\d+))?|(?P<name>[^:]*):(?P<only>\d+)", rule)
    name = rule
    if match is not None:
        name = match["name"] if match["six"] is None else match["six"]
        wanted = match["only"] or match["port"]
        if wanted is not None and int(wanted) != port:
            return False
    if address is not None:
        try:
            return address in ipaddress.ip_network(name.partition("%")[0], strict=False)
        except ValueError:
            return "*" in name and fnmatchcase(host, name)
    name = name.removeprefix("*").strip(".")
    return bool(name) and (
        host == name or host.endswith(f".{name}") or ("*" in name and fnmatchcase(host, name))
    )
