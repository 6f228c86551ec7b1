"""Videos, their analyses and their captions."""

from __future__ import annotations

import pytest

from ecg.captions import Scenario
from ecg.captions.sidecars import FORMATS
from ecg.config import settings
from ecg.db import transaction
from ecg.models import Job
from ecg.storage import store
from tests.web.person import TRANSCRIPT, Person, fail, next_ready, work_off, work_step


def test_an_analysis_is_accepted_with_a_place_to_follow_it(ann: Person) -> None:
    answer = ann.post(f"/api/videos/{ann.video()}/analyze", language="ko", speakers=2)
    assert answer.status_code == 202
    assert answer.json["status"] == "processing"
    job = ann.get(answer.json["status_url"]).json
    assert job["id"] == answer.json["job_id"]
    assert job["kind"] == "analysis"
    assert (
        answer.json["events_url"] == job["events_url"] == f"http://localhost:8001/api/jobs/{job['id']}/events"
    )


SRT = "1\n00:00:00,500 --> 00:00:01,600\nHello there\n"


def test_words_may_come_from_a_caption_file(ann: Person) -> None:
    video_id = ann.video()
    answers = [ann.post(f"/api/videos/{video_id}/analyze", captions=SRT) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    with transaction() as session:
        keys = {session.get_one(Job, answer.json["job_id"]).params["captions_key"] for answer in answers}
    (key,) = keys
    assert store(settings()).open(key).read().decode() == SRT
    ann.delete(f"/api/videos/{video_id}")
    assert not store(settings()).exists(key)


@pytest.mark.parametrize(
    ("captions", "told"),
    [
        ("", "cue"),
        ("Dear Sir or Madam", "cue"),
        ("1\n00:00:01,000 --> 00:00:00,500\nBackwards\n", "line 2"),
        ("1\n00:00:01,000 --> 00:00:02,000\n\ud800\n", "captions"),
    ],
    ids=["nothing", "a letter", "times backwards", "half a character"],
)
def test_what_is_no_caption_file_is_refused_and_nothing_is_started(
    ann: Person, captions: str, told: str
) -> None:
    video_id = ann.video()
    refused = ann.post(f"/api/videos/{video_id}/analyze", captions=captions)
    assert refused.status_code in {400, 422}
    assert told in refused.json["error"]["message"].lower()
    assert ann.get(f"/api/videos/{video_id}").json["analysis"] is None


def test_a_script_and_hotwords_are_kept_for_the_engine(ann: Person) -> None:
    video_id, script = ann.video(), "Good morning, Mrs. Dashwood!\r\n\r\nHow are you?\n"
    answer = ann.post(
        f"/api/videos/{video_id}/analyze", script=script, hotwords=["  Mrs.  Dashwood ", "Barton Park"]
    )
    assert answer.status_code == 202
    with transaction() as session:
        params = session.get_one(Job, answer.json["job_id"]).params
    assert store(settings()).open(params["script_key"]).read().decode() == script
    assert params["hotwords"] == ["Mrs. Dashwood", "Barton Park"]
    ann.delete(f"/api/videos/{video_id}")
    assert not store(settings()).exists(params["script_key"])


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ({"script": "Hello there", "captions": SRT}, 422, "either captions"),
        ({"script": " \n — "}, 400, "script"),
        ({"script": "a\0b"}, 400, "script"),
        ({"script": "word " * 100_000}, 400, "script"),
        ({"hotwords": ["x"] * 101}, 400, "hotwords"),
        ({"hotwords": ["x" * 81]}, 400, "hotwords"),
        ({"hotwords": ["two\nlines"]}, 400, "hotwords"),
        ({"hotwords": ["—"]}, 400, "hotwords"),
        ({"hotwords": "Ada"}, 400, "hotwords"),
    ],
)
def test_a_script_or_hotwords_that_cannot_be_used_are_refused(
    ann: Person, asked: dict, status: int, told: str
) -> None:
    video_id = ann.video()
    refused = ann.post(f"/api/videos/{video_id}/analyze", **asked)
    assert refused.status_code == status
    assert told in refused.json["error"]["message"]
    assert ann.get(f"/api/videos/{video_id}").json["analysis"] is None


def test_a_video_tells_how_its_analysis_is_doing(ann: Person) -> None:
    video_id = ann.video()
    assert ann.get(f"/api/videos/{video_id}").json["analysis"] is None
    job_id = ann.analysis(video_id)
    assert ann.get(f"/api/videos/{video_id}").json["analysis"]["status"] == "queued"
    work_off(job_id)
    analysis = ann.get(f"/api/videos/{video_id}").json["analysis"]
    assert (analysis["job_id"], analysis["status"], analysis["progress"]) == (job_id, "done", 100)


def test_a_result_is_a_conflict_until_there_is_one(ann: Person) -> None:
    video_id = ann.video()
    for path in ("result", "prosody", "scenario"):
        assert ann.get(f"/api/videos/{video_id}/{path}").status_code == 409
    job_id = ann.analysis(video_id)
    waiting = ann.get(f"/api/videos/{video_id}/result")
    assert waiting.status_code == 409
    assert waiting.json["error"]["details"]["job_id"] == job_id
    fail(job_id)
    failed = ann.get(f"/api/videos/{video_id}/result")
    assert failed.status_code == 409
    assert failed.json["error"]["details"]["error"]["code"] == "INVALID_MEDIA"


def test_the_result_is_what_the_newest_finished_analysis_left(ann: Person) -> None:
    video_id, _ = ann.analysed_video()
    fail(ann.analysis(video_id))  # a newer one that came to nothing
    assert ann.get(f"/api/videos/{video_id}/result").json == TRANSCRIPT
    assert ann.get(f"/api/videos/{video_id}/prosody").json == {"hop_s": 0.05}
    assert ann.get(f"/api/videos/{video_id}").json["analysis"]["status"] == "failed"


def test_a_scenario_is_composed_in_the_style_and_size_asked_for(ann: Person) -> None:
    video_id, _ = ann.analysed_video()
    answer = ann.get(f"/api/videos/{video_id}/scenario", style="minimal", width=640, height=360)
    scenario = Scenario.from_json(answer.json)
    assert (scenario.width, scenario.height, scenario.style.name) == (640, 360, "minimal")
    assert [word.text for cue in scenario.cues for word in cue.words] == ["Hello", "there"]
    whole = ann.get(f"/api/videos/{video_id}/scenario").json
    assert (whole["width"], whole["height"]) == settings().audio_background_size
    assert whole["style"]["name"] == "intention"


@pytest.mark.parametrize("format", FORMATS)
def test_captions_are_to_be_had_as_a_file_of_every_format(ann: Person, format: str) -> None:
    video_id, _ = ann.analysed_video()
    answer = ann.get(f"/api/videos/{video_id}/captions/{format}")
    assert answer.status_code == 200
    assert "Hello" in answer.text
    assert answer.mimetype == FORMATS[format].media_type
    assert answer.headers["Content-Disposition"].endswith(f"talk.{format}")


def test_captions_in_a_format_that_is_not_there_or_of_somebody_else_are_refused(
    ann: Person, bob: Person
) -> None:
    video_id, _ = ann.analysed_video()
    answer = ann.get(f"/api/videos/{video_id}/captions/doc")
    assert answer.status_code == 400
    assert "srt, vtt" in answer.json["error"]["message"]
    assert bob.get(f"/api/videos/{video_id}/captions/srt").status_code == 404
    assert bob.get(f"/api/videos/{video_id}/quality").status_code == 404


def test_captions_are_measured_against_the_profile_asked_for(ann: Person) -> None:
    video_id, _ = ann.analysed_video()
    assert ann.get(f"/api/videos/{video_id}/quality").json["profile"] == "ecg"
    told = ann.get(f"/api/videos/{video_id}/quality", profile="netflix", fps=25).json
    assert (told["profile"], told["fps"]) == ("netflix", 25)
    assert set(told) >= {"summary", "findings"}
    refused = ann.get(f"/api/videos/{video_id}/quality", profile="x")
    assert refused.status_code == 400
    assert "netflix" in refused.json["error"]["message"]


def test_a_style_or_strength_that_is_not_there_is_told(ann: Person) -> None:
    video_id, _ = ann.analysed_video()
    for query, name in (
        ({"style": "x"}, "style"),
        ({"strength": 2}, "strength"),
        ({"strength": "nan"}, "strength"),
        ({"width": 0}, "width"),
        ({"style": "../../x\0"}, "style"),
        ({"hue": 1}, "hue"),
    ):
        answer = ann.get(f"/api/videos/{video_id}/scenario", **query)
        assert answer.status_code == 400, query
        assert name in answer.json["error"]["message"]


def test_a_video_still_on_its_way_cannot_be_analysed(ann: Person) -> None:
    made = ann.post("/api/uploads", filename="talk.mp4", size_bytes=7, content_type="video/mp4").json
    assert ann.post(f"/api/videos/{made['video_id']}/analyze").status_code == 409
    assert ann.get(f"/api/videos/{made['video_id']}").json["url"] is None


def test_videos_are_listed_newest_first_in_pages(ann: Person, bob: Person) -> None:
    bob.video()
    made = [ann.video(filename=f"{number}.mp4") for number in range(3)]
    first = ann.get("/api/videos", page=1, limit=2).json
    second = ann.get("/api/videos", page=2, limit=2).json
    assert [video["id"] for video in first["videos"] + second["videos"]] == made[::-1]
    assert first["total"] == 3
    for query in ({"page": 0}, {"limit": 0}, {"limit": 101}, {"page": "x"}, {"limit": 10**30}):
        assert ann.get("/api/videos", **query).status_code == 400, query


def test_a_deleted_video_is_gone_with_all_its_files_and_jobs(ann: Person) -> None:
    kept = ann.video()
    video_id, analysis_id = ann.analysed_video()
    render_id = ann.render(video_id)
    work_step(next_ready(render_id))
    assert ann.delete(f"/api/videos/{video_id}").status_code == 204
    assert ann.get(f"/api/videos/{video_id}").status_code == 404
    for job_id in (analysis_id, render_id):
        assert ann.get(f"/api/jobs/{job_id}").status_code == 404
    assert next_ready(render_id) is None
    assert [key for key in store(settings()).keys("") if video_id in key] == []
    assert ann.client.get(ann.get(f"/api/videos/{kept}").json["url"]).data == b"a video"
    assert ann.delete(f"/api/videos/{video_id}").status_code == 404
