"""What became of a call, told truthfully: on demand, taken back, unrecorded; its routes, channels, pauses."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import datetime

import pytest

from controller.core import facts as f
from controller.core.options import Channels, TenantOptions
from controller.core.requests import Means, UserActor
from controller.core.rules import Mode, PolicyRule, PolicyScope, Route, Setting
from controller.engine.media_ports import MediaState
from controller.engine.ports import LiveCall, LiveRecording
from controller.engine.reading import Scope, UserSettings
from controller.web.live_buttons import buttons
from tests.catalog.story import inside, outside
from tests.policies import policy_of

from .world import World, begin_live, wav

RED = "red.example"


def user(number: str, mode: Mode = Mode.ALWAYS_PAUSE, audio: Setting = Setting.ON) -> PolicyRule:
    return PolicyRule(PolicyScope.USER, RED, number, audio, mode=mode)


def queue(name: str, audio: Setting) -> PolicyRule:
    return PolicyRule(PolicyScope.QUEUE, RED, name, audio)


async def text_of(world: World, path: str, who: str = "red-admin") -> str:
    """What can be read on a page, on one line."""
    async with world.browser(who) as browser:
        answer = await browser.get(path)
        assert answer.status_code == 200, answer.text[:2000]
    plain = re.sub(r"<[^>]+>", " ", answer.text[answer.text.index("<main") :])
    return " ".join(html.unescape(plain).split())


async def recording_of(world: World, call_id: str) -> str:
    detail = await world.catalog.call(Scope(None), call_id)
    assert detail is not None
    (row,) = detail.recordings
    return row.recording_id


async def test_a_recording_that_nobody_started_is_a_trace_and_nothing_to_hear(world: World) -> None:
    world.story.desk.policy = policy_of(user("101", Mode.ON_DEMAND))
    call = world.story.talk("d1", inside("101"), "d2", outside("+49301"), seconds=20)
    await world.story.save(world.catalog, "fs1")
    recording = await recording_of(world, call)
    page = await text_of(world, f"/recordings/{recording}")
    assert "Not kept: nobody started it before the end. Its sound is being destroyed" in page
    assert "Why it is not kept" in page
    assert "Kept only if it is started before the end: user 101 records audio on demand." in page
    await world.catalog.set_media_state(recording, MediaState.DISCARDED)
    assert "Its sound has been destroyed" in await text_of(world, f"/recordings/{recording}")
    assert "not kept" in await text_of(world, "/recordings?party=%2B49301")
    cdr = await text_of(world, f"/calls/{call}")
    assert "kept if started Kept only if it is started before the end" in cdr
    assert "Not kept: nobody started it before the end." in cdr
    async with world.client("red-admin") as client:
        for path in ("audio", "download"):
            answer = await client.get(f"/api/v1/recordings/{recording}/{path}")
            assert answer.status_code == 404
            assert "not kept: nobody started it before the end" in answer.json()["detail"]
        row = (await client.get(f"/api/v1/recordings/{recording}")).json()["recording"]
        assert (row["provisional"], row["media_state"]) == (True, "discarded")


async def test_a_recording_that_was_started_is_like_any_other(world: World) -> None:
    world.story.desk.policy = policy_of(user("101", Mode.ON_DEMAND))
    call = begin_live(world.story, "kept", inside("101"), outside("+49301"))
    recording = call.recordings[0].recording_id
    await world.story.save(world.catalog, "fs1")
    page = await text_of(world, f"/recordings/{recording}")
    assert "the call is being recorded provisionally" in page
    assert "provisional" in await text_of(world, "/recordings?party=%2B49301")
    live = await text_of(world, "/live")
    assert "provisional Kept only if it is started before the end" in live
    async with world.client("red-admin") as client:
        seen = (await client.get("/api/v1/live")).json()["items"]
        mine = next(c for c in seen if c["call_id"] == call.call_id)["recordings"][0]
        assert (mine["provisional"], mine["rule"]) == (True, "user.on_demand")
        body = {"operation": "start-recording"}
        answer = await client.post(f"/api/v1/live/{call.call_id}/recording", json=body)
        assert (answer.status_code, answer.json()["reason"]) == (200, "kept from its beginning")
    world.story.hang_up("kept-a", "kept-b")
    await world.story.save(world.catalog, "fs1")
    await world.keep("kept", call.call_id, wav(1))
    page = await text_of(world, f"/recordings/{recording}")
    assert "not kept" not in page.lower()
    assert "Recorded because it was started on request before the end." in page
    async with world.client("red-admin") as client:
        assert (await client.get(f"/api/v1/recordings/{recording}/audio")).status_code == 200


async def test_a_recording_taken_back_says_that_it_was_forbidden(world: World) -> None:
    """Nobody could have started it, so that is not what is said."""
    world.story.desk.policy = policy_of(user("101"), queue("Council", Setting.FORBID))
    call = begin_live(world.story, "back", outside("+49301", tenant=RED), inside("101"))
    assert not call.recordings[0].provisional
    world.story.wait(3)
    world.story.apply(f.LegRouted("back-a", world.story.at, (Route(PolicyScope.QUEUE, "Council", RED),)))
    assert call.recordings[0].provisional
    world.story.hang_up("back-a", "back-b")
    await world.story.save(world.catalog, "fs1")
    page = await text_of(world, f"/recordings/{call.recordings[0].recording_id}")
    assert "Not kept: not recorded because queue Council forbids audio" in page
    assert "nobody started" not in page


async def test_a_call_says_how_it_came_and_why_it_was_not_recorded(world: World) -> None:
    world.story.desk.policy = policy_of(user("101"), queue("Council", Setting.FORBID))
    routes = (
        Route(PolicyScope.INBOUND_RULE, "main <b>", RED), Route(PolicyScope.QUEUE, "Council", RED),
        Route(PolicyScope.QUEUE, "Secret", "blue.example"),
    )  # fmt: skip
    call = world.story.talk("n1", outside("+49301"), "n2", inside("101"), seconds=9, routes=routes)
    await world.story.save(world.catalog, "fs1")
    page = await text_of(world, f"/calls/{call}")
    assert (
        "audio: not recorded Not recorded because queue Council forbids audio; user 101 has audio on." in page
    )
    assert "came through inbound rule main <b> , queue Council" in page
    assert "Secret" not in page, "another tenant's queue is nobody's business"
    async with world.client("red-admin") as client:
        detail = (await client.get(f"/api/v1/calls/{call}")).json()
    assert [(r["scope"], r["name"]) for r in detail["legs"][0]["routes"]] == [
        ("inbound_rule", "main <b>"),
        ("queue", "Council"),
    ]
    assert {d["rule"] for d in detail["decisions"]} == {"queue.forbid", "not_a_video_call"}


async def test_the_channels_of_a_stereo_recording_are_named(world: World) -> None:
    stereo = {RED: TenantOptions(channels=Channels.STEREO)}
    world.story.desk.policy = policy_of(user("101"), options=stereo)
    call = world.story.talk("s1", outside("+49301", "Customer"), "s2", inside("101", name="Anna"), seconds=9)
    await world.story.save(world.catalog, "fs1")
    await world.keep("stereo", call, wav(1))
    page = await text_of(world, f"/recordings/{world.recordings['stereo']}")
    assert "Left channel: +49301 (Customer). Right channel: 101 (Anna)." in page
    assert "left channel" in page
    async with world.client("red-admin") as client:
        view = (await client.get(f"/api/v1/recordings/{world.recordings['stereo']}")).json()
        assert view["channels"] == ["+49301 (Customer)", "101 (Anna)"]
        plain = (await client.get(f"/api/v1/recordings/{world.recordings['red']}")).json()
        assert plain["channels"] is None
    assert "left channel" not in await text_of(world, f"/recordings/{world.recordings['red']}")


@pytest.mark.parametrize(
    ("means", "words"),
    [
        (Means.FEATURE_CODE, "feature code"), (Means.MESSAGE, "SIP MESSAGE"), (Means.API, "API"),
        (Means.RECORD_KEY, "Record key"), (Means.PAGE, "page"), (Means.BUS, "the switch's bus"),
        (Means.MESSAGE_IN_DIALOG, "SIP MESSAGE in the call"),
    ],
)  # fmt: skip
async def test_the_journal_of_pauses(world: World, means: Means, words: str) -> None:
    story = world.story
    story.desk.policy = policy_of(user("101"))
    call = begin_live(story, "p", inside("101"), outside("+49301"))
    story.wait(1)
    asked, actor = story.at, UserActor(RED, "101")
    assert story.ask("pause-audio-recording", "p-a", actor=actor, means=means).accepted
    story.wait(30)
    ended = story.at
    # A Record key knows only on and off.
    again = "start-recording" if means is Means.RECORD_KEY else "resume-audio-recording"
    assert story.ask(again, "p-a", actor=actor, means=means).accepted
    story.hang_up("p-a", "p-b")
    await story.save(world.catalog, "fs1")
    page = await text_of(world, f"/recordings/{call.recordings[0].recording_id}")
    who = f"101@{RED} by {words}"
    assert f"Asked {at(asked)} · {who} Silent {at(asked, 10)} 10 ms later" in page
    assert f"Ended {at(ended)} · {who} Sound {at(ended, 10)} 10 ms later" in page


def at(moment: datetime, more_ms: int = 0) -> str:
    ms = moment.microsecond // 1000 + more_ms
    return f"{moment:%H:%M:%S}.{ms:03}"


async def test_a_pause_that_ended_by_itself_or_never(world: World) -> None:
    story = world.story
    story.desk.policy = policy_of(user("101"), options={RED: TenantOptions(longest_pause_s=60)})
    call = begin_live(story, "p", inside("101"), outside("+49301"))
    recording = call.recordings[0].recording_id
    assert story.ask("pause-audio-recording", "p-a").accepted
    await story.save(world.catalog, "fs1")
    assert "still paused" in await text_of(world, f"/recordings/{recording}")
    story.wait(61)
    story.tick()
    story.wait(5)
    assert story.ask("pause-audio-recording", "p-a").accepted
    story.answer_captures = False
    assert story.ask("pause-video-recording", "p-a").accepted is False
    story.hang_up("p-a", "p-b")
    await story.save(world.catalog, "fs1")
    page = await text_of(world, f"/recordings/{recording}")
    assert "by itself: the longest pause of 60 s was over" in page
    assert "still paused" not in page


# ── the live page's buttons ─────────────────────────────────────────────────────────────────────


def shown(rule: PolicyRule | None, *recordings: LiveRecording) -> list[str]:
    call = LiveCall("c", "fs1", datetime.min, None, (), recordings, (RED,))
    return [b.text for b in buttons(call, rule)]


RUNNING = LiveRecording("r", RED, "audio", "recording", False, None, "", False, "tenant.on")
FILM = replace(RUNNING, recording_id="f", kind="video")
PROVISIONAL = replace(RUNNING, provisional=True, rule="user.on_demand")


@pytest.mark.parametrize(
    ("rule", "recordings", "expected"),
    [
        (None, [], ["Start recording"]),
        (None, [RUNNING], ["Pause", "Stop"]),
        (None, [replace(RUNNING, state="ended")], ["Start recording"]),
        (None, [replace(RUNNING, paused=True)], ["Resume", "Stop"]),
        (None, [PROVISIONAL], ["Pause", "Keep", "Stop"]),
        (None, [replace(RUNNING, rule="queue.require")], ["Pause"]),
        (None, [replace(PROVISIONAL, rule="queue.forbid")], ["Pause", "Stop"]),
        (None, [RUNNING, FILM], ["Pause", "Pause audio", "Pause video", "Stop"]),
        (
            None,
            [RUNNING, replace(FILM, paused=True)],
            ["Resume", "Pause", "Pause audio", "Resume video", "Stop"],
        ),
        (None, [FILM], ["Pause", "Stop"]),
        (None, [RUNNING, replace(FILM, state="ended")], ["Pause", "Stop"]),
        (user("101", Mode.ALWAYS), [RUNNING, FILM], []),
        (user("101", Mode.ALWAYS), [RUNNING], []),
        (user("101", Mode.ALWAYS), [replace(RUNNING, paused=True)], ["Resume"]),
        (user("101", Mode.ALWAYS_PAUSE), [RUNNING], ["Pause"]),
        (user("101", Mode.ALWAYS_PAUSE), [], []),
        (user("101", Mode.ON_DEMAND), [PROVISIONAL], ["Pause", "Keep", "Stop"]),
        (user("101", Mode.ON_DEMAND), [RUNNING], ["Pause"]),
        (user("101", Mode.ON_DEMAND_START), [], ["Start recording"]),
        (user("101", Mode.ON_DEMAND_START), [replace(RUNNING, rule="requested")], ["Pause", "Stop"]),
    ],
)
def test_the_buttons_that_mode_and_policy_allow(
    rule: PolicyRule | None, recordings: list[LiveRecording], expected: list[str]
) -> None:
    assert shown(rule, *recordings) == expected


async def test_a_users_buttons_follow_its_mode_and_a_refusal_is_said(world: World) -> None:
    world.story.desk.policy = policy_of(user("101", Mode.ALWAYS))
    await world.catalog.set_user(UserSettings(RED, "101", "Anna", Setting.ON, mode=Mode.ALWAYS))
    call = begin_live(world.story, "always", inside("101"), outside("+1"))
    async with world.browser("red-101") as browser:
        page = (await browser.get("/live")).text
        card = page[page.index(f'id="call-{call.call_id}"') :]
        card = card[: card.index("</article>")]
        assert "<button" not in card
        token = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
        assert token
        # Whoever sends it all the same is refused, in words.
        fields = {"csrf": token[1], "operation": "pause-recording"}
        answer = await browser.post(f"/live/{call.call_id}/recording", data=fields)
        assert answer.status_code == 403
        assert "The user&#39;s recording mode does not allow it." in answer.text
        await world.catalog.set_user(UserSettings(RED, "101", "Anna", Setting.ON, mode=Mode.ON_DEMAND))
        assert "Pause" in (await browser.get("/live")).text
