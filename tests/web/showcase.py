"""A catalog with an ordinary Monday in it, for `pictures`."""

from __future__ import annotations

import io
import math
import random
import struct
import wave
from datetime import UTC, datetime, timedelta

from controller.core.direction import Direction
from controller.core.options import Channels, NewUser, TenantOptions
from controller.core.parties import Party
from controller.core.requests import Means, UserActor
from controller.core.rules import Mode, PolicyRule, PolicyScope, Route, Setting
from controller.engine.reading import Account, Role, Scope, TenantSettings, UserSettings
from controller.media.peaks_task import PeaksTask
from controller.media.shelves import home_only
from tests.catalog.story import Story, inside, outside
from tests.policies import policy_of

from .world import World, begin_live

STAFF = {
    "101": "Anna Lindqvist", "102": "Marco Bellini", "103": "Priya Raman", "104": "Jonas Weber",
    "105": "Claire Dubois", "110": "Service Desk", "112": "Tomasz Zielinski",
}  # fmt: skip
CUSTOMERS = [
    ("+4930901820", "Kessler & Sohn GmbH"), ("+442079460021", "Northwind Traders"),
    ("+33142685300", "Hôtel Beaumont"), ("+15551230199", ""), ("+390289091234", "Studio Ferri"),
    ("+46850520000", "Nordic Freight AB"), ("+498912345678", "Dr. med. Aylin Kaya"),
    ("+34915550142", "Almacenes Prado"), ("+41443120456", "Helvetia Parts"), ("+4721551200", ""),
]  # fmt: skip


def speech(seconds: float, seed: int) -> bytes:
    """Two people taking turns: noise in syllables, one voice a channel."""
    rate, dice = 8000, random.Random(seed)
    frames = bytearray()
    talking, until, loud, syllable = 0, 0.0, 0.0, 0.2
    for n in range(int(seconds * rate)):
        t = n / rate
        if t > until:
            talking, until = 1 - talking, t + dice.uniform(1.2, 6)
            syllable = dice.uniform(0.16, 0.3)
        phase = (t % syllable) / syllable
        if phase < 1 / rate / syllable:
            loud = dice.uniform(0.0, 1.0) * (dice.random() > 0.15)
        level = int(
            loud * math.sin(phase * math.pi) * 9000 * math.sin(2 * math.pi * (130 + 70 * talking) * t)
        )
        frames += struct.pack("<hh", *((level, 0) if talking else (0, level)))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(frames))
    return out.getvalue()


OUTSIDE = frozenset({Direction.INBOUND, Direction.OUTBOUND})


def acme(tenant: str) -> tuple[list[UserSettings], list[PolicyRule], TenantOptions]:
    """Its users, its rules of queues and trunks, its options."""
    on, off = Setting.ON, Setting.OFF
    users = [
        UserSettings(
            tenant, user, name, on if user in ("101", "103", "104") else off, on if user == "103" else off
        )
        for user, name in STAFF.items()
        if user != "105"
    ]
    users.append(UserSettings(tenant, "105", STAFF["105"], on, off, mode=Mode.ON_DEMAND))
    rules = [
        PolicyRule(PolicyScope.QUEUE, tenant, "Support", Setting.REQUIRE),
        PolicyRule(PolicyScope.QUEUE, tenant, "Sales", on, on, sample_percent=25),
        PolicyRule(PolicyScope.RING_GROUP, tenant, "Works council", Setting.FORBID, Setting.FORBID),
        PolicyRule(PolicyScope.RECEPTIONIST, tenant, "Main menu", off),
        PolicyRule(PolicyScope.INBOUND_RULE, tenant, "+49 30 555 0 (switchboard)", on, directions=OUTSIDE),
        PolicyRule(PolicyScope.TRUNK, tenant, "carrier-berlin", on, off, frozenset({Direction.INBOUND})),
    ]
    options = TenantOptions(
        channels=Channels.STEREO, longest_pause_s=300, pause_tone=True, beep_every_s=15,
        new_user=NewUser(on, off, Mode.ALWAYS_PAUSE),
    )  # fmt: skip
    return users, rules, options


async def monday(world: World) -> None:
    """Some forty calls over three days, with pauses, transfers, unanswered and running ones."""
    dice = random.Random(7)
    tenant = "acme.example"
    users, rules, options = acme(tenant)
    all_rules = (
        TenantSettings(tenant, Setting.ON, directions=OUTSIDE).rule,
        *(u.rule for u in users),
        *rules,
    )
    story = Story(
        policy_of(all_rules, options={tenant: options}),
        begin=datetime(2026, 11, 20, 8, 2, 11, tzinfo=UTC), prefix="m",
    )  # fmt: skip

    def staff() -> Party:
        user = dice.choice(list(STAFF))
        return inside(user, tenant, STAFF[user])

    for settings in users:
        await world.catalog.set_user(settings)
    for rule in rules:
        await world.catalog.set_rule(rule)
    password = await world.catalog.credentials("root")
    assert password is not None
    boss = Account("acme", "dana@acme.example", Role.TENANT, tenant, None)
    await world.catalog.add_account(boss, password.password_hash)
    await world.catalog.set_tenant(TenantSettings(tenant, Setting.ON, directions=OUTSIDE, options=options))
    made: list[tuple[str, float]] = []
    for n in range(44):
        story.at += timedelta(minutes=dice.uniform(3, 40))
        if story.at.hour >= 17:
            story.at = story.at.replace(hour=8, minute=dice.randint(1, 20)) + timedelta(days=1)
        me, (number, name) = staff(), dice.choice(CUSTOMERS)
        other = outside(number, name, tenant)
        a, b = (me, other) if dice.random() < 0.4 else (other, me)
        if dice.random() < 0.2 and n != 43:
            a, b = me, staff()
        routes = (Route(PolicyScope.QUEUE, "Support", tenant),) if n % 5 == 2 and a is other else ()
        story.start(f"c{n}-a", a, dialled=b.number, routes=routes)
        story.start(f"c{n}-b", b, origin=f"c{n}-a")
        call_id = story.desk.book.call_of(f"c{n}-a").call_id  # type: ignore[union-attr]
        story.wait(dice.uniform(2, 14))
        if n % 9 == 4:
            story.hang_up(f"c{n}-b", f"c{n}-a", cause="NO_ANSWER")
            continue
        story.answer(f"c{n}-b", f"c{n}-a")
        story.bridge(f"br{n}", f"c{n}-a", f"c{n}-b")
        length = dice.choice([dice.uniform(6, 50), dice.uniform(60, 420), dice.uniform(60, 420)])
        mine = f"c{n}-a" if a is me else f"c{n}-b"
        story.wait(length * 0.3)
        for _ in range(2 if n % 11 == 10 or n == 43 else 1 if n % 4 == 3 else 0):
            means = dice.choice([Means.FEATURE_CODE, Means.MESSAGE, Means.PAGE])
            actor = UserActor(tenant, me.user or "")
            story.ask("pause-audio-recording", mine, actor=actor, means=means)
            story.wait(length * 0.12)
            story.ask("resume-audio-recording", mine, actor=actor, means=means)
            story.wait(length * 0.1)
        if n == 43:
            colleague = inside("110", tenant, STAFF["110"])
            story.start("transfer", colleague, origin=mine)
            story.answer("transfer")
            theirs = f"c{n}-b" if a is me else f"c{n}-a"
            story.bridge("br-t", theirs, "transfer")
            story.hang_up(mine)
            story.wait(length * 0.3)
            story.hang_up("transfer")
        story.wait(length * 0.26)
        story.hang_up(f"c{n}-a", f"c{n}-b")
        made.append((call_id, length))
    await story.save(world.catalog, "fs-berlin-1")
    sounds = [speech(40, s) for s in range(3)]
    for n, (call_id, length) in enumerate(made[:-1]):
        await world.keep(f"monday-{n}", call_id, sounds[n % 3], seconds=length)
    detail = await world.catalog.call(Scope(None), made[-1][0])
    assert detail is not None
    row = detail.recordings[0]
    seconds = row.duration_ms / 1000 or made[-1][1]
    await world.keep("monday-last", made[-1][0], speech(seconds, 9), seconds=seconds)
    await PeaksTask(world.catalog, home_only(world.store)).run(
        world.recordings["monday-last"], lambda done: None
    )
    now = datetime.now(UTC)
    world.story.at = now - timedelta(seconds=200)
    world.story.desk.policy = story.desk.policy
    for name, a, b in (
        ("l1", inside("101", tenant, STAFF["101"]), outside(*CUSTOMERS[0], tenant)),
        ("l2", inside("104", tenant, STAFF["104"]), inside("103", tenant, STAFF["103"])),
        ("l3", inside("201", "blue.example", "Ines"), outside(*CUSTOMERS[4])),
        ("l4", inside("105", tenant, STAFF["105"]), inside("102", tenant, STAFF["102"])),
    ):
        begin_live(world.story, name, a, b)
        world.story.wait(31)
    world.story.ask("pause-audio-recording", "l2-a")
    world.story.ask("stop-recording", "l3-a")
    world.story.at = now
