"""Every change of a decision is kept: by conversation, with its time, its people and its reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller.catalog import SqlCatalog
from controller.core.policy import Cause
from controller.core.rules import PolicyRule, PolicyScope, Setting
from controller.engine.media_ports import MediaState
from controller.engine.reading import CallDetail, Recorded, RecordingFilter, Scope
from tests.policies import policy_of

from .story import BEGIN, Story, inside, outside

ALL = Scope(None)
RED, BLUE = "red.example", "blue.example"
MISSING = RecordingFilter(recorded=Recorded.MISSING)


def user(name: str, audio: Setting) -> PolicyRule:
    return PolicyRule(PolicyScope.USER, RED, name, audio)


def transferred(first: Setting, second: Setting) -> tuple[Story, str]:
    """101 talks to a customer and hands over to 102; ten seconds each."""
    story = Story(policy_of(user("101", first), user("102", second)))
    story.start("a", inside("101"))
    story.start("x", outside("1555"), origin="a")
    story.answer("x", "a")
    story.bridge("b1", "a", "x")
    story.wait(10)
    story.start("b", inside("102"), origin="x")
    story.answer("b")
    story.hang_up("a")
    story.bridge("b2", "x", "b")
    story.wait(10)
    (call,) = story.running
    return story, call.call_id


async def cdr(catalog: SqlCatalog, call_id: str, scope: Scope = ALL) -> CallDetail:
    found = await catalog.call(scope, call_id)
    assert found is not None
    return found


async def test_why_the_first_conversation_was_not_recorded(catalog: SqlCatalog) -> None:
    story, call_id = transferred(Setting.OFF, Setting.ON)
    (running,) = story.running
    await story.save(catalog)
    # A restarted controller knows it all again, and decides nothing anew.
    assert await catalog.open_calls("switch") == [running]
    story.hang_up("x", "b")
    await story.save(catalog)
    for scope in (ALL, Scope(RED), Scope(RED, "102")):
        found = await cdr(catalog, call_id, scope)
        audio = [d for d in found.decided if d.kind == "audio"]
        assert [(d.verdict, d.rule, d.legs) for d in audio] == [
            ("leave", "user.off", ("a", "x")), ("record", "user.on", ("x", "b")),
        ]  # fmt: skip
        assert audio[0].reason == "not recorded because user 101 has audio off"
        assert [d.at and d.at - BEGIN for d in audio] == [timedelta(), timedelta(seconds=10)]
        assert {(d.kind, d.rule) for d in found.decisions} == {
            ("audio", "user.on"), ("video", Cause.NOT_VIDEO),
        }  # fmt: skip


async def test_another_tenant_sees_neither_decisions_nor_people(catalog: SqlCatalog) -> None:
    story = Story(policy_of(user("101", Setting.OFF)))
    call_id = story.talk("a", inside("101"), "b", inside("2001", BLUE))
    await story.save(catalog)
    for tenant, leg in ((RED, "a"), (BLUE, "b")):
        found = await cdr(catalog, call_id, Scope(tenant))
        assert {(d.tenant, d.legs) for d in found.decided} == {(tenant, (leg,))}


@pytest.mark.parametrize("second", [Setting.OFF, Setting.FORBID, Setting.ON])
async def test_missing_counts_each_call_once_whatever_is_decided_later(
    catalog: SqlCatalog, second: Setting
) -> None:
    story, call_id = transferred(Setting.ON, second)
    story.hang_up("x", "b")
    await story.save(catalog)
    assert (await catalog.calls(Scope(RED), MISSING)).items == ()
    for row in (await catalog.recordings(ALL, RecordingFilter())).items:
        await catalog.set_media_state(row.recording_id, MediaState.EMPTY)
    (missing,) = (await catalog.calls(Scope(RED), MISSING)).items
    assert missing.call_id == call_id
    since, until = BEGIN - timedelta(days=1), BEGIN + timedelta(days=1)
    assert (await catalog.report_totals(Scope(RED), since, until)).missing == 1


async def test_what_turned_out_to_be_forbidden_is_not_missing(catalog: SqlCatalog) -> None:
    """Decided anew about the same people before anything was captured."""
    story = Story(policy_of(user("101", Setting.ON), user("102", Setting.FORBID)))
    story.answer_captures = False
    story.start("a", inside("101"))
    story.start("x", outside("1555"), origin="a")
    story.bridge("b1", "a", "x")
    (call,) = story.running
    call.recordings.clear()
    story.desk.set_policy(policy_of(user("101", Setting.FORBID)), story.at)
    story.hang_up("a", "x")
    await story.save(catalog)
    found = await cdr(catalog, call.call_id)
    assert [d.rule for d in found.decided if d.kind == "audio"] == ["user.on", "user.forbid"]
    assert (await catalog.calls(ALL, MISSING)).items == ()


async def test_two_calls_that_became_one_keep_both_histories(catalog: SqlCatalog) -> None:
    story = Story(policy_of(user("101", Setting.ON)))
    story.start("a", inside("101"))
    story.start("x", outside("1555"), origin="a")
    story.bridge("b1", "a", "x")
    story.wait(5)
    story.start("a2", inside("103"))
    story.start("y", inside("102"), origin="a2")
    story.bridge("b2", "a2", "y")
    await story.save(catalog)
    story.wait(5)
    story.bridge("b1", "y")
    (call,) = story.running
    await story.save(catalog)
    story.hang_up("y", "x", "a", "a2")
    await story.save(catalog)
    audio = [d for d in (await cdr(catalog, call.call_id)).decided if d.kind == "audio"]
    assert [d.rule for d in audio] == ["user.on", "nobody_wants"]
    assert [d.legs for d in audio] == [("a", "x"), ("a2", "y")]
