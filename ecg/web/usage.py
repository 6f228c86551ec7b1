"""What one has had done, and what one may still ask for."""

from __future__ import annotations

import datetime
import math

from flask import Response

from ecg import quotas, usage
from ecg.db import transaction
from ecg.errors import Outage
from ecg.quotas import Limits, Standing
from ecg.web.api import blueprint, settings
from ecg.web.replies import QuotaReply, UsagePeriod, UsageReply
from ecg.web.requests import UsageQuery
from ecg.web.tokens import user_id

bp = blueprint("usage", __name__, "Your usage", prefix="/api/usage")


@bp.get("", responses={200: UsageReply})
def of_user(query: UsageQuery) -> UsageReply:
    """Your jobs per day and month, and what is left of your quotas."""
    with transaction() as session:
        rows = usage.periods(session, user_id(), zone=query.timezone, days=query.days, months=query.months)
    by_unit = {unit: [UsagePeriod.model_validate(row) for row in rows if row.unit == unit]
               for unit in ("day", "month")}  # fmt: skip
    return UsageReply(timezone=query.timezone, days=by_unit["day"], months=by_unit["month"],
                      quotas=[QuotaReply.model_validate(quota) for quota in _quotas()])  # fmt: skip


def tell_quotas(response: Response) -> Response:
    """Say in the header `RateLimit` of an accepted render what is left of each quota."""
    try:
        standing = _quotas()
    except Outage:
        return response  # the render is accepted all the same
    if limited := [quota for quota in standing if quota.resource == quotas.RENDERS and quota.limit]:
        response.headers["RateLimit"] = ", ".join(map(_item, limited))
    return response


def _item(quota: Standing) -> str:
    item = f'"{quota.period}";r={quota.left}'
    if quota.resets_at is None:
        return item
    seconds = (quota.resets_at - datetime.datetime.now(datetime.UTC)).total_seconds()
    return f"{item};t={max(0, math.ceil(seconds))}"


def _quotas() -> list[Standing]:
    with transaction() as session:
        return quotas.standing(session, user_id(), Limits.of(settings()))
