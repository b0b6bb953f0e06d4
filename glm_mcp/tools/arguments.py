"""What a tool takes: one declaration gives the schema that clients see, the forgiving reading of what they send, and
the dataclass that the tool works with.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

from glm_mcp.errors import InvalidRequest
from glm_mcp.glm.json_shape import SMALL
from glm_mcp.glm.threads import in_thread_if
from glm_mcp.tools.values import KINDS, KindName

# What a caller's path means: a file of the machine that they are on; nothing; one of the server's own folders.
Reach = Literal["here", "nowhere", "server"]

# Other names of `prompt` at whatever answers.
ASKED = ("question", "query", "message", "instruction", "user_prompt")
TEXT_CHARS = 1_000_000  # of a text that is not `long`: a password, a size, a place in a text
MODEL_CHARS = 1_000  # of a model's name, under which much is remembered


@dataclass(frozen=True, slots=True)
class Arg:
    """One argument, declared as `field: Annotated[type, Arg(...)] = default`: how it is read, what a client is told of
    it, its other names, its limits (inclusive). `far`: what it takes from a caller whose files are elsewhere; None where
    the argument is not for them. `name` is the field's; without a default it is `required`. `most`: characters of a text;
    `long`: one that may be of any length. `unless`: another argument that stands in for it.
    """

    kind: KindName
    doc: str = ""
    choices: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    far: str | None = ""
    name: str = ""
    required: bool = False
    most: int = TEXT_CHARS
    long: bool = False
    unless: str = ""

    def schema(self, reach: Reach = "here") -> dict[str, Any]:
        enum = {"enum": list(self.choices)} if self.choices else {}
        doc = self.doc
        if self.far and reach != "here":
            doc = self.far if reach == "nowhere" else f"Paths on the server, {self.far}"
        return KINDS[self.kind].schema | enum | ({"description": doc} if doc else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelArgs:
    """What every tool takes."""

    model: Annotated[str | None, Arg("text", also=("model_id", "model_name"), most=MODEL_CHARS)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerArgs(ModelArgs):
    """What every tool takes that gives a model's answer. `thinking`: "true", "false" or "show"; `json`: true or a JSON
    Schema.
    """

    thinking: Annotated[str | None, Arg("thinking", "true, false, show")] = None
    json: Annotated[
        bool | dict[str, Any] | None,
        Arg("json", "true or a JSON Schema", also=("json_schema", "schema", "response_format")),
    ] = None
    max_tokens: Annotated[
        int | None,
        Arg("integer", also=("max_output_tokens", "max_completion_tokens"), minimum=1, maximum=1_000_000),
    ] = None
    temperature: Annotated[float | None, Arg("number", minimum=0, maximum=2)] = None


ArgsT = TypeVar("ArgsT", bound=ModelArgs)

NAME_CHARS = 60  # of an argument's name; ours have at most 21
WORD_CHARS = 100  # of a value that is one of a few words
SHOWN_CHARS = 80
NOTHING: tuple[object, ...] = ("", [], "null", "None", "undefined")  # as models write what they do not give

# What leads to what callers hope for, by the tool (any) and the first words of the names that they try.
_INSTEAD = {
    ("generate_image", "n num count number"): "It draws one picture a call: call again for another.",
    (
        "generate_image",
        "image images input init reference mask source picture photo edit",
    ): "It draws from words alone and changes no picture: describe_image with task=image_to_prompt puts one into words.",
    ("generate_image", "width height"): "Give both in size, such as 800x400.",
    ("generate_image", "style negative"): "Say it in prompt.",
    (
        "describe_image",
        "history messages context",
    ): "What was said before goes to chat, with history and files.",
    ("analyze_video", "timestamp timestamps time at"): "A moment is given by start and end.",
    ("analyze_video", "fps frame"): "How many frames are read is max_frames.",
    ("read_document", "start end first last from to page"): "Give pages, such as 3-7.",
    ("describe_image", "mode type"): "What is done is task.",
    ("chat", "context background"): "Put it into prompt, and what was said before into history.",
    ("", "reasoning enable"): "Thinking is switched by thinking.",
    ("", "language lang tone detail"): "Say it in prompt.",
    ("", "stream top seed stop frequency presence"): "Leave it out: nothing here depends on it.",
}

_WRAPPERS = ("arguments", "args", "kwargs", "params", "parameters")


_rows: dict[type[ModelArgs], tuple[Arg, ...]] = {}  # reading the declarations takes some 0.4 ms


def arguments_of(declared: type[ModelArgs]) -> tuple[Arg, ...]:
    """The arguments that a dataclass declares: a tool's own first, then those that it shares."""
    if declared not in _rows:
        types = get_type_hints(declared, include_extras=True)
        ancestors = [c for c in declared.__mro__ if is_dataclass(c)]
        depth = {
            f.name: sum(f.name in {g.name for g in fields(c)} for c in ancestors) for f in fields(declared)
        }
        _rows[declared] = tuple(
            replace(types[f.name].__metadata__[0], name=f.name, required=f.default is MISSING)
            for f in sorted(fields(declared), key=lambda f: depth[f.name])
        )
    return _rows[declared]


def schema(declared: type[ModelArgs], reach: Reach = "here") -> dict[str, Any]:
    """The JSON Schema of a tool's input."""
    rows = [a for a in arguments_of(declared) if reach == "here" or a.far is not None]
    return {
        "type": "object",
        "properties": {a.name: a.schema(reach) for a in rows},
        "required": [a.name for a in rows if a.required],
    }


def is_much(given: Mapping[str, Any] | None) -> bool:
    """Whether arguments may take long to read, or hold much memory."""
    return any(
        len(v) > SMALL if isinstance(v, str) else isinstance(v, list | dict) for v in (given or {}).values()
    ) or any(len(name) > NAME_CHARS for name in given or {})


async def read_in_time(tool: str, declared: type[ArgsT], given: Mapping[str, Any] | None) -> ArgsT:
    """`read`, in a thread where there is much to read."""
    return await in_thread_if(is_much(given), read, tool, declared, given)


def read(tool: str, declared: type[ArgsT], given: Mapping[str, Any] | None) -> ArgsT:
    """The arguments of a call. What is absent, null, also as a word, or empty has its default.

    Raises InvalidRequest that names the argument, what is wrong with it, and what it may be.
    """
    rows = arguments_of(declared)
    values: dict[str, Any] = {}
    called: dict[str, str] = {}
    for name, arg, raw in meant(declared, given):
        if arg is None:
            raise _unknown(tool, name, _names(rows))
        if raw is None or (raw in NOTHING and not arg.required):
            continue
        value = _value(tool, arg, raw)
        if arg.name in values and arg.kind == "texts":
            known = set(values[arg.name])
            values[arg.name] += tuple(item for item in value if item not in known)
            continue
        before = called.setdefault(arg.name, _snake(name))
        differ = arg.long and values.get(arg.name, value) != value
        if differ and not {before, _snake(name)} <= {arg.name, *ASKED}:  # one may be what is asked about
            both = f"{tool}: '{before}' and '{name}' both mean {arg.name}"
            raise InvalidRequest(both, f"Put all of it into {arg.name}.")
        if arg.name not in values or name == arg.name:  # its own name wins over another name
            values[arg.name] = value
    missing = [a for a in rows if a.required and a.name not in values and a.unless not in values]
    if missing:
        first = missing[0]
        raise InvalidRequest(f"{tool} needs '{first.name}'", f"Give {first.name}: {first.doc or first.kind}.")
    return declared(**dict.fromkeys((a.name for a in rows if a.required), "") | values)


def meant(declared: type[ModelArgs], given: Mapping[str, Any] | None) -> list[tuple[str, Arg | None, Any]]:
    """Each argument of a call: the name that it was given, the one that is meant (None where there is none), the value."""
    names = _names(arguments_of(declared))

    def known(name: str) -> Arg | None:
        if len(name) > NAME_CHARS:
            return None
        return names.get(name) or names.get(_snake(name)) or names.get(name.lower()) or _source(name, names)

    return [(name, known(name), raw) for name, raw in _unwrapped(given or {}, names).items()]


def _names(rows: tuple[Arg, ...]) -> dict[str, Arg]:
    return {a.name: a for a in rows} | {other: a for a in rows for other in a.also}


def _unknown(tool: str, name: str, names: Mapping[str, Arg]) -> InvalidRequest:
    meant = _snake(name[:NAME_CHARS])
    begun = [n for n in names if len(name) > 2 and (n.startswith(meant) or meant.startswith(f"{n}_"))]
    near = begun or difflib.get_close_matches(meant, list(names), 1, 0.75)
    mean = f"Did you mean '{names[near[0]].name}'? " if near else ""
    takes = ", ".join(dict.fromkeys(a.name for a in names.values()))
    what = f"{tool} has no argument '{name[:NAME_CHARS]}'"
    first = meant.partition("_")[0]
    way = next(
        (way for (of, words), way in _INSTEAD.items() if of in {tool, ""} and first in words.split()), ""
    )
    return InvalidRequest(what, f"{way} It takes: {takes}." if way else f"{mean}It takes: {takes}.")


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else "_" if c in "- " else c for c in name).strip("_")


def _unwrapped(given: Mapping[str, Any], names: Mapping[str, Arg]) -> Mapping[str, Any]:
    """The arguments themselves, where a client has put them into an argument of their own."""
    if len(given) == 1:
        (name, value), *_ = given.items()
        if name in _WRAPPERS and name not in names and isinstance(value, Mapping):
            return value
    return given


def _source(name: str, names: Mapping[str, Arg]) -> Arg | None:
    """The argument for a file that `imageUrl`, `image_paths` or `file_uri` means: what may also be called `path`."""
    whole = _snake(name)
    for stem in (whole, re.sub(r"_(?:path|url|uri|file|source)s?$", "", whole)):
        for spelled in (stem, stem + "s"):
            arg = names.get(spelled)
            if arg is not None and "path" in arg.also:
                return arg
    return None


def _value(tool: str, arg: Arg, value: Any) -> Any:
    try:
        known = KINDS[arg.kind].read(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        several = arg.kind == "text" and isinstance(value, list) and len(value) > 1
        raise _wrong(tool, arg, value, " Give one, not a list." if several else "") from None
    most = WORD_CHARS if arg.choices else arg.most
    if arg.kind in {"text", "size"} and not arg.long and len(known) > most:
        raise _wrong(tool, arg, value, "" if arg.choices else f" At most {most:,} characters are taken.")
    if arg.choices:
        folded = str(known).strip().lower().replace("-", "_").replace(" ", "_")
        folded = folded if folded in arg.choices else _snake(str(known).strip())
        if folded not in arg.choices:
            near = difflib.get_close_matches(folded, arg.choices, 1, 0.65)
            raise _wrong(tool, arg, value, f" Did you mean {near[0]}?" if near else "")
        return folded
    if arg.kind in {"integer", "number"}:
        small = arg.minimum is not None and known < arg.minimum
        if small or (arg.maximum is not None and known > arg.maximum):
            raise _wrong(tool, arg, value)
    return known


def _wrong(tool: str, arg: Arg, value: Any, mean: str = "") -> InvalidRequest:
    return InvalidRequest(f"{tool}: {arg.name} is {shown(value)}", f"It may be {_allowed(arg)}.{mean}")


def _allowed(arg: Arg) -> str:
    if arg.choices:
        return ", ".join(arg.choices)
    words = KINDS[arg.kind].words
    if arg.minimum is not None and arg.maximum is not None:
        words += f" from {arg.minimum:.9g} to {arg.maximum:.9g}"
    return words


def shown(value: Any) -> str:
    """The start of a value as JSON, without writing the rest of it."""
    text = ""
    start = value[: SHOWN_CHARS + 1] if isinstance(value, str) else value
    for piece in json.JSONEncoder(ensure_ascii=False, default=str).iterencode(start):
        text += piece
        if len(text) > SHOWN_CHARS:
            return text[: SHOWN_CHARS - 1] + "…"
    return text
