"""The menu, with the names that its users know from elsewhere, and where in it a page is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from ...core.roles import Permission as P


@dataclass(frozen=True, slots=True)
class MenuItem:
    text: str
    url: str
    icon: str
    permission: P


Menu = tuple[tuple[str, tuple[MenuItem, ...]], ...]

MENU: Menu = (
    (
        "Call Statistics",
        (
            MenuItem("Call Recordings", "/recordings", "tape", P.SEE_CALLS),
            MenuItem("CDR", "/calls", "list", P.SEE_CALLS),
            MenuItem("Live Calls", "/live", "live", P.SEE_LIVE),
            MenuItem("Bulk work", "/batches", "jobs", P.SEE_CALLS),
            MenuItem("Reports", "/reports", "bars", P.SEE_CALLS),
            MenuItem("Links", "/shares", "route", P.SHARE),
        ),
    ),
    (
        "Call Manager",
        (
            MenuItem("Users", "/users", "users", P.SEE_POLICY),
            MenuItem("Trunks and rules", "/rules", "rules", P.SEE_POLICY),
            MenuItem("Explain", "/explain", "ask", P.SEE_POLICY),
        ),
    ),
    (
        "Advanced Service",
        (
            MenuItem("Queues", "/queues", "queue", P.SEE_POLICY),
            MenuItem("Ring groups", "/ring-groups", "bell", P.SEE_POLICY),
            MenuItem("Virtual receptionists", "/receptionists", "keypad", P.SEE_POLICY),
        ),
    ),
    (
        "Company",
        (
            MenuItem("General › Options", "/company/options", "sliders", P.SEE_POLICY),
            MenuItem("Accounts", "/company/accounts", "key", P.MANAGE_ACCOUNTS),
            MenuItem("Groups", "/company/groups", "users", P.MANAGE_ACCOUNTS),
            MenuItem("Retention", "/retention", "keep", P.SEE_POLICY),
            MenuItem("Trash", "/trash", "bin", P.DELETE),
            MenuItem("Disk use", "/disk", "disk", P.SEE_POLICY),
            MenuItem("Links of everybody", "/company/shares", "route", P.MANAGE_SHARES),
            MenuItem("Webhooks", "/company/webhooks", "hook", P.MANAGE_WEBHOOKS),
            MenuItem("Audit", "/audit", "shield", P.SEE_AUDIT),
        ),
    ),
    (
        "Advanced",
        (
            MenuItem("Settings › General", "/advanced/general", "gear", P.SYSTEM_SETTINGS),
            MenuItem("Jobs", "/jobs", "jobs", P.MANAGE_JOBS),
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
