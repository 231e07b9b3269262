"""The kept numbers as tables and plots: on the terminal, and as docs/performance.md."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .plots import svg

METHOD = Path(__file__).parent / "method"
PAGE = Path(__file__).resolve().parent.parent / "docs/performance.md"
PLOTS = PAGE.with_suffix("")

_HEAD = """# Performance

Made by `python -m benchmarks report` from `benchmarks/results/latest.json`; the numbers were taken by
`make bench`, which ends with this page (or by `python -m benchmarks [NAME …] [--json FILE]`). Every number
here was measured; where an aim was missed, it says so.
"""
_MET = {True: "met", False: "**missed**", None: "not measured"}


def show(result: dict[str, Any]) -> None:
    """On the terminal."""
    # Into a file or a pipe rich would squeeze everything into 80 columns.
    console = Console(width=None if sys.stdout.isatty() else 150)
    for title, rows in ((result["title"], result["rows"]), ("Aims", _aims(result))):
        if not rows:
            continue
        for number, part in enumerate(_tables(rows)):
            table = Table(title="" if number else title, title_justify="left")
            for column in part[0]:
                numbers = any(isinstance(row[column], int | float) for row in part)
                table.add_column(column, justify="right" if numbers else "left")
            for row in part:
                table.add_row(*(_cell(v) for v in row.values()))
            console.print(table)
    for note in result["notes"]:
        console.print(note)
    console.print(_conditions(result))


def write(kept: dict[str, Any]) -> None:
    """docs/performance.md, and the plots that it shows in docs/performance/."""
    PAGE.write_text(page(kept))
    PLOTS.mkdir(exist_ok=True)
    wanted = plots(kept)
    for file in PLOTS.glob("*.svg"):
        if file.name not in wanted:
            file.unlink()
    for name, drawn in wanted.items():
        (PLOTS / name).write_text(drawn)


def plots(kept: dict[str, Any]) -> dict[str, str]:
    """Each plot's file name and contents."""
    return {
        _file(name, number): svg(plot)
        for name, result in kept["benchmarks"].items()
        for number, plot in enumerate(result.get("plots", ()), start=1)
    }


def _file(name: str, number: int) -> str:
    return f"{name}-{number}.svg"


def page(kept: dict[str, Any]) -> str:
    """The page. What is explained in benchmarks/method/NAME.md stands above its table."""
    parts = [_HEAD]
    for name, result in kept["benchmarks"].items():
        machine = result["machine"]
        parts.append(f"## {result['title']}\n")
        method = METHOD / f"{name}.md"
        if method.exists():
            parts.append(method.read_text())
        parts += [_markdown(result["rows"]), _markdown(_aims(result))]
        parts += [
            f"![{plot['title']}]({PLOTS.name}/{_file(name, number)})\n"
            for number, plot in enumerate(result.get("plots", ()), start=1)
        ]
        parts += [f"- {note}\n" for note in result["notes"]]
        parts.append(
            f"{result['taken_at']}; {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
            f"Python {machine['python']}, {machine['system']}. {_conditions(result)}\n"
        )
    return "\n".join(parts)


def _aims(result: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"aim": a["what"], "wanted": a["aim"], "measured": a["measured"], "": _MET[a["met"]]}
        for a in result["aims"]
    ]


def _conditions(result: dict[str, Any]) -> str:
    before, after = result["load"]
    return f"Took {result['took_s']:.0f} s; load average {before} before, {after} after."


def _tables(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Rows of the same columns together, each such group a table of its own, in the order of their firsts."""
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(tuple(row), []).append(row)
    return list(found.values())


def _markdown(rows: list[dict[str, Any]]) -> str:
    parts = []
    for part in _tables(rows):
        lines = ["| " + " | ".join(part[0]) + " |", "|" + "---|" * len(part[0])]
        lines += ["| " + " | ".join(_cell(v) for v in row.values()) + " |" for row in part]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
