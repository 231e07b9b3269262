"""Sounds, answers to MESSAGEs and captures of each side, against a scripted AMI."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from controller.core import facts as f
from controller.core.commands import Layout, OpenCapture, PlaySound, Sound
from controller.core.media_kinds import Kind
from controller.switches.asterisk import ear

from .bench import Bench
from .scripted_ami import ScriptedAmi, channel
from .test_translate import message

Eventually = Callable[..., Awaitable[None]]
ONE = channel("u1", "PJSIP/101-00000001", user="101", Duration="00:01:05", Application="Dial")
ANNOUNCEMENT = PlaySound("u1", Sound.ANNOUNCEMENT, "tapeline/recorded.wav", "acme.test")
PATH = "acme.test/2026/11/23/REC1.1.wav"


async def up(bench: Bench, eventually: Eventually) -> None:
    await eventually(lambda: bench.of(f.SwitchSnapshot), "a snapshot")


def variables(action: dict[str, str]) -> dict[str, str]:
    return dict(item.split("=", 1) for item in action["Variable"].split(","))


class TestSounds:
    async def test_a_tone_is_started_and_not_waited_for(self, tmp_path: Path, eventually: Eventually) -> None:
        async with ScriptedAmi(tmp_path) as ami:
            ami.rows = [ONE]
            async with Bench(ami.config()) as bench:
                await up(bench, eventually)
                assert await bench.switch.execute(PlaySound("u1", Sound.BEEP)) is None
                assert await bench.switch.execute(PlaySound("gone", Sound.BEEP)) is None
                [sent] = ami.of("Originate")
                said = variables(sent)
                assert (sent["Channel"], said["TAPELINE_LEG"]) == ("Local/s@tapeline-say/n", "u1")
                assert Path(said["TAPELINE_SOUND"] + ".wav").stat().st_size > 1000, "the tone is there"

    @pytest.mark.parametrize(
        ("status", "error"),
        [("SUCCESS", ""), ("FAILED", "Asterisk has no sound tapeline/recorded.wav"),
         ("", "it was broken off")],
    )  # fmt: skip
    async def test_an_announcement_is_over_when_asterisk_says_so(
        self, tmp_path: Path, eventually: Eventually, status: str, error: str
    ) -> None:
        async with ScriptedAmi(tmp_path) as ami:
            ami.rows = [ONE]
            async with Bench(ami.config()) as bench:
                await up(bench, eventually)
                playing = asyncio.create_task(bench.switch.execute(ANNOUNCEMENT))
                await eventually(lambda: ami.of("Originate"), "the start")
                said = variables(ami.of("Originate")[0])
                assert said["TAPELINE_SOUND"] == "tapeline/recorded", "the name without its ending"
                ami.event("UserEvent", UserEvent="TapelinePlayed", **{"Play-Id": "another", "Status": "x"})
                assert not playing.done()
                ami.event(
                    "UserEvent", UserEvent="TapelinePlayed",
                    **{"Play-Id": said["TAPELINE_PLAY"], "Status": status},
                )  # fmt: skip
                played = await playing
                assert isinstance(played, f.AnnouncementPlayed)
                assert (played.leg_id, played.tenant, played.error) == ("u1", "acme.test", error)

    async def test_what_cannot_be_played_says_so(
        self, tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ear, "LONGEST_S", 0.2)
        async with ScriptedAmi(tmp_path) as ami:
            ami.rows = [ONE]
            async with Bench(ami.config()) as bench:
                await up(bench, eventually)

                async def error(command: PlaySound) -> str:
                    played = await bench.switch.execute(command)
                    assert isinstance(played, f.AnnouncementPlayed)
                    return played.error

                assert "gone" in await error(replace(ANNOUNCEMENT, leg_id="nobody"))
                assert "more than a name" in await error(replace(ANNOUNCEMENT, file="a,b"))
                assert "more than a name" in await error(replace(ANNOUNCEMENT, file="a\r\nAction: x"))
                assert ami.of("Originate") == []
                assert "not over within" in await error(ANNOUNCEMENT)


class TestAnswersToMessages:
    REPLY = '{"operation": "pause-audio-recording", "session_id": "s1", "reply": true}'

    async def asked(self, ami: ScriptedAmi, bench: Bench, eventually: Eventually) -> None:
        await up(bench, eventually)
        event = {k: v for k, v in message(body=self.REPLY).items() if k != "Event"}
        ami.event("UserEvent", **event)
        await eventually(lambda: bench.outcomes, "an outcome")

    async def test_the_result_goes_to_the_asker_once(self, tmp_path: Path, eventually: Eventually) -> None:
        async with ScriptedAmi(tmp_path) as ami:
            ami.rows = [ONE]
            async with Bench(ami.config()) as bench:
                await self.asked(ami, bench, eventually)
                [request], [outcome] = bench.requests, bench.outcomes
                assert request.reply
                assert outcome.answer
                await bench.switch.message(outcome)
                await bench.switch.message(outcome)
                [sent] = ami.of("MessageSend")
                assert sent["Destination"] == "pjsip:101"
                assert sent["Variable"] == "Content-Type=application/x-media-control+json"
                assert json.loads(base64.b64decode(sent["Base64Body"])) == {
                    "operation": "pause-audio-recording", "session_id": "s1", "result": "refused",
                    "reason": "no such call",
                }  # fmt: skip

    async def test_nobody_is_told_who_does_not_want_it(self, tmp_path: Path, eventually: Eventually) -> None:
        async with ScriptedAmi(tmp_path) as ami:
            ami.rows = [ONE]
            async with Bench(ami.config()) as bench:
                await self.asked(ami, bench, eventually)
                await bench.switch.message(replace(bench.outcomes[0], answer=False))
                await bench.switch.message(replace(bench.outcomes[0], request_id="of-the-api"))
                assert ami.of("MessageSend") == []
                assert ami.of("UserEvent") == []


class TestSides:
    @pytest.mark.parametrize(
        ("layout", "own", "file", "options"),
        [
            (Layout.MONO, False, "1.wav", ""),
            (Layout.OWN_LEFT, False, "1.wav", "r({}1.rx.wav)t({}1.tx.wav)"),
            (Layout.OWN_RIGHT, False, "1.wav", "r({}1.rx.wav)t({}1.tx.wav)"),
            (Layout.MONO, True, "", "r({}1.wav)"),
            (Layout.OWN_LEFT, True, "", "r({}1.rx.wav)"),
        ],
    )
    async def test_which_files_are_asked_for(
        self, tmp_path: Path, eventually: Eventually, layout: Layout, own: bool, file: str, options: str
    ) -> None:
        async with ScriptedAmi(tmp_path) as ami:
            ami.rows = [ONE]
            async with Bench(ami.config()) as bench:
                await up(bench, eventually)
                opened = await bench.switch.execute(
                    OpenCapture("REC1.1", "u1", PATH, Kind.AUDIO, own, layout)
                )
                assert isinstance(opened, f.CaptureOpened), opened
                [sent] = ami.of("MixMonitor")
                stem = str(tmp_path / PATH).removesuffix("1.wav")
                assert sent["File"] == (stem + file if file else "")
                assert sent["Options"] == "i(TAPELINE_ID_REC1_1)" + options.format(stem, stem)
