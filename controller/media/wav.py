"""WAV files as switches leave them: read the header without trusting it, and mend it.

Seen in the field (facts on FreeSWITCH 1.10 and Asterisk 22): a writer that is killed leaves sizes
of 0, or of an earlier moment, with the audio behind; data may end in the middle of a sample; there
may be chunks before and behind the audio. The format is RIFF/WAVE as in Microsoft's "Multimedia
Programming Interface" (1991), RF64 as in EBU Tech 3306.
"""

from __future__ import annotations

import os
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .errors import UnreadableAudio

PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE
_DEPTHS = {PCM: (8, 16, 24, 32), FLOAT: (32, 64), A_LAW: (8,), MU_LAW: (8,)}
_UNKNOWN = 0xFFFFFFFF
_MAX_CHUNKS = 1000  # a hostile file of empty chunks must not keep us reading
_SEARCH = 1 << 16  # how far to look for "data" behind a chunk whose size is nonsense
_BLOCK = 1 << 18
_SILENT_BLOCK = bytes(_BLOCK)

#: What a temporary file of ours ends in, wherever it lies; the sweep removes old ones.
TEMP_SUFFIX = ".tapeline-tmp"


@dataclass(frozen=True, slots=True)
class WavInfo:
    """What a file really holds. ``frames`` are whole sample frames that are there, whatever the
    header says; ``header_ok`` says that the header agrees. ``tag`` is PCM, FLOAT, A_LAW or MU_LAW.
    """

    channels: int
    sample_rate: int
    bits: int
    frames: int
    data_offset: int
    header_ok: bool
    tag: int = PCM

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.bits // 8

    @property
    def duration_ms(self) -> int:
        return self.frames * 1000 // self.sample_rate

    @property
    def canonical(self) -> bool:
        """16-bit PCM with a good header: playable as it is."""
        return self.header_ok and self.tag == PCM and self.bits == 16


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a file is built, for `repair`. ``tail`` is where good chunks behind the audio begin."""

    info: WavInfo
    fmt: bytes
    clean: bool
    rf64: bool
    tail: int
    size: int


def inspect(path: Path) -> WavInfo:
    """What is in this file. Raises UnreadableAudio, and OSError if it cannot be opened."""
    with path.open("rb") as file:
        return inspect_stream(file, os.fstat(file.fileno()).st_size, path.name)


def inspect_stream(file: BinaryIO, size: int, name: str) -> WavInfo:
    """The same of what need not be a file on this disk: ``size`` bytes that can be sought in."""
    return _layout(file, size, name).info


def repair(path: Path, target: Path | None = None) -> bool:
    """Write a copy with a true header over ``path`` (or to ``target``); False if none was needed.

    The copy is complete and on the disk before it takes the name, so a crash leaves the old file
    or the new one. Half a sample at the end is dropped, every whole one is kept. Raises
    UnreadableAudio, with the file untouched, and OSError.
    """
    target = path if target is None else target
    with path.open("rb") as source:
        layout = _layout(source, os.fstat(source.fileno()).st_size, path.name)
        if layout.info.header_ok:
            return False
        temp = target.with_name(f".{uuid.uuid4().hex}{TEMP_SUFFIX}")
        try:
            with temp.open("xb") as copy:
                os.fchmod(copy.fileno(), os.fstat(source.fileno()).st_mode & 0o777)
                for block in _mended(source, layout):
                    if block == _SILENT_BLOCK:
                        copy.seek(len(block), os.SEEK_CUR)  # a hole: silence of hours takes no room
                    else:
                        copy.write(block)
                copy.truncate(copy.tell())  # a hole may be the end
                copy.flush()
                os.fsync(copy.fileno())
            temp.replace(target)
        except OSError:
            temp.unlink(missing_ok=True)
            raise
    sync_folder(target.parent)
    return True


def header(channels: int, sample_rate: int, bits: int, frames: int) -> bytes:
    """The start of a PCM file up to its first sample: 44 bytes, or 80 (RF64) above 4 GiB."""
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", PCM, channels, sample_rate, sample_rate * block, block, bits)
    prefix = b"fmt " + struct.pack("<I", len(fmt)) + fmt
    data = frames * block
    return _outer(len(prefix), data, 0, frames) + prefix + _data_chunk(data)


def roomy_header(channels: int, sample_rate: int, frames: int) -> bytes:
    """The same for 16 bits, but of 80 bytes whatever the length, for a file whose length is known at its
    end: a JUNK chunk stands where RF64 has its sizes (EBU Tech 3306)."""
    plain = header(channels, sample_rate, 16, frames)
    data = frames * channels * 2
    if plain[:4] == b"RF64":
        return plain
    junk = b"JUNK" + struct.pack("<I", 28) + bytes(28)
    outer = _outer(len(junk) + 24, data, 0, frames)
    return (outer if outer[:4] == b"RF64" else outer + junk) + plain[12:]


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _layout(file: BinaryIO, size: int, file_name: str) -> _Layout:
    head = file.read(12)
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
        raise UnreadableAudio(f"{file_name} is no WAV file (it begins with {head[:12]!r}, {size} bytes)")
    rf64 = head[:4] != b"RIFF"
    riff_size = struct.unpack("<I", head[4:8])[0]
    long_riff, long_data = -1, -1
    fmt: bytes | None = None
    clean, position = True, 12
    for _ in range(_MAX_CHUNKS):
        file.seek(position)
        lead = file.read(8)
        if len(lead) < 8:
            break
        name, length = lead[:4], struct.unpack("<I", lead[4:])[0]
        if name == b"data":
            if fmt is None:
                raise UnreadableAudio(f"{file_name} has its audio before its format")
            info = _format(fmt, file_name)
            claimed = long_data if rf64 and length == _UNKNOWN else length
            riff = long_riff if rf64 and riff_size == _UNKNOWN else riff_size
            return _measure(file, size, position + 8, claimed, riff, info, fmt, clean, rf64)
        body = position + 8
        if name == b"fmt ":
            fmt = file.read(min(length, 64))
        elif name == b"ds64" and length >= 16:
            long_riff, long_data = struct.unpack("<QQ", file.read(16).ljust(16, b"\0"))
        position = body + length + (length & 1)
        if position + 8 > size or not _printable(name):
            # The size of this chunk is nonsense, or its padding is missing: look for the audio.
            found = _search_data(file, body)
            if found is None or not clean:
                break
            clean, position = False, found
    raise UnreadableAudio(f"{file_name} ends before its audio begins ({size} bytes)")


def _measure(
    file: BinaryIO,
    size: int,
    start: int,
    claimed: int,
    riff: int,
    info: WavInfo,
    fmt: bytes,
    clean: bool,
    rf64: bool,
) -> _Layout:
    """Decide between the header's word and the file's length."""
    there = size - start
    tail = size
    if 0 <= claimed <= there and _is_chunk_chain(file, start + claimed, size):
        there, tail = claimed, start + claimed + (claimed & 1)
    elif 0 < claimed <= there and there - claimed < info.frame_bytes:
        there = claimed  # at most a stray byte behind the audio
    frames = there // info.frame_bytes
    length = frames * info.frame_bytes
    # A file may lack the last padding byte, or not count it.
    honest = claimed == length and riff + 8 in (size, size - 1, size + 1)
    measured = WavInfo(info.channels, info.sample_rate, info.bits, frames, start, clean and honest, info.tag)
    return _Layout(measured, fmt, clean, rf64, min(tail, size), size)


def _format(fmt: bytes, name: str) -> WavInfo:
    if len(fmt) < 16:
        raise UnreadableAudio(f"{name} has a format chunk of {len(fmt)} bytes")
    tag, channels, rate, _, block, bits = struct.unpack("<HHIIHH", fmt[:16])
    if tag == EXTENSIBLE and len(fmt) >= 26:
        tag = struct.unpack("<H", fmt[24:26])[0]
    if tag not in _DEPTHS:
        raise UnreadableAudio(f"{name} is in format {tag:#06x}; only PCM, float, A-law and mu-law are read")
    if bits not in _DEPTHS[tag] or not 1 <= channels <= 64 or not 1 <= rate <= 768_000:
        raise UnreadableAudio(f"{name} claims {channels} channels of {bits} bits at {rate} Hz")
    if block not in (0, channels * bits // 8):
        raise UnreadableAudio(f"{name} claims {block} bytes a frame, {channels} × {bits} bits are not that")
    return WavInfo(channels, rate, bits, 0, 0, False, tag)


def _is_chunk_chain(file: BinaryIO, position: int, size: int) -> bool:
    """Whether from here to the end of the file there are whole chunks and nothing else.

    Audio behind a wrong size does not pass: it would have to hold four printable characters and
    then the exact distance to the end of the file.
    """
    position += position & 1  # every chunk begins at an even place
    for _ in range(_MAX_CHUNKS):
        if position >= size:
            return True
        file.seek(position)
        lead = file.read(8)
        if len(lead) < 8 or not _printable(lead[:4]):
            return False
        length = struct.unpack("<I", lead[4:])[0]
        position += 8 + length
        if position > size:
            return False
        position += length & 1
    return False


def _printable(name: bytes) -> bool:
    return all(0x20 <= c <= 0x7E for c in name)


def _search_data(file: BinaryIO, start: int) -> int | None:
    file.seek(start)
    found = file.read(_SEARCH).find(b"data")
    return None if found < 0 else start + found


def _mended(source: BinaryIO, layout: _Layout) -> Iterator[bytes]:
    info = layout.info
    data = info.frames * info.frame_bytes
    if layout.clean and not layout.rf64:
        source.seek(12)
        prefix = source.read(info.data_offset - 8 - 12)  # the chunks before the audio, as they are
    else:
        prefix = b"fmt " + struct.pack("<I", len(layout.fmt)) + layout.fmt + b"\0" * (len(layout.fmt) & 1)
    tail = layout.size - layout.tail
    yield _outer(len(prefix), data, tail, info.frames) + prefix + _data_chunk(data)
    yield from blocks(source, info.data_offset, data)
    if data & 1:
        yield b"\0"
    yield from blocks(source, layout.tail, tail)


def blocks(source: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    """``length`` bytes from ``start``, piece by piece. Raises UnreadableAudio if they are not there."""
    source.seek(start)
    while length > 0:
        block = source.read(min(length, _BLOCK))
        if not block:
            raise UnreadableAudio("the file became shorter while it was read")
        length -= len(block)
        yield block


def _outer(prefix: int, data: int, tail: int, frames: int) -> bytes:
    """RIFF header; RF64 with its ds64 chunk where 32 bits do not hold the sizes."""
    total = 4 + prefix + 8 + data + (data & 1) + tail
    if total < _UNKNOWN:
        return b"RIFF" + struct.pack("<I", total) + b"WAVE"
    sizes = struct.pack("<QQQI", total + 36, data, frames, 0)
    return b"RF64" + struct.pack("<I", _UNKNOWN) + b"WAVEds64" + struct.pack("<I", 28) + sizes


def _data_chunk(data: int) -> bytes:
    return b"data" + struct.pack("<I", min(data, _UNKNOWN))
