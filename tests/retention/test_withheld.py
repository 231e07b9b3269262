"""A legal hold and what would have been destroyed anyhow (docs/decisions/0022)."""

from __future__ import annotations

import pytest

from controller.engine.media_ports import DESTROYING, OTHERWISE_DISCARDED, MediaState
from controller.engine.people import Scope
from controller.engine.reading import RecordingFilter
from controller.engine.retention import HoldRow
from controller.media.retainer import Retainer

from .conftest import ADA, BEN, OUTSIDE, RED, House


async def hold(house: House, person: str = ADA, hold_id: str = "h") -> None:
    row = HoldRow(hold_id, RED, "case 7", "asked by the court", person, None, None, house.at, "olga")
    await house.catalog.put_hold(row)


async def state(house: House, recording_id: str) -> str:
    detail = await house.catalog.recording(Scope(None), recording_id)
    assert detail is not None
    return detail.row.media_state


def retainer(house: House) -> Retainer:
    return Retainer(house.catalog, house.eraser, house.now, rest_s=0)


async def test_what_nobody_started_is_kept_for_the_hold_and_shown_to_nobody(house: House) -> None:
    await hold(house)
    one = await house.record(provisional=True, rule="user.on_demand")
    other = await house.record(user=BEN, provisional=True, rule="user.on_demand")
    assert (await state(house, one), await state(house, other)) == ("withheld", "discarded")
    assert len([f for f in house.lying() if one in f]) == 2
    assert not [f for f in house.lying() if other in f]
    for scope in (Scope(None), Scope(RED), Scope(RED, ADA)):
        detail = await house.catalog.recording(scope, one)
        assert detail is not None
        assert (detail.files, detail.playable) == ((), None)
        assert detail.row.trace.startswith(OTHERWISE_DISCARDED)
        assert OTHERWISE_DISCARDED in detail.row.error
        assert await house.catalog.sound_of(scope, one) == detail.sound
    held = await house.catalog.recording(Scope(RED), one, withheld=True)
    assert held is not None
    assert await house.catalog.sound_of(Scope(RED), one, withheld=True) == held.sound
    assert held.playable is not None
    # It is evidence: sealed with its files, and compared.
    assert (await house.verified()).sound
    shelf = house.stores.home.path(held.playable.key)
    whole = shelf.read_bytes()
    shelf.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert any("was changed" in str(f) for f in (await house.verified()).findings)


async def test_it_is_destroyed_when_the_hold_ends(house: House) -> None:
    await hold(house)
    await hold(house, OUTSIDE, "h2")
    one = await house.record(provisional=True, rule="user.on_demand")
    refused = await house.catalog.trash(Scope(RED), [one], "ada", "not needed")
    assert "nothing but a legal hold keeps it" in refused.refused[one]
    await house.catalog.lift_hold(Scope(None), "h", "olga", "settled")
    assert (await retainer(house).round()).released == []
    assert await house.pipeline.drain() == {}
    await house.catalog.lift_hold(Scope(None), "h2", "olga", "settled")
    assert (await retainer(house).round()).released == [one]
    assert await house.pipeline.drain() == {one: MediaState.DISCARDED}
    assert house.lying() == []
    assert (await house.verified()).sound
    assert (await retainer(house).round()).released == []


async def test_a_hold_that_comes_between_the_end_of_the_other_and_the_destruction_counts(
    house: House,
) -> None:
    await hold(house)
    one = await house.record(provisional=True, rule="user.on_demand")
    await house.catalog.lift_hold(Scope(None), "h", "olga", "settled")
    assert await house.catalog.release_withheld() == [one]
    await hold(house, hold_id="h2")
    assert await house.pipeline.drain() == {one: MediaState.WITHHELD}
    assert len(house.lying()) == 2


async def test_what_was_forbidden_is_destroyed_and_the_audit_names_the_hold(house: House) -> None:
    await hold(house)
    one = await house.record(provisional=True, rule="queue.forbid")
    assert await state(house, one) == "discarded"
    assert house.lying() == []
    (line,) = [x for x in await house.catalog.audit_entries(Scope(RED)) if x.action == "discard forbidden"]
    assert (line.subject, line.account) == (f"recording {one}", "tapeline")
    assert "queue.forbid" in line.detail
    assert "“case 7”" in line.detail
    assert (await house.verified()).sound


async def test_what_is_being_destroyed_is_not_put_under_a_hold(house: House) -> None:
    one = await house.record(provisional=True, rule="user.on_demand", work=False)
    assert await house.catalog.may_discard(one) == "yes"
    await hold(house, "")
    refused = await house.catalog.hold_recordings(Scope(None), "h", [one], "olga")
    assert refused == {one: "its files are gone, or going"}
    # And a standing one that comes now finds it begun: half of a recording is no evidence.
    await hold(house, hold_id="h2")
    assert await house.catalog.may_discard(one) == "yes"
    (row,) = (await house.catalog.recordings(Scope(RED), RecordingFilter())).items
    assert row.error == DESTROYING
    assert await house.pipeline.drain() == {one: MediaState.DISCARDED}
    refused = await house.catalog.hold_recordings(Scope(None), "h", [one], "olga")
    assert refused == {one: "its files are gone, or going"}


@pytest.mark.parametrize("started", [True, False])
async def test_one_that_is_named_by_a_hold_while_the_call_goes_on(house: House, started: bool) -> None:
    one = await house.record(provisional=not started, rule="user.on_demand", work=False)
    await hold(house, "")
    assert await house.catalog.hold_recordings(Scope(None), "h", [one], "olga") == {}
    await house.pipeline.drain()
    assert await state(house, one) == ("available" if started else "withheld")
