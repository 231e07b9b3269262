"""``tapeline rule``: the rules of every scope, from the system to the user."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ..catalog.facade import SqlCatalog
from ..core.direction import Direction
from ..core.options import choice
from ..core.rules import EVERY_DIRECTION, Mode, PolicyRule, PolicyScope, Setting
from ..engine.reading import Scope, TenantSettings, UserSettings
from . import changes
from .common import ConfigOption, JsonOption, NotPossible, console, print_json, with_catalog

rule = typer.Typer(
    no_args_is_help=True, help="The rules of the system, tenants, trunks, queues, groups and users."
)

ScopeArgument = Annotated[PolicyScope, typer.Argument(help="What the rule is about.")]
NameArgument = Annotated[
    str, typer.Argument(help="Its name; for a tenant the tenant's own, for the system none.")
]
TenantOption = Annotated[str | None, typer.Option(help="Whose it is; none only for the system's trunks.")]
SettingOption = Annotated[Setting | None, typer.Option(help="Left as it is if not given.")]


@rule.command("list")
def list_rules(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    scope: Annotated[PolicyScope | None, typer.Option(help="Only those of this scope.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Every rule, from the general to the particular."""

    async def work(catalog: SqlCatalog) -> None:
        rules = [
            r
            for r in await every_rule(catalog)
            if (tenant is None or r.tenant == tenant) and (scope is None or r.scope is scope)
        ]
        if as_json:
            print_json([rule_as_json(r) for r in rules])
        else:
            console.print(rules_table(rules))

    with_catalog(config, work)


@rule.command("set")
def set_rule(
    scope: ScopeArgument,
    name: NameArgument = "",
    tenant: TenantOption = None,
    audio: SettingOption = None,
    video: SettingOption = None,
    directions: Annotated[
        str | None, typer.Option(help="The calls it is about: inbound, outbound, internal; or every.")
    ] = None,
    mode: Annotated[Mode | None, typer.Option(help="How a user's calls are recorded.")] = None,
    sample: Annotated[
        float | None, typer.Option(help="Of a queue's or user's calls, so many percent.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Set a rule, or change what is given of it. A running controller obeys within seconds."""
    tenant, name = _whose(scope, tenant, name)

    async def work(catalog: SqlCatalog) -> None:
        before = await _found(catalog, scope, tenant, name) or PolicyRule(scope, tenant, name)
        changed = replace(
            before,
            audio=audio or before.audio,
            video=video or before.video,
            directions=before.directions if directions is None else directions_from(directions),
            mode=mode or before.mode,
            sample_percent=before.sample_percent if sample is None else sample,
        )
        await _keep(catalog, changed)
        console.print(rules_table([changed]))

    with_catalog(config, work)


@rule.command("remove")
def remove_rule(
    scope: ScopeArgument,
    name: NameArgument = "",
    tenant: TenantOption = None,
    config: ConfigOption = None,
) -> None:
    """Take a rule back: it says nothing any more."""
    tenant, name = _whose(scope, tenant, name)

    async def work(catalog: SqlCatalog) -> None:
        before = await _found(catalog, scope, tenant, name)
        if before is None:
            of = f" of tenant {tenant}" if tenant else ""
            raise NotPossible(f"there is no rule of {scope} {name!r}{of}; `tapeline rule list` shows all")
        if scope in (PolicyScope.SYSTEM, PolicyScope.TENANT, PolicyScope.USER):
            # These stay as what they are; only their rule goes.
            await _keep(catalog, PolicyRule(scope, tenant, name))
        else:
            await changes.remove_rule(catalog, before)

    with_catalog(config, work)


def _whose(scope: PolicyScope, tenant: str | None, name: str) -> tuple[str | None, str]:
    """A tenant's rule is named by the tenant. Raises NotPossible, which says what is missing."""
    if scope is PolicyScope.TENANT:
        if tenant and name and tenant != name:
            raise NotPossible("a tenant's rule has one name: the tenant's")
        tenant, name = tenant or name, ""
    PolicyRule(scope, tenant or None, name)  # raises InvalidPolicy for what does not go together
    return tenant or None, name


async def _found(catalog: SqlCatalog, scope: PolicyScope, tenant: str | None, name: str) -> PolicyRule | None:
    return next(
        (r for r in await every_rule(catalog) if (r.scope, r.tenant, r.name) == (scope, tenant, name)), None
    )


async def _keep(catalog: SqlCatalog, rule: PolicyRule) -> None:
    audio, video, directions = rule.audio, rule.video, rule.directions
    tenant = rule.tenant or ""
    if rule.scope is PolicyScope.SYSTEM:
        system = await catalog.system()
        await changes.set_system(catalog, replace(system, audio=audio, video=video, directions=directions))
    elif rule.scope is PolicyScope.TENANT:
        before = await changes.tenant_settings(catalog, tenant) or TenantSettings(tenant)
        await changes.set_tenant(catalog, replace(before, audio=audio, video=video, directions=directions))
    elif rule.scope is PolicyScope.USER:
        known = await changes.user_settings(catalog, tenant, rule.name)
        name = known.name if known else ""
        settings = UserSettings(
            tenant, rule.name, name, audio, video, directions, rule.mode, rule.sample_percent
        )
        await changes.set_user(catalog, settings)
    else:
        await changes.set_rule(catalog, rule)


async def every_rule(catalog: SqlCatalog) -> list[PolicyRule]:
    """Also those that say nothing: by scope, tenant and name."""
    everything = Scope(None)
    rules = [(await catalog.system()).rule]
    rules += [t.rule for t in await catalog.tenants(everything)]
    rules += await catalog.rules(everything)
    rules += [u.rule for u in await catalog.users(everything)]
    order = list(PolicyScope)
    return sorted(rules, key=lambda r: (order.index(r.scope), r.tenant or "", r.name))


def directions_from(text: str) -> frozenset[Direction]:
    """``inbound,outbound`` or ``every``. Raises InvalidPolicy, which names the key."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == ["every"]:
        return EVERY_DIRECTION
    return frozenset(choice("directions", Direction, word) for word in words)


def rules_table(rules: Iterable[PolicyRule]) -> Table:
    table = Table("scope", "tenant", "name", "audio", "video", "directions", "mode", "sample")
    for r in rules:
        user = r.scope is PolicyScope.USER
        sample = f"{r.sample_percent:g} %" if r.sample_percent < 100 else ""
        cells = (str(r.scope), r.tenant or "", r.name, r.audio, r.video, _directions(r))
        # As text: in a name, brackets are brackets.
        table.add_row(*map(Text, (*cells, str(r.mode) if user else "", sample)))
    return table


def _directions(rule: PolicyRule) -> str:
    if rule.directions == EVERY_DIRECTION:
        return "every"
    return ", ".join(d for d in Direction if d in rule.directions)


def rule_as_json(rule: PolicyRule) -> dict[str, Any]:
    return {
        "scope": str(rule.scope),
        "tenant": rule.tenant,
        "name": rule.name,
        "audio": str(rule.audio),
        "video": str(rule.video),
        "directions": [str(d) for d in Direction if d in rule.directions],
        "mode": str(rule.mode) if rule.scope is PolicyScope.USER else None,
        "sample_percent": rule.sample_percent,
    }
