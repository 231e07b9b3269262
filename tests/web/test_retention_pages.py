"""Company › Retention and Trash; tags, notes and holds of a recording: forms without JavaScript, axe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from controller.core.retention import RetentionRule
from controller.engine.reading import Scope
from controller.engine.retention import Stand

from .world import World, form_token

RED = "red.example"


async def send(browser: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    token = form_token((await browser.get("/account")).text)
    return await browser.post(path, data={"csrf": token, **fields})


@pytest.fixture
def later(world: World) -> World:
    """The calls are long over: recordings can be deleted."""
    world.story.at += timedelta(hours=2)
    return world


async def test_a_rule_is_shown_before_it_is_saved(later: World) -> None:
    later.story.at += timedelta(days=10)
    async with later.browser("red-admin") as admin:
        rule = {"tenant": RED, "scope": "tenant", "delete_after_days": "5"}
        seen = await send(admin, "/retention/rule", **rule)
        assert "What this rule would do" in seen.text
        assert await later.catalog.retention_rules(Scope(RED)) == []
        assert (await send(admin, "/retention/rule", **rule, seen="1")).status_code == 303
        assert "Delete after 5 days" in (await admin.get("/retention")).text
        (kept,) = await later.catalog.retention_rules(Scope(RED))
        assert kept.delete_after_days == 5
        wrong = await send(admin, "/retention/rule", **{**rule, "keep_days": "9"})
        assert wrong.status_code == 422
        assert "it would delete what the same rule keeps" in wrong.text
        assert 'value="9"' in wrong.text, "what was typed stands there again"
        gone = await send(admin, "/retention/remove", tenant=RED, scope="tenant", name="")
        assert gone.status_code == 303
        assert await later.catalog.retention_rules(Scope(RED)) == []


async def test_a_mass_deletion_is_confirmed_by_its_number(later: World) -> None:
    await later.catalog.wait_for_word(Stand(RED, "", "digest", 37, 40, later.story.at))
    async with later.browser("red-admin") as admin:
        assert "37 of 40" in (await admin.get("/retention")).text
        for number in ("", "3"):
            refused = await send(admin, "/retention/confirm", tenant=RED, digest="digest", number=number)
            assert refused.status_code == 422
            assert "Type 37" in refused.text
        assert (await later.catalog.stand(RED)).waiting == "digest"
        done = await send(admin, "/retention/confirm", tenant=RED, digest="digest", number="37")
        assert done.status_code == 303
        stand = await later.catalog.stand(RED)
        assert (stand.waiting, stand.accepted) == ("", "digest")


async def test_a_hold_of_a_span_of_days(later: World) -> None:
    async with later.browser("red-officer") as officer:
        hold = {"tenant": RED, "hold_name": "Case 7", "reason": "court", "person": "101"}
        made = await send(officer, "/retention/hold", **hold, since="2026-11-01", until="2026-11-30")
        assert made.status_code == 303
        (row,) = await later.catalog.holds(Scope(RED))
        assert (row.person, row.since, row.until) == (
            "101", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC),
        )  # fmt: skip
        page = (await officer.get("/retention")).text
        assert "from 2026-11-01" in page
        for bad, why in (
            ({"since": "tomorrow"}, "is not a day or time"),
            ({"since": "2026-11-09", "until": "2026-11-01"}, "it ends before it begins"),
        ):
            refused = await send(officer, "/retention/hold", **hold, **bad)
            assert refused.status_code == 422
            assert why in refused.text
        # Lifted with a reason only.
        lift = {"tenant": RED, "hold_id": row.hold_id}
        assert (await send(officer, "/retention/lift", **lift)).status_code == 422
        assert (await send(officer, "/retention/lift", **lift, why="settled")).status_code == 303
        assert "lifted by" in (await officer.get("/retention")).text
        # Who holds may not change rules.
        rule = {"tenant": RED, "scope": "tenant", "delete_after_days": "1", "seen": "1"}
        assert (await send(officer, "/retention/rule", **rule)).status_code == 403


async def test_a_recording_is_put_under_a_hold_and_released(later: World) -> None:
    recording_id = later.recordings["red"]
    page = f"/recordings/{recording_id}"
    async with later.browser("red-officer") as officer, later.browser("red-101") as user:
        await send(officer, "/retention/hold", tenant=RED, hold_name="Secret case", reason="court")
        (row,) = await later.catalog.holds(Scope(RED))
        assert "Put under a legal hold" in (await officer.get(page)).text
        hold = {"hold_id": row.hold_id, "do": "hold"}
        assert (await send(user, f"{page}/hold", **hold)).status_code == 403
        assert (await send(officer, f"{page}/hold", **hold)).status_code == 303
        found = await later.catalog.annotations(Scope(RED), recording_id)
        assert found is not None
        assert [h.name for h in found.holds] == ["Secret case"]
        # The user sees that it is held, and not what for.
        seen = (await user.get(page)).text
        assert "legal hold" in seen
        assert "Secret case" not in seen
        async with later.browser("red-admin") as admin:
            refused = await send(admin, f"{page}/delete", why="old")
            assert refused.status_code == 409
            assert "legal hold" in refused.text
        async with later.browser("blue-admin") as blue:
            for path in ("hold", "delete", "annotate"):
                answer = await send(blue, f"{page}/{path}", **hold, why="x", tag="mine")
                assert answer.status_code == 404, path
        assert (await send(officer, f"{page}/hold", hold_id=row.hold_id, do="release")).status_code == 303
        assert (await send(officer, f"{page}/hold", hold_id=row.hold_id, do="release")).status_code == 404
        found = await later.catalog.annotations(Scope(RED), recording_id)
        assert found is not None
        assert found.holds == ()


async def test_tags_and_notes_on_and_off(later: World) -> None:
    page = f"/recordings/{later.recordings['red']}"
    text = "first line\n<b>second</b> " + "x" * 900
    async with later.browser("red-101") as user, later.browser("red-102") as other:
        assert (await send(user, f"{page}/annotate", do="tag", tag="Call Back")).status_code == 303
        assert (await send(user, f"{page}/annotate", do="note", text=text)).status_code == 303
        found = await later.catalog.annotations(Scope(RED), later.recordings["red"])
        assert found is not None
        assert (found.tags, found.notes[0].text) == (("call back",), text)
        shown = (await user.get(page)).text
        assert "first line<br>&lt;b&gt;second" in shown
        assert (await send(user, f"{page}/annotate", do="tag", tag="a/b")).status_code == 422
        assert (await send(user, f"{page}/annotate", do="note", text="y" * 2001)).status_code == 422
        note = {"do": "unnote", "note_id": found.notes[0].note_id}
        assert (await send(other, f"{page}/annotate", **note)).status_code == 404
        assert (await send(user, f"{page}/annotate", **note)).status_code == 303
        assert (await send(user, f"{page}/annotate", do="untag", tag="call back")).status_code == 303
        found = await later.catalog.annotations(Scope(RED), later.recordings["red"])
        assert found is not None
        assert (found.tags, found.notes) == ((), ())


async def test_into_the_trash_out_of_it_and_gone(later: World) -> None:
    recording_id = later.recordings["red"]
    page = f"/recordings/{recording_id}"
    async with later.browser("red-admin") as admin, later.browser("red-101") as user:
        assert "Put into the trash" not in (await user.get(page)).text
        assert (await send(user, f"{page}/delete", why="mine")).status_code == 403
        assert (await send(admin, f"{page}/delete", why=" ")).status_code == 422
        assert (await send(admin, f"{page}/delete", why="asked for")).status_code == 303
        assert (await admin.get(page)).status_code == 404
        assert "Asked for." in (await admin.get("/trash")).text
        one = {"recording_id": recording_id}
        assert (await send(admin, "/trash", **one, do="restore")).status_code == 303
        assert (await admin.get(page)).status_code == 200
        await send(admin, f"{page}/delete", why="asked for")
        for word in ("", "yes"):
            refused = await send(admin, "/trash", **one, do="purge", word=word)
            assert refused.status_code == 422
            assert "Type the word remove" in refused.text
        (row,) = (await later.catalog.trash_page(Scope(RED))).items
        assert row.deletion is not None
        assert row.deletion.purge_at > later.story.at + timedelta(days=20)
        assert (await send(admin, "/trash", **one, do="purge", word="Remove")).status_code == 303
        (row,) = (await later.catalog.trash_page(Scope(RED))).items
        assert row.deletion is not None
        assert row.deletion.purge_at <= later.story.at


# ── in a browser ──────────────────────────────────────────────────────────────────────────────


pytest.importorskip("playwright.async_api", reason="NO PLAYWRIGHT HERE: pages are not tried in a browser")
pytest.importorskip("axe_playwright_python", reason="NO AXE HERE: accessibility is not tried")

from playwright.async_api import Browser  # noqa: E402

from .serving import CHROMIUM, chromium, served  # noqa: E402
from .test_axe import faults  # noqa: E402
from .test_browser import enter  # noqa: E402


@pytest.fixture
async def chrome() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: no page is tried in a browser")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious_with_everything_open(
    later: World, chrome: Browser, scheme: Any, width: int
) -> None:
    """Without JavaScript: every form is reached all the same."""
    held = later.recordings["red"]
    catalog = later.catalog
    await catalog.set_retention_rule(RetentionRule(RED, delete_after_days=90), "red-admin")
    async with later.browser("red-admin") as admin:
        await send(admin, "/retention/hold", tenant=RED, hold_name="Case", reason="court", person="199")
        await send(admin, "/retention/hold", tenant=RED, hold_name="Other", reason="court")
    by_name = next(h for h in await catalog.holds(Scope(RED)) if h.name == "Other")
    await catalog.add_note(Scope(RED), held, "a note", "red-admin", "n1")
    await catalog.add_tag(Scope(RED), held, "claim", "red-admin")
    await catalog.wait_for_word(Stand(RED, "", "digest", 37, 40, later.story.at))
    others = [name for name in later.recordings.values() if name != held]
    assert (await catalog.trash(Scope(RED), others, "red-admin", "old")).done, "the trash is looked at empty"
    await catalog.hold_recordings(Scope(RED), by_name.hold_id, [held], "red-admin")
    async with served(later) as url:
        context = await chrome.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        page = await context.new_page()
        await enter(page, url, "red-admin")
        found: dict[str, Any] = {}
        for path in ("/retention", "/trash", f"/recordings/{held}"):
            await page.goto(url + path)
            for summary in await page.locator(
                "main details.sure > summary, main details.new > summary"
            ).all():
                await summary.click()
            wide = await page.evaluate("document.documentElement.scrollWidth")
            if (here := await faults(page)) or wide > width:
                found[path] = [*here, wide]
        assert found == {}
        await context.close()
