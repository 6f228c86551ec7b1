"""A Whisper model of random weights and the real vocabulary's shape, small enough to make in a test.

It hears nothing, but everything around it (windows, tokens, word times by cross-attention) is real.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tokenizers
from ctranslate2.specs import WhisperSpec

_TEXT_TOKENS = 50257
_TIMESTAMPS = 1501
_WIDTH, _LAYERS, _HEADS, _MELS = 32, 1, 2, 80
# How much likelier these are than all else, so that it speaks a few words and stops.
_FAVOURED_WORDS, _FAVOUR = range(1000, 1030), 12.0


def make_tiny_whisper(folder: Path) -> Path:
    """Write ``model.bin``, ``config.json``, the vocabulary and ``tokenizer.json`` into ``folder``."""
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    languages = sorted(_LANGUAGE_CODES, key=lambda code: code != "en")
    special = [
        "<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in languages), "<|translate|>",
        "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
        *(f"<|{index * 0.02:.2f}|>" for index in range(_TIMESTAMPS)),
    ]  # fmt: skip
    words = _words()
    folder.mkdir(parents=True)
    _write_tokenizer(folder, words, special)
    spec = _random_model(len(words) + len(special), np.random.default_rng(0))
    spec.register_vocabulary(words + special)
    spec.config.suppress_ids = spec.config.suppress_ids_begin = [_TEXT_TOKENS + 1]
    spec.config.lang_ids = [_TEXT_TOKENS + 2 + index for index in range(len(languages))]
    spec.config.alignment_heads = [(0, 0)]
    spec.validate()
    spec.save(str(folder))
    return folder


def _words() -> list[str]:
    """The 256 bytes and as many whole words as the real vocabulary has; Ġ is its sign for a space.

    The last one is empty, as it is there: by that CTranslate2 knows a multilingual model.
    """
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    return letters + [f"Ġword{index}" for index in range(len(letters), _TEXT_TOKENS - 1)] + [""]


def _write_tokenizer(folder: Path, words: list[str], special: list[str]) -> None:
    model = tokenizers.models.BPE({word: index for index, word in enumerate(words)}, [])
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens([tokenizers.AddedToken(token, special=True) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))


def _random_model(vocabulary: int, rng: np.random.Generator) -> WhisperSpec:
    def fill(layer, outputs: int, inputs: int) -> None:
        layer.weight = rng.normal(0, 0.1, (outputs, inputs)).astype(np.float32)
        layer.bias = np.zeros(outputs, np.float32)

    def norm(layer) -> None:
        layer.gamma, layer.beta = np.ones(_WIDTH, np.float32), np.zeros(_WIDTH, np.float32)

    def attend(layer, *outputs: int) -> None:
        norm(layer.layer_norm)
        for linear, count in zip(layer.linear, outputs, strict=True):
            fill(linear, count, _WIDTH)

    def feed_forward(layer) -> None:
        norm(layer.layer_norm)
        fill(layer.linear_0, 4 * _WIDTH, _WIDTH)
        fill(layer.linear_1, _WIDTH, 4 * _WIDTH)

    spec = WhisperSpec(_LAYERS, _HEADS, _LAYERS, _HEADS)
    for conv, inputs in ((spec.encoder.conv1, _MELS), (spec.encoder.conv2, _WIDTH)):
        conv.weight = rng.normal(0, 0.1, (_WIDTH, inputs, 3)).astype(np.float32)
        conv.bias = np.zeros(_WIDTH, np.float32)
    for part, positions in ((spec.encoder, 1500), (spec.decoder, 448)):
        part.position_encodings.encodings = rng.normal(0, 0.1, (positions, _WIDTH)).astype(np.float32)
        norm(part.layer_norm)
        for layer in part.layer:
            attend(layer.self_attention, 3 * _WIDTH, _WIDTH)
            feed_forward(layer.ffn)
    for layer in spec.decoder.layer:
        attend(layer.attention, _WIDTH, 2 * _WIDTH, _WIDTH)
    spec.decoder.embeddings.weight = rng.normal(0, 0.1, (vocabulary, _WIDTH)).astype(np.float32)
    fill(spec.decoder.projection, vocabulary, _WIDTH)
    spec.decoder.projection.bias[_FAVOURED_WORDS] = _FAVOUR
    spec.decoder.projection.bias[_TEXT_TOKENS] = _FAVOUR + 1
    return spec
