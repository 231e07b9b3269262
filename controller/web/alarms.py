"""The alarms that an account may see: the system's own and its tenant's, the worst first."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..core.roles import Permission, Role
from ..engine.alarms import Alarm, AlarmReader, Severity
from ..engine.reading import Account, Scope
from .ports import HealthCheck

#: The catalog is asked once in so many seconds, however many pages are opened.
FRESH_S = 10.0

_ORDER = (Severity.CRITICAL, Severity.WARNING)


@dataclass(slots=True)
class _Kept:
    until: float
    alarms: list[Alarm]


class AlarmBoard:
    """Kept in memory for each tenant for `FRESH_S`; what costs nothing to know is always fresh."""

    def __init__(
        self, health: HealthCheck, catalog: AlarmReader, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._health = health
        self._catalog = catalog
        self._clock = clock
        self._kept: dict[str | None, _Kept] = {}

    async def of(self, account: Account, may: Callable[[Permission], bool]) -> list[Alarm]:
        """Texts for everybody; what names hosts, folders and commands for the system administrator."""
        found = list((await self._health()).alarms)
        if may(Permission.MANAGE_JOBS) or may(Permission.CHANGE_POLICY):
            found += await self._of_tenant(account.scope.tenant)
        seen = [alarm for alarm in found if may(alarm.permission)]
        if account.role is not Role.SYSTEM:
            seen = [_plain(alarm) for alarm in seen]
        return sorted(seen, key=lambda alarm: _ORDER.index(alarm.severity))

    async def _of_tenant(self, tenant: str | None) -> list[Alarm]:
        kept, now = self._kept.get(tenant), self._clock()
        if kept is None or kept.until < now:
            found = await self._catalog.tenant_alarms(Scope(tenant))
            self._kept = {t: k for t, k in self._kept.items() if k.until >= now}
            kept = self._kept[tenant] = _Kept(now + FRESH_S, found)
        return kept.alarms


def _plain(alarm: Alarm) -> Alarm:
    """As whoever cannot mend the system's own reads it; what concerns their tenant they can."""
    if alarm.tenant is not None:
        return alarm
    return replace(alarm, detail="", mend="", link="")
