"""Which addresses of the network may be fetched. Pure functions; `media/sources/download.py` resolves names and connects."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from glm_mcp.errors import ForbiddenURL
from glm_mcp.text import shortened

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

HINT = "Give a public http(s) address, or download the file and pass that."
_URL_MAX = 8192  # longer than any server takes

# Beside what `is_global` knows: shared address space, benchmarks, relays, and public addresses that are metadata services.
_CLOSED_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's platform address, reachable from every machine there
    )
)  # fmt: skip
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
# Protocol assignments with Teredo and ORCHID, examples.
_CLOSED_V6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# Names that mean this machine or this network, whatever a resolver says.
_LOCAL_ENDINGS = (
    "localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "home", "lan", "arpa", "onion",
    "test", "invalid",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PublicURL:
    """A URL taken apart and written anew, so that no two parsers can read it differently.

    `host` is lower case ASCII without brackets or trailing dot; `own` says that it is the configured endpoint.
    """

    scheme: str
    host: str
    port: int
    target: str
    own: bool = False

    @property
    def literal(self) -> Address | None:
        return _literal(self.host)

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them: the port only when it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def address_allowed(address: str | Address) -> bool:
    """Whether a connection to this IP address may be made: public unicast only, also behind the ways of writing an
    IPv4 address inside an IPv6 one (mapped, 6to4, NAT64). Anything that is no address is refused.
    """
    try:
        ip = ipaddress.ip_address(address) if isinstance(address, str) else address
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _CLOSED_V4)
    if ip.scope_id:
        return False
    if ip.ipv4_mapped:
        return address_allowed(ip.ipv4_mapped)
    if ip in _NAT64:
        return address_allowed(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    if ip in _SIX_TO_FOUR:
        return address_allowed(ipaddress.IPv4Address((int(ip) >> 80) & 0xFFFFFFFF))
    if ip not in _GLOBAL_V6 or any(ip in network for network in _CLOSED_V6):
        return False
    if (int(ip) >> 32) & 0xFDFFFFFF == 0x5EFE:  # ISATAP: the IPv4 address is the last 32 bits
        return address_allowed(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return True


def parse_public_url(url: str, *, own_host: str | None = None) -> PublicURL:
    """The URL in safe parts. `own_host` ("host:port") is the one host that may be private.

    Raises ForbiddenURL for another scheme, a login in the URL, a malformed or local host, a private literal address
    in any spelling. A name is only looked at here; what it resolves to is checked by whoever connects.
    """
    shown = show(url)
    if len(url) > _URL_MAX:
        raise ForbiddenURL(f"the address is too long ({len(url)} characters)", HINT)
    if any(ord(c) <= 0x20 or c in "\\\x7f" or 0xD800 <= ord(c) <= 0xDFFF for c in url):
        raise ForbiddenURL(f"{shown} holds spaces, control characters or backslashes", "Percent-encode them.")
    try:
        split = urlsplit(url)
        port, raw_host = split.port, split.hostname or ""
    except ValueError as error:
        raise ForbiddenURL(f"{shown} is not a valid address", HINT) from error
    scheme = split.scheme.lower()
    if scheme not in ("http", "https"):
        raise ForbiddenURL(f"{shown} is not an http(s) address", HINT)
    if "@" in split.netloc:
        raise ForbiddenURL(f"{shown} carries a login", "Download the file yourself and pass that.")
    host = _host(raw_host, shown)
    port = (443 if scheme == "https" else 80) if port is None else port
    if port == 0:
        raise ForbiddenURL(f"{shown} names port 0", HINT)
    own = own_host is not None and own_host.lower() in (f"{host}:{port}", f"[{host}]:{port}")
    parsed = PublicURL(scheme, host, port, _target(split.path, split.query), own)
    if not own:
        _check_host(parsed, shown)
    return parsed


def host_of(url: str) -> str:
    """The "host:port" of a configured base URL, as `own_host` wants it; "" when it has no host."""
    try:
        split = urlsplit(url)
        port = split.port or (443 if split.scheme.lower() == "https" else 80)
    except ValueError:
        return ""
    return f"{split.hostname}:{port}" if split.hostname else ""


def show(url: str) -> str:
    """A URL as a message may show it: without login and query, which may hold keys."""
    plain = re.sub(r"//[^/?#]*@", "//", "".join(c if c.isprintable() else " " for c in url[:400]))
    return shortened(re.split(r"[?#]", plain, maxsplit=1)[0], 120)


def _check_host(url: PublicURL, shown: str) -> None:
    ip = url.literal
    if ip is not None:
        if not address_allowed(ip):
            raise ForbiddenURL(f"{shown} is a private, local or reserved address ({ip})", HINT)
        return
    labels = url.host.split(".")
    if len(labels) == 1 or labels[-1] in _LOCAL_ENDINGS:
        raise ForbiddenURL(f"{shown} is a name of this machine or a local network", HINT)


def _target(path: str, query: str) -> str:
    safe = "/:@!$&'()*+,;=~%-._"
    target = quote(path or "/", safe=safe)
    return f"{target}?{quote(query, safe=safe + '?[]|')}" if query else target


def _host(raw: str, shown: str) -> str:
    """The host in ASCII, with literal addresses in their usual spelling."""
    if ":" in raw:
        try:
            ip6 = ipaddress.IPv6Address(raw)
        except ValueError as error:
            raise ForbiddenURL(f"{shown} has a malformed host", HINT) from error
        if ip6.scope_id:
            raise ForbiddenURL(f"{shown} names a network interface", HINT)
        return str(ip6)
    try:
        host = raw.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError as error:
        raise ForbiddenURL(f"{shown} has a malformed host", HINT) from error
    if (
        not host
        or len(host) > 253
        or not all(re.fullmatch(r"[a-z0-9_-]{1,63}", label) for label in host.split("."))
    ):
        raise ForbiddenURL(f"{shown} has a malformed host", HINT)
    if re.fullmatch(r"\d+|0x[0-9a-f]*", host.rsplit(".", 1)[-1]):
        # A last label that is a number makes the whole an IPv4 address, in any of the spellings that inet_aton takes.
        try:
            return str(ipaddress.IPv4Address(socket.inet_aton(host)))
        except OSError:
            raise ForbiddenURL(f"{shown} has a malformed host", HINT) from None
    return host


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
