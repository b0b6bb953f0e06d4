"""The nginx of `deploy/` on a free port, in front of replicas of a test; gone with the `with` block."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from support.paths import ROOT
from support.ports import held_port
from support.processes import LIMIT_S, until
from support.team_programs import needed

CONFIGURATION = ROOT / "deploy" / "nginx.conf"


def adapted(folder: Path, changes: Sequence[tuple[str, str]]) -> Path:
    """The configuration of `deploy/` with these changes, each of which has something to change."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    for old, new in (*changes, ("/tmp/nginx", f"{folder}/nginx"), ("/dev/std", f"{folder}/std")):  # noqa: S108 - of the file
        assert old in text, old
        text = text.replace(old, new)
    found = folder / "nginx.conf"
    found.write_text(text, encoding="utf-8")
    return found


class Nginx:
    """`replicas`: their addresses, two. `changes`: further ones of the configuration, such as shorter times."""

    def __init__(self, folder: Path, replicas: Sequence[str], *changes: tuple[str, str]) -> None:
        self.program = needed("nginx")
        self._held = contextlib.ExitStack()
        self.port = self._held.enter_context(held_port())
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        first, second = (urlsplit(r).netloc for r in replicas)
        ours = [
            ("server glm-1:8000", f"server {first}"),
            ("server glm-2:8000", f"server {second}"),
            ("listen 8080;", f"listen 127.0.0.1:{self.port};"),
            ("worker_processes auto", "worker_processes 2"),
        ]
        self.file = adapted(folder, [*ours, *changes])
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> list[str]:
        # As root its workers would give the rights to its folders away.
        user = " user root;" if os.geteuid() == 0 else ""
        options = ["-p", str(self.folder), "-c", str(self.file), "-e", str(self.folder / "stderr")]
        return [self.program, *options, "-g", f"daemon off;{user}", *words]

    def __enter__(self) -> Self:
        with (self.folder / "start.log").open("wb") as log:
            self._process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self._listens)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process
        self._process.terminate()  # its workers go with it
        self._process.wait(LIMIT_S)
        self._held.close()

    def _listens(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self.folder / "start.log").read_text(encoding="utf-8")
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def logged(self) -> str:
        """All that it has written down."""
        return "".join(
            (self.folder / name).read_text(encoding="utf-8") for name in ("stdout", "stderr", "start.log")
        )

    def requests(self) -> list[dict[str, Any]]:
        """The requests that have ended, in that order."""
        text = (self.folder / "stdout").read_text(encoding="utf-8")
        return [json.loads(line) for line in re.findall(r"^\{.*\}$", text, re.MULTILINE)]
