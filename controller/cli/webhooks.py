"""``tapeline webhook``: where other systems are told of recordings."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from ..catalog.facade import SqlCatalog
from ..config import load
from ..engine.hooks import CHOOSABLE, DeliveryState, Hook, HookEvent
from ..engine.ids import new_id, now
from ..engine.reading import Scope
from ..hooking import maker_of
from ..secret import session_secret
from .common import ConfigOption, JsonOption, NotPossible, audited, console, print_json, with_catalog

webhooks = typer.Typer(no_args_is_help=True, help="Webhooks: where other systems are told of recordings.")

_ALL = Scope(None)
Which = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id, as `tapeline webhook list` shows it.")]


async def _find(catalog: SqlCatalog, hook_id: str) -> Hook:
    found = await catalog.hook(_ALL, hook_id)
    if found is None:
        raise NotPossible(f"there is no webhook {hook_id!r}")
    return found


async def _note(catalog: SqlCatalog, hook: Hook, action: str, detail: str = "") -> None:
    await audited(catalog, hook.tenant, action, f"webhook {hook.hook_id}", detail)


@webhooks.command("list")
def list_command(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show the webhooks and how each is."""

    async def work(catalog: SqlCatalog) -> None:
        found = await catalog.hooks(_ALL)
        if as_json:
            secret = ("sealed", "old_sealed")
            print_json([{k: v for k, v in asdict(h).items() if k not in secret} for h in found])
            return
        table = Table("webhook", "tenant", "address", "tells", "state")
        for h in found:
            state = "off" if not h.enabled else f"failing ({h.failures})" if h.failures else "on"
            table.add_row(h.hook_id, h.tenant or "all", h.url, ", ".join(h.events) or "everything", state)
        console.print(table)

    with_catalog(config, work)


@webhooks.command("add")
def add_command(
    url: Annotated[str, typer.Argument(help="http:// or https://, at a public address.")],
    tenant: Annotated[str | None, typer.Option(help="Of this tenant; without it, told of all.")] = None,
    event: Annotated[
        list[str] | None, typer.Option(help="Only this event, such as recording.available; repeatable.")
    ] = None,
    label: Annotated[str, typer.Option(help="What people call it.")] = "",
    parallel: Annotated[int, typer.Option(min=1, max=16, help="So many at once at most.")] = 4,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Set a webhook up, and print its secret once."""
    unknown = [e for e in event or () if e not in list(map(str, CHOOSABLE))]
    if unknown:
        raise NotPossible(f"there is no event {unknown[0]!r}: {', '.join(CHOOSABLE)}")
    settings = load(config)
    maker = maker_of(settings, session_secret(settings.web.secret_file))

    async def work(catalog: SqlCatalog) -> None:
        if why := await maker.refused(url):
            raise NotPossible(why)
        hook_id = new_id()
        text, sealed = maker.new_secret(hook_id)
        events = tuple(HookEvent(e) for e in dict.fromkeys(event or ()))
        hook = Hook(hook_id, tenant, url, label, events, True, parallel, now(), sealed)
        await catalog.set_hook(hook)
        await _note(catalog, hook, "webhook made", url)
        if as_json:
            print_json({"webhook_id": hook_id, "secret": text, "public_key": maker.public_key})
        else:
            console.print(f"Webhook {hook_id}\nSecret (shown once): {text}\nPublic key: {maker.public_key}")

    with_catalog(config, work)


@webhooks.command("remove")
def remove_command(webhook: Which, config: ConfigOption = None) -> None:
    """Remove a webhook with its log and what waits for it."""

    async def work(catalog: SqlCatalog) -> None:
        hook = await _find(catalog, webhook)
        await catalog.remove_hook(_ALL, webhook)
        await _note(catalog, hook, "webhook removed", hook.url)

    with_catalog(config, work)


@webhooks.command("test")
def send_test_command(webhook: Which, config: ConfigOption = None) -> None:
    """Have the running controller send a test; how it went is in the log."""

    async def work(catalog: SqlCatalog) -> None:
        hook = await _find(catalog, webhook)
        number = await catalog.hook_test(hook, f"msg_{new_id()}")
        await _note(catalog, hook, "webhook tested", hook.url)
        console.print(f"Delivery {number}")

    with_catalog(config, work)


@webhooks.command("log")
def log_command(
    webhook: Which,
    state: Annotated[DeliveryState | None, typer.Option(help="Only those.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many at most.")] = 50,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the deliveries, the newest first."""

    async def work(catalog: SqlCatalog) -> None:
        await _find(catalog, webhook)
        found = await catalog.deliveries(_ALL, webhook, state=state, limit=limit)
        if as_json:
            print_json([asdict(d) for d in found])
            return
        table = Table("delivery", "at", "event", "recording", "state", "tries", "answer")
        for d in found:
            answer = " ".join(filter(None, (str(d.status or ""), d.error)))
            at = f"{d.at:%Y-%m-%d %H:%M:%S}"
            table.add_row(str(d.number), at, d.event, d.recording_id, d.state, str(d.tries), answer)
        console.print(table)

    with_catalog(config, work)


@webhooks.command("replay")
def replay_command(
    webhook: Which,
    delivery: Annotated[list[int] | None, typer.Option(help="This one; repeatable.")] = None,
    config: ConfigOption = None,
) -> None:
    """Send deliveries again: those named, or all that are dead."""

    async def work(catalog: SqlCatalog) -> None:
        hook = await _find(catalog, webhook)
        count = await catalog.replay(_ALL, webhook, delivery or None)
        await _note(catalog, hook, "webhook replayed", f"{count}")
        console.print(f"{count} sent again")

    with_catalog(config, work)
