"""`tapeline doctor` on what an Asterisk and this machine share: clock and spool; and the system's name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.engine.ports import Check
from controller.switches.asterisk.doctor import PROBE, examine

from .scripted_ami import ScriptedAmi


class Writer(ScriptedAmi):
    """One that opens a further file for its log, as Asterisk does, if ``may_write``."""

    may_write = may_command = True

    def _answer(self, a: dict[str, str]) -> Iterable[dict[str, str | list[str]]]:
        words = a.get("Command", "").split()
        if words[:3] == ["logger", "add", "channel"] and self.may_write:
            Path(words[3]).write_text("")
        if words and not self.may_command:
            return [{"Response": "Error", "Message": "Permission denied"}]
        return super()._answer(a)


async def finding(ami: ScriptedAmi, what: str, *, ahead_s: float = 0.0, **settings: object) -> Check:
    """One finding, the controller's clock being ahead of the switch's by this much."""
    ours = datetime.fromtimestamp(ami.clock, UTC) + timedelta(seconds=ahead_s)
    checks = {c.what: c for c in await examine(ami.config(**settings), lambda: ours)}
    found = checks[what]
    assert bool(found.mend) is not found.ok, "what is wrong says how to mend it, and only that"
    return found


@pytest.mark.parametrize(
    ("ahead_s", "fine"), [(0.0, True), (1.9, True), (-1.9, True), (2.2, False), (-2.2, False)]
)
async def test_clocks_apart(tmp_path: Path, ahead_s: float, fine: bool) -> None:
    async with ScriptedAmi(tmp_path) as ami:
        clocks = await finding(ami, "clocks", ahead_s=ahead_s)
    assert clocks.ok is fine
    assert clocks.found == f"{abs(ahead_s):.1f} s apart"
    assert ("time server" in clocks.mend) is not fine


async def test_the_spool_is_made_tried_and_left_clean(tmp_path: Path) -> None:
    spool = tmp_path / "new/spool"
    async with Writer(tmp_path) as ami:
        found = await finding(ami, "spool", spool=spool)
        assert found.ok
        assert "by Asterisk and by us" in found.found
        assert list(spool.iterdir()) == []
        lines = [a["Command"] for a in ami.of("Command") if a["Command"].startswith("logger")]
        assert lines == [
            f"logger add channel {spool / PROBE} error",
            f"logger remove channel {spool / PROBE}",
        ]


async def test_a_spool_in_which_asterisk_cannot_write(tmp_path: Path) -> None:
    async with Writer(tmp_path) as ami:
        ami.may_write = False
        found = await finding(ami, "spool", spool=tmp_path / "spool")
        assert (found.ok, "no file of Asterisk's" in found.found) == (False, True)


async def test_what_was_not_tried_without_the_console_is_said(tmp_path: Path) -> None:
    async with Writer(tmp_path) as ami:
        ami.may_command = False
        found = await finding(ami, "spool", spool=tmp_path / "spool")
        assert (found.ok, "was not tried" in found.found) == (True, True)
        assert not any(a["Command"].startswith("logger") for a in ami.of("Command"))


async def test_a_spool_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "spool" / PROBE).mkdir(parents=True)
    async with Writer(tmp_path) as ami:
        for spool, why in ((tmp_path / "file/spool", "Not a directory"), (tmp_path / "spool", "a directory")):
            found = await finding(ami, "spool", spool=spool)
            assert not found.ok
            assert str(spool) in found.found
            assert why in found.found
            assert "g+s" in found.mend


@pytest.mark.parametrize("name", ["", "pbx", "seven77"])
async def test_a_system_s_name_that_is_none_or_can_be_guessed(tmp_path: Path, name: str) -> None:
    async with ScriptedAmi(tmp_path) as ami:
        ami.system_name = name
        found = await finding(ami, "systemname")
        assert not found.ok
        assert "asterisk.conf" in found.mend
        ami.system_name = "k7Qm2xPz"
        found = await finding(ami, "systemname")
        assert found.ok
        assert "k7Qm2xPz" not in found.found, "told to nobody"
