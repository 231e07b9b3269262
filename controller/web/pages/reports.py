"""Call Statistics › Reports: sums of a period, drawn and as a table, beside the period before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from ...core.roles import Permission
from ...engine.reports import Grouping, ReportRow, Sums
from .. import report_csv
from ..access import may
from ..api.params import plain
from ..api.reports import reports_of
from ..language import N_, _
from ..permits import Exporter, Seer
from ..report_period import PRESETS, Period, own_days, preset
from ..services import Parts, Services
from .bars import Chart, chart
from .rendering import page, zone
from .words import address, numeric, shown

router = APIRouter()

GROUPINGS = (
    (Grouping.DAY, N_("Day")),
    (Grouping.HOUR, N_("Hour of the day")),
    (Grouping.USER, N_("User")),
    (Grouping.QUEUE, N_("Queue or group")),
    (Grouping.TENANT, N_("Tenant")),
)
#: What a chart can show: its value in the address, its words, the sum.
SHOWN = (
    ("talk_ms", N_("Talk time")),
    ("calls", N_("Calls")),
    ("recorded_ms", N_("Recorded time")),
    ("stored", N_("Storage")),
    ("paused_ms", N_("Pauses")),
    ("missing", N_("Not recorded")),
)
#: More bars than these nobody tells apart; the table has all.
MOST_BARS = 31


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands in the page's address."""

    period: Period
    by: Grouping
    show: str
    range: str
    fault: str = ""

    def query(self, **more: str) -> str:
        own = {"since": self.period.first.isoformat(), "until": self.period.last.isoformat()}
        when = {"range": self.range} if self.range else own
        return urlencode({**when, "by": str(self.by), "show": self.show, **more})

    def ranged(self, name: str) -> str:
        return urlencode({"range": name, "by": str(self.by), "show": self.show})


@router.get("/reports")
async def reports_page(request: Request, parts: Parts, me: Seer) -> Response:
    asked, reader = _asked(request, parts), reports_of(parts)
    period, before = asked.period, asked.period.before
    rows = await reader.report(me.scope, asked.by, period.since, period.until, period.zone)
    return page(
        request, "reports.html", asked=asked, rows=rows, presets=PRESETS, shown_choices=SHOWN,
        groupings=[g for g in GROUPINGS if g[0] is not Grouping.TENANT or me.tenant is None],
        total=await reader.report_totals(me.scope, period.since, period.until),
        earlier=await reader.report_totals(me.scope, before.since, before.until), before=before,
        storage=await reader.storage(me.scope, period.since, period.until),
        grouping=dict(GROUPINGS)[asked.by], showing=dict(SHOWN)[asked.show],
        chart=_chart(asked, rows), may_export=may(request, Permission.EXPORT), calls_link=_calls_link,
        change=_change, named=_named,
    )  # fmt: skip


@router.get("/reports/csv")
async def reports_csv(request: Request, parts: Parts, me: Exporter) -> Response:
    asked = _asked(request, parts)
    period = asked.period
    rows = await reports_of(parts).report(me.scope, asked.by, period.since, period.until, period.zone)
    name = f"report-{asked.by}-{period.first}-{period.last}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    lines = report_csv.lines(asked.by, rows)
    return StreamingResponse(lines, media_type=report_csv.MEDIA_TYPE, headers=headers)


def _asked(request: Request, parts: Services) -> Asked:
    query, where = request.query_params, zone(request)
    today: date = parts.now().astimezone(where).date()
    wanted = plain(query.get("range", ""), 20)
    fault, period = "", preset(wanted, today, where)
    if period is None and query.get("since"):
        wanted = ""
        try:
            period = own_days(
                plain(query.get("since", ""), 10), plain(query.get("until", ""), 10), today, where
            )
        except ValueError as error:
            fault = str(error)
    if period is None:
        wanted, period = "30d", preset("30d", today, where)
        assert period is not None
    try:
        by = Grouping(query.get("by", Grouping.DAY))
    except ValueError:
        by = Grouping.DAY
    show = query.get("show", "talk_ms")
    return Asked(period, by, show if show in dict(SHOWN) else "talk_ms", wanted, fault)


def _chart(asked: Asked, rows: list[ReportRow]) -> Chart:
    named = asked.by not in (Grouping.DAY, Grouping.HOUR)
    if named:
        rows = sorted(rows, key=lambda r: -getattr(r.sums, asked.show))[:MOST_BARS]
    return chart([(r.key, getattr(r.sums, asked.show)) for r in rows], asked.show, upright=not named)


def _named(asked: Asked, row: ReportRow) -> str:
    """A day as the reader's language writes it, anything else as it is called."""
    return numeric(date.fromisoformat(row.key)) if asked.by is Grouping.DAY else shown(row.key, 60)


def _calls_link(asked: Asked, row: ReportRow | None, recorded: str = "") -> str:
    """The CDR's list of the same calls; "" where its filters cannot say it."""
    first, last, party = asked.period.first, asked.period.last, ""
    if row is not None:
        if asked.by is Grouping.DAY:
            first = last = date.fromisoformat(row.key)
        elif asked.by is Grouping.USER:
            party = row.key
        else:
            return ""
    fields = {"since": first.isoformat(), "until": last.isoformat(), "party": party, "recorded": recorded}
    return "/calls?" + "&".join(f"{k}={address(v)}" for k, v in fields.items() if v)


def _change(now: Sums, before: Sums, name: str) -> str:
    """How much more or less than before, in words: ``+12 %``; "" without anything to compare with."""
    old, new = getattr(before, name), getattr(now, name)
    if not old:
        return ""
    percent = round(100 * (new - old) / old)
    return _("as before") if percent == 0 else f"{percent:+} %".replace("-", "\N{MINUS SIGN}")
