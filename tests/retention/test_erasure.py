"""Erasing one person: everything of theirs goes, nothing of anybody else's, and the chain still verifies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from controller.core.errors import InvalidPolicy
from controller.core.retention import RetentionRule
from controller.engine.crash_points import ERASE_POINTS, arm
from controller.engine.reading import Scope
from controller.engine.retention import HoldRow
from controller.proof import bundle, signing
from controller.proof.bundle_check import verify_bundle as verify
from controller.proof.evidence import prepare
from tests.media.test_crash_points import Killed, at, die

from .conftest import ADA, BEN, BLUE, OUTSIDE, RED, House

SECRETS = ("Zoë", "901820", "alias-", "sip-")


async def everything(house: House) -> str:
    """Every row of every table as one text."""
    found = []
    async with house.database.reading() as connection:
        tables = ["calls", "call_views", "legs", "events", "decisions", "recordings", "segments", "pauses",
                  "files", "deletions", "recording_tags", "recording_notes", "chain", "audit"]  # fmt: skip
        for table in tables:
            rows = await connection.execute(text(f"SELECT * FROM {table}"))
            found += [f"{table}: {tuple(row)}" for row in rows]
    return "\n".join(found)


async def erase(house: House, person: str, **more: bool) -> list[str]:
    found = await house.catalog.erasure_of(RED, person, **more)
    result = await house.catalog.erase_soon(Scope(RED), found.ids, "ada", "erasure: asked", person, **more)
    assert result.refused == {}
    await house.eraser.purge_due()
    return result.done


async def test_of_an_outside_party_nothing_is_left_and_the_chain_is_whole(house: House) -> None:
    one, two = await house.record(), await house.record(user=BEN)
    other = await house.record(number="+1 555 0100", name="Yves")
    blue = await house.record(BLUE, number="+1 555 0101", name="Xena")
    await house.catalog.add_note(Scope(RED), one, "Zoë called", "ada", "n1")
    assert (await house.verified()).sound
    before = await everything(house)
    assert all(secret in before for secret in SECRETS)
    dry = await house.catalog.erasure_of(RED, OUTSIDE)
    assert (dry.ids, dry.held, dry.refused, dry.shared) == ([one, two], {}, {}, [])
    assert all(found.files == 2 and found.size > 1000 for found in dry.going)
    assert await everything(house) == before, "a dry run changes nothing"
    assert await erase(house, OUTSIDE) == [one, two]
    verdict = await house.verified()
    assert verdict.sound, verdict.findings
    after = await everything(house)
    assert not [secret for secret in SECRETS if secret in after.replace("sip-+1", "").replace("alias-+1", "")]
    assert "Yves" in after
    assert "Xena" in after
    detail = await house.catalog.recording(Scope(RED), one, trashed=True)
    assert detail is not None
    assert [(p.number, p.name, p.user) for p in detail.row.parties] == [
        ("", "", None),
        (ADA, "Ada Inside", ADA),
    ]
    assert {x.split(":")[1].split("/")[-1].split(".")[0] for x in house.lying()} == {other, blue}
    assert (await house.catalog.erasure_of(RED, OUTSIDE)).ids == []


async def test_of_a_user_the_other_users_stay(house: House) -> None:
    mine, bens = await house.record(), await house.record(user=BEN)
    assert (await house.verified()).sound
    assert await erase(house, ADA) == [mine]
    assert (await house.verified()).sound
    detail = await house.catalog.recording(Scope(RED), mine, trashed=True)
    assert detail is not None
    assert {(p.number, p.name, p.user) for p in detail.row.parties} == {("", "", None)}
    assert detail.row.reason == "erased"
    assert await house.catalog.call(Scope(RED, ADA), detail.row.call_id) is None
    assert (await house.catalog.recording(Scope(RED, BEN), bens)) is not None


async def test_what_another_tenant_needs_is_left_and_named(house: House) -> None:
    shared = await house.record(other=BLUE)
    call_id = (await house.catalog.recording(Scope(RED), shared)).row.call_id  # type: ignore[union-attr]
    before = await house.catalog.call(Scope(BLUE), call_id)
    dry = await house.catalog.erasure_of(RED, ADA)
    assert dry.shared == [call_id]
    assert await erase(house, ADA) == [shared]
    after = await house.catalog.call(Scope(BLUE), call_id)
    assert before is not None
    assert after is not None
    assert (after.row, after.legs) == (before.row, before.legs)
    assert (await house.verified()).sound


async def test_held_and_kept_ones_are_refused_and_named(house: House) -> None:
    held, kept, free = await house.record(), await house.record(age_days=1), await house.record(age_days=50)
    row = HoldRow("h", RED, "case 7", "why", "", None, None, house.at, "olga")
    await house.catalog.put_hold(row)
    await house.catalog.hold_recordings(Scope(RED), "h", [held], "olga")
    await house.catalog.set_retention_rule(RetentionRule(RED, keep_days=30), "ada")
    dry = await house.catalog.erasure_of(RED, ADA)
    assert dry.ids == [free]
    assert dry.held == {held: "kept by the legal hold “case 7”"}
    assert f"tenant {RED} keeps it until" in dry.refused[kept]
    over = await house.catalog.erasure_of(RED, ADA, keep=False)
    assert over.ids == [free, kept] or over.ids == [kept, free]
    assert held in over.held
    assert sorted(await erase(house, ADA, keep=False)) == sorted([free, kept])
    assert await house.catalog.recording(Scope(RED), held) is not None
    for person in ("", " ", "+", "x" * 300):
        with pytest.raises(InvalidPolicy):
            await house.catalog.erasure_of(RED, person)


@pytest.mark.parametrize("name", ERASE_POINTS)
async def test_killed_at_any_step_nothing_of_the_person_stays(
    house: House, name: str, at_crash_point: Callable[[Callable[[str], None]], None]
) -> None:
    one = await house.record()
    assert (await house.verified()).sound
    at_crash_point(at(name, 1, die))
    try:
        await erase(house, OUTSIDE)
        await house.sealer().drain()
        await house.eraser.trace_due()
    except Killed:
        pass
    arm(None)
    await house.eraser.purge_due()
    verdict = await house.verified()
    assert verdict.sound, verdict.findings
    after = await everything(house)
    assert not [secret for secret in SECRETS if secret in after]
    assert not [x for x in house.lying() if one in x]


async def test_an_entry_that_somebody_empties_is_found(house: House) -> None:
    one, two = await house.record(), await house.record(number="+1 555 0100")
    assert (await house.verified()).sound
    await erase(house, OUTSIDE)
    assert (await house.verified()).sound
    async with house.database.writing() as connection:
        await connection.execute(
            text("UPDATE chain SET content = '', subject = :one WHERE subject = :two"),
            {"one": one, "two": two},
        )
    assert [f for f in (await house.verified()).findings if "no erasure tells of that" in str(f)]


async def test_evidence_from_before_and_after_verifies(house: House, tmp_path: Path) -> None:
    one, other = await house.record(), await house.record(number="+1 555 0100")
    signer = signing.load(house.root / "proof.key").current

    async def export(name: str, *ids: str) -> Path:
        plan = await prepare(house.catalog, house.sealer(), signer, RED, ids, "ada", house.at)
        await bundle.write(plan, tmp_path / name, house.stores.read)
        return tmp_path / name

    early = await export("early.zip", one, other)
    assert verify(early).sound
    await erase(house, OUTSIDE)
    assert (await house.verified()).sound
    late = await export("late.zip", other)
    assert verify(late).sound
    assert verify(early).sound
    with pytest.raises(Exception, match="left out"):
        await export("gone.zip", one)
    lines = [json.loads(r.header) for r in await house.catalog.chain_after(RED, 0)]
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
