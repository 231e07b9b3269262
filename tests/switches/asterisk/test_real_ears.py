"""On a real Asterisk 22: what each party hears of us, what the files hold of it, and who is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest

from controller.core import facts as f
from controller.core.commands import Layout, OpenCapture, PlaySound, Sound
from controller.core.media_kinds import Kind
from controller.core.options import Answers, TenantOptions
from controller.core.policy import Policy
from controller.core.recording import side_paths
from controller.core.requests import Means
from controller.core.rules import Mode, PolicyRule, PolicyScope, Route, Setting
from controller.demo.asterisk_lab import AsteriskLab
from controller.demo.lab import ANNOUNCEMENT_HZ
from controller.demo.listen import read_wav, silent_spans, spans
from controller.demo.phone import Dialog, sound
from controller.engine.ids import new_id
from tests.e2e.parties import REAL, _level
from tests.policies import policy_of, tenant_rule

from .bench import RECORD_ALL, Bench
from .test_real import JSON, config, phone, samples, trunk

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.asterisk, pytest.mark.timeout(60)]
Eventually = Callable[..., Awaitable[None]]
NOTHING = Policy()
#: A tone is over by then. It is waited for without looking: looking all the time would take from the
#: phones, which are in this process, the time in which to send what the tone is mixed into.
SOON_S = 1.0


@asynccontextmanager
async def watching(
    lab: AsteriskLab, eventually: Eventually, policy: Policy = RECORD_ALL
) -> AsyncIterator[Bench]:
    async with Bench(config(lab), policy) as bench:
        await eventually(lambda: bench.of(f.SwitchSnapshot), "a snapshot")
        yield bench


def heard(dialog: Dialog, hertz: int) -> int:
    """For how many ms this party has heard a tone. On a busy machine a whisper loses packets."""
    return sum(s.duration_ms for s in spans(dialog.rtp.samples(), 8000, hertz))


def in_file(lab: AsteriskLab, path: str, *hertz: int) -> dict[float, int]:
    """For how many ms; what is only the edge of other tones does not count."""
    wav = read_wav(lab.spool / path)
    mono = wav.mono()
    return {
        f: sum(s.duration_ms for s in spans(mono, wav.rate, f) if _level(mono, f, s) > REAL) for f in hertz
    }


async def test_sounds_reach_one_ear_and_no_file(asterisk_lab: AsteriskLab, eventually: Eventually) -> None:
    lab = asterisk_lab
    async with (
        watching(lab, eventually) as bench,
        phone(lab, "101", sound.tone(400)) as one,
        phone(lab, "102", sound.tone(700)) as two,
    ):
        await one.register()
        await two.register()
        call = await one.call("102")
        other = await two.next_call()
        await eventually(lambda: bench.states() == ["recording"], "recording")
        [recording] = bench.recordings
        path, anchor = recording.segments[0].path, recording.segments[0].leg_id
        far = next(x.leg_id for x in bench.of(f.LegStarted) if x.leg_id != anchor)
        near_dialog, far_dialog = (
            (call, other) if bench.of(f.LegStarted)[0].leg_id == anchor else (other, call)
        )
        before = len(bench.of(f.LegStarted))
        await bench.switch.execute(PlaySound(anchor, Sound.BEEP))
        await asyncio.sleep(SOON_S)
        assert heard(near_dialog, 1400) > 100, "the beep in the near ear"
        await bench.switch.execute(PlaySound(far, Sound.PAUSED))
        await asyncio.sleep(SOON_S)
        assert heard(far_dialog, 1000) > 80, "the tones in the far ear"
        played = await bench.switch.execute(
            PlaySound(far, Sound.ANNOUNCEMENT, lab.announcement + ".wav", "acme.test")
        )
        assert isinstance(played, f.AnnouncementPlayed)
        assert played.error == ""
        assert 800 < heard(far_dialog, ANNOUNCEMENT_HZ) < 1100
        missing = await bench.switch.execute(PlaySound(far, Sound.ANNOUNCEMENT, "no/such", "acme.test"))
        assert isinstance(missing, f.AnnouncementPlayed)
        assert missing.error == "Asterisk has no sound no/such"
        await asyncio.sleep(0.3)
        await call.hangup()
        await eventually(lambda: not bench.desk.book.calls, "the end of the call")
        assert heard(near_dialog, ANNOUNCEMENT_HZ) == 0
        assert heard(far_dialog, 1400) == 0
        ms = in_file(lab, path, 400, 700, 1400, 1000, ANNOUNCEMENT_HZ)
        assert min(ms[400], ms[700]) > 1500, ms
        assert ms[1400] == ms[1000] == ms[ANNOUNCEMENT_HZ] == 0, ms
        assert len(bench.of(f.LegStarted)) == before, "the helper is nobody's call"


@pytest.mark.parametrize("layout", [Layout.OWN_LEFT, Layout.OWN_RIGHT])
async def test_each_side_in_a_file_of_its_own(
    asterisk_lab: AsteriskLab, eventually: Eventually, layout: Layout
) -> None:
    lab = asterisk_lab
    async with (
        watching(lab, eventually, NOTHING) as bench,
        phone(lab, "101", sound.tone(400)) as one,
        phone(lab, "102", sound.tone(700)) as two,
    ):
        await one.register()
        await two.register()
        call = await one.call("102")
        await eventually(lambda: len(bench.of(f.BridgeEntered)) == 2, "a bridge")
        leg = next(x.leg_id for x in bench.of(f.LegStarted) if x.calling)
        recording = new_id()
        path = f"acme.test/2026/11/23/{recording}.1.wav"
        opened = await bench.switch.execute(
            OpenCapture(f"{recording}.1", leg, path, Kind.AUDIO, layout=layout)
        )
        assert isinstance(opened, f.CaptureOpened), opened
        await asyncio.sleep(0.8)
        await call.hangup()
        await eventually(lambda: not bench.desk.book.calls, "the end of the call")
        rx, tx = side_paths(path)
        sizes = [len(samples(lab, p)) for p in (path, rx, tx)]
        assert max(sizes) - min(sizes) <= 320, sizes
        assert in_file(lab, rx, 400, 700)[400] > 600
        assert in_file(lab, rx, 400, 700)[700] == 0
        assert in_file(lab, tx, 400, 700)[700] > 600
        assert in_file(lab, tx, 400, 700)[400] == 0
        shortest = min(sizes)
        both = samples(lab, rx)[:shortest].astype(int) + samples(lab, tx)[:shortest]
        assert np.array_equal(np.clip(both, -32768, 32767), samples(lab, path)[:shortest]), (
            "in step, to the bit"
        )


async def test_a_mask_silences_both_sides(asterisk_lab: AsteriskLab, eventually: Eventually) -> None:
    from controller.core.commands import MaskCapture, UnmaskCapture

    lab = asterisk_lab
    async with (
        watching(lab, eventually, NOTHING) as bench,
        phone(lab, "101", sound.tone(400)) as one,
        phone(lab, "102", sound.tone(700)) as two,
    ):
        await one.register()
        await two.register()
        call = await one.call("102")
        await eventually(lambda: len(bench.of(f.BridgeEntered)) == 2, "a bridge")
        leg = next(x.leg_id for x in bench.of(f.LegStarted) if x.calling)
        recording = new_id()
        aim = (f"{recording}.1", leg, f"acme.test/2026/11/23/{recording}.1.wav")
        await bench.switch.execute(OpenCapture(*aim, Kind.AUDIO, layout=Layout.OWN_LEFT))
        await asyncio.sleep(0.5)
        assert isinstance(await bench.switch.execute(MaskCapture(*aim)), f.CaptureMasked)
        await asyncio.sleep(0.6)
        assert isinstance(await bench.switch.execute(UnmaskCapture(*aim)), f.CaptureUnmasked)
        await asyncio.sleep(0.5)
        await call.hangup()
        await eventually(lambda: not bench.desk.book.calls, "the end of the call")
        for file in (aim[2], *side_paths(aim[2])):
            masks = [s.duration_ms for s in silent_spans(samples(lab, file), 8000, 100)]
            assert len(masks) == 1, (file, masks)
            assert 500 < masks[0] < 800, (file, masks)


@pytest.mark.parametrize("layout", [Layout.MONO, Layout.OWN_LEFT])
async def test_only_the_legs_own_voice(
    asterisk_lab: AsteriskLab, eventually: Eventually, layout: Layout
) -> None:
    lab = asterisk_lab
    async with (
        watching(lab, eventually, NOTHING) as bench,
        phone(lab, "101", sound.tone(400)) as one,
        phone(lab, "102", sound.tone(700)) as two,
    ):
        await one.register()
        await two.register()
        call = await one.call("102")
        await eventually(lambda: len(bench.of(f.BridgeEntered)) == 2, "a bridge")
        leg = next(x.leg_id for x in bench.of(f.LegStarted) if x.calling)
        recording = new_id()
        path = f"acme.test/2026/11/23/{recording}.1.wav"
        opened = await bench.switch.execute(
            OpenCapture(f"{recording}.1", leg, path, Kind.AUDIO, True, layout)
        )
        assert isinstance(opened, f.CaptureOpened), opened
        await asyncio.sleep(0.6)
        await call.hangup()
        await eventually(lambda: not bench.desk.book.calls, "the end of the call")
        there = path if layout is Layout.MONO else side_paths(path)[0]
        assert in_file(lab, there, 400)[400] > 400
        assert in_file(lab, there, 700)[700] == 0
        folder = (lab.spool / path).parent
        assert [p.name for p in folder.glob(f"{recording}*")] == [there.rpartition("/")[2]]


def on_demand(user: str) -> Policy:
    rule = PolicyRule(PolicyScope.USER, "acme.test", user, Setting.ON, mode=Mode.ON_DEMAND_START)
    return Policy(rules=(rule,))


async def test_the_record_key_pauses_and_resumes(asterisk_lab: AsteriskLab, eventually: Eventually) -> None:
    lab = asterisk_lab
    async with watching(lab, eventually) as bench, phone(lab, "101") as one, phone(lab, "102") as two:
        await one.register()
        await two.register()
        call = await one.call("102")
        other = await two.next_call()
        await eventually(lambda: bench.states() == ["recording"], "recording")
        assert (await call.request("INFO", headers=["Record: off"])).status == 200
        await eventually(lambda: bench.states() == ["paused"], "paused")
        assert (await call.request("INFO", headers=["Record: on"])).status == 200
        await eventually(lambda: bench.states() == ["recording"], "resumed")
        assert [r.means for r in bench.requests] == [Means.RECORD_KEY] * 2
        await asyncio.sleep(0.4)
        assert not other.rtp.heard_digits, "the other party must hear none of the digits"
        await call.hangup()


async def test_the_record_key_starts_and_stops_on_demand(
    asterisk_lab: AsteriskLab, eventually: Eventually
) -> None:
    lab = asterisk_lab
    async with (
        watching(lab, eventually, on_demand("102")) as bench,
        phone(lab, "101") as one,
        phone(lab, "102") as two,
    ):
        await one.register()
        await two.register()
        await one.call("102")
        other = await two.next_call()
        await eventually(lambda: len(bench.of(f.BridgeEntered)) == 2, "a bridge")
        await other.request("INFO", headers=["Record: on"])
        await eventually(lambda: bench.states() == ["recording"], "recording")
        await other.request("INFO", headers=["Record: off"])
        await eventually(lambda: bench.states() == [], "stopped")
        assert all(o.accepted for o in bench.outcomes)
        await other.hangup()


async def test_the_outside_party_has_no_record_key(asterisk_lab: AsteriskLab, eventually: Eventually) -> None:
    lab = asterisk_lab
    async with watching(lab, eventually) as bench, phone(lab, "101") as one, trunk(lab) as outside:
        await one.register()
        call = await outside.call("101")
        mine = await one.next_call()
        await eventually(lambda: bench.states() == ["recording"], "recording")
        refused = await call.request("INFO", headers=["Record: off"])
        assert refused.status >= 400, "the trunk's endpoint has no one_touch_recording"
        await mine.request("INFO", headers=["Record: off"])  # sent last: what came before has been dealt with
        await eventually(lambda: bench.states() == ["paused"], "paused")
        assert len(bench.requests) == 1
        await call.hangup()


@pytest.mark.parametrize("accepted", [True, False])
async def test_the_result_comes_back_to_the_asker_alone(
    asterisk_lab: AsteriskLab, eventually: Eventually, accepted: bool
) -> None:
    lab = asterisk_lab
    policy = Policy(
        rules=RECORD_ALL.rules, options={"acme.test": TenantOptions(message_answers=Answers.ON_REQUEST)}
    )
    async with watching(lab, eventually, policy) as bench, phone(lab, "101") as one, phone(lab, "102") as two:
        await one.register()
        await two.register()
        call = await one.call("102")
        await eventually(lambda: bench.states() == ["recording"], "recording")
        session = call.session_id if accepted else "no-such-call"
        ask = {"operation": "pause-audio-recording", "session_id": session, "reply": True}
        assert (await one.message("x", json.dumps(ask), JSON)).status == 202
        await eventually(lambda: bench.outcomes, "an outcome")
        await bench.switch.message(bench.outcomes[0])
        await eventually(lambda: one.messages, "the answer")
        [answer] = one.messages
        assert answer.get("content-type") == JSON
        body = json.loads(answer.body)
        assert body["operation"] == "pause-audio-recording"
        assert body["session_id"] == session
        assert body["result"] == ("ok" if accepted else "refused")
        assert answer.get("call-id") != call.call_id, "out of the dialog"
        quiet = {"operation": "resume-audio-recording", "session_id": session}
        await one.message("x", json.dumps(quiet), JSON)
        await eventually(lambda: len(bench.outcomes) == 2, "an outcome")
        await bench.switch.message(bench.outcomes[1])
        await call.message(json.dumps({**ask, "session_id": call.session_id}), JSON)
        await eventually(lambda: len(bench.outcomes) == 3, "an outcome")
        await bench.switch.message(bench.outcomes[2])
        await eventually(lambda: len(one.messages) == 2, "the answer to the one in the dialog")
        assert two.messages == [], "nobody else hears of it"
        await call.hangup()


@pytest.mark.parametrize(
    ("target", "answers", "route"),
    [
        ("7001", "101", Route(PolicyScope.QUEUE, "sales", "acme.test")),
        ("7002", "103", Route(PolicyScope.QUEUE, "support", "acme.test")),  # by Local channels
        ("7010", "102", Route(PolicyScope.RING_GROUP, "all", "acme.test")),
    ],
)
async def test_what_forbids_holds_from_the_first_word(
    asterisk_lab: AsteriskLab, eventually: Eventually, target: str, answers: str, route: Route
) -> None:
    lab = asterisk_lab
    forbid = PolicyRule(route.scope, "acme.test", route.name, Setting.FORBID)
    policy = policy_of(tenant_rule("acme.test", True), forbid)
    async with watching(lab, eventually, policy) as bench, phone(lab, answers) as one, trunk(lab) as outside:
        await one.register()
        call = await outside.call(target)
        await one.next_call()
        await eventually(lambda: len(bench.of(f.BridgeEntered)) >= 2, "a bridge")
        routed = [r for x in bench.of(f.LegRouted) + bench.of(f.LegStarted) for r in x.routes]
        assert route in routed
        first = next(n for n, x in enumerate(bench.facts) if isinstance(x, f.BridgeEntered))
        known = next(n for n, x in enumerate(bench.facts) if route in getattr(x, "routes", ()))
        assert known < first, "known before anybody talks"
        await call.hangup()
        await eventually(lambda: not bench.desk.book.calls, "the end of the call")
        assert not [c for c, _ in bench.executed if isinstance(c, OpenCapture)]
        assert not bench.desk.book.calls
