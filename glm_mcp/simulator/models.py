"""The models the simulated service has, and what each can do.

Figures: the vendor's model and parameter pages, recorded probes of autumn 2026, and for `concurrency` the console's
tables as users show them. Where a page and a probe differ, the smaller figure stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Model:
    """Limits in tokens, counts and seconds; `thinking` is where the reasoning appears."""

    id: str
    kind: Literal["chat", "image"] = "chat"
    inputs: frozenset[str] = frozenset({"text"})
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


MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        Model(
            id="glm-4.7-flash",
            context=204_800,
            max_tokens=131_072,
            default_max_tokens=65_536,  # the figure of glm-4.7; the flash model's is not listed
            thinking="field",
            tools="all",
            tool_stream=True,
            json_object=True,
            usage_details=True,
            concurrency=1,
        ),
        Model(
            id="glm-4.6v-flash",
            inputs=frozenset({"text", "image", "video", "file"}),
            context=131_072,
            max_tokens=32_768,
            default_max_tokens=16_384,
            images=50,
            film_s=90,  # its window at the rate of the next model; no probe found the limit
            thinking="field",
            tool_role=False,
            tools="function",
            usage_details=True,
            concurrency=1,
        ),
        Model(
            id="glm-4.1v-thinking-flash",
            inputs=frozenset({"text", "image", "video"}),  # its page claims files, the schema lists none
            context=65_536,
            max_tokens=16_384,  # probed; the parameter page says 32,768
            default_max_tokens=16_384,
            images=50,
            film_s=42,  # probed: 40 s pass, 42 to 44 s are flaky, 45 s are refused
            thinking="inline",
            always_thinks=True,
            tool_role=False,
            concurrency=5,
        ),
        Model(
            id="glm-4v-flash",
            inputs=frozenset({"text", "image"}),
            context=16_384,
            max_tokens=1_024,
            default_max_tokens=1_024,
            images=1,
            image_tokens=244,  # probed, as the next one is
            most_input=15_246,
            raw_base64="refuse",  # data URLs were seen to pass, raw base64 was not
            tool_role=False,
            concurrency=10,
        ),
        Model(
            id="glm-4-flash-250414",
            context=131_072,
            max_tokens=16_384,
            default_max_tokens=16_384,
            tools="function",
            json_object=True,
            concurrency=200,
        ),
        Model(
            id="glm-5.3-flash",  # costs money: the simulated account has some
            inputs=frozenset({"text", "image", "video", "file"}),
            context=1_048_576,
            max_tokens=131_072,
            default_max_tokens=65_536,
            images=50,
            film_s=700,
            thinking="field",
            always_thinks=True,
            tools="all",
            tool_stream=True,
            json_object=True,
            usage_details=True,
            concurrency=5,
        ),
        Model(id="cogview-3-flash", kind="image", concurrency=1),
    )
}

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
