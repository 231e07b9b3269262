"""The audio of one call: its stream, and what both sides agreed on (offer and answer, hold)."""

from __future__ import annotations

from . import sdp
from .rtp import RtpStream
from .sound import Source


class Media:
    def __init__(self, ip: str, source: Source) -> None:
        self.rtp = RtpStream(ip, source)
        self.held = False
        self.held_by_peer = False
        self._version = 0

    def offer(self, mode: str) -> str:
        """Our next SDP, be it an offer or an answer."""
        self._version += 1
        return sdp.offer(self.rtp.ip, self.rtp.port, mode, self._version, self.rtp.event_type)

    def take(self, body: str) -> sdp.Session | None:
        """Send to where this SDP says. None if it holds no audio."""
        session = sdp.read(body)
        if session is not None and session.port:
            self.rtp.remote = (session.address, session.port)
            if session.event_type is not None:
                self.rtp.event_type = session.event_type
        return session

    def take_offer(self, body: str) -> str | None:
        """The same for a new offer in the call; the mode of our answer, None if we cannot give one."""
        session = self.take(body)
        if session is None:
            return None
        self.held_by_peer = session.mode in ("sendonly", "inactive")
        self._quiet()
        return session.answer_mode

    def hold(self, held: bool) -> None:
        self.held = held
        self._quiet()

    def _quiet(self) -> None:
        self.rtp.quiet = self.held or self.held_by_peer
