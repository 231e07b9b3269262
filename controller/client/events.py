"""Server-sent events out of lines (WHATWG HTML, 9.2.6), as far as the API sends them."""

from __future__ import annotations

from dataclasses import dataclass, field

from .models import LiveChange


@dataclass(slots=True)
class Events:
    """Give it line after line; it gives a change where an event has ended."""

    _data: list[str] = field(default_factory=list)
    _kind: str = ""

    def line(self, text: str) -> LiveChange | None:
        if text:
            name, _, value = text.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                self._data.append(value)
            elif name == "event":
                self._kind = value
            return None
        data, kind = "\n".join(self._data), self._kind
        self._data, self._kind = [], ""
        return LiveChange.model_validate_json(data) if kind == "call" and data else None
