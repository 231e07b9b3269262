"""From a change in the catalog to a signed request at a real server, on both databases."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import text

from controller.catalog import SqlCatalog
from controller.engine.hooks import DeliveryState, Hook, HookEvent
from controller.engine.ids import new_id, now
from controller.engine.media_ports import MediaState
from controller.engine.people import AuditEntry, Scope
from controller.hooks.dispatcher import Dispatcher
from controller.hooks.guard import Guard
from controller.hooks.sender import Sender
from controller.hooks.signing import HookKeys
from tests.catalog.story import Story, inside, outside

from .receiver import Got, Receiver, until

ALL = Scope(None)
KEYS = HookKeys(b"k" * 32)
LOOPBACK = [ip_network("127.0.0.0/8")]
E = HookEvent


async def make_hook(
    catalog: SqlCatalog, url: str, *events: HookEvent, tenant: str | None = "red.example", parallel: int = 4
) -> tuple[Hook, bytes]:
    hook_id = new_id()
    text, sealed = KEYS.new_secret(hook_id)
    hook = Hook(hook_id, tenant, url, "", events, True, parallel, now(), sealed)
    await catalog.set_hook(hook)
    return hook, base64.b64decode(text.removeprefix("whsec_"))


def dispatcher_of(catalog: SqlCatalog, *, try_s: float = 2, guard: Guard | None = None) -> Dispatcher:
    sender = Sender(KEYS, guard or Guard(LOOPBACK), now, try_s=try_s)
    return Dispatcher(catalog, sender, now, poll_s=0.05)


@contextlib.asynccontextmanager
async def delivering(*dispatchers: Dispatcher) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(d.run()) for d in dispatchers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def a_recording(catalog: SqlCatalog, *, prefix: str = "id", pause: bool = True) -> str:
    """101 calls out, paused once."""
    story = Story(prefix=prefix)
    story.start(f"{prefix}a", inside("101", name="Anna Red"))
    story.start(f"{prefix}b", outside("+49301", "Customer"), origin=f"{prefix}a")
    story.answer(f"{prefix}b", f"{prefix}a")
    story.bridge("x", f"{prefix}a", f"{prefix}b")
    await story.save(catalog, "fs1")
    if pause:
        story.wait(5)
        assert story.ask("pause-audio-recording", f"{prefix}a").accepted
        await story.save(catalog, "fs1")
        story.wait(5)
        assert story.ask("resume-audio-recording", f"{prefix}a").accepted
        await story.save(catalog, "fs1")
    story.wait(5)
    recording = next(r for call in story.running for r in call.recordings)
    story.hang_up(f"{prefix}a", f"{prefix}b")
    await story.save(catalog, "fs1")
    return recording.recording_id


async def log_of(catalog: SqlCatalog, hook: Hook) -> list[tuple[str, str]]:
    return [(str(d.event), str(d.state)) for d in reversed(await catalog.deliveries(ALL, hook.hook_id))]


def signature(got: Got, kind: str) -> bytes:
    marks = dict(m.split(",", 1) for m in got.headers["webhook-signature"].split(" "))
    return base64.b64decode(marks[kind])


async def test_a_recordings_life_is_told_in_order_and_signed(catalog: SqlCatalog, receiver: Receiver) -> None:
    _, secret = await make_hook(catalog, receiver.url, parallel=1)
    blue, _ = await make_hook(catalog, receiver.url, tenant="blue.example")
    recording_id = await a_recording(catalog)
    await catalog.set_media_state(recording_id, MediaState.AVAILABLE, duration_ms=15_000)
    await catalog.set_media_state(recording_id, MediaState.AVAILABLE, duration_ms=15_000)
    for action in ("listen", "share made"):
        await catalog.audit(
            AuditEntry(now(), "anna", "red.example", action, f"recording {recording_id}", "", "192.0.2.9")
        )
    assert (await catalog.trash(ALL, [recording_id], "root", "old")).done == [recording_id]
    assert await catalog.restore(ALL, recording_id, "root")
    async with delivering(dispatcher_of(catalog)):
        await until(lambda: len(receiver.got) >= 8)
    assert [g.json["type"] for g in receiver.got] == [
        "recording.started", "recording.paused", "recording.resumed", "recording.completed",
        "recording.available", "recording.accessed", "recording.deleted", "recording.restored",
    ]  # fmt: skip
    assert await log_of(catalog, blue) == []
    for got in receiver.got:
        signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
        assert hmac.compare_digest(signature(got, "v1"), hmac.new(secret, signed, hashlib.sha256).digest())
        key = base64.b64decode(KEYS.public_key.removeprefix("whpk_"))
        Ed25519PublicKey.from_public_bytes(key).verify(signature(got, "v1a"), signed)
        recording = got.json["data"]["recording"]
        assert (recording["recording_id"], recording["tenant"]) == (recording_id, "red.example")
        assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert len({g.headers["webhook-id"] for g in receiver.got}) == 8
    assert receiver.got[1].json["data"]["pause"]["masked_at"]
    access = receiver.got[5].json["data"]["access"]
    assert access == {"action": "listen", "account": "anna", "detail": "", "address": "192.0.2.9"}
    assert {p["number"] for p in receiver.got[0].json["data"]["recording"]["parties"]} == {"101", "+49301"}


async def test_only_what_was_chosen_and_of_the_system_everything(
    catalog: SqlCatalog, receiver: Receiver
) -> None:
    some, _ = await make_hook(catalog, receiver.url, E.PAUSED, E.COMPLETED)
    every, _ = await make_hook(catalog, receiver.url, tenant=None)
    off, _ = await make_hook(catalog, receiver.url)
    await catalog.set_hook(replace(off, enabled=False))
    await a_recording(catalog)
    waiting = str(DeliveryState.WAITING)
    assert await log_of(catalog, some) == [("recording.paused", waiting), ("recording.completed", waiting)]
    assert len(await log_of(catalog, every)) == 4
    assert await log_of(catalog, off) == []


async def test_a_state_that_was_rolled_back_is_not_told(catalog: SqlCatalog, receiver: Receiver) -> None:
    hook, _ = await make_hook(catalog, receiver.url)
    recording_id = await a_recording(catalog, pause=False)
    with contextlib.suppress(ZeroDivisionError):
        async with catalog.database.writing() as connection:
            await connection.execute(
                text("UPDATE recordings SET media_state = 'available' WHERE recording_id = :r"),
                {"r": recording_id},
            )
            noted = text("SELECT count(*) FROM hook_deliveries WHERE event = 'recording.available'")
            assert (await connection.execute(noted)).scalar_one() == 1
            raise ZeroDivisionError
    assert "recording.available" not in dict(await log_of(catalog, hook))


async def test_a_server_that_fails_is_tried_again_with_the_same_id(
    catalog: SqlCatalog, receiver: Receiver
) -> None:
    hook, _ = await make_hook(catalog, receiver.url, E.COMPLETED)
    receiver.answers, receiver.text = [500, 200], b"no \x00<b>disk</b>" + b"x" * 100_000
    await a_recording(catalog)
    async with delivering(dispatcher_of(catalog)):
        await until(lambda: len(receiver.got) == 1)
        [seen] = await catalog.deliveries(ALL, hook.hook_id)
        async with asyncio.timeout(10):
            while not (seen := (await catalog.deliveries(ALL, hook.hook_id))[0]).status:
                await asyncio.sleep(0.02)
        assert (seen.state, seen.status, seen.tries, seen.error) == ("waiting", 500, 1, "it answered 500")
        assert seen.response.startswith("no  <b>disk</b>")
        assert len(seen.response) <= 500
        assert seen.next_at is not None
        assert timedelta(seconds=2) < seen.next_at - now() < timedelta(seconds=7)
        [failing] = await catalog.hooks(ALL)
        assert (failing.failures, failing.failing_since is not None) == (1, True)
        assert await catalog.replay(ALL, hook.hook_id, [seen.number]) == 1
        await until(lambda: len(receiver.got) == 2)
        await until(lambda: _settled(catalog, hook))
    assert receiver.got[0].headers["webhook-id"] == receiver.got[1].headers["webhook-id"]
    [well] = await catalog.hooks(ALL)
    assert (well.failures, well.failing_since) == (0, None)


async def _settled(catalog: SqlCatalog, hook: Hook) -> bool:
    return all(d.state == "delivered" for d in await catalog.deliveries(ALL, hook.hook_id))


@pytest.mark.parametrize(
    ("status", "extra", "try_s", "said"),
    [
        (0, "", 0.3, "no whole answer within 0.3 seconds"),
        (302, "location: http://127.0.0.1:1/\r\n", 20, "redirects are not followed"),
        (204, "", 20, ""),
    ],
)
async def test_what_hangs_and_what_redirects(
    catalog: SqlCatalog, receiver: Receiver, status: int, extra: str, try_s: float, said: str
) -> None:
    hook, _ = await make_hook(catalog, receiver.url)
    receiver.answers, receiver.extra, receiver.text = [status], extra, b""
    await catalog.hook_test(hook, "msg_1")
    async with delivering(dispatcher_of(catalog, try_s=try_s)):
        await until(lambda: _ended(catalog, hook))
    [seen] = await catalog.deliveries(ALL, hook.hook_id)
    # A test is not tried again: somebody is looking.
    assert (seen.error, seen.state) == (said, "dead" if said else "delivered")
    assert len(receiver.got) == 1


async def _ended(catalog: SqlCatalog, hook: Hook) -> bool:
    return all(d.last_at is not None for d in await catalog.deliveries(ALL, hook.hook_id))


async def test_one_that_is_gone_is_switched_off(catalog: SqlCatalog, receiver: Receiver) -> None:
    hook, _ = await make_hook(catalog, receiver.url, E.COMPLETED)
    receiver.answers = [410]
    await a_recording(catalog)
    async with delivering(dispatcher_of(catalog)):
        await until(lambda: _ended(catalog, hook))
    [seen] = await catalog.hooks(ALL)
    assert (seen.enabled, seen.off_why) == (False, "it answered 410 Gone")


async def test_two_processes_send_each_once_and_no_more_at_once_than_allowed(
    catalog: SqlCatalog, receiver: Receiver
) -> None:
    hook, _ = await make_hook(catalog, receiver.url, E.STARTED, E.COMPLETED, parallel=3)
    receiver.delay = 0.02
    for n in range(10):
        await a_recording(catalog, prefix=f"r{n}x", pause=False)
    async with delivering(dispatcher_of(catalog), dispatcher_of(catalog)):
        await until(lambda: _settled(catalog, hook), 40)
    assert len(receiver.got) == len({g.headers["webhook-id"] for g in receiver.got}) == 20
    assert receiver.most_at_once <= 3


async def test_a_lease_that_is_over_goes_to_somebody_else_whose_word_counts(
    catalog: SqlCatalog, receiver: Receiver
) -> None:
    hook, _ = await make_hook(catalog, receiver.url)
    await catalog.hook_test(hook, "msg_1")
    at = now()
    [mine] = await catalog.claim_deliveries(at, at + timedelta(seconds=1), "one", 10)
    assert await catalog.claim_deliveries(at, at + timedelta(seconds=1), "two", 10) == []
    later = at + timedelta(seconds=2)
    [theirs] = await catalog.claim_deliveries(later, later + timedelta(seconds=9), "two", 10)
    assert (mine.delivery.tries, theirs.delivery.tries) == (1, 2)
    from controller.hooks.sender import outcome

    assert not await catalog.finish_delivery(mine, outcome(mine, later, 500, "", "late", 1))
    assert await catalog.finish_delivery(theirs, outcome(theirs, later, 200, "", "", 1))
    assert await log_of(catalog, hook) == [("webhook.test", "delivered")]


_PROCESS = """
import asyncio, sys
from tests.hooks.test_delivery import dispatcher_of, open_there
async def main():
    catalog = await open_there(sys.argv[1])
    await dispatcher_of(catalog, try_s=30).run()
asyncio.run(main())
"""


async def open_there(url: str) -> SqlCatalog:
    from controller.catalog import open_database

    return SqlCatalog(await open_database(url), now)


async def test_a_process_killed_between_the_claim_and_the_answer(
    url: str, catalog: SqlCatalog, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 while the request is under way: the row is still there, and goes again after the lease."""
    hook, _ = await make_hook(catalog, receiver.url, E.COMPLETED)
    receiver.answers = [0, 200]
    await a_recording(catalog)
    process = subprocess.Popen([sys.executable, "-c", _PROCESS, url], env={**os.environ})
    try:
        await until(lambda: len(receiver.got) == 1, 40)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert await log_of(catalog, hook) == [("recording.completed", "waiting")]
    later = lambda: now() + timedelta(minutes=2)  # noqa: E731
    sender = Sender(KEYS, Guard(LOOPBACK), later)
    async with delivering(Dispatcher(catalog, sender, later, poll_s=0.05)):
        await until(lambda: _settled(catalog, hook))
    assert len({g.headers["webhook-id"] for g in receiver.got}) == 1
    assert len(receiver.got) == 2


async def test_nothing_goes_to_a_private_address_unless_the_operator_says_so(
    catalog: SqlCatalog, receiver: Receiver
) -> None:
    hook, _ = await make_hook(catalog, f"http://localhost:{receiver.port}/hook")
    await catalog.hook_test(hook, "msg_1")
    async with delivering(dispatcher_of(catalog, guard=Guard())):
        await until(lambda: _ended(catalog, hook))
    [seen] = await catalog.deliveries(ALL, hook.hook_id)
    assert seen.error.startswith("localhost is at an address that is not public")
    assert receiver.got == []
