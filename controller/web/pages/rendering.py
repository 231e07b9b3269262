"""Templates and what every page has in common: the menu, who is signed in, the switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from ...core.roles import Permission
from ...engine.ports import LinkState
from ...engine.reading import Account
from ..access import may
from ..kept import not_kept
from ..services import web_of
from . import words

_HERE = Path(__file__).parent.parent

templates = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
for _name in (
    "shown", "clock", "day", "stamp", "duration", "precise", "size", "who", "number", "caller", "callees",
    "words", "sentence", "coded", "address",
    "means", "moment", "apart", "file_title",
):  # fmt: skip
    templates.filters[_name] = getattr(words, _name)
templates.filters["not_kept"] = not_kept


@dataclass(frozen=True, slots=True)
class MenuItem:
    text: str
    url: str
    icon: str
    permission: Permission


#: The menu, with the names that its users know from elsewhere.
MENU: tuple[tuple[str, tuple[MenuItem, ...]], ...] = (
    (
        "Call Statistics",
        (
            MenuItem("Call Recordings", "/recordings", "tape", Permission.SEE_CALLS),
            MenuItem("CDR", "/calls", "list", Permission.SEE_CALLS),
            MenuItem("Live Calls", "/live", "live", Permission.SEE_LIVE),
            MenuItem("Links", "/shares", "route", Permission.SHARE),
        ),
    ),
    (
        "Call Manager",
        (
            MenuItem("Users", "/users", "users", Permission.SEE_POLICY),
            MenuItem("Recording rules", "/rules", "rules", Permission.SEE_POLICY),
            MenuItem("Explain", "/explain", "ask", Permission.SEE_POLICY),
        ),
    ),
    (
        "Company",
        (
            MenuItem("General › Options", "/company/options", "sliders", Permission.SEE_POLICY),
            MenuItem("Jobs", "/jobs", "tape", Permission.MANAGE_JOBS),
            MenuItem("Accounts", "/company/accounts", "key", Permission.MANAGE_ACCOUNTS),
            MenuItem("Groups", "/company/groups", "users", Permission.MANAGE_ACCOUNTS),
            MenuItem("Disk use", "/disk", "disk", Permission.SEE_POLICY),
            MenuItem("Retention", "/retention", "keep", Permission.SEE_POLICY),
            MenuItem("Trash", "/trash", "tape", Permission.DELETE),
            MenuItem("Links of everybody", "/company/shares", "route", Permission.MANAGE_SHARES),
            MenuItem("Audit", "/audit", "shield", Permission.SEE_AUDIT),
        ),
    ),
    (
        "Advanced",
        (MenuItem("Settings › General", "/advanced/general", "gear", Permission.SYSTEM_SETTINGS),),
    ),
)


def zone(request: Request) -> tzinfo:
    return words.zone_of(request.cookies.get("tz"))


def page(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page for whoever the gate has let in."""
    return HTMLResponse(render(request, template, **context), status)


def render(request: Request, template: str, **context: Any) -> str:
    return templates.get_template(template).render(**_common(request), **context)


def error_page(
    request: Request, status: int, title: str, detail: str, headers: Mapping[str, str]
) -> HTMLResponse:
    common = _common(request)
    html = templates.get_template("error.html").render(**common, status=status, title=title, detail=detail)
    return HTMLResponse(html, status, dict(headers))


def _common(request: Request) -> dict[str, Any]:
    web = web_of(request)
    account: Account | None = getattr(request.state, "account", None)
    session = getattr(request.state, "session", None)
    where = zone(request)
    return {
        "account": account,
        "csrf": web.sessions.form_token(session.nonce) if session else "",
        "zone": where,
        "zone_name": "UTC" if where is UTC else str(where),
        "path": request.url.path,
        "menu": _menu(request) if account else [],
        "can": lambda name: may(request, Permission(name)),
        "switches": _switches(request, account) if account else [],
        "now": web.services.now(),
    }


def _menu(request: Request) -> list[tuple[str, list[MenuItem]]]:
    groups = [(title, [i for i in items if may(request, i.permission)]) for title, items in MENU]
    return [group for group in groups if group[1]]


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
        }
        for s in web_of(request).services.control.switches()
    ]
