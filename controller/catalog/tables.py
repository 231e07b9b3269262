"""The catalog's tables, each under its name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sqlalchemy import MetaData, Table

from .audit_tables import audit
from .call_tables import (
    call_aliases,
    call_routes,
    call_views,
    calls,
    decisions,
    events,
    files,
    legs,
    own_sounds,
    pauses,
    recordings,
    segments,
)
from .chain_tables import chain
from .job_tables import jobs, nodes
from .people_tables import rules, system_settings, tenants, users
from .retention_tables import (
    deletions,
    held_recordings,
    legal_holds,
    notes,
    retention_rules,
    retention_stands,
    tags,
)
from .rows import metadata
from .transcript_tables import chosen_spans, transcripts, utterances

if TYPE_CHECKING:
    from .account_tables import accounts, api_tokens
    from .batch_tables import batches
    from .entry_tables import (
        account_groups,
        group_members,
        groups,
        identities,
        recovery_codes,
        second_factors,
        sessions,
    )
    from .hook_tables import hook_deliveries, hooks
    from .lease_tables import controllers, switch_leases
    from .list_tables import list_columns, saved_views
    from .replay_tables import replays
    from .report_tables import report_calls, report_stale, report_sums
    from .share_tables import share_recordings, shares

__all__ = [
    "account_groups",
    "accounts",
    "api_tokens",
    "audit",
    "batches",
    "call_aliases",
    "call_routes",
    "call_views",
    "calls",
    "chain",
    "chosen_spans",
    "controllers",
    "decisions",
    "deletions",
    "events",
    "every_table",
    "files",
    "group_members",
    "groups",
    "held_recordings",
    "hook_deliveries",
    "hooks",
    "identities",
    "jobs",
    "legal_holds",
    "legs",
    "list_columns",
    "nodes",
    "notes",
    "own_sounds",
    "pauses",
    "recordings",
    "recovery_codes",
    "replays",
    "report_calls",
    "report_stale",
    "report_sums",
    "retention_rules",
    "retention_stands",
    "rules",
    "saved_views",
    "second_factors",
    "segments",
    "sessions",
    "share_recordings",
    "shares",
    "switch_leases",
    "system_settings",
    "tags",
    "tenants",
    "transcripts",
    "users",
    "utterances",
]

#: What a worker has nothing to do with comes with the first who asks for it: its process stays small without.
_LATER = {
    "accounts": "account_tables",
    "api_tokens": "account_tables",
    "batches": "batch_tables",
    "sessions": "entry_tables",
    "second_factors": "entry_tables",
    "recovery_codes": "entry_tables",
    "identities": "entry_tables",
    "groups": "entry_tables",
    "group_members": "entry_tables",
    "account_groups": "entry_tables",
    "hooks": "hook_tables",
    "hook_deliveries": "hook_tables",
    "switch_leases": "lease_tables",
    "controllers": "lease_tables",
    "saved_views": "list_tables",
    "list_columns": "list_tables",
    "replays": "replay_tables",
    "report_sums": "report_tables",
    "report_calls": "report_tables",
    "report_stale": "report_tables",
    "shares": "share_tables",
    "share_recordings": "share_tables",
}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Table:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found: Table = getattr(import_module(f".{_LATER[name]}", __package__), name)
        globals()[name] = found
        return found


def every_table() -> MetaData:
    """With all of them, asked for or not."""
    for module in set(_LATER.values()):
        import_module(f".{module}", __package__)
    return metadata
