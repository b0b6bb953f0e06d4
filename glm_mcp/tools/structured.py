"""Whether an answer is the JSON that was asked for. A schema comes from the caller: nothing that it refers to is
fetched, and it is checked where the check can be ended.
"""

from __future__ import annotations

import json
import re
import string
from typing import Any, BinaryIO, NamedTuple

from glm_mcp.errors import InvalidRequest, MediaTooLarge, TimedOut, UnsupportedMedia
from glm_mcp.glm.json_shape import VALUES_MAX, too_many_values
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.worker import run_job

ResponseFormat = bool | dict[str, Any]  # true, or a JSON Schema
CHECK_S = 5.0  # for one check; an honest one takes milliseconds beside the start of a process
SCHEMA_BYTES = 60_000  # of a schema; what is larger is no instruction for a model
SMALL_SCHEMA = 4_000  # characters; one for people's own use has some hundred
_FIX = "Mend the schema, or give json=true."


async def check_schema(form: ResponseFormat) -> None:
    """Raises InvalidRequest for a JSON Schema that is none, or that refers to anything but itself."""
    if not isinstance(form, dict):
        return
    size = characters(form)
    if size > SCHEMA_BYTES:
        raise InvalidRequest(
            f"json is a schema of {size:,} characters, at most {SCHEMA_BYTES:,} are taken", _FIX
        )
    if size > SMALL_SCHEMA:
        # What must be unique in a schema is compared with all others, by a library that nobody can stop.
        params = {"schema": form, "name": "the JSON Schema"}
        facts = await _in_child("schema_job", b"{}", params)
    else:
        facts = {"problem": await in_thread(schema_problem, form)}
    if facts["problem"]:
        raise InvalidRequest(facts["problem"], _FIX)


def characters(value: Any) -> int:
    """About as many as JSON has for a value. Writing it would hold up everything for as long as 20 MB take."""
    counted, rest = 0, [value]
    while rest:
        inner = rest.pop()
        if isinstance(inner, dict):
            counted += sum(len(name) + 4 for name in inner)
            rest += inner.values()
        elif isinstance(inner, list):
            counted += 2 * len(inner)
            rest += inner
        else:
            counted += len(inner) if isinstance(inner, str) else 4
    return counted


def schema_problem(form: dict[str, Any]) -> str | None:
    """What is wrong with a JSON Schema; None where nothing is."""
    import jsonschema

    try:
        jsonschema.validators.validator_for(form).check_schema(form)
    except jsonschema.SchemaError as error:
        return f"json is not a valid JSON Schema: {error.message[:200]}"
    except RecursionError:
        return "json is nested too deeply for a JSON Schema"
    except (TypeError, AttributeError, ValueError):  # the library looks it up before it looks at it
        return "json is not a valid JSON Schema: $schema is no address"
    outside = re.search(r'"\$(?:dynamicR|r)ef":\s*"([^"#][^"]*)"', json.dumps(form))
    if outside and outside[1] not in json.dumps(_ids(form)):
        return (
            f"json refers to {outside[1][:100]}, which is not fetched: put all of the schema into json itself"
        )
    return None


def schema_job(_: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """`schema_problem` in the worker."""
    return {"problem": schema_problem(params["schema"])}, []


def _ids(value: Any) -> list[str]:
    """Every `$id` and `$anchor` below a value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [str(value[k]) for k in ("$id", "$anchor") if k in value] if isinstance(value, dict) else []
    return own + [i for v in inner for i in _ids(v)]


async def check(text: str, form: ResponseFormat, *, within_s: float = CHECK_S) -> tuple[Any, str | None]:
    """(value, None) when the text is the JSON asked for, else (None, what is wrong with it).

    Raises InvalidRequest for a schema that cannot be checked in time.
    """
    value, problem = await in_thread(parse, text)
    if problem or not isinstance(form, dict):
        return value, problem
    # A few lines of schema can keep a validator busy for years, and Python's regular expressions hold the interpreter
    # meanwhile: a schema of somebody else's is checked where it can be ended.
    params = {"schema": form, "name": "the JSON Schema"}
    written = (await in_thread(json.dumps, value)).encode()
    facts = await _in_child("fit_job", written, params, within_s)
    return facts.get("inside", value), facts["problem"]


async def _in_child(
    job: str, value: bytes, params: dict[str, Any], within_s: float = CHECK_S
) -> dict[str, Any]:
    try:
        facts, _ = await run_job(f"glm_mcp.tools.structured:{job}", value, params, timeout_s=within_s)
    except (TimedOut, MediaTooLarge, UnsupportedMedia):
        raise InvalidRequest(
            f"the JSON Schema could not be checked within {within_s:.0f} s",
            "Simplify it: fewer patterns and references.",
        ) from None
    return facts


def parse(text: str) -> tuple[Any, str | None]:
    """The JSON of a text: alone, in a code fence, or the first value inside a sentence; else (None, why not).

    Line breaks within its texts, comments and a last comma, which models write, are taken.
    """
    if too_many_values(text):
        return None, f"it has more than {VALUES_MAX:,} values"
    problem = "empty"
    fence = first_fence(text)
    for candidate in (text.strip(), fence.body.strip() if fence else ""):
        if candidate:
            try:
                return _DECODER.decode(candidate), None
            except (ValueError, RecursionError) as error:
                problem = str(error)
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    inside = text[min(starts) :] if starts else ""
    for candidate in (inside, _strict(inside)):
        try:
            return _DECODER.raw_decode(candidate)[0], None
        except (ValueError, RecursionError):
            pass  # the first problem says it better
    return None, f"not JSON ({problem})"


def _strict(text: str) -> str:
    """A text without comments and without commas before a bracket that closes, as models write them for people."""
    for _ in range(2):  # a comment may stand between the comma and the bracket
        text = _LOOSE.sub(lambda found: found[1] or "", text)
    return text


class Fence(NamedTuple):
    """A code fence of an answer; `alone`: there is nothing else."""

    language: str
    body: str
    alone: bool


def first_fence(text: str) -> Fence | None:
    """The first code fence; one that is never closed reaches to the end. Without patterns, which white space slows down."""
    text = text.strip()
    start = text.find("```")
    if start < 0:
        return None
    line = text.find("\n", start)
    head = text[start + 3 : line if line >= 0 else len(text)]
    language = head[: len(head) - len(head.lstrip(string.ascii_letters))]
    if "```" in head:  # all on one line
        start += 3 + len(language)
        end = text.find("```", start)
    else:
        start = line + 1 if line >= 0 else len(text)
        end = text.find("\n```", start - 1)
        end = end if end >= 0 else text.find("```", start)
    body = text[start : max(start, end) if end >= 0 else len(text)]
    return Fence(language, body, text.startswith("```") and (end < 0 or end >= len(text) - 4))


def unfenced(text: str) -> str:
    """A text without the code fence that holds all of it."""
    fence = first_fence(text)
    return fence.body if fence and fence.alone else text


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant, strict=False)
# What is never closed reaches to the end, so that none is looked for twice.
_LOOSE = re.compile(
    r'("(?:[^"\\]|\\.)*+(?:"|\\?\Z))|//[^\n]*|/\*.*?(?:\*/|\Z)|(?<=[^\s,\[{:]),(?=\s*[}\]])', re.DOTALL
)


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
    # A model may name its fields anything.
    where = "/".join(map(str, error.absolute_path))[:200] or "the value"
    return f"{where}: {error.message[:200]}"


def fit_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """`misfit` in the worker: the value as JSON in `file`, the schema among the parameters.

    Where a model put what was asked for into an envelope of its own (`{"answer": {…}}`), `inside` is what fits.
    """
    value, schema = json.loads(file.read()), params["schema"]
    problem = misfit(value, schema)
    if problem and isinstance(value, dict):
        inside = [v for v in value.values() if isinstance(v, dict | list) and misfit(v, schema) is None]
        if len(inside) == 1:
            return {"problem": None, "inside": inside[0]}, []
    return {"problem": problem}, []
