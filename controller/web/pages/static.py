"""Our own scripts and styles: small, and nothing from elsewhere, so there is no front-end build."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope


class _Revalidated(StaticFiles):
    """Kept by the browser and asked for again each time (304): an upgrade shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


def static_files(folder: Path) -> StaticFiles:
    return _Revalidated(directory=folder)
