"""Which recordings go into a bundle, and what of the catalog and the chain belongs to them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from ..engine.chain import ChainRow
from ..engine.people import AuditEntry
from ..engine.reading import RecordingFilter, Scope
from .bundle import Exhibit, Plan
from .entry import DISCARD, RECORDING
from .errors import ProofError
from .facts import RECORDING_SUBJECT
from .sealer import Catalog, Sealer
from .signing import Signer

_PAGE = 500


class Audited(Catalog, Protocol):
    """The catalog with the audit, in which an export is noted like any other access."""

    async def audit(self, entry: AuditEntry) -> None: ...


async def chosen(
    catalog: Catalog, ids: Sequence[str], tenant: str | None, since: datetime | None, until: datetime | None
) -> tuple[str, list[str]]:
    """The tenant and its recordings that are meant: these, or all of a time. Raises ProofError."""
    if not ids:
        if tenant is None:
            raise ProofError("say which recordings: their ids, or --tenant with --from and --to")
        return tenant, await _between(catalog, tenant, RecordingFilter(since=since, until=until))
    if since or until:
        raise ProofError("give ids of recordings, or --from and --to, not both")
    tenants = set()
    for recording_id in ids:
        tenants.add(await _tenant_of(catalog, recording_id, tenant))
    if len(tenants) > 1:
        named = ", ".join(sorted(tenants))
        raise ProofError(
            f"a bundle holds one tenant's recordings, these belong to {named}: make one for each"
        )
    return tenants.pop(), list(dict.fromkeys(ids))


async def _tenant_of(catalog: Catalog, recording_id: str, tenant: str | None) -> str:
    detail = await catalog.recording(Scope(tenant), recording_id, trashed=True)
    if detail is not None:
        return detail.row.tenant
    # One that was deleted has its trace in the chain.
    for name in [tenant] if tenant else await catalog.chain_tenants():
        if await _sealed(catalog, name, recording_id):
            return name
    raise ProofError(f"there is no recording {recording_id!r}")


async def _between(catalog: Catalog, tenant: str, where: RecordingFilter) -> list[str]:
    ids: list[str] = []
    before: str | None = None
    while True:
        page = await catalog.recordings(Scope(tenant), where, limit=200, before=before)
        ids += [row.recording_id for row in page.items]
        before = page.next
        if before is None:
            break
    if not ids:
        raise ProofError(f"tenant {tenant!r} has no recording of that time")
    return ids[::-1]


async def prepare(
    catalog: Audited, sealer: Sealer, signer: Signer, tenant: str, ids: Sequence[str], by: str, at: datetime
) -> Plan:
    """Note the export, seal what is due, and find everything. Raises ProofError.

    A recording that is not sealed yet (its call goes on, its files are still being worked on) is left
    out with a complaint, unless it is the only one.
    """
    for recording_id in ids:
        subject = RECORDING_SUBJECT + recording_id
        await catalog.audit(AuditEntry(at, by, tenant, "evidence export", subject, f"{len(ids)} recordings"))
    await sealer.drain()
    plan = Plan(tenant, [], lambda: _rows(catalog, tenant), signer, at, by)
    exhibits: list[Exhibit] = []
    for recording_id in ids:
        row = await _sealed(catalog, tenant, recording_id)
        if row is None:
            plan.complaints.append(
                f"recording {recording_id}: left out, it is not finished and not sealed yet"
            )
            continue
        detail = await catalog.recording(Scope(tenant), recording_id, trashed=True, withheld=True)
        files = {(f.role, f.number): f for f in detail.files} if detail else {}
        facts = json.loads(row.content)["payload"]
        exhibits.append(Exhibit(facts, row.number, row.hash, json.loads(row.header)["sealed_at"], files))
    if not exhibits:
        raise ProofError("; ".join(plan.complaints))
    plan.exhibits = exhibits
    return plan


async def _sealed(catalog: Catalog, tenant: str, recording_id: str) -> ChainRow | None:
    """The last entry with this recording's facts."""
    rows = await catalog.chain_about(tenant, recording_id)
    told = (r for r in reversed(rows) if r.content)  # an erasure takes some out
    return next((r for r in told if json.loads(r.content)["kind"] in (RECORDING, DISCARD)), None)


async def _rows(catalog: Catalog, tenant: str) -> AsyncIterator[ChainRow]:
    last = 0
    while rows := await catalog.chain_after(tenant, last, _PAGE):
        for row in rows:
            yield row
        last = rows[-1].number
