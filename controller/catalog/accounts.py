"""Who may sign in, with what, and what they did (engine.reading.AccountStore)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update

from ..core.roles import NEEDS_EXTENSION, NEEDS_TENANT
from ..engine.reading import Account, ApiToken, AuditEntry, Credentials, Role, Scope
from . import tables as t
from .columns import folded
from .gate import Gate
from .writing import OnDatabase, insert

#: A token's last use is kept to this precision; else every request would be a write.
LAST_USED_PRECISION = timedelta(minutes=1)


class Accounts(OnDatabase):
    """engine.reading.AccountStore."""

    async def add_account(self, account: Account, password_hash: str) -> None:
        """Raises ValueError if the login is taken, or the role lacks its tenant or extension."""
        if not account.login.strip():
            raise ValueError("an account needs a login")
        # Without these, the account's scope would be wider than its role.
        if account.role in NEEDS_TENANT and not account.tenant:
            raise ValueError(f"a {account.role} needs a tenant")
        if account.role in NEEDS_EXTENSION and not account.extension:
            raise ValueError("a user needs an extension")
        row = {
            "account_id": account.account_id,
            "login": account.login,
            "login_key": folded(account.login),
            "role": str(account.role),
            "tenant": account.tenant,
            "extension": account.extension,
            "disabled": account.disabled,
            "password_hash": password_hash,
            "created_at": self._now(),
        }
        async with self._database.writing() as connection:
            statement = insert(connection, t.accounts).values(row).on_conflict_do_nothing()
            added = await connection.execute(statement.returning(t.accounts.c.account_id))
            if added.first() is None:
                raise ValueError(f"the login {account.login!r} is taken")

    async def credentials(self, login: str) -> Credentials | None:
        """Also of a disabled account: whoever signs people in has to look at ``disabled``."""
        query = select(t.accounts).where(t.accounts.c.login_key == folded(login))
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else Credentials(_account(row), row.password_hash)

    async def account(self, account_id: str) -> Account | None:
        query = select(t.accounts).where(t.accounts.c.account_id == account_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else _account(row)

    async def accounts(self, scope: Scope) -> list[Account]:
        """By login. System administrators are seen by each other only."""
        c = t.accounts.c
        query = select(t.accounts).where(Gate(scope).user(c.tenant, c.extension)).order_by(c.login_key)
        async with self._database.reading() as connection:
            return [_account(row) for row in await connection.execute(query)]

    async def set_password(self, account_id: str, password_hash: str) -> None:
        """Raises ValueError if there is no such account."""
        c = t.accounts.c
        async with self._database.writing() as connection:
            changed = await connection.execute(
                update(t.accounts).where(c.account_id == account_id).values(password_hash=password_hash)
            )
            if changed.rowcount == 0:
                raise ValueError(f"there is no account {account_id!r}")

    async def add_token(self, token: ApiToken, token_sha256: str) -> None:
        row = {
            "token_id": token.token_id,
            "account_id": token.account_id,
            "label": token.label,
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "last_used_at": token.last_used_at,
            "token_sha256": token_sha256,
        }
        async with self._database.writing() as connection:
            await connection.execute(insert(connection, t.api_tokens).values(row))

    async def account_by_token(self, token_sha256: str, now: datetime) -> Account | None:
        """None for a token that is unknown or expired, or whose account is disabled."""
        k, a = t.api_tokens.c, t.accounts.c
        query = (
            select(t.accounts, k.token_id, k.last_used_at)
            .select_from(t.api_tokens.join(t.accounts, a.account_id == k.account_id))
            .where(k.token_sha256 == token_sha256, or_(k.expires_at.is_(None), k.expires_at > now))
            .where(a.disabled.is_(False))
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            return None
        if row.last_used_at is None or now - row.last_used_at >= LAST_USED_PRECISION:
            async with self._database.writing() as connection:
                await connection.execute(
                    update(t.api_tokens).where(k.token_id == row.token_id).values(last_used_at=now)
                )
        return _account(row)

    async def tokens(self, account_id: str) -> list[ApiToken]:
        c = t.api_tokens.c
        query = (
            select(c.token_id, c.account_id, c.label, c.created_at, c.expires_at, c.last_used_at)
            .where(c.account_id == account_id)
            .order_by(c.created_at, c.token_id)
        )
        async with self._database.reading() as connection:
            return [ApiToken(*row) for row in await connection.execute(query)]

    async def remove_token(self, account_id: str, token_id: str) -> bool:
        c = t.api_tokens.c
        statement = delete(t.api_tokens).where(c.account_id == account_id, c.token_id == token_id)
        async with self._database.writing() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def audit(self, entry: AuditEntry) -> None:
        row = {
            "at": entry.at,
            "account": entry.account,
            "tenant": entry.tenant,
            "action": entry.action,
            "subject": entry.subject,
            "detail": entry.detail,
            "address": entry.address,
        }
        async with self._database.writing() as connection:
            await connection.execute(insert(connection, t.audit).values(row))

    async def audit_entries(self, scope: Scope, limit: int = 100) -> list[AuditEntry]:
        """The newest first. A user sees none: they tell what others did."""
        c = t.audit.c
        query = select(c.at, c.account, c.tenant, c.action, c.subject, c.detail, c.address)
        query = query.where(Gate(scope).administered(c.tenant)).order_by(c.number.desc())
        async with self._database.reading() as connection:
            return [AuditEntry(*row) for row in await connection.execute(query.limit(max(0, limit)))]


def _account(row: Any) -> Account:
    return Account(row.account_id, row.login, Role(row.role), row.tenant, row.extension, row.disabled)
