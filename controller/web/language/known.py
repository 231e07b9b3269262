"""Sentences that the core and the switches put together of parts, and the words of our enumerations.

They come as English data; the pages know them again here (`tr`). A sentence that stands whole in one place
(a Problem, a fault, an alarm) is found there by extracting.py and is not repeated.
"""

from __future__ import annotations

from .current import N_

#: core.policy and core.voices: why something is recorded, or not.
DECISIONS = (
    N_("recorded because %(why)s"),
    N_("not recorded because %(why)s"),
    N_("kept only if it is started before the end: %(why)s"),
    N_("%(subject)s has %(kind)s off"),
    N_("%(subject)s has %(kind)s on for a sample that this call is not in"),
    N_("%(subject)s is never recorded for its own sake"),
    N_("%(subject)s records %(kind)s from the moment of a start"),
    N_("%(subject)s records %(kind)s on demand"),
    N_("%(subject)s has %(kind)s on"),
    N_("%(subject)s requires %(kind)s"),
    N_("%(subject)s forbids %(kind)s"),
    N_("it was started on request"),
    N_("it was started on request before the end"),
    N_("it was recorded before the transfer, and calls between external numbers are"),
    N_("this switch cannot record video"),
)
SUBJECTS = (
    N_("the system"),
    N_("tenant %(name)s"),
    N_("trunk %(name)s"),
    N_("inbound rule %(name)s"),
    N_("outbound rule %(name)s"),
    N_("queue %(name)s"),
    N_("ring group %(name)s"),
    N_("receptionist %(name)s"),
    N_("user %(name)s"),
    N_("tag %(name)s"),
)
#: core.retention: how long something is kept, and why.
RETENTION = (
    N_("keep for ever"),
    N_("keep at least 1 day"),
    N_("keep at least %(days)s days"),
    N_("delete after 1 day"),
    N_("delete after %(days)s days"),
    N_("kept because of the legal hold %(names)s"),
    N_("kept by the legal hold %(names)s"),
    N_("kept because %(subject)s keeps for ever"),
    N_("kept because no rule deletes it"),
    N_("kept until %(time)s UTC: %(why)s"),
    N_("to be deleted since %(time)s UTC: %(why)s"),
    N_("%(subject)s keeps %(days)s days"),
    N_("%(subject)s keeps %(days)s days, longer than %(subject2)s (%(days2)s days)"),
    N_("%(subject)s deletes after 1 day"),
    N_("%(subject)s deletes after %(days)s days"),
    N_("%(subject)s keeps it for ever"),
    N_("%(subject)s keeps it until %(time)s UTC"),
)
#: Why a recording is not there to be heard (web.kept, engine.media_ports, catalog.discarding).
NOT_KEPT = (
    N_("not kept: %(reason)s"),
    N_("not kept: nobody started it before the end"),
    N_("being destroyed"),
    N_("destroyed because the same conversation is in another recording"),
    N_("held, otherwise discarded"),
)
#: engine.media_ports: what is wrong with a recording that is there.
REMARKS = (
    N_("silent: nothing is to be heard in it"),
    N_("interrupted: the switch died or lost it, and what it had not written is missing"),
)
#: media: what was noticed when a file was put into the store, and what a finishing task says (join, mixing,
#: film, take, sides, encode, redacting, pipeline, peaks_task).
FILES = (
    N_("unreadable: %(error)s"),
    N_("the switch did not finish this file"),
    N_("the switch did not finish this file (it has no index)"),
    N_("the header was repaired"),
    N_("as the switch left it: its header does not say its true length"),
    N_("segment %(number)s: the switch recorded nothing"),
    N_("segment %(number)s came after the recording was encoded and is kept by itself"),
    N_("segment %(number)s cannot be read by ffmpeg; it is kept as it is"),
    N_("segment %(number)s cannot be heard: %(error)s; it is kept as it is"),
    N_("segment %(number)s cannot be seen; it is kept as it is"),
    N_("a segment claims to begin more than a day after its predecessor: joined without a gap"),
    N_("the announcement could not be mixed in: %(error)s"),
    N_("the pause at its end is not shown: %(error)s"),
    N_("merged: left %(role)s %(frames)s samples, sha256 %(hash)s"),
    N_("merged: left silent, no file"),
    N_("right %(role)s %(frames)s samples, sha256 %(hash)s"),
    N_("right silent, no file"),
    N_("%(role)s %(frames)s samples, sha256 %(hash)s, kept beside it"),
    N_("%(role)s unreadable, sha256 %(hash)s, kept beside it"),
    N_("%(role)s %(frames)s samples, sha256 %(hash)s, the sum of both"),
    N_("made of the rendition with sha256 %(hash)s"),
    N_("%(channels)s channels mixed into %(made)s"),
    N_("%(what)s taken out"),
    N_("%(what)s and %(what2)s taken out"),
    N_("1 run of digits"),
    N_("%(count)s runs of digits"),
    N_("1 chosen span"),
    N_("%(count)s chosen spans"),
    N_("no waveform: the recording is not in one file"),
    N_("no waveform: the recording has no sound"),
    N_("no waveform: %(error)s"),
)
#: cluster.distant_spool: why nobody sees a spool's disk.
ROOMS = (
    N_("no controller runs on %(machine)s"),
    N_("the controller on %(machine)s does not answer"),
    N_("the spool is not on this machine"),
)
#: core.spans: what happened on a recording's time line.
SPANS = (
    N_("Paused for %(lasts)s"),
    N_("Paused by %(who)s for %(lasts)s"),
    N_("Paused: %(lasts)s left out here"),
    N_("Paused by %(who)s: %(lasts)s left out here"),
    N_("Paused for %(lasts)s, %(more)s more left out"),
    N_("Paused by %(who)s for %(lasts)s, %(more)s more left out"),
    N_("An announcement of the recording is heard for %(lasts)s"),
    N_("Nothing was captured for %(lasts)s"),
    N_("Nothing was captured for %(lasts)s: left out here"),
    N_("%(who)s on hold for %(lasts)s"),
    N_("Three or more in the call for %(lasts)s"),
    N_("Transferred from %(before)s to %(who)s"),
    N_("%(who)s joined"),
    N_("%(who)s left"),
)
#: core.disk, without the field that they are about.
FIGURES = (
    N_("A number."),
    N_("A number that can be."),
    N_("want %(least)s to %(most)s, not %(value)s"),
)
#: core.control and the journey: what was asked, and what came of it.
CONTROL = (
    N_("paused"),
    N_("was paused already"),
    N_("resumed"),
    N_("was recorded already"),
    N_("kept from its beginning"),
    N_("started"),
    N_("stopped"),
    N_("no such call"),
    N_("the call is not the requester's own"),
    N_("an external party may not control the recording"),
    N_("the call is not being recorded"),
    N_("the recording is not paused"),
    N_("the recording policy forbids it"),
    N_("the user's recording mode does not allow it"),
    N_("the code means nothing to this tenant"),
    N_("the call has nobody to talk to yet"),
    N_("several calls fit; say which one"),
    N_("the request did not come from the address of the user's own leg"),
    N_("%(what)s, but the switch has not confirmed it yet."),
    N_("pause asked"),
    N_("resume asked"),
    N_("start asked"),
    N_("stop asked"),
    N_("pause ended by its limit"),
    N_("the longest pause of %(seconds)s s"),
    N_("end of recording"),
    N_("end of call"),
    N_("external party"),
    N_("%(who)s by %(what)s"),
    N_("capture adopted"),
    N_("hang-up"),
    N_("not opened before the link was lost"),
    N_("ended while out of touch"),
    N_("the switch died"),
    N_("lost while out of touch"),
    N_("the switch's disk was full"),
    N_("the switch could not write it"),
    N_("recording interrupted"),
    N_("a script"),
    N_("silent for the announcement"),
    N_("announcement played"),
    N_("announcement failed"),
    N_("recording taken back"),
    N_("%(browser)s on %(system)s"),
)
#: doctor: what its findings are about.
EXAMINED = (
    N_("this machine"),
    N_("store %(name)s (%(type)s)"),
    N_("sealing %(name)s"),
    N_("transcripts"),
    N_("traces"),
    N_("switch %(name)s (%(type)s)"),
    N_("the event socket"),
)
#: media.objects: where a store's files lie.
PLACES = (
    N_("bucket %(bucket)s"),
    N_("bucket %(bucket)s at %(address)s"),
)
#: As `words` writes them.
ENUMERATIONS = (
    # roles and scopes of tokens
    N_("system administrator"), N_("tenant administrator"), N_("supervisor"), N_("compliance officer"),
    N_("user"), N_("own account"), N_("see calls"), N_("listen"), N_("download"), N_("export"), N_("share"),
    N_("annotate"), N_("see live"), N_("control live"), N_("hold"), N_("delete"), N_("erase"),
    N_("see unredacted"), N_("hear withheld"), N_("see policy"), N_("change policy"), N_("change options"),
    N_("manage accounts"), N_("manage shares"), N_("manage jobs"), N_("manage webhooks"), N_("see audit"),
    N_("system settings"),
    # sides, directions, kinds, what calls come through
    N_("internal"), N_("external"), N_("inbound"), N_("outbound"), N_("audio"), N_("video"), N_("queue"),
    N_("ring group"), N_("receptionist"), N_("trunk"), N_("inbound rule"), N_("outbound rule"), N_("tenant"),
    N_("system"),
    # states of captures, jobs, batches, deliveries, switches, links
    N_("requested"), N_("recording"), N_("masking"), N_("unmasking"), N_("closing"), N_("ended"),
    N_("failed"), N_("waiting"), N_("running"), N_("retrying"), N_("done"), N_("cancelled"), N_("asked"),
    N_("delivered"), N_("dead"), N_("connecting"), N_("up"), N_("down"), N_("revoked"), N_("expired"),
    # how a session began
    N_("password"), N_("first run"), N_("%(what)s and code"), N_("%(what)s and recovery code"),
    N_("unknown"), N_("stereo"), N_("mono"),
)  # fmt: skip
#: The CDR's filter by reason: core.policy.Cause, and scope: saying.
REASONS = (
    N_("Requested"), N_("Stopped on request"), N_("Nobody wants"), N_("External only"),
    N_("External continued"), N_("Not a video call"), N_("Unsupported by switch"), N_("Recovered"),
    N_("Recorded twice"),
    N_("System: %(what)s"), N_("Tenant: %(what)s"), N_("Trunk: %(what)s"), N_("Inbound rule: %(what)s"),
    N_("Outbound rule: %(what)s"), N_("Queue: %(what)s"), N_("Ring group: %(what)s"),
    N_("Receptionist: %(what)s"), N_("User: %(what)s"),
    N_("on"), N_("off"), N_("require"), N_("forbid"), N_("on demand"), N_("not sampled"), N_("never"),
    N_("on demand start"),
    # what a report is grouped by, and directions within a sentence
    N_("day"), N_("hour of the day"), N_("queue or group"), N_("between external numbers"),
)  # fmt: skip
#: Titles of error pages (HTTP's own phrases).
TITLES = (
    N_("Bad Request"), N_("Unauthorized"), N_("Forbidden"), N_("Not Found"), N_("Method Not Allowed"),
    N_("Not Acceptable"), N_("Conflict"), N_("Gone"), N_("Precondition Failed"),
    N_("Content Too Large"), N_("Request Entity Too Large"), N_("Unsupported Media Type"),
    N_("Unprocessable Content"), N_("Unprocessable Entity"), N_("Too Many Requests"),
    N_("Internal Server Error"), N_("Service Unavailable"), N_("Error"),
)  # fmt: skip
