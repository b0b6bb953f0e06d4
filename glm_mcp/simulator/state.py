"""What a simulator holds between requests: switches, keys, the script, the simulated web, files, requests in flight."""

import asyncio
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection

from glm_mcp.simulator.completions.tokens import PrefixCache
from glm_mcp.simulator.engine.mode import Engine
from glm_mcp.simulator.errors import Refusal
from glm_mcp.simulator.models import Model, chosen
from glm_mcp.simulator.received import Ledger, Received
from glm_mcp.simulator.script import Fault, Reply
from glm_mcp.simulator.switches import Switches
from glm_mcp.simulator.weather import Weather

_KEPT_FILES = 64
_KEPT_IDS = 10_000
# Turns of the loop from a client's hanging up to its request's end, with room.
_HANGING_UP = 20


class State:
    """Counters and files belong to the server's thread; the script and the ledger may be touched by any."""

    def __init__(
        self, switches: Switches, keys: tuple[str, ...], *, control: bool, clock: Callable[[], float]
    ) -> None:
        self.switches = switches
        self.engine: Engine | None = None  # that answers beside the platform
        self.keys = keys
        self.control = control
        self.ledger = Ledger()
        # What the service can fetch: URL → bytes and content type.
        self.web: dict[str, tuple[bytes, str]] = {}
        self.prefixes = PrefixCache()
        self.files: OrderedDict[str, tuple[bytes, Fault | None]] = OrderedDict()
        self._in_flight: Counter[tuple[str, str]] = Counter()  # by account and model
        self._request_ids: OrderedDict[str, None] = OrderedDict()
        self._script: list[tuple[Fault | Reply, list[int]]] = []
        self._lock = threading.Lock()
        self._clock = clock
        self._weather: tuple[Weather, float] | None = None

    @property
    def weather(self) -> Weather | None:
        """What requests meet that no script meets. Its time begins when it is set."""
        return self._weather[0] if self._weather else None

    @weather.setter
    def weather(self, weather: Weather | None) -> None:
        self._weather = (weather, self._clock()) if weather else None

    @property
    def weather_s(self) -> float:
        """Seconds since the weather began."""
        return self._clock() - self._weather[1] if self._weather else 0.0

    def fate(self, model: str) -> Fault | None:
        """What the weather has for a request of this model now; None without weather."""
        return self.weather.fate(model, self.weather_s) if self.weather else None

    def queue(self, *items: Fault | Reply) -> None:
        """Script what the next matching requests meet, in order."""
        with self._lock:
            self._script += [(item, [item.after, item.times]) for item in items]

    def next_script(self, path: str, model: str, media: Collection[str] = ()) -> Fault | Reply | None:
        """The first item that matches and whose turn it is; those before it let one more request by."""
        with self._lock:
            for index, (item, left) in enumerate(self._script):
                if not item.matches(path, model, media):
                    continue
                if left[0] > 0:
                    left[0] -= 1
                    continue
                left[1] -= 1
                if left[1] == 0:
                    del self._script[index]
                return item
        return None

    def clear(self) -> None:
        """Forget requests, script, used request ids and cached prefixes; keep switches, weather, web and files."""
        with self._lock:
            self._script.clear()
        self._request_ids = OrderedDict()
        self.prefixes = PrefixCache()
        self.ledger.clear()

    async def enter(self, model: Model, entry: Received) -> None:
        """Take one of the places that an account has at a model. Those of clients whose hanging up has arrived are
        free. Raises Refusal: 1302 when there is none.
        """
        limit = chosen(self.switches.concurrency, model.id, model.concurrency)
        place, turns = _place(model, entry), _HANGING_UP
        while self._in_flight[place] >= limit and turns:
            await asyncio.sleep(0)
            turns -= 1
        entry.in_flight = self._in_flight[place] + 1
        if entry.in_flight > limit:
            raise Refusal("1302")
        self._in_flight[place] += 1
        self.ledger.touch()

    def leave(self, model: Model, entry: Received) -> None:
        self._in_flight[_place(model, entry)] -= 1

    def claim(self, request_id: str | None) -> None:
        """Use up a caller's request id. Raises Refusal: 1231 when it was used before."""
        if request_id is None or self.switches.repeated_request_ids == "accept":
            return
        if request_id in self._request_ids:
            raise Refusal("1231", request_id)
        self._request_ids[request_id] = None
        if len(self._request_ids) > _KEPT_IDS:
            self._request_ids.popitem(last=False)

    def keep_file(self, name: str, data: bytes, fault: Fault | None) -> None:
        self.files[name] = (data, fault)
        if len(self.files) > _KEPT_FILES:
            self.files.popitem(last=False)


def _place(model: Model, entry: Received) -> tuple[str, str]:
    """Where a request counts as one in flight: the service limits each account at each model."""
    return entry.headers.get("authorization", ""), model.id
