"""/api/v1/recordings/ID/proof: the entry of the tenant's chain in which a recording is sealed."""

from __future__ import annotations

import json
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ...engine.chain import ChainRow
from ...engine.reading import Account
from ..permits import Seer
from ..problems import Problem
from ..services import Parts, Services
from .recordings import find

router = APIRouter(tags=["recordings"])


class SealView(BaseModel):
    """The latest entry that holds the recording's facts. Keep number and hash as an anchor."""

    tenant: str
    number: int = Field(description="Which entry of its tenant's chain it is.")
    hash: str = Field(description="The entry's SHA-256 in hex; every later entry follows from it.")
    sealed_at: datetime
    key: str = Field(description="The Ed25519 public key in hex.")
    signature: str = Field(description="Over the hash, in hex.")

    @classmethod
    def of(cls, row: ChainRow) -> SealView:
        header = json.loads(row.header)
        return cls(
            tenant=row.tenant, number=row.number, hash=row.hash, sealed_at=header["sealed_at"],
            key=header["key"], signature=row.signature,
        )  # fmt: skip


async def seal_of(parts: Services, me: Account, recording_id: str) -> SealView | None:
    """None where it is not sealed yet, or may not be seen."""
    row = await parts.proof.seal_of(me.scope, recording_id) if parts.proof else None
    return None if row is None else SealView.of(row)


@router.get("/recordings/{recording_id}/proof", summary="Where a recording is sealed")
async def get_proof(parts: Parts, me: Seer, recording_id: str) -> SealView:
    """Proves nothing by itself: `tapeline evidence export` makes what can be verified offline. A
    recording is sealed within seconds after its call is over and its files are in the store."""
    await find(parts, me, recording_id)
    seal = await seal_of(parts, me, recording_id)
    if seal is None:
        raise Problem(404, "The recording is not sealed yet.")
    return seal
