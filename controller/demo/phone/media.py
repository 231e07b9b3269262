"""The media of one call: its streams, and what both sides agreed on (offer and answer, hold, video)."""

from __future__ import annotations

from . import sdp
from .h264 import Film
from .rtp import RtpStream
from .sdp import VideoLine
from .sound import Source
from .video import VideoStream


class Media:
    """``film``: what our camera shows; without one video is neither offered nor taken."""

    def __init__(self, ip: str, source: Source, film: Film | None = None) -> None:
        self.rtp = RtpStream(ip, source)
        self.film = film
        self.video: VideoStream | None = None
        self.videos: list[VideoStream] = []  # those of the past too: for what was sent and heard
        self.held = False
        self.held_by_peer = False
        self._version = 0
        self._video_type = sdp.H264_TYPE
        self._video_line = False  # a line once offered stays, with port 0 when it is over (RFC 3264, 8)

    def start(self) -> None:
        """The call is up: speak, and show what was agreed to."""
        self.rtp.start()
        self._roll()

    def close(self) -> None:
        self.rtp.close()
        for video in self.videos:
            video.close()

    def offer(self, mode: str) -> str:
        """Our next offer. The call's first one has video if we have a camera."""
        if self._version == 0 and self.film is not None:
            self._open_video(self.film)
        return self._body(mode)

    def answer(self, mode: str) -> str:
        """Our answer to what `take` or `take_offer` has read."""
        return self._body(mode)

    def _body(self, mode: str) -> str:
        self._version += 1
        line = None
        if self.video is not None or self._video_line:
            self._video_line = True
            port = self.video.port if self.video is not None else 0
            line = VideoLine(self.rtp.ip, port, self._video_type, mode)
        return sdp.offer(self.rtp.ip, self.rtp.port, mode, self._version, self.rtp.event_type, line)

    def take(self, body: str, *, offered: bool = True) -> sdp.Session | None:
        """Send to where this SDP says, an offer unless ``offered`` is false. None if it holds no audio."""
        session = sdp.read(body)
        if session is None:
            return None
        if session.port:
            self.rtp.remote = (session.address, session.port)
            if session.event_type is not None:
                self.rtp.event_type = session.event_type
        self._take_video(sdp.read_video(body), offered)
        return session

    def _take_video(self, line: VideoLine | None, offered: bool) -> None:
        self._video_line = self._video_line or line is not None
        if line is None or not line.port or line.payload_type is None or (self.film is None and offered):
            self._close_video()
            return
        if offered and self.film is not None:
            self._open_video(self.film)
            self._video_type = line.payload_type
        if self.video is not None:
            self.video.payload_type = line.payload_type
            self.video.remote = (line.address, line.port)
            self._roll()

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
        if self.video is not None:
            self.video.quiet = self.rtp.quiet

    def _open_video(self, film: Film) -> None:
        if self.video is None:
            self.video = VideoStream(self.rtp.ip, film)
            self.videos.append(self.video)
            self._quiet()

    def add_video(self, film: Film) -> None:
        """Our next offer has video."""
        self.film = film
        self._open_video(film)

    def drop_video(self) -> None:
        """Our next offer takes the video away, and we have no camera any more."""
        self.film = None
        self._close_video()

    def _close_video(self) -> None:
        if self.video is not None:
            self.video.close()
            self.video = None

    def _roll(self) -> None:
        origin = self.rtp.started
        if self.video is not None and self.video.remote is not None and origin is not None:
            self.video.start(origin)
