"""A form as it was sent or as it is to be shown: values, and what is wrong with which field.

A page with a fault is shown again with everything as it was typed, the fault beside its field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from fastapi import Request

from ..api.params import plain

E = TypeVar("E", bound=StrEnum)

#: No field of ours is longer, and none is repeated more often.
MOST_CHARACTERS = 500
MOST_VALUES = 500


@dataclass(slots=True)
class Sheet:
    """``values``: field → what was sent, in order; ``faults``: field → what is wrong."""

    values: dict[str, list[str]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def sent(cls, request: Request, long: Mapping[str, int] | None = None) -> Sheet:
        """``long``: fields of several lines, with how many characters are taken of each."""
        most = long or {}
        values: dict[str, list[str]] = {}
        for name, value in (await request.form()).multi_items():
            if isinstance(value, str) and len(values.setdefault(name, [])) < MOST_VALUES:
                values[name].append(
                    value[: most[name]] if name in most else plain(value, MOST_CHARACTERS)
                )  # fmt: skip
        return cls(values)

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Sheet:
        """To be shown: texts, numbers, booleans (ticked or not) and collections of texts."""
        return cls({name: _texts(value) for name, value in values.items()})

    def one(self, name: str) -> str:
        return next(iter(self.values.get(name, ())), "")

    def many(self, name: str) -> list[str]:
        return self.values.get(name, [])

    def ticked(self, name: str) -> bool:
        return bool(self.one(name))

    def fault(self, name: str) -> str:
        return self.faults.get(name, "")

    def choice(self, name: str, kind: type[E], default: E) -> E:
        """The member that was chosen; the default, and a fault, for what is none."""
        try:
            return kind(self.one(name))
        except ValueError:
            self.faults[name] = f"Choose one of: {', '.join(kind)}."
            return default

    def choices(self, name: str, kind: type[E]) -> frozenset[E]:
        known = set(kind)
        found = frozenset(kind(value) for value in self.many(name) if value in known)
        if not found:
            self.faults[name] = "Tick one at least."
        return found or frozenset(kind)

    def whole(self, name: str, most: int) -> int:
        """A whole number from 0; "" is 0."""
        text = self.one(name) or "0"
        if text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most:
            return int(text)
        self.faults[name] = f"A whole number from 0 to {most}."
        return 0

    def percent(self, name: str) -> float:
        try:
            number = float(self.one(name).replace(",", ".") or "100")
        except ValueError:
            number = -1
        if 0 <= number <= 100:
            return number
        self.faults[name] = "A number from 0 to 100."
        return 100.0


def _texts(value: object) -> list[str]:
    if isinstance(value, bool):
        return ["on"] if value else []
    if isinstance(value, float):
        return [f"{value:g}"]
    if isinstance(value, str) or not isinstance(value, Iterable):
        return [str(value)]
    return [str(one) for one in value]
