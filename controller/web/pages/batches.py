"""Call Statistics › Bulk work: what is being done to many recordings, and the ZIPs that were made."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ...engine.batches import Batch, BatchState, BatchStore
from ...engine.reading import Account
from ..access import address_of, known_id
from ..batch_work import BatchWork
from ..changes import note
from ..deeds import DEEDS
from ..media_files import MediaResponse
from ..permits import Exporter, Seer
from ..problems import Problem, not_found
from ..services import Parts, Services, web_of
from ..zipping import still_heard
from .rendering import page

router = APIRouter(prefix="/batches")


@router.get("")
async def batches_page(request: Request, parts: Parts, me: Seer) -> Response:
    found = await store_of(parts).batches(me.account_id)
    return page(request, "batches.html", batches=found, deeds=DEEDS, going=any(b.open for b in found))


@router.get("/{batch_id}")
async def batch_page(request: Request, parts: Parts, me: Seer, batch_id: str) -> Response:
    batch = await _find(parts, me, batch_id)
    return page(request, "batch.html", batch=batch, deed=DEEDS[batch.kind], deeds=DEEDS, going=batch.open)


@router.get("/{batch_id}/download")
async def fetch_zip(request: Request, parts: Parts, me: Exporter, batch_id: str) -> Response:
    """The ZIP, to whoever asked for it and may still hear all of it; a line in the audit for each."""
    batch = await _find(parts, me, batch_id)
    if batch.kind != "zip" or batch.state is not BatchState.DONE:
        raise not_found("ZIP")
    path = BatchWork(parts).path(batch.batch_id)
    inside = await still_heard(parts, me, path)
    heard, subject = web_of(request).heard, f"zip {batch.batch_id}"
    if heard.is_new(me.account_id, subject):
        for sound in inside:
            about, tenant = f"recording {sound.recording_id}", sound.tenant
            await note(parts, me, "download", about, "in a ZIP", address_of(request), tenant)
        heard.note(me.account_id, subject)
    return MediaResponse(
        path, media_type="application/zip", filename=f"recordings-{batch.created_at:%Y%m%d-%H%M%S}.zip",
        headers={"cache-control": "private, no-store"}, stat_result=path.stat(),
    )  # fmt: skip


@router.post("/{batch_id}/remove")
async def remove(request: Request, parts: Parts, me: Seer, batch_id: str) -> Response:
    """What is being done ends before its next step; what was done stays done. A ZIP goes."""
    batch = await _find(parts, me, batch_id)
    await store_of(parts).remove_batch(me.account_id, batch.batch_id)
    BatchWork(parts).forget(batch.batch_id)
    if batch.open:
        what = f"{DEEDS[batch.kind].title}: {batch.done} of {len(batch.ids)}"
        await note(parts, me, "bulk work stopped", f"bulk work {batch.batch_id}", what, address_of(request))
    return RedirectResponse("/batches", 303)


def store_of(parts: Services) -> BatchStore:
    """Raises Problem 503 where there is none."""
    if parts.batches is None:
        raise Problem(503, "This server does nothing to many at once.")
    return parts.batches


def poke(request: Request) -> None:
    work: BatchWork | None = getattr(request.app.state, "batch_work", None)
    if work is not None:
        work.poke()


async def _find(parts: Services, me: Account, batch_id: str) -> Batch:
    """Raises 404."""
    batch = await store_of(parts).batch(me.account_id, known_id(batch_id, "bulk work"))
    if batch is None or batch.state is BatchState.ASKED:
        raise not_found("bulk work")
    return batch
