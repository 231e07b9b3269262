"""What `tapeline doctor` looks at on an Asterisk, and how to mend each finding."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime

from ...config import AsteriskConfig
from ...engine.ports import Check
from ..tenant_codes import DEFAULTS, Codes
from .connection import AmiConnection, ConnectionLost, LoginRefused
from .doctor_codes import README, examine_codes
from .doctor_standby import examine_standby
from .headers import text, timestamp
from .opening import open_ami
from .resync import VARIABLES, system_name

Cli = Callable[[str], Awaitable[list[str]]]

#: module → what is missing without it
MODULES = {
    "app_mixmonitor": "recording (wants func_periodic_hook, app_chanspy, func_cut, func_uri)",
    "app_userevent": "everything that the dialplan says to the controller",
    "app_stack": "the feature codes (Gosub)",
    "func_base64": "what a stranger wrote, kept from adding fields to an event",
    "format_wav": "WAV files",
    "res_pjsip_messaging": "control by SIP MESSAGE",
    "res_pjsip_one_touch_record_info": "the Record key of desk phones",
    "app_chanspy": "tones and announcements in one party's ear",
    "app_playback": "tones and announcements",
}
#: context of dialplan/asterisk/extensions.conf → what it is for
CONTEXTS = {
    "tapeline-feature": "the feature codes inside a call",
    "tapeline-codes": "the feature codes as calls of their own",
    "tapeline-message": "control by SIP MESSAGE",
    "tapeline-say": "tones and announcements",
    "tapeline-ear": "tones and announcements in one party's ear",
}
#: The classes of events that the controller reads; queues speak to agent.
READ = ("system", "call", "user", "dialplan", "agent")
#: What its commands need; whoever may more than this could do more than we do (see manager.conf).
WRITE = ("system", "call", "user", "command", "originate", "message")
#: More than this between the two clocks makes pauses lie at the wrong place.
LARGEST_SKEW_S = 2.0
TIMEOUT_S = 5.0
PROBE = ".tapeline-doctor"
_SPOOL_MEND = (
    "the controller and Asterisk must both be allowed to write there (a group of both, and g+s), and it "
    "must be the same folder to both"
)


async def examine(
    config: AsteriskConfig, now: Callable[[], datetime], codes: Codes = DEFAULTS
) -> list[Check]:
    """All findings, in the order in which they are worth mending; ``codes`` are those of all tenants.
    Raises ConfigError."""
    try:
        ami = await open_ami(config, lambda events: None)
    except LoginRefused as error:
        return [Check("AMI", False, str(error), f"see {README} for the account in manager.conf")]
    except (ConnectionLost, TimeoutError) as error:
        return [Check("AMI", False, str(error), "is Asterisk up, and are this switch's host and port right?")]

    async def cli(line: str) -> list[str]:
        return await ami.command(line, TIMEOUT_S)

    try:
        version = text(await ami.action("CoreSettings", TIMEOUT_S), "AsteriskVersion")
        checks = [Check("AMI", True, f"Asterisk {version} at {config.host}:{config.port}")]
        permitted = await _permissions(ami, config)
        checks.append(permitted)
        if "command" not in permitted.found:  # without it nothing more can be looked at
            checks.append(_seal(await system_name(ami, TIMEOUT_S)))
            shown = await _account(cli, config)
            checks += [_events(shown, config), _excess(shown, config)]
            checks += await _settings(cli)
            checks += await _modules(cli)
            checks += await examine_codes(cli, codes)
            checks += await _contexts(cli)
            checks.append(await examine_standby(cli, config))
            checks += await _trunks(cli, config)
        # Without the console only our side of the spool can be looked at.
        checks += [
            await _spool(None if "command" in permitted.found else cli, config), await _clock(ami, now),
        ]  # fmt: skip
        return checks
    except (ConnectionLost, TimeoutError) as error:
        return [Check("AMI", False, f"it stopped answering: {error}", "is the switch overloaded?")]
    finally:
        await ami.close()


async def _permissions(ami: AmiConnection, config: AsteriskConfig) -> Check:
    """Every right that the controller uses, tried with something that changes nothing."""
    tries = {
        "command": await ami.action("Command", TIMEOUT_S, Command="core show version"),
        "call": await ami.action("Getvar", TIMEOUT_S, Variable="TAPELINE_DOCTOR"),
        "user": await ami.action("UserEvent", TIMEOUT_S, UserEvent="TapelineDoctor"),
        # No such channel is an answer, too: what counts is that it is not "Permission denied".
        # Without a channel and without a receiver neither does anything.
        "originate": await ami.action("Originate", TIMEOUT_S),
        "message": await ami.action("MessageSend", TIMEOUT_S),
        "system": await ami.action("MixMonitorMute", TIMEOUT_S, Channel="TAPELINE/doctor", State="0"),
    }
    denied = [name for name, answer in tries.items() if "permission" in text(answer, "Message").lower()]
    return Check(
        "AMI rights",
        not denied,
        f"the account may not: {', '.join(denied)}" if denied else "all that is needed",
        f"add {','.join(denied)} to write= of [{config.username}] in manager.conf" if denied else "",
    )


async def _account(cli: Cli, config: AsteriskConfig) -> dict[str, set[str]]:
    """What the account may read and write, as Asterisk has it."""
    # Only the configuration's own text, and only as one word, goes into the console.
    known = " " not in config.username
    shown = "\n".join(await cli(f"manager show user {config.username}")) if known else ""
    found = {kind: re.search(rf"{kind} perm\s*:\s*(\S*)", shown) for kind in ("read", "write")}
    return {kind: set(match[1].split(",")) if match else set() for kind, match in found.items()}


def _events(account: dict[str, set[str]], config: AsteriskConfig) -> Check:
    """The rights to read: what is missing among them shows in nothing but events that never come."""
    missing = [name for name in READ if name not in account["read"] and "all" not in account["read"]]
    return Check(
        "AMI events",
        not missing,
        f"the account does not get: {', '.join(missing)}" if missing else "all that are needed",
        f"add {','.join(missing)} to read= of [{config.username}] in manager.conf" if missing else "",
    )


def _excess(account: dict[str, set[str]], config: AsteriskConfig) -> Check:
    """Rights that the controller never uses: whoever gets hold of the password would have them too."""
    more = {
        f"{kind}={name}"
        for kind, wanted in (("read", READ), ("write", WRITE))
        for name in account[kind] - {"", "<none>", *wanted}
    }
    return Check(
        "AMI excess",
        not more,
        f"the account may more than it needs: {', '.join(sorted(more))}"
        if more
        else "nothing that is not used",
        f"give [{config.username}] in manager.conf read={','.join(READ)} and write={','.join(WRITE)}"
        if more
        else "",
    )


def _seal(name: str) -> Check:
    """Short or missing, a caller could guess it and write AMI events of its own (see seal.py)."""
    fine = len(name) >= 8
    return Check(
        "systemname",
        fine,
        "set; events are told from what callers write into them"
        if fine
        else "not set, or easily guessed: line ends in a caller's number can forge AMI events",
        ""
        if fine
        else "set systemname in [options] of asterisk.conf to eight or more random letters and "
        "digits, tell them to nobody, and restart Asterisk",
    )


async def _settings(cli: Cli) -> list[Check]:
    settings = {}
    for line in await cli("manager show settings"):
        name, _, value = line.partition(":")
        settings[name.strip()] = value.strip()
    stamped = settings.get("Timestamp events", "") == "Yes"
    carried = settings.get("Channel vars", "").replace(" ", "").split(",")
    missing = [name for name in VARIABLES if name not in carried]
    return [
        Check(
            "timestampevents",
            stamped,
            "on" if stamped else "off: times are those of arrival",
            "" if stamped else "set timestampevents=yes in [general] of manager.conf",
        ),
        Check(
            "channelvars",
            not missing,
            f"missing: {', '.join(missing)}" if missing else "parties are told apart by REC_* variables",
            f"set channelvars={','.join(VARIABLES)} (and your own) in one line of manager.conf"
            if missing
            else "",
        ),
    ]


async def _modules(cli: Cli) -> list[Check]:
    found = []
    for module, purpose in MODULES.items():
        lines = await cli(f"module show like {module}.so")
        loaded = any(line.startswith(f"{module}.so") and "Running" in line for line in lines)
        found.append(
            Check(
                f"module {module}",
                loaded,
                "loaded" if loaded else f"not running; it brings {purpose}",
                "" if loaded else f"load it in modules.conf, then: asterisk -rx 'module load {module}'",
            )
        )
    return found


async def _contexts(cli: Cli) -> list[Check]:
    found = []
    for context, purpose in CONTEXTS.items():
        there = any(f"Context '{context}'" in line for line in await cli(f"dialplan show {context}"))
        found.append(
            Check(
                f"context {context}",
                there,
                f"there, for {purpose}" if there else f"missing: no {purpose}",
                ""
                if there
                else f"include extensions.conf as {README} says, then: asterisk -rx 'dialplan reload'",
            )
        )
    return found


async def _trunks(cli: Cli, config: AsteriskConfig) -> list[Check]:
    found = []
    for trunk in config.trunks:
        # Only the configuration's own text, and only as one word, goes into the console.
        known = " " not in trunk and not any(
            "Unable to find" in line for line in await cli(f"pjsip show endpoint {trunk}")
        )
        found.append(
            Check(
                f"trunk {trunk}",
                known,
                "there" if known else "there is no such endpoint",
                "" if known else "correct trunks of this switch",
            )
        )
    return found


async def _spool(cli: Cli | None, config: AsteriskConfig) -> Check:
    """A file of ours, and one of Asterisk's, which has no word for "write a file" but opens a further file
    for its log at once. It is told to close it right after; at the level `error` little gets in."""
    probe, mend = config.spool / PROBE, _SPOOL_MEND
    try:
        config.spool.mkdir(parents=True, exist_ok=True)
        probe.write_text("tapeline doctor")
        probe.unlink()
        if cli is not None:  # the path is one word of the console: the configuration sees to that
            try:
                await cli(f"logger add channel {probe} error")
            finally:
                await cli(f"logger remove channel {probe}")
            if not probe.exists():
                return Check("spool", False, f"{config.spool}: no file of Asterisk's appears there", mend)
            probe.unlink()
    except OSError as error:
        return Check("spool", False, f"{config.spool} cannot be read and written: {error.strerror}", mend)
    if cli is not None:
        return Check("spool", True, f"{config.spool} is written by Asterisk and by us")
    return Check("spool", True, f"{config.spool} is writable here; whether Asterisk may write was not tried")


async def _clock(ami: AmiConnection, now: Callable[[], datetime]) -> Check:
    ours = now()
    skew = abs((timestamp(await ami.action("Ping", TIMEOUT_S), ours) - ours).total_seconds())
    return Check(
        "clocks",
        skew <= LARGEST_SKEW_S,
        f"{skew:.1f} s apart",
        "" if skew <= LARGEST_SKEW_S else "let both machines follow the same time server",
    )
