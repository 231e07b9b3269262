"""What a finding of `tapeline doctor` can say: it is chosen in steps, followed here for extracting.py.

A ``Check`` is put together where something is examined, often of names that were given a text some lines
before (``found = …``, ``mend = …``). Such a name stands for every text that it is given in its function,
or at the head of its module.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

#: Whose arguments, and whose answers, may be names of texts.
MADE, ANSWERED = "Check", "refusal_of"
Texts = Callable[[ast.expr], list[str]]
_Given = dict[str, list[ast.expr]]


def chosen_in(tree: ast.Module, texts_of: Texts) -> Iterator[tuple[int, str]]:
    """(line, text) of every text that a name in a finding stands for."""
    heads = assigned(tree.body)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            given = {**heads, **assigned(ast.walk(function))}
            for name in _with_those_inside(_asked(function), given):
                for value in given[name]:
                    # A single word at the head of a module is the name of a file or the like.
                    said = [t for t in texts_of(value) if " " in t or name not in heads]
                    yield from ((value.lineno, text) for text in said)


def _asked(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The names of which a finding of this function is made."""
    found: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Name(id=called), args=args, keywords=keywords) if called == MADE:
                found |= _names([*args, *(k.value for k in keywords)])
            case ast.Return(value=ast.expr() as value) if function.name == ANSWERED:
                found |= _names([value])
    return found


def _with_those_inside(names: set[str], given: _Given) -> set[str]:
    """``found = f"… {where}"`` asks for ``where`` as well."""
    found, fresh = set[str](), names & given.keys()
    while fresh:
        found |= fresh
        fresh = (_names(value for name in fresh for value in given[name]) & given.keys()) - found
    return found


def _names(expressions: Iterable[ast.expr]) -> set[str]:
    return {n.id for e in expressions for n in ast.walk(e) if isinstance(n, ast.Name)}


def assigned(nodes: Iterable[ast.AST]) -> _Given:
    """Name → everything that it is given among these nodes."""
    found: _Given = {}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.setdefault(name, []).append(value)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                for one, value in zip(names, values, strict=False):
                    if isinstance(one, ast.Name):
                        found.setdefault(one.id, []).append(value)
    return found
