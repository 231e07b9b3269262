"""The event-socket connection against a server that does all that a broken or hostile one may."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import pytest

from controller.switches.freeswitch import connection
from controller.switches.freeswitch.connection import ConnectionLost, Event, EventSocket, WrongPassword

from .scripted_esl import HOST, ScriptedEsl, event_frame, reply

Eventually = Callable[..., Awaitable[None]]


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_S", 0.4)


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("esl-")]


def sink(_: Iterable[Event]) -> None:
    pass


async def opened(esl: ScriptedEsl, on_events: Callable[[Iterable[Event]], None] = sink) -> EventSocket:
    link = EventSocket(HOST, esl.port, "right", on_events)
    await link.open()
    return link


async def refused(esl: ScriptedEsl) -> ConnectionLost:
    """Why it cannot be opened; and that its thread has ended."""
    link = EventSocket(HOST, esl.port, "right", sink)
    with pytest.raises(ConnectionLost) as error:
        async with asyncio.timeout(3):
            await link.open()
    await link.close()
    assert threads() == []
    return error.value


# ── the beginning ─────────────────────────────────────────────────────────────────────────


async def test_wrong_password(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path, password="another") as esl:
        error = await refused(esl)
        assert isinstance(error, WrongPassword)
        assert "event_socket.conf.xml" in str(error)
        assert "right" not in str(error)


async def test_rude_rejection(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        text = b"Access Denied, go away.\n"
        esl.greeting = b"Content-Type: text/rude-rejection\nContent-Length: %d\n\n%s" % (len(text), text)
        assert "apply-inbound-acl" in str(await refused(esl))


@pytest.mark.parametrize(
    "greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"Content-Type: "]
)
async def test_a_peer_that_does_not_greet(tmp_path: Path, greeting: bytes) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        esl.greeting = greeting
        assert "is the port right?" in str(await refused(esl))


async def test_a_peer_that_greets_and_then_says_nothing(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        esl.silent = ("auth",)
        assert "does not answer the authentication" in str(await refused(esl))


async def test_a_peer_that_speaks_nonsense(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        esl.greeting = b"Content-Type: auth/request\nContent-Length: -5\n\n"
        assert "content length" in str(await refused(esl))


async def test_nobody_listens(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        await esl.stop()
        assert "is FreeSWITCH running" in str(await refused(esl))


# ── the end ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "last", [b"", b'Content-Length: 100\nContent-Type: text/event-json\n\n{"a":', b"Conte"]
)
async def test_an_end_in_the_middle_of_a_frame_is_an_end(tmp_path: Path, last: bytes) -> None:
    got: list[Event] = []
    async with ScriptedEsl(tmp_path) as esl:
        link = await opened(esl, got.extend)
        waiting = asyncio.create_task(link.send("api hostname", 5))
        esl.silent = ("api",)
        esl.send(event_frame({"Event-Name": "HEARTBEAT"}) + last)
        for writer in esl._writers:
            writer.write_eof()
        async with asyncio.timeout(2):
            await link.closed
        with pytest.raises(ConnectionLost):
            await waiting
        assert got == [{"Event-Name": "HEARTBEAT"}], "what came before the end is not lost"
        with pytest.raises(ConnectionLost):
            await link.send("api hostname", 1)
        await link.close()
        assert threads() == []


async def test_a_bad_frame_ends_the_connection(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        link = await opened(esl)
        esl.send(b"Content-Length: 99999999999999999999\n\n")
        async with asyncio.timeout(2):
            assert "content length" in await link.closed
        await link.close()


async def test_the_switch_says_goodbye(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        link = await opened(esl)
        esl.send(b"Content-Type: text/disconnect-notice\nContent-Length: 4\n\nBye\n")
        for writer in esl._writers:
            writer.write_eof()
        async with asyncio.timeout(2):
            assert "FreeSWITCH has closed" in await link.closed
        await link.close()


async def test_odd_frames_are_passed_over(tmp_path: Path, eventually: Eventually) -> None:
    got: list[Event] = []
    async with ScriptedEsl(tmp_path) as esl:
        link = await opened(esl, got.extend)
        esl.send(
            b"\n\n\nContent-Type: log/data\nContent-Length: 3\n\nabc"
            + event_frame({"a": "1"}).replace(b'"1"', b'"\xff"')
            + b"Content-Type: text/event-json\nContent-Length: 4\n\nnull"
            + b"Content-Type: text/event-plain\nContent-Length: 8\n\nA: b%0AC"
            + reply("+OK nobody asked")
            + event_frame({"a": "2"})
        )
        await eventually(lambda: len(got) == 2, "both events")
        assert got == [{"a": "\ufffd"}, {"a": "2"}]
        assert await link.send("api hostname", 1) == "scripted"
        await link.close()


# ── commands and replies ──────────────────────────────────────────────────────────────────


async def test_a_timed_out_command_keeps_its_place(tmp_path: Path, eventually: Eventually) -> None:
    """Its reply comes late and is nobody's; the next command gets its own."""
    async with ScriptedEsl(tmp_path) as esl:
        link = await opened(esl)
        esl.silent = ("api",)
        with pytest.raises(TimeoutError):
            await link.send("api first", 0.05)
        second = asyncio.create_task(link.send("api second", 5))
        await eventually(lambda: "api second" in esl.commands, "the second command")
        for text in (b"answer to first", b"answer to second"):
            esl.send(b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(text), text))
        assert await second == "answer to second"
        await link.close()


async def test_many_commands_at_once_get_their_own_replies(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        esl.refused = {f"echo {n:03} ": f"answer {n:03}" for n in range(200)}
        link = await opened(esl)
        link.eager = True
        answers = await asyncio.gather(*(link.send(f"api echo {n:03} ", 5) for n in range(200)))
        assert answers == [f"answer {n:03}" for n in range(200)]
        await link.close()


@pytest.mark.parametrize("text", ["api a\n\napi b", "api a\r", "api a\0", "auth x\r\nexit"])
async def test_two_messages_in_one_are_not_sent(tmp_path: Path, text: str) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        link = await opened(esl)
        with pytest.raises(ValueError, match="line end"):
            await link.send(text, 1)
        assert await link.send("api hostname", 1) == "scripted"
        assert esl.commands == ["auth right", "api hostname"]
        await link.close()


@pytest.mark.parametrize("size", [10, 30_000_000], ids=["a command", "more than the buffers hold"])
async def test_a_peer_that_reads_nothing_holds_nobody_up(tmp_path: Path, size: int) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        link = await opened(esl)
        esl.frozen = True
        link.eager = True
        started = time.monotonic()
        first = asyncio.create_task(link.send("api " + "x" * size, 5))
        with pytest.raises(TimeoutError):
            await link.send("api hostname", 0.1)
        await link.close()
        with pytest.raises(ConnectionLost):
            await first
        assert time.monotonic() - started < 3
        esl.frozen = False
        assert threads() == []


async def test_a_command_sent_while_the_connection_ends_is_failed_at_once(tmp_path: Path) -> None:
    for _ in range(20):
        async with ScriptedEsl(tmp_path) as esl:
            esl.silent = ("api",)
            link = await opened(esl)
            esl.drop()
            sent = []
            while not link.closed.done():
                sent.append(asyncio.create_task(link.send("api hostname", 30)))
                await asyncio.sleep(0.0003)
            async with asyncio.timeout(3):
                results = await asyncio.gather(*sent, return_exceptions=True)
            assert {type(r) for r in results} == {ConnectionLost}
            await link.close()


# ── life and numbers ──────────────────────────────────────────────────────────────────────


async def test_fifty_connections_leave_nothing_behind(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:

        async def once() -> None:
            link = await opened(esl)
            assert await link.send("api hostname", 2) == "scripted"
            await link.close()
            await link.close()  # twice is as good as once

        await once()
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(50):
            await once()
        assert threads() == []
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 3


def resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


class Flood:
    """A server in a thread of its own that sends events as fast as they are taken."""

    def __init__(self, count: int, size: int) -> None:
        self._socket = socket.create_server((HOST, 0))
        self.port = self._socket.getsockname()[1]
        self.sent = 0
        self._count, self._filler = count, "x" * size
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        peer, _ = self._socket.accept()
        with peer, self._socket:
            peer.sendall(b"Content-Type: auth/request\n\n")
            peer.recv(1000)
            peer.sendall(reply("+OK accepted"))
            tail = f'", "filler": "{self._filler}"}}'.encode()
            for number in range(self._count):
                body = b'{"Event-Name": "HEARTBEAT", "Event-Sequence": "%d' % number + tail
                peer.sendall(b"Content-Length: %d\nContent-Type: text/event-json\n\n%s" % (len(body), body))
                self.sent += 1
            peer.recv(1000)  # until the client closes


@pytest.mark.slow
async def test_sixty_thousand_events_and_a_slow_reader(eventually: Eventually) -> None:
    """None is lost, the order is kept, and the switch is held back instead of the memory being filled:
    the same events took greenswitch as it is 1.5 GB."""
    count, numbers = 60_000, []
    before, peak, behind = resident_mb(), 0.0, 0
    flood = Flood(count, size=6000)

    def slow(events: Iterable[Event]) -> None:
        nonlocal peak, behind
        burst = [int(event["Event-Sequence"]) for event in events]
        numbers.extend(burst)
        time.sleep(len(burst) * 20e-6 + (0.25 if len(numbers) % 7 == 0 else 0))  # a loop that is busy
        peak, behind = max(peak, resident_mb()), max(behind, flood.sent - len(numbers))

    link = EventSocket(HOST, flood.port, "right", slow)
    await link.open()
    await eventually(lambda: len(numbers) >= count, "all events", within=100)
    await link.close()
    assert numbers == list(range(count))
    assert peak - before < 100, f"{peak - before:.0f} MB more than before"
    assert behind < 20_000, "TCP held the sender back"
