"""The machine's apt configuration read, and what is said where a private Asterisk cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.demo import debs
from controller.demo.debs import LabUnavailable, Source, cache_home, debian_source


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
    assert debian_source(apt) == Source("http://mirror.test/debian", "/k.gpg")


def test_deb822_sources(apt: Path) -> None:
    (apt / "sources.list.d" / "debian.sources").write_text(
        "Enabled: no\nTypes: deb\nURIs: http://disabled.test/debian\nSuites: bookworm\nComponents: main\n\n"
        "# a note\nTypes: deb deb-src\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n"
    )
    source = debian_source(apt)
    assert source.uri == "http://mirror.test/debian"
    assert source.signed_by.splitlines() == ["-----BEGIN PGP PUBLIC KEY BLOCK-----", " .", " mQINBF"]


def test_other_peoples_repositories_are_no_debian(apt: Path) -> None:
    (apt / "sources.list.d" / "x.list").write_text("deb https://vendor.test/apt cloud-bookworm main\n")
    with pytest.raises(LabUnavailable, match="no Debian mirror"):
        debian_source(apt)


def test_ubuntu_is_told_what_is_missing(apt: Path) -> None:
    (apt / "sources.list.d" / "ubuntu.sources").write_text(
        "Types: deb\nURIs: http://archive.test/ubuntu\nSuites: noble noble-updates\nComponents: main\n"
    )
    with pytest.raises(LabUnavailable, match=r"Ubuntu's own mirror does not carry it.*--switch freeswitch"):
        debian_source(apt)
    debian = "deb [signed-by=/usr/share/keyrings/d.gpg] http://mirror.test/debian trixie main\n"
    (apt / "sources.list.d" / "debian.list").write_text(debian)
    assert debian_source(apt).uri == "http://mirror.test/debian", "a Debian source beside Ubuntu's does"


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
    monkeypatch.setattr(debs, "debian_source", lambda: Source(f"file:{empty}"))
    said: list[str] = []
    with pytest.raises(LabUnavailable, match="apt-get failed"):
        debs.unpack("x", ["nothing"], said.append)
    assert said == ["Reading the package lists of Debian forky"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mirror", "x.lock"]
