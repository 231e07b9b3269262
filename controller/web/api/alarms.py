"""What somebody should look after now, as every page shows it."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from ...engine.alarms import Alarm, Severity
from ..access import may
from ..permits import SignedIn
from ..services import web_of
from .listing import Listed, cut
from .params import Before, Limit

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


class AlarmPage(Listed[AlarmView]):
    """The worst first."""


@router.get("/alarms", summary="What somebody should look after now")
async def alarms(request: Request, me: SignedIn, limit: Limit = 50, before: Before = None) -> AlarmPage:
    """Of those that the account may see. Empty: all is well."""
    found = await web_of(request).alarms.of(me, lambda permission: may(request, permission))
    # Their order is of their severity: the key says where in it an alarm stands.
    placed = list(enumerate(found))
    page, more = cut(placed, lambda p: (f"{p[0]:06}",), limit, before)
    return AlarmPage(items=[AlarmView.of(alarm) for _, alarm in page], next=more)
