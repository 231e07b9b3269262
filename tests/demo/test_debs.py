"""The machine's apt configuration read, and what is said where a private Asterisk cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.demo import debs
from controller.demo.debs import LabUnavailable, Source, cache_home, mirror


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_one_line_sources(apt: Path) -> None:
    (apt / "sources.list").write_text(
        "# deb http://commented.test/debian bookworm main\n"
        "deb-src http://sources.test/debian bookworm main\n"
        "deb http://security.test/debian-security bookworm-security main\n"
        "deb cdrom:[Debian 12]/ bookworm main\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian bookworm main contrib\n"
    )
    assert mirror(apt) == Source("http://mirror.test/debian", "/k.gpg")


def test_deb822_sources(apt: Path) -> None:
    (apt / "sources.list.d" / "debian.sources").write_text(
        "Enabled: no\nTypes: deb\nURIs: http://disabled.test/debian\nSuites: bookworm\nComponents: main\n\n"
        "# a note\nTypes: deb deb-src\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n"
    )
    source = mirror(apt)
    assert source.uri == "http://mirror.test/debian"
    assert source.signed_by.splitlines() == ["-----BEGIN PGP PUBLIC KEY BLOCK-----", " .", " mQINBF"]


def test_other_peoples_repositories_are_no_debian(apt: Path) -> None:
    (apt / "sources.list.d" / "x.list").write_text("deb https://vendor.test/apt cloud-bookworm main\n")
    with pytest.raises(LabUnavailable, match="neither a Debian mirror"):
        mirror(apt)


def test_ubuntus_own_asterisk_where_there_is_no_debian(apt: Path) -> None:
    sources = apt / "sources.list.d" / "ubuntu.sources"
    sources.write_text(
        "Types: deb\nURIs: http://security.test/ubuntu\nSuites: noble-security\nComponents: main\n\n"
        "Types: deb\nURIs: http://archive.test/ubuntu\nSuites: noble noble-updates\n"
        "Components: main universe\n"
        "Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n"
    )
    source = mirror(apt)
    assert source.uri == "http://archive.test/ubuntu"
    assert (source.suites, source.components) == (("noble", "noble-updates"), "main universe")
    assert source.signed_by == "/usr/share/keyrings/ubuntu-archive-keyring.gpg"
    debian = "deb [signed-by=/usr/share/keyrings/d.gpg] http://mirror.test/debian trixie main\n"
    (apt / "sources.list.d" / "debian.list").write_text(debian)
    assert mirror(apt).uri == "http://mirror.test/debian", "a Debian source beside it has Asterisk 22"


def test_an_ubuntu_that_is_too_old(apt: Path) -> None:
    (apt / "sources.list").write_text("deb http://archive.test/ubuntu jammy main universe\n")
    with pytest.raises(LabUnavailable, match=r"Ubuntu 24\.04 or newer.*--switch freeswitch"):
        mirror(apt)


def test_the_cache_is_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TAPELINE_CACHE", raising=False)
    assert cache_home() == tmp_path / "tapeline"
    monkeypatch.setenv("TAPELINE_CACHE", str(tmp_path / "own"))
    assert cache_home() == tmp_path / "own"


def test_without_apt_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TAPELINE_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabUnavailable, match="apt-get is missing"):
        debs.unpack("x", ["nothing"], lambda _: None)


def test_a_download_that_fails_leaves_nothing_half_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if debs.shutil.which("apt-get") is None:
        pytest.skip("NO apt-get HERE: its failure cannot be tried")
    monkeypatch.setenv("TAPELINE_CACHE", str(tmp_path))
    empty = tmp_path / "mirror"
    empty.mkdir()
    monkeypatch.setattr(debs, "mirror", lambda: Source(f"file:{empty}"))
    said: list[str] = []
    with pytest.raises(LabUnavailable, match="apt-get failed"):
        debs.unpack("x", ["nothing"], said.append)
    assert said == ["Reading the package lists of forky"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mirror", "x.lock"]
