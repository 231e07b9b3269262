"""A bundle's ZIP file, of which every byte is determined by its members: any other byte is found.

Written so that every unzip program can open it: stored, not compressed; no times, comments or extra
fields, ZIP64 where sizes need it. Read so that nothing can hide: what would have been written is made anew
and compared. No compression also means that no file is larger than the bundle.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from .errors import ProofError

BLOCK = 1 << 20
#: More than this no bundle of ours has; a forged number must not fill the memory.
MOST_MEMBERS = 200_000
_MOST_DIRECTORY = 64 << 20

NAME = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9_.=-]{0,120}(/[A-Za-z0-9_=-][A-Za-z0-9_.=-]{0,120}){0,5}")

_BIG = 0xFFFFFFFF
_UTF8 = 0x0800
_DATE = 0x0021  # 1980-01-01, the first that ZIP knows
_LOCAL, _CENTRAL = struct.Struct("<IHHHHHIIIHH"), struct.Struct("<IHHHHHHIIIHHHHHII")
_END, _END64, _LOCATOR = struct.Struct("<IHHHHIIH"), struct.Struct("<IQHHIIQQQQ"), struct.Struct("<IIQI")

#: Told how many bytes have been dealt with.
Progress = Callable[[int], None]


class Unreadable(ProofError):
    """It is no bundle, or not any more: the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive: where its header begins, its length in bytes."""

    name: str
    crc: int
    size: int
    offset: int

    @property
    def begins(self) -> int:
        return self.offset + len(_local(self))


def _local(m: Member) -> bytes:
    raw, big = m.name.encode(), m.size >= _BIG
    extra = struct.pack("<HHQQ", 1, 16, m.size, m.size) if big else b""
    size = _BIG if big else m.size
    version = 45 if big else 20
    head = _LOCAL.pack(
        0x04034B50, version, _UTF8, 0, 0, _DATE, m.crc, size, size, len(raw), len(extra)
    )  # fmt: skip
    return head + raw + extra


def _central(m: Member) -> bytes:
    raw, big, far = m.name.encode(), m.size >= _BIG, m.offset >= _BIG
    fields = ([m.size, m.size] if big else []) + ([m.offset] if far else [])
    extra = struct.pack(f"<HH{len(fields)}Q", 1, 8 * len(fields), *fields) if fields else b""
    size, version = (_BIG if big else m.size), (45 if fields else 20)
    head = _CENTRAL.pack(
        0x02014B50, 0x0300 | version, version, _UTF8, 0, 0, _DATE, m.crc, size, size, len(raw), len(extra),
        0, 0, 0, 0o100644 << 16, _BIG if far else m.offset,
    )  # fmt: skip
    return head + raw + extra


def _end(count: int, size: int, offset: int) -> bytes:
    big = count >= 0xFFFF or size >= _BIG or offset >= _BIG
    more = b""
    if big:
        more = _END64.pack(0x06064B50, 44, 0x032D, 45, 0, 0, count, count, size, offset)
        more += _LOCATOR.pack(0x07064B50, 0, offset + size, 1)
    short = 0xFFFF if big else count
    return more + _END.pack(
        0x06054B50, 0, 0, short, short, _BIG if big else size, _BIG if big else offset, 0
    )  # fmt: skip


class ArchiveWriter:
    """Writes members one after another into a new, seekable file."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._members: list[Member] = []
        self._at = 0

    def add(self, name: str, blocks: Iterable[bytes], expected: int = 0) -> int:
        """One member; how many bytes it has. ``expected`` only has to say whether that is over 4 GB.

        Raises ProofError, and whatever ``blocks`` raises; then the archive is as it was before.
        """
        if not NAME.fullmatch(name):
            raise ProofError(f"{name[:200]!r} is no name for a file of a bundle")
        try:
            self._out.write(_local(Member(name, 0, expected, self._at)))
            crc, size = 0, 0
            for block in blocks:
                self._out.write(block)
                crc, size = zlib.crc32(block, crc), size + len(block)
            if (size >= _BIG) != (expected >= _BIG):
                raise ProofError(f"{name} has {size} bytes instead of {expected}")
        except BaseException:
            self._out.seek(self._at)
            self._out.truncate()
            raise
        member = Member(name, crc, size, self._at)
        self._out.seek(self._at)
        self._out.write(_local(member))
        self._out.seek(0, os.SEEK_END)
        self._members.append(member)
        self._at = member.begins + size
        return size

    def close(self) -> None:
        directory = b"".join(_central(m) for m in self._members)
        self._out.write(directory)
        self._out.write(_end(len(self._members), len(directory), self._at))


class ArchiveReader:
    """``members`` in the order in which they lie. Raises Unreadable for anything but such an archive."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)
        count, size, offset = self._find_directory()
        self.members = self._directory(count, size, offset)

    def _part(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def _find_directory(self) -> tuple[int, int, int]:
        raw = self._part(max(0, self.size - _END.size), _END.size)
        if len(raw) < _END.size or raw[:4] != b"PK\5\6":
            raise Unreadable("this is no whole ZIP file: its end is missing, or something was added to it")
        _, _, _, _, count, size, offset, _ = _END.unpack(raw)
        end = _END.size
        if count == 0xFFFF:
            end += _END64.size + _LOCATOR.size
            raw = self._part(max(0, self.size - end), _END64.size)
            if len(raw) < _END64.size or raw[:4] != b"PK\6\6":
                raise Unreadable("the ZIP file's end was changed")
            count, size, offset = _END64.unpack(raw)[7:]
        if count > MOST_MEMBERS or size > _MOST_DIRECTORY or count * _CENTRAL.size > size:
            raise Unreadable(f"the ZIP file says that it holds {count} files, which it cannot")
        if offset + size + end != self.size:
            raise Unreadable("the ZIP file has bytes more or less than it says: it was cut or added to")
        if self._part(offset + size, end) != _end(count, size, offset):
            raise Unreadable("the ZIP file's end was changed")
        return count, size, offset

    def _directory(self, count: int, size: int, offset: int) -> list[Member]:
        raw, members, at, expected = self._part(offset, size), [], 0, 0
        for number in range(1, count + 1):
            member, length = _read_central(raw, at, number)
            if member.offset != expected:
                raise Unreadable(
                    f"the ZIP file's directory was changed: {member.name} does not lie behind the file before"
                )
            members.append(member)
            at, expected = at + length, member.begins + member.size
            if expected > offset:
                raise Unreadable(f"the ZIP file says that {member.name} is larger than the whole")
        if at != size or expected != offset:
            raise Unreadable("the ZIP file holds bytes that belong to none of its files")
        return members

    def envelope_intact(self, member: Member) -> bool:
        """Whether the member's own header says what the directory says."""
        wanted = _local(member)
        return self._part(member.offset, len(wanted)) == wanted

    def blocks(self, member: Member) -> Iterator[bytes]:
        """Its bytes. Other members may be read meanwhile."""
        at, end = member.begins, member.begins + member.size
        while at < end:
            block = self._part(at, min(BLOCK, end - at))
            if not block:
                raise Unreadable(f"{member.name} ends too early")
            yield block
            at += len(block)

    def lines(self, member: Member, longest: int) -> Iterator[bytes | None]:
        """Its lines without their ends; None, and no more, for one that is too long or does not end."""
        rest = b""
        for block in self.blocks(member):
            *whole, rest = (rest + block).split(b"\n")
            yield from whole
            if len(rest) > longest:
                yield None
                return
        if rest:
            yield None


def _read_central(raw: bytes, at: int, number: int) -> tuple[Member, int]:
    where = f"the ZIP file's directory was changed at file {number}"
    if len(raw) < at + _CENTRAL.size:
        raise Unreadable(where)
    f = _CENTRAL.unpack_from(raw, at)
    name_at = at + _CENTRAL.size
    try:
        name = raw[name_at : name_at + f[10]].decode("ascii")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{where}: its name is not plain") from error
    if not NAME.fullmatch(name):
        raise Unreadable(f"{where}: {name[:200]!r} is no name that a bundle has")
    if f[4] != 0:
        raise Unreadable(
            f"{name} is compressed: this ZIP file was packed by another program, verify the first one"
        )
    extra = raw[name_at + f[10] : name_at + f[10] + f[11]]
    values = list(struct.unpack(f"<{(len(extra) - 4) // 8}Q", extra[4:])) if _is_zip64(extra) else []
    size = values.pop(0) if f[9] == _BIG and values else f[9]
    if f[9] == _BIG and values:
        values.pop(0)
    offset = values.pop(0) if f[16] == _BIG and values else f[16]
    member = Member(name, f[7], size, offset)
    wanted = _central(member)
    if raw[at : at + len(wanted)] != wanted:
        raise Unreadable(f"{where}, {name}: it was packed by another program, or changed")
    return member, len(wanted)


def _is_zip64(extra: bytes) -> bool:
    return len(extra) in (12, 20, 28) and extra[:2] == b"\1\0"
