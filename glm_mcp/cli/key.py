"""`glm-mcp key`: takes the key, tries it, says what it is, and keeps it where the servers of every client find it."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from glm_mcp.cli.asking import run
from glm_mcp.cli.service import Finding, try_key
from glm_mcp.cli.terminal.group import here, labelled, language, say, show_error
from glm_mcp.errors import AuthError, ConfigError
from glm_mcp.installation import typed
from glm_mcp.registry import ENDPOINTS, Endpoint, endpoint
from glm_mcp.setting_values import bare_key, has_key_form, is_placeholder
from glm_mcp.settings import KEY_NAMES, KEY_PAGE, Settings, load_what_is_right
from glm_mcp.settings_file import drop, file_of, has, put
from glm_mcp.text import Redactor

KEY, BASE = "GLM_API_KEY", "GLM_BASE_URL"
LONGEST = 4_000  # characters of a pasted key; beyond, somebody piped a file
SHOWN = 4
Say = Callable[[str], None]
# Windows has not both.
_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

# Keys of other companies and of other kinds, which would go to a stranger: never sent to the two platforms.
_OTHERS = (
    (r"sk-ant-", "a key of Anthropic"),
    (r"sk-", "a key of OpenAI, DeepSeek or others"),
    (r"AIza", "a key of Google"),
    (r"gsk_", "a key of Groq"),
    (r"xai-", "a key of xAI"),
    (r"hf_", "a key of Hugging Face"),
    (r"gh[opsu]_|github_pat_", "a key of GitHub"),
    (r"eyJ[\w-]+\.eyJ", "a token made from a key, which expires"),
    (r"https?://", "an address"),
)


def ask(prompt: str = "GLM API key (not shown): ") -> str:
    """What is piped in, else what a person types or pastes without its being shown."""
    if sys.stdin is None or not sys.stdin.isatty():
        return sys.stdin.read(LONGEST + 1) if sys.stdin else ""
    import getpass

    for number in _SIGNALS:
        signal.signal(number, _leave)
    return getpass.getpass(here(prompt), stream=sys.stderr)


def _leave(number: int, _: object) -> None:
    """Leaves by way of whatever gives the terminal its echo back; no second one comes between."""
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def of_environment(name: str) -> str:
    """Raises ConfigError where the variable is not set."""
    value = os.environ.get(name, "")
    if not value.strip():
        raise ConfigError(f"the variable {name[:60]} is not set here", "Set it, or give the name of another.")
    return value


def read(pasted: str, *, compatible: bool = False) -> tuple[str, list[str]]:
    """The key in what was pasted, and what is to be said of it. `compatible`: for a server that may have any keys.

    Raises ConfigError for what is no key, or one of somebody else's.
    """
    if len(pasted) > LONGEST:
        raise ConfigError(f"that is longer than {LONGEST} characters", "Give the key alone.")
    key, taken = bare_key(pasted)
    said = [f"Taken off: {', '.join(taken)}."] if taken else []
    if not key:
        raise ConfigError("no key was given", f"Get a free one at {KEY_PAGE}, then: {typed('key')}")
    if is_placeholder(key):
        raise ConfigError("that only holds the place of a key", f"Copy the key itself from {KEY_PAGE}.")
    if not re.fullmatch(r"[!-~]+", key):
        raise ConfigError("that is not one word of ASCII", "Copy the key alone, in one piece.")
    if compatible or has_key_form(key):
        return key, said
    whose = next((who for pattern, who in _OTHERS if re.match(pattern, key)), None)
    if whose:
        raise ConfigError(
            f"that looks like {whose}, and was sent nowhere",
            f"A key of bigmodel.cn or z.ai is two words joined by a dot. Get one at {KEY_PAGE}",
        )
    return key, [*said, f"It has not the usual form id.secret ({len(key)} characters)."]


async def store(
    pasted: str,
    env_file: Path | None,
    say: Say,
    *,
    platform: str | None = None,
    tried: bool = True,
    endpoints: Mapping[str, Endpoint] = ENDPOINTS,
) -> None:
    """Tries the key and writes it. `platform`: one of `ENDPOINTS`, written along. `tried`: False leaves the try out.

    Raises ConfigError where it is no key, AuthError where it is refused, and what else kept the service from judging it;
    nothing is written then.
    """
    settings, _ = load_what_is_right(env_file)
    base = platform or settings.base_url
    key, said = read(pasted, compatible=endpoint(base).compatible)
    for line in said:
        say(line)
    asked = settings.model_copy(update={"base_url": base}).with_key(key)
    with Redactor(key, *settings.secrets).applied():
        found = await _judged(asked, endpoints, say) if tried else None
    file, base = file_of(env_file), found or platform or ""
    put(file, {KEY: key, **({BASE: base} if base else {})})
    written = f"Written to {file}, which only you can read: the key that ends in …{key[-SHOWN:]}."
    say(f"{written} With it: {BASE}={base}." if base else written)
    for name in (KEY, BASE) if base else (KEY,):
        here = os.environ.get(name, "").strip()
        if here and here != (key if name == KEY else base) and not is_placeholder(here):
            say(f"Mind: {name} is also set in this environment, and goes before the file.")
    if settings.simulate:
        say("Mind: GLM_SIMULATE=1 is set too, and answers are simulated until it is taken out.")
    say("Servers that run already find it at their next call.")
    say(f"To add it to an agent: {typed('install')}")


async def _judged(settings: Settings, endpoints: Mapping[str, Endpoint], say: Say) -> str | None:
    """Says what the service thinks of the key; the endpoint where it works, when that is another. Raises GLMError."""
    findings = await try_key(settings, endpoints)
    elsewhere = next((f.endpoint for f in findings if f.endpoint), None)
    for finding in findings:
        if finding.state != "wrong" or elsewhere:
            say(_line(finding, mend=not elsewhere or finding.what == "plan"))
    bad = next((f for f in findings if f.state == "wrong"), None)
    if bad and not elsewhere:
        untried = typed("key --no-try")
        if bad.why and not isinstance(bad.why, AuthError):
            raise type(bad.why)(bad.said, f"{bad.mend} Nothing was written; to store it untried: {untried}.")
        others = " or ".join(n for n in ENDPOINTS if n != settings.base_url)
        raise AuthError(
            bad.said,
            f"Nothing was written. Copy the key again from {KEY_PAGE}; for another platform: {typed('key --platform NAME')} ({others}); to store it untried: {untried}.",
        )
    return elsewhere


def _line(finding: Finding, *, mend: bool) -> str:
    line = labelled(finding.what, finding.said)
    if language() == "zh":
        return f"{line}。{here(finding.mend) if mend else ''}"
    return f"{line}." + (f" {finding.mend}" if mend and finding.mend else "")


def show(env_file: Path | None) -> bool:
    """Says which key is set, by its end, and where; whether there is one."""
    settings, wrong = load_what_is_right(env_file)
    if not settings.key:
        if wrong:
            show_error(wrong)
        say(f"No key is set. {typed('key')} asks for one.")
        return False
    here = next((n for n in KEY_NAMES if bare_key(os.environ.get(n, ""))[0] == settings.key), None)
    end = f"…{settings.key[-SHOWN:]}" if len(settings.key) >= 4 * SHOWN else "a short one"
    say(f"{end}, {len(settings.key)} characters, from {here or file_of(env_file)}")
    return True


def remove(env_file: Path | None) -> None:
    """Takes the key out of the settings file."""
    file = file_of(env_file)
    gone = drop(file, KEY_NAMES)
    say(f"The key is out of {file}." if gone else f"There is no key in {file}.")
    for name in KEY_NAMES:
        if os.environ.get(name, "").strip():
            say(f"{name} is still set in this environment.")


def where_set(env: Mapping[str, str], env_file: Path | None = None) -> str:
    """Where a key is that a server would use: "file", else "environment", else empty."""
    if any(has(file_of(env_file), name) for name in KEY_NAMES):
        return "file"
    here = (env.get(name, "").strip() for name in KEY_NAMES)
    return "environment" if any(value and not is_placeholder(value) for value in here) else ""


def command(pasted: str, env_file: Path | None, *, platform: str | None = None, tried: bool = True) -> None:
    """As a person calls it. Raises GLMError."""
    run(lambda: store(pasted, env_file, say, platform=platform, tried=tried))
