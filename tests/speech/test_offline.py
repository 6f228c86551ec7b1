import time

import numpy as np
import pytest

from ecg.errors import LanguageUnsupported, ProcessingError
from ecg.speech.offline import OfflineEngine
from ecg.speech.pronunciation import pronunciations
from ecg.transcript import MarkKind
from tests.speech.espeak import speak
from tests.speech.sounds import RATE, TRUTH, ignore_progress, recording, sine, talk, write
from tests.speech.word_errors import plain, start_errors_s, word_error_rate

SPOKEN = [
    "The committee met on Tuesday to talk about the new bridge over the river.",
    "She said that the money would be ready by the end of the month.",
    "We walked along the beach for an hour and then went home for dinner.",
]
DURATIONS_S = {"jfk.flac": 11.0, "austen-0870.wav": 7.1, "austen-0890.wav": 5.3}


@pytest.fixture(scope="module")
def engine():
    return OfflineEngine()


@pytest.fixture(scope="module")
def heard(engine, tmp_path_factory):
    """What the engine makes of each real recording, and the seconds of processor time it took."""
    folder, results = tmp_path_factory.mktemp("real"), {}
    for name in TRUTH:
        wav = recording(name, folder)
        before = time.process_time()
        results[name] = engine.transcribe(wav, "en", ignore_progress), time.process_time() - before
    return results


@pytest.mark.parametrize(
    ("name", "most"), [("austen-0870.wav", 0.40), ("austen-0890.wav", 0.40), ("jfk.flac", 0.65)]
)
def test_a_real_recording_is_recognised_at_draft_quality(heard, name, most):
    words = [word.text for segment in heard[name][0].segments for word in segment.words]
    assert word_error_rate(plain(TRUTH[name]), plain(" ".join(words))) <= most


def test_recognition_takes_one_core_less_time_than_the_speech_itself(heard):
    assert sum(cost_s for _, cost_s in heard.values()) < sum(DURATIONS_S.values())


def test_words_are_in_order_inside_their_segment_and_the_sound(heard):
    for recognized, _ in heard.values():
        for segment in recognized.segments:
            times = [time_s for word in segment.words for time_s in (word.start_s, word.end_s)]
            assert times == sorted(times)
            assert (segment.start_s, segment.end_s) == (times[0], times[-1])
            assert all(word.start_s < word.end_s <= 11.0 for word in segment.words)


def test_the_text_reads_like_words_a_person_wrote(heard):
    for recognized, _ in heard.values():
        for segment in recognized.segments:
            assert segment.text[0].isupper()
            assert not set(segment.text) & set("<>[]()0123456789")
            assert "i" not in segment.text.split()


def test_every_word_has_a_confidence_that_differs_from_word_to_word(heard):
    confidences = [w.confidence for r, _ in heard.values() for s in r.segments for w in s.words]
    assert all(0 <= confidence <= 1 for confidence in confidences)
    assert np.std(confidences) > 0.05


def test_words_recognised_correctly_start_when_they_are_spoken(engine, tmp_path):
    errors = []
    for text in SPOKEN:
        truth = speak(text, tmp_path / "spoken.wav")
        recognized = engine.transcribe(tmp_path / "spoken.wav", "en", ignore_progress)
        errors += start_errors_s(truth, [word for segment in recognized.segments for word in segment.words])
    assert len(errors) >= 20
    assert max(errors) <= 0.15
    assert np.median(errors) <= 0.03


def test_the_result_names_its_engine_and_says_that_it_is_a_draft(heard):
    recognized, _ = heard["jfk.flac"]
    assert recognized.metadata == {"engine": "offline", "model": "pocketsphinx en-us"}
    assert recognized.language == "en"
    assert "draft" in recognized.warnings[0]


def test_a_language_it_lacks_is_refused_with_the_engines_that_know_it(engine, tmp_path):
    with pytest.raises(LanguageUnsupported, match=r"'ko'.*faster-whisper.*whisperx"):
        engine.transcribe(tmp_path / "unread.wav", "ko", ignore_progress)


@pytest.mark.parametrize("sound", [np.zeros(3 * RATE), sine(1000, -20, 0.02)], ids=["silence", "a blip"])
def test_sound_without_speech_gives_no_words_and_a_warning(engine, tmp_path, sound):
    recognized = engine.transcribe(write(tmp_path / "quiet.wav", sound), None, ignore_progress)
    assert recognized.segments == ()
    assert "No speech was recognised." in recognized.warnings
    assert any("taken for English" in warning for warning in recognized.warnings)


def test_progress_grows_with_each_stretch_and_ends_at_one(engine, tmp_path):
    wav, _ = talk(tmp_path, [("slt", "Good morning."), ("rms", "How are you today?")], gap_s=0.8)
    shares = []
    engine.transcribe(wav, "en", shares.append)
    assert shares == sorted(shares)
    assert 0.1 < shares[0] < 0.9
    assert shares[-1] == 1.0


def test_work_stops_where_progress_raises_and_the_engine_can_be_used_again(engine, tmp_path):
    wav, _ = talk(tmp_path, [("slt", "Good morning."), ("rms", "How are you today?")], gap_s=0.8)

    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.transcribe(wav, "en", stop)
    assert engine.transcribe(wav, "en", ignore_progress).segments


def test_the_same_sound_gives_the_same_words(engine, heard, tmp_path):
    again = engine.transcribe(recording("austen-0890.wav", tmp_path), "en", ignore_progress)
    assert again == heard["austen-0890.wav"][0]


def test_sound_of_another_form_is_refused_by_name(engine, tmp_path):
    (tmp_path / "notes.wav").write_bytes(b"not a sound at all")
    with pytest.raises(ProcessingError, match=r"notes\.wav"):
        engine.transcribe(tmp_path / "notes.wav", "en", ignore_progress)


# --- a given script

INSERTION, OMISSION, SUBSTITUTION = (
    MarkKind.SCRIPT_INSERTION, MarkKind.SCRIPT_OMISSION, MarkKind.SCRIPT_SUBSTITUTION,
)  # fmt: skip


def marks_of(recognized):
    return [(mark.kind, mark.text) for segment in recognized.segments for mark in segment.marks]


def words_of(recognized):
    return [word for segment in recognized.segments for word in segment.words]


@pytest.fixture(scope="module")
def austen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("austen")
    return {name: recording(name, folder) for name in TRUTH if name.startswith("austen")}


@pytest.mark.parametrize("name", ["austen-0870.wav", "austen-0890.wav"])
def test_with_the_right_script_every_word_is_timed_and_none_marked(engine, austen, heard, name):
    followed = engine.follow(austen[name], TRUTH[name], "en", ignore_progress)
    assert [word.text for word in words_of(followed)] == TRUTH[name].split()
    assert marks_of(followed) == []
    times = [time_s for word in words_of(followed) for time_s in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert all(0.05 <= word.end_s - word.start_s <= 1.0 for word in words_of(followed))
    truth = [(word.text, word.start_s) for word in words_of(followed)]
    errors = start_errors_s(truth, words_of(heard[name][0]))
    assert len(errors) >= 9
    assert max(errors) <= 0.05, "where recognition hears the same words, they are at the same places"


@pytest.mark.parametrize(
    ("name", "replaced", "removed", "added"),
    [
        ("austen-0870.wav", ("dashwood", "elephant"), "consider", ("might", "quickly")),
        ("austen-0870.wav", ("leisure", "paper"), "power", ("how", "yesterday")),
        ("austen-0870.wav", ("prudently", "music"), "mister", ("do", "sister")),
        ("austen-0890.wav", ("cold", "yesterday"), "selfish", ("unless", "potato")),
        ("austen-0890.wav", ("disposed", "window"), "hearted", ("is", "money")),
    ],
)
def test_a_word_replaced_one_removed_and_one_added_are_marked_and_nothing_else(
    engine, austen, name, replaced, removed, added
):
    right = TRUTH[name].split()
    script = list(right)
    script[script.index(replaced[0])] = replaced[1]
    script.remove(removed)
    script.insert(script.index(added[0]) + 1, added[1])
    followed = engine.follow(austen[name], " ".join(script), "en", ignore_progress)
    assert [word.text for word in words_of(followed)] == script
    assert sorted(marks_of(followed)) == sorted(
        [(SUBSTITUTION, replaced[1]), (INSERTION, ""), (OMISSION, added[1])]
    )
    right_times = words_of(engine.follow(austen[name], TRUTH[name], "en", ignore_progress))
    (unscripted,) = (m for s in followed.segments for m in s.marks if m.kind == INSERTION)
    spoken = right_times[right.index(removed)]
    assert abs((unscripted.start_s + unscripted.end_s) / 2 - (spoken.start_s + spoken.end_s) / 2) < 0.15


def test_a_script_is_taken_as_it_is_written_and_its_lines_are_segments(engine, austen):
    script = "And Mr. John Dashwood\n\nhad then leisure — to consider —\nhow much there might be prudently, in his\npower to do for them."  # noqa: E501
    followed = engine.follow(austen["austen-0870.wav"], script, None, ignore_progress)
    assert [segment.text for segment in followed.segments] == [line for line in script.split("\n") if line]
    assert marks_of(followed) == []
    assert followed.metadata["words_by"] == "script"
    assert "English" in followed.warnings[0]


def test_numbers_and_unknown_names_of_a_script_are_found_by_how_they_sound(engine, tmp_path):
    wav, _ = talk(tmp_path, [("slt", "Mister Brockelby paid twenty four dollars in nineteen sixty one."),
                             ("rms", "And fifty percent of it was lost.")], gap_s=0.6)  # fmt: skip
    script = "Mr. Brockelby paid $24 in 1961.\nAnd 50% of it was lost."
    followed = engine.follow(wav, script, "en", ignore_progress)
    assert marks_of(followed) == []
    assert [segment.text for segment in followed.segments] == script.split("\n")


def test_it_finds_its_place_again_after_a_passage_that_was_left_out_or_made_up(engine, tmp_path):
    parts = [("slt", "Nobody in the room had heard the story."), ("rms", "We went home for dinner."),
             ("kal", "The money was ready by the end of the month."),
             ("slt", "She walked along the beach for an hour.")]  # fmt: skip
    wav, _ = talk(tmp_path, parts, gap_s=0.9)
    left_out = "it was a long day and " * 12
    lines = [parts[0][1], left_out.strip(), parts[2][1], parts[3][1]]
    followed = engine.follow(wav, "\n".join(lines), "en", ignore_progress)
    assert [segment.text for segment in followed.segments] == lines
    marked = [len(segment.marks) for segment in followed.segments]
    assert marked[1] >= 60, "of 72 words; a short one may be found in what is said instead"
    assert marked[2] <= 1, "the short word at its begin may count as left out with the rest"
    assert marked[3] == 0


def test_silence_has_no_script(engine, tmp_path):
    quiet = write(tmp_path / "quiet.wav", np.zeros(2 * RATE))
    followed = engine.follow(quiet, "Is anybody there?", "en", ignore_progress)
    assert (followed.segments, followed.warnings) == ((), ("No speech was found.",))


def test_another_recordings_script_is_told(engine, austen):
    other = engine.follow(austen["austen-0890.wav"], TRUTH["jfk.flac"], "en", ignore_progress)
    assert "is it the script of this recording?" in other.warnings[-1]
    assert [word.text for word in words_of(other)] == TRUTH["jfk.flac"].split()


# --- hotwords


def test_a_name_it_does_not_know_is_heard_when_it_is_told(engine, austen, heard):
    unheard = " ".join(word.text for word in words_of(heard["austen-0870.wav"][0]))
    told = engine.transcribe(austen["austen-0870.wav"], "en", ignore_progress, hotwords=["John Dashwood"])
    assert "Dashwood" not in unheard
    assert "John Dashwood" in told.segments[0].text
    times = [time_s for word in words_of(told) for time_s in (word.start_s, word.end_s)]
    assert times == sorted(times)


def test_hotwords_of_one_job_are_forgotten_in_the_next(engine, austen, heard):
    engine.transcribe(austen["austen-0890.wav"], "en", ignore_progress, hotwords=["Zebulon"])
    again = engine.transcribe(austen["austen-0890.wav"], "en", ignore_progress)
    assert again == heard["austen-0890.wav"][0]


def test_a_hotword_without_a_sound_in_english_is_told(engine, tmp_path):
    quiet = write(tmp_path / "quiet.wav", np.zeros(RATE))
    told = engine.transcribe(quiet, "en", ignore_progress, hotwords=["東京", "Ada"])
    (warning,) = (warning for warning in told.warnings if "listen for" in warning)
    assert "東京" in warning
    assert "Ada" not in warning


def test_unknown_words_sound_as_they_are_spelled():
    def nothing(word):
        return None

    assert pronunciations("Shane", nothing) == ("SH EY N",)
    assert pronunciations("NASA", nothing)[0] == "EH N EY EH S EY"
    assert pronunciations("東京 —", nothing) == ()
