"""What `tapeline doctor` looks at on a FreeSWITCH, and how to mend each finding."""

from __future__ import annotations

import contextlib
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable
from datetime import datetime

from ...config import FreeSwitchConfig
from ...engine.ports import Check
from ..tenant_codes import DEFAULTS, Codes
from . import xml_answers
from .doctor_codes import examine_codes
from .doctor_standby import examine_standby
from .doctor_video import examine_video
from .opening import open_event_socket
from .replies import ConnectionLost

Api = Callable[[str], Awaitable[str]]

#: module → what is missing without it
MODULES = {
    "mod_sofia": "SIP",
    "mod_commands": "uuid_record and its kin",
    "mod_dptools": "the feature codes (bind_digit_action)",
    "mod_sndfile": "WAV files",
    "mod_tone_stream": "the tones of a pause and the beep",
    "mod_sms": "the chatplan, which keeps control messages from the other phone, and answers to them",
}
#: More than this between the two clocks makes pauses lie at the wrong place.
LARGEST_SKEW_S = 2.0
TIMEOUT_S = 5.0
PROBE = ".tapeline-doctor"


async def examine(
    config: FreeSwitchConfig, now: Callable[[], datetime], codes: Codes = DEFAULTS
) -> list[Check]:
    """All findings, in the order in which they are worth mending; ``codes`` are those of all tenants."""
    try:
        socket = await open_event_socket(config)
    except ConnectionLost as error:
        return [
            Check(
                "event socket",
                False,
                str(error),
                "see event_socket.conf.xml and this switch's host, port and password",
            )
        ]

    async def api(text: str) -> str:
        return await socket.send(f"api {text}", TIMEOUT_S)

    try:
        version = (await api("version short")).strip()
        checks = [Check("event socket", True, f"FreeSWITCH {version} at {config.host}:{config.port}")]
        checks += await _modules(api)
        checks += await _profiles(api, config)
        checks.append(await examine_codes(api, codes))
        checks.append(await examine_standby(api, config))
        checks += await examine_video(api, config.trunk_profiles)
        checks.append(await _spool(api, config))
        checks.append(await _clock(api, now))
        return checks
    except (ConnectionLost, TimeoutError) as error:
        return [Check("event socket", False, f"it stopped answering: {error}", "is the switch overloaded?")]
    finally:
        await socket.close()


async def _modules(api: Api) -> list[Check]:
    found = []
    for module, purpose in MODULES.items():
        loaded = (await api(f"module_exists {module}")).strip() == "true"
        found.append(
            Check(
                f"module {module}",
                loaded,
                "loaded" if loaded else f"not loaded; it brings {purpose}",
                "" if loaded else f'add <load module="{module}"/> to modules.conf.xml, then `load {module}`',
            )
        )
    return found


async def _profiles(api: Api, config: FreeSwitchConfig) -> list[Check]:
    sofia = xml_answers.read(await api("xml_locate configuration configuration name sofia.conf"))
    chatplan = xml_answers.read(await api("xml_locate chatplan"))
    checks: list[Check] = []
    names = [p.get("name", "") for p in sofia.iter("profile")]
    for trunk in config.trunk_profiles:
        checks.append(
            Check(
                f"trunk profile {trunk}",
                trunk in names,
                "there" if trunk in names else f"there is no such profile; there are {', '.join(names)}",
                "" if trunk in names else "correct trunk_profiles of this switch",
            )
        )
    for profile in sofia.iter("profile"):
        name = profile.get("name", "")
        settings = {p.get("name", ""): p.get("value", "") for p in profile.iter("param")}
        checks.append(
            _parameter(name, settings, "rtp-timer-name", "soft", "recordings can stay empty without it")
        )
        checks.append(_in_force(name, settings, await api(f"sofia xmlstatus profile {name}")))
        checks += _channel_names(name, settings)
        if name in config.trunk_profiles:
            continue
        checks.append(
            _parameter(name, settings, "auth-messages", "true", "anybody could send control messages")
        )
        checks.append(
            _parameter(name, settings, "fire-message-events", "true", "the controller hears no MESSAGE")
        )
        checks.append(_parameter(name, settings, "auth-calls", "true", "nobody is known to be internal"))
        checks.append(_record_key(name, settings))
        checks.append(_chatplan(chatplan, name, settings.get("context", "default")))
    return checks


def _parameter(profile: str, settings: dict[str, str], name: str, wanted: str, why: str) -> Check:
    value = settings.get(name)
    # FreeSWITCH takes several words for true; soft is the default of recent versions.
    fine = value == wanted or (wanted == "true" and value in ("yes", "on", "1"))
    return Check(
        f"profile {profile}: {name}",
        fine,
        value or f"not set; {why}",
        "" if fine else f'set <param name="{name}" value="{wanted}"/> and `sofia profile {profile} rescan`',
    )


#: What a running profile tells of itself → the parameter of its configuration. It tells no more of those
#: that count here (1.10.12): not auth-messages, say, which can be in the file and not in force.
_TOLD = {
    "context": "context",
    "inbound-codecs": "inbound-codec-prefs",
    "outbound-codecs": "outbound-codec-prefs",
}


def _in_force(profile: str, settings: dict[str, str], status: str) -> Check:
    """Everything else is read from the configuration; this is what the profile itself says."""
    what, running = f"profile {profile}: in force", xml_answers.read(status).find("profile-info")
    if running is None:
        return Check(what, False, "the profile does not run", f"`sofia profile {profile} start`")
    differing = [
        parameter
        for told, parameter in _TOLD.items()
        if parameter in settings and running.findtext(told, settings[parameter]) != settings[parameter]
    ]
    if differing:
        found = f"the running profile and the configuration differ in {', '.join(differing)}"
        return Check(
            what, False, found, f"`sofia profile {profile} rescan`, or restart if that changes nothing"
        )
    found = (
        "it runs; changed since? A profile takes over what is in the file by `rescan` only, and tells little"
    )
    return Check(what, True, found)


def _channel_names(profile: str, settings: dict[str, str]) -> list[Check]:
    if settings.get("inbound-use-callid-as-uuid") not in ("true", "yes", "on", "1"):
        return []
    # No fault: the call is recorded on its other leg. But such a party's codes and tones do nothing.
    found = (
        "chosen by the caller (inbound-use-callid-as-uuid): a leg whose Call-ID holds quotes, a backslash, "
        "a backtick, % or braces is told nothing, and its call is recorded on the other leg"
    )
    return [Check(f"profile {profile}: channel names", True, found)]


def _record_key(profile: str, settings: dict[str, str]) -> Check:
    """Without a template the key does nothing; with another one FreeSWITCH records beside us."""
    what, template = f"profile {profile}: Record key", settings.get("record-template", "")
    if not template:
        return Check(what, True, "phones that have one get 488 (no record-template)")
    # Asked of the running switch, the template comes as it stands in the file.
    ours = template.startswith("tapeline-") and template.endswith(".key")
    return Check(
        what,
        ours,
        "told to the controller" if ours else f"makes FreeSWITCH record by itself, into {template[:80]}",
        "" if ours else "set record-template as in freeswitch-conf/sip_profiles/internal.xml, or remove it",
    )


def _chatplan(chatplan: ET.Element, profile: str, context: str) -> Check:
    """The first extension of the context that takes control messages must end their delivery."""
    what = f"profile {profile}: control messages stay here"
    mend = (
        "include dialplan/freeswitch/chatplan.xml first in the chatplan context "
        f"{context!r}, then `reloadxml`"
    )
    for node in chatplan.iter("context"):
        if node.get("name") not in (context, "global"):
            continue
        for extension in node.iter("extension"):
            condition = extension.find("condition")
            if condition is None:
                continue
            actions = [a.get("application") for a in extension.iter("action")]
            if "x-media-control" in condition.get("expression", "") and "final" in actions:
                return Check(what, True, f"by extension {extension.get('name')!r}")
            if "send" in actions:
                return Check(what, False, f"extension {extension.get('name')!r} delivers them first", mend)
    return Check(what, False, "no chatplan extension takes them; they reach the other phone", mend)


async def _spool(api: Api, config: FreeSwitchConfig) -> Check:
    """The switch writes a file, and we must see it where we look for recordings."""
    ours, theirs = config.spool / PROBE, config.seen_by_switch / PROBE
    mend = (
        f"let the switch's user write to {config.seen_by_switch} and this user read and delete there; "
        "if the two see different paths, set switch_spool"
    )
    try:
        config.spool.mkdir(parents=True, exist_ok=True)
        answer = await api(f"system touch {theirs} && echo written")
        if not ours.exists():
            found = (
                f"the switch's file does not appear in {config.spool}"
                if "written" in answer
                else f"the switch cannot write to {config.seen_by_switch}"
            )
            return Check("spool", False, found, mend)
        ours.read_bytes()
        ours.unlink()
    except OSError as error:
        return Check("spool", False, f"{config.spool}: {error.strerror}", mend)
    finally:
        with contextlib.suppress(OSError):
            ours.unlink()
    return Check("spool", True, f"{config.spool} is written by the switch and read here")


async def _clock(api: Api, now: Callable[[], datetime]) -> Check:
    theirs = (await api("strepoch")).strip()
    if not theirs.isdigit():
        found = f"the switch does not tell its time ({theirs[:40]!r})"
        return Check("clock", False, found, "see that mod_commands is loaded")
    skew = abs(now().timestamp() - int(theirs))
    fine = skew <= LARGEST_SKEW_S
    return Check(
        "clock",
        fine,
        f"within {skew:.0f} s of ours" if fine else f"{skew:.0f} s apart",
        "" if fine else "keep both machines' clocks in step (chrony or systemd-timesyncd)",
    )
