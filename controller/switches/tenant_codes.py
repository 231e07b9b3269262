"""The feature codes that the catalog's tenants have chosen, as the doctors hold them against a switch."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..core.feature_codes import DEFAULT_CODES
from ..engine.reading import TenantSettings

#: Code → the tenants that have it; nobody named where it is only what a new tenant gets.
Codes = Mapping[str, Collection[str]]

DEFAULTS: Codes = {code: () for code in DEFAULT_CODES}
#: So many are named in a finding; a switch of a thousand tenants would fill the screen.
_NAMED = 5


def chosen(tenants: Collection[TenantSettings]) -> Codes:
    """What these tenants' users may dial; where there are none yet, what the first will get."""
    found: dict[str, list[str]] = {}
    for settings in tenants:
        for code in settings.options.codes:
            found.setdefault(code, []).append(settings.tenant)
    return found or DEFAULTS


def named(codes: Collection[str], of: Codes) -> str:
    """Some of them for a finding, with whose they are: ``*71 (acme.test), *72 (acme.test, …)``."""
    words = [code + _whose(of.get(code, ())) for code in sorted(codes)[:_NAMED]]
    return ", ".join(words) + (f" and {len(codes) - _NAMED} more" if len(codes) > _NAMED else "")


def _whose(tenants: Collection[str]) -> str:
    shown = [*sorted(tenants)[:2], *(["…"] if len(tenants) > 2 else [])]
    return f" ({', '.join(shown)})" if shown else ""


def clashes(codes: Collection[str]) -> list[tuple[str, str]]:
    """Each (shorter, longer) of which the first is the beginning of the second, which is never heard."""
    ordered = sorted(codes)
    return [(a, b) for a in ordered for b in ordered if a != b and b.startswith(a)]
