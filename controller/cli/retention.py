"""``tapeline retention``: the rules of how long recordings are kept, what they will do, and doing it now."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ..catalog.facade import SqlCatalog
from ..config import load
from ..core.annotations import tag_of
from ..core.retention import RetentionRule, RuleScope
from ..engine.ids import now
from ..engine.outlook import Outlook, outlook
from ..engine.reading import Scope
from ..engine.retention import digest_of
from ..keeping import make_retainer, trusted_clock
from ..logs import set_up_logging
from ..working import open_stores
from .common import (
    ConfigOption,
    JsonOption,
    NotPossible,
    audited,
    console,
    operator,
    print_json,
    with_catalog,
)

retention = typer.Typer(no_args_is_help=True, help="How long recordings are kept.")

TenantOption = Annotated[str, typer.Option(help="Whose recordings.")]
ScopeArgument = Annotated[RuleScope, typer.Argument(help="What the rule is about.")]
NameArgument = Annotated[str, typer.Argument(help="The queue's, user's or tag's name; none for a tenant.")]


@retention.command("rules")
def rules_command(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Every retention rule, and what waits for a confirmation."""

    async def work(catalog: SqlCatalog) -> None:
        rules = await catalog.retention_rules(Scope(tenant))
        waiting = [s for t in sorted({r.tenant for r in rules}) if (s := await catalog.stand(t)).waiting]
        if as_json:
            print_json({"rules": [asdict(r) for r in rules], "waiting": [asdict(s) for s in waiting]})
            return
        table = Table("tenant", "about", "name", "says")
        for r in rules:
            table.add_row(*map(Text, (r.tenant, str(r.scope), r.name, r.says)))
        console.print(table)
        for stand in waiting:
            console.print(
                f"{stand.tenant}: {stand.would_go} of {stand.of_all} recordings would go at once: look with "
                f"`tapeline retention preview`, then `tapeline retention confirm`",
                markup=False,
            )

    with_catalog(config, work)


@retention.command("set")
def set_command(
    scope: ScopeArgument,
    tenant: TenantOption,
    name: NameArgument = "",
    keep_days: Annotated[
        int | None, typer.Option(help="Keep at least so many days; 0: says nothing.")
    ] = None,
    keep_forever: Annotated[bool | None, typer.Option(help="Keep for ever.")] = None,
    delete_after_days: Annotated[
        int | None, typer.Option(help="Delete after so many days; 0: says nothing.")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Whatever it deletes at once may go without a confirmation.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    config: ConfigOption = None,
) -> None:
    """Set a rule, or change what is given of it, and say what it will do."""
    name = tag_of(name) if scope is RuleScope.TAG and name else name

    async def work(catalog: SqlCatalog) -> None:
        rules = await catalog.retention_rules(Scope(tenant))
        known = {(r.scope, r.name): r for r in rules}
        before = known.get((scope, name), RetentionRule(tenant, scope, name))
        wanted = replace(
            before,
            keep_days=before.keep_days if keep_days is None else keep_days,
            keep_forever=before.keep_forever if keep_forever is None else keep_forever,
            delete_after_days=before.delete_after_days if delete_after_days is None else delete_after_days,
        )
        after = [*known.values()] if (scope, name) in known else [*known.values(), wanted]
        after = [wanted if (r.scope, r.name) == (scope, name) else r for r in after]
        seen = await outlook(catalog, tenant, after, now())
        console.print(f"{wanted.subject}: {wanted.says}", markup=False)
        _tell(seen, 7)
        if not dry_run:
            await catalog.set_retention_rule(wanted, operator(), accept=accept)
            if seen.most and not accept:
                console.print("More than half: it waits for `tapeline retention confirm`.", markup=False)

    with_catalog(config, work)


@retention.command("remove")
def remove_command(
    scope: ScopeArgument, tenant: TenantOption, name: NameArgument = "", config: ConfigOption = None
) -> None:
    """Take a rule away."""
    name = tag_of(name) if scope is RuleScope.TAG and name else name

    async def work(catalog: SqlCatalog) -> None:
        if not await catalog.remove_retention_rule(Scope(tenant), scope, tenant, name, operator()):
            raise NotPossible(f"tenant {tenant} has no such rule; `tapeline retention rules` shows all")

    with_catalog(config, work)


@retention.command("preview")
def preview_command(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    days: Annotated[int, typer.Option(min=0, max=3650, help="How far to look ahead.")] = 7,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """What will be deleted now and in the next days. Changes nothing."""

    async def work(catalog: SqlCatalog) -> None:
        tenants = [tenant] if tenant else await catalog.retention_tenants()
        found = {
            t: await outlook(catalog, t, await catalog.retention_rules(Scope(t)), now(), days=days)
            for t in tenants
        }
        if as_json:
            print_json({t: asdict(seen) for t, seen in found.items()})
            return
        for t, seen in found.items():
            console.print(f"tenant {t}", markup=False)
            _tell(seen, days)
        if not found:
            console.print("no rule deletes anything")

    with_catalog(config, work)


@retention.command("run")
def run_command(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Carry the rules out and empty the trash now, as the controller does every hour."""
    settings = load(config)
    set_up_logging(settings.log_level)

    async def work(catalog: SqlCatalog) -> None:
        retainer = make_retainer(settings, catalog, open_stores(settings))
        done = await retainer.round(None if tenant is None else [tenant])
        if as_json:
            print_json(asdict(done))
            return
        console.print(f"into the trash: {done.trashed}, gone for good: {done.purged}")
        for t, stand in done.waiting.items():
            console.print(
                f"{t}: {stand.would_go} of {stand.of_all} would go: say `tapeline retention confirm`",
                markup=False,
            )
        for what in (done.refused, done.stuck):
            for recording_id, why in what.items():
                console.print(f"{recording_id}: {why}", markup=False)
        if done.stuck:
            raise typer.Exit(1)

    with_catalog(config, work)


@retention.command("confirm")
def confirm_command(tenant: TenantOption, config: ConfigOption = None) -> None:
    """Let a changed rule delete what it would delete at once. Look with `preview` first."""

    async def work(catalog: SqlCatalog) -> None:
        digest = digest_of(await catalog.retention_rules(Scope(tenant)))
        stand = await catalog.stand(tenant)
        if not await catalog.confirm_retention(tenant, digest, operator()):
            raise NotPossible(
                f"nothing waits for a confirmation in tenant {tenant}"
                + ("; the rules were changed since: run it again" if stand.waiting else "")
            )
        console.print(f"{stand.would_go} of {stand.of_all} recordings may go")

    with_catalog(config, work)


@retention.command("trust-clock")
def trust_command(config: ConfigOption = None) -> None:
    """Say that this machine's clock is right, after it was set or the machine was off for days."""
    settings = load(config)
    clock = trusted_clock(settings)
    doubt = abs(clock.doubt())
    if not doubt:
        console.print("this machine's clock is believed: there is nothing to do")
        return

    async def work(catalog: SqlCatalog) -> None:
        await audited(catalog, None, "clock trusted", "clock", f"it was doubted by {doubt}")
        try:
            clock.trust()
        except OSError as error:
            raise NotPossible(
                f"it cannot be noted beside {settings.web.secret_file}: {error.strerror}"
            ) from error

    with_catalog(config, work)
    console.print(f"deletion goes by {now():%Y-%m-%d %H:%M} UTC from now on; it was doubted by {doubt}")


def _tell(seen: Outlook, days: int) -> None:
    least = "" if seen.whole else "at least "
    held = f", {seen.held} kept by a legal hold" if seen.held else ""
    console.print(
        f"  of {seen.total} recordings {least}{seen.due} go now, "
        f"{least}{seen.soon} in the next {days} days{held}"
    )
    for going in seen.first[:20]:
        console.print(f"  {going.at:%Y-%m-%d %H:%M} {going.recording_id}: {going.reason}", markup=False)
    if len(seen.first) > 20:
        console.print("  …")
