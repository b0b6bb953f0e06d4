"""The command `glm-mcp`."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from glm_mcp import __version__
from glm_mcp.cli.start import FORMAT, LEVEL, build_models_when_used, collect_again, serve_stdio, settings_of
from glm_mcp.cli.terminal import completion as completing
from glm_mcp.cli.terminal import stdout
from glm_mcp.cli.terminal.group import EXIT_FAILED, Group, say
from glm_mcp.cli.token import token
from glm_mcp.errors import ConfigError
from glm_mcp.server.front.stdin import Stdin
from glm_mcp.server.log import FORMATS, LEVELS, configure


@click.group(
    cls=Group,
    commands=[token],
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="glm-mcp")
@click.option(
    "--env-file", type=click.Path(path_type=Path), help="Read settings from this file (lines NAME=value)."
)
@click.option(
    "--log-level", type=click.Choice(LEVELS), help="What goes to stderr; else GLM_LOG_LEVEL, or warning."
)
@click.option("--log-format", type=click.Choice(FORMATS), help="Else GLM_LOG_FORMAT, or text.")
@click.pass_context
def cli(ctx: click.Context, env_file: Path | None, log_level: str | None, log_format: str | None) -> None:
    """GLM models as MCP tools: chat, describe_image, analyze_video, read_document, generate_image.

    Without a command: serve over stdio, as an agent starts it.
    """
    configure(log_level or LEVEL, log_format or FORMAT)
    if sys.stdout is None and ctx.invoked_subcommand not in (None, "serve", "simulate"):
        raise ConfigError("standard output is closed", "Leave it open, or write it to a file.")
    ctx.obj = {"env_file": env_file, "log_level": log_level, "log_format": log_format, "stdin": ctx.obj}
    if ctx.invoked_subcommand is None:
        serve_stdio(ctx)


_format = click.option(
    "--format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How it is printed.",
)


@cli.command()
@click.option("--http", "over_http", is_flag=True, help="Serve streamable HTTP instead of stdio.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Beyond loopback needs tokens.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.pass_context
def serve(ctx: click.Context, *, over_http: bool, host: str, port: int) -> None:
    """Serve over stdio, or over HTTP with --http."""
    if not over_http:
        for name in ("host", "port"):
            if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
                raise click.UsageError(f"--{name} goes with --http: over stdio nobody connects")
        serve_stdio(ctx)
    from glm_mcp.server.app import App
    from glm_mcp.server.callers.key_watch import Watched
    from glm_mcp.server.http.app import serve as serve_http
    from glm_mcp.server.simulated import simulated

    def ready(url: str) -> None:
        say(f"glm-mcp serves at {url}/mcp (health: /healthz). Ctrl-C ends it.", err=True)

    watched, settings = Watched(ctx.obj["env_file"]), settings_of(ctx)
    app = App(simulated(settings), remote=True, watched=None if settings.simulate else watched)
    serve_http(app, host, port, ready)


@cli.command()
@click.argument("url")
@click.pass_context
def connect(ctx: click.Context, url: str) -> None:
    """Serve over stdio what a team's server at URL offers; local files are uploaded, results written here.

    The token is that of GLM_CONNECT_TOKEN: itself, or keyring:SERVICE/NAME.
    """
    build_models_when_used()
    from glm_mcp.cli.connect.command import serve

    serve(settings_of(ctx), url)


class _Call(click.Command):
    """`call TOOL --help` tells of the tool."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        from glm_mcp.settings import TOOLS

        tool = next((word for word in args if not word.startswith("-")), "")
        if tool in TOOLS and {"-h", "--help"} & set(args):
            from glm_mcp.cli.tool_help import tool_help

            click.echo(tool_help(tool))
            ctx.exit()
        return super().parse_args(ctx, args)


@cli.command(cls=_Call)
@click.argument("tool", shell_complete=completing.tools)
@click.argument("arguments", nargs=-1, metavar="[WORD | name=value]...", shell_complete=completing.arguments)
@click.option("--json", "as_json", help="All arguments as one JSON object.")
@click.option("--raw", is_flag=True, help="Print the whole result as JSON.")
@click.option("--open", "opened", is_flag=True, help="Open the pictures and files that come of it.")
@click.pass_context
def call(
    ctx: click.Context, /, tool: str, arguments: tuple[str, ...], as_json: str | None, **shown: bool
) -> None:
    """Call TOOL once; the text is shown as it streams. What is piped in is the prompt or the file.

    \b
    glm-mcp call chat Write a haiku
    glm-mcp call describe_image shot.png Say what it shows
    glm-mcp call read_document report.pdf pages=1-3
    git diff | glm-mcp call chat Review this:
    glm-mcp call TOOL --help
    """  # noqa: D301 - click's own mark for lines that stay apart
    from glm_mcp.cli.call import call

    ctx.exit(call(settings_of(ctx), tool, arguments, as_json, **shown))


@cli.command("list")
@_format
@click.pass_context
def list_all(ctx: click.Context, format: str) -> None:  # noqa: A002 - as the option is called
    """List the tools with their arguments, the prompts, the resources and the kept outputs."""
    from glm_mcp.cli.tool_help import show_list

    show_list(settings_of(ctx), as_json=format == "json")


@cli.command()
@click.argument("shell", type=click.Choice(completing.SHELLS))
def completion(shell: str) -> None:
    """Print what makes SHELL complete tools, arguments and files.

    \b
    bash: echo 'eval "$(glm-mcp completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(glm-mcp completion zsh)"' >> ~/.zshrc
    fish: glm-mcp completion fish > ~/.config/fish/completions/glm-mcp.fish
    """  # noqa: D301 - as above
    click.echo(completing.script(shell, cli))


@cli.command()
@click.pass_context
def demo(ctx: click.Context) -> None:
    """Run all five tools over real stdio on sample media; on the simulator unless a key is set."""
    import anyio

    from glm_mcp.cli.demo import run_demo

    settings, env_file = settings_of(ctx), ctx.obj["env_file"]
    # The demo works in a folder of its own.
    ctx.exit(anyio.run(run_demo, settings, env_file and env_file.absolute()))


@cli.command()
@click.option("--live", is_flag=True, help="Ask the service what it takes, in at most 25 small calls.")
@click.option("--yes", is_flag=True, help="With --live: do not ask me first.")
@click.option("--forget", is_flag=True, help="Delete what --live has kept for this endpoint and key.")
@_format
@click.pass_context
def doctor(ctx: click.Context, *, live: bool, yes: bool, forget: bool, format: str) -> None:  # noqa: A002 - as the option is called
    """Check key, endpoint, plan, models, folders and extras; say what is wrong and its mend. Exit status 0 or 1.

    With --live: ask the service itself, show what differs from what this version expects, and go by that from then on.
    """
    from glm_mcp.server.simulated import simulated

    if live or forget:
        from glm_mcp.cli import live_report

        live_report.command(
            simulated(settings_of(ctx)), live=live, yes=yes, forget=forget, as_json=format == "json"
        )
        return
    from glm_mcp.cli.doctor_report import report

    wrong = report(lambda: simulated(settings_of(ctx)), ctx.obj["env_file"], as_json=format == "json")
    ctx.exit(EXIT_FAILED if wrong else 0)


@cli.command()
@click.argument("host", required=False)
@click.option("--scope", type=click.Choice(["user", "project"]), default="user", show_default=True)
@click.option(
    "--http", "url", metavar="URL", help="A server that runs already, instead of one started by the host."
)
@click.option(
    "--token",
    default="",
    help="With --http: what that server asks for. Kept out of files where the host can name a variable.",
)
@click.option(
    "--token-env",
    default="",
    metavar="NAME",
    help="With --http: the variable that holds the token. [default: GLM_HTTP_TOKEN]",
)
@click.option("--connect", metavar="URL", help="A team's server: the host starts `glm-mcp connect URL`.")
@click.option("--name", default="glm", show_default=True, help="The server's name in the host.")
@click.option("--print", "show", is_flag=True, help="Show what would be written; write nothing.")
@click.option("--remove", is_flag=True, help="Take the server out again.")
@click.option("--ask-key", is_flag=True, help="Ask for the API key too, as `glm-mcp key` does.")
@click.pass_context
def install(ctx: click.Context, /, host: str | None, scope: str, *, ask_key: bool, **given: Any) -> None:
    """Add this server to HOST's own file and keep everything else in it; without HOST: list the hosts found here.

    HOST: claude-code, claude-desktop, cline, codex, cursor, vscode, gemini-cli, opencode, kilo-code, qwen-code, copilot-cli,
    windsurf, zed, cherry-studio, or print.
    """
    from glm_mcp.cli.install_host import install_host
    from glm_mcp.install.wish import Wish

    collect_again()
    wish = Wish(scope, **given)
    install_host(host, wish, ctx.obj["env_file"], ask_key=ask_key)


@cli.command()
@click.option(
    "--from-env",
    "variable",
    is_flag=False,
    flag_value="GLM_API_KEY",
    metavar="[NAME]",
    help="Take it from this variable; GLM_API_KEY where none is named.",
)
@click.option(
    "--platform", type=click.Choice(["zhipu", "zai", "zhipu-coding", "zai-coding"]), help="Whose key it is."
)
@click.option("--no-try", "untried", is_flag=True, help="Store it without asking the service.")
@click.option("--show", is_flag=True, help="Show the last four characters of the key that is set.")
@click.option("--remove", is_flag=True, help="Take the key out of the settings file.")
@click.pass_context
def key(
    ctx: click.Context, variable: str | None, platform: str | None, *, untried: bool, show: bool, remove: bool
) -> None:
    """Store the API key: ask for it (or read stdin), try it with a free call, write it to the settings file."""
    from glm_mcp.cli import key as keys

    env_file = ctx.obj["env_file"]
    collect_again()
    if show:
        ctx.exit(0 if keys.show(env_file) else EXIT_FAILED)
    if remove:
        keys.remove(env_file)
        return
    pasted = keys.of_environment(variable) if variable else keys.ask()
    keys.command(pasted, env_file, platform=platform, tried=not untried)


@cli.command()
@_format
def models(*, format: str) -> None:  # noqa: A002 - as the option is called
    """List the model cards: what each can do, its limits, where it lives."""
    from glm_mcp.cli.models import show_models

    show_models(as_json=format == "json")


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=9999, show_default=True)
@click.option("--key", default="simulator.local-key", show_default=True, help="The key that it accepts.")
@click.option(
    "--weather", type=click.Choice(["calm", "bad"]), help="Let models be overloaded and hang by turns."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which hours of that weather.")
def simulate(host: str, port: int, key: str, weather: str | None, seed: int) -> None:
    """Run the local GLM API alone, for tests and trials without a key or a network."""
    from glm_mcp.simulator import Simulator, Weather
    from glm_mcp.simulator import serve as serve_simulator

    collect_again()

    def ready(simulator: Simulator) -> None:
        url = simulator.url
        say(
            f"simulated GLM API at {url}\nTry: GLM_BASE_URL={url} GLM_API_KEY={key} glm-mcp call chat prompt=hello",
            err=True,
        )

    try:
        chosen = Weather.preset(weather, seed) if weather else None
        serve_simulator(host, port, None, (key,), ready, chosen)
    except OSError as error:
        raise ConfigError(
            f"{host}:{port} cannot be used ({error.strerror})", "Give another --port."
        ) from None


def main(stdin: Stdin | None = None) -> None:
    """The command line. `stdin`: taken already."""
    stdout.patient()
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="replace")
    try:
        cli.main(prog_name="glm-mcp", obj=stdin)
    except SystemExit as left:
        # Python itself would wait for a thread that a name server or a dead disk holds.
        if any(t is not threading.main_thread() and not t.daemon for t in threading.enumerate()):
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
            os._exit(left.code if isinstance(left.code, int) else EXIT_FAILED)
        raise
