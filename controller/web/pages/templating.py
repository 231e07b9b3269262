"""The templates, compiled for each language: a text of ours stands in them as if it had been written so.

Texts are the most of a page; looked up in each row of a list they would be a fifth of its time.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, nodes, select_autoescape
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from ..kept import not_kept
from ..language import Language, tr
from ..language.current import marked, marked_plural
from . import words

_FOLDER = Path(__file__).parent.parent / "templates"


class _Said(NodeTransformer):
    """``_("…")`` becomes what the language says for it, with what is put into it between its parts."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def visit_Output(self, node: nodes.Output, *args: Any, **kwargs: Any) -> nodes.Node:
        written: list[nodes.Expr] = []
        for one in node.nodes:
            parts = self._parts(one)
            written += [one] if parts is None else parts
        node.nodes = written
        return self.generic_visit(node, *args, **kwargs)

    def visit_Call(self, node: nodes.Call, *args: Any, **kwargs: Any) -> nodes.Node:
        parts = self._parts(node)
        if parts is None:
            return self.generic_visit(node, *args, **kwargs)
        said = nodes.Concat(parts, lineno=node.lineno) if len(parts) > 1 else parts[0]
        return self.generic_visit(said, *args, **kwargs)

    def _parts(self, node: nodes.Node) -> list[nodes.Expr] | None:
        """Its words and what stands between them; None for anything else than a text of ours."""
        match node:
            case nodes.Call(node=nodes.Name(name="_"), args=[nodes.Const(value=str(text))], kwargs=values):
                said = str(self._language.marked[text])
                if not values:
                    return [_words(said, node.lineno)]
                put = {one.key: one.value for one in values}
                parts = _HOLE.split(said)
                return [
                    put[part] if n % 2 else _words(part.replace("%%", "%"), node.lineno)
                    for n, part in enumerate(parts)
                    if part
                ]
        return None


_HOLE = re.compile(r"%\((\w+)\)s")


def _words(text: str, line: int) -> nodes.Expr:
    """Only what has tags or entities of ours needs to be kept from being escaped."""
    value = Markup(text) if "<" in text or "&" in text else text  # noqa: S704
    return nodes.Const(value, lineno=line)


class _Templates(Environment):
    def __init__(self, language: Language) -> None:
        super().__init__(
            loader=FileSystemLoader(_FOLDER),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._said = _Said(language)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        self._said.visit(tree)
        return tree


@cache
def templates_of(language: Language) -> Environment:
    """Compiled as they are first asked for."""
    made = _Templates(language)
    for name in (
        "shown", "clock", "day", "stamp", "duration", "precise", "size", "who", "number", "caller", "callees",
        "words", "sentence", "coded", "address", "means", "moment", "apart", "file_title", "decimal", "count",
        "main_reason",
    ):  # fmt: skip
        made.filters[name] = getattr(words, name)
    made.filters |= {"not_kept": not_kept, "tr": tr, "date": words.numeric}
    made.globals |= {"_": marked, "ngettext": marked_plural}
    return made
