"""Canonical JSON: one form a value, and no other is taken."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.proof import canonical
from controller.proof.errors import NotCanonical

SCALARS = st.none() | st.booleans() | st.integers(-canonical.LARGEST, canonical.LARGEST)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(max_codepoint=127))
VALUES = st.recursive(
    SCALARS | TEXT, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20
)


@given(VALUES)
def test_there_and_back(value: object) -> None:
    raw = canonical.dumps(value)
    assert canonical.loads(raw) == value
    assert json.loads(raw) == value


@given(VALUES, st.integers(0, 10**6), st.sampled_from([b" ", b"\n", b"0", b",", b"\xff", b"\\u0041"]))
def test_no_other_form_is_taken(value: object, at: int, more: bytes) -> None:
    """What is taken after a change says something else, and says it in canonical form."""
    raw = canonical.dumps(value)
    at %= len(raw) + 1
    changed = raw[:at] + more + raw[at:]
    try:
        other = canonical.loads(changed)
    except NotCanonical:
        return
    assert canonical.dumps(other) == changed != raw


def test_the_form_is_that_of_rfc_8785() -> None:
    value = {"b": '\u20ac$\u000f\nA\'B"\\"/\x7f', "a": [True, None, -0, 10**15], "\r": 1, "1": 2}
    assert canonical.dumps(value) == (
        '{"\\r":1,"1":2,"a":[true,null,0,1000000000000000],"b":"\u20ac$\\u000f\\nA\'B\\"\\\\\\"/\x7f"}'.encode()
    )


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), 2**53, {1: 2}, {"\xe4": 1}, "\ud800", {"a": {1, 2}}, b"x", datetime.now(UTC)]
)
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        canonical.dumps(value)


def test_a_time_is_utc_with_microseconds() -> None:
    at = datetime(2026, 11, 22, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    assert canonical.time_text(at) == "2026-11-22T09:00:00.000000Z"
