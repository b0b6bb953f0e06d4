"""What the commands start with: the settings, the collector, the protocol's models, the server over stdio."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import Any

import click

from glm_mcp.cli.terminal.group import EXIT_FAILED, say, show_error
from glm_mcp.errors import ConfigError, exhausted
from glm_mcp.server.front.stdin import Stdin
from glm_mcp.server.log import configure

LEVEL, FORMAT = "warning", "text"  # of the log


def collect_again() -> None:
    """The collector on again, and what was imported left out of its walks for good."""
    gc.freeze()
    gc.enable()


def settings_of(ctx: click.Context) -> Any:
    """The settings; the last thing a command asks for before its work, when all it needs is imported."""
    from glm_mcp.settings import load

    collect_again()
    settings = load(ctx.obj["env_file"])
    _log_as_set(ctx, settings)
    return settings


def _log_as_set(ctx: click.Context, settings: Any) -> None:
    """The log by the flags, else by the settings."""
    level = ctx.obj["log_level"] = ctx.obj["log_level"] or settings.log_level or LEVEL
    form = ctx.obj["log_format"] or settings.log_format or FORMAT
    configure(level, form, content=settings.log_content)


def build_models_when_used() -> None:
    """To be called before the SDK is imported: of its models those of each version of the protocol are built when the first
    message of their kind comes. To build them all is a twelfth of a start, and a client speaks one version. An SDK that has
    them elsewhere builds all.
    """
    with suppress(ImportError, AttributeError):
        from mcp_types._wire_base import WireModel

        WireModel.model_config["defer_build"] = True


def serve_stdio(ctx: click.Context) -> None:
    """Serves over stdio until stdin ends, and leaves the process. Raises ConfigError."""
    import anyio

    build_models_when_used()
    from glm_mcp.server import stdio as server
    from glm_mcp.server.app import App
    from glm_mcp.server.callers.key_watch import Watched
    from glm_mcp.server.simulated import simulated
    from glm_mcp.settings import load_what_is_right

    if sys.stdin is None or sys.stdout is None:
        raise ConfigError(
            "standard input or output is closed", "A host starts glm-mcp with both. By hand: glm-mcp demo"
        )
    stdin: Stdin | None = ctx.obj["stdin"]
    if stdin is None and sys.stdin.isatty():
        say(
            "glm-mcp serves MCP over stdin and stdout; an agent starts it. Ctrl-C ends it.\n"
            "Try: glm-mcp demo   glm-mcp call chat prompt=hello   glm-mcp doctor   glm-mcp --help",
            err=True,
        )
    collect_again()
    env_file = ctx.obj["env_file"]
    watched = Watched(env_file)  # before the settings are read, so that no change between is missed
    settings, wrong = load_what_is_right(env_file)
    if wrong:
        show_error(wrong)
    _log_as_set(ctx, settings)
    app = App(simulated(settings), watched=None if settings.simulate else watched, wrong=wrong)
    # Left to Python, an interruption would wait for the thread that reads stdin: until the next line comes.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    code = 0
    try:
        anyio.run(server.serve_stdio, app, stdin or Stdin())
    except ConfigError:
        raise
    # The outer boundary of a server: most often its client has gone without closing stdin.
    except Exception as error:
        if why := exhausted(error):
            show_error(why)
        else:
            logging.getLogger(__name__).exception("the server ended")
        code = EXIT_FAILED
    sys.stderr.flush()
    # A reader thread may still wait on stdin; nothing of ours is left to finish.
    os._exit(code)
