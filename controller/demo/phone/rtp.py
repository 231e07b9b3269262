"""One audio stream: a 20 ms PCMU clock that keeps exact pace, digits (RFC 4733), and what came in."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .message import PhoneError
from .sdp import EVENT_TYPE
from .sound import PACKET_SAMPLES, Samples, Source, decode

PACKET_S = 0.020

#: After a stall at most so many packets leave at one tick: a switch's jitter buffer takes two,
#: and drops a longer burst. What is still owed follows in the next ticks.
MAX_BURST = 2

#: RFC 4733 section 2.5.1.4: the last packet of a digit is sent three times.
END_PACKETS = 3

DIGITS = "0123456789*#ABCD"
_PCMU = 0
_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")


class Sent(NamedTuple):
    """``at`` is time.time() as it left; ``timestamp`` the RTP one."""

    at: float
    payload_type: int
    timestamp: int


class Heard(NamedTuple):
    """``payload`` is µ-law."""

    at: float
    sequence: int
    timestamp: int
    payload: bytes


class HeardDigit(NamedTuple):
    at: float
    digit: str


@dataclass(frozen=True, slots=True)
class SentDigit:
    """``first_at`` and ``last_at``: time.time() of its first and last packet."""

    digit: str
    first_at: float
    last_at: float


class SourceChange(NamedTuple):
    """When the first packet of a sound left."""

    at: float
    name: str


@dataclass(slots=True)
class _Digit:
    digit: str
    packets: int
    done: asyncio.Future[SentDigit]
    sent: int = 0
    timestamp: int = 0
    first_at: float = 0.0


@dataclass(slots=True)
class _Gap:
    packets: int


@dataclass(slots=True)
class RtpStream:
    """Bound when made; sends from ``start`` on to ``remote``. Everything it did is in its lists."""

    ip: str
    source: Source
    remote: tuple[str, int] | None = None
    event_type: int = EVENT_TYPE
    quiet: bool = False  # on hold: the clock runs, no packet leaves
    sent: list[Sent] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    heard_digits: list[HeardDigit] = field(default_factory=list)
    sent_digits: list[SentDigit] = field(default_factory=list)
    changes: list[SourceChange] = field(default_factory=list)
    port: int = 0
    _loop: asyncio.AbstractEventLoop = field(init=False, repr=False)
    _socket: socket.socket = field(init=False, repr=False)
    _queue: deque[_Digit | _Gap] = field(default_factory=deque, repr=False)
    _timer: asyncio.TimerHandle | None = field(default=None, repr=False)
    _started: float | None = None  # loop time of packet 0
    _number: int = 0
    _sequence: int = field(default_factory=lambda: secrets.randbelow(30_000))
    _base: int = field(default_factory=lambda: secrets.randbelow(1 << 31))
    _ssrc: int = field(default_factory=lambda: secrets.randbits(32))
    _events_seen: set[tuple[int, int]] = field(default_factory=set, repr=False)
    _playing: str | None = None
    _closed: bool = False

    def __post_init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = _even_port(self.ip)
        self.port = self._socket.getsockname()[1]
        self._loop.add_reader(self._socket, self._receive)

    # ---- sending

    def start(self) -> None:
        """Start the clock. A second call does nothing."""
        if self._started is None and not self._closed:
            self._started = self._loop.time()
            self._tick()

    @property
    def started(self) -> float | None:
        """The loop's time of the first packet: the zero of everything that is in step with it."""
        return self._started

    def hand_over(self) -> socket.socket:
        """Neither send nor receive any more, and give the socket away: where hundreds of calls are up,
        one loop sends for all of them. It is closed with the stream."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._socket)
        return self._socket

    def play(self, source: Source) -> None:
        """Say this from the next packet on; ``changes`` tells when that was."""
        self.source = source

    @property
    def first_sent_at(self) -> float | None:
        """time.time() of the first packet of audio."""
        return next((s.at for s in self.sent if s.payload_type == _PCMU), None)

    @property
    def latest_ms(self) -> int:
        """How late the latest packet left: more than a jitter buffer's 40 ms is our fault, not a switch's."""
        if not self.sent:
            return 0
        first = self.sent[0]
        worst = max(
            s.at - first.at - ((s.timestamp - first.timestamp) & 0xFFFFFFFF) / 8000
            for s in self.sent
            if s.payload_type == _PCMU
        )
        return round(worst * 1000)

    async def send_digits(self, digits: str, duration_ms: int = 100, gap_ms: int = 80) -> float:
        """Dial by RFC 4733. Returns time.time() at which the last digit's last packet left.

        The three end packets of a digit leave together, so the digit has ended for the switch at
        the very time that is returned. Between digits the source goes on.
        """
        if self._started is None or self._closed:
            raise PhoneError("no digits can be sent: the call has no audio")
        if not digits or any(d not in DIGITS for d in digits):
            raise PhoneError(f"these are no digits: {digits!r}")
        last: asyncio.Future[SentDigit] | None = None
        for digit in digits:
            last = self._loop.create_future()
            self._queue.append(_Digit(digit, max(1, round(duration_ms / 20)), last))
            self._queue.append(_Gap(max(1, round(gap_ms / 20))))
        assert last is not None
        return (await last).last_at

    def _tick(self) -> None:
        if self._closed or self._started is None:
            return
        # Packet n is due at start + n * 20 ms on the monotonic clock, however late we are called:
        # an error of one tick is not carried into the next, so the pace never drifts.
        now = self._loop.time()
        due = int((now - self._started) / PACKET_S + 1e-6) + 1
        for _ in range(min(MAX_BURST, due - self._number)):
            self._send_packet()
            self._number += 1
        when = self._started + due * PACKET_S
        if due > self._number and when - now < PACKET_S / 2:
            when += PACKET_S  # behind: leave some room between two bursts
        self._timer = self._loop.call_at(when, self._tick)

    def _send_packet(self) -> None:
        step = self._queue[0] if self._queue else None
        if isinstance(step, _Digit):
            self._send_digit(step)
            return
        if isinstance(step, _Gap):
            step.packets -= 1
            if step.packets <= 0:
                self._queue.popleft()
        if self.quiet:
            return
        at = self._send(_PCMU, self.source.packet(self._number), self._timestamp())
        if self._playing != self.source.name:
            self._playing = self.source.name
            self.changes.append(SourceChange(at, self.source.name))

    def _send_digit(self, digit: _Digit) -> None:
        if digit.sent == 0:
            digit.timestamp = self._timestamp()
        digit.sent += 1
        last = digit.sent == digit.packets
        payload = _EVENT.pack(
            DIGITS.index(digit.digit), (0x80 if last else 0) | 10, digit.sent * PACKET_SAMPLES
        )
        for _ in range(END_PACKETS if last else 1):
            at = self._send(self.event_type, payload, digit.timestamp, marker=digit.sent == 1)
        if digit.sent == 1:
            digit.first_at = at
        if last:
            self._queue.popleft()
            done = SentDigit(digit.digit, digit.first_at, at)
            self.sent_digits.append(done)
            if not digit.done.done():
                digit.done.set_result(done)

    def _timestamp(self) -> int:
        return (self._base + self._number * PACKET_SAMPLES) & 0xFFFFFFFF

    def _send(self, payload_type: int, payload: bytes, timestamp: int, *, marker: bool = False) -> float:
        self._sequence = (self._sequence + 1) & 0xFFFF
        packet = _HEADER.pack(
            0x80, payload_type | (0x80 if marker else 0), self._sequence, timestamp, self._ssrc
        )
        if self.remote is None:
            return time.time()
        try:
            self._socket.sendto(packet + payload, self.remote)
        except OSError:
            # A full buffer or an unreachable peer loses the packet, as any network may.
            return time.time()
        at = time.time()
        self.sent.append(Sent(at, payload_type, timestamp))
        return at

    # ---- receiving

    def _receive(self) -> None:
        while not self._closed:
            try:
                packet = self._socket.recv(4096)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # An ICMP error of an earlier packet: nothing to read, and the socket is still good.
                return
            if len(packet) < _HEADER.size or packet[0] >> 6 != 2:
                continue
            flags, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(packet)
            start = _HEADER.size + 4 * (flags & 0x0F)
            if flags & 0x10 and len(packet) >= start + 4:  # a header extension
                start += 4 + 4 * struct.unpack_from("!H", packet, start + 2)[0]
            payload, kind = packet[start:], kind & 0x7F
            if kind == _PCMU:
                self.heard.append(Heard(time.time(), sequence, timestamp, payload))
            elif kind == self.event_type and len(payload) >= _EVENT.size and payload[0] < len(DIGITS):
                # All packets of one digit carry the same timestamp.
                if (ssrc, timestamp) in self._events_seen:
                    continue
                self._events_seen.add((ssrc, timestamp))
                self.heard_digits.append(HeardDigit(time.time(), DIGITS[payload[0]]))

    def samples(self, since: float = 0.0, until: float = float("inf")) -> Samples:
        """What was heard between two times of time.time(), in order of arrival."""
        pieces: Sequence[bytes] = [h.payload for h in self.heard if since <= h.at < until]
        return decode(b"".join(pieces)) if pieces else np.zeros(0, dtype=np.int16)

    @property
    def digits(self) -> str:
        """The digits that the far end was made to hear."""
        return "".join(d.digit for d in self.heard_digits)

    def close(self) -> None:
        """Stop at once. Whoever waits for digits gets a PhoneError."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for step in self._queue:
            if isinstance(step, _Digit) and not step.done.done():
                step.done.set_exception(PhoneError("the call ended before the digits were sent"))
                step.done.exception()  # only the last one is awaited; the others need no reader
        self._queue.clear()


def _even_port(ip: str) -> socket.socket:
    """A bound socket. RTP has the even port and RTCP the one above (RFC 3550 section 11): with an
    odd port the other side's RTCP would go to somebody else's audio."""
    for _ in range(64):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((ip, 0))
        if sock.getsockname()[1] % 2 == 0:
            return sock
        sock.close()
    raise PhoneError(f"no free even port on {ip}")
