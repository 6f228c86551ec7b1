"""Bringing a video: ask for a link, send the file to it, complete the upload."""

from __future__ import annotations

from ecg import videos
from ecg.db import transaction
from ecg.errors import BadRequest, NotFound
from ecg.models import Video
from ecg.storage import Link
from ecg.web.api import blueprint, settings, store
from ecg.web.replies import UploadReply, UploadRequest, VideoReply
from ecg.web.requests import UploadBody, VideoPath
from ecg.web.tokens import user_id
from ecg.web.videos import one

bp = blueprint("uploads", __name__, "Bringing videos", prefix="/api/uploads")


@bp.post("", responses={201: UploadReply})
def create(body: UploadBody) -> tuple[UploadReply, int]:
    """Ask for a link to send a file to."""
    video, link = begin(body.filename, body.content_type, body.size_bytes)
    request = UploadRequest(url=link.url, method=link.method, headers=dict(link.headers),
                            fields=dict(link.fields))  # fmt: skip
    return UploadReply(video_id=video.id, upload=request, expires_in=settings().link_s), 201


@bp.post("/<uuid:video_id>/complete", responses={200: VideoReply})
def complete(path: VideoPath) -> VideoReply:
    """Say that the file has been sent; it is checked and the video can be used."""
    return one(finish(path.video_id))


def begin(filename: str, content_type: str, size_bytes: int | None) -> tuple[Video, Link]:
    """A new video of the caller, and the link for its file."""
    limit = settings().max_upload_bytes
    if size_bytes is not None and size_bytes > limit:
        raise BadRequest(f"The file is too large: at most {limit} bytes are taken.",
                         max_upload_bytes=limit, size_bytes=size_bytes)  # fmt: skip
    with transaction() as session:
        video = videos.begin_upload(session, user_id=user_id(), filename=filename,
                                    content_type=content_type, size_bytes=size_bytes)  # fmt: skip
    link = store().upload_link(video.upload_key, size_bytes or limit, content_type, settings().link_s,
                               exact=size_bytes is not None)  # fmt: skip
    return video, link


def finish(video_id: str) -> Video:
    """The caller's video, usable once its file is in the store and whole."""
    with transaction() as session:
        key = videos.owned(session, user_id(), video_id).upload_key
    stored_bytes = _stored_bytes(key)
    with transaction() as session:
        return videos.complete_upload(session, user_id(), video_id, stored_bytes)


def _stored_bytes(key: str) -> int | None:
    try:
        return store().size(key)
    except NotFound:
        return None
