"""What went wrong with a store, a spool or a setting: English where it is kept, and in the reader's language
on every page that shows it."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from controller.config import AsteriskConfig, ConfigError
from controller.config.storage import S3StoreConfig
from controller.core.errors import TapelineError
from controller.doctor import _store
from controller.engine.alarms import Alarm, Severity
from controller.engine.media_ports import HOME, MediaState, StoredFile
from controller.engine.people import Scope
from controller.engine.ports import Check, LinkState, SwitchStatus
from controller.media import ffmpeg, wav
from controller.media.errors import store_error
from controller.media.join import plan
from controller.media.objects import S3Shelf
from controller.media.resample import resample
from controller.media.shelves import LocalShelf, Stores
from controller.media.spool import Spool
from controller.media.store import LocalStore
from controller.web.first_run import Newcomers
from controller.web.language import extracting, language_of

from .pseudo import pseudo, unmarked
from .test_first_run import FORM, SwitchUsers, fresh, guide_of
from .test_jobs import failed
from .world import World, form_token, later

HOLE = re.compile(r"%\((\w+)\)s")
#: Paths, names, addresses, hashes, settings and what the operating system or a library says.
DATA = re.compile(
    r"(/\S+|\b(qq\w*|home|switches|stores|password|ca|access|key|file|secret|storage|path|tapeline|sweep|bucket"
    r"|No space left on device|Disk quota exceeded|Permission denied|Input|output error"
    r"|No such file or directory|Generic S3 error:[^()]*?(?=⟦|: ⟦|$))\b|\w+_\w+)"
)
__all__ = ["fresh"]  # a fixture, taken over
FULL = OSError(errno.EDQUOT, "Disk quota exceeded")


@pytest.fixture(scope="module")
def template() -> Catalog:
    return extracting.extracted()


def asterisk(folder: Path, **more: object) -> AsteriskConfig:
    return AsteriskConfig.model_validate(
        {"kind": "asterisk", "name": "qq1", "spool": "/qq/spool", "password_file": folder / "qq3", **more}
    )


def bucket(**more: object) -> S3StoreConfig:
    """At a port where nobody listens."""
    there = {"kind": "s3", "name": "qq2", "bucket": "qq-b", "endpoint": "http://127.0.0.1:9", "timeout_s": 1}
    return S3StoreConfig.model_validate(
        {**there, "access_key_id": "qq", "secret_access_key": "qq", **more}
    )  # fmt: skip


def row(**more: object) -> StoredFile:
    return StoredFile("r1", "rendition", 0, "qq/r1.wav", "wav", 3, "0" * 64, 0, 8000, 1, **more)  # type: ignore[arg-type]


def of_a_full_store(folder: Path) -> None:
    shelf = LocalShelf("qq4", LocalStore(folder / "qq4"))

    def blocks():  # type: ignore[no-untyped-def]
        raise FULL
        yield b""

    shelf.put("qq/x.wav", blocks(), 1)


def of_another_hash(folder: Path) -> None:
    home = LocalStore(folder / "home")
    home.put_blocks(iter([b"abc"]), "qq/r1.wav")
    for _ in Stores(home, {}, []).proved(row(store=HOME)):
        pass


ERRORS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a full store": (of_a_full_store, "Schaffen Sie dort Platz"),
    "a bucket that is away": (
        lambda folder: S3Shelf(bucket()).put("qq/x.wav", iter([b"x"]), 1),
        "Speicher qq2: qq/x.wav kann nicht abgelegt werden",
    ),
    "its listing": (lambda folder: list(S3Shelf(bucket()).listing()), "Die Dateien können nicht aufgelistet"),
    "a secret that is not there": (
        lambda folder: S3Shelf(bucket(secret_access_key=None, secret_access_key_file=folder / "qq3")),
        "kann nicht gelesen werden: No such file or directory",
    ),
    "a password that is not there": (lambda folder: asterisk(folder).secret(), "kann nicht gelesen werden"),
    "a store that is not configured": (
        lambda folder: Stores(LocalStore(folder), {}, []).shelf("qq9"), "Kein Speicher heißt 'qq9'",
    ),
    "a file that is not there": (
        lambda folder: list(Stores(LocalStore(folder), {}, []).read(row(store=HOME))), "fehlt im Speicher",
    ),
    "another hash": (of_another_hash, "hat nicht mehr seine SHA-256"),
    "no WAV": (lambda folder: wav.inspect(made(folder / "qq6", b"ID3qq")), "ist keine WAV-Datei"),
    "a WAV without sound": (
        lambda folder: wav.inspect(made(folder / "qq6", b"RIFF\0\0\0\0WAVE")), "endet, bevor der Ton",
    ),
    "nothing to join": (lambda folder: plan([], []), "Es gibt kein Segment"),
    "what ffmpeg cannot read": (
        lambda folder: ffmpeg.run(ffmpeg.command("-i", str(folder / "qq7"), "-f", "null", "-"), 9),
        "ffmpeg ist gescheitert",
    ),
    "rates that are none": (
        lambda folder: list(resample(iter([]), 0, 8000, 48_001)), "lassen sich nicht zusammenbringen",
    ),
    "a spool that is not there": (
        lambda folder: Spool(folder / "qq5").find("acme.test/2026/11/29/r1.1.wav"),
        "ist nicht da: Hängen Sie ihn ein",
    ),
}  # fmt: skip


#: As a file's row notes it → how it begins in German.
NOTES = {
    "unreadable: qq.wav ends before its audio begins (12 bytes)": "unlesbar: qq.wav endet, bevor",
    "the header was repaired": "Der Dateikopf wurde repariert",
    f"merged: left rx 80 samples, sha256 {'a' * 64}; right silent, no file": "vereint: links rx 80",
    f"made of the rendition with sha256 {'a' * 64}; 2 channels mixed into 1": "aus der Fassung mit sha256",
    "1 run of digits and 2 chosen spans taken out": "1 Ziffernfolge und 2 gewählte Stellen entfernt",
    "3 runs of digits taken out": "3 Ziffernfolgen entfernt",
    "segment 2 cannot be heard: ffmpeg failed: qq; it is kept as it is": "Segment 2 kann nicht",
    "the announcement could not be mixed in: `sounds` of the switch qq is not set": "Die Ansage konnte nicht",
    "no waveform: qq.mp3 is 'qq', and nothing here reads that": "Keine Wellenform: qq.mp3 ist 'qq', und",
}


def made(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def error_of(name: str, folder: Path) -> str:
    with pytest.raises(TapelineError) as caught:
        ERRORS[name][0](folder)
    return str(caught.value)


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_english_and_a_page_says_all_of_it_in_german(
    name: str, tmp_path: Path, template: Catalog
) -> None:
    text = error_of(name, tmp_path)
    assert language_of("en").said(text) == text
    assert ERRORS[name][1] in language_of("de").said(text)
    left = [
        w
        for part in unmarked(pseudo(template).said(text))
        for w in re.findall(r"[^\W\d_]{3,}", DATA.sub(" ", part))
    ]
    assert left == [], text


@pytest.mark.parametrize("note", NOTES)
def test_a_note_of_a_file_is_said(note: str) -> None:
    assert language_of("en").said(note) == note
    assert language_of("de").said(note).startswith(NOTES[note])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_each_advice_is_said(number: int, template: Catalog) -> None:
    text = str(store_error("cannot remove /qq/x.wav", OSError(number, "No space left on device")))
    said = language_of("de").said(text)
    assert said.startswith("/qq/x.wav kann nicht entfernt werden: No space left on device: ")
    assert not any(word in said for word in ("the disk", "the folder", "is tried again"))


def test_several_errors_of_one_recording_are_said_each(tmp_path: Path) -> None:
    """As the pipeline and the eraser join them."""
    full, away = error_of("a full store", tmp_path), error_of("a bucket that is away", tmp_path)
    german = language_of("de")
    assert german.said(f"{full}; {away}; {full}") == "; ".join(map(german.said, (full, away, full)))
    assert german.said(full) != full
    assert ";" not in full + away


def test_every_text_of_them_is_known_again_whatever_stands_in_its_holes(template: Catalog) -> None:
    german, wrong, looked = language_of("de"), [], 0
    for message in template:
        places = {place for place, _ in message.locations}
        ours = any(p.startswith(("controller/media/", "controller/config/")) for p in places)
        if not ours or not isinstance(message.id, str):
            continue
        looked += 1
        values = {name: f"/q{n}/x" for n, name in enumerate(HOLE.findall(message.id))}
        if "attempt" in values:
            values["attempt"] = "cannot list the files"
        said = german.said(message.id % values if values else message.id)
        if "attempt" in values:
            values["attempt"] = "Die Dateien können nicht aufgelistet werden"
        wanted = german.texts[message.id] % values if values else german.texts[message.id]
        if said != wanted:
            wrong.append(f"{message.id!r}: {said!r}, not {wanted!r}")
    assert looked > 80
    assert wrong == []


def test_the_doctor_says_what_is_wrong_with_a_store(tmp_path: Path) -> None:
    for store, words in (
        (bucket(), "Sehen Sie nach: Bucket qq-b unter http://127.0.0.1:9"),
        (
            bucket(secret_access_key=None, secret_access_key_file=tmp_path / "qq3"),
            "kann nicht gelesen werden",
        ),
    ):
        (check,) = _store(store)
        assert not check.ok
        assert words in language_of("de").said(check.found)


AWAY = (
    "store cloud: cannot store /qq/x.wav: Disk quota exceeded: check the disk: "
    "nothing was removed and it is tried again"
)
SAID = {
    "en": "cannot store /qq/x.wav: Disk quota exceeded: check the disk",
    "de": "/qq/x.wav kann nicht abgelegt werden: Disk quota exceeded: Prüfen Sie die Platte",
}


@pytest.mark.parametrize("code", SAID)
async def test_the_pages_that_show_one(world: World, code: str) -> None:
    """Jobs, one job, the recording, the list, the trash, the switches, the alarms of every page."""
    red, shared = world.recordings["red"], world.recordings["shared"]
    await failed(world, red, AWAY)
    await world.catalog.set_media_state(red, MediaState.FAILED, error=AWAY)
    later(world, hours=1)
    await world.catalog.trash(Scope(None), [shared], "root", "by mistake")
    await world.catalog.purge_failed(shared, AWAY)
    status = world.control.statuses[0]
    async with world.browser("root") as browser:
        browser.headers["accept-language"] = code
        for address in ("/jobs", f"/jobs/{red}", f"/recordings/{red}", "/recordings", "/trash"):
            assert SAID[code] in (await browser.get(address)).text, address
        world.alarms = [
            Alarm("store.away", Severity.WARNING, "Store cloud does not answer.", f"away: {AWAY}")
        ]
        assert SAID[code] in (await browser.get("/disk")).text
        world.alarms = []
        world.control.statuses = [
            status, SwitchStatus("fs2", "asterisk", LinkState.UP, status.since, error=AWAY),
        ]  # fmt: skip
        assert SAID[code] in (await browser.get("/advanced/general")).text
    async with world.client("root") as script:
        script.headers["accept-language"] = code
        assert (await script.get(f"/api/v1/jobs/{red}")).json()["job"]["error"] == AWAY


class Refusing(SwitchUsers):
    async def look(self, switch: str) -> Newcomers:
        raise ConfigError("switches.mute.password_file: cannot read /qq/password: Permission denied")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("en", "switches.mute.password_file: cannot read /qq/password: Permission denied"),
        ("de", "switches.mute.password_file: /qq/password kann nicht gelesen werden: Permission denied"),
    ],
)
async def test_the_first_run_shows_them(fresh: World, code: str, words: str) -> None:
    guide = guide_of(fresh)
    guide.users = Refusing(fresh)

    async def doctor() -> list[tuple[str, list[Check]]]:
        return [("store cloud (s3)", [Check("store", False, AWAY, "look after its server or disk")])]

    guide.doctor = doctor
    async with fresh.client() as browser:
        browser.headers["accept-language"] = code
        await browser.post("/first-run", data={**FORM, "token": guide.token})
        assert SAID[code] in (await browser.get("/first-run/switches")).text
        dry = (await browser.get("/first-run/users")).text
        assert words in dry
        made = await browser.post(
            "/first-run/users", data={"csrf": form_token(dry), "switch": "mute", "record": "1"}
        )
        assert (made.status_code, f"<bdi>mute</bdi>: <bdi>{words}</bdi>" in made.text) == (503, True)
