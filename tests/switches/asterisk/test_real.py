"""The adapter on a real Asterisk 22 with a Kamailio in front: calls by SIP phones, heard in the files."""

from __future__ import annotations

import asyncio
import re
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from controller.config import AsteriskConfig
from controller.core import facts as f
from controller.core.commands import CloseCapture, MaskCapture, OpenCapture
from controller.core.media_kinds import Kind
from controller.core.parties import Side
from controller.core.requests import LegTarget, Means
from controller.demo.asterisk_lab import AsteriskLab
from controller.demo.phone import sound
from controller.demo.phone.digest import Credentials
from controller.demo.phone.phone import Phone
from controller.engine.ports import LinkState
from controller.switches.asterisk import adapter
from controller.switches.asterisk.connection import AmiConnection

from .bench import Bench

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.asterisk, pytest.mark.timeout(60)]
Eventually = Callable[..., Awaitable[None]]
JSON = "application/x-media-control+json"


def config(lab: AsteriskLab, **settings: object) -> AsteriskConfig:
    return AsteriskConfig.model_validate(
        {
            "kind": "asterisk", "name": "lab", "host": lab.control_host, "port": lab.control_port,
            "password": lab.password, "spool": lab.spool,
        }
        | settings
    )  # fmt: skip


@asynccontextmanager
async def watching(lab: AsteriskLab, eventually: Eventually) -> AsyncIterator[Bench]:
    async with Bench(config(lab)) as bench:
        await eventually(lambda: bench.of(f.SwitchSnapshot), "a snapshot")
        yield bench


def phone(lab: AsteriskLab, user: str, source: sound.Source | None = None, **settings: object) -> Phone:
    password, _ = lab.users[user]
    server = (lab.sip_host, lab.sip_port)
    return Phone(user, f"127.0.10.{user}", server, password, source=source, **settings)  # type: ignore[arg-type]


def trunk(lab: AsteriskLab) -> Phone:
    return Phone("5551234", lab.trunk_ip, lab.trunk_entry, port=lab.trunk_port, source=sound.tone(1200))


def samples(lab: AsteriskLab, path: str) -> np.ndarray:
    with wave.open(str(lab.spool / path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)


async def body(operation: str, session_id: str | None) -> str:
    return f'{{"operation": "{operation}", "session_id": "{session_id}"}}'


async def test_boots_and_says_what_it_is(asterisk_lab: AsteriskLab, eventually: Eventually) -> None:
    async with watching(asterisk_lab, eventually) as bench:
        assert bench.switch.status.state is LinkState.UP
        assert bench.switch.status.version.startswith(("22.", "20."))  # 20 is Ubuntu 24.04's
        [snapshot] = bench.of(f.SwitchSnapshot)
        assert snapshot.booted_at is not None
        assert snapshot.booted_at <= snapshot.at
        assert bench.facts == [f.SwitchSnapshot(snapshot.at, booted_at=snapshot.booted_at)]


async def test_wrong_password(asterisk_lab: AsteriskLab, eventually: Eventually) -> None:
    async with Bench(config(asterisk_lab, password="not-it")) as bench:
        await eventually(lambda: bench.switch.status.state is LinkState.DOWN, "down")
        assert "manager.conf" in bench.switch.status.error


async def test_every_way_to_pause_and_resume(asterisk_lab: AsteriskLab, eventually: Eventually) -> None:
    lab = asterisk_lab
    async with (
        watching(lab, eventually) as bench,
        phone(lab, "101", sound.tone(440)) as one,
        phone(lab, "102", sound.tone(880)) as two,
    ):
        await one.register()
        await two.register()
        call = await one.call("102")
        other = await two.next_call()
        await eventually(lambda: bench.states() == ["recording"], "recording")
        path = bench.recordings[0].segments[0].path
        await asyncio.sleep(0.5)  # something to be heard before the first pause

        async def pause_and_resume(pause: Awaitable[object], resume: Awaitable[object]) -> None:
            await pause
            await eventually(lambda: bench.states() == ["paused"], "paused")
            await resume
            await eventually(lambda: bench.states() == ["recording"], "resumed")

        await pause_and_resume(call.send_digits("*48"), call.send_digits("*49"))
        await pause_and_resume(other.send_info_digits("*48"), other.send_info_digits("*49"))
        await pause_and_resume(
            one.message("anybody", await body("pause-audio-recording", call.session_id), JSON),
            two.message("anybody", await body("resume-audio-recording", other.session_id), JSON),
        )
        await pause_and_resume(
            call.message("pause-audio-recording"), other.message(" resume-audio-recording\r\n")
        )
        asked = AmiConnection(lab.control_host, lab.control_port, "tapeline", lab.password, lambda _: None)
        await asked.open()
        leg = bench.recordings[0].segments[0].leg_id
        ask = {"UserEvent": "TapelineRequest"}
        await pause_and_resume(
            asked.action("UserEvent", 1.0, **ask, Operation="pause-recording", **{"Leg-Id": leg}),
            asked.action(
                "UserEvent", 1.0, **ask, Operation="resume-recording", **{"Session-Id": call.call_id}
            ),
        )
        await asked.close()
        assert [r.means for r in bench.requests][::2] == [
            Means.FEATURE_CODE, Means.FEATURE_CODE, Means.MESSAGE, Means.MESSAGE_IN_DIALOG, Means.BUS,
        ]  # fmt: skip
        assert all(o.accepted for o in bench.outcomes)
        assert one.messages == two.messages == [], "no MESSAGE reached the other party"
        assert not other.rtp.heard_digits, "and no digit"
        await asyncio.sleep(0.3)
        await call.hangup()
        await eventually(lambda: not bench.desk.book.calls, "the end of the call")
        heard = samples(lab, path)
        assert heard[:2400].any(), "both were heard at the start"
        runs = np.split(heard == 0, np.flatnonzero(np.diff(heard == 0)) + 1)
        silences = [len(run) / 8000 for run in runs if run[0] and len(run) > 400]
        assert silences, "the pause of *48 is exact silence in the file"
        assert max(silences) > 0.25


async def test_a_session_id_of_the_callers_own(asterisk_lab: AsteriskLab, eventually: Eventually) -> None:
    lab = asterisk_lab
    async with (
        watching(lab, eventually) as bench, phone(lab, "101") as one, phone(lab, "102") as two,
    ):  # fmt: skip
        await one.register()
        await two.register()
        call = await one.call("102", headers=["X-Session-Id: 598492379,4364"])
        assert call.session_id == "598492379,4364", "the 200 says it again"
        await eventually(lambda: bench.states() == ["recording"], "recording")
        await one.message("x", await body("pause-audio-recording", call.session_id), JSON)
        await eventually(lambda: bench.states() == ["paused"], "paused")
        await call.hangup()


@pytest.mark.parametrize("length", [3, 500])
async def test_a_wrong_content_length_is_forgiven(
    asterisk_lab: AsteriskLab, eventually: Eventually, length: int
) -> None:
    lab = asterisk_lab
    async with (
        watching(lab, eventually) as bench, phone(lab, "101") as one, phone(lab, "102") as two,
    ):  # fmt: skip
        await one.register()
        await two.register()
        call = await one.call("102")
        await eventually(lambda: bench.states() == ["recording"], "recording")
        await one.message(
            "x", await body("pause-audio-recording", call.session_id), JSON, content_length=length
        )
        await eventually(lambda: bench.states() == ["paused"], "paused")
        await call.message("resume-audio-recording", content_length=length)
        await eventually(lambda: bench.states() == ["recording"], "resumed")
        await call.hangup()


async def test_a_dialplans_own_request(asterisk_lab: AsteriskLab, eventually: Eventually) -> None:
    lab = asterisk_lab
    async with watching(lab, eventually) as bench, phone(lab, "101") as one:
        await one.register()
        await one.call("850")
        await eventually(lambda: bench.outcomes, "an outcome")
        (request,), (outcome,) = bench.requests, bench.outcomes
        assert (str(request.operation), request.means) == ("pause-audio-recording", Means.BUS)
        assert request.target == LegTarget(bench.of(f.LegStarted)[0].leg_id)
        assert outcome.reason == "the call is not being recorded"


async def test_what_must_be_refused(
    asterisk_lab: AsteriskLab, eventually: Eventually, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = asterisk_lab
    async with (
        watching(lab, eventually) as bench,
        phone(lab, "101") as one, phone(lab, "102") as two, phone(lab, "103") as three,
        phone(lab, "201") as stranger, phone(lab, "202") as strange_friend, trunk(lab) as outside,
    ):  # fmt: skip
        for each in (one, two, three, stranger, strange_friend):
            await each.register()
        call = await one.call("102")
        theirs = await stranger.call("202")
        await eventually(lambda: bench.states() == ["recording", "recording"], "two recordings")
        pause = await body("pause-audio-recording", call.session_id)
        wrong = await one.message("x", pause, JSON, credentials=Credentials("101", "guess"))
        assert wrong.status == 401
        # Nothing of it reaches the controller; docs/reference/sip-message.md says where it is told.
        told = (lab.folder / "log/full").read_text().splitlines()[-1]
        assert re.search(r"NOTICE.*Request 'MESSAGE' from '<sip:101@.*callid: .*Failed to authenticate", told)
        assert (await one.message("x", pause, JSON, credentials=Credentials("102", "pw102"))).status == 401
        two_of_them = ['Authorization: Digest username="102", realm="acme.test", nonce="x", response="x"']
        assert (await one.message("x", pause, JSON, headers=two_of_them)).status == 400
        assert (await three.message("x", pause, JSON)).status == 202  # in no call of its own
        assert (await stranger.message("x", pause, JSON)).status == 202  # another tenant's call
        assert (await two.message("x", await body("pause-audio-recording", "none"), JSON)).status == 202
        assert (await two.message("x", "{broken", JSON)).status == 202
        assert (await two.message("x", await body("shred-recording", call.session_id), JSON)).status == 202
        forged = [f"X-Tapeline-Dialog: {call.call_id};from-tag=a;to-tag=b"]
        assert (await stranger.message("x", "pause-audio-recording", JSON[:-5], headers=forged)).status == 202
        inbound = await outside.call("103")
        await eventually(lambda: len(bench.states()) == 3, "a third recording")
        await inbound.send_digits("*48")
        # A request that counts, sent last: what came before it has been dealt with.
        assert (
            await stranger.message("x", await body("pause-audio-recording", theirs.session_id), JSON)
        ).status
        await eventually(
            lambda: sorted(bench.states()) == ["paused", "recording", "recording"], "the last one"
        )
        refusals = [o.reason for o in bench.outcomes if not o.accepted]
        assert "no such call" in refusals
        assert "the call is not the requester's own" in refusals
        assert [o.accepted for o in bench.outcomes].count(True) == 1
        logged = capsys.readouterr().out
        for reason in ("not JSON", "unknown operation", "in no call", "session_id is missing"):
            assert reason in logged, reason


async def test_a_code_as_a_call_of_its_own(asterisk_lab: AsteriskLab, eventually: Eventually) -> None:
    lab = asterisk_lab
    async with watching(lab, eventually) as bench, phone(lab, "101") as one, trunk(lab) as outside:
        await one.register()
        await outside.call("101")
        call = await one.next_call()
        await eventually(lambda: bench.states() == ["recording"], "recording")
        await call.hold()
        await eventually(lambda: bench.of(f.LegHeld), "held")
        await one.dial("*48")
        await eventually(lambda: bench.states() == ["paused"], "paused")
        await one.dial("*49")
        await eventually(lambda: bench.states() == ["recording"], "resumed")


async def test_a_controller_started_during_a_hold_knows_of_it(
    asterisk_lab: AsteriskLab, eventually: Eventually
) -> None:
    lab = asterisk_lab
    async with phone(lab, "101") as one, phone(lab, "103") as three, trunk(lab) as outside:
        await one.register()
        await three.register()
        await outside.call("101")
        call = await one.next_call()
        await call.hold()
        await one.call("103")
        async with watching(lab, eventually) as bench:
            (snapshot,) = bench.of(f.SwitchSnapshot)
            begun = {
                x.leg_id: x for facts in snapshot.legs.values() for x in facts if isinstance(x, f.LegStarted)
            }
            [held] = [x for facts in snapshot.legs.values() for x in facts if isinstance(x, f.LegHeld)]
            assert begun[held.leg_id].party.user == "101"
            assert not begun[held.leg_id].calling, "the call that came in, not the one to 103"
            await call.unhold()
            await eventually(lambda: bench.of(f.LegUnheld), "unheld")
        async with watching(lab, eventually) as bench:
            (snapshot,) = bench.of(f.SwitchSnapshot)
            assert not [x for facts in snapshot.legs.values() for x in facts if isinstance(x, f.LegHeld)]


@pytest.mark.parametrize("attended", [False, True])
async def test_a_transfer_to_the_outside_ends_the_recording(
    asterisk_lab: AsteriskLab, eventually: Eventually, attended: bool
) -> None:
    lab = asterisk_lab
    async with watching(lab, eventually) as bench, phone(lab, "101") as one, trunk(lab) as outside:
        await one.register()
        first = await outside.call("101")
        call = await one.next_call()
        await eventually(lambda: bench.states() == ["recording"], "recording")
        if attended:
            await call.hold()
            target = await one.call("90777")
            await eventually(lambda: len(bench.of(f.CaptureOpened)) == 2, "the consultation is recorded")
            assert await call.transfer(target) == 200
        else:
            assert await call.transfer("90777") == 200

        def outsiders() -> bool:
            bridges = [legs for c in bench.desk.book for legs in c.bridges().values()]
            return any(len(legs) == 2 and not any(x.party.internal for x in legs) for legs in bridges)

        await eventually(outsiders, "two outsiders in one bridge")
        await eventually(lambda: bench.states() == [], "no capture runs")
        assert len(bench.desk.book.calls) == 1, "one call, whatever Asterisk calls it"
        listed = await lab.cli("core show channels concise")
        for line in listed.splitlines():
            if line.startswith("PJSIP/trunk"):
                assert "0x" not in await lab.cli(f"mixmonitor list {line.split('!')[0]}")
        await first.hangup()


@pytest.mark.parametrize(
    ("number", "who", "stays"),
    [("800", "102", False), ("801", "102", True), ("7002", "103", False)],
    ids=["group", "not optimised away", "queue"],
)
async def test_a_call_through_local_channels_is_recorded_once(
    asterisk_lab: AsteriskLab, eventually: Eventually, number: str, who: str, stays: bool
) -> None:
    """While the half-legs are there the two ends are in two bridges, and both are the tenant's."""
    lab = asterisk_lab
    async with (
        watching(lab, eventually) as bench, phone(lab, "101") as one, phone(lab, who) as two,
    ):  # fmt: skip
        await one.register()
        await two.register()
        call = await one.call(number)
        await two.next_call()

        def together() -> bool:
            talking = [legs for c in bench.desk.book for legs in c.bridges().values()]
            return any({x.party.user for x in legs} == {"101", who} for legs in talking)

        await eventually(together, "the two are in one conversation")
        await eventually(lambda: bench.states() == ["recording"], "one capture runs")

        def halves() -> bool:
            return any(not leg.recordable for c in bench.desk.book for leg in c.live_legs)

        if stays:
            await asyncio.sleep(1)
            assert halves()
        else:
            await eventually(lambda: not halves(), "the half-legs are optimised away")
            await eventually(lambda: bench.states() == ["recording"], "one capture runs")
        opened = [c for c, _ in bench.executed if isinstance(c, OpenCapture)]
        assert not any("Local/" in str(c) for c in opened)
        assert len({c.capture_id.partition(".")[0] for c in opened}) == 1, "one recording"
        [recorded] = [r for c in bench.desk.book for r in c.recordings]
        assert recorded.running
        await call.hangup()
        await eventually(lambda: not list(bench.desk.book), "over")


async def test_a_controller_restarted_during_a_pause_finds_the_pause(
    asterisk_lab: AsteriskLab, eventually: Eventually
) -> None:
    lab = asterisk_lab
    async with phone(lab, "101", sound.tone(440)) as one, phone(lab, "102", sound.tone(880)) as two:
        await one.register()
        await two.register()
        async with watching(lab, eventually) as before:
            call = await one.call("102")
            await eventually(lambda: before.states() == ["recording"], "recording")
            await call.send_digits("*48")
            await eventually(lambda: before.states() == ["paused"], "paused")
            await eventually(before._commands.empty, "the mask is noted")
            calls = list(before.desk.book)
            (recording,) = before.recordings
        # Only what a catalog would keep goes over: the calls. The rest is asked of the switch.
        async with Bench(config(lab)) as after:
            after.desk.restore(calls)
            await eventually(lambda: after.of(f.SwitchSnapshot), "a snapshot")
            (seen,) = after.of(f.SwitchSnapshot)[0].captures
            assert (seen.capture_id, seen.masked) == (recording.segments[0].capture_id, True)
            assert seen.path == recording.segments[0].path
            assert after.states() == ["paused"]
            await call.message("resume-audio-recording")
            await eventually(lambda: after.states() == ["recording"], "resumed")
            assert len(recording.segments) == 1, "in the same file"
            await call.hangup()
            await eventually(lambda: not after.desk.book.calls, "the end")


async def test_false_successes_are_found_out(asterisk_lab: AsteriskLab, eventually: Eventually) -> None:
    lab = asterisk_lab
    async with (
        watching(lab, eventually) as bench, phone(lab, "101") as one, phone(lab, "102") as two,
    ):  # fmt: skip
        bench.desk.set_policy(type(bench.desk.policy)(), bench.of(f.SwitchSnapshot)[0].at)
        await one.register()
        await two.register()
        call = await one.call("102")
        await eventually(lambda: len(bench.of(f.BridgeEntered)) == 2, "talking")
        leg = bench.of(f.LegStarted)[0].leg_id
        blocked = lab.spool / "blocked"
        blocked.write_text("a file where a folder should be")
        fact = await bench.switch.execute(OpenCapture("R1.1", leg, "blocked/R1.1.wav", Kind.AUDIO))
        assert isinstance(fact, f.CaptureRefused)
        fact = await bench.switch.execute(MaskCapture("R1.1", leg, "blocked/R1.1.wav"))
        assert isinstance(fact, f.CaptureMaskRefused)
        fact = await bench.switch.execute(CloseCapture("R1.1", leg, "blocked/R1.1.wav"))
        assert isinstance(fact, f.CaptureClosed)
        await call.hangup()


async def test_a_call_without_any_audio_is_not_refused(
    asterisk_lab: AsteriskLab, eventually: Eventually
) -> None:
    """MixMonitor makes its file at once, before any RTP: its absence means what it seems to mean."""
    lab = asterisk_lab
    async with (
        watching(lab, eventually) as bench, phone(lab, "101") as one, phone(lab, "102") as two,
    ):  # fmt: skip
        await one.register()
        await two.register()
        call = await one.dial("102")
        call.rtp.quiet = True
        await call.answered()
        (await two.next_call()).rtp.quiet = True
        await eventually(lambda: bench.of(f.CaptureOpened), "opened")
        opened = next(c for c, fact in bench.executed if isinstance(fact, f.CaptureOpened))
        assert isinstance(opened, OpenCapture)
        assert (lab.spool / opened.path).exists()
        await call.hangup()


@pytest.mark.parametrize(
    "name",
    [
        'a,b;c=d', "x%0D%0AEvent: Hangup%0D%0A", "${SHELL(touch /tmp/never)}", "../../../etc/passwd",
        "Zoë ☎ 名前", "n" * 3000, "Newchannel\\r\\nREC_SIDE: internal",
    ],
)  # fmt: skip
async def test_a_callers_name_on_the_wire_changes_no_other_field(
    asterisk_lab: AsteriskLab, eventually: Eventually, name: str
) -> None:
    lab = asterisk_lab
    async with watching(lab, eventually) as bench, phone(lab, "101") as one, trunk(lab) as outside:
        await one.register()
        call = await outside.call("101", display_name=name)
        await eventually(lambda: bench.states() == ["recording"], "recorded all the same")
        (book,) = bench.desk.book
        inbound, agent = book.legs.values()
        assert (inbound.party.side, inbound.party.user, inbound.party.tenant) == (
            Side.EXTERNAL, None, "acme.test",
        )  # fmt: skip
        assert (agent.party.side, agent.party.user) == (Side.INTERNAL, "101")
        assert len(inbound.party.name) <= 256
        assert not Path("/tmp/never").exists()
        await call.hangup()
        await eventually(lambda: not bench.desk.book.calls, "the end")


async def test_a_killed_asterisk_comes_back(
    asterisk_lab: AsteriskLab, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.engine.backoff.FIRST_S", 0.05)
    monkeypatch.setattr(adapter, "HEARTBEAT_S", 0.5)
    lab = asterisk_lab
    async with (
        watching(lab, eventually) as bench, phone(lab, "101") as one, phone(lab, "102") as two,
    ):  # fmt: skip
        await one.register()
        await two.register()
        await one.call("102")
        await eventually(lambda: bench.states() == ["recording"], "recording")
        path = lab.spool / bench.recordings[0].segments[0].path
        await lab.kill()
        await eventually(lambda: bench.switch.status.state is LinkState.DOWN, "down")
        await lab.start()
        await eventually(lambda: len(bench.of(f.SwitchSnapshot)) == 2, "a second snapshot", within=10.0)
        assert not bench.desk.book.calls, "what was cut off has ended"
        assert path.exists(), "its file is there to be repaired"
        assert path.stat().st_size > 0
