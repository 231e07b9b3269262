"""Debian packages unpacked into a private folder, without root and without touching the machine.

apt downloads with its own lists, cache and an empty dpkg status; nothing is installed, no
maintainer script runs. The mirror is the one that the machine's own apt uses.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .lab import LabUnavailable

Progress = Callable[[str], None]

#: The Debian suite that carries Asterisk 22; bookworm has none at all.
SUITE = "forky"
#: Ubuntu's suites that carry an Asterisk which does: 20.6 in noble (24.04).
_UBUNTU_SUITES = re.compile(r"(noble|plucky|questing|resolute)(-updates)?/?")
#: Raised when what a prefix holds changes, so that an older one is built anew.
LAYOUT = 3

_DEBIAN_SUITES = re.compile(
    r"(bullseye|bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable)"
    r"(-updates|-backports|-proposed-updates)?/?"
)
_KEYRINGS = ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp")
_LEFT_OUT = ("doc", "man", "locale", "info", "lintian", "bug", "perl", "perl5", "zoneinfo", "i18n")


@dataclass(frozen=True, slots=True)
class Source:
    """A mirror as the machine's apt knows it. ``signed_by`` is a path, a key or empty."""

    uri: str
    signed_by: str = ""
    suites: tuple[str, ...] = (SUITE,)
    components: str = "main"


@dataclass(frozen=True, slots=True)
class Prefix:
    """An unpacked tree; its programs are started by its own loader with its own libraries."""

    root: Path

    def command(self, program: str) -> list[str]:
        """How to start ``usr/sbin/asterisk`` and the like: loader, library path, program."""
        return [str(self._loader), "--library-path", str(self.libraries), str(self.root / program)]

    @property
    def libraries(self) -> Path:
        return self._loader.parent

    @property
    def _loader(self) -> Path:
        found = sorted(self.root.glob("usr/lib/*/ld-linux*.so.*"))
        if not found:
            raise LabUnavailable(f"{self.root} holds no loader; delete that folder and try again")
        return found[0]


def cache_home() -> Path:
    """``TAPELINE_CACHE``, or ``tapeline`` below the user's cache folder."""
    own = os.environ.get("TAPELINE_CACHE")
    if own:
        return Path(own).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tapeline"


def mirror(apt: Path = Path("/etc/apt")) -> Source:
    """Where this machine gets an Asterisk from. Raises LabUnavailable.

    Asterisk 22 from the Debian mirror in the machine's own apt configuration; without one,
    Ubuntu's own Asterisk 20, with which everything runs but the event filters (it ignores them
    and sends all events).
    """
    entries = list(_one_line_entries(apt)) + list(_deb822_entries(apt))
    usable = [
        e
        for e in entries
        if e[0].startswith(("http://", "https://", "file:", "mirror+", "tor+")) and "security" not in e[0]
    ]
    for uri, suites, signed_by in usable:
        if any(_DEBIAN_SUITES.fullmatch(s) for s in suites):
            return Source(uri, signed_by)
    for uri, suites, signed_by in usable:
        base = next((m[1] for m in map(_UBUNTU_SUITES.fullmatch, suites) if m), None)
        if base is not None:
            return Source(uri, signed_by, (base, f"{base}-updates"), "main universe")
    raise LabUnavailable(
        f"this machine's apt ({apt}) knows neither a Debian mirror (whose suite {SUITE} has Asterisk 22) nor "
        "Ubuntu 24.04 or newer. Add a Debian source with its archive keyring to apt, or use --switch "
        "freeswitch where one is installed."
    )


def unpack(name: str, packages: Sequence[str], progress: Progress) -> Prefix:
    """The prefix ``name`` with these packages and all they depend on, made if it is not there.

    Blocking; about ten seconds and 100 MB of download the first time. Another process doing the
    same is waited for. Raises LabUnavailable.
    """
    home = cache_home()
    prefix = home / name
    wanted = {"layout": LAYOUT, "packages": sorted(packages)}
    if _is_complete(prefix, wanted):
        return Prefix(prefix)
    for tool in ("apt-get", "dpkg-deb", "tar"):
        if shutil.which(tool) is None:
            raise LabUnavailable(f"{tool} is missing: the private Asterisk is made from Debian packages")
    source = mirror()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _lock(home / f"{name}.lock", progress):
            if not _is_complete(prefix, wanted):
                _build(prefix, wanted, packages, source, progress)
    except OSError as error:
        raise LabUnavailable(f"cannot write below {home}: {error}; set TAPELINE_CACHE elsewhere") from error
    return Prefix(prefix)


def _is_complete(prefix: Path, wanted: dict[str, object]) -> bool:
    try:
        found: object = json.loads((prefix / "tapeline.json").read_text())
    except (OSError, ValueError):
        return False
    return found == wanted


@contextlib.contextmanager
def _lock(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("Waiting for another process that is unpacking the same packages")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(
    prefix: Path, wanted: dict[str, object], packages: Sequence[str], source: Source, progress: Progress
) -> None:
    for left in prefix.parent.glob(f".{prefix.name}.*"):  # what a killed run left; we hold the lock
        shutil.rmtree(left, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f".{prefix.name}.", dir=prefix.parent))
    try:
        archives = _download(work / "apt", packages, source, progress)
        root = work / "root"
        for folder in ("bin", "sbin", "lib", "lib64"):
            (root / "usr" / folder).mkdir(parents=True)
            (root / folder).symlink_to(f"usr/{folder}")
        for number, archive in enumerate(archives, 1):
            if number % 20 == 1:
                progress(f"Unpacking packages ({number} of {len(archives)})")
            _extract(archive, root)
        (root / "tapeline.json").write_text(json.dumps(wanted))
        if prefix.exists():
            shutil.rmtree(prefix)
        root.rename(prefix)
        prefix.chmod(0o755)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _download(apt: Path, packages: Sequence[str], source: Source, progress: Progress) -> list[Path]:
    for folder in ("state/lists/partial", "cache/archives/partial", "etc/sources", "etc/preferences"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    (apt / "etc" / "sources" / "debian.sources").write_text(
        f"Types: deb\nURIs: {source.uri}\nSuites: {' '.join(source.suites)}\n"
        f"Components: {source.components}\n" + _signed_by(source)
    )
    # Read after the machine's own apt.conf (-c), so that its proxy counts and its hooks do not.
    config = apt / "apt.conf"
    config.write_text(
        f"""#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State "{apt}/state";
Dir::State::status "{apt}/status";
Dir::Cache "{apt}/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{apt}/etc/sources";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "{apt}/etc/preferences";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
Debug::NoLocking "1";
"""
    )
    progress(f"Reading the package lists of {source.suites[0]}")
    _apt(config, "update", "-o", "APT::Update::Error-Mode=any")
    progress(f"Downloading {', '.join(packages)} (about 100 MB)")
    _apt(config, "-y", "-d", "install", *packages)
    archives = sorted((apt / "cache" / "archives").glob("*.deb"))
    if not archives:
        raise LabUnavailable("apt downloaded nothing although it reported success")
    return archives


def _signed_by(source: Source) -> str:
    if source.signed_by:
        return f"Signed-By: {source.signed_by}\n"
    for name in _KEYRINGS if source.suites == (SUITE,) else ():
        keyring = Path("/usr/share/keyrings") / name
        if keyring.is_file():
            return f"Signed-By: {keyring}\n"
    return ""  # the keys that the machine's apt trusts for every source then count


def _apt(config: Path, *arguments: str) -> None:
    command = ["apt-get", "-q", "-c", str(config), *arguments]
    environ = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    environ.pop("APT_CONFIG", None)
    try:
        done = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabUnavailable(f"apt-get {arguments[0]} did not end: {error}") from error
    if done.returncode == 0:
        return
    text = "\n".join(line for line in done.stderr.splitlines() if line.startswith(("E:", "W:")))
    hint = "is there a network? does the mirror carry this suite?"
    if "NO_PUBKEY" in text or "not signed" in text:
        hint = "install the package debian-archive-keyring"
    raise LabUnavailable(f"apt-get failed ({hint}): {text[-600:] or done.stdout[-600:]}")


def _extract(archive: Path, root: Path) -> None:
    excluded = [f"--exclude=./usr/share/{name}" for name in _LEFT_OUT]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as deb:
        tar = subprocess.run(
            ["tar", "-x", "-C", str(root), "--no-same-owner", "--keep-directory-symlink", *excluded],
            stdin=deb.stdout,
            capture_output=True,
            text=True,
        )
    if deb.returncode or tar.returncode:
        raise LabUnavailable(f"cannot unpack {archive.name}: {tar.stderr[-300:]}")


def _one_line_entries(apt: Path) -> Iterator[tuple[str, list[str], str]]:
    pattern = re.compile(r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)")
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]:
        for line in _text(path).splitlines():
            match = pattern.match(line.strip())
            if match:
                signed = re.search(r"signed-by=(\S+)", match["options"] or "", re.IGNORECASE)
                yield match["uri"], [match["suite"]], signed[1] if signed else ""


def _deb822_entries(apt: Path) -> Iterator[tuple[str, list[str], str]]:
    for path in sorted((apt / "sources.list.d").glob("*.sources")):
        lines = [line for line in _text(path).splitlines() if not line.startswith("#")]
        for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
            fields = {
                key.lower(): value.strip()
                for key, value in re.findall(r"^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
            }
            if fields.get("enabled", "yes").lower() in ("no", "false", "0") or "uris" not in fields:
                continue
            if "deb" in fields.get("types", "").split():
                # An embedded key keeps its lines: each must begin with a blank.
                signed = re.sub(r"\n\s*", "\n ", fields.get("signed-by", ""))
                for uri in fields["uris"].split():
                    yield uri, fields.get("suites", "").split(), signed


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
