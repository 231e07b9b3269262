"""``tapeline import``: tenants and users out of the switch's own directory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from ..catalog.facade import SqlCatalog
from ..config import AsteriskConfig, Config, FreeSwitchConfig, load
from ..engine.ports import DirectoryUser
from ..engine.reading import Scope, UserSettings
from ..importing import ImportPlan, plan
from ..switching import make_directory
from . import changes
from .common import ConfigOption, JsonOption, NotPossible, console, print_json, with_catalog


def import_command(
    switch: Annotated[str, typer.Option(help="The switch's name in the configuration.")],
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's users.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be made.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make the tenants and users that a switch knows: FreeSWITCH's directory, Asterisk's endpoints.

    New users get what their tenant's options say of new users. Nothing is deleted, and nobody who is
    there already is changed, but for a name where there was none.
    """
    section = _switch(load(config), switch)

    async def work(catalog: SqlCatalog) -> None:
        found = await make_directory(section).users()
        everything = Scope(tenant)
        planned = plan(found, await catalog.tenants(everything), await catalog.users(everything), tenant)
        if not dry_run:
            await catalog.import_users(planned.to_write)
            await changes.imported(catalog, switch, planned.new_users, planned.named)
        if as_json:
            print_json({"dry_run": dry_run, **as_plain(planned)})
        else:
            for line in lines(planned, dry_run):
                console.print(line, markup=False, soft_wrap=True)

    with_catalog(config, work)


def _switch(config: Config, name: str) -> FreeSwitchConfig | AsteriskConfig:
    for section in config.switches:
        if section.name == name:
            return section
    names = ", ".join(s.name for s in config.switches) or "none"
    raise NotPossible(f"there is no switch {name!r} in the configuration; there are: {names}")


def lines(planned: ImportPlan, dry_run: bool) -> list[str]:
    """What is (or would be) done, a line each, and the sum of it."""
    make, give = ("would make", "would give") if dry_run else ("made", "gave")
    found = [f"{make} tenant {tenant}" for tenant in planned.new_tenants]
    found += [f"{make} user {_who(user)}" for user in planned.new_users]
    found += [f"{give} user {u.user}@{u.tenant} the name {u.name}" for u in planned.named]
    found += [f"already there: user {_who(user)}" for user in planned.known]
    found += [f"not on the switch any more, kept: user {_who(user)}" for user in planned.gone]
    found += [f"not on this switch, kept: tenant {tenant}" for tenant in planned.other_tenants]
    new = f"{len(planned.new_tenants)} new tenants, {len(planned.new_users)} new users"
    found.append(f"{new}, {len(planned.known) + len(planned.named)} already there, {len(planned.gone)} gone")
    if dry_run and planned.to_write:
        found.append("nothing was written: run it again without --dry-run")
    return found


def _who(user: DirectoryUser | UserSettings) -> str:
    return f"{user.user}@{user.tenant}" + (f" ({user.name})" if user.name else "")


def as_plain(planned: ImportPlan) -> dict[str, Any]:
    return {
        "new_tenants": list(planned.new_tenants),
        "new_users": [asdict(u) for u in planned.new_users],
        "named": [asdict(u) for u in planned.named],
        "known": [asdict(u) for u in planned.known],
        "gone": _users(planned.gone),
        "other_tenants": list(planned.other_tenants),
    }


def _users(users: Iterable[UserSettings]) -> list[dict[str, str]]:
    return [{"tenant": u.tenant, "user": u.user, "name": u.name} for u in users]
