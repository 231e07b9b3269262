"""The frame of every page: the menu, the tenant that is shown, the alarms."""

from __future__ import annotations

import dataclasses

import httpx
import pytest

from controller.catalog import tables as t
from controller.core.roles import Permission
from controller.engine.alarms import Alarm, Severity
from controller.engine.ports import LinkState
from controller.engine.reading import Scope
from controller.engine.retention import Stand

from .world import World, form_token

DISK = Alarm(
    "disk.full", Severity.CRITICAL, "The disk of storage.path is 97% full.", "/srv/secret 97%", "Make room.",
    "/disk",
)  # fmt: skip


async def choose(client: httpx.AsyncClient, tenant: str, back: str = "/recordings") -> httpx.Response:
    token = form_token((await client.get("/account")).text)
    return await client.post("/tenant", data={"csrf": token, "tenant": tenant, "back": back})


async def test_the_chosen_tenant_stays_from_page_to_page(world: World) -> None:
    async with world.browser("root") as root:
        both = (await root.get("/recordings")).text
        assert "Carl Blue" in both
        assert 'action="/tenant"' in both
        assert "Anna Red" in both
        answer = await choose(root, "blue.example", "/users?x=1")
        assert answer.headers["location"] == "/users?x=1"
        for path in ("/recordings", "/calls"):
            text = (await root.get(path)).text
            assert "Carl Blue" in text
            assert "Anna Red" not in text
        assert (await root.get(f"/recordings/{world.recordings['red']}")).status_code == 404
        await choose(root, "")
        assert "Anna Red" in (await root.get("/recordings")).text


async def test_the_choice_is_the_system_administrators_and_widens_nothing(world: World) -> None:
    async with world.browser("red-admin") as admin:
        assert (await choose(admin, "blue.example")).status_code == 403
        admin.cookies.set("tapeline_tenant", "blue.example")
        text = (await admin.get("/recordings")).text
        assert "Anna Red" in text
        assert world.recordings["blue"] not in text
        assert 'action="/tenant"' not in text
    async with world.browser("root") as root:
        answer = await choose(root, "nobody.example", "//evil.example")
        assert answer.headers["location"] == "/"
        assert "Anna Red" in (await root.get("/recordings")).text


@pytest.mark.parametrize(
    ("who", "there", "missing"),
    [
        ("root", ("Call Manager", "Settings › General", "Trunks and rules"), ()),
        ("red-admin", ("Users", "General › Options", "Jobs"), ("Settings › General",)),
        ("red-101", ("Call Recordings", "CDR", "Live Calls"), ("Users", "Company", "Advanced", "Links")),
    ],
)
async def test_the_menu_names_what_the_role_may(
    world: World, who: str, there: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    async with world.browser(who) as client:
        text = (await client.get("/recordings")).text
        urls = [part.partition('"')[0] for part in _menu(text).split('href="')[1:]]
        assert [url for url in urls if (await client.get(url)).status_code != 200] == []
    menu = _menu(text)
    assert all(f"{name}<" in menu for name in there)
    assert not any(f">{name}<" in menu for name in missing)
    assert 'aria-current="page"' in menu


def _menu(page: str) -> str:
    return page.partition('<nav aria-label="Menu">')[2].partition("</nav>")[0]


async def test_alarms_are_on_every_page_for_whom_they_concern(world: World) -> None:
    world.alarms = [DISK]
    world.control.statuses = [
        dataclasses.replace(world.control.statuses[0], state=LinkState.DOWN, error="10.9.9.9 refuses")
    ]
    await world.catalog.wait_for_word(Stand("red.example", "", "digest", 7, 9, world.story.at))
    expected = {
        "root": {"switch.down", "disk.full", "retention.waiting"},
        "red-admin": {"switch.down", "retention.waiting"},
        "blue-admin": {"switch.down"},
        "red-101": {"switch.down"},
    }
    for who, codes in expected.items():
        async with world.browser(who) as client:
            alarms = (await client.get("/api/v1/alarms")).json()["items"]
            page = (await client.get("/calls")).text
        assert {a["code"] for a in alarms} == codes
        assert alarms[0]["severity"] == "critical"
        assert ("10.9.9.9" in page) == (who == "root")
        assert ("/srv/secret" in page) == (who == "root")
        assert ("7 recordings would go" in page) == (who in ("root", "red-admin"))
        assert all(a["text"] in page for a in alarms)


async def test_without_alarms_there_is_no_bar(world: World) -> None:
    async with world.browser("root") as root:
        assert 'class="alarms"' not in (await root.get("/calls")).text
        assert (await root.get("/api/v1/alarms")).json() == {"items": [], "next": None}


async def test_failed_work_is_an_alarm_of_its_tenant(world: World) -> None:
    async with world.catalog._database.writing() as connection:
        row = {
            "recording_id": world.recordings["red"], "tenant": "red.example", "phase": "finishing",
            "state": "failed", "run": 1, "open_run": False, "tries": 3, "deaths": 0, "step": "",
            "progress": None, "node": "", "error": "no", "next_at": None, "started_at": None,
            "ended_at": None,
        }  # fmt: skip
        await connection.execute(t.jobs.insert().values(row))
    found = await world.catalog.tenant_alarms(Scope("red.example"))
    assert [(a.code, a.tenant, a.permission) for a in found] == [
        ("jobs.failed", "red.example", Permission.MANAGE_JOBS)
    ]
    assert await world.catalog.tenant_alarms(Scope("blue.example")) == []
