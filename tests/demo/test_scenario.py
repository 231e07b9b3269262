"""The demo's table is consistent, and the driver plays it; here through a proxy of forty lines."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from controller.demo import listen, scenario
from controller.demo.calls import CALLS, RECORDED_USERS, DemoCall, Hold, Pause, Side, Transfer, Way
from controller.demo.phone import Message
from controller.demo.speech import speech

USERS = {"101": ("a", "acme.test"), "102": ("b", "acme.test"), "201": ("c", "other.test")}


class Proxy(asyncio.DatagramProtocol):
    """A stateless proxy (RFC 3261 section 16.11): users by registration, +numbers at the trunk."""

    def __init__(self) -> None:
        self.sip_host, self.trunk_ip = "127.0.41.1", "127.0.41.2"
        self.users = dict(USERS)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((self.trunk_ip, 0))
            self.trunk_port: int = probe.getsockname()[1]
        self.sip_port = 0
        self.where: dict[str, tuple[str, int]] = {}

    @property
    def trunk_entry(self) -> tuple[str, int]:
        return self.sip_host, self.sip_port

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.sip_host, 0))
        self.sip_port = self.transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = Message.parse(data)
        if not message.is_request:
            # Our Via is the first one; the next says where the response goes.
            data = re.sub(rb"\r\nVia: [^\r]*", b"", data, count=1)
            found = re.search(r"UDP ([\d.]+):(\d+)", message.all("via")[1])
            assert found is not None
            self.transport.sendto(data, (found.group(1), int(found.group(2))))
            return
        if message.method == "REGISTER":
            self.where[re.search(r"sip:(\w+)@", message.get("to")).group(1)] = addr  # type: ignore[union-attr]
            lines = [f"{n}: {v}" for n, v in message.headers if n in ("via", "from", "to", "call-id", "cseq")]
            self.transport.sendto("\r\n".join(["SIP/2.0 200 OK", *lines, "", ""]).encode(), addr)
            return
        number = message.uri.partition(":")[2].partition("@")[0]
        to = (self.trunk_ip, self.trunk_port) if number.startswith("+") else self.where[number]
        via = f"\r\nVia: SIP/2.0/UDP {self.sip_host}:{self.sip_port};branch={message.branch}p\r\n"
        self.transport.sendto(data.replace(b"\r\n", via.encode(), 1), to)


@pytest.fixture
async def lab() -> AsyncIterator[Proxy]:
    proxy = Proxy()
    await proxy.start()
    yield proxy
    proxy.transport.close()


async def test_calls_are_played_and_told(lab: Proxy) -> None:
    calls = (
        DemoCall("code", "101", "102", 1_500, (Pause(Side.CALLER, Way.CODE, 200, 900),)),
        DemoCall("dialog", "201", "+4930111", 900, (Pause(Side.CALLER, Way.DIALOG, 200, 500),)),
        DemoCall("in", "+4930222", "101", 800, (Hold(Side.CALLEE, 200, 500),), start_ms=2_600),
    )
    said: list[str] = []
    async with scenario.open_phones(lab, "127.0.42") as phones:
        code, dialog, held = played = await scenario.play(lab, phones, said.append, calls)
        assert [p.failure for p in played] == ["", "", ""]
        heard = phones.users["102"].dialogs[0].rtp
        assert heard.digits == "*48*49"  # no switch swallows them here
        assert phones.trunk.messages[-1].body == "resume-audio-recording"
        # Between the two codes the agent is heard; fifteen packets before that were digits.
        at, score = listen.locate(heard.samples(), speech.load(speech.AGENT)[5_600:7_000])
        assert score > listen.MATCH_MIN
        assert at == pytest.approx(5_600 - 15 * 160, abs=800)
    for call in played:
        assert call.answered_at is not None
        assert call.ended_at is not None
        talked = (call.ended_at - call.answered_at).total_seconds() * 1000
        assert talked == pytest.approx(call.call.talk_ms, abs=300)
        assert len(set(call.sip_call_ids)) == 1  # a proxy is no B2BUA
    for call, resumed in ((code, 900), (dialog, 500)):
        (pause,) = call.pauses
        assert call.answered_at is not None
        assert pause.resumed_at is not None
        assert (pause.paused_at - call.answered_at).total_seconds() >= 0.2
        assert (pause.resumed_at - call.answered_at).total_seconds() * 1000 >= resumed
    ((began, ended),) = held.holds
    assert (ended - began).total_seconds() == pytest.approx(0.3, abs=0.15)
    assert any("paused by feature code" in s for s in said)


async def test_a_call_that_fails_says_so_and_the_others_go_on(lab: Proxy) -> None:
    calls = (
        DemoCall("no session id", "101", "102", 600, (Pause(Side.CALLER, Way.MESSAGE, 100, 200),)),
        DemoCall("refused", "201", "+4930111", 600, (Transfer(Side.CALLER, "+4930222", 100, 100),)),
    )
    async with scenario.open_phones(lab, "127.0.42") as phones:
        first, second = await scenario.play(lab, phones, lambda _: None, (calls[0], calls[1]))
        assert all(d.ended.is_set() for p in phones.users.values() for d in p.dialogs)
    assert "X-Session-Id" in first.failure
    assert second.failure
    assert first.answered_at is not None
    assert not first.pauses


def test_the_table_is_consistent() -> None:
    card = speech.card_turn()
    settings = {user for _, user in RECORDED_USERS} | {"201", "202"}
    busy: dict[str, list[tuple[int, int]]] = {}
    for call in CALLS:
        inside = {n for n in (call.caller, call.callee) if not n.startswith("+")}
        assert call.recorded is bool(inside & settings), call
        length = call.talk_ms + sum(s.then_ms for s in call.steps if isinstance(s, Transfer))
        for number in inside:
            busy.setdefault(number, []).append((call.start_ms, call.start_ms + length + 1_000))
        for step in call.steps:
            assert step.from_ms <= call.talk_ms
            if isinstance(step, Pause):
                assert step.from_ms < card.from_ms - 500
                assert step.to_ms > card.to_ms
    for spans in busy.values():
        ordered = sorted(spans)
        assert all(a[1] <= b[0] for a, b in pairwise(ordered))
    asked = {s.way for c in CALLS for s in c.steps if isinstance(s, Pause)}
    assert asked == set(Way)
