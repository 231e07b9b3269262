"""The scripts' texts in a language: a script of its own, at an address that names its contents."""

from __future__ import annotations

from fastapi import APIRouter, Response

from ..language import LANGUAGES, language_of
from ..problems import not_found

router = APIRouter(include_in_schema=False)


@router.get("/texts/{name}")
async def script(name: str) -> Response:
    """Our own words and nobody's data: whoever is not signed in needs them, too."""
    code = name.partition(".")[0]
    found = language_of(code) if code in LANGUAGES else None
    if found is None or found.script_address != f"/texts/{name}":
        raise not_found("script")
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(found.script, media_type="text/javascript", headers=headers)
