"""``tapeline user`` and ``tapeline token``: who may sign in, and with what."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ..catalog.facade import SqlCatalog
from ..config import load
from ..core.roles import GRANTS, NEEDS_EXTENSION, NEEDS_TENANT, Permission
from ..engine.entry import ApiToken
from ..engine.ids import new_id, now
from ..engine.reading import Account, Role, Scope
from ..web.passwords import Passwords, weakness
from .common import ConfigOption, JsonOption, NotPossible, audited, console, print_json, with_catalog

people = typer.Typer(no_args_is_help=True, help="Who may sign in to the pages and the API.")
tokens = typer.Typer(no_args_is_help=True, help="API tokens of an account.")

PasswordFile = Annotated[
    Path | None, typer.Option(help="Read the password from this file; without it you are asked.")
]
Generate = Annotated[bool, typer.Option(help="Make a password and print it once.")]
Groups = Annotated[
    list[str] | None, typer.Option("--group", help="A supervisor's group, by name; repeatable.")
]


def _password(file: Path | None, account: Account, least: int) -> str:
    if file is not None:
        try:
            password = file.read_text().strip()
        except OSError as error:
            raise NotPossible(f"cannot read {file}: {error.strerror}") from error
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    weak = weakness(password, (account.login, account.tenant, account.extension), least)
    if weak:
        raise NotPossible(weak)
    return password


async def _note(catalog: SqlCatalog, account: Account, action: str, detail: str = "") -> None:
    await audited(catalog, account.tenant, action, account.login, detail)


async def _find(catalog: SqlCatalog, login: str) -> Account:
    credentials = await catalog.credentials(login)
    if credentials is None:
        raise NotPossible(f"there is no account {login!r}")
    return credentials.account


async def _set_groups(catalog: SqlCatalog, account: Account, names: list[str]) -> None:
    known = {g.name: g.group_id for g in await catalog.groups(Scope(account.tenant)) if account.tenant}
    missing = [name for name in names if name not in known]
    if missing:
        raise NotPossible(f"there is no group {missing[0]!r} of {account.tenant}")
    await catalog.set_groups_of(account.account_id, [known[name] for name in names])


def _check(account: Account) -> None:
    if account.role in NEEDS_TENANT and not account.tenant:
        raise NotPossible(f"a {account.role} needs --tenant")
    if (account.role in NEEDS_EXTENSION) != (account.extension is not None):
        raise NotPossible("--extension goes with --role user, and a user needs one")
    if account.role is Role.SYSTEM and account.tenant:
        raise NotPossible("a system administrator has no --tenant")


@people.command("add")
def add(
    login: str,
    role: Annotated[Role, typer.Option(help="What the account may see and do.")] = Role.SYSTEM,
    tenant: Annotated[str | None, typer.Option(help="Its tenant (not for a system administrator).")] = None,
    extension: Annotated[str | None, typer.Option(help="The extension that a `user` account is.")] = None,
    group: Groups = None,
    password_file: PasswordFile = None,
    generate: Generate = False,
    config: ConfigOption = None,
) -> None:
    """Make an account."""
    account = Account(new_id(), login, role, tenant, extension)
    _check(account)
    least = load(config).sign_in.least_password
    password = secrets.token_urlsafe(15) if generate else _password(password_file, account, least)

    async def work(catalog: SqlCatalog) -> None:
        try:
            await catalog.add_account(account, await Passwords().hash(password))
        except ValueError as error:
            raise NotPossible(f"{login}: {error}") from error
        if group:
            await _set_groups(catalog, account, group)
        await _note(catalog, account, "account made", str(role))

    with_catalog(config, work)
    console.print(f"{login} may sign in as {role}", markup=False)
    if generate:
        console.print(f"password: {password}", markup=False)


@people.command("change")
def change(
    login: str,
    role: Annotated[Role | None, typer.Option(help="The new role.")] = None,
    extension: Annotated[str | None, typer.Option(help="The extension that a `user` account is.")] = None,
    group: Groups = None,
    disable: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Out at once, or in again.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Change an account's role, extension or groups, or disable it."""

    async def work(catalog: SqlCatalog) -> None:
        account = await _find(catalog, login)
        wanted = replace(
            account,
            role=role or account.role,
            extension=extension or (account.extension if (role or account.role) in NEEDS_EXTENSION else None),
            disabled=account.disabled if disable is None else disable,
        )
        _check(wanted)
        await catalog.change_account(wanted)
        if group is not None:
            await _set_groups(catalog, wanted, group)
        said = [str(wanted.role), *(group or ()), *(["disabled"] if wanted.disabled else [])]
        await _note(catalog, account, "account changed", ", ".join(said))

    with_catalog(config, work)


@people.command("password")
def password_command(
    login: str, password_file: PasswordFile = None, generate: Generate = False, config: ConfigOption = None
) -> None:
    """Set an account's password; its sessions end."""
    least = load(config).sign_in.least_password
    made = secrets.token_urlsafe(15) if generate else ""

    async def work(catalog: SqlCatalog) -> None:
        account = await _find(catalog, login)
        password = made or _password(password_file, account, least)
        await catalog.set_password(account.account_id, await Passwords().hash(password))
        await _note(catalog, account, "password set")

    with_catalog(config, work)
    if generate:
        console.print(f"password: {made}", markup=False)


@people.command("reset-totp")
def reset_totp(login: str, config: ConfigOption = None) -> None:
    """Take an account's second factor away; it sets up another one at its next sign-in if it needs one."""

    async def work(catalog: SqlCatalog) -> None:
        account = await _find(catalog, login)
        if not await catalog.remove_factor(account.account_id):
            raise NotPossible(f"{login} has no second factor")
        await _note(catalog, account, "second factor reset")

    with_catalog(config, work)


@people.command("sign-out")
def sign_out(login: str, config: ConfigOption = None) -> None:
    """End all sessions of an account, everywhere."""

    async def work(catalog: SqlCatalog) -> None:
        account = await _find(catalog, login)
        ended = await catalog.end_sessions(account.account_id)
        await _note(catalog, account, "sessions ended", f"{ended} of them")
        console.print(f"{ended} ended")

    with_catalog(config, work)


@people.command("list")
def list_accounts(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Everybody who may sign in."""

    async def work(catalog: SqlCatalog) -> None:
        found = await catalog.accounts(Scope(None))
        if as_json:
            members = ("login", "role", "tenant", "extension", "disabled")
            print_json([{name: getattr(a, name) for name in members} for a in found])
            return
        table = Table("login", "role", "tenant", "extension", "")
        for account in found:
            state = "disabled" if account.disabled else ""
            cells = (account.login, account.role, account.tenant or "", account.extension or "", state)
            table.add_row(*map(Text, cells))
        console.print(table)

    with_catalog(config, work)


@tokens.command("add")
def add_token(
    login: str,
    label: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    scope: Annotated[
        list[Permission] | None,
        typer.Option(help="What it may do; repeatable. None: all that the account may."),
    ] = None,
    days: Annotated[int, typer.Option(min=0, max=3650, help="So long it is good; 0: for ever.")] = 90,
    config: ConfigOption = None,
) -> None:
    """Make a token of an account and print it, this once."""
    text = f"tl_{secrets.token_urlsafe(32)}"

    async def work(catalog: SqlCatalog) -> None:
        account = await _find(catalog, login)
        beyond = [p for p in scope or () if p not in GRANTS[account.role]]
        if beyond:
            raise NotPossible(f"{login} itself does not have {', '.join(beyond)}")
        at = now()
        until = at + timedelta(days=days) if days else None
        scopes = tuple(p for p in Permission if p in scope) if scope else None
        token = ApiToken(new_id(), account.account_id, label, at, until, None, scopes)
        await catalog.add_token(token, sha256(text.encode()).hexdigest())
        await _note(
            catalog, account, "token made", f"{label}: {', '.join(scopes) if scopes else 'everything'}"
        )

    with_catalog(config, work)
    console.print(text, markup=False)


@tokens.command("list")
def list_tokens(login: str, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """An account's tokens, without what they are."""

    async def work(catalog: SqlCatalog) -> None:
        found = await catalog.tokens((await _find(catalog, login)).account_id)
        if as_json:
            print_json(found)
            return
        table = Table("id", "label", "may", "expires", "last used")
        for t in found:
            may = "everything" if t.scopes is None else ", ".join(t.scopes)
            days = (str(t.expires_at.date()) if t.expires_at else "never", str(t.last_used_at or "never"))
            table.add_row(*map(Text, (t.token_id, t.label, may, *days)))
        console.print(table)

    with_catalog(config, work)


@tokens.command("remove")
def remove_token(login: str, token_id: str, config: ConfigOption = None) -> None:
    """Remove a token; it opens nothing from now on."""

    async def work(catalog: SqlCatalog) -> None:
        account = await _find(catalog, login)
        if not await catalog.remove_token(account.account_id, token_id):
            raise NotPossible(f"{login} has no token {token_id!r}")
        await _note(catalog, account, "token removed", token_id)

    with_catalog(config, work)
