"""Keys from files and commands: which seals, what is refused, and that no text ever shows one."""

from __future__ import annotations

import base64
import os
import stat
import sys
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from controller.config import ConfigError, SealingConfig, load
from controller.doctor import _keys as doctor
from controller.media.errors import SealingKeyError
from controller.media.seal_keys import Keyring, KeySource, new_key

from .sealed import key_file, section


def command(folder: Path, body: str) -> SealingConfig:
    script = folder / "read-key.py"
    script.write_text(body)
    return SealingConfig(name="vault", tenants=("*",), key_command=(sys.executable, str(script)))


def test_the_last_key_seals_and_all_open(tmp_path: Path) -> None:
    file = key_file(tmp_path, count=3)
    file.write_text("# kept in the safe too\n\n" + file.read_text())
    keys = Keyring([section(file)])
    ids = [line.split()[0] for line in file.read_text().splitlines()[2:]]
    assert [k.id for k in keys.sources[0].load()] == ids
    assert keys.newest("whoever").id == ids[-1]
    assert {keys.find(i).id for i in ids} == set(ids)


def test_a_key_wraps_and_only_itself_unwraps(tmp_path: Path) -> None:
    keys = Keyring([section(key_file(tmp_path, count=2))])
    first, second = keys.sources[0].load()
    data, salt = os.urandom(32), os.urandom(16)
    sealing = first.wrap(data, salt)
    assert keys.data_key(sealing) == data
    assert first.wrap(data, salt) != sealing
    with pytest.raises(SealingKeyError, match="does not open"):
        keys.data_key(sealing.replace(first.id, second.id))
    for damaged in (sealing[:-1], sealing.replace(".", "", 1), "x.y", f"{first.id}..", sealing + "."):
        with pytest.raises(SealingKeyError):
            keys.file_seal(damaged, "ab" * 32, 1, "r1")


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    keys = Keyring([section(file)])
    before = keys.newest("a").id
    added = keys.sources[0].add()
    assert (added.id, keys.newest("a").id) == (added.id, added.id)
    assert keys.find(before).id == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.unlink()
    assert keys.newest("a").id == added.id, "what is known goes on to work"
    with pytest.raises(SealingKeyError, match="cannot read"):
        keys.sources[0].check()


def test_many_that_add_keys_at_once_drop_none(tmp_path: Path) -> None:
    source = section(tmp_path / "sub" / "keys")
    work = [threading.Thread(target=KeySource(source).add) for _ in range(8)]
    for one in work:
        one.start()
    for one in work:
        one.join()
    assert len(KeySource(source).load()) == 8


def test_keys_from_a_command(tmp_path: Path) -> None:
    line = new_key()
    keys = Keyring([command(tmp_path, f"print({line!r})")])
    assert keys.newest("a").id == line.split()[0]
    with pytest.raises(SealingKeyError, match="a command gives its keys"):
        keys.sources[0].add()


@pytest.mark.parametrize(
    ("body", "why"),
    [("raise SystemExit(3)", "ended with status 3"), ("", "holds no key"),
     ("print('k1 SECRETSECRET')", "line 1 .* is no key")],
)  # fmt: skip
def test_a_command_that_gives_none(tmp_path: Path, body: str, why: str) -> None:
    with pytest.raises(SealingKeyError, match=why) as told:
        KeySource(command(tmp_path, f"import sys; print('SECRETSECRET', file=sys.stderr); {body}")).load()
    assert "SECRET" not in str(told.value)


@pytest.mark.parametrize(
    "text",
    ["k1", "k1 c2hvcnQ=", "k 1 " + "A" * 44, "ä " + "A" * 43 + "=", "shredded " + "A" * 43 + "=",
     "../x " + "A" * 43 + "=", "\xff\xfe"],
)  # fmt: skip
def test_what_is_no_key_is_refused_by_its_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# a comment\n{text}\n")
    with pytest.raises(SealingKeyError, match="line 2 of") as told:
        KeySource(section(file)).load()
    assert "A" * 20 not in str(told.value)


def test_one_id_twice(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    name = file.read_text().split()[0]
    file.write_text(file.read_text() + f"{name} {new_key().split()[1]}\n")
    with pytest.raises(SealingKeyError, match=f"two keys with the id {name}"):
        KeySource(section(file)).load()


def test_no_text_shows_a_key(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    secret = file.read_text().split()[1]
    keys = Keyring([section(file)])
    key = keys.newest("a")
    data = os.urandom(32)
    shown = [repr(key), str(key), f"{keys.sources[0]!r}", repr(section(file))]
    shown.append(repr(keys.file_seal(key.wrap(data, bytes(16)), "ab" * 32, 1, "r")))
    with capture_logs() as logs:
        keys.sources[0].add()
    for text in (*shown, str(logs)):
        assert secret not in text
        assert str(key.secret) not in text
        assert str(data) not in text
        assert base64.b64encode(data).decode() not in text


def test_the_doctor_looks_at_the_keys(tmp_path: Path) -> None:
    missing = section(tmp_path / "no.keys")
    assert [c.ok for c in doctor(missing)] == [False]
    file = key_file(tmp_path)
    assert [c.ok for c in doctor(section(file))] == [True]
    file.chmod(0o640)
    found = doctor(section(file))
    assert [(c.what, c.ok) for c in found] == [("keys", True), ("key file", False)]
    assert "0640" in found[1].found


def test_which_section_is_whose(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    keys = Keyring([section(file, "*", name="all"), section(file, "bank", name="bank")])
    assert keys.source("bank") is keys.sources[1]
    assert keys.source("whoever") is keys.sources[0]
    assert list(keys.others(keys.sources[0])) == ["bank"]
    assert Keyring([SealingConfig(name="old", key_file=file)]).source("bank") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [('[[sealing]]\nname = "a"', "give key_file or key_command"),
     ('[[sealing]]\nname = "a"\nkey_file = "k"\nkey_command = ["x"]', "give key_file or key_command"),
     ('[[sealing]]\nname = "a"\nkey_file = "k"\n[[sealing]]\nname = "a"\nkey_file = "l"', "are called 'a'"),
     ('[[sealing]]\nname = "a"\nkey_file = "k"\ntenants = ["t"]\n[[sealing]]\nname = "b"\nkey_file = "l"\n'
      'tenants = ["t"]', "names the tenant 't' twice")],
)  # fmt: skip
def test_a_configuration_that_cannot_be_meant(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "t.toml"
    file.write_text(text)
    with pytest.raises((ConfigError, ValidationError), match=why):
        load(file, {})


def test_paths_are_those_of_the_configurations_folder(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('[[sealing]]\nname = "a"\nkey_file = "k"\n')
    assert load(file, {}).sealing[0].key_file == tmp_path / "k"
    (other,) = load(file, {"TAPELINE_SEALING__A__KEY_FILE": "/etc/k"}).sealing
    assert other.key_file == Path("/etc/k")
