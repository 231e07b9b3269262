"""What a live stream sends of a call, made once for everybody who sees the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

#: Calls at once, times the views of them that differ (a tenant's, a user's), and some.
MOST = 4_000


class Shared(Generic[K]):
    """``make`` is a pure function of its key: nothing of one reader may get to another by it."""

    def __init__(self, make: Callable[[K], str], most: int = MOST) -> None:
        self._make, self._most = make, most
        self._made: OrderedDict[K, str] = OrderedDict()

    def of(self, key: K) -> str:
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._make(key)
            if len(self._made) > self._most:
                self._made.popitem(last=False)
        else:
            self._made.move_to_end(key)
        return found
