"""/api/v1/recordings/ID/redactions: spans that are taken out of a recording for others."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from ...core.errors import InvalidPolicy
from ...engine.reading import Account
from ...engine.redacting import LONGEST_WHY, RedactingStore
from ..access import address_of, known_id
from ..permits import Redacter
from ..problems import Problem, not_found
from ..services import Parts, Services
from .listing import Listed, cut, moment
from .notes import Reached
from .params import MAX_MS, Before, Limit
from .settings_bodies import Body

router = APIRouter(tags=["recordings"])

Begin = Annotated[
    int, Path(ge=0, le=MAX_MS, description="Where the span begins, on the recording's own time line.")
]
End = Annotated[int, Path(ge=0, le=MAX_MS, description="Where it ends.")]


class SpanBody(Body):
    from_ms: int = Field(ge=0, le=MAX_MS, description="Where it begins, on the recording's own time line.")
    to_ms: int = Field(gt=0, le=MAX_MS, description="Where it ends.")
    why: str = Field(max_length=LONGEST_WHY, description="For the audit; do not say what is taken out.")


class SpanView(BaseModel):
    from_ms: int
    to_ms: int
    by: str
    at: datetime
    why: str
    done: bool = Field(
        description="Whether the sound for others is without it; before that they hear none. Of one that was "
        "taken back: whether they hear it again; before that they hear it beeped over."
    )
    taken_back_by: str = Field(description='Who has taken it back; "" as long as nobody has.')
    taken_back_at: datetime | None


class Redactions(Listed[SpanView]):
    """In the order of the recording."""


@router.get("/recordings/{recording_id}/redactions", summary="The spans that are taken out for others")
async def get_redactions(
    parts: Parts, me: Redacter, recording_id: str, limit: Limit = 50, before: Before = None
) -> Redactions:
    """Those that somebody has chosen, and those that were taken back since. Digits are taken out by
    themselves, where the tenant wants it."""
    found = await store_of(parts).chosen_spans(me.scope, known_id(recording_id, "recording"))
    if found is None:
        raise not_found("recording")
    key = lambda x: (f"{x.from_ms:016}", f"{x.to_ms:016}", moment(x.at))  # noqa: E731
    page, more = cut(found, key, limit, before)
    items = [SpanView(**{k: getattr(x, k) for k in SpanView.model_fields}) for x in page]
    return Redactions(items=items, next=more)


@router.post(
    "/recordings/{recording_id}/redactions", status_code=201, summary="Take a span out for others"
)  # fmt: skip
async def post_redaction(
    request: Request, parts: Parts, me: Redacter, recording_id: str, detail: Reached, body: SpanBody
) -> Redactions:
    """Beeped over in a rendition beside the original, and gone from the transcript and its search. From now
    on nobody hears the original but who may hear what is redacted; others hear nothing until the beep is
    there. It can be taken back."""
    await redact(
        parts, me, detail.row.recording_id, (body.from_ms, body.to_ms), body.why, address_of(request)
    )
    return await get_redactions(parts, me, recording_id)


@router.delete(
    "/recordings/{recording_id}/redactions/{from_ms}/{to_ms}", summary="Take back a span that was taken out"
)
async def delete_redaction(
    request: Request, parts: Parts, me: Redacter, recording_id: str, detail: Reached,
    from_ms: Begin, to_ms: End,
) -> Redactions:  # fmt: skip
    """Others hear it again in some seconds, and read and find what was said there, unless another span, or
    what is taken out by itself, covers it; until then they hear what they heard. Where nothing is left to
    be taken out, the rendition beside the original is removed. Who took it back, and when, stays in the
    list. 404 if there is no span from just here to just there, or if it was taken back before."""
    await take_back(parts, me, detail.row.recording_id, (from_ms, to_ms), address_of(request))
    return await get_redactions(parts, me, recording_id)


def store_of(parts: Services) -> RedactingStore:
    """Raises Problem 503 where there is none."""
    if parts.redacting is None:
        raise Problem(503, "This server redacts nothing.")
    return parts.redacting


async def redact(
    parts: Services, me: Account, recording_id: str, span: tuple[int, int], why: str, address: str
) -> None:
    """Raises 404, and 422, which says what is wrong."""
    known = known_id(recording_id, "recording")
    try:
        done = await store_of(parts).redact_span(me.scope, known, *span, me.login, why, address)
    except InvalidPolicy as error:
        raise Problem(422, f"{error}.") from error
    if not done:
        raise not_found("recording")
    parts.poke_redactor()


async def take_back(
    parts: Services, me: Account, recording_id: str, span: tuple[int, int], address: str
) -> None:
    """Raises 404."""
    known = known_id(recording_id, "recording")
    if not await store_of(parts).take_back_span(me.scope, known, *span, me.login, address):
        raise not_found("span that is taken out of this recording")
    parts.poke_redactor()
