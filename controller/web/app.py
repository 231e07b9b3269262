"""The web application: put together here, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from . import api, metrics, peers, problems, status
from .batch_work import BatchWork
from .conditional import Conditional
from .describing.openapi import DescribedApp
from .headers import SecurityHeaders
from .language.choosing import Languages
from .measured import Measured
from .pages import routes as pages
from .pages import texts
from .pages.static import static_files
from .replays import Replaying
from .services import Services, Web

#: No form and no API body comes near this; media never comes in by the web.
MAX_BODY = 64 * 1024

STATIC = Path(__file__).parent / "static"

DESCRIPTION = """
What the pages can do, for scripts. Send an API token as `Authorization: Bearer …`. Times are ISO 8601
in UTC, durations integer milliseconds.

Every list is `{"items": […], "next": …}`: give `next` as `before` for the following page; null is the end.
A search of recordings or calls that takes longer than two seconds stops before its page is full, with
`unfinished: true`, `reached` (how far back it has come) and a `next` that goes on from there; a shorter
span of time or a rarer word is quicker. What is to be done to all that match is refused with 503 rather
than done to a part of them.
Every error is `application/problem+json`. Every JSON answer has an `ETag`; `If-None-Match` saves sending
it again (304), `If-Match` on PUT, PATCH and DELETE keeps from overwriting what somebody else has changed
meanwhile (412), `If-None-Match: *` on PUT makes and never replaces. A POST with an `Idempotency-Key` may
be sent again for 24 hours: it is answered again and done once.

Signing in, the page of a share link and the work of an operator on the machine (keys, stores, import,
the sweep) are no part of it; see the command line.
"""


#: What `create_app` makes, for those who may not know FastAPI.
Application = FastAPI


@asynccontextmanager
async def _working(app: FastAPI) -> AsyncIterator[None]:
    """Beside the requests: what somebody asked to be done to many recordings."""
    work = BatchWork(app.state.web.services)
    app.state.batch_work = work
    task = asyncio.create_task(work.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def create_app(services: Services) -> FastAPI:
    """The application for these services. Raises ValueError for a secret that is too short."""
    app = DescribedApp(
        title="Tapeline",
        version="1",
        description=DESCRIPTION,
        # FastAPI's own documentation pages come from a CDN and are open to everybody; ours are
        # pages like the others, behind the gate.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        max_body_size=MAX_BODY,
        lifespan=_working,
        # Its own traces and logs hold addresses, queries and what exceptions say, and a variable would switch
        # them on; ours are in measured.py.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.web = Web.of(services)
    # The last one added is the outermost.
    app.add_middleware(Languages, default=services.language)
    app.add_middleware(Conditional)
    app.add_middleware(Replaying, web=app.state.web, most=MAX_BODY)
    app.add_middleware(SecurityHeaders, secure=services.secure_cookies)
    app.add_middleware(Measured, stats=services.http, of=app)
    problems.install(app)
    app.include_router(status.router)
    app.include_router(metrics.router)
    if services.door is not None:
        app.include_router(peers.router)
    if services.pages:
        app.include_router(api.router)
        app.include_router(pages.open_router)
        app.include_router(pages.router)
        app.include_router(texts.router)
        app.mount("/static", static_files(STATIC), name="static")
    # FastAPI works out its routes when they are first asked for, which takes half a second: that is not to be
    # taken from the calls of the first who opens a page.
    deque(iter_route_contexts(app.routes), maxlen=0)
    return app
