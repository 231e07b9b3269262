"""/api/v1/disk: how much disk recordings take."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ...core import disk
from ..permits import PolicyReader
from ..services import Parts

router = APIRouter(tags=["reports"])

_USUAL = disk.DiskPlan()


class DiskUseView(BaseModel):
    """In bytes."""

    format: str
    a_minute: float = Field(description="One recorded minute with all that is kept of it.")
    a_day: float = Field(description="A working day.")
    a_month: float
    a_year: float
    kept: float | None = Field(description="What lies there once the oldest go; null: nothing ever goes.")
    measured: bool = Field(description="Whether by what a minute takes here.")

    @classmethod
    def of(cls, use: disk.DiskUse) -> DiskUseView:
        return cls.model_validate(use, from_attributes=True)


class DiskView(BaseModel):
    use: DiskUseView
    formats: list[DiskUseView] = Field(description="The same in every format.")


@router.get("/disk", summary="How much disk recordings will take")
async def get_disk(
    parts: Parts, me: PolicyReader,
    users: Annotated[
        int, Query(ge=1, le=disk.MOST_USERS, description="People who are recorded.")
    ] = _USUAL.users,
    minutes: Annotated[
        float,
        Query(ge=0, le=disk.MOST_MINUTES, allow_inf_nan=False, description="A person and working day."),
    ] = _USUAL.minutes,
    format: Annotated[
        Literal["wav", "flac", "mp3", "opus", "amr", "mp4"], Query(description="What they are kept as.")
    ] = "wav",
    channels: Annotated[int, Query(ge=1, le=2, description="1 mono, 2 stereo.")] = _USUAL.channels,
    retention_days: Annotated[
        int, Query(ge=0, le=disk.MOST_DAYS, description="Kept so long; 0: for ever.")
    ] = _USUAL.retention_days,
    days_a_week: Annotated[int, Query(ge=1, le=7, description="Working days.")] = _USUAL.days_a_week,
    originals: Annotated[
        bool, Query(description="The WAV stays beside what was encoded.")
    ] = _USUAL.originals,
    measured: Annotated[bool, Query(description="By what a minute takes here, where that is known.")] = True,
) -> DiskView:  # fmt: skip
    plan = disk.DiskPlan(users, minutes, format, channels, retention_days, days_a_week, originals)
    rates = await parts.reader.measured_rates(me.scope) if measured else []
    found = disk.compared(plan, {(r.format, r.channels): r.a_minute for r in rates} or None)
    return DiskView(use=DiskUseView.of(found.use), formats=[DiskUseView.of(f) for f in found.formats])
