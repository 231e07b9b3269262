"""A file sealed: AES-256-GCM in chunks, so that any part of it can be read without the rest.

Every chunk's nonce holds its number and whether it is the last one; its key comes from the recording's
data key, the file's salt and the SHA-256 of the very bytes that were sealed. So a chunk that was changed,
left out, put elsewhere or taken from another file does not open, and neither does a file that ends early.
The format is described byte by byte in docs/reference/sealing.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .errors import DoesNotOpen, StoreError

if TYPE_CHECKING:
    from .ciphers import Cipher

MAGIC = b"TAPELINE"
VERSION = 1
CHUNK = 1 << 16
TAG = 16
SALT = 16
HEADER = 32
_INFO = b"tapeline-sealed-file-1:"
_SEALED_CHUNK = CHUNK + TAG
#: So many chunks are handed on at once.
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class FileSeal:
    """What one file is sealed with. ``data_key`` is the recording's (32 bytes), ``sha256`` and ``size``
    are of the plain bytes, ``name`` is for errors."""

    data_key: bytes = field(repr=False)
    salt: bytes
    sha256: str
    size: int
    name: str

    @property
    def header(self) -> bytes:
        return MAGIC + bytes([VERSION, CHUNK.bit_length() - 1]) + bytes(6) + self.salt

    def cipher(self) -> Cipher:
        from .ciphers import derived

        return derived(self.data_key, self.salt, _INFO + bytes.fromhex(self.sha256))

    def broken(self, where: str) -> StoreError:
        return StoreError(
            f"{self.name} is sealed and cannot be opened: {where} is damaged, or was changed, or is another "
            "file's; it is left where it is: restore it from a backup"
        )


def sealed_size(size: int) -> int:
    """How many bytes so many become."""
    return HEADER + size + TAG * _chunks(size)


def plain_size(size: int) -> int:
    """How many bytes were sealed to so many; -1 if nothing can be sealed to that."""
    body = size - HEADER
    whole, rest = divmod(body, _SEALED_CHUNK)
    plain = whole * CHUNK + (rest - TAG if rest else 0)
    return plain if body >= TAG and sealed_size(max(0, plain)) == size else -1


def seal(blocks: Iterator[bytes], sealing: FileSeal) -> Iterator[bytes]:
    """The sealed file's bytes. Raises StoreError if the blocks are not ``size`` bytes."""
    cipher, header = sealing.cipher(), sealing.header
    yield header
    number, waiting = 0, bytearray()
    for block in blocks:
        waiting += block
        if len(waiting) <= CHUNK * _AT_ONCE:
            continue
        ready = (len(waiting) - 1) // CHUNK  # the last chunk is known as such at the end only
        with memoryview(waiting) as view:
            sealed = b"".join(
                cipher.encrypt(_nonce(number + i), view[i * CHUNK : (i + 1) * CHUNK], header)
                for i in range(ready)
            )
        yield sealed
        number += ready
        del waiting[: ready * CHUNK]
    if number * CHUNK + len(waiting) != sealing.size:
        raise StoreError(f"{sealing.name} is not as long as its row says: it is left as it is")
    last = _chunks(sealing.size) - 1
    for i in range(number, last + 1):
        part = bytes(waiting[(i - number) * CHUNK : (i - number + 1) * CHUNK])
        yield cipher.encrypt(_nonce(i, last=i == last), part, header)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which bytes of the sealed file have to be read for some of the plain ones. ``length`` None: to the
    end, so that bytes behind the last chunk are noticed."""

    start: int
    length: int | None
    first: int
    skip: int
    plain: int


def stretch(size: int, start: int, length: int | None) -> Stretch | None:
    """Where ``length`` plain bytes from ``start`` lie in the sealed file; None: nothing is asked for."""
    end = size if length is None else min(size, start + max(0, length))
    whole = start == 0 and end == size
    if whole and length in (None, size):
        return Stretch(0, None, 0, 0, size)
    if start >= end:
        return None
    first, last = start // CHUNK, (end - 1) // CHUNK
    begin = HEADER + first * _SEALED_CHUNK
    stop = HEADER + min(sealed_size(size) - HEADER, (last + 1) * _SEALED_CHUNK)
    return Stretch(begin, stop - begin, first, start - first * CHUNK, end - start)


def opened(blocks: Iterator[bytes], sealing: FileSeal, part: Stretch) -> Iterator[bytes]:
    """The plain bytes of a stretch, from the sealed ones of it. Raises StoreError at the first chunk that
    is not what was sealed there; nothing of that chunk is handed on."""
    left, skip = part.plain, part.skip
    for plain in _chunks_opened(blocks, sealing, part):
        out = plain[skip : skip + left]
        skip, left = 0, left - len(out)
        if out:
            yield out


def watched(blocks: Iterator[bytes], sealing: FileSeal) -> Iterator[bytes]:
    """The sealed bytes themselves, each block once all that is whole in it was opened. Raises StoreError
    before the last block if anything of it is not what was sealed."""
    seen: list[bytes] = []

    def noting() -> Iterator[bytes]:
        for block in blocks:
            seen.append(block)
            yield block

    whole = Stretch(0, None, 0, 0, sealing.size)
    for _ in _chunks_opened(noting(), sealing, whole):
        yield from seen[:-1]  # the newest one may hold the beginning of a chunk that is not checked
        del seen[:-1]
    yield from seen


def _chunks_opened(blocks: Iterator[bytes], sealing: FileSeal, part: Stretch) -> Iterator[bytes]:
    cipher, header = sealing.cipher(), sealing.header
    last = _chunks(sealing.size) - 1
    until = last if part.length is None else part.first + -(-part.length // _SEALED_CHUNK) - 1
    number, head = part.first, part.start == 0
    #: What is opened and not yet handed on; and what of the next chunk has come: it alone is copied.
    plain: list[bytes] = []
    held = bytearray()

    def taken(chunk: memoryview | bytearray) -> None:
        nonlocal number
        plain.append(_open(cipher, sealing, header, chunk, number, last))
        number += 1

    for block in blocks:
        at = 0
        if head:
            at = HEADER - len(held)
            held += block[:at]
            if len(held) < HEADER:
                continue
            if held != header:
                raise sealing.broken("its beginning")
            held.clear()
            head = False
        with memoryview(block) as view:
            # A full last chunk looks like any other: only the end of the file ends it.
            if held:
                lacking = _SEALED_CHUNK - len(held)
                if lacking < len(view) and number < until:
                    held += view[:lacking]
                    taken(held)
                    held.clear()
                    at = lacking
            while not held and len(view) - at > _SEALED_CHUNK and number < until:
                taken(view[at : at + _SEALED_CHUNK])
                at += _SEALED_CHUNK
            held += view[at:]
        if plain and (len(plain) >= _AT_ONCE or number == until):
            yield b"".join(plain)
            plain.clear()
        if len(held) > 2 * _AT_ONCE * _SEALED_CHUNK:
            raise sealing.broken("its end")
    if head or number != until or len(held) > _SEALED_CHUNK:
        raise sealing.broken("its end")
    taken(held)
    yield b"".join(plain)


def _open(
    cipher: Cipher, sealing: FileSeal, header: bytes, chunk: memoryview | bytearray, number: int, last: int
) -> bytes:
    try:
        plain = cipher.decrypt(_nonce(number, last=number == last), chunk, header)
    except DoesNotOpen as error:
        raise sealing.broken(f"chunk {number} of {last + 1}") from error
    wanted = CHUNK if number < last else sealing.size - last * CHUNK
    if len(plain) != wanted:
        raise sealing.broken("its length")
    return plain


def _chunks(size: int) -> int:
    """An empty file has one, which is the last."""
    return max(1, -(-size // CHUNK))


def _nonce(number: int, *, last: bool = False) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
