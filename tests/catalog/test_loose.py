"""What people wrote is found whatever its case and accents: notes, the audit, users; on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from controller.catalog import SqlCatalog, open_database, schema
from controller.catalog.columns import loose
from controller.core.errors import InvalidPolicy
from controller.engine.people import AuditEntry, AuditFilter
from controller.engine.reading import RecordingFilter, UserSettings

from .conftest import NOW
from .test_lists import RED, filled, seen

#: What was written, and what finds it.
FOUND = [
    ("Überweisung folgt", ["Überweisung", "überweisung", "ÜBERWEISUNG", "uberweisung", "WEISUNG"]),
    ("In der Straße", ["STRASSE", "straße", "Strasse"]),
    ("Kommt aus İstanbul", ["istanbul", "İSTANBUL", "İstanbul", "ISTANBUL"]),
    ("ışık ve ISPARTA", ["ışık", "IŞIK", "isparta"]),
    ("Η Αθήνα και ο Οδυσσεύς", ["ΑΘΗΝΑ", "αθήνα", "ΟΔΥΣΣΕΥΣ", "οδυσσεύς"]),
    ("Привет, ЁЛКА", ["ПРИВЕТ", "ёлка"]),
    ("A café\u0301, decomposed", ["CAFÉ", "cafe"]),
    ("100 % _sure_ \\ done", ["100 %", "_SURE_", "\\ done"]),
]


@pytest.mark.parametrize(("written", "typed"), FOUND, ids=lambda v: v if isinstance(v, str) else "")
async def test_a_note_a_line_and_a_user_are_found(
    catalog: SqlCatalog, written: str, typed: list[str]
) -> None:
    there = (await filled(catalog))["15551234567"]
    await catalog.add_note(RED, there, written, "ann", "n1")
    await catalog.audit(AuditEntry(NOW, written, "red.example", "setting", written, ""))
    await catalog.set_user(UserSettings("red.example", "177", written))
    for word in typed:
        where = RecordingFilter(words=(word,))
        assert await seen(catalog, where) == [there], word
        for asked in (AuditFilter(account=word), AuditFilter(subject=word)):
            assert len(await catalog.audit_page(RED, asked)) == 1, word
        users, _ = await catalog.users_page(RED, text=word)
        assert [u.user for u in users] == ["177"], word
    for asked in (AuditFilter(account="nothing like it"), AuditFilter(subject="%_%")):
        assert await catalog.audit_page(RED, asked) == []


def test_what_is_different_stays_different() -> None:
    assert loose("Müller") != loose("Moller")
    assert loose("") == ""


async def test_notes_of_before_are_found_after_the_update(empty_url: str) -> None:
    database = await open_database(empty_url)
    catalog = SqlCatalog(database, lambda: NOW)
    there = (await filled(catalog))["15551234567"]
    await catalog.add_note(RED, there, "Überweisung", "ann", "n1")
    async with database.writing() as connection:
        await connection.run_sync(schema.downgrade, "0015")
        columns = (await connection.execute(text("SELECT * FROM recording_notes"))).keys()
        assert {"search", "position_ms"}.isdisjoint(columns)
    await database.close()
    database = await open_database(empty_url)
    catalog = SqlCatalog(database, lambda: NOW)
    assert await seen(catalog, RecordingFilter(words=("überweisung",))) == [there]
    async with database.engine.connect() as connection:
        assert await connection.run_sync(schema.differences) == []
    await database.close()


async def test_a_note_may_be_about_a_moment(catalog: SqlCatalog) -> None:
    there = (await filled(catalog))["15551234567"]
    await catalog.add_note(RED, there, "here", "ann", "n1", position_ms=61_500)
    await catalog.add_note(RED, there, "all of it", "ann", "n2")
    found = await catalog.annotations(RED, there)
    assert found is not None
    assert [(n.text, n.position_ms) for n in found.notes] == [("here", 61_500), ("all of it", None)]
    with pytest.raises(InvalidPolicy, match="position_ms"):
        await catalog.add_note(RED, there, "x", "ann", "n3", position_ms=-1)
