"""Webhooks, shared by the API and the pages: found, checked, changed, in the audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from fastapi import Request

from ..engine.hooks import CHOOSABLE, Hook, HookEvent, HookMaker, HookStore
from ..engine.reading import Account
from .access import address_of, known_id
from .changes import note
from .problems import Fault, Problem, not_found
from .services import Services

#: A receiver has so long to take over a new secret: both sign meanwhile.
BOTH_SECRETS = timedelta(days=1)
MOST_OF_A_TENANT = 50


def store(parts: Services) -> HookStore:
    if parts.hooks is None:
        raise not_found("webhook")
    return parts.hooks


def maker(parts: Services) -> HookMaker:
    if parts.hook_maker is None:
        raise not_found("webhook")
    return parts.hook_maker


async def find(parts: Services, me: Account, hook_id: str) -> Hook:
    """Raises 404, also for another tenant's."""
    found = await store(parts).hook(me.scope, known_id(hook_id, "webhook"))
    if found is None:
        raise not_found("webhook")
    return found


async def refused(parts: Services, url: str) -> str:
    """Why the address cannot be one, as a sentence; ""."""
    why = await maker(parts).refused(url)
    return f"{why[:1].upper()}{why[1:]}." if why else ""


async def _check(parts: Services, url: str) -> None:
    if why := await refused(parts, url):
        raise Problem(422, why, errors=[Fault(where="body.url", problem=why)])


async def add(request: Request, parts: Services, me: Account, hook: Hook) -> str:
    """The secret, to be shown this once. Raises 409 for too many, 422 for the address."""
    await _check(parts, hook.url)
    there = [h for h in await store(parts).hooks(me.scope) if h.tenant == hook.tenant]
    if len(there) >= MOST_OF_A_TENANT:
        raise Problem(409, f"There are {MOST_OF_A_TENANT} webhooks already.")
    text, sealed = maker(parts).new_secret(hook.hook_id)
    await store(parts).set_hook(replace(hook, sealed=sealed))
    await _note(request, parts, me, hook, "webhook made", said(hook))
    return text


async def change(request: Request, parts: Services, me: Account, before: Hook, wanted: Hook) -> Hook:
    if wanted.url != before.url:
        await _check(parts, wanted.url)
    if wanted.enabled:
        wanted = replace(wanted, off_why="")
    await store(parts).set_hook(wanted)
    await _note(request, parts, me, wanted, "webhook changed", f"{said(before)} → {said(wanted)}")
    return await find(parts, me, wanted.hook_id)


async def renew(request: Request, parts: Services, me: Account, hook: Hook) -> str:
    text, sealed = maker(parts).new_secret(hook.hook_id)
    until = parts.now() + BOTH_SECRETS
    await store(parts).set_hook(replace(hook, sealed=sealed, old_sealed=hook.sealed, old_until=until))
    await _note(request, parts, me, hook, "webhook secret renewed", "")
    return text


async def remove(request: Request, parts: Services, me: Account, hook: Hook) -> None:
    await store(parts).remove_hook(me.scope, hook.hook_id)
    await _note(request, parts, me, hook, "webhook removed", hook.url)


async def test(request: Request, parts: Services, me: Account, hook: Hook) -> int:
    if not hook.enabled:
        raise Problem(409, "The webhook is switched off.")
    number = await store(parts).hook_test(hook, f"msg_{parts.new_id()}")
    await _note(request, parts, me, hook, "webhook tested", hook.url)
    parts.poke_hooks()
    return number


async def replay(
    request: Request, parts: Services, me: Account, hook: Hook, numbers: Sequence[int] | None
) -> int:
    count = await store(parts).replay(me.scope, hook.hook_id, numbers)
    if numbers and not count:
        raise not_found("delivery")
    if count:
        which = "all that are dead" if numbers is None else ", ".join(map(str, numbers))
        await _note(request, parts, me, hook, "webhook replayed", which)
        parts.poke_hooks()
    return count


async def _note(request: Request, parts: Services, me: Account, hook: Hook, action: str, detail: str) -> None:
    await note(parts, me, action, f"webhook {hook.hook_id}", detail, address_of(request), hook.tenant)


def said(hook: Hook) -> str:
    which = "all events" if not hook.events else ", ".join(hook.events)
    return f"{hook.url} ({which}{'' if hook.enabled else '; off'})"


def in_order(events: Sequence[HookEvent]) -> tuple[HookEvent, ...]:
    """Without repetitions; all of them is the same as none named."""
    wanted = tuple(e for e in CHOOSABLE if e in events)
    return () if len(wanted) == len(CHOOSABLE) else wanted
