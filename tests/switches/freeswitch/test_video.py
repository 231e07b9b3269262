"""Video that comes and goes on a FreeSWITCH: what is asked when, and what is made of the answers."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from controller.core import facts as f
from controller.core.commands import OpenCapture
from controller.core.media_kinds import Kind
from controller.core.parties import UNKNOWN
from controller.engine.ports import SwitchDown
from controller.switches.freeswitch import verbs, video
from controller.switches.freeswitch.doctor_video import examine_video, findings
from controller.switches.freeswitch.video import VideoWatch, has_video

AT = datetime(2026, 11, 23, tzinfo=UTC)


class Bench:
    """A switch that answers what ``flows`` says; what was asked and reported is kept."""

    def __init__(self) -> None:
        self.flows: dict[str, str] = {}
        self.asked: list[str] = []
        self.told: list[tuple[str, bool]] = []
        self.down = False
        self.watch = VideoWatch(self.ask, self.report, lambda: AT)

    async def ask(self, line: str) -> str:
        self.asked.append(line)
        if self.down:
            raise SwitchDown("gone")
        if not line.startswith("uuid_getvar "):
            return "+OK"
        _, leg, variable = line.split(" ")
        flow, _, codec = self.flows.get(leg, "_undef_ _undef_").partition(" ")
        return flow if variable == "video_media_flow" else codec

    def report(self, fact: f.Fact) -> None:
        assert isinstance(fact, f.LegVideoChanged)
        self.told.append((fact.leg_id, fact.video))
        self.watch.note(fact)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(video, "LOOKS_S", (0.0, 0.01, 0.01, 0.01, 0.01))
    monkeypatch.setattr(video, "DECODING_S", 0.0)
    bench = Bench()
    for leg in ("a", "b", "c"):
        bench.watch.note(f.LegStarted(leg, AT, UNKNOWN))
    for leg in ("a", "b"):
        bench.watch.note(f.BridgeEntered(leg, "a:b", AT))
    return bench


def reinvite(leg: str) -> dict[str, str]:
    return {"Event-Name": "CUSTOM", "Event-Subclass": "sofia::reinvite", "Unique-ID": leg}


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not condition():
            await asyncio.sleep(0.002)


async def nothing_runs(watch: VideoWatch) -> None:
    await eventually(lambda: all(t.done() for t in watch._looks.values()))


@pytest.mark.parametrize(
    ("flow", "codec", "video_call"),
    [
        ("sendrecv", "H264", True), ("recvonly", "H264", True), ("sendonly", "VP8", True), ("", "H264", True),
        ("inactive", "H264", False), ("disabled", "H264", False), ("sendrecv", "", False), ("", "", False),
    ],
)  # fmt: skip
def test_a_codec_counts_that_is_in_use(flow: str, codec: str, video_call: bool) -> None:
    event = {"variable_video_media_flow": flow, "variable_rtp_use_video_codec_name": codec}
    assert has_video(event) == video_call


async def test_video_that_a_phone_adds_and_takes_away(bench: Bench) -> None:
    bench.flows["a"] = "sendrecv H264"
    bench.watch.event(reinvite("a"))
    await eventually(lambda: bench.told == [("a", True)])
    bench.flows["a"] = "inactive H264\n"
    bench.watch.event(reinvite("a"))
    await eventually(lambda: bench.told == [("a", True), ("a", False)])
    await nothing_runs(bench.watch)
    assert bench.told == [("a", True), ("a", False)], "told once each"
    assert not any(" c " in line for line in bench.asked), "whom the call does not concern is not asked"


async def test_the_other_partys_answer_comes_later(bench: Bench) -> None:
    bench.flows["a"] = "sendrecv H264"
    bench.watch.event(reinvite("a"))
    await eventually(lambda: len(bench.asked) >= 3)
    bench.flows["b"] = "sendrecv H264"
    await eventually(lambda: ("b", True) in bench.told)


async def test_answers_that_are_none_change_nothing(bench: Bench) -> None:
    bench.flows |= {"a": "-ERR -ERR", "b": "sendrecv H264\nreloadxml", "c": "sendrecv -ERR"}
    bench.watch.note(f.BridgeEntered("c", "a:b", AT))
    bench.watch.event(reinvite("a"))
    await nothing_runs(bench.watch)
    assert bench.told == []


async def test_a_switch_that_goes_away_and_a_leg_that_hangs_up(bench: Bench) -> None:
    bench.down = True
    bench.watch.event(reinvite("a"))
    await nothing_runs(bench.watch)
    bench.down = False
    bench.flows |= {"a": "sendrecv H264", "b": "sendrecv H264"}
    bench.watch.note(f.LegHungUp("b", AT, ""))
    bench.watch.event(reinvite("a"))
    bench.watch.event(reinvite("b"))
    await nothing_runs(bench.watch)
    assert bench.told == [("a", True)]


async def test_other_events_and_unknown_legs_are_not_asked_about(bench: Bench) -> None:
    bench.watch.event({"Event-Name": "CHANNEL_HOLD", "Unique-ID": "a"})
    bench.watch.event(reinvite("x"))
    bench.watch.event({"Event-Subclass": "sofia::reinvite"})
    await asyncio.sleep(0)
    assert bench.asked == []


async def test_a_video_capture_has_both_cameras_and_asks_both_for_key_frames(bench: Bench) -> None:
    command = OpenCapture("r.1", "a", "t/2026/11/23/r.1.mp4", Kind.VIDEO)
    assert bench.watch.preparations(command) == [
        "uuid_setvar_multi a record_concat_video=true;sofia_send_info_vid_refresh=true",
        "uuid_setvar_multi b sofia_send_info_vid_refresh=true",
    ]
    bench.ask_refreshed: list[str] = []

    async def ask(line: str) -> str:
        bench.ask_refreshed.append(line)
        return "+OK"

    asked: Callable[[str], Awaitable[str]] = ask
    bench.watch._ask = asked
    bench.watch.opened(command)
    await eventually(lambda: bench.ask_refreshed == ["uuid_video_refresh b"])


def test_who_may_not_be_seen_is_not_in_the_picture(bench: Bench) -> None:
    alone = OpenCapture("r.1", "a", "t/2026/11/23/r.1.mp4", Kind.VIDEO, own_voice_only=True)
    assert bench.watch.preparations(alone)[0].startswith("uuid_setvar_multi a record_concat_video=false;")
    assert bench.watch.preparations(OpenCapture("r.1", "a", "t/2026/11/23/r.1.wav", Kind.AUDIO)) == []


async def test_a_party_whom_no_command_can_name_costs_nobody_the_picture(bench: Bench) -> None:
    bench.watch.note(f.LegStarted("a'b@h", AT, UNKNOWN))
    bench.watch.note(f.BridgeEntered("a'b@h", "a:b", AT))
    command = OpenCapture("r.1", "a", "t/2026/11/23/r.1.mp4", Kind.VIDEO)
    assert len(bench.watch.preparations(command)) == 2
    bench.flows["a"] = "sendrecv H264"
    bench.watch.event(reinvite("a"))
    await eventually(lambda: bench.told == [("a", True)])
    bench.watch.opened(command)
    await eventually(lambda: "uuid_video_refresh b" in bench.asked)
    assert not any("'" in line for line in bench.asked)


@pytest.mark.parametrize("leg", ["a b", "a\nreloadxml", "${x}", ""])
def test_what_is_no_leg_id_is_not_sent(leg: str) -> None:
    for word in (verbs.refresh_video, verbs.let_ask_for_key_frames):
        with pytest.raises(verbs.UnsafeArgument):
            word(leg)


def sofia(*codecs: tuple[str, str]) -> ET.Element:
    profiles = "".join(
        f'<profile name="{name}"><param name="inbound-codec-prefs" value="{prefs}"/>'
        f'<param name="outbound-codec-prefs" value="{prefs}"/></profile>'
        for name, prefs in codecs
    )
    return ET.fromstring(f"<configuration>{profiles}</configuration>")


def test_the_doctor_on_video() -> None:
    with_it, without = sofia(("internal", "PCMU, h264"), ("trunk", "PCMU")), sofia(("internal", "PCMU"))
    assert [c.ok for c in findings(True, with_it, ["trunk"])] == [True, True]
    assert [c.ok for c in findings(False, without, [])] == [True], "nobody has to record video"
    [module] = findings(False, with_it, ["trunk"])
    assert not module.ok
    assert "load mod_av" in module.mend
    lacking = [c for c in findings(True, without, []) if not c.ok]
    assert len(lacking) == 2
    assert all("H264" in c.mend and "rescan" in c.mend for c in lacking)


async def test_the_doctor_praises_nothing_that_it_could_not_read() -> None:
    async def api(command: str) -> str:
        return "true" if command.startswith("module_exists") else "-ERR no reply"

    assert [c.what for c in await examine_video(api, {"external"})] == ["module mod_av"]
