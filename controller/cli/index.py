"""The commands of ``tapeline``, by what somebody wants: where each is made, and the line that lists it.

A command's module is imported when the command is wanted: all of them together cost seconds,
the one that is wanted mostly a fraction of one, and the list of all of them none.
"""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """A command or group of commands: its module, what it is there, and what it does, in a line."""

    module: str
    name: str
    line: str


PANELS: dict[str, dict[str, Command]] = {
    "Run it": {
        "serve": Command("serve", "serve_command", "The controller: switches, recordings, pages and API."),
        "worker": Command("worker", "worker_command", "Work on recordings, here or elsewhere."),
        "doctor": Command("examine", "doctor_command", "What is missing on this machine and the switches."),
        "demo": Command("..demo.cli", "demo", "A whole telephone system on this machine, recorded."),
        "nodes": Command("nodes", "nodes_command", "The controllers, and which switches each has."),
        "jobs": Command("jobs", "jobs", "The work on recordings; what failed, tried again."),
        "backup": Command("backup", "backup_command", "The catalog and its keys, into a new folder."),
        "restore": Command("backup", "restore_command", "A backup put back, brought up to date, verified."),
    },
    "What is recorded": {
        "policy": Command("policy", "settings", "System, tenants and users."),
        "rule": Command("rules", "rule", "Rules of trunks, queues, groups and more."),
        "tenant": Command("options", "tenants", "What a tenant chooses besides: formats, codes, sounds …"),
        "explain": Command("explain", "explain_command", "Would this call be recorded, and why?"),
        "import": Command("importing", "import_command", "Tenants and users that the switch knows."),
    },
    "Recordings": {
        "recordings": Command("recordings", "recordings", "List, show, download, of a running Tapeline."),
        "calls": Command("recordings", "calls", "Calls of a running Tapeline."),
        "live": Command("online", "live", "Calls that are up now; start, stop, pause, resume."),
        "find": Command("transcripts", "find_command", "By what was said."),
        "transcribe": Command("transcripts", "transcribe_command", "Write down what was said."),
        "redact": Command("redact", "redact_command", "Beep over a span."),
        "tag": Command("tags", "tag", "Tags on recordings."),
        "note": Command("tags", "note", "Notes on recordings."),
        "share": Command("online", "shares", "Links to recordings."),
        "report": Command("online", "report_command", "Minutes, pauses, and what is missing."),
        "store": Command("store", "store", "Where recordings are kept; moving them."),
        "sweep": Command("sweep", "sweep_command", "Rows without files, files without rows, wrong hashes."),
        "calculate": Command("disk", "calculate", "How much disk it will take."),
    },
    "Keep, prove, delete": {
        "retention": Command("retention", "retention", "How long recordings are kept."),
        "hold": Command("trash", "hold", "Legal holds: what nothing may delete."),
        "trash": Command("trash", "trash", "Deleted recordings, until their time is over."),
        "erase": Command("trash", "erase_command", "One person's recordings, names and numbers."),
        "proof": Command("proof", "proof", "The signed chain of what happened to recordings."),
        "evidence": Command("proof", "evidence_commands", "Recordings with all that proves them."),
        "verify": Command("proof", "verify_command", "Find what was changed since it was sealed; offline."),
        "sealing": Command("sealing", "sealing", "Recordings encrypted by Tapeline itself."),
    },
    "People and programs": {
        "user": Command("people", "people", "Who may sign in to the pages and the API."),
        "token": Command("people", "tokens", "API tokens of an account."),
        "group": Command("online", "groups", "Groups of users, queues and ring groups."),
        "audit": Command("online", "audit", "Who has listened, downloaded and changed what."),
        "webhook": Command("webhooks", "webhooks", "Where other systems are told of recordings."),
        "api": Command("online", "call_command", "Any other operation of the API."),
    },
}  # fmt: skip

#: All of them, by name.
COMMANDS = {name: command for panel in PANELS.values() for name, command in panel.items()}
