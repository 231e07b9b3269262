"""One shape for every list of the API: ``{"items": […], "next": …}``, in pages by key.

``next`` is given back as ``before``. A key names the last item shown, not a position: what is added or
removed meanwhile neither repeats nor hides an item. Lists whose rows the catalog reads whole (groups, an
account's tokens, the calls that are up) are cut here; long ones (recordings, users, the audit) by the
database.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from ..problems import Problem

T = TypeVar("T")
NEXT = "Give it as `before` for the following page; null at the end."


class Listed(BaseModel, Generic[T]):
    """A page of a list. Each list has a class of its own, so that the description names it."""

    items: list[T]
    next: str | None = Field(description=NEXT)


class Searched(Listed[T], Generic[T]):
    """A page of a list that may be too long to be searched at one go."""

    unfinished: bool = Field(
        False,
        description=(
            "The search took too long and stopped before the page was full; there may be no item at all. "
            "Go on with `next`, or ask for a shorter span of time or a rarer word."
        ),
    )
    reached: datetime | None = Field(
        None, description="Of an unfinished page in the order of time: how far the search has come."
    )


def cut(
    rows: Iterable[T], key: Callable[[T], tuple[str, ...]], limit: int, before: str | None, *,
    backwards: bool = False,
) -> tuple[list[T], str | None]:  # fmt: skip
    """The page after the key ``before``, in the order of ``key`` (``backwards``: the highest first), and
    the next page's key. Raises 422 for what is no key."""
    ordered = sorted(rows, key=key, reverse=backwards)
    if before is not None:
        last = opened(before)
        ordered = [r for r in ordered if (key(r) < last if backwards else key(r) > last)]
    page = ordered[:limit]
    return page, closed(key(page[-1])) if len(ordered) > limit else None


def closed(key: tuple[str, ...]) -> str:
    """The key as an opaque word of an address."""
    raw = json.dumps(key, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def opened(text: str) -> tuple[str, ...]:
    """Raises Problem 422 for whatever `closed` has not made."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        key = tuple(json.loads(raw.decode()))
        if not key or not all(isinstance(part, str) for part in key) or closed(key) != text:
            raise ValueError(text)
        "".join(key).encode()  # no half of a surrogate pair, which no database takes
        if any("\x00" in part for part in key):
            raise ValueError(text)
    except (ValueError, TypeError) as error:
        raise not_a_key() from error
    return key


def not_a_key() -> Problem:
    return Problem(422, "before is not a key that this list has given.")


def moment(at: datetime) -> str:
    """A time (UTC) as it sorts."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}"
