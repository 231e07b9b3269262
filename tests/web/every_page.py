"""Every page that there is, with what is on it: for the walks of roles, of axe and for the pictures."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from fastapi.routing import iter_route_contexts

from controller.core.options import Channels, PauseStyle, TenantOptions
from controller.core.rules import PolicyRule, PolicyScope, Setting
from controller.engine.batches import Batch, BatchState
from controller.engine.entry import Group, MemberKind
from controller.engine.hooks import Hook
from controller.engine.media_ports import MediaState
from controller.engine.ports import Check
from controller.engine.reading import Scope, UserSettings
from controller.engine.sharing import Audience, Share
from controller.media.peaks_task import PeaksTask
from controller.media.shelves import home_only
from controller.web.first_run import Newcomers

from .test_first_run import SwitchUsers, guide_of
from .test_recording_page import available, recorded
from .world import PEOPLE, World, later, wav

RED = "red.example"

#: Answers that are no pages: streams, files, redirections, what machines ask.
NO_PAGE = {
    "/healthz", "/readyz", "/metrics", "/live/stream", "/jobs/stream", "/reports/csv", "/",
    "/batches/{batch_id}/download", "/s/{token}/{number}/audio", "/s/{token}/{number}/download",
    "/texts/{name}", "/first-run/call/now",
    "/sign-in/provider", "/sign-in/provider/back", "/sign-in/set-up", "/sign-in/code",
}  # fmt: skip

#: route → its addresses, each a state in which the page looks otherwise.
PAGES = {
    "/sign-in": ["/sign-in"],
    "/first-run": ["/first-run"],
    "/first-run/switches": ["/first-run/switches"],
    "/first-run/users": ["/first-run/users"],
    "/first-run/call": ["/first-run/call"],
    "/s/{token}": ["/s/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    "/recordings": ["/recordings", "/recordings?party=nobody-of-that-name", "/recordings?sort=x&tag=vip"],
    "/recordings/act": [
        f"/recordings/act?action={action}&recording={{red}}" for action in ("tag", "hold", "trash", "zip")
    ],
    "/recordings/{recording_id}": [
        "/recordings/{red}", "/recordings/{cut}", "/recordings/{film}", "/recordings/no-such",
    ],
    "/batches": ["/batches"],
    "/batches/{batch_id}": ["/batches/batch-{who}"],
    "/reports": ["/reports", "/reports?range=365d&by=user"],
    "/calls": ["/calls", "/calls?recorded=missing&since=nonsense"],
    "/calls/{call_id}": ["/calls/{call}"],
    "/live": ["/live"],
    "/jobs": ["/jobs", "/jobs?show=failed"],
    "/jobs/{recording_id}": ["/jobs/{film}"],
    "/disk": ["/disk", "/disk?users=x"],
    "/users": ["/users"],
    "/users/{tenant}/{user}": [f"/users/{RED}/101"],
    "/rules": ["/rules"],
    "/rules/edit": ["/rules/edit", f"/rules/edit?scope=queue&tenant={RED}&name=sales"],
    "/retention": [f"/retention?tenant={RED}"],
    "/trash": ["/trash"],
    "/explain": ["/explain", f"/explain?tenant={RED}&caller=101&callee=%2B4930"],
    "/company/options": [f"/company/options?tenant={RED}"],
    "/advanced/general": ["/advanced/general"],
    "/account": ["/account"],
    "/company/accounts": ["/company/accounts"],
    "/company/accounts/{account_id}": ["/company/accounts/account-red-101"],
    "/audit": ["/audit"],
    "/company/groups": ["/company/groups"],
    "/company/groups/{tenant}/{group_id}": [f"/company/groups/{RED}/group-1"],
    "/shares": ["/shares"],
    "/company/shares": ["/company/shares"],
    "/shares/new": ["/shares/new?recording={red}"],
    "/company/webhooks": ["/company/webhooks"],
    "/company/webhooks/{webhook_id}": ["/company/webhooks/hook-1"],
    "/api-docs": ["/api-docs"],
    "/help/alarms": ["/help/alarms"],
    "/queues": ["/queues"],
    "/ring-groups": ["/ring-groups"],
    "/receptionists": ["/receptionists"],
}  # fmt: skip


async def findings() -> list[tuple[str, list[Check]]]:
    bad = Check("storage", False, "/ cannot be written", "set storage.path to a folder of this user")
    good = Check("database", True, "reachable, its schema is current")
    return [("this machine", [good]), ("switch fs1 (freeswitch)", [bad])]


class NewUsers(SwitchUsers):
    """Of a tenant that is here already, so that no name stands within a sentence."""

    async def look(self, switch: str) -> Newcomers:
        return replace(await super().look(switch), tenants=())


async def furnish(world: World) -> dict[str, str]:
    """Something on every page; and what stands for the names in PAGES."""
    catalog, scope = world.catalog, Scope(RED)
    for rule in (
        PolicyRule(PolicyScope.QUEUE, RED, "sales", Setting.FORBID),
        PolicyRule(PolicyScope.RING_GROUP, RED, "front desk", Setting.ON),
        PolicyRule(PolicyScope.RECEPTIONIST, RED, "main menu", Setting.OFF),
    ):
        await catalog.set_rule(rule)
    await catalog.set_user(UserSettings(RED, "101", "Anna Red", Setting.ON))
    cut = await recorded(world, TenantOptions(pause_style=PauseStyle.CUT, channels=Channels.STEREO), pause=24)
    await available(world, cut, wav(8), "wav", 8020)
    await PeaksTask(catalog, home_only(world.store)).run(cut.recording, lambda done: None)
    film = await recorded(world, TenantOptions(), video=True)
    await catalog.set_media_state(film.recording, MediaState.FAILED, error="it needs ffmpeg: install it")
    await catalog.retry_jobs(scope, [film.recording])
    await catalog.add_tag(scope, world.recordings["red"], "vip", "red-admin", retained=True)
    await catalog.add_note(scope, cut.recording, "Here", "red-admin", "note-1", position_ms=3000)
    later(world, hours=1)
    await catalog.trash(scope, [world.recordings["shared"]], "red-admin", "by mistake")
    at, red = world.story.at, world.recordings["red"]
    await catalog.set_group(Group("group-1", RED, "Group", ((MemberKind.USER, "101"),)))
    await catalog.set_hook(Hook("hook-1", RED, "https://93.184.216.34/", "CRM", (), True, 1, at))
    for login in PEOPLE:
        share = Share(
            f"share-{login}", RED, f"account-{login}", login, "For the lawyer", at, at + timedelta(days=1),
            Audience.SIGNED_IN, False, True, recordings=(red,),
        )  # fmt: skip
        await catalog.add_share(share, f"hash-{login}")
        made = Batch(
            f"batch-{login}", f"account-{login}", RED, "tag", "vip", (red, cut.recording), "", "",
            BatchState.DONE, at, at + timedelta(hours=9), 2, (("it is gone", 1),),
        )  # fmt: skip
        await catalog.add_batch(made)
    guide = guide_of(world)
    guide.doctor, guide.users = findings, NewUsers(world)
    return {"red": red, "cut": cut.recording, "film": film.recording, "call": world.calls["red"]}


def addresses(known: dict[str, str], who: str) -> list[tuple[str, str]]:
    """(route, address) of every page, for this account."""
    names = {**known, "who": who}
    return [
        (route, re.sub(r"{(\w+)}", lambda m: names[m[1]], address))
        for route, found in PAGES.items()
        for address in found
    ]


def file_of(address: str) -> str:
    """A picture's name."""
    return re.sub(r"[^a-z0-9]+", "-", address.lower()).strip("-")[:60] or "home"


def page_routes(world: World) -> set[str]:
    """The routes of the application that answer with a page."""
    return {
        context.path
        for context in iter_route_contexts(world.app.routes)
        if context.path and "GET" in (context.methods or ()) and not context.path.startswith("/api/")
    } - NO_PAGE
