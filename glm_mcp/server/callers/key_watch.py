"""The key while a server runs: what to do about it, and the settings file looked at again."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from glm_mcp.errors import ConfigError
from glm_mcp.installation import typed
from glm_mcp.settings import Settings, load
from glm_mcp.settings_file import file_of

# Between two looks at the file while there is a key: each takes a thread, and no command stores a key so fast.
LOOK_S = 0.01

_log = logging.getLogger(__name__)


def key_help(file: Path) -> str:
    """What to do about the key, on this machine."""
    return (
        f"`{typed('key')}` tries a key and writes it to {file}, where the next call finds it. A GLM_API_KEY that the "
        "client's own configuration or environment sets goes before that: change it there, and restart the client."
    )


class Watched:
    """The key of a running server: its settings file is read again when it has changed."""

    def __init__(self, env_file: Path | None) -> None:
        self._env_file = env_file
        self.file = file_of(env_file)
        self._stamp = self._look()
        self._looked = time.monotonic()
        self._told = ""

    def due(self, now: Settings) -> bool:
        """Whether the file is to be looked at again: for each call where there is no key yet, else now and then."""
        at = time.monotonic()
        if now.key and at - self._looked < LOOK_S:
            return False
        self._looked = at
        return True

    def take(self, before: Settings) -> Settings | None:
        """`before` with the key that the file has now; None where nothing has changed.

        Raises ConfigError where there is a new key that cannot be used, or none that could be gone on with.
        """
        stamp = self._look()
        if stamp == self._stamp:
            return None
        try:
            now = load(self._env_file)
        except ConfigError:
            if before.key:
                return None  # half written, or spoilt since: what works goes on
            raise
        if now.api_key != before.api_key and now.base_url != before.base_url:
            # A key goes to no other endpoint than the one it was stored for.
            raise ConfigError(
                f"{self.file} has a new key, for another GLM_BASE_URL than this server started with",
                "Restart the client.",
            )
        self._stamp = stamp
        return None if now.api_key == before.api_key else before.with_key(now.key)

    def for_callers(self, error: ConfigError) -> ConfigError:
        """An error of `take` as callers over HTTP are told of it: where the file lies, and what it says, is for whoever runs
        the server, whose log has it once.
        """
        if str(error) != self._told:
            self._told = str(error)
            _log.error("no call is answered: %s", error)
        return ConfigError(
            "the settings of this server have changed, and cannot be used",
            "Tell whoever runs it: its log says why.",
        )

    def _look(self) -> tuple[int, int, int] | None:
        try:
            info = self.file.stat()
        except OSError:
            return None
        return info.st_mtime_ns, info.st_size, info.st_ino
