"""``tapeline sealing``: the keys that recordings are encrypted with, and what is encrypted with which."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import timedelta
from typing import Annotated

import typer

from ..catalog.facade import SqlCatalog
from ..config import load
from ..engine.ids import now
from ..engine.shelving import Amount
from ..media.errors import SealingKeyError
from ..media.rewrap import rewrap
from ..media.seal_keys import KeySource, key_id, new_key
from ..media.seal_task import SealBacklog
from ..media.shelves import Stores
from ..working import open_stores
from .common import ConfigOption, JsonOption, NotPossible, audited, console, print_json, with_catalog

sealing = typer.Typer(no_args_is_help=True, help="Recordings encrypted by Tapeline itself.")
key = typer.Typer(no_args_is_help=True, help="The keys of [[sealing]].")
sealing.add_typer(key, name="key")

_TELL_EVERY_S = 2.0
_MIB = 2**20


@key.command("new")
def key_new_command(
    name: Annotated[str, typer.Argument(help="The section of [[sealing]].")],
    show: Annotated[
        bool, typer.Option("--print", help="Print a key's line instead, to be put where key_command reads.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Add a key, which seals from now on; the others stay and go on opening. Keep a copy of the file.

    It may be done while the controller runs. `sealing rotate` then brings what is sealed already to it.
    """
    source = _source(open_stores(load(config)), name)
    if show:
        typer.echo(new_key(), nl=False)
        return
    console.print(f"{source.add().id} seals from now on; keep a copy of {source.where}", soft_wrap=True)


@sealing.command("status")
def status_command(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """What lies sealed and what plain, by tenant, and how many files each key opens.

    Exit code 1 if something lies plain that shall be sealed, or if a key is missing.
    """
    stores = open_stores(load(config))
    fine = True

    async def work(catalog: SqlCatalog) -> None:
        nonlocal fine
        amounts = await catalog.sealed_amounts()
        used = await _used(catalog)
        keys, problems = await asyncio.to_thread(_keys, stores)
        missing = [k for k in used if k not in keys]
        wanted = {a.tenant: stores.keys.source(a.tenant) for a in amounts}
        fine = not problems and not missing
        fine = fine and not any(a.plain.files and wanted[a.tenant] for a in amounts)
        if as_json:
            print_json({
                "tenants": {
                    a.tenant: {
                        "sealing": s.name if (s := wanted[a.tenant]) else None,
                        "sealed": {"files": a.sealed.files, "bytes": a.sealed.size},
                        "plain": {"files": a.plain.files, "bytes": a.plain.size},
                    }
                    for a in amounts
                },
                "keys": {k: {"section": s, "files": used.get(k, 0)} for k, s in keys.items()},
                "missing": {k: used[k] for k in missing},
                "problems": problems,
            })  # fmt: skip
            return
        for a in amounts:
            demand = f"sealed by {s.name}" if (s := wanted[a.tenant]) else "not to be sealed"
            console.print(
                f"{a.tenant} ({demand}): {_words(a.sealed)} sealed, {_words(a.plain)} plain",
                markup=False, soft_wrap=True,
            )  # fmt: skip
        for name, section in keys.items():
            console.print(f"key {name} of {section}: {used.get(name, 0):,} files", markup=False)
        for name in missing:
            console.print(
                f"key {name} IS MISSING: {used[name]:,} files cannot be opened until it is put back",
                markup=False, soft_wrap=True,
            )  # fmt: skip
        for problem in problems:
            console.print(problem, markup=False, soft_wrap=True)

    with_catalog(config, work)
    raise typer.Exit(0 if fine else 1)


@sealing.command("run")
def run_command(config: ConfigOption = None) -> None:
    """Seal everything now that shall be sealed and lies plain, wherever it is.

    A running controller does the same by itself; both at once do no harm.
    """
    stores = open_stores(load(config))
    left = False

    async def work(catalog: SqlCatalog) -> None:
        nonlocal left
        backlog = SealBacklog(catalog, stores, now)
        await backlog.round(added_before=now() + timedelta(seconds=1))
        left = bool(backlog.waiting)
        for name, waiting in backlog.waiting.items():
            console.print(
                f"{name}: {waiting.files:,} files stay plain: {waiting.error}", markup=False, soft_wrap=True
            )

    with_catalog(config, work)
    raise typer.Exit(1 if left else 0)


@sealing.command("rotate")
def rotate_command(
    name: Annotated[str | None, typer.Option("--section", help="Only this section of [[sealing]].")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    config: ConfigOption = None,
) -> None:
    """Wrap every recording's data key under its tenant's newest key; no audio is touched.

    It may be interrupted and started again, beside a running controller too. Once it says that nothing is
    left, the older keys are needed for backups of the catalog only.
    """
    stores = open_stores(load(config))
    if name is not None:
        _source(stores, name)
    problems: list[str] = []

    async def work(catalog: SqlCatalog) -> None:
        done = looked = 0
        told = time.monotonic()
        async for step in rewrap(catalog, stores.keys, name, dry_run=dry_run):
            looked, done = looked + 1, done + step.changed
            if step.problem:
                problems.append(step.problem)
                console.print(f"not rotated: {step.problem}", markup=False, soft_wrap=True)
            if time.monotonic() - told >= _TELL_EVERY_S:
                told = time.monotonic()
                console.print(f"{looked:,} files looked at, {done:,} data keys wrapped anew", markup=False)
        if done and not dry_run:
            await audited(
                catalog, None, "data keys wrapped anew", "sealing", f"{done} of {looked} sealed files"
            )
        what = "would be wrapped anew" if dry_run else "wrapped anew"
        console.print(
            f"{looked:,} sealed files, {done:,} data keys {what}, {len(problems):,} not", markup=False
        )

    with_catalog(config, work)
    raise typer.Exit(1 if problems else 0)


def _source(stores: Stores, name: str) -> KeySource:
    found = next((s for s in stores.keys.sources if s.name == name), None)
    if found is None:
        there = ", ".join(s.name for s in stores.keys.sources) or "none"
        raise NotPossible(f"there is no [[sealing]] section {name!r}; there are: {there}")
    return found


async def _used(catalog: SqlCatalog) -> Counter[str]:
    found: Counter[str] = Counter()
    after = ""
    while page := await catalog.sealings(after):
        after = page[-1].file.key
        found.update(key_id(lying.file.sealing) for lying in page)
    return found


def _keys(stores: Stores) -> tuple[dict[str, str], list[str]]:
    found: dict[str, str] = {}
    problems: list[str] = []
    for source in stores.keys.sources:
        try:
            found |= {k.id: source.name for k in source.load()}
        except SealingKeyError as error:
            problems.append(str(error))
    return found, problems


def _words(amount: Amount) -> str:
    return f"{amount.files:,} files ({amount.size / _MIB:,.1f} MiB)"
