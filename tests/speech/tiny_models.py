"""All weights of the whisperx engine, random and tiny, in the shapes and formats of the real ones.

They hear nothing, but all code around them is real: the vocabulary, the windows, the tokens, the search.
Voice activity and the segmentation of speakers are real too: the whisperx wheel carries that model.
Made by script, offline, in a few seconds: `make_tiny_models`.
"""

from __future__ import annotations

import base64
import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tokenizers
from ctranslate2.specs import WhisperSpec

from tests.speech.tiny_diarization import make_tiny_diarization

# The order in which OpenAI numbered them.
_LANGUAGE_ORDER = """
en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi
ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd
gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue"""
_LANGUAGES = _LANGUAGE_ORDER.split()
_SPECIAL = [
    "<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in _LANGUAGES), "<|translate|>",
    "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
    *(f"<|{index * 0.02:.2f}|>" for index in range(1501)),
]  # fmt: skip
_MELS = 128


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a Whisper is: the width of its layers, how many each side has, and their heads."""

    width: int
    layers: int
    heads: int


TINY, LARGE_V3 = Shape(64, 2, 4), Shape(1280, 32, 20)
# How much likelier these are than all other tokens, so that it speaks words.
_FAVOUR = 14.0
_NUMERALS = ("20", "4", "50", "2026", "3", "$", ".", ",", "%", "-", "100", "7")
# The end of the text becomes likelier with every token; about here it is the likeliest.
_USUAL_TOKENS = 90
_LETTERS = "abcdefghijklmnopqrstuvwxyz'"


def make_tiny_models(folder: Path, whisper: str = "tiny") -> Path:
    """Fill a models folder: ``faster-whisper-<whisper>``, ``align-en`` and ``diarization``."""
    make_whisper(folder / f"faster-whisper-{whisper}")
    make_aligner(folder / "align-en")
    make_tiny_diarization(folder / "diarization")
    return folder


def make_whisper(folder: Path, shape: Shape = TINY, quantization: str | None = None) -> Path:
    """A Whisper of random weights with the vocabulary of large-v3: 51,866 tokens, 128 mel bands.

    It says some dozens of words for a chunk, which depend on the sound, on the place and on the prompt; the
    text of a wide one does not end. ``quantization``: how weights are stored, as CTranslate2 calls it.
    """
    folder.mkdir(parents=True)
    ranks = _real_ranks()
    words = [_spelled(token) for token in ranks]
    _write_tokenizer(folder / "tokenizer.json", ranks, words)
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "feature_size": _MELS, "hop_length": 160, "n_fft": 400, "sampling_rate": 16000, "chunk_length": 30,
    }))  # fmt: skip
    spec = _random_whisper(shape, len(words) + len(_SPECIAL), np.random.default_rng(0))
    _lead(spec.decoder, words, np.random.default_rng(1))
    spec.register_vocabulary(words + _SPECIAL)
    first = len(words)
    spec.config.suppress_ids = list(range(first + 1, first + len(_SPECIAL)))
    spec.config.suppress_ids_begin = [first, words.index("Ġ")]
    spec.config.lang_ids = [first + 2 + index for index in range(len(_LANGUAGES))]
    spec.config.alignment_heads = [(shape.layers - 1, head) for head in range(shape.heads)]
    spec.validate()
    spec.optimize(quantization=quantization)
    spec.save(str(folder))
    return folder


def _real_ranks() -> list[bytes]:
    """The tokens of the real multilingual Whisper in order, read as a file beside the package.

    The package itself is not imported: it would want numba and triton.
    """
    for path in importlib.metadata.files("openai-whisper") or ():
        if path.name == "multilingual.tiktoken":
            lines = Path(str(path.locate())).read_text().splitlines()
            return [base64.b64decode(token) if token != "=" else b"" for token, _ in map(str.split, lines)]
    raise FileNotFoundError("openai-whisper is installed without multilingual.tiktoken")


def _byte_letters() -> list[str]:
    """How vocabularies of this kind spell each byte: printable Latin letters stand for themselves."""
    spans = (("!", "~"), ("¡", "¬"), ("®", "ÿ"))
    printable = [byte for first, last in spans for byte in range(ord(first), ord(last) + 1)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


_BYTE_LETTERS = _byte_letters()


def _spelled(token: bytes) -> str:
    return "".join(_BYTE_LETTERS[byte] for byte in token)


def _write_tokenizer(path: Path, ranks: list[bytes], words: list[str]) -> None:
    vocabulary = {word: index for index, word in enumerate(words)}
    model = tokenizers.models.BPE(vocabulary, _merges(ranks))
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens([tokenizers.AddedToken(token, special=True) for token in _SPECIAL])
    tokenizer.save(str(path))


def _merges(ranks: list[bytes]) -> list[tuple[str, str]]:
    """The pair of tokens that each longer token is made of, in order of rank."""
    rank_of = {token: rank for rank, token in enumerate(ranks)}
    merges = []
    for token in ranks:
        pairs = [(token[:at], token[at:]) for at in range(1, len(token))]
        known = [pair for pair in pairs if pair[0] in rank_of and pair[1] in rank_of]
        if known:
            left, right = min(known, key=lambda pair: max(rank_of[pair[0]], rank_of[pair[1]]))
            merges.append((_spelled(left), _spelled(right)))
    return merges


def _random_whisper(shape: Shape, vocabulary: int, rng: np.random.Generator) -> WhisperSpec:
    width = shape.width
    # What a layer gives out is as large as what it takes in, about, in any width.
    spread = np.float32(1.2 / np.sqrt(width))

    def weights(*size: int) -> np.ndarray:
        return spread * rng.standard_normal(size, dtype=np.float32)

    def fill(layer, outputs: int, inputs: int) -> None:
        layer.weight, layer.bias = weights(outputs, inputs), np.zeros(outputs, np.float32)

    def norm(layer) -> None:
        layer.gamma, layer.beta = np.ones(width, np.float32), np.zeros(width, np.float32)

    def attend(layer, *outputs: int) -> None:
        norm(layer.layer_norm)
        for linear, count in zip(layer.linear, outputs, strict=True):
            fill(linear, count, width)

    def feed_forward(layer) -> None:
        norm(layer.layer_norm)
        fill(layer.linear_0, 4 * width, width)
        fill(layer.linear_1, width, 4 * width)

    spec = WhisperSpec(shape.layers, shape.heads, shape.layers, shape.heads)
    for conv, inputs in ((spec.encoder.conv1, _MELS), (spec.encoder.conv2, width)):
        conv.weight, conv.bias = weights(width, inputs, 3), np.zeros(width, np.float32)
    for part, positions in ((spec.encoder, 1500), (spec.decoder, 448)):
        part.position_encodings.encodings = weights(positions, width)
        norm(part.layer_norm)
        for layer in part.layer:
            attend(layer.self_attention, 3 * width, width)
            feed_forward(layer.ffn)
    for layer in spec.decoder.layer:
        attend(layer.attention, width, 2 * width, width)
    spec.decoder.embeddings.weight = weights(vocabulary, width)
    fill(spec.decoder.projection, vocabulary, width)
    return spec


def _lead(decoder, words: list[str], rng: np.random.Generator) -> None:
    """Make the decoder say common words, other ones at every place, and come to an end."""
    known = {word: index for index, word in enumerate(words)}
    favoured = [index for index, word in enumerate(words[:6000]) if word[1:].isascii() and word[1:].isalpha()
                and word[0] == "Ġ" and len(word) > 2]  # fmt: skip
    numerals = [known[mark + text] for text in _NUMERALS for mark in ("Ġ", "") if mark + text in known]
    favoured += numerals
    projection = decoder.projection
    width = projection.weight.shape[1]
    projection.bias[favoured] = _FAVOUR
    projection.bias[numerals] += 1.5
    rows = rng.normal(0, 1.0, (len(favoured), width))
    projection.weight[favoured] = 24.0 / np.sqrt(width) * rows / np.linalg.norm(rows, axis=1, keepdims=True)
    # One coordinate of the hidden state tells the place and nothing else.
    places = np.arange(448, dtype=np.float32)
    decoder.position_encodings.encodings = rng.normal(0, 1.5, (448, width)).astype(np.float32)
    decoder.position_encodings.encodings[:, 0] = places / _USUAL_TOKENS * 4 - 4
    projection.weight[:, 0] = 0
    end = len(words)
    projection.bias[end] = _FAVOUR
    projection.weight[end] = 0
    projection.weight[end, 0] = 8.0
    # It takes what is spoken for English, and is not sure.
    projection.bias[end + 2] = 4.0


def make_aligner(folder: Path, letters: str = _LETTERS, full_size: bool = False) -> Path:
    """A wav2vec2 with CTC over ``letters``, of the base model's strides and of random weights.

    ``full_size``: the base model's widths and depth too (95 M weights, 378 MB).
    """
    from ecg.speech.whisperx import stack

    stack.prepare()
    import torch
    import transformers

    folder.mkdir(parents=True)
    vocabulary = ["<pad>", "<s>", "</s>", "<unk>", "|", *letters]
    (folder / "vocab.json").write_text(json.dumps({letter: index for index, letter in enumerate(vocabulary)}))
    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"), do_lower_case=True)
    extractor = transformers.Wav2Vec2FeatureExtractor(
        feature_size=1, sampling_rate=16000, padding_value=0.0, do_normalize=False,
        return_attention_mask=False,
    )  # fmt: skip
    transformers.Wav2Vec2Processor(extractor, tokenizer).save_pretrained(folder)
    tiny = dict(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        conv_dim=(32,) * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4,
        initializer_range=0.3,
    )  # fmt: skip
    config = transformers.Wav2Vec2Config(
        vocab_size=len(vocabulary), pad_token_id=0, **({} if full_size else tiny)
    )
    torch.manual_seed(0)
    transformers.Wav2Vec2ForCTC(config).eval().save_pretrained(folder)
    return folder
