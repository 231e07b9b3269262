"""The calculator: sums, retention, refusals; its rates are those that the formats promise."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from controller.core.disk import FORMATS, RATES, BadPlan, DiskPlan, amount, compared, disk_use
from controller.core.formats import Format, bytes_per_minute

DOCUMENT = Path(__file__).parents[2] / "docs/reference/disk.md"


def test_fifty_users_for_an_hour_a_day() -> None:
    use = disk_use(DiskPlan(50, 60, "wav", 1, 365, 5))
    minute = RATES["wav", 1] + RATES["peaks", 1]
    assert use.a_minute == minute
    assert use.a_day == minute * 3000
    assert use.a_year == pytest.approx(minute * 3000 * 5 * 365.25 / 7)
    assert use.a_month == pytest.approx(use.a_year / 12)
    assert use.kept == pytest.approx(use.a_year * 365 / 365.25)
    assert disk_use(DiskPlan(retention_days=0)).kept is None


def test_the_original_is_counted_beside_what_was_encoded_and_never_twice() -> None:
    both = disk_use(DiskPlan(format="mp3", channels=2))
    alone = disk_use(DiskPlan(format="mp3", channels=2, originals=False))
    assert both.a_minute - alone.a_minute == RATES["wav", 2]
    for format in ("wav", "mp4"):
        kept, not_kept = (disk_use(DiskPlan(format=format, originals=o)) for o in (True, False))
        assert kept == not_kept


def test_own_rates_count_where_there_are_some() -> None:
    found = compared(DiskPlan(format="mp3", channels=2, originals=False), {("mp3", 2): 300_000.0})
    assert found.use.measured
    assert found.use.a_minute == 300_000 + RATES["peaks", 2]
    assert [use.format for use in found.formats] == list(FORMATS)
    assert [use.measured for use in found.formats] == [f == "mp3" for f in FORMATS]


@pytest.mark.parametrize(
    "wrong",
    [
        {"users": 0}, {"users": 2_000_000}, {"minutes": -1}, {"minutes": 1441}, {"minutes": math.nan},
        {"minutes": math.inf}, {"format": "mp5"}, {"format": ""}, {"channels": 3}, {"retention_days": -1},
        {"days_a_week": 8}, {"days_a_week": 0},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(BadPlan, match=f"^{next(iter(wrong))}: "):
        DiskPlan(**wrong)  # type: ignore[arg-type]


def test_the_measured_rates_are_near_what_the_formats_promise() -> None:
    for format in Format:
        for channels in (1, 2):
            promised = bytes_per_minute(format, channels)
            # FLAC's share is a guess by nature.
            allowed = 0.35 if format is Format.FLAC else 0.03
            assert RATES[str(format), channels] == pytest.approx(promised, rel=allowed), (format, channels)


def test_the_document_has_the_same_rates() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    found = {}
    for format, cells in rows.items():
        for channels, cell in enumerate(cells.split(" | "), 1):
            if cell != "–":
                found[format, channels] = int(cell.replace(",", ""))
    assert found == dict(RATES)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1234, "1.23 KB"), (12_345, "12.3 KB"), (123_456, "123 KB"),
     (999_600, "1.00 MB"), (9_996_000, "10.0 MB"), (4.32e12, "4.32 TB"), (5e18, "5000 PB")],
)  # fmt: skip
def test_amounts(size: float, text: str) -> None:
    assert amount(size) == text
