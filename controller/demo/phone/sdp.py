"""The little of SDP that an audio phone needs (RFC 4566, RFC 3264)."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: What one side may do when the other says this (RFC 3264 section 6.1).
_ANSWER = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}

#: The payload type that we offer for RFC 4733 digits.
EVENT_TYPE = 101


@dataclass(frozen=True, slots=True)
class Session:
    """The other side's audio. ``event_type`` is its payload type of digits, None if it takes none."""

    address: str
    port: int
    mode: str = "sendrecv"
    event_type: int | None = None

    @property
    def answer_mode(self) -> str:
        return _ANSWER[self.mode]


def offer(ip: str, port: int, mode: str, version: int, event_type: int = EVENT_TYPE) -> str:
    """Our side, as an offer or an answer: PCMU and digits."""
    return "\r\n".join([
        "v=0",
        f"o=- {port} {version} IN IP4 {ip}",
        "s=-",
        f"c=IN IP4 {ip}",
        "t=0 0",
        f"m=audio {port} RTP/AVP 0 {event_type}",
        "a=rtpmap:0 PCMU/8000",
        f"a=rtpmap:{event_type} telephone-event/8000",
        f"a=fmtp:{event_type} 0-16",
        "a=ptime:20",
        f"a={mode}",
        "",
    ])  # fmt: skip


def read(body: str) -> Session | None:
    """The other side's first audio stream; None if the body describes none."""
    before, found, rest = body.partition("m=audio ")
    if not found:
        return None
    media = re.split(r"\r?\nm=", rest)[0]
    port = re.match(r"(\d+)", media)
    address = re.search(r"c=IN IP4 (\S+)", media) or re.search(r"c=IN IP4 (\S+)", before)
    if port is None or address is None:
        return None
    mode = re.search(r"a=(sendrecv|sendonly|recvonly|inactive)\b", media) or re.search(
        r"a=(sendrecv|sendonly|recvonly|inactive)\b", before
    )
    event = re.search(r"a=rtpmap:(\d+) telephone-event/8000", media)
    return Session(
        address.group(1),
        int(port.group(1)),
        mode.group(1) if mode else "sendrecv",
        int(event.group(1)) if event else None,
    )
