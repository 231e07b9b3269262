"""The REST API's reference, drawn from its OpenAPI description (no CDN, no script)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

from ..describing.openapi import resolved
from ..permits import SignedIn
from .rendering import page

router = APIRouter()


@router.get("/api-docs")
async def reference_page(request: Request, me: SignedIn) -> Response:
    app = request.app
    assert isinstance(app, FastAPI)
    described = app.openapi()
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or ["other"])[0]
            groups.setdefault(tag, []).append(
                {"method": method.upper(), "path": path, **_plain(described, operation)}
            )
    return page(request, "reference.html", groups=groups, about=described["info"]["description"])


def _plain(described: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return {
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": [
            {
                "name": p["name"],
                "place": p["in"],
                "required": p.get("required", False),
                "description": p.get("description") or p.get("schema", {}).get("description", ""),
            }
            for p in (resolved(described, part) for part in operation.get("parameters", []))
        ],
        "body": body.get("$ref", "").rpartition("/")[2],
        "answers": {
            code: resolved(described, answer).get("description", "")
            for code, answer in operation.get("responses", {}).items()
        },
    }
