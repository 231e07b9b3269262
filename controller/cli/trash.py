"""``tapeline trash | hold | erase``: deleting by hand, what nothing may delete, one person's recordings."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from ..catalog.facade import SqlCatalog
from ..config import load
from ..core.errors import TapelineError
from ..engine.erasing import Erasure
from ..engine.ids import new_id, now
from ..engine.reading import RecordingRow, Scope
from ..engine.retention import HoldRow
from ..keeping import make_eraser
from ..logs import set_up_logging
from ..proving import make_sealer
from ..working import open_stores
from .common import ConfigOption, JsonOption, NotPossible, console, operator, print_json, with_catalog

trash = typer.Typer(no_args_is_help=True, help="Deleted recordings, until their time is over.")
hold = typer.Typer(no_args_is_help=True, help="Legal holds: what nothing may delete.")

Ids = Annotated[list[str], typer.Argument(help="Ids of recordings.")]
Tenant = Annotated[str, typer.Option(help="Whose it is.")]
Why = Annotated[str, typer.Option(help="The reason, for the audit.")]


@trash.command("list")
def list_trash(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """What is in the trash, the latest first, and what could not be removed yet."""

    async def work(catalog: SqlCatalog) -> None:
        rows: list[RecordingRow] = []
        before: str | None = None
        while True:
            page = await catalog.trash_page(Scope(tenant), limit=500, before=before)
            rows += page.items
            before = page.next
            if before is None:
                break
        found = [
            {"recording": r.recording_id, "tenant": r.tenant, **asdict(r.deletion)}
            for r in rows
            if r.deletion
        ]
        if as_json:
            print_json(found)
            return
        for one in found:
            text = f"{one['recording']} {one['tenant']}: {one['why']}, by {one['by']}; {one['state']} until "
            console.print(text + f"{one['purge_at']:%Y-%m-%d %H:%M}. {one['error']}", markup=False)

    with_catalog(config, work)


@trash.command("put")
def put_trash(ids: Ids, tenant: Tenant, why: Why, config: ConfigOption = None) -> None:
    """Delete recordings: they can be restored until the tenant's trash_days are over."""

    async def work(catalog: SqlCatalog) -> None:
        result = await catalog.trash(Scope(tenant), ids, operator(), why)
        for recording_id in result.done:
            console.print(f"{recording_id}: in the trash", markup=False)
        for recording_id, reason in result.refused.items():
            console.print(f"{recording_id}: not deleted: {reason}", markup=False)
        if result.refused:
            raise typer.Exit(1)

    with_catalog(config, work)


@trash.command("restore")
def restore_trash(ids: Ids, tenant: Tenant, config: ConfigOption = None) -> None:
    """Take recordings out of the trash again."""

    async def work(catalog: SqlCatalog) -> None:
        lost = [i for i in ids if not await catalog.restore(Scope(tenant), i, operator())]
        if lost:
            raise NotPossible(f"not in the trash of {tenant}, or their time is over: {', '.join(lost)}")

    with_catalog(config, work)


@trash.command("empty")
def empty_trash(ids: Ids, tenant: Tenant, config: ConfigOption = None) -> None:
    """End these recordings' time in the trash and remove them for good, now."""
    settings = load(config)
    set_up_logging(settings.log_level)

    async def work(catalog: SqlCatalog) -> None:
        eraser, failed = make_eraser(settings, catalog, open_stores(settings)), False
        for recording_id in ids:
            why = await catalog.purge_now(Scope(tenant), recording_id, operator())
            try:
                if not why and not await eraser.purge(recording_id):
                    why = "it was taken out of the trash, or is under a legal hold"
            except (TapelineError, OSError) as error:
                await catalog.purge_failed(recording_id, str(error))
                why = f"its files are not gone yet, it is tried again: {error}"
            console.print(f"{recording_id}: {why or 'gone'}", markup=False)
            failed = failed or bool(why)
        if failed:
            raise typer.Exit(1)

    with_catalog(config, work)


# ── legal holds ───────────────────────────────────────────────────────────────────────────────


@hold.command("list")
def list_holds(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    lifted: Annotated[bool, typer.Option("--lifted", help="Those that were lifted too.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """The legal holds."""

    async def work(catalog: SqlCatalog) -> None:
        found = await catalog.holds(Scope(tenant), lifted=lifted)
        if as_json:
            print_json([asdict(one) for one in found])
            return
        for one in found:
            covers = [f"{one.recordings} recordings"] if one.recordings or not one.hold.standing else []
            covers += [f"person {one.person}"] if one.person else []
            covers += [f"from {one.since:%Y-%m-%d %H:%M}"] if one.since else []
            covers += [f"until {one.until:%Y-%m-%d %H:%M}"] if one.until else []
            end = f"; lifted by {one.lifted_by}: {one.lifted_why}" if one.lifted_at else ""
            text = f"{one.hold_id} {one.tenant} “{one.name}”: {', '.join(covers)}; {one.reason}{end}"
            console.print(text, markup=False)

    with_catalog(config, work)


_Time = typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"], help="2026-11-22, or with time and offset.")


@hold.command("add")
def add_hold(
    tenant: Tenant,
    name: Annotated[str, typer.Option(help="What people call it.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    recording: Annotated[
        list[str] | None, typer.Option(help="A recording that it names; repeatable.")
    ] = None,
    person: Annotated[str, typer.Option(help="A user's extension or a number: new recordings too.")] = "",
    since: Annotated[datetime | None, _Time] = None,
    until: Annotated[datetime | None, _Time] = None,
    config: ConfigOption = None,
) -> None:
    """Put a legal hold on recordings, a person, a span of time."""
    made = HoldRow(new_id(), tenant, name, reason, person, _utc(since), _utc(until), now(), operator())
    if not made.hold.standing and not recording:
        raise NotPossible("say what it covers: --recording, --person, --since, --until")

    async def work(catalog: SqlCatalog) -> None:
        await catalog.put_hold(made)
        refused = await catalog.hold_recordings(Scope(tenant), made.hold_id, recording or [], operator())
        console.print(made.hold_id)
        for recording_id, why in refused.items():
            console.print(f"{recording_id}: not held: {why}", markup=False)
        if refused:
            raise typer.Exit(1)

    with_catalog(config, work)


@hold.command("lift")
def lift_hold(hold_id: str, why: Why, config: ConfigOption = None) -> None:
    """Lift a legal hold; what it covered follows the rules again."""

    async def work(catalog: SqlCatalog) -> None:
        if not await catalog.lift_hold(Scope(None), hold_id, operator(), why):
            raise NotPossible("there is no such legal hold in force; `tapeline hold list` shows them")

    with_catalog(config, work)


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else (at if at.tzinfo else at.replace(tzinfo=now().tzinfo))


# ── erasure ───────────────────────────────────────────────────────────────────────────────────


def erase_command(
    tenant: Tenant,
    person: Annotated[str, typer.Option(help="A user's extension, or a whole number.")],
    yes: Annotated[bool, typer.Option("--yes", help="Erase; without it, only say what would go.")] = False,
    why: Why = "on request",
    over_minimum: Annotated[
        bool, typer.Option("--over-minimum", help="Also what a rule keeps at least; never what a hold keeps.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Erase one person's recordings, names and numbers with them. A dry run without `--yes`."""
    settings = load(config)
    set_up_logging(settings.log_level)

    async def work(catalog: SqlCatalog) -> None:
        found = await catalog.erasure_of(tenant, person, keep=not over_minimum)
        left: dict[str, str] = {}
        if yes:
            result = await catalog.erase_soon(
                Scope(tenant), found.ids, operator(), f"erasure: {why}", person, keep=not over_minimum
            )
            left |= result.refused
            eraser, sealer = (
                make_eraser(settings, catalog, open_stores(settings)),
                make_sealer(settings, catalog),
            )
            for recording_id in result.done:
                try:
                    await eraser.purge(recording_id)
                except (TapelineError, OSError) as error:
                    await catalog.purge_failed(recording_id, str(error))
                    left[recording_id] = f"not gone yet, it is tried again: {error}"
            # The names leave the chain when the chain has been told.
            while await sealer.drain():
                await eraser.trace_due()
        if as_json:
            print_json({"erased": yes, **asdict(found), "left": left})
        else:
            _report(found, yes, left)
        if left:
            raise typer.Exit(1)

    with_catalog(config, work)


def _report(found: Erasure, yes: bool, left: dict[str, str]) -> None:
    size = sum(one.size for one in found.going) / 2**20
    files = sum(one.files for one in found.going)
    word = "erased" if yes else "would go"
    console.print(f"{word}: {len(found.going) - len(left)} recordings, {files} files, {size:.1f} MiB")
    for one in found.going:
        if one.recording_id not in left:
            console.print(f"  {one.recording_id} of {one.started_at:%Y-%m-%d %H:%M}", markup=False)
    for title, some in (("under a legal hold", found.held), ("refused", found.refused), ("left", left)):
        for recording_id, why in some.items():
            console.print(f"  {title}: {recording_id}: {why}", markup=False)
    for call_id in found.shared:
        console.print(f"  names stay in call {call_id}: another tenant took part in it", markup=False)
    if not yes and found.going:
        console.print("nothing was erased; do it with --yes")
