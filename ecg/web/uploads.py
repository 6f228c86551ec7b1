"""Bringing a video: ask where to send the file, send it, whole or in parts, and complete the upload."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from ecg import videos
from ecg.db import transaction
from ecg.errors import BadRequest, Conflict, InvalidMedia, NotFound
from ecg.models import Upload, Video, VideoStatus
from ecg.storage import Link
from ecg.storage.cut import Cut
from ecg.storage.digest import check_sha256
from ecg.storage.store import Part
from ecg.web.api import blueprint, settings, store
from ecg.web.replies import (
    PartLink,
    PartLinksReply,
    PartReply,
    PartsReply,
    UploadReply,
    UploadRequest,
    VideoReply,
)
from ecg.web.requests import PartsBody, UploadBody, VideoPath
from ecg.web.tokens import user_id
from ecg.web.videos import one

bp = blueprint("uploads", __name__, "Bringing videos", prefix="/api/uploads")


@bp.post("", responses={201: UploadReply})
def create(body: UploadBody) -> tuple[UploadReply, int]:
    """Ask where to send a file: in one request, or in parts if it is large."""
    video = expect(body.filename, body.content_type, body.size_bytes, body.checksum)
    if body.size_bytes > settings().parts_above_bytes:
        cut = _begin_parts(video)
        return UploadReply(video_id=video.id, upload=None, part_size_bytes=cut.part_bytes,
                           part_count=cut.count, expires_in=settings().link_s), 201  # fmt: skip
    link = store().upload_form(begin(video), body.size_bytes, video.content_type, settings().link_s,
                               sha256=video.sha256 or "")  # fmt: skip
    return UploadReply(video_id=video.id, upload=UploadRequest(**_request(link)), part_size_bytes=None,
                       part_count=None, expires_in=settings().link_s), 201  # fmt: skip


@bp.post("/<uuid:video_id>/parts", responses={200: PartLinksReply})
def part_links(path: VideoPath, body: PartsBody) -> PartLinksReply:
    """Ask for links to send these parts to. A part may be sent again until the upload is complete."""
    sent = _in_parts(path.video_id)
    beyond = [number for number in body.numbers if number > sent.cut.count]
    if beyond:
        raise BadRequest(f"The file has {sent.cut.count} parts; there is no part {beyond[0]}.")
    return PartLinksReply(parts=[sent.link(number) for number in body.numbers], expires_in=settings().link_s)


@bp.get("/<uuid:video_id>/parts", responses={200: PartsReply})
def parts(path: VideoPath) -> PartsReply:
    """Ask which parts have arrived, to go on after a lost connection."""
    sent = _in_parts(path.video_id)
    arrived = [PartReply(number=part.number, size_bytes=part.size_bytes, etag=part.tag)
               for part in sent.arrived()]  # fmt: skip
    return PartsReply(part_size_bytes=sent.cut.part_bytes, part_count=sent.cut.count, parts=arrived)


@bp.post("/<uuid:video_id>/complete", responses={200: VideoReply})
def complete(path: VideoPath) -> VideoReply:
    """Say that the file has been sent; it is checked, and the video can be used.

    From then on nothing that is sent to its links changes it. The checksum of a file in parts is checked when
    it is analysed.
    """
    return one(finish(path.video_id))


def expect(filename: str, content_type: str, size_bytes: int | None, sha256: str | None = None) -> Video:
    """A new video of the caller, not in the record yet."""
    limit = settings().max_upload_bytes
    if size_bytes is not None and size_bytes > limit:
        raise BadRequest(f"The file is too large: at most {limit} bytes are taken.",
                         max_upload_bytes=limit, size_bytes=size_bytes)  # fmt: skip
    return videos.expected(user_id(), filename, content_type, size_bytes, sha256)


def begin(video: Video) -> str:
    """Expect the video's file in one piece; the key that a link to send it to is for."""
    with transaction() as session:
        return videos.begin_upload(session, video, None, None).key


def finish(video_id: str) -> Video:
    """The caller's video, usable once its file is in the store and whole."""
    video, upload = _expected(video_id)
    if video.status == VideoStatus.READY:
        return video
    if upload is None:
        raise Conflict("There is no upload under way for this video; begin another.")
    try:
        _take_in(video, upload)
    except Conflict:
        # Another completion may have come first, and have left nothing to take in.
        if _expected(video_id)[0].status != VideoStatus.READY:
            raise
    return _expected(video_id)[0]


@dataclass(frozen=True)
class _InParts:
    """An upload in parts that is under way."""

    key: str
    parts_id: str
    cut: Cut

    def arrived(self) -> list[Part]:
        return store().parts(self.key, self.parts_id)

    def link(self, number: int) -> PartLink:
        size_bytes = self.cut.bytes_of(number)
        link = store().part_link(self.key, self.parts_id, number, size_bytes, settings().link_s)
        return PartLink(number=number, size_bytes=size_bytes, **_request(link))


def _request(link: Link) -> dict:
    return {"url": link.url, "method": link.method, "headers": dict(link.headers),
            "fields": dict(link.fields)}  # fmt: skip


def _begin_parts(video: Video) -> Cut:
    assert video.size_bytes is not None
    cut = Cut.of(video.size_bytes, settings().part_bytes)
    parts_id = store().begin_parts(video.upload_key, video.content_type)
    with transaction() as session:
        videos.begin_upload(session, video, parts_id, cut.part_bytes)
    return cut


def _in_parts(video_id: str) -> _InParts:
    video, upload = _expected(video_id)
    sent = _parts_of(video, upload) if upload else None
    if sent is None:
        raise Conflict("No file in parts is being sent for this video.", status=video.status)
    return sent


def _expected(video_id: str) -> tuple[Video, Upload | None]:
    with transaction() as session:
        return videos.owned(session, user_id(), video_id), videos.upload_of(session, video_id)


def _parts_of(video: Video, upload: Upload) -> _InParts | None:
    if not (upload.parts_id and upload.part_bytes and video.size_bytes):
        return None
    return _InParts(upload.key, upload.parts_id, Cut(video.size_bytes, upload.part_bytes))


def _take_in(video: Video, upload: Upload) -> None:
    """Check what was sent, and make it the video's."""
    if sent := _parts_of(video, upload):
        _join(sent)
        _end(upload, upload.key, sent.cut.size_bytes)
        return
    key = _set_aside(video, upload)
    first = _end(upload, key, _checked_bytes(video, upload, key))
    # Another completion may have set aside a copy of its own, and have come first.
    store().delete(upload.key if first else key)


def _join(sent: _InParts) -> None:
    try:
        arrived = sent.arrived()
        missing = sent.cut.missing(arrived)
        if missing:
            raise Conflict(f"{len(missing)} of {sent.cut.count} parts have not arrived; send them first.",
                           missing=missing[:100])  # fmt: skip
        store().join(sent.key, sent.parts_id, arrived)
    except NotFound:
        # An earlier completion may have joined them, and not have lived to say so.
        if not store().exists(sent.key):
            raise Conflict("The parts of this upload are gone; begin another.") from None


def _set_aside(video: Video, upload: Upload) -> str:
    """The key of a copy of what was sent, that no link leads to and nobody can guess."""
    key = f"{video.upload_key}-{secrets.token_hex(8)}"
    try:
        store().copy(upload.key, key)
    except NotFound:
        raise Conflict("The file has not arrived yet; send it to the upload link first.") from None
    return key


def _checked_bytes(video: Video, upload: Upload, key: str) -> int:
    """The size of a file that is as announced."""
    try:
        size_bytes = store().size(key)
        _check_size(size_bytes, video.size_bytes)
        if video.sha256 and size_bytes <= settings().parts_above_bytes:
            with store().open(key) as file:
                check_sha256(file, video.sha256)
    except InvalidMedia:
        # Once this one is gone, the right one may be sent to the same link.
        store().delete(key)
        store().delete(upload.key)
        raise
    return size_bytes


def _check_size(size_bytes: int, announced: int | None) -> None:
    limit = settings().max_upload_bytes
    if size_bytes != announced if announced is not None else size_bytes > limit:
        raise InvalidMedia(
            "The file in the store is not of the size announced; upload it again." if announced is not None
            else f"The file is too large: at most {limit} bytes are taken.",
            expected_bytes=announced or limit, received_bytes=size_bytes,
        )  # fmt: skip


def _end(upload: Upload, key: str, size_bytes: int) -> bool:
    with transaction() as session:
        return videos.complete_upload(session, upload, key, size_bytes)
