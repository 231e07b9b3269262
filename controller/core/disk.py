"""How much disk recordings take: users × minutes × format × days kept. Standard library only.

The rates are measured by ``python -m benchmarks.disk_rates``: ten minutes of the demo's conversation
at 8 kHz through this project's own encoders, files as they lie there. Mono is both parties in one
channel. MP4 is a moving picture of 640×480 at 512 kbit/s with sound; a switch may well write another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .errors import TapelineError

#: Bytes a minute by format and channels. ``peaks`` is the waveform, kept beside every recording.
RATES: Mapping[tuple[str, int], int] = {
    ("wav", 1): 960_008,
    ("wav", 2): 1_920_008,
    ("flac", 1): 451_039,
    ("flac", 2): 681_082,
    ("mp3", 1): 240_108,
    ("mp3", 2): 480_213,
    ("opus", 1): 184_062,
    ("opus", 2): 357_130,
    ("amr", 1): 96_001,
    ("amr", 2): 96_001,
    ("mp4", 1): 4_139_028,
    ("peaks", 1): 8_232,
    ("peaks", 2): 16_201,
}
FORMATS = ("wav", "flac", "mp3", "opus", "amr", "mp4")
#: What is kept as the switch or the film maker wrote it: there is no WAV beside it.
_ALONE = ("wav", "mp4")

MOST_USERS, MOST_MINUTES, MOST_DAYS = 1_000_000, 1440.0, 36_500
_WEEKS_A_YEAR = 365.25 / 7


class BadPlan(TapelineError):
    """A number that no calculation can be made of; the text says which and why."""


@dataclass(frozen=True, slots=True)
class DiskPlan:
    """``minutes`` a user and working day; ``retention_days`` 0: for ever. ``originals``: the WAV stays
    beside what was encoded (the option ``keep_original``). Raises BadPlan."""

    users: int = 50
    minutes: float = 60.0
    format: str = "wav"
    channels: int = 2
    retention_days: int = 365
    days_a_week: int = 5
    originals: bool = True

    def __post_init__(self) -> None:
        _within("users", self.users, 1, MOST_USERS)
        _within("minutes", self.minutes, 0, MOST_MINUTES)
        _within("retention_days", self.retention_days, 0, MOST_DAYS)
        _within("days_a_week", self.days_a_week, 1, 7)
        _within("channels", self.channels, 1, 2)
        if self.format not in FORMATS:
            raise BadPlan(f"format: want one of {', '.join(FORMATS)}, not {self.format[:40]!r}")

    @property
    def minutes_a_year(self) -> float:
        return self.users * self.minutes * self.days_a_week * _WEEKS_A_YEAR


@dataclass(frozen=True, slots=True)
class DiskUse:
    """In bytes. ``a_minute`` is of one recorded minute with all that is kept of it; ``kept`` is what lies
    there once the oldest go, None if nothing ever goes."""

    format: str
    a_minute: float
    a_day: float
    a_month: float
    a_year: float
    kept: float | None
    measured: bool = False


@dataclass(frozen=True, slots=True)
class MeasuredRate:
    """What the files of one format and so many channels come to; ``format`` may be ``peaks``."""

    format: str
    channels: int
    size: int
    duration_ms: int
    files: int

    @property
    def a_minute(self) -> float:
        return self.size * 60_000 / self.duration_ms


@dataclass(frozen=True, slots=True)
class Comparison:
    """The plan's own use, and all formats beside it."""

    plan: DiskPlan
    use: DiskUse
    formats: tuple[DiskUse, ...] = field(default=())


def disk_use(plan: DiskPlan, own: Mapping[tuple[str, int], float] | None = None) -> DiskUse:
    """``own``: bytes a minute as they were measured here, instead of ours where there are some."""
    rates = own or {}
    channels = 1 if plan.format == "mp4" else plan.channels
    measured = (plan.format, channels) in rates
    minute = float(rates.get((plan.format, channels), RATES[plan.format, channels]))
    if plan.originals and plan.format not in _ALONE:
        minute += rates.get(("wav", channels), RATES["wav", channels])
    minute += rates.get(("peaks", channels), RATES["peaks", channels])
    year = minute * plan.minutes_a_year
    kept = year * plan.retention_days / 365.25 if plan.retention_days else None
    return DiskUse(
        plan.format, minute, minute * plan.users * plan.minutes, year / 12, year, kept, measured
    )  # fmt: skip


def compared(plan: DiskPlan, own: Mapping[tuple[str, int], float] | None = None) -> Comparison:
    each = tuple(disk_use(replace(plan, format=name), own) for name in FORMATS)
    return Comparison(plan, disk_use(plan, own), each)


def _within(name: str, value: float, least: float, most: float) -> None:
    # Not a number is within nothing.
    if not least <= value <= most:
        raise BadPlan(f"{name}: want {least:,g} to {most:,g}, not {value:g}")


def amount(size: float) -> str:
    """``4.32 TB``: three digits, powers of 1000 as disks are sold."""
    for unit in ("bytes", "KB", "MB", "GB", "TB", "PB"):
        if size < 999.5 or unit == "PB":
            if unit == "bytes":
                return f"{size:.0f} bytes"
            digits = 2 if size < 9.995 else 1 if size < 99.95 else 0
            return f"{size:.{digits}f} {unit}"
        size /= 1000
    return ""
