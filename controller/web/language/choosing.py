"""Which language a page is in: the account's choice, else what the browser asks for, else the system's."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .catalogs import LANGUAGES, SOURCE, language_of
from .current import back, language, switch_to

#: What scripts and machines read: it stays English, whoever asks.
_ENGLISH = ("/api/", "/static/", "/texts/", "/metrics", "/healthz", "/readyz")
#: No browser sends more; a longer header is not read to its end.
_LONGEST = 1000


def is_page(path: str) -> bool:
    return not path.startswith(_ENGLISH)


def asked_for(header: str, known: Sequence[str] = LANGUAGES) -> str:
    """The best of ``known`` for an Accept-Language header (RFC 9110, 12.5.4); "" if it asks for none of them.

    ``de-AT`` is answered with ``de``. Of equal weights the first in the header counts.
    """
    best, weight = "", 0.0
    for part in header[:_LONGEST].split(","):
        tag, _, parameters = part.partition(";")
        name, quality = tag.strip().lower(), 1.0
        if parameters.strip().lower().startswith("q="):
            try:
                quality = float(parameters.strip()[2:])
            except ValueError:
                continue
        fits = next((one for one in known if name == one.lower()), None) or next(
            (one for one in known if name.startswith(f"{one.lower()}-")), None
        )
        if fits and weight < quality <= 1.0:
            best, weight = fits, quality
    return best


class Languages:
    """Plain ASGI. What an account has chosen is known only once somebody is signed in: `prefer`."""

    def __init__(self, app: ASGIApp, *, default: str = SOURCE) -> None:
        self._app, self._default = app, default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        page = is_page(scope["path"])
        code = asked_for(Headers(scope=scope).get("accept-language", "")) or self._default if page else SOURCE

        async def named(message: Message) -> None:
            if page and message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Accept-Language")
                if headers.get("content-type", "").startswith("text/html"):
                    headers["content-language"] = language().code
            await send(message)

        # Given back behind the request: whoever calls this in a context of their own goes on in theirs.
        token = switch_to(language_of(code))
        try:
            await self._app(scope, receive, named)
        finally:
            back(token)


def prefer(path: str, code: str) -> None:
    """The account's own choice; "" is none."""
    if code in LANGUAGES and is_page(path):
        switch_to(language_of(code))
