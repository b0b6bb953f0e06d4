"""Many cases of one behaviour in one test: a test of its own costs the runner more than most of them cost."""

from __future__ import annotations

import functools
import inspect
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from support.connect import Apps, Connected, folders_in

from glm_mcp.installation import Machine
from glm_mcp.server.app import Folders
from glm_mcp.simulator import Simulator

_SHOWN = 200  # characters of a case
_FAILED = (Exception, pytest.fail.Exception)

Check = Callable[..., Any]


def each(
    names: str | Sequence[str],
    cases: Iterable[Any],
    ids: Callable[[Any], object] | Iterable[str] | None = None,
) -> Callable[[Check], Check]:
    """As `pytest.mark.parametrize`, in one test: it tries every case, and fails in the end with each that failed, named.

    The simulator, every folder, `monkeypatch`, `machine`, `app_of` and `connect` are as new for each case; what else a test is given is
    not.
    """
    named = [n.strip() for n in names.split(",")] if isinstance(names, str) else list(names)
    tried = [(case,) if names == named[0] else case for case in cases]
    titles = (
        [" ".join(str(ids(value)) for value in case) for case in tried]
        if callable(ids)
        else [str(name) for name in ids]
        if ids
        else [repr(case)[:_SHOWN] for case in tried]
    )
    assert tried, "no case"

    def in_one(check: Check) -> Check:
        signature = inspect.signature(check)
        failures: list[BaseException] = []

        @contextmanager
        def trial(number: int, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
            with _as_it_was(given.values()), pytest.MonkeyPatch.context() as patch:
                try:
                    yield _renewed(given, number, patch) | dict(zip(named, tried[number], strict=True))
                except _FAILED as error:
                    error.add_note(f"case: {titles[number]}")
                    failures.append(error)

        def tell() -> None:
            found = failures.copy()
            failures.clear()
            if found:
                raise BaseExceptionGroup(f"{len(found)} of {len(tried)} cases failed", found)

        def plain(**given: Any) -> None:
            for number in range(len(tried)):
                with trial(number, given) as values:
                    check(**values)
            tell()

        async def awaited(**given: Any) -> None:
            for number in range(len(tried)):
                with trial(number, given) as values:
                    await check(**values)
            tell()

        run = functools.wraps(check)(awaited if inspect.iscoroutinefunction(check) else plain)
        others = [p for p in signature.parameters.values() if p.name not in named]
        run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]  # what pytest reads
        return run

    return in_one


def _renewed(given: Mapping[str, Any], number: int, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    place = f"case-{number}"
    own = {name: _own(value, place, patch) for name, value in given.items()}
    if "tmp_path" in own:
        own["tmp_path"] = given["tmp_path"] / place
        own["tmp_path"].mkdir(exist_ok=True)
    return own


def _own(value: Any, place: str, patch: pytest.MonkeyPatch) -> Any:
    match value:
        case pytest.MonkeyPatch():
            return patch
        case Folders():
            return folders_in(value.home.parent / place)
        case Apps():
            return Apps(value.sim, _own(value.folders, place, patch))
        case Connected():
            return Connected(_own(value.app_of, place, patch))
        case Machine():
            home = value.home.parent / place / "home"
            shutil.copytree(value.home, home, symlinks=True)
            return replace(value, home=home, cwd=home / value.cwd.relative_to(value.home))
    return value


@contextmanager
def _as_it_was(given: Iterable[Any]) -> Iterator[None]:
    """The simulators of a case, afterwards as before: nothing under way, asked or arranged."""
    used = [(one, one.switches, one.engine, dict(one.web)) for one in _simulators(given)]
    yield
    for simulator, switches, engine, web in used:
        simulator.wait(lambda received: all(r.ended for r in received))
        simulator.clear()
        simulator.switches, simulator.engine = switches, engine
        simulator.web.clear()
        simulator.web.update(web)


def _simulators(given: Iterable[Any]) -> Iterator[Simulator]:
    for value in given:
        match value:
            case Simulator():
                yield value
            case Apps(sim=simulator) | Connected(app_of=Apps(sim=simulator)):
                yield simulator
