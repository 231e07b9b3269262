"""``tapeline import``: what the switches' directories say, what is made of it, on real switches too."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from controller.catalog import SqlCatalog
from controller.cli.importing import lines
from controller.config import AsteriskConfig, Config, load
from controller.core.options import NewUser, TenantOptions
from controller.core.rules import Mode, Setting
from controller.demo.asterisk_lab import AsteriskLab, provision
from controller.demo.freeswitch_lab import FreeSwitchLab
from controller.demo.lab import LabUnavailable
from controller.demo.running import RunningController
from controller.engine.ports import DirectoryUnreadable, DirectoryUser
from controller.engine.reading import Scope, TenantSettings, UserSettings
from controller.importing import plan
from controller.switches.asterisk.directory import caller_name, users_of
from controller.switches.freeswitch.directory import by_list, by_xml
from controller.switching import make_directory
from controller.working import open_catalog
from tests.lanes import own
from tests.switches.freeswitch.scripted_esl import ScriptedEsl

from .conftest import Tapeline

ALL = Scope(None)


# ── what a directory says ─────────────────────────────────────────────────────────────────────

#: Users in groups and beside them, one in two groups, one mentioned by a pointer, names with a bar.
DIRECTORY = """<section name="directory">
  <domain name="third.test">
    <variables><variable name="effective_caller_id_name" value="Of the domain"/></variables>
    <users><user id="301"><params><param name="password" value="s3cret"/></params>
      <variables><variable name="effective_caller_id_name" value="Zoë | of | third"/></variables>
    </user></users>
    <groups>
      <group name="g1"><users><user id="302" number-alias="9302"/><user id="303"/></users></group>
      <group name="g2"><users><user id="302" type="pointer"/><user id="303"/></users></group>
    </groups>
  </domain>
  <domain name="empty.test"/>
  <domain name="plain.test"><user id="401"/><user id=" "/></domain>
  <user id="nobody's"/>
</section>"""


def test_freeswitch_s_directory() -> None:
    assert by_xml(DIRECTORY) == [
        DirectoryUser("third.test", "301", "Zoë | of | third"),
        DirectoryUser("third.test", "302"),
        DirectoryUser("third.test", "303"),
        DirectoryUser("plain.test", "401"),
    ]


@pytest.mark.parametrize("text", ["", "-ERR no reply\n", "<section", "<section name='directory'/>"])
def test_what_is_no_directory_has_no_users(text: str) -> None:
    assert by_xml(text) == []
    assert by_list(text) == []


def test_freeswitch_s_list_without_its_names() -> None:
    # As 1.10.12 prints it: the second user has no name, and gets the first one's.
    text = (
        "userid|context|domain|group|contact|callgroup|effective_caller_id_name|effective_caller_id_number\n"
        "302|default|third.test|g1|error/user_not_registered||Ann|\n"
        "302|default|third.test|g2|error/user_not_registered||Ann|\n"
        "401||plain.test|g2|sofia/internal/sip:401@127.0.0.1||Ann|\n"
        "\n+OK\n"
    )
    assert by_list(text) == [DirectoryUser("third.test", "302"), DirectoryUser("plain.test", "401")]


def test_asterisk_s_endpoints_are_told_apart_as_parties_are() -> None:
    def endpoint(name: str, set_var: str, callerid: str = "<unknown>") -> dict[str, str | list[str]]:
        return {"ObjectName": name, "SetVar": set_var, "Callerid": callerid}

    endpoints = [
        endpoint("desk-1", "REC_SIDE=internal,X=a#b,REC_TENANT=acme.test,REC_USER=101", '"Ann" <101>'),
        endpoint("mobile-1", "REC_TENANT=acme.test,REC_USER=101", '"Ann\'s mobile" <101>'),
        endpoint("desk-2", "REC_TENANT=acme.test"),
        endpoint("untold", ""),
        endpoint("line", "REC_TENANT=acme.test"),
        endpoint("other-line", "REC_SIDE=external,REC_TENANT=acme.test"),
        endpoint("odd", "REC_SIDE=neither,REC_TENANT=acme.test"),
    ]
    config = AsteriskConfig.model_validate(
        {"kind": "asterisk", "name": "pbx", "password": "x", "spool": "/spool", "trunks": ["line"]}
    )
    acme = [DirectoryUser("acme.test", "101", "Ann"), DirectoryUser("acme.test", "desk-2")]
    assert users_of(config, endpoints) == acme
    by_default = config.model_copy(update={"default_tenant": "home"})
    assert users_of(by_default, endpoints) == [*acme, DirectoryUser("home", "untold")]


@pytest.mark.parametrize(
    ("caller_id", "name"),
    [
        ('"User 101" <101>', "User 101"), ("Ann <101>", "Ann"), ("101", ""), ("<101>", ""), ("", ""),
        ("<unknown>", ""), ('"Ann \\"A\\" Bee" <1>', 'Ann "A" Bee'), ("Ann Bee", "Ann Bee"),
        ('"101" <101>', "101"), ('"', ""), ('"x" <1> more', ""),
    ],
)  # fmt: skip
def test_the_name_in_a_caller_id(caller_id: str, name: str) -> None:
    assert caller_name(caller_id) == name


# ── what is made of it ────────────────────────────────────────────────────────────────────────

FOUND = [
    DirectoryUser("acme", "101", "Ann"),
    DirectoryUser("acme", "102", "Bob"),
    DirectoryUser("acme", "103"),
    DirectoryUser("new", "201"),
]
TENANTS = [TenantSettings("acme"), TenantSettings("elsewhere")]
USERS = [
    UserSettings("acme", "101", "Anna"),
    UserSettings("acme", "102"),
    UserSettings("acme", "109", "Gone"),
    UserSettings("elsewhere", "901"),
]


def test_the_plan() -> None:
    planned = plan(FOUND, TENANTS, USERS)
    assert planned.new_tenants == ("new",)
    assert planned.new_users == (FOUND[2], FOUND[3])
    assert planned.named == (FOUND[1],)
    assert planned.known == (FOUND[0],)
    assert planned.gone == (USERS[2],)
    assert planned.other_tenants == ("elsewhere",)
    of_acme = plan(FOUND, TENANTS, USERS, "acme")
    assert (of_acme.new_tenants, of_acme.new_users, of_acme.other_tenants) == ((), (FOUND[2],), ())
    assert of_acme.gone == planned.gone


def test_a_dry_run_says_line_by_line_what_would_be_made() -> None:
    planned = plan(FOUND, TENANTS, USERS)
    dry = lines(planned, dry_run=True)
    assert dry == [
        "would make tenant new",
        "would make user 103@acme",
        "would make user 201@new",
        "would give user 102@acme the name Bob",
        "already there: user 101@acme (Ann)",
        "not on the switch any more, kept: user 109@acme (Gone)",
        "not on this switch, kept: tenant elsewhere",
        "1 new tenants, 2 new users, 2 already there, 1 gone",
        "nothing was written: run it again without --dry-run",
    ]
    done = [line.replace("would make", "made").replace("would give", "gave") for line in dry[:-1]]
    assert lines(planned, dry_run=False) == done


def test_errors_name_the_switch(tapeline: Tapeline, tmp_path: Path) -> None:
    file = tmp_path / "tapeline.toml"
    file.write_text(
        '[[switches]]\nkind = "freeswitch"\nname = "fs"\nport = 1\npassword = "x"\nspool = "/spool"\n'
        '[[switches]]\nkind = "asterisk"\nname = "pbx"\nport = 1\npassword = "x"\nspool = "/spool"\n'
    )
    words = ("import", "--config", str(file), "--switch")
    assert (
        tapeline.refused(*words, "sf") == "there is no switch 'sf' in the configuration; there are: fs, pbx"
    )
    for switch in ("fs", "pbx"):
        assert tapeline.refused(*words, switch).startswith(
            f"switch {switch}: switches.{switch}.host and port: cannot "
        )


async def test_a_directory_served_by_a_program_is_read_by_its_list(tmp_path: Path) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        esl.refused["xml_locate directory"] = "-ERR can't find directory"
        esl.refused["list_users"] = "userid|context|domain|group\n101|default|acme.test|default\n\n+OK\n"
        assert await make_directory(esl.config()).users() == [DirectoryUser("acme.test", "101")]
        esl.refused["xml_locate directory"] = DIRECTORY
        users = await make_directory(esl.config()).users()
        assert [u.user for u in users] == ["401", "301", "302", "303"]
        with pytest.raises(DirectoryUnreadable, match="password"):
            await make_directory(esl.config(password="wrong")).users()


# ── real switches ─────────────────────────────────────────────────────────────────────────────

LABS = [pytest.param(kind, marks=getattr(pytest.mark, kind)) for kind in ("asterisk", "freeswitch")]
#: What the FreeSWITCH of the test has beside its own users; a line each for its preprocessor.
MORE = "\n".join(["<include>", *DIRECTORY.splitlines()[1:-2], "</include>"])


def lab_of(kind: str) -> Any:
    try:
        if kind == "freeswitch":
            return FreeSwitchLab(*own("127.0.20.71", "127.0.20.72"))
        return AsteriskLab(*own("127.0.10.71", "127.0.10.72"), prefix=provision())
    except LabUnavailable as reason:
        pytest.skip(f"NO REAL {kind.upper()} HERE, its import is not tested: {reason}")


async def run(config: Path, *words: str) -> Any:
    """The command as its own process; what it prints as JSON."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "controller", *words, "--json", "--config", str(config),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={k: v for k, v in os.environ.items() if not k.startswith("TAPELINE_")},
    )  # fmt: skip
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return json.loads(out)


async def users(catalog: SqlCatalog) -> dict[str, UserSettings]:
    return {u.user: u for u in await catalog.users(ALL)}


@pytest.mark.parametrize("kind", LABS)
async def test_import_from_a_real_switch(kind: str, tmp_path: Path) -> None:
    async with lab_of(kind) as lab:
        if kind == "freeswitch":
            (lab.folder / "conf/directory/more.xml").write_text(MORE)
            assert "OK" in await lab.cli("reloadxml")
        file = RunningController(tmp_path, (lab,)).config_file
        config = load(file, {})
        words = ("import", "--switch", config.switches[0].name)
        async with open_catalog(config) as catalog:
            await check(kind, lab, file, words, catalog, config)


async def check(
    kind: str, lab: Any, file: Path, words: tuple[str, ...], catalog: SqlCatalog, config: Config
) -> None:
    expected = {(tenant, user) for user, (_, tenant) in lab.users.items()}
    if kind == "freeswitch":
        expected |= {("third.test", "301"), ("third.test", "302"), ("third.test", "303")}
        expected |= {("plain.test", "401")}
    dry = await run(file, *words, "--dry-run")
    assert {(u["tenant"], u["user"]) for u in dry["new_users"]} == expected
    assert set(dry["new_tenants"]) == {tenant for tenant, _ in expected}
    assert (dry["known"], dry["gone"], dry["other_tenants"]) == ([], [], [])
    assert await catalog.tenants(ALL) == await catalog.users(ALL) == []  # it only said so

    # One tenant first: the others are not touched.
    assert {u["tenant"] for u in (await run(file, *words, "--tenant", "other.test"))["new_users"]} == {
        "other.test"
    }
    assert set(await users(catalog)) == {"201", "202"}

    # New users get what their tenant says; who is there stays as is.
    options = TenantOptions(new_user=NewUser(Setting.ON, Setting.OFF, Mode.ON_DEMAND))
    await catalog.set_tenant(TenantSettings("acme.test", options=options))
    await catalog.set_user(UserSettings("acme.test", "102", "", Setting.FORBID))
    await catalog.set_user(UserSettings("acme.test", "999", "Gone", Setting.ON))
    await catalog.set_tenant(TenantSettings("elsewhere.test"))
    done = await run(file, *words)
    made = await users(catalog)
    assert (made["101"].audio, made["101"].mode) == (Setting.ON, Mode.ON_DEMAND)
    assert made["102"].audio is Setting.FORBID
    assert made["201"].audio is Setting.OFF
    assert [u["user"] for u in done["gone"]] == ["999"]
    assert done["other_tenants"] == ["elsewhere.test"]
    assert "999" in made
    assert set(made) == {user for _, user in expected} | {"999"}
    if kind == "freeswitch":
        assert (made["301"].name, made["302"].name) == ("Zoë | of | third", "")
    else:
        assert made["101"].name == "User 101"
        assert made["102"].name == "User 102"  # there before, without a name
        assert "trunk" not in made

    again = await run(file, *words)
    assert (again["new_tenants"], again["new_users"], again["named"]) == ([], [], [])
    assert {(u["tenant"], u["user"]) for u in again["known"]} == expected
    assert await users(catalog) == made

    directory = make_directory(config.switches[0].model_copy(update={"password": "wrong"}))
    with pytest.raises(DirectoryUnreadable, match="password"):
        await directory.users()
