"""``tapeline calculate disk``: how much disk so many users take, in every format."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ..catalog.facade import SqlCatalog
from ..core.disk import FORMATS, DiskPlan, amount, compared
from ..engine.reading import Scope
from .common import ConfigOption, JsonOption, console, print_json, with_catalog

calculate = typer.Typer(no_args_is_help=True, help="What it will take.")


@calculate.callback()
def _group() -> None:
    """What it will take."""


@calculate.command("disk")
def disk_command(
    users: Annotated[int, typer.Option(help="So many people whose calls are recorded.")] = 50,
    minutes: Annotated[float, typer.Option(help="Minutes a person and working day.")] = 60.0,
    format: Annotated[str, typer.Option(help=f"One of {', '.join(FORMATS)}.")] = "wav",
    channels: Annotated[int, typer.Option(help="1: both in one channel; 2: each in its own.")] = 2,
    retention_days: Annotated[int, typer.Option(help="Days that recordings are kept; 0: for ever.")] = 365,
    days_a_week: Annotated[int, typer.Option(help="Working days in a week.")] = 5,
    originals: Annotated[
        bool, typer.Option("--originals/--no-originals", help="The WAV stays beside what was encoded.")
    ] = True,
    measured: Annotated[
        bool, typer.Option("--measured", help="With the rates of the recordings in the catalog.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """How much disk recordings take by day, month and year, and once the oldest go, in every format.

    The rates are measured on speech through Tapeline's own encoders (docs/reference/disk.md).
    """
    plan = DiskPlan(users, minutes, format, channels, retention_days, days_a_week, originals)
    own: dict[tuple[str, int], float] = {}

    async def read(catalog: SqlCatalog) -> None:
        own.update({(r.format, r.channels): r.a_minute for r in await catalog.measured_rates(Scope(None))})

    if measured:
        with_catalog(config, read)
    found = compared(plan, own)
    if as_json:
        print_json(asdict(found))
        return
    kept = "for ever" if found.use.kept is None else f"{amount(found.use.kept)} in {retention_days} days"
    console.print(f"{format}: {amount(found.use.a_day)} a working day, {amount(found.use.a_month)} a month, "
                  f"{amount(found.use.a_year)} a year; kept {kept}", markup=False)  # fmt: skip
    for use in found.formats:
        mark = "*" if use.measured else " "
        lies = amount(use.a_year if use.kept is None else use.kept)
        console.print(
            f"  {use.format:5}{mark}{amount(use.a_minute):>9} a minute {lies:>10}"
            f"{' a year' if use.kept is None else ''}",
            markup=False,
        )
    if any(use.measured for use in found.formats):
        console.print("  * measured on the recordings in the catalog", markup=False)
