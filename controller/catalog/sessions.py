"""Sessions and API tokens (engine.entry.SessionStore and TokenStore)."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Update, bindparam, delete, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from ..core.roles import Permission
from ..engine.entry import ApiToken, Bearer, SessionRow, Stage
from ..engine.people import Account, Role, Team
from . import tables as t
from .teams import account_from, account_of
from .writing import OnDatabase, insert

log = structlog.get_logger(__name__)

#: The last use is kept to this precision; else every request would be a write.
LAST_USED_PRECISION = timedelta(minutes=1)

_s, _k, _a = t.sessions.c, t.api_tokens.c, t.accounts.c
_FIELDS = [field.name for field in fields(SessionRow)]
_TOKEN = [
    _k[f] for f in ("token_id", "account_id", "label", "created_at", "expires_at", "last_used_at", "scopes")
]

# Every request asks one of the two. Made once: to put them together takes longer than to carry them out.
_BY_COOKIE = (
    select(t.accounts, *(_s[name].label(f"s_{name}") for name in _FIELDS))
    .select_from(t.sessions.join(t.accounts, _a.account_id == _s.account_id))
    .where(_s.session_id == bindparam("digest"), _s.expires_at > bindparam("now"), _a.disabled.is_(False))
)
_BY_TOKEN = (
    select(t.accounts, *(column.label(f"k_{column.name}") for column in _TOKEN))
    .select_from(t.api_tokens.join(t.accounts, _a.account_id == _k.account_id))
    .where(_k.token_sha256 == bindparam("digest"), _a.disabled.is_(False))
    .where(or_(_k.expires_at.is_(None), _k.expires_at > bindparam("now")))
)


class Sessions(OnDatabase):
    async def _account(self, row: Any) -> Account:
        if Role(row.role) is not Role.SUPERVISOR:
            return account_from(row, Team())
        async with self._database.reading() as connection:
            return await account_of(connection, row)

    async def add_session(self, session: SessionRow) -> None:
        """The account's sessions that are too old go at the same time."""
        row = {name: getattr(session, name) for name in _FIELDS} | {"stage": str(session.stage)}
        s = t.sessions
        async with self._database.writing() as connection:
            old = (s.c.account_id == session.account_id, s.c.expires_at <= session.created_at)
            await connection.execute(delete(s).where(*old))
            await connection.execute(insert(connection, s).values(row))

    async def session(self, session_id: str, now: datetime) -> tuple[SessionRow, Account] | None:
        rows = await self._database.ask(_BY_COOKIE, {"digest": session_id, "now": now})
        if not rows:
            return None
        (row,) = rows
        found = SessionRow(**{name: getattr(row, f"s_{name}") for name in _FIELDS})
        account = await self._account(row)
        if now - found.last_used_at >= LAST_USED_PRECISION:
            await self._used(update(t.sessions).where(_s.session_id == session_id).values(last_used_at=now))
        return _session(found), account

    async def _used(self, note: Update) -> None:
        """A database that can be read and not written, as on a full disk, keeps nobody from a pause."""
        try:
            async with self._database.writing() as connection:
                await connection.execute(note)
        except SQLAlchemyError as error:
            log.warning("sign_in.use_not_noted", error=str(error)[:300])

    async def sessions(self, account_id: str, now: datetime) -> list[SessionRow]:
        s = t.sessions.c
        query = select(*(s[name] for name in _FIELDS)).where(
            s.account_id == account_id, s.expires_at > now, s.stage == str(Stage.FULL)
        )
        query = query.order_by(s.last_used_at.desc(), s.nonce)
        async with self._database.reading() as connection:
            return [_session(SessionRow(*row)) for row in await connection.execute(query)]

    async def end_session(self, account_id: str, nonce: str) -> bool:
        s = t.sessions
        statement = delete(s).where(s.c.account_id == account_id, s.c.nonce == nonce)
        async with self._database.writing() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def end_sessions(self, account_id: str, *, but: str = "") -> int:
        s = t.sessions
        statement = delete(s).where(s.c.account_id == account_id, s.c.nonce != but)
        async with self._database.writing() as connection:
            return (await connection.execute(statement)).rowcount

    async def add_token(self, token: ApiToken, token_sha256: str) -> None:
        row = {
            "token_id": token.token_id,
            "account_id": token.account_id,
            "label": token.label,
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "last_used_at": token.last_used_at,
            "scopes": None if token.scopes is None else [str(p) for p in token.scopes],
            "token_sha256": token_sha256,
        }
        async with self._database.writing() as connection:
            await connection.execute(insert(connection, t.api_tokens).values(row))

    async def bearer(self, token_sha256: str, now: datetime) -> Bearer | None:
        rows = await self._database.ask(_BY_TOKEN, {"digest": token_sha256, "now": now})
        if not rows:
            return None
        (row,) = rows
        token = _token(*(getattr(row, f"k_{column.name}") for column in _TOKEN))
        found = Bearer(await self._account(row), token)
        if token.last_used_at is None or now - token.last_used_at >= LAST_USED_PRECISION:
            await self._used(
                update(t.api_tokens).where(_k.token_id == token.token_id).values(last_used_at=now)
            )
        return found

    async def tokens(self, account_id: str) -> list[ApiToken]:
        c = t.api_tokens.c
        query = select(*_TOKEN).where(c.account_id == account_id).order_by(c.created_at, c.token_id)
        async with self._database.reading() as connection:
            return [_token(*row) for row in await connection.execute(query)]

    async def remove_token(self, account_id: str, token_id: str) -> bool:
        c = t.api_tokens.c
        statement = delete(t.api_tokens).where(c.account_id == account_id, c.token_id == token_id)
        async with self._database.writing() as connection:
            return (await connection.execute(statement)).rowcount > 0


def _session(row: SessionRow) -> SessionRow:
    values: dict[str, Any] = {name: getattr(row, name) for name in _FIELDS}
    return SessionRow(**values | {"stage": Stage(row.stage)})


def _token(*values: Any) -> ApiToken:
    """A scope that this version does not know gives nothing."""
    scopes = values[-1]
    known = set(Permission)
    kept = None if scopes is None else tuple(Permission(name) for name in scopes if name in known)
    fields_of_token = dict(zip((c.name for c in _TOKEN), values, strict=True)) | {"scopes": kept}
    return ApiToken(**fields_of_token)
