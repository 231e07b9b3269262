"""What a recording with cut pauses leaves out, and where moments lie on what is left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.timeline import gaps_left_out, lasting, left_out

T0 = datetime(2026, 3, 4, 12, tzinfo=UTC)


def at(seconds: float | None) -> datetime:
    assert seconds is not None
    return T0 + timedelta(seconds=seconds)


def maybe(seconds: float | None) -> datetime | None:
    return None if seconds is None else at(seconds)


@pytest.mark.parametrize(
    ("captures", "pauses", "expected"),
    [
        ([(0, 10), (20, 30)], [(10, 20)], [(10, 20)]),
        ([(0, 10), (20, 30)], [], []),  # a hold
        ([(0, 10), (20, 30)], [(2, 5), (25, 28)], []),  # masked within the captures
        ([(0, 10), (20, 30)], [(9.5, 15)], [(10, 15)]),  # then on hold till 20
        ([(0, 10), (20, 30)], [(12, 25)], [(12, 20)]),
        ([(0, 10), (20, 30)], [(10, None)], [(10, 20)]),
        ([(0, 10), (20, 30), (40, 50)], [(10, 20), (30, 40)], [(10, 20), (30, 40)]),
        ([(0, 10), (20, 30), (40, 50)], [(10, 20), (15, None)], [(10, 20), (30, 40)]),
        ([(0, 10), (None, None), (20, 30)], [(10, 20)], [(10, 20)]),  # a capture that was refused
        ([(0, None), (20, 30)], [(10, 20)], []),  # nobody knows when it ended: nothing is left out
        ([(0, 10), (5, 8), (20, 30)], [(0, 40)], [(10, 20)]),  # captures that overlap
        ([(0, 10), (9, 30)], [(8, 12)], []),
        ([], [(0, 1)], []),
        ([(5, 10)], [(0, 5), (10, None)], []),  # before the first and behind the last
    ],
)
def test_what_is_left_out(
    captures: list[tuple[float | None, float | None]],
    pauses: list[tuple[float, float | None]],
    expected: list[tuple[float, float]],
) -> None:
    found = left_out([(maybe(a), maybe(b)) for a, b in captures], [(at(a), maybe(b)) for a, b in pauses])
    assert found == tuple((at(a), at(b)) for a, b in expected)


@pytest.mark.parametrize(
    ("captures", "pauses", "expected"),
    [
        ([(0, 10), (20, 30)], [], [(10, 20)]),
        ([(0, 10), (20, 30)], [(10, 20)], []),  # the pause's business
        ([(0, 10), (20, 30)], [(2, 5), (25, 28)], [(10, 20)]),
        ([(0, 10), (20, 30)], [(9.5, 15)], [(15, 20)]),
        ([(0, 10), (20, 30)], [(12, 15), (14, 16), (18, 40)], [(10, 12), (16, 18)]),
        ([(0, 10), (20, 30)], [(10, None)], []),
        ([(0, 10), (20, 30), (40, 50)], [(12, None)], [(10, 12)]),
        ([(0, 10), (None, None), (20, 30)], [], [(10, 20)]),
        ([(0, None), (20, 30)], [], []),
        ([(0, 10), (5, 8), (20, 30)], [], [(10, 20)]),
        ([(5, 10)], [], []),
    ],
)
def test_what_is_left_out_of_gaps(
    captures: list[tuple[float | None, float | None]],
    pauses: list[tuple[float, float | None]],
    expected: list[tuple[float, float]],
) -> None:
    when = [(maybe(a), maybe(b)) for a, b in captures]
    silent = [(at(a), maybe(b)) for a, b in pauses]
    found = gaps_left_out(when, silent)
    assert found == tuple((at(a), at(b)) for a, b in expected)
    # With what the pauses leave out that is each gap, once.
    for began, ended in pairwise(sorted([*found, *left_out(when, silent)])):
        assert began[1] <= ended[0]


def test_moments_on_what_is_left() -> None:
    cuts = ((at(10), at(20)), (at(30), at(31)))
    moments = [-1, 0, 10, 12, 20, 25, 30.5, 40]
    expected = [-1, 0, 10, 10, 10, 15, 20, 29]
    assert [lasting(T0, at(m), cuts) / timedelta(seconds=1) for m in moments] == expected


_spans = st.lists(
    st.tuples(st.integers(0, 100), st.integers(0, 100)).map(lambda s: (min(s), max(s))), max_size=6
)


@given(_spans, _spans)
def test_left_out_is_ordered_within_the_pauses_and_outside_every_capture(
    captures: list[tuple[int, int]], pauses: list[tuple[int, int]]
) -> None:
    captures.sort()
    found = left_out([(at(a), at(b)) for a, b in captures], [(at(a), at(b)) for a, b in pauses])
    seconds = {s for a, b in found for s in range((a - T0).seconds, (b - T0).seconds)}
    captured = {s for a, b in captures for s in range(a, b)}
    paused = {s for a, b in pauses for s in range(a, b)}
    between = range(captures[0][0], captures[-1][0]) if captures else range(0)
    assert seconds == {s for s in between if s in paused and s not in captured}
    assert all(one[1] <= other[0] for one, other in pairwise(found))


@given(_spans, st.integers(-10, 110), st.integers(-10, 110))
def test_time_never_runs_backwards(pauses: list[tuple[int, int]], one: int, other: int) -> None:
    cuts = left_out([(at(-5), at(-4)), (at(105), at(106))], [(at(a), at(b)) for a, b in pauses])
    first, second = sorted((one, other))
    assert timedelta() <= lasting(at(first), at(second), cuts) <= at(second) - at(first)
    assert lasting(T0, at(first), cuts) + lasting(at(first), at(second), cuts) == lasting(
        T0, at(second), cuts
    )
