"""A catalog with an ordinary Monday in it, served on a local port, and pictures of every page.

python -m tests.web.showcase DIR        # pictures into DIR, and docs/images/catalog.png
"""

from __future__ import annotations

import asyncio
import io
import math
import random
import struct
import sys
import tempfile
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import Browser
from pwdlib import PasswordHash

from controller.core.parties import Party
from controller.core.requests import Means, UserActor
from controller.engine.ports import LinkState, SwitchStatus
from controller.engine.reading import Account, Role, Scope, TenantSettings, UserSettings
from tests.catalog.story import Story, inside, outside
from tests.policies import policy_of, tenant_rule

from .serving import chromium, served
from .world import PASSWORD, World, begin_live, opened, populate

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


async def monday(world: World) -> None:
    """Some forty calls over three days, with pauses, transfers, unanswered and running ones."""
    dice = random.Random(7)
    tenant = "acme.example"
    story = Story(
        policy_of(tenant_rule(tenant, True)),
        begin=datetime(2026, 11, 20, 8, 2, 11, tzinfo=UTC), prefix="m",
    )  # fmt: skip

    def staff() -> Party:
        user = dice.choice(list(STAFF))
        return inside(user, tenant, STAFF[user])

    for user, name in STAFF.items():
        await world.catalog.set_user(
            UserSettings(tenant, user, name, user in ("101", "103", "104"), user == "103")
        )
    password = await world.catalog.credentials("root")
    assert password is not None
    boss = Account("acme", "dana@acme.example", Role.TENANT, tenant, None)
    await world.catalog.add_account(boss, password.password_hash)
    await world.catalog.set_tenant(TenantSettings(tenant, True, False))
    made: list[tuple[str, float]] = []
    for n in range(44):
        story.at += timedelta(minutes=dice.uniform(3, 40))
        if story.at.hour >= 17:
            story.at = story.at.replace(hour=8, minute=dice.randint(1, 20)) + timedelta(days=1)
        me, (number, name) = staff(), dice.choice(CUSTOMERS)
        other = outside(number, name, tenant)
        a, b = (me, other) if dice.random() < 0.4 else (other, me)
        if dice.random() < 0.2:
            a, b = me, staff()
        story.start(f"c{n}-a", a, dialled=b.number)
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
            assert story.ask("pause-audio-recording", mine, actor=actor, means=means).accepted
            story.wait(length * 0.12)
            assert story.ask("resume-audio-recording", mine, actor=actor, means=means).accepted
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
    now = datetime.now(UTC)
    world.story.at = now - timedelta(seconds=200)
    world.story.desk.policy = story.desk.policy
    for name, a, b in (
        ("l1", inside("101", tenant, STAFF["101"]), outside(*CUSTOMERS[0], tenant)),
        ("l2", inside("104", tenant, STAFF["104"]), inside("103", tenant, STAFF["103"])),
        ("l3", inside("201", "blue.example", "Ines"), outside(*CUSTOMERS[4])),
    ):
        begin_live(world.story, name, a, b)
        world.story.wait(31)
    world.story.ask("pause-audio-recording", "l2-a")
    world.story.ask("stop-recording", "l3-a")
    world.story.at = now


async def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as temp:
        async with opened(Path(temp)) as world:
            await populate(world, PasswordHash.recommended().hash(PASSWORD))
            for call in list(world.story.running):
                world.story.hang_up(*call.legs)
            await world.story.save(world.catalog, "fs1")
            await monday(world)
            since = datetime.now(UTC) - timedelta(hours=3)
            world.control.statuses = [
                SwitchStatus("fs-berlin-1", "freeswitch", LinkState.UP, since, "1.10.12"),
                SwitchStatus("ast-oslo", "asterisk", LinkState.UP, since, "22.6.0"),
            ]
            async with served(world) as url, chromium() as browser:
                for width, height, scheme in ((1440, 900, "light"), (390, 844, "light"), (1440, 900, "dark")):
                    await pictures(browser, world, url, folder, width, height, scheme)


async def pictures(
    browser: Browser, world: World, url: str, folder: Path, width: int, height: int, scheme: str
) -> None:
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        timezone_id="Europe/Berlin",  # type: ignore[arg-type]
    )
    page = await context.new_page()
    problems: list[str] = []
    page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: problems.append(str(e)))
    tag = f"{width}-{scheme}"

    async def shot(name: str, *, full: bool = False) -> None:
        wide = await page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            problems.append(f"{name} is {wide} wide at {width}")
        await page.screenshot(path=folder / f"{name}-{tag}.png", full_page=full)

    await page.goto(f"{url}/sign-in")
    await shot("sign-in")
    await page.fill("[name=login]", "dana@acme.example")
    await page.fill("[name=password]", PASSWORD)
    await page.click("button[type=submit]")
    await page.wait_for_url("**/recordings")
    await shot("recordings")
    await page.locator(".row .parties").nth(2).dblclick()
    await page.wait_for_timeout(500)
    await shot("mini")
    await page.goto(f"{url}/recordings")
    if tag == "1440-light":
        await page.screenshot(path=Path("docs/images/catalog.png"))
    if width < 500:
        await page.click(".bar a.button")
        await shot("menu")
        await page.goto(f"{url}/recordings")
    await page.locator(".row .menu summary").nth(1).click()
    await shot("recordings-menu")
    await page.keyboard.press("Escape")
    await page.goto(f"{url}/recordings/{world.recordings['monday-last']}")
    await page.click("[data-toggle]")
    await page.wait_for_timeout(1500)
    await page.locator("[data-seek]").click(position={"x": 260 if width > 500 else 160, "y": 30})
    await page.wait_for_timeout(300)
    await page.click("[data-toggle]")
    await shot("recording", full=True)
    await page.goto(f"{url}/calls")
    await shot("calls")
    await page.goto(f"{url}/calls/{world.calls['monday-last']}")
    await shot("call", full=True)
    await page.goto(f"{url}/live")
    await page.wait_for_timeout(400)
    await shot("live")
    await context.clear_cookies()
    await page.goto(f"{url}/sign-in")
    await page.fill("[name=login]", "root")
    await page.fill("[name=password]", PASSWORD)
    await page.click("button[type=submit]")
    await page.wait_for_url(f"{url}/recordings")
    for name, path in (
        ("users", "/users"), ("options", "/company/options"), ("general", "/advanced/general"),
        ("audit", "/audit"), ("account", "/account"), ("reference", "/api-docs"),
        ("nothing", "/recordings?party=zzz"), ("error", "/recordings/none"),
    ):  # fmt: skip
        await page.goto(url + path)
        await shot(name)
    up = world.control.statuses
    world.control.statuses = [
        up[0],
        SwitchStatus(
            "ast-oslo", "asterisk", LinkState.DOWN, datetime.now(UTC),
            error="10.2.0.7:5038 refuses the connection; is Asterisk running, and manager.conf enabled?",
        ),
    ]  # fmt: skip
    await page.goto(f"{url}/recordings")
    await shot("down")
    world.control.statuses = up
    await context.close()
    print(tag, problems or "no complaints in the console")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
