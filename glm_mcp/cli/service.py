"""Whether the configured service takes a key, and what kind of key it is; found by the smallest calls there are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import anyio

from glm_mcp.errors import AuthError, GLMError, NetworkError, QuotaError
from glm_mcp.glm.calls import Job
from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.messages import ChatRequest, Message
from glm_mcp.glm.network.transport import Transport
from glm_mcp.glm.policy import Pace
from glm_mcp.glm.progress import Progress
from glm_mcp.glm.stream import Draft
from glm_mcp.registry import Endpoint
from glm_mcp.settings import KEY_PAGE, Settings
from glm_mcp.text import without_secrets

PROBE_S = 10.0  # for one tiny call: long enough to ask another model beside one that hangs
PROBE_MODEL = "glm-4.7-flash"
# What a known key hears where a model is not offered: no such model, not this kind of call, not in the plan.
NOT_SERVED = {"1211", "1212", "1311"}
# Which other endpoint a refused key may belong to, the likeliest first.
RELATED = {
    "zhipu": ("zhipu-coding", "zai"),
    "zai": ("zai-coding", "zhipu"),
    "zhipu-coding": ("zhipu", "zai-coding"),
    "zai-coding": ("zai", "zhipu-coding"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `state`: ok, note (works, but know it) or wrong (with its mend)."""

    what: str
    state: Literal["ok", "note", "wrong"]
    said: str
    mend: str = ""
    endpoint: str = ""  # where the key works, when that is another one of the same platform
    why: GLMError | None = None  # what the service said, where it did not judge the key

    def as_dict(self) -> dict[str, Any]:
        said = {k: getattr(self, k) for k in ("what", "state", "said", "mend", "endpoint")}
        return {k: v for k, v in {**said, "kind": self.why and self.why.kind}.items() if v}


def ok(what: str, said: str) -> Finding:
    return Finding(what, "ok", said)


def note(what: str, said: str, mend: str = "") -> Finding:
    return Finding(what, "note", said, mend)


def wrong(what: str, said: str, mend: str) -> Finding:
    return Finding(what, "wrong", said, mend)


async def try_key(
    settings: Settings, endpoints: Mapping[str, Endpoint], *, within_s: float = PROBE_S
) -> list[Finding]:
    """Whether the service answers with this key. It is sent to the configured service alone. `within_s`: for one call."""
    home = endpoints.get(settings.base_url) or GLMClient(settings).home
    host = urlsplit(home.url).hostname or home.url
    if not settings.key and not home.compatible:
        return [note("service", f"{host} was not asked: there is no key")]
    # On a coding plan's endpoint the free models are asked for at the platform's general one.
    free = endpoints[home.general] if home.general else home
    error, gone = await _probe(settings.model_copy(update={"base_url": free.url}), within_s)
    if error is None:
        return [ok("service", f"{host} answers with this key"), *gone]
    if isinstance(error, AuthError | QuotaError):
        return await _refused(error, home, settings.key, endpoints)
    if isinstance(error, NetworkError):
        return [Finding("service", "wrong", short(error), error.hint, why=error)]
    busy = error.kind in {"overloaded", "rate_limited", "timeout"}
    state: Literal["note", "wrong"] = "note" if busy else "wrong"
    said, mend = f"{host}: {short(error)}", error.hint
    if error.kind == "timeout":
        said, mend = f"{host}: no answer within {within_s:.0f} s", "Try again in a minute."
    return [Finding("service", state, said, mend, why=error)]


async def _refused(
    error: GLMError, home: Endpoint, key: str | None, endpoints: Mapping[str, Endpoint]
) -> list[Finding]:
    """What a key is good for that the service refuses for its free models."""
    host = urlsplit(home.url).netloc
    if home.general and await _accepts(home.url, key):
        said = f"{urlsplit(home.url).hostname} takes the key as one of the coding plan"
        return [ok("service", said), _plan_only(error)]
    said = f"{urlsplit(home.url).hostname or host} refuses the key ({short(error)})"
    related = [endpoints[name] for name in RELATED.get(home.name, ()) if name in endpoints]
    for other in (e for e in related if urlsplit(e.url).netloc == host):
        if not await _accepts(other.url, key):
            continue
        if not other.general:
            mend = f"Set GLM_BASE_URL={other.name}: the key works there."
            return [Finding("service", "wrong", said, mend, other.name)]
        said += "; the key belongs to the coding plan"
        mend = f"Set GLM_BASE_URL={other.name}, or use an ordinary key, which is free: {KEY_PAGE}"
        return [Finding("service", "wrong", said, mend, other.name), _plan_only(error)]
    # A key is somebody's secret: another company is not shown it before its owner says so.
    elsewhere = " or ".join(f"GLM_BASE_URL={e.name}" for e in related if urlsplit(e.url).netloc != host)
    unknown = elsewhere and isinstance(error, AuthError)
    try_it = (
        f" If the key is of another platform, ask it with `{elsewhere} glm-mcp doctor`." if unknown else ""
    )
    return [Finding("service", "wrong", said, error.hint + try_it, why=error)]


def _plan_only(error: GLMError) -> Finding:
    return note(
        "plan",
        f"the free Flash, vision and image models may refuse a key of the coding plan ({short(error)})",
        "For chat name a model of the plan in GLM_CHAT_MODEL; for pictures, video and drawing use an ordinary key with GLM_BASE_URL=zhipu.",
    )


def short(error: GLMError) -> str:
    said = without_secrets(error.message)
    return f"{said}, code {error.code}" if error.code else said


async def _probe(settings: Settings, within_s: float) -> tuple[GLMError | None, list[Finding]]:
    """The smallest real call, to one model after another until one answers, each asked once: why none did (a cut answer is
    one), and the models that turned out to be gone.
    """
    client = GLMClient(settings, pace=Pace(once=True))
    request = ChatRequest((Message("user", "hi"),), max_tokens=1)
    failure = None
    try:
        await client.chat(request, Job("chat", anyio.current_time() + within_s), Progress())
    except GLMError as error:
        # One token is no room for an answer: that refusal comes from a model that worked.
        if error.kind != "invalid_request" or error.code or error.status:
            failure = error
    finally:
        await client.transport.close()
    return failure, [
        note(
            "models", f"{c.id} is not to be had: {client.health.gone(c.id)}", "Another is asked in its place."
        )
        for c in client.models("chat")
        if client.health.gone(c.id)
    ]


async def _accepts(url: str, key: str | None) -> bool:
    """Whether an endpoint knows this key, by one request of its own: not served there is also an answer to a known key, as
    is too busy by the service's own code; what stands before it knows none.
    """
    transport, draft = Transport(), Draft()
    body = {"model": PROBE_MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    try:
        with anyio.fail_after(PROBE_S):
            await transport.post(f"{url}/chat/completions", key, json.dumps(body).encode(), draft.feed)
    except GLMError as error:
        return error.code in NOT_SERVED or bool(error.code and error.kind in {"overloaded", "rate_limited"})
    except TimeoutError:
        return False
    finally:
        await transport.close()
    return bool(draft.chars or draft.finish)
