"""Templates and what every page has in common: the menu, who is signed in, the switches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.routing import iter_route_contexts

from ...core.roles import Permission
from ...engine.ports import LinkState
from ...engine.reading import Account
from ..access import may
from ..language import language
from ..services import web_of
from . import words
from .menu import item_at, menu_for
from .templating import templates_of


def zone(request: Request) -> tzinfo:
    return words.zone_of(request.cookies.get("tz"))


def page(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page for whoever the gate has let in."""
    return HTMLResponse(render(request, template, **context), status)


def render(request: Request, template: str, **context: Any) -> str:
    return templates_of(language()).get_template(template).render(**_common(request), **context)


def fragment(template: str, **context: Any) -> str:
    """A piece that is the same for everybody who reads the same language: nothing of who asks, or of the page
    around it, is in it."""
    return templates_of(language()).get_template(template).render(**context)


def form_token(request: Request) -> str:
    """What a form of this session carries, so that no other site can send it."""
    session = getattr(request.state, "session", None)
    return web_of(request).sessions.form_token(session.nonce) if session else ""


def error_page(
    request: Request, status: int, title: str, detail: str, headers: Mapping[str, str]
) -> HTMLResponse:
    common = _common(request)
    html = (
        templates_of(language())
        .get_template("error.html")
        .render(**common, status=status, title=title, detail=detail)
    )
    return HTMLResponse(html, status, dict(headers))


def _common(request: Request) -> dict[str, Any]:
    web = web_of(request)
    account: Account | None = getattr(request.state, "account", None)
    where = zone(request)
    menu = menu_for(lambda one: may(request, one), _paths(request)) if account else ()
    return {
        "account": account,
        "csrf": form_token(request),
        "zone": where,
        "zone_name": "UTC" if where is UTC else str(where),
        "path": request.url.path,
        "menu": menu,
        "here": item_at(menu, request.url.path),
        "alarms": getattr(request.state, "alarms", []),
        "choosable": getattr(request.state, "tenants", []),
        "can": lambda name: may(request, Permission(name)),
        "switches": _switches(request, account) if account else [],
        "now": web.services.now(),
        "language": language(),
    }


def _paths(request: Request) -> frozenset[str]:
    """The paths of all routes, so that the menu names no page that this installation does not have."""
    state = request.app.state
    found: frozenset[str] | None = getattr(state, "paths", None)
    if found is None:
        paths = (context.path for context in iter_route_contexts(request.app.routes))
        found = state.paths = frozenset(path for path in paths if path)
    return found


def _switches(request: Request, account: Account) -> list[dict[str, Any]]:
    """Everybody sees that a switch is down; what its error says of hosts only the administrator."""
    return [
        {
            "name": s.name,
            "kind": s.kind,
            "state": str(s.state),
            "up": s.state is LinkState.UP,
            "down": s.state is LinkState.DOWN,
            "since": s.since,
            "version": s.version,
            "error": s.error if account.tenant is None else "",
            "holder": s.holder if account.tenant is None else "",
        }
        for s in web_of(request).services.control.switches()
    ]
