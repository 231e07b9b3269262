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

ONE = channel("u1", "PJSIP/101-00000001", user="101", Duration="00:01:05", Application="Dial")
REQUEST = "Event: UserEvent\r\nUserEvent: TapelineRequest\r\nOperation: pause-recording\r\nLeg-Id: u1"
HANGUP = "Event: Hangup\r\nChannel: PJSIP/101-00000001\r\nUniqueid: u1\r\nLinkedid: u1\r\nCause-txt: forged"


@pytest.mark.xfail(strict=True, reason="whoever calls from a trunk can forge AMI events: not yet fenced")
@pytest.mark.parametrize("forged", [REQUEST, HANGUP], ids=["a request on the bus", "a hang-up"])
async def test_a_number_with_line_ends_forges_no_event(
    tmp_path: Path, eventually: Eventually, forged: str
) -> None:
    async with ScriptedAmi(tmp_path) as ami:
        ami.rows = [ONE]
        async with Bench(ami.config()) as bench:
            await eventually(lambda: bench.of(f.SwitchSnapshot), "a snapshot")
            stranger = channel("u9", "PJSIP/trunk-00000009", state="4", side="external")
            ami.event("Newchannel", **{**stranger, "CallerIDNum": f"1\r\n\r\n{forged}\r\n\r\n2"})
            ami.event("Newchannel", **channel("u10", "PJSIP/102-00000010", user="102"))
            await eventually(
                lambda: any(x.leg_id == "u10" for x in bench.of(f.LegStarted)), "the next genuine event"
            )
            assert bench.requests == []
            assert bench.of(f.LegHungUp) == []
