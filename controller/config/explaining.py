"""What is wrong with a configuration, in words that name each setting as it stands in the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError


def explain(path: Path | None, error: ValidationError, raw: dict[str, Any]) -> str:
    """All mistakes at once, each by its setting's name. ``raw`` is what was read."""
    lines = [f"The configuration{f' {path}' if path else ''} cannot be used:"]
    for problem in error.errors():
        where = _where(problem["loc"], raw)
        text = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            text = "there is no such key; see docs/reference/configuration.md for those that are"
        elif problem["type"] in _WANTS_MORE and isinstance(problem["input"], str):
            text = "several values are wanted, in the configuration file: a variable cannot give them"
        lines.append(f"  {where}: {text}")
    return "\n".join(lines)


#: Every `kind` of a section: pydantic puts which it took it for into the path.
_KINDS = {"freeswitch", "asterisk", "local", "s3"}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")

#: What pydantic says of a text where a list or a table of several values is wanted.
_WANTS_MORE = {"tuple_type", "list_type", "dict_type", "set_type", "frozen_set_type"}


def _where(place: tuple[int | str, ...], raw: dict[str, Any]) -> str:
    """A setting's path; of several sections of a kind, the one that is meant by its name."""
    words: list[str] = []
    node: Any = raw
    for at in place:
        if isinstance(at, str) and not (isinstance(node, dict) and at in node) and at in _KINDS:
            continue
        node = node[at] if _has(node, at) else None
        name = node.get("name") if isinstance(node, dict) and isinstance(at, int) else None
        words.append(name if isinstance(name, str) and _NAME.fullmatch(name) else str(at))
    return ".".join(words) or "(file)"


def _has(node: Any, at: int | str) -> bool:
    return (isinstance(node, dict) and at in node) or (
        isinstance(node, list | tuple) and isinstance(at, int) and at < len(node)
    )
