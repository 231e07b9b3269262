"""/api/v1/reports: what a period's calls and recordings come to."""

from __future__ import annotations

from datetime import UTC, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from ...engine.reports import Grouping, ReportReader, ReportRow, Storage, Sums
from .. import report_csv
from ..permits import Exporter, Seer
from ..problems import Problem
from ..report_period import MOST_DAYS
from ..services import Parts, Services

router = APIRouter(tags=["reports"])


class _Span(BaseModel):
    since: AwareDatetime
    until: AwareDatetime
    zone: str

    @property
    def where(self) -> tzinfo:
        return ZoneInfo(self.zone)


async def _span(
    parts: Parts,
    since: Annotated[AwareDatetime | None, Query(description="From here; 30 days before `until`.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="To here, exclusive; now.")] = None,
    zone: Annotated[
        str, Query(max_length=64, description="Whose days and hours, such as Europe/Berlin.")
    ] = "UTC",
) -> _Span:
    try:
        ZoneInfo(zone)
        until = until or parts.now()
        since = since or until - timedelta(days=30)
        if since.year < 1971 or until.year > 2900:
            raise Problem(422, "There are no calls of that time.")
        since, until = since.astimezone(UTC), until.astimezone(UTC)
    except (ValueError, OSError, LookupError, OverflowError) as error:
        raise Problem(422, "zone is not a time zone, or the time is out of reach.") from error
    if since > until or until - since > timedelta(days=MOST_DAYS):
        raise Problem(422, f"since comes before until, and a report covers {MOST_DAYS} days at most.")
    return _Span(since=since, until=until, zone=zone)


By = Annotated[Grouping, Query(description="What a row is.")]
Span = Annotated[_Span, Depends(_span)]


class ReportView(BaseModel):
    """``total`` counts each call once, though it stands in the rows of several users."""

    by: Grouping
    since: AwareDatetime
    until: AwareDatetime
    zone: str
    total: Sums
    before: Sums = Field(description="Of the time directly before, as long.")
    storage: Storage
    rows: list[ReportRow]


def reports_of(parts: Services) -> ReportReader:
    if parts.reports is None:
        raise Problem(503, "This server makes no reports.")
    return parts.reports


@router.get("/reports", summary="Calls, minutes, storage, pauses and what is missing, summed up")
async def get_report(parts: Parts, me: Seer, span: Span, by: By = Grouping.DAY) -> ReportView:
    """Of the calls that began in the period and that the account reaches."""
    reader, length = reports_of(parts), span.until - span.since
    return ReportView(
        by=by, since=span.since, until=span.until, zone=span.zone,
        total=await reader.report_totals(me.scope, span.since, span.until),
        before=await reader.report_totals(me.scope, span.since - length, span.since),
        storage=await reader.storage(me.scope, span.since, span.until),
        rows=await reader.report(me.scope, by, span.since, span.until, span.where),
    )  # fmt: skip


@router.get(
    "/reports/csv", summary="The same as CSV", response_class=Response,
    responses={200: {"description": "A line for each row, durations in milliseconds."}},
)  # fmt: skip
async def get_report_csv(parts: Parts, me: Exporter, span: Span, by: By = Grouping.DAY) -> Response:
    """Cells that a spreadsheet would take for a formula begin with an apostrophe."""
    rows = await reports_of(parts).report(me.scope, by, span.since, span.until, span.where)
    headers = {"content-disposition": f'attachment; filename="report-{by}-{span.since:%Y%m%d}.csv"'}
    return StreamingResponse(report_csv.lines(by, rows), media_type=report_csv.MEDIA_TYPE, headers=headers)
