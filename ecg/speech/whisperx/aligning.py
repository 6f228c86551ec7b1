"""When each word is spoken: wav2vec2 emissions in batches, laid on frames by `ecg.speech.trellis`.

`Aligner.align` gives what ``whisperx.align`` of whisperx 3.8.6 gives (texts equal, times to the
millisecond). Repairs come after it, in `ecg.speech.timing`.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ecg.errors import EngineUnavailable
from ecg.speech.assembly import SPACE, Sentence, Spelling, assemble, spell
from ecg.speech.engine import ProgressCallback
from ecg.speech.timing import AlignedSegment, Spoken, TimedWord
from ecg.speech.trellis import Emission, lay, lay_loosely, with_wildcard
from ecg.speech.waveform import SAMPLE_RATE, Samples, seconds
from ecg.speech.whisperx.stack import prepare

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

# The fewest samples these models take.
_LEAST_SAMPLES = 400
# Sound in one pass of the model on a GPU; on a CPU each segment is a pass of its own.
_PASS_S = 240.0
# Longer sound is cut into windows; what lies near their cut edges is thrown away.
_WINDOW_S, _CONTEXT_S = 26.0, 2.0

# Languages that NLTK has a trained sentence splitter for, as whisperx uses them; the English one for others.
_PUNKT = {
    "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "et": "estonian", "fi": "finnish", "fr": "french", "it": "italian", "ml": "malayalam", "nl": "dutch",
    "no": "norwegian", "pl": "polish", "pt": "portuguese", "ru": "russian", "sl": "slovene",
    "sv": "swedish", "tr": "turkish",
}  # fmt: skip


class Aligner:
    """The alignment model of one language, kept loaded.

    ``folder``: a transformers folder with a ``Wav2Vec2ForCTC`` and its processor; NLTK's data lies in
    ``punkt`` beside it, and ``sentences_by`` says whether it was found. ``half``: 16-bit weights, for a
    GPU. ``pass_s``: how many seconds of sound go through the model at once. Raises `EngineUnavailable`
    where the folder holds no such model.
    """

    def __init__(
        self, folder: Path, language: str, device: str, half: bool, pass_s: float | None = None
    ) -> None:
        prepare()
        self.language = language
        self.device = device
        self._pass_s = pass_s if pass_s is not None else (0.0 if device == "cpu" else _PASS_S)
        self._model, tokens = _load(folder, device, half)
        # whisperx writes texts in lower case and so takes the model's letters.
        self._alphabet = {token.lower(): code for token, code in tokens.items()}
        pads = [code for token, code in self._alphabet.items() if token in ("[pad]", "<pad>")]
        self._blank = pads[-1] if pads else 0
        self._split, self.sentences_by = _sentence_splitter(folder.parent / "punkt", language)

    def align(
        self, texts: Sequence[Spoken], samples: Samples, on_progress: ProgressCallback
    ) -> list[AlignedSegment]:
        """Sentences with words, in the order of ``texts``; ``samples``: int16 at 16 kHz.

        A text that has no letters, lies behind the end of the sound or does not fit into its frames
        comes back whole and without words. A word may lack times. ``on_progress`` may raise to stop.
        """
        aligned = [[_unaligned(spoken, index)] for index, spoken in enumerate(texts)]
        possible = [
            index for index, spoken in enumerate(texts)
            if spoken.start_s < seconds(samples) and self._spell(spoken).positions
        ]  # fmt: skip
        spans = [_samples_of(texts[index]) for index in possible]
        whole = sum(last - first for first, last in spans)
        done = 0
        for number, emission in self.emissions(spans, samples):
            index = possible[number]
            aligned[index] = self.words(texts[index], emission, index) or aligned[index]
            done += spans[number][1] - spans[number][0]
            on_progress(done / max(1, whole))
        on_progress(1.0)
        return [segment for segments in aligned for segment in segments]

    def words(self, spoken: Spoken, emission: Emission, source: int = 0) -> list[AlignedSegment]:
        """What was spoken, as sentences with words; empty where the text does not fit into the frames.

        This is all that `align` does beside the model. ``emission``: from `emissions`.
        """
        spelling = self._spell(spoken)
        wildcard = int(emission.shape[1])
        tokens = [self._alphabet.get(letter, wildcard) for letter in spelling.letters]
        if wildcard in tokens:
            emission = with_wildcard(emission, self._blank)
        spans = lay(emission, tokens, self._blank)
        if spans is None:
            log.info("a text of %d letters does not fit into %d frames", len(tokens), len(emission))
            return []
        frame_s = (spoken.end_s - spoken.start_s) / len(emission)
        segments = assemble(spoken, spelling, spans, frame_s, self._split(spoken.text), self.language)
        return [replace(segment, source=source) for segment in segments]

    def emissions(self, spans: Sequence[tuple[int, int]], samples: Samples) -> Iterator[tuple[int, Emission]]:
        """The model's log probabilities, float32 (frames, tokens), of spans of samples (first, last).

        They come with the index of the span, the longest first. While one pass is handed over, a GPU
        already works on the next; each pass is waited for once.
        """
        before: _Pass | None = None
        for indices in self._passes([last - first for first, last in spans]):
            launched = self._launch(indices, [self._wave(samples, *spans[index]) for index in indices])
            if before:
                yield from before.emissions()
            before = launched
        if before:
            yield from before.emissions()

    def align_text(
        self, words: Sequence[str], start_s: float, end_s: float, samples: Samples
    ) -> list[TimedWord]:
        """Lay given words on a span of sound of any length: one `TimedWord` each, verbatim, in order.

        A word that is not said there, or that has nothing to be said, has no time and no score. The
        score is the mean probability of a word's letters, 0..1. Signs that the model does not know fit
        everything. Raises `ProcessingError` where text and sound are too long for one call (about half
        an hour of speech).
        """
        first, last = int(start_s * SAMPLE_RATE), min(len(samples), int(end_s * SAMPLE_RATE))
        if last <= first:
            return [TimedWord(word, None, None) for word in words]
        emission = with_wildcard(self._long_emission(first, last, samples), self._blank)
        tokens = [self._tokens(word, emission.shape[1] - 1) for word in words]
        spans = lay_loosely(emission, tokens, self._blank, self._alphabet.get(SPACE))
        frame_s = self._model.config.inputs_to_logits_ratio / SAMPLE_RATE
        return [
            TimedWord(word, None, None) if span is None else TimedWord(
                word, round(start_s + span.start * frame_s, 3),
                round(min(end_s, start_s + span.end * frame_s), 3), round(span.score, 3),
            )
            for word, span in zip(words, spans, strict=True)
        ]  # fmt: skip

    def _spell(self, spoken: Spoken) -> Spelling:
        return spell(spoken.text, self._alphabet, self.language)

    def _tokens(self, word: str, wildcard: int) -> list[int]:
        """The columns of a word's letters; signs that are neither known nor said are left out."""
        letters = [letter for letter in word.lower() if letter != SPACE]
        known = [letter for letter in letters if letter in self._alphabet or letter.isalnum()]
        return [self._alphabet.get(letter, wildcard) for letter in known]

    def _long_emission(self, first: int, last: int, samples: Samples) -> Emission:
        """The emission of a span of any length, put together from windows that overlap."""
        hop = self._model.config.inputs_to_logits_ratio
        step, context = (int(length_s * SAMPLE_RATE) // hop * hop for length_s in (_WINDOW_S, _CONTEXT_S))
        cores = [(start, min(last, start + step)) for start in range(first, last, step)]
        spans = [(max(first, start - context), min(last, end + context + hop)) for start, end in cores]
        parts: dict[int, Emission] = {}
        for index, emission in self.emissions(spans, samples):
            (start, end), skipped = cores[index], (cores[index][0] - spans[index][0]) // hop
            rest = None if end == last else skipped + (end - start) // hop
            parts[index] = emission[skipped:rest]
        return np.concatenate([parts[index] for index in range(len(cores))])

    def _wave(self, samples: Samples, first: int, last: int) -> np.ndarray:
        """Samples as float32 in -1..1, filled up with silence where a model would refuse so few."""
        wave = samples[first:last].astype(np.float32) / 32768.0
        return np.pad(wave, (0, max(0, _LEAST_SAMPLES - len(wave))))

    def _passes(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Spans of about the same length together, as many as one pass takes; the longest first."""
        room = self._pass_s * SAMPLE_RATE
        together: list[int] = []
        for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
            if together and (len(together) + 1) * lengths[together[0]] > room:
                yield together
                together = []
            together.append(index)
        if together:
            yield together

    def _launch(self, indices: Sequence[int], waves: Sequence[np.ndarray]) -> _Pass:
        import torch

        with torch.inference_mode():
            inputs = [
                torch.from_numpy(wave)[None].to(self.device, self._model.dtype, non_blocking=True)
                for wave in waves
            ]
            if len(inputs) == 1:
                logits, frames = self._model(inputs[0]).logits, None
            else:
                logits, frames = self._logits_of_many(inputs)
            return _Pass(indices, torch.log_softmax(logits.float(), dim=-1), frames)

    def _logits_of_many(self, waves: Sequence[Tensor]) -> tuple[Tensor, list[int]]:
        """Logits (waves, frames, tokens), equal to those of each wave alone, and how many frames are real.

        Filling up the waves themselves would change them: some models normalise over the whole length.
        So each wave goes through the convolutions alone, and what follows is told which frames to ignore.
        """
        import torch

        inner = self._model.wav2vec2
        features = [inner.feature_extractor(wave)[0].transpose(0, 1) for wave in waves]
        frames = [len(feature) for feature in features]
        filled = torch.nn.utils.rnn.pad_sequence(list(features), batch_first=True)
        hidden, _ = inner.feature_projection(filled)
        counts = torch.tensor(frames, device=hidden.device)
        real = torch.arange(hidden.shape[1], device=hidden.device)[None] < counts[:, None]
        encoded = inner.encoder(hidden, attention_mask=real)[0]
        return self._model.lm_head(encoded), frames


class _Pass:
    """Emissions on their way from the device."""

    def __init__(self, indices: Sequence[int], emissions: Tensor, frames: Sequence[int] | None) -> None:
        import torch

        self._indices, self._frames = indices, frames
        self._copied = None
        if emissions.is_cuda:
            self._host = torch.empty(emissions.shape, dtype=emissions.dtype, pin_memory=True)
            self._host.copy_(emissions, non_blocking=True)
            self._copied = torch.cuda.Event()
            self._copied.record()
        else:
            self._host = emissions

    def emissions(self) -> Iterator[tuple[int, Emission]]:
        """Wait for the device, once, and hand over each span's emission with its index."""
        if self._copied:
            self._copied.synchronize()
        for row, index in enumerate(self._indices):
            yield index, self._host[row, : self._frames[row] if self._frames else None].numpy()


def _unaligned(spoken: Spoken, source: int) -> AlignedSegment:
    return AlignedSegment(spoken.start_s, spoken.end_s, (), spoken.text, source)


def _samples_of(spoken: Spoken) -> tuple[int, int]:
    return int(spoken.start_s * SAMPLE_RATE), int(spoken.end_s * SAMPLE_RATE)


def _load(folder: Path, device: str, half: bool) -> tuple[Any, dict[str, int]]:
    """The model and its tokens, from local files."""
    import torch
    from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2ForCTC

    try:
        _check_kind(folder)
        tokenizer = Wav2Vec2CTCTokenizer.from_pretrained(str(folder), local_files_only=True)  # nosec B615 # a folder
        model = Wav2Vec2ForCTC.from_pretrained(str(folder), local_files_only=True)  # nosec B615 # a folder
    except (OSError, ValueError, ImportError) as error:
        raise EngineUnavailable(
            f"{folder} holds no alignment model that can be read ({error}): fetch it with "
            "`ecg models pull`.", engine="whisperx", folder=str(folder),
        ) from error  # fmt: skip
    model = model.to(device, torch.float16 if half else torch.float32).eval()
    return model, tokenizer.get_vocab()


def _check_kind(folder: Path) -> None:
    """Let the library read nothing but a wav2vec2: what is read of some other kinds may name code to run."""
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    if kind != "wav2vec2":
        raise ValueError(f"its config.json is of a {kind}, not of a wav2vec2")


def _sentence_splitter(folder: Path, language: str) -> tuple[Callable[[str], list[Sentence]], str]:
    """What cuts a text into sentences, and its name for a result's metadata."""
    from nltk.tokenize.punkt import PunktSentenceTokenizer

    splitter, name = PunktSentenceTokenizer(), _PUNKT.get(language, "english")
    trained = folder / "tokenizers" / "punkt_tab" / name
    if trained.is_dir():
        splitter._params = _punkt_parameters(trained)
    known = f"punkt ({name})" if trained.is_dir() else "untrained punkt"
    return lambda text: list(splitter.span_tokenize(text)), known


def _punkt_parameters(folder: Path) -> Any:
    """NLTK's four tables. Its own reader opens files in folders known to NLTK only."""
    from nltk.tokenize.punkt import PunktParameters

    def lines(name: str) -> list[str]:
        return (folder / name).read_text(encoding="utf-8").splitlines()

    parameters = PunktParameters()
    parameters.abbrev_types = set(lines("abbrev_types.txt"))
    parameters.sent_starters = set(lines("sent_starters.txt"))
    parameters.collocations = {tuple(line.split("\t")) for line in lines("collocations.tab")}
    pairs = (line.split("\t") for line in lines("ortho_context.tab"))
    parameters.ortho_context = defaultdict(int, {word: int(flags) for word, flags in pairs})
    return parameters
