"""Checks with their mend: key, endpoint, plan, models, folders, extras."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import anyio
import anyio.to_thread

from glm_mcp.cli.service import PROBE_S, Finding, note, ok, short, try_key, wrong
from glm_mcp.errors import ConfigError
from glm_mcp.folders import home_folder, temporary_folder, try_writing, user_folders, working_folder
from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.findings import load as load_findings
from glm_mcp.glm.network.proxy import proxy_for
from glm_mcp.installation import line_for_extra, typed
from glm_mcp.media import formats
from glm_mcp.registry import CARDS, CHAINS, ENDPOINTS, Endpoint, place
from glm_mcp.sandbox import Sandbox
from glm_mcp.settings import KEY_PAGE, Settings, variable
from glm_mcp.text import Redactor, bearable

# The optional parts and the modules that each brings.
EXTRAS = {**formats.EXTRAS, "http": ("uvicorn",)}


async def examine(
    settings: Settings,
    endpoints: Mapping[str, Endpoint] = ENDPOINTS,
    *,
    env_file: Path | None = None,
    installed: Callable[[str], object] = find_spec,
    within_s: float = PROBE_S,
) -> list[Finding]:
    """All findings. `endpoints`: where the four platforms are. `installed`: true of a module that can be imported.
    `within_s`: for a call of the service.
    """
    findings = [_sources(env_file), *_misspelt(), *_tokens(settings), _key(settings)]
    with Redactor(*settings.secrets).applied():
        own = GLMClient(settings).home.compatible
        findings += [await _at_engine(settings) if own else _models(settings), *_proxy(settings)]
        findings += await try_key(settings, endpoints, within_s=within_s)
        findings += await anyio.to_thread.run_sync(_kept, settings)
        findings += await anyio.to_thread.run_sync(_folders, settings)
        # Of a service's words, whoever puts them into a finding.
        return [
            replace(f, said=bearable(f.said), mend=bearable(f.mend)) for f in [*findings, *_extras(installed)]
        ]


def _sources(env_file: Path | None) -> Finding:
    path = env_file or user_folders().settings_file
    return ok(
        "settings", f"environment and {path}" if path.is_file() else f"environment ({path} does not exist)"
    )


def _misspelt() -> list[Finding]:
    known = [variable(f) for f in Settings.model_fields]
    findings = []
    for name in sorted(n for n in os.environ if n.startswith("GLM_") and n not in known):
        near = difflib.get_close_matches(name, known, 1)
        mend = f"Did you mean {near[0]}?" if near else "Take it out."
        findings.append(note("settings", f"{name} is no setting and has no effect", mend))
    return findings


def _tokens(settings: Settings) -> list[Finding]:
    if not settings.tokens_file or settings.tokens_file.exists():
        return []
    from glm_mcp.server.http.auth.tokens import adding

    file = settings.tokens_file
    return [
        note(
            "tokens",
            f"{file}, which GLM_TOKENS_FILE names, is not there: nobody has a token",
            f"To give one: {adding(file)}",
        )
    ]


def _key(settings: Settings) -> Finding:
    if settings.simulate:
        return note("key", "GLM_SIMULATE=1: answers are simulated", "Unset GLM_SIMULATE for real ones.")
    key, compatible = settings.key, GLMClient(settings).home.compatible
    if settings.placeholder and settings.placeholder.startswith(("$", "%", "{")):
        mend = f"Run `{typed('key')}`, or write the key itself into the host's configuration and restart it."
        return wrong("key", "the host passed the name of a variable on, not the key in it", mend)
    if not key and compatible:
        return note("key", "none set; this server may want none")
    if not key:
        return wrong(
            "key",
            "none is set" + (", only a placeholder" if settings.placeholder else ""),
            f"Get a free key at {KEY_PAGE}, then run `{typed('key')}`. To try without: GLM_SIMULATE=1.",
        )
    name, dot, secret = key.partition(".")
    if not (dot and name and secret) and not compatible:
        said = f"{len(key)} characters, not of the usual form id.secret"
        return note("key", said, "Copy it whole if the service refuses it.")
    return ok("key", f"set, {len(key)} characters")


def _models(settings: Settings) -> Finding:
    home = GLMClient(settings).home
    absent = [m for m in CARDS if place(m, home) is None]
    if not absent:
        return ok("models", f"all {len(CARDS)} are offered at {home.name}")
    said = f"{home.name} does not offer {', '.join(absent)}"
    tools = {"image": "generate_image", "vision": "describe_image and analyze_video", "chat": "chat"}
    without = [tools[role] for role, chain in CHAINS.items() if all(m in absent for m in chain)]
    if without:
        mend = "GLM_BASE_URL=zhipu, with a key of bigmodel.cn, offers all."
        return note("models", f"{said}: {', '.join(without)} will not work", mend)
    return note("models", said)


async def _at_engine(settings: Settings) -> Finding:
    """What there is to say of the models that a server lists at /models."""
    client = GLMClient(settings)
    try:
        await client.meet()
    finally:
        await client.transport.close()
    served = client.engine.served if client.engine else ()
    named = {"GLM_CHAT_MODEL": settings.chat_model, "GLM_VISION_MODEL": settings.vision_model}
    missing = ", ".join(name for name, model in named.items() if not model)
    if not served:
        if missing:
            return note(
                "models",
                f"the server lists none, and {missing} not set",
                "Set them to the ids that it serves.",
            )
        return note("models", f"the server lists none; {', '.join(map(str, named.values()))} are asked")
    said = client.engine.names().rstrip(". ") if client.engine else ""
    ids = {s.id for s in served}
    absent = [f"{name}={model}" for name, model in named.items() if model and model not in ids]
    if absent:  # llama.cpp answers to any name
        return note(
            "models", f"{said}; {', '.join(absent)} not among them", "Set it to an id that the server serves."
        )
    chosen = {tool: client.models(role)[0] for tool, role in (("text", "chat"), ("pictures", "vision"))}
    windows = [f"{card.id} for {tool}, {card.context:,} tokens" for tool, card in chosen.items()]
    blind = chosen["pictures"].id
    if any(s.id == blind and s.sees is False for s in served):
        blind_tools = "describe_image and analyze_video will not work"
        mend = "Serve a model that sees and name it in GLM_VISION_MODEL."
        return note("models", f"{said}; none sees: {blind_tools}", mend)
    return ok("models", f"{said}; asked: {'; '.join(windows)}")


def _proxy(settings: Settings) -> list[Finding]:
    try:
        proxy = proxy_for(GLMClient(settings).home.url)
    except ConfigError as error:
        return [wrong("proxy", short(error), error.hint)]
    except ValueError:  # the address itself is none: the service's finding says so
        return []
    return [note("proxy", f"calls go through {proxy.url}, which {proxy.variable} names")] if proxy else []


def _kept(settings: Settings) -> list[Finding]:
    """What `--live` found for this endpoint and key: which models are gone."""
    kept = load_findings(user_folders().data, settings)
    if not kept.asked:
        return []
    gone = [f"{model} is gone: {why}" for model in kept.facts if (why := kept.gone(model))]
    said = f"asked on {kept.asked[:10]}"
    if not gone:
        return [ok("live", f"{said}, and used by the model cards since")]
    mend = "They are left out. `glm-mcp doctor --live` asks again; --forget deletes what it found."
    return [note("live", f"{said}; {'; '.join(gone)}", mend)]


def _folders(settings: Settings) -> list[Finding]:
    home, cwd, own = home_folder(), working_folder(), user_folders()
    sandbox = Sandbox(
        cwd=cwd, home=home, temp=temporary_folder(), allowed=[Path(d) for d in settings.allowed_dirs]
    )
    counts = sandbox.working_folder_counts()
    if counts:
        findings = [ok("working folder", str(cwd))]
    else:
        said = f"{cwd} does not count: it is too wide to be opened to a model"
        findings = [note("working folder", said, "Start the host in a project, or set GLM_ALLOWED_DIRS.")]
    findings += [
        wrong("GLM_ALLOWED_DIRS", f"{folder} is not there", "Correct it or take it out.")
        for folder in settings.allowed_dirs
        if not Path(folder).expanduser().exists()
    ]
    output = settings.output_dir or (cwd / "glm-output" if counts else own.data)
    places = (
        ("output folder", output, "Set GLM_OUTPUT_DIR to a folder that you may write to."),
        (
            "cache folder",
            settings.cache_dir or own.cache,
            "Give yourself write access, or set GLM_CACHE_DIR.",
        ),
    )
    for what, folder, mend in places:
        try:
            try_writing(folder)
            findings.append(ok(what, str(folder)))
        except OSError as error:
            why = error.strerror or "not writable"
            findings.append(wrong(what, f"{folder}: {why}", mend))
    return findings


def _extras(installed: Callable[[str], object]) -> list[Finding]:
    missing = {extra: [m for m in modules if not installed(m)] for extra, modules in EXTRAS.items()}
    findings = [
        wrong(f"extra {extra}", f"not installed ({', '.join(lack)})", line_for_extra(extra))
        for extra, lack in missing.items()
        if lack
    ]
    return findings or [ok("extras", ", ".join(EXTRAS))]
