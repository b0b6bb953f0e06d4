"""One OpenTelemetry span for each attempt at the service, below the span of the call.

Names follow the GenAI conventions. Prompts and answers are never recorded. Without an exporter nothing is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio

from glm_mcp import __version__
from glm_mcp.errors import GLMError, TimedOut
from glm_mcp.glm.calls import Answer
from glm_mcp.text import ID_CHARS, clean

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from glm_mcp.registry import Card, Endpoint


@contextmanager
def attempt(chosen: Card, where: Endpoint, number: int, deadline: float) -> Iterator[Span]:
    """The span of try `number` of a model; a failure inside is recorded by its code, else its kind, and goes on.

    `deadline`: on anyio's clock, of the call.
    """
    from opentelemetry import trace
    from opentelemetry.trace import SpanKind, Status, StatusCode

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):  # nobody has set one
        yield trace.INVALID_SPAN
        return
    operation = "generate_content" if chosen.draws else "chat"
    with _tracer().start_as_current_span(
        f"{operation} {_short(chosen.id)}",
        kind=SpanKind.CLIENT,
        attributes=_asked(operation, chosen, where, number),  # from the start: a sampler decides by them
        record_exception=False,  # its words may hold what a user wrote
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except GLMError as error:
            kind, ident = error.code or error.kind, error.request_id or None
            span.set_attributes(_known({"error.type": kind, "gen_ai.response.id": ident}))
            span.set_status(Status(StatusCode.ERROR, error.kind))
            raise
        except BaseException as error:
            # A deadline ends an attempt by cancelling it, as a caller does; the rest are defects.
            late = isinstance(error, asyncio.CancelledError) and anyio.current_time() >= deadline
            span.set_attribute("error.type", TimedOut.kind if late else type(error).__name__)
            span.set_status(Status(StatusCode.ERROR))
            raise


def answered(span: Span, result: object) -> None:
    """What came of an attempt that was served."""
    if not span.is_recording():
        return
    found: dict[str, Any] = {
        "gen_ai.response.id": getattr(result, "request_id", None),
        "gen_ai.response.model": getattr(result, "model", None),
    }
    if isinstance(result, Answer):
        found |= {
            "gen_ai.usage.input_tokens": result.usage.prompt,
            "gen_ai.usage.output_tokens": result.usage.completion,
            "gen_ai.usage.cache_read.input_tokens": result.usage.cached or None,
            "gen_ai.usage.reasoning.output_tokens": result.usage.reasoning or None,
            "gen_ai.response.finish_reasons": [_short(result.finish)] if result.finish else None,
        }
    span.set_attributes(_known(found))


def _asked(operation: str, chosen: Card, where: Endpoint, number: int) -> dict[str, Any]:
    server = {}
    with suppress(ValueError):  # an address that is none fails where it is asked
        address = urlsplit(where.url)
        port = address.port or {"https": 443, "http": 80}.get(address.scheme)
        server = {"server.address": address.hostname, "server.port": port}
    return _known(
        {
            "gen_ai.operation.name": operation,
            "gen_ai.output.type": "image" if chosen.draws else None,
            "gen_ai.provider.name": "openai_compatible" if where.compatible else "zhipu",
            "gen_ai.request.model": chosen.id,
            "gen_ai.request.stream": None if chosen.draws else True,
            "http.request.resend_count": number - 1 or None,
            **server,
        }
    )


def _known(found: dict[str, Any]) -> dict[str, Any]:
    """What is known, of a text that a service or a caller chose no more than a name has."""
    return {
        name: _short(value) if isinstance(value, str) else value
        for name, value in found.items()
        if value is not None
    }


def _short(text: str) -> str:
    return clean(text, ID_CHARS)


@cache
def _tracer() -> Tracer:
    from opentelemetry.trace import get_tracer

    return get_tracer("glm_mcp", __version__)
