"""What somebody should look after now: one list for /readyz, the pages and the REST API."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ..core.roles import Permission
from .people import Scope
from .ports import LinkState, SwitchStatus


class Severity(StrEnum):
    WARNING = "warning"
    #: Recordings are being lost, or soon will be; /readyz says that we are not ready.
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Alarm:
    """``code`` is stable and for machines. ``text`` is for whoever has ``permission``; ``detail`` and
    ``mend`` name hosts, folders and commands, and are for the system administrator. ``part``: what
    /readyz calls it. ``tenant`` None: it concerns everybody."""

    code: str
    severity: Severity
    text: str
    detail: str = ""
    mend: str = ""
    link: str = ""
    permission: Permission = Permission.SYSTEM_SETTINGS
    part: str = ""
    tenant: str | None = None
    since: datetime | None = None


class AlarmReader(Protocol):
    """What the catalog knows that somebody should look after."""

    async def tenant_alarms(self, scope: Scope) -> list[Alarm]:
        """Work on recordings that has failed for good, and retention that waits for somebody's word."""


def switch_alarms(switches: Iterable[SwitchStatus]) -> list[Alarm]:
    """Of every switch that is not up; everybody is told, because their calls are not controlled."""
    return [_of_switch(s) for s in switches if s.state is not LinkState.UP]


def _of_switch(switch: SwitchStatus) -> Alarm:
    if switch.state is LinkState.FREE:
        return Alarm(
            "switch.free",
            Severity.CRITICAL,
            f"No controller has switch {switch.name}. Its calls cannot be controlled until one has it.",
            switch.error,
            "See that a controller with the role switches runs and reaches the database; tapeline nodes "
            "shows them.",
            "/advanced/general",
            Permission.OWN_ACCOUNT,
            f"switch {switch.name}",
            since=switch.since,
        )
    down = switch.state is LinkState.DOWN
    return Alarm(
        "switch.down" if down else "switch.connecting",
        Severity.CRITICAL if down else Severity.WARNING,
        f"Switch {switch.name} {'is down' if down else 'is being connected'}. "
        "Its calls cannot be controlled until it is back.",
        switch.error,
        "See that it runs and can be reached; tapeline doctor says what is missing." if down else "",
        "/advanced/general",
        Permission.OWN_ACCOUNT,
        f"switch {switch.name}",
        since=switch.since,
    )
