"""The command: what it is made of, and its end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path

import anyio

from glm_mcp.cli.connect.bridge import Bridge
from glm_mcp.cli.connect.calls import ToolCalls
from glm_mcp.cli.connect.lines import Lines
from glm_mcp.cli.connect.memory import Memory
from glm_mcp.cli.connect.upstream import Upstream, address_of
from glm_mcp.errors import ConfigError, MissingExtra
from glm_mcp.folders import home_folder, temporary_folder, user_folders, working_folder
from glm_mcp.media.kept.outputs import Outputs, project_owner
from glm_mcp.sandbox import Sandbox
from glm_mcp.server.leaving import Client, watch_end
from glm_mcp.settings import Settings
from glm_mcp.text import Redactor

PLACE = "keyring:"


def serve(settings: Settings, url: str) -> None:
    """Serves until stdin ends, and leaves with the process. Raises ConfigError, MissingExtra."""
    # Left to Python, an interruption would wait for the thread that reads stdin.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    base, token = address_of(url), _token(settings)
    own = user_folders()
    cache = settings.cache_dir or own.cache
    sandbox = Sandbox(
        cwd=working_folder(),
        home=home_folder(),
        temp=temporary_folder(),
        allowed=[Path(d) for d in settings.allowed_dirs],
        output=settings.output_dir,
        own=[own.data, cache],
        closed=settings.secret_files,
    )
    outputs = Outputs(
        folder=settings.output_dir,
        cwd=sandbox.cwd if sandbox.working_folder_counts() else None,
        data=own.data,
        cache=cache,
        owner=project_owner(sandbox.cwd),
    )
    client = Client()
    # A client that reads nothing must not keep us, nor one that was killed and whose end of stdin lives on.
    for watch in (client.watch, partial(watch_end, sys.stdin.fileno())):
        threading.Thread(target=watch, daemon=True).start()
    upstream = Upstream(base, token)
    calls = ToolCalls(upstream, sandbox, outputs)
    bridge = Bridge(Lines(client.spoke), upstream, Memory(cache, base, token), calls)
    anyio.run(_serve, bridge, upstream, Redactor(token, *settings.secrets))
    sys.stderr.flush()
    # The thread that reads stdin cannot be stopped; nothing of ours is left to finish.
    os._exit(0)


def _token(settings: Settings) -> str | None:
    """The token that is shown to the server: itself, or where the system's keyring has it (`keyring:SERVICE/NAME`).

    None where there is none. May block: a keyring may ask its user to unlock it. Raises ConfigError, MissingExtra.
    """
    word = settings.connect_token.get_secret_value() if settings.connect_token else None
    if word is None or not word.startswith(PLACE):
        return word
    service, _, name = word[len(PLACE) :].partition("/")
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise MissingExtra("keyring", "a token in the system's keyring") from None
    store = f"keyring set {service} {name}"
    try:
        found = keyring.get_password(service, name)
    except (KeyringError, RuntimeError) as error:
        raise ConfigError(
            "the system's keyring cannot be read",
            f"Unlock it, or put the token itself into GLM_CONNECT_TOKEN. Stored is it with: {store}",
        ) from error
    if not found:
        raise ConfigError(f"the system's keyring has nothing for {service}/{name}", f"Store it: {store}")
    return found.strip()


async def _serve(bridge: Bridge, upstream: Upstream, redactor: Redactor) -> None:
    with redactor.applied():
        try:
            await bridge.run()
        finally:
            with suppress(Exception), anyio.move_on_after(0.3, shield=True):
                await upstream.close()
