"""The documents as the tests see them: which there are, their code blocks, their links, their words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
#: What follows this line in a document is written by a program.
MARK = "<!-- drawn -->\n"


def every_document() -> list[Path]:
    """All Markdown that is written for people: at the top, in docs/, beside the dialplan."""
    return sorted([*PROJECT.glob("*.md"), *DOCS.rglob("*.md"), *(PROJECT / "dialplan").rglob("*.md")])


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@dataclass(frozen=True)
class Block:
    """A fenced code block; ``line`` is that of its first line of code."""

    language: str
    text: str
    line: int


def blocks(document: str) -> list[Block]:
    found = []
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", document, re.DOTALL | re.MULTILINE):
        line = document.count("\n", 0, match.start()) + 2
        found.append(Block(match[1], match[2], line))
    return found


def prose(document: str) -> str:
    """The document without its code blocks."""
    return re.sub(r"^ *```.*?^ *```$", "", document, flags=re.DOTALL | re.MULTILINE)


def links(document: str) -> Iterator[str]:
    for match in re.finditer(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(document))):
        yield match[1]


def anchors(document: str) -> set[str]:
    """The names of a document's headings, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+ +(.*)$", prose(document), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        found.add(plain.replace(" ", "-"))
    return found


def table_after(document: str, heading: str) -> list[list[str]]:
    """The rows (without the head) of the first table below a heading; cells stripped."""
    _, found, rest = document.partition(f"{heading}\n")
    assert found, f"there is no heading {heading!r}"
    lines = re.search(r"(?:^\|.*\n)+", rest, re.MULTILINE)
    assert lines, f"there is no table below {heading!r}"
    return [[c.strip() for c in line.strip().strip("|").split("|")] for line in lines[0].splitlines()][2:]


# ── what the source says ──────────────────────────────────────────────────────────────────────


def calls(path: Path, name: str) -> Iterator[tuple[ast.Call, ast.Module]]:
    """Every call of a function or method of this name in a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            target = node.func
            called = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
            if called == name:
                yield node, tree


def pattern(node: ast.expr, tree: ast.Module, hole: str = "…") -> str | None:
    """A text in the source as it reads, with ``hole`` for what is put in; None if it is no literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [p.value if isinstance(p, ast.Constant) else hole for p in node.values]
        return "".join(str(p) for p in parts)
    if isinstance(node, ast.Name):
        for other in ast.walk(tree):
            if isinstance(other, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id == node.id for t in other.targets
            ):
                return pattern(other.value, tree, hole)
    return None
