"""The tools a chat request offers: how many, of which kind, of which shape, on which model."""

import re
from typing import Any

from glm_mcp.simulator.errors import Refusal
from glm_mcp.simulator.models import Model
from glm_mcp.simulator.switches import Switches

MAX_TOOLS = 128
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
# What the other kinds of tool cannot do without.
_HOSTED = {"retrieval": "knowledge_id", "web_search": None, "mcp": "server_label"}


def check_tools(body: dict[str, Any], model: Model, switches: Switches) -> list[dict[str, Any]]:
    """The functions offered, in order; none where the model ignores them. Raises Refusal: 1210 for a count, a kind or a
    shape, and for tools on a model that has none.
    """
    tools, choice = body.get("tools"), body.get("tool_choice")
    if tools in (None, []) and choice is None:
        return []
    if model.tools == "none":
        if switches.unsupported_tools == "refuse":
            raise Refusal("1210")
        return []
    if choice not in (None, "auto"):
        raise Refusal("1210", message="tool_choice 参数非法，取值范围 ['auto']")
    if tools is None:
        return []
    if not isinstance(tools, list) or len(tools) > MAX_TOOLS:
        raise Refusal("1210", message=f"tools 参数非法：最多{MAX_TOOLS}个")
    return [function for tool in tools if (function := _function(tool, model)) is not None]


def _function(tool: Any, model: Model) -> dict[str, Any] | None:
    if not isinstance(tool, dict):
        raise Refusal("1210", message="tools 参数非法")
    kind = tool.get("type")
    if kind in _HOSTED and model.tools == "all":
        _check_hosted(kind, tool.get(kind))
        return None
    if kind != "function":
        allowed = ["function"] + (list(_HOSTED) if model.tools == "all" else [])
        raise Refusal("1210", message=f"tools.type 参数非法，取值范围 {allowed}")
    function = tool.get("function")
    if not isinstance(function, dict):
        raise Refusal("1210", message="tools.function 参数非法")
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refusal("1210", message="tools.function.name 参数非法")
    if not isinstance(function.get("description"), str):
        raise Refusal("1210", message="tools.function.description 参数非法")
    if not isinstance(function.get("parameters"), dict):
        raise Refusal("1210", message="tools.function.parameters 参数非法")
    return function


def _check_hosted(kind: str, value: Any) -> None:
    needed = _HOSTED[kind]
    if not isinstance(value, dict) or (needed and not isinstance(value.get(needed), str)):
        raise Refusal("1210", message=f"tools.{kind} 参数非法")
