"""``tapeline user`` (who may sign in) and ``tapeline policy`` (what is recorded)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from .bootstrap import open_catalog
from .catalog.facade import SqlCatalog
from .config import load
from .core.errors import TapelineError
from .engine.ids import new_id
from .engine.reading import Account, Role, Scope, SystemSettings, TenantSettings, UserSettings
from .web.passwords import Passwords, weakness

people = typer.Typer(no_args_is_help=True, help="Who may sign in to the pages and the API.")
settings = typer.Typer(no_args_is_help=True, help="What is recorded: system, tenants, users.")
console = Console(highlight=False)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", envvar="TAPELINE_CONFIG", help="The configuration file.")
]
OnOff = Annotated[bool | None, typer.Option(help="On or off; left as it is if not given.")]
PasswordFile = Annotated[
    Path | None, typer.Option(help="Read the password from this file; without it you are asked.")
]


class NotPossible(TapelineError):
    pass


def _with_catalog(config: Path | None, work: Callable[[SqlCatalog], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_catalog(load(config)) as catalog:
            await work(catalog)

    asyncio.run(run())


def _password(file: Path | None) -> str:
    if file is not None:
        try:
            password = file.read_text().strip()
        except OSError as error:
            raise NotPossible(f"cannot read {file}: {error.strerror}") from error
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    weak = weakness(password)
    if weak:
        raise NotPossible(weak)
    return password


@people.command("add")
def add(
    login: str,
    role: Annotated[Role, typer.Option(help="What the account may see and do.")] = Role.SYSTEM,
    tenant: Annotated[str | None, typer.Option(help="Its tenant (not for a system administrator).")] = None,
    extension: Annotated[str | None, typer.Option(help="The extension that a `user` account is.")] = None,
    password_file: PasswordFile = None,
    generate: Annotated[bool, typer.Option(help="Make a password and print it once.")] = False,
    config: ConfigOption = None,
) -> None:
    """Make an account."""
    if role is not Role.SYSTEM and not tenant:
        raise NotPossible(f"a {role} needs --tenant")
    if (role is Role.USER) != (extension is not None):
        raise NotPossible("--extension goes with --role user, and a user needs one")
    if role is Role.SYSTEM and tenant:
        raise NotPossible("a system administrator has no --tenant")
    password = secrets.token_urlsafe(15) if generate else _password(password_file)

    async def work(catalog: SqlCatalog) -> None:
        account = Account(new_id(), login, role, tenant, extension)
        try:
            await catalog.add_account(account, await Passwords().hash(password))
        except ValueError as error:
            raise NotPossible(f"{login}: {error}") from error

    _with_catalog(config, work)
    console.print(f"{login} may sign in as {role}", markup=False)
    if generate:
        console.print(f"password: {password}", markup=False)


@people.command("password")
def password_command(login: str, password_file: PasswordFile = None, config: ConfigOption = None) -> None:
    """Set an account's password; its sessions end."""
    password = _password(password_file)

    async def work(catalog: SqlCatalog) -> None:
        credentials = await catalog.credentials(login)
        if credentials is None:
            raise NotPossible(f"there is no account {login!r}")
        await catalog.set_password(credentials.account.account_id, await Passwords().hash(password))

    _with_catalog(config, work)


@people.command("list")
def list_accounts(config: ConfigOption = None) -> None:
    """Everybody who may sign in."""

    async def work(catalog: SqlCatalog) -> None:
        table = Table("login", "role", "tenant", "extension")
        for account in await catalog.accounts(Scope(None)):
            table.add_row(account.login, account.role, account.tenant or "", account.extension or "")
        console.print(table)

    _with_catalog(config, work)


@settings.command("show")
def show(config: ConfigOption = None) -> None:
    """All settings that decide what is recorded."""

    async def work(catalog: SqlCatalog) -> None:
        system = await catalog.system()
        table = Table("who", "audio", "video", title="What is recorded")
        for tenant in await catalog.tenants(Scope(None)):
            table.add_row(
                f"every user of {tenant.tenant}", _word(tenant.record_audio), _word(tenant.record_video)
            )
        for user in await catalog.users(Scope(None)):
            table.add_row(f"{user.user}@{user.tenant}", _word(user.record_audio), _word(user.record_video))
        console.print(table)
        console.print(f"calls between external numbers: {_word(system.record_external)}")

    _with_catalog(config, work)


@settings.command("system")
def system_command(
    external: Annotated[bool, typer.Option(help="Record the call between external numbers.")],
    config: ConfigOption = None,
) -> None:
    """The system's settings. A running controller takes them over within a few seconds."""
    _with_catalog(config, lambda catalog: catalog.set_system(SystemSettings(external)))


@settings.command("tenant")
def tenant_command(
    tenant: str, audio: OnOff = None, video: OnOff = None, config: ConfigOption = None
) -> None:
    """Enable extension audio/video recording for a whole tenant."""

    async def work(catalog: SqlCatalog) -> None:
        known = {t.tenant: t for t in await catalog.tenants(Scope(None))}
        before = known.get(tenant, TenantSettings(tenant, False, False))
        await catalog.set_tenant(
            replace(
                before,
                record_audio=before.record_audio if audio is None else audio,
                record_video=before.record_video if video is None else video,
            )
        )

    _with_catalog(config, work)


@settings.command("user")
def user_command(
    tenant: str, user: str, audio: OnOff = None, video: OnOff = None, config: ConfigOption = None
) -> None:
    """Record a user's audio/video calls."""

    async def work(catalog: SqlCatalog) -> None:
        known = {u.user: u for u in await catalog.users(Scope(tenant))}
        before = known.get(user, UserSettings(tenant, user, "", False, False))
        await catalog.set_user(
            replace(
                before,
                record_audio=before.record_audio if audio is None else audio,
                record_video=before.record_video if video is None else video,
            )
        )

    _with_catalog(config, work)


def _word(on: bool) -> str:
    return "on" if on else "off"
