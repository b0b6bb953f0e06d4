"""What the network did, as errors of ours: the one place where the HTTP library's become them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from glm_mcp.errors import Again, ConfigError, NetworkError, exhausted
from glm_mcp.glm.network.proxy import Proxy

if TYPE_CHECKING:
    from datetime import datetime

    import httpx

READ_S = 120.0  # between two pieces; a thinking model may be silent for long, the deadline bounds the whole

CHECK = "`glm-mcp doctor` tests the connection."
_CHECK_ALL = "Check the network, GLM_BASE_URL and proxies."
_CUT = "A firewall or proxy may cut it: check the network, GLM_BASE_URL and proxies."


class Sent:
    """Whether the request went out, so that the service may have worked on it."""

    def __init__(self) -> None:
        self.out = False


def retry_after(headers: Callable[[str], str | None]) -> float | None:
    """Seconds from a Retry-After header: a number or an HTTP date; None where it is absent or makes no sense."""
    value = (headers("retry-after") or "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        from datetime import UTC, datetime

        when = _date(value)
        if when is None:
            return None
        # By the service's own clock where it tells the time: that of this machine may be wrong.
        seconds = (when - (_date(headers("date") or "") or datetime.now(UTC))).total_seconds()
    return seconds if 0 <= seconds < float("inf") else None


def _date(value: str) -> datetime | None:
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    try:
        when = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


@contextmanager
def mapped(url: str, proxy: Proxy | None = None) -> Iterator[Sent]:
    """Turns httpx's errors into ours; `sent.out` says what is known about the request when one is raised."""
    import httpx

    sent = Sent()
    host = urlsplit(url).hostname or url
    try:
        yield sent
    except httpx.ProxyError as error:
        raise of_proxy(error, host, proxy) from error
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise _unreached(host, error) from error
    # UnicodeError: of a name that IDNA does not allow.
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError) as error:
        raise ConfigError(
            f"{host} is not an address that can be called{why(error)}", "Check GLM_BASE_URL."
        ) from error
    except httpx.TimeoutException as error:
        sent.out = True
        raise NetworkError(
            f"{host} was silent for {READ_S:.0f} s", "Call again.", see=CHECK, again=Again.RETRY
        ) from error
    except httpx.TransportError as error:
        sent.out = True
        raise NetworkError(
            f"the connection to {host} broke{why(error)}", "Call again.", see=CHECK, again=Again.RETRY
        ) from error
    except httpx.HTTPError as error:
        sent.out = True
        raise NetworkError(
            f"{host} answered something that is not HTTP{why(error)}",
            "Check GLM_BASE_URL.",
            see=CHECK,
            again=Again.RETRY,
        ) from error


def of_proxy(error: httpx.ProxyError, host: str, proxy: Proxy | None) -> NetworkError:
    """A proxy that is not there or refuses, with the variable that names it."""
    from glm_mcp.glm.network.connect import ProxyUnreached

    refused = f"the proxy refused the way to {host}{why(error)}"
    if proxy is None:
        return NetworkError(refused, _CHECK_ALL, see=CHECK, again=Again.RETRY)
    named = f"{proxy.variable} names {proxy.url}"
    if not isinstance(error, ProxyUnreached):
        hint = f"{named}: check its kind and login, or set NO_PROXY={host}."
        return NetworkError(refused, hint, see=CHECK, again=Again.RETRY)
    if proxy.url.startswith("https:") and "wrong" in str(error).lower():
        return NetworkError(
            f"{host} was not reached: the proxy does not speak TLS{why(error)}",
            f"{named}: write it with http:// instead.",
            see=CHECK,
        )
    return NetworkError(
        f"{host} was not reached: the proxy does not answer{why(error)}",
        f"{named}: start it, take it out, or set NO_PROXY={host}.",
        see=CHECK,
        again=Again.RETRY,
    )


def _unreached(host: str, error: Exception) -> NetworkError:
    import httpx

    if missing := exhausted(error):
        return NetworkError(f"{host} was not reached: {missing.message}", missing.hint, again=Again.RETRY)
    text = f"{error} {error.__cause__ or ''}".lower()
    if "wrong_version" in text or "wrong version" in text:
        return NetworkError(
            f"{host} does not speak TLS{why(error)}",
            "Check whether GLM_BASE_URL should begin with http://.",
            see=CHECK,
        )
    if "expired" in text or "not yet valid" in text:
        said = f"no secure connection to {host}{why(error)}"
        return NetworkError(said, "Check this machine's date and time.", see=CHECK)
    if "certificate" in text:
        return NetworkError(
            f"no secure connection to {host}{why(error)}",
            "A proxy that inspects traffic needs its certificate in SSL_CERT_FILE.",
            see=CHECK,
        )
    if "ssl" in text or "tls" in text:
        return NetworkError(f"no secure connection to {host}{why(error)}", _CUT, see=CHECK, again=Again.RETRY)
    if _has_no_address(error):
        said = f"the name {host} was not found"
        return NetworkError(said, "Check the network and GLM_BASE_URL.", see=CHECK, again=Again.RETRY)
    if isinstance(error, httpx.ConnectError) and not str(error):
        return NetworkError(f"{host} hung up before the connection stood", _CUT, see=CHECK, again=Again.RETRY)
    return NetworkError(f"{host} was not reached{why(error)}", _CHECK_ALL, see=CHECK, again=Again.RETRY)


def _has_no_address(error: BaseException | None) -> bool:
    """Whether the name was not found; each system has words of its own for it, and several."""
    while error is not None and not isinstance(error, socket.gaierror):
        error = error.__cause__ or error.__context__
    return error is not None


def unreached(host: str, within_s: float) -> NetworkError:
    """Of a call that was over before a connection stood."""
    said = f"no connection to {host} stood within {within_s:.0f} s"
    return NetworkError(said, _CHECK_ALL, see=CHECK, again=Again.RETRY)


def why(error: Exception) -> str:
    """What the library says, in brackets; nothing where it says nothing."""
    return f" ({str(error).splitlines()[0][:120]})" if str(error).strip() else ""
