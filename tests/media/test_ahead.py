"""Blocks fetched ahead: the same, in order, with the same failure, and no thread left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from controller.media.ahead import ahead


def threads() -> int:
    return sum(t.name == "ahead" for t in threading.enumerate())


def all_gone() -> bool:
    deadline = time.monotonic() + 10
    while threads():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_all_of_them_in_order() -> None:
    given = [bytes([n % 256]) * n for n in range(500)]
    assert list(ahead(iter(given))) == given
    assert list(ahead(iter(()))) == []
    assert all_gone()


def test_what_goes_wrong_comes_behind_what_came_before() -> None:
    def failing() -> Iterator[bytes]:
        yield b"a"
        yield b"b"
        raise OSError("the server has gone")

    blocks = ahead(failing())
    assert [next(blocks), next(blocks)] == [b"a", b"b"]
    with pytest.raises(OSError, match="gone"):
        next(blocks)
    assert all_gone()


def test_nobody_wants_any_more() -> None:
    fetched: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            fetched.append(1)
            yield b"x"

    blocks = ahead(endless())
    assert next(blocks) == b"x"
    blocks.close()  # type: ignore[attr-defined]
    assert all_gone()
    assert len(fetched) < 6, "no more than a few are waiting"


def test_it_is_fetched_while_the_one_before_is_worked_on() -> None:
    begun = threading.Event()

    def two() -> Iterator[bytes]:
        yield b"one"
        begun.set()
        yield b"two"

    blocks = ahead(two())
    assert next(blocks) == b"one"
    assert begun.wait(10)
    assert list(blocks) == [b"two"]
