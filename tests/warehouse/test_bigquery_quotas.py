"""A person reads which quota is used up, and until when."""

import datetime as dt

import pytest

from apps import timing
from apps.warehouse.bigquery.quotas import over_quota

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
MIDNIGHT = dt.datetime(2026, 11, 24, 8, tzinfo=dt.UTC)  # on the Pacific coast
LATEST = "until midnight Pacific time at the latest (2026-11-24 08:00 UTC)"
MORE = "For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas"


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (
            "Custom quota exceeded: Your usage exceeded the custom quota for QueryUsagePerDay, which is set by your "
            "administrator.",
            f'the project\'s daily quota "QueryUsagePerDay" is used up, {LATEST}',
        ),
        (
            "Quota exceeded: Your project exceeded quota for copies per project.",
            f'the project\'s daily quota "copies per project" is used up, {LATEST}',
        ),
        (
            f"Quota exceeded: Your table exceeded quota for imports or query appends per table. {MORE}",
            f'one table\'s daily quota "imports or query appends per table" is used up, {LATEST}',
        ),
        (
            f"Quota exceeded: Your table exceeded quota for Number of partition modifications to a column "
            f"partitioned table. {MORE}",
            'one table\'s daily quota "Number of partition modifications to a column partitioned table" is used up, '
            f"{LATEST}",
        ),
    ],
)
def test_a_quota_of_a_day_waits_for_the_next_one(message, says):
    """https://cloud.google.com/bigquery/docs/troubleshoot-quotas has the messages."""
    found = over_quota(message, now=NOON)

    assert str(found) == f"{says}. It says: {message}"
    assert found.until == MIDNIGHT + timing.QUOTA_MARGIN


@pytest.mark.parametrize(
    "name",
    [
        "concurrent api requests per user per method",
        "tabledata.list bytes per minute per project",
        "concurrent queries",
        "max number of jobs that can be queued per project",
        "total number of dml jobs writing to a table",
    ],
)
def test_a_quota_of_minutes_does_not_wait_for_a_day(name):
    found = over_quota(f"Quota exceeded: Your project exceeded quota for {name}. {MORE}", now=NOON)

    assert str(found).startswith(f'the quota "{name}" of BigQuery is used up for minutes')
    assert found.until == NOON + dt.timedelta(minutes=10)


@pytest.mark.parametrize("message", ["Quota exceeded", "Your project exceeded quota for free storage."])
def test_an_exhausted_quota_of_unknown_length_waits_until_the_next_day(message):
    found = over_quota(message, now=NOON)

    assert "it is not known until when; asking again after 2026-11-24 08:02 UTC" in str(found)
    assert found.until == MIDNIGHT + timing.QUOTA_MARGIN
