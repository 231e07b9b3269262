"""The kept numbers as tables: on the terminal, and as docs/performance.md."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

METHOD = Path(__file__).parent / "method"
PAGE = Path(__file__).resolve().parent.parent / "docs/performance.md"

_HEAD = """# Performance

Made by `python -m benchmarks report` from `benchmarks/results/latest.json`; the numbers were taken by
`make bench` (or `python -m benchmarks [esl_intake] [control_latency] [start_loss] [--json FILE]`).
Every number here was measured; where an aim was missed, it says so.
"""
_MET = {True: "met", False: "**missed**", None: "not measured"}


def show(result: dict[str, Any]) -> None:
    """On the terminal."""
    # Into a file or a pipe rich would squeeze everything into 80 columns.
    console = Console(width=None if sys.stdout.isatty() else 150)
    for title, rows in ((result["title"], result["rows"]), ("Aims", _aims(result))):
        if not rows:
            continue
        table = Table(title=title, title_justify="left")
        for column in rows[0]:
            table.add_column(column, justify="right" if isinstance(rows[0][column], int | float) else "left")
        for row in rows:
            table.add_row(*(_cell(v) for v in row.values()))
        console.print(table)
    for note in result["notes"]:
        console.print(note)
    console.print(_conditions(result))


def write(kept: dict[str, Any]) -> None:
    """docs/performance.md. What is explained in benchmarks/method/NAME.md stands above its table."""
    parts = [_HEAD]
    for name, result in kept["benchmarks"].items():
        machine = result["machine"]
        parts.append(f"## {result['title']}\n")
        method = METHOD / f"{name}.md"
        if method.exists():
            parts.append(method.read_text())
        parts += [_markdown(result["rows"]), _markdown(_aims(result))]
        parts += [f"- {note}\n" for note in result["notes"]]
        parts.append(
            f"{result['taken_at']}; {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
            f"Python {machine['python']}, {machine['system']}. {_conditions(result)}\n"
        )
    PAGE.write_text("\n".join(parts))


def _aims(result: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"aim": a["what"], "wanted": a["aim"], "measured": a["measured"], "": _MET[a["met"]]}
        for a in result["aims"]
    ]


def _conditions(result: dict[str, Any]) -> str:
    before, after = result["load"]
    return f"Took {result['took_s']:.0f} s; load average {before} before, {after} after."


def _markdown(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    lines += ["| " + " | ".join(_cell(v) for v in row.values()) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
