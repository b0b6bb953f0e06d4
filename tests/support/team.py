"""A team's server as it is deployed: nginx, two replicas and Redis as processes, the simulator behind them, tokens."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from support.http_server import ACCEPT, MODERN, called, called_now, initialize
from support.nginx import Nginx
from support.processes import COMMAND, Process, environment, over_http, ran
from support.redis_server import RedisServer
from support.team_programs import needed

from glm_mcp.simulator import Simulator
from glm_mcp.simulator.switches import Switches

SECRET = "a secret that all replicas share, and nobody else"


@dataclass
class Team:
    """`url`: nginx's; `replicas`: address and process of each; `folder`: the one that they share, with the tokens in it."""

    folder: Path
    sim: Simulator
    env: dict[str, str] = field(default_factory=dict)
    replicas: list[tuple[str, Process]] = field(default_factory=list)
    nginx: Nginx | None = None
    redis: RedisServer | None = None

    @property
    def url(self) -> str:
        return self.front.url

    @property
    def front(self) -> Nginx:
        assert self.nginx, "it is there once the replicas are"
        return self.nginx

    def command(self, *words: str) -> str:
        """What a command of ours says, run where the replicas run."""
        done = ran([*COMMAND, *words], self.env, self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def token(self, name: str, *options: str) -> str:
        """A new token."""
        return self.command("token", "add", name, *options).split()[0]


@contextmanager
def team(*changes: tuple[str, str], **variables: str) -> Iterator[Team]:
    """`changes`: of nginx's configuration; `variables`: settings of the replicas."""
    needed("nginx")
    with ExitStack() as stack:
        # Short: a socket's path has a hundred characters.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(RedisServer(folder))
        made = Team(folder, stack.enter_context(Simulator(Switches(concurrency=100))), redis=redis)
        made.env = environment(
            folder / "home",
            made.sim,
            GLM_REDIS_URL=redis.url,
            GLM_SESSION_SECRET=SECRET,
            GLM_TOKENS_FILE=str(folder / "tokens.toml"),
            GLM_PUBLIC_URL="http://glm.test:8080",
            GLM_MAX_CONCURRENCY="100",
            GLM_FALLBACK="0",
            **variables,
        )
        for _ in range(2):
            made.replicas.append(stack.enter_context(over_http(made.env, folder)))
        made.nginx = stack.enter_context(Nginx(folder, [r[0] for r in made.replicas], *changes))
        yield made


class Colleague:
    """Somebody with a token, who speaks any version of the protocol to the address that everybody has, or to `url`."""

    def __init__(self, team: Team, token: str, version: str = MODERN, url: str = "") -> None:
        self.version = version
        # A connection each, so that every request may go to another replica.
        self.http = httpx.AsyncClient(
            base_url=url or team.url,
            trust_env=False,
            timeout=60,
            headers={**ACCEPT, "Authorization": f"Bearer {token}"},
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._last = 0

    async def begin(self) -> str:
        """The id of the session; empty where the version has none."""
        if self.version == MODERN:
            return ""
        answer = await self.http.post("/mcp", json=initialize(self.version))
        assert answer.status_code == 200, answer.text
        session = str(answer.headers["mcp-session-id"])
        self.http.headers["Mcp-Session-Id"] = session
        if self.version >= "2025-06-18":
            self.http.headers["MCP-Protocol-Version"] = self.version
        return session

    async def call(self, tool: str, **arguments: str) -> httpx.Response:
        """Raises httpx.HTTPError when the answer breaks off."""
        self._last += 1
        if self.version == MODERN:
            return await self.http.post("/mcp", **called_now(tool, **arguments))
        return await self.http.post("/mcp", json=called(tool, self._last, **arguments))
