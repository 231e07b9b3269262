"""The pages in another language: nothing forgotten, no stranger's text a format, chosen as it should be."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from controller.core.retention import RetentionRule, RuleScope
from controller.core.rules import Mode, PolicyRule, PolicyScope, Setting
from controller.core.voices import entry_of
from controller.engine.reading import Scope, UserSettings
from controller.web.language import LANGUAGES, extracting, language_of
from controller.web.language.catalogs import LOCALES, PO, from_catalog
from controller.web.language.choosing import asked_for
from controller.web.language.current import back, switch_to
from controller.web.pages import words
from controller.web.pages.templating import templates_of

from .every_page import addresses, furnish
from .pseudo import pseudo, unmarked
from .serving import served
from .test_roles import ROLES
from .world import World, form_token, sign_in

HOLE = re.compile(r"%\((\w+)\)s")
TAG = re.compile(r"<[^>]+>")


def catalog_of(code: str) -> Catalog:
    with (LOCALES / code / PO).open("rb") as file:
        return read_po(file, locale=code)


@pytest.fixture(scope="module")
def template() -> Catalog:
    return extracting.extracted()


def test_the_template_is_what_the_sources_say(template: Catalog) -> None:
    """After a text was changed: python -m controller.web.language.extracting"""
    assert extracting.TEMPLATE.read_bytes().decode() == extracting.written(template).decode()


@pytest.mark.parametrize("code", LANGUAGES[1:])
def test_a_language_is_whole(code: str, template: Catalog) -> None:
    catalog = catalog_of(code)
    assert {m.id for m in catalog} == {m.id for m in template}
    assert [m.id for m in catalog if m.id and not extracting.whole(m)] == []
    assert [m.id for m in catalog if m.fuzzy and m.id] == []
    assert not catalog.obsolete


def both(code: str) -> Iterator[tuple[str, str]]:
    """(English, the other language), each form of a plural beside the English plural."""
    for message in catalog_of(code):
        if isinstance(message.id, str):
            yield message.id, str(message.string)
        else:
            yield from ((message.id[1], form) for form in message.string or ())


@pytest.mark.parametrize("code", LANGUAGES[1:])
def test_translations_have_the_same_holes_and_tags(code: str) -> None:
    for english, other in both(code):
        if not english:
            continue
        assert sorted(set(HOLE.findall(english))) == sorted(set(HOLE.findall(other))), english
        assert sorted(TAG.findall(english)) == sorted(TAG.findall(other)), english
        if "%(" in english:
            assert "%" not in HOLE.sub("", other).replace("%%", ""), english
        # In an attribute a quotation mark would end it, and templates do not escape what is ours.
        assert not re.search(r'["<>]', TAG.sub("", other)), english


def test_only_literals_are_taken_for_ours() -> None:
    """What `_` gives is not escaped: a stranger's text must never come to it."""
    found, templates = 0, Environment(loader=templates_of(language_of("en")).loader)
    for name in templates.list_templates():
        tree = templates.parse(templates.loader.get_source(templates, name)[0])  # type: ignore[union-attr]
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in ("_", "ngettext"):
                texts = call.args[: 1 if call.node.name == "_" else 2]
                assert all(isinstance(text, nodes.Const) for text in texts), (name, call.lineno)
                found += 1
    assert found > 500


def test_a_language_is_begun_and_kept_up(
    tmp_path: Path, template: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What docs/reference/languages.md says, in a folder of its own."""
    monkeypatch.setattr(extracting, "extracted", lambda: template)  # the sources are read once
    assert extracting.main(["add", "pl"], tmp_path) == 0
    path = tmp_path / "pl" / PO
    text = path.read_text(encoding="utf-8")
    assert "nplurals=3" in text
    assert extracting.main(["add", "pl"], tmp_path) == 1
    path.write_text(
        text.replace('msgid "Save"\nmsgstr ""', 'msgid "Save"\nmsgstr "Zapisz"'), encoding="utf-8"
    )
    assert extracting.main([], tmp_path) == 0
    with path.open("rb") as file:
        polish = from_catalog("pl", read_po(file, locale="pl"))
    assert polish.said("Save") == "Zapisz"
    assert polish.said("Cancel") == "Cancel"
    assert polish.own_name == "Polski"
    with path.open("rb") as file:
        assert {m.id for m in read_po(file, locale="pl")} == {m.id for m in template}


# ── nothing is forgotten ──────────────────────────────────────────────────────────────────────

#: What is in no language: formats, units, names of things, and the data of this world.
DATA = re.compile(
    r"\b(WAV|MP3|MP4|AMR|Opus|OPUS|FLAC|PEAKS|ZIP|CSV|SHA-256|OpenAPI|UTC|[KMGT]B|ms|Tapeline|Deutsch"
    r"|FreeSWITCH|freeswitch|fs1|201 of|(Anna|Bela|Carl) (Red|Blue)|Customer|CRM|Group|Here|vip|root|tests"
    r"|red-\w+|blue-\w+|(red|blue)\.example|example\.org|sales|front desk|main menu|trunk-1|nonsense"
    r"|For the lawyer|id0\d+|ivr/[\w./-]+|recording\.\w+|[Ii]t needs ffmpeg: install it)\b"
)
CALENDAR = {
    name.rstrip(".")
    for shown in ("wide", "abbreviated")
    for names in (language_of("de").locale.days["format"], language_of("de").locale.months["format"])
    for name in names[shown].values()
}


def forgotten(text: str) -> list[str]:
    """The words in it that are no data."""
    rest = DATA.sub(" ", text)
    return [word for word in re.findall(r"[^\W\d_]{2,}", rest) if word not in CALENDAR]


async def test_no_text_of_any_page_is_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch, template: Catalog
) -> None:
    one = pseudo(template)
    monkeypatch.setattr("controller.web.language.choosing.language_of", lambda code: one)
    known = await furnish(world)
    found: dict[str, set[str]] = defaultdict(set)
    looked = 0
    for who in ROLES.values():
        async with world.browser(who) as browser:
            browser.headers["accept-language"] = "de"
            for _route, address in addresses(known, who):
                page = await browser.get(address, follow_redirects=True)
                looked += "⟦" in page.text
                for text in unmarked(page.text):
                    if forgotten(text):
                        found[text].add(f"{who}: {address}")
    assert looked > 250
    assert not found, "\n".join(f"{text!r} in {sorted(where)[:3]}" for text, where in sorted(found.items()))


async def test_a_forgotten_text_would_be_found(
    world: World, monkeypatch: pytest.MonkeyPatch, template: Catalog
) -> None:
    for message in list(template):
        if message.id == "Call Recordings":
            template.delete(message.id)
    monkeypatch.setattr("controller.web.language.choosing.language_of", lambda code: pseudo(template))
    async with world.browser("root") as browser:
        page = await browser.get("/recordings", headers={"accept-language": "de"})
        assert any("Call Recordings" in text and forgotten(text) for text in unmarked(page.text))
    template.add("Call Recordings", locations=[("controller/web/pages/menu.py", 0)])


def test_what_the_core_says_is_known_again(template: Catalog) -> None:
    """Every rule's words, each decision around them, retention: nothing but names is left unmarked."""
    one = pseudo(template)
    texts = []
    for scope in PolicyScope:
        tenant = None if scope is PolicyScope.SYSTEM else "T"
        name = "" if scope in (PolicyScope.SYSTEM, PolicyScope.TENANT) else "101"
        for setting in set(Setting) - {Setting.INHERIT}:
            modes = Mode if scope is PolicyScope.USER else (Mode.ALWAYS_PAUSE,)
            for mode in modes:
                sample = 50.0 if scope in (PolicyScope.USER, PolicyScope.QUEUE) else 100.0
                entry = entry_of(
                    PolicyRule(scope, tenant, name, setting, setting, mode=mode, sample_percent=sample)
                )
                voices = (entry.audio, entry.video, entry.unsampled_audio, entry.unsampled_video)
                texts += [voice.words for voice in voices if voice]
    decided = [f"{begin} {text}; {texts[0]}" for text in texts for begin in (
        "recorded because", "not recorded because", "kept only if it is started before the end:"
    )]  # fmt: skip
    rules = [
        RetentionRule("T", RuleScope.QUEUE, "101", keep, forever, delete)
        for keep, forever, delete in ((0, False, 1), (3, False, 9), (1, False, 0), (0, True, 0))
    ]
    for text in texts + decided + [r.says for r in rules] + [r.subject for r in rules]:
        said = re.sub("⟦[^⟧]*⟧", " ", one.said(text))
        assert set(re.findall(r"\w+", said)) <= {"T", "101", "1", "3", "9"}, (text, one.said(text))


# ── nothing is mistaken ───────────────────────────────────────────────────────────────────────

HOSTILE = "%(x)s {0} %s 100% %%d <b>{x!r}</b> ⟦"


@pytest.mark.parametrize("code", LANGUAGES)
async def test_strangers_names_are_never_formats(world: World, code: str) -> None:
    red = world.recordings["red"]
    await world.catalog.set_user(UserSettings("red.example", "101", HOSTILE, Setting.ON))
    await world.catalog.add_note(Scope("red.example"), red, HOSTILE, "red-admin", "note-1", position_ms=0)
    await world.catalog.set_rule(PolicyRule(PolicyScope.QUEUE, "red.example", HOSTILE, Setting.ON))
    shown = "%(x)s {0} %s 100% %%d &lt;b&gt;{x!r}&lt;/b&gt; ⟦"
    async with world.browser("red-admin") as browser:
        browser.headers["accept-language"] = code
        for address in (
            "/users", "/users/red.example/101", "/rules?scope=queue", f"/recordings/{red}", "/queues",
            f"/explain?caller=101&callee=102&queue={HOSTILE.replace('%', '%25')}",
        ):  # fmt: skip
            page = await browser.get(address)
            assert page.status_code == 200, address
            assert shown in page.text, address
            assert "<b>{x" not in page.text


def test_a_sentence_keeps_what_stands_in_its_holes() -> None:
    german = language_of("de")
    assert german.said("There is no such recording.") == "Nicht gefunden: Aufzeichnung."
    assert german.said(f"user {HOSTILE} has audio on") == f"Benutzer {HOSTILE}: Audio ein"
    assert (
        german.said("This needs the permission see_audit.") == "Dafür ist die Berechtigung Audit sehen nötig."
    )
    assert german.said("tag: 1 to 50 characters") == "Schlagwort: 1 bis 50 Zeichen"
    assert german.said("Tag: 1 to 50 characters.") == "Schlagwort: 1 bis 50 Zeichen."
    for text in ("", "Nobody's sentence", HOSTILE, "x" * 5000, "a has b on" * 300):
        assert german.said(text) == text
    assert language_of("en").said("There is no such recording.") == "There is no such recording."


# ── which language ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", ""), ("de", "de"), ("de-AT,de;q=0.9,en;q=0.8", "de"), ("fr, en;q=0.5, de;q=0.7", "de"),
        ("en;q=0.8, de;q=0.8", "en"), ("DE-de", "de"), ("*", ""), ("fr", ""), ("de;q=0", ""), ("de;q=x", ""),
        ("den", ""), ("de;q=7", ""), (",;q=1,,de", "de"), ("x," * 5000 + "de", ""),
    ],
)  # fmt: skip
def test_what_the_browser_asks_for(header: str, code: str) -> None:
    assert asked_for(header) == code


async def test_the_browsers_language_then_the_accounts_own(world: World) -> None:
    async with world.client() as stranger:
        page = await stranger.get("/sign-in", headers={"accept-language": "de"})
        assert '<html lang="de">' in page.text
        assert "Bei Tapeline anmelden" in page.text
        assert page.headers["content-language"] == "de"
        assert "Accept-Language" in page.headers["vary"]
    async with world.browser("red-admin") as browser:
        page = await browser.get("/recordings")
        assert '<html lang="en">' in page.text
        assert page.headers["content-language"] == "en"
        token = form_token((await browser.get("/account")).text)
        answer = await browser.post("/account/language", data={"csrf": token, "language": "de"})
        assert answer.headers["location"] == "/account?saved=language"
        page = await browser.get("/recordings", headers={"accept-language": "en"})
        assert '<html lang="de">' in page.text
        assert "<h1>Aufzeichnungen</h1>" in page.text
        assert "Sonntag, 22. November 2026" in page.text
        bad = await browser.get("/recordings/no-such")
        assert (bad.status_code, "Nicht gefunden: Aufzeichnung." in bad.text) == (404, True)
        refused = await browser.post("/account/language", data={"csrf": token, "language": "tlh"})
        assert refused.status_code == 422
        await browser.post("/account/language", data={"csrf": token, "language": ""})
        assert '<html lang="en">' in (await browser.get("/recordings")).text


async def test_the_systems_language_is_for_who_asks_for_none(world: World) -> None:
    from dataclasses import replace

    from controller.web.app import create_app

    world.app = create_app(replace(world.services, language="de"))
    async with world.client() as stranger:
        assert '<html lang="de">' in (await stranger.get("/sign-in")).text
        english = await stranger.get("/sign-in", headers={"accept-language": "fr, en"})
        assert '<html lang="en">' in english.text


async def test_what_machines_read_stays_english(world: World) -> None:
    async with world.client("red-admin") as script:
        script.headers["accept-language"] = "de"
        await world.catalog.set_language("account-red-admin", "de")
        missing = await script.get("/api/v1/recordings/no-such")
        assert missing.json()["detail"] == "There is no such recording."
        assert "content-language" not in missing.headers
    async with world.browser("red-admin") as browser:
        browser.headers["accept-language"] = "de"
        table = (await browser.get("/reports/csv")).text
        assert table.splitlines()[0].split(",")[:2] == ["day", "tenant"] or "calls" in table.splitlines()[0]
        lines = (await browser.get("/api/v1/audit/export?format=csv")).text.splitlines()
        assert "action" in lines[0]
        assert any(",sign-in," in line for line in lines)
        assert "Anmeldung" in (await browser.get("/audit")).text


async def test_the_scripts_texts_are_at_an_address_of_their_own(world: World) -> None:
    german = language_of("de")
    async with world.client() as stranger:
        page = await stranger.get("/sign-in", headers={"accept-language": "de"})
        assert f'<script src="{german.script_address}"></script>' in page.text
        script = await stranger.get(german.script_address)
        assert script.headers["content-type"].startswith("text/javascript")
        assert "immutable" in script.headers["cache-control"]
        assert '"All selected":"Alle ausgewählt"' in script.text
        assert (await stranger.get("/texts/de.0000.js")).status_code == 404
        assert (await stranger.get("/texts/xx.js")).status_code == 404
        assert "/texts/" not in (await stranger.get("/sign-in", headers={"accept-language": "en"})).text


def test_numbers_and_days_as_the_language_writes_them() -> None:
    at = datetime(2026, 11, 22, 9, 5, tzinfo=UTC)
    token = switch_to(language_of("de"))
    try:
        assert words.stamp(at, UTC) == "22.11.2026 09:05:00"
        assert words.day(at, UTC) == "Sonntag, 22. November 2026"
        assert (words.size(1_500), words.size(12), words.count(12345)) == ("1,5 KB", "12 Byte", "12.345")
        assert words.decimal("2.5") == "2,5"
    finally:
        back(token)
    assert words.stamp(at, UTC) == "2026-11-22 09:05:00"
    assert words.day(at, UTC) == "Sunday, 22 November 2026"
    assert (words.size(1_500), words.count(12345), words.decimal("2.5")) == ("1.5 KB", "12,345", "2.5")


async def test_each_reader_of_live_calls_gets_cards_in_their_own_language(world: World) -> None:
    """Cards are drawn once for everybody who sees the same: who reads another language does not."""
    async with served(world) as url, httpx.AsyncClient(base_url=url) as web:
        assert (await sign_in(web, "root")).status_code == 303
        for accepted, said in (
            ("de", "Audioaufzeichnung"),
            ("en", "audio recording"),
            ("de", "Audioaufzeichnung"),
        ):
            async with web.stream("GET", "/live/stream", headers={"accept-language": accepted}) as stream:
                lines = stream.aiter_lines()
                card = await anext(
                    line async for line in lines if line.startswith("data:") and "badge" in line
                )
                assert said in card, (accepted, card)
