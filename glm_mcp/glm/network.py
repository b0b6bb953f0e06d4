"""What the network did, as errors of ours: the one place where the HTTP library's become them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from glm_mcp.errors import Again, ConfigError, NetworkError

READ_S = 120.0  # between two pieces; a thinking model may be silent for long, the deadline bounds the whole

CHECK = "`glm-mcp doctor` tests the connection."


class Sent:
    """Whether the request went out, so that the service may have worked on it."""

    def __init__(self) -> None:
        self.out = False


@asynccontextmanager
async def mapped(url: str) -> AsyncIterator[Sent]:
    """Turns httpx's errors into ours; `sent.out` says what is known about the request when one is raised."""
    import httpx

    sent = Sent()
    host = urlsplit(url).hostname or url
    try:
        yield sent
    except httpx.ProxyError as error:
        raise NetworkError(
            f"the proxy refused the way to {host} ({short(error)})",
            f"Check HTTPS_PROXY and NO_PROXY. {CHECK}",
            again=Again.RETRY,
        ) from error
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise _unreached(host, error) from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise ConfigError(
            f"{host} is not an address that can be called ({short(error)})", "Check GLM_BASE_URL."
        ) from error
    except httpx.TimeoutException as error:
        sent.out = True
        raise NetworkError(
            f"{host} was silent for {READ_S:.0f} s", f"Call again. {CHECK}", again=Again.RETRY
        ) from error
    except httpx.TransportError as error:
        sent.out = True
        raise NetworkError(
            f"the connection to {host} broke ({short(error)})", f"Call again. {CHECK}", again=Again.RETRY
        ) from error
    except httpx.HTTPError as error:
        sent.out = True
        raise NetworkError(
            f"{host} answered something that is not HTTP ({short(error)})", CHECK, again=Again.RETRY
        ) from error


def _unreached(host: str, error: Exception) -> NetworkError:
    import httpx

    text = f"{error} {error.__cause__ or ''}".lower()
    if "wrong_version" in text or "wrong version" in text:
        return NetworkError(
            f"{host} does not speak TLS ({short(error)})",
            f"Check whether GLM_BASE_URL (or HTTPS_PROXY) should begin with http://. {CHECK}",
        )
    if "certificate" in text or "ssl" in text or "tls" in text:
        return NetworkError(
            f"no secure connection to {host} ({short(error)})",
            f"A proxy that inspects traffic needs its certificate in SSL_CERT_FILE. {CHECK}",
            again=Again.NEVER if "certificate" in text else Again.RETRY,
        )
    if "name or service" in text or "getaddrinfo" in text or "nodename" in text or "resolution" in text:
        return NetworkError(
            f"the name {host} was not found",
            f"Check the network and GLM_BASE_URL. {CHECK}",
            again=Again.RETRY,
        )
    if isinstance(error, httpx.ConnectError) and not str(error):
        return NetworkError(
            f"{host} hung up before the connection stood",
            f"A firewall or proxy may cut it: check the network, GLM_BASE_URL and proxies. {CHECK}",
            again=Again.RETRY,
        )
    return NetworkError(
        f"{host} was not reached ({short(error)})",
        f"Check the network, GLM_BASE_URL and proxies. {CHECK}",
        again=Again.RETRY,
    )


def short(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__
