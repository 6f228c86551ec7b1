"""The captions that users edit, version by version. What they look like is in files that versions name."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from ecg import videos
from ecg.errors import Conflict, NotFound
from ecg.models import Project, ProjectVersion, User

#: Projects of one user; versions that are kept of one project.
MOST, KEPT_VERSIONS = 1000, 500


def create(
    session: Session, user_id: str, video_id: str, *, name: str, key: str, size_bytes: int
) -> Project:
    """A project with its first version. Raises `Conflict` for one more than `MOST`."""
    videos.owned(session, user_id, video_id, held=True)
    # The user's row is locked, so that two that come together cannot both be the last.
    session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    if _count(session, user_id) >= MOST:
        raise Conflict(f"You have {MOST} projects; delete one that you no longer need.")
    project = Project(user_id=user_id, video_id=video_id, name=name)
    session.add(project)
    session.flush()
    _keep_version(session, project, key, size_bytes)
    session.refresh(project)
    return project


def owned(session: Session, user_id: str, project_id: str) -> Project:
    """The user's project; somebody else's is as unknown as one that never was."""
    mine = select(Project).where(Project.id == project_id, Project.user_id == user_id)
    return _found(session.scalar(mine))


def save(
    session: Session, user_id: str, project_id: str, *, seen: int, name: str, key: str, size_bytes: int
) -> Project:
    """The next version, which follows the one that was ``seen``.

    Of several that follow the same one, one is saved; the others raise `Conflict`, with the
    ``current_version`` in its details.
    """
    project = session.scalars(
        update(Project)
        .where(Project.id == project_id, Project.user_id == user_id, Project.version == seen)
        .values(version=Project.version + 1, name=name, updated_at=func.clock_timestamp())
        .returning(Project)
    ).one_or_none()
    if project is None:
        raise changed_meanwhile(owned(session, user_id, project_id))
    _keep_version(session, project, key, size_bytes)
    past = ProjectVersion.version <= project.version - KEPT_VERSIONS
    session.execute(delete(ProjectVersion).where(ProjectVersion.project_id == project.id, past))
    return project


def changed_meanwhile(project: Project) -> Conflict:
    """What to tell who would overwrite a version that he has not seen."""
    return Conflict(
        f"The project has changed meanwhile and is at version {project.version}; get it, make your change "
        "again, and send it with that version as If-Match.", current_version=project.version,
    )  # fmt: skip


def remove(session: Session, user_id: str, project_id: str, *, seen: int | None) -> None:
    """Forget a project with all versions; ``seen``: only if that is still the version it is at."""
    mine = delete(Project).where(Project.id == project_id, Project.user_id == user_id)
    wanted = mine if seen is None else mine.where(Project.version == seen)
    if session.scalar(wanted.returning(Project.id)) is None:
        raise changed_meanwhile(owned(session, user_id, project_id))


def page(
    session: Session, user_id: str, *, offset: int, limit: int, video_id: str | None = None
) -> tuple[Sequence[Project], int]:
    """A page of the user's projects, newest first, and how many there are; of one video, if it is named."""
    mine = select(Project).where(Project.user_id == user_id)
    mine = mine.where(Project.video_id == video_id) if video_id else mine
    newest_first = mine.order_by(Project.created_at.desc(), Project.id)
    rows = session.scalars(newest_first.offset(offset).limit(limit)).all()
    return rows, session.scalar(select(func.count()).select_from(mine.subquery())) or 0


def version(session: Session, project: Project, number: int) -> ProjectVersion:
    """A version of a project that is still kept."""
    found = session.get(ProjectVersion, (project.id, number))
    if found is None:
        raise NotFound(f"The project has no version {number}, or keeps it no more.")
    return found


def versions(
    session: Session, project: Project, *, offset: int, limit: int
) -> tuple[Sequence[ProjectVersion], int]:
    """A page of the versions that are kept, newest first, and how many there are."""
    kept = select(ProjectVersion).where(ProjectVersion.project_id == project.id)
    rows = session.scalars(kept.order_by(ProjectVersion.version.desc()).offset(offset).limit(limit)).all()
    return rows, session.scalar(select(func.count()).select_from(kept.subquery())) or 0


def _keep_version(session: Session, project: Project, key: str, size_bytes: int) -> None:
    session.add(
        ProjectVersion(project_id=project.id, version=project.version, key=key, size_bytes=size_bytes)
    )


def _count(session: Session, user_id: str) -> int:
    return session.scalar(select(func.count()).select_from(Project).where(Project.user_id == user_id)) or 0


def _found(project: Project | None) -> Project:
    if project is None:
        raise NotFound("You have no such project.")
    return project
