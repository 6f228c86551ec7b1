"""OpenAI's own client against ECG as it runs: real speech, workers, and the engine without a download."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
import srt
import webvtt
from openai import OpenAI

from tests.client import Client
from tests.conftest import LiveStack, speech
from tests.spoken import ffmpeg

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
FORMATS: dict[str, dict[str, Any]] = {
    "verbose_json": {"timestamp_granularities": ["word", "segment"]},
    "srt": {}, "vtt": {}, "text": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def key(stack: LiveStack) -> str:
    return Client(stack.url).post("/api/keys", name="openai").json()["key"]


@pytest.fixture(scope="module")
def client(stack: LiveStack, key: str) -> OpenAI:
    return OpenAI(base_url=f"{stack.url}/v1", api_key=key, max_retries=0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of an old speech, named as the page's examples have it."""
    clip = tmp_path_factory.mktemp("speech") / "talk.mp3"
    ffmpeg("-i", speech("jfk.flac"), "-t", "4", clip)
    return clip


@pytest.fixture(scope="module")
def answers(client: OpenAI, clip: Path) -> Iterator[dict[str, Any]]:
    """What the client makes of the clip in each format, asked for at the same time."""

    def ask(format: str) -> Any:
        return client.audio.transcriptions.create(
            file=clip, model="whisper-1", language="en", response_format=format, **FORMATS[format]
        )

    with ThreadPoolExecutor(4) as threads:
        yield dict(zip(FORMATS, threads.map(ask, FORMATS), strict=True))


def test_segments_and_words_have_their_times(answers: dict[str, Any]) -> None:
    heard = answers["verbose_json"]
    assert (heard.language, heard.engine, round(heard.duration)) == ("en", "offline", 4)
    assert "fellow" in heard.text.lower().split()
    assert " ".join(segment.text for segment in heard.segments) == heard.text
    assert " ".join(word.word for word in heard.words) == heard.text
    for spoken in (heard.segments, heard.words):
        assert all(0 <= one.start < one.end <= heard.duration + 0.1 for one in spoken)
    assert {segment.avg_logprob for segment in heard.segments} == {None}, "it is not measured"
    assert any("draft" in warning for warning in heard.warnings)


def test_captions_and_text_are_what_other_programs_read(answers: dict[str, Any], tmp_path: Path) -> None:
    words = answers["verbose_json"].text.split()
    assert answers["text"] == f"{' '.join(words)}\n"
    assert " ".join(cue.content for cue in srt.parse(answers["srt"])).split() == words
    written = tmp_path / "talk.vtt"
    written.write_text(answers["vtt"])
    assert " ".join(cue.text for cue in webvtt.read(written)).split() == words


def test_the_examples_of_the_page_do_as_it_says(
    answers: dict[str, Any], stack: LiveStack, key: str, clip: Path
) -> None:
    section = PAGE.read_text().partition("## Short files")[2]
    python, shell = (re.findall(rf"```{kind}\n(.*?)```", section, re.DOTALL)[0] for kind in ("python", "sh"))
    env = stack.env | {"OPENAI_BASE_URL": f"{stack.url}/v1", "OPENAI_API_KEY": key}
    run: dict[str, Any] = {"cwd": clip.parent, "text": True, "timeout": 120}
    printed = subprocess.check_output([sys.executable, "-c", python], env=env, **run)
    assert printed == f"en offline {answers['verbose_json'].text}\n"
    env = stack.env | {"ECG": stack.url, "KEY": key}
    analysis = json.loads(subprocess.check_output(["bash", "-c", shell], env=env, **run))
    assert analysis["text"].split() == printed.split()[2:]
    assert analysis["segments"][0]["words"][0]["acoustic_features"]["volume_db"] < 0
    assert set(analysis["speakers"]) == {"SPEAKER_00"}


@pytest.mark.parametrize(("sent", "raised", "code"), [
    ({"file": ("talk.mp3", b"no sound at all" * 99)}, openai.BadRequestError, "INVALID_MEDIA"),
    ({"language": "ko"}, openai.BadRequestError, "LANGUAGE_UNSUPPORTED"),
    ({"model": "large-v9"}, openai.BadRequestError, "BAD_REQUEST"),
    ({"file": ("talk.mp3", b"")}, openai.BadRequestError, "BAD_REQUEST"),
    ({"model": "faster-whisper"}, openai.InternalServerError, "ENGINE_UNAVAILABLE"),
    ({"file": ("talk.mp3", bytes(27 * 1024**2))}, openai.APIStatusError, "REQUEST_ENTITY_TOO_LARGE"),
])  # fmt: skip
def test_errors_are_the_clients_own_types_and_nothing_is_sent_twice(
    client: OpenAI, clip: Path, sent: dict[str, Any], raised: type[openai.APIStatusError], code: str
) -> None:
    patient = client.with_options(max_retries=2)
    with pytest.raises(raised) as error:
        patient.audio.transcriptions.create(**{"file": clip, "model": "offline", **sent})
    assert error.value.code == code
    assert error.value.response.request.headers["x-stainless-retry-count"] == "0"


def test_a_wrong_key_is_an_authentication_error(client: OpenAI, clip: Path) -> None:
    stranger = client.with_options(api_key="ecg_wrong")
    with pytest.raises(openai.AuthenticationError) as error:
        stranger.audio.transcriptions.create(file=clip, model="whisper-1")
    assert error.value.code == "UNAUTHORIZED"
