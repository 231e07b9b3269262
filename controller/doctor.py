"""`tapeline doctor`: the configuration held against this machine and the running switches."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Sequence

import numpy as np

from .catalog.database import DatabaseUnavailable
from .config import AsteriskConfig, Config, ConfigError, FreeSwitchConfig, SealingConfig, StoreConfig
from .config.sealing import EVERYBODY
from .core.formats import Format
from .core.options import Transcripts
from .doctor_nodes import examine_controllers
from .doctor_sounds import examine_sounds
from .doctor_traces import examine_traces
from .engine.ids import now
from .engine.ports import Check
from .engine.reading import Scope, TenantSettings
from .media.encoders import Encoders
from .media.errors import MediaError, NoEncoder
from .media.objects import S3Shelf
from .media.seal_keys import KeySource
from .media.shelves import make_shelf
from .media.speech_process import SpeechProcess
from .switches.asterisk.doctor import examine as examine_asterisk
from .switches.exposure import exposure_check
from .switches.freeswitch.doctor import examine as examine_freeswitch
from .switches.tenant_codes import DEFAULTS, Codes, chosen
from .working import is_here, open_catalog


async def examine(config: Config) -> list[tuple[str, list[Check]]]:
    """All findings: (what they are about, findings)."""
    machine = [await _database(config), _storage(config), _ffmpeg(), *await asyncio.to_thread(_encoders)]
    found = [("this machine", machine)]
    found += [
        (f"store {store.name} ({store.kind})", await asyncio.to_thread(_store, store, _all_sealed(config)))
        for store in config.stores
    ]
    found += [
        (f"sealing {section.name}", await asyncio.to_thread(_keys, section)) for section in config.sealing
    ]
    if controllers := await examine_controllers(config):
        found.append(("controllers", controllers))
    tenants = await _tenants(config)
    if config.transcription.enabled:
        found.append(("transcripts", [await asyncio.to_thread(_transcripts, config)]))
    else:
        found += [("transcripts", [check]) for check in [_unheard(tenants)] if check]
    if config.traces.endpoint:
        found.append(("traces", await examine_traces(config)))
    codes = DEFAULTS if tenants is None else chosen(tenants)
    for switch in config.switches:
        try:
            checks = [*await _switch(switch, codes), exposure_check(switch)]
            if is_here(config, switch):
                checks += await asyncio.to_thread(examine_sounds, switch, tenants or ())
            else:
                # Its spool is another machine's to look at.
                checks = [check for check in checks if check.what != "spool"]
        except ConfigError as error:
            checks = [Check("configuration", False, str(error), "see docs/reference/configuration.md")]
        found.append((f"switch {switch.name} ({switch.kind})", checks))
    if not config.switches:
        found.append(
            ("switches", [Check("switches", False, "none is configured", "add a [[switches]] section")])
        )
    return found


def _switch(switch: FreeSwitchConfig | AsteriskConfig, codes: Codes) -> Awaitable[list[Check]]:
    if isinstance(switch, FreeSwitchConfig):
        return examine_freeswitch(switch, now, codes)
    return examine_asterisk(switch, now, codes)


async def _tenants(config: Config) -> Sequence[TenantSettings] | None:
    """None: the database is away, which is a finding of its own."""
    try:
        async with open_catalog(config) as catalog:
            return await catalog.tenants(Scope(None))
    except DatabaseUnavailable:
        return None


async def _database(config: Config) -> Check:
    try:
        async with open_catalog(config) as catalog:
            await catalog.policy()
    except DatabaseUnavailable as error:
        return Check("database", False, str(error), "correct database.url, or start the database")
    return Check("database", True, "reachable, its schema is current")


def _storage(config: Config) -> Check:
    path = config.storage.path
    existing = next(p for p in (path, *path.parents) if p.exists())
    if not os.access(existing, os.W_OK):
        return Check(
            "storage", False, f"{path} cannot be written", "set storage.path to a folder of this user"
        )
    free = shutil.disk_usage(existing).free // 2**20
    enough = free > 1024
    return Check(
        "storage",
        enough,
        f"{path}, {free:,} MiB free",
        "" if enough else "a minute of mono WAV takes 960 KB; make room or move storage.path",
    )


def _all_sealed(config: Config) -> bool:
    return any(EVERYBODY in section.tenants for section in config.sealing)


def _store(store: StoreConfig, sealed: bool = False) -> list[Check]:
    """A file put there, read back and removed again: what every recording will ask of it. ``sealed``:
    every tenant's recordings are."""
    content = os.urandom(1000)
    key = f"tapeline-doctor/{content[:8].hex()}"
    try:
        shelf = make_shelf(store)
        shelf.put(key, iter([content]), len(content))
        same = b"".join(shelf.read(key)) == content
        versions = isinstance(shelf, S3Shelf) and shelf.versioned(key)
        shelf.delete(key)
    except (ConfigError, MediaError) as error:
        why = "until it works, finished recordings stay in storage.path"
        return [Check("store", False, str(error), why)]
    if not same:
        words = "gives back other bytes than it was given"
        return [Check("store", False, words, "look after its server or disk")]
    checks = [Check("store", True, "a file was put there, read back and removed")]
    if versions:
        words = (
            "the bucket keeps old versions: a deleted recording that was not sealed stays readable in them"
        )
        mend = "seal every tenant's recordings, or have the bucket's lifecycle end old versions"
        checks.append(Check("versions", sealed, words, "" if sealed else mend))
    return checks


def _keys(section: SealingConfig) -> list[Check]:
    """The keys as they can be read now, never what is in them."""
    source = KeySource(section)
    try:
        keys = source.check()
    except MediaError as error:
        return [Check("keys", False, str(error), "until they are there, recordings stay at home, unsealed")]
    checks = [Check("keys", True, f"{len(keys)} in {source.where}; {keys[-1].id} seals")]
    if source.too_open:
        mend = "chmod 600 it; if somebody may have read it, make a new key and tapeline sealing rotate"
        checks.append(Check("key file", False, source.too_open, mend))
    return checks


def _transcripts(config: Config) -> Check:
    """A second of silence listened to, as every recording will be: the model is there and fits."""
    engine = SpeechProcess(config.transcription)
    try:
        engine.hear(np.zeros(16_000, np.int16), "")
    except MediaError as error:
        text, colon, mend = str(error).partition(": ")
        return Check("speech to text", False, text, mend if colon else "see docs/reference/transcripts.md")
    finally:
        engine.stop()
    return Check("speech to text", True, f"has listened to a second of silence: {engine.name}")


def _unheard(tenants: Sequence[TenantSettings] | None) -> Check | None:
    """Tenants that want transcripts of a controller that makes none."""
    waiting = [s.tenant for s in tenants or () if s.options.transcripts is Transcripts.ON]
    if not waiting:
        return None
    names = ", ".join(waiting[:5])
    return Check("speech to text", False, f"wanted by {names}, and switched off", "set transcription.enabled")


def _ffmpeg() -> Check:
    found = shutil.which("ffmpeg")
    if found is not None and shutil.which("ffprobe") is not None:
        return Check("ffmpeg", True, found)
    return Check(
        "ffmpeg",
        False,
        "not on this machine; video segments are not joined, and video has no exact duration",
        "install the package ffmpeg",
    )


def _encoders() -> list[Check]:
    """Each is tried by encoding a moment. A missing one loses nothing: its recordings are kept as WAV."""
    encoders, checks = Encoders(), []
    for format in Format:
        if format is Format.WAV:
            continue
        try:
            tool = encoders.tool(format)
        except NoEncoder as error:
            words = f"no encoder: recordings that a tenant wants as {format.upper()} are kept as WAV"
            checks.append(Check(f"format {format}", False, words, str(error).partition(": ")[2]))
        else:
            how = tool.kind
            checks.append(Check(f"format {format}", True, f"made by {tool.program} ({how})"))
    return checks
