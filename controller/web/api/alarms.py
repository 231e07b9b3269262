"""What somebody should look after now, as every page shows it."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from ...engine.alarms import Alarm, Severity
from ..access import may
from ..permits import SignedIn
from ..services import web_of

router = APIRouter(tags=["status"])


class AlarmView(BaseModel):
    code: str = Field(description="Stable, such as `switch.down` or `retention.waiting`.")
    severity: Severity = Field(description="`critical`: recordings are being lost, or soon will be.")
    text: str
    detail: str = Field(description="The error as it came; for the system administrator only.")
    mend: str = Field(description="What to do.")
    link: str = Field(description="The page to look at, if there is one.")
    tenant: str | None = Field(description="Whom it concerns; null: everybody.")
    since: datetime | None

    @classmethod
    def of(cls, alarm: Alarm) -> AlarmView:
        return cls(
            code=alarm.code, severity=alarm.severity, text=alarm.text, detail=alarm.detail, mend=alarm.mend,
            link=alarm.link, tenant=alarm.tenant, since=alarm.since,
        )  # fmt: skip


class AlarmsView(BaseModel):
    alarms: list[AlarmView]


@router.get("/alarms", summary="What somebody should look after now")
async def alarms(request: Request, me: SignedIn) -> AlarmsView:
    """The worst first; of those that the account may see. Empty: all is well."""
    found = await web_of(request).alarms.of(me, lambda permission: may(request, permission))
    return AlarmsView(alarms=[AlarmView.of(alarm) for alarm in found])
