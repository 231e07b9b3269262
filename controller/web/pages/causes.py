"""Why a leg ended, in plain words: FreeSWITCH's names and Asterisk's texts of the Q.850 causes."""

from __future__ import annotations

from ..language import N_
from .words import words

_CAUSES = {
    N_("hung up"): ("NORMAL_CLEARING", "NORMAL_UNSPECIFIED", "NORMAL"),
    N_("was busy"): ("USER_BUSY", "BUSY"),
    N_("did not answer"): (
        "NO_ANSWER", "NO_USER_RESPONSE", "NO_USER_RESPONDING", "USER_ALERTING,_NO_ANSWER", "ALLOTTED_TIMEOUT",
        "PROGRESS_TIMEOUT", "MEDIA_TIMEOUT",
    ),
    N_("the caller gave up first"): ("ORIGINATOR_CANCEL", "ORIGINATE_CANCEL"),
    N_("somebody else answered"): (
        "LOSE_RACE", "PICKED_OFF", "ANSWERED_ELSEWHERE", "CALL_ANSWERED_ELSEWHERE",
    ),
    N_("declined"): ("CALL_REJECTED", "CALL_REJECTED_BY_USER", "DECLINE"),
    N_("transferred away"): ("ATTENDED_TRANSFER", "BLIND_TRANSFER"),
    N_("is not registered"): ("USER_NOT_REGISTERED", "SUBSCRIBER_ABSENT"),
    N_("no such number"): (
        "UNALLOCATED_NUMBER", "UNALLOCATED_(UNASSIGNED)_NUMBER", "INVALID_NUMBER_FORMAT", "NUMBER_CHANGED",
        "NO_ROUTE_DESTINATION", "NO_ROUTE_TO_DESTINATION",
    ),
    N_("the destination is out of order"): ("DESTINATION_OUT_OF_ORDER", "GATEWAY_DOWN"),
    N_("the network failed"): (
        "NETWORK_OUT_OF_ORDER", "NORMAL_TEMPORARY_FAILURE", "RECOVERY_ON_TIMER_EXPIRE",
        "NO_CIRCUIT_AVAILABLE", "NORMAL_CIRCUIT_CONGESTION", "CIRCUIT/CHANNEL_CONGESTION",
        "SWITCH_CONGESTION", "TEMPORARY_FAILURE",
    ),
    N_("no codec in common"): ("INCOMPATIBLE_DESTINATION", "BEARERCAPABILITY_NOTAVAIL"),
    N_("not allowed"): ("OUTGOING_CALL_BARRED", "INCOMING_CALL_BARRED", "FACILITY_REJECTED"),
    N_("the system ended it"): ("MANAGER_REQUEST", "SYSTEM_SHUTDOWN", "KILLED"),
    N_("the phone was lost"): ("LOST", "CRASH", "INTERWORKING"),
}  # fmt: skip
_OF = {name: text for text, names in _CAUSES.items() for name in names}


def cause(code: str) -> str:
    """``USER_BUSY`` and ``User busy`` → ``was busy``; what is not known, as the switch says it."""
    key = code.strip().upper().replace(" ", "_")
    return _OF.get(key, words(code).lower())
