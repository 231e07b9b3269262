"""What an import from a switch's own directory makes, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .engine.ports import DirectoryUser
from .engine.reading import TenantSettings, UserSettings


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """``named``: users already there who have no name yet and get the switch's. ``gone``: users of the
    catalog whom the switch does not have; ``other_tenants`` likewise, perhaps another switch's. Nothing
    is ever deleted."""

    new_tenants: tuple[str, ...]
    new_users: tuple[DirectoryUser, ...]
    named: tuple[DirectoryUser, ...]
    known: tuple[DirectoryUser, ...]
    gone: tuple[UserSettings, ...]
    other_tenants: tuple[str, ...]

    @property
    def to_write(self) -> tuple[DirectoryUser, ...]:
        return self.new_users + self.named


def plan(
    found: Iterable[DirectoryUser],
    tenants: Iterable[TenantSettings],
    users: Iterable[UserSettings],
    only: str | None = None,
) -> ImportPlan:
    """The switch's users against the catalog's; ``only``: of this tenant."""
    wanted = [u for u in found if only in (None, u.tenant)]
    have_tenants = {t.tenant for t in tenants if only in (None, t.tenant)}
    have = {(u.tenant, u.user): u for u in users if only in (None, u.tenant)}
    on_switch = {(u.tenant, u.user) for u in wanted}
    switch_tenants = {u.tenant for u in wanted}
    there = [u for u in wanted if (u.tenant, u.user) in have]
    return ImportPlan(
        new_tenants=tuple(sorted(switch_tenants - have_tenants)),
        new_users=tuple(u for u in wanted if (u.tenant, u.user) not in have),
        named=tuple(u for u in there if u.name and not have[u.tenant, u.user].name),
        known=tuple(u for u in there if not u.name or have[u.tenant, u.user].name),
        gone=tuple(
            u for key, u in sorted(have.items()) if key not in on_switch and u.tenant in switch_tenants
        ),
        other_tenants=tuple(sorted(have_tenants - switch_tenants)),
    )
