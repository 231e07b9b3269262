"""Which of a recording's sealed files may be absent: what the chain's entries about it say, in order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .entry import DELETION, DISCARD, ORIGINALS, RECORDING, TRASH
from .facts import kind_of

#: How the trace of originals that were given up names each (catalog/encoding_rows.py).
_FILE = re.compile(r"([a-z]+) ([0-9]+) sha256 ([0-9a-f]{64})")


def meaning(content: dict[str, Any]) -> str:
    """The entry's kind. Chains of before have one kind for all that deletes: there the action tells."""
    kind = str(content["kind"])
    return kind_of(str(content["payload"].get("action", ""))) if kind == DELETION else kind


def deletes(content: dict[str, Any]) -> bool:
    """Whether what this entry is about may be gone as a whole. In the trash it is still whole."""
    return meaning(content) == DELETION


class Absences:
    """Of one recording. Feed it every entry about it in order; what was sealed anew was there then, so
    only what follows the last facts counts."""

    def __init__(self) -> None:
        self.gone = 0
        self.trashed = 0
        self._given_up: dict[tuple[str, str, str], int] = {}

    def add(self, number: int, content: dict[str, Any]) -> None:
        kind, payload = meaning(content), content["payload"]
        if kind in (RECORDING, DISCARD):
            self.gone = 0
            self._given_up.clear()
        elif kind == DELETION:
            self.gone = number
        elif kind == TRASH:
            self.trashed = number
        elif kind == ORIGINALS:
            for role, place, digest in _FILE.findall(str(payload.get("detail", ""))):
                self._given_up[role, place, digest] = number
        elif str(payload.get("action", "")).startswith("restore"):
            self.trashed = 0

    def why(self, file: dict[str, Any]) -> int:
        """The number of the entry because of which this sealed file may be absent; 0: it may not be."""
        return self.gone or self._given_up.get(_key(file), 0)

    def rest(self, files: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """These without those that were given up: what has to be as it was sealed."""
        return [f for f in files if _key(f) not in self._given_up]


def _key(file: dict[str, Any]) -> tuple[str, str, str]:
    return str(file["role"]), str(file["number"]), str(file["sha256"])
