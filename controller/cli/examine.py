"""``tapeline doctor``: what is wrong with a configuration, its switches and its machine."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from ..config import load
from ..doctor import examine
from .common import ConfigOption, console, print_json


def doctor_command(
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check the configuration against this machine and the running switches."""
    found = asyncio.run(examine(load(config)))
    fine = all(check.ok for _, checks in found for check in checks)
    if as_json:
        print_json({"ok": fine, "findings": {about: [asdict(c) for c in cs] for about, cs in found}})
    else:
        for about, checks in found:
            console.print()
            console.print(Text(about, "bold"))
            for check in checks:
                mark = Text("ok  ", "green") if check.ok else Text("BAD ", "red")
                console.print(mark, check.what, "-", check.found)
                if check.mend:
                    console.print(f"      → {check.mend}")
    raise typer.Exit(0 if fine else 1)
