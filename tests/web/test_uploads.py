"""Bringing a video: link, file, completion."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask

from ecg import config
from ecg.config import settings
from ecg.storage import store
from ecg.web.app import MAX_BODY_BYTES, create_app
from tests.web.person import Person


def ask(person: Person, size_bytes: int = 7, filename: str = "talk.mp4", content_type: str = "video/mp4"):
    return person.post("/api/uploads", filename=filename, size_bytes=size_bytes, content_type=content_type)


def stored_keys() -> list[str]:
    return list(store(settings()).keys("uploads/"))


def test_an_uploaded_video_is_ready_and_can_be_watched(ann: Person) -> None:
    made = ask(ann)
    assert made.status_code == 201
    assert made.json["upload"]["method"] == "PUT"
    video_id = made.json["video_id"]
    assert ann.get(f"/api/videos/{video_id}").json["status"] == "uploading"
    sent = ann.client.put(made.json["upload"]["url"], data=b"a video", headers=made.json["upload"]["headers"])
    assert sent.status_code == 201
    done = ann.post(f"/api/uploads/{video_id}/complete")
    assert done.status_code == 200
    assert done.json["status"] == "ready"
    assert done.json["size_bytes"] == 7
    seen = ann.client.get(done.json["url"])  # a <video> sends no token
    assert seen.data == b"a video"
    assert seen.headers["Content-Type"] == "video/mp4"
    assert seen.headers["Content-Disposition"].startswith("inline")


def test_a_video_can_be_watched_from_the_middle(ann: Person) -> None:
    url = ann.get(f"/api/videos/{ann.video()}").json["url"]
    part = ann.client.get(url, headers={"Range": "bytes=2-4"})
    assert part.status_code == 206
    assert part.data == b"vid"
    assert part.headers["Content-Range"] == "bytes 2-4/7"
    beyond = ann.client.get(url, headers={"Range": "bytes=100-"})
    assert beyond.status_code == 416
    assert beyond.json["error"]["code"] == "REQUESTED_RANGE_NOT_SATISFIABLE"


def test_an_uploaded_file_cannot_act_as_a_page(ann: Person) -> None:
    answer = ann.client.get(ann.get(f"/api/videos/{ann.video(b'<script>')}").json["url"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    for content_type in (
        "text/html",
        "image/svg+xml",
        "application/xhtml+xml",
        "video/mp4\r\nX: y",
        "video/",
    ):
        assert ask(ann, content_type=content_type).status_code == 400, content_type


def test_completing_before_the_file_has_arrived_is_a_conflict(ann: Person) -> None:
    answer = ann.post(f"/api/uploads/{ask(ann).json['video_id']}/complete")
    assert answer.status_code == 409


def test_completing_twice_changes_nothing(ann: Person) -> None:
    video_id = ann.video()
    again = ann.post(f"/api/uploads/{video_id}/complete")
    assert again.status_code == 200
    assert again.json["status"] == "ready"


@pytest.mark.parametrize(("content", "status"), [(b"short", 400), (b"", 400), (b"too long", 413)])
def test_a_file_of_another_size_than_announced_is_refused(ann: Person, content: bytes, status: int) -> None:
    link = ask(ann).json["upload"]["url"]
    answer = ann.client.put(link, data=content)
    assert answer.status_code == status
    assert "7 bytes" in answer.json["error"]["message"]
    assert stored_keys() == []
    assert ann.client.put(link, data=b"a video").status_code == 201  # the right file may still come


def test_a_body_without_a_length_is_counted_on_the_way(ann: Person) -> None:
    link = ask(ann).json["upload"]["url"]
    for content, status in ((b"far more than seven bytes", 413), (b"a video", 201)):
        answer = ann.client.put(link, input_stream=io.BytesIO(content),
                                environ_overrides={"wsgi.input_terminated": True})  # fmt: skip
        assert answer.status_code == status


def test_uploads_may_be_larger_than_other_bodies(ann: Person) -> None:
    content = b"v" * (MAX_BODY_BYTES + 1)
    assert ann.get(f"/api/videos/{ann.video(content)}").json["size_bytes"] == len(content)


def test_a_file_over_the_limit_is_refused_before_it_is_sent(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECG_MAX_UPLOAD_BYTES", "1000")
    config.settings.cache_clear()
    ann = Person(create_app(), "ann@example.org")
    assert ask(ann, size_bytes=1000).status_code == 201
    answer = ask(ann, size_bytes=1001)
    assert answer.status_code == 400
    assert answer.json["error"]["details"]["max_upload_bytes"] == 1000
    assert ann.get("/api/config").json["max_upload_bytes"] == 1000


def test_a_link_takes_one_file_once(ann: Person) -> None:
    link = ask(ann).json["upload"]["url"]
    assert ann.client.put(link, data=b"a video").status_code == 201
    swap = ann.client.put(link, data=b"an evil"[:7])
    assert swap.status_code == 409


def test_an_expired_link_is_refused(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECG_LINK_S", "-1")
    config.settings.cache_clear()
    ann = Person(create_app(), "ann@example.org")
    answer = ann.client.put(ask(ann).json["upload"]["url"], data=b"a video")
    assert answer.status_code == 403
    assert "expired" in answer.json["error"]["message"]


def test_a_tampered_link_is_refused(ann: Person) -> None:
    first, second = (ask(ann).json["upload"]["url"] for _ in range(2))
    path, _, token = first.partition("?token=")
    other_path = second.partition("?")[0]
    for bad in (f"{path}?token={token[:-2]}", f"{path}?token=x{token}", f"{other_path}?token={token}"):
        assert ann.client.put(bad, data=b"a video").status_code == 403, bad
        assert ann.client.get(bad).status_code == 403, bad
    assert ann.client.put(path, data=b"a video").status_code == 400  # no token at all
    assert ann.client.get(first).status_code == 403  # an upload link does not read
    assert stored_keys() == []


def test_a_preview_link_does_not_write(ann: Person) -> None:
    url = ann.get(f"/api/videos/{ann.video()}").json["url"]
    assert ann.client.put(url, data=b"an evil").status_code == 403
    assert ann.client.get(url).data == b"a video"


@pytest.mark.parametrize(("sent", "kept"), [
    ("talk.mp4", "talk.mp4"),
    ("../../etc/passwd", "passwd"),
    ("..", "video"),
    ("C:\\Users\\ann\\talk.mp4", "talk.mp4"),
    ('say "hi".mp4', 'say "hi".mp4'),
    ("two\r\nX-Evil: 1\nlines.mp4", "two  X-Evil: 1 lines.mp4"),
    ("한국어 강연 🎤.mp4", "한국어 강연 🎤.mp4"),
    ("a\u0000b.mp4", "a b.mp4"),
    ("   ", "video"),
    ("x" * 500 + ".mp4", "x" * 196 + ".mp4"),
])  # fmt: skip
def test_odd_file_names_are_kept_as_far_as_they_are_harmless(ann: Person, sent: str, kept: str) -> None:
    video = ann.get(f"/api/videos/{ann.video(filename=sent)}").json
    assert video["filename"] == kept
    answer = ann.client.get(video["url"])
    assert answer.status_code == 200
    assert "X-Evil" not in answer.headers
    assert re.fullmatch(r"uploads/[0-9a-f-]{36}/[0-9a-f-]{36}/source-[0-9a-f]{16}", stored_keys()[0])


def test_the_documented_upload_api_leads_to_an_analysis(ann: Person) -> None:
    made = ann.post("/api/upload-video/generate-url", filename="talk.mp4", filetype="video/mp4").json
    assert made["upload_url"] == made["url"] == made["presigned_url"]
    assert made["file_key"] == made["fileKey"]
    assert ann.client.put(made["url"], data=b"a video").status_code == 201
    for name in ("fileKey", "video_url"):
        started = ann.post("/api/upload-video/request-process", **{name: made[name]}, language="en")
        assert started.status_code == 202, started.text
        assert started.json["status"] == "processing"
    status = ann.get(f"/api/upload-video/status/{started.json['job_id']}").json
    assert status["status"] == "processing"
    assert ann.get("/api/upload-video/jobs").json["total"] == 2
    link = ann.get(f"/api/upload-video/download-url/{made['file_key']}").json["download_url"]
    answer = ann.client.get(link)
    assert answer.data == b"a video"
    assert answer.headers["Content-Disposition"] == "attachment; filename=talk.mp4"


def test_a_job_id_of_ones_own_starts_one_analysis_however_often_it_is_sent(ann: Person, bob: Person) -> None:
    mine = "3f0e7f6c-0f3a-4a57-9d5c-2f1d6f3b8a10"

    def process(person: Person, video_url: str, language: str = "en"):
        return person.post("/api/upload-video/process-video", job_id=mine, video_url=video_url,
                           language=language)  # fmt: skip

    urls = {}
    for person in (ann, bob):
        made = person.post("/api/upload-video/generate-url", filename="talk.mp4").json
        assert person.client.put(made["url"], data=b"a video").status_code == 201
        urls[person.email] = made["video_url"]
    first, again = process(ann, urls[ann.email]), process(ann, urls[ann.email])
    assert first.status_code == 202, first.text
    assert again.json == first.json
    assert again.headers["Idempotent-Replayed"] == "true"
    assert ann.get("/api/upload-video/jobs").json["total"] == 1
    assert process(ann, urls[ann.email], language="ko").status_code == 422
    others = process(bob, urls[bob.email])
    assert others.status_code == 202, "a job_id is one person's own"
    assert others.json["job_id"] != first.json["job_id"]


@pytest.mark.parametrize("url", [
    "http://169.254.169.254/latest", "file:///etc/passwd", "/store/uploads/x/y/source", "/store/../x", "x",
])  # fmt: skip
def test_a_video_url_of_ones_own_making_names_no_video(ann: Person, url: str) -> None:
    assert ann.post("/api/upload-video/request-process", video_url=url).status_code == 404


def test_a_link_to_someone_elses_file_is_not_given(ann: Person, bob: Person, app: Flask) -> None:
    ann.video()
    key = stored_keys()[0]
    assert ann.get(f"/api/upload-video/download-url/{key}").status_code == 200
    assert bob.get(f"/api/upload-video/download-url/{key}").status_code == 404
    assert bob.post("/api/upload-video/request-process", fileKey=key).status_code == 404
