"""When a failure stops to be open, and when it does not: what is forgotten and what is not."""

import pytest

from apps.alerts import tasks
from apps.alerts.models import Message
from apps.coverage.models import Partition
from apps.runs import control
from apps.runs.failures import failure_groups
from apps.runs.models import Attempt
from tests.conftest import day
from tests.runs.conftest import step

pytestmark = pytest.mark.postgresql

SALES, TREND = "daily.sales", "weekly.trend"
WEEK = {"tables": [SALES], "start": day("01-01"), "end": day("01-04")}


def partition(date: str, table: str = SALES) -> Partition:
    return Partition.objects.get(table=table, date=day(date))


def test_a_retry_that_is_skipped_leaves_the_failure_that_it_was_for(launch, drive, ask):
    first = drive(launch(start=day("01-01"), end=day("01-05")))
    control.start_phase(first, "3", by="olga")
    drive(first)
    first.steps.filter(table=TREND, date=day("01-05")).update(status="failed", signature="overflow")
    ask("DELETE FROM weekly.trend WHERE day = '2024-01-05'")
    ask("DELETE FROM daily.sales WHERE day = '2024-01-04'")
    Partition.objects.filter(table=TREND, date=day("01-05")).update(activity="failed", run_id=first.pk)

    retry = drive(launch(tables=[TREND], start=day("01-05"), end=day("01-05"), through_gaps=True))

    assert step(retry, "01-05", TREND).status == "skipped"
    assert [each.run_id for each in failure_groups.open_steps()] == [first.pk]


def test_a_scan_that_finds_a_failed_date_complete_closes_it_for_good(launch, drive, fault, ask, scan):
    fault(SALES, "01-03", "overflow")
    drive(launch(**WEEK))
    ask(
        "INSERT INTO daily.sales SELECT DATE '2024-01-03', item, written_at FROM daily.sales WHERE day = '2024-01-02'"
    )
    scan()
    assert (failure_groups.open_steps().count(), partition("01-03").activity) == (0, "")

    ask("DELETE FROM daily.sales WHERE day = '2024-01-03'")
    scan()

    assert (partition("01-03").shown, partition("01-03").run_id) == ("missing", None)


def test_deactivated_operator_gets_no_mail(plan, pipeline, drive, operator, settings):
    settings.ALERTS_TO = ["team@shop.example"]
    run = control.launch(plan(**WEEK), pipeline, by=operator, queued=False)
    operator.is_active = False
    operator.save()

    drive(run)
    tasks.deliver()

    assert Message.objects.get().to == ["team@shop.example"]


def test_a_retried_date_is_alone_in_its_call_though_it_is_not_the_first(launch, drive):
    run = launch(**WEEK)
    run.steps.filter(date=day("01-02")).update(attempts=1)

    drive(run)

    calls = Attempt.objects.filter(run=run).order_by("number").values_list("dates", flat=True)
    assert list(calls) == [["2024-01-01"], ["2024-01-02"], ["2024-01-03", "2024-01-04"]]
