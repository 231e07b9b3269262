"""How long recordings are kept, as people set it and the retainer obeys it: rules, holds, tags, notes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..core.retention import Hold, Kept, RetentionRule, RuleScope
from .people import Scope


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A legal hold with its whole story; ``recordings``: how many it names (standing ones not counted)."""

    hold_id: str
    tenant: str
    name: str
    reason: str
    person: str
    since: datetime | None
    until: datetime | None
    created_at: datetime
    created_by: str
    lifted_at: datetime | None = None
    lifted_by: str = ""
    lifted_why: str = ""
    recordings: int = 0

    @property
    def hold(self) -> Hold:
        return Hold(self.hold_id, self.tenant, self.name, self.person, self.since, self.until)


@dataclass(frozen=True, slots=True)
class NoteRow:
    note_id: str
    at: datetime
    by: str
    text: str
    #: On the recording's time line, of a note that is about a moment.
    position_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Annotations:
    """What people have put on one recording, and which holds cover it."""

    tags: tuple[str, ...] = ()
    notes: tuple[NoteRow, ...] = ()
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a tenant's retention stands. ``waiting``: the digest of the rules under which ``would_go`` of
    ``of_all`` recordings would be deleted at once; nothing is until somebody confirms it. "": nothing."""

    tenant: str
    accepted: str = ""
    waiting: str = ""
    would_go: int = 0
    of_all: int = 0
    since: datetime | None = None


def digest_of(rules: Iterable[RetentionRule]) -> str:
    """One text for a tenant's rules, whatever their order."""
    texts = sorted(
        f"{r.scope}\n{r.name}\n{r.keep_days}\n{r.keep_forever}\n{r.delete_after_days}\n" for r in rules
    )
    return hashlib.sha256("".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


class RetentionStore(Protocol):
    """Everything about how long recordings are kept but the deleting itself."""

    async def retention_rules(self, scope: Scope) -> list[RetentionRule]: ...

    async def set_retention_rule(
        self, rule: RetentionRule, by: str, address: str = "", *, accept: bool = False
    ) -> None:
        """``accept``: whoever sets it has seen how many would go at once."""

    async def remove_retention_rule(
        self, scope: Scope, of: RuleScope, tenant: str, name: str, by: str, address: str = ""
    ) -> bool: ...

    async def retention_tenants(self) -> list[str]:
        """Tenants with a rule that deletes."""

    async def stand(self, tenant: str) -> Stand: ...
    async def wait_for_word(self, stand: Stand) -> None: ...
    async def accept_rules(self, tenant: str, digest: str) -> None: ...

    async def confirm_retention(self, tenant: str, digest: str, by: str, address: str = "") -> bool:
        """False if that is not what waits (any more)."""

    async def kept_page(
        self, tenant: str, until: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> list[Kept]:
        """Recordings that are there and at rest, begun at ``until`` or before, oldest first."""

    async def kept_count(self, tenant: str) -> int: ...

    async def release_withheld(self) -> Sequence[str]:
        """Make due again what nothing but a legal hold kept and none covers any more; their ids."""

    async def holds_in_force(self, tenant: str) -> list[Hold]: ...

    async def holds(self, scope: Scope, *, lifted: bool = False) -> list[HoldRow]: ...

    async def put_hold(self, hold: HoldRow, address: str = "") -> None: ...

    async def lift_hold(
        self, scope: Scope, hold_id: str, by: str, why: str, address: str = ""
    ) -> bool: ...  # fmt: skip

    async def hold_recordings(
        self, scope: Scope, hold_id: str, ids: Sequence[str], by: str, address: str = ""
    ) -> dict[str, str]:
        """Let the hold name these as well; refused ones with the reason. Raises UnknownHold."""

    async def unhold_recording(
        self, scope: Scope, hold_id: str, recording_id: str, by: str, address: str = ""
    ) -> bool: ...


class AnnotationStore(Protocol):
    """``scope`` decides whose recordings; None or False where it does not reach."""

    async def annotations(self, scope: Scope, recording_id: str) -> Annotations | None: ...

    async def add_tag(
        self, scope: Scope, recording_id: str, tag: str, by: str, address: str = "", *, retained: bool = False
    ) -> bool:
        """Raises InvalidPolicy: too many, no tag, or one of the retention rules' without ``retained``."""

    async def remove_tag(
        self, scope: Scope, recording_id: str, tag: str, by: str, address: str = "", *, retained: bool = False
    ) -> bool: ...

    async def add_note(
        self, scope: Scope, recording_id: str, text: str, by: str, note_id: str, address: str = "",
        *, position_ms: int | None = None,
    ) -> bool: ...  # fmt: skip

    async def remove_note(
        self, scope: Scope, recording_id: str, note_id: str, by: str, address: str = "", *, others: bool
    ) -> bool:
        """``others``: also one that somebody else has written."""

    async def tags_in_use(self, scope: Scope, limit: int = 200) -> list[str]: ...
