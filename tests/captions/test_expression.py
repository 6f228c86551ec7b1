"""How a word sounds decides how it looks, against what is normal for its speaker."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from ecg.captions import Style, compose, load_style
from ecg.captions.scenario import CueWord
from ecg.captions.style import Shift
from ecg.transcript import Baseline, Speaker, Transcript, Word
from tests.captions.builders import make_segment, make_transcript, make_words


def shown(transcript: Transcript, style: Style | None = None) -> list[CueWord]:
    scenario = compose(transcript, style or load_style(), 1920, 1080)
    return sorted((word for cue in scenario.cues for word in cue.words), key=lambda word: word.start_s)


def shown_at(volume_db: Sequence[float]) -> list[float]:
    words = make_words(" ".join(["tone"] * len(volume_db)), volume_db=volume_db)
    return [word.size for word in shown(make_transcript(make_segment(words)))]


def rises(values: Sequence[float]) -> bool:
    return all(before < after for before, after in pairwise(values))


def test_a_ladder_of_tones_gives_a_ladder_of_sizes() -> None:
    assert rises(shown_at([-32, -26, -20, -14, -8]))
    assert rises(shown_at([-30, -25, -20, -15, -10]))


def test_a_monotone_speaker_has_one_size() -> None:
    noise = random.Random(1)
    assert set(shown_at([-20 + noise.uniform(-0.8, 0.8) for _ in range(60)])) == {1.0}


def test_a_quiet_microphone_changes_no_size() -> None:
    noise = random.Random(2)
    loud = [noise.gauss(-18, 3) for _ in range(60)]
    assert shown_at([value - 20 for value in loud]) == shown_at(loud)
    assert len(set(shown_at(loud))) > 3


def test_about_one_word_in_ten_stands_out_by_its_size() -> None:
    noise = random.Random(3)
    for spread_db in (2, 3, 4):
        sizes = shown_at([noise.gauss(-20, spread_db) for _ in range(600)])
        outstanding = sum(not 0.88 < size < 1.12 for size in sizes) / len(sizes)
        assert 0.05 <= outstanding <= 0.15
        assert sizes.count(1.0) / len(sizes) > 0.7


def test_a_shout_and_a_whisper_reach_the_ends_of_the_range_and_no_further() -> None:
    sizes = shown_at([-20] * 30 + [30, -90])
    assert sizes[-2:] == [2.4, 0.6]


def test_a_word_that_was_not_measured_is_plain() -> None:
    for word in shown(make_transcript()):
        assert (word.size, word.weight, word.width) == (1.0, 400, 100)


def test_a_high_word_is_light_and_a_low_one_heavy() -> None:
    pitch_hz = [120.0] * 20 + [240.0, 60.0]
    words = shown(make_transcript(make_segment(make_words("word " * 22, pitch_hz=pitch_hz))))
    assert [word.weight for word in words[:20]] == [400] * 20
    assert words[20].weight == 160
    assert words[21].weight == 710


def test_a_dull_word_is_wide_and_a_thin_one_narrow() -> None:
    centroid_hz = [1500.0] * 20 + [500.0, 5000.0]
    words = shown(make_transcript(make_segment(make_words("word " * 22, centroid_hz=centroid_hz))))
    assert {word.width for word in words[:20]} == {100}
    assert words[20].width == 150
    assert words[21].width == 75


def test_each_speaker_is_judged_by_their_own_baseline() -> None:
    soft = make_segment(make_words("soft " * 12, volume_db=[-40.0] * 11 + [-28.0]), "SOFT")
    loud = make_segment(make_words("loud " * 12, start_s=10, volume_db=[-12.0] * 12), "LOUD")
    sizes = [word.size for word in shown(make_transcript(soft, loud))]
    assert sizes[:11] == [1.0] * 11
    assert sizes[11] > 1.5
    assert sizes[12:] == [1.0] * 12


def test_the_baseline_of_the_analysis_counts_where_there_is_one() -> None:
    segment = make_segment(make_words("all of this is loud", volume_db=[-8.0] * 5))
    usual = Speaker("SPEAKER_00", 60, 20, Baseline(-20, 3), Baseline(None, None))
    transcript = make_transcript(segment)
    assert {word.size for word in shown(transcript)} == {1.0}
    known = Transcript(transcript.segments, (usual,), "en", transcript.duration_s)
    assert {word.size for word in shown(known)} == {2.4}


def test_a_spread_the_analysis_could_not_measure_counts_as_a_usual_one() -> None:
    segment = make_segment(make_words("all of this is loud", volume_db=[-8.0] * 5))
    for spread in (None, math.nan, math.inf, -3.0, 0.0):
        usual = Speaker("SPEAKER_00", 60, 20, Baseline(-20, spread), Baseline(math.nan, 1.0))
        known = replace(make_transcript(segment), speakers=(usual,))
        assert {word.size for word in shown(known)} == {2.4}


def test_what_cannot_be_a_measure_is_taken_for_none() -> None:
    levels = [math.nan, math.inf, -math.inf, 1e300, *[-20.0] * 10]
    assert set(shown_at(levels)) == {1.0}


def test_one_shout_in_a_hundred_words_makes_nobody_else_smaller() -> None:
    noise = random.Random(5)
    calm = [noise.gauss(-24, 1.2) for _ in range(99)]
    assert shown_at([*calm, 0.0])[:-1] == pytest.approx(shown_at([*calm, -24.0])[:-1], abs=0.02)


@pytest.mark.parametrize("source", ["loudness", "pitch", "timbre", "duration"])
def test_an_axis_follows_what_its_style_says(source: str) -> None:
    plain = {"volume_db": [-20.0] * 10, "pitch_hz": [120.0] * 10, "centroid_hz": [1000.0] * 10}
    measured = {"loudness": "volume_db", "pitch": "pitch_hz", "timbre": "centroid_hz"}
    if source in measured:
        plain[measured[source]][4] *= 0.3 if source == "loudness" else 3
    words = list(make_words("word " * 10, **plain))
    if source == "duration":
        words[4] = replace(words[4], end_s=words[4].start_s + 60)
    style = load_style()
    for axis in ("size", "weight", "width"):
        changed = replace(style, **{axis: replace(getattr(style, axis), source=source)})
        seen = [getattr(word, axis) for word in shown(make_transcript(make_segment(words)), changed)]
        rest = getattr(style, axis).rest
        assert [value != rest for value in seen] == [number == 4 for number in range(10)]


def test_a_style_may_raise_high_words_and_space_out_long_ones() -> None:
    shift = Shift(0, -0.1, 0.3, 0.01, 1.4, 1.4, 4, 4, 1, 4)
    style = replace(load_style(), raised=shift, spacing=shift)
    words = list(make_words("word " * 12, pitch_hz=[120.0] * 10 + [240.0, 60.0]))
    words[3] = replace(words[3], end_s=words[3].start_s + 9)
    seen = shown(make_transcript(make_segment(words)), style)
    assert (seen[10].raised, seen[11].raised) == (0.3, -0.1)
    assert seen[3].spacing == 0.3
    assert {(word.raised, word.spacing) for word in [*seen[:3], *seen[4:10]]} == {(0, 0)}


def test_a_word_of_many_letters_is_not_long_by_that() -> None:
    shift = Shift(0, -0.1, 0.3, 0.01, 1, 1, 4, 4, 0.5, 2)
    even = [Word("a" * count, float(count), count + 0.1 * count) for count in range(1, 12)]
    seen = shown(make_transcript(make_segment(even)), replace(load_style(), spacing=shift))
    assert {word.spacing for word in seen} == {0}
