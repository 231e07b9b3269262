"""Second factors, and whose an OpenID provider's subjects are (engine.entry.FactorStore, IdentityStore)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.entry import SecondFactor
from ..engine.people import Account
from . import tables as t
from .teams import account_of
from .writing import OnDatabase, insert


class Factors(OnDatabase):
    async def second_factor(self, account_id: str) -> SecondFactor | None:
        c = t.second_factors.c
        query = select(c.account_id, c.sealed, c.confirmed_at, c.last_step)
        async with self._database.reading() as connection:
            row = (await connection.execute(query.where(c.account_id == account_id))).first()
        return None if row is None else SecondFactor(*row)

    async def begin_factor(self, account_id: str, sealed: str) -> None:
        c = t.second_factors.c
        row = {"account_id": account_id, "sealed": sealed, "confirmed_at": None, "last_step": 0}
        async with self._database.writing() as connection:
            statement = insert(connection, t.second_factors).values(row)
            done = await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["account_id"],
                    set_={"sealed": sealed, "last_step": 0},
                    where=c.confirmed_at.is_(None),
                )
            )
            if done.rowcount == 0:
                raise ValueError("the account has a second factor already")

    async def confirm_factor(self, account_id: str, step: int, codes_sha256: Sequence[str]) -> bool:
        c = t.second_factors.c
        begun = (c.account_id == account_id, c.confirmed_at.is_(None), c.last_step < step)
        async with self._database.writing() as connection:
            done = await connection.execute(
                update(t.second_factors).where(*begun).values(confirmed_at=self._now(), last_step=step)
            )
            if done.rowcount == 0:
                return False
            await _replace_codes(connection, account_id, codes_sha256)
        return True

    async def spend_step(self, account_id: str, step: int) -> bool:
        c = t.second_factors.c
        unspent = (c.account_id == account_id, c.confirmed_at.is_not(None), c.last_step < step)
        async with self._database.writing() as connection:
            done = await connection.execute(update(t.second_factors).where(*unspent).values(last_step=step))
            return done.rowcount > 0

    async def spend_recovery_code(self, account_id: str, code_sha256: str) -> bool:
        c = t.recovery_codes.c
        statement = delete(t.recovery_codes).where(c.account_id == account_id, c.code_sha256 == code_sha256)
        async with self._database.writing() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def recovery_codes_left(self, account_id: str) -> int:
        c = t.recovery_codes.c
        query = select(func.count()).select_from(t.recovery_codes).where(c.account_id == account_id)
        async with self._database.reading() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def replace_recovery_codes(self, account_id: str, codes_sha256: Sequence[str]) -> None:
        async with self._database.writing() as connection:
            await _replace_codes(connection, account_id, codes_sha256)

    async def remove_factor(self, account_id: str) -> bool:
        async with self._database.writing() as connection:
            await _replace_codes(connection, account_id, ())
            c = t.second_factors.c
            statement = delete(t.second_factors).where(c.account_id == account_id)
            return (await connection.execute(statement)).rowcount > 0

    async def account_of(self, issuer: str, subject: str) -> Account | None:
        i, a = t.identities.c, t.accounts.c
        query = (
            select(t.accounts)
            .select_from(t.accounts.join(t.identities, i.account_id == a.account_id))
            .where(i.issuer == issuer, i.subject == subject)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
            return None if row is None else await account_of(connection, row)

    async def link(self, issuer: str, subject: str, account_id: str) -> None:
        row = {"issuer": issuer, "subject": subject, "account_id": account_id, "created_at": self._now()}
        i = t.identities.c
        async with self._database.writing() as connection:
            await connection.execute(insert(connection, t.identities).values(row).on_conflict_do_nothing())
            query = select(i.account_id).where(i.issuer == issuer, i.subject == subject)
            if (await connection.execute(query)).scalar_one() != account_id:
                raise ValueError("the subject is another account's")


async def _replace_codes(connection: AsyncConnection, account_id: str, codes_sha256: Sequence[str]) -> None:
    c = t.recovery_codes
    await connection.execute(delete(c).where(c.c.account_id == account_id))
    rows = [{"account_id": account_id, "code_sha256": code} for code in codes_sha256]
    if rows:
        await connection.execute(insert(connection, c), rows)
