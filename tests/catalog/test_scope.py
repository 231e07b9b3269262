"""The gate: every query, for every tenant and user, shows its own and nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

from controller.catalog import SqlCatalog
from controller.core.requests import Means, TenantActor
from controller.core.rules import Setting
from controller.engine.reading import (
    Account,
    AuditEntry,
    Direction,
    RecordingFilter,
    Role,
    Scope,
    SystemSettings,
    TenantSettings,
    UserSettings,
)

from .conftest import NOW
from .story import Story, inside, outside

EVERY = RecordingFilter()

#: What each scope may see, by the caller's leg: red's own two, the one between red and blue,
#: blue's own, and one between two outside parties over blue's trunk.
CALLS = {
    Scope(None): {"red1", "red2", "mixed", "blue1", "trunk"},
    Scope("red.example"): {"red1", "red2", "mixed"},
    Scope("red.example", "1001"): {"red1", "mixed"},
    Scope("red.example", "1002"): {"red2"},
    Scope("blue.example"): {"mixed", "blue1", "trunk"},
    Scope("blue.example", "2001"): {"mixed", "blue1"},
    Scope("blue.example", "1001"): set(),  # the same extension, but red's
    Scope("green.example"): set(),
    Scope("red"): set(),
    Scope("RED.example"): set(),
    Scope("red.example", "100"): set(),
    Scope("red.example%"): set(),
    Scope("%"): set(),
    Scope(""): set(),
    Scope("", ""): set(),
    Scope("red.example", ""): set(),
    Scope(None, "1001"): set(),
    Scope(None, ""): set(),
}
#: Whose recordings each call has.
RECORDED = {
    "red1": {"red.example"},
    "red2": {"red.example"},
    "mixed": {"red.example", "blue.example"},
    "blue1": {"blue.example"},
    "trunk": {"blue.example"},
}
SECRETS_OF_BLUE = ("blue.example", "Beatrix", "2001@", "boss-of-blue")


async def fill(catalog: SqlCatalog) -> dict[str, str]:
    """The calls of the table above; the caller's leg → the call's id."""
    story = Story()
    blue = inside("2001", "blue.example", "Beatrix Blue")
    ids = {
        "red1": story.talk("red1", inside("1001"), "r1b", outside("15551", "Zoe"), dialled="015551"),
        "red2": story.talk("red2", outside("15552", "Yan"), "r2b", inside("1002")),
        "blue1": story.talk("blue1", blue, "b1b", outside("15553", "Xenia")),
        "trunk": story.talk("trunk", outside("15554", "Wim", "blue.example"), "tb", outside("15555", "Vic")),
    }
    story.start("mixed", inside("1001"), dialled="72001")
    story.start("mb", blue, origin="mixed", dialled="secret-dial")
    story.answer("mixed", "mb")
    story.bridge("mixed", "mixed", "mb")
    ids["mixed"] = story.running[0].call_id
    story.wait(10)
    story.ask("pause-recording", "mb")
    story.wait(10)
    story.ask(
        "resume-recording", "mixed", actor=TenantActor("blue.example", "boss-of-blue"), means=Means.PAGE
    )
    story.wait(10)
    story.ask("pause-recording", "mixed")
    story.wait(10)
    story.hang_up("mixed", "mb")
    await story.save(catalog)
    return ids


def text_of(value: Any) -> str:
    """Everything that an answer says, as one text."""
    return repr(dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value)


async def test_each_scope_sees_its_own_calls_and_recordings(catalog: SqlCatalog) -> None:
    ids = await fill(catalog)
    for scope in CALLS:
        await check_rows(catalog, scope, ids)


async def check_rows(catalog: SqlCatalog, scope: Scope, ids: dict[str, str]) -> None:
    names = {call_id: name for name, call_id in ids.items()}
    visible = CALLS[scope]
    calls = (await catalog.calls(scope, EVERY)).items
    assert {names[c.call_id] for c in calls} == visible
    recordings = (await catalog.recordings(scope, EVERY)).items
    expected = {
        (name, tenant) for name in visible for tenant in RECORDED[name] if scope.tenant in (None, tenant)
    }
    assert {(names[r.call_id], r.tenant) for r in recordings} == expected

    everything = (await catalog.recordings(Scope(None), EVERY)).items
    assert len(everything) == 6
    for row in everything:
        detail = await catalog.recording(scope, row.recording_id)
        allowed = (names[row.call_id], row.tenant) in expected
        assert (detail is not None) == allowed
        sound = await catalog.sound_of(scope, row.recording_id)
        assert sound == (detail and detail.sound), "the same gate, whichever way one comes to the files"
        listed = await catalog.recordings(scope, RecordingFilter(call_id=row.call_id, kind="audio"))
        assert (row.recording_id in {r.recording_id for r in listed.items}) == allowed
    for name, call_id in ids.items():
        detail = await catalog.call(scope, call_id)
        assert (detail is not None) == (name in visible)
        if detail is not None:
            found = {(name, r.tenant) for r in detail.recordings}
            assert found == {pair for pair in expected if pair[0] == name}
            assert detail.row.recordings == len(found)
            assert {d.tenant for d in detail.decisions} == {tenant for _, tenant in found}
            assert detail.row in calls


async def test_every_filter_and_page_is_behind_the_gate(catalog: SqlCatalog) -> None:
    ids = await fill(catalog)
    for scope in CALLS:
        await check_filters(catalog, scope, ids)


async def check_filters(catalog: SqlCatalog, scope: Scope, ids: dict[str, str]) -> None:
    names = {call_id: name for name, call_id in ids.items()}
    filters = [
        RecordingFilter(party="1555"), RecordingFilter(party="1001"), RecordingFilter(min_ms=1),
        RecordingFilter(kind="audio"), RecordingFilter(until=NOW), RecordingFilter(call_id=ids["mixed"]),
        *(RecordingFilter(direction=d) for d in Direction),
    ]  # fmt: skip
    whole = [(await catalog.calls(scope, w), await catalog.recordings(scope, w)) for w in filters]
    for calls, recordings in whole:
        assert {names[c.call_id] for c in calls.items} <= CALLS[scope]
        assert {names[r.call_id] for r in recordings.items} <= CALLS[scope]
    # A key that another scope's page ended with leads no further than one's own rows.
    for method in (catalog.calls, catalog.recordings):
        foreign = await method(Scope(None), EVERY, limit=1)
        page = await method(scope, EVERY, before=foreign.next)
        assert {names[row.call_id] for row in page.items} <= CALLS[scope]


async def test_another_tenant_s_party_is_a_number_outside(catalog: SqlCatalog) -> None:
    ids = await fill(catalog)
    for scope in (Scope("red.example"), Scope("red.example", "1001")):
        call = await catalog.call(scope, ids["mixed"])
        assert call is not None
        own, other = call.row.parties
        assert (own.user, own.tenant, own.side) == ("1001", "red.example", "internal")
        assert dataclasses.asdict(other) == {
            "side": "external", "tenant": None, "user": None, "number": "2001", "name": "", "calling": False,
            "seat": "",
        }  # fmt: skip
        assert [leg.leg_id for leg in call.legs] == ["mixed"]
        assert call.row.direction is Direction.OUTBOUND
        assert {entry.leg_id for entry in call.journey} == {"mixed"}
        (row,) = call.recordings
        recording = await catalog.recording(scope, row.recording_id)
        assert recording is not None
        assert [(p.asked_by, p.ended_by) for p in recording.pauses] == [
            ("somebody else", "somebody else"),
            ("1001@red.example", "end of call"),
        ]
        page = await catalog.recordings(scope, EVERY)
        calls = await catalog.calls(scope, EVERY)
        for answer in (call, recording, page, calls):
            for secret in (*SECRETS_OF_BLUE, "secret-dial"):
                assert secret not in text_of(answer)
    blue = await catalog.call(Scope("blue.example"), ids["mixed"])
    assert blue is not None
    assert blue.row.direction is Direction.INBOUND
    assert "1001 of red.example" not in text_of(blue)
    both = await catalog.call(Scope(None), ids["mixed"])
    assert both is not None
    assert both.row.direction is Direction.INTERNAL
    assert "Beatrix" in text_of(both)
    assert "boss-of-blue" in text_of(both)


async def test_what_is_not_shown_cannot_be_found(catalog: SqlCatalog) -> None:
    await fill(catalog)
    for secret in ("Beatrix", "beat", "blue", "secret-dial", "boss"):
        for scope in (Scope("red.example"), Scope("red.example", "1001")):
            assert (await catalog.calls(scope, RecordingFilter(party=secret))).items == ()
            assert (await catalog.recordings(scope, RecordingFilter(party=secret))).items == ()
    assert (await catalog.calls(Scope("blue.example"), RecordingFilter(party="secret-dial"))).items
    by_number = await catalog.calls(Scope("red.example"), RecordingFilter(party="2001"))
    assert len(by_number.items) == 1


async def test_settings_accounts_and_audit_by_scope(catalog: SqlCatalog) -> None:
    await catalog.set_system(SystemSettings(False))
    for tenant in ("red.example", "blue.example"):
        await catalog.set_tenant(TenantSettings(tenant, Setting.ON))
        for user in ("1001", "1002"):
            await catalog.set_user(UserSettings(tenant, user))
            login = f"{user}@{tenant}"
            await catalog.add_account(Account(login, login, Role.USER, tenant, user), "hash")
        await catalog.add_account(Account(tenant, tenant, Role.TENANT, tenant, None), "hash")
        await catalog.audit(AuditEntry(NOW, tenant, tenant, "listened", "recording"))
    await catalog.add_account(Account("root", "root", Role.SYSTEM, None, None), "hash")
    await catalog.audit(AuditEntry(NOW, "root", None, "settings", "system"))

    async def counts(scope: Scope) -> tuple[int, int, int, int]:
        return (
            len(await catalog.tenants(scope)),
            len(await catalog.users(scope)),
            len(await catalog.accounts(scope)),
            len(await catalog.audit_entries(scope)),
        )

    assert await counts(Scope(None)) == (2, 4, 7, 3)
    assert await counts(Scope("red.example")) == (1, 2, 3, 1)
    assert await counts(Scope("red.example", "1001")) == (1, 1, 1, 0)
    nothing = (Scope(""), Scope("red.example", ""), Scope(None, "1001"), Scope("r%"), Scope("", "1001"))
    for scope in nothing:
        assert await counts(scope) == (0, 0, 0, 0), scope
    assert {a.tenant for a in await catalog.accounts(Scope("red.example"))} == {"red.example"}
