"""Start loss: how much of what was sent from the answer on is missing at the start of the recording.

One party says a sound in which time can be read from its very first packet on, the other is silent;
the first sample of it in the file tells what is missing. The same is done without a controller, the
switch recording by its own dialplan: that is what the switch itself costs.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from controller.demo.asterisk_lab import AsteriskLab
from controller.demo.freeswitch_lab import FreeSwitchLab
from controller.demo.lab import LabUnavailable
from controller.demo.listen import NotAWav, Wav, read_wav
from controller.demo.phone import Dialog, Phone, RtpStream, Source, digital_silence

from .numbered import Located, numbered
from .result import Aim, Result, Row, percentile
from .telephony import PAIRS, Lab, call, recorded_by_controller, telephones, until

#: Of each switch, party and way of recording; shared out over the pairs.
CALLS = 51
TALK_S = 0.6
#: People take at least so long to answer. What answers at once is measured as well.
RING_S = 0.3
AIM_MS = 20
#: One a call: it names the switch's own file.
_NUMBERS = itertools.count(1000)
PARTIES = ("callee", "caller")

Fetch = Callable[[], Awaitable[Wav]]
#: The recording of a call: asked while it is up, it gives what waits for the file afterwards.
Find = Callable[[Dialog, int], Awaitable[Fetch]]


class PlainFreeSwitch(FreeSwitchLab):
    """Records by itself: record_session on the calling leg, armed before the bridge."""

    #: What names a call's file.
    own_name = "${sip_h_X-Bench}"

    def _write_configuration(self) -> None:
        super()._write_configuration()
        (self.folder / "own").mkdir()
        plan = self.folder / "conf/dialplan/default.xml"
        dial = '<action application="bridge" data="user/'
        record = (
            '<action application="set" data="RECORD_ANSWER_REQ=true"/>'
            f'<action application="record_session" data="{self.folder}/own/{self.own_name}.wav"/>'
        )
        _patch(plan, dial, record + dial)


class PlainAsterisk(AsteriskLab):
    """Records by itself: MixMonitor right before Dial."""

    own_name = "${PJSIP_HEADER(read,X-Bench)}"

    def _write_configuration(self) -> None:
        super()._write_configuration()
        (self.folder / "own").mkdir()
        dial = "exten => _[1-7]XX,1,Dial("
        record = f"MixMonitor({self.folder}/own/{self.own_name}.wav)"
        _patch(self.folder / "etc/extensions.conf", dial, f"exten => _[1-7]XX,1,{record}\n same => n,Dial(")


def run() -> Result:
    result = Result("start_loss", "Start loss: sound missing at the start of the recording")
    for kind, plain, ours in (
        ("asterisk", PlainAsterisk, AsteriskLab),
        ("freeswitch", PlainFreeSwitch, FreeSwitchLab),
    ):
        try:
            labs = plain(), ours()
        except LabUnavailable as error:
            result.notes.append(f"{kind}: not measured here: {error}")
            result.aims.append(
                Aim(f"{kind}: p99 beyond the switch", f"≤ {AIM_MS} ms", "not measured here", None)
            )
            continue
        asyncio.run(_switch(kind, *labs, result))
    return result


async def _switch(kind: str, plain: Lab, ours: Lab, result: Result) -> None:
    async with plain, telephones(plain) as phones, _by_dialplan(plain) as find:
        alone = {party: await _measure(phones, find, party, RING_S) for party in PARTIES}
    async with ours, _by_controller(ours) as find, telephones(ours) as phones:
        controlled = {party: await _measure(phones, find, party, RING_S) for party in PARTIES}
        at_once = await _measure(phones, find, "callee", 0)
    for party in PARTIES:
        result.rows.append(_row(kind, party, "the switch by itself", alone[party]))
        result.rows.append(_row(kind, party, "with Tapeline", controlled[party]))
        extra = percentile(controlled[party], 0.99) - percentile(alone[party], 0.99)
        what = f"{kind}, {party}: p99 beyond the switch"
        result.aims.append(Aim(what, f"≤ {AIM_MS} ms", f"{extra:.1f} ms", extra <= AIM_MS))
    result.rows.append(_row(kind, "callee", "with Tapeline, answered without ringing", at_once))


def _row(kind: str, party: str, way: str, losses: list[float]) -> Row:
    return {
        "switch": kind,
        "whose sound": party,
        "recorded": way,
        "calls": len(losses),
        "missing p50 ms": round(percentile(losses, 0.5), 1),
        "missing p90 ms": round(percentile(losses, 0.9), 1),
        "missing p99 ms": round(percentile(losses, 0.99), 1),
        "max ms": round(max(losses), 1),
    }


async def _measure(phones: dict[str, Phone], find: Find, party: str, ring_s: float) -> list[float]:
    """ms missing, one a call."""
    for phone in phones.values():
        phone.answer_delay = ring_s
    share = CALLS // len(PAIRS)
    # Made before and compared after: both hold this process up, and with it the phones of the other pairs.
    sounds = [numbered(number) for number in range(len(PAIRS))]
    made = await asyncio.gather(
        *(_pair(phones, *pair, party, share, find, sound) for pair, sound in zip(PAIRS, sounds, strict=True))
    )
    losses = []
    for audio, stream in (one for pair in made for one in pair):
        first = Located(await audio(), stream).first()
        # Nothing of it in the file: all of it is missing.
        losses.append(first / 8 if first is not None else TALK_S * 1000)
    return losses


async def _pair(
    phones: dict[str, Phone], caller: str, callee: str, party: str, count: int, find: Find, sound: Source
) -> list[tuple[Fetch, RtpStream]]:
    """One call after the other; how each one's recording is had, and the stream that spoke."""
    made = []
    for _ in range(count):
        number = next(_NUMBERS)
        phones[caller].source = phones[callee].source = digital_silence()
        phones[caller if party == "caller" else callee].source = sound
        a, b = await call(phones, caller, callee, headers=[f"X-Bench: {number}"])
        audio = await find(a, number)
        await asyncio.sleep(TALK_S)
        await a.bye()
        made.append((audio, (a if party == "caller" else b).rtp))
    return made


@asynccontextmanager
async def _by_controller(lab: Lab) -> AsyncIterator[Find]:
    async with recorded_by_controller(lab) as recorder:

        async def find(dialog: Dialog, number: int) -> Fetch:
            call_id = await recorder.call_id(dialog.phone.user)
            return lambda: recorder.audio(call_id)

        yield find


@asynccontextmanager
async def _by_dialplan(lab: Lab) -> AsyncIterator[Find]:
    async def find(dialog: Dialog, number: int) -> Fetch:
        path = lab.folder / f"own/{number}.wav"

        async def closed() -> bool:
            """The switch writes the sizes into the header last of all."""
            try:
                return path.read_bytes()[40:44] not in (b"", bytes(4)) and read_wav(path).duration_ms > 0
            except (OSError, NotAWav):
                return False

        async def audio() -> Wav:
            await until(closed, f"{path.name} is closed")
            return read_wav(path)

        return audio

    yield find


def _patch(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if old not in text:
        raise ValueError(f"{path.name} has changed: {old!r} is not in it")
    path.write_text(text.replace(old, new))
