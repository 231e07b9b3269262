"""Company › Disk use: what so many users will take, by format, with the rates measured here or ours."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from ...core.disk import FORMATS, BadPlan, DiskPlan, DiskUse, MeasuredRate, amount, compared
from ..api.params import plain
from ..language import N_
from ..permits import PolicyReader
from ..services import Parts
from .forms import Sheet
from .rendering import page
from .timeline import WIDTH

router = APIRouter()

#: As they are asked for: field, label, hint, least, most, step.
NUMBERS = (
    ("users", N_("People who are recorded"), "", 1, 1000, 1),
    ("minutes", N_("Minutes a person and working day"), "", 0, 480, 5),
    ("days_a_week", N_("Working days a week"), "", 1, 7, 1),
    ("retention_days", N_("Days that recordings are kept"), N_("0: for ever."), 0, 3650, 5),
)
NAMES = {"wav": "WAV", "flac": "FLAC", "mp3": "MP3", "opus": "Opus", "amr": "AMR", "mp4": N_("MP4 (video)")}


@dataclass(frozen=True, slots=True)
class Bar:
    """One format beside the others; ``width`` of WIDTH."""

    use: DiskUse
    name: str
    lies: str
    a_minute: str
    width: float
    chosen: bool


@router.get("/disk")
async def disk_page(request: Request, parts: Parts, me: PolicyReader) -> Response:
    """The form is in the address, so that an answer can be sent to somebody."""
    asked = {name: plain(value, 20) for name, value in request.query_params.items()}
    sheet = Sheet.of(asked)
    plan = DiskPlan()
    try:
        plan = _plan(sheet, bool(asked))
    except (BadPlan, ValueError) as error:
        name = str(error).partition(":")[0] if isinstance(error, BadPlan) else "users"
        sheet.faults[name] = str(error).partition(": ")[2] or "A number."
    rates = await parts.reader.measured_rates(me.scope)
    own = sheet.ticked("own") or not asked
    found = compared(plan, {(r.format, r.channels): r.a_minute for r in rates} if own else None)
    return page(
        request, "disk.html", 422 if sheet.faults else 200, sheet=sheet, plan=plan, found=found, rates=rates,
        own=own, numbers=NUMBERS, formats=[(f, NAMES[f]) for f in FORMATS], bars=_bars(found.formats, plan),
        amount=amount, measured=_words(rates), names=NAMES,
    )  # fmt: skip


def _plan(sheet: Sheet, asked: bool) -> DiskPlan:
    """Raises BadPlan, ValueError."""
    if not asked:
        return DiskPlan()
    standard = DiskPlan()

    def number(name: str) -> float:
        text = sheet.one(name)
        try:
            return float(text) if text else float(getattr(standard, name))
        except ValueError:
            raise BadPlan(f"{name}: A number.") from None

    def whole(name: str) -> int:
        value = number(name)
        if value != value or abs(value) > 1e9:
            raise BadPlan(f"{name}: A number that can be.")
        return round(value)

    return DiskPlan(
        whole("users"), number("minutes"), sheet.one("format") or standard.format,
        whole("channels"), whole("retention_days"), whole("days_a_week"), sheet.ticked("originals"),
    )  # fmt: skip


def _bars(uses: tuple[DiskUse, ...], plan: DiskPlan) -> list[Bar]:
    sizes = [use.a_year if use.kept is None else use.kept for use in uses]
    most = max(sizes) or 1.0
    return [
        Bar(
            use=use,
            name=NAMES[use.format],
            lies=amount(size),
            a_minute=amount(use.a_minute),
            width=round(max(2.0, size / most * WIDTH), 1),
            chosen=use.format == plan.format,
        )
        for use, size in zip(uses, sizes, strict=True)
    ]


def _words(rates: list[MeasuredRate]) -> list[tuple[str, str, str, int]]:
    """Of each format that there is: its name, what a minute takes, in how many channels, files."""
    return [
        (NAMES[r.format], amount(r.a_minute), "stereo" if r.channels == 2 else "mono", r.files)
        for r in rates
        if r.format in NAMES
    ]
