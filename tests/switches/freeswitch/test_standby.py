"""What FreeSWITCH is told for its carrying on alone, key by key, and how its notes are read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.config import FreeSwitchConfig
from controller.core.facts import LegStarted
from controller.core.parties import Side
from controller.core.rules import PolicyScope, Route
from controller.engine.ports import StandbyRefused
from controller.switches.freeswitch.standby import FreeSwitchStandby


class Hash:
    """mod_hash, as far as it is used; ``loaded`` False: there is none."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.seen: list[dict[str, str]] = []  # what a dialplan could have read, after each command
        self.loaded = True

    async def __call__(self, command: str) -> str:
        if command == "strepoch":
            return "1795867200"
        if not self.loaded:
            return f"-ERR {command.split(maxsplit=1)[0]} Command not found!\n"
        word, _, rest = command.partition(" ")
        if word == "hash_dump":
            realm = rest.split()[1]
            return "".join(f"D/{k}/{v}\n" for k, v in self.values.items() if f"{realm}_" in k)
        verb, realm, key, *value = rest.split("/", 3)
        if verb == "insert":
            self.values[f"{realm}_{key}"] = value[0]
        else:
            self.values.pop(f"{realm}_{key}", None)
        self.seen.append(dict(self.values))
        return "+OK\n"

    def row(self, who: str, at: dict[str, str] | None = None) -> str:
        """As the dialplan looks it up."""
        values = self.values if at is None else at
        return values.get(f"tapeline_{values.get('tapeline_generation', '')}:{who}", "")


def standby(table: Hash, tmp_path: Path, **settings: object) -> FreeSwitchStandby:
    ids = iter(f"g{n}" for n in range(100))
    config = FreeSwitchConfig.model_validate(
        {"kind": "freeswitch", "name": "fs", "password": "x", "spool": tmp_path} | settings
    )

    async def again() -> None:
        raise AssertionError("nobody asked for it")

    return FreeSwitchStandby(config, table, lambda: next(ids), again)


async def test_a_table_counts_once_it_is_there_and_the_old_one_until_then(tmp_path: Path) -> None:
    table = Hash()
    first, second = standby(table, tmp_path), standby(table, tmp_path)
    second._new_id = lambda: "h0"  # another controller's
    await first.replace({("acme", "101"): "wwwwww", ("acme", "*"): "nnnnnn"})
    assert (table.row("101@acme"), table.row("*@acme")) == ("wwwwww", "nnnnnn")
    assert table.values["tapeline_spool"] == str(tmp_path)
    assert table.values["tapeline_profile:external"] == "trunk"
    table.seen.clear()
    await second.replace({("acme", "101"): "ffffff", ("acme", "*"): "rrrrrr"})
    read = {(table.row("101@acme", at), table.row("*@acme", at)) for at in table.seen}
    assert read == {("wwwwww", "nnnnnn"), ("ffffff", "rrrrrr")}, "never half of one, never none"
    assert not [key for key in table.values if ":" in key and key.startswith("tapeline_g0:")], "no leftovers"


async def test_only_what_has_changed_is_told(tmp_path: Path) -> None:
    table = Hash()
    it = standby(table, tmp_path)
    await it.replace({("acme", "101"): "wwwwww", ("acme", "102"): "ffffff"})
    table.seen.clear()
    await it.change({("acme", "101"): "ffffff", ("acme", "102"): None})
    assert len(table.seen) == 2
    assert (table.row("101@acme"), table.row("102@acme")) == ("ffffff", "")


async def test_its_own_clock_says_until_when(tmp_path: Path) -> None:
    table = Hash()
    await standby(table, tmp_path, standby_after_s=7).renew()
    assert table.values["tapeline_until"] == "1795867207"


async def test_withdrawn_nothing_is_left(tmp_path: Path) -> None:
    table = Hash()
    it = standby(table, tmp_path)
    await it.replace({("acme", "101"): "wwwwww"})
    await it.renew()
    await it.withdraw()
    assert not table.values


async def test_without_mod_hash_it_says_what_to_do(tmp_path: Path) -> None:
    table = Hash()
    table.loaded = False
    with pytest.raises(StandbyRefused, match="mod_hash is not loaded"):
        await standby(table, tmp_path).replace({})


async def test_names_that_no_key_can_hold_are_left_out(tmp_path: Path) -> None:
    table = Hash()
    await standby(table, tmp_path).replace({("acme", "a/b"): "wwwwww", ("a:b", "101"): "wwwwww"})
    assert not [value for value in table.values.values() if value == "wwwwww"]


UNSET = "_undef_"
LEG = "|".join(
    ["{leg}", "{way}", "{user}", "acme.test", "{called}", "acme.test", UNSET, "internal", UNSET, UNSET, UNSET,
     "{number}", "Ann%20%7C%20O%27Hara", "102", UNSET, UNSET, UNSET, UNSET, "sales%40acme.test", *[UNSET] * 4]
)  # fmt: skip


def note(recording: str, path: str) -> str:
    a = LEG.format(leg="leg-a", way="inbound", user="101", called="_undef_", number="%2B4930")
    b = LEG.format(leg="leg-b", way="outbound", user="_undef_", called="102", number="101")
    return f"1795867200|leg-a|{path}|{a}|{b}"


async def test_a_note_tells_who_was_there(tmp_path: Path) -> None:
    table = Hash()
    path = "acme.test/2026/11/28/0123abcd.1.wav"
    table.values["tapelinenote_0123abcd"] = note("0123abcd", path)
    it = standby(table, tmp_path)
    [left] = await it.left_behind()
    assert (left.recording_id, left.capture.leg_id, left.capture.path) == ("0123abcd", "leg-a", path)
    assert left.capture.note is not None
    assert left.capture.note.alone
    assert left.began_at == datetime(2026, 11, 28, 12, tzinfo=UTC)
    starts = [facts[0] for facts in left.legs.values()]
    assert all(isinstance(start, LegStarted) for start in starts)
    a, b = starts
    assert isinstance(a, LegStarted)
    assert isinstance(b, LegStarted)
    assert (a.party.side, a.party.tenant, a.party.user, a.calling) == (
        Side.INTERNAL,
        "acme.test",
        "101",
        True,
    )
    assert a.party.name == "Ann | O'Hara"
    assert (b.party.user, b.calling, b.origin) == ("102", False, "leg-a")
    assert a.routes == (Route(PolicyScope.QUEUE, "sales", "acme.test"),)
    await it.forget("0123abcd")
    assert not table.values


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "1|2|3", note("other", "acme.test/2026/11/28/other.1.wav"),
     note("0123abcd", "../acme.test/2026/11/28/0123abcd.1.wav"),
     note("0123abcd", "acme.test/2026/11/28/0123abcd.1.wav").replace("1795867200", "99999999999999")],
)  # fmt: skip
async def test_what_is_no_note_of_ours_is_removed(tmp_path: Path, text: str) -> None:
    table = Hash()
    table.values["tapelinenote_0123abcd"] = text
    assert await standby(table, tmp_path).left_behind() == []
    assert not table.values
