"""What the commands that work on the catalog have in common."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from ..catalog.facade import SqlCatalog
from ..config import load
from ..core.errors import TapelineError
from ..engine.ids import now
from ..engine.reading import AuditEntry
from ..working import open_catalog

#: Nothing that is printed is markup, in tables neither: a path, a switch's or a server's text may hold
#: brackets. What stands out is a `Text` of its own.
console = Console(highlight=False, markup=False)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", envvar="TAPELINE_CONFIG", help="The configuration file.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


class NotPossible(TapelineError):
    """What was asked for cannot be done; the text says why and what to do."""


def with_catalog(config: Path | None, work: Callable[[SqlCatalog], Awaitable[None]]) -> None:
    """Open the catalog of this configuration, do the work in it, close it."""

    async def run() -> None:
        async with open_catalog(load(config)) as catalog:
            await work(catalog)

    asyncio.run(run())


def operator() -> str:
    """Who does it, in the audit: the operating system's user, who needs no account to run commands."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        name = f"uid {os.getuid()}"
    return f"{name} (command line)"


async def audited(
    catalog: SqlCatalog, tenant: str | None, action: str, subject: str, detail: str = ""
) -> None:
    """A line in the audit, the tenant's; None: the system's own."""
    line = AuditEntry(now(), operator(), tenant, action, subject[:300], detail[:1000])
    await catalog.audit(line)


def print_json(value: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.buffer.flush()
