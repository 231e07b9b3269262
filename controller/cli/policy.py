"""``tapeline policy``: what is recorded, in the few words that most need."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from ..catalog.facade import SqlCatalog
from ..core.rules import Setting
from ..engine.reading import TenantSettings, UserSettings
from . import changes
from .common import ConfigOption, console, with_catalog
from .rules import every_rule, rules_table

settings = typer.Typer(no_args_is_help=True, help="What is recorded: system, tenants, users.")

OnOff = Annotated[bool | None, typer.Option(help="On or off; left as it is if not given.")]


@settings.command("show")
def show(config: ConfigOption = None) -> None:
    """All settings that decide what is recorded."""

    async def work(catalog: SqlCatalog) -> None:
        system = await catalog.system()
        console.print(rules_table(await every_rule(catalog)))
        console.print(f"calls between external numbers: {'on' if system.record_external else 'off'}")

    with_catalog(config, work)


@settings.command("system")
def system_command(
    external: Annotated[bool, typer.Option(help="Record the call between external numbers.")],
    config: ConfigOption = None,
) -> None:
    """The system's settings. A running controller takes them over within a few seconds."""

    async def work(catalog: SqlCatalog) -> None:
        await changes.set_system(catalog, replace(await catalog.system(), record_external=external))

    with_catalog(config, work)


@settings.command("tenant")
def tenant_command(
    tenant: str, audio: OnOff = None, video: OnOff = None, config: ConfigOption = None
) -> None:
    """Enable extension audio/video recording for a whole tenant. `tapeline rule set` can say more."""

    async def work(catalog: SqlCatalog) -> None:
        before = await changes.tenant_settings(catalog, tenant) or TenantSettings(tenant)
        wanted = replace(before, audio=_setting(audio, before.audio), video=_setting(video, before.video))
        await changes.set_tenant(catalog, wanted)

    with_catalog(config, work)


@settings.command("user")
def user_command(
    tenant: str, user: str, audio: OnOff = None, video: OnOff = None, config: ConfigOption = None
) -> None:
    """Record a user's audio/video calls. `tapeline rule set` can say more."""

    async def work(catalog: SqlCatalog) -> None:
        before = await changes.user_settings(catalog, tenant, user) or UserSettings(tenant, user)
        wanted = replace(before, audio=_setting(audio, before.audio), video=_setting(video, before.video))
        await changes.set_user(catalog, wanted)

    with_catalog(config, work)


def _setting(on: bool | None, before: Setting) -> Setting:
    if on is None:
        return before
    return Setting.ON if on else Setting.OFF
