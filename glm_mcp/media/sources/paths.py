"""Which files an argument names: the ways people and models write a path, and patterns. Blocking."""

from __future__ import annotations

import fnmatch
import itertools
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from glm_mcp.errors import ForbiddenPath, InvalidRequest, NotFound
from glm_mcp.media.sources.fragment import split_fragment
from glm_mcp.media.sources.missing import exists, not_there, twin
from glm_mcp.media.types import Fragment
from glm_mcp.sandbox import Sandbox

GLOB_MAX = 50
SOURCES_MAX = 200  # of one call: each holds a file open, of which a process has only so many
_COUNTED = 1000  # matches after which counting ends
_VISITED = 100_000  # folder entries looked at for one pattern: some seconds
_DEPTH = 200  # folders in folders; deeper ones are no place for pictures
_BESIDE = (".", "~$")  # how hidden names begin, and those of what Office keeps beside an open document
_MAGIC = re.compile(r"[*?\[{]")
_BRACES = re.compile(r"\{([^{},]*,[^{}]*)\}")  # the innermost


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one argument. `matched`: by a pattern. `loose`: by one such as `shots/*`, which also meets what was
    not meant.
    """

    paths: tuple[Path, ...]
    fragment: Fragment
    matched: bool = False
    loose: bool = False


def find_files(argument: str, sandbox: Sandbox) -> Files:
    """The files that an argument names, existing and in readable places; opening them is the sandbox's business.

    A file that has the name exactly as written wins over every reading of `#`, `*`, `[`, `@` and backslashes in it.
    Raises NotFound, ForbiddenPath, InvalidRequest.
    """
    if sandbox.remote and not sandbox.roots():
        path = Path(_spellings(split_fragment(argument)[0])[-1])
        raise sandbox.outside(path, sandbox.absolute(path))
    for text in _spellings(argument):
        if exists(Path(text), sandbox):
            return Files((Path(text),), Fragment())
    base, fragment = split_fragment(argument)
    spellings = _spellings(base)
    for text in spellings:
        if fragment != Fragment() and exists(Path(text), sandbox):
            return Files((Path(text),), fragment)
    for text in spellings:
        matched = expand(text, sandbox) if _MAGIC.search(text) else []
        if matched:
            return Files(tuple(matched), fragment, matched=True, loose=Path(text).name in ("*", "**", "*.*"))
    for text in spellings:
        meant = twin(Path(text), sandbox)
        if meant is not None:
            return Files((meant,), fragment)
    inside = of_windows(base)
    if inside.startswith("/mnt/") and not Path(inside[:6]).is_dir():
        raise NotFound(
            f"{base} is a path of Windows, and this server runs on another system",
            f"Pass the path on the server's machine; under WSL that is {inside}.",
        )
    raise not_there(spellings[-1], sandbox, pattern=bool(_MAGIC.search(spellings[-1])))


def expand(pattern: str, sandbox: Sandbox) -> list[Path]:
    """The files that a pattern matches, in natural order: `*`, `?`, `[…]`, `{a,b}`, and `**` for any folders.

    Hidden names are left out, what Office keeps beside an open document, and links out of the folder in which the
    pattern begins: a link that the caller writes out, in front of the pattern or between braces, is one that was
    named. Raises InvalidRequest for more than 50 files or too large a search, ForbiddenPath when the pattern begins
    outside the readable places.
    """
    matched: dict[Path, None] = {}
    visited = [0]
    for single in _braces(pattern):
        asked = sandbox.absolute(Path(single)).parts
        parts = [p for p, after in itertools.pairwise((*asked, "")) if (p, after) != ("**", "**")]
        magic = [i for i, part in enumerate(parts) if _MAGIC.search(part)]
        fixed = magic[0] if magic else len(parts) - 1
        base = sandbox.check(Path(*parts[:fixed]))
        search = _Search(sandbox, base if magic else None, visited)
        for path in _walk(base, parts[fixed:], search):
            matched[path] = None
            if len(matched) > _COUNTED:
                break
    if len(matched) > GLOB_MAX:
        count = f"more than {_COUNTED}" if len(matched) > _COUNTED else str(len(matched))
        raise InvalidRequest(
            f"the pattern {pattern} matches {count} files, and at most {GLOB_MAX} are taken at once",
            "Narrow the pattern, or send the files in several calls.",
        )
    return sorted(matched, key=lambda path: natural(str(path)))


def check_number(count: int) -> None:
    """Raises InvalidRequest for more sources than one call may have."""
    if count > SOURCES_MAX:
        raise InvalidRequest(
            f"more than {SOURCES_MAX} files and addresses are named", "Send them in several calls."
        )


def natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key by which page2 comes before page10."""
    pieces = re.findall(r"\d+|\D+", text.casefold())
    return [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces]


def file_url_path(url: str) -> str:
    """The path of a file: URL, its percent escapes kept. Raises ForbiddenPath for another machine's."""
    rest = url.partition(":")[2]
    rest = rest.replace("\\", "/") if os.name == "nt" else rest
    host, path = "", rest
    if rest.startswith("//"):  # not by a URL parser: it would stop at brackets, and take ? and # out of names
        host, slash, path = rest[2:].partition("/")
        path = slash + path
    if host in ("~", ".", ".."):  # file://~/a.png is not right, but clear
        return host + path
    if host.lower() not in ("", "localhost", "127.0.0.1"):
        raise ForbiddenPath(
            f"{url[:200]} names a file of another machine",
            "Files of this machine are file:///absolute/path, with three slashes, or just the path.",
        )
    return path[1:] if re.match(r"/[A-Za-z]:", path) and os.name == "nt" else path


def _spellings(argument: str) -> list[str]:
    """The ways to read an argument as a path, the most literal first, the most likely last."""
    if re.match(r"file:", argument, re.IGNORECASE):
        return [unquote(file_url_path(argument))]
    spellings = [argument]
    if argument.startswith("@") and len(argument) > 1:  # how chat windows mention a file
        spellings.append(argument[1:])
    if os.name != "nt" and "\\" in argument:
        shell = [re.sub(r"\\(.)", r"\1", text) for text in spellings]  # "a\\ b.png", as a shell needs it
        windows = [text.replace("\\", "/") for text in spellings]
        spellings += windows + shell if re.search(r"\\\W", argument) else shell + windows
    if inside := of_windows(argument):
        spellings.append(inside)
    if re.search(r"%[0-9A-Fa-f]{2}", argument):  # as an address has it
        spellings += [unquote(text) for text in list(spellings)]
    return list(dict.fromkeys(spellings))


def of_windows(text: str) -> str:
    """Where a Linux inside Windows has a path of Windows; empty for any other path, and on Windows."""
    if os.name == "nt":
        return ""
    drive = re.match(r"([A-Za-z]):[\\/](.*)", text, re.DOTALL)
    own = re.match(r"[\\/]{2}wsl(?:\$|\.localhost)[\\/][^\\/]+[\\/](.*)", text, re.DOTALL | re.IGNORECASE)
    found = f"/mnt/{drive[1].lower()}/{drive[2]}" if drive else f"/{own[1]}" if own else ""
    return found.replace("\\", "/")


def _braces(pattern: str) -> list[str]:
    """The patterns that a pattern with braces stands for, at most `GLOB_MAX`: each pair within another doubles them."""
    done: list[str] = []
    left = [pattern]
    while left:
        single = left.pop()
        braces = _BRACES.search(single)
        if braces is None:
            done.append(single)
        else:
            before, behind = single[: braces.start()], single[braces.end() :]
            left += [before + word + behind for word in reversed(braces[1].split(","))]
        if len(done) + len(left) > GLOB_MAX:
            raise InvalidRequest(
                f"the pattern {pattern[:80]} has too many braces", "Write it in several arguments."
            )
    return done


@dataclass(frozen=True, slots=True)
class _Search:
    """`base`: below which links are followed, None for anywhere. `visited`: counts over all that a pattern stands for."""

    sandbox: Sandbox
    base: Path | None
    visited: list[int]

    def follows(self, link: Path) -> bool:
        """Whether a link leads to a readable place, and below `base` where there is one."""
        try:
            target = self.sandbox.check(link)
        except (ForbiddenPath, InvalidRequest):
            return False
        return self.base is None or target.is_relative_to(self.base)


def _walk(folder: Path, parts: Sequence[str], search: _Search) -> Iterator[Path]:
    """The files below `folder`, which is resolved, that match the components of a pattern."""
    # Not even their names are told of what is kept of others.
    if len(folder.parts) > _DEPTH or search.sandbox.never_reads(folder):
        return
    first, rest = parts[0], parts[1:]
    deep = first == "**"
    if deep and rest:
        yield from _walk(folder, rest, search)
    pattern = first.casefold() if sys.platform in ("win32", "darwin") else first
    for entry in _entries(folder, search.visited):
        name = entry.name.casefold() if pattern is not first else entry.name
        if any(name.startswith(mark) and not first.startswith(mark) for mark in _BESIDE):
            continue
        if not (deep or fnmatch.fnmatchcase(name, pattern)):
            continue
        path = folder / entry.name
        if entry.is_symlink() and not search.follows(path):
            continue
        kind = _kind(entry)
        if kind == "folder":
            if rest and not deep:
                yield from _walk(path, rest, search)
            elif deep and not entry.is_symlink():  # which may lead round in a circle
                yield from _walk(path, parts, search)
        elif kind == "file" and not rest:
            yield path


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else ""
    except OSError:  # a link that leads to itself
        return ""


def _entries(folder: Path, visited: list[int]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            listed = list(itertools.islice(entries, _VISITED + 1 - visited[0]))
    except OSError:
        return []
    visited[0] += len(listed)
    if visited[0] > _VISITED:
        raise InvalidRequest(
            f"the pattern covers more than {_VISITED} files and folders", "Begin it in a deeper folder."
        )
    return sorted(listed, key=lambda entry: entry.name)
