"""/api/v1/webhooks: where to tell of what, and how each delivery went."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from ...engine.hooks import Delivery, DeliveryState, Hook, HookEvent
from .. import hook_work as work
from ..access import own_tenant
from ..permits import HookManager
from ..services import Parts
from .listing import Listed, cut, moment
from .params import Before, Limit
from .settings_bodies import TENANT

router = APIRouter(tags=["webhooks"])

EventName = Literal[
    "recording.started", "recording.paused", "recording.resumed", "recording.completed",
    "recording.available", "recording.failed", "recording.deleted", "recording.restored",
    "recording.accessed",
]  # fmt: skip
Url = Annotated[
    str,
    Field(
        min_length=1, max_length=2000, examples=["https://crm.example.org/hooks/tapeline"],
        description="http or https, at a public address, or in one of the operator's `allow_networks`.",
    ),
]  # fmt: skip
Label = Annotated[str, Field(max_length=100, description="For people.", examples=["CRM"])]
Events = Annotated[
    list[EventName],
    Field(max_length=20, description="What to tell; empty: all.", examples=[["recording.available"]]),
]
Parallel = Annotated[
    int, Field(ge=1, le=16, description="So many at once at most; 1: one after another, in order.")
]
Number = Annotated[int, Path(ge=1, le=2**53)]


class WebhookBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: Url
    tenant: str | None = Field(
        None, pattern=TENANT, description="Of this tenant; null: one's own, or every tenant (system only)."
    )
    label: Label = ""
    events: Events = []
    enabled: bool = True
    parallel: Parallel = 4


class WebhookChanges(BaseModel):
    """What is left out stays as it is. A webhook's tenant never changes."""

    model_config = ConfigDict(extra="forbid")
    url: Url | None = None
    label: Label | None = None
    events: Events | None = None
    enabled: bool | None = None
    parallel: Parallel | None = None


class WebhookView(BaseModel):
    webhook_id: str
    tenant: str | None = Field(description="Null: of the system, told of every tenant.")
    url: str
    label: str
    events: list[HookEvent] = Field(description="Empty: all.")
    enabled: bool
    parallel: int
    created_at: datetime
    failures: int = Field(description="How many tries have failed in a row.")
    failing_since: datetime | None
    off_why: str = Field(description="Why it was switched off by itself (410 Gone).")
    public_key: str = Field(description="Checks the `v1a` signatures.")

    @classmethod
    def of(cls, hook: Hook, public_key: str) -> WebhookView:
        return cls(
            webhook_id=hook.hook_id, tenant=hook.tenant, url=hook.url, label=hook.label,
            events=list(hook.events), enabled=hook.enabled, parallel=hook.parallel,
            created_at=hook.created_at, failures=hook.failures, failing_since=hook.failing_since,
            off_why=hook.off_why, public_key=public_key,
        )  # fmt: skip


class WebhookPage(Listed[WebhookView]):
    """By tenant, the oldest first."""


class NewWebhook(BaseModel):
    """``secret`` is shown this once; it checks the ``v1`` signatures."""

    secret: str
    webhook: WebhookView


class DeliveryView(BaseModel):
    number: int
    message_id: str = Field(description="The header `webhook-id`; the same at each try and replay.")
    event: HookEvent
    recording_id: str
    tenant: str | None
    at: datetime = Field(description="When it happened.")
    state: DeliveryState
    tries: int
    next_at: datetime | None = Field(description="When it is tried again; null: at once, or never.")
    last_at: datetime | None
    status: int = Field(description="The last answer's; 0: there was none.")
    response: str = Field(description="The beginning of the last answer.")
    error: str
    took_ms: int

    @classmethod
    def of(cls, d: Delivery) -> DeliveryView:
        return cls(
            number=d.number, message_id=d.message_id, event=d.event, recording_id=d.recording_id,
            tenant=d.tenant, at=d.at, state=d.state, tries=d.tries, next_at=d.next_at, last_at=d.last_at,
            status=d.status, response=d.response, error=d.error, took_ms=d.took_ms,
        )  # fmt: skip


class DeliveryPage(Listed[DeliveryView]):
    """The newest first."""


class Replayed(BaseModel):
    count: int = Field(description="So many are sent again.")


class TestSent(BaseModel):
    number: int = Field(description="Of the delivery in the log.")


async def _found(parts: Parts, me: HookManager, webhook_id: str) -> Hook:
    return await work.find(parts, me, webhook_id)


#: The webhook of the path, if it is the account's; asked before the body is looked at.
Found = Annotated[Hook, Depends(_found)]


@router.get("/webhooks", summary="Webhooks")
async def get_webhooks(
    parts: Parts, me: HookManager, limit: Limit = 50, before: Before = None
) -> WebhookPage:
    key = work.maker(parts).public_key
    found = await work.store(parts).hooks(me.scope)
    page, more = cut(found, lambda h: (h.tenant or "", moment(h.created_at), h.hook_id), limit, before)
    return WebhookPage(items=[WebhookView.of(h, key) for h in page], next=more)


@router.post("/webhooks", status_code=201, summary="Set a webhook up")
async def post_webhook(request: Request, parts: Parts, me: HookManager, body: WebhookBody) -> NewWebhook:
    tenant = me.tenant if body.tenant is None else own_tenant(me, body.tenant)
    events = work.in_order([HookEvent(e) for e in body.events])
    hook = Hook(
        parts.new_id(), tenant, body.url, body.label, events, body.enabled, body.parallel, parts.now()
    )
    secret = await work.add(request, parts, me, hook)
    return NewWebhook(secret=secret, webhook=WebhookView.of(hook, work.maker(parts).public_key))


@router.get("/webhooks/{webhook_id}", summary="One webhook")
async def get_webhook(parts: Parts, me: HookManager, webhook_id: str) -> WebhookView:
    return WebhookView.of(await work.find(parts, me, webhook_id), work.maker(parts).public_key)


@router.patch("/webhooks/{webhook_id}", summary="Change a webhook")
async def patch_webhook(
    request: Request, parts: Parts, me: HookManager, found: Found, body: WebhookChanges
) -> WebhookView:
    given = body.model_dump(exclude_none=True)
    if body.events is not None:
        given["events"] = work.in_order([HookEvent(e) for e in body.events])
    changed = await work.change(request, parts, me, found, replace(found, **given))
    return WebhookView.of(changed, work.maker(parts).public_key)


@router.delete("/webhooks/{webhook_id}", status_code=204, summary="Remove a webhook and its log")
async def delete_webhook(request: Request, parts: Parts, me: HookManager, webhook_id: str) -> None:
    await work.remove(request, parts, me, await work.find(parts, me, webhook_id))


@router.post("/webhooks/{webhook_id}/secret", status_code=201, summary="Give it a new secret")
async def post_secret(request: Request, parts: Parts, me: HookManager, webhook_id: str) -> NewWebhook:
    """For a day the old one signs along, so that the receiver can be changed meanwhile."""
    found = await work.find(parts, me, webhook_id)
    secret = await work.renew(request, parts, me, found)
    return NewWebhook(secret=secret, webhook=WebhookView.of(found, work.maker(parts).public_key))


@router.post("/webhooks/{webhook_id}/test", status_code=202, summary="Send a test")
async def post_test(request: Request, parts: Parts, me: HookManager, webhook_id: str) -> TestSent:
    """`webhook.test` is sent once; how it went is in the log."""
    found = await work.find(parts, me, webhook_id)
    return TestSent(number=await work.test(request, parts, me, found))


@router.get("/webhooks/{webhook_id}/deliveries", summary="The log of deliveries, newest first")
async def get_deliveries(
    parts: Parts, me: HookManager, webhook_id: str,
    state: Annotated[DeliveryState | None, Query(description="Only those.")] = None,
    limit: Limit = 50,
    before: Annotated[
        str | None, Query(pattern=r"^[0-9]{1,15}$", description="The `next` of the page before.")
    ] = None,
) -> DeliveryPage:  # fmt: skip
    await work.find(parts, me, webhook_id)
    found = await work.store(parts).deliveries(
        me.scope, webhook_id, state=state, limit=limit + 1, before=int(before) if before else None
    )
    more = str(found[limit - 1].number) if len(found) > limit else None
    return DeliveryPage(items=[DeliveryView.of(d) for d in found[:limit]], next=more)


@router.post("/webhooks/{webhook_id}/deliveries/{number}/replay", status_code=202, summary="Send one again")
async def post_replay(
    request: Request, parts: Parts, me: HookManager, webhook_id: str, number: Number
) -> Replayed:
    """With the same `webhook-id`, and a day's time anew."""
    found = await work.find(parts, me, webhook_id)
    return Replayed(count=await work.replay(request, parts, me, found, [number]))


@router.post("/webhooks/{webhook_id}/replay", status_code=202, summary="Send again all that are dead")
async def post_replay_all(request: Request, parts: Parts, me: HookManager, webhook_id: str) -> Replayed:
    found = await work.find(parts, me, webhook_id)
    return Replayed(count=await work.replay(request, parts, me, found, None))
