"""``tapeline sweep``: rows without files, files without rows, wrong hashes, in the spools and every store."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from ..config import Config, load
from ..media.sweep import KINDS, SweepReport, Wish, sweep
from ..working import is_here, make_pipeline, open_catalog, open_stores
from .common import ConfigOption, JsonOption, NotPossible, audited, console, print_json


def sweep_command(
    config: ConfigOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    min_age: Annotated[int, typer.Option(help="Leave files younger than this (seconds).")] = 600,
    hashes: Annotated[
        float, typer.Option(min=0, max=100, help="Read so many percent of the files and compare hashes.")
    ] = 100.0,
    remove_unrecorded: Annotated[
        bool, typer.Option("--remove-unrecorded", help="Remove files of a store that no row knows.")
    ] = False,
    i_have_looked: Annotated[
        list[str] | None,
        typer.Option(help=f"More than half of this kind may go; repeatable: {', '.join(KINDS)}."),
    ] = None,
    reports: Annotated[
        bool, typer.Option("--reports", help="Also count anew all sums that reports are made of.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Adopt recordings without a row, and check every row's file, and every file's row, in every store.

    Rows without files and files with wrong hashes are named and never removed. More than half of anything
    is not removed before you have looked.
    """
    looked = frozenset(i_have_looked or ())
    if unknown := looked - set(KINDS):
        raise NotPossible(f"--i-have-looked: {', '.join(unknown)}? There are {', '.join(KINDS)}")
    wish = Wish(hashes / 100, remove_unrecorded, looked)
    report = asyncio.run(_sweep(load(config), dry_run, min_age, wish, reports=reports))
    if as_json:
        print_json(asdict(report))
    else:
        for name, value in asdict(report).items():
            if isinstance(value, int):
                console.print(f"{name.replace('_', ' ')}: {value}")
            for item in value if isinstance(value, list | dict) else ():
                console.print(f"{name.replace('_', ' ')}: {item}", markup=False)
    raise typer.Exit(0 if report.sound else 1)


async def _sweep(config: Config, dry_run: bool, min_age: int, wish: Wish, *, reports: bool) -> SweepReport:
    columns = (TextColumn("{task.description} {task.completed:,.0f}"), TimeElapsedColumn())
    screen = Console(stderr=True)
    async with open_catalog(config) as catalog:
        stores = open_stores(config)
        pipeline = make_pipeline(config, catalog, stores)
        spools = {s.name: s.spool for s in config.switches if is_here(config, s)}
        with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
            tasks = {what: bar.add_task(what, total=None) for what in ("files", "rows")}
            report = await sweep(
                catalog, spools, stores, dry_run, pipeline=pipeline, min_age_s=min_age, wish=wish,
                progress=lambda what, count: bar.advance(tasks[what], count),
            )  # fmt: skip
            if reports and not dry_run:
                counting = bar.add_task("quarters of an hour", total=await catalog.doubt_all())
                # With 0 nothing is left, or a running controller counts; reports are right either way.
                while counted := await catalog.count_anew():
                    bar.advance(counting, counted)
                await audited(catalog, None, "sweep", "reports", "all sums counted anew")
        done = {"adopted": report.adopted, "removed": report.removed, "erased": report.erased}
        what = ", ".join(f"{name}: {len(files)}" for name, files in done.items() if files)
        if what and not dry_run:
            await audited(catalog, None, "sweep", "stores and spools", what)
        return report
