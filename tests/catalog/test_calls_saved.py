"""What the engine saves comes back whole: round trips, merges, hostile text, several at once."""

from __future__ import annotations

import asyncio
import copy
import random
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from controller.catalog import CallsNotSaved, Database, SqlCatalog
from controller.catalog import tables as t
from controller.catalog.columns import clean
from controller.core import facts as f
from controller.core.calls import Call, JourneyEntry, Leg
from controller.core.desk import Desk
from controller.core.options import Channels, Hears, TenantOptions
from controller.core.parties import Party, Side
from controller.core.policy import Policy
from controller.core.rules import Mode, PolicyRule, PolicyScope, Route, Setting
from controller.engine.reading import (
    RecordingFilter,
    Scope,
    SystemSettings,
    TenantSettings,
    UserSettings,
)
from tests.policies import policy_of, tenant_rule, user_rule

from .story import BEGIN, EVERYBODY, Story, inside, outside

ALL = Scope(None)
ON, OFF = Setting.ON, Setting.OFF


def by_id(calls: list[Call]) -> list[Call]:
    return sorted(calls, key=lambda call: call.call_id)


async def count(database: Database, table: str) -> int:
    async with database.reading() as connection:
        return int(
            (
                await connection.execute(select(func.count()).select_from(t.metadata.tables[table]))
            ).scalar_one()
        )


# ── round trips ───────────────────────────────────────────────────────────────────────────────


async def test_a_paused_call_comes_back_as_it_was(catalog: SqlCatalog) -> None:
    story = Story()
    story.start(
        "a",
        inside("1001"),
        dialled="5551234",
        address="127.0.0.9",
        aliases=("sip-call-id", "session"),
        video=True,
    )
    story.start("b", outside("+1 555 1234", "Bob"), origin="a", recordable=False)
    story.start("c", outside("", ""), origin="a")
    story.answer("a", "c")
    story.bridge("talk", "a", "c")
    assert story.ask("pause-audio-recording", "a").accepted
    story.apply(f.LegHeld("c", story.at))
    await story.save(catalog)
    (call,) = story.running
    (back,) = await catalog.open_calls("switch")
    assert back == call
    assert list(back.legs) == list(call.legs)
    assert back.bridges().keys() == {"talk"}
    audio = next(r for r in back.recordings if r.kind == "audio")
    assert audio.open_pause is not None
    assert audio.open_pause.masked_at is not None
    assert audio.running is not None
    assert audio.running.state == "paused"


#: Everything that a call can gather: seats, announcements, recordings on demand, beeps, rules of routes.
EVERYTHING = policy_of(
    PolicyRule(PolicyScope.USER, "red.example", "1001", ON, ON, mode=Mode.ON_DEMAND),
    PolicyRule(PolicyScope.QUEUE, "red.example", "sales", ON),
    tenant_rule("blue.example", True, True),
    external=True,
    options={
        "red.example": TenantOptions(channels=Channels.STEREO, beep_every_s=5),
        "blue.example": TenantOptions(announcement="rec", announce_to=Hears.EVERYBODY),
    },
)
ROUTES = [
    Route(PolicyScope.QUEUE, "sales", "red.example"),
    Route(PolicyScope.TRUNK, "Lïne 1", None),
]


@pytest.mark.parametrize("policy", [EVERYBODY, EVERYTHING], ids=["everybody", "everything"])
@pytest.mark.parametrize("seed", range(12))
async def test_any_story_comes_back_at_every_save(catalog: SqlCatalog, seed: int, policy: Policy) -> None:
    rng = random.Random(seed)
    story = Story(policy)
    people = [
        inside("1001"), inside("1002"), inside("2001", "blue.example"), inside("3001", "green.example"),
        outside("15551234567", "Ann"), outside("0049 30 1", "", "blue.example"),
    ]  # fmt: skip
    legs = [f"leg{n}" for n in range(8)]
    operations = ["pause-recording", "resume-recording", "start-recording", "stop-recording"]
    for _ in range(60):
        story.wait(rng.random() * 3)
        story.answer_captures = rng.random() < 0.9
        leg, other = rng.choice(legs), rng.choice(legs)
        match rng.randrange(10):
            case 0 | 1:
                story.start(
                    leg, rng.choice(people), origin=rng.choice([None, other]), video=rng.random() < 0.3
                )
            case 2:
                story.answer(leg)
            case 3 | 4:
                story.bridge(f"bridge{rng.randrange(3)}", leg, other)
            case 5:
                story.apply(f.LegIdentified(leg, story.at, rng.choice([None, *people]), (f"alias{leg}",)))
            case 6:
                story.ask(rng.choice(operations), leg)
            case 7:
                story.apply(rng.choice([f.LegHeld, f.LegUnheld])(leg, story.at))
            case 9:
                story.apply(f.LegRouted(leg, story.at, (rng.choice(ROUTES),)))
                story.tick()
            case 8 if rng.random() < 0.4:
                story.hang_up(leg)
        if rng.random() < 0.5:
            await story.save(catalog)
    await story.save(catalog)
    assert by_id(await catalog.open_calls("switch")) == story.running


async def test_what_a_call_has_gathered_comes_back(catalog: SqlCatalog) -> None:
    """Not left to chance: each of them is really there."""
    story = Story(EVERYTHING)
    story.start("a", inside("1001"))
    story.start("b", inside("2001", "blue.example"), origin="a")
    story.apply(f.LegRouted("a", story.at, tuple(ROUTES)))
    story.answer("a", "b")
    story.bridge("talk", "a", "b")
    story.wait(6)
    story.tick()
    story.start("c", outside("1555"))
    story.answer_captures = False
    story.start("d", inside("2002", "blue.example"), origin="c")
    story.answer("c", "d")
    story.bridge("other", "c", "d")  # the announcement is still playing
    await story.save(catalog)
    back = {call.call_id: call for call in await catalog.open_calls("switch")}
    assert list(back.values()) == story.running
    first, second = story.running
    assert [leg.seat for leg in back[first.call_id].legs.values()] == ["left", "right"]
    assert back[first.call_id].legs["a"].routes == tuple(ROUTES)
    assert back[first.call_id].legs["a"].announced == {"blue.example": None}
    assert set(back[second.call_id].legs["c"].announced.values()) != {None}
    of_red = [r for r in back[first.call_id].recordings if r.tenant == "red.example"]
    assert {(r.provisional, r.beeped_at is not None) for r in of_red} == {(False, True)}
    assert of_red[0].segments[0].layout != "mono"
    assert of_red[0].segments[0].far


async def test_a_provisional_recording_stays_so_over_a_restart(catalog: SqlCatalog) -> None:
    story = Story(EVERYTHING)
    story.start("a", inside("1001"))
    story.start("b", outside("1555"), origin="a")
    story.answer("a", "b")
    story.bridge("talk", "a", "b")
    await story.save(catalog)
    (call,) = await catalog.open_calls("switch")
    assert [r.provisional for r in call.recordings] == [True]
    again = Story(EVERYTHING, prefix="new", begin=story.at)
    again.desk.restore([call])
    assert again.ask("start-audio-recording", "a").reason == "kept from its beginning"
    await again.save(catalog)
    (call,) = await catalog.open_calls("switch")
    assert [(r.provisional, r.rule) for r in call.recordings] == [(False, "requested")]


async def test_a_restarted_desk_goes_on_from_the_rows(catalog: SqlCatalog) -> None:
    story = Story()
    story.start("a", inside("1001"))
    story.start("b", outside("1555"), origin="a")
    story.answer("a", "b")
    story.bridge("talk", "a", "b")
    story.ask("pause-recording", "a")
    await story.save(catalog)
    again = Story(prefix="new", begin=story.at)
    again.desk.restore(await catalog.open_calls("switch"))
    again.wait(5)
    assert again.ask("resume-recording", "a").accepted
    again.hang_up("a", "b")
    await again.save(catalog)
    assert await catalog.open_calls("switch") == []
    (recording,) = (await catalog.recordings(ALL, RecordingFilter())).items
    detail = await catalog.recording(ALL, recording.recording_id)
    assert detail is not None
    assert [(p.means, p.ended_means, p.unmasked_at is not None) for p in detail.pauses] == [
        ("feature_code", "feature_code", True)
    ]


async def test_only_this_switch_s_running_calls(catalog: SqlCatalog) -> None:
    one, two = Story(prefix="one"), Story(prefix="two")
    for story in (one, two):
        story.start("a", inside("1001"))
        story.talk("x", inside("1001"), "y", outside("1555"))
    await one.save(catalog, "first")
    await two.save(catalog, "second")
    assert await catalog.open_calls("first") == one.running
    assert await catalog.open_calls("second") == two.running
    assert await catalog.open_calls("third") == []


async def test_saving_twice_changes_nothing(catalog: SqlCatalog, database: Database) -> None:
    story = Story()
    story.talk("a", inside("1001"), "b", inside("2001", "blue.example"))
    calls = list(story.changed.values())
    await catalog.save("switch", calls, {})
    before = {name: await count(database, name) for name in t.metadata.tables}
    seen = await catalog.call(ALL, calls[0].call_id)
    await catalog.save("switch", calls, {})
    assert {name: await count(database, name) for name in t.metadata.tables} == before
    assert await catalog.call(ALL, calls[0].call_id) == seen
    assert before["recordings"] == 2


async def test_everything_is_read_before_the_first_await(catalog: SqlCatalog) -> None:
    story = Story()
    story.start("a", inside("1001"))
    (call,) = story.running
    as_it_was = copy.deepcopy(call)
    saving = catalog.save("switch", [call], story.merged)
    task = asyncio.ensure_future(saving)
    await asyncio.sleep(0)  # as far as its first await
    assert not task.done()
    call.legs.clear()
    call.ended_at = story.at
    call.journey.append(JourneyEntry(story.at, "later"))
    story.merged["x"] = call.call_id
    await task
    assert await catalog.open_calls("switch") == [as_it_was]


async def test_a_party_known_better_later_is_no_longer_seen_by_the_first(catalog: SqlCatalog) -> None:
    story = Story()
    story.start("a", inside("1001"))
    await story.save(catalog)
    assert (await catalog.calls(Scope("red.example", "1001"), RecordingFilter())).items
    # The desk never takes an identity back; whatever changed it, the catalog must follow.
    (call,) = story.running
    call.legs["a"].party = inside("2001", "blue.example")
    await catalog.save("switch", [call], {})
    assert not (await catalog.calls(Scope("red.example", "1001"), RecordingFilter())).items
    assert not (await catalog.calls(Scope("red.example"), RecordingFilter())).items
    assert (await catalog.calls(Scope("blue.example", "2001"), RecordingFilter())).items


# ── merged calls ──────────────────────────────────────────────────────────────────────────────


def two_calls_that_meet() -> tuple[Story, str, str]:
    """An attended transfer: 1001 talks to outside, asks 1002 in a call of its own, joins them."""
    story = Story()
    story.start("a1", inside("1001"))
    story.start("x", outside("15551"), origin="a1")
    story.answer("a1", "x")
    story.bridge("first", "a1", "x")
    story.wait(5)
    story.start("a2", inside("1001"))
    story.start("c", inside("1002"), origin="a2")
    story.answer("a2", "c")
    story.bridge("second", "a2", "c")
    elder, younger = (call.call_id for call in story.running)
    return story, elder, younger


@pytest.mark.parametrize("saved_between", [True, False])
async def test_merged_calls_are_one(catalog: SqlCatalog, saved_between: bool) -> None:
    story, elder, younger = two_calls_that_meet()
    if saved_between:
        await story.save(catalog)
        assert {c.call_id for c in await catalog.open_calls("switch")} == {elder, younger}
    story.wait(5)
    story.bridge("first", "c")
    story.hang_up("a1", "a2")
    assert story.merged == {younger: elder}
    await story.save(catalog)
    assert await catalog.open_calls("switch") == story.running
    assert [c.call_id for c in story.running] == [elder]
    by_old, by_new = await catalog.call(ALL, younger), await catalog.call(ALL, elder)
    assert by_old == by_new is not None
    assert by_new is not None
    assert {leg.leg_id for leg in by_new.legs} == {"a1", "x", "a2", "c"}
    listed = (await catalog.recordings(ALL, RecordingFilter(call_id=younger))).items
    assert {r.call_id for r in listed} == {elder}
    assert len(listed) == len(by_new.recordings) == 2
    assert len((await catalog.calls(ALL, RecordingFilter())).items) == 1


async def test_a_merge_told_apart_from_its_calls(catalog: SqlCatalog) -> None:
    """The elder is not in the batch that tells of the merge: its rows take the younger's over."""
    story, elder, younger = two_calls_that_meet()
    await story.save(catalog)
    recordings = {r.recording_id for call in story.running for r in call.recordings}
    await catalog.save("switch", [], {younger: elder})
    (back,) = await catalog.open_calls("switch")
    assert back.call_id == elder
    assert list(back.legs) == ["a1", "x", "a2", "c"]
    assert {r.recording_id for r in back.recordings} == recordings
    assert {r.call_id for r in back.recordings} == {elder}
    seen = await catalog.calls(Scope("red.example", "1002"), RecordingFilter())
    assert [c.call_id for c in seen.items] == [elder]
    story.bridge("first", "c")
    await story.save(catalog)
    assert await catalog.open_calls("switch") == story.running


async def test_a_late_save_of_a_merged_call_doubles_nothing(catalog: SqlCatalog) -> None:
    story, elder, younger = two_calls_that_meet()
    stale = copy.deepcopy(story.running[1])
    story.bridge("first", "c")
    await story.save(catalog)
    await catalog.save("switch", [stale], {})
    (back,) = await catalog.open_calls("switch")
    assert back.call_id == elder
    assert back.journey == story.running[0].journey
    assert {r.recording_id for r in back.recordings} == {r.recording_id for r in story.running[0].recordings}
    detail = await catalog.call(ALL, younger)
    assert detail is not None
    assert [leg.leg_id for leg in detail.legs] == ["a1", "x", "a2", "c"]


async def test_a_merge_that_comes_before_the_elder(catalog: SqlCatalog) -> None:
    story, elder, younger = two_calls_that_meet()
    first, second = story.running
    await catalog.save("switch", [second], {})
    await catalog.save("switch", [], {younger: elder})
    assert [c.call_id for c in await catalog.open_calls("switch")] == [younger]  # nothing lost
    await catalog.save("switch", [first], {})
    (back,) = await catalog.open_calls("switch")
    assert back.call_id == elder
    assert len(back.recordings) == 2


async def test_merged_over_two_steps(catalog: SqlCatalog) -> None:
    stories = [Story(prefix=p, begin=BEGIN + timedelta(seconds=n)) for n, p in enumerate("abc")]
    ids = []
    for n, story in enumerate(stories):
        story.start(f"leg{n}", inside("1001"))
        ids.append(story.running[0].call_id)
        await story.save(catalog)
    a, b, c = ids
    await catalog.save("switch", [], {c: b})
    await catalog.save("switch", [], {b: a})
    for old in ids:
        detail = await catalog.call(ALL, old)
        assert detail is not None
        assert detail.row.call_id == a
        assert len(detail.legs) == 3
    assert len(await catalog.open_calls("switch")) == 1


async def test_merged_in_a_circle_loses_nothing(catalog: SqlCatalog) -> None:
    story, elder, younger = two_calls_that_meet()
    await story.save(catalog)
    await catalog.save("switch", [], {elder: younger, younger: elder})
    assert {c.call_id for c in await catalog.open_calls("switch")} == {elder, younger}


async def test_an_alias_of_a_leg_never_reaches_another_call(catalog: SqlCatalog) -> None:
    """A stranger may choose a SIP Call-ID that is the id of somebody else's call."""
    story = Story()
    story.start("a", inside("1001"))
    victim = story.running[0].call_id
    story.start("evil", outside("666"), aliases=(victim,))
    await story.save(catalog)
    assert by_id(await catalog.open_calls("switch")) == story.running
    detail = await catalog.call(ALL, victim)
    assert detail is not None
    assert [leg.leg_id for leg in detail.legs] == ["a"]


# ── hostile text ──────────────────────────────────────────────────────────────────────────────

HOSTILE = [
    "nul\x00in the middle",
    "\ud800 alone \udfff",
    "🎙️ 'quoted' \"twice\" `ticks` $$ ; DROP TABLE calls; --",
    "\r\n%0A${x}\\'\\\"\u2028,../../etc/passwd",
    "".join(random.Random(4).choices("aé漢😀\x00%_\\", k=4000)),
    "\u202eright to left\u202c \ufeff \x7f\x1b[31m",
    "",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_everywhere(catalog: SqlCatalog, text: str) -> None:
    def story_with(text: str) -> list[Call]:
        call = Call(f"call{len(text)}", BEGIN, aliases={text, "other"})
        party = Party(Side.INTERNAL, text[:60] or "red.example", text[:60] or None, text, text, text)
        call.legs["leg" + text] = Leg(
            "leg" + text, party, BEGIN, True, text, text, cause=text, bridge_id=text, aliases={text}
        )
        call.journey.append(JourneyEntry(BEGIN, "calling", "leg" + text, text))
        return [call]

    await catalog.save("switch", story_with(text), {})
    (back,) = await catalog.open_calls("switch")
    (expected,) = story_with(clean(text))
    # Aliases are kept exactly, whatever they hold: they are how a call is found again.
    expected.aliases, expected.legs["leg" + clean(text)].aliases = {text, "other"}, {text}
    assert back == expected
    if text.strip():
        found = await catalog.calls(ALL, RecordingFilter(party=text))
        assert [c.call_id for c in found.items] == [back.call_id]
    for nothing in (RecordingFilter(call_id=text + "?"), RecordingFilter(kind=text + "?")):
        assert (await catalog.recordings(ALL, nothing)).items == ()
    assert await catalog.call(ALL, text + "?") is None
    assert await catalog.recording(Scope(text + "?", text + "?"), text) is None


async def test_tenants_with_endless_names_stay_apart(catalog: SqlCatalog) -> None:
    rng = random.Random(1)
    long = "".join(chr(rng.randrange(0x4E00, 0x9FFF)) for _ in range(4000))
    story = Story()
    story.talk("a", inside("1001", long + "1"), "b", outside("1"))
    story.talk("c", inside("1001", long + "2"), "d", outside("2"))
    await story.save(catalog)
    for tenant, number in ((long + "1", "1"), (long + "2", "2")):
        for scope in (Scope(tenant), Scope(tenant, "1001")):
            (call,) = (await catalog.calls(scope, RecordingFilter())).items
            assert call.parties[1].number == number


async def test_one_call_that_cannot_be_saved_does_not_keep_the_others(catalog: SqlCatalog) -> None:
    story = Story()
    for n in range(3):
        story.start(f"leg{n}", inside("1001"))
    calls = story.running
    calls[1].answered_at = datetime(2026, 1, 1)  # without a zone: a bug of somebody's
    calls[1].legs["leg1"].dialled = "private"
    with pytest.raises(CallsNotSaved) as caught:
        await catalog.save("switch", calls, {"old": calls[0].call_id})
    assert caught.value.call_ids == (calls[1].call_id,)
    assert "private" not in str(caught.value)
    assert "without a zone" in str(caught.value)
    with pytest.raises(CallsNotSaved):
        await catalog.save("switch", [calls[1]], {})
    assert await catalog.open_calls("switch") == [calls[0], calls[2]]
    assert await catalog.call(ALL, "old") is not None


# ── several at once ───────────────────────────────────────────────────────────────────────────


async def test_concurrent_saves(catalog: SqlCatalog) -> None:
    stories = [Story(prefix=f"s{n}x") for n in range(8)]

    async def live(n: int, story: Story) -> None:
        for leg in range(6):
            story.start(f"{n}-{leg}", inside(str(1000 + leg), ["red.example", "blue.example"][(n + leg) % 2]))
            await story.save(catalog, f"switch{n}")

    await asyncio.gather(*(live(n, story) for n, story in enumerate(stories)))
    for n, story in enumerate(stories):
        assert by_id(await catalog.open_calls(f"switch{n}")) == story.running
    assert len(await catalog.users(ALL)) == 12


async def test_reading_while_writing(catalog: SqlCatalog) -> None:
    story = Story()
    for n in range(20):
        story.talk(f"a{n}", inside("1001"), f"b{n}", outside(str(n)))

    async def read() -> int:
        page = await catalog.recordings(ALL, RecordingFilter(), limit=100)
        return len(page.items)

    results = await asyncio.gather(story.save(catalog), *(read() for _ in range(10)))
    assert set(results[1:]) <= {0, 20}  # a batch is seen whole or not at all
    assert await read() == 20


# ── policy ────────────────────────────────────────────────────────────────────────────────────


async def test_policy_is_what_is_set(catalog: SqlCatalog) -> None:
    assert await catalog.policy() == Policy()
    await catalog.set_system(SystemSettings(True))
    await catalog.set_tenant(TenantSettings("red.example", ON, OFF))
    await catalog.set_tenant(TenantSettings("silent.example"))
    await catalog.set_user(UserSettings("blue.example", "2001", "Ann", OFF, ON))
    expected = policy_of(
        tenant_rule("red.example", True, False), user_rule("blue.example", "2001", False, True), external=True
    )
    assert await catalog.policy() == expected


async def test_who_is_first_seen_in_a_call_is_off(catalog: SqlCatalog) -> None:
    await catalog.set_user(UserSettings("red.example", "1001", "Ann", ON, ON))
    story = Story()
    story.talk("a", inside("1001"), "b", inside("1002"))
    story.talk("c", outside("1", tenant="trunk.example"), "d", inside("1002"))
    await story.save(catalog)
    assert await catalog.tenants(ALL) == [
        TenantSettings("red.example"),
        TenantSettings("trunk.example"),
    ]
    assert await catalog.users(ALL) == [
        UserSettings("red.example", "1001", "Ann", ON, ON),
        UserSettings("red.example", "1002", "", OFF, OFF),
    ]


async def test_a_desk_under_the_catalog_s_policy_records(catalog: SqlCatalog) -> None:
    await catalog.set_user(UserSettings("red.example", "1001", "", ON, OFF))
    story = Story(await catalog.policy())
    assert isinstance(story.desk, Desk)
    story.talk("a", inside("1001"), "b", outside("1"))
    story.talk("c", inside("1002"), "d", outside("1"))
    await story.save(catalog)
    (recording,) = (await catalog.recordings(ALL, RecordingFilter())).items
    assert recording.reason == "recorded because user 1001 has audio on"
