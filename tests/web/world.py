"""Two tenants with calls, recordings, files and accounts, on a real catalog and store."""

from __future__ import annotations

import hashlib
import io
import itertools
import random
import re
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
from fastapi import FastAPI

from controller.catalog import SqlCatalog, open_database
from controller.core.calls import Call
from controller.engine.alarms import Alarm, switch_alarms
from controller.engine.media_ports import FileRole, MediaState, StoredFile
from controller.engine.reading import Account, ApiToken, Health, Role
from controller.hooks.guard import Guard
from controller.hooks.maker import Maker
from controller.hooks.signing import HookKeys
from controller.media.conversions import Conversions
from controller.media.encoders import Encoders
from controller.media.format_cache import FormatCache
from controller.media.shelves import home_only
from controller.media.store import LocalStore
from controller.web.access import token_digest
from controller.web.app import create_app
from controller.web.services import Services
from tests.catalog.story import Story, inside, outside

from .fakes import FakeControl

PASSWORD = "correct horse battery"
HOST = "http://tapeline.test"

#: login → role, tenant, extension
PEOPLE = {
    "root": (Role.SYSTEM, None, None),
    "red-admin": (Role.TENANT, "red.example", None),
    "blue-admin": (Role.TENANT, "blue.example", None),
    "red-super": (Role.SUPERVISOR, "red.example", None),
    "red-officer": (Role.COMPLIANCE, "red.example", None),
    "red-101": (Role.USER, "red.example", "101"),
    "red-102": (Role.USER, "red.example", "102"),
}


def wav(seconds: float, seed: int = 1, rate: int = 8000) -> bytes:
    """Stereo, and no two seconds alike, so that a wrong offset is seen."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(random.Random(seed).randbytes(int(seconds * rate) * 4))
    return out.getvalue()


@dataclass
class World:
    catalog: SqlCatalog
    store: LocalStore
    story: Story
    control: FakeControl
    services: Services
    app: FastAPI
    tokens: dict[str, str] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)
    recordings: dict[str, str] = field(default_factory=dict)
    sound: dict[str, bytes] = field(default_factory=dict)
    healthy: bool = True
    alarms: list[Alarm] = field(default_factory=list)

    @asynccontextmanager
    async def client(self, who: str | None = None, **more: object) -> AsyncIterator[httpx.AsyncClient]:
        """A script; ``who`` is whose API token it sends."""
        headers = {"authorization": f"Bearer {self.tokens[who]}"} if who else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
        async with httpx.AsyncClient(
            transport=transport,
            base_url=HOST,
            headers=headers,
            **more,  # type: ignore[arg-type]
        ) as client:
            yield client

    @asynccontextmanager
    async def browser(self, who: str) -> AsyncIterator[httpx.AsyncClient]:
        """Somebody who has signed in."""
        async with self.client() as client:
            answer = await sign_in(client, who)
            assert answer.status_code == 303, answer.text
            yield client

    async def keep(self, name: str, call_id: str, sound: bytes, *, seconds: float = 1.0) -> None:
        """Give the call's first recording a file in the store."""
        detail = await self.catalog.call(Account("", "", Role.SYSTEM, None, None).scope, call_id)
        assert detail is not None
        self.calls[name] = call_id
        for row in detail.recordings:
            self.recordings[name] = row.recording_id
            if row.provisional:
                await self.catalog.set_media_state(row.recording_id, MediaState.DISCARDED)
                self.recordings["not-kept"] = row.recording_id
                continue
            for role, number in ((FileRole.SEGMENT, 1), (FileRole.RENDITION, 0)):
                key = f"{row.tenant}/2026/11/22/{row.recording_id}.{role}.wav"
                path = self.store.path(key)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(sound)
                await self.catalog.add_file(
                    StoredFile(
                        row.recording_id,
                        role,
                        number,
                        key,
                        "wav",
                        len(sound),
                        hashlib.sha256(sound).hexdigest(),
                        int(seconds * 1000),
                        2,
                        8000,
                    )
                )
            await self.catalog.set_media_state(
                row.recording_id, MediaState.AVAILABLE, duration_ms=int(seconds * 1000)
            )
            self.sound[row.recording_id] = sound


async def sign_in(
    client: httpx.AsyncClient, login: str, password: str = PASSWORD, **more: str
) -> httpx.Response:
    page = await client.get("/sign-in")
    fields = {"login": login, "password": password, "csrf": form_token(page.text), **more}
    return await client.post("/sign-in", data=fields)


def form_token(html: str) -> str:
    found = re.search(r'name="csrf" (?:value|content)="([0-9a-f]{64})"', html)
    assert found, html[:2000]
    return found[1]


@asynccontextmanager
async def opened(folder: Path, *, secure: bool = False) -> AsyncIterator[World]:
    story = Story()
    # The world's clock is the story's, plus what a test adds.
    catalog = SqlCatalog(
        await open_database(f"sqlite+aiosqlite:///{folder / 'tapeline.db'}"), lambda: story.at
    )
    store = LocalStore(folder / "store")
    control = FakeControl(story)
    ids = (f"web{n:06}" for n in itertools.count(1))

    async def health() -> Health:
        parts = {"database": "answers" if world.healthy else "db.internal refuses"}
        return Health(world.healthy, parts, (*switch_alarms(control.switches()), *world.alarms))

    services = Services(
        catalog,
        catalog,
        catalog,
        control,
        home_only(store),
        b"k" * 32,
        secure,
        health,
        lambda: story.at,
        lambda: next(ids),
        catalog,
        catalog,
        hooks=catalog,
        hook_maker=Maker(HookKeys(b"k" * 32), Guard()),
        converter=Conversions(catalog, home_only(store), Encoders(), FormatCache(folder / "cache", 10**8)),
        retention=catalog,
        redacting=catalog,
        reports=catalog,
        lists=catalog,
        replays=catalog,
        batches=catalog,
        exports=folder / "exports",
        shares=catalog,
    )
    world = World(catalog, store, story, control, services, create_app(services))
    try:
        yield world
    finally:
        await catalog.close()


async def populate(world: World, password_hash: str) -> None:
    """The calls ``red`` (101 → 102, paused once), ``red-only-102``, ``blue`` and ``shared`` (red 101
    → blue 201), each with a file; the running calls ``live-red`` and ``live-blue``."""
    story = world.story
    ids: dict[str, str] = {}
    story.start("leg-r1", inside("101", name="Anna Red"), aliases=("sip-red@host/1",))
    story.start("leg-r2", inside("102", name="Bela Red"), origin="leg-r1")
    story.wait(2)
    story.answer("leg-r2", "leg-r1")
    story.bridge("b-r", "leg-r1", "leg-r2")
    story.wait(10)
    assert story.ask("pause-audio-recording", "leg-r1").accepted
    story.wait(5)
    assert story.ask("resume-audio-recording", "leg-r1").accepted
    story.wait(5)
    ids["red"] = story.running[0].call_id
    story.hang_up("leg-r1", "leg-r2")
    ids["red-only-102"] = story.talk(
        "leg-o1", outside("+49301", "Outside"), "leg-o2", inside("102"), seconds=30
    )
    ids["blue"] = story.talk(
        "leg-b1", inside("201", "blue.example", "Carl Blue"), "leg-b2", outside("+49302")
    )
    ids["shared"] = story.talk("leg-s1", inside("101"), "leg-s2", inside("201", "blue.example", "Carl Blue"))
    await story.save(world.catalog, "fs1")
    for n, (name, call_id) in enumerate(ids.items()):
        await world.keep(name, call_id, wav(1, n), seconds=1)
    for name, a, b in (
        ("live-red", inside("101", name="Anna Red"), outside("+49400", "Customer")),
        ("live-blue", inside("201", "blue.example"), outside("+49500")),
    ):
        world.calls[name] = begin_live(story, name, inside_party=a, other=b).call_id
    await story.save(world.catalog, "fs1")
    for login, (role, tenant, extension) in PEOPLE.items():
        account = Account(f"account-{login}", login, role, tenant, extension)
        await world.catalog.add_account(account, password_hash)
        world.tokens[login] = f"tl_{login}"
        token = ApiToken(f"token-{login}", account.account_id, "tests", story.at, None, None)
        await world.catalog.add_token(token, token_digest(world.tokens[login]))


def begin_live(story: Story, name: str, inside_party: object, other: object) -> Call:
    story.start(f"{name}-a", inside_party, aliases=(f"sip-{name}@10.0.0.1",))  # type: ignore[arg-type]
    story.start(f"{name}-b", other, origin=f"{name}-a")  # type: ignore[arg-type]
    story.wait(1)
    story.answer(f"{name}-b", f"{name}-a")
    story.bridge(f"bridge-{name}", f"{name}-a", f"{name}-b")
    call = story.desk.book.call_of(f"{name}-a")
    assert call is not None
    return call


def later(world: World, **by: float) -> None:
    world.story.at += timedelta(**by)
