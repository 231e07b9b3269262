"""Whether a chain is whole: entry after entry, in bounded memory, each fault named in people's words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..engine.chain import ChainRow
from . import canonical
from .entry import BEGIN, KEY, NOTHING, read_content, read_header, sha256
from .errors import NotCanonical
from .signing import ENTRY, verified

#: ``(where, what)``: "entry 5", "its signature is not …".
Report = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as it is met: values, not yet believed. ``content`` None: it was left out."""

    header: Any
    content: Any
    signature: Any

    @staticmethod
    def of_row(row: ChainRow) -> Line:
        """Raises NotCanonical."""
        content = canonical.loads(row.content.encode()) if row.content else None
        return Line(canonical.loads(row.header.encode()), content, row.signature)

    @staticmethod
    def read(raw: bytes) -> Line:
        """A line of a bundle's chain. Raises NotCanonical."""
        value = canonical.loads(raw)
        if not isinstance(value, dict) or set(value) != {"content", "header", "signature"}:
            raise NotCanonical("it is no entry of a chain")
        return Line(value["header"], value["content"], value["signature"])

    def write(self) -> bytes:
        return canonical.dumps(
            {"content": self.content, "header": self.header, "signature": self.signature}
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry that has been looked at: its place, its hash, and what it says (None: left out)."""

    number: int
    hash: str
    at: str
    content: dict[str, Any] | None


class ChainChecker:
    """Feed it the entries in the order in which they are found, then say `end`.

    ``keys``: those that have signed an entry. ``anchors``: number → hash, as somebody has kept them.
    """

    def __init__(self, tenant: str, report: Report, anchors: dict[int, str] | None = None) -> None:
        self.tenant = tenant
        self.keys: set[str] = set()
        self.entries = 0
        self.last = 0
        self.last_hash = NOTHING
        self._report = report
        self._anchors = dict(anchors or {})
        self._next_key: str | None = None
        self._seen: dict[str, int] = {}
        self._lost = False

    @property
    def next_key(self) -> str | None:
        """Which key signs what comes now."""
        return self._next_key

    def unreadable(self, why: str) -> None:
        """An entry that is not even one. What follows it cannot be checked against it."""
        self._report(f"entry {self.last + 1}", f"cannot be read: {why}")
        self._lost = True
        self.last += 1
        self.entries += 1

    def add(self, line: Line) -> Sealed | None:
        """The next entry; None if it cannot be read."""
        try:
            header = read_header(line.header)
            content = None if line.content is None else read_content(line.content)
            raw = canonical.dumps(header)
        except NotCanonical as error:
            self.unreadable(str(error))
            return None
        self.entries += 1
        number, where = header["number"], f"entry {header['number']}"
        digest = hashlib.sha256(raw).digest()
        self._place(header, where, digest.hex())
        if content is not None and sha256(canonical.dumps(content)) != header["content"]:
            self._report(where, "what it says was changed after it was sealed")
        self._signature(header, where, digest, line.signature)
        self._kinds(header, content, where)
        if self._anchors.pop(number, digest.hex()) != digest.hex():
            self._report(
                where, "it is not the one whose hash was kept as an anchor: the chain was written anew"
            )
        self.last, self.last_hash, self._lost = number, digest.hex(), False
        return Sealed(number, digest.hex(), header["sealed_at"], content)

    def end(self) -> None:
        """Nothing comes any more."""
        for number, kept in sorted(self._anchors.items()):
            self._report(
                "the chain",
                f"its end was cut off, or it was copied before the anchor was taken: the anchor names entry "
                f"{number} ({kept[:16]}…), it ends with entry {self.last}",
            )

    def _place(self, header: dict[str, Any], where: str, digest: str) -> None:
        number, expected = header["number"], self.last + 1
        if header["tenant"] != self.tenant:
            self._report(where, f"it belongs to another chain, that of tenant {header['tenant']!r}")
        if number == self.last and digest == self.last_hash:
            self._report(where, "it comes twice")
            return
        if number > expected:
            missing = f"entry {expected}" if number == expected + 1 else f"entries {expected} to {number - 1}"
            self._report(missing, f"missing: entry {number} follows entry {self.last}")
        elif number < expected:
            self._report(where, f"out of order: it comes after entry {self.last}, or stands there twice")
        elif header["previous"] != self.last_hash and not self._lost:
            self._report(where, f"it does not follow the entry {self.last} that is there: one was exchanged")

    def _signature(self, header: dict[str, Any], where: str, digest: bytes, signature: Any) -> None:
        key = header["key"]
        if not isinstance(signature, str) or not verified(key, ENTRY, digest, signature):
            self._report(where, "its signature is not that of its key: it was changed or forged")
            return
        if self._next_key is not None and key != self._next_key:
            self._report(where, f"it is signed with another key ({key[:16]}…) than the chain's")
            return
        self.keys.add(key)

    def _kinds(self, header: dict[str, Any], content: dict[str, Any] | None, where: str) -> None:
        kind = None if content is None else content["kind"]
        if header["number"] == 1 and kind not in (None, BEGIN):
            self._report(where, "a chain does not begin with this")
        if content is None and self._next_key is None:
            self._report(where, "the chain's first entry, which names its key, was left out")
        if self._next_key is None or header["key"] == self._next_key:
            named = content["payload"].get("key") if content is not None and kind == KEY else None
            self._next_key = named if isinstance(named, str) else header["key"]
