"""One video stream: H.264 pictures on the audio's own clock, key frames on request, and what came in."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from typing import NamedTuple

from . import h264
from .h264 import Film
from .message import PhoneError

_HEADER = struct.Struct("!BBHII")
_CLOCK = 90_000

#: RTCP packet types and feedback formats that ask for a key frame (RFC 4585 section 6.3.1, RFC 5104 4.3.1).
_PAYLOAD_FEEDBACK, _PLI, _FIR = 206, 1, 4

#: A camera that is behind sends at most so many pictures at once.
_MAX_BURST = 3


class Seen(NamedTuple):
    """A packet that came: ``at`` is time.time(); ``key``: a key frame begins in it."""

    at: float
    timestamp: int
    key: bool
    size: int


class FilmChange(NamedTuple):
    """When the first picture of a film left."""

    at: float
    name: str


class VideoStream:
    """Bound when made; sends from ``start`` on to ``remote``, while there is one and it is not ``quiet``.

    Its pictures are those that lie at this moment on the loop that began with the audio's first
    packet: a film whose flashes are in step with the audio's beeps stays so, whenever it begins.
    """

    def __init__(self, ip: str, film: Film) -> None:
        self.ip, self.film = ip, film
        self.remote: tuple[str, int] | None = None
        self.payload_type = 96
        self.quiet = False
        self.sent: list[float] = []  # time.time() of each picture
        self.keys_sent: list[float] = []
        self.heard: list[Seen] = []
        self.changes: list[FilmChange] = []
        self.key_requests: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._rtp, self._rtcp = _pair_of_ports(ip)
        self.port: int = self._rtp.getsockname()[1]
        self._loop.add_reader(self._rtp, self._receive)
        self._loop.add_reader(self._rtcp, self._feedback)
        self._timer: asyncio.TimerHandle | None = None
        self._origin = 0.0  # loop time of the audio's first packet
        self._number = -1  # of the last picture, counted from the origin; before the first: -1
        self._cycle, self._step = 0, 0  # which coding of the film, and where in it
        self._playing: Film | None = None
        self._key_wanted = True
        self._sequence = secrets.randbelow(30_000)
        self._base = secrets.randbelow(1 << 31)
        self._ssrc = secrets.randbits(32)
        self._closed = False

    # ---- sending

    def start(self, origin: float) -> None:
        """Start the camera's clock. A second call does nothing."""
        if self._timer is None and not self._closed:
            self._origin = origin
            self._number = int((self._loop.time() - origin) * self.film.rate)
            self._tick()

    def play(self, film: Film) -> None:
        """Show this from the next picture on, with a key frame; ``changes`` tells when that was."""
        self.film = film

    def want_key(self) -> None:
        """The next picture is a key frame (a PLI, a FIR, or a SIP INFO has asked for one)."""
        self.key_requests.append(time.time())
        self._key_wanted = True

    def _tick(self) -> None:
        if self._closed:
            return
        rate = self.film.rate
        due = int((self._loop.time() - self._origin) * rate + 1e-6)
        for _ in range(min(_MAX_BURST, due - self._number)):
            self._number += 1
            self._send_picture()
        self._timer = self._loop.call_at(self._origin + (due + 1) / rate, self._tick)

    def _send_picture(self) -> None:
        if self.quiet or self.remote is None:
            self._key_wanted = True  # whoever looks again has missed what came before
            return
        film = self.film
        if film is not self._playing:
            self._playing, self._key_wanted = film, True
            self.changes.append(FilmChange(time.time(), film.name))
        if self._key_wanted:
            self._cycle, self._step, self._key_wanted = self._number % film.length, 0, False
        picture = film.cycles[self._cycle][self._step]
        self._step = (self._step + 1) % film.length
        timestamp = (self._base + self._number * _CLOCK // film.rate) & 0xFFFFFFFF
        parts = h264.payloads(picture)
        for number, payload in enumerate(parts):
            self._send(payload, timestamp, last=number == len(parts) - 1)
        self.sent.append(time.time())
        if any(h264.is_key(unit) for unit in picture):
            self.keys_sent.append(self.sent[-1])

    def _send(self, payload: bytes, timestamp: int, *, last: bool) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        kind = self.payload_type | (0x80 if last else 0)  # the marker ends a picture (RFC 6184 section 5.1)
        packet = _HEADER.pack(0x80, kind, self._sequence, timestamp, self._ssrc) + payload
        try:
            self._rtp.sendto(packet, self.remote or ("", 0))
        except OSError:
            return  # a full buffer or an unreachable peer loses the packet, as any network may

    # ---- receiving

    def _receive(self) -> None:
        while not self._closed:
            try:
                packet = self._rtp.recv(4096)
            except OSError:  # nothing more, or an ICMP error of an earlier packet
                return
            if len(packet) < _HEADER.size or packet[0] >> 6 != 2 or 192 <= packet[1] <= 223:
                continue
            _, _, _, timestamp, _ = _HEADER.unpack_from(packet)
            payload = packet[_HEADER.size + 4 * (packet[0] & 0x0F) :]
            self.heard.append(Seen(time.time(), timestamp, h264.has_key(payload), len(payload)))

    def _feedback(self) -> None:
        while not self._closed:
            try:
                packet = self._rtcp.recv(4096)
            except OSError:
                return
            at = 0
            while at + 4 <= len(packet):  # RTCP packets come several in one datagram
                form, kind, words = struct.unpack_from("!BBH", packet, at)
                if kind == _PAYLOAD_FEEDBACK and form & 0x1F in (_PLI, _FIR):
                    self.want_key()
                at += 4 * (words + 1)

    def close(self) -> None:
        """Stop at once."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for sock in (self._rtp, self._rtcp):
            self._loop.remove_reader(sock)
            sock.close()


def _pair_of_ports(ip: str) -> tuple[socket.socket, socket.socket]:
    """Two bound sockets: RTP on an even port, RTCP on the one above (RFC 3550 section 11)."""
    for _ in range(64):
        rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        rtp.setblocking(False)
        rtcp.setblocking(False)
        rtp.bind((ip, 0))
        port = rtp.getsockname()[1]
        if port % 2 == 0:
            try:
                rtcp.bind((ip, port + 1))
            except OSError:
                pass
            else:
                return rtp, rtcp
        rtp.close()
        rtcp.close()
    raise PhoneError(f"no free pair of ports on {ip}")
