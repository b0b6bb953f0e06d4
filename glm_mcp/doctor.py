"""Checks with their mend: key, endpoint, plan, models, folders, extras."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from glm_mcp.attempts import Job
from glm_mcp.client import GLMClient
from glm_mcp.errors import AuthError, GLMError, NetworkError, QuotaError
from glm_mcp.outputs import cache_folder, data_folder
from glm_mcp.progress import Progress
from glm_mcp.registry import CARDS, CHAINS, ENDPOINTS, Endpoint, place
from glm_mcp.sandbox import Sandbox
from glm_mcp.settings import KEY_PAGE, Settings, config_file
from glm_mcp.wire import ChatRequest, Message

PROBE_S = 25.0  # for one tiny call; an overloaded free model may take that long
# An optional part and the modules that it brings.
EXTRAS = {
    "office": ("python_calamine", "mammoth", "pptx", "markdownify"),
    "video": ("av",),
    "heic": ("pillow_heif",),
    "svg": ("resvg_py",),
    "http": ("uvicorn",),
}
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy")
# Which other endpoint a refused key may belong to.
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


async def examine(settings: Settings, endpoints: Mapping[str, Endpoint] = ENDPOINTS) -> list[Finding]:
    """All findings. `endpoints`: where the four platforms are, for tests elsewhere."""
    found = [_settings_file(), *_key(settings), *_models(settings)]
    found += await _service(settings, endpoints)
    found += await anyio.to_thread.run_sync(_folders, settings)
    return [*found, *_extras()]


def _settings_file() -> Finding:
    path = config_file()
    return Finding(
        "settings",
        "ok",
        f"environment and {path}" if path.is_file() else f"environment ({path} does not exist)",
    )


def _key(settings: Settings) -> list[Finding]:
    if settings.simulate:
        return [
            Finding(
                "key", "note", "GLM_SIMULATE=1: answers are simulated", "Unset GLM_SIMULATE for real ones."
            )
        ]
    key = settings.key
    if not key:
        own = GLMClient(settings).home.compatible
        if own:
            return [Finding("key", "note", "none set; this server may want none")]
        return [
            Finding(
                "key",
                "wrong",
                "none is set",
                f"Get a free key at {KEY_PAGE} and set GLM_API_KEY. To try without: GLM_SIMULATE=1.",
            )
        ]
    name, dot, secret = key.partition(".")
    if any(c.isspace() for c in key):
        return [
            Finding("key", "wrong", "it has spaces or line breaks inside", "Copy it again, in one piece.")
        ]
    if not (dot and name and secret) and not GLMClient(settings).home.compatible:
        return [
            Finding(
                "key",
                "note",
                f"{len(key)} characters, not of the usual form id.secret",
                "Copy it whole if the service refuses it.",
            )
        ]
    return [Finding("key", "ok", f"set, {len(key)} characters")]


def _models(settings: Settings) -> list[Finding]:
    client = GLMClient(settings)
    if client.home.compatible:
        missing = [
            n
            for n, v in (("GLM_CHAT_MODEL", settings.chat_model), ("GLM_VISION_MODEL", settings.vision_model))
            if not v
        ]
        if missing:
            return [
                Finding(
                    "models",
                    "note",
                    f"a server of your own, {' and '.join(missing)} not set",
                    "Set them to the ids that it serves.",
                )
            ]
        return [Finding("models", "ok", f"{settings.chat_model}, {settings.vision_model}")]
    absent = [m for m in CARDS if place(m, client.home) is None]
    if not absent:
        return [Finding("models", "ok", f"all {len(CARDS)} are offered at {client.home.name}")]
    without = [role for role, chain in CHAINS.items() if all(m in absent for m in chain)]
    tools = {"image": "generate_image", "vision": "describe_image and analyze_video", "chat": "chat"}
    said = f"{client.home.name} does not offer {', '.join(absent)}"
    if without:
        return [
            Finding(
                "models",
                "note",
                f"{said}: {', '.join(tools[r] for r in without)} will not work",
                "GLM_BASE_URL=zhipu, with a key of bigmodel.cn, offers all.",
            )
        ]
    return [Finding("models", "note", said)]


async def _service(settings: Settings, endpoints: Mapping[str, Endpoint]) -> list[Finding]:
    client = GLMClient(settings)
    host = urlsplit(client.home.url).hostname or client.home.url
    found = []
    proxies = [n for n in PROXIES if os.environ.get(n)]
    if proxies:
        found.append(
            Finding(
                "proxy",
                "note",
                f"{', '.join(dict.fromkeys(p.upper() for p in proxies))} is set; calls go through it",
            )
        )
    if not settings.key and not client.home.compatible:
        return [*found, Finding("service", "note", f"{host} was not asked: there is no key")]
    error = await _probe(settings)
    if error is None:
        return [*found, Finding("service", "ok", f"{host} answers with this key")]
    if isinstance(error, AuthError | QuotaError):
        # Another platform or plan may be the one that this key belongs to.
        for name in RELATED.get(client.home.name, ()):
            other = endpoints[name]
            if await _probe(settings.model_copy(update={"base_url": other.url, "fallback": False})) is None:
                why = (
                    "the key belongs to the coding plan"
                    if "coding" in name
                    else "the key belongs to another platform or plan"
                )
                return [
                    *found,
                    Finding(
                        "service",
                        "wrong",
                        f"{host} refuses the key ({error.message}); {why}",
                        f"Set GLM_BASE_URL={name}: the key works there.",
                    ),
                ]
    if isinstance(error, NetworkError):
        mend = error.hint
        if proxies:
            mend = f"The proxy of {proxies[0]} may be the cause: check its address, or set NO_PROXY={host}."
        return [*found, Finding("service", "wrong", error.message, mend)]
    state: Literal["note", "wrong"] = (
        "note" if error.kind in {"overloaded", "rate_limited", "timeout"} else "wrong"
    )
    return [
        *found,
        Finding(
            "service",
            state,
            f"{host}: {error.message}" + (f" (code {error.code})" if error.code else ""),
            error.hint,
        ),
    ]


async def _probe(settings: Settings) -> GLMError | None:
    """The smallest real call. None when it was answered; a cut answer is one."""
    client = GLMClient(settings)
    request = ChatRequest((Message("user", "hi"),), max_tokens=1)
    job = Job("chat", anyio.current_time() + PROBE_S)
    try:
        await client.chat(request, job, Progress())
    except GLMError as error:
        # One token is no room for an answer: that refusal comes from a model that worked.
        return None if error.kind == "invalid_request" and error.code is None else error
    finally:
        await client.transport.close()
    return None


def _folders(settings: Settings) -> list[Finding]:
    home, cwd = Path.home(), Path.cwd()
    sandbox = Sandbox(
        cwd=cwd, home=home, temp=Path(tempfile.gettempdir()), allowed=[Path(d) for d in settings.allowed_dirs]
    )
    found = []
    if sandbox.working_folder_counts():
        found.append(Finding("working folder", "ok", str(cwd)))
    else:
        found.append(
            Finding(
                "working folder",
                "note",
                f"{cwd} does not count: it is too wide to be opened to a model",
                "Start the host in a project, or set GLM_ALLOWED_DIRS.",
            )
        )
    found += [
        Finding("GLM_ALLOWED_DIRS", "wrong", f"{folder} is not a folder", "Correct it or take it out.")
        for folder in settings.allowed_dirs
        if not Path(folder).expanduser().is_dir()
    ]
    env = dict(os.environ)
    output = settings.output_dir or (
        cwd / "glm-output" if sandbox.working_folder_counts() else data_folder(env, sys.platform, home)
    )
    for what, folder, mend in (
        ("output folder", output, "Set GLM_OUTPUT_DIR to a folder that you may write to."),
        (
            "cache folder",
            cache_folder(env, sys.platform, home),
            "Give yourself write access, or set XDG_CACHE_HOME.",
        ),
    ):
        problem = _unwritable(folder)
        found.append(
            Finding(what, "wrong", f"{folder}: {problem}", mend)
            if problem
            else Finding(what, "ok", str(folder))
        )
    return found


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


def _extras() -> list[Finding]:
    missing = {e: [m for m in modules if find_spec(m) is None] for e, modules in EXTRAS.items()}
    found = [
        Finding(
            "extra " + e,
            "wrong",
            f"not installed ({', '.join(lack)})",
            f"pip install 'glm-flash-mcp[{e}]' (from a clone: pip install '.[{e}]')",
        )
        for e, lack in missing.items()
        if lack
    ]
    return found or [Finding("extras", "ok", ", ".join(EXTRAS))]
