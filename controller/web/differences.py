"""What a change of settings changed, in one line for the audit: ``audio: off → on``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..core.direction import Direction
from ..core.rules import PolicyRule
from ..engine.reading import SystemSettings, TenantSettings, UserSettings

#: What names the thing; it is in the audit's subject.
_NAMES = frozenset({"tenant", "user", "scope"})


def plain(settings: SystemSettings | TenantSettings | UserSettings | PolicyRule) -> dict[str, str]:
    """The settings as words, options one by one. A rule's name is its subject's."""
    values = asdict(settings)
    values.update(values.pop("options", {}))
    new = values.pop("new_user", {})
    values.update({f"new_user.{key}": value for key, value in new.items()})
    if isinstance(settings, PolicyRule):
        del values["name"], values["mode"]
    return {key: _words(value) for key, value in values.items() if key not in _NAMES}


def subject_of(settings: SystemSettings | TenantSettings | UserSettings | PolicyRule) -> str:
    """What a setting is called in the audit, whoever changes it."""
    match settings:
        case TenantSettings():
            return f"tenant {settings.tenant}"
        case UserSettings():
            return f"user {settings.user}@{settings.tenant}"
        case PolicyRule():
            of = f"@{settings.tenant}" if settings.tenant else " of the system"
            return f"{settings.subject}{of}"
    return "system"


def difference(before: Mapping[str, str] | None, after: Mapping[str, str] | None) -> str:
    """``before`` None: it is new; ``after`` None: it is gone."""
    if before is None:
        return "new: " + ", ".join(f"{k}: {v}" for k, v in (after or {}).items())
    if after is None:
        return "removed: " + ", ".join(f"{k}: {v}" for k, v in before.items())
    changed = [f"{k}: {before.get(k, '–')} → {v}" for k, v in after.items() if before.get(k) != v]
    return "; ".join(changed) or "nothing changed"


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, frozenset):
        return "+".join(d for d in Direction if d in value)
    if isinstance(value, Mapping):
        return " ".join(f"{code}={_operation(what)}" for code, what in sorted(value.items())) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) or "none"


def _operation(what: Any) -> str:
    # asdict has taken the Operation apart.
    if isinstance(what, Mapping):
        kinds = what["kinds"]
        return f"{what['verb']}-{kinds[0]}" if len(kinds) == 1 else str(what["verb"])
    return str(what)
