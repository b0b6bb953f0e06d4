"""What the program can say, read from its source: each text of an error, a finding or a line of the command, with {1}, {2}
for what is put into it.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support.notes import noted, walk

import glm_mcp
from glm_mcp import errors
from glm_mcp.media.formats import KINDS
from glm_mcp.server.http.auth.tokens import NAME_IS
from glm_mcp.settings import Settings, may_be

ROOT = Path(glm_mcp.__file__).parent
ERRORS = {n for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, errors.GLMError)}
FINDINGS = {"ok", "note", "wrong", "_ok", "_note", "_wrong", "Finding"}
USAGE = {"UsageError", "BadParameter"}
LINES = {"echo", "say"}
WORDS = {"UNSET", "TITLES", "_WANTED", "_TOOLS", "_SEE", "_KINDS", "_INSTEAD", "RECORD", "_DREW"}
# Functions that give why something cannot be, which an error names.
REASONS = {
    "_allow",
    "_lacks",
    "broken_by",
    "_login_in",
    "_made",
    "_why_unasked",
    "misfit",
    "parse",
    "says",
    "schema_problem",
    "secret_in",
    "windows_trouble",
}
CLICK = (  # what the command's library says in its own words
    "Show this message and exit.",
    "Show the version and exit.",
    "No such command {1}.",
    "No such command {1}. Did you mean {2}?",
    "No such command {1}. (Did you mean one of: {2}?)",
    "No such option {1}.",
    "No such option {1}. Did you mean {2}?",
    "No such option {1}. (Did you mean one of: {2}?)",
    "No such option: {1}",  # as older versions of it say
    "Option {1} does not take a value.",
    "File {1} is a directory.",
    "Missing argument '{1}'.",
    "Got unexpected extra argument ({1})",
    "Invalid value for {1}: {2}",
    "{1} is not one of {2}.",
    "{1} is not a valid integer.",
    "{1} is not a valid integer range.",
    "{1} is not in the range {2}.",
    "Option {1} requires an argument.",
)
COMMANDS = re.compile(r"(glm-mcp|git|cat|cd|export) |install HOST|key --|\$env:|Bearer |\[page")
PUT_IN_LATER = re.compile(r"\{[a-z]+\}")  # by str.format
# What is never shown to a person: what a model is asked, what a file holds, names of clients; by the name of the table,
# function or argument.
UNSAID = {
    "_COPIED",
    "_COMMANDS",
    "_TALK",
    "_CALL",
    "_COUNT",
    "HEAD",
    "UNITS",
    "EXPIRES_IS",
    "questions",
    "_shown",
    "inputs",
    "title",
    "announces",
}
# Single words and parts of the command's tables: nothing in the source tells these from names.
LABELS = (
    "quotes",
    "the name before it",
    "the text",
    "the word Bearer",
    "blanks inside it",
    "added",
    "unreadable",
    "yes",
    "no",
    "either",
    "expects",
    "tokens",
    "answers",
    "silent",
    "failed",
    "blocked",
    "overloaded",
    "EXPIRED {1}",
    "SIMULATED",
    "starting",
    "{1} is {2}; it may be {3}",
    "try {1} in {2} s",
    "Try {1}. {2}",
    "Try {1}.",
    "It serves {1}. {2}",
    "It serves {1}",
    "a PDF",
    "a number from {1} to {2}",
    "a whole number from {1} to {2}",
    "Error",
    "the connection broke",
    "If it is not one, copy it elsewhere under another name.",
    "Or add this very file to GLM_ALLOWED_DIRS.",
    "Whoever runs the server sets one there: {1}.",
    "there is only the placeholder '{1}'",
)
STRIPS = {"strip", "rstrip"}
HOLE = "\0"  # stands for what is put in, until the holes are numbered
MOST = 64  # ways to put one message together

Text = list[str]


@dataclass
class Scope:
    """What names stand for: in the module, and in the function that is read."""

    module: dict[str, list[ast.expr]] = field(default_factory=dict)
    local: dict[str, list[ast.expr]] = field(default_factory=dict)

    def values(self, name: str) -> list[ast.expr]:
        return self.local.get(name) or self.module.get(name) or []


def assigned(body: Iterable[ast.AST]) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            found.setdefault(node.target.id, []).append(node.value)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name | ast.Attribute):
                    found.setdefault(ast.unparse(target), []).append(node.value)
                elif (
                    isinstance(target, ast.Tuple)
                    and isinstance(node.value, ast.Tuple)
                    and len(target.elts) == len(node.value.elts)
                ):
                    for name, value in zip(target.elts, node.value.elts, strict=True):
                        if isinstance(name, ast.Name):
                            found.setdefault(name.id, []).append(value)
    return found


def texts(node: ast.expr, scope: Scope, within: tuple[str, ...] = ()) -> Text:
    """Each text that an expression can be; what is not known is a hole."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else [HOLE]
    if isinstance(node, ast.JoinedStr):
        parts = [
            texts(v.value if isinstance(v, ast.FormattedValue) else v, scope, within) for v in node.values
        ]
        return _products(parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _products([texts(node.left, scope, within), texts(node.right, scope, within)])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in STRIPS:
        return texts(node.func.value, scope, within)
    if isinstance(node, ast.IfExp):
        return [*texts(node.body, scope, within), *texts(node.orelse, scope, within)]
    if isinstance(node, ast.Name | ast.Attribute) and (name := ast.unparse(node)) not in within:
        values = scope.values(name)
        found = [t for v in values for t in texts(v, scope, (*within, name))]
        return found if found and len(found) <= MOST else [HOLE]
    return [HOLE]


def _products(parts: list[Text]) -> Text:
    made = ["".join(p) for p in itertools.islice(itertools.product(*parts), MOST + 1)]
    return made if len(made) <= MOST else [HOLE]


def numbered(text: str) -> str:
    text = re.sub(f"{HOLE}+", HOLE, " ".join(text.split()))
    pieces = text.split(HOLE)
    return "".join(p + (f"{{{i}}}" if i < len(pieces) else "") for i, p in enumerate(pieces, 1))


def worded(text: str) -> bool:
    """Whether a text has words of ours: not only what is put in, marks, commands and names of settings."""
    bare = re.sub(r"\{\d+\}|`[^`]*`|https?:\S+|\b[A-Z][A-Z_]+\b|\b\w+[_=.]\w+", " ", text)
    return bool(re.search(r"[A-Za-z]{2,}", bare)) and not re.search("[\u4e00-\u9fff]", text)


def of_call(node: ast.Call, scope: Scope, path: Path) -> Iterator[str]:
    command, tools = "cli" in path.parts, "tools" in path.parts
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    given = list(node.args)
    keywords = {k.arg: k.value for k in node.keywords}
    if name in ERRORS | USAGE | {"cls"} and name != "MissingExtra":
        wanted = [*given[:2], *(keywords[k] for k in ("see",) if k in keywords)]
    elif name in FINDINGS and (command or "wrong" in name):
        wanted = [given[0], *given[2:]] if name == "Finding" else given
    elif name == "unreadable":
        wanted = given[1:2]
    elif name in {"Unable", "OSError"}:  # as the system's own reason, which an error of ours names
        wanted = given[1:]
    elif name == "but":
        wanted = [keywords[k] for k in ("message", "hint") if k in keywords]
    elif (name in LINES and len(given) == 1) or name in {"here", "said", "confirm", "blocked"}:
        wanted = given[:1]
    elif name in {"Arg", "Kind"} and tools:
        wanted = given[1:2]
    elif (name == "Tool" and tools) or (name == "Prompt" and "server" in path.parts):  # as `list` shows them
        wanted = given[2:3]
    elif name in {"Resource", "ResourceTemplate"} and "description" in keywords:
        wanted = [keywords["description"]]
    elif name in {"option", "argument"}:
        wanted = [keywords["help"]] if "help" in keywords and command else []
    else:
        return
    for argument in wanted:
        for text in texts(argument, scope):
            yield from text.split("\n")
            if name == "Tool":  # `list` shows its first sentence
                yield text.partition(". ")[0]


def tables(tree: ast.AST, scope: Scope) -> Iterator[str]:
    """Rows of the tables of errors: (class, …, what it means, what to do); tables of words by their name."""
    for logins in scope.module.get("_LOGINS", ()):  # what is found, and by what
        for row in (row for row in ast.iter_child_nodes(logins) if isinstance(row, ast.Tuple)):
            yield from texts(row.elts[0], scope)
    for name in WORDS:
        for table in scope.module.get(name, ()):
            for value in _cells(table):
                yield from (PUT_IN_LATER.sub(HOLE, text) for text in texts(value, scope))
    for node in walk(tree):
        elements = node.elts if isinstance(node, ast.Tuple) else []
        if elements and getattr(elements[0], "id", "") in ERRORS:
            for element in elements[1:]:
                yield from texts(element, scope)


def _cells(table: ast.expr) -> Iterator[ast.expr]:
    if isinstance(table, ast.Tuple):
        for row in table.elts:
            yield from _cells(row)
    else:
        yield from table.values if isinstance(table, ast.Dict) else (table,)


def sentences(tree: ast.AST) -> Iterator[str]:
    """Each text of a file that speaks to people: whatever has a blank in it and is no command, name or help."""
    silent: set[ast.AST] = set()
    for node in walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            silent.add(node.value)
        elif (
            isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("_log.", "logging.", "re."))
        ) or named(node) & UNSAID:
            silent.update(walk(node))
    yield from _spoken(tree, silent)


def named(node: ast.AST) -> set[str]:
    """What a table, a function or an argument is called."""
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {str(getattr(node, "name", "") or getattr(node, "arg", ""))}


def _spoken(node: ast.AST, silent: set[ast.AST]) -> Iterator[str]:
    if node in silent:
        return
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        for line in (line for text in texts(node, Scope()) for line in text.split("\n")):
            bare = PUT_IN_LATER.sub(HOLE, line).strip().lstrip(" ;,")
            if " " in bare and not COMMANDS.match(bare):
                yield bare
    for child in ast.iter_child_nodes(node) if not isinstance(node, ast.JoinedStr) else ():
        yield from _spoken(child, silent)


def advice(function: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Iterator[str]:
    """What a function gives that only puts an advice together: its name ends in _help; or a reason."""
    is_reason = function.name in REASONS
    for node in walk(function) if is_reason or function.name.endswith("_help") else ():
        match node:
            case ast.Return(ast.JoinedStr() | ast.IfExp() as given):
                yield from texts(given, scope)
            case ast.Return(ast.Constant() as given) | ast.Return(ast.Tuple([*_, given])) if is_reason:
                yield from texts(given, scope)


def helps(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """The paragraphs of a command's help; examples stay as they are."""
    made = {
        d.func.attr
        for d in function.decorator_list
        if isinstance(d, ast.Call) and isinstance(d.func, ast.Attribute)
    }
    for paragraph in (ast.get_docstring(function) or "").split("\n\n") if made & {"command", "group"} else ():
        if not paragraph.startswith("\b"):
            yield paragraph


def speaks(path: Path) -> bool:
    """Whether each text of a file is for a person. What `connect` says is read by programs, but for its errors."""
    within = path.relative_to(ROOT).parts
    return within[0] in {"cli", "clients", "install", "registry.py"} and "connect" not in within


def noting(path: Path) -> bool:
    """Whether what a file calls a note stands in a closing line."""
    return path.relative_to(ROOT).parts[0] in {"glm", "media", "tools"}


def messages(paths: list[Path]) -> dict[str, list[str]]:
    """Each message with the files that say it."""
    found: dict[str, list[str]] = {}
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        module = assigned(tree.body)
        functions = [n for n in walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        seen: set[ast.AST] = set()
        for text in sentences(tree) if speaks(path) else ():
            found.setdefault(numbered(text), []).append(path.name)
        for text in (
            *tables(tree, Scope(module)),
            *(t for f in functions for t in (*helps(f), *advice(f, Scope(module)))),
        ):
            found.setdefault(numbered(text), []).append(path.name)
        for function in reversed(functions):
            scope = Scope(module, assigned(walk(function)))
            for expression in noted(function) if noting(path) else ():
                for text in texts(expression, scope):
                    found.setdefault(numbered(text), []).append(path.name)
            for node in walk(function):
                if isinstance(node, ast.Call) and node not in seen:
                    seen.add(node)
                    for text in of_call(node, scope, path):
                        found.setdefault(numbered(text), []).append(path.name)
        for node in walk(tree):  # the tables of tools and arguments
            if isinstance(node, ast.Call) and node not in seen:
                for text in of_call(node, Scope(module), path):
                    found.setdefault(numbered(text), []).append(path.name)
        walk.cache_clear()
    return {t: places for t, places in found.items() if worded(t)}


def all_messages() -> dict[str, list[str]]:
    """Those of the whole program but the simulator, which speaks as the service does."""
    kinds = [text for kind in KINDS.values() for text in (kind.title, kind.fix) if worded(text)]
    values = [may_be(name) for name in Settings.model_fields if worded(may_be(name))]
    return {text: ["tables"] for text in (*CLICK, *LABELS, NAME_IS, *kinds, *values)} | messages(
        sorted(p for p in ROOT.rglob("*.py") if "simulator" not in p.parts)
    )


if __name__ == "__main__":  # what has no Chinese yet, and what is no longer said
    from glm_mcp.tools.words.chinese import entries

    said = all_messages()
    print(*(f'"{text}" = ""' for text in said if text not in entries()), sep="\n")  # noqa: T201 - for whoever translates
    print(*(f"# gone: {text}" for text in entries() if text not in said), sep="\n")  # noqa: T201 - as above
