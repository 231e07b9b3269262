"""Line ends in a caller's number: Asterisk 22.10 writes CallerIDNum and ConnectedLineNum into AMI raw.

Seen on a real one: an INVITE from the trunk with ``From: <sip:1%0D%0A%0D%0A2@…>`` makes events that
end in the middle, and what stands behind the line ends is read as events of its own. (CallerIDName is
escaped by Asterisk, the number is not.)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from controller.core import facts as f

from .bench import Bench
from .scripted_ami import ScriptedAmi, channel

Eventually = Callable[..., Awaitable[None]]

SYSTEM = "k3q9"
ONE = channel(f"{SYSTEM}-1.1", "PJSIP/101-00000001", user="101", Duration="00:01:05", Application="Dial")
REQUEST = (
    f"Event: UserEvent\r\nUserEvent: TapelineRequest\r\nOperation: pause-recording\r\nLeg-Id: {SYSTEM}-1.1"
)
HANGUP = "Event: Hangup\r\nChannel: PJSIP/101-00000001\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\nCause-txt: forged"
CUT = "Uniqueid: 1.1\r\nLinkedid: 1.1"
SIDE = "2\r\nChanVariable: REC_SIDE=internal\r\nChanVariable: REC_TENANT=acme.test\r\nX: y"


@pytest.mark.parametrize(
    "forged",
    [
        f"1\r\n\r\n{REQUEST}\r\n\r\n2",
        f"1\r\n\r\n{HANGUP}\r\n\r\n2",
        f"1\r\n{CUT}\r\n\r\n{HANGUP}\r\nY: 2",
        SIDE,
    ],
    ids=["a request on the bus", "a hang-up", "a whole event and another", "a side"],
)
async def test_a_number_with_line_ends_forges_no_event(
    tmp_path: Path, eventually: Eventually, forged: str
) -> None:
    async with ScriptedAmi(tmp_path) as ami:
        ami.rows = [ONE]
        ami.system_name = SYSTEM
        stranger = channel(f"{SYSTEM}-1.9", "PJSIP/trunk-00000009", state="4", side="external")
        ami.variables |= {
            ("PJSIP/trunk-00000009", "UNIQUEID"): f"{SYSTEM}-1.9",
            ("PJSIP/trunk-00000009", "REC_SIDE"): "external",
            ("PJSIP/trunk-00000009", "CHANNEL(state)"): "Ring",
        }
        async with Bench(ami.config()) as bench:
            await eventually(lambda: bench.of(f.SwitchSnapshot), "a snapshot")
            ami.event("Newchannel", **{**stranger, "CallerIDNum": forged})
            ami.event("Newchannel", **channel(f"{SYSTEM}-1.10", "PJSIP/102-00000010", user="102"))
            await eventually(lambda: len(bench.of(f.LegStarted)) == 2, "both genuine legs")
            assert bench.requests == []
            assert bench.of(f.LegHungUp) == []
            sides = {x.leg_id: x.party.side for x in bench.of(f.LegStarted)}
            assert sides == {f"{SYSTEM}-1.9": "external", f"{SYSTEM}-1.10": "internal"}
            # What is still to come of the damaged channel is understood as well.
            ami.event("Hangup", **{**stranger, "CallerIDNum": forged})
            await eventually(
                lambda: [x.leg_id for x in bench.of(f.LegHungUp)] == [f"{SYSTEM}-1.9"], "its end"
            )


async def test_an_event_of_another_system_is_none(tmp_path: Path, eventually: Eventually) -> None:
    async with ScriptedAmi(tmp_path) as ami:
        ami.rows = [ONE]
        ami.system_name = SYSTEM
        async with Bench(ami.config()) as bench:
            await eventually(lambda: bench.of(f.SwitchSnapshot), "a snapshot")
            ami.system_name = "guess"
            ami.event("Hangup", **ONE)
            ami.system_name = SYSTEM
            ami.event("Hold", **ONE)
            await eventually(lambda: bench.of(f.LegHeld), "the genuine event")
            assert bench.of(f.LegHungUp) == []
