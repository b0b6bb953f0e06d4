"""What the recorded answers depend on, and where they lie: the command line, the settings, the installed code.

    place_of(arguments)    the place of the record for this start; None where a start is not an ordinary one

Every start pays for what is done here: some 220 `stat`, a listing and a digest, 2 ms in all.
"""

from __future__ import annotations

import os
import stat
import sys

try:
    from _blake2 import (
        blake2b,
    )  # hashlib would load OpenSSL as well, for a tenth of the time to the first answer
except ImportError:
    from hashlib import blake2b

PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Values that no answer shows and no name of a file may be made of.
SECRETS = (
    *("GLM_API_KEY", "ZAI_API_KEY", "Z_AI_API_KEY", "ZHIPUAI_API_KEY", "ZHIPU_API_KEY"),
    *("GLM_HTTP_TOKEN", "GLM_CONNECT_TOKEN"),
)
# Settings that change no answer, by what each may be: the least and the greatest number, words, or anything (None).
NO_MATTER: dict[str, tuple[int, int] | tuple[str, ...] | None] = {
    "GLM_DEADLINE_S": (1, 3600),
    "GLM_MAX_CONCURRENCY": (1, 1000),
    "GLM_MAX_VIDEO_MB": (0, 150),
    "GLM_LANG": ("zh", "en"),
    "GLM_THINKING": ("true", "false", "show"),
    "GLM_BASE_URL": ("zhipu", "zai", "zhipu-coding", "zai-coding"),
    **dict.fromkeys(("GLM_FALLBACK", "GLM_SIMULATE", "GLM_LOG_CONTENT"), ("0", "1")),
    **dict.fromkeys(("GLM_ALLOWED_DIRS", "GLM_OUTPUT_DIR")),
}
OPTIONS = {
    "--env-file": None,
    "--log-level": ("debug", "info", "warning", "error"),
    "--log-format": ("text", "json"),
}
KEPT_MAX = 500  # kept files whose state is looked at; listing more takes longer than it saves

_SETTINGS_BYTES = 64_000
_WORD = 16  # characters from which on a secret looks like one


class Place:
    """The record of one set of conditions: its file, their digest, the folder of kept results. `folders`: as
    `own_folders` gives them.
    """

    __slots__ = ("digest", "file", "folders", "kept")

    def __init__(self, folders: tuple[str, str], digest: str) -> None:
        cache = folders[1]
        self.folders = folders
        self.digest = digest
        self.file = os.path.join(cache, "start", digest + ".json")
        self.kept = os.path.join(cache, "outputs", _project())


def place_of(arguments: list[str], environ: dict[str, str] | None = None) -> Place | None:
    """None: a command, an option or a settings file that is not understood here, or folders that are not known."""
    env = dict(os.environ) if environ is None else environ
    options = options_of(arguments)
    own = own_folders(sys.platform, env)
    if options is None or own is None:
        return None
    given = options.get("--env-file")
    settings = settings_of(given or os.path.join(own[0], "env"), must_be=given is not None)
    code = installed()
    if settings is None or code is None:
        return None
    variables = sorted(
        f"{name}={shown(name, value)}"
        for name, value in env.items()
        if (name.startswith("GLM_") or name in SECRETS) and shown(name, value)
    )
    parts = [sys.version, sys.platform, code, settings, *variables]
    return Place(own, _digest(parts))


def options_of(arguments: list[str]) -> dict[str, str] | None:
    """The options of a command line that serves over stdio; None for any other."""
    found: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name not in OPTIONS or not (equals or rest):
            return None
        value = value if equals else rest.pop(0)
        allowed = OPTIONS[name]
        if allowed is not None and value not in allowed:
            return None
        found[name] = value
    return found


def own_folders(platform: str, env: dict[str, str]) -> tuple[str, str] | None:
    """The folders of the settings file and of the cache, as `outputs.user_folders` has them; None where they are not
    plain.
    """
    if platform == "win32":
        roaming, local = env.get("APPDATA", ""), env.get("LOCALAPPDATA", "")
        if not roaming or not local:
            return None
        return os.path.join(roaming, "glm-mcp"), os.path.join(local, "glm-mcp", "Cache")
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        return None
    if platform == "darwin":
        library = os.path.join(home, "Library")
        return os.path.join(library, "Application Support", "glm-mcp"), os.path.join(
            library, "Caches", "glm-mcp"
        )
    places = []
    for variable, usual in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache")):
        named = env.get(variable, "")
        places.append(os.path.join(named if os.path.isabs(named) else os.path.join(home, usual), "glm-mcp"))
    return places[0], places[1]


def settings_of(path: str, *, must_be: bool) -> str | None:
    """The text of a settings file without its secrets; None when it cannot be read."""
    try:
        with open(path, encoding="utf-8-sig", opener=_at_once) as file:
            text = file.read(_SETTINGS_BYTES + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
    except FileNotFoundError:
        return None if must_be else ""
    except (OSError, UnicodeDecodeError):
        return None
    if text is None or len(text) > _SETTINGS_BYTES:
        return None
    lines = []
    for line in text.splitlines():
        name, _, value = line.partition("=")
        word = name.strip().removeprefix("export ").strip().strip("'\"")
        if shown(word, value):
            lines.append(f"{word}={shown(word, value)}")
    return "\n".join(lines)


def _at_once(path: str, flags: int) -> int:
    """Opens without waiting for whoever may write into a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def shown(name: str, value: str) -> str:
    """A value for the digest: nothing where it changes no answer, so that one record serves most starts. What it may not
    be stands there as it is: it may keep the server from starting.
    """
    word = value.strip().strip("'\"").strip()
    if name in SECRETS:
        plain = len(word) >= _WORD and word.isascii() and all(c.isalnum() or c in "-._~+/=" for c in word)
    elif name in NO_MATTER:
        plain = _may_be(word, NO_MATTER[name])
    else:
        plain = False
    return "" if plain else word


def _may_be(word: str, allowed: tuple[int, int] | tuple[str, ...] | None) -> bool:
    if allowed is None:
        return True
    if isinstance(allowed[0], str):
        return word in allowed
    # Python reads no number of thousands of digits.
    return (
        word.isascii()
        and word.isdecimal()
        and len(word) < _WORD
        and int(allowed[0]) <= int(word) <= int(allowed[1])
    )


def installed() -> str | None:
    """Which code would answer: every module and table of this package by size and time, every distribution by its version."""
    found: list[str] = []
    try:
        _modules(PACKAGE, found)
        for folder in sys.path:
            if os.path.basename(folder) in ("site-packages", "dist-packages") and os.path.isdir(folder):
                found += [name for name in os.listdir(folder) if name.endswith(("-info", ".egg-link"))]
    except OSError:
        return None
    if not any(name.startswith("mcp-") for name in found):
        return None  # what answers cannot be told
    return "\n".join(sorted(found))


def _modules(folder: str, found: list[str]) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((".py", ".toml")):
                info = entry.stat()
                found.append(f"{entry.path} {info.st_size} {info.st_mtime_ns}")
            elif entry.name != "__pycache__" and entry.is_dir():
                _modules(entry.path, found)


def kept_state(folder: str) -> tuple[str, list[float]] | None:
    """What lies among the kept results, as a text to be compared, and when each was written (seconds since 1970).

    None when it cannot be told, or there are more than `KEPT_MAX`.
    """
    found: list[str] = []
    times: list[float] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    info = entry.stat(follow_symlinks=False)
                    found.append(f"{entry.name} {info.st_size} {info.st_mtime_ns}")
                    times.append(info.st_mtime)
    except FileNotFoundError:
        pass
    except OSError:
        return None
    return (_digest(sorted(found)), times) if len(found) <= KEPT_MAX else None


def _project() -> str:
    """As `outputs.project_owner` of the working folder; nothing where that has been deleted."""
    try:
        return blake2b(os.fsencode(os.path.realpath(os.curdir)), digest_size=8).hexdigest()
    except OSError:
        return ""


def _digest(parts: list[str]) -> str:
    return blake2b("\0".join(parts).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
