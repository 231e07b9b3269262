"""`tapeline doctor` on a FreeSWITCH, healthy and with one thing after the other amiss."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.engine.ports import Check
from controller.switches.freeswitch.doctor import MODULES, PROBE, examine

from .scripted_esl import ScriptedEsl

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
INTERNAL = {
    "rtp-timer-name": "soft", "auth-messages": "true", "fire-message-events": "yes", "auth-calls": "1",
    "context": "default", "record-template": "tapeline-${create_uuid()}.key",
}  # fmt: skip
OURS = (
    '<extension name="ours"><condition field="type" expression="^application/x-media-control">{}'
    "</condition></extension>"
)
FINAL, SEND = '<action application="final"/>', '<action application="send"/>'
DELIVERS = f'<extension name="theirs"><condition field="to" expression=".*">{SEND}</condition></extension>'

RUNS = (
    '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
    "<profile><profile-info><context>default</context></profile-info></profile>"
)


def sofia(trunk: str = "external", **settings: str | None) -> str:
    """The configuration with a profile of phones, changed by these (None: not there), and one of a trunk."""
    changed = INTERNAL | {k.replace("_", "-"): v for k, v in settings.items()}
    params = "".join(f'<param name="{k}" value="{v}"/>' for k, v in changed.items() if v is not None)
    return (
        f'<configuration><profiles><profile name="internal"><settings>{params}</settings></profile>'
        f'<profile name="{trunk}"><settings><param name="rtp-timer-name" value="soft"/></settings></profile>'
        "</profiles></configuration>"
    )


def chatplan(*extensions: str, context: str = "default") -> str:
    return f'<section><context name="{context}">{"".join(extensions)}</context></section>'


ALONE = (
    '<extension name="alone"><condition><action application="set" data="execute_on_pre_bridge_tapeline=x"/>'
    '<action application="execute_extension" data="tapeline-alone-start XML x"/></condition></extension>'
)


def dialplan(expression: str = r"^(\*4[4589])$", told: str = "tapeline::feature", alone: str = ALONE) -> str:
    return (
        f'<section><context name="default">{alone}<extension name="codes">'
        f'<condition field="destination_number" expression="{expression}">'
        f'<action application="event" data="Event-Name=CUSTOM,Event-Subclass={told},Code=$1"/>'
        "</condition></extension></context></section>"
    )


async def findings(esl: ScriptedEsl, **answers: str) -> dict[str, Check]:
    """What is found with these answers instead of a healthy switch's (``_`` for a blank)."""
    healthy = {
        "xml_locate_configuration": sofia(),
        "xml_locate_chatplan": chatplan(OURS.format(FINAL), DELIVERS),
        "xml_locate_dialplan": dialplan(),
        "sofia xmlstatus profile": RUNS,
        "strepoch": f"{NOW.timestamp():.0f}\n",
        "system": "written\n",
    }
    for module in (*MODULES, "mod_av", "mod_hash"):
        esl.refused[f"module_exists {module}"] = "true"
    for command, answer in (healthy | answers).items():
        esl.refused[command.replace("xml_locate_", "xml_locate ")] = answer
    checks = await examine(esl.config(), lambda: NOW)
    return {c.what: c for c in checks}


def bad(found: dict[str, Check]) -> set[str]:
    amiss = {c.what for c in found.values() if not c.ok}
    assert all(found[what].mend for what in amiss), "each says how to mend it"
    # The scripted switch writes no file and offers no H264; neither is what is looked at here.
    return amiss - {"spool", "profile internal: H264"}


async def test_a_healthy_switch(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        assert bad(await findings(esl)) - {"module mod_av"} == set()


async def test_a_wrong_password_and_nobody_there_name_their_keys(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        [refused] = await examine(esl.config(password="wrong"), lambda: NOW)
        config = esl.config()
    [away] = await examine(config, lambda: NOW)
    assert (refused.ok, away.ok) == (False, False)
    assert refused.found.startswith("switches.fs.password is wrong: ")
    assert away.found.startswith("switches.fs.host and port: ")


@pytest.mark.parametrize("module", MODULES)
async def test_a_missing_module(tmp_path: Path, module: str) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        esl.refused[f"module_exists {module}"] = "false"
        found = await findings_with(esl, {f"module_exists {module}": "false"})
        assert bad(found) == {f"module {module}"}
        assert f"load {module}" in found[f"module {module}"].mend


async def findings_with(esl: ScriptedEsl, last: dict[str, str]) -> dict[str, Check]:
    await findings(esl)
    esl.refused |= last
    return {c.what: c for c in await examine(esl.config(), lambda: NOW)}


@pytest.mark.parametrize("value", ["false", None])
@pytest.mark.parametrize("name", ["auth_messages", "fire_message_events", "auth_calls", "rtp_timer_name"])
async def test_a_profile_s_parameter(tmp_path: Path, name: str, value: str | None) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        found = await findings(esl, xml_locate_configuration=sofia(**{name: value}))
        what = f"profile internal: {name.replace('_', '-')}"
        assert bad(found) == {what}
        assert "sofia profile internal rescan" in found[what].mend


@pytest.mark.parametrize(
    ("plan", "found"),
    [
        ("-ERR can't find", "no chatplan extension takes them"),
        (chatplan(), "no chatplan extension takes them"),
        (chatplan(OURS.format(FINAL), context="elsewhere"), "no chatplan extension takes them"),
        (chatplan(DELIVERS, OURS.format(FINAL)), "'theirs' delivers them first"),
        (chatplan(OURS.format('<action application="stop"/>')), "no chatplan extension takes them"),
    ],
)
async def test_a_chatplan_that_lets_control_messages_through(tmp_path: Path, plan: str, found: str) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        checks = await findings(esl, xml_locate_chatplan=plan)
        what = "profile internal: control messages stay here"
        assert bad(checks) == {what}
        assert found in checks[what].found


async def test_a_template_by_which_the_switch_records_itself(tmp_path: Path) -> None:
    what = "profile internal: Record key"
    async with ScriptedEsl(tmp_path) as esl:
        found = await findings(esl, xml_locate_configuration=sofia(record_template="${uuid}.wav"))
        assert bad(found) == {what}
        found = await findings(esl, xml_locate_configuration=sofia(record_template=None))
        assert (bad(found), found[what].ok) == (set(), True)


async def test_a_trunk_profile_that_is_not_there(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        found = await findings(esl, xml_locate_configuration=sofia().replace("external", "carrier"))
        trunk = found["trunk profile external"]
        assert not trunk.ok
        assert "carrier" in trunk.found


async def test_a_profile_that_does_not_run_as_it_is_configured(tmp_path: Path) -> None:
    what = "profile internal: in force"
    async with ScriptedEsl(tmp_path) as esl:
        assert (await findings(esl))[what].ok
        other = await findings_with(esl, {"sofia xmlstatus profile": RUNS.replace("default", "public")})
        assert bad(other) == {what}
        assert "differ in context" in other[what].found
        assert "sofia profile internal rescan" in other[what].mend
        down = await findings_with(esl, {"sofia xmlstatus profile": "Invalid Profile!"})
        assert not down[what].ok
        assert "sofia profile internal start" in down[what].mend


async def test_a_caller_who_chooses_the_channel_s_name(tmp_path: Path) -> None:
    what = "profile internal: channel names"
    async with ScriptedEsl(tmp_path) as esl:
        assert what not in await findings(esl)
        found = await findings(esl, xml_locate_configuration=sofia(inbound_use_callid_as_uuid="true"))
        assert (bad(found), found[what].ok) == (set(), True)


@pytest.mark.parametrize(("answer", "fine"), [("1795867202", True), ("1795867203", False), ("soon", False)])
async def test_the_clock(tmp_path: Path, answer: str, fine: bool) -> None:
    assert NOW.timestamp() == 1795867200
    async with ScriptedEsl(tmp_path) as esl:
        assert (await findings(esl, strepoch=answer))["clock"].ok == fine


@pytest.mark.parametrize(
    ("plan", "dead"),
    [
        (dialplan(), "*71 (acme.test)"),
        (dialplan(r"^(\*4[458]|\*71)$"), "*49 (acme.test, beta.test)"),
        (dialplan(told="somebody::else"), "*48 (acme.test), *49 (acme.test, beta.test), *71 (acme.test)"),
        (dialplan(r"^(?|\*4[89]|\*71)$"), "*48 (acme.test), *49 (acme.test, beta.test), *71 (acme.test)"),
        ("-ERR can't find", "*48 (acme.test), *49 (acme.test, beta.test), *71 (acme.test)"),
        (dialplan(r"^(\*4[4589]|\*71)$"), ""),
        (dialplan("."), ""),
    ],
)
async def test_a_tenant_s_code_that_is_not_handed_over(tmp_path: Path, plan: str, dead: str) -> None:
    wanted = {"*48": ["acme.test"], "*49": ["acme.test", "beta.test"], "*71": ["acme.test"]}
    async with ScriptedEsl(tmp_path) as esl:
        await findings(esl, xml_locate_dialplan=plan)
        found = {c.what: c for c in await examine(esl.config(), lambda: NOW, wanted)}
        assert (bad(found) - {"module mod_av", "carrying on alone"}) == (
            {"codes as calls"} if dead else set()
        )
        assert dead in found["codes as calls"].found
        assert ("reloadxml" in found["codes as calls"].mend) == bool(dead)


async def test_without_a_catalog_the_codes_that_everybody_gets_count(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        found = await findings(esl, xml_locate_dialplan=dialplan(r"^(\*4[458])$"))
        assert found["codes as calls"].found.endswith("held: *49")


async def test_the_spool(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        spool = (await findings(esl))["spool"]
        assert (spool.ok, "does not appear in" in spool.found) == (False, True)
        spool = (await findings(esl, system="touch: denied"))["spool"]
        assert (spool.ok, "cannot write to" in spool.found) == (False, True)
        assert not (tmp_path / PROBE).exists()


async def test_whether_it_can_carry_on_alone(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        assert "carrying on alone" not in bad(await findings(esl))
        found = await findings(esl, xml_locate_dialplan=dialplan(alone=""))
        assert "carrying on alone" in bad(found)
        assert "not in default" in found["carrying on alone"].found
        esl.refused["xml_locate dialplan"] = dialplan()
        esl.refused["module_exists mod_hash"] = "false"
        [check] = [c for c in await examine(esl.config(), lambda: NOW) if c.what == "carrying on alone"]
        assert "mod_hash is not loaded" in check.found
        checks = await examine(esl.config(standby_after_s=0), lambda: NOW)
        assert [c.found for c in checks if c.what == "carrying on alone"] == ["off (standby_after_s = 0)"]
