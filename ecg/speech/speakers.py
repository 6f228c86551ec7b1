"""Who speaks when, without a neural network: windows are clustered, then borders redrawn frame by frame.

Only voiced frames count; they carry the vocal tract (MFCC) and the pitch. Windows of two seconds are
grouped by Ward's method, in a space where what is said within a window scatters alike in every direction:
differences between windows then weigh by how much they exceed that. Their number of voices is the largest
that leaves all groups well apart, else one. Each voice then becomes a mixture of Gaussians over single
frames, and a Viterbi pass in which every change of speaker has its price redraws the borders, a few times
over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from ecg.speech.activity import Stretch, speech_stretches
from ecg.speech.engine import ProgressCallback
from ecg.speech.prosody import Tracks, measure
from ecg.speech.waveform import HOP_S, read_wav
from ecg.transcript import Turn

#: A window, as positions of its first and after its last frame among the voiced frames.
Span = tuple[int, int]

_WINDOW_FRAMES, _STEP_FRAMES = 200, 25
_FEWEST_VOICED = 25
# Ward's method holds a distance per pair of windows; longer files are sampled evenly (36 MB at 3000).
_MOST_WINDOWS = 3000
_MOST_SPEAKERS = 8
# Scales at which one voice's windows scatter about alike in every measure (MFCC divided, octaves multiplied).
_MFCC_SCALE, _OCTAVE_SCALE = 4.0, 5.0
# Two groups are two voices when their centres are this many standard deviations of single frames apart,
# and further for groups of few voiced frames, whose centres are uncertain. Two women in a real conversation
# are 1.6 apart with 900 frames, synthetic pairs of voices 1.7 or more; one person's halves 1.2 with 500,
# 1.8 with 200, 2.6 with 70.
_APART, _APART_UNCERTAIN = 1.28, 160.0
# A voice's melody moves from window to window by more than it scatters inside them.
_PITCH_WEIGHT = 0.5
# Keeps the whitening from blowing up a direction in which a short file hardly varies.
_LEAST_VARIANCE_SHARE = 0.02
_ROUNDS = 3
_COMPONENTS, _SMALLEST_VARIANCE = 8, 0.01
_MOST_TRAINING_FRAMES = 20_000
# Mixtures look at this many frames at once: memory does not grow with the file (12 MB at 8 components).
_SCORED_FRAMES = 100_000
# Frames are decided in groups of 50 ms. A change of speaker must be worth this much log-likelihood at full
# level and less per dB below it, so that borders fall into pauses, where no voiced frame decides.
_GROUP_FRAMES = 5
_CHANGE_COST, _COST_PER_DB, _QUIETEST_DB = 60.0, 0.5, -80.0
_MEASURED_SHARE = 0.8


def find_speakers(wav: Path, speakers_hint: int | None, on_progress: ProgressCallback) -> tuple[Turn, ...]:
    """Turns of speech in a 16 kHz mono WAV file, named SPEAKER_00 … in order of first appearance.

    ``speakers_hint``: how many voices there are, when that is known. Empty when nobody speaks.
    ``on_progress`` gets the finished share, 0..1, and may raise to stop the work.
    """
    tracks = measure(wav, lambda share: on_progress(_MEASURED_SHARE * share))
    stretches = _with_a_voice(speech_stretches(read_wav(wav)), tracks)
    voices = _voices(tracks, stretches, speakers_hint)
    on_progress(1.0)
    return tuple(_turns(voices, stretches))


def _with_a_voice(stretches: Sequence[Stretch], tracks: Tracks) -> Sequence[Stretch]:
    """The stretches without breaths and clicks; all of them where somebody only whispers."""
    heard = [
        stretch for stretch in stretches
        if tracks.voiced[round(stretch.start_s / HOP_S) : round(stretch.end_s / HOP_S)].any()
    ]  # fmt: skip
    return heard or stretches


def _voices(tracks: Tracks, stretches: Sequence[Stretch], speakers_hint: int | None) -> np.ndarray:
    """For each group of frames in the file the number of its voice, (groups,)."""
    groups = -(-len(tracks.power) // _GROUP_FRAMES)
    frames = np.flatnonzero(tracks.voiced)
    features = _features(tracks, frames)
    spans = _windows(frames, stretches)
    if not spans:
        return np.zeros(groups, int)
    centres = _whitened(features, spans)
    labels = _grouped(centres, spans, speakers_hint)
    if labels.max() == 0:
        return np.zeros(groups, int)
    by_frame = _frame_labels(spans, labels, len(frames))
    # Matrices this small run faster on one thread than on several that wait for each other.
    with threadpool_limits(1):
        return _redrawn(features, frames // _GROUP_FRAMES, _change_costs(tracks, groups), by_frame)


def _change_costs(tracks: Tracks, groups: int) -> np.ndarray:
    """What a change of voice costs at the start of each group of frames, (groups,)."""
    level = np.full(groups * _GROUP_FRAMES, _QUIETEST_DB)
    level[: len(tracks.power)] = np.clip(tracks.level_db, _QUIETEST_DB, 0.0)
    return _CHANGE_COST + _COST_PER_DB * level.reshape(groups, _GROUP_FRAMES).max(axis=1)


def _features(tracks: Tracks, frames: np.ndarray) -> np.ndarray:
    """Scaled MFCC without the level, and log pitch, of the given frames: (n, 13)."""
    pitch = np.log2(np.maximum(tracks.f0_hz[frames], 1.0))
    return np.column_stack([tracks.mfcc[frames, 1:] / _MFCC_SCALE, pitch * _OCTAVE_SCALE]).astype(np.float32)


def _whitened(features: np.ndarray, spans: Sequence[Span]) -> np.ndarray:
    """The centre of each window where the mean scatter inside windows is a unit ball, (windows, 13)."""
    scatter = np.mean([np.cov(features[first:last], rowvar=False) for first, last in spans], axis=0)
    scatter += np.eye(len(scatter)) * _LEAST_VARIANCE_SHARE * np.trace(scatter) / len(scatter)
    centres = np.array([_centre(features[first:last]) for first, last in spans])
    centres[:, -1] *= _PITCH_WEIGHT
    return centres @ np.linalg.cholesky(np.linalg.inv(scatter))


def _centre(features: np.ndarray) -> np.ndarray:
    # The median keeps octave errors of the pitch out.
    return np.append(features[:, :-1].mean(axis=0), np.median(features[:, -1]))


def _windows(frames: np.ndarray, stretches: Sequence[Stretch]) -> list[Span]:
    """Windows over the stretches, as (first, last) positions in the voiced ``frames``."""
    spans = []
    for stretch in stretches:
        start, stop = round(stretch.start_s / HOP_S), round(stretch.end_s / HOP_S)
        for first in range(start, max(start + 1, stop - _WINDOW_FRAMES + 1), _STEP_FRAMES):
            span = np.searchsorted(frames, (first, min(stop, first + _WINDOW_FRAMES)))
            if span[1] - span[0] >= _FEWEST_VOICED:
                spans.append((int(span[0]), int(span[1])))
    return spans[:: -(-len(spans) // _MOST_WINDOWS) or 1]


def _grouped(centres: np.ndarray, spans: Sequence[Span], speakers_hint: int | None) -> np.ndarray:
    """The voice of each window, 0 … k - 1."""
    if len(centres) < 2 or speakers_hint == 1:
        return np.zeros(len(centres), int)
    tree = linkage(centres, "ward")
    if speakers_hint:
        return fcluster(tree, speakers_hint, "maxclust") - 1
    for count in range(min(_MOST_SPEAKERS, len(centres) - 1), 1, -1):
        labels = fcluster(tree, count, "maxclust") - 1
        if labels.max() > 0 and _well_apart(centres, spans, labels):
            return labels
    return np.zeros(len(centres), int)


def _well_apart(centres: np.ndarray, spans: Sequence[Span], labels: np.ndarray) -> bool:
    means = [centres[labels == label].mean(axis=0) for label in range(labels.max() + 1)]
    frames = [_covered([span for span, own in zip(spans, labels, strict=True) if own == label])
              for label in range(labels.max() + 1)]  # fmt: skip
    return all(
        np.linalg.norm(means[a] - means[b]) > _APART + _APART_UNCERTAIN / min(frames[a], frames[b])
        for a, b in combinations(range(len(means)), 2)
    )


def _covered(spans: Sequence[Span]) -> int:
    """Voiced frames in windows that overlap, each counted once."""
    covered = np.zeros(max(last for _, last in spans), bool)
    for first, last in spans:
        covered[first:last] = True
    return int(covered.sum())


def _frame_labels(spans: Sequence[Span], labels: np.ndarray, count: int) -> np.ndarray:
    """For each voiced frame the voice of the window whose middle is nearest."""
    middles = np.array([(first + last) / 2 for first, last in spans])
    after = np.clip(np.searchsorted(middles, np.arange(count)), 1, max(1, len(middles) - 1))
    nearer = np.abs(middles[after - 1] - np.arange(count)) <= np.abs(middles[after] - np.arange(count))
    return labels[np.where(nearer, after - 1, after)]


def _redrawn(features: np.ndarray, group_of: np.ndarray, costs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The voice of each group of frames, after rounds of training on the borders and redrawing them."""
    groups, count = len(costs), labels.max() + 1
    path = np.zeros(groups, int)
    for _ in range(_ROUNDS):
        scores = np.zeros((groups, count))
        for voice in range(count):
            model = _model(features, labels == voice)
            scores[:, voice] = np.bincount(group_of, _likelihood(model, features), groups)
        path = _viterbi(scores, costs)
        labels = _keeping_all(path[group_of], labels, count)
    return path


def _keeping_all(labels: np.ndarray, before: np.ndarray, count: int) -> np.ndarray:
    """The new labels, or the ones before when a voice would have too few frames to be trained on."""
    return labels if np.bincount(labels, minlength=count).min() >= _FEWEST_VOICED else before


def _model(features: np.ndarray, chosen: np.ndarray) -> GaussianMixture:
    own = features[chosen]
    own = own[:: -(-len(own) // _MOST_TRAINING_FRAMES)]
    components = max(1, min(_COMPONENTS, len(own) // _FEWEST_VOICED))
    mixture = GaussianMixture(
        components, covariance_type="diag", reg_covar=_SMALLEST_VARIANCE, tol=0.01, random_state=0
    )
    return mixture.fit(own)


def _likelihood(model: GaussianMixture, features: np.ndarray) -> np.ndarray:
    """The log-likelihood of each frame, (n,)."""
    blocks = range(0, len(features), _SCORED_FRAMES)
    return np.concatenate([model.score_samples(features[i : i + _SCORED_FRAMES]) for i in blocks])


def _viterbi(scores: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """The path of best total score (groups, voices) when a change of voice costs ``costs`` (groups,)."""
    total, came_from = scores[0], np.zeros(scores.shape, np.int8)
    stay = np.arange(scores.shape[1])
    for group, own in enumerate(scores[1:], 1):
        best = int(total.argmax())
        changed = total[best] - costs[group] > total
        came_from[group] = np.where(changed, best, stay)
        total = own + np.where(changed, total[best] - costs[group], total)
    path = np.empty(len(scores), int)
    path[-1] = total.argmax()
    for group in range(len(scores) - 1, 0, -1):
        path[group - 1] = came_from[group, path[group]]
    return path


def _turns(voices: np.ndarray, stretches: Sequence[Stretch]) -> Iterator[Turn]:
    """The stretches, parted where the voice changes."""
    names: dict[int, str] = {}
    group_s = _GROUP_FRAMES * HOP_S
    for stretch in stretches:
        first, last = int(stretch.start_s / group_s), min(len(voices), round(stretch.end_s / group_s))
        within = voices[first : max(last, first + 1)]
        borders = [(first + i) * group_s for i in np.flatnonzero(np.diff(within)) + 1]
        edges = [stretch.start_s, *borders, stretch.end_s]
        starts = [0, *(np.flatnonzero(np.diff(within)) + 1)]
        for start, end, index in zip(edges, edges[1:], starts, strict=False):
            voice = int(within[index])
            yield Turn(float(start), float(end), names.setdefault(voice, f"SPEAKER_{len(names):02d}"))
