"""`/metrics` for Prometheus: what this process has counted, put into its form when somebody asks.

Until then its library is not imported. Labels are names of tools, models and kinds of errors, none of which a caller can
choose; there is no caller among them.
"""

from __future__ import annotations

import hmac
import ipaddress
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from glm_mcp import __version__
from glm_mcp.errors import MissingExtra
from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.usage import BOUNDS_S, Times
from glm_mcp.server.app import App
from glm_mcp.server.http.answers import refusal
from glm_mcp.server.http.hosts import is_loopback
from glm_mcp.server.http.running import Running

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
    from starlette.types import Receive, Scope, Send

# What the headers that proxies add begin with.
_PROXY = tuple(
    b"forwarded via x-forwarded x-real-ip x-original x-client-ip x-cluster-client-ip x-envoy cf- true-client-ip fly- "
    b"x-amzn x-cloud-trace x-azure".split()
)


class Metrics:
    """The endpoint. With GLM_METRICS_TOKEN it answers whoever sends that; without, programs of this machine that come
    straight to it.
    """

    def __init__(self, app: App, running: Running) -> None:
        self._app, self._running = app, running
        self._registry: CollectorRegistry | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        token = self._app.settings.metrics_token
        if token is not None:
            given = dict(scope["headers"]).get(b"authorization", b"").strip()
            scheme, _, word = given.partition(b" ")
            good = hmac.compare_digest(word.strip(), token.get_secret_value().encode())
            if scheme.lower() != b"bearer" or not good:
                said = "Send the header Authorization: Bearer TOKEN with the value of GLM_METRICS_TOKEN."
                challenge = 'Bearer realm="glm-mcp metrics"'
                await refusal(401, "unauthorized", said, www_authenticate=challenge).send(send)
                return
        elif not _of_this_machine(scope):
            said = "Metrics are for programs of the server's own machine. Whoever runs it can set GLM_METRICS_TOKEN."
            await refusal(403, "forbidden", said).send(send)
            return
        try:
            body, kind = self._page()
        except ImportError:
            said = str(MissingExtra("http", "telling metrics"))
            await refusal(501, "missing_extra", said).send(send)
            return
        headers = [(b"content-type", kind.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _page(self) -> tuple[bytes, str]:
        from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, ProcessCollector
        from prometheus_client.exposition import generate_latest

        if self._registry is None:
            self._registry = CollectorRegistry()
            ProcessCollector(registry=self._registry)
            self._registry.register(_Collector(self._app, self._running))
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4


def _of_this_machine(scope: Scope) -> bool:
    """Whether the request comes from it, and not through a proxy on it: one shows in its headers, in the Host, or by
    HTTP/1.0, which nginx speaks where it is told nothing.
    """
    headers = dict(scope["headers"])
    peer = scope["client"][0] if scope.get("client") else ""
    try:
        near = ipaddress.ip_address(peer).is_loopback
    except ValueError:
        near = False
    proxied = scope.get("http_version") == "1.0" or any(name.startswith(_PROXY) for name in headers)
    return near and not proxied and is_loopback(headers.get(b"host", b"").decode("latin-1"))


class _Collector:
    """All but the process's own figures. Sums since the start of this process; each replica has its own."""

    def __init__(self, app: App, running: Running) -> None:
        self._app, self._running = app, running
        self._name = app.tally.named

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily

        yield InfoMetricFamily("glm_mcp", "This server.", {"version": __version__})
        stopping = int(self._running.stopped)
        yield GaugeMetricFamily("glm_mcp_stopping", "1 while it is being stopped.", stopping)
        if self._app.glm.shared is not None:
            up = int(self._app.glm.shared.connection.up)
            yield GaugeMetricFamily("glm_mcp_redis_up", "1 while Redis answers.", up)
        yield from self._calls()
        yield from self._attempts()
        yield from self._queues()
        yield from self._health()

    def _calls(self) -> Iterator[Metric]:
        tally = self._app.tally
        yield _counter(
            "glm_mcp_calls",
            "Calls of tools that ended, by outcome: ok, cancelled, or the kind of their error.",
            ["tool", "outcome"],
            tally.outcomes.items(),
        )
        running = (((t,), n) for t, n in tally.running.items())
        yield _gauge("glm_mcp_calls_running", "Calls that run.", ["tool"], running)
        yield _histogram("glm_mcp_call_seconds", "From a call to its result.", "tool", tally.times.items())
        yield _counter(
            "glm_mcp_tokens",
            "Tokens of models: in, out, and those of the first that the service had cached.",
            ["tool", "model", "direction"],
            tally.tokens.items(),
        )

    def _attempts(self) -> Iterator[Metric]:
        models = self._app.glm.meter.models
        outcomes: list[tuple[tuple[str, str], float]] = []
        for name, used in models.items():
            outcomes.append(((self._name(name), "ok"), used.answered))
            outcomes += [((self._name(name), e.partition(" ")[0]), n) for e, n in used.errors.items()]
        ended = "Requests to the service that ended, by outcome."
        yield _counter("glm_mcp_attempts", ended, ["model", "outcome"], outcomes)
        for name, doc, value in (
            ("glm_mcp_retries", "Requests that asked a model again in one call.", "retries"),
            ("glm_mcp_fallbacks", "Answers given in the place of another model.", "stood_in"),
        ):
            found = (((self._name(m),), getattr(used, value)) for m, used in models.items())
            yield _counter(name, doc, ["model"], found)
        for name, doc, value in (
            ("glm_mcp_attempt_seconds", "From a request to the end of its answer.", "times"),
            ("glm_mcp_first_byte_seconds", "From a request to the first word of its answer.", "first_bytes"),
        ):
            times: dict[str, Times] = {}
            for model, used in models.items():
                known = times.setdefault(self._name(model), Times())
                times[self._name(model)] = known.plus(getattr(used, value))
            yield _histogram(name, doc, "model", times.items())

    def _queues(self) -> Iterator[Metric]:
        found = [(self._name(m), q) for glm in self._own() for m, q in glm.limiters.items()]
        for name, doc, value in (
            ("glm_mcp_slots_limit", "Requests at once that a model is given, over all replicas.", "limit"),
            ("glm_mcp_slots_running", "Requests that hold a place.", "running"),
            ("glm_mcp_queue_waiting", "Calls that wait for a place.", "waiting"),
        ):
            yield _gauge(name, doc, ["model"], (((m,), getattr(q, value)) for m, q in found))

    def _health(self) -> Iterator[Metric]:
        found = [(self._name(m), h) for glm in self._own() for m, h in glm.health.report().items()]
        for name, doc, value in (
            ("rests", "How long a model that refused or hung still goes behind the others.", "rests_s"),
            ("gone", "How long a model that is not to be had is still not asked.", "gone_s"),
        ):
            left = (((m,), h[value]) for m, h in found)
            yield _gauge(f"glm_mcp_model_{name}_seconds", doc, ["model"], left, max)

    def _own(self) -> Sequence[GLMClient]:
        return [self._app.glm, *self._app.keys.more]


Found = Iterable[tuple[Sequence[str], float]]  # labels and value
Together = Callable[[float, float], float]  # what is made of two values with the same labels


def _counter(name: str, doc: str, labels: Sequence[str], found: Found) -> Metric:
    from prometheus_client.metrics_core import CounterMetricFamily

    return _filled(CounterMetricFamily(name, doc, labels=labels), found, operator.add)


def _gauge(
    name: str, doc: str, labels: Sequence[str], found: Found, together: Together = operator.add
) -> Metric:
    from prometheus_client.metrics_core import GaugeMetricFamily

    return _filled(GaugeMetricFamily(name, doc, labels=labels), found, together)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, found: Found, together: Together) -> Metric:
    values: dict[tuple[str, ...], float] = {}
    for labels, value in found:
        key = tuple(labels)
        values[key] = together(values.get(key, 0), value)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _histogram(name: str, doc: str, label: str, found: Iterable[tuple[str, Times]]) -> Metric:
    from prometheus_client.metrics_core import HistogramMetricFamily

    family = HistogramMetricFamily(name, doc, labels=[label])
    for value, times in found:
        sums, total = [], 0
        for bound, count in zip([*map(str, BOUNDS_S), "+Inf"], times.counts, strict=True):
            total += count
            sums.append((bound, total))
        family.add_metric([value], sums, times.total)
    return family
