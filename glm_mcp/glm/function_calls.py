"""The functions that a model wants called, however it writes them: in pieces, with one index or none, or as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from glm_mcp.glm.json_shape import Shape, too_many_values
from glm_mcp.glm.network.pieces import Pieces
from glm_mcp.text import whole

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_DECODER = json.JSONDecoder()
_GLUED = 100  # calls whose arguments were written as one
CALLS_MAX = 1_000  # of functions in one answer; models write some ten
_BLANK = re.compile(r"\s{1,100}")  # between two of them
_SEAM = re.compile(r"\}\s*\{")  # where the arguments of one call may end and those of the next begin
_NAME = re.compile(r"[A-Za-z_][\w.:-]{0,63}")
_CUT_NAME = re.compile(r'\{\s*"name"\s*:\s*"([^"]{1,64})"\s*,\s*"arguments"\s*:\s*')  # of a call as JSON
_KEY, _KEY_END, _VALUE, _VALUE_END = "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"


@dataclass(slots=True)
class _Call:
    """One call while it arrives. `shape`: of its arguments."""

    id: str = ""
    type: str = "function"
    name: str = ""
    arguments: Pieces = field(default_factory=Pieces)
    shape: Shape = field(default_factory=Shape)


class Calls:
    """The calls of one answer while they arrive. `chars`: of their arguments and of what they are called. `too_many`: the
    arguments of one have more values than are read.

    The API numbers them by `index`; some models give all the same or none. A piece with an id or a name of its own begins
    another call where the last one of that index is named already.
    """

    def __init__(self) -> None:
        self.chars = 0
        self.too_many = False
        self._calls: list[_Call] = []
        self._last: dict[int, _Call] = {}  # index → the call that its next piece belongs to

    def __len__(self) -> int:
        return len(self._calls)

    def feed(self, raw: Any) -> None:
        for position, item in enumerate(raw if isinstance(raw, list) else ()):
            if isinstance(item, dict):
                index = item.get("index")
                self._piece(index if isinstance(index, int) else position, item)

    def _piece(self, index: int, item: dict[str, Any]) -> None:
        given = item.get("function")
        function = given if isinstance(given, dict) else {}
        ident, name = _word(item.get("id")), _word(function.get("name"))
        call = self._last.get(index)
        if call is None or self._is_another(call, ident, name):
            call = self._last[index] = _Call()
            self._calls.append(call)
        before = len(call.id) + len(call.type) + len(call.name)  # some repeat them with each piece
        call.id = ident or call.id
        call.type = _word(item.get("type")) or call.type
        call.name = name or call.name
        self.chars += max(0, len(call.id) + len(call.type) + len(call.name) - before)
        arguments = function.get("arguments")
        if arguments and not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        if arguments:
            call.arguments.add(arguments)
            call.shape.feed(arguments.encode("utf-8", "replace"))
            self.too_many = self.too_many or call.shape.too_many
            self.chars += len(arguments)

    @staticmethod
    def _is_another(call: _Call, ident: str, name: str) -> bool:
        if ident and call.id:
            return ident != call.id
        # The same name again with every piece is one call; after whole arguments it is the next.
        return bool(name and call.name and call.shape.closed)

    def whole(self) -> list[dict[str, Any]]:
        """Each with an id of its own, by which its result is told apart."""
        calls: list[dict[str, Any]] = []
        taken: set[str] = set()
        for call in self._calls:
            if not call.name and call.type == "function":  # nobody could tell what to call
                continue
            written = _unpacked(whole(call.arguments.whole()))
            parted = _parted(written)
            for arguments in parted if len(calls) + len(parted) <= CALLS_MAX else [written]:
                ident = call.id if call.id and call.id not in taken else f"call_{len(calls)}"
                taken.add(ident)
                function = {"name": call.name, "arguments": arguments}
                calls.append({"id": ident, "type": call.type, "function": function})
        return calls


def mended(calls: list[dict[str, Any]], functions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The calls; where a model wrote the arguments into the name, with both in their place, and where it wrote none, with an
    object that is empty: whoever reads them expects JSON.
    """
    schemas = _schemas(functions)
    for call in calls:
        name = call["function"]["name"]
        if _KEY in name:
            bare, arguments = _parsed(name)
            call["function"] = {"name": bare, "arguments": _written(arguments, schemas.get(bare, {}))}
        elif call["type"] == "function" and not call["function"]["arguments"].strip():
            call["function"]["arguments"] = "{}"
    return calls


def damaged(calls: Sequence[dict[str, Any]]) -> bool:
    """Whether the arguments of a function are no JSON."""
    for call in calls:
        try:
            json.loads(call["function"]["arguments"] or "{}")
        except (ValueError, RecursionError):
            return True
    return False


def _unpacked(arguments: str) -> str:
    """Arguments as an object where a model or an engine packed them twice, as the text of a text."""
    if not arguments.lstrip().startswith('"'):
        return arguments
    try:
        inside = json.loads(arguments)
        return inside if isinstance(_read(inside), dict) else arguments
    except (ValueError, TypeError, RecursionError):
        return arguments


def _parted(arguments: str) -> list[str]:
    """The arguments of each call where a model has written those of several one after another; as they are otherwise.

    The same ones again are one call sent twice, and an empty object before others is how some gateways begin one.
    """
    found: dict[str, str] = {}  # as they are compared → as written
    at = len(arguments) - len(arguments.lstrip()) if _SEAM.search(arguments) else len(arguments)
    seen = 0
    try:
        while at < len(arguments) and seen <= _GLUED:
            seen += 1
            value, end = _DECODER.raw_decode(arguments, at)
            found.setdefault(json.dumps(value, sort_keys=True), arguments[at:end])
            blank = _BLANK.match(arguments, end)
            at = blank.end() if blank else end
    except (ValueError, RecursionError):
        return [arguments]
    if len(found) > 1:
        found.pop("{}", None)
    return list(found.values()) if 0 < seen <= _GLUED else [arguments]


def written_as_text(text: str, functions: Sequence[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """The text without the calls written into it, and these calls; only of functions that were offered, and CALLS_MAX at
    most.
    """
    schemas = _schemas(functions)
    calls: list[dict[str, Any]] = []
    rest: list[str] = []
    at = 0
    for start, end, name, arguments in _calls_in(text) if schemas else ():
        if name in schemas and len(calls) < CALLS_MAX:
            function = {"name": name, "arguments": _written(arguments, schemas[name])}
            calls.append({"id": f"call_{len(calls)}", "type": "function", "function": function})
            rest.append(text[at:start])
            at = end
    rest.append(text[at:])
    return ("".join(rest).strip() if calls else text), calls


def without_calls(text: str) -> str:
    """The text of a model that was offered no functions without calls written into it. In code, in quotation marks
    or with a blank after the mark, they are talked about.
    """
    rest: list[str] = []
    at = seen = fences = 0
    for start, end, name, _ in _calls_in(text):
        fences += text.count("```", seen, start) + text.count("~~~", seen, start)
        seen = start
        quoted = (
            fences % 2 or text[start - 1 : start] in ("`", '"', "'") or text.startswith(f"{_OPEN} ", start)
        )
        if _NAME.fullmatch(name) and not quoted:
            rest.append(text[at:start])
            at = end
    return "".join((*rest, text[at:])).strip() if rest else text


def _calls_in(text: str) -> Iterator[tuple[int, int, str, dict[str, Any] | str]]:
    """Each call written into a text: where it begins and ends, its name and arguments; these as written where they are cut."""
    end = 0
    while (start := text.find(_OPEN, end)) >= 0:
        close = text.find(_CLOSE, start)
        last = close if close >= 0 else len(text)
        end = min(last + len(_CLOSE), len(text))
        yield start, end, *_parsed(text[start + len(_OPEN) : last].strip())


def _schemas(functions: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {f["function"]["name"]: f["function"] for f in functions if _is_function(f)}


def _written(arguments: dict[str, Any] | str, function: dict[str, Any]) -> str:
    """Arguments that stood in a text, as the API has them; cut ones stay as they are, which is no JSON."""
    if isinstance(arguments, str):
        return arguments
    properties = (function.get("parameters") or {}).get("properties") or {}
    typed = {k: _typed(v, properties.get(k)) for k, v in arguments.items()}
    return json.dumps(typed, ensure_ascii=False)


def _is_function(entry: dict[str, Any]) -> bool:
    function = entry.get("function")
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def _parsed(body: str) -> tuple[str, dict[str, Any] | str]:
    """Name and arguments of one call: `name<arg_key>k</arg_key><arg_value>v</arg_value>`, or an object of JSON. Of a call
    that is cut, the arguments as they are written.
    """
    if body.startswith("{"):
        try:
            said = _read(body)
        except (ValueError, RecursionError):
            cut = _CUT_NAME.match(body)
            return (cut[1], body[cut.end() :]) if cut else ("", {})
        arguments = said.get("arguments") if isinstance(said, dict) else None
        return (str(said.get("name")), arguments) if isinstance(arguments, dict) else ("", {})
    name, _, rest = body.partition("<")
    pairs = list(_pairs(body))
    return _bare(name), (f"<{rest}" if None in pairs else dict(pair for pair in pairs if pair))


def _pairs(body: str) -> Iterator[tuple[str, str] | None]:
    """Each argument; None for one that is cut."""
    for piece in body.split(_KEY)[1:]:
        key, _, after = piece.partition(_KEY_END)
        between, began, value = after.partition(_VALUE)
        value, ended, _ = value.partition(_VALUE_END)
        yield (key.strip(), value) if began and ended and not _bare(between) else None


def _bare(text: str) -> str:
    """What stands between two marks without white space; engines leave line breaks there as they were escaped."""
    return text.replace("\\n", "\n").strip()


def _typed(value: Any, schema: Any) -> Any:
    """A value written as text, as what the function's schema says it is."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    if not isinstance(value, str) or kind == "string":
        return value
    for written in (value, f'"{value}"'):  # its quotation marks may be escaped
        try:
            found = _read(written)
            return found if written is value else _read(found)
        except (ValueError, RecursionError):
            continue
    return value


def _read(text: str) -> Any:
    """Raises ValueError for what is no JSON or has more values than are read, RecursionError."""
    if too_many_values(text):
        raise ValueError
    return json.loads(text)


def _word(value: Any) -> str:
    return whole(value) if isinstance(value, str) else ""
