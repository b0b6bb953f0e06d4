"""Everything that can go wrong, in one tree.

GLMError               kind, message, hint, see, code, status, request_id, again, partial
├── ConfigError        config             a setting is missing or wrong
├── AuthError          auth               the key is not accepted
├── QuotaError         quota              no balance, plan or allowance left
├── RateLimited        rate_limited       too many requests of this account
├── Overloaded         overloaded         the model is overloaded for everybody
├── UpstreamError      upstream           the service failed
├── NetworkError       network            the service was not reached, or the connection broke
├── TimedOut           timeout            the deadline passed
├── ContentBlocked     content_blocked    the service's safety filter
├── InvalidRequest     invalid_request    an argument or field is wrong
├── TooLong            too_long           more text than the model's window
├── UnsupportedMedia   unsupported_media  a file nobody can read
├── MediaTooLarge      media_too_large    a file over a limit
├── NotFound           not_found          no such file, page or kept result
├── ForbiddenPath      forbidden_path     a path outside what may be read or written
├── ForbiddenURL       forbidden_url      an address that may not be fetched
├── MissingExtra       missing_extra      an optional library is not installed
└── InternalError      internal           a defect of this server
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Self

from glm_mcp.installation import line_for_extra
from glm_mcp.text import ID_CHARS, clean, one_line, without_secrets


class Again(StrEnum):
    """What a failure means for the rest of a call.

    NEVER: nobody helps. RETRY: the same model later, or another now. NEXT: this model cannot do this request, another
    may. GONE: this model is not there for us at all.
    """

    NEVER = "never"
    RETRY = "retry"
    NEXT = "next"
    GONE = "gone"


class GLMError(Exception):
    """A failure with its cause and its mend, whole where it is raised. `str()` is the text that a tool result shows,
    without our keys, which a service may repeat.

    `see`: who looks into it, said after the hint to all but that one. `partial`: what had arrived of an answer.
    `attempts`: what was tried, one dict a try. `about`: what of a request is to blame, where another form of it may
    pass ("film", "reader", "number" of pictures); "answer", where it is what a model wrote, which says nothing of its
    health; "model", where it is the one that the caller chose, which says nothing of the key. `sent`: the request had
    gone out. `bare`: the message without how often a model was asked.
    """

    kind: ClassVar[str] = "internal"
    bare = ""
    stop = ". "  # between what failed and what to do

    def __init__(  # noqa: PLR0913 - each is a fact about a failure, all but the first optional
        self,
        message: str,
        hint: str = "",
        *,
        see: str = "",
        code: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        again: Again = Again.NEVER,
        retry_after: float | None = None,
        partial: str | None = None,
        attempts: Sequence[Mapping[str, Any]] = (),
        about: str | None = None,
        sent: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.see = see
        self.code = code
        self.status = status
        self.request_id = request_id
        self.again = again
        self.retry_after = retry_after
        self.partial = partial
        self.attempts = tuple(attempts)
        self.about = about
        self.sent = sent

    def but(self, **changes: Any) -> Self:
        """The same failure said with more of what is known where it is passed on: a new error; this one stays."""
        made = type(self).__new__(type(self), changes.get("message", self.message))
        made.__dict__.update(self.__dict__ | changes)
        return made

    def __str__(self) -> str:
        facts = [f"code {self.code}"] if self.code else []
        facts += [f"HTTP {self.status}"] if self.status else []
        facts += [f"request id {clean(self.request_id, ID_CHARS)}"] if self.request_id else []
        what = _shown(self.message).rstrip(" .。") + (f" ({', '.join(facts)})" if facts else "")
        return f"{self.kind}: {what}{self.stop}{self._advice()}".rstrip()

    def as_meta(self) -> dict[str, Any]:
        """The same for a program: kind, message, hint, code, request_id; absent where unknown."""
        whole = {
            "kind": self.kind,
            "message": _shown(self.message),
            "hint": self._advice(),
            "code": self.code,
            "request_id": clean(self.request_id or "", ID_CHARS),
        }
        return {name: value for name, value in whole.items() if value}

    def _advice(self) -> str:
        return _shown(f"{self.hint}{self.stop[1:]}{self.see}".strip())


def _shown(text: str) -> str:
    return one_line(without_secrets(text))


class ConfigError(GLMError):
    kind = "config"


class AuthError(GLMError):
    kind = "auth"


class QuotaError(GLMError):
    kind = "quota"


class RateLimited(GLMError):
    kind = "rate_limited"


class Overloaded(GLMError):
    kind = "overloaded"


class UpstreamError(GLMError):
    kind = "upstream"


class NetworkError(GLMError):
    kind = "network"


class TimedOut(GLMError):
    kind = "timeout"


class ContentBlocked(GLMError):
    kind = "content_blocked"


class InvalidRequest(GLMError):
    kind = "invalid_request"


class TooLong(GLMError):
    kind = "too_long"


class UnsupportedMedia(GLMError):
    kind = "unsupported_media"


class MediaTooLarge(GLMError):
    kind = "media_too_large"


class NotFound(GLMError):
    kind = "not_found"


class ForbiddenPath(GLMError):
    kind = "forbidden_path"


class ForbiddenURL(GLMError):
    kind = "forbidden_url"


class MissingExtra(GLMError):
    kind = "missing_extra"

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(
            f"{what} needs the optional part '{extra}', which is not installed",
            f"Install it with: {line_for_extra(extra)}",
        )
        self.extra = extra


class InternalError(GLMError):
    kind = "internal"


_NO_THREAD = ("can't start new thread", "Resource temporarily unavailable")  # Python's words, and Rust's


def exhausted(error: BaseException | None) -> ConfigError | None:
    """What the machine or its limits have no more of, where that is behind an error; None where it is not."""
    while error is not None:
        number = error.errno if isinstance(error, OSError) else None
        if number in (errno.EMFILE, errno.ENFILE):
            return ConfigError(
                "this server may open no more files and connections",
                "Call again with less at once, or raise the limit (ulimit -n) where the host is started.",
            )
        if number == errno.EAGAIN or any(word in str(error) for word in _NO_THREAD):
            return ConfigError(
                "this server may start no more threads and processes",
                "Call again with less at once, end other programs, or raise the limit (ulimit -u; of a container, its pids).",
            )
        if isinstance(error, MemoryError) or number == errno.ENOMEM:
            return ConfigError(
                "the machine has no memory left for this",
                "Call again with less at once, or end other programs.",
            )
        group = error.exceptions if isinstance(error, BaseExceptionGroup) else (None,)
        error = group[0] or error.__cause__ or error.__context__
    return None
