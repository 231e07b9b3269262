"""Settings and rules as rows, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from ..core.direction import Direction
from ..core.errors import InvalidPolicy
from ..core.options import DEFAULT_OPTIONS, TenantOptions, options_from
from ..core.recording import tenant_folder
from ..core.rules import Mode, PolicyRule, PolicyScope, Setting
from ..engine.reading import SystemSettings, TenantSettings, UserSettings

Row = dict[str, Any]

_DEFAULTS = DEFAULT_OPTIONS.as_mapping()


def system_row(settings: SystemSettings) -> Row:
    return {"number": 1, "record_external": settings.record_external, "revision": 0} | _says(settings)


def tenant_row(settings: TenantSettings, now: datetime) -> Row:
    return {
        "tenant": settings.tenant,
        "folder": tenant_folder(settings.tenant),
        "options": options_row(settings.options),
        "created_at": now,
    } | _says(settings)


def user_row(settings: UserSettings, now: datetime) -> Row:
    return {
        "tenant": settings.tenant,
        "user": settings.user,
        "name": settings.name,
        "mode": str(settings.mode),
        "sample_percent": float(settings.sample_percent),
        "created_at": now,
    } | _says(settings)


def rule_row(rule: PolicyRule) -> Row:
    return {
        "tenant": rule.tenant or "",
        "scope": str(rule.scope),
        "name": rule.name,
        "sample_percent": float(rule.sample_percent),
    } | _says(rule)


def _says(settings: SystemSettings | TenantSettings | UserSettings | PolicyRule) -> Row:
    return {
        "audio": str(settings.audio),
        "video": str(settings.video),
        "directions": sorted(map(str, settings.directions)),
    }


def options_row(options: TenantOptions) -> Row:
    """Only what is not the default: a default that a later version changes reaches the tenants that
    have not chosen."""
    if options is DEFAULT_OPTIONS:
        return {}
    return {key: value for key, value in options.as_mapping().items() if value != _DEFAULTS[key]}


def options_of(tenant: str, options: Mapping[str, Any]) -> TenantOptions:
    """Raises InvalidPolicy, which names the tenant, for what this version does not understand."""
    if not options:
        return DEFAULT_OPTIONS
    try:
        return options_from(options)
    except InvalidPolicy as error:
        raise InvalidPolicy(f"the options of tenant {tenant}: {error}") from error


def directions_of(names: Iterable[str]) -> frozenset[Direction]:
    return _directions(tuple(names))


@lru_cache(maxsize=64)
def _directions(names: tuple[str, ...]) -> frozenset[Direction]:
    return frozenset(map(Direction, names))


def system_settings(row: Any) -> SystemSettings:
    return SystemSettings(
        row.record_external, Setting(row.audio), Setting(row.video), directions_of(row.directions)
    )


def tenant_settings(row: Any) -> TenantSettings:
    return TenantSettings(
        row.tenant,
        Setting(row.audio),
        Setting(row.video),
        directions_of(row.directions),
        options_of(row.tenant, row.options),
    )


def user_settings(row: Any) -> UserSettings:
    return UserSettings(
        row.tenant,
        row.user,
        row.name,
        Setting(row.audio),
        Setting(row.video),
        directions_of(row.directions),
        Mode(row.mode),
        row.sample_percent,
    )


def route_rule(row: Any) -> PolicyRule:
    return PolicyRule(
        PolicyScope(row.scope),
        row.tenant or None,
        row.name,
        Setting(row.audio),
        Setting(row.video),
        directions_of(row.directions),
        sample_percent=row.sample_percent,
    )
