"""The HAProxy of `deploy/` on a free port, in front of replicas of a test; gone with the `with` block."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from support.paths import ROOT
from support.ports import held_port
from support.processes import LIMIT_S, until
from support.team_programs import needed

CONFIGURATION = ROOT / "deploy" / "haproxy.cfg"


def adapted(folder: Path, changes: Sequence[tuple[str, str]]) -> Path:
    """The configuration of `deploy/` with these changes, each of which has something to change."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    found = folder / "haproxy.cfg"
    found.write_text(text, encoding="utf-8")
    return found


@contextmanager
def haproxy(folder: Path, replicas: Sequence[str], *changes: tuple[str, str]) -> Iterator[str]:
    """Its address, once it listens. `replicas`: their addresses, two; `changes`: of the configuration, such as shorter times."""
    program = needed("haproxy")
    first, second = (urlsplit(r).netloc for r in replicas)
    with held_port() as port, (folder / "haproxy.log").open("wb") as log:
        ours = [
            ("server glm-1 glm-1:8000", f"server glm-1 {first}"),
            ("server glm-2 glm-2:8000", f"server glm-2 {second}"),
            ("bind :8080", f"bind 127.0.0.1:{port}"),
        ]
        file = adapted(folder, [*ours, *changes])
        process = subprocess.Popen(
            [program, "-db", "-f", str(file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )

        def listens() -> bool:
            assert process.poll() is None, (folder / "haproxy.log").read_text(encoding="utf-8")
            with socket.socket() as client:
                return client.connect_ex(("127.0.0.1", port)) == 0

        try:
            until(listens)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait(LIMIT_S)
