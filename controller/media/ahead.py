"""Blocks that are fetched while those before them are still being worked on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

#: So many wait at most, beside the one at hand: enough that neither side waits for the other, and little.
_WAITING = 2
_LOOK_S = 0.2

_Item = bytes | BaseException | None


def ahead(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same blocks, and the same exception at the same place. They are fetched in a thread, which ends
    with them, or when nobody wants any more of them."""
    waiting: queue.Queue[_Item] = queue.Queue(_WAITING)
    unwanted = threading.Event()

    def give(item: _Item) -> bool:
        while not unwanted.is_set():
            try:
                waiting.put(item, timeout=_LOOK_S)
            except queue.Full:
                continue
            return True
        return False

    def fetch() -> None:
        try:
            for block in blocks:
                if not give(block):
                    return
        except BaseException as error:
            give(error)
        else:
            give(None)

    threading.Thread(target=fetch, daemon=True, name="ahead").start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        unwanted.set()
