"""What Asterisk is told for its carrying on alone, key by key, and how its notes are read."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from controller.config import AsteriskConfig
from controller.core.facts import LegStarted
from controller.core.parties import Side
from controller.core.rules import PolicyScope, Route
from controller.engine.ports import StandbyRefused, SwitchDown
from controller.switches.asterisk.standby import AsteriskStandby


class Database:
    """AstDB over AMI, as far as it is used."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.globals: dict[str, str] = {}
        self.seen: list[dict[str, str]] = []
        self.refuses = False

    async def action(self, name: str, timeout_s: float, **headers: str) -> dict[str, Any]:
        at = f"/{headers.get('Family', '')}/{headers.get('Key', '')}".rstrip("/")
        if self.refuses:
            return {"Response": "Error", "Message": "Permission denied"}
        match name:
            case "Ping":
                return {"Response": "Success", "Timestamp": "1795867200.25"}
            case "Setvar":
                self.globals[headers["Variable"]] = headers["Value"]
            case "DBPut":
                self.values[at] = headers["Val"]
            case "DBDel":
                self.values.pop(at, None)
            case "DBDelTree":
                self.values = {k: v for k, v in self.values.items() if k != at and not k.startswith(at + "/")}
        self.seen.append(dict(self.values))
        return {"Response": "Success"}

    async def command(self, line: str, timeout_s: float) -> list[str]:
        family = line.rsplit(maxsplit=1)[-1]
        found = [f"{k:<50}: {v:<25}" for k, v in self.values.items() if k.startswith(f"/{family}/")]
        return [*found, f"{len(found)} results found."]

    def row(self, who: str, at: dict[str, str] | None = None) -> str:
        """As the dialplan looks it up."""
        values = self.values if at is None else at
        return values.get(f"/tapeline/{values.get('/tapeline/generation', '')}/{who}", "")


def standby(
    database: Database | None, tmp_path: Path, first: str = "g", **settings: object
) -> AsteriskStandby:
    ids = iter(f"{first}{n}" for n in range(100))
    config = AsteriskConfig.model_validate(
        {"kind": "asterisk", "name": "pbx", "password": "x", "spool": tmp_path} | settings
    )

    async def again() -> None:
        raise AssertionError("nobody asked for it")

    return AsteriskStandby(config, lambda: database, lambda: next(ids), again)  # type: ignore[arg-type,return-value]


async def test_a_table_counts_once_it_is_there_and_the_old_one_until_then(tmp_path: Path) -> None:
    database = Database()
    settings = {"trunks": ("carrier",), "default_tenant": "acme"}
    await standby(database, tmp_path, **settings).replace(
        {("acme", "101"): "wwwwww", ("acme", "*"): "nnnnnn"}
    )
    assert (database.row("acme/101"), database.row("acme/*")) == ("wwwwww", "nnnnnn")
    assert database.values["/tapeline/trunk/carrier"] == "1"
    assert database.values["/tapeline/tenant"] == "acme"
    database.seen.clear()
    await standby(database, tmp_path, "h").replace({("acme", "101"): "ffffff", ("acme", "*"): "rrrrrr"})
    read = {(database.row("acme/101", at), database.row("acme/*", at)) for at in database.seen}
    assert read == {("wwwwww", "nnnnnn"), ("ffffff", "rrrrrr")}, "never half of one, never none"
    assert not [key for key in database.values if "/g0/" in key or "trunk" in key or "tenant" in key]


async def test_only_what_has_changed_is_told_and_until_when(tmp_path: Path) -> None:
    database = Database()
    it = standby(database, tmp_path, standby_after_s=7)
    await it.replace({("acme", "101"): "wwwwww", ("acme", "102"): "ffffff"})
    database.seen.clear()
    await it.change({("acme", "101"): "ffffff", ("acme", "102"): None})
    assert len(database.seen) == 2
    assert (database.row("acme/101"), database.row("acme/102")) == ("ffffff", "")
    await it.renew()
    assert database.globals == {"TAPELINE_UNTIL": "1795867207"}
    await it.withdraw()
    assert not database.values


async def test_what_is_refused_says_what_to_do(tmp_path: Path) -> None:
    database = Database()
    database.refuses = True
    with pytest.raises(StandbyRefused, match="write=system"):
        await standby(database, tmp_path).replace({("acme", "101"): "wwwwww"})
    with pytest.raises(SwitchDown):
        await standby(None, tmp_path).renew()


def leg(leg_id: str, name: str, side: str, user: str, number: str, **more: str) -> str:
    routes = [more.get(key, "") for key in ("queue", "group", "receptionist", "inbound", "outbound", "whose")]
    said = [leg_id, name, side, "acme.test" if user else "", user, number, "Ann, | O'Hara", *routes]
    return "|".join(base64.b64encode(f"={each}".encode()).decode() for each in said)


A = leg("x-1.0", "PJSIP/carrier-00000001", "external", "", "+4930", queue="sales", whose="acme.test")
B = leg("x-1.1", "PJSIP/101-00000002", "internal", "101", "101")
PATH = "acme.test/2026/11/28/1795867200x1x2.1.wav"


async def test_a_note_tells_who_was_there(tmp_path: Path) -> None:
    database = Database()
    database.values["/tapelinenote/1795867200x1x2"] = f"1795867200|{PATH}|{A}|{B}"
    it = standby(database, tmp_path)
    [left] = await it.left_behind()
    assert (left.recording_id, left.capture.leg_id, left.capture.path) == ("1795867200x1x2", "x-1.1", PATH)
    a, b = (facts[0] for facts in left.legs.values())
    assert isinstance(a, LegStarted)
    assert isinstance(b, LegStarted)
    assert (a.party.side, a.party.number, a.party.name, a.calling) == (
        Side.EXTERNAL, "+4930", "Ann, | O'Hara", True,
    )  # fmt: skip
    assert a.routes == (Route(PolicyScope.QUEUE, "sales", "acme.test"),)
    assert (b.party.tenant, b.party.user, b.calling, b.origin) == ("acme.test", "101", False, "x-1.0")
    await it.forget("1795867200x1x2")
    assert not database.values


async def test_whoever_called_without_our_option_is_nobody(tmp_path: Path) -> None:
    database = Database()
    database.values["/tapelinenote/1795867200x1x2"] = f"1795867200|{PATH}||{B}"
    [left] = await standby(database, tmp_path).left_behind()
    assert list(left.legs) == ["x-1.1"]


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", f"1795867200|{PATH}|{A}", f"x|{PATH}|{A}|{B}", f"1795867200|../{PATH}|{A}|{B}",
     f"1795867200|{PATH.replace('x2', 'x3')}|{A}|{B}"],
)  # fmt: skip
async def test_what_is_no_note_of_ours_is_removed(tmp_path: Path, text: str) -> None:
    database = Database()
    database.values["/tapelinenote/1795867200x1x2"] = text
    assert await standby(database, tmp_path).left_behind() == []
    assert not database.values
