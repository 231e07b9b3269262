"""/api/v1/recordings/ID/redactions: spans that are taken out of a recording for others."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
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
    done: bool = Field(description="Whether the sound for others is without it; before that they hear none.")


class Redactions(Listed[SpanView]):
    """In the order of the recording."""


@router.get("/recordings/{recording_id}/redactions", summary="The spans that are taken out for others")
async def get_redactions(
    parts: Parts, me: Redacter, recording_id: str, limit: Limit = 50, before: Before = None
) -> Redactions:
    """Those that somebody has chosen. Digits are taken out by themselves, where the tenant wants it."""
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
    there. It cannot be undone."""
    await redact(
        parts, me, detail.row.recording_id, (body.from_ms, body.to_ms), body.why, address_of(request)
    )
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
