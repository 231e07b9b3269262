"""Errors in one shape: application/problem+json (RFC 9457) for scripts, a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from ..core.errors import InvalidPolicy
from ..engine.listing import SearchTooLong
from ..engine.ports import SwitchDown
from .headers import security_headers
from .option_faults import OptionFaults


class Fault(BaseModel):
    where: str = Field(description="Which parameter or member.", examples=["query.limit"])
    problem: str = Field(description="What is wrong with it.")


class ProblemBody(BaseModel):
    """What every error looks like."""

    type: str = Field("about:blank", description="Always about:blank: the status says the kind.")
    title: str = Field(description="The status in words.", examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="What was wrong, for people.")
    errors: list[Fault] = Field(default_factory=list, description="Each fault of a request's fields.")


class Problem(Exception):
    """An answer other than the one asked for. ``detail`` is shown to whoever asked."""

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None,
        errors: list[Fault] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})
        self.errors = errors or []


class NotSignedIn(Problem):
    def __init__(self) -> None:
        super().__init__(
            401, "Sign in, or send an API token as a bearer token.", headers={"WWW-Authenticate": "Bearer"}
        )


#: The same words for what does not exist and for what is somebody else's.
def not_found(what: str) -> Problem:
    return Problem(404, f"There is no such {what}.")


#: A word of core.rules' texts → the member that it is about.
_RULE_FIELDS = {"sample": "sample_percent", "direction": "directions", "mode": "mode", "name": "name"}


def rule_field(error: Exception) -> str:
    """Which field of a rule an InvalidPolicy is about; "" if it does not say."""
    return next((field for word, field in _RULE_FIELDS.items() if word in str(error)), "")


def invalid_rule(error: Exception) -> Problem:
    where = ".".join(filter(None, ("body", rule_field(error))))
    text = f"{str(error)[:1].upper()}{str(error)[1:]}."
    return Problem(422, text, errors=[Fault(where=where, problem=str(error))])


def install(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return answer_of(request, error)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 400:
            # FastAPI's, for bytes that are no text; what is no JSON is 422 everywhere else.
            fault = Fault(where="body", problem="it is no JSON text in UTF-8")
            return answer_of(request, Problem(422, "The request has faults; see errors.", errors=[fault]))
        return answer_of(request, Problem(error.status_code, str(error.detail), headers=error.headers))

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        # Without the values: they may be a password.
        faults = [
            Fault(where=".".join(str(p) for p in e["loc"])[:200], problem=str(e["msg"])[:300])
            for e in error.errors()[:20]
        ]
        return answer_of(request, Problem(422, "The request has faults; see errors.", errors=faults))

    @app.exception_handler(InvalidPolicy)
    async def on_invalid_rule(request: Request, error: Exception) -> Response:
        return answer_of(request, invalid_rule(error))

    @app.exception_handler(OptionFaults)
    async def on_invalid_options(request: Request, error: Exception) -> Response:
        assert isinstance(error, OptionFaults)
        faults = [Fault(where=f"body.options.{key}", problem=text) for key, text in error.faults.items()]
        return answer_of(request, Problem(422, f"{error}.", errors=faults))

    @app.exception_handler(SwitchDown)
    async def on_switch_down(request: Request, error: Exception) -> Response:
        why = f" ({error})" if str(error).startswith("no controller") else ""
        text = f"The switch cannot be reached now; nothing is known to have changed{why}."
        return answer_of(request, Problem(503, text))

    @app.exception_handler(SearchTooLong)
    async def on_search_too_long(request: Request, error: Exception) -> Response:
        why = Problem(503, "The search took too long. Ask for a shorter span of time or a rarer word.")
        return answer_of(request, why)

    @app.exception_handler(Exception)
    async def on_defect(request: Request, error: Exception) -> Response:
        # Starlette raises it again after this answer, so the server logs the traceback.
        response = answer_of(request, Problem(500, "Something went wrong here. The log has the details."))
        # This one answer is made outside the middleware that adds them.
        response.headers.update(security_headers(secure=False))
        return response


def for_scripts(request: Request) -> bool:
    """Whether whoever asks reads JSON rather than a page."""
    if request.url.path.startswith(("/api/", "/healthz", "/readyz")):
        return True
    return request.headers.get("accept", "").startswith("application/json")


def answer_of(request: Request, problem: Problem) -> Response:
    """The problem as whoever asks reads it: JSON, or a page."""
    if not for_scripts(request):
        return _page(request, problem)
    body = ProblemBody(
        title=_title(problem.status), status=problem.status, detail=problem.detail, errors=problem.errors
    )
    return JSONResponse(
        body.model_dump(exclude={"errors"} if not body.errors else None),
        problem.status,
        headers=problem.headers,
        media_type="application/problem+json",
    )


def _page(request: Request, problem: Problem) -> Response:
    if isinstance(problem, NotSignedIn) and request.method in ("GET", "HEAD"):
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(target[:2000])}", 303)
    # Here and not above: the pages' templates import this module.
    from .pages.rendering import error_page

    return error_page(request, problem.status, _title(problem.status), problem.detail, problem.headers)


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


#: What the routes of /api may answer beside success, for OpenAPI.
STATUSES = {
    401: "Not signed in, or the token is none.",
    403: "The account's role, or the token's scopes, do not allow it.",
    404: "There is no such thing, or it is not the account's to see.",
    405: "This address does not take this method.",
    406: "The client does not take JSON.",
    409: "It is not possible as things are, or a request with this key is under way.",
    412: "It is not what If-Match stands for.",
    413: "The body is too long.",
    415: "The body is not JSON.",
    416: "The range is beyond the end.",
    422: "A parameter or a member is missing or wrong; `errors` names it.",
    429: "Too many attempts; Retry-After says when to come back.",
    500: "Something went wrong here; the log has the details.",
    503: "Something that it needs does not answer now; it may be tried again.",
}
