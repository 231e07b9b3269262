"""Rotation: every data key wrapped under its tenant's newest key. No audio is read or written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..engine.shelving import Lying, SealingCatalog
from .errors import SealingKeyError
from .seal_keys import Keyring, key_id

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Step:
    """One sealed file that was looked at."""

    key: str
    changed: bool = False
    problem: str = ""


async def rewrap(
    catalog: SealingCatalog, keys: Keyring, section: str | None = None, *, dry_run: bool = False
) -> AsyncIterator[Step]:
    """Whatever is wrapped by the newest key already is left; so it may be stopped and begun again anywhere.

    A file whose tenant is not sealed any more keeps the key that it has.
    """
    after = ""
    while page := await catalog.sealings(after, _PAGE):
        after = page[-1].file.key
        for lying in page:
            source = keys.source(lying.tenant)
            if source is not None and section in (None, source.name):
                yield await _one(catalog, keys, lying, dry_run)


async def _one(catalog: SealingCatalog, keys: Keyring, lying: Lying, dry_run: bool) -> Step:
    file = lying.file
    try:
        newest = await asyncio.to_thread(keys.newest, lying.tenant)
        if key_id(file.sealing) == newest.id:
            return Step(file.key)
        sealing = await asyncio.to_thread(keys.rewrapped, file.sealing, newest)
    except SealingKeyError as error:
        return Step(file.key, problem=f"{file.key}: {error}")
    if dry_run or await catalog.rewrapped(file, sealing):
        return Step(file.key, changed=True)
    # It was moved or sealed anew at this moment, perhaps with the old key still.
    return Step(file.key, problem=f"{file.key}: it was being moved; run this again")
