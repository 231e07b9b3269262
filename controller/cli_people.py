"""``tapeline user``: who may sign in."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .catalog.facade import SqlCatalog
from .cli_common import ConfigOption, NotPossible, console, with_catalog
from .engine.ids import new_id
from .engine.reading import Account, Role, Scope
from .web.passwords import Passwords, weakness

people = typer.Typer(no_args_is_help=True, help="Who may sign in to the pages and the API.")

PasswordFile = Annotated[
    Path | None, typer.Option(help="Read the password from this file; without it you are asked.")
]


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

    with_catalog(config, work)
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

    with_catalog(config, work)


@people.command("list")
def list_accounts(config: ConfigOption = None) -> None:
    """Everybody who may sign in."""

    async def work(catalog: SqlCatalog) -> None:
        table = Table("login", "role", "tenant", "extension")
        for account in await catalog.accounts(Scope(None)):
            table.add_row(account.login, account.role, account.tenant or "", account.extension or "")
        console.print(table)

    with_catalog(config, work)
