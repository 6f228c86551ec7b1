"""Projects: captions edited and saved version by version, and what is made of them."""

from __future__ import annotations

import copy
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from werkzeug.test import TestResponse

from ecg import projects
from ecg.captions import load_style
from ecg.db import transaction
from ecg.models import Job
from tests.web.person import TRANSCRIPT, Person
from tests.web.serving import web

CAPTIONS = "1\n00:00:00,500 --> 00:00:02,000\nGood evening\n"


def project(person: Person, **body: Any) -> dict[str, Any]:
    """A new project of a video with an analysis."""
    video_id, _ = person.analysed_video()
    made = person.post("/api/projects", video_id=video_id, **body)
    assert made.status_code == 201, made.text
    return made.json


def save(person: Person, made: dict[str, Any], seen: int | None = 1, **body: Any) -> TestResponse:
    headers = dict(person.headers) if seen is None else {**person.headers, "If-Match": f'"{seen}"'}
    return person.client.put(f"/api/projects/{made['id']}", json=body, headers=headers)


def edited(made: dict[str, Any], number: int = 0, **word: Any) -> dict[str, Any]:
    """The transcript of a project with another first word."""
    transcript = copy.deepcopy(made["transcript"])
    transcript["segments"][0]["words"][number].update(word)
    return transcript


def error_of(answer: TestResponse) -> dict[str, Any]:
    return answer.json["error"]


def test_a_project_begins_as_the_newest_finished_analysis(ann: Person) -> None:
    video_id, _ = ann.analysed_video()
    made = ann.post("/api/projects", videoId=video_id)
    assert made.status_code == 201
    assert made.headers["ETag"] == '"1"'
    assert (made.json["name"], made.json["version"], made.json["style"]) == ("talk", 1, "intention")
    assert made.json["transcript"]["text"] == TRANSCRIPT["text"]
    assert ann.get(made.headers["Location"]).json == made.json


def test_a_video_that_was_not_analysed_takes_a_caption_file(ann: Person) -> None:
    video_id = ann.video()
    assert ann.post("/api/projects", video_id=video_id).status_code == 409
    made = ann.post("/api/projects", video_id=video_id, captions=CAPTIONS, name="Evening",
                    style="minimal").json  # fmt: skip
    assert (made["name"], made["style"], made["transcript"]["text"]) == ("Evening", "minimal", "Good evening")
    words = made["transcript"]["segments"][0]["words"]
    assert (words[0]["start"], words[-1]["end"]) == (0.5, 2.0)
    early = ann.post("/api/render/create", projectId=made["id"])
    assert (early.status_code, error_of(early)["code"]) == (409, "CONFLICT"), "its picture is not known"


def test_what_was_saved_is_what_is_read_and_what_was_left_out_stays(ann: Person) -> None:
    made = project(ann)
    saved = save(ann, made, transcript=edited(made, word="Hi"), colors={"SPEAKER_00": "#ff0000"})
    assert (saved.status_code, saved.headers["ETag"], saved.json["version"]) == (200, '"2"', 2)
    assert save(ann, made, 2, name="Second", strength=0.5).json["version"] == 3
    now = ann.get(f"/api/projects/{made['id']}").json
    assert now["transcript"]["text"] == "Hi there"
    assert (now["name"], now["strength"], now["colors"]) == ("Second", 0.5, {"SPEAKER_00": "#ff0000"})
    assert now["updated_at"] > made["updated_at"]
    assert now["transcript"]["metadata"] == made["transcript"]["metadata"]


def test_what_a_client_has_already_is_not_sent_again(ann: Person) -> None:
    made = project(ann)
    path, known = f"/api/projects/{made['id']}", {**ann.headers, "If-None-Match": '"1"'}
    same = ann.client.get(path, headers=known)
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", '"1"')
    save(ann, made, name="Other")
    assert ann.client.get(path, headers=known).json["name"] == "Other"


def test_a_change_must_name_the_version_it_follows(ann: Person) -> None:
    made = project(ann)
    path = f"/api/projects/{made['id']}"
    for answer in (save(ann, made, None, name="x"), ann.post(f"{path}/import", captions=CAPTIONS)):
        assert (answer.status_code, error_of(answer)["code"]) == (428, "PRECONDITION_REQUIRED")
    assert save(ann, made, name="Mine").status_code == 200
    stale = {**ann.headers, "If-Match": '"1"'}
    for answer in (
        save(ann, made, name="x"), ann.client.delete(path, headers=stale),
        ann.client.post(f"{path}/import", json={"captions": CAPTIONS}, headers=stale),
        ann.client.put(path, json={"name": "x"}, headers={**ann.headers, "If-Match": 'W/"2"'}),
    ):  # fmt: skip
        assert (answer.status_code, error_of(answer)["code"]) == (409, "CONFLICT")
        assert error_of(answer)["details"] == {"current_version": 2}
    assert ann.get(path).json["name"] == "Mine"
    whatever = {**ann.headers, "If-Match": "*"}
    assert ann.client.put(path, json={"name": "x"}, headers=whatever).status_code == 200


def test_of_20_changes_to_the_same_version_in_two_processes_one_is_saved(ann: Person) -> None:
    made = project(ann)
    with web() as served:
        url, headers = f"{served.url}/api/projects/{made['id']}", {**ann.headers, "If-Match": '"1"'}

        def change(number: int) -> requests.Response:
            body = {"transcript": edited(made, word=f"Change{number}")}
            return requests.put(url, json=body, headers=headers, timeout=60)

        with ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(change, range(20)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 19}
    for answer in answers:
        assert answer.ok or answer.json()["error"]["details"] == {"current_version": 2}
    (won,) = (number for number, answer in enumerate(answers) if answer.ok)
    assert ann.get(f"/api/projects/{made['id']}").json["transcript"]["text"] == f"Change{won} there"
    assert ann.get(f"/api/projects/{made['id']}/versions").json["total"] == 2


def test_every_version_is_kept_and_can_be_gone_back_to(ann: Person) -> None:
    made = project(ann)
    path = f"/api/projects/{made['id']}"
    save(ann, made, transcript=edited(made, word="Hi"))
    save(ann, made, 2, transcript=edited(made, word="Hey"))
    listed = ann.get(f"{path}/versions", limit=2).json
    assert [version["version"] for version in listed["versions"]] == [3, 2]
    assert listed["total"] == 3
    first = ann.get(f"{path}/versions/1").json
    assert (first["version"], first["transcript"]) == (1, made["transcript"])
    assert ann.get(f"{path}/versions/4").status_code == 404
    assert save(ann, made, 3, transcript=first["transcript"]).json["version"] == 4
    assert ann.get(path).json["transcript"]["text"] == "Hello there"


def test_of_projects_and_versions_there_are_only_so_many(
    ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "MOST", 1)
    monkeypatch.setattr(projects, "KEPT_VERSIONS", 2)
    made, _ = project(ann), project(bob)
    refused = ann.post("/api/projects", video_id=made["video_id"])
    assert (refused.status_code, error_of(refused)["code"]) == (409, "CONFLICT")
    for seen in (1, 2):
        save(ann, made, seen, name=f"Version {seen + 1}")
    listed = ann.get(f"/api/projects/{made['id']}/versions").json["versions"]
    assert [version["version"] for version in listed] == [3, 2]
    assert ann.get(f"/api/projects/{made['id']}/versions/1").status_code == 404


def test_captions_are_imported_with_their_times_and_the_look_stays(ann: Person) -> None:
    made = project(ann, style="minimal", scenario=None)
    headers, captions = {**ann.headers, "If-Match": '"1"'}, "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>Good\n"
    path = f"/api/projects/{made['id']}/import"
    answer = ann.client.post(path, headers=headers, json={"captions": captions})
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    (segment,) = answer.json["transcript"]["segments"]
    assert (segment["start"], segment["end"], segment["text"]) == (1.0, 2.0, "Good")
    assert segment["speaker"]["speaker_id"] == "Ann"
    assert answer.json["style"] == "minimal"
    again = ann.client.post(path, headers={**ann.headers, "If-Match": "*"}, json={"captions": "none"})
    assert (again.status_code, error_of(again)["code"]) == (422, "INVALID_SCENARIO")


def test_a_project_is_exported_as_it_is_now(ann: Person) -> None:
    made = project(ann, name="My talk")
    save(ann, made, transcript=edited(made, word="Goodbye"))
    for format in ("srt", "vtt", "ass", "ttml", "json", "txt"):
        answer = ann.get(f"/api/projects/{made['id']}/export", format=format)
        assert answer.status_code == 200
        assert b"Goodbye" in answer.data
        assert answer.headers["Content-Disposition"] == f'attachment; filename="My talk.{format}"'


def test_an_export_is_laid_out_for_the_picture_asked_for_in_the_colours_chosen(ann: Person) -> None:
    made = project(ann, colors={"SPEAKER_00": "#00ff00"}, style="minimal")
    path = f"/api/projects/{made['id']}/export"
    scenario = ann.get(path, format="json", width=400, height=900).json
    assert (scenario["width"], scenario["height"]) == (400, 900)
    assert scenario["speakers"]["SPEAKER_00"]["color"] == "#00ff00"
    assert scenario["style"] == load_style("minimal").to_json()
    assert ann.get(path, format="exe").status_code == 400


def test_a_scenario_of_ones_own_is_what_is_shown(ann: Person) -> None:
    made = project(ann)
    path = f"/api/projects/{made['id']}"
    scenario = ann.get(f"{path}/export", format="json").json
    scenario["cues"][0]["words"][0]["text"] = "HELLO"
    assert save(ann, made, scenario=scenario).status_code == 200
    assert b"HELLO there" in ann.get(f"{path}/export", format="srt").data
    assert save(ann, made, 2, scenario=None).status_code == 200
    assert b"Hello there" in ann.get(f"{path}/export", format="srt").data


def test_a_render_of_a_project_draws_its_present_version(ann: Person) -> None:
    own = {**load_style().to_json(), "name": "mine", "title": "Mine"}
    made = project(ann, style=own, strength=0.5)
    save(ann, made, transcript=edited(made, word="Hi"))
    started = ann.post("/api/render/create", projectId=made["id"])
    assert started.status_code == 202
    status = ann.get(started.json["status_url"]).json
    assert (status["projectId"], status["projectVersion"]) == (made["id"], 2)
    with transaction() as session:
        params = session.get_one(Job, started.json["jobId"]).params
    assert (params["style"], params["own_style"], params["strength"]) == ("mine", own, 0.5)
    assert b'"Hi"' in ann.client.application.extensions["ecg.store"].open(params["project_key"]).read()


def test_a_render_is_of_one_thing(ann: Person) -> None:
    made = project(ann)
    for body in ({}, {"projectId": made["id"], "videoId": made["video_id"]},
                 {"projectId": made["id"], "style": "minimal"}):  # fmt: skip
        assert ann.post("/api/render/create", **body).status_code == 400


def test_a_render_is_asked_for_by_the_address_that_came_with_the_upload(ann: Person, bob: Person) -> None:
    video_id, _ = ann.analysed_video()
    made = ann.post("/api/upload-video/generate-url", filename="a.mp4").json
    url = made["video_url"].replace(made["video_id"], video_id)
    started = ann.post("/api/render/create", videoUrl=url)
    assert started.status_code == 202
    assert ann.get(started.json["status_url"]).json["videoId"] == video_id
    assert bob.post("/api/render/create", videoUrl=url).status_code == 404


def test_a_bad_project_names_what_is_wrong(ann: Person) -> None:
    made = project(ann)
    bad: list[tuple[dict[str, Any], int, str]] = [
        ({"transcript": edited(made, 1, end=1.05)}, 422, "transcript.segments[0].words[1].end"),
        ({"transcript": edited(made, 1, end=10**400)}, 422, "transcript.segments[0].words[1].end"),
        ({"transcript": {}}, 422, "transcript.segments"),
        ({"style": "no such"}, 400, "style"),
        ({"style": {"name": "mine"}}, 422, "style.title"),
        ({"strength": 2}, 400, "strength"),
        ({"colors": {"SPEAKER_00": "red"}}, 422, "colors.SPEAKER_00"),
        ({"scenario": {}}, 422, "version"),
        ({"name": ""}, 400, "name"),
        ({"name": "a\nb"}, 400, "name"),
        ({"version": 7}, 400, "version"),
    ]
    for body, status, said in bad:
        answer = save(ann, made, **body)
        assert answer.status_code == status, answer.text
        assert error_of(answer)["code"] == ("BAD_REQUEST" if status == 400 else "INVALID_SCENARIO")
        assert said in error_of(answer)["message"]
    assert ann.get(f"/api/projects/{made['id']}").json["version"] == 1


def test_projects_are_listed_newest_first_and_by_video(ann: Person, bob: Person) -> None:
    first, second = project(ann), project(ann)
    project(bob)
    listed = ann.get("/api/projects").json
    assert [row["id"] for row in listed["projects"]] == [second["id"], first["id"]]
    assert listed["total"] == 2
    assert "transcript" not in listed["projects"][0]
    (only,) = ann.get("/api/projects", video_id=first["video_id"]).json["projects"]
    assert only["id"] == first["id"]


def test_a_project_goes_when_it_is_deleted_or_its_video_is(ann: Person) -> None:
    first, second = project(ann), project(ann)
    assert ann.delete(f"/api/projects/{first['id']}").status_code == 204
    assert ann.get(f"/api/projects/{first['id']}").status_code == 404
    assert ann.delete(f"/api/projects/{first['id']}").status_code == 404
    assert ann.delete(f"/api/videos/{second['video_id']}").status_code == 204
    assert ann.get(f"/api/projects/{second['id']}").status_code == 404
    assert ann.get("/api/projects").json["total"] == 0
