"""The pages of settings and rules: what a form sends is what is stored, and faults stand at their field."""

from __future__ import annotations

import re

import httpx
import pytest

from controller.core.direction import Direction
from controller.core.formats import FormatChoice
from controller.core.options import (
    DEFAULT_OPTIONS,
    Alone,
    Answers,
    Channels,
    GapStyle,
    Hears,
    NewUser,
    PauseStyle,
    Redaction,
    SecondFactorFor,
    ShareLinks,
    TenantOptions,
    Transcripts,
)
from controller.core.rules import EVERY_DIRECTION, Mode, PolicyRule, PolicyScope, Setting
from controller.engine.reading import Scope, SystemSettings, TenantSettings, UserSettings

from .world import World, form_token

EVERYWHERE = {"directions": [str(d) for d in Direction]}


def fault_at(html: str, name: str) -> str:
    """The text beside a field, which must be tied to it and marked as wrong."""
    found = re.search(rf'<span class="fault" id="{name}-fault">([^<]*)</span>', html)
    assert found, f"no fault at {name}: {re.findall('class=.fault. id=.([^>]*)', html)}"
    assert re.search(rf'aria-invalid="true" aria-describedby="[^"]*{name}-fault"', html)
    return found[1].replace("&#39;", "'")


async def post(browser: httpx.AsyncClient, path: str, **fields: object) -> httpx.Response:
    token = form_token((await browser.get("/account")).text)
    return await browser.post(path, data={"csrf": token, **fields})


async def test_a_users_row_changes_its_two_switches_and_nothing_else(world: World) -> None:
    stored = UserSettings(
        "red.example", "101", "Anna", Setting.OFF, Setting.OFF, frozenset({Direction.INBOUND}),
        Mode.ON_DEMAND, 40.0,
    )  # fmt: skip
    await world.catalog.set_user(stored)
    async with world.browser("red-admin") as browser:
        answer = await post(browser, "/users", user="101", audio="require")
        assert "Before it is saved" in answer.text
        assert world.control.reloads == 0
        answer = await post(browser, "/users", user="101", audio="require", sure="on")
        assert (answer.status_code, answer.headers["location"]) == (303, "/users")
        (user,) = [u for u in await world.catalog.users(Scope("red.example")) if u.user == "101"]
        assert user == UserSettings(
            "red.example", "101", "Anna", Setting.REQUIRE, Setting.OFF, frozenset({Direction.INBOUND}),
            Mode.ON_DEMAND, 40.0,
        )  # fmt: skip
        assert (await post(browser, "/users", user="101", audio="loud")).status_code == 422
        assert (await post(browser, "/users", user="999", audio="on")).status_code == 404
    assert world.control.reloads == 1


async def test_a_user_is_added_and_edited(world: World) -> None:
    async with world.browser("red-admin") as browser:
        added = await post(browser, "/users/add", user="150", name="Zoë <b>", audio="on", video="inherit")
        assert added.headers["location"] == "/users/red.example/150?saved=1"
        page = await browser.get(added.headers["location"])
        assert "Zoë &lt;b&gt;" in page.text
        assert "Saved." in page.text
        assert "Recorded because user 150 has audio on." in page.text
        again = await post(browser, "/users/add", user="150", audio="off", video="off")
        assert again.status_code == 422
        assert fault_at(again.text, "user") == "There is an extension 150 already."
        assert "blanks" in fault_at(
            (await post(browser, "/users/add", user="1 2", audio="on", video="on")).text, "user"
        )
        fields = {
            "name": "Zoë", "audio": "on", "video": "off", "mode": "on_demand_start", "sample_percent": "33.5",
            "directions": ["inbound", "internal"],
        }  # fmt: skip
        saved = await post(browser, "/users/red.example/150", **fields)
        assert saved.headers["location"] == "/users/red.example/150?saved=1"
        (user,) = [u for u in await world.catalog.users(Scope("red.example")) if u.user == "150"]
        assert user == UserSettings(
            "red.example", "150", "Zoë", Setting.ON, Setting.OFF,
            frozenset({Direction.INBOUND, Direction.INTERNAL}), Mode.ON_DEMAND_START, 33.5,
        )  # fmt: skip
        reloads = world.control.reloads
        bad = {**fields, "sample_percent": "101", "directions": [], "mode": "now"}
        answer = await post(browser, "/users/red.example/150", **bad)
        assert answer.status_code == 422
        assert fault_at(answer.text, "sample_percent") == "A number from 0 to 100."
        assert fault_at(answer.text, "mode").startswith("Choose one of:")
        assert "Tick one at least." in answer.text
        assert 'value="101"' in answer.text, "what was typed stands there again"
        assert world.control.reloads == reloads
        assert (await browser.get("/users/red.example/999")).status_code == 404
        assert (await browser.get("/users/red.example/a%20b")).status_code == 404


async def test_the_users_page_says_what_the_tenant_forces(world: World) -> None:
    await world.catalog.set_user(UserSettings("red.example", "101", "", Setting.OFF))
    async with world.browser("red-admin") as browser:
        assert "tenant: on" not in (await browser.get("/users")).text
        await world.catalog.set_tenant(TenantSettings("red.example", Setting.ON, Setting.FORBID))
        page = (await browser.get("/users")).text
        assert (
            page.count("tenant: on") == page.count("tenant: never") == page.count('<select name="audio" form')
        )
        one = (await browser.get("/users/red.example/101")).text
        assert "Recorded because tenant red.example has audio on; user 101 has audio off." in one
        assert "Not recorded because tenant red.example forbids video" in one


OPTIONS = {
    "audio": "on", "video": "inherit", **EVERYWHERE, "channels": "stereo", "pause_style": "cut",
    "gap_style": "cut", "alone": "record",
    "format": "opus", "keep_original": "on",
    "longest_pause_s": "300", "pause_tone": "on", "beep_every_s": "15", "announcement": "ivr/recorded.wav",
    "announce_to": "external", "sounds_in_recording": "on", "message_answers": "always", "trash_days": "14",
    "transcripts": "on", "redact_digits": "audio", "second_factor": "everybody", "share_links": "public",
    "new_audio": "on", "new_video": "off", "new_mode": "on_demand", "code": ["*48", "*49", "", ""],
    "operation": ["pause-recording", "resume-audio-recording", "pause-recording", "stop-recording"],
}  # fmt: skip


async def test_the_options_form_stores_all_of_them(world: World) -> None:
    async with world.browser("red-admin") as browser:
        answer = await post(browser, "/company/options", **OPTIONS)
        assert answer.headers["location"] == "/company/options?tenant=red.example&saved=1"
        (stored,) = await world.catalog.tenants(Scope("red.example"))
        options = stored.options
        assert {code: str(what) for code, what in options.codes.items()} == {
            "*48": "pause-recording",
            "*49": "resume-audio-recording",
        }
        assert options == TenantOptions(
            options.codes, PauseStyle.CUT, 300, True, 15, "ivr/recorded.wav", Hears.EXTERNAL,
            Channels.STEREO, Answers.ALWAYS, NewUser(Setting.ON, Setting.OFF, Mode.ON_DEMAND), 14,
            Transcripts.ON, Redaction.AUDIO,
            FormatChoice.OPUS, True, SecondFactorFor.EVERYBODY, ShareLinks.PUBLIC, GapStyle.CUT, Alone.RECORD,
            True,
        )  # fmt: skip
        assert (stored.audio, stored.directions) == (Setting.ON, EVERY_DIRECTION)
        page = (await browser.get(answer.headers["location"])).text
        assert "Saved." in page
        # What is shown is what is stored: sent back as it stands, it changes nothing.
        shown = sent_back(page)
        assert (await browser.post("/company/options", data=shown)).status_code == 303
        assert await world.catalog.tenants(Scope("red.example")) == [stored]
        entries = await world.catalog.audit_entries(Scope("red.example"))
        assert entries[0].detail == "nothing changed"


async def test_the_reference_products_name_of_the_format_is_understood(world: World) -> None:
    async with world.browser("red-admin") as browser:
        await post(browser, "/company/options", **{**OPTIONS, "recorder_file_format": "2"})
        (stored,) = await world.catalog.tenants(Scope("red.example"))
        assert stored.options.format is FormatChoice.AMR
        answer = await post(browser, "/company/options", **{**OPTIONS, "recorder_file_format": "4"})
        assert answer.status_code == 422
        assert "1 (WAV), 2 (AMR) or 3 (MP3)" in fault_at(answer.text, "format")


def sent_back(html: str) -> dict[str, list[str]]:
    """The fields of the options form as a browser would send them unchanged."""
    form = html[html.index('<form method="post" action="/company/options"') :]
    form = form[: form.index("</form>")]
    sent: dict[str, list[str]] = {}
    for name, body in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)" selected', body) or re.search(r'value="([^"]*)"', body)
        assert chosen
        sent.setdefault(name, []).append(chosen[1])
    for tag in re.findall(r"<input [^>]*>", form):
        fields = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if fields.get("type") == "checkbox" and " checked" not in tag:
            continue
        sent.setdefault(fields["name"], []).append(fields.get("value", "on"))
    return sent


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"longest_pause_s": "1.5"}, "longest_pause_s", "whole number"),
        ({"longest_pause_s": "99999999"}, "longest_pause_s", "whole number"),
        ({"beep_every_s": "4"}, "beep_every_s", "5 to 3600"),
        ({"announcement": "../x"}, "announcement", "letters, digits"),
        ({"announcement": ""}, "announce_to", "Needs an announcement"),
        ({"channels": "7.1"}, "channels", "Choose one of"),
        ({"format": "wma"}, "format", "Choose one of"),
        ({"code": ["*4", "*48"]}, "code-1", "*4 is the beginning of *48"),
        ({"code": ["*48", "*4"]}, "code-1", "*4 is the beginning of *48"),
        ({"code": ["*48", "*48"]}, "code-1", "twice"),
        ({"code": ["", "48"]}, "code-0", "no feature code"),
        ({"code": ["*48"], "operation": ["erase"]}, "code-0", "Choose what it does"),
    ],
)
async def test_a_faulty_option_is_shown_at_its_field_and_nothing_is_stored(
    world: World, fields: dict[str, object], name: str, words: str
) -> None:
    async with world.browser("red-admin") as browser:
        answer = await post(browser, "/company/options", **{**OPTIONS, **fields})
        assert answer.status_code == 422
        assert words in fault_at(answer.text, name)
        assert "Nothing was saved" in answer.text
        # Everything else is as it was typed.
        if name == "announcement":
            assert 'name="announcement" value="../x"' in answer.text
        assert '<option value="on_demand" selected>' in answer.text
    assert [t.options for t in await world.catalog.tenants(Scope("red.example"))] == [DEFAULT_OPTIONS]
    assert world.control.reloads == 0


async def test_the_system_administrator_opens_any_tenants_options(world: World) -> None:
    async with world.browser("root") as browser:
        page = await browser.get("/company/options?tenant=green.example")
        assert page.status_code == 200
        assert 'name="tenant" value="green.example"' in page.text
        assert "green.example" not in {t.tenant for t in await world.catalog.tenants(Scope(None))}
        await post(browser, "/company/options", **{**OPTIONS, "tenant": "green.example"})
        assert "green.example" in {t.tenant for t in await world.catalog.tenants(Scope(None))}
        assert (await browser.get("/company/options?tenant=a%20b")).status_code == 422


async def test_the_systems_page(world: World) -> None:
    async with world.browser("root") as browser:
        assert (await post(browser, "/advanced/general", record_external="on")).status_code == 303
        fields = {"audio": "forbid", "video": "inherit", "directions": ["internal"]}
        assert (await post(browser, "/advanced/general/rule", **fields)).status_code == 303
        wanted = SystemSettings(True, Setting.FORBID, Setting.INHERIT, frozenset({Direction.INTERNAL}))
        assert await world.catalog.system() == wanted
        none = await post(browser, "/advanced/general/rule", audio="on", video="on")
        assert none.status_code == 422
        assert "Tick one at least." in none.text
        # The other form leaves the rule as it is.
        assert (await post(browser, "/advanced/general")).status_code == 303
        assert await world.catalog.system() == SystemSettings(False, *vars_of(wanted)[1:])


def vars_of(settings: SystemSettings) -> tuple[object, ...]:
    return settings.record_external, settings.audio, settings.video, settings.directions


async def test_a_rule_from_its_making_to_its_removal(world: World) -> None:
    fields = {
        "scope": "queue", "name": "Tier 2/3 & <more>", "audio": "require", "video": "off", **EVERYWHERE,
        "sample_percent": "100",
    }  # fmt: skip
    async with world.browser("red-admin") as browser:
        assert "No rules yet" in (await browser.get("/rules")).text
        assert (await post(browser, "/rules/edit", **fields)).headers["location"] == "/rules?saved=1"
        page = (await browser.get("/rules")).text
        assert "Tier 2/3 &amp; &lt;more&gt;" in page
        (address,) = set(re.findall(r'href="(/rules/edit\?scope=queue&amp;[^"]+)"', page))
        form = await browser.get(address.replace("&amp;", "&"))
        assert form.status_code == 200
        assert "Remove this rule" in form.text
        twice = await post(browser, "/rules/edit", **fields)
        assert twice.status_code == 422
        assert "already" in fault_at(twice.text, "name")
        changed = {**fields, "known": "1", "audio": "on", "sample_percent": "5"}
        assert (await post(browser, "/rules/edit", **changed)).status_code == 303
        name = fields["name"]
        assert await world.catalog.rules(Scope("red.example")) == [
            PolicyRule(
                PolicyScope.QUEUE, "red.example", str(name), Setting.ON, Setting.OFF, sample_percent=5.0
            )
        ]
        for faulty, at in (
            ({"sample_percent": "-1"}, "sample_percent"),
            ({"scope": "ring_group", "sample_percent": "5"}, "sample_percent"),
            ({"name": "x" * 201}, "name"),
            ({"name": ""}, "name"),
            ({"scope": "user", "name": "101"}, "scope"),
        ):
            answer = await post(browser, "/rules/edit", **{**fields, "name": "other", **faulty})
            assert answer.status_code == 422, faulty
            assert fault_at(answer.text, at)
        removed = await post(browser, "/rules/remove", scope="queue", name=name)
        assert removed.headers["location"] == "/rules?saved=removed"
        assert await world.catalog.rules(Scope(None)) == []
        assert (await post(browser, "/rules/remove", scope="queue", name=name)).status_code == 404


async def test_only_trunks_are_the_systems_own(world: World) -> None:
    fields = {"name": "carrier", "audio": "on", "video": "inherit", **EVERYWHERE, "tenant": ""}
    async with world.browser("root") as root:
        refused = await post(root, "/rules/edit", scope="queue", **fields)
        assert "Only trunks" in fault_at(refused.text, "tenant")
        assert (await post(root, "/rules/edit", scope="trunk", **fields)).status_code == 303
        assert [r.tenant for r in await world.catalog.rules(Scope(None))] == [None]
        assert "the system&#39;s" in (await root.get("/rules")).text
    async with world.browser("red-admin") as red:
        assert "carrier" not in (await red.get("/rules")).text
        # The same form of a tenant's administrator is about a trunk of its own.
        assert (await post(red, "/rules/edit", scope="trunk", **fields)).status_code == 303
    assert {r.tenant for r in await world.catalog.rules(Scope(None))} == {None, "red.example"}
