"""/api/v1/recordings/{id}/transcript: what was said, as JSON, as subtitles or as plain text."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from ...core.transcripts import as_text, as_vtt
from ...engine.reading import Account, RecordingDetail
from ...engine.transcribing import TranscriptView
from ..permits import Listener
from ..problems import not_found
from ..services import Parts, Services
from ..transcript_reading import note_read
from .recordings import find

router = APIRouter(tags=["recordings"])


class Form(StrEnum):
    JSON = "json"
    VTT = "vtt"
    TEXT = "text"


class SpokenWord(BaseModel):
    """Times on the recording's own time line."""

    text: str
    from_ms: int
    to_ms: int
    sure: float = Field(description="0 to 1, by the model's own judgement.")
    hidden: bool = Field(description="It stands for digits that were taken out.")


class SpokenUtterance(BaseModel):
    channel: int = Field(description="0 is left, 1 right, -1: nobody can tell.")
    speaker: str
    from_ms: int
    to_ms: int
    text: str
    words: list[SpokenWord]


class SpokenTranscript(BaseModel):
    """What was said in a recording."""

    recording_id: str
    language: str
    engine: str
    redacted: bool = Field(description="Whether runs of digits were taken out.")
    made_at: str
    utterances: list[SpokenUtterance]

    @classmethod
    def of(cls, view: TranscriptView) -> SpokenTranscript:
        return cls(
            recording_id=view.recording_id,
            language=view.language,
            engine=view.engine,
            redacted=view.redacted,
            made_at=view.made_at.isoformat(),
            utterances=[
                SpokenUtterance(
                    channel=u.channel,
                    speaker=u.speaker,
                    from_ms=u.from_ms,
                    to_ms=u.to_ms,
                    text=u.text,
                    words=[SpokenWord(**asdict(w)) for w in u.words],
                )
                for u in view.utterances
            ],
        )


_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": SpokenTranscript,
        "content": {"text/vtt": {}, "text/plain": {}},
        "description": "The transcript, in the form asked for.",
    }
}


@router.get(
    "/recordings/{recording_id}/transcript",
    summary="What was said in a recording",
    responses=_FORMS,
    response_class=Response,
)
async def get_transcript(
    request: Request,
    parts: Parts,
    me: Listener,
    recording_id: str,
    form: Annotated[Form, Query(alias="format", description="JSON, WebVTT or plain text.")] = Form.JSON,
) -> Response:
    """With the times of each word on the recording's own time line, and who said it where that is known."""
    view = await read(request, parts, me, await find(parts, me, recording_id))
    if view is None:
        raise not_found("transcript")
    kept = {"cache-control": "private, no-cache"}
    if form is Form.VTT:
        return Response(as_vtt(view.utterances), media_type="text/vtt; charset=utf-8", headers=kept)
    if form is Form.TEXT:
        return Response(as_text(view.utterances), media_type="text/plain; charset=utf-8", headers=kept)
    content = SpokenTranscript.of(view).model_dump_json()
    return Response(content, media_type="application/json", headers=kept)


async def read(
    request: Request, parts: Services, me: Account, detail: RecordingDetail
) -> TranscriptView | None:
    """The transcript, if there is one; reading it is a line in the audit, one for ten minutes of it."""
    view = await parts.reader.transcript(me.scope, detail.row.recording_id)
    if view is None:
        return None
    await note_read(request, parts, me, detail.row, "")
    return view
