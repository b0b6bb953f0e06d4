"""Scripted answers and scripted misbehaviour, as plain values that can also travel as JSON."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

FaultKind = Literal[
    # instead of an answer
    "error",  # a business code: code, status, message, retry_after, language
    "gone",  # the model is not there: `code` is one of GONE, 1211 if none is given
    "html",  # the gateway's page: status 502 or 503
    "body",  # any status (200), body (`message`; a surrogate escape is a byte that is no UTF-8) and `content_type`
    "refuse",  # RST before any header
    "hang",  # nothing at all, until the client or the simulator goes
    "error_in_200",  # {"error": {...}} with status 200; as a stream's only frame: error_frame with chunks=0
    "flat_error_in_200",  # {"code": 1000, "msg": ..., "success": false} with status 200
    # the right answer, badly delivered
    "slow_first_byte",  # after `seconds`, in which not even a header comes: a hang that ends
    "slow_first_frame",  # the header at once, the body after `seconds`
    "slow_answer",  # begun after `delay_s`, written in `seconds` more
    "trickle",  # one byte every `seconds`
    "reset",  # RST after `chunks` frames (half of a body that is no stream)
    "close",  # FIN without the end of the body, at the same place
    "hang_mid",  # silence from the same place on
    "glued_frames",  # a truncated frame with the next `data:` in the same line
    "truncated_frame",  # a frame cut in its middle; the rest is right
    "wrong_content_type",  # text/html
    "plain_content_type",  # text/plain
    "no_content_type",
    "error_frame",  # data: {"error": {...}} after `chunks` frames, then the end
    "no_done",  # no [DONE]
    "no_finish",  # no finish_reason, but [DONE]
    "reset_at_end",  # RST in the place of [DONE], after the whole answer
    "silent_end",  # no [DONE], and nothing more, on a connection that stays open
    "no_end",  # neither finish_reason nor [DONE], and a clean end of the body
    "extra_empty_choices",  # one more frame with empty choices; a client should not mind
    "null_frames",  # data: null between the frames
    "invalid_utf8",  # a byte that is no UTF-8, within a text that is otherwise right
    "duplicate_chunks",  # every frame with text arrives twice
    # another answer
    "empty_choices",  # choices: [] and nothing else
    "reasoning_only",  # reasoning, then stop with no content and completion_tokens 0
    "sensitive_mid",  # finish_reason sensitive after `chunks` frames of text
    "network_error",  # finish_reason network_error
    "context_exceeded",  # finish_reason model_context_window_exceeded
    "big_frame",  # one frame of `size` bytes
    "endless_line",  # `size` bytes after `chunks` frames, without a line's end
    "think_leak",  # a bare </think> in the content
    "loop",  # the answer, then one sentence (`message`) over and over up to max_tokens; finish_reason length
    "endless_thinking",  # a thought every `seconds`, until the client goes
    "cut_thinking",  # thoughts up to max_tokens and no answer; finish_reason length
    "finish_reason",  # one that nobody listed: `message`, else content_filter
    "text_calls",  # tool calls as <tool_call> text with finish_reason stop
    "one_index",  # every tool call of a stream with index 0
    "no_index",  # tool calls of a stream without an index
    "thought_calls",  # tool calls as <tool_call> text at the end of the reasoning, with finish_reason stop
    "doubled_calls",  # the arguments of every tool call twice, one after another
    "packed_calls",  # the arguments of every tool call as the JSON of a text
    "envelope",  # what was asked for, wrapped in an object with the one key `message`, else answer
    "far_boxes",  # boxes that reach beyond 1000
    # generated images; a refused size or hd is a switch
    "image_b64",  # b64_json instead of a URL
    "image_cut",  # the URL gives the first half of the picture, as if it were all
    "image_garbled",  # the URL gives a PNG whose pixels cannot be decoded
    "image_lost",  # the image is made, then the connection is reset within the answer
    "image_404",  # the URL is not found
    "image_not_image",  # the URL gives a text
    "image_redirect",  # the URL redirects, to `location` or else to the image
]
KINDS: tuple[str, ...] = get_args(FaultKind)
# How a model can be gone, closed or paid: business codes, and the gateway's page.
GONE = ("1211", "1214", "1220", "1221", "1222", "1311", "1113", "404")
Calls = Literal[
    "native", "text_calls", "one_index", "no_index", "thought_calls", "doubled_calls", "packed_calls"
]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request, or with `times` of them (0 means every one until `clear()`).

    A fault meets requests that the service would otherwise have answered: a request that breaks a rule is refused for
    that, and the fault waits. Without `path` it meets chat and image requests only; `path` is looked for in the path of
    any request, and `media` (image, video, file) among what the request carries. `after` requests that match go by
    first. `delay_s` goes by before anything is sent.
    """

    kind: FaultKind
    code: str = ""
    status: int | None = None
    message: str | None = None
    retry_after: str | None = None  # several headers, one a line
    content_type: str = "application/json"
    language: Literal["zh", "en"] | None = None
    seconds: float = 1.0
    chunks: int = 1
    size: int = 10 * 1024 * 1024
    location: str = ""
    model: str | None = None
    path: str | None = None
    media: str | None = None
    delay_s: float = 0.0
    after: int = 0
    times: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault {self.kind!r}; there are {', '.join(KINDS)}")

    def matches(self, path: str, model: str, media: Collection[str] = ()) -> bool:
        if self.model is not None and self.model != model:
            return False
        if self.media is not None and self.media not in media:
            return False
        if self.path is not None:
            return self.path in path
        if self.kind.startswith("image_"):
            return path.endswith("/images/generations")
        return path.endswith(("/chat/completions", "/images/generations"))


@dataclass(frozen=True)
class Reply:
    """A scripted answer of a chat request; it is given as it is, whatever max_tokens says.

    `chunks`, when given, are the stream's deltas: a text is a content delta, an object a delta of its own. `tool_calls`
    hold objects of name and arguments, or whole items of the API; `calls` is the form they take, as the faults of these
    names. `boxed` wraps the text in box tokens. `finish_reason` may be any text. `answered_as` is the model that the
    answer names, where it is not the one that was asked.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    calls: Calls = "native"
    finish_reason: str | None = None
    usage: Mapping[str, Any] | None = None
    chunks: tuple[str | Mapping[str, Any], ...] = ()
    boxed: bool = False
    answered_as: str | None = None
    delay_s: float = 0.0
    model: str | None = None
    path: str | None = None
    after: int = 0
    times: int = 1

    def matches(self, path: str, model: str, media: Collection[str] = ()) -> bool:  # noqa: ARG002 - as a fault's
        if self.model is not None and self.model != model:
            return False
        return path.endswith("/chat/completions") and (self.path is None or self.path in path)


def from_json(data: Mapping[str, Any]) -> Fault | Reply:
    """A Fault when there is a `kind`, else a Reply. Raises ValueError: a name or a kind that is not known."""
    kind: type[Fault | Reply] = Fault if "kind" in data else Reply
    return kind(**fields_in(data, kind, "fields"))


def fields_in(data: Mapping[str, Any], kind: Any, called: str) -> dict[str, Any]:
    """The fields of a dataclass in a JSON object. Raises ValueError: a name that is none of them."""
    names = {item.name for item in fields(kind)}
    if unknown := sorted(set(data) - names):
        raise ValueError(f"unknown {called} {unknown}; there are {sorted(names)}")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
