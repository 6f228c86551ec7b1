"""What a user may still ask for, at the level of the record."""

from __future__ import annotations

import datetime
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from ecg import quotas, videos
from ecg.db import transaction
from ecg.errors import InvalidMedia, QuotaExceeded
from ecg.jobs import attempts, lifecycle
from ecg.models import JobKind, Upload
from ecg.quotas import Limits
from tests.jobs.builders import claim, finish, make_job, make_user

pytestmark = pytest.mark.usefixtures("database")
NO_LIMITS = Limits()


def start(user_id: str, limits: Limits = NO_LIMITS) -> str:
    """A render, charged."""
    job_id = make_job(user_id, JobKind.RENDER)
    try:
        with transaction() as session:
            quotas.charge(session, user_id=user_id, job_id=job_id, limits=limits)
    except QuotaExceeded:
        # As if it had been made in the same transaction.
        with transaction() as session:
            session.execute(text("DELETE FROM jobs WHERE id = :job"), {"job": job_id})
        raise
    return job_id


def used(user_id: str) -> dict[str, int]:
    """The counters that are not 0, by period."""
    with transaction() as session:
        rows = session.execute(text("SELECT period, used FROM quotas WHERE user_id = :user AND used <> 0"),
                               {"user": user_id})  # fmt: skip
        return {row.period: row.used for row in rows}


def periods() -> tuple[str, str]:
    """This day and this month, by the database's clock."""
    with transaction() as session:
        day = session.scalar(text("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date"))
    return str(day), f"{day:%Y-%m}"


def ledger(job_id: str) -> list[tuple[str, int]]:
    with transaction() as session:
        rows = session.execute(text("SELECT kind, amount FROM quota_entries WHERE job_id = :job ORDER BY id"),
                               {"job": job_id})  # fmt: skip
        return [tuple(row) for row in rows]


def fail(job_id: str) -> None:
    claimed = claim(job_id, "prepare")
    with transaction() as session:
        attempts.fail(session, claimed.step_id, claimed.fence, InvalidMedia("No."), attempts.Limits(3, 3, 3))


def cancel(job_id: str) -> None:
    with transaction() as session:
        lifecycle.cancel(session, job_id)


def requeue(job_id: str) -> None:
    with transaction() as session:
        lifecycle.requeue(session, job_id)


def test_a_charge_counts_for_its_day_and_its_month():
    user = make_user()
    job = start(user)
    assert used(user) == dict.fromkeys(periods(), 1)
    assert ledger(job) == [("charge", 1)]


def test_a_job_is_charged_once():
    user = make_user()
    job = start(user)
    with transaction() as session:
        quotas.charge(session, user_id=user, job_id=job, limits=Limits(1, 1, 1))
    assert used(user) == dict.fromkeys(periods(), 1)


@pytest.mark.parametrize(("limits", "period"), [(Limits(per_day=2), "day"), (Limits(per_month=2), "month")])
def test_the_day_and_the_month_have_an_end(limits: Limits, period: str):
    user = make_user()
    start(user, limits), start(user, limits)
    with pytest.raises(QuotaExceeded) as refused:
        start(user, limits)
    details = refused.value.details
    assert {**details, "resets_at": ...} == {
        "resource": "renders", "period": period, "limit": 2, "used": 2, "resets_at": ...}  # fmt: skip
    resets_at = datetime.datetime.fromisoformat(details["resets_at"])
    assert resets_at.timetz() == datetime.time(tzinfo=datetime.UTC)
    days = (resets_at - datetime.datetime.now(datetime.UTC)).total_seconds() / 86400
    assert 0 < days <= (1 if period == "day" else 31)
    assert resets_at.day == 1 or period == "day"
    assert "UTC" in refused.value.message
    assert used(user) == dict.fromkeys(periods(), 2), "a refused render is not counted"
    start(make_user(), limits)


def test_a_december_ends_with_the_year():
    assert quotas._next_month(datetime.date(2026, 12, 31)) == datetime.date(2027, 1, 1)
    assert quotas._next_month(datetime.date(2026, 1, 31)) == datetime.date(2026, 2, 1)


def test_so_many_may_be_at_work_at_once_and_ended_ones_make_room():
    user, limits = make_user(), Limits(at_once=2)
    make_job(user)  # an analysis is no render
    first, _ = start(user, limits), start(user, limits)
    with pytest.raises(QuotaExceeded) as refused:
        start(user, limits)
    assert refused.value.details == {
        "resource": "renders", "period": "at_once", "limit": 2, "used": 2, "resets_at": None}  # fmt: skip
    for name in ("prepare", "assemble"):
        finish(claim(first, name))
    third = start(user, limits)
    cancel(third)
    start(user, limits)


def test_so_many_analyses_may_be_at_work_at_once():
    user, others = make_user(), make_user()
    first, _ = make_job(user), make_job(user)
    start(user)  # a render is no analysis
    make_job(others)

    def check(at_once: int) -> None:
        with transaction() as session:
            quotas.check_analyses(session, user, Limits(analyses_at_once=at_once))

    check(2), check(0)
    with pytest.raises(QuotaExceeded) as refused:
        check(1)
    assert refused.value.details == {
        "resource": "analyses", "period": "at_once", "limit": 1, "used": 1, "resets_at": None}  # fmt: skip
    cancel(first)
    check(1)


def bring(user_id: str, size_bytes: int | None, limits: Limits, *, fetched: bool = False) -> str:
    """A video whose file is on its way."""
    video = videos.expected(user_id, "talk.mp4", "video/mp4", size_bytes)
    with transaction() as session:
        session.add(video)
        session.flush()
        quotas.check_bytes(session, video, limits)
        if fetched:
            return lifecycle.create(session, user_id=user_id, video_id=video.id, kind=JobKind.ANALYSIS,
                                    params={}, fetched=True)  # fmt: skip
        session.add(Upload(video_id=video.id, key=f"temp/{video.id}/sent"))
    return video.id


def test_the_videos_of_a_user_take_so_many_bytes_together_and_a_deleted_one_makes_room():
    user, limits = make_user(), Limits(user_bytes=1000, file_bytes=500)
    first = bring(user, 600, limits)
    with pytest.raises(QuotaExceeded) as refused:
        bring(user, 401, limits)
    assert refused.value.details == {
        "resource": "bytes", "period": "kept", "limit": 1000, "used": 600, "resets_at": None}  # fmt: skip
    assert "delete one" in refused.value.message
    bring(user, 400, limits)
    bring(make_user(), 1000, limits)
    with transaction() as session:
        videos.remove(session, user, first)
    bring(user, 600, limits)


def test_no_limit_and_an_account_without_quotas_take_any_number_of_bytes():
    user, limits = make_user(), Limits(user_bytes=1000, file_bytes=500)
    bring(user, 10_000, NO_LIMITS)
    with pytest.raises(QuotaExceeded):
        bring(user, 1, limits)
    with transaction() as session:
        session.execute(text("UPDATE users SET unlimited = true WHERE id = :user"), {"user": user})
    bring(user, 10_000, limits)


def test_a_file_of_unknown_size_counts_as_the_largest_while_it_is_on_its_way():
    user, limits = make_user(), Limits(user_bytes=1000, file_bytes=500)
    bring(user, None, limits)
    job = bring(user, None, limits, fetched=True)
    with pytest.raises(QuotaExceeded):
        bring(user, 1, limits)
    cancel(job)
    bring(user, 500, limits)


def test_no_crowd_of_uploads_at_once_passes_the_bytes():
    user, limits = make_user(), Limits(user_bytes=1000, file_bytes=500)

    def accepted(_: int) -> bool:
        try:
            return bool(bring(user, 300, limits))
        except QuotaExceeded:
            return False

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(accepted, range(24))) == 3


def test_what_is_used_and_left_of_each_quota():
    user = make_user()
    limits = Limits(per_day=2, at_once=3, analyses_at_once=1, user_bytes=1000, file_bytes=500)

    def standing() -> dict[tuple[str, str], tuple[int, int | None]]:
        with transaction() as session:
            found = quotas.standing(session, user, limits)
        assert [(quota.resets_at is None) for quota in found] == [False, False, True, True, True]
        assert all((quota.limit is None) == (quota.left is None) for quota in found)
        return {(quota.resource, quota.period): (quota.used, quota.left) for quota in found}

    assert standing() == {("renders", "day"): (0, 2), ("renders", "month"): (0, None),
                          ("renders", "at_once"): (0, 3), ("analyses", "at_once"): (0, 1),
                          ("bytes", "kept"): (0, 1000)}  # fmt: skip
    start(user), cancel(start(user)), make_job(user), start(make_user())
    assert standing() == {("renders", "day"): (1, 1), ("renders", "month"): (1, None),
                          ("renders", "at_once"): (1, 2), ("analyses", "at_once"): (1, 0),
                          ("bytes", "kept"): (3, 997)}  # fmt: skip
    limits = Limits(per_day=1, at_once=0)
    assert standing()["renders", "at_once"] == (1, None)
    with transaction() as session:
        session.execute(text("UPDATE users SET unlimited = true WHERE id = :user"), {"user": user})
    assert standing()["renders", "day"] == (1, None)


def test_the_charges_of_a_user_come_one_by_one_even_where_a_month_ends():
    """Then two at once count in other periods, and only the user's row is there for both to wait for."""
    user = make_user()
    with ThreadPoolExecutor() as threads:
        with transaction() as session:
            session.execute(text("SELECT FROM users WHERE id = :user FOR NO KEY UPDATE"), {"user": user})
            charged = threads.submit(start, user)
            time.sleep(0.3)
            assert not charged.done()
        charged.result(10)


def test_zero_is_no_limit():
    user = make_user()
    for _ in range(4):
        start(user, Limits(0, 0, 0))
    assert used(user) == dict.fromkeys(periods(), 4)


def test_no_quota_holds_for_an_account_that_is_exempt():
    user = make_user()
    with transaction() as session:
        session.execute(text("UPDATE users SET unlimited = true WHERE id = :user"), {"user": user})
    for _ in range(3):
        start(user, Limits(1, 1, 1))


@pytest.mark.parametrize("end", [fail, cancel])
def test_a_render_that_comes_to_nothing_is_refunded_once(end):
    user = make_user()
    job = start(user)
    end(job)
    assert used(user) == {}
    assert ledger(job) == [("charge", 1), ("refund", -1)]
    requeue(job)
    assert used(user) == {}, "a requeue is not charged"
    end(job)
    with transaction() as session:
        quotas.refund(session, job)
    assert used(user) == {}
    assert ledger(job) == [("charge", 1), ("refund", -1)]


def test_a_render_that_is_done_stays_charged():
    user = make_user()
    job = start(user)
    for name in ("prepare", "assemble"):
        finish(claim(job, name))
    assert used(user) == dict.fromkeys(periods(), 1)


def test_an_analysis_that_fails_has_nothing_to_refund():
    user = make_user()
    cancel(make_job(user))
    assert used(user) == {}


def test_a_refund_goes_to_the_day_that_was_charged():
    user = make_user()
    old = start(user)
    with transaction() as session:
        session.execute(text("UPDATE quota_entries SET day = '2026-01-31'"))
        session.execute(text("""UPDATE quotas SET period = CASE length(period) WHEN 10 THEN '2026-01-31'
                                                           ELSE '2026-01' END"""))
    start(user)
    assert used(user) == {**dict.fromkeys(periods(), 1), "2026-01-31": 1, "2026-01": 1}
    cancel(old)
    assert used(user) == dict.fromkeys(periods(), 1)
