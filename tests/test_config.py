"""The configuration: what it refuses it refuses by name, and it says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.config import AsteriskConfig, ConfigError, FreeSwitchConfig, load
from controller.config.database import DatabaseConfig, sqlite_file

SWITCH = """
[[switches]]
name = "one"
kind = "freeswitch"
password = "ClueCon"
spool = "/var/spool/tapeline"
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "tapeline.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refusal(path: Path | None, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {})
    return str(caught.value)


def test_without_a_file_there_are_defaults() -> None:
    config = load(None, {})
    assert config.switches == ()
    assert (config.web.host, config.web.port) == ("127.0.0.1", 8080)
    assert config.database.url == "sqlite+aiosqlite:///data/tapeline.db"


def test_both_kinds_of_switch(write) -> None:
    config = load(
        write(
            SWITCH
            + '[[switches]]\nname = "two"\nkind = "asterisk"\npassword = "x"\nspool = "/s"\ntrunks = ["gw"]'
        ),
        {},
    )
    one, two = config.switches
    assert isinstance(one, FreeSwitchConfig)
    assert (one.port, one.trunk_profiles, one.message_address_check) == (8021, ("external",), True)
    assert isinstance(two, AsteriskConfig)
    assert (two.port, two.username, two.trunks) == (5038, "tapeline", ("gw",))
    assert one.seen_by_switch == one.spool


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("prot = 1", "prot: there is no such key"),
        ("[web]\nprot = 1", "web.prot: there is no such key"),
        ("[webb]\nport = 1", "webb: there is no such key"),
        (SWITCH + "pasword_file = 'x'", "switches.one.pasword_file: there is no such key"),
        (SWITCH + "username = 'x'", "switches.one.username: there is no such key"),
        ("[web]\nport = 'eighty'", "web.port:"),
        ("[web]\nport = 70000", "web.port:"),
        ("log_level = 'loud'", "log_level:"),
        ("[database]\nurl = 'sqlite:///x.db'", "database.url: must begin with sqlite+aiosqlite://"),
        (SWITCH.replace("freeswitch", "kamailio"), "switches.one:"),
        (SWITCH.replace('name = "one"', 'name = "a b"'), "switches.0.name:"),
        (SWITCH.replace('name = "one"\n', ""), "switches.0.name:"),
        (SWITCH.replace("/var/spool/tapeline", "/var/sp ool"), "switches.one.spool: use only letters"),
        (SWITCH.replace("/var/spool/tapeline", "/var/{x},y"), "switches.one.spool: use only letters"),
        (SWITCH.replace('password = "ClueCon"\n', ""), "switches.one: give password or password_file"),
        (SWITCH + "password_file = 'x'", "switches.one: give password or password_file"),
        (SWITCH + "command_timeout_ms = 1", "switches.one.command_timeout_ms:"),
        (SWITCH + SWITCH, "two switches are called 'one'"),
    ],
)
def test_what_is_wrong_is_named(write, text: str, named: str) -> None:
    said = refusal(write(text))
    assert named in said
    assert "tapeline.toml" in said


def test_a_password_is_not_repeated(write) -> None:
    assert "ClueCon" not in refusal(write(SWITCH + "prot = 1"))
    assert "ClueCon" not in repr(load(write(SWITCH), {}))


def test_every_mistake_is_told_at_once(write) -> None:
    said = refusal(write("prot = 1\n[web]\nport = -1"))
    assert "prot:" in said
    assert "web.port:" in said


def test_no_file_and_no_toml(write, tmp_path: Path) -> None:
    assert "cannot read" in refusal(tmp_path / "absent.toml")
    assert "is not TOML" in refusal(write("[web\n"))
    bad = tmp_path / "latin.toml"
    bad.write_bytes(b'log_level = "\xff"')
    assert "is not TOML" in refusal(bad)


def test_the_environment_lies_over_the_file(write) -> None:
    config = load(
        write(SWITCH + "[web]\nport = 1\nhost = '127.0.0.2'"),
        {
            "TAPELINE_WEB__PORT": "9000",
            "TAPELINE_LOG_LEVEL": "debug",
            "TAPELINE_SWITCHES__ONE__PASSWORD": "other",
            "TAPELINE_CONFIG": "/somewhere",
            "UNRELATED": "1",
        },
    )
    assert (config.web.port, config.web.host, config.log_level) == (9000, "127.0.0.2", "debug")
    assert config.switches[0].secret() == "other"


@pytest.mark.parametrize(
    ("variable", "named"),
    [
        ("TAPELINE_WEB__PROT", "web.prot: there is no such key"),
        ("TAPELINE_PROT", "prot: there is no such key"),
        ("TAPELINE_SWITCHES__TWO__PASSWORD", "no switch is called 'two'"),
        ("TAPELINE_SWITCHES__ONE", "say which switch"),
        ("TAPELINE_LOG_LEVEL__X", "log_level is no section"),
        ("TAPELINE_WEB__PORT", "web.port:"),
    ],
)
def test_a_wrong_variable_is_named_too(write, variable: str, named: str) -> None:
    assert named in refusal(write("log_level = 'info'\n" + SWITCH), {variable: "x"})


@pytest.mark.parametrize(
    "variable", ["TAPELINE_SWITCHES__ONE__TRUNK_PROFILES", "TAPELINE_SWITCHES__ONE__TENANT_OF_GATEWAY"]
)
def test_a_list_cannot_be_given_by_a_variable(write, variable: str) -> None:
    told = refusal(write(SWITCH), {variable: "external,other"})
    key = variable.rpartition("__")[2].lower()
    assert (
        f"switches.one.{key}: several values are wanted, in the configuration file: a variable cannot" in told
    )
    wrong = SWITCH + f'{key} = "external"'
    assert f"switches.one.{key}:" in refusal(write(wrong))


def test_a_password_from_a_file(write, tmp_path: Path) -> None:
    text = SWITCH.replace('password = "ClueCon"', 'password_file = "secret"')
    config = load(write(text), {})
    with pytest.raises(ConfigError, match=r"switches\.one\.password_file: cannot read .*secret"):
        config.switches[0].secret()
    (tmp_path / "secret").write_text("hush\n")
    assert config.switches[0].secret() == "hush"


def test_relative_paths_belong_to_the_files_folder(write, tmp_path: Path) -> None:
    config = load(write(SWITCH.replace("/var/spool/tapeline", "spool")), {})
    assert config.switches[0].spool == tmp_path / "spool"
    assert config.storage.path == tmp_path / "data/recordings"
    assert config.web.secret_file == tmp_path / "data/session.key"
    assert config.database.url == f"sqlite+aiosqlite:///{tmp_path}/data/tapeline.db"


def test_absolute_paths_and_other_databases_stay(write) -> None:
    config = load(write(SWITCH + '[database]\nurl = "postgresql+asyncpg://tapeline@db/tapeline"'), {})
    assert config.switches[0].spool == Path("/var/spool/tapeline")
    assert config.database.url == "postgresql+asyncpg://tapeline@db/tapeline"
    absolute = load(write('[database]\nurl = "sqlite+aiosqlite:////srv/t.db"'), {})
    assert absolute.database.url == "sqlite+aiosqlite:////srv/t.db"


def test_nothing_can_be_changed_afterwards() -> None:
    config = load(None, {})
    with pytest.raises(ValueError, match="frozen"):
        config.web.port = 1


def test_the_database_password_comes_out_of_a_file(write, tmp_path: Path) -> None:
    (tmp_path / "db.password").write_text("p@ss/wo:rd\n", encoding="utf-8")
    written = (
        '[database]\nurl = "postgresql+asyncpg://tape@db.test:5433/calls"\npassword_file = "db.password"\n'
    )
    assert load(write(written), {}).database.url == (
        "postgresql+asyncpg://tape:p%40ss%2Fwo%3Ard@db.test:5433/calls"
    )
    (tmp_path / "db.password").unlink()
    assert "database.password_file: cannot read" in refusal(write(written))
    assert "no password" in refusal(write(written.replace("tape@", "tape:x@")))
    assert "SQLite has no password" in refusal(write('[database]\npassword_file = "db.password"\n'))


def test_secrets_lie_where_systemd_puts_them(write, tmp_path: Path) -> None:
    path = write(SWITCH.replace('password = "ClueCon"', 'password_file = "$CREDENTIALS_DIRECTORY/pbx"'))
    assert "LoadCredential" in refusal(path)
    (switch,) = load(path, {"CREDENTIALS_DIRECTORY": str(tmp_path)}).switches
    (tmp_path / "pbx").write_text("secret\n", encoding="utf-8")
    assert switch.secret() == "secret"


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite+aiosqlite:////var/lib/tapeline/tapeline.db", Path("/var/lib/tapeline/tapeline.db")),
        ("sqlite+aiosqlite:////a/b.db?timeout=3", Path("/a/b.db")),
        ("sqlite+aiosqlite://", None),
        ("sqlite+aiosqlite:///:memory:", None),
        ("postgresql+asyncpg://me@db/tapeline", None),
    ],
)
def test_whose_disk_sqlite_fills(url: str, file: Path | None) -> None:
    assert sqlite_file(DatabaseConfig(url=url)) == file
