"""Why a leg ended, in plain words: FreeSWITCH's names and Asterisk's texts of the Q.850 causes."""

from __future__ import annotations

from .words import words

_CAUSES = {
    "hung up": ("NORMAL_CLEARING", "NORMAL_UNSPECIFIED", "NORMAL"),
    "was busy": ("USER_BUSY", "BUSY"),
    "did not answer": (
        "NO_ANSWER", "NO_USER_RESPONSE", "NO_USER_RESPONDING", "USER_ALERTING,_NO_ANSWER", "ALLOTTED_TIMEOUT",
        "PROGRESS_TIMEOUT", "MEDIA_TIMEOUT",
    ),
    "the caller gave up first": ("ORIGINATOR_CANCEL", "ORIGINATE_CANCEL"),
    "somebody else answered": ("LOSE_RACE", "PICKED_OFF", "ANSWERED_ELSEWHERE", "CALL_ANSWERED_ELSEWHERE"),
    "declined": ("CALL_REJECTED", "CALL_REJECTED_BY_USER", "DECLINE"),
    "transferred away": ("ATTENDED_TRANSFER", "BLIND_TRANSFER"),
    "is not registered": ("USER_NOT_REGISTERED", "SUBSCRIBER_ABSENT"),
    "no such number": (
        "UNALLOCATED_NUMBER", "UNALLOCATED_(UNASSIGNED)_NUMBER", "INVALID_NUMBER_FORMAT", "NUMBER_CHANGED",
        "NO_ROUTE_DESTINATION", "NO_ROUTE_TO_DESTINATION",
    ),
    "the destination is out of order": ("DESTINATION_OUT_OF_ORDER", "GATEWAY_DOWN"),
    "the network failed": (
        "NETWORK_OUT_OF_ORDER", "NORMAL_TEMPORARY_FAILURE", "RECOVERY_ON_TIMER_EXPIRE",
        "NO_CIRCUIT_AVAILABLE", "NORMAL_CIRCUIT_CONGESTION", "CIRCUIT/CHANNEL_CONGESTION",
        "SWITCH_CONGESTION", "TEMPORARY_FAILURE",
    ),
    "no codec in common": ("INCOMPATIBLE_DESTINATION", "BEARERCAPABILITY_NOTAVAIL"),
    "not allowed": ("OUTGOING_CALL_BARRED", "INCOMING_CALL_BARRED", "FACILITY_REJECTED"),
    "the system ended it": ("MANAGER_REQUEST", "SYSTEM_SHUTDOWN", "KILLED"),
    "the phone was lost": ("LOST", "CRASH", "INTERWORKING"),
}  # fmt: skip
_OF = {name: text for text, names in _CAUSES.items() for name in names}


def cause(code: str) -> str:
    """``USER_BUSY`` and ``User busy`` → ``was busy``; what is not known, as the switch says it."""
    key = code.strip().upper().replace(" ", "_")
    return _OF.get(key, words(code).lower())
