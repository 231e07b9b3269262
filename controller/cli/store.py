"""``tapeline store list | move``: what lies in which store, and moving it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ..catalog.facade import SqlCatalog
from ..config import load
from ..engine.media_ports import HOME
from ..engine.shelving import Amount
from ..media.mover import Mover
from ..media.shelves import Destination, Stores
from ..working import open_stores
from .common import (
    ConfigOption,
    JsonOption,
    NotPossible,
    audited,
    console,
    print_json,
    with_catalog,
)

store = typer.Typer(no_args_is_help=True, help="Where recordings are kept.")

_TELL_EVERY_S = 2.0
_MIB = 2**20


@store.command("list")
def list_command(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """How many files of finished recordings lie in each store."""
    stores = open_stores(load(config))

    async def work(catalog: SqlCatalog) -> None:
        amounts = {name: await catalog.amount(name) for name in stores.names}
        if as_json:
            print_json({name: {"files": a.files, "bytes": a.size} for name, a in amounts.items()})
            return
        for name, amount in amounts.items():
            console.print(f"{name}: {_words(amount)}", markup=False)

    with_catalog(config, work)


@store.command("move")
def move_command(
    source: Annotated[str, typer.Option("--from", help="The store that they lie in.")],
    to: Annotated[str, typer.Option("--to", help="The store that they shall lie in.")],
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's recordings.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be moved.")] = False,
    config: ConfigOption = None,
) -> None:
    """Move finished recordings, each copied, read back and compared before the old one goes.

    It may be interrupted at any moment and started again, beside a running controller too. When the
    store is away it waits and tries again.
    """
    settings = load(config)
    stores = open_stores(settings)
    _check(stores, source, to, config)
    place = Destination(to, None if tenant is None else (tenant,))
    failed: list[str] = []

    async def work(catalog: SqlCatalog) -> None:
        whole = await catalog.amount(source, tenants=place.tenants)
        if dry_run:
            console.print(f"would move {_words(whole)} from {source} to {to}", markup=False)
            return
        mover = Mover(catalog, stores)
        await mover.tidy()
        files = size = 0
        told = time.monotonic()
        async for file, why in mover.drain(source, place):
            if why:
                failed.append(file.key)
                console.print(f"not moved: {why}", markup=False, soft_wrap=True)
                continue
            files, size = files + 1, size + file.size
            if time.monotonic() - told >= _TELL_EVERY_S:
                told = time.monotonic()
                console.print(f"{_words(Amount(files, size))} of {_words(whole)}", markup=False)
        await mover.tidy()
        if files:
            # Of one tenant's recordings the tenant reads it; else it is the system's business.
            what = f"{_words(Amount(files, size))} from {source} to {to}"
            await audited(catalog, tenant, "recordings moved", f"store {to}", what)
        console.print(f"moved {_words(Amount(files, size))} from {source} to {to}", markup=False)

    with_catalog(config, work)
    raise typer.Exit(1 if failed else 0)


def _check(stores: Stores, source: str, to: str, config: Path | None) -> None:
    for name in (source, to):
        if name not in stores.names:
            raise NotPossible(f"there is no store {name!r}; there are: {', '.join(stores.names)}")
    if source == to:
        raise NotPossible("--from and --to are the same store")
    if to == HOME and stores.destinations:
        raise NotPossible(
            "the configuration sends finished recordings from home to "
            + ", ".join(place.store for place in stores.destinations)
            + ": they would go back at once. Set storage.default to home and take the tenants out first"
        )


def _words(amount: Amount) -> str:
    return f"{amount.files:,} files ({amount.size / _MIB:,.1f} MiB)"
