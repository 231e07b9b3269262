"""What a link leads to: an opening page, then the recordings, and nothing else of the catalog.

Opening is a button of its own, so that whatever looks at links ahead of people (mail scanners, chat
previews) uses none up and sees nothing.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse

from ...engine.reading import Account, Hidden, RecordingDetail, Scope
from ...engine.sharing import Share
from ..access import address_of
from ..formats import to_keep, to_play
from ..media_files import MEDIA_TYPES
from ..problems import Problem, not_found
from ..redaction import to_hear
from ..services import Parts, Services, web_of
from ..sharing import Visits, follow, note_use, store
from .rendering import page
from .sign_in import too_many
from .sketch import sketch

open_router = APIRouter(prefix="/s")

Number = Annotated[int, Path(ge=0, le=1000)]


@open_router.get("/{token}")
async def shared_page(request: Request, parts: Parts, token: str) -> Response:
    share, _ = await follow(request, parts, token)
    request.state.account = None  # no menu: this is all there is to see here
    if not Visits(request).of(share):
        return page(request, "share_open.html", share=share, token=token, error="")
    found = [await _detail(parts, share, recording_id) for recording_id in await _ids(parts, share)]
    shown = [(n, d, _to_hear(request, d)) for n, d in enumerate(found) if d is not None]
    # Of what is redacted no drawing is shown: it is of the sound as it was.
    sketches = {n: await sketch(parts, d) for n, d, _ in shown if d.hidden is Hidden.NOTHING}
    return page(
        request, "shared.html", share=share, token=token, shown=shown, types=MEDIA_TYPES, sketches=sketches
    )


@open_router.post("/{token}")
async def open_share(
    request: Request, parts: Parts, token: str, password: Annotated[str, Form(max_length=256)] = ""
) -> Response:
    share, who = await follow(request, parts, token)
    request.state.account = None
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "The request came from another site.")
    if share.password_hash:
        fault, status = await _wrong_password(request, parts, share, who, password)
        if fault:
            return page(request, "share_open.html", status, share=share, token=token, error=fault)
    if not await store(parts).use_share(share.share_id, parts.now()):
        await note_use(request, parts, share, who, "share refused", f"share {share.share_id}", "used up")
        raise Problem(404, "This link leads nowhere (any more).")
    number = f"use {share.uses + 1}" + (f" of {share.most_uses}" if share.most_uses else "")
    await note_use(request, parts, share, who, "share opened", f"share {share.share_id}", number)
    answer = RedirectResponse(f"/s/{token}", 303)
    Visits(request).begin(answer, share)
    return answer


@open_router.api_route("/{token}/{number}/audio", methods=["GET", "HEAD"])
async def listen(request: Request, parts: Parts, token: str, number: Number) -> Response:
    return await _file(request, parts, token, number, "listen")


@open_router.api_route("/{token}/{number}/download", methods=["GET", "HEAD"])
async def download(request: Request, parts: Parts, token: str, number: Number) -> Response:
    return await _file(request, parts, token, number, "download")


async def _file(request: Request, parts: Services, token: str, number: int, action: str) -> Response:
    share, who = await follow(request, parts, token)
    request.state.account = None  # what is redacted stays so, whoever follows the link
    visit = Visits(request).of(share)
    ids = await _ids(parts, share)
    if not visit or number >= len(ids) or (action == "download" and not share.download):
        raise not_found("file")
    sound = await parts.reader.sound_of(Scope(share.tenant), ids[number]) if ids[number] else None
    if sound is None:
        raise not_found("file")
    file, _ = to_hear(request, sound, False)
    keep = action == "download"
    response = await (to_keep if keep else to_play)(parts, sound, file, None)
    response.headers["cache-control"] = "private, no-store"
    heard, listener = web_of(request).heard, f"share {share.share_id} {visit} {action}"
    if request.method != "HEAD" and heard.is_new(listener, sound.recording_id):
        await note_use(request, parts, share, who, action, f"recording {sound.recording_id}")
        heard.note(listener, sound.recording_id)
    return response


async def _ids(parts: Services, share: Share) -> list[str]:
    """One for each of the share's places; "" where there is nothing to be heard any more."""
    good = set(await store(parts).shared_recordings(share.share_id))
    return [recording_id if recording_id in good else "" for recording_id in share.recordings]


async def _detail(parts: Services, share: Share, recording_id: str) -> RecordingDetail | None:
    return await parts.reader.recording(Scope(share.tenant), recording_id) if recording_id else None


def _to_hear(request: Request, detail: RecordingDetail) -> str:
    """Its format; "" where there is nothing to be heard now."""
    try:
        return to_hear(request, detail.sound, False)[0].format
    except Problem:
        return ""


async def _wrong_password(
    request: Request, parts: Services, share: Share, who: Account | None, password: str
) -> tuple[str, int]:
    web, address, name = web_of(request), address_of(request), f"share {share.share_id}"
    wait = web.lockout.attempt(name, address)
    if wait:
        return too_many(wait), 429
    if not await web.passwords.verify(password, share.password_hash):
        await note_use(request, parts, share, who, "share refused", name, "wrong password")
        return "The password does not fit.", 401
    web.lockout.succeeded(name, address)
    return "", 200
