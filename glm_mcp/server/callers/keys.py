"""Which key of the service a call goes out with: the caller's own, or the one of the server's with the fewest calls."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from glm_mcp.errors import AuthError, QuotaError
from glm_mcp.glm.client import GLMClient
from glm_mcp.server.callers.caller import Caller

UNWELL_S = 300.0  # a key that was refused, or has no balance, goes behind the others
KNOWN = 256  # callers' keys of which it is remembered how many calls at once they take


def key_name(key: SecretStr) -> str:
    """What a key is called where it must not stand itself."""
    return hashlib.sha256(key.get_secret_value().encode()).hexdigest()[:16]


class Keys:
    """The server's keys, and what was learnt with those of callers. A caller's key itself lives with its calls alone. A call
    stays with the key that it began with.
    """

    def __init__(self, glm: GLMClient, more: tuple[SecretStr, ...]) -> None:
        self._more = {key_name(k): glm.apart(k) for k in more if k != glm.settings.api_key}
        self._calls = Counter[str]()
        self._unwell: dict[str, float] = {}
        self._theirs: OrderedDict[str, GLMClient] = OrderedDict()  # without the keys

    @property
    def more(self) -> Collection[GLMClient]:
        """Those with the server's further keys."""
        return self._more.values()

    @contextmanager
    def client(self, glm: GLMClient, caller: Caller) -> Iterator[GLMClient]:
        """What a call of this caller works with: `glm`, or the same with another key. Its meter counts this call alone."""
        name = f"caller {key_name(caller.key)}" if caller.key else min(("", *self._more), key=self._burden)
        self._calls[name] += 1
        try:
            chosen = self._learnt(name, glm).keyed(caller.key) if caller.key else self._more.get(name, glm)
            yield chosen.counted_apart()
        except (AuthError, QuotaError) as error:
            if not caller.key and error.about != "model":
                self._unwell[name] = time.monotonic() + UNWELL_S
            raise
        finally:
            self._calls[name] -= 1
            if not self._calls[name]:
                del self._calls[name]

    def _burden(self, name: str) -> tuple[bool, int]:
        return self._unwell.get(name, 0.0) > time.monotonic(), self._calls[name]

    def _learnt(self, name: str, glm: GLMClient) -> GLMClient:
        """What was learnt with a caller's key; of those that no call uses, the longest unused are forgotten."""
        found = self._theirs.pop(name, None) or glm.apart()
        idle = [n for n in self._theirs if not self._calls[n]]
        for old in idle[: max(0, len(self._theirs) + 1 - KNOWN)]:
            del self._theirs[old]
        self._theirs[name] = found
        return found
