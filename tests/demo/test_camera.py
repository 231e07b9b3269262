"""The phone's camera: H.264 in RTP, offer and answer, key frames on request, in step with the sound."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import pytest

from controller.demo.phone import Film, room, sdp
from controller.demo.phone.h264 import MAX_PAYLOAD, access_units, contents, has_key, nal_units, payloads
from controller.demo.phone.media import Media

_SPS, _PPS = b"\x67\x42\xe0\x1f", b"\x68\xce\x38\x80"


def unit(kind: int, length: int, seed: int = 1) -> bytes:
    body = random.Random(seed).randbytes(length - 2)
    return bytes([0x60 | kind]) + body.replace(b"\0", b"\1") + b"\x80"


def picture(number: int, key: bool) -> tuple[bytes, ...]:
    return (_SPS, _PPS, unit(5, 4000, number)) if key else (unit(1, 300, number),)


FILM = Film("test", 50, tuple(tuple(picture(k + n, n == 0) for n in range(10)) for k in range(10)))


def put_together(packets: list[bytes]) -> list[bytes]:
    """What a receiver makes of the payloads of one picture (RFC 6184 sections 5.7 and 5.8)."""
    found: list[bytes] = []
    for packet in packets:
        kind = packet[0] & 0x1F
        if kind == 24:
            at = 1
            while at < len(packet):
                length = int.from_bytes(packet[at : at + 2], "big")
                found.append(packet[at + 2 : at + 2 + length])
                at += 2 + length
        elif kind == 28:
            if packet[1] & 0x80:
                found.append(bytes([packet[0] & 0xE0 | packet[1] & 0x1F]))
            found[-1] += packet[2:]
        else:
            found.append(packet)
    return found


@pytest.mark.parametrize("length", [3, 300, MAX_PAYLOAD, MAX_PAYLOAD + 1, 4000, 2 * (MAX_PAYLOAD - 2) + 1])
def test_a_picture_comes_out_of_its_packets_as_it_went_in(length: int) -> None:
    units = [_SPS, _PPS, unit(5, length)]
    packets = payloads(units)
    assert put_together(packets) == units
    assert max(map(len, packets)) <= MAX_PAYLOAD
    assert [has_key(p) for p in packets].count(True) == 1
    assert contents(packets[0]) == [7, 8]


def test_a_byte_stream_is_cut_into_pictures() -> None:
    stream = b"".join(b"\0\0\0\1" + u for p in FILM.cycles[0][:3] for u in p[:1])
    stream += b"".join(b"\0\0\1" + u for u in FILM.cycles[0][0]) + b"\0\0\0\1\x09\x10"
    assert len(nal_units(stream)) == 7
    assert access_units(b"".join(b"\0\0\0\1" + u for p in FILM.cycles[0] for u in p)) == list(FILM.cycles[0])


@pytest.fixture
async def sides() -> AsyncIterator[Callable[..., Media]]:
    made: list[Media] = []

    def make(film: Film | None = FILM) -> Media:
        made.append(Media("127.0.0.1", room(), film))
        return made[-1]

    yield make
    for media in made:
        media.close()


def agree(caller: Media, callee: Media) -> None:
    callee.take(caller.offer("sendrecv"))
    caller.take(callee.answer("sendrecv"), offered=False)
    for media in (caller, callee):
        media.start()


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():
            await asyncio.sleep(0.005)


async def test_two_cameras_see_each_other_and_a_key_frame_can_be_had(sides: Callable[..., Media]) -> None:
    one, other = sides(), sides()
    agree(one, other)
    assert one.video is not None
    assert other.video is not None
    seen = other.video.heard
    await eventually(lambda: len({h.timestamp for h in seen}) > 4)
    assert seen[0].key or seen[1].key, "it begins with a key frame"
    assert {(b.timestamp - a.timestamp) % 1800 for a, b in pairwise(list(seen))} == {0}, "90 kHz, 50 a second"
    keys = len(one.video.keys_sent)
    await eventually(lambda: one.video is not None and len(one.video.sent) % 10 in (3, 4, 5))
    port = one.video.port + 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        # A receiver report, then a PLI, in one datagram.
        report, pli = struct.pack("!BBHI", 0x80, 201, 1, 1), struct.pack("!BBHII", 0x81, 206, 2, 1, 2)
        asker.sendto(report + pli, ("127.0.0.1", port))
    await eventually(lambda: one.video is not None and len(one.video.keys_sent) > keys)
    assert len(one.video.key_requests) == 1


async def test_a_phone_without_a_camera_refuses_video(sides: Callable[..., Media]) -> None:
    one, other = sides(), sides(None)
    offer = one.offer("sendrecv")
    assert "m=video " in offer
    other.take(offer)
    answer = other.answer("sendrecv")
    assert "m=video 0 " in answer
    one.take(answer, offered=False)
    assert one.video is None
    assert other.video is None
    assert "m=video" not in sides(None).offer("sendrecv")


async def test_video_is_added_and_taken_away(sides: Callable[..., Media]) -> None:
    one, other = sides(None), sides()
    agree(one, other)
    assert one.video is None
    one.add_video(FILM)
    agree(one, other)
    assert one.video is not None
    assert other.video is not None
    heard = one.video.heard
    await eventually(lambda: bool(heard))
    one.drop_video()
    agree(one, other)
    assert one.video is None
    assert other.video is None
    line = sdp.read_video(one.offer("sendrecv"))
    assert line is not None
    assert line.port == 0, "its line stays"


async def test_the_payload_type_is_the_offerers(sides: Callable[..., Media]) -> None:
    media = sides()
    media.take(
        "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 97 98\r\n"
        "a=rtpmap:97 H264/90000\r\na=fmtp:97 packetization-mode=0\r\n"
        "a=rtpmap:98 H264/90000\r\na=fmtp:98 profile-level-id=42e01f;packetization-mode=1\r\n"
    )
    assert media.video is not None
    assert media.video.payload_type == 98
    assert "a=rtpmap:98 H264/90000" in media.answer("sendrecv")


@pytest.mark.parametrize(
    "offer", ["m=video 4002 RTP/AVP 97\r\na=rtpmap:97 VP8/90000", "m=video 0 RTP/AVP 97"]
)
async def test_what_cannot_be_taken_is_refused(sides: Callable[..., Media], offer: str) -> None:
    media = sides()
    media.take(f"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n{offer}\r\n")
    assert media.video is None
    assert "m=video 0 " in media.answer("sendrecv")
