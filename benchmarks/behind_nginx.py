"""Two replicas behind nginx, with Redis: how soon a cancel reaches the service, and what is lost with a killed replica.

    python benchmarks/behind_nginx.py [--rounds 5]

Needs nginx and redis-server. Exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

import anyio
import over_http
from over_http import verdict

sys.path.append(
    str(Path(__file__).parent.parent / "tests")
)  # for the servers and clients that the tests have
os.environ["GLM_TEST_TEAM"] = "1"

from support.team import team
from support.team_calls import WAYS, given_up, killed_in_the_middle


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with team() as made:
        token = made.token("ada")
        for version, way in WAYS:
            took = [anyio.run(given_up, made, token, version, way) * 1000 for _ in range(rounds)]
            what = f"cancel to the service through nginx, {version}, {way}"
            verdict(f"{what}, median", statistics.median(took), 250, unit=" ms")
            print(f"     the slowest: {max(took):.0f} ms")
    for _ in range(rounds):
        with team() as made:
            killed = anyio.run(killed_in_the_middle, made, made.token("ada"), 8)
        print(f"     a replica killed with {killed.ran} of {killed.calls} calls: {killed.lost} lost")
        verdict("calls lost that another replica ran", killed.lost - killed.ran, 0)
        verdict("calls lost afterwards", killed.calls - killed.afterwards, 0)
    return 1 if over_http.missed else 0


if __name__ == "__main__":
    sys.exit(main())
