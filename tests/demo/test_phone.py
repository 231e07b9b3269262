"""Two scripted phones call each other over loopback, with no switch between them."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import time
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest

from controller.demo import listen
from controller.demo.phone import (
    CallRefused,
    Credentials,
    Dialog,
    Message,
    NoResponse,
    Phone,
    PhoneError,
    digital_silence,
    room,
    tone,
)
from controller.demo.phone import acks as acks_module
from controller.demo.phone import transactions as transactions_module
from controller.demo.phone.message import response, tag_of, uri_of, user_of

Pair = tuple[Phone, Phone]


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """101 says 440 Hz, 102 says 1000 Hz; each is the other's server."""
    anna = Phone("101", "127.0.30.1", ("127.0.30.2", 0), source=tone(440))
    ben = Phone("102", "127.0.30.2", ("127.0.30.1", 0), source=tone(1000))
    await anna.start()
    await ben.start()
    anna.server, ben.server = ("127.0.30.2", ben.port), ("127.0.30.1", anna.port)
    yield anna, ben
    sockets = [d.rtp._socket for p in (anna, ben) for d in p.dialogs]
    await asyncio.gather(anna.close(), ben.close())
    assert asyncio.all_tasks() <= {asyncio.current_task()}, "a task was left behind"
    assert all(s.fileno() == -1 for s in sockets), "a socket was left behind"


async def until(condition: Callable[[], object], timeout: float = 5.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


async def connect(anna: Phone, ben: Phone) -> tuple[Dialog, Dialog]:
    mine = await anna.call("102")
    theirs = await ben.next_call(where=lambda d: d.call_id == mine.call_id)
    await theirs.answered()
    return mine, theirs


def heard_ms(dialog: Dialog, freq: int) -> int:
    return sum(s.duration_ms for s in listen.spans(dialog.rtp.samples(), 8000, freq))


async def test_a_call_with_tones_both_ways(pair: Pair) -> None:
    mine, theirs = await connect(*pair)
    await until(lambda: len(mine.rtp.heard) >= 30 and len(theirs.rtp.heard) >= 30)
    assert heard_ms(mine, 1000) >= 550
    assert heard_ms(theirs, 440) >= 550
    assert heard_ms(mine, 440) == 0
    assert mine.rtp.port % 2 == theirs.rtp.port % 2 == 0
    assert mine.answered_at == pytest.approx(time.time(), abs=5)
    await mine.bye()
    await theirs.wait_ended()
    assert (mine.ended_by, theirs.ended_by) == ("local", "remote")
    assert await mine.bye() is None


async def test_session_id_of_both_sides_and_extra_headers(pair: Pair) -> None:
    anna, ben = pair
    ben.answer_headers = ("X-Session-Id: for-the-caller",)
    mine = await anna.call("102", headers=["X-Session-Id: for-the-callee", "X-Odd:  a, b;c"])
    theirs = await ben.next_call()
    assert mine.session_id == "for-the-caller"
    assert theirs.session_id == "for-the-callee"
    assert theirs.invite is not None
    assert theirs.invite.get("X-Odd") == "a, b;c"
    assert theirs.called == "102"


async def test_packets_keep_exact_pace_over_three_seconds(pair: Pair) -> None:
    mine, theirs = await connect(*pair)
    await until(lambda: len(mine.rtp.sent) > 150 and len(theirs.rtp.heard) > 150)
    sent = mine.rtp.sent[:151]
    # Every packet against its own due time, so an error that adds up cannot hide in an average.
    # 60 ms allow for a stall of the machine; a clock that loses 1 ms a packet would be 150 ms off.
    late = np.array([s.at for s in sent]) - sent[0].at - 0.02 * np.arange(151)
    assert abs(np.median(late)) < 0.005
    assert np.abs(late).max() < 0.060
    steps = np.diff([s.timestamp for s in sent]) % (1 << 32)
    assert set(steps.tolist()) == {160}
    sequence = np.diff([h.sequence for h in theirs.rtp.heard[:151]]) % (1 << 16)
    assert set(sequence.tolist()) == {1}


async def test_after_a_stall_no_burst_and_nothing_lost(pair: Pair) -> None:
    mine, _ = await connect(*pair)
    await until(lambda: len(mine.rtp.sent) > 10)
    time.sleep(0.2)  # the whole loop stands still: ten packets are owed
    before = len(mine.rtp.sent)
    start = mine.rtp.sent[0].at
    await until(lambda: len(mine.rtp.sent) > before + 30)
    times = np.array([s.at for s in mine.rtp.sent])
    for at in times[before:]:
        assert ((times >= at) & (times < at + 0.008)).sum() <= 2
    assert times[-1] - start == pytest.approx(0.02 * (len(times) - 1), abs=0.060)


async def test_digits_by_rfc_4733(pair: Pair) -> None:
    mine, theirs = await connect(*pair)
    asked = time.time()
    left = await mine.send_digits("*48", duration_ms=100, gap_ms=80)
    assert left == mine.rtp.sent_digits[-1].last_at
    assert 0 <= time.time() - left < 0.2
    # Three digits of 100 ms with two gaps of 80; the first packet of each takes no time.
    assert left - asked == pytest.approx(3 * 0.08 + 2 * 0.1, abs=0.08)
    await until(lambda: theirs.rtp.digits == "*48")
    ends = [s for s in mine.rtp.sent if s.payload_type == 101]
    assert len(ends) == 3 * (4 + 3)
    assert len({s.timestamp for s in ends}) == 3
    assert mine.rtp.digits == ""
    with pytest.raises(PhoneError):
        await mine.send_digits("4x")


async def test_digits_end_with_the_call(pair: Pair) -> None:
    mine, _ = await connect(*pair)
    dialling = asyncio.ensure_future(mine.send_digits("123456789"))
    await until(lambda: mine.rtp.sent_digits)
    await mine.bye()
    with pytest.raises(PhoneError):
        await dialling


async def test_digits_by_info(pair: Pair) -> None:
    mine, theirs = await connect(*pair)
    await mine.send_info_digits("*4")
    assert [m.body.split("\r\n")[0] for m in theirs.infos] == ["Signal=*", "Signal=4"]
    assert theirs.infos[0].get("Content-Type") == "application/dtmf-relay"


async def test_hold_and_unhold(pair: Pair) -> None:
    mine, theirs = await connect(*pair)
    await until(lambda: theirs.rtp.heard)
    await mine.hold()
    assert theirs.held_by_peer
    quiet_from = len(mine.rtp.sent), len(theirs.rtp.sent)
    clock = mine.rtp._number
    await until(lambda: mine.rtp._number >= clock + 15)
    assert (len(mine.rtp.sent), len(theirs.rtp.sent)) == quiet_from
    await mine.unhold()
    assert not theirs.held_by_peer
    await until(lambda: len(mine.rtp.sent) > quiet_from[0] and len(theirs.rtp.sent) > quiet_from[1])
    # The time line has a hole and no jump back: 15 packets and more are missing in it.
    gap = (mine.rtp.sent[quiet_from[0]].timestamp - mine.rtp.sent[quiet_from[0] - 1].timestamp) % (1 << 32)
    assert gap >= 16 * 160
    assert gap % 160 == 0


async def test_both_hold_at_once(pair: Pair) -> None:
    mine, theirs = await connect(*pair)
    results = await asyncio.gather(mine.hold(), theirs.hold(), return_exceptions=True)
    # Each refuses the other's re-INVITE while its own is under way (491); trying again may settle it
    # or may fail, but the call is never lost and says who is held.
    assert all(r is None or isinstance(r, PhoneError) for r in results)
    assert mine.alive
    assert theirs.alive


async def test_messages_in_and_out_of_dialog(pair: Pair) -> None:
    anna, ben = pair
    mine, theirs = await connect(anna, ben)
    reply = await mine.message("pause-audio-recording", content_length=5)
    assert reply.status == 200
    assert reply.sent_at <= reply.at
    (inside,) = theirs.messages
    assert inside.body == "pause"  # what a wrong Content-Length leaves of it
    assert inside.get("Content-Type") == "application/x-media-control"
    sent = next(data for _, way, data in anna.trace if way == ">" and data.startswith(b"MESSAGE"))
    assert sent.endswith(b"pause-audio-recording")
    outside = await anna.message("102", '{"operation": "x"}', "application/x-media-control+json")
    assert outside.status == 200
    assert ben.messages[-1].body == '{"operation": "x"}'
    assert ben.messages == [inside, ben.messages[-1]]
    assert theirs.messages == [inside]
    await anna.message("102", "x", "text/plain", from_user="mallory")
    assert "sip:mallory@" in ben.messages[-1].get("From")


@pytest.mark.parametrize(
    "name",
    [
        "x%0AUnique-ID: forged-by-caller",
        "a,b;c=${d}'<>",
        "../../etc/passwd",
        "Zoë \u2028 \U0001f4de",
        "n" * 4000,
        "bytes \udcff\udcfe",
    ],
)
async def test_hostile_names_arrive_as_they_are(pair: Pair, name: str) -> None:
    anna, ben = pair
    mine = await anna.call("102", display_name=name)
    theirs = await ben.next_call()
    assert theirs.invite is not None
    assert theirs.invite.get("From").startswith(f'"{name}" <sip:101@')
    assert tag_of(theirs.invite.get("From")) == mine.local_tag
    await theirs.bye()
    await mine.wait_ended()


async def test_a_whole_from_header_is_sent_as_it_is(pair: Pair) -> None:
    anna, ben = pair
    mine = await anna.dial("102", from_header='"a" <sip:evil@x.example>;tag=mine\r\nX-Injected: yes')
    theirs = await ben.next_call()
    assert theirs.invite is not None
    assert theirs.invite.get("From") == '"a" <sip:evil@x.example>;tag=mine'
    assert theirs.invite.get("X-Injected") == "yes"
    mine.abandon()
    theirs.abandon()


async def test_cancel_before_the_answer(pair: Pair) -> None:
    anna, ben = pair
    ben.auto_answer = False
    mine = await anna.dial("102")
    await mine.ringing.wait()
    theirs = await ben.next_call()
    await mine.cancel()
    with pytest.raises(CallRefused) as refused:
        await mine.answered()
    assert refused.value.status == 487
    await theirs.wait_ended()
    assert theirs.ended_by == mine.ended_by == "cancelled"
    assert mine.answered_at is None
    with pytest.raises(PhoneError):
        theirs.answer()


async def test_refused_and_answered_by_hand(pair: Pair) -> None:
    anna, ben = pair
    ben.auto_answer = False
    mine = await anna.dial("102")
    (await ben.next_call()).refuse(603, "Decline")
    with pytest.raises(CallRefused) as refused:
        await mine.answered()
    assert refused.value.status == 603
    ben.refuse_with = (486, "Busy Here")
    with pytest.raises(CallRefused):
        await anna.call("102")
    ben.refuse_with = None
    mine = await anna.dial("102")
    theirs = await ben.next_call()
    assert not mine.established.is_set()
    theirs.answer()
    await mine.answered()


async def test_transfer_asks_with_refer_and_follows_the_notify(pair: Pair) -> None:
    mine, theirs = await connect(*pair)
    assert (await mine.refer("103")).status == 603  # a phone is no switch
    notify = ["Event: refer", "Subscription-State: terminated;reason=noresource"]
    await theirs.request("NOTIFY", "SIP/2.0 100 Trying", "message/sipfrag", notify)
    assert not mine._transfer._done.is_set()
    await theirs.request("NOTIFY", "SIP/2.0 200 OK\r\n", "message/sipfrag", notify)
    assert mine.transfer_statuses == [100, 200]
    asked = next(m for _, way, m in mine.phone.trace if way == ">" and m.startswith(b"REFER"))
    assert Message.parse(asked).get("Refer-To") == f"<{mine.phone.uri('103')}>"


async def test_attended_transfer_names_the_other_call(pair: Pair) -> None:
    anna, ben = pair
    first, _ = await connect(anna, ben)
    second, _ = await connect(anna, ben)
    assert await first.transfer(second) == 603
    asked = next(m for _, way, m in anna.trace if way == ">" and m.startswith(b"REFER"))
    to = Message.parse(asked).get("Refer-To")
    call_id = second.call_id.replace("@", "%40")
    want = f"?Replaces={call_id}%3Bto-tag%3D{second.remote_tag}%3Bfrom-tag%3D{second.local_tag}>"
    assert to == f"<{anna.uri('102')}{want}"


async def test_close_hangs_up(pair: Pair) -> None:
    anna, ben = pair
    _, theirs = await connect(anna, ben)
    ben.auto_answer = False
    await anna.dial("102")
    ringing = await ben.next_call()
    await anna.close()
    await theirs.wait_ended()
    await ringing.wait_ended()
    assert (theirs.ended_by, ringing.ended_by) == ("remote", "cancelled")
    await anna.close()


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


class Lossy:
    """A registrar of few words: loses what it is told to, and challenges."""

    def __init__(self, lose: int = 0) -> None:
        self.lose = lose
        self.seen: list[Message] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.30.9", 0))
        self.socket.setblocking(False)
        self.address = self.socket.getsockname()
        asyncio.get_running_loop().add_reader(self.socket, self.receive)

    def receive(self) -> None:
        data, peer = self.socket.recvfrom(65536)
        message = Message.parse(data)
        self.seen.append(message)
        if self.lose:
            self.lose -= 1
            return
        given = message.get("Authorization")
        if given:
            good = f'response="{self.right_answer(message, given)}"' in given and 'opaque="o"' in given
            reply = response(message, 200 if good else 403, "OK" if good else "Forbidden")
        else:
            nonce = 'Digest realm="x", nonce="abc", qop="auth,auth-int", algorithm=MD5, opaque="o"'
            reply = response(message, 401, "Unauthorized", extra=[f"WWW-Authenticate: {nonce}"])
        self.socket.sendto(reply, peer)

    @staticmethod
    def right_answer(message: Message, given: str) -> str:
        """RFC 7616 section 3.4.1, written out once more for the password "right"."""
        cnonce = given.partition('cnonce="')[2].partition('"')[0]
        secret, wanted = md5("101:x:right"), md5(f"{message.method}:{message.uri}")
        return md5(f"{secret}:abc:00000001:{cnonce}:auth:{wanted}")

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()


@pytest.fixture
async def registrar() -> AsyncIterator[Lossy]:
    server = Lossy()
    yield server
    server.close()


async def test_register_with_digest_and_again(registrar: Lossy) -> None:
    async with Phone("101", "127.0.30.1", registrar.address, "right") as phone:
        await phone.register(expires=1)
        # challenged, answered; and the same again half a second later by itself
        await until(lambda: len(registrar.seen) >= 4)
    assert {m.method for m in registrar.seen} == {"REGISTER"}
    assert len({m.get("Call-ID") for m in registrar.seen}) == 1
    assert [m.cseq for m in registrar.seen[:4]] == [1, 2, 3, 4]
    assert registrar.seen[0].get("Contact") == f"<sip:101@127.0.30.1:{phone.port}>"


async def test_a_wrong_password_is_refused(registrar: Lossy) -> None:
    async with Phone("101", "127.0.30.1", registrar.address, "wrong") as phone:
        with pytest.raises(PhoneError, match="403"):
            await phone.register()
        reply = await phone.message("x", "b", "text/plain", credentials=Credentials("101", "right"))
        assert reply.status == 200


async def test_a_lost_request_is_sent_again(registrar: Lossy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions_module, "T1", 0.02)
    registrar.lose = 2
    async with Phone("101", "127.0.30.1", registrar.address, "right") as phone:
        assert (await phone.message("x", "b", "text/plain")).status == 200
    assert [m.cseq for m in registrar.seen] == [1, 1, 1, 2]
    assert len({m.branch for m in registrar.seen}) == 2


async def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions_module, "T1", 0.01)
    monkeypatch.setattr(transactions_module.Transactions.request, "__defaults__", (None, 0.2))
    async with Phone("101", "127.0.30.1", ("127.0.30.9", 9)) as phone:
        with pytest.raises(NoResponse):
            await phone.message("x", "b", "text/plain")
        with pytest.raises(CallRefused) as refused:
            await phone.call("102")
        assert refused.value.status == 0


async def test_a_repeated_request_is_answered_again_and_counts_once(pair: Pair) -> None:
    anna, ben = pair
    await anna.message("102", "once", "text/plain")
    data = next(m for _, way, m in anna.trace if way == ">" and m.startswith(b"MESSAGE"))
    anna.send(data, anna.server)
    await until(lambda: sum(m.startswith(b"SIP/2.0 200") for _, way, m in anna.trace if way == "<") == 2)
    assert len(ben.messages) == 1


async def test_a_lost_200_is_sent_again_and_acknowledged_again(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acks_module, "T1", 0.05)
    anna, ben = pair
    deaf, real = True, anna.send

    def send(data: bytes, address: tuple[str, int]) -> None:
        if not (deaf and data.startswith(b"ACK")):
            real(data, address)

    monkeypatch.setattr(anna, "send", send)
    mine = await anna.call("102")
    await until(lambda: sum(m.startswith(b"SIP/2.0 200") for _, way, m in anna.trace if way == "<") >= 3)
    theirs = await ben.next_call()
    assert not theirs.acks.received
    deaf = False
    await until(lambda: theirs.acks.received)
    assert mine.alive


def test_addresses() -> None:
    assert tag_of('"a;tag=x" <sip:b@c>;tag=y') == "y"
    assert tag_of("<sip:b@c;tag=z>") == ""
    assert uri_of('"<sip:evil@x>" <sip:b@c:5060;transport=udp>;tag=y') == "sip:b@c:5060;transport=udp"
    assert user_of("sip:+49;ext=1@host") == "+49"


def test_sources_never_hold_digital_silence_unless_asked() -> None:
    assert set(digital_silence().packet(3)) == {0xFF}
    source = room()
    wrapped = [source.packet(n) for n in range(len(source.loop) // 160 - 1, len(source.loop) // 160 + 1)]
    assert all(len(p) == 160 for p in wrapped)
    assert not {0xFF, 0x7F} & set(b"".join(wrapped))
