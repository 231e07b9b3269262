"""`tapeline doctor` on a real Asterisk, healthy and with one thing after the other taken away."""

from __future__ import annotations

import pytest

from controller.demo.asterisk_lab import AsteriskLab
from controller.switches.asterisk.doctor import MODULES, PROBE, examine

from .bench import now
from .test_real import config

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.asterisk, pytest.mark.timeout(60)]


async def bad(lab: AsteriskLab, **settings: object) -> dict[str, str]:
    """What is wrong: name → how to mend it."""
    checks = await examine(config(lab, **settings), now)
    assert all(c.mend for c in checks if not c.ok), "every finding says what to do"
    return {c.what: c.mend for c in checks if not c.ok}


async def test_the_lab_is_healthy(asterisk_lab: AsteriskLab) -> None:
    assert await bad(asterisk_lab, trunks=("trunk",)) == {}
    checks = await examine(config(asterisk_lab), now)
    assert {f"module {name}" for name in MODULES} <= {c.what for c in checks}


async def test_asterisk_writes_into_the_spool_and_nothing_is_left(asterisk_lab: AsteriskLab) -> None:
    before = await asterisk_lab.cli("logger show channels")
    [spool] = [c for c in await examine(config(asterisk_lab), now) if c.what == "spool"]
    assert spool.found == f"{asterisk_lab.spool} is written by Asterisk and by us"
    assert not (asterisk_lab.spool / PROBE).exists()
    assert await asterisk_lab.cli("logger show channels") == before


async def test_a_tenant_s_codes_on_the_switch(asterisk_lab: AsteriskLab) -> None:
    """The lab's own map and dialplan know *71 and *72 as well; the codes here are those of two tenants."""
    wanted = {"*48": ["acme.test"], "*71": ["acme.test"], "*7": ["beta.test"], "#123": ["beta.test"]}
    found = {c.what: c.found for c in await examine(config(asterisk_lab), now, wanted) if not c.ok}
    rooms = "codes in the rooms of tapeline_codes"
    assert list(found) == ["tenants' codes", "codes told apart", "codes as calls", rooms]
    assert found["tenants' codes"].endswith(": #123 (beta.test), *7 (beta.test)")
    assert found["codes told apart"].endswith(": *7 (beta.test) → *71 (acme.test)")
    assert found["codes as calls"].endswith("held: #123 (beta.test), *7 (beta.test)")
    assert found[rooms].endswith("rooms: #123 (beta.test), *7 (beta.test)")


async def test_a_wrong_password_and_a_wrong_port(asterisk_lab: AsteriskLab) -> None:
    assert list(await bad(asterisk_lab, password="not-it")) == ["AMI"]
    assert list(await bad(asterisk_lab, port=1)) == ["AMI"]


async def test_a_trunk_that_is_not_there(asterisk_lab: AsteriskLab) -> None:
    assert list(await bad(asterisk_lab, trunks=("trunk", "gone"))) == ["trunk gone"]


async def test_pieces_that_are_not_included(asterisk_lab: AsteriskLab) -> None:
    etc = asterisk_lab.folder / "etc"
    kept = {name: (etc / name).read_text() for name in ("features.conf", "manager.conf", "extensions.conf")}
    try:
        (etc / "features.conf").write_text("[general]\n")
        (etc / "extensions.conf").write_text("[internal]\nexten => s,1,Hangup()\n")
        manager = kept["manager.conf"] + "write=user,call,command\n[general](+)\nchannelvars=OTHER\n"
        (etc / "manager.conf").write_text(manager + "timestampevents=no\n")
        await asterisk_lab.cli("module unload app_mixmonitor.so")
        for reload in ("manager reload", "dialplan reload", "module reload features"):
            await asterisk_lab.cli(reload)
        found = await bad(asterisk_lab)
        assert {"timestampevents", "channelvars", "module app_mixmonitor", "feature codes", "tenants' codes",
                "context tapeline-feature", "context tapeline-message",
                "carrying on alone"} <= set(found)  # fmt: skip
        more = "read=all\nwrite=system,call,user,command,originate,message,reporting\n"
        (etc / "manager.conf").write_text(kept["manager.conf"] + more)
        await asterisk_lab.cli("manager reload")
        assert "AMI excess" in await bad(asterisk_lab)
        rights = "read=system,call,user,dialplan\nwrite=user,call,command,system\n"
        (etc / "manager.conf").write_text(kept["manager.conf"] + rights)
        await asterisk_lab.cli("manager reload")
        found = await bad(asterisk_lab)
        assert "add agent to read=" in found["AMI events"]
        assert "add originate,message to write=" in found["AMI rights"]
        assert "context tapeline-say" in found
        (etc / "manager.conf").write_text(kept["manager.conf"] + "write=user,call\n")
        await asterisk_lab.cli("manager reload")
        assert "command" in (await bad(asterisk_lab))["AMI rights"]
    finally:
        for name, content in kept.items():
            (etc / name).write_text(content)
        await asterisk_lab.restart()
