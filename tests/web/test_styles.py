"""Styles of one's own: saved, used, changed and deleted over the API."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ecg import styles
from ecg.captions import load_style, style_names
from ecg.db import transaction
from ecg.models import Job
from tests.web.person import Person

MINE = "/api/styles/mine"


def own_style(**changes: Any) -> dict[str, Any]:
    """The default style under another name; ``text={"size": 0.1}`` changes a field inside another."""
    made = {**load_style().to_json(), "name": "mine", "title": "Mine"}
    for field, value in changes.items():
        made[field] = {**made[field], **value} if isinstance(value, dict) else value
    return made


def test_the_styles_are_listed_with_the_default_first_and_one_s_own_last(ann: Person, bob: Person) -> None:
    assert ann.put(MINE, **own_style()).status_code == 201
    bob.put("/api/styles/bobs", **own_style(name="bobs"))
    listed = ann.get("/api/styles").json
    assert [style["name"] for style in listed] == [*style_names(), "mine"]
    assert listed[0]["name"] == "intention"
    assert [style["name"] for style in listed if style["saved"]] == ["mine"]
    assert listed[-1]["title"] == "Mine"


def test_a_saved_style_is_what_captions_are_composed_in(ann: Person) -> None:
    video_id, _ = ann.analysed_video()
    sent = own_style(text={"size": 0.09}, animation={"pop": 0.4})
    ann.put(MINE, **sent)
    assert ann.get(MINE).json == sent
    scenario = ann.get(f"/api/videos/{video_id}/scenario", style="mine").json
    assert scenario["style"] == sent
    plainer = ann.get(f"/api/videos/{video_id}/scenario", style="mine", strength=0.5).json
    assert plainer["style"]["animation"]["pop"] == pytest.approx(0.2)
    assert b"Hello there" in ann.get(f"/api/videos/{video_id}/captions/srt", style="mine").data


def test_a_render_keeps_the_style_as_it_was_when_it_was_asked_for(ann: Person) -> None:
    video_id, _ = ann.analysed_video()
    ann.put(MINE, **own_style(text={"size": 0.09}))
    started = ann.post("/api/render/create", videoId=video_id, style="mine", strength=0.7)
    assert started.status_code == 202
    ann.put(MINE, **own_style(text={"size": 0.02}))
    assert ann.delete(MINE).status_code == 204
    with transaction() as session:
        params = session.get_one(Job, started.json["jobId"]).params
    assert params["own_style"]["text"]["size"] == 0.09
    assert params["strength"] == 0.7


def test_a_style_saved_again_replaces_the_one_that_was_there(ann: Person) -> None:
    ann.put(MINE, **own_style())
    again = ann.put(MINE, **own_style(title="Mine, larger", text={"size": 0.12}))
    assert again.status_code == 200
    assert ann.get(MINE).json["text"]["size"] == 0.12
    assert [style["title"] for style in ann.get("/api/styles").json if style["saved"]] == ["Mine, larger"]


def test_a_new_style_is_posted_under_the_name_it_has(ann: Person) -> None:
    made = ann.post("/api/styles", **own_style())
    assert (made.status_code, made.json["name"]) == (201, "mine")
    again = ann.post("/api/styles", **own_style(title="Another"))
    assert (again.status_code, again.json["error"]["code"]) == (409, "CONFLICT")
    assert ann.get(MINE).json["title"] == "Mine"
    assert ann.post("/api/styles", **own_style(name="intention")).status_code == 409
    assert ann.post(MINE, **own_style(title="Another")).status_code == 200
    assert ann.get(MINE).json["title"] == "Another"


def test_a_deleted_style_is_gone(ann: Person) -> None:
    ann.put(MINE, **own_style())
    assert ann.delete(MINE).status_code == 204
    assert ann.delete(MINE).status_code == 404
    assert ann.get(MINE).status_code == 404
    assert [style for style in ann.get("/api/styles").json if style["saved"]] == []


def test_nobody_sees_uses_or_deletes_another_s_style(ann: Person, bob: Person) -> None:
    ann.put(MINE, **own_style())
    video_id, _ = bob.analysed_video()
    refused = bob.get(f"/api/videos/{video_id}/scenario", style="mine")
    assert refused.status_code == 400
    assert "broadcast" in refused.json["error"]["message"]
    assert bob.post("/api/render/create", videoId=video_id, style="mine").status_code == 400
    assert bob.delete(MINE).status_code == 404
    assert bob.put(MINE, **own_style(title="Bob's")).status_code == 201
    assert ann.get(MINE).json["title"] == "Mine"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"text": {"size": 3}}, "text.size"),
        ({"text": {"hue": 3}}, "text.hue"),
        ({"title": "a\0b"}, "title"),
        ({"title": "a" * 101}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"palette": {"main": ["red"]}}, "palette.main[0]"),
        ({"palette": {"minor": ["#123456"] * 31}}, "palette.minor"),
        ({"animation": {"effects": [{"name": "explode", "amount": 1, "length_s": 1}]}}, "effects[0].name"),
    ],
    ids=str,
)
def test_a_wrong_value_is_named_by_its_path_and_nothing_is_saved(
    ann: Person, changes: dict[str, Any], path: str
) -> None:
    refused = ann.put(MINE, **own_style(**changes))
    assert refused.status_code == 422
    assert path in refused.json["error"]["message"]
    assert not any(style["saved"] for style in ann.get("/api/styles").json)


def test_what_is_no_style_is_refused_with_a_sentence(ann: Person) -> None:
    for body in ([], "text", None, 3, {}):
        answer = ann.client.put(MINE, json=body, headers=ann.headers)
        assert answer.status_code in {400, 422}, body
        assert answer.json["error"]["message"]


def test_a_name_of_ecg_s_own_or_another_than_the_address_is_refused(ann: Person) -> None:
    taken = ann.put("/api/styles/intention", **own_style(name="intention"))
    assert taken.status_code == 409
    assert "choose another name" in taken.json["error"]["message"]
    assert ann.put("/api/styles/other", **own_style()).status_code == 400
    assert ann.put("/api/styles/Not%20a%20name", **own_style(name="Not a name")).status_code == 422
    assert ann.put(f"/api/styles/{'a' * 101}", **own_style(name="a" * 101)).status_code == 400


def test_a_style_without_a_name_gets_that_of_its_address(ann: Person) -> None:
    sent = copy.copy(own_style())
    del sent["name"]
    assert ann.put(MINE, **sent).status_code == 201
    assert ann.get(MINE).json["name"] == "mine"


def test_colours_that_cannot_be_read_are_saved_and_warned_of(ann: Person) -> None:
    assert ann.put(MINE, **own_style()).json["warnings"] == []
    dark = own_style(palette={"main": ["#101010"], "supporting": [], "minor": []})
    told = ann.put(MINE, **dark).json["warnings"]
    assert any("#101010" in warning for warning in told)


def test_there_is_an_end_to_how_many_are_kept(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(styles, "MOST", 2)
    for name in ("one", "two"):
        assert ann.put(f"/api/styles/{name}", **own_style(name=name)).status_code == 201
    refused = ann.put("/api/styles/three", **own_style(name="three"))
    assert refused.status_code == 409
    assert "delete one" in refused.json["error"]["message"]
    assert ann.put("/api/styles/two", **own_style(name="two")).status_code == 200
