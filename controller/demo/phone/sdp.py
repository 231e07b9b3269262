"""The little of SDP that a phone with a camera needs (RFC 4566, RFC 3264)."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: What one side may do when the other says this (RFC 3264 section 6.1).
_ANSWER = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}

#: The payload type that we offer for RFC 4733 digits.
EVENT_TYPE = 101

#: The payload type that we offer for H.264, and what we can take of it: constrained baseline, level
#: 3.1, pictures in pieces (RFC 6184 section 8.1).
H264_TYPE = 96
_H264 = "profile-level-id=42e01f;packetization-mode=1"


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


@dataclass(frozen=True, slots=True)
class VideoLine:
    """One side's video. ``port`` 0: refused or taken away; ``payload_type`` None: no H.264 in it."""

    address: str
    port: int
    payload_type: int | None = None
    mode: str = "sendrecv"


def offer(
    ip: str,
    port: int,
    mode: str,
    version: int,
    event_type: int = EVENT_TYPE,
    video: VideoLine | None = None,
) -> str:
    """Our side, as an offer or an answer: PCMU and digits, and (unless None) a line for video."""
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
        *([] if video is None else _video_lines(video)),
        "",
    ])  # fmt: skip


def _video_lines(video: VideoLine) -> list[str]:
    kind = H264_TYPE if video.payload_type is None else video.payload_type
    if not video.port:
        return [f"m=video 0 RTP/AVP {kind}"]
    return [
        f"m=video {video.port} RTP/AVP {kind}",
        f"a=rtpmap:{kind} H264/90000",
        f"a=fmtp:{kind} {_H264}",
        f"a=rtcp-fb:{kind} ccm fir",
        f"a=rtcp-fb:{kind} nack pli",
        f"a={video.mode}",
    ]


def read(body: str) -> Session | None:
    """The other side's first audio stream; None if the body describes none."""
    found = _stream(body, "audio")
    if found is None:
        return None
    media, address, port, mode = found
    event = re.search(r"a=rtpmap:(\d+) telephone-event/8000", media)
    return Session(address, port, mode, int(event.group(1)) if event else None)


def read_video(body: str) -> VideoLine | None:
    """The other side's first video stream; None if the body has no line for one."""
    found = _stream(body, "video")
    if found is None:
        return None
    media, address, port, mode = found
    kinds = re.findall(r"a=rtpmap:(\d+) H264/90000", media, re.IGNORECASE)
    # With packetization-mode 1 if it has that: in mode 0 a picture must fit into one packet.
    whole = [k for k in kinds if re.search(rf"a=fmtp:{k} [^\r\n]*packetization-mode=1", media)]
    kind = next(iter(whole or kinds), None)
    return VideoLine(address, port, int(kind) if kind else None, mode)


def _stream(body: str, what: str) -> tuple[str, str, int, str] | None:
    """The lines of a stream, its address, port and mode."""
    common = re.split(r"\r?\nm=", body)[0]
    _, found, rest = body.partition(f"m={what} ")
    if not found:
        return None
    media = re.split(r"\r?\nm=", rest)[0]
    port = re.match(r"(\d+)", media)
    address = re.search(r"c=IN IP4 (\S+)", media) or re.search(r"c=IN IP4 (\S+)", common)
    if port is None or address is None:
        return None
    mode = re.search(r"a=(sendrecv|sendonly|recvonly|inactive)\b", media) or re.search(
        r"a=(sendrecv|sendonly|recvonly|inactive)\b", common
    )
    return media, address.group(1), int(port.group(1)), mode.group(1) if mode else "sendrecv"
