"""How long a two-hour talk of 20,000 words takes to compose, and how large its scenario is.

The floor is writing the transcript itself as JSON: whoever composes must have touched every word at least
as often. Processor time, the median of three runs, for a transcript in English and one in Japanese (where
words must be found first); the worse of the two counts. The targets are 2 s and 10 MB.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable

from ecg.captions import Scenario, compose, load_style
from ecg.transcript import Features, Segment, Transcript, Word

RUNS, WORDS, DURATION_S = 3, 20_000, 7200.0
TARGET_S, TARGET_BYTES = 2.0, 10_000_000
SENTENCES = {
    "en": "the quick brown fox jumps over the dog , and Mr. Holmes pays 25 percent of 5 million dollars .",
    "ja": "今日 は とても 天気 が いい の で 、 みん な で 近く の 公園 に 行って お弁 当 を 食べ ました 。",
}


def make_talk(language: str) -> Transcript:
    """Two people in turn, a sentence at a time, measured as every analysis is."""
    noise, segments = random.Random(7), []
    tokens, step_s = SENTENCES[language].split(), DURATION_S / WORDS
    for first in range(0, WORDS, len(tokens)):
        words = tuple(
            make_word(token, (first + index) * step_s, step_s, noise)
            for index, token in enumerate(tokens[: WORDS - first])
        )
        segments.append(Segment(words[0].start_s, words[-1].end_s, words, f"SPEAKER_0{first % 5 % 2}"))
    return Transcript(tuple(segments), (), language, DURATION_S)


def make_word(text: str, start_s: float, length_s: float, noise: random.Random) -> Word:
    features = Features(
        noise.gauss(-20, 4), noise.gauss(120, 20), 0.8, noise.gauss(1500, 300),
        tuple(noise.gauss(0, 10) for _ in range(13)), 3.0, 0.05,
    )  # fmt: skip
    return Word(text, start_s, start_s + 0.85 * length_s, noise.random(), features)


def seconds(work: Callable[[], object]) -> float:
    """Median processor time of ``work``, after one run that fills the caches."""
    work()
    times = []
    for _ in range(RUNS):
        started_s = time.process_time()
        work()
        times.append(time.process_time() - started_s)
    return statistics.median(times)


def measure(language: str) -> dict[str, float]:
    talk, style = make_talk(language), load_style()

    def composed() -> Scenario:
        return compose(talk, style, 1920, 1080)

    size = len(json.dumps(composed().to_json(), ensure_ascii=False).encode())
    return {"s": seconds(composed), "floor_s": seconds(lambda: json.dumps(talk.to_json())), "bytes": size}


def main() -> None:
    found = {language: measure(language) for language in SENTENCES}
    worst = max(found.values(), key=lambda figures: figures["s"])
    largest = max(figures["bytes"] for figures in found.values())
    print(json.dumps({
        "name": "compose", "ratio": round(worst["s"] / worst["floor_s"], 2), "target_s": TARGET_S,
        "target_bytes": TARGET_BYTES, "ok": worst["s"] <= TARGET_S and largest <= TARGET_BYTES,
        "compose_s": round(worst["s"], 2), "floor_s": round(worst["floor_s"], 2), "bytes": largest,
        "words": WORDS, "by_language": {
            language: [round(figures["s"], 2), figures["bytes"]] for language, figures in found.items()
        },
    }))  # fmt: skip


if __name__ == "__main__":
    main()
