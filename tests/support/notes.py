"""The notes in the closing line of a result, read from the source of whatever adds one; the labels of pages; what is left out."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator

ADDS = {"append", "insert", "extend"}
NOTED = ("note", "notes", "noted", "label", "labels")  # how a list, a function or an argument of them ends
TAKES_NOTES = {"noted", "with_notes"}
GIVES_NOTES = {  # by another name
    *("missed", "origin", "_sent", "unplaced", "few_bits", "_lateness"),
    *("fit", "_encode", "_fill", "_whole"),  # why a film does not go whole
}


@functools.cache
def walk(node: ast.AST) -> tuple[ast.AST, ...]:
    """As `ast.walk`, which takes nearly all of the time, once for all who look. To be cleared after each file."""
    return tuple(ast.walk(node))


def called(node: ast.AST) -> str:
    match node:
        case ast.Attribute(_, name) | ast.Name(name) | ast.Subscript(_, ast.Constant(str(name))):
            return name
        case ast.Subscript(value):
            return called(value)
    return ""


def is_noted(target: ast.expr, handed_on: set[str]) -> bool:
    names = {called(node) for node in ast.walk(target)}
    return bool(names & handed_on) or any(name.endswith(NOTED) for name in names)


def handed_on_as_notes(function: ast.AST) -> set[str]:
    """Names of lists that a function gives away as its notes: `{"notes": said}`, `notes=said`."""
    given: list[ast.expr] = []
    for node in walk(function):
        match node:
            case ast.Dict(keys, values):
                keyed = zip(keys, values, strict=True)
                given += [v for k, v in keyed if isinstance(k, ast.Constant) and str(k.value).endswith(NOTED)]
            case ast.keyword(str(name), value) if name.endswith(NOTED):
                given.append(value)
    return {part.id for value in given for part in elements(value) if isinstance(part, ast.Name)}


def noted(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    """Each expression of a function that is a note, a page's label, or a kind of what a document goes without."""
    gives = function.name.endswith(NOTED) or function.name in GIVES_NOTES
    handed_on = handed_on_as_notes(function)
    for node in walk(function):
        match node:
            case ast.Call(ast.Attribute(of, name), [*_, last]) if name in ADDS and is_noted(of, handed_on):
                yield from elements(last)
            case ast.Call(ast.Attribute(ast.Name("rows"), "append"), [ast.Tuple([_, label, *_])]):
                yield label
            case ast.Assign([ast.Name("rows")], ast.ListComp(ast.Tuple([_, label, *_]))):
                yield label
            case ast.AugAssign(ast.Name("rows"), _, ast.ListComp(ast.Tuple([_, label, *_]))):
                yield label
            case ast.Call(ast.Attribute(of, "add"), [what, _]) if called(of).endswith("left_out"):
                yield what
            case ast.Call(of, given) if called(of) in TAKES_NOTES:
                yield from elements(ast.Tuple(given))
            case ast.Assign(targets, value) if any(is_noted(t, handed_on) for t in targets):
                yield from elements(value)
            case ast.AugAssign(target, _, value) if is_noted(target, handed_on):
                yield from elements(value)
            case ast.AnnAssign(target, _, ast.expr() as value) if is_noted(target, handed_on):
                yield from elements(value)
            case ast.keyword(str(name), value) if name.endswith(NOTED):
                yield from elements(value)
            case ast.Return(ast.expr() as value) if gives:
                yield from elements(value)
            case ast.Return(
                ast.Tuple([*_, ast.List() as last])
            ):  # what was found, and what is to be said of it
                yield from elements(last)


def elements(node: ast.expr) -> Iterator[ast.expr]:
    """The members of a list that is put together."""
    match node:
        case ast.List(elts) | ast.Tuple(elts) | ast.BoolOp(values=elts):
            parts = elts
        case ast.BinOp(ast.List() | ast.BinOp() | ast.Name() | ast.IfExp(), ast.Add(), right):
            parts = [node.left, right]
        case ast.BinOp(left, ast.Mult()):
            parts = [left]
        case ast.IfExp(_, body, orelse):
            parts = [body, orelse]
        case ast.Starred(value) | ast.ListComp(value) | ast.GeneratorExp(value):
            parts = [value]
        case _:
            yield node
            return
    for part in parts:
        yield from elements(part)
