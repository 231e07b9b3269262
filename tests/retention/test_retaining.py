"""Rules carried out: what goes, what stays, what waits for a word, and what a hold keeps from everything."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from controller.catalog.holding import UnknownHold
from controller.core.errors import InvalidPolicy
from controller.core.retention import RetentionRule, RuleScope
from controller.engine.reading import RecordingFilter, Scope
from controller.engine.retention import HoldRow, digest_of
from controller.media.retainer import Retainer

from .conftest import ADA, BEN, BLUE, OUTSIDE, RED, House

ALL = RecordingFilter()


def retainer(house: House, **more: object) -> Retainer:
    return Retainer(house.catalog, house.eraser, house.now, rest_s=0, batch=2, **more)  # type: ignore[arg-type]


async def rule(house: House, scope: RuleScope = RuleScope.TENANT, name: str = "", **says: object) -> None:
    made = RetentionRule(RED, scope, name, **says)  # type: ignore[arg-type]
    await house.catalog.set_retention_rule(made, "ada")


def hold(house: House, **more: object) -> HoldRow:
    row = HoldRow(
        f"hold{house.at:%H%M%S}", RED, "case 7", "the court asked", "", None, None, house.at, "olga"
    )
    return replace(row, **more)  # type: ignore[arg-type]


async def there(house: House, tenant: str = RED) -> set[str]:
    return {row.recording_id for row in (await house.catalog.recordings(Scope(tenant), ALL)).items}


async def test_each_rule_by_tenant_queue_user_and_tag(house: House) -> None:
    old = await house.record(age_days=40)
    young = await house.record(age_days=5)
    queue = await house.record(age_days=40, queue="sales")
    ben = await house.record(user=BEN, age_days=40)
    tagged = await house.record(age_days=40)
    blue = await house.record(BLUE, age_days=400)
    for n in range(4):
        await house.record(age_days=n + 1)
    await house.catalog.add_tag(Scope(RED), tagged, "Claim", "ada")
    await rule(house, delete_after_days=30)
    await rule(house, RuleScope.QUEUE, "sales", keep_days=180)
    await rule(house, RuleScope.USER, BEN, keep_forever=True)
    await rule(house, RuleScope.TAG, "claim", keep_days=41)
    seen = await retainer(house).preview(RED)
    assert (seen.total, seen.due, seen.soon) == (9, 1, 1)
    assert [g.recording_id for g in seen.first] == [old, tagged]
    done = await retainer(house).round()
    assert (done.trashed, done.waiting, done.refused) == (1, {}, {})
    assert old not in await there(house)
    assert {young, queue, ben, tagged} <= await there(house)
    assert await there(house, BLUE) == {blue}
    (row,) = (await house.catalog.trash_page(Scope(RED))).items
    assert row.deletion is not None
    assert (row.deletion.by, row.deletion.why) == (
        "retention",
        f"retention: tenant {RED} deletes after 30 days",
    )
    assert (await retainer(house).round()).trashed == 0
    house.later(days=31)
    assert (await retainer(house).round()).purged == 1
    assert not [name for name in house.lying() if old in name]
    assert (await house.verified()).sound


async def test_without_a_rule_that_deletes_nothing_ever_goes(house: House) -> None:
    one = await house.record(age_days=3000)
    await rule(house, keep_days=1)
    assert (await retainer(house).round()).trashed == 0
    assert await there(house) == {one}


async def test_more_than_half_because_of_a_changed_rule_waits_for_a_word(house: House) -> None:
    ids = [await house.record(age_days=40) for _ in range(3)] + [await house.record() for _ in range(2)]
    await rule(house, delete_after_days=30)
    done = await retainer(house).round()
    assert done.trashed == 0
    assert (done.waiting[RED].would_go, done.waiting[RED].of_all) == (3, 5)
    assert await there(house) == set(ids)
    since = (await house.catalog.stand(RED)).since
    house.later(hours=1)
    await retainer(house).round()
    assert (await house.catalog.stand(RED)).since == since
    # A word for other rules than these is none.
    assert not await house.catalog.confirm_retention(RED, "another digest", "ada")
    assert not await house.catalog.confirm_retention(RED, "", "ada")
    digest = digest_of(await house.catalog.retention_rules(Scope(RED)))
    assert await house.catalog.confirm_retention(RED, digest, "ada")
    assert (await retainer(house).round()).trashed == 3
    assert not await house.catalog.confirm_retention(RED, digest, "ada")
    # From here on the rule is an old one; what grows old under it goes, be it everything.
    house.later(days=40)
    assert (await retainer(house).round()).trashed == 2
    # A changed one asks again.
    more = [await house.record(age_days=8) for _ in range(2)]
    await rule(house, delete_after_days=7)
    assert RED in (await retainer(house).round()).waiting
    assert await there(house) == set(more)
    # Whoever saves it and has seen what it does has said the word.
    await house.catalog.set_retention_rule(RetentionRule(RED, delete_after_days=6), "ada", accept=True)
    assert (await retainer(house).round()).trashed == 2


async def test_too_many_at_once_wait_as_well(house: House) -> None:
    for age in (40, 40, 1, 1, 1, 1):
        await house.record(age_days=age)
    await rule(house, delete_after_days=30)
    assert RED in (await retainer(house, confirm_above=1).round()).waiting
    assert (await retainer(house, confirm_above=2).round()).trashed == 2


async def test_a_hold_is_overridden_by_nothing(house: House) -> None:
    named, bens, free = (
        await house.record(age_days=40),
        await house.record(user=BEN),
        await house.record(age_days=40),
    )
    for _ in range(5):
        await house.record()
    case = hold(house)
    await house.catalog.put_hold(case)
    assert await house.catalog.hold_recordings(Scope(RED), case.hold_id, [named, "no"], "olga") == {
        "no": "there is no such recording"
    }
    standing = hold(house, hold_id="standing", name="Ben's matter", person=BEN)
    await house.catalog.put_hold(standing)
    later = await house.record(user=BEN)  # a new one falls under it too
    await rule(house, delete_after_days=30)
    seen = await retainer(house).preview(RED)
    assert (seen.due, seen.held) == (1, 1)
    assert (await retainer(house).round()).trashed == 1
    assert {named, bens, later} <= await there(house)
    assert free not in await there(house)
    refused = (await house.catalog.trash(Scope(RED), [named, bens, later], "ada", "x")).refused
    assert refused == {
        named: "kept by the legal hold “case 7”",
        bens: "kept by the legal hold “Ben's matter”",
        later: "kept by the legal hold “Ben's matter”",
    }
    assert (await house.catalog.erase_soon(Scope(RED), [named], "ada", "x", ADA, keep=False)).done == []
    assert not await house.catalog.lift_hold(Scope(BLUE), case.hold_id, "carl", "mine")
    assert not await house.catalog.lift_hold(Scope(RED, ADA), case.hold_id, "ada", "mine")
    with pytest.raises(UnknownHold):
        await house.catalog.hold_recordings(Scope(BLUE), case.hold_id, [named], "carl")
    with pytest.raises(InvalidPolicy):
        await house.catalog.lift_hold(Scope(RED), case.hold_id, "olga", " ")
    assert await house.catalog.lift_hold(Scope(RED), case.hold_id, "olga", "closed")
    assert not await house.catalog.lift_hold(Scope(RED), case.hold_id, "olga", "closed")
    assert (await retainer(house).round()).trashed == 1
    lines = [(line.action, line.detail) for line in await house.catalog.audit_entries(Scope(RED))]
    assert ("legal hold", "put: the court asked") in lines
    assert ("legal hold", "lifted: closed") in lines
    assert [h.name for h in await house.catalog.holds(Scope(RED))] == ["Ben's matter"]
    assert len(await house.catalog.holds(Scope(RED), lifted=True)) == 2
    assert await house.catalog.holds(Scope(BLUE), lifted=True) == []
    assert (await house.verified()).sound


async def test_a_hold_keeps_what_is_in_the_trash_from_being_purged(house: House) -> None:
    one, two = await house.record(), await house.record(number="+1 555 0100")
    await house.catalog.trash(Scope(RED), [one, two], "ada", "old")
    await house.catalog.put_hold(hold(house, person="030 901820"))
    assert "legal hold" in await house.catalog.purge_now(Scope(RED), one, "ada")
    house.later(days=31)
    result = await house.eraser.purge_due()
    assert result.done == [two]
    assert len([name for name in house.lying() if one in name]) == 2
    (row,) = (await house.catalog.trash_page(Scope(RED))).items
    assert row.deletion is not None
    assert (row.deletion.state, row.deletion.error) == ("trash", "under the legal hold “case 7”")
    assert not (await house.eraser.purge_due()).done
    # And once its files are going, no hold can bring them back: that is said.
    made = hold(house, hold_id="late")
    await house.catalog.put_hold(made)
    assert await house.catalog.hold_recordings(Scope(RED), "late", [two], "olga") == {
        two: "its files are gone, or going"
    }


async def test_holds_and_purges_take_turns(house: House) -> None:
    ids = [await house.record(number=f"+1555010{n}") for n in range(6)]
    await house.catalog.trash(Scope(RED), ids, "ada", "old")
    house.later(days=31)

    async def put(n: int) -> None:
        await house.catalog.put_hold(hold(house, hold_id=f"h{n}", name=f"n{n}", person=f"+1555010{n}"))

    await asyncio.gather(*(put(n) for n in range(6)), *(house.eraser.purge(i) for i in ids))
    kept = [i for i in ids if [x for x in house.lying() if i in x]]
    for recording_id in ids:
        files = await house.catalog.files(recording_id)
        assert len(files) == (2 if recording_id in kept else 0), "whole or gone"


async def test_no_minimum_is_violated_by_hand(house: House) -> None:
    one = await house.record(age_days=10)
    await rule(house, keep_days=30)
    refused = (await house.catalog.trash(Scope(RED), [one], "ada", "x")).refused[one]
    assert refused.startswith(f"tenant {RED} keeps it until 2026-12-12")
    house.later(days=21)
    assert (await house.catalog.trash(Scope(RED), [one], "ada", "x")).done == [one]


async def test_tags_and_notes_have_limits_and_an_audit(house: House) -> None:
    one, blue = await house.record(), await house.record(BLUE)
    catalog, mine = house.catalog, Scope(RED, ADA)
    assert await catalog.add_tag(mine, one, "<b>Claim</b>".replace("/", ""), "ada")
    assert not await catalog.add_tag(mine, blue, "claim", "ada")
    assert await catalog.annotations(mine, blue) is None
    assert not await catalog.add_note(Scope(RED, BEN), one, "not mine", "ben", "n0")
    assert await catalog.add_note(mine, one, "<script>alert(1)</script>", "ada", "n1")
    found = await catalog.annotations(mine, one)
    assert found is not None
    assert found.tags == ("<b>claim<b>",)
    assert [(n.by, n.text) for n in found.notes] == [("ada", "<script>alert(1)</script>")]
    assert not await catalog.remove_note(Scope(RED), one, "n1", "bob", others=False)
    assert not await catalog.remove_note(Scope(BLUE), one, "n1", "carl", others=True)
    for n in range(19):
        assert await catalog.add_tag(mine, one, f"t{n}", "ada")
    with pytest.raises(InvalidPolicy, match="20 tags"):
        await catalog.add_tag(mine, one, "t20", "ada")
    assert await catalog.add_tag(mine, one, "T1", "ada"), "it is there already"
    # A tag that decides how long it is kept is not everybody's.
    await rule(house, RuleScope.TAG, "t1", delete_after_days=1)
    with pytest.raises(InvalidPolicy, match="administrator"):
        await catalog.remove_tag(mine, one, "t1", "ada")
    assert await catalog.remove_tag(Scope(RED), one, "t1", "boss", retained=True)
    assert await catalog.remove_note(mine, one, "n1", "ada", others=False)
    lines = await catalog.audit_entries(Scope(RED))
    assert not [line for line in lines if "alert" in line.detail]
    assert (await catalog.tags_in_use(Scope(RED)))[0] == "<b>claim<b>"
    assert await catalog.tags_in_use(Scope(BLUE)) == []


async def test_a_numbers_other_forms_are_held_and_not_erased(house: House) -> None:
    one = await house.record(number="+49 30 901820")
    found = await house.catalog.erasure_of(RED, "030901820")
    assert found.going == []
    found = await house.catalog.erasure_of(RED, "0049 30 901820")
    assert found.ids == [one]
    await house.catalog.put_hold(hold(house, person="030901820"))
    found = await house.catalog.erasure_of(RED, OUTSIDE)
    assert (found.going, list(found.held)) == ([], [one])
