"""The cache: private folders (0700) of files kept for a while, `area/owner/name`, so that whose a file is needs no list.

    outputs    what the tools made     7 days, or 500 MB with the next, of all owners together, of whom each has their share
    parts      finished parts of long work
    files      what callers over HTTP have sent     24 hours

Several processes may share the folders, also over a network. Every method may block; call it from a thread.
"""

from __future__ import annotations

import contextlib
import heapq
import logging
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from glm_mcp.atomic_files import FoundFile, list_files, private_folder, replace_file
from glm_mcp.errors import ConfigError

MAX_BYTES = 500 * 1000 * 1000
MAX_AGE_DAYS = 7.0
FILES_HOURS = 24.0
OUTPUTS, PARTS, FILES = "outputs", "parts", "files"

FOLDERS = 1_000  # of owners that are remembered to be there and private; an issuer may let in any number
MAX_FILES = 20_000  # outputs and parts, whose names each look-up goes through
_OWNER = re.compile(r"[0-9a-f]{16}")
_STALE_S = 3600.0  # a temporary file that nobody has written to for so long is of a process that died
_SWEEP_S = 600.0  # shortest time between two sweeps of one process
_AHEAD_S = 3600.0  # by which clocks of machines with one folder may differ

_log = logging.getLogger(__name__)


class Cache:
    """The folders of one server, of every owner. An owner is 16 hex digits."""

    def __init__(
        self,
        root: Path,
        *,
        max_bytes: int = MAX_BYTES,
        max_files: int = MAX_FILES,
        max_age_days: float = MAX_AGE_DAYS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`max_bytes`, `max_files`, `max_age_days`: of outputs and parts."""
        self.max_bytes, self.max_files = max_bytes, max_files
        self.clock = clock
        days = {OUTPUTS: max_age_days, PARTS: max_age_days, FILES: FILES_HOURS / 24}
        self.max_age_s = {area: each * 86_400 for area, each in days.items()}
        self.root = root
        self._checked: dict[tuple[str, ...], Path] = {}  # the last FOLDERS of them
        self._swept: float | None = None
        self._since = 0

    def folder(self, area: str, owner: str) -> Path:
        """An owner's folder, made at first use. Raises ConfigError."""
        if not _OWNER.fullmatch(owner):
            raise ValueError("an owner becomes a part of paths")
        return self._made((area, owner), lambda: private_folder(self._area(area) / owner))

    def used(self, area: str, owner: str) -> Path | None:
        """The folder that this process has put an owner's files into, if it has."""
        return self._checked.get((area, owner))

    def put(self, area: str, owner: str, name: str, raw: bytes) -> None:
        """Writes a private file, whole or not at all. Raises ConfigError."""
        path = self.folder(area, owner) / name
        try:
            replace_file(path, raw, 0o600)
            self.touch(path)
        except OSError as error:
            raise cannot_keep(error) from error
        self.grown(len(raw))

    def touch(self, path: Path) -> None:
        """Lets the time of a file begin anew."""
        now = self.clock()
        os.utime(path, (now, now))

    def entries(self, area: str, owner: str, start: str = "") -> list[FoundFile]:
        """An owner's files that have not expired, whose names start so; none where there can be no folder. Links are none."""
        oldest = self.clock() - self.max_age_s[area]
        try:
            found = list_files(self.folder(area, owner), start)
        except ConfigError:
            return []
        return [f for f in found if f.modified >= oldest]

    def grown(self, size: int) -> None:
        """A file of so many bytes came in: sweeps now and then. However small it is, it counts as one of those that fit."""
        self._since += max(size, self.max_bytes // self.max_files)
        due = self._swept is None or not 0 <= self.clock() - self._swept < _SWEEP_S
        if due or self._since > self.max_bytes // 20:
            self.sweep()

    def sweep(self) -> None:
        """Removes what is older than its limit, then outputs and parts until the rest fits: the oldest of those owners who
        have most, so that nobody's results go for what another keeps. The time of what was written before the clock was set
        back begins anew: it would outlive its limit.
        """
        self._swept, self._since = self.clock(), 0
        for entry in self._everyones(FILES):
            if self._is_stale(entry, FILES):
                _remove(entry.path)
        by_owner: dict[str, list[FoundFile]] = {}
        for area in (OUTPUTS, PARTS):
            for entry in self._everyones(area):
                if not (self._is_stale(entry, area) and _remove(entry.path)):
                    by_owner.setdefault(entry.path.parent.name, []).append(entry)
        for files in by_owner.values():
            files.sort(key=lambda f: -f.modified)
        _fit(by_owner, self.max_bytes, lambda file: file.size)
        _fit(by_owner, self.max_files, lambda _: 1)

    def _is_stale(self, entry: FoundFile, area: str) -> bool:
        """Whether its time is over; that of one of the future, as a clock that was set back leaves it, begins anew."""
        age = self.clock() - entry.modified
        if age < -_AHEAD_S:
            with contextlib.suppress(OSError):  # gone since
                self.touch(entry.path)
        return age > (_STALE_S if entry.name.endswith(".part") else self.max_age_s[area])

    def _everyones(self, area: str) -> Iterator[FoundFile]:
        """The files of all owners; folders that have been empty for long are taken away."""
        folder = self._area(area)
        yield from list_files(folder)
        with contextlib.suppress(OSError), os.scandir(folder) as found:
            for each in [e for e in found if e.is_dir(follow_symlinks=False) and _OWNER.fullmatch(e.name)]:
                files = list_files(Path(each.path))
                yield from files
                with contextlib.suppress(OSError):
                    if not files and self.clock() - each.stat().st_mtime > self.max_age_s[area]:
                        Path(each.path).rmdir()

    def _area(self, area: str) -> Path:
        """Where the cache cannot be written, a private temporary folder."""
        return self._made((area,), lambda: self._area_folder(area))

    def _area_folder(self, area: str) -> Path:
        try:
            return private_folder(self.root / area)
        except OSError as error:
            _log.warning(
                "the cache %s cannot be used (%s): kept files go to a temporary folder",
                self.root,
                error.strerror,
            )
            return _elsewhere(area)

    def _made(self, key: tuple[str, ...], make: Callable[[], Path]) -> Path:
        known = self._checked.get(key)
        if known is not None and known.is_dir():
            return known
        try:
            folder = self._checked[key] = make()
            if len(self._checked) > FOLDERS:
                self._checked.pop(next(iter(self._checked)), None)
        except OSError as error:
            raise ConfigError(
                "nothing can be kept: neither the cache nor a temporary folder can be written",
                "Set XDG_CACHE_HOME or TMPDIR in the server's environment to a folder that can be written.",
            ) from error
        return folder


def kept_in(root: Path, temp: Path) -> list[Path]:
    """The folders of all that is kept, in this cache or in its place: whose a file is decides who gets it, not its path."""
    return [place / area for place in (root, _instead(temp)) for area in (OUTPUTS, PARTS, FILES)]


def _instead(temp: Path) -> Path:
    """Where things are kept while the cache cannot be written, so that the next process finds them and sweeps them."""
    user = os.getuid() if hasattr(os, "getuid") else "own"
    return temp / f"glm-mcp-{user}"


def _elsewhere(area: str) -> Path:
    """A folder made anew each time would stay for ever: that is done only where somebody else has taken the name."""
    try:
        return private_folder(private_folder(_instead(Path(tempfile.gettempdir()))) / area)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="glm-mcp-"))


def _fit(by_owner: dict[str, list[FoundFile]], room: int, weigh: Callable[[FoundFile], int]) -> None:
    """Removes until the rest fits: each time the oldest file, which stands last, of whoever has most."""
    held = {owner: sum(map(weigh, files)) for owner, files in by_owner.items()}
    total = sum(held.values())
    most = [(-size, owner) for owner, size in held.items()]
    heapq.heapify(most)
    while total > room and most:
        owner = heapq.heappop(most)[1]
        if not by_owner[owner]:
            continue
        oldest = by_owner[owner].pop()
        if _remove(oldest.path):
            total -= weigh(oldest)
            held[owner] -= weigh(oldest)
        heapq.heappush(most, (-held[owner], owner))


def cannot_keep(error: OSError) -> ConfigError:
    return ConfigError(
        f"nothing can be kept now ({error.strerror or 'the system refuses'})",
        "Free some space on the disk of the server's cache.",
    )


def _remove(path: Path) -> bool:
    """Whether it has gone by this; another process may have swept it."""
    try:
        path.unlink()
    except OSError:
        return False
    return True
