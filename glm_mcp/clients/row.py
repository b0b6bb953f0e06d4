"""What is known of one MCP client: what it does with results, and how it is configured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from glm_mcp.installation import Machine

KEY, TOKEN, CONNECT = "GLM_API_KEY", "GLM_HTTP_TOKEN", "GLM_CONNECT_TOKEN"
USUAL_S = 55  # under the 60 s of a client whose configuration has no time limit
LONG_S, CLIENT_LONG_S = 280, 300  # where the client's own limit can be raised: ours ends before it


@dataclass(frozen=True, slots=True)
class McpClient:
    """What the client of a call does with results. `budget`: characters of a serialised result, or bytes where it counts
    these (`in_bytes`). `previews`: it shows images to its model. `local`: it sees this machine's files, so that a path means
    something to it. `links`: it can read a link to a file, in versions of the protocol from `links_since` on. `model_sees`:
    whether its model sees images at all, by the environment that the client hands on. `twice`: an error or a note may stand in
    `_meta` too, since its model is not shown that.
    """

    budget: int = 7_800
    in_bytes: bool = False
    previews: bool = False
    local: bool = True
    deadline_s: float = USUAL_S
    links: bool = True
    links_since: str = "2025-06-18"
    model_sees: Callable[[Mapping[str, str]], bool] = lambda _: True
    twice: bool = True


# Cline cuts at 8,000 characters, Codex at about 11,000; a client that we do not know may be as strict.
UNKNOWN = McpClient()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownClient(McpClient):
    """One MCP client.

    Of a call: `announces`, the starts of the names it gives, lower case. `splits`: it gives a prompt's arguments one word
    each, and drops what is left.

    Of its configuration: `files` for the user and `project` for a folder, in `form`, the servers in the field `under`.
    `stdio`, `http`: the `type` of an entry, empty where it has none, None where it cannot be. `url`: the field of an
    address; `old_url`, (folder, field), what an older version wants below that folder. `token`: the field that takes the
    name of a token's variable, where a header is not written. `limit`: its time limit for a call, in which unit of a
    second; `limit_s` what we ask for, `written_s` the deadline of ours that goes with it. `refer`: how an entry refers to
    a variable, NAME or name; empty where nothing is replaced; `asks`: it asks its user for what is referred to.
    `more`, `more_stdio`: fields that every entry, or one with a command, has; `said`: what these mean for its user.
    `commands`: programs that show that it is here; `own_command`: the one that edits the file itself. `link`: the start of
    a link by which it takes entries into a database of its own, in place of a file. `one_list`: a command stands in one
    list with its arguments, and what it is given in `environment`.
    """

    name: str
    title: str
    announces: tuple[str, ...] = ()
    splits: bool = False

    files: Callable[[Machine], list[Path]] = lambda _: []
    project: str | None = None
    form: Literal["json", "toml"] = "json"
    under: str = "mcpServers"
    stdio: str = ""
    http: str | None = ""
    url: str = "url"
    old_url: tuple[str, str] | None = None
    token: str = ""
    limit: tuple[str, int] | None = None
    limit_s: int = CLIENT_LONG_S
    written_s: int = USUAL_S
    refer: str = ""
    asks: bool = False
    more: tuple[tuple[str, Any], ...] = ()
    more_stdio: tuple[tuple[str, Any], ...] = ()
    said: str = ""
    commands: tuple[str, ...] = ()
    own_command: str = ""
    link: str = ""
    one_list: bool = False
    where_key: str = "The settings file is the one place for {what}: this host hands nothing on."
    check: str = ""

    def reference(self, variable: str, *, needed: bool = False) -> str:
        """How an entry names a variable. `needed`: the client is to complain where it is not set."""
        refer = self.refer.replace(":-", "") if needed else self.refer
        return refer.replace("NAME", variable).replace("name", variable.lower().replace("_", "-"))

    @property
    def refers(self) -> bool:
        """Whether an entry can name a variable that holds a token."""
        return bool(self.refer or self.token)

    def url_field(self, file: Path | None) -> str:
        old = self.old_url is not None and file is not None and self.old_url[0] in file.parts
        return self.old_url[1] if self.old_url and old else self.url

    def is_here(self, machine: Machine) -> bool:
        """Whether this machine seems to have it."""
        files = self.files(machine)
        return (
            any(f.parent.is_dir() for f in files if f.parent != machine.home)
            or any(f.is_file() for f in files)
            or any(machine.which(c) for c in self.commands)
        )
