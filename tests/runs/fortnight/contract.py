"""What comes of a run of a fortnight, whichever server stands where BigQuery would."""

from __future__ import annotations

from collections import Counter

from apps.coverage.models import Partition, Scan
from apps.coverage.verification import verifier
from apps.coverage.verification.report import Verdict
from apps.pipeline import scope
from apps.runs.models import Run
from tests.conftest import day

SALES, VISITS = "daily.sales", "daily.visits"
FORTNIGHT = {"start": day("01-01"), "end": day("01-14")}
ONLY_SALES = {"tables": [SALES], **FORTNIGHT}


def states(table: str) -> dict[str, int]:
    return dict(Counter(Partition.objects.filter(table=table).values_list("state", flat=True)))


def statuses(run: Run) -> set[tuple[str, int]]:
    """Each status with the attempts of its steps."""
    return set(run.steps.values_list("status", "attempts"))


class Fortnight:
    """Fixtures that a server gives: `place`."""

    # A run ------------------------------------------------------------------------------------------

    def test_every_date_is_filled_by_sql_and_by_a_program(self, launch, drive, ask):
        run = drive(launch(tables=[SALES, VISITS], **FORTNIGHT))

        assert (run.status, run.message) == (Run.Status.SUCCEEDED, "All 28 steps verified")
        assert set(run.steps.values_list("rows_before", "rows_after")) == {(0, 2)}
        assert ask(f"SELECT COUNT(*), COUNT(DISTINCT day) FROM {VISITS}") == [(28, 14)]
        assert run.attempts.count() == 4

    def test_dates_that_are_made_again_have_their_rows_once(self, launch, drive, ask):
        drive(launch(tables=[SALES], **FORTNIGHT))

        run = drive(launch(tables=[SALES], reprocess=Run.Reprocess.ALL, **FORTNIGHT))

        assert run.status == Run.Status.SUCCEEDED
        assert ask(f"SELECT COUNT(*) FROM {SALES}") == [(28,)]

    # A scan -----------------------------------------------------------------------------------------

    def test_a_scan_counts_what_the_run_made(self, launch, drive, scan):
        drive(launch(tables=[SALES, VISITS], **FORTNIGHT))
        Partition.objects.all().delete()

        assert scan().status == Scan.Status.SUCCEEDED

        assert states(SALES) == states(VISITS) == {"complete": 14, "missing": 6}
        assert states("raw.orders") == {"complete": 20}

    # A table that is not there ------------------------------------------------------------------------

    def test_a_table_that_does_not_exist_is_missing_on_its_dates(self, scan, ask):
        ask(f"DROP TABLE {VISITS}")

        assert scan().problem == f"table {VISITS} does not exist in the warehouse"

        assert states(VISITS) == {"missing": 20}
        assert (states(SALES), states("raw.orders")) == ({"missing": 20}, {"complete": 20})

    def test_a_missing_table_does_not_pass_a_verification(self, ask, pipeline, warehouse, first_scan):
        ask(f"DROP TABLE {VISITS}")

        report = verifier.verify(
            pipeline, warehouse, scope.scope(pipeline, tables=[SALES, VISITS], **FORTNIGHT)
        )

        assert report.verdict == Verdict.NOT_PASSED
        assert f"table {VISITS} does not exist in the warehouse" in " ".join(map(str, report.reasons))

    def test_a_run_whose_table_goes_meanwhile_does_not_succeed(self, launch, drive, perform, ask):
        run = drive(launch(tables=[SALES], **FORTNIGHT), attempts=1)
        ask(f"DROP TABLE {SALES}")

        perform(run)

        assert run.status in (Run.Status.PAUSED, Run.Status.FAILED)
        assert run.pause_reason != Run.PauseReason.WAREHOUSE
        assert run.steps.failed().exists()

    def test_a_script_that_reads_a_missing_table_fails_with_its_name(self, launch, drive, ask):
        run = launch(tables=[SALES], **FORTNIGHT)
        ask("DROP TABLE raw.orders")

        drive(run)

        (message,) = set(run.steps.failed().values_list("message", flat=True))
        assert "raw.orders" in message and "\n" not in message
        assert (run.steps.failed().count(), run.pause_reason) == (7, Run.PauseReason.FAILURES)
