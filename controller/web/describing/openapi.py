"""Completes FastAPI's description: names, credentials, media types, conditions, errors and examples."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from ..access import declared, session_only
from ..problems import STATUSES, ProblemBody
from .examples import add_examples
from .names import MEDIA, OPERATIONS, RENAMED, TAGS

PREFIX = "/api/v1"
_ERROR = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
_PARAMETERS = {
    "IdempotencyKey": {
        "name": "Idempotency-Key", "in": "header", "required": False,
        "description": "Sent again within 24 hours with the same request, the answer is given again and "
        "nothing is done again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
        "example": "4b1f0f6d-2a7c-4d8e-9b3a-5c7d9e1f3a5b",
    },
    "IfMatch": {
        "name": "If-Match", "in": "header", "required": False,
        "description": "The `ETag` of what was read: 412 if it is another by now, or cannot be read at "
        "this address.",
        "schema": {"type": "string", "maxLength": 200}, "example": '"0a1b2c3d4e5f60718293a4b5c6d7e8f9"',
    },
    "IfNoneMatch": {
        "name": "If-None-Match", "in": "header", "required": False,
        "description": "The `ETag` of what is known: 304 if it is still the same.",
        "schema": {"type": "string", "maxLength": 200}, "example": '"0a1b2c3d4e5f60718293a4b5c6d7e8f9"',
    },
}  # fmt: skip
_SCHEMES = {
    "bearer": {
        "type": "http", "scheme": "bearer",
        "description": "An API token, made on the page Account or by `tapeline token`. Its scopes take away "
        "from what its account may do.",
    },
    "session": {
        "type": "apiKey", "in": "cookie", "name": "tapeline",
        "description": "A browser's session (`__Host-tapeline` over HTTPS).",
    },
    "form": {
        "type": "apiKey", "in": "header", "name": "X-CSRF-Token",
        "description": "The session's form token, as every page has it: with a session, for whatever "
        "changes something.",
    },
}  # fmt: skip


class DescribedApp(FastAPI):
    """FastAPI whose ``openapi()`` gives the whole description."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = described(self)
        return self.openapi_schema


def described(app: FastAPI) -> dict[str, Any]:
    whole = get_openapi(
        title=app.title, version=app.version, openapi_version=app.openapi_version,
        description=app.description, routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        license_info={"name": "MIT", "identifier": "MIT"},
    )  # fmt: skip
    for old, new in RENAMED.items():
        whole = _renamed(whole, old, new)
    components = whole["components"]
    schemas = components["schemas"]
    schemas["ProblemBody"] = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= schemas["ProblemBody"].pop("$defs", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = _SCHEMES
    components["parameters"] = _PARAMETERS
    components["responses"] = {
        f"Problem{status}": {"description": text, "content": _ERROR} for status, text in STATUSES.items()
    }
    gated = _gated(app)
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            _complete(method.upper(), path, operation, gated)
    add_examples(schemas)
    return whole


def resolved(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for; what is none, as it is."""
    if "$ref" not in part:
        return part
    found: Any = whole
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def _gated(app: FastAPI) -> dict[tuple[str, str], tuple[str, bool]]:
    """(method, path) → its permission, and whether only a session has it."""
    found = {}
    for context in iter_route_contexts(app.routes):
        permission = declared(context.original_route)
        if permission is None or context.path is None:
            continue
        path = context.path.replace(":path}", "}")
        for method in context.methods or ():
            found[method, path] = (str(permission), session_only(context.original_route))
    return found


def _complete(
    method: str, path: str, operation: dict[str, Any], gated: dict[tuple[str, str], tuple[str, bool]]
) -> None:
    name = OPERATIONS.get(f"{method} {path.removeprefix(PREFIX)}")
    if name is not None:
        operation["operationId"] = name
    answers = operation["responses"]
    for answer in answers.values():
        if answer.get("description") == "Successful Response":
            answer["description"] = f"{operation['summary']}."
    if (found := gated.get((method, path))) is None:
        return
    permission, session = found
    operation["x-permission"] = permission
    sent: list[dict[str, list[str]]] = [{"session": []} if method == "GET" else {"session": [], "form": []}]
    operation["security"] = sent if session else [{"bearer": []}, *sent]
    if name in MEDIA:
        for status in ("200", "206"):
            if status in answers:
                kinds = MEDIA[name]
                answers[status]["content"] = {kind: {"schema": _bytes(kind)} for kind in kinds}
    json_answer = _answers_json(answers)
    statuses = {401, 403, 404, 422, 500, 503}
    if method != "GET":
        statuses |= {405, 409, 413, 415, 429}
    elif json_answer:
        statuses.add(406)
    if method in ("PUT", "PATCH", "DELETE"):
        statuses.add(412)
    if "206" in answers:
        statuses.add(416)
    for number in sorted(statuses):
        answers[str(number)] = {"$ref": f"#/components/responses/Problem{number}"}
    if method == "GET" and (json_answer or "206" in answers):
        answers.setdefault("304", {"description": "What the `ETag` sent along stands for has not changed."})
        for status in ("200", "206"):
            if status in answers:
                tag = {"description": "Of what is answered.", "schema": {"type": "string"}}
                answers[status].setdefault("headers", {})["ETag"] = tag
    condition = {"GET": "IfNoneMatch" if json_answer else "", "POST": "IdempotencyKey"}.get(method, "IfMatch")
    if condition:
        parameter = {"$ref": f"#/components/parameters/{condition}"}
        operation.setdefault("parameters", []).append(parameter)


def _answers_json(answers: dict[str, Any]) -> bool:
    return any("application/json" in a.get("content", {}) for s, a in answers.items() if s.startswith("2"))


def _bytes(kind: str) -> dict[str, Any]:
    return {"type": "string"} if kind.startswith("text/") else {"type": "string", "format": "binary"}


def _renamed(whole: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    text = json.dumps(whole).replace(f'"#/components/schemas/{old}"', f'"#/components/schemas/{new}"')
    found: dict[str, Any] = json.loads(text)
    schemas = found["components"]["schemas"]
    if old in schemas:
        schemas[new] = schemas.pop(old)
    return found
