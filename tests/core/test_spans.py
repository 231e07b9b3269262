"""What happened, on the recording's own time line: holds, transfers, conferences, gaps, pauses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from controller.core.spans import Happened, Paused, SpanKind, spans_of
from controller.core.timeline import TimeLine

T0 = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
NAMES = {"a": "101 Ann", "b": "+49301 Customer", "c": "102 Bob"}


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def story(*lines: tuple[float, str, str]) -> list[Happened]:
    return [Happened(at(s), what, leg) for s, what, leg in lines]


def spans(
    journey: list[Happened],
    *,
    lasts: float = 60,
    pauses: tuple[Paused, ...] = (),
    captures: tuple[tuple[float, float], ...] = (),
    cuts: tuple[tuple[float, float], ...] = (),
    gaps: tuple[tuple[float, float], ...] = (),
    names: dict[str, str] = NAMES,
    told: tuple[tuple[int, int], ...] = (),
) -> list[tuple[str, float, float, str]]:
    line = TimeLine(T0, *(tuple((at(b), at(e)) for b, e in some) for some in (cuts, gaps)))
    ran = [(round(b * 1000), round(e * 1000)) for b, e in captures]
    found = spans_of(line, round(lasts * 1000), pauses, ran, journey, names, told)
    return [(str(s.kind), s.from_ms / 1000, s.to_ms / 1000, s.text) for s in found]


BEGIN = ((0, "talking", "a"), (0.1, "talking", "b"))


def test_an_ordinary_call_has_no_spans() -> None:
    assert spans(story(*BEGIN, (60, "hung up", "b"), (60.1, "hung up", "a"))) == []


def test_a_hold() -> None:
    found = spans(story(*BEGIN, (10, "held", "b"), (34, "unheld", "b")))
    assert found == [("hold", 10, 34, "+49301 Customer on hold for 0:24")]


def test_a_hold_that_is_left_out_is_a_mark_that_says_how_long_it_was() -> None:
    journey = story(*BEGIN, (10, "held", "b"), (34, "unheld", "b"), (40, "held", "b"), (42, "unheld", "b"))
    found = spans(journey, captures=((0, 10), (10, 30)), gaps=((10, 34), (50, 50.1)), lasts=30)
    assert found == [
        ("left_out", 10, 10, "Nothing was captured for 0:24: left out here"),
        ("hold", 16, 18, "+49301 Customer on hold for 0:02"),
    ]


def test_a_hold_ends_with_its_leg_or_with_the_recording() -> None:
    found = spans(story(*BEGIN, (10, "held", "b"), (20, "hung up", "b"), (50, "held", "a")))
    assert [f[:3] for f in found if f[0] == "hold"] == [("hold", 10, 20), ("hold", 50, 60)]


def test_a_hold_before_the_recording_begins_where_it_begins() -> None:
    found = spans(story((-20, "talking", "a"), (-19, "talking", "b"), (-5, "held", "b"), (3, "unheld", "b")))
    assert [f[:3] for f in found] == [("hold", 0, 3)]


def test_a_blind_transfer_names_both() -> None:
    found = spans(story(*BEGIN, (20, "left", "a"), (20.5, "talking", "c"), (20.6, "hung up", "a")))
    assert found == [("transfer", 20.5, 20.5, "Transferred from 101 Ann to 102 Bob")]


def test_an_attended_transfer_is_one_too() -> None:
    found = spans(story(*BEGIN, (30, "talking", "c"), (31, "hung up", "a")))
    assert found == [("transfer", 30, 30, "Transferred from 101 Ann to 102 Bob")]


def test_a_conference_and_who_joins_and_leaves() -> None:
    found = spans(story(*BEGIN, (20, "talking", "c"), (40, "left", "c")))
    assert found == [
        ("conference", 20, 40, "Three or more in the call for 0:20"),
        ("joined", 20, 20, "102 Bob joined"),
        ("left", 40, 40, "102 Bob left"),
    ]


def test_whoever_comes_back_into_the_bridge_has_not_joined() -> None:
    found = spans(
        story(*BEGIN, (10, "left", "b"), (10, "held", "b"), (30, "talking", "b"), (30, "unheld", "b"))
    )
    assert [f[0] for f in found] == ["hold"]


def test_nobody_of_another_tenant_is_told_of() -> None:
    found = spans(story(*BEGIN, (20, "talking", "c"), (30, "held", "c")), names={"a": "Ann", "b": "Ben"})
    assert found == []


def test_a_pause_kept_and_a_pause_cut() -> None:
    kept = spans([], pauses=(Paused(10_000, 34_000, 0, "101"), Paused(50_000, None, 0, "")))
    assert kept == [
        ("pause", 10, 34, "Paused by 101 for 0:24"),
        ("pause", 50, 60, "Paused for 0:10"),
    ]
    cut = spans([], pauses=(Paused(10_000, 10_000, 24_000, "101"),))
    assert cut == [("left_out", 10, 10, "Paused by 101: 0:24 left out here")]


def test_what_comes_after_a_cut_lies_earlier() -> None:
    found = spans(story(*BEGIN, (50, "held", "b"), (55, "unheld", "b")), cuts=((10, 34),), lasts=36)
    assert [f[:3] for f in found] == [("hold", 26, 31)]
    inside = spans(story(*BEGIN, (12, "held", "b"), (30, "unheld", "b")), cuts=((10, 34),), lasts=36)
    assert inside == []  # all of it was left out


def test_a_gap_that_no_pause_explains() -> None:
    assert spans([], captures=((0, 10), (10.1, 60))) == []
    assert spans([], captures=((0, 10), (13, 60))) == [("gap", 10, 13, "Nothing was captured for 0:03")]
    paused = (Paused(9_900, 13_050, 0, ""),)
    assert [s[0] for s in spans([], captures=((0, 10), (13, 60)), pauses=paused)] == ["pause"]
    assert spans([], captures=((0, 20), (5, 30), (30, 60))) == []


def test_an_announcement_of_ours_is_told_as_far_as_it_is_in_there() -> None:
    found = spans(story(*BEGIN), told=((-500, 4500), (-500, 4500), (58_000, 70_000), (70_000, 75_000)))
    assert found == [
        ("announcement", 0, 4.5, "An announcement of the recording is heard for 0:04"),
        ("announcement", 58, 60, "An announcement of the recording is heard for 0:02"),
    ]


def test_every_kind_has_an_order() -> None:
    assert len({str(kind) for kind in SpanKind}) == 9
