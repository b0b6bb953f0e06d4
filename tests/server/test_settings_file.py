"""A settings file that is changed under a server over HTTP: what its callers are told of that, and what they are not."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from support.cases import each
from support.http_server import Names, called_now, served
from support.processes import until

from glm_mcp.server.app import App, Folders
from glm_mcp.server.callers.key_watch import Watched
from glm_mcp.settings import Settings
from glm_mcp.simulator import Simulator

CHANGED = "the settings of this server have changed"


@each(
    ("with_key", "after"),
    [
        (True, "GLM_API_KEY=another.key\nGLM_BASE_URL=https://inner.example/v1\n"),
        (False, "GLM_ALLOWED_HOSTS=inner.example\nGLM_DEADLINE_S=inner.example\n"),
    ],
    ids=["a key for another endpoint", "a wrong setting"],
)
def test_what_is_wrong_with_it_is_told_in_the_log_alone(
    tmp_path: Path,
    folders: Folders,
    sim: Simulator,
    caplog: pytest.LogCaptureFixture,
    with_key: bool,
    after: str,
) -> None:
    caplog.clear()
    file = tmp_path / "settings of the server"
    file.write_text("", encoding="utf-8")
    settings = Settings(GLM_API_KEY=sim.key if with_key else None, GLM_BASE_URL=sim.url)
    app = App(settings, remote=True, folders=folders, watched=Watched(file))
    given = called_now("chat", prompt="hello")
    given["headers"]["Authorization"] = "Bearer anna"
    file.write_text(after, encoding="utf-8")
    with served(app, authenticator=Names()) as address:
        answers: list[str] = []

        def refused() -> bool:
            answers.append(httpx.post(f"{address}/mcp", **given, trust_env=False, timeout=60).text)
            return CHANGED in answers[-1]

        for _ in range(2):
            until(refused)
            assert file.name not in answers[-1]
            assert "inner.example" not in answers[-1]
    told = [r for r in caplog.records if str(file) in r.getMessage()]
    assert len(told) == 1
