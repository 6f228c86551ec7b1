"""What a link to send a file to refuses, and that what is processed is what was checked.

Over the local store and two S3 servers. Moto's looks at no signature or policy, so it has no say in what is
refused; SeaweedFS does.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from flask import Flask

from ecg import config
from ecg.config import settings
from ecg.db import transaction
from ecg.errors import NotFound
from ecg.models import StepStatus, Upload
from ecg.storage import store
from ecg.tasks import media
from ecg.tasks.step import keeper, run_step
from ecg.tasks.work import Outcome, Work
from ecg.web.app import create_app
from tests.jobs.builders import step_of
from tests.storage.s3_server import a_bucket, an_s3_server
from tests.storage.seaweed import a_seaweed
from tests.web.person import Person

_PART_BYTES = 5 << 20  # the least that S3 takes
SENT = {200, 201, 204}
GOOD, EVIL = b"a good video", b"an evil one!"
LARGE = b"l" * _PART_BYTES + b"arge"

enforcing = pytest.mark.parametrize("place", ["local", "seaweed"], indirect=True)


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    with an_s3_server() as link:
        yield link.url


@pytest.fixture(scope="module")
def seaweed_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with a_seaweed(tmp_path_factory.mktemp("seaweed")) as url:
        yield url


@pytest.fixture(params=["local", "moto", "seaweed"])
def place(request: pytest.FixtureRequest, database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where files are kept, with parts as small as they may be."""
    if request.param != "local":
        url = request.getfixturevalue(f"{request.param}_url")
        monkeypatch.setenv("ECG_S3_BUCKET", a_bucket(url, monkeypatch))
        monkeypatch.setenv("ECG_S3_ENDPOINT_URL", url)
        monkeypatch.setenv("ECG_S3_PREFIX", "ecg")
    monkeypatch.setenv("ECG_PARTS_ABOVE_BYTES", str(_PART_BYTES))
    monkeypatch.setenv("ECG_PART_BYTES", str(_PART_BYTES))
    config.settings.cache_clear()
    return request.param


@pytest.fixture(scope="module", autouse=True)
def one_keeper() -> Iterator[None]:
    """A process of its own, which is slow to start, for all attempts of this file."""
    keeper.cache_clear()
    yield
    keeper().close()
    keeper.cache_clear()


@pytest.fixture
def app(place: str) -> Flask:
    return create_app()


def ask(person: Person, content: bytes = GOOD, **more: Any) -> dict[str, Any]:
    answer = person.post("/api/uploads", filename="talk.mp4", size_bytes=len(content),
                         content_type="video/mp4", **more)  # fmt: skip
    assert answer.status_code == 201, answer.text
    return answer.json


def send(person: Person, request: dict[str, Any], content: bytes, **instead: str) -> int:
    """Make the request that a link says, with other headers or fields if wished; the status of the answer."""
    if request["url"].startswith("/"):
        return person.client.open(request["url"], method=request["method"], data=content,
                                  headers={**request["headers"], **instead}).status_code  # fmt: skip
    if request["method"] == "POST":
        return requests.post(request["url"], data={**request["fields"], **instead},
                             files={"file": ("talk.mp4", content)}, timeout=30).status_code  # fmt: skip
    return requests.put(request["url"], data=content, headers={**request["headers"], **instead},
                        timeout=30).status_code  # fmt: skip


def send_parts(person: Person, video_id: str, content: bytes, *numbers: int) -> list[dict[str, Any]]:
    links = person.post(f"/api/uploads/{video_id}/parts", numbers=list(numbers)).json["parts"]
    for link in links:
        start = (link["number"] - 1) * _PART_BYTES
        assert send(person, link, content[start : start + _PART_BYTES]) in SENT
    return links


def put_link(person: Person, **more: Any) -> dict[str, Any]:
    made = person.post("/api/upload-video/generate-url", filename="talk.mp4", content_type="video/mp4",
                       **more).json  # fmt: skip
    return {"url": made["url"], "method": "PUT", "headers": {"Content-Type": "video/mp4"},
            "video_id": made["video_id"], "file_key": made["file_key"]}  # fmt: skip


def expected(video_id: str) -> Upload:
    with transaction() as session:
        return session.get_one(Upload, video_id)


def complete(person: Person, video_id: str):
    return person.post(f"/api/uploads/{video_id}/complete")


def processed(person: Person, video_id: str) -> bytes:
    """The bytes that the first step of an analysis works on."""
    seen: list[bytes] = []

    def look(work: Work) -> Outcome:
        seen.append(work.announced_source().read_bytes())
        return Outcome()

    run_step(look, step_of(person.analysis(video_id), "ingest").id)
    return seen[0]


@enforcing
def test_one_byte_more_or_less_than_announced_is_refused(ann: Person) -> None:
    for link in (ask(ann)["upload"], put_link(ann, size_bytes=len(GOOD))):
        for content in (GOOD + b"!", GOOD[:-1]):
            assert send(ann, link, content) in {400, 403, 413}
        assert send(ann, link, GOOD) in SENT


@enforcing
def test_another_key_is_refused(ann: Person) -> None:
    link, other = ask(ann)["upload"], ask(ann)
    if link["fields"]:
        assert send(ann, link, GOOD, key=link["fields"]["key"].replace("sent", "other")) == 403
    link = put_link(ann)
    assert send(ann, {**link, "url": link["url"].replace("/temp/", "/uploads/")}, GOOD) == 403
    assert complete(ann, other["video_id"]).status_code == 409


@enforcing
def test_another_content_type_is_refused(ann: Person) -> None:
    for link in (ask(ann)["upload"], put_link(ann), put_link(ann, size_bytes=len(GOOD))):
        assert send(ann, link, GOOD, **{"Content-Type": "text/html"}) == 403
        assert send(ann, link, GOOD) in SENT


@enforcing
def test_an_expired_link_is_refused(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECG_LINK_S", "1")
    config.settings.cache_clear()
    ann = Person(create_app(), "ann@example.org")
    large = ask(ann, LARGE)["video_id"]
    (part,) = ann.post(f"/api/uploads/{large}/parts", numbers=[2]).json["parts"]
    links = [(ask(ann)["upload"], GOOD), (put_link(ann), GOOD), (part, LARGE[_PART_BYTES:])]
    time.sleep(2.1)
    for link, content in links:
        assert send(ann, link, content) == 403


@enforcing
def test_a_part_of_another_size_is_refused(ann: Person) -> None:
    large = ask(ann, LARGE)["video_id"]
    (part,) = ann.post(f"/api/uploads/{large}/parts", numbers=[2]).json["parts"]
    for content in (b"arge!", b"arg"):
        assert send(ann, part, content) in {400, 403, 413}
    assert ann.get(f"/api/uploads/{large}/parts").json["parts"] == []
    beyond = ann.post(f"/api/uploads/{large}/parts", numbers=[3])
    assert beyond.status_code == 400


def test_somebody_elses_upload_is_unknown(ann: Person, bob: Person) -> None:
    whole, large = ask(ann), ask(ann, LARGE)["video_id"]
    assert send(ann, whole["upload"], GOOD) in SENT
    assert complete(bob, whole["video_id"]).status_code == 404
    assert bob.post(f"/api/uploads/{large}/parts", numbers=[1]).status_code == 404
    assert bob.get(f"/api/uploads/{large}/parts").status_code == 404
    assert ann.get(f"/api/videos/{whole['video_id']}").json["status"] == "uploading"
    assert complete(ann, whole["video_id"]).json["status"] == "ready"


@pytest.mark.parametrize("content", [GOOD, LARGE], ids=["whole", "parts"])
def test_completions_at_the_same_time_agree_on_one_file(app: Flask, ann: Person, content: bytes) -> None:
    made = ask(ann, content)
    if made["upload"]:
        send(ann, made["upload"], content)
    else:
        send_parts(ann, made["video_id"], content, 1, 2)
    path, together, answers = f"/api/uploads/{made['video_id']}/complete", threading.Barrier(4), []

    def complete_too() -> None:
        together.wait(30)
        answers.append(app.test_client().post(path, headers=ann.headers).status_code)

    threads = [threading.Thread(target=complete_too) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One that looks between the end of another's work and its commit is asked to try again.
    assert set(answers) <= {200, 409}
    assert complete(ann, made["video_id"]).status_code == 200
    assert processed(ann, made["video_id"]) == content
    assert len(list(store(settings()).keys("uploads/"))) == 1


@pytest.mark.parametrize("way", ["form", "put"])
def test_what_is_sent_to_a_link_after_completion_is_not_what_is_processed(ann: Person, way: str) -> None:
    made = ask(ann) if way == "form" else put_link(ann)
    link = made["upload"] if way == "form" else made
    assert send(ann, link, GOOD) in SENT
    assert complete(ann, made["video_id"]).status_code == 200
    assert send(ann, link, EVIL) in SENT, "the link may be used again"
    again = complete(ann, made["video_id"])
    assert again.status_code == 200
    assert processed(ann, made["video_id"]) == GOOD
    assert ann.post(f"/api/uploads/{made['video_id']}/parts", numbers=[1]).status_code == 409


def test_a_part_sent_after_completion_is_not_what_is_processed(ann: Person) -> None:
    video_id = ask(ann, LARGE)["video_id"]
    links = send_parts(ann, video_id, LARGE, 1, 2)
    assert complete(ann, video_id).status_code == 200
    assert send(ann, links[1], b"evil") not in SENT
    assert complete(ann, video_id).status_code == 200
    assert processed(ann, video_id) == LARGE


def test_an_upload_in_parts_goes_on_where_it_was_cut_off(ann: Person) -> None:
    made = ask(ann, LARGE)
    assert (made["upload"], made["part_size_bytes"], made["part_count"]) == (None, _PART_BYTES, 2)
    send_parts(ann, made["video_id"], LARGE, 2)
    refused = complete(ann, made["video_id"])
    assert refused.status_code == 409
    assert refused.json["error"]["details"]["missing"] == [1]
    there = ann.get(f"/api/uploads/{made['video_id']}/parts").json
    assert [(part["number"], part["size_bytes"]) for part in there["parts"]] == [(2, 4)]
    send_parts(ann, made["video_id"], LARGE, 1)
    done = complete(ann, made["video_id"])
    assert done.status_code == 200, done.text
    assert done.json["size_bytes"] == len(LARGE)


def test_a_completion_that_was_cut_off_is_taken_up_again(ann: Person) -> None:
    video_id = ask(ann, LARGE)["video_id"]
    send_parts(ann, video_id, LARGE, 1, 2)
    upload, shelf = expected(video_id), store(settings())
    shelf.join(upload.key, upload.parts_id, shelf.parts(upload.key, upload.parts_id))
    assert complete(ann, video_id).json["status"] == "ready"
    assert processed(ann, video_id) == LARGE


def test_a_file_of_another_checksum_is_refused_and_the_right_one_taken(ann: Person) -> None:
    digest = hashlib.sha256(GOOD)
    for checksum in (digest.hexdigest(), base64.b64encode(digest.digest()).decode()):
        made = ask(ann, checksum=checksum)
        if send(ann, made["upload"], EVIL) in SENT:  # SeaweedFS has compared it already
            refused = complete(ann, made["video_id"])
            assert refused.status_code == 422
            assert refused.json["error"]["code"] == "CHECKSUM_MISMATCH"
        assert complete(ann, made["video_id"]).status_code == 409
        assert send(ann, made["upload"], GOOD) in SENT
        assert complete(ann, made["video_id"]).status_code == 200


def test_parts_of_another_checksum_fail_the_analysis_before_it_begins(ann: Person) -> None:
    video_id = ask(ann, LARGE, checksum=hashlib.sha256(b"another").hexdigest())["video_id"]
    send_parts(ann, video_id, LARGE, 1, 2)
    assert complete(ann, video_id).status_code == 200
    job_id = ann.analysis(video_id)
    run_step(media.ingest, step_of(job_id, "ingest").id)
    step = step_of(job_id, "ingest")
    assert (step.status, step.errors) == (StepStatus.FAILED, 1)
    assert ann.get(f"/api/jobs/{job_id}").json["error"]["code"] == "CHECKSUM_MISMATCH"


def test_deleting_a_video_gives_up_its_parts(ann: Person) -> None:
    video_id = ask(ann, LARGE)["video_id"]
    (link,) = send_parts(ann, video_id, LARGE, 2)
    upload = expected(video_id)
    assert ann.delete(f"/api/videos/{video_id}").status_code == 204
    with pytest.raises(NotFound):
        store(settings()).parts(upload.key, upload.parts_id)
    assert send(ann, link, b"arge") not in SENT
    assert list(store(settings()).keys("")) == []


def test_only_the_checked_copy_of_an_upload_is_kept(ann: Person) -> None:
    made = ask(ann)
    send(ann, made["upload"], GOOD)
    complete(ann, made["video_id"])
    (key,) = store(settings()).keys("")
    assert re.fullmatch(rf"uploads/[0-9a-f-]{{36}}/{made['video_id']}/source-[0-9a-f]{{16}}", key)
    ann.delete(f"/api/videos/{made['video_id']}")
    assert list(store(settings()).keys("")) == []


def test_a_put_of_unknown_size_is_held_to_the_limit_at_completion(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECG_MAX_UPLOAD_BYTES", "10")
    config.settings.cache_clear()
    ann = Person(create_app(), "ann@example.org")
    link = put_link(ann)
    if send(ann, link, GOOD) in SENT:
        refused = complete(ann, link["video_id"])
        assert refused.status_code == 422
        assert "at most 10 bytes" in refused.json["error"]["message"]
    assert complete(ann, link["video_id"]).status_code == 409


def test_a_download_is_the_owners_short_lived_and_saved_as_a_file(ann: Person, bob: Person) -> None:
    link = put_link(ann)
    send(ann, link, GOOD)
    complete(ann, link["video_id"])
    path = f"/api/upload-video/download-url/{link['file_key']}"
    assert bob.get(path).status_code == 404
    given = ann.get(path).json
    assert given["expires_in"] == settings().link_s
    answer = ann.client.get(given["download_url"]) if given["download_url"].startswith("/") else None
    headers = answer.headers if answer else requests.get(given["download_url"], timeout=30).headers
    assert headers["Content-Disposition"].startswith("attachment")
    assert "talk.mp4" in headers["Content-Disposition"]
