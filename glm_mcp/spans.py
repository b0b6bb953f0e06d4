"""One OpenTelemetry span for each attempt at the service, below the spans that the protocol library makes of a call.

Names follow the GenAI conventions. Prompts and answers are never recorded. Without an exporter nothing is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from glm_mcp import __version__
from glm_mcp.attempts import Answer
from glm_mcp.errors import GLMError

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from glm_mcp.registry import Card, Endpoint


@contextmanager
def attempt(chosen: Card, where: Endpoint, number: int) -> Iterator[Span]:
    """The span of try `number` of a model; a failure inside is recorded by its code, else its kind, and goes on."""
    from opentelemetry.trace import SpanKind, Status, StatusCode

    operation = "generate_content" if chosen.draws else "chat"
    with _tracer().start_as_current_span(
        f"{operation} {chosen.id}",
        kind=SpanKind.CLIENT,
        record_exception=False,  # its words may hold what a user wrote
        set_status_on_exception=False,
    ) as span:
        recorded = span.is_recording()
        if recorded:
            span.set_attributes(_asked(operation, chosen, where, number))
        try:
            yield span
        except GLMError as error:
            if recorded:
                kind = error.code or error.kind
                span.set_attributes(_known({"error.type": kind, "gen_ai.response.id": error.request_id}))
                span.set_status(Status(StatusCode.ERROR, error.kind))
            raise
        except BaseException as error:
            if recorded:  # a cancelled call or a passed deadline, or a defect
                span.set_attribute("error.type", type(error).__name__)
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
            "gen_ai.response.finish_reasons": [result.finish] if result.finish else None,
        }
    span.set_attributes(_known(found))


def _asked(operation: str, chosen: Card, where: Endpoint, number: int) -> dict[str, Any]:
    address = urlsplit(where.url)
    return _known(
        {
            "gen_ai.operation.name": operation,
            "gen_ai.output.type": "image" if chosen.draws else None,
            "gen_ai.provider.name": "openai_compatible" if where.compatible else "zhipu",
            "gen_ai.request.model": chosen.id,
            "server.address": address.hostname,
            "server.port": address.port,
            "http.request.resend_count": number - 1 or None,
        }
    )


def _known(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}


@cache
def _tracer() -> Tracer:
    from opentelemetry.trace import get_tracer

    return get_tracer("glm_mcp", __version__)
