"""Checks with their mend: key, endpoint, plan, models, folders, extras."""

from __future__ import annotations

import difflib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from glm_mcp.errors import AuthError, ConfigError, GLMError, NetworkError, QuotaError
from glm_mcp.glm.calls import Job
from glm_mcp.glm.client import GLMClient, Pace
from glm_mcp.glm.findings import load as load_findings
from glm_mcp.glm.messages import ChatRequest, Message
from glm_mcp.glm.network.proxy import proxy_for
from glm_mcp.glm.stream import raise_if_error
from glm_mcp.glm.transport import Transport
from glm_mcp.media import formats
from glm_mcp.outputs import home_folder, user_folders
from glm_mcp.progress import Progress
from glm_mcp.registry import CARDS, CHAINS, ENDPOINTS, Endpoint, place
from glm_mcp.sandbox import Sandbox
from glm_mcp.server.app import Folders, working_folder
from glm_mcp.settings import KEY_PAGE, Settings, variable
from glm_mcp.text import Redactor, without_secrets

PROBE_S = 10.0  # for one tiny call: long enough to ask another model beside one that hangs
PROBE_MODEL = "glm-4.7-flash"
# What a known key hears where a model is not offered: no such model, not this kind of call, not in the plan.
NOT_SERVED = {"1211", "1212", "1311"}
# The optional parts and the modules that each brings.
EXTRAS = {**formats.EXTRAS, "http": ("uvicorn",)}
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

    def line(self) -> str:
        mark = {"ok": "✓", "note": "•", "wrong": "✗"}[self.state]
        return f"{mark} {self.what}: {self.said}" + (f"\n    → {self.mend}" if self.mend else "")

    def as_dict(self) -> dict[str, Any]:
        return {k: v for k, v in asdict(self).items() if v}


async def examine(
    settings: Settings,
    endpoints: Mapping[str, Endpoint] = ENDPOINTS,
    *,
    env_file: Path | None = None,
    installed: Callable[[str], object] = find_spec,
) -> list[Finding]:
    """All findings. `endpoints`: where the four platforms are. `installed`: true of a module that can be imported."""
    findings = [_sources(env_file), *_misspelt(), _key(settings), _models(settings), *_proxy(settings)]
    with Redactor(settings.key).applied():
        findings += await _service(settings, endpoints)
    findings += await anyio.to_thread.run_sync(_kept, settings)
    findings += await anyio.to_thread.run_sync(_folders, settings)
    return [*findings, *_extras(installed)]


def _ok(what: str, said: str) -> Finding:
    return Finding(what, "ok", said)


def _note(what: str, said: str, mend: str = "") -> Finding:
    return Finding(what, "note", said, mend)


def _wrong(what: str, said: str, mend: str) -> Finding:
    return Finding(what, "wrong", said, mend)


def _sources(env_file: Path | None) -> Finding:
    path = env_file or user_folders().settings_file
    return _ok(
        "settings", f"environment and {path}" if path.is_file() else f"environment ({path} does not exist)"
    )


def _misspelt() -> list[Finding]:
    known = [variable(f) for f in Settings.model_fields]
    findings = []
    for name in sorted(n for n in os.environ if n.startswith("GLM_") and n not in known):
        near = difflib.get_close_matches(name, known, 1)
        mend = f"Did you mean {near[0]}?" if near else "Take it out."
        findings.append(_note("settings", f"{name} is no setting and has no effect", mend))
    return findings


def _key(settings: Settings) -> Finding:
    if settings.simulate:
        return _note("key", "GLM_SIMULATE=1: answers are simulated", "Unset GLM_SIMULATE for real ones.")
    key, compatible = settings.key, GLMClient(settings).home.compatible
    if settings.placeholder and settings.placeholder.startswith(("$", "%", "{")):
        mend = "Write the key itself into the host's configuration, or set the variable that it names."
        return _wrong("key", "the host passed the name of a variable on, not the key in it", mend)
    if not key and compatible:
        return _note("key", "none set; this server may want none")
    if not key:
        return _wrong(
            "key",
            "none is set" + (", only a placeholder" if settings.placeholder else ""),
            f"Get a free key at {KEY_PAGE} and set GLM_API_KEY. To try without: GLM_SIMULATE=1.",
        )
    name, dot, secret = key.partition(".")
    if not (dot and name and secret) and not compatible:
        said = f"{len(key)} characters, not of the usual form id.secret"
        return _note("key", said, "Copy it whole if the service refuses it.")
    return _ok("key", f"set, {len(key)} characters")


def _models(settings: Settings) -> Finding:
    home = GLMClient(settings).home
    if home.compatible:
        named = {"GLM_CHAT_MODEL": settings.chat_model, "GLM_VISION_MODEL": settings.vision_model}
        missing = " and ".join(n for n, v in named.items() if not v)
        if missing:
            mend = "Set them to the ids that it serves."
            return _note("models", f"a server of your own, {missing} not set", mend)
        return _ok("models", ", ".join(str(v) for v in named.values()))
    absent = [m for m in CARDS if place(m, home) is None]
    if not absent:
        return _ok("models", f"all {len(CARDS)} are offered at {home.name}")
    said = f"{home.name} does not offer {', '.join(absent)}"
    tools = {"image": "generate_image", "vision": "describe_image and analyze_video", "chat": "chat"}
    without = [tools[role] for role, chain in CHAINS.items() if all(m in absent for m in chain)]
    if without:
        mend = "GLM_BASE_URL=zhipu, with a key of bigmodel.cn, offers all."
        return _note("models", f"{said}: {', '.join(without)} will not work", mend)
    return _note("models", said)


def _proxy(settings: Settings) -> list[Finding]:
    try:
        proxy = proxy_for(GLMClient(settings).home.url)
    except ConfigError as error:
        return [_wrong("proxy", _short(error), error.hint)]
    except ValueError:  # the address itself is none: the service's finding says so
        return []
    return [_note("proxy", f"calls go through {proxy.url}, which {proxy.variable} names")] if proxy else []


async def _service(settings: Settings, endpoints: Mapping[str, Endpoint]) -> list[Finding]:
    """Whether the service answers with this key. It is sent to the configured service alone."""
    home = endpoints.get(settings.base_url) or GLMClient(settings).home
    host = urlsplit(home.url).hostname or home.url
    if not settings.key and not home.compatible:
        return [_note("service", f"{host} was not asked: there is no key")]
    # On a coding plan's endpoint the free models are asked for at the platform's general one.
    free = endpoints[home.general] if home.general else home
    error = await _probe(settings.model_copy(update={"base_url": free.url}))
    if error is None:
        return [_ok("service", f"{host} answers with this key")]
    if isinstance(error, AuthError | QuotaError):
        return await _refused(error, home, settings.key, endpoints)
    if isinstance(error, NetworkError):
        return [_wrong("service", _short(error), error.hint)]
    busy = error.kind in {"overloaded", "rate_limited", "timeout"}
    return [Finding("service", "note" if busy else "wrong", f"{host}: {_short(error)}", error.hint)]


async def _refused(
    error: GLMError, home: Endpoint, key: str | None, endpoints: Mapping[str, Endpoint]
) -> list[Finding]:
    """What a key is good for that the service refuses for its free models."""
    host = urlsplit(home.url).netloc
    if home.general and await _accepts(home.url, key):
        said = f"{urlsplit(home.url).hostname} takes the key as one of the coding plan"
        return [_ok("service", said), _plan_only(error)]
    said = f"{urlsplit(home.url).hostname or host} refuses the key ({_short(error)})"
    related = [endpoints[name] for name in RELATED.get(home.name, ()) if name in endpoints]
    for other in (e for e in related if urlsplit(e.url).netloc == host):
        if not await _accepts(other.url, key):
            continue
        if not other.general:
            return [_wrong("service", said, f"Set GLM_BASE_URL={other.name}: the key works there.")]
        mend = f"Set GLM_BASE_URL={other.name}, or use an ordinary key, which is free: {KEY_PAGE}"
        return [_wrong("service", f"{said}; the key belongs to the coding plan", mend), _plan_only(error)]
    # A key is somebody's secret: another company is not shown it before its owner says so.
    elsewhere = " or ".join(f"GLM_BASE_URL={e.name}" for e in related if urlsplit(e.url).netloc != host)
    try_it = (
        f" If the key is of another platform, ask it with `{elsewhere} glm-mcp doctor`." if elsewhere else ""
    )
    return [_wrong("service", said, error.hint + try_it)]


def _plan_only(error: GLMError) -> Finding:
    return _note(
        "plan",
        f"the free Flash, vision and image models may refuse a key of the coding plan ({_short(error)})",
        "For chat name a model of the plan in GLM_CHAT_MODEL; for pictures, video and drawing use an ordinary key with GLM_BASE_URL=zhipu.",
    )


def _short(error: GLMError) -> str:
    return without_secrets(error.message) + (f", code {error.code}" if error.code else "")


async def _probe(settings: Settings) -> GLMError | None:
    """The smallest real call. None when it was answered; a cut answer is one."""
    client = GLMClient(settings, pace=Pace(waits=(0.2, 1.0)))
    request = ChatRequest((Message("user", "hi"),), max_tokens=1)
    try:
        await client.chat(request, Job("chat", anyio.current_time() + PROBE_S), Progress())
    except GLMError as error:
        # One token is no room for an answer: that refusal comes from a model that worked.
        return None if error.kind == "invalid_request" and error.code is None else error
    finally:
        await client.transport.close()
    return None


async def _accepts(url: str, key: str | None) -> bool:
    """Whether an endpoint knows this key, by one request of its own: not served there is also an answer to a known key."""
    transport = Transport()
    body = {"model": PROBE_MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    try:
        with anyio.fail_after(PROBE_S):
            await transport.post(f"{url}/chat/completions", key, json.dumps(body).encode(), raise_if_error)
    except GLMError as error:
        return error.code in NOT_SERVED or error.kind in {"overloaded", "rate_limited"}
    except TimeoutError:
        return False
    finally:
        await transport.close()
    return True


def _kept(settings: Settings) -> list[Finding]:
    """What `--live` found for this endpoint and key: which models are gone."""
    kept = load_findings(Folders.here().data, settings)
    if not kept.asked:
        return []
    gone = [f"{model} is gone: {why}" for model in kept.facts if (why := kept.gone(model))]
    said = f"asked on {kept.asked[:10]}"
    if not gone:
        return [_ok("live", f"{said}, and used by the model cards since")]
    mend = "They are left out. `glm-mcp doctor --live` asks again; --forget deletes what it found."
    return [_note("live", f"{said}; {'; '.join(gone)}", mend)]


def _folders(settings: Settings) -> list[Finding]:
    home, cwd, own = home_folder(), working_folder(), user_folders()
    sandbox = Sandbox(
        cwd=cwd, home=home, temp=Path(tempfile.gettempdir()), allowed=[Path(d) for d in settings.allowed_dirs]
    )
    counts = sandbox.working_folder_counts()
    if counts:
        findings = [_ok("working folder", str(cwd))]
    else:
        said = f"{cwd} does not count: it is too wide to be opened to a model"
        findings = [_note("working folder", said, "Start the host in a project, or set GLM_ALLOWED_DIRS.")]
    findings += [
        _wrong("GLM_ALLOWED_DIRS", f"{folder} is not there", "Correct it or take it out.")
        for folder in settings.allowed_dirs
        if not Path(folder).expanduser().exists()
    ]
    output = settings.output_dir or (cwd / "glm-output" if counts else own.data)
    places = (
        ("output folder", output, "Set GLM_OUTPUT_DIR to a folder that you may write to."),
        ("cache folder", own.cache, "Give yourself write access, or set XDG_CACHE_HOME."),
    )
    for what, folder, mend in places:
        problem = _unwritable(folder)
        findings.append(_wrong(what, f"{folder}: {problem}", mend) if problem else _ok(what, str(folder)))
    return findings


def _unwritable(folder: Path) -> str | None:
    """Why nothing can be written there; nothing is left behind."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        return "a file stands in the way"
    try:
        with tempfile.TemporaryFile(dir=place):
            return None
    except OSError as error:
        return error.strerror or "not writable"


def _extras(installed: Callable[[str], object]) -> list[Finding]:
    missing = {extra: [m for m in modules if not installed(m)] for extra, modules in EXTRAS.items()}
    findings = [
        _wrong(
            f"extra {extra}",
            f"not installed ({', '.join(lack)})",
            f"pip install 'glm-flash-mcp[{extra}]' (from a clone: pip install '.[{extra}]')",
        )
        for extra, lack in missing.items()
        if lack
    ]
    return findings or [_ok("extras", ", ".join(EXTRAS))]
