"""Transcripts in the catalog: kept, found, shown to the right people, removed, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text as sql

from controller.catalog import SqlCatalog
from controller.core.options import Channels, Redaction, TenantOptions, Transcripts
from controller.core.transcripts import Transcript, Utterance, Word, in_order
from controller.engine.media_ports import FileRole, MediaState, StoredFile
from controller.engine.reading import Hidden, RecordingFilter, Scope, TenantSettings
from controller.media.redacting import ChosenSpans
from controller.media.redactor import Redactor
from controller.media.shelves import home_only
from controller.media.speech import SpeechEngine
from controller.media.store import LocalStore
from controller.media.transcribe import Transcribe
from tests.catalog.story import Story, inside, outside
from tests.policies import policy_of, tenant_rule

RED, BLUE, ALL = Scope("red.example"), Scope("blue.example"), Scope(None)


def said(text: str, at_ms: int = 0, channel: int = 0, speaker: str = "101 (Ann)") -> Utterance:
    words = [Word(w, at_ms + 400 * n, at_ms + 400 * n + 350, 0.9) for n, w in enumerate(text.split())]
    return Utterance(channel, speaker, tuple(words))


def transcript(*spoken: Utterance, source: str = "ab") -> Transcript:
    return Transcript("en", "fake", source, in_order(spoken))


async def kept(catalog: SqlCatalog, story: Story, *tenants: str, name: str = "x") -> tuple[str, list[str]]:
    """A call between red 101 and ``outside``, or red 101 and blue 201; its recordings, available."""
    other = inside("201", "blue.example") if "blue.example" in tenants else outside("+49301")
    call = story.talk(f"{name}-a", inside("101"), f"{name}-b", other)
    await story.save(catalog)
    page = await catalog.recordings(ALL, RecordingFilter(call_id=call))
    for row in page.items:
        await add_rendition(catalog, row.recording_id)
        await catalog.set_media_state(row.recording_id, MediaState.AVAILABLE, duration_ms=60_000)
    return call, [row.recording_id for row in sorted(page.items, key=lambda r: r.tenant, reverse=True)]


async def add_rendition(catalog: SqlCatalog, recording_id: str, sha: str = "ab") -> None:
    for role, number in ((FileRole.SEGMENT, 1), (FileRole.RENDITION, 0)):
        key = f"red.example/2026/11/22/{recording_id}{'' if role is FileRole.RENDITION else '.1'}.wav"
        await catalog.add_file(StoredFile(recording_id, role, number, key, "wav", 44, sha, 60_000, 1, 8000))


async def found(catalog: SqlCatalog, text: str, scope: Scope = RED) -> list[str]:
    page = await catalog.recordings(scope, RecordingFilter(text=text))
    return [row.recording_id for row in page.items]


FERRY = transcript(
    said("Good morning, Harbour Travel.", 600),
    said("I would like to pay for my ferry booking, please.", 6000, 1, "+49301"),
    said("我要订船票", 9000),
)


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ("ferry", True),
        ("FERR", True),
        ("erry", False),
        ("harbour please", True),  # said by two people
        ("harbour yacht", False),
        ('"harbour travel"', True),
        ('"travel harbour"', False),
        ('"harbour trav"', False),
        ("船票", True),
        ("票船", False),
        # What the databases' own query languages would read as more than text.
        ("ferry OR yacht", False),
        ("NOT yacht", False),
        ("ferry*", True),
        ('"ferry', True),
        ("ferry'; DROP TABLE utterances; --", False),
        ("ferry) | (yacht", False),
        ("NEAR(ferry booking)", False),
        ("terms:ferry", False),
        ("ferry & booking", True),
        ("ferry:*", True),
        ("\\", False),
        ("\x00", False),
        ("'\"*&|!:()<->^{}[]", False),
        ("ferry " * 500, True),
        ("%", False),
        ("_", False),
    ],
)
async def test_what_a_query_finds(catalog: SqlCatalog, query: str, there: bool) -> None:
    _, (mine,) = await kept(catalog, Story())
    await catalog.set_transcript(mine, FERRY, Redaction.OFF)
    assert await found(catalog, query) == ([mine] if there else [])


async def test_a_hit_says_where_and_by_whom(catalog: SqlCatalog) -> None:
    _, (mine,) = await kept(catalog, Story())
    await catalog.set_transcript(mine, FERRY, Redaction.OFF)
    page = await catalog.recordings(RED, RecordingFilter(text="ferry harb"))
    first, second = page.items[0].hits
    assert (first.speaker, first.match, first.at_ms) == ("101 (Ann)", "Harbour", 600 + 800)
    assert (second.speaker, second.match, second.at_ms) == ("+49301", "ferry", 6000 + 7 * 400)
    assert (second.before, second.behind) == ("I would like to pay for my", "booking, please.")
    assert (await catalog.recordings(RED, RecordingFilter())).items[0].hits == ()


async def test_only_three_hits_of_a_recording_are_shown(catalog: SqlCatalog) -> None:
    _, (mine,) = await kept(catalog, Story())
    many = transcript(*(said(f"the ferry {n}", 1000 * n) for n in range(50)))
    await catalog.set_transcript(mine, many, Redaction.OFF)
    hits = (await catalog.recordings(RED, RecordingFilter(text="ferry"))).items[0].hits
    assert [hit.behind for hit in hits] == ["0", "1", "2"]


async def test_a_long_utterance_is_cut_around_the_hit(catalog: SqlCatalog) -> None:
    _, (mine,) = await kept(catalog, Story())
    long = said(" ".join([f"w{n}" for n in range(40)] + ["ferry"] + [f"v{n}" for n in range(40)]))
    await catalog.set_transcript(mine, transcript(long), Redaction.OFF)
    (hit,) = (await catalog.recordings(RED, RecordingFilter(text="ferry"))).items[0].hits
    assert hit.before == "… w32 w33 w34 w35 w36 w37 w38 w39"
    assert hit.behind.startswith("v0 ")
    assert hit.behind.endswith("v13 …")


async def test_tenants_and_users_find_and_read_only_their_own(catalog: SqlCatalog) -> None:
    _, (red, blue) = await kept(catalog, Story(), "blue.example")
    await catalog.set_transcript(red, transcript(said("secretred words")), Redaction.OFF)
    await catalog.set_transcript(blue, transcript(said("secretblue words")), Redaction.OFF)
    assert await found(catalog, "words", RED) == [red]
    assert await found(catalog, "words", BLUE) == [blue]
    assert await found(catalog, "secretred", BLUE) == []
    assert set(await found(catalog, "words", ALL)) == {red, blue}
    assert await found(catalog, "words", Scope("red.example", "101")) == [red]
    assert await found(catalog, "words", Scope("red.example", "102")) == []
    assert await catalog.transcript(BLUE, red) is None
    assert await catalog.transcript(Scope("red.example", "102"), red) is None
    assert await catalog.transcript(Scope("red.example", "101"), red) is not None
    assert await catalog.transcript(ALL, "nothing") is None


async def test_there_and_back_again(catalog: SqlCatalog) -> None:
    _, (mine,) = await kept(catalog, Story())
    await catalog.set_transcript(mine, FERRY, Redaction.OFF)
    assert await catalog.stored_transcript(mine) == (FERRY, Redaction.OFF)
    view = await catalog.transcript(RED, mine)
    assert view is not None
    assert view.utterances == FERRY.utterances
    assert await catalog.stored_transcript("nothing") is None


async def test_made_anew_it_takes_the_place_of_the_old_one(catalog: SqlCatalog) -> None:
    _, (mine,) = await kept(catalog, Story())
    await catalog.set_transcript(mine, FERRY, Redaction.OFF)
    await catalog.set_transcript(mine, transcript(said("something else")), Redaction.TEXT)
    assert await found(catalog, "ferry") == []
    assert await found(catalog, "something") == [mine]


async def test_forgotten_it_cannot_be_found(catalog: SqlCatalog) -> None:
    _, (mine,) = await kept(catalog, Story())
    await catalog.set_transcript(mine, FERRY, Redaction.OFF)
    await catalog.forget_transcript(mine)
    assert await found(catalog, "ferry") == []
    assert await catalog.transcript(RED, mine) is None
    async with catalog.database.reading() as connection:
        for table in ("transcripts", "utterances"):
            assert (await connection.execute(sql(f"SELECT count(*) FROM {table}"))).scalar_one() == 0
        if catalog.database.sqlite:
            left = await connection.execute(
                sql("SELECT count(*) FROM utterance_terms WHERE utterance_terms MATCH 'ferry'")
            )
            assert left.scalar_one() == 0


async def test_a_recordings_row_takes_its_text_with_it(catalog: SqlCatalog) -> None:
    _, (mine,) = await kept(catalog, Story())
    await catalog.set_transcript(mine, FERRY, Redaction.OFF)
    async with catalog.database.writing() as connection:
        await connection.execute(sql("DELETE FROM files"))
        await connection.execute(sql("DELETE FROM recordings"))
    async with catalog.database.reading() as connection:
        assert (await connection.execute(sql("SELECT count(*) FROM utterances"))).scalar_one() == 0
        if catalog.database.sqlite:
            left = await connection.execute(
                sql("SELECT count(*) FROM utterance_terms WHERE utterance_terms MATCH 'ferry'")
            )
            assert left.scalar_one() == 0


async def test_a_recording_that_is_gone_gets_no_text_back(catalog: SqlCatalog) -> None:
    await catalog.set_transcript("gone", FERRY, Redaction.OFF)
    assert await catalog.stored_transcript("gone") is None


def wish(redaction: Redaction) -> TenantSettings:
    return TenantSettings(
        "red.example", options=TenantOptions(transcripts=Transcripts.ON, redact_digits=redaction)
    )


async def test_what_is_wanted_follows_the_tenants_options(catalog: SqlCatalog) -> None:
    _, (mine,) = await kept(catalog, Story())
    assert await catalog.untranscribed() == []
    wanted = await catalog.wanted_transcript(mine)
    assert wanted is not None
    assert (wanted.transcripts, wanted.redaction) == (False, Redaction.OFF)
    await catalog.set_tenant(wish(Redaction.OFF))
    assert await catalog.untranscribed() == [mine]
    assert await catalog.untranscribed("blue.example") == []
    assert await catalog.untranscribed(after=mine) == []
    await catalog.set_transcript(mine, FERRY, Redaction.OFF)
    assert await catalog.untranscribed() == []
    await catalog.set_tenant(wish(Redaction.TEXT))
    assert await catalog.untranscribed() == [mine]
    await catalog.set_transcript(mine, FERRY, Redaction.TEXT)
    assert await catalog.untranscribed() == []
    await catalog.set_tenant(wish(Redaction.AUDIO))
    assert await catalog.untranscribed() == [mine]
    await catalog.set_transcript(mine, FERRY, Redaction.AUDIO)
    assert await catalog.untranscribed() == []
    await add_rendition(catalog, mine, "cd")  # made again: it is another sound
    assert await catalog.untranscribed() == [mine]
    assert await catalog.wanted_transcript("nothing") is None


async def test_what_ordinary_ears_may_hear(catalog: SqlCatalog) -> None:
    _, (mine,) = await kept(catalog, Story())

    async def hidden() -> Hidden:
        detail = await catalog.recording(RED, mine)
        assert detail is not None
        assert await catalog.sound_of(RED, mine) == detail.sound
        return detail.hidden

    assert await hidden() is Hidden.NOTHING
    await catalog.set_tenant(wish(Redaction.TEXT))
    assert await hidden() is Hidden.NOTHING
    await catalog.set_tenant(wish(Redaction.AUDIO))
    assert await hidden() is Hidden.NOT_YET
    await catalog.set_transcript(mine, FERRY, Redaction.TEXT)
    assert await hidden() is Hidden.NOT_YET
    await catalog.set_transcript(mine, FERRY, Redaction.AUDIO)
    assert await hidden() is Hidden.NOTHING  # looked through, and no digits in it
    await add_rendition(catalog, mine, "cd")
    assert await hidden() is Hidden.NOT_YET
    key = f"red.example/2026/11/22/{mine}.redacted.wav"
    await catalog.add_file(StoredFile(mine, FileRole.REDACTED, 0, key, "wav", 1, "ef", 1, 1, 8000))
    assert await hidden() is Hidden.DIGITS
    await catalog.set_tenant(wish(Redaction.OFF))
    assert await hidden() is Hidden.DIGITS  # what was hidden is not shown by changing one's mind


async def test_an_encoded_file_alone_is_the_same_sound(catalog: SqlCatalog) -> None:
    _, (mine,) = await kept(catalog, Story())
    await catalog.set_tenant(wish(Redaction.AUDIO))
    await catalog.set_transcript(mine, FERRY, Redaction.AUDIO)
    await catalog.add_file(
        StoredFile(mine, FileRole.ENCODED, 0, "red.example/x.mp3", "mp3", 1, "cd", 1, 1, 8000)
    )
    async with catalog.database.writing() as connection:
        await connection.execute(sql("DELETE FROM files WHERE role = 'rendition'"))
    detail = await catalog.recording(RED, mine)
    assert detail is not None
    assert detail.hidden is Hidden.NOTHING
    assert await catalog.untranscribed() == []
    wanted = await catalog.wanted_transcript(mine)
    assert wanted is not None
    assert wanted.rendition.role is FileRole.ENCODED
    await catalog.forget_transcript(mine)
    assert await catalog.untranscribed() == [mine]


async def test_digits_of_an_older_text_are_not_shown_once_they_are_unwanted(catalog: SqlCatalog) -> None:
    """Nor can they be found, digit by digit or by the words around them, until they are taken out."""
    _, (mine,) = await kept(catalog, Story())
    old = transcript(said("card 4539 1488 ok"), said("four five.", 30_000), said("three nine.", 32_000))
    await catalog.set_transcript(mine, old, Redaction.OFF)
    await catalog.set_tenant(wish(Redaction.OFF))
    assert await catalog.unredacted() == []
    for there in ("4539", "45", "nine", "card ok", '"five three"'):
        assert await found(catalog, there) == ([] if "five" in there else [mine])
    for redaction in (Redaction.TEXT, Redaction.AUDIO):
        await catalog.set_tenant(wish(redaction))
        view = await catalog.transcript(RED, mine)
        assert view is not None
        assert [u.text for u in view.utterances] == ["card [redacted] ok", "[redacted]."]
        for gone in ("4539", "45", "1", "nine", "card"):
            assert await found(catalog, gone, ALL) == [], gone
        assert await catalog.unredacted() == [mine]
        assert await catalog.unredacted(after=mine) == []


async def test_older_texts_are_redacted_by_themselves(catalog: SqlCatalog, tmp_path: Path) -> None:
    """Without a model, and without anybody who listens."""
    _, (mine,) = await kept(catalog, Story())
    old = transcript(said("card 4539 1488 ok"), said("four five.", 30_000), said("three nine.", 32_000))
    await catalog.set_transcript(mine, old, Redaction.OFF)
    await catalog.set_tenant(wish(Redaction.TEXT))

    def no_model() -> SpeechEngine:
        raise AssertionError("nobody has to listen")

    task = Transcribe(catalog, home_only(LocalStore(tmp_path)), no_model)
    redactor = Redactor(catalog, task, ChosenSpans(catalog, home_only(LocalStore(tmp_path))))
    assert await redactor.round() == 1
    assert await redactor.round() == 0
    view = await catalog.transcript(RED, mine)
    assert view is not None
    assert [u.text for u in view.utterances] == ["card [redacted] ok", "[redacted]."]
    assert await found(catalog, "card") == [mine]
    for gone in ("4539", "45", "nine"):
        assert await found(catalog, gone) == []
    (file,) = [f for f in await catalog.files(mine) if f.role is FileRole.TRANSCRIPT]
    assert b"4539" not in (tmp_path / file.key).read_bytes()


async def test_the_parties_of_each_side_are_named_in_their_time(catalog: SqlCatalog) -> None:
    stereo = {"red.example": TenantOptions(channels=Channels.STEREO)}
    story = Story(policy_of(tenant_rule("red.example", True), options=stereo))
    _, (mine,) = await kept(catalog, story)
    wanted = await catalog.wanted_transcript(mine)
    assert wanted is not None
    (heard,) = wanted.heard
    assert (heard.left, heard.right) == ("101 (101 of red.example)", "+49301")
    assert heard.from_ms == 0
    assert 59_000 < heard.to_ms < 61_500


async def test_a_chosen_span_hides_until_the_sound_of_now_is_without_it(catalog: SqlCatalog) -> None:
    _, (mine,) = await kept(catalog, Story())

    async def hidden() -> Hidden:
        sound = await catalog.sound_of(RED, mine)
        detail = await catalog.recording(RED, mine)
        assert sound is not None
        assert detail is not None
        assert sound == detail.sound
        return sound.hidden

    assert await catalog.redact_span(RED, mine, 0, 500, "olga", "a name")
    assert await hidden() is Hidden.NOT_YET
    key = f"red.example/2026/11/22/{mine}.redacted.wav"
    await catalog.add_file(StoredFile(mine, FileRole.REDACTED, 0, key, "wav", 1, "ef", 1, 1, 8000))
    assert await hidden() is Hidden.NOT_YET  # that file is from before
    await catalog.redaction_done(mine, "ab", [(0, 500)])
    assert await hidden() is Hidden.DIGITS
    await add_rendition(catalog, mine, "cd")
    assert await hidden() is Hidden.NOT_YET  # made again, it has what was taken out of the other one
