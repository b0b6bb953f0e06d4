"""Whether an answer is the JSON that was asked for. A schema comes from the caller: it is never fetched from, and its
patterns run where they can be ended.
"""

from __future__ import annotations

import json
import re
from typing import Any, BinaryIO

from glm_mcp import media
from glm_mcp.errors import InvalidRequest, TimedOut

Wanted = bool | dict[str, Any]  # true, or a JSON Schema
PATTERN_S = 5.0  # for the regular expressions of a schema; an honest one takes milliseconds
_MEND = "Mend the schema, or give json=true."


def check_schema(wanted: Wanted) -> None:
    """Raises InvalidRequest for a JSON Schema that is none, or that refers to anything but itself."""
    import jsonschema

    if not isinstance(wanted, dict):
        return
    try:
        jsonschema.validators.validator_for(wanted).check_schema(wanted)
    except jsonschema.SchemaError as error:
        raise InvalidRequest(f"json is not a valid JSON Schema: {error.message[:200]}", _MEND) from None
    except RecursionError:
        raise InvalidRequest("json is nested too deeply for a JSON Schema", _MEND) from None
    outside = re.search(r'"\$(?:dynamicR|r)ef":\s*"([^"#][^"]*)"', json.dumps(wanted))
    if outside and outside[1] not in json.dumps(_ids(wanted)):
        raise InvalidRequest(
            f"json refers to {outside[1][:100]}, which is not fetched",
            "Put all of the schema into json itself.",
        )


def _ids(value: Any) -> list[str]:
    """Every `$id` and `$anchor` below a value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [str(value[k]) for k in ("$id", "$anchor") if k in value] if isinstance(value, dict) else []
    return own + [i for v in inner for i in _ids(v)]


async def check(text: str, wanted: Wanted) -> tuple[Any, str | None]:
    """(value, None) when the text is the JSON asked for, else (None, what is wrong with it).

    Raises InvalidRequest for a schema whose patterns never end.
    """
    value, problem = parse(text)
    if problem or not isinstance(wanted, dict):
        return value, problem
    if '"pattern' not in json.dumps(wanted):
        return value, misfit(value, wanted)
    # Python's regular expressions hold the interpreter: a bad one would stop every call of this server.
    params = {"schema": wanted, "name": "the JSON Schema"}
    try:
        facts, _ = await media.worker.run_job(
            "glm_mcp.tools.checking:fit_job", json.dumps(value).encode(), params, timeout_s=PATTERN_S
        )
    except TimedOut:
        raise InvalidRequest(
            f"a pattern of the JSON Schema takes more than {PATTERN_S:.0f} s",
            "Simplify or leave out its patterns.",
        ) from None
    return value, facts["problem"]


def parse(text: str) -> tuple[Any, str | None]:
    """The JSON of a text, alone or in a code fence; else (None, why not)."""
    fenced = re.search(r"```(?:json)?\s*\n?(.*?)```", text, re.DOTALL)
    problem = "empty"
    for candidate in filter(None, (text.strip(), fenced[1].strip() if fenced else "")):
        try:
            return json.loads(candidate), None
        except (ValueError, RecursionError) as error:
            problem = str(error)
    return None, f"not JSON ({problem})"


def misfit(value: Any, schema: dict[str, Any]) -> str | None:
    """Where a value does not fit a schema, and why; None when it fits. Nothing is fetched."""
    import jsonschema
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    # An empty registry, because by itself the library fetches what a schema refers to.
    validator = jsonschema.validators.validator_for(schema)(schema, registry=Registry())
    try:
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    except Unresolvable as missing:
        return f"the schema refers to {str(missing.ref)[:100]}, which it does not hold"
    except RecursionError:
        return "nested too deeply"
    if error is None:
        return None
    where = "/".join(map(str, error.absolute_path)) or "the value"
    return f"{where}: {error.message[:200]}"


def fit_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """`misfit` in the worker: the value as JSON in `file`, the schema among the parameters."""
    return {"problem": misfit(json.loads(file.read()), params["schema"])}, []
