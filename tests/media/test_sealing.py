"""The sealed format: any range is the same bytes, and whatever is changed is found."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.media.errors import StoreError
from controller.media.sealing import (
    CHUNK,
    HEADER,
    TAG,
    FileSeal,
    opened,
    plain_size,
    seal,
    sealed_size,
    stretch,
    watched,
)

EDGES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 16 * CHUNK, 16 * CHUNK + 1, 40 * CHUNK - 7]


def blocks(content: bytes, step: int) -> Iterator[bytes]:
    return (content[i : i + step] for i in range(0, len(content), step))


def sealing(content: bytes, data_key: bytes = b"k" * 32, salt: bytes = b"s" * 16) -> FileSeal:
    return FileSeal(data_key, salt, hashlib.sha256(content).hexdigest(), len(content), "r1.wav")


def sealed(content: bytes, step: int = 1 << 20) -> bytes:
    return b"".join(seal(blocks(content, step), sealing(content)))


def read(
    lying: bytes, with_: FileSeal, start: int = 0, length: int | None = None, step: int = 1 << 20
) -> bytes:
    """As Stores.read does it on a store that answers in blocks of ``step``."""
    part = stretch(with_.size, start, length)
    if part is None:
        return b""
    end = None if part.length is None else part.start + part.length
    return b"".join(opened(blocks(lying[part.start : end], step), with_, part))


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("step", [1000, CHUNK, CHUNK + TAG, 1 << 20, 5 << 20])
def test_there_and_back(size: int, step: int) -> None:
    content = os.urandom(size)
    lying = sealed(content, step)
    assert len(lying) == sealed_size(size)
    assert plain_size(len(lying)) == size
    assert read(lying, sealing(content), step=step) == content
    assert b"".join(watched(blocks(lying, step), sealing(content))) == lying
    if size > 100:
        assert content[:50] not in lying


@given(st.integers(0, 1 << 34))
def test_sizes_fit_each_other(size: int) -> None:
    assert plain_size(sealed_size(size)) == size


@given(st.integers(0, 4 * CHUNK))
def test_a_size_that_no_file_seals_to(size: int) -> None:
    found = plain_size(size)
    assert found == -1 or sealed_size(found) == size


@settings(max_examples=300, deadline=None)
@given(
    size=st.one_of(st.sampled_from(EDGES), st.integers(0, 5 * CHUNK)),
    start=st.integers(0, 6 * CHUNK),
    length=st.one_of(st.none(), st.integers(0, 6 * CHUNK)),
    step=st.sampled_from([777, CHUNK, CHUNK + TAG, 1 << 20]),
)
def test_every_range(size: int, start: int, length: int | None, step: int) -> None:
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    end = None if length is None else start + length
    assert read(sealed(content), sealing(content), start, length, step) == content[start:end]


@settings(max_examples=300, deadline=None)
@given(
    size=st.one_of(st.sampled_from(EDGES[:6]), st.integers(0, 3 * CHUNK)),
    where=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
def test_every_flipped_bit_is_found(size: int, where: float, bit: int) -> None:
    content = bytes(size)
    lying = bytearray(sealed(content))
    position = int(where * len(lying))
    lying[position] ^= 1 << bit
    with pytest.raises(StoreError, match="cannot be opened"):
        read(bytes(lying), sealing(content))
    with pytest.raises(StoreError, match="cannot be opened"):
        list(watched(blocks(bytes(lying), 1 << 20), sealing(content)))
    if position >= HEADER:  # and by whoever reads that place only
        number = min((position - HEADER) // (CHUNK + TAG), max(0, size - 1) // CHUNK)
        if size:
            with pytest.raises(StoreError, match="cannot be opened"):
                read(bytes(lying), sealing(content), min(number * CHUNK, size - 1), 1)


def test_every_byte_of_a_small_file() -> None:
    content = os.urandom(90)
    lying = sealed(content)
    for position in range(len(lying)):
        changed = lying[:position] + bytes([lying[position] ^ 0x41]) + lying[position + 1 :]
        with pytest.raises(StoreError):
            read(changed, sealing(content))


@pytest.mark.parametrize("cut", [1, TAG, CHUNK + TAG, 2 * (CHUNK + TAG), 2 * (CHUNK + TAG) + 5])
def test_a_file_that_ends_early(cut: int) -> None:
    content = os.urandom(4 * CHUNK)
    lying = sealed(content)
    with pytest.raises(StoreError, match="cannot be opened"):
        read(lying[:-cut], sealing(content))
    # Nor does it pass for a shorter one, whose row somebody has changed with it.
    shorter = sealing(content)
    shorter = FileSeal(shorter.data_key, shorter.salt, shorter.sha256, plain_size(len(lying[:-cut])), "r")
    if shorter.size >= 0:
        with pytest.raises(StoreError, match="cannot be opened"):
            read(lying[:-cut], shorter)


def test_bytes_behind_the_end() -> None:
    for size in (0, 10, CHUNK, 20 * CHUNK):
        content = os.urandom(size)
        for more in (1, TAG, CHUNK + TAG, 60 * CHUNK):
            with pytest.raises(StoreError, match="cannot be opened"):
                read(sealed(content) + bytes(more), sealing(content))


def test_chunks_in_another_order_or_of_another_file() -> None:
    content, other = os.urandom(3 * CHUNK), os.urandom(3 * CHUNK)
    lying, step = sealed(content), CHUNK + TAG
    first, second = lying[HEADER : HEADER + step], lying[HEADER + step : HEADER + 2 * step]
    swapped = lying[:HEADER] + second + first + lying[HEADER + 2 * step :]
    twice = lying[:HEADER] + first + first + lying[HEADER + 2 * step :]
    mixed = lying[:HEADER] + sealed(other)[HEADER : HEADER + step] + lying[HEADER + step :]
    for changed in (swapped, twice, mixed, sealed(other)):
        with pytest.raises(StoreError, match="cannot be opened"):
            read(changed, sealing(content))


def test_a_stretch_that_is_answered_short() -> None:
    """A store that gives fewer bytes than it was asked for must not pass for the end."""
    content = os.urandom(3 * CHUNK)
    part = stretch(len(content), CHUNK + 5, CHUNK)
    assert part is not None
    assert part.length is not None
    lying = sealed(content)[part.start : part.start + part.length]
    for missing in (1, CHUNK + TAG, len(lying)):
        with pytest.raises(StoreError, match="cannot be opened"):
            list(opened(iter([lying[:-missing]]), sealing(content), part))


def test_another_key_salt_or_content_does_not_open_it() -> None:
    content = os.urandom(1000)
    lying, right = sealed(content), sealing(content)
    for wrong in (
        FileSeal(b"x" * 32, right.salt, right.sha256, right.size, "r"),
        FileSeal(right.data_key, b"x" * 16, right.sha256, right.size, "r"),
        FileSeal(right.data_key, right.salt, "ab" * 32, right.size, "r"),
    ):
        with pytest.raises(StoreError, match="cannot be opened"):
            read(lying, wrong)
        with pytest.raises(StoreError, match="cannot be opened"):
            read(lying, wrong, 10, 10)


@pytest.mark.parametrize("wrong", [-1, 1, CHUNK, -CHUNK])
def test_a_source_of_another_length_is_not_sealed(wrong: int) -> None:
    content = os.urandom(3 * CHUNK)
    other = sealing(content)
    other = FileSeal(other.data_key, other.salt, other.sha256, other.size + wrong, "r")
    with pytest.raises(StoreError, match="not as long as its row says"):
        list(seal(blocks(content, CHUNK), other))


def test_nothing_of_a_damaged_chunk_is_handed_on() -> None:
    content = os.urandom(40 * CHUNK)
    lying = bytearray(sealed(content))
    lying[HEADER + 20 * (CHUNK + TAG) + 9] ^= 1
    got = b""
    part = stretch(len(content), 0, None)
    assert part is not None
    told = ""
    try:
        for block in opened(blocks(bytes(lying), 1 << 20), sealing(content), part):
            got += block
    except StoreError as error:
        told = str(error)
    assert "chunk 20 of 40" in told
    assert len(got) <= 20 * CHUNK
    assert content.startswith(got)
