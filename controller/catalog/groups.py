"""Groups of users, queues and ring groups, and who supervises them (engine.entry.GroupStore)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from ..engine.entry import Group, MemberKind
from ..engine.people import Scope
from . import tables as t
from .columns import name_key
from .gate import Gate
from .writing import OnDatabase, insert


class Groups(OnDatabase):
    async def groups(self, scope: Scope) -> list[Group]:
        """By tenant and name. Whoever does not administer sees none."""
        g, m = t.groups.c, t.group_members.c
        allowed = Gate(scope).administered(g.tenant)
        members: dict[str, list[tuple[MemberKind, str]]] = {}
        async with self._database.reading() as connection:
            rows = (
                await connection.execute(select(t.groups).where(allowed).order_by(g.tenant, g.name))
            ).all()
            found = await connection.execute(
                select(m.group_id, m.kind, m.name)
                .select_from(t.group_members.join(t.groups, g.group_id == m.group_id))
                .where(allowed)
                .order_by(m.kind, m.name)
            )
            for group_id, kind, name in found:
                members.setdefault(group_id, []).append((MemberKind(kind), name))
        return [Group(r.group_id, r.tenant, r.name, tuple(members.get(r.group_id, ()))) for r in rows]

    async def set_group(self, group: Group) -> None:
        if not group.name.strip() or not group.tenant:
            raise ValueError("a group needs a name and a tenant")
        row = {"group_id": group.group_id, "tenant": group.tenant, "name": group.name.strip()}
        members = [
            {"group_id": group.group_id, "kind": str(kind), "name": name}
            for kind, name in dict.fromkeys((kind, name_key(name)) for kind, name in group.members if name)
        ]
        g, m = t.groups, t.group_members
        try:
            async with self._database.writing() as connection:
                done = await connection.execute(
                    insert(connection, g)
                    .values(row)
                    .on_conflict_do_update(
                        index_elements=["group_id"],
                        set_={"name": row["name"]},
                        where=g.c.tenant == group.tenant,
                    )
                )
                if done.rowcount == 0:
                    raise ValueError("the group is another tenant's")
                await connection.execute(delete(m).where(m.c.group_id == group.group_id))
                if members:
                    await connection.execute(insert(connection, m), members)
        except IntegrityError as error:
            raise ValueError(f"there is a group {group.name!r} already") from error

    async def remove_group(self, scope: Scope, group_id: str) -> bool:
        g = t.groups.c
        statement = delete(t.groups).where(g.group_id == group_id, Gate(scope).administered(g.tenant))
        async with self._database.writing() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def groups_of(self, account_id: str) -> list[str]:
        c = t.account_groups.c
        query = select(c.group_id).where(c.account_id == account_id).order_by(c.group_id)
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def set_groups_of(self, account_id: str, group_ids: Sequence[str]) -> None:
        a, g, of = t.accounts.c, t.groups.c, t.account_groups
        wanted = sorted(set(group_ids))
        async with self._database.writing() as connection:
            tenants = select(a.tenant).where(a.account_id == account_id)
            own = await connection.execute(
                select(g.group_id).where(g.group_id.in_(wanted), g.tenant == tenants.scalar_subquery())
            )
            if sorted(own.scalars()) != wanted:
                raise ValueError("there is no such group of the account's tenant")
            await connection.execute(delete(of).where(of.c.account_id == account_id))
            rows = [{"account_id": account_id, "group_id": group_id} for group_id in wanted]
            if rows:
                await connection.execute(insert(connection, of), rows)
