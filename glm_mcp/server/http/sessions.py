"""The sessions of older clients, kept by nobody: the id is a signed token that says whose it is and which client speaks.

So any replica serves any request, and a restart loses nothing. An id is no right: the caller's own token is that.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import astuple, dataclass
from functools import lru_cache

from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION

NAME_CHARS = 64  # of a client's name, which each of its requests carries
ID_CHARS = 2_000  # a name of nothing but emoji makes 1,200: two escapes each, as base64
ENDED = 10_000  # sessions that were given up and are remembered, by the replica that was told
_ALGORITHM = "HS256"
_CLAIMS = ["o", "c", "v", "n"]  # the fields of a session, in their order


@dataclass(frozen=True, slots=True)
class Session:
    """`client`: the name that it gave; `version`: of the protocol, as agreed; `nonce`: tells two sessions of one
    owner apart.
    """

    owner: str
    client: str
    version: str
    nonce: str


class Sessions:
    """Makes ids and reads them. `secret`: shared by all replicas; without one, ids are good for this process alone."""

    def __init__(self, secret: str | None = None) -> None:
        self._secret = secret or secrets.token_hex(32)
        self._read = lru_cache(4_096)(self._verified)
        self._ended: OrderedDict[str, None] = OrderedDict()

    def begin(self, owner: str, client: str, version: str) -> tuple[Session, str]:
        """A session and its id, for what an `initialize` asks."""
        import jwt

        agreed = version if version in HANDSHAKE_PROTOCOL_VERSIONS else LATEST_HANDSHAKE_VERSION
        session = Session(owner, client[:NAME_CHARS], agreed, secrets.token_hex(8))
        claims = dict(zip(_CLAIMS, astuple(session), strict=True))
        return session, jwt.encode(claims, self._secret, _ALGORITHM)

    def of(self, ident: str, owner: str) -> Session | None:
        """The session of an id, or None where it is not of this server or not of this owner."""
        session = self._read(ident) if len(ident) <= ID_CHARS else None
        known = session is not None and session.owner == owner and session.nonce not in self._ended
        return session if known else None

    def end(self, session: Session) -> None:
        """Its id is not known any more, here."""
        self._ended[session.nonce] = None
        while len(self._ended) > ENDED:
            self._ended.popitem(last=False)

    def _verified(self, ident: str) -> Session | None:
        import jwt

        try:
            claims = jwt.decode(ident, self._secret, [_ALGORITHM], options={"require": _CLAIMS})
        except jwt.InvalidTokenError:
            return None
        facts = [claims[name] for name in _CLAIMS]
        return Session(*facts) if all(isinstance(f, str) for f in facts) else None
