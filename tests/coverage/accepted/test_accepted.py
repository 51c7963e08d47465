"""Gaps that a person accepts: what leaves the to-do, what a reading makes of them, and how they come back."""

import datetime as dt
import json

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.coverage import tasks
from apps.coverage.accepted import accepting
from apps.coverage.accepted.accepting import Acceptance, AlreadyWithdrawn, CannotAccept
from apps.coverage.counts import rollup
from apps.coverage.models import AcceptedGap, Partition
from apps.coverage.scanning import partial_scan
from apps.pipeline.scope import scope
from tests.conftest import day

State, Activity = Partition.State, Partition.Activity


@pytest.fixture
def wish(pipeline):
    """Tables and dates: `wish("daily.sales", "01-02", "01-05")`."""
    return lambda tables, start, end=None: Acceptance(
        tuple(pipeline.table(name) for name in tables.split()), day(start), day(end or start)
    )


@pytest.fixture
def accept(wish):
    """Olga accepts the gaps of some tables and dates."""

    def perform(tables: str, start: str, end: str | None = None, **more) -> AcceptedGap:
        return accepting.accept(wish(tables, start, end), reason="the source lost them", by="olga", **more)

    return perform


def cell(date: str, table: str = "daily.sales") -> Partition:
    return Partition.objects.get(table=table, date=day(date))


def state(date: str, table: str = "daily.sales") -> str:
    return cell(date, table).state


def mark(date: str, **facts) -> None:
    Partition.objects.filter(table="daily.sales", date=day(date)).update(**facts)


# Accepting ----------------------------------------------------------------------------------------


def test_accepted_gaps_are_accepted_and_others_stay(accept, first_scan):
    gap = accept("daily.sales daily.visits", "01-02", "01-03")

    assert gap.count == 4
    assert (state("01-02"), state("01-03", "daily.visits")) == (State.ACCEPTED, State.ACCEPTED)
    assert (state("01-04"), state("01-02", "weekly.trend")) == (State.MISSING, State.NOT_EXPECTED)


def test_an_acceptance_stores_its_author_reason_and_dates(scan, fill, accept):
    fill("daily.sales", "01-05")
    scan()

    gap = accept("daily.sales", "01-02", "01-08")

    # Over the closed 7 January, and without the complete 5th.
    assert gap.dates == {"daily.sales": [["2024-01-02", "2024-01-04"], ["2024-01-06", "2024-01-08"]]}
    assert (gap.accepted_by, gap.reason, gap.until) == ("olga", "the source lost them", None)


def test_thin_and_excess_dates_are_gaps_too(scan, fill, accept):
    fill("daily.sales", "01-02", rows=1)
    fill("daily.sales", "01-03", rows=32)
    scan()

    accept("daily.sales", "01-02", "01-03")

    assert (state("01-02"), state("01-03")) == (State.ACCEPTED, State.ACCEPTED)


def test_unexpected_rows_cannot_be_accepted(scan, fill, accept):
    fill("daily.sales", "01-07")
    scan()

    with pytest.raises(CannotAccept, match="There is no gap to accept: 1 unexpected"):
        accept("daily.sales", "01-07")


def test_an_unknown_partition_cannot_be_accepted(scan, ask, accept):
    ask("ALTER TABLE daily.sales RENAME COLUMN day TO date")
    scan()

    with pytest.raises(CannotAccept, match="1 unknown"):
        accept("daily.sales", "01-02")


@pytest.mark.parametrize("activity", [Activity.QUEUED, Activity.RUNNING])
def test_a_partition_that_a_run_is_about_to_fill_cannot_be_accepted(accept, activity, first_scan):
    mark("01-02", activity=activity, run_id=7)

    with pytest.raises(CannotAccept, match="Run 7 is about to fill 1 of these partition"):
        accept("daily.sales", "01-02")


def test_the_refusal_names_a_queued_run(launch, accept):
    run = launch(tables=["daily.sales"], start=day("01-02"), end=day("01-03"))

    with pytest.raises(CannotAccept, match=f"Run {run.pk} is about to fill 2 of these partitions"):
        accept("daily.sales", "01-02", "01-03")


def test_gaps_beside_those_that_a_run_is_about_to_fill_can_be_accepted(accept, first_scan):
    mark("01-02", activity=Activity.QUEUED, run_id=7)

    assert accept("daily.sales", "01-01", "01-03").count == 2
    assert state("01-02") == State.MISSING


def test_a_date_that_a_run_failed_to_fill_can_be_accepted_and_is_no_open_failure(accept, first_scan):
    mark("01-02", activity=Activity.FAILED, run_id=7)

    accept("daily.sales", "01-02")

    assert cell("01-02").shown == State.ACCEPTED
    assert not Partition.objects.open_failures().exists()


def test_nothing_is_accepted_when_there_are_more_gaps_than_the_person_saw(accept, first_scan):
    with pytest.raises(CannotAccept, match="These are 3 gaps now, and were 2 when you looked"):
        accept("daily.sales", "01-01", "01-03", seen=2)

    assert not AcceptedGap.objects.exists() and state("01-02") == State.MISSING


def test_the_outlook_counts_the_gaps_that_are_then_accepted(scan, fill, wish, accept):
    fill("daily.sales", "01-02")
    fill("daily.sales", "01-03", rows=1)
    scan()
    mark("01-04", activity=Activity.RUNNING, run_id=7)
    asked = "daily.sales daily.visits", "01-01", "01-04"

    found = accepting.outlook(wish(*asked))

    assert found.by_table[0] == ("daily.sales", [("missing", 1), ("thin", 1)])
    assert (found.others["complete"], found.in_runs) == (1, {7: 1})
    assert accept(*asked).count == found.count


# It leaves the to-do, and the denominator ------------------------------------------------------------


def test_an_accepted_gap_leaves_the_denominator_of_its_table_and_is_counted_apart(
    pipeline, accept, first_scan
):
    accept("daily.sales", "01-02", "01-03")

    tally = rollup.coverage(pipeline).table("daily.sales").tally

    assert (tally.expected, tally.missing, tally.accepted, tally.gaps) == (27, 27, 2, 27)
    assert tally.left_out == "2 accepted gaps"


def test_a_date_with_an_accepted_gap_does_not_count_as_complete_on_all_tables(scan, fill, pipeline, accept):
    fill("daily.visits", "01-02")
    fill("daily.sales", "01-03")
    fill("daily.visits", "01-03")
    scan()
    accept("daily.sales", "01-02")
    Partition.objects.filter(table="daily.visits", date=day("01-02")).update(state=State.COMPLETE)

    phase = rollup.coverage(pipeline).phase("2")

    assert (phase.tally.complete, phase.tally.expected) == (1, 28)
    assert phase.left_out == {"accepted gaps": 1}


def test_a_phase_is_100_percent_complete_if_its_only_gaps_are_accepted(scan, filled, ask, pipeline, accept):
    ask("DELETE FROM daily.sales WHERE day = ?", day("01-02"))
    ask("DELETE FROM daily.visits WHERE day = ?", day("01-02"))
    scan()
    accept("daily.sales daily.visits", "01-02")

    phase = rollup.coverage(pipeline).phase("2")

    assert (phase.tally.percent, phase.tally.complete, phase.tally.expected) == (100, 28, 28)


def test_the_coverage_command_counts_accepted_gaps_apart(accept, capsys, first_scan):
    accept("daily.sales", "01-02", "01-03")

    call_command("coverage", "--table", "sales", "--json")
    (sales,) = json.loads(capsys.readouterr().out)["tables"]
    call_command("coverage", "--table", "sales")

    assert (sales["expected"], sales["accepted"]) == (27, 2)
    assert "2 accepted gaps" in capsys.readouterr().out


# As the warehouse is read ---------------------------------------------------------------------------


def test_a_scan_keeps_a_gap_accepted(scan, accept):
    scan()
    accept("daily.sales", "01-02")

    assert scan().changed == 0
    assert state("01-02") == State.ACCEPTED


def test_an_accepted_missing_date_that_becomes_thin_stays_accepted(scan, fill, accept):
    scan()
    accept("daily.sales", "01-02")
    fill("daily.sales", "01-02", rows=3)

    assert scan().changed == 1
    found = cell("01-02")
    assert (found.state, found.read_state, found.rows) == (State.ACCEPTED, State.THIN, 3)


def test_an_accepted_gap_that_is_filled_becomes_complete(scan, fill, accept):
    scan()
    accept("daily.sales", "01-02")
    fill("daily.sales", "01-02")

    scan()

    assert (state("01-02"), cell("01-02").acceptance) == (State.COMPLETE, None)


def test_an_accepted_gap_that_was_filled_and_lost_again_is_a_gap(scan, fill, ask, accept):
    scan()
    accept("daily.sales", "01-02")
    fill("daily.sales", "01-02")
    scan()
    ask("DELETE FROM daily.sales")

    scan()

    assert state("01-02") == State.MISSING


def test_a_gap_stays_accepted_while_its_table_cannot_be_read(scan, ask, accept):
    scan()
    accept("daily.sales", "01-02")
    ask("ALTER TABLE daily.sales RENAME TO gone")

    scan()
    assert state("01-02") == State.ACCEPTED

    ask("ALTER TABLE daily.gone RENAME TO sales")
    scan()
    assert state("01-02") == State.ACCEPTED


def test_a_gap_stays_accepted_while_the_warehouse_is_unreachable(scan, shop, accept):
    scan()
    accept("daily.sales", "01-02")
    away = shop.rename(shop.with_suffix(".gone"))

    scan()
    assert (state("01-02"), cell("01-02").read_state) == (State.ACCEPTED, State.MISSING)

    away.rename(shop)
    scan()
    assert state("01-02") == State.ACCEPTED


def test_a_partial_scan_keeps_a_gap_accepted(pipeline, warehouse, accept, first_scan):
    accept("daily.sales", "01-02")

    partial_scan.scan(pipeline, warehouse, scope(pipeline, tables=["sales"], end=day("01-03")))

    assert (state("01-02"), state("01-03")) == (State.ACCEPTED, State.MISSING)


def test_the_next_scan_after_its_last_day_makes_an_acceptance_a_gap(scan, accept):
    scan()
    today = timezone.now().date()
    gap = accept("daily.sales", "01-02", until=today)
    scan()
    assert state("01-02") == State.ACCEPTED

    AcceptedGap.objects.filter(pk=gap.pk).update(until=today - dt.timedelta(days=1))
    scan()
    assert state("01-02") == State.MISSING


def test_a_partial_scan_expires_acceptances_only_on_its_own_dates(pipeline, warehouse, accept, first_scan):
    gap = accept("daily.sales", "01-02", "01-09")
    AcceptedGap.objects.filter(pk=gap.pk).update(until=day("01-01"))

    partial_scan.scan(pipeline, warehouse, scope(pipeline, tables=["sales"], end=day("01-03")))

    assert (state("01-02"), state("01-09")) == (State.MISSING, State.ACCEPTED)


def test_queries_of_a_scan_do_not_grow_with_the_number_of_accepted_gaps(
    scan, accept, django_assert_max_num_queries
):
    scan()
    accept("daily.sales", "01-02")
    with django_assert_max_num_queries(300) as few:
        assert scan().queries == 2
    accept("daily.sales", "01-03", "03-10")

    with django_assert_max_num_queries(len(few)):
        scan()


# Withdrawing --------------------------------------------------------------------------------------


def test_a_withdrawn_gap_returns_to_its_last_read_state_at_once(scan, fill, accept):
    fill("daily.sales", "01-03", rows=1)
    scan()
    gap = accept("daily.sales", "01-02", "01-03")

    assert accepting.withdraw(gap, by="otto", reason="they came back") == 2
    assert (state("01-02"), state("01-03")) == (State.MISSING, State.THIN)
    gap.refresh_from_db()
    assert (gap.withdrawn_by, gap.withdrawn_reason) == ("otto", "they came back")


def test_a_gap_withdrawn_during_an_outage_is_not_accepted_by_the_next_scan(scan, shop, accept):
    scan()
    gap = accept("daily.sales", "01-02")
    away = shop.rename(shop.with_suffix(".gone"))
    scan()

    accepting.withdraw(gap, by="otto")
    away.rename(shop)
    scan()

    assert state("01-02") == State.MISSING


def test_withdrawing_leaves_a_date_that_is_complete_by_now_complete(scan, fill, accept):
    scan()
    gap = accept("daily.sales", "01-02", "01-03")
    fill("daily.sales", "01-02")
    scan()

    assert accepting.withdraw(gap, by="otto") == 1
    assert (state("01-02"), state("01-03")) == (State.COMPLETE, State.MISSING)


def test_an_acceptance_cannot_be_withdrawn_twice(accept, first_scan):
    gap = accept("daily.sales", "01-02")
    accepting.withdraw(gap, by="otto")

    with pytest.raises(AlreadyWithdrawn):
        accepting.withdraw(gap, by="olga")


def test_expired_acceptance_becomes_a_gap_even_if_the_warehouse_is_unreachable(accept, shop, first_scan):
    gap = accept("daily.sales", "01-02", until=timezone.now().date())
    AcceptedGap.objects.filter(pk=gap.pk).update(until=timezone.now().date() - dt.timedelta(days=1))
    shop.unlink()

    tasks.scan_by_schedule()

    assert cell("01-02").state == State.MISSING
