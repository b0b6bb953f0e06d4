"""Everything that can go wrong at the service, one row each: what was asked, how long it took, what was said, what follows.

    python benchmarks/faults.py [--only WORD] [--deadline 20]

Each row is a server of its own over stdio, with its real waits between tries. A row is bad when the call passed its
deadline, when a failure came as a success, when the kind, the models asked, the number of requests or the waits are not
the ones asked for, when the text names no mend, when the server died, when the next call failed, or when nothing proves
that the fault happened. Exit status 1 when there is a bad row.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))
from fault_answers import answers
from fault_places import service
from fault_refusals import refusals
from fault_rows import AT_ONE_GO, BESIDE, IN_5_S, MODEL, ROUNDS, TEXT, Row
from stdio import Server, ours

from glm_mcp.simulator import Received, Reply, Simulator
from glm_mcp.simulator.completions import tokens

GRACE_S = 1.5  # over the deadline: the server's own half second, and a busy machine
AT_ONCE_S = 2.0 + GRACE_S
HANGING_S = 4.0  # the deadline of a row that is expected to use it up
WAITS_S = (0.25, 8.0)  # between two tries: the shortest, and the longest
USUAL_S = 1.0  # an answer's time while none was seen: with less left, nobody is asked again
AT_ONCE = 6
LASTING = {"hang", "slow_first_byte", "slow_first_frame", "hang_mid", "trickle", "endless_thinking"}


@dataclass(frozen=True)
class Seen:
    """What came of a row; `limit` is the deadline that it had, `unproven` what is missing to say that the fault happened."""

    limit: float
    kind: str
    models: tuple[str, ...]
    seconds: float
    text: str
    hint: str
    lost: int
    unproven: str
    next_works: bool
    alive: bool


@dataclass(frozen=True)
class Told:
    """A result as it is on the wire. `kind`: ok, partial or the error's; `tried`: the models of its tries, if it names them."""

    kind: str
    text: str
    hint: str
    tried: tuple[str, ...]

    @classmethod
    def read(cls, result: dict[str, Any]) -> Told:
        text = "\n".join(b["text"] for b in result["content"] if b["type"] == "text")
        facts = (result.get("_meta") or {}).get("glm", {})
        error = facts.get("error", {})
        kind = "partial" if facts.get("partial") else "ok"
        if result.get("isError"):
            kind = str(error.get("kind", "no kind"))
        return cls(
            kind, text, str(error.get("hint", "")), tuple(a["model"] for a in facts.get("attempts", ()))
        )


def rows() -> list[Row]:
    return [*refusals(), *answers()]


def to_deadline(row: Row) -> bool:
    """Whether a row is expected to use up its time."""
    return row.want in {"timeout", "partial"} or row.asked in {ROUNDS, "to the deadline"}


def judge(row: Row, seen: Seen, waits: tuple[float, float] = WAITS_S) -> list[str]:
    """What is wrong with a row; empty when it is as it should be. `waits`: our shortest between two tries, and longest."""
    wrong = _untimely(row, seen, waits)
    models = tuple(dict.fromkeys(seen.models)) if row.asked == ROUNDS else seen.models
    if models != row.models:
        wrong.append(f"asked {' '.join(seen.models) or 'nobody'}")
    elif row.asked == ROUNDS and len(seen.models) == len(models):
        wrong.append("not asked again while there was time")
    if seen.kind != row.want:
        wrong.append(f"{row.want} was to come")
    wrong += [f"does not say '{word}'" for word in row.says if word not in seen.text]
    if TEXT in row.says and not seen.text.startswith(TEXT):
        wrong.append("something stands before the answer")
    if seen.kind not in {"ok", "partial"}:
        if not seen.text.startswith(f"{seen.kind}: "):
            wrong.append("no sentence of ours")
        if not seen.hint or seen.hint not in seen.text:
            wrong.append("names no mend")
    if seen.unproven:
        wrong.append(f"unproven: {seen.unproven}")
    if not seen.alive:
        wrong.append("the server died")
    if not seen.next_works:
        wrong.append("the next call failed")
    return wrong


def _untimely(row: Row, seen: Seen, waits: tuple[float, float]) -> list[str]:
    """What is too late or too soon."""
    wrong = []
    if seen.seconds > seen.limit + GRACE_S:
        wrong.append(f"{seen.seconds:.1f} s passed the deadline")
    if row.asked == AT_ONE_GO and seen.seconds > AT_ONCE_S:
        wrong.append(f"{seen.seconds:.1f} s are not at once")
    minimum = row.floor + row.own_waits * waits[0]
    if row.asked == ROUNDS:
        minimum = seen.limit - USUAL_S - waits[1]
    if seen.seconds < minimum:
        wrong.append(f"{minimum:.1f} s were to be waited")
    return wrong


def asked(simulator: Simulator) -> list[Received]:
    """The requests for an answer or a picture, in order of arrival."""
    return [r for r in simulator.received if r.path.endswith(("/chat/completions", "/images/generations"))]


def lost(simulator: Simulator, kind: str, text: str) -> int:
    """Tokens that the service spent on answers or parts of them that did not reach the caller."""
    begun = [r.tokens for r in asked(simulator)]
    if kind == "ok":
        begun = begun[:-1]
    part = text if kind == "partial" else text.partition("What had arrived (not complete):")[2]
    return max(0, sum(begun) - tokens.count(part))


def unproven(row: Row, simulator: Simulator) -> str:
    """What is missing to say that the fault met the requests that it was to meet; empty when nothing is."""
    if row.fault is None:
        return ""
    fitting = [r for r in asked(simulator) if row.fault.model in {None, r.model}]
    due = fitting[: row.fault.times] if row.fault.times else fitting
    if not due or len(due) < row.fault.times:
        return "too few requests"
    met = [r for r in asked(simulator) if r.fault == row.fault.kind]
    if met != due:
        return f"the fault met {len(met)} of {len(due)} requests"
    if row.fault.kind in LASTING and (row.want != "ok" or row.asked == BESIDE):
        # Left by us: the service had not finished.
        simulator.wait(lambda received: all(r.ended for r in received))
        return "" if all(r.disconnected for r in met) else "the service ended by itself"
    return ""


def arguments(row: Row, *, following: bool = False) -> dict[str, Any]:
    """`following`: of the next call, which names its model, so that no other can stand in for it."""
    if row.tool == "generate_image":
        return {"prompt": "a hill", "size": "512x512"}
    return {"prompt": "hello", **({"model": MODEL} if row.named or following else {}), **row.given}


def arm(simulator: Simulator, row: Row) -> None:
    fault = row.fault
    if fault and fault.retry_after == IN_5_S:
        fault = replace(
            fault, retry_after=format_datetime(datetime.now(UTC) + timedelta(seconds=5), usegmt=True)
        )
    if fault:
        simulator.queue(fault)
    simulator.queue(Reply(TEXT, times=0))


def witness(
    row: Row, limit: float, seconds: float, told: Told, simulator: Simulator, met: list[str] | None
) -> Seen:
    """What is known after the call; whether the next one works is not yet. `met`: the connections of a stand-in."""
    models = tuple(r.model for r in asked(simulator))
    missing = unproven(row, simulator)
    if row.way:
        models = told.tried or (MODEL,)
        if met is not None and len(met) != len(models):
            missing = f"{len(met)} connections"
    spent = lost(simulator, told.kind, told.text)
    return Seen(limit, told.kind, models, seconds, told.text, told.hint, spent, missing, False, False)


def goes_on(row: Row, told: Told, following: Told, simulator: Simulator) -> bool:
    """Whether the next call is answered, by one request; where there is no service at all, it says so once more."""
    if row.way:
        return (following.kind, following.text) == (told.kind, told.text)
    return following.kind == "ok" and len(asked(simulator)) == 1


def measure(row: Row, deadline: float) -> Seen:
    """One row at a server process of its own."""
    folder = Path(tempfile.mkdtemp(prefix="glm-faults-"))
    limit = min(deadline, HANGING_S) if to_deadline(row) else deadline
    try:
        with Simulator() as simulator, service(row, simulator, folder) as (env, met):
            own = {"HOME": str(folder), "GLM_OUTPUT_DIR": str(folder), "GLM_DEADLINE_S": str(limit)}
            with ours({**env, **own, "GLM_LANG": "en"}) as server:
                arm(simulator, row)
                began = time.monotonic()
                told = Told.read(_call(server, row.tool, arguments(row)))
                seen = witness(row, limit, time.monotonic() - began, told, simulator, met)
                simulator.clear()
                following = Told.read(_call(server, row.tool, arguments(row, following=True)))
                alive = server.process.poll() is None and len(server.ask("tools/list")["tools"]) == 5
                works = goes_on(row, told, following, simulator)
                return replace(seen, next_works=works, alive=alive)
    except (RuntimeError, BrokenPipeError, OSError, subprocess.SubprocessError) as error:
        return Seen(limit, type(error).__name__, (), 0, str(error), "", 0, "no call", False, False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _call(server: Server, tool: str, given: dict[str, Any]) -> dict[str, Any]:
    return server.ask("tools/call", {"name": tool, "arguments": given})


def _cell(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= 300 else line[:299] + "…"


def _requests(models: tuple[str, ...]) -> str:
    """How many, of the first model and of those after it."""
    return " + ".join(str(models.count(m)) for m in dict.fromkeys(models)) or "0"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--deadline", type=float, default=20.0)
    parser.add_argument("--json", action="store_true", help="print what was seen as JSON lines")
    given = parser.parse_args()
    chosen = [row for row in rows() if given.only in row.name]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda row: measure(row, given.deadline), chosen))
    bad = 0
    print("| | fault | asked | requests | s | kind | next call | tokens lost | text |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row, seen in zip(chosen, found, strict=True):
        wrong = judge(row, seen)
        bad += bool(wrong)
        mark = f"**BAD: {'; '.join(wrong)}**" if wrong else "ok"
        following = "FAILS" if not seen.next_works else "says the same" if row.way else "works"
        name = f"{row.name} ({row.note})" if row.note else row.name
        print(
            f"| {mark} | {name} | {row.asked} | {_requests(seen.models)} | {seen.seconds:.1f} | {seen.kind} |"
            f" {following} | {seen.lost} | {_cell(seen.text)} |"
        )
        if given.json:
            print(json.dumps(seen.__dict__, ensure_ascii=False), file=sys.stderr)
    noted = sum(bool(row.note) for row in chosen)
    spent = sum(seen.lost for seen in found)
    print(f"\n{len(chosen)} rows, {bad} bad, {noted} with a fault that cannot be seen; {spent} tokens lost.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
