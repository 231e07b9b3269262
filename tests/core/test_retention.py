"""How long a recording is kept: the reference's own table, and what must hold whatever the rules are."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.annotations import note_of, tag_of
from controller.core.errors import InvalidPolicy
from controller.core.retention import (
    Hold,
    Kept,
    RetentionRule,
    RuleScope,
    Verdict,
    applies,
    covering,
    decide,
    is_person,
)

ENDED = datetime(2026, 1, 1, 12, tzinfo=UTC)
REFERENCE = Path(__file__).parents[2] / "docs/reference/retention.md"
S = RuleScope


def kept(**more: object) -> Kept:
    facts: dict[str, object] = {
        "users": {"101"}, "queues": {"sales"}, "tags": {"claim"}, "numbers": {"+49 30 901820", "101"},
    }  # fmt: skip
    facts = {k: frozenset(v) for k, v in (facts | more).items()}  # type: ignore[call-overload]
    return Kept("r", "red", ENDED - timedelta(minutes=5), ENDED, **facts)  # type: ignore[arg-type]


def table() -> list[tuple[str, ...]]:
    lines = REFERENCE.read_text(encoding="utf-8").splitlines()
    start = lines.index("| legal hold | keep at least | delete after | age in days | what happens |")
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(tuple(cell.strip() for cell in line.strip("|").split("|")))
    assert len(rows) >= 15
    return rows


@pytest.mark.parametrize("row", table(), ids=" ".join)
def test_the_table_of_the_reference(row: tuple[str, ...]) -> None:
    hold, least, most, age, expected = row
    scopes = [(S.TENANT, ""), (S.QUEUE, "sales"), (S.USER, "101"), (S.TAG, "claim")]
    rules = [
        RetentionRule("red", *scope, keep_forever=True)
        if text == "for ever"
        else RetentionRule("red", *scope, keep_days=int(text))
        for text, scope in zip(least.replace("–", "").split(", "), scopes, strict=False)
        if text
    ]
    rules += [
        RetentionRule("red", *scope, delete_after_days=int(text))
        for text, scope in zip(most.replace("–", "").split(", "), reversed(scopes), strict=False)
        if text
    ]
    holds = [Hold("h", "red", "case 7", person="101")] if hold == "yes" else []
    now = ENDED + timedelta(days=int(age))
    fate = decide(kept(), rules, holds, now)
    if until := re.fullmatch(r"kept until day (\d+)", expected):
        assert (fate.verdict, fate.keep_until) == (Verdict.KEPT, ENDED + timedelta(days=int(until[1])))
        assert decide(kept(), rules, holds, fate.keep_until).verdict is Verdict.DUE
    else:
        verdicts = {"held": Verdict.HELD, "kept for ever": Verdict.FOREVER, "deleted": Verdict.DUE}
        assert fate.verdict is verdicts[expected]
    assert fate.reason[0].islower()


def rules(tenant: str = "red") -> st.SearchStrategy[RetentionRule]:
    days = st.integers(0, 400)

    def make(scope: tuple[RuleScope, str], keep: int, forever: bool, most: int) -> RetentionRule:
        return RetentionRule(
            tenant, *scope, keep_days=0 if forever else keep, keep_forever=forever,
            delete_after_days=0 if forever else max(most, keep) if most else 0,
        )  # fmt: skip

    scope = st.sampled_from(
        [
            (S.TENANT, ""),
            (S.QUEUE, "sales"),
            (S.QUEUE, "other"),
            (S.USER, "101"),
            (S.USER, "102"),
            (S.TAG, "claim"),
        ]
    )
    return st.builds(make, scope, days, st.booleans(), days)


holds = st.lists(
    st.builds(
        Hold, st.sampled_from("hij"), st.sampled_from(["red", "blue"]), st.just("case"),
        st.sampled_from(["", "101", "102", "+4930901820"]),
        st.sampled_from([None, ENDED - timedelta(days=1), ENDED + timedelta(days=1)]),
        st.sampled_from([None, ENDED - timedelta(days=1), ENDED + timedelta(days=1)]),
    ),
    max_size=3,
)  # fmt: skip
ages = st.integers(0, 500).map(lambda d: ENDED + timedelta(days=d))


@given(st.lists(rules(), max_size=6), holds, ages)
def test_a_hold_beats_all(some: list[RetentionRule], over: list[Hold], now: datetime) -> None:
    fate = decide(kept(), some, over, now)
    assert (fate.verdict is Verdict.HELD) == bool(covering(kept(), over))


@given(st.lists(rules(), max_size=6), holds, st.lists(rules(), max_size=2), ages)
def test_no_hold_and_no_minimum_ever_makes_it_go(
    some: list[RetentionRule], over: list[Hold], more: list[RetentionRule], now: datetime
) -> None:
    before = decide(kept(), some, [], now).verdict
    if before is not Verdict.DUE:
        assert decide(kept(), some, over, now).verdict is not Verdict.DUE
        minimums = [RetentionRule(r.tenant, r.scope, r.name, r.keep_days, r.keep_forever) for r in more]
        assert decide(kept(), some + minimums, [], now).verdict is not Verdict.DUE


@given(st.lists(rules(), max_size=6), ages)
def test_no_minimum_is_ever_violated(some: list[RetentionRule], now: datetime) -> None:
    fate = decide(kept(), some, [], now)
    if fate.verdict is Verdict.DUE:
        for rule in some:
            if applies(rule, kept()):
                assert not rule.keep_forever
                assert now >= ENDED + timedelta(days=rule.keep_days)
        assert any(applies(r, kept()) and r.delete_after_days for r in some)


@given(st.lists(rules("blue"), max_size=6), ages)
def test_another_tenants_rules_are_nothing_to_it(some: list[RetentionRule], now: datetime) -> None:
    assert decide(kept(), some, [], now).verdict is Verdict.FOREVER


@given(st.lists(rules(), max_size=6), st.randoms(), ages)
def test_the_order_of_the_rules_does_not_matter(
    some: list[RetentionRule], random: Random, now: datetime
) -> None:
    shuffled = list(some)
    random.shuffle(shuffled)
    one, other = decide(kept(), some, [], now), decide(kept(), shuffled, [], now)
    assert (one.verdict, one.keep_until) == (other.verdict, other.keep_until)


@pytest.mark.parametrize(
    ("hold", "covered"),
    [
        (Hold("h", "red", "n"), False),
        (Hold("named", "red", "n"), True),
        (Hold("h", "blue", "n", person="101"), False),
        (Hold("h", "red", "n", person="101"), True),
        (Hold("h", "red", "n", person="1"), False),
        (Hold("h", "red", "n", person="0"), False),
        (Hold("h", "red", "n", person="030901820"), True),
        (Hold("h", "red", "n", person="0049 (30) 90-1820"), True),
        (Hold("h", "red", "n", person="901820"), True),
        (Hold("h", "red", "n", person="01820"), False),
        (Hold("h", "red", "n", since=ENDED), True),
        (Hold("h", "red", "n", since=ENDED + timedelta(seconds=1)), False),
        (Hold("h", "red", "n", until=ENDED - timedelta(minutes=5)), False),
        (Hold("h", "red", "n", until=ENDED), True),
        (Hold("h", "red", "n", person="102", since=ENDED), False),
    ],
)
def test_what_a_hold_covers(hold: Hold, covered: bool) -> None:
    assert bool(covering(kept(holds={"named"}), [hold])) is covered


@pytest.mark.parametrize(
    ("person", "meant"),
    [
        ("101", True), ("102", False), ("+49 30 901820", True), ("004930901820", True), ("+4930901820", True),
        ("030901820", False), ("901820", False), ("", False), ("1", False), ("+", False),
    ],
)  # fmt: skip
def test_an_erasure_means_exactly_one(person: str, meant: bool) -> None:
    assert is_person(person, {"101"}, {"+49 30 901820", ""}) is meant


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"keep_days": -1}, "keep_days"),
        ({"delete_after_days": 99_999}, "delete_after_days"),
        ({"keep_days": 30, "delete_after_days": 29}, "would delete what the same rule keeps"),
        ({"keep_forever": True, "delete_after_days": 29}, "would delete what the same rule keeps"),
        ({"keep_forever": True, "keep_days": 29}, "one of the two"),
        ({"scope": RuleScope.QUEUE}, "needs the queue's name"),
        ({"name": "x"}, "has no name"),
        ({"tenant": ""}, "needs a tenant"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(given: dict, words: str) -> None:
    with pytest.raises(InvalidPolicy, match=words):
        RetentionRule(**{"tenant": "red", **given})


def test_tags_and_notes_are_made_one_of_a_kind() -> None:
    assert tag_of("  Claim   ÄRGER\u3000x ") == "claim ärger x"
    assert note_of("a\r\nb\x00\x1b[2J<script>") == "a\nb[2J<script>"
    for bad in ("", "  ", "x" * 51, "a,b", "a/b", "a\u202eb"):
        with pytest.raises(InvalidPolicy):
            tag_of(bad)
    for bad in ("", "\x00", "x" * 2001):
        with pytest.raises(InvalidPolicy):
            note_of(bad)


@pytest.mark.parametrize(
    ("person", "number", "same"),
    [("110", "1-10", True), ("110", "+110", True), ("12", "1-2", False), ("110", "1100", False)],
)
def test_short_numbers_however_written(person: str, number: str, same: bool) -> None:
    assert is_person(person, [], [number]) is same


def test_equal_days_are_told_of_the_rule_that_deletes() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    recording = Kept("r", "t", at, at)
    fate = decide(recording, [RetentionRule("t", keep_days=30, delete_after_days=30)], [], at)
    assert fate.reason.endswith("tenant t deletes after 30 days")
