"""Who may sign in (engine.people.PeopleStore, but for the audit)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update

from ..core.roles import NEEDS_EXTENSION, NEEDS_TENANT
from ..engine.people import Account, Credentials, ListedAccount, Scope
from . import tables as t
from .columns import folded
from .gate import Gate
from .teams import account_of, accounts_of
from .writing import OnDatabase, insert


class Accounts(OnDatabase):
    async def add_account(self, account: Account, password_hash: str) -> None:
        """Raises ValueError if the login is taken, or the role lacks its tenant or extension."""
        if not account.login.strip():
            raise ValueError("an account needs a login")
        _check(account)
        row = {
            "account_id": account.account_id,
            "login": account.login,
            "login_key": folded(account.login),
            "role": str(account.role),
            "tenant": account.tenant,
            "extension": account.extension,
            "disabled": account.disabled,
            "password_hash": password_hash,
            "language": account.language,
            "created_at": self._now(),
        }
        async with self._database.writing() as connection:
            statement = insert(connection, t.accounts).values(row).on_conflict_do_nothing()
            added = await connection.execute(statement.returning(t.accounts.c.account_id))
            if added.first() is None:
                raise ValueError(f"the login {account.login!r} is taken")

    async def change_account(self, account: Account) -> None:
        """Role, extension, disabled; never the tenant. A disabled account's sessions end."""
        _check(account)
        c = t.accounts.c
        values = {
            "role": str(account.role),
            "extension": account.extension,
            "disabled": account.disabled,
        }
        async with self._database.writing() as connection:
            same = (c.account_id == account.account_id, c.tenant.is_not_distinct_from(account.tenant))
            changed = await connection.execute(update(t.accounts).where(*same).values(values))
            if changed.rowcount == 0:
                raise ValueError(f"there is no account {account.account_id!r} of that tenant")
            if account.disabled:
                s = t.sessions
                await connection.execute(delete(s).where(s.c.account_id == account.account_id))

    async def set_language(self, account_id: str, language: str) -> None:
        """ "" is whatever the browser asks for. Nothing happens where there is no such account."""
        c = t.accounts.c
        async with self._database.writing() as connection:
            await connection.execute(
                update(t.accounts).where(c.account_id == account_id).values(language=language)
            )

    async def credentials(self, login: str) -> Credentials | None:
        """Also of a disabled account: whoever signs people in has to look at ``disabled``."""
        query = select(t.accounts).where(t.accounts.c.login_key == folded(login))
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
            return None if row is None else Credentials(await account_of(connection, row), row.password_hash)

    async def account(self, account_id: str) -> Account | None:
        query = select(t.accounts).where(t.accounts.c.account_id == account_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
            return None if row is None else await account_of(connection, row)

    async def accounts(self, scope: Scope) -> list[Account]:
        """By login. System administrators are seen by each other only."""
        c = t.accounts.c
        query = select(t.accounts).where(Gate(scope).user(c.tenant, c.extension)).order_by(c.login_key)
        async with self._database.reading() as connection:
            return await accounts_of(connection, (await connection.execute(query)).all())

    async def accounts_page(
        self, scope: Scope, *, after: str = "", limit: int = 100, account_id: str | None = None
    ) -> tuple[list[ListedAccount], bool]:
        """Four queries, however many accounts."""
        c, f, g = t.accounts.c, t.second_factors.c, t.account_groups.c
        query = select(t.accounts).where(Gate(scope).user(c.tenant, c.extension), c.login_key > after)
        if account_id is not None:
            query = query.where(c.account_id == account_id)
        async with self._database.reading() as connection:
            rows: Sequence[Any] = (
                await connection.execute(query.order_by(c.login_key).limit(limit + 1))
            ).all()
            accounts = await accounts_of(connection, rows[:limit])
            ids = [a.account_id for a in accounts]
            set_up = select(f.account_id).where(f.account_id.in_(ids), f.confirmed_at.is_not(None))
            factors = set((await connection.execute(set_up)).scalars())
            groups: dict[str, list[str]] = defaultdict(list)
            of = select(g.account_id, g.group_id).where(g.account_id.in_(ids)).order_by(g.group_id)
            for owner, group_id in await connection.execute(of):
                groups[owner].append(group_id)
        found = [
            ListedAccount(a, row.login_key, tuple(groups[a.account_id]), a.account_id in factors)
            for a, row in zip(accounts, rows, strict=False)
        ]
        return found, len(rows) > limit

    async def set_password(self, account_id: str, password_hash: str, *, keep: str = "") -> None:
        """Raises ValueError if there is no such account."""
        c, s = t.accounts.c, t.sessions
        async with self._database.writing() as connection:
            changed = await connection.execute(
                update(t.accounts).where(c.account_id == account_id).values(password_hash=password_hash)
            )
            if changed.rowcount == 0:
                raise ValueError(f"there is no account {account_id!r}")
            await connection.execute(delete(s).where(s.c.account_id == account_id, s.c.nonce != keep))


def _check(account: Account) -> None:
    """Without these, the account's scope would be wider than its role."""
    if account.role in NEEDS_TENANT and not account.tenant:
        raise ValueError(f"a {account.role} needs a tenant")
    if account.role in NEEDS_EXTENSION and not account.extension:
        raise ValueError("a user needs an extension")
