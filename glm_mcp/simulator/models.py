"""The models the simulated service has, and what each can do.

Figures: the vendor's model and parameter pages and recorded probes of autumn 2026. Where a page and a probe differ, the
smaller figure stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Model:
    """Limits in tokens and counts; `thinking` is where the reasoning appears."""

    id: str
    kind: Literal["chat", "image"] = "chat"
    inputs: frozenset[str] = frozenset({"text"})
    context: int = 0
    max_tokens: int = 0
    default_max_tokens: int = 0
    images: int = 0
    base64: Literal["accept", "refuse"] = "accept"
    thinking: Literal["field", "inline", "none"] = "none"
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
            concurrency=1,  # users' reports, as the next ones are
        ),
        Model(
            id="glm-4.6v-flash",
            inputs=frozenset({"text", "image", "video", "file"}),
            context=131_072,
            max_tokens=32_768,
            default_max_tokens=16_384,
            images=50,
            thinking="field",
            tools="function",
            usage_details=True,
            concurrency=5,
        ),
        Model(
            id="glm-4.1v-thinking-flash",
            inputs=frozenset(
                {"text", "image", "video"}
            ),  # its page claims files, the schema does not list them
            context=65_536,
            max_tokens=16_384,  # probed; the parameter page says 32,768
            default_max_tokens=16_384,
            images=50,
            thinking="inline",
            concurrency=2,
        ),
        Model(
            id="glm-4v-flash",
            inputs=frozenset({"text", "image"}),
            context=16_384,
            max_tokens=1_024,
            default_max_tokens=1_024,
            images=1,
            base64="refuse",
            concurrency=5,
        ),
        Model(id="cogview-3-flash", kind="image", concurrency=2),
    )
}

# What GET /models lists: paid text models only. A key without balance gets 1113 for them. The service lists eleven; which
# eleven is recorded nowhere, so these stand in.
PAID = (
    "glm-4.5",
    "glm-4.5-air",
    "glm-4.5-airx",
    "glm-4.5-x",
    "glm-4.6",
    "glm-4.7",
    "glm-4.7-flashx",
    "glm-5",
    "glm-5-turbo",
    "glm-5.1",
    "glm-5.2",
)
PAID_IMAGE = ("glm-image", "cogview-4-250304", "cogview-4")


def chosen(switch: Mapping[str, Value] | Value, model: str, default: Value) -> Value:
    """A switch's value for a model: its own entry, the one value for all, or the default."""
    if isinstance(switch, Mapping):
        return switch.get(model, default)
    return switch
