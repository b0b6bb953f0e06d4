"""docs/team.md: each message that it quotes is one that is said, and its first steps lead to a second person's answer."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import tomlkit
from support.http_server import ACCEPT, called, called_now, initialize
from support.paths import ROOT
from support.processes import COMMAND, Process, environment, over_http, ran, until
from support.team import Team, team

from glm_mcp.server.http.auth.tokens import new_token
from glm_mcp.settings import Settings, variable
from glm_mcp.simulator import Fault

PAGE = (ROOT / "docs" / "team.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"^\| `(.+?)` \|", PAGE.partition("## What breaks")[2], re.MULTILINE)
MIB = 1024 * 1024
TOKEN = "a-token-of-enough-characters"


@pytest.fixture(scope="module")
def shared() -> Iterator[Team]:
    with team() as made:
        yield made


class Asked:
    """What is said to somebody who does one thing wrong."""

    def __init__(self, team: Team, folder: Path) -> None:
        self.team, self.folder = team, folder

    def post(self, token: str, url: str = "", **given: Any) -> str:
        call = called_now(*given.pop("call", ["chat"]), **given.pop("arguments", {"prompt": "hello"}))
        headers = {**call["headers"], **given.pop("headers", {})}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        body = given or {"json": call["json"]}
        return httpx.post(
            f"{url or self.team.url}/mcp", headers=headers, trust_env=False, timeout=60, **body
        ).text

    def somebody(self, *options: str, **given: Any) -> str:
        """Asks twice with a new token."""
        token = self.team.token("somebody", *options)
        try:
            return self.post(token, **given) + self.post(token, **given)
        finally:
            self.team.command("token", "revoke", "somebody")

    def no_token(self) -> str:
        return self.post("")

    def registration(self) -> str:
        return httpx.post(f"{self.team.url}/register", json={}, trust_env=False).text

    def unknown(self) -> str:
        return self.post(new_token())

    def expired(self) -> str:
        token = self.team.token("late", "--expires", "1h")
        file = self.team.folder / "tokens.toml"
        document = tomlkit.parse(file.read_text(encoding="utf-8"))
        text = re.sub(r"expires = .*", "expires = 2026-01-01T00:00:00Z", document.as_string())
        (file.parent / "part").write_text(text, encoding="utf-8")
        (file.parent / "part").replace(file)
        said: str = until(lambda: next((t for t in [self.post(token)] if "expired" in t), ""))
        self.team.command("token", "revoke", "late")
        return said

    def host(self) -> str:
        return self.somebody(headers={"Host": "evil.example"})

    def origin(self) -> str:
        return self.somebody(headers={"Origin": "http://evil.example"})

    def minute(self) -> str:
        return self.somebody("--per-minute", "1")

    def day(self) -> str:
        return self.somebody("--tokens-per-day", "1")

    def path(self) -> str:
        return self.somebody(
            call=["describe_image"], arguments={"images": "/home/ada/shot.png", "prompt": "?"}
        )

    def too_large(self) -> str:
        return self.somebody(content=b" " * 34 * MIB)

    def alone(self, **settings: str) -> dict[str, str]:
        return environment(self.folder / "home", self.team.sim, GLM_HTTP_TOKEN=TOKEN, **settings)

    def away(self) -> str:
        """nginx before replicas of which none is left."""
        with team() as other:
            for _, process in other.replicas:
                process.popen.kill()
                process.popen.wait(10)
            return self.post("any", other.url)

    def stopped(self) -> str:
        env = self.alone(GLM_DRAIN_S="0", GLM_MAX_CONCURRENCY="9")
        self.team.sim.clear()
        self.team.sim.queue(Fault("hang"))
        with over_http(env, self.folder) as (url, process):
            words = [
                sys.executable,
                "-c",
                f"import httpx, sys; print(httpx.post({url + '/mcp'!r}, timeout=60, ",
            ]
            call = called_now("chat", prompt="hello")
            headers = {**call["headers"], "Authorization": f"Bearer {TOKEN}"}
            words[2] += f"json={call['json']!r}, headers={headers!r}).text)"
            with Process(environment(self.folder / "home"), self.folder, command=words) as caller:
                self.team.sim.wait_received(1, 20)
                process.signal(signal.SIGTERM)
                return caller.out.rest()

    def another_secret(self) -> str:
        bearer = {**ACCEPT, "Authorization": f"Bearer {TOKEN}"}
        with over_http(self.alone(), self.folder) as (a, _), over_http(self.alone(), self.folder) as (b, _):
            begun = httpx.post(f"{a}/mcp", json=initialize("2025-06-18"), headers=bearer)
            session = {
                "Mcp-Session-Id": begun.headers["mcp-session-id"],
                "MCP-Protocol-Version": "2025-06-18",
            }
            return httpx.post(
                f"{b}/mcp", json=called("chat", prompt="hello"), headers={**bearer, **session}
            ).text

    def redis_lost(self) -> str:
        with team() as other:
            assert other.redis
            other.redis.kill()
            address = f"{other.replicas[0][0]}/readyz"
            found: str = until(lambda: next((t for t in [httpx.get(address).text] if "lost" in t), ""))
            return found

    def start(self, *words: str, **settings: str) -> str:
        env = environment(self.folder / "home", self.team.sim, **settings)
        ended = ran([*COMMAND, "serve", "--http", "--port", "0", *words], env, self.folder)
        assert ended.returncode != 0
        return ended.stderr

    def no_redis(self) -> str:
        return self.start(GLM_REDIS_URL="redis://127.0.0.1:1/0")

    def open_to_all(self) -> str:
        return self.start("--host", "0.0.0.0")

    def no_address(self) -> str:
        return self.start(GLM_OIDC_ISSUER="https://login.example.com")


WAYS: list[Callable[[Asked], str]] = [
    *(Asked.no_token, Asked.registration, Asked.unknown, Asked.expired, Asked.host, Asked.origin),
    *(Asked.minute, Asked.day, Asked.path, Asked.too_large, Asked.away, Asked.stopped, Asked.another_secret),
    *(Asked.redis_lost, Asked.no_redis, Asked.open_to_all, Asked.no_address),
]


@pytest.mark.parametrize(
    ("message", "way"), list(zip(QUOTED, WAYS, strict=True)), ids=lambda v: getattr(v, "__name__", "")
)
def test_what_the_page_quotes_is_what_is_said(
    message: str, way: Callable[[Asked], str], shared: Team, tmp_path: Path
) -> None:
    assert message in way(Asked(shared, tmp_path))


def test_every_setting_of_the_page_is_one() -> None:
    known = {variable(field) for field in Settings.model_fields} | {
        "GLM_PORT",
        "GLM_TLS_PORT",
        "GLM_SIMULATE",
    }
    assert set(re.findall(r"GLM_[A-Z_]+[A-Z]", PAGE)) <= known


def test_the_first_steps_lead_to_the_second_persons_answer(tmp_path: Path) -> None:
    """The page's own blocks, run as they stand: only the installation is the one of these tests, and the port is free."""
    steps = re.findall(r"```bash\n(.*?)```", PAGE.partition("### Hosts")[0], re.DOTALL)
    install, settings, tokens, serve, colleague = steps
    assert install == "bash -c 'source scripts/venv all'\n"
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "glm-mcp").symlink_to(Path(sys.executable).parent / "glm-mcp")
    env = environment(tmp_path / "home", PATH="/usr/bin:/bin")
    settings = settings.replace("GLM_API_KEY=your-key", "GLM_SIMULATE=1")
    assert ran(["bash", "-ec", settings], env, tmp_path).returncode == 0
    given = ran(["bash", "-ec", tokens], env, tmp_path)
    assert given.returncode == 0, given.stderr
    lines = [line for line in given.stdout.splitlines() if line.startswith("claude mcp add")]
    shape = colleague.splitlines()[0].partition("glm_")[0]
    assert len(lines) == 2
    assert all(line.startswith(shape) for line in lines)
    words = shlex.split(serve.replace("8000", "0"))
    with Process(
        env, tmp_path, *words[1:], command=[str(tmp_path / words[0])], stdin=subprocess.DEVNULL
    ) as server:
        line = server.err.next()
        assert line
        assert "serves at http://0.0.0.0:" in line, line
        port = line.partition("/mcp")[0].rpartition(":")[2]
        for one in lines:
            *_, url, _, header = shlex.split(one)
            name, _, value = header.partition(": ")
            call = called_now("chat", prompt="a haiku about queues")
            answer = httpx.post(
                url.replace("glm.example.com:8000", f"127.0.0.1:{port}"),
                json=call["json"], headers={**call["headers"], name: value}, trust_env=False, timeout=60,
            )  # fmt: skip
            assert "I received text of" in answer.text
