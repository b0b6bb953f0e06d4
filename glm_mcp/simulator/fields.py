"""The top-level fields of a chat request, without its messages and tools: kinds, ranges, lengths.

Fields the service does not know are ignored, as the real one ignores them.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from glm_mcp.simulator.errors import Refusal, bad_value
from glm_mcp.simulator.models import MODELS, PAID, PAID_IMAGE, Model, chosen
from glm_mcp.simulator.switches import Switches

REQUEST_ID = (6, 64)
USER_ID = (6, 128)
EFFORTS = ("low", "high", "max")
ALWAYS_THINKS = "该模型始终思考，不支持关闭思考；请使用 low、high 或 max"


def find_model(body: dict[str, Any], kind: str, routing: Mapping[str, str]) -> Model:
    """The model a body names, or the one it is routed to, fit for a call of this kind. Raises Refusal: 1213 none named,
    1214 no text, 1211 unknown, 1212 the other kind, 1113 one that costs money.
    """
    name = body.get("model")
    if isinstance(name, str) and routing.get(name, name) in MODELS:
        name = routing.get(name, name)
    if name is None or name == "":
        raise Refusal("1213", "model")
    if not isinstance(name, str):
        raise bad_value("model")
    if name in PAID or name in PAID_IMAGE:
        raise Refusal("1212" if (name in PAID) != (kind == "chat") else "1113")
    model = MODELS.get(name)
    if model is None:
        raise Refusal("1211")
    if model.kind != kind:
        raise Refusal("1212")
    return model


def check_ids(body: dict[str, Any]) -> None:
    for name, (low, high) in (("request_id", REQUEST_ID), ("user_id", USER_ID)):
        value = body.get(name)
        if value is not None and not (isinstance(value, str) and low <= len(value) <= high):
            raise bad_value(name)


def check_fields(body: dict[str, Any], model: Model, switches: Switches) -> None:
    """Raises Refusal for the first field that is wrong."""
    check_ids(body)
    for name in ("stream", "do_sample", "tool_stream"):
        if body.get(name) is not None and not isinstance(body[name], bool):
            raise bad_value(name)
    _check_max_tokens(body.get("max_tokens"), model)
    _check_sampling("temperature", body.get("temperature"), "0", switches)
    _check_sampling("top_p", body.get("top_p"), "0.01", switches)
    _check_stop(body.get("stop"), switches)
    _check_thinking(body, model)
    _check_options(body.get("stream_options"))
    _check_response_format(body.get("response_format"), model, switches)


def _check_max_tokens(value: Any, model: Model) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= model.max_tokens:
        raise Refusal("1210", message=f"max_tokens参数非法：限制数值范围[1,{model.max_tokens}]")


def _check_sampling(name: str, value: Any, low: str, switches: Switches) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_value(name)
    if not switches.strict_sampling:
        return
    number = Decimal(repr(value))
    if not number.is_finite() or not Decimal(low) <= number <= 1:
        raise Refusal("1210", message=f"{name}参数非法：限制数值范围[{low},1]")
    if number != round(number, 2):
        raise Refusal("1210", message=f"{name}参数非法：限制小数点[2]位")


def _check_stop(value: Any, switches: Switches) -> None:
    if value is None:
        return
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise bad_value("stop")
    if len(value) > switches.max_stop:
        raise Refusal("1210", message=f"stop参数非法：最多{switches.max_stop}个")


def _check_thinking(body: dict[str, Any], model: Model) -> None:
    """Every model takes the field, and most of them no; glm-4.1v-thinking-flash thinks all the same."""
    effort, value = body.get("reasoning_effort"), body.get("thinking")
    forced = model.always_thinks and model.thinking == "field"
    if forced and effort is not None and effort not in EFFORTS:
        raise Refusal("1210", message=ALWAYS_THINKS)
    if value is None:
        return
    if not isinstance(value, dict) or value.get("type", "enabled") not in {"enabled", "disabled"}:
        raise bad_value("thinking")
    if not isinstance(value.get("clear_thinking", True), bool):
        raise bad_value("thinking")
    if forced and effort is None and value.get("type") == "disabled":
        raise Refusal("1210", message=ALWAYS_THINKS)


def _check_options(value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, dict) or not isinstance(value.get("include_usage", True), bool):
        raise bad_value("stream_options")


def _check_response_format(value: Any, model: Model, switches: Switches) -> None:
    if value is None:
        return
    allowed = chosen(switches.response_format, model.id, "accept" if model.json_object else "refuse")
    if allowed == "refuse":
        raise Refusal("1210")
    if allowed == "accept" and not _known_format(value):
        raise Refusal("1210", message="response_format.type 参数非法，取值范围 ['text','json_object']")


def _known_format(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") in {"text", "json_object"}
