"""BigQuery's quotas: which one is exceeded, by the words of the refusal, and until when."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

from apps import timing
from apps.warehouse.base import OverQuota

PACIFIC = ZoneInfo("America/Los_Angeles")
# https://cloud.google.com/bigquery/docs/troubleshoot-quotas: "wait 10 minutes or longer" with a quota of no day.
NAMED = re.compile(r"exceeded (?:the )?(?:custom )?quota for (.+?)(?=\.?\s*$|\.\s|,)")
# The same page has the names: of quotas that come back within minutes, such as those of queues, of those of one table,
# of a project's day.
FOR_A_WHILE = re.compile(
    r"concurrent|queued|dml jobs|per (?:\d+ )?(?:second|minute)|requests per user", re.IGNORECASE
)
OF_A_TABLE = re.compile(r"per table|partition modifications|table operations", re.IGNORECASE)
OF_A_DAY = re.compile(
    r"per ?day|QueryUsagePer|per project|jobs|copies|exports|bytes scanned per user", re.IGNORECASE
)


def over_quota(message: str, *, now: dt.datetime) -> OverQuota:
    """What a refusal with the reason quotaExceeded says: which quota it is, and when a run should ask again.

    https://cloud.google.com/bigquery/quotas says that daily quotas come back bit by bit, and
    https://cloud.google.com/bigquery/docs/custom-quotas that those that a project gave itself do at midnight Pacific.
    """
    found = NAMED.search(message)
    name = f'"{found[1]}"' if found else "that it does not name"
    midnight = next_day(now)
    until = midnight + timing.QUOTA_MARGIN
    if FOR_A_WHILE.search(name):
        until = now + timing.QUOTA_RETRY_AFTER
        says = f"the quota {name} of BigQuery is used up for minutes; asking again after {in_utc(until)}"
    elif OF_A_TABLE.search(name):
        says = f"one table's daily quota {name} is used up, {at_the_latest(midnight)}"
    elif OF_A_DAY.search(name):
        says = f"the project's daily quota {name} is used up, {at_the_latest(midnight)}"
    else:
        says = f"a quota of BigQuery {name} is used up, it is not known until when; asking again after {in_utc(until)}"
    return OverQuota(f"{says}. It says: {message}", until=until)


def at_the_latest(midnight: dt.datetime) -> str:
    return f"until midnight Pacific time at the latest ({in_utc(midnight)})"


def in_utc(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def next_day(moment: dt.datetime) -> dt.datetime:
    """The next midnight on the Pacific coast, where Google's days begin."""
    there = moment.astimezone(PACIFIC)
    return dt.datetime.combine(there.date() + dt.timedelta(days=1), dt.time(), PACIFIC).astimezone(dt.UTC)
