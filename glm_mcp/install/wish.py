"""What the command line of `install` asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wish:
    """`token`: of the server at `url`; `token_env`: the variable that holds it. `connect`:
    the address of a team's server, to which the host's own forwards.
    """

    scope: str = "user"
    url: str | None = None
    name: str = "glm"
    remove: bool = False
    show: bool = False
    token: str = ""
    token_env: str = ""
    connect: str | None = None
