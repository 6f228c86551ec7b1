"""Jobs and renders: how they are doing, stopping them, what they left."""

from __future__ import annotations

import datetime

import pytest
import redis

from ecg import progress
from ecg.config import settings
from tests.web.person import Person, fail, next_ready, work_off, work_step


def test_a_job_tells_its_steps_its_percent_and_its_milestone_in_two_languages(ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    job = ann.get(f"/api/jobs/{job_id}").json
    assert (job["status"], job["progress"], job["milestone"]) == ("queued", 0, None)
    assert set(job["message"]) == {"en", "ko"}
    work_step(next_ready(job_id))
    job = ann.get(f"/api/jobs/{job_id}").json
    assert (job["status"], job["progress"], job["milestone"]) == ("running", 10, "downloaded")
    ingest = next(step for step in job["steps"] if step["name"] == "ingest")
    assert (ingest["status"], ingest["queue"], ingest["result"]) == ("done", "media", {"by": "test"})
    assert datetime.datetime.fromisoformat(job["created_at"]).tzinfo is not None
    assert job["filename"] == "talk.mp4"


def test_progress_includes_live_ticks_that_are_ahead_of_the_record(ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    work_step(next_ready(job_id))
    ticks = progress.connect(settings().progress_url)
    for percent, shown in ((4.0, 10), (31.5, 31.5)):
        progress.publish(ticks, job_id, percent, "transcribe")
        assert ann.get(f"/api/jobs/{job_id}").json["progress"] == shown
    assert ann.get("/api/jobs").json["jobs"][0]["progress"] == 31.5
    work_off(job_id)
    assert ann.get(f"/api/jobs/{job_id}").json["progress"] == 100


def test_a_failed_job_says_what_went_wrong_and_where(ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    fail(job_id)
    job = ann.get(f"/api/jobs/{job_id}").json
    assert job["status"] == "failed"
    assert (job["error"]["code"], job["error"]["step"]) == ("INVALID_MEDIA", "ingest")


def test_jobs_are_listed_by_status_and_kind(ann: Person, bob: Person) -> None:
    video_id, analysis_id = ann.analysed_video()
    render_id = ann.render(video_id)
    bob.analysis(bob.video())
    listed = lambda **query: [job["id"] for job in ann.get("/api/jobs", **query).json["jobs"]]  # noqa: E731
    assert listed() == [render_id, analysis_id]
    assert listed(kind="render") == [render_id]
    assert listed(status="done") == [analysis_id]
    assert listed(status="failed") == []
    assert ann.get("/api/jobs", status="asleep").status_code == 400


def test_cancelling_stops_a_job_once_and_for_all(ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    for _ in range(2):
        answer = ann.post(f"/api/jobs/{job_id}/cancel")
        assert (answer.status_code, answer.json["status"]) == (200, "cancelled")
    assert next_ready(job_id) is None
    done = ann.analysed_video()[1]
    assert ann.post(f"/api/jobs/{done}/cancel").status_code == 409


def test_a_render_needs_a_finished_analysis(ann: Person) -> None:
    video_id = ann.video()
    assert ann.post("/api/render/create", videoId=video_id).status_code == 409
    ann.analysis(video_id)
    assert ann.post("/api/render/create", videoId=video_id).status_code == 409


def test_a_finished_render_can_be_downloaded(ann: Person) -> None:
    video_id, _ = ann.analysed_video()
    started = ann.post("/api/render/create", videoId=video_id, style="minimal", options={"quality": 90})
    assert started.status_code == 202
    job_id = started.json["jobId"]
    assert ann.get(f"/api/render/{job_id}/status").json["downloadUrl"] is None
    work_off(job_id)
    status = ann.get(started.json["status_url"]).json
    assert (status["status"], status["progress"]) == ("done", 100)
    job = ann.get(f"/api/jobs/{job_id}").json
    for url in (status["downloadUrl"], job["download_url"],
                ann.get(f"/api/videos/{video_id}").json["renders"][0]["download_url"]):  # fmt: skip
        answer = ann.client.get(url)
        assert answer.data == b"0123456789"
        assert answer.headers["Content-Disposition"] == "attachment; filename=talk.captioned.mp4"
    assert ann.client.get(url, headers={"Range": "bytes=-3"}).data == b"789"
    assert [render["jobId"] for render in ann.get("/api/render/history").json["renders"]] == [job_id]


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"format": "webm", "aspect": "9:16", "layout": "blur"}, "video/webm"),
        ({"format": "mov", "overlay": True}, "video/quicktime"),
    ],
)
def test_a_render_of_another_format_is_downloaded_as_what_it_is(
    ann: Person, options: dict, kind: str
) -> None:
    video_id, _ = ann.analysed_video()
    job_id = ann.post("/api/render/create", videoId=video_id, options=options).json["jobId"]
    work_off(job_id, video=f"video.{options['format']}")
    status = ann.get(f"/api/render/{job_id}/status").json
    assert status["metrics"] == {"by": "test"}
    answer = ann.client.get(status["downloadUrl"])
    assert answer.headers["Content-Disposition"].endswith(f"talk.captioned.{options['format']}")
    assert answer.mimetype == kind


def test_an_estimate_is_given_once_there_is_something_to_go_by(ann: Person) -> None:
    video_id, _ = ann.analysed_video()
    started = ann.post("/api/render/create", videoId=video_id).json
    assert started["estimatedTime"] is None
    work_off(started["jobId"])
    assert 0 <= ann.post("/api/render/create", videoId=video_id).json["estimatedTime"] < 60


def test_a_scenario_of_ones_own_is_kept_for_the_render(ann: Person) -> None:
    video_id, _ = ann.analysed_video()
    scenario = ann.get(f"/api/videos/{video_id}/scenario").json
    assert ann.post("/api/render/create", videoId=video_id, scenario=scenario).status_code == 202
    scenario["cues"][0]["words"][0]["end_s"] = -1
    answer = ann.post("/api/render/create", videoId=video_id, scenario=scenario)
    assert answer.status_code == 422
    assert answer.json["error"]["code"] == "INVALID_SCENARIO"
    assert "cues[0].words[0].end_s" in answer.json["error"]["message"]


def test_a_render_status_is_not_that_of_an_analysis(ann: Person) -> None:
    analysis_id = ann.analysis(ann.video())
    assert ann.get(f"/api/render/{analysis_id}/status").status_code == 404
    assert ann.post(f"/api/render/{analysis_id}/cancel").status_code == 404
    assert ann.get(f"/api/jobs/{analysis_id}").json["status"] == "queued"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"style": "no such"}, "style"),
        ({"strength": 1.5}, "strength"),
        ({"options": {"quality": 0}}, "quality"),
        ({"options": {"format": "exe"}}, "format"),
        ({"options": {"fps": 61}}, "fps"),
        ({"options": {"width": 640}}, "height"),
        ({"options": {"width": 640, "height": 640, "aspect": "9:16"}}, "aspect"),
        ({"options": {"aspect": "4:5"}}, "aspect"),
        ({"options": {"layout": "stretch"}}, "layout"),
        ({"options": {"overlay": True}}, "mov or webm"),
        ({"plan": "pro"}, "plan"),
        ({"options": {"preset": "x"}}, "preset"),
        ({"videoId": "x; DROP TABLE"}, "videoId"),
    ],
)
def test_a_bad_render_request_names_what_is_wrong(ann: Person, body: dict, field: str) -> None:
    video_id, _ = ann.analysed_video()
    answer = ann.post("/api/render/create", **{"videoId": video_id, **body})
    assert answer.status_code == 400
    assert field in answer.json["error"]["message"]


def test_a_job_sends_those_who_ask_here_for_its_events_to_the_streams(ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    answer = ann.client.get(f"/api/jobs/{job_id}/events?access_token=x")
    assert answer.status_code == 307
    assert answer.headers["Location"] == f"http://localhost:8001/api/jobs/{job_id}/events?access_token=x"


def test_redis_is_flushed_and_progress_stays_where_the_record_is(ann: Person) -> None:
    job_id = ann.analysis(ann.video())
    work_step(next_ready(job_id))
    progress.publish(progress.connect(settings().progress_url), job_id, 50.0, "transcribe")
    redis.Redis.from_url(settings().progress_url).flushall()
    assert ann.get(f"/api/jobs/{job_id}").json["progress"] == 10
