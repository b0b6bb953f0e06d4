"""A PDF on its way through the worker. Where one page takes the reader down, the others are read without it."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio.to_thread

from glm_mcp.errors import GLMError, TimedOut
from glm_mcp.media.types import Source, check_pages
from glm_mcp.media.worker import run_job
from glm_mcp.media.worker_child import READER

_MB = 1024 * 1024
_CHOSEN = "glm_mcp.media.documents.pdf:chosen_job"
SECONDS = 120  # for one document; the call's own deadline usually comes first
_TRIES = 32  # children, one after the other, that look for the pages at fault: one page of 10,000 takes 27
_LARGE = 16 * _MB
_FOLDER, _LINK = "glm-mcp-pdf-", "input.pdf"
_STALE_S = 3600.0  # no call takes as long


async def read_pdf(job: str, source: Source, params: dict[str, Any]) -> dict[str, Any]:
    """The facts of a reading job. Raises whatever it raises where not one page can be read."""
    ends = anyio.current_time() + SECONDS
    try:
        facts, _ = await pdf_job(job, source, params)
    except GLMError as error:
        if error.about != READER:
            raise
        return await _around(job, source, params, error, ends)
    return facts


async def _around(
    job: str, source: Source, params: dict[str, Any], gave_way: GLMError, ends: float
) -> dict[str, Any]:
    """The pages in halves, and halves of those halves in which the reader gives way, down to the pages at fault."""
    chosen: list[int] = (await pdf_job(_CHOSEN, source, params, ends - anyio.current_time()))[0]["chosen"]
    parts = _halves((0, len(chosen)))
    read: list[dict[str, Any]] = []
    lost: list[int] = []
    tried = 0
    while parts and tried < _TRIES and (left := ends - anyio.current_time()) > 0:
        part = parts.pop()
        tried += 1
        try:
            facts, _ = await pdf_job(job, source, {**params, "part": part}, left)
        except TimedOut:
            parts.append(part)
            break
        except GLMError as error:
            if error.about != READER:
                raise
            parts += _halves(part)
            lost += chosen[slice(*part)] if part[1] - part[0] == 1 else []
        else:
            read.append(facts)
            check_pages([row for facts in read for row in facts["pages"]], params["name"])
    if not read:
        raise gave_way
    notes = list(dict.fromkeys(note for facts in read for note in facts["notes"]))
    if lost:
        page = "page" if len(lost) == 1 else "pages"
        notes.append(f"left out, as the reader gave way there: {page} {_ranges(lost)}")
    untried = sorted(number for part in parts for number in chosen[slice(*part)])
    notes += [f"left out for want of time: pages {_ranges(untried)}; ask for them alone"] if untried else []
    return {**read[0], "pages": sorted(row for facts in read for row in facts["pages"]), "notes": notes}


async def draw_pdf(
    job: str, source: Source, params: dict[str, Any]
) -> tuple[list[list[Any]], list[bytes], list[int]]:
    """The rows and pictures of a drawing job, and the pages on which nothing is drawn. In halves, and halves of those, in
    which the drawer gives way: each page is drawn, or found to be at fault. Raises whatever the job raises where the drawer
    gives way on every page.
    """
    ends = anyio.current_time() + SECONDS
    parts: list[Sequence[int]] = [params["numbers"]]
    rows, blobs, empty = list[list[Any]](), list[bytes](), list[int]()
    gave_way: list[GLMError] = []
    done = False
    while parts:
        numbers, left = parts.pop(), ends - anyio.current_time()
        try:
            facts, some = await pdf_job(job, source, {**params, "numbers": numbers}, max(left, 0.0))
        except GLMError as error:
            if error.about != READER:
                raise
            gave_way.append(error)
            parts += [numbers[slice(*half)] for half in _halves((0, len(numbers)))]
        else:
            done = True
            rows += facts["rows"]
            blobs += some
            empty += facts["empty"]
    if not done:
        raise gave_way[0]
    return rows, blobs, empty


def memory_mb(source: Source) -> int:
    """That the reader of a document may take."""
    # The file itself, the copy that the parser keeps, and the work on it.
    return 1500 + 3 * (source.size // _MB)


def _halves(part: tuple[int, int]) -> list[tuple[int, int]]:
    """The second half first, as the last is taken next; none of a single page."""
    start, end = part
    middle = (start + end) // 2
    return [(middle, end), (start, middle)] if end - start > 1 else []


def _ranges(numbers: Sequence[int]) -> str:
    """As `pages` takes them."""
    groups = itertools.groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    runs = [[number for _, number in group] for _, group in groups]
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


async def pdf_job(
    job: str, source: Source, params: dict[str, Any], seconds: float = SECONDS
) -> tuple[dict[str, Any], list[bytes]]:
    """A large PDF goes by a path, so that the parser reads what it needs instead of holding all of it twice. It wants
    a name that ends in .pdf: a link to the standard input of whoever follows it, which is the file once opened here.
    """
    memory = memory_mb(source)
    if sys.platform != "linux" or source.size < _LARGE:
        return await run_job(job, source, params, timeout_s=seconds, memory_mb=memory)
    # Waited for also when nobody wants it any more: a folder that is made must be known here.
    link = await anyio.to_thread.run_sync(_link_to_stdin)
    try:
        return await run_job(job, source, {**params, "path": str(link)}, timeout_s=seconds, memory_mb=memory)
    finally:
        shutil.rmtree(link.parent, ignore_errors=True)


def _link_to_stdin() -> Path:
    """In a new folder of its own. What a process that was killed has left goes here."""
    oldest = time.time() - _STALE_S
    for left in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        with contextlib.suppress(OSError):  # gone
            status = left.lstat()
            if (
                stat.S_ISDIR(status.st_mode)
                and (sys.platform == "linux" and status.st_uid == os.getuid())
                and status.st_mtime < oldest
            ):
                (left / _LINK).unlink(missing_ok=True)
                left.rmdir()
    link = Path(tempfile.mkdtemp(prefix=_FOLDER)) / _LINK
    link.symlink_to("/proc/self/fd/0")
    return link
