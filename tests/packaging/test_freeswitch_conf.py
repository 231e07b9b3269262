"""freeswitch-conf/ as it is delivered: a FreeSWITCH starts with it and finds nothing amiss."""

from __future__ import annotations

import re
import shutil

import pytest

from controller.config import FreeSwitchConfig
from controller.demo.freeswitch_lab import FreeSwitchLab, find_freeswitch
from controller.engine.ids import now
from controller.switches.freeswitch.doctor import examine

from ..docs.documents import PROJECT
from ..lanes import own


class _AsDelivered(FreeSwitchLab):
    """Every file as it stands, dialplan/ beside it; of vars.xml only this run's addresses and ports."""

    def _write_configuration(self) -> None:
        for name in ("freeswitch-conf", "dialplan"):
            shutil.copytree(PROJECT / name, self.folder / name.replace("freeswitch-", ""))
        path = self.folder / "conf/vars.xml"
        text = path.read_text(encoding="utf-8")
        here = {
            "sip_ip": self.sip_host,
            "internal_port": self.sip_port,
            "external_port": self.external_port,
            "event_socket_port": self.control_port,
        }
        for name, value in here.items():
            text, found = re.subn(rf'data="{name}=[^"]*"', f'data="{name}={value}"', text)
            assert found == 1, name
        path.write_text(text, encoding="utf-8")
        [self.password] = re.findall(r'data="event_socket_password=([^"]*)"', text)


@pytest.mark.freeswitch
@pytest.mark.timeout(90)
@pytest.mark.skipif(find_freeswitch() is None, reason="no FreeSWITCH on this machine")
async def test_it_starts_as_it_is_and_complains_of_nothing() -> None:
    async with _AsDelivered(*own("127.0.25.1", "127.0.25.2")) as switch:
        status = await switch.cli("sofia status")
        for profile in ("internal", "external"):
            assert re.search(rf"{profile}\s+profile\s.*RUNNING", status), status
        lines = switch.log.read_text(errors="replace").splitlines()
        assert any("[NOTICE]" in line for line in lines), "the log is the switch's own"
        assert [x for x in lines if re.search(r"\[(ERR|CRIT|ALERT)\]", x)] == []
        spool = switch.spool
        config = FreeSwitchConfig.model_validate(
            {
                "kind": "freeswitch", "name": "fs", "host": switch.control_host, "spool": spool,
                "port": switch.control_port, "password": switch.password, "trunk_profiles": ["external"],
            }
        )  # fmt: skip
        checks = await examine(config, now)
        assert [f"{c.what}: {c.found}" for c in checks if not c.ok] == []
        assert not list(spool.iterdir())
