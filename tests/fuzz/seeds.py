"""Where the making up begins: one or two good cases for each target, and pieces to put into any."""

# ruff: noqa: E501 - bytes as they come over the wire are not broken up
from __future__ import annotations

import struct

from controller.media.wav import header

_SIP = (
    b"MESSAGE sip:x@acme.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1\r\n"
    b'From: "Ann" <sip:101@acme.test>;tag=a\r\nTo: <sip:x@acme.test>\r\nCall-ID: c1\r\nCSeq: 1 MESSAGE\r\n'
    b"Content-Type: application/x-media-control+json\r\nContent-Length: 2\r\n\r\n{}"
)
_CHALLENGE = (
    b"SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:101@a>;tag=a\r\n"
    b"To: <sip:101@a>;tag=b\r\nCall-ID: c1\r\nCSeq: 1 MESSAGE\r\n"
    b'WWW-Authenticate: Digest realm="a", nonce="n", algorithm=MD5, qop="auth"\r\n\r\n'
)
_EVENT = (
    b'{"Event-Name":"CHANNEL_CREATE","Unique-ID":"u1","Caller-Caller-ID-Name":"x%0AUnique-ID: y","h":["a"]}'
)

SEEDS: dict[str, tuple[bytes, ...]] = {
    "esl": (
        b"Content-Length: %d\nContent-Type: text/event-json\n\n%b" % (len(_EVENT), _EVENT),
        b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n",
        b"Content-Type: api/response\nContent-Length: 3\n\n+OKContent-Type: auth/request\n\n",
    ),
    "ami": (
        b"Asterisk Call Manager/9.0.0\r\nEvent: Newchannel\r\nChannel: PJSIP/101-1\r\nUniqueid: 1.1\r\n\r\n",
        b"Response: Success\r\nActionID: 1\r\nMessage: ok\r\nOutput: a\r\nOutput: b\r\n\r\nEvent: Shutdown\r\n\r\n",
    ),
    "media_control": (
        b'application/x-media-control+json\n{"operation": "pause-audio-recording", "session_id": "s", "reply": true}',
        b"application/x-media-control; charset=utf-8\nresume-video-recording",
    ),
    "sip_over_ami": (
        b'"Ann" <sip:101@a>\nDigest username="101", realm="a", nonce="n"\napplication/x-media-control\nx\nc1;a;b',
        b"MTAx\nRGlnZXN0\ndGV4dA==\n\n-",
    ),
    "wav": (
        header(1, 8000, 16, 8) + bytes(16),
        header(2, 8000, 16, 0) + bytes(8),
        b"RIFF\xff\xff\xff\xffWAVELIST\x04\x00\x00\x00abcdfmt \x10\x00\x00\x00\x01\x00\x01\x00@\x1f\x00\x00\x80>\x00\x00"
        b"\x02\x00\x10\x00data\x00\x00\x00\x00",
    ),
    "mp4": (
        struct.pack(">I4s8s", 16, b"ftyp", b"isommp42") + struct.pack(">I4s", 8, b"moov") + struct.pack(">I4s", 8, b"mdat"),
        struct.pack(">I4sQ", 1, b"mdat", 16) + struct.pack(">I4s", 0, b"moov"),
    ),
    # Numbers of thousands of digits, and digits that are none to int(), were found by a long run.
    "sip": (
        _SIP, _CHALLENGE, _SIP.replace(b"Length: 2", b"Length: " + b"9" * 5000),
        _SIP.replace(b"CSeq: 1", b"CSeq: " + b"9" * 5000), _CHALLENGE.replace(b" 401 ", " ² ".encode()),
    ),
    "query": (
        b"q=from:101+longer:30s+tag:vip&before=2026-11-22T09:00:00+00:00~r1",
        b'"two words" is:paused since:yesterday until:2026-11-22 -not number:+49',
    ),
    "chain": (b'{"a":[1,"x",null,true],"b":{"c":"\xc3\xa9"}}', b'{"number":1,"source":"recording r1"}'),
}  # fmt: skip

#: Put in anywhere: line ends, lengths at the edges, half characters, deep nesting, words of the formats.
PIECES = (
    b"\r\n", b"\n\n", b"\r\n\r\n", b"\0", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"%0A", b"\\u0000", b"\\ud800",
    b"Content-Length: 99999999999999999999\n", b"Content-Length: -1\n", b"Content-Length: 0\n\n", b"[" * 2000,
    b'{"a":' * 500, b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"data", b"fmt ", b"moov",
    b'"', b"\\", b"<", b">", b";tag=", b"Digest ", b"9" * 5000, b"1e999", b"NaN", b"-0", b"+", b":", b"=",
    "٣".encode(), "²".encode(), "\u2028".encode(), "\u202e".encode(),
)  # fmt: skip
