"""What the catalog knows that somebody should look after (engine.alarms.AlarmReader)."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from sqlalchemy import func, select, text

from ..core.roles import Permission
from ..engine.alarms import Alarm, Severity
from ..engine.jobs import JobState
from ..engine.people import Scope
from . import tables as t
from .gate import Gate
from .writing import OnDatabase

#: Written out, so that the index of these rows is taken.
_FAILED = text(f"jobs.state = '{JobState.FAILED}'")


class AlarmRows(OnDatabase):
    """engine.alarms.AlarmReader."""

    async def tenant_alarms(self, scope: Scope) -> list[Alarm]:
        """By tenant; nothing for a scope that is narrower than a tenant."""
        gate, j, s = Gate(scope), t.jobs.c, t.retention_stands.c
        failed = (
            select(j.tenant, func.count())
            .where(gate.administered(j.tenant), _FAILED)
            .group_by(j.tenant)
            .order_by(j.tenant)
        )
        waiting = (
            select(s.tenant, s.would_go, s.since)
            .where(gate.administered(s.tenant), s.waiting > "")
            .order_by(s.tenant)
        )
        async with self._database.reading() as connection:
            found = [_failed(*row) for row in await connection.execute(failed)]
            return found + [_waiting(*row) for row in await connection.execute(waiting)]


def _failed(tenant: str, number: int) -> Alarm:
    return Alarm(
        "jobs.failed", Severity.WARNING,
        f"The work on {number} recording{'s' if number > 1 else ''} of {tenant} has failed.",
        mend="See why, and try it again.", link="/jobs?show=failed", permission=Permission.MANAGE_JOBS,
        tenant=tenant,
    )  # fmt: skip


def _waiting(tenant: str, would_go: int, since: datetime | None) -> Alarm:
    return Alarm(
        "retention.waiting", Severity.WARNING,
        f"Retention of {tenant} waits for a confirmation: {would_go} recordings would go.",
        mend="Look at the rules, and confirm or change them.",
        link=f"/retention?tenant={quote(tenant, safe='')}", permission=Permission.CHANGE_POLICY,
        tenant=tenant, since=since,
    )  # fmt: skip
