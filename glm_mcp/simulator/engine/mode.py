"""Which engine is simulated, what it was started with, and how it refuses."""

from dataclasses import dataclass
from typing import Any, Literal

Program = Literal["vllm", "sglang", "llama.cpp"]
# "schema" holds an answer to one, "object" to any JSON object, "none" refuses the field.
Json = Literal["schema", "object", "none"]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One engine. `context`: tokens of a request and its answer; `images`: in one prompt; `thinks`: where thoughts go, None
    where no parser was set and they land in the content; `effort`: its template knows only `reasoning_effort`.
    `unknown`: fields of a body that it refuses. `says_context`: its list of models names their window.
    """

    program: Program = "vllm"
    models: tuple[str, ...] = ("zai-org/GLM-4.6V-Flash",)
    context: int = 32_768
    images: int = 50
    sees: bool = True
    films: bool | None = None
    parser: bool = True
    effort: bool = False
    functions: bool = True
    json: Json = "schema"
    unknown: tuple[str, ...] = ()
    says_context: bool = True

    @property
    def takes_films(self) -> bool:
        return self.program != "llama.cpp" if self.films is None else self.films

    @property
    def thoughts(self) -> str | None:
        if not self.parser:
            return None
        return "reasoning" if self.program == "vllm" else "reasoning_content"


class Refused(Exception):
    """A refusal as the engine words it: `sort` is its `type`, `facts` what stands beside it."""

    def __init__(self, status: int, message: str, sort: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.status, self.message, self.sort, self.facts = status, message, sort, facts

    def body(self, engine: Engine) -> dict[str, Any]:
        if engine.program == "llama.cpp":
            sort = self.sort or ("invalid_request_error" if self.status < 500 else "server_error")
            return {"error": {"code": self.status, "message": self.message, "type": sort, **self.facts}}
        sort = "NotFoundError" if self.status == 404 else "BadRequestError"
        said = {"message": self.message, "type": sort, "param": None, "code": self.status}
        return {"error": said} if engine.program == "vllm" else {"object": "error", **said}


def listed(engine: Engine) -> dict[str, Any]:
    """The answer of GET /v1/models."""
    owners = {"vllm": "vllm", "sglang": "sglang", "llama.cpp": "llamacpp"}
    vllm = engine.program != "llama.cpp"  # and SGLang, which follows it here
    rows: list[dict[str, Any]] = []
    for name in engine.models:
        row: dict[str, Any] = {
            "id": name,
            "object": "model",
            "created": 0,
            "owned_by": owners[engine.program],
        }
        if not vllm:
            inputs = ["text", "image"] if engine.sees else ["text"]
            row |= {"architecture": {"input_modalities": inputs}}
        if engine.says_context:
            row |= {"max_model_len": engine.context} if vllm else {"meta": {"n_ctx": engine.context}}
        rows.append(row)
    return {"object": "list", "data": rows}


def too_long(engine: Engine, prompt: int, answer: int | None) -> Refused:
    """A request that does not fit, in the words of each."""
    room = engine.context
    if engine.program == "llama.cpp":
        said = (
            f"request ({prompt} tokens) exceeds the available context size ({room} tokens), try increasing it"
        )
        return Refused(400, said, "exceed_context_size_error", n_prompt_tokens=prompt, n_ctx=room)
    if engine.program == "sglang":
        if answer:
            said = (
                f"Requested token count exceeds the model's maximum context length of {room} tokens. You requested a "
                f"total of {prompt + answer} tokens: {prompt} tokens from the input messages and {answer} tokens for the "
                "completion. Please reduce the number of tokens in the input messages or the completion to fit within the limit."
            )
        else:
            said = f"The input ({prompt} tokens) is longer than the model's context length ({room} tokens)."
        return Refused(400, said)
    if answer and prompt < room:
        said = (
            f"'max_tokens' or 'max_completion_tokens' is too large: {answer}. This model's maximum context length is {room} "
            f"tokens and your request has {prompt} input tokens ({answer} > {room} - {prompt})."
        )
    else:
        said = (
            f"This model's maximum context length is {room} tokens. However, your request has {prompt} input tokens. Please "
            "reduce the length of the input messages."
        )
    return Refused(400, said)
