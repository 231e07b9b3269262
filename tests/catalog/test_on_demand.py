"""Recordings on demand and stereo: what the pipeline is told, what is shown of them, and what is not."""

from __future__ import annotations

import pytest

from controller.catalog import SqlCatalog
from controller.core.commands import Layout
from controller.core.options import Channels, PauseStyle, TenantOptions
from controller.core.policy import Policy
from controller.core.recording import Recording
from controller.core.requests import SystemActor
from controller.core.rules import Mode, PolicyRule, PolicyScope, Route, Setting
from controller.engine.media_ports import FileRole, MayDiscard, MediaState, StoredFile
from controller.engine.reading import RecordingDetail, RecordingFilter, Scope, TenantSettings
from tests.policies import policy_of, tenant_rule

from .story import Story, inside, outside

ALL = Scope(None)
RED, BLUE = "red.example", "blue.example"
STEREO = TenantOptions(channels=Channels.STEREO)
CUT = TenantOptions(pause_style=PauseStyle.CUT)


def on_demand(mode: Mode = Mode.ON_DEMAND) -> Policy:
    return policy_of(PolicyRule(PolicyScope.USER, RED, "1001", Setting.ON, mode=mode))


def talking(story: Story) -> Recording:
    story.start("a", inside("1001"))
    story.start("b", outside("1555", "Bob"), origin="a")
    story.answer("b", "a")
    story.bridge("talk", "a", "b")
    story.wait(10)
    (call,) = story.running
    (recording,) = call.recordings
    return recording


def file(recording: Recording, role: FileRole = FileRole.RENDITION, number: int = 0) -> StoredFile:
    rid = recording.recording_id
    return StoredFile(rid, role, number, f"{RED}/{rid}.{number}.wav", "wav", 1, "0" * 64, 10_000, 1, 8000)


async def detail(catalog: SqlCatalog, recording: Recording, scope: Scope = ALL) -> RecordingDetail:
    found = await catalog.recording(scope, recording.recording_id)
    assert found is not None
    return found


# ── on demand ─────────────────────────────────────────────────────────────────────────────────


async def test_nobody_started_it(catalog: SqlCatalog) -> None:
    story = Story(on_demand())
    recording = talking(story)
    await story.save(catalog)
    assert await catalog.may_discard(recording.recording_id) is MayDiscard.KEPT  # it may yet be started
    running = await detail(catalog, recording)
    (listed,) = (await catalog.calls(ALL, RecordingFilter())).items
    assert (listed.recordings, listed.not_kept) == (1, 0)
    assert (running.row.provisional, running.row.trace) == (True, "")
    story.hang_up("a", "b")
    await story.save(catalog)
    (due,) = await catalog.due()
    assert due.discard
    assert await catalog.may_discard(recording.recording_id) is MayDiscard.YES
    # Even if something of it is in the store by then, nobody gets it.
    await catalog.add_file(file(recording, FileRole.SEGMENT, 1))
    await catalog.add_file(file(recording))
    before = await detail(catalog, recording)
    assert (before.files, before.playable) == ((), None)
    await catalog.forget_files(recording.recording_id)
    assert await catalog.files(recording.recording_id) == []
    await catalog.set_media_state(recording.recording_id, MediaState.DISCARDED)
    assert await catalog.due() == []
    # The row is the trace of it, with who, when and why not.
    for scope in (ALL, Scope(RED), Scope(RED, "1001")):
        (row,) = (await catalog.recordings(scope, RecordingFilter())).items
        assert (row.media_state, row.provisional) == ("discarded", True)
        assert row.trace == "not kept: nobody started it before the end"
        assert row.reason == ("kept only if it is started before the end: user 1001 records audio on demand")
        assert (row.duration_ms, len(row.parties)) == (pytest.approx(10_000, abs=50), 2)
        (listed,) = (await catalog.calls(scope, RecordingFilter())).items
        assert (listed.recordings, listed.not_kept) == (0, 1)
    call = await catalog.call(ALL, recording.call_id)
    assert call is not None
    assert (call.row.recordings, call.row.not_kept) == (0, 1)
    assert ("audio", "provisional", "user.on_demand") in {(d.kind, d.verdict, d.rule) for d in call.decisions}


async def test_a_file_that_comes_late_is_discarded_too(catalog: SqlCatalog) -> None:
    story = Story(on_demand())
    recording = talking(story)
    story.hang_up("a", "b")
    await story.save(catalog)
    await catalog.set_media_state(recording.recording_id, MediaState.DISCARDED)
    assert await catalog.reopen(recording.recording_id, "a file came late")
    (due,) = await catalog.due()
    assert due.discard
    assert await catalog.may_discard(recording.recording_id) is MayDiscard.YES


async def test_started_before_the_end_it_is_kept_from_its_beginning(catalog: SqlCatalog) -> None:
    story = Story(on_demand())
    recording = talking(story)
    await story.save(catalog)
    assert story.ask("start-audio-recording", "a").accepted
    story.wait(5)
    story.hang_up("a", "b")
    await story.save(catalog)
    (due,) = await catalog.due()
    assert not due.discard
    assert await catalog.may_discard(recording.recording_id) is MayDiscard.KEPT
    await catalog.add_file(file(recording))
    await catalog.set_media_state(recording.recording_id, MediaState.AVAILABLE, duration_ms=15_000)
    kept = await detail(catalog, recording)
    assert kept.playable is not None
    assert (kept.row.provisional, kept.row.trace, kept.rule) == (False, "", "requested")


async def test_what_is_whole_is_not_discarded_any_more(catalog: SqlCatalog) -> None:
    """Whatever went wrong before: destroying is the one thing that cannot be mended."""
    story = Story(on_demand())
    recording = talking(story)
    story.hang_up("a", "b")
    await story.save(catalog)
    # Nor does it become available to anybody.
    assert await catalog.set_media_state(recording.recording_id, MediaState.AVAILABLE) == "withheld"
    assert await catalog.may_discard(recording.recording_id) is MayDiscard.KEPT
    await catalog.set_media_state(recording.recording_id, MediaState.DISCARDED)
    assert (await detail(catalog, recording)).row.media_state == "withheld"
    assert await catalog.may_discard("no such recording") is MayDiscard.KEPT


@pytest.mark.parametrize("mode", [Mode.NEVER, Mode.ON_DEMAND_START])
async def test_a_call_that_is_not_recorded_says_why(catalog: SqlCatalog, mode: Mode) -> None:
    story = Story(on_demand(mode))
    call_id = story.talk("a", inside("1001"), "b", outside("1555"))
    await story.save(catalog)
    for scope in (ALL, Scope(RED), Scope(RED, "1001")):
        call = await catalog.call(scope, call_id)
        assert call is not None
        (audio,) = [d for d in call.decisions if d.kind == "audio"]
        assert (audio.verdict, audio.rule) == ("leave", f"user.{mode}")
        assert audio.reason.startswith("not recorded because user 1001 ")
        assert call.recordings == ()


# ── pauses that are cut ───────────────────────────────────────────────────────────────────────


async def test_how_pauses_are_kept_is_what_the_tenant_had_chosen_when_it_began(catalog: SqlCatalog) -> None:
    story = Story(policy_of(tenant_rule(RED, True), tenant_rule(BLUE, True), options={RED: CUT}))
    talking(story)
    await story.save(catalog)
    (call,) = await catalog.open_calls("switch")
    assert [r.cut_pauses for r in call.recordings] == [True]  # a restarted controller goes on with it
    story.hang_up("a", "b")
    story.talk("c", inside("2001", BLUE), "d", outside("1555"))
    await story.save(catalog)
    for chosen in (PauseStyle.MASK, PauseStyle.CUT):
        for tenant in (RED, BLUE):
            await catalog.set_tenant(TenantSettings(tenant, options=TenantOptions(pause_style=chosen)))
        assert {d.tenant: d.cut_pauses for d in await catalog.due()} == {RED: True, BLUE: False}


# ── stereo ────────────────────────────────────────────────────────────────────────────────────


def stereo(**more: TenantOptions) -> Policy:
    return policy_of(
        tenant_rule(RED, True), tenant_rule(BLUE, True), options={RED: STEREO, BLUE: STEREO} | more
    )


async def test_the_one_who_called_is_on_the_left(catalog: SqlCatalog) -> None:
    story = Story(stereo())
    story.talk("a", outside("1555", "Bob"), "b", inside("1001", name="Ann"))
    await story.save(catalog)
    (due,) = await catalog.due()
    assert due.segments[0].layout in (Layout.OWN_LEFT, Layout.OWN_RIGHT)
    (row,) = (await catalog.recordings(ALL, RecordingFilter())).items
    assert {(p.calling, p.seat) for p in row.parties} == {(True, "left"), (False, "right")}
    found = await catalog.recording(Scope(RED, "1001"), row.recording_id)
    assert found is not None
    assert found.channels == ("1555 (Bob)", "1001 (Ann)")
    assert [(s.layout, s.channels) for s in found.segments] == [
        (str(due.segments[0].layout), ("1555 (Bob)", "1001 (Ann)"))
    ]


async def test_whoever_stays_keeps_the_channel_through_a_transfer(catalog: SqlCatalog) -> None:
    story = Story(stereo())
    story.start("a", inside("1001", name="Ann"))
    story.start("b", outside("1555"), origin="a")
    story.answer("b", "a")
    story.bridge("talk", "a", "b")
    story.wait(5)
    story.start("c", inside("1002", name="Cy"), origin="b")
    story.answer("c")
    story.bridge("talk2", "b", "c")
    story.hang_up("a")
    story.wait(5)
    story.hang_up("b", "c")
    await story.save(catalog)
    (row,) = (await catalog.recordings(ALL, RecordingFilter())).items
    found = await catalog.recording(ALL, row.recording_id)
    assert found is not None
    assert [s.channels for s in found.segments] == [("1001 (Ann)", "1555"), ("1002 (Cy)", "1555")]
    assert found.channels == ("1001 (Ann), 1002 (Cy)", "1555")


async def test_mono_has_no_channels(catalog: SqlCatalog) -> None:
    story = Story(policy_of(tenant_rule(RED, True)))
    recording = talking(story)
    await story.save(catalog)
    found = await detail(catalog, recording)
    assert found.channels is None
    assert [(s.layout, s.channels) for s in found.segments] == [("mono", None)]


async def test_another_tenant_s_party_is_a_number_on_its_channel(catalog: SqlCatalog) -> None:
    story = Story(stereo())
    story.talk("a", inside("1001", name="Ann"), "b", inside("2001", BLUE, "Secret Beatrix"))
    await story.save(catalog)
    for scope, expected in ((RED, ("1001 (Ann)", "2001")), (BLUE, ("1001", "2001 (Secret Beatrix)"))):
        (row,) = (await catalog.recordings(Scope(scope), RecordingFilter())).items
        found = await catalog.recording(Scope(scope), row.recording_id)
        assert found is not None
        assert found.channels == expected


async def test_routes_are_shown_but_for_another_tenant_s(catalog: SqlCatalog) -> None:
    story = Story(stereo())
    routes = (
        Route(PolicyScope.QUEUE, "sales", RED),
        Route(PolicyScope.RING_GROUP, "secret", BLUE),
        Route(PolicyScope.TRUNK, "line"),
    )
    call_id = story.talk("a", inside("1001"), "b", inside("2001", BLUE), routes=routes)
    await story.save(catalog)
    shown = {}
    for scope in (ALL, Scope(RED), Scope(BLUE)):
        call = await catalog.call(scope, call_id)
        assert call is not None
        shown[scope] = [leg.routes for leg in call.legs]
    assert shown == {
        ALL: [routes, ()],
        Scope(RED): [(routes[0], routes[2])],
        Scope(BLUE): [()],  # red's leg is not shown at all
    }


async def test_an_administrator_s_start_is_the_trace_s_end(catalog: SqlCatalog) -> None:
    story = Story(on_demand())
    recording = talking(story)
    assert story.ask("start-recording", "a", actor=SystemActor("root")).accepted
    await story.save(catalog)
    assert not (await detail(catalog, recording)).row.provisional
