"""The menu, with the names that its users know from elsewhere, and where in it a page is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from ...core.roles import Permission as P
from ..language import N_


@dataclass(frozen=True, slots=True)
class MenuItem:
    text: str
    url: str
    icon: str
    permission: P


Menu = tuple[tuple[str, tuple[MenuItem, ...]], ...]

MENU: Menu = (
    (
        N_("Call Statistics"),
        (
            MenuItem(N_("Call Recordings"), "/recordings", "tape", P.SEE_CALLS),
            MenuItem(N_("CDR"), "/calls", "list", P.SEE_CALLS),
            MenuItem(N_("Live Calls"), "/live", "live", P.SEE_LIVE),
            MenuItem(N_("Bulk work"), "/batches", "jobs", P.SEE_CALLS),
            MenuItem(N_("Reports"), "/reports", "bars", P.SEE_CALLS),
            MenuItem(N_("Links"), "/shares", "route", P.SHARE),
        ),
    ),
    (
        N_("Call Manager"),
        (
            MenuItem(N_("Users"), "/users", "users", P.SEE_POLICY),
            MenuItem(N_("Trunks and rules"), "/rules", "rules", P.SEE_POLICY),
            MenuItem(N_("Explain"), "/explain", "ask", P.SEE_POLICY),
        ),
    ),
    (
        N_("Advanced Service"),
        (
            MenuItem(N_("Queues"), "/queues", "queue", P.SEE_POLICY),
            MenuItem(N_("Ring groups"), "/ring-groups", "bell", P.SEE_POLICY),
            MenuItem(N_("Virtual receptionists"), "/receptionists", "keypad", P.SEE_POLICY),
        ),
    ),
    (
        N_("Company"),
        (
            MenuItem(N_("General › Options"), "/company/options", "sliders", P.SEE_POLICY),
            MenuItem(N_("Accounts"), "/company/accounts", "key", P.MANAGE_ACCOUNTS),
            MenuItem(N_("Groups"), "/company/groups", "users", P.MANAGE_ACCOUNTS),
            MenuItem(N_("Retention"), "/retention", "keep", P.SEE_POLICY),
            MenuItem(N_("Trash"), "/trash", "bin", P.DELETE),
            MenuItem(N_("Disk use"), "/disk", "disk", P.SEE_POLICY),
            MenuItem(N_("Links of everybody"), "/company/shares", "route", P.MANAGE_SHARES),
            MenuItem(N_("Webhooks"), "/company/webhooks", "hook", P.MANAGE_WEBHOOKS),
            MenuItem(N_("Audit"), "/audit", "shield", P.SEE_AUDIT),
        ),
    ),
    (
        N_("Advanced"),
        (
            MenuItem(N_("Settings › General"), "/advanced/general", "gear", P.SYSTEM_SETTINGS),
            MenuItem(N_("Jobs"), "/jobs", "jobs", P.MANAGE_JOBS),
        ),
    ),
)


def menu_for(may: Callable[[P], bool], there: Collection[str]) -> Menu:
    """What the account may open and this installation has (``there``: its routes' paths)."""
    groups = (
        (title, tuple(i for i in items if i.url in there and may(i.permission))) for title, items in MENU
    )
    return tuple(group for group in groups if group[1])


def item_at(menu: Menu, path: str) -> MenuItem | None:
    """The item whose page, or a page below it, this is: the longest that fits."""
    fits = [i for _, items in menu for i in items if path == i.url or path.startswith(i.url + "/")]
    return max(fits, key=lambda i: len(i.url), default=None)
