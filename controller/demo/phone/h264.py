"""H.264 in RTP: access units cut into packets and put together again (RFC 6184)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

#: The longest RTP payload that we send: an Ethernet frame less IP, UDP and RTP headers, and room to spare.
MAX_PAYLOAD = 1200

_STAP_A, _FU_A = 24, 28
_SLICE, _IDR, _SPS, _PPS, _DELIMITER = 1, 5, 7, 8, 9
_START_CODE = re.compile(b"\x00\x00\x00?\x01")


@dataclass(frozen=True, slots=True)
class Film:
    """What a camera shows, round and round, in step with the call's audio clock.

    ``cycles[k][n]`` is an access unit (its NAL units without start codes): picture k + n of the loop,
    as coded when the coding began at picture k with a key frame. So a key frame can be had at any
    time, as from a live encoder. ``rate``: pictures a second. A cycle's loop may be followed by itself.
    """

    name: str
    rate: int
    cycles: tuple[tuple[tuple[bytes, ...], ...], ...]

    @property
    def length(self) -> int:
        return len(self.cycles)


def nal_units(stream: bytes) -> list[bytes]:
    """The NAL units of a byte stream with start codes (ITU-T H.264 annex B)."""
    marks = [(m.start(), m.end()) for m in _START_CODE.finditer(stream)]
    marks.append((len(stream), len(stream)))
    return [stream[end:start].rstrip(b"\0") for (_, end), (start, _) in pairwise(marks)]


def access_units(stream: bytes) -> list[tuple[bytes, ...]]:
    """A byte stream, one slice a picture, by pictures: each slice with the parameter sets before it."""
    found: list[tuple[bytes, ...]] = []
    before: list[bytes] = []
    for unit in nal_units(stream):
        kind = unit[0] & 0x1F
        if kind in (_SLICE, _IDR):
            found.append((*before, unit))
            before = []
        elif kind in (_SPS, _PPS):
            before.append(unit)
    return found


def is_key(unit: bytes) -> bool:
    return unit[0] & 0x1F == _IDR


def payloads(picture: Sequence[bytes]) -> list[bytes]:
    """The RTP payloads of one access unit. Parameter sets go together (STAP-A), what is too long in
    pieces (FU-A)."""
    small = [unit for unit in picture if unit[0] & 0x1F in (_SPS, _PPS)]
    found: list[bytes] = []
    if len(small) > 1:
        # The header's importance is the highest of what is inside (section 5.7.1).
        header = max(unit[0] & 0x60 for unit in small) | _STAP_A
        found.append(bytes([header]) + b"".join(len(u).to_bytes(2, "big") + u for u in small))
    else:
        found += small
    for unit in picture:
        if unit in small:
            continue
        if len(unit) <= MAX_PAYLOAD:
            found.append(unit)
            continue
        indicator, kind = (unit[0] & 0xE0) | _FU_A, unit[0] & 0x1F
        pieces = [unit[n : n + MAX_PAYLOAD - 2] for n in range(1, len(unit), MAX_PAYLOAD - 2)]
        for number, piece in enumerate(pieces):
            start, end = number == 0, number == len(pieces) - 1
            found.append(bytes([indicator, start << 7 | end << 6 | kind]) + piece)
    return found


def contents(payload: bytes) -> list[int]:
    """The kinds of the NAL units that a payload holds or begins; nothing for a later piece of one."""
    if not payload:
        return []
    kind = payload[0] & 0x1F
    if kind == _FU_A:
        return [payload[1] & 0x1F] if len(payload) > 1 and payload[1] & 0x80 else []
    if kind != _STAP_A:
        return [kind]
    kinds, at = [], 1
    while at + 2 < len(payload):
        kinds.append(payload[at + 2] & 0x1F)
        at += 2 + int.from_bytes(payload[at : at + 2], "big")
    return kinds


def has_key(payload: bytes) -> bool:
    """Whether a key frame begins in this payload."""
    return _IDR in contents(payload)
