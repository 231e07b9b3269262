"""What is recorded, as the web and the command line read and change it: settings, options, rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..core.direction import Direction
from ..core.options import DEFAULT_OPTIONS, TenantOptions
from ..core.rules import EVERY_DIRECTION, Mode, PolicyRule, PolicyScope, Setting
from .people import Scope


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """A tenant's rule and its options."""

    tenant: str
    audio: Setting = Setting.INHERIT
    video: Setting = Setting.INHERIT
    directions: frozenset[Direction] = EVERY_DIRECTION
    options: TenantOptions = DEFAULT_OPTIONS

    @property
    def rule(self) -> PolicyRule:
        """Raises InvalidPolicy for settings that make no rule."""
        return PolicyRule(
            PolicyScope.TENANT, self.tenant, "", self.audio, self.video, directions=self.directions
        )


@dataclass(frozen=True, slots=True)
class UserSettings:
    """A user and the user's rule."""

    tenant: str
    user: str
    name: str = ""
    audio: Setting = Setting.INHERIT
    video: Setting = Setting.INHERIT
    directions: frozenset[Direction] = EVERY_DIRECTION
    mode: Mode = Mode.ALWAYS_PAUSE
    sample_percent: float = 100.0

    @property
    def rule(self) -> PolicyRule:
        """Raises InvalidPolicy for settings that make no rule."""
        return PolicyRule(
            PolicyScope.USER, self.tenant, self.user, self.audio, self.video, self.directions, self.mode,
            self.sample_percent,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """The system's rule, and whether calls between external numbers are recorded."""

    record_external: bool = False
    audio: Setting = Setting.INHERIT
    video: Setting = Setting.INHERIT
    directions: frozenset[Direction] = EVERY_DIRECTION

    @property
    def rule(self) -> PolicyRule:
        """Raises InvalidPolicy for settings that make no rule."""
        return PolicyRule(PolicyScope.SYSTEM, None, "", self.audio, self.video, self.directions)


class SettingsStore(Protocol):
    """Policies. Setting one for a tenant or user that does not exist makes it."""

    async def system(self) -> SystemSettings: ...
    async def set_system(self, settings: SystemSettings) -> None: ...
    async def tenants(self, scope: Scope) -> list[TenantSettings]: ...
    async def set_tenant(self, settings: TenantSettings) -> None: ...
    async def users(self, scope: Scope) -> list[UserSettings]: ...
    async def users_page(
        self, scope: Scope, *, text: str = "", tenant: str = "", after: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> tuple[list[UserSettings], bool]:  # fmt: skip
        """Some users by tenant and user, from behind ``after`` on, and whether there are more. ``text``:
        a part of the extension or the name, without case."""

    async def set_user(self, settings: UserSettings) -> None: ...

    async def rules(self, scope: Scope) -> list[PolicyRule]:
        """The rules of trunks, queues, ring groups and so on (rules.ROUTE_SCOPES), by tenant, scope
        and name. A tenant's scope sees its own; the system's trunks are for the system alone."""

    async def set_rule(self, rule: PolicyRule) -> None: ...

    async def remove_rule(self, scope: Scope, of: PolicyScope, tenant: str | None, name: str) -> bool:
        """False if there is no such rule in this scope."""
