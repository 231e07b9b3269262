"""What both clients share: requests as values, when to try again, what an answer means; no sockets."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter

from .errors import refusal

T = TypeVar("T")
#: Answers after which the same request may succeed.
AGAIN = frozenset({429, 502, 503, 504})
LONGEST_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """A request and how its answer is read. ``params`` without a value are left out."""

    method: str
    path: str
    read: Callable[[bytes], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def query(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            (key, text(one))
            for key, value in self.params.items()
            if value is not None
            for one in (value if isinstance(value, list | tuple) else [value])
        )

    def sent(self) -> dict[str, str]:
        """Its headers. A POST gets a key, so that sending it again does nothing twice."""
        own = dict(self.headers)
        if self.method == "POST":
            own.setdefault("Idempotency-Key", str(uuid.uuid4()))
        return own


@dataclass(frozen=True, slots=True)
class Retry:
    """``tries`` in all; between them ``first_s``, doubled each time, and as long as the server asks for."""

    tries: int = 4
    first_s: float = 0.3

    def wait(self, attempt: int, after: str | None) -> float:
        """Seconds before the try after number ``attempt`` (from 1)."""
        if after is not None and after.isascii() and after.isdigit():
            return min(float(after), LONGEST_WAIT_S)
        return min(self.first_s * 2.0 ** (attempt - 1), LONGEST_WAIT_S) * random.uniform(0.8, 1.2)


def again(ask: Ask[Any], status: int, retry_after: str | None) -> bool:
    """Whether this answer is none to give up at. 409 with Retry-After: the same request is under way."""
    return status in AGAIN or (status == 409 and ask.method == "POST" and retry_after is not None)


def answer(ask: Ask[T], status: int, content: bytes) -> T:
    """Raises Refused."""
    if status >= 400:
        raise refusal(status, content)
    return ask.read(content)


def model(kind: type[T]) -> Callable[[bytes], T]:
    return TypeAdapter(kind).validate_json


def nothing(content: bytes) -> None:
    return None


def plain(content: bytes) -> bytes:
    return content


def text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value.value if isinstance(value, Enum) else value)


def at(*parts: str) -> str:
    """A path below /api/v1. A part may hold whatever a name may, slashes too."""
    return "/api/v1/" + "/".join(quote(part, safe="") for part in parts)
