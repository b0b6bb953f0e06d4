"""What the program can say, read from its source: each text of an error, a finding or a line of the command, with {1}, {2}
for what is put into it.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import glm_mcp
from glm_mcp import errors

ROOT = Path(glm_mcp.__file__).parent
ERRORS = {n for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, errors.GLMError)}
FINDINGS = {"ok", "note", "wrong", "_ok", "_note", "_wrong", "Finding"}
USAGE = {"UsageError", "BadParameter"}
LINES = {"echo", "say", "_say", "note_line"}
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


def assigned(body: Iterator[ast.AST]) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
                elif (
                    isinstance(target, ast.Tuple)
                    and isinstance(node.value, ast.Tuple)
                    and len(target.elts) == len(node.value.elts)
                ):
                    for name, value in zip(target.elts, node.value.elts, strict=True):
                        if isinstance(name, ast.Name):
                            found.setdefault(name.id, []).append(value)
    return found


def texts(node: ast.expr, scope: Scope, depth: int = 0) -> Text:
    """Each text that an expression can be; what is not known is a hole."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else [HOLE]
    if isinstance(node, ast.JoinedStr):
        parts = [
            texts(v.value if isinstance(v, ast.FormattedValue) else v, scope, depth) for v in node.values
        ]
        return _products(parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _products([texts(node.left, scope, depth), texts(node.right, scope, depth)])
    if isinstance(node, ast.IfExp):
        return [*texts(node.body, scope, depth), *texts(node.orelse, scope, depth)]
    if isinstance(node, ast.Name) and depth < 3:
        values = scope.values(node.id)
        found = [t for v in values for t in texts(v, scope, depth + 1)]
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
    return len(re.findall(r"[A-Za-z]{2,}", bare)) >= 1


def of_call(node: ast.Call, scope: Scope) -> Iterator[str]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    given = list(node.args)
    keywords = {k.arg: k.value for k in node.keywords}
    if name in ERRORS | USAGE and name != "MissingExtra":
        wanted = given[:2]
    elif name in FINDINGS:
        wanted = given[2 if name == "Finding" else 1 :]
    elif name == "but":
        wanted = [keywords[k] for k in ("message", "hint") if k in keywords]
    elif name in LINES or name == "confirm":
        wanted = given[:1]
    elif name in {"option", "argument"}:
        wanted = [keywords["help"]] if "help" in keywords else []
    else:
        return
    for argument in wanted:
        for text in texts(argument, scope):
            yield from text.split("\n")


def messages(paths: list[Path]) -> dict[str, list[str]]:
    """Each message with the files that say it."""
    found: dict[str, list[str]] = {}
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        module = assigned(iter(tree.body))
        functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        seen: set[ast.AST] = set()
        for function in reversed(functions):
            scope = Scope(module, assigned(ast.walk(function)))
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and node not in seen:
                    seen.add(node)
                    for text in of_call(node, scope):
                        found.setdefault(numbered(text), []).append(path.name)
    return {t: places for t, places in found.items() if worded(t)}
