"""All settings as the one policy that decides (engine.ports.Catalog.policy)."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.options import TenantOptions
from ..core.policy import Policy
from ..core.rules import PolicyRule, Setting
from ..engine.reading import SystemSettings
from . import tables as t
from .policy_rows import route_rule, system_row, system_settings, tenant_settings, user_settings
from .writing import OnDatabase, insert

#: So many users are read before the event loop gets its turn: a pause must not wait for ten thousand.
AT_ONCE = 250


class Policies(OnDatabase):
    """A part of engine.ports.Catalog."""

    _known: tuple[int, Policy] | None = None

    async def policy(self) -> Policy:
        """Every setting that says something, and every user's rule: it holds the mode as well.

        Asked every few seconds by a controller with ten thousand users, so what has not changed is
        not read again: the same object comes back.
        """
        async with self._database.reading() as connection:
            system = (await connection.execute(select(t.system_settings))).first()
            # Read before the rest: should somebody change a setting now, the next time shows it.
            revision = 0 if system is None else system.revision
            if self._known is None or self._known[0] != revision:
                self._known = revision, await _policy(connection, system)
            return self._known[1]


async def _policy(connection: AsyncConnection, system: Any) -> Policy:
    rules: list[PolicyRule] = []
    options: dict[str, TenantOptions] = {}
    if system is not None:
        rules.append(system_settings(system).rule)
    for row in await connection.execute(select(t.tenants).order_by(t.tenants.c.tenant)):
        tenant = tenant_settings(row)
        rules.append(tenant.rule)
        if row.options:
            options[row.tenant] = tenant.options
    rules = [rule for rule in rules if {rule.audio, rule.video} != {Setting.INHERIT}]
    r, u = t.rules.c, t.users.c
    routes = await connection.execute(select(t.rules).order_by(r.tenant, r.scope, r.name))
    users = await connection.execute(select(t.users).order_by(u.tenant, u.user))
    rules += map(route_rule, routes)
    for some in users.partitions(AT_ONCE):
        rules += (user_settings(row).rule for row in some)
        await asyncio.sleep(0)
    # In a thread: it makes every rule ready for its decisions, 40 ms of ten thousand.
    external = system is not None and system.record_external
    return await asyncio.to_thread(Policy, external, tuple(rules), options)


async def settings_changed(connection: AsyncConnection) -> None:
    """Tell every controller to read the settings again, once this transaction is written.

    The last statement of a transaction: whoever changes another setting waits here, and must not
    hold what we still need.
    """
    statement = insert(connection, t.system_settings).values(system_row(SystemSettings()) | {"revision": 1})
    counted = {"revision": t.system_settings.c.revision + 1}
    await connection.execute(statement.on_conflict_do_update(index_elements=["number"], set_=counted))
