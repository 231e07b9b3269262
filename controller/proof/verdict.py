"""What a verification found, and what it was asked to hold against: findings, anchors."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .errors import ProofError

#: So many are told by name; a bundle in shreds would otherwise have one for every line.
MOST_TOLD = 500

_ANCHOR = re.compile(r"(?P<tenant>.*):(?P<number>[1-9]\d{0,14}):(?P<hash>[0-9a-f]{64})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was sealed: where, and what, in people's words."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(slots=True)
class Verdict:
    """``notes`` say what was looked at, and what somebody has to look at himself."""

    findings: list[Finding] = field(default_factory=list)
    more: int = 0
    notes: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    entries: int = 0
    recordings: int = 0
    files: int = 0

    @property
    def sound(self) -> bool:
        return not self.findings

    def report(self, where: str, what: str) -> None:
        if len(self.findings) < MOST_TOLD:
            # Both may quote a stranger's text: no line ends, no colours for a terminal.
            self.findings.append(Finding(_plain(where), _plain(what)))
        else:
            self.more += 1

    def as_dict(self) -> dict[str, Any]:
        return {
            "sound": self.sound,
            "findings": [{"where": f.where, "what": f.what} for f in self.findings],
            "more_findings": self.more,
            "notes": self.notes,
            "keys": self.keys,
            "entries": self.entries,
            "recordings": self.recordings,
            "files": self.files,
        }

    def lines(self) -> list[str]:
        """For people."""
        looked = f"{self.recordings} recordings, {self.files} files, {self.entries} entries of the chain"
        lines = [f"BAD  {finding}" for finding in self.findings]
        if self.more:
            lines.append(f"BAD  and {self.more} more")
        lines += [f"note {note}" for note in self.notes]
        if self.sound:
            return [*lines, f"Everything is as it was sealed: {looked}."]
        return [*lines, f"Not as it was sealed: {len(self.findings) + self.more} findings in {looked}."]


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:500]


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place of a chain as somebody has kept it elsewhere. ``tenant`` "" is the system's chain."""

    tenant: str
    number: int
    hash: str

    @staticmethod
    def read(text: str) -> Anchor:
        """From ``TENANT:NUMBER:HASH``. Raises ProofError."""
        match = _ANCHOR.fullmatch(text.strip())
        if match is None:
            raise ProofError(
                f"{text[:200]!r} is no anchor: give TENANT:NUMBER:HASH as `tapeline proof head` does"
            )
        return Anchor(match["tenant"], int(match["number"]), match["hash"])

    def __str__(self) -> str:
        return f"{self.tenant}:{self.number}:{self.hash}"
