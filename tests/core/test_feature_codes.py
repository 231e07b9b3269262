"""Feature codes must be tellable apart while they are being dialled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.errors import InvalidFeatureCode
from controller.core.feature_codes import DEFAULT_CODES, validated
from controller.core.media_kinds import OPERATIONS, Operation

PAUSE, RESUME = OPERATIONS["pause-recording"], OPERATIONS["resume-recording"]


def test_the_defaults_are_those_of_the_reference_product() -> None:
    assert {code: str(operation) for code, operation in validated(DEFAULT_CODES).items()} == {
        "*48": "pause-recording",
        "*49": "resume-recording",
        "*44": "start-recording",
        "*45": "stop-recording",
    }


@pytest.mark.parametrize("code", ["48", "*", "*4a", "**48", "*1234567", "", " *48", "*48\n", "*４８", "*4*8"])
def test_what_is_no_code(code: str) -> None:
    with pytest.raises(InvalidFeatureCode, match="is no feature code"):
        validated({code: PAUSE})


@pytest.mark.parametrize(("one", "other"), [("*4", "*48"), ("*48", "*480"), ("#1", "#123456")])
def test_a_code_may_not_begin_another(one: str, other: str) -> None:
    for codes in ({one: PAUSE, other: RESUME}, {other: PAUSE, one: RESUME}):
        with pytest.raises(InvalidFeatureCode, match=r"is the beginning of"):
            validated(codes)


def test_the_given_mapping_is_copied() -> None:
    mine = {"*1": PAUSE}
    kept = validated(mine)
    mine["nonsense"] = PAUSE
    assert kept == {"*1": PAUSE}


@given(st.dictionaries(st.text("*#0123456789", max_size=8), st.sampled_from(list(OPERATIONS.values()))))
def test_what_passes_can_be_read_digit_by_digit(codes: dict[str, Operation]) -> None:
    try:
        kept = validated(codes)
    except InvalidFeatureCode:
        return
    for code in kept:
        # Whoever dials it, digit by digit, reaches no other code before its end.
        assert [p for p in (code[:n] for n in range(1, len(code) + 1)) if p in kept] == [code]
