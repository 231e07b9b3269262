"""The desk of one switch: facts and requests in, commands and changes out. Pure and synchronous.

It folds facts into calls, keeps the capture machines, and lets `reconcile` find the commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from . import facts as f
from .bridges import Bridges, EndedLegs
from .calls import Call, CallBook, JourneyEntry, Leg
from .capture_facts import close_again, cut_short, note, note_gone
from .commands import BindFeatureCodes, Sound
from .control import carry_out
from .due import Agenda
from .effects import Effects
from .limits import allow_for_clock, end_long_pauses
from .parties import Party
from .permission import wants_answer
from .policy import Policy
from .reconcile import reconcile
from .recording import NO_ROOM, Recording
from .requests import ControlOutcome, ControlRequest
from .resync import adopt_captures, leg_facts
from .retraction import take_back
from .sounds import announcement_played, beep, pause_marks, pause_tone
from .strays import adopt_strays


class Desk:
    """Everything known and wanted about one switch's calls.

    ``new_id`` gives ids made of letters and digits. No method raises for what a switch or a
    stranger may send.
    """

    def __init__(
        self,
        new_id: Callable[[], str],
        policy: Policy | None = None,
        *,
        video_supported: bool = True,
        hold_stops_capture: bool = False,
    ) -> None:
        self.book = CallBook()
        self.policy = policy or Policy()
        self.video_supported = video_supported
        self.hold_stops_capture = hold_stops_capture
        self._new_id = new_id
        self._recordings: dict[str, Recording] = {}
        self.no_room = False
        self.agenda = Agenda()
        self._bridges = Bridges()
        self._ended = EndedLegs()

    # ── in ────────────────────────────────────────────────────────────────────────────────

    def apply(self, fact: f.Fact) -> Effects:
        """Take note of what happened; what is late, repeated or about nothing known is a no-op."""
        effects = Effects()
        if isinstance(fact, f.SwitchSnapshot):
            self._resynchronise(fact, effects)
        elif isinstance(fact, f.CaptureFact):
            self._capture_fact(fact, effects)
        elif isinstance(fact, f.AnnouncementPlayed):
            self._announcement_played(fact, effects)
        else:
            self._leg_fact(fact, effects)
        return effects

    def request(self, request: ControlRequest) -> tuple[ControlOutcome, Effects]:
        """Do or refuse what is asked. A refusal changes nothing and says why."""
        effects = Effects()
        call, outcome = carry_out(
            self.book, self.policy, request, self._new_id, effects, video_supported=self.video_supported
        )
        outcome = replace(outcome, answer=wants_answer(self.policy, self.book, request))
        if call is None:
            return outcome, effects
        before = {s.capture_id for r in call.recordings for s in r.segments}
        self._reconcile(call, request.at, effects)
        concerned = [
            r
            for r in call.recordings
            if r.recording_id in outcome.recording_ids or any(s.capture_id not in before for s in r.segments)
        ]
        return (
            replace(
                outcome,
                recording_ids=tuple(r.recording_id for r in concerned),
                capture_ids=tuple(r.running.capture_id for r in concerned if r.running),
            ),
            effects,
        )

    def set_policy(self, policy: Policy, at: datetime) -> Effects:
        """Settings that changed count at once, for the calls that are up as well."""
        effects = Effects()
        self.policy = policy
        for call in self.book:
            self._reconcile(call, at, effects)
        return effects

    def tick(self, call: Call, at: datetime) -> Effects:
        """Try again what the switch has refused, end what has lasted too long. Of a call that is not due it
        changes nothing."""
        effects = Effects()
        close_again(call, effects)
        end_long_pauses(call, self.policy, at, effects)
        beep(call, self.policy, at, effects)
        self._reconcile(call, at, effects)
        return effects

    def clock_set(self, by: timedelta) -> Effects:
        """The clock was set by so much: no pause that is on lasts shorter or longer for that, and what waits
        for a moment is looked at now."""
        self.agenda.all_now(self.book)
        return allow_for_clock(self.book, by)

    def room(self, there: bool, at: datetime) -> Effects:
        """What runs is in files with a hole, and ends; it begins anew once there is room."""
        effects, self.no_room = Effects(), not there
        for call in self.book:
            cut_short(call, NO_ROOM, at)
            self._reconcile(call, at, effects)
        return effects

    def restore(self, calls: Iterable[Call]) -> None:
        """Take over the calls that the catalog holds as running; the next snapshot corrects them."""
        for call in calls:
            self.book.add(call)
            for leg in call.live_legs:
                if leg.bridge_id is not None:
                    self._bridges.enter(leg, leg.bridge_id)
            for leg in call.legs.values():
                if not leg.live:
                    self._ended.add(leg.leg_id)
            for recording in call.recordings:
                self._recordings[recording.recording_id] = recording
            self.agenda.note(call, self.policy)

    # ── legs and bridges ──────────────────────────────────────────────────────────────────

    def _leg_fact(self, fact: f.LegFact, effects: Effects, *, settle: bool = True) -> None:
        """``settle`` False: one of many at once, and what follows from them is found afterwards."""
        if isinstance(fact, f.LegHungUp):
            self._ended.add(fact.leg_id)
        elif fact.leg_id in self._ended:
            return
        if isinstance(fact, f.LegStarted):
            call = self._leg_started(fact, effects)
        else:
            known = self.book.call_of(fact.leg_id)
            if known is None:
                return
            call = self._leg_changed(known, known.legs[fact.leg_id], fact, effects)
        effects.touch(call)
        if settle:
            self._reconcile(call, fact.at, effects)
            if isinstance(fact, f.LegRouted | f.LegIdentified):
                take_back(call, fact.leg_id, fact.at, effects)
        if not call.live_legs:
            self._end_call(call, fact.at, effects)

    def _leg_started(self, fact: f.LegStarted, effects: Effects) -> Call:
        known = self.book.call_of(fact.leg_id)
        if known is not None:
            leg = known.legs[fact.leg_id]
            self.book.add_aliases(known, leg, fact.aliases)
            leg.video = leg.video or fact.video
            leg.addressable = fact.addressable
            leg.pipe = fact.pipe or leg.pipe
            leg.routes = tuple(dict.fromkeys((*leg.routes, *fact.routes)))
            return self._identify(known, leg, fact.party, effects)
        call = self.book.call_of(fact.origin) if fact.origin else None
        if call is None:
            call = Call(self._new_id(), fact.at)
            self.book.add(call)
        leg = Leg(
            fact.leg_id,
            fact.party,
            fact.at,
            fact.calling,
            fact.dialled,
            fact.address,
            fact.video,
            fact.recordable,
            aliases={a for a in fact.aliases if a},
            routes=tuple(dict.fromkeys(fact.routes)),
            addressable=fact.addressable,
            pipe=fact.pipe,
        )
        self.book.add_leg(call, leg)
        self._bind_codes(call, leg, effects)
        call.journey.append(JourneyEntry(fact.at, "calling" if fact.calling else "called", leg.leg_id))
        return call

    def _leg_changed(self, call: Call, leg: Leg, fact: f.LegFact, effects: Effects) -> Call:
        match fact:
            case f.LegIdentified():
                self.book.add_aliases(call, leg, fact.aliases)
                leg.address = fact.address or leg.address
                call = self._merge_with(fact.origin, call, effects)
                if fact.party is not None:
                    call = self._identify(call, leg, fact.party, effects, replaced=fact.replaced)
            case f.LegRouted():
                leg.routes = tuple(dict.fromkeys((*leg.routes, *fact.routes)))
            case f.LegAnswered():
                if leg.answered_at is None:
                    leg.answered_at = fact.at
                    call.answered_at = call.answered_at or fact.at
                    call.journey.append(JourneyEntry(fact.at, "answered", leg.leg_id))
            case f.LegVideoChanged():
                leg.video = fact.video
            case f.BridgeEntered():
                call = self._bridge_entered(call, leg, fact, effects)
            case f.BridgeLeft():
                if leg.bridge_id == fact.bridge_id:
                    self._bridges.leave(leg)
                    call.journey.append(JourneyEntry(fact.at, "left", leg.leg_id))
            case f.LegHeld() | f.LegUnheld():
                held = isinstance(fact, f.LegHeld)
                if leg.held != held:
                    leg.held = held
                    call.journey.append(JourneyEntry(fact.at, "held" if held else "unheld", leg.leg_id))
            case f.LegHungUp():
                self._hang_up(call, leg, fact, effects)
        return call

    def _identify(
        self, call: Call, leg: Leg, party: Party, effects: Effects, *, replaced: bool = False
    ) -> Call:
        if leg.party.internal and not replaced:
            # Who signed in on a leg does not change; what a switch says later may be somebody else
            # (FreeSWITCH overwrites dialed_user on a leg that a transfer makes call another).
            return call
        leg.party = party
        self._bind_codes(call, leg, effects)
        return call

    def _bind_codes(self, call: Call, leg: Leg, effects: Effects) -> None:
        """Once for each leg, as early as can be: before anybody talks it disturbs nobody."""
        if leg.party.internal and leg.commanded:
            codes = self.policy.options_of(leg.party.tenant).codes
            effects.command(call, BindFeatureCodes(leg.leg_id, tuple(codes.items())))

    def _bridge_entered(self, call: Call, leg: Leg, fact: f.BridgeEntered, effects: Effects) -> Call:
        if leg.bridge_id == fact.bridge_id:
            return call
        others = self._bridges.enter(leg, fact.bridge_id)
        call.journey.append(JourneyEntry(fact.at, "talking", leg.leg_id))
        for other in others:
            call = self._merge_with(other, call, effects)
        return call

    def _merge_with(self, leg_id: str | None, call: Call, effects: Effects) -> Call:
        other = self.book.call_of(leg_id) if leg_id else None
        if other is None or other is call:
            return call
        keep, gone = self.book.merge(call, other)
        self.agenda.note(gone, self.policy)
        effects.merged[gone.call_id] = keep.call_id
        effects.changed.pop(gone.call_id, None)
        effects.touch(keep)
        return keep

    def _hang_up(self, call: Call, leg: Leg, fact: f.LegHungUp, effects: Effects) -> None:
        if leg.ended_at is not None:
            return
        self._bridges.leave(leg)
        leg.ended_at, leg.cause, leg.held = fact.at, fact.cause, False
        call.journey.append(JourneyEntry(fact.at, "hung up", leg.leg_id, fact.cause))
        for recording in call.recordings:
            for segment in recording.unfinished:
                if segment.leg_id == leg.leg_id:
                    note_gone(call, recording, segment, fact.at, "hang-up", effects)

    def _end_call(self, call: Call, at: datetime, effects: Effects) -> None:
        call.ended_at = at
        for recording in call.recordings:
            self._recordings.pop(recording.recording_id, None)
            announce = recording.ended_at is None
            recording.ended_at = recording.ended_at or at
            pause = recording.open_pause
            if pause is not None:
                pause.ended_at, pause.ended_by = at, "end of call"
            if announce:
                effects.announce(call, recording, "ended")
        effects.touch(call)
        self.agenda.note(call, self.policy)
        self.book.remove(call)

    # ── captures ──────────────────────────────────────────────────────────────────────────

    def _capture_fact(self, fact: f.CaptureFact, effects: Effects) -> None:
        recording = self._recordings.get(fact.capture_id.rpartition(".")[0])
        call = self.book.calls.get(recording.call_id) if recording else None
        if recording is None or call is None:
            return
        segment = next((s for s in recording.segments if s.capture_id == fact.capture_id), None)
        before = pause_marks(recording)
        if segment is not None and note(call, recording, segment, fact, effects):
            after = pause_marks(recording)
            if after != before:
                sound = Sound.PAUSED if after[0] > before[0] else Sound.RESUMED
                pause_tone(call, recording, self.policy, sound, fact.at, effects)
            self._reconcile(call, fact.at, effects)

    def _announcement_played(self, fact: f.AnnouncementPlayed, effects: Effects) -> None:
        call, leg = self.book.call_of(fact.leg_id), self.book.leg(fact.leg_id)
        if call and leg and announcement_played(call, leg, fact, self.policy, effects):
            self._reconcile(call, fact.at, effects)

    def _reconcile(self, call: Call, at: datetime, effects: Effects) -> None:
        before = len(call.decided)
        reconcile(
            call, self.policy, at, self._new_id, effects, no_room=self.no_room,
            video_supported=self.video_supported, hold_stops_capture=self.hold_stops_capture,
        )  # fmt: skip
        if len(call.decided) != before:
            effects.touch(call)
        for recording in call.recordings:
            self._recordings[recording.recording_id] = recording
        self.agenda.note(call, self.policy)

    # ── resynchronisation ─────────────────────────────────────────────────────────────────

    def _resynchronise(self, snapshot: f.SwitchSnapshot, effects: Effects) -> None:
        """Bring what we believe in line with what is. Order matters: first the captures that we know,
        then the legs, then the captures of which we knew nothing; only then is it decided what should
        be, so that no second capture is opened beside one that is running."""
        strays = adopt_captures(self.book, snapshot, self._new_id, effects)
        facts = leg_facts(self.book, snapshot)
        for fact in facts:
            self._leg_fact(fact, effects, settle=False)
        adopt_strays(
            self.book, self.policy, self._recordings, strays, snapshot.at, self._new_id, effects,
            video_supported=self.video_supported,
        )  # fmt: skip
        for call in self.book:
            self._reconcile(call, snapshot.at, effects)
            if not call.live_legs:
                self._end_call(call, snapshot.at, effects)
        for fact in facts:
            known = self.book.call_of(fact.leg_id)
            if known is not None and isinstance(fact, f.LegRouted | f.LegIdentified):
                take_back(known, fact.leg_id, fact.at, effects)
