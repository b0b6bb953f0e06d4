"""The models the simulated service has, from `models.toml`, and what each can do."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Model:
    """Limits in tokens, counts and seconds; `thinking` is where the reasoning appears."""

    id: str
    kind: Literal["chat", "image"] = "chat"
    inputs: Sequence[str] = ("text",)
    context: int = 0
    max_tokens: int = 0
    default_max_tokens: int = 0
    images: int = 0
    # What a picture costs; None: by its pixels.
    image_tokens: int | None = None
    # A prompt beyond it is refused with 1210 instead of 1261; None: the window is the only limit.
    most_input: int | None = None
    # A film as long as this is refused with 1261.
    film_s: float = 0.0
    raw_base64: Literal["accept", "refuse"] = "accept"
    thinking: Literal["field", "inline", "none"] = "none"
    always_thinks: bool = False
    tool_role: bool = True
    tools: Literal["all", "function", "none"] = "none"
    tool_stream: bool = False
    json_object: bool = False
    # Both *_details in usage, cached_tokens among them; the other models send three counters.
    usage_details: bool = False
    concurrency: int = 1

    @property
    def vision(self) -> bool:
        return "image" in self.inputs


_TABLE = tomllib.loads((Path(__file__).with_name("tables") / "models.toml").read_text(encoding="utf-8"))
MODELS = {name: Model(id=name, **row) for name, row in _TABLE.items()}

# What GET /models lists: paid text models only. A key without balance gets 1113 for them. The service lists eleven; which
# eleven is recorded nowhere, so these stand in.
PAID = tuple(
    "glm-4.5 glm-4.5-air glm-4.5-airx glm-4.5-x glm-4.6 glm-4.7 glm-4.7-flashx glm-5 glm-5-turbo glm-5.1 glm-5.2".split()
)
PAID_IMAGE = ("glm-image", "cogview-4-250304", "cogview-4")


def chosen(switch: Mapping[str, Value] | Value, model: str, default: Value) -> Value:
    """A switch's value for a model: its own entry, the one value for all, or the default."""
    if isinstance(switch, Mapping):
        return switch.get(model, default)
    return switch
