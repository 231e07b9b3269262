"""What an account keeps of its lists: columns and saved views; and which recordings a list is about."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, delete, func, or_, select

from ..core.errors import InvalidPolicy
from ..engine.listing import SavedView, SearchTooLong
from ..engine.people import Scope
from ..engine.reading import Account, RecordingFilter
from . import tables as t
from . import walking
from .candidates import among, found
from .gate import Gate
from .kept_rows import holds_seen
from .narrowing import narrowed
from .queries import selected
from .trash import refusals
from .walking import course_of, in_good_time, walked
from .writing import OnDatabase, insert, upsert

_v, _c, _r = t.saved_views.c, t.list_columns.c, t.recordings.c
MOST_VIEWS = 50


class ListRows(OnDatabase):
    """engine.listing.ListStore."""

    async def list_columns(self, account_id: str, name: str) -> list[str] | None:
        query = select(_c.columns).where(_c.account_id == account_id, _c.list_name == name)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def set_list_columns(self, account_id: str, name: str, columns: Sequence[str]) -> None:
        row = {"account_id": account_id, "list_name": name, "columns": list(columns)}
        async with self._database.writing() as connection:
            await upsert(connection, t.list_columns, [row])

    async def saved_views(self, me: Account) -> list[SavedView]:
        """One's own, and those that others of the tenant share."""
        query = (
            select(t.saved_views, t.accounts.c.login)
            .join(t.accounts, t.accounts.c.account_id == _v.account_id)
            .where(_seen_by(me))
            .order_by(_v.name, _v.view_id)
        )
        async with self._database.reading() as connection:
            rows = await connection.execute(query)
            return [
                SavedView(x.view_id, x.account_id, x.login, x.tenant, x.name, x.query, x.shared) for x in rows
            ]

    async def save_view(self, me: Account, view_id: str, name: str, query: str, *, shared: bool) -> None:
        """Raises InvalidPolicy."""
        name = " ".join(name.split())
        if not 1 <= len(name) <= 60 or any(not c.isprintable() for c in name):
            raise InvalidPolicy("name: 1 to 60 characters")
        if shared and me.tenant is None:
            raise InvalidPolicy("shared: a view is shared within a tenant; this account has none")
        row = {
            "view_id": view_id, "account_id": me.account_id, "tenant": me.tenant, "name": name,
            "query": query[:2000], "shared": shared, "created_at": self._now(),
        }  # fmt: skip
        async with self._database.writing() as connection:
            mine = select(func.count()).where(_v.account_id == me.account_id)
            if (await connection.execute(mine)).scalar_one() >= MOST_VIEWS:
                raise InvalidPolicy(f"name: an account has {MOST_VIEWS} views at most")
            await connection.execute(insert(connection, t.saved_views).values(row))

    async def remove_view(self, me: Account, view_id: str) -> bool:
        """One's own only."""
        this = delete(t.saved_views).where(_v.view_id == view_id, _v.account_id == me.account_id)
        async with self._database.writing() as connection:
            return (await connection.execute(this)).rowcount > 0

    async def matching(self, scope: Scope, where: RecordingFilter, limit: int) -> list[str]:
        """The ids of what a list shows, in its order. Raises SearchTooLong: a part of them would be taken for
        all."""
        gate, sqlite = Gate(scope), self._database.sqlite
        async with self._database.reading() as connection:
            standing = [] if where.held is None else await holds_seen(connection, gate)
            query = selected(gate, where, sqlite=sqlite, standing=standing)
            query = query.with_only_columns(_r.recording_id)
            async with in_good_time(connection, where):
                narrow = await narrowed(connection, self._database, gate, where)
                course = await course_of(connection, gate, where, query, None, narrow, sqlite=sqlite)
                found = await walked(connection, course, limit, walking.MOST_S_OF_ALL)
            if found.stopped is not None:
                raise SearchTooLong
            return [row.recording_id for row in found.rows]

    async def reached(self, scope: Scope, ids: Sequence[str]) -> list[str]:
        """Those of these that the scope sees, in their order."""
        query = select(_r.recording_id).where(
            self._these(ids), Gate(scope).recordings(), _r.deleted_at.is_(None)
        )
        async with self._database.reading() as connection:
            there = set((await connection.execute(query)).scalars())
        return [i for i in dict.fromkeys(ids) if i in there]

    async def undeletable(self, scope: Scope, ids: Sequence[str]) -> dict[str, str]:
        """Why these would not go into the trash now; those that would are not in it."""
        query = (
            select(t.recordings, t.calls.c.ended_at.label("call_ended_at"))
            .join(t.calls, t.calls.c.call_id == _r.call_id)
            .where(self._these(ids), Gate(scope).recordings())
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            return await refusals(connection, rows, self._now(), True, False)

    def _these(self, ids: Sequence[str]) -> ColumnElement[bool]:
        sqlite = self._database.sqlite
        return among(_r.recording_id, found(ids, sqlite=sqlite), sqlite=sqlite)


def _seen_by(me: Account) -> ColumnElement[bool]:
    own = _v.account_id == me.account_id
    return own if me.tenant is None else or_(own, and_(_v.tenant == me.tenant, _v.shared.is_(True)))
