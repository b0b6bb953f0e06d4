"""Who asks: a raw key `id.secret`, or a JWT signed with the secret, both as a bearer token."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterable
from typing import Any

from glm_mcp.simulator.errors import Refusal


def authorise(header: str, keys: Iterable[str]) -> str:
    """The known key behind an Authorization header. Raises Refusal: 1001 nothing given, "401" no shape of a key, 1000
    unknown or with stray white space, 1003 expired JWT.
    """
    scheme, _, token = header.partition(" ")
    if not header.strip() or (scheme.lower() == "bearer" and not token.strip()):
        raise Refusal("1001")
    if scheme.lower() != "bearer":
        raise Refusal("401")
    known = {key.partition(".")[0]: key for key in keys}
    if any(character.isspace() for character in token):
        raise Refusal("1000")  # a trailing newline is rejected like a revoked key
    parts = token.split(".")
    if not all(parts) or len(parts) not in {2, 3}:
        raise Refusal("401")
    if len(parts) == 3:
        return _signed(parts, known, time.time() * 1000)
    key = known.get(parts[0], "")
    if not key or not hmac.compare_digest(key.encode(), token.encode()):
        raise Refusal("1000")
    return key


def _signed(parts: list[str], known: dict[str, str], now_ms: float) -> str:
    """HS256 with `sign_type: SIGN`; `exp` and `timestamp` in milliseconds, so that seconds are long past."""
    try:
        head, claims, signature = _json(parts[0]), _json(parts[1]), _decode(parts[2])
    except (ValueError, binascii.Error):
        raise Refusal("401") from None
    stamps = (claims.get("exp"), claims.get("timestamp"))
    if head.get("alg") != "HS256" or head.get("sign_type") != "SIGN":
        raise Refusal("401")
    if not all(isinstance(stamp, int) for stamp in stamps):
        raise Refusal("401")
    key = known.get(str(claims.get("api_key")), "")
    wanted = hmac.digest(key.partition(".")[2].encode(), f"{parts[0]}.{parts[1]}".encode(), hashlib.sha256)
    if not key or not hmac.compare_digest(wanted, signature):
        raise Refusal("1000")
    if claims["exp"] <= now_ms:
        raise Refusal("1003")
    return key


def key_id(header: str) -> str:
    """The public part of what an Authorization header says, for the record; never the secret."""
    token = header.partition(" ")[2].strip() or header.strip()
    parts = token.split(".")
    if len(parts) == 3:
        try:
            return str(_json(parts[1]).get("api_key", ""))
        except (ValueError, binascii.Error):
            return ""
    return parts[0] if len(parts) == 2 else ""


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _json(text: str) -> dict[str, Any]:
    value = json.loads(_decode(text))
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - the callers catch one kind
    return value
