"""What a run itself makes stale: later steps do not read it, and nothing stale is called done."""

import pytest

from apps.coverage.models import Partition
from apps.runs.models import Run
from apps.runs.results import discrepancies
from tests.conftest import Ask, day
from tests.runs.conftest import shown, step

DATES = {"tables": ["daily.sales", "weekly.trend"], "start": day("01-04"), "end": day("01-06")}
TOUCHES_ITS_INPUT = """
DELETE FROM weekly.trend WHERE day BETWEEN @start_date AND @end_date;
INSERT INTO weekly.trend SELECT day, 90.0, CURRENT_TIMESTAMP() FROM raw.days
WHERE open AND day BETWEEN @start_date AND @end_date;
UPDATE daily.sales SET written_at = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR)
WHERE day BETWEEN @start_date AND @end_date;
"""


@pytest.fixture
def chain(rewrite, inputs, ask: Ask) -> None:
    """Visits are made from sales and trend from visits; all is there but for sales and trend of the fourth."""
    rewrite('gate = "manual"', 'gate = "auto"')
    rows = "rows = { per_unit = [1, 3], like"
    rewrite(rows, f'after = ["daily.sales"]\nwritten_column = "made_at"\n{rows}')
    rewrite('after = [{ table = "daily.sales", lookback = 3 }, "daily.visits"]', 'after = ["daily.visits"]')
    ask("ALTER TABLE daily.visits ADD COLUMN made_at TIMESTAMP")
    ask("UPDATE daily.visits SET made_at = '2024-02-02'")
    ask("INSERT INTO weekly.trend SELECT day, 80.0 FROM raw.days WHERE day IN ('2024-01-05', '2024-01-06')")
    ask("DELETE FROM daily.sales WHERE day = DATE '2024-01-04'")


def test_a_plan_leaves_out_what_would_read_an_input_that_it_makes_stale(chain, plan):
    found = plan(**DATES)

    assert found.by_table == {"daily.sales": 1}
    assert found.blocked.sentence == (
        "1 would be skipped, behind 1 date: 2024-01-04 of visits (would be stale)"
    )


def test_a_plan_that_fills_the_input_anew_leaves_nothing_out(chain, plan):
    found = plan(**DATES | {"tables": ["daily.sales", "daily.visits", "weekly.trend"], "reprocess": "all"})

    assert found.blocked.steps == 0
    assert found.by_table == {"daily.sales": 3, "daily.visits": 3, "weekly.trend": 3}


def test_a_step_does_not_read_what_its_run_has_made_stale(chain, launch, drive, ask: Ask):
    run = launch(**DATES, through_gaps=True)
    assert run.steps.count() == 2

    run = drive(run)

    assert step(run, "01-04").status == "succeeded"
    assert step(run, "01-04", "weekly.trend").message == "visits is stale on 2024-01-04"
    assert run.message == "1 of 2 steps verified; 1 skipped"
    assert ask("SELECT count(*) FROM weekly.trend WHERE day = DATE '2024-01-04'") == [(0,)]


@pytest.fixture
def touches_its_input(shop, rewrite, inputs, ask: Ask) -> None:
    """The trend's script marks the rows that it has read, an hour ahead."""
    rewrite('gate = "manual"', 'gate = "auto"')
    rewrite('quality = { column = "score" }', 'quality = { column = "score" }\nwritten_column = "made_at"')
    ask("ALTER TABLE weekly.trend ADD COLUMN made_at TIMESTAMP")
    (shop.parent / "jobs" / "trend.sql").write_text(TOUCHES_ITS_INPUT)


def test_run_notes_that_its_verified_dates_are_stale_now(touches_its_input, launch, drive):
    run = drive(launch(tables=["weekly.trend"], start=day("01-04"), end=day("01-06")))

    assert run.status == Run.Status.SUCCEEDED
    assert discrepancies.notes(run, verified=3) == [
        "3 verified then, 0 complete now: trend stale on 2024-01-04 to 2024-01-06"
    ]


def test_run_that_leaves_its_stale_dates_stale_fails(touches_its_input, launch, drive):
    drive(launch(tables=["weekly.trend"], start=day("01-04"), end=day("01-06")))

    run = drive(launch(tables=["weekly.trend"], start=day("01-04"), end=day("01-06")))

    assert (run.status, run.message) == (
        Run.Status.FAILED,
        "All 3 steps verified, but 3 are stale still: trend on 2024-01-04 to 2024-01-06",
    )
    assert shown("01-05", "weekly.trend") == "stale"
    assert Partition.objects.get(table="weekly.trend", date=day("01-05")).reason.startswith("sales of")


def test_run_reports_complete_dates_outside_its_steps_that_it_made_stale(chain, launch, drive):
    run = drive(launch(tables=["daily.sales"], start=day("01-04"), end=day("01-04")))

    says = "1 complete date became stale while the run was at work: visits on 2024-01-04"
    assert run.status == Run.Status.SUCCEEDED
    assert [event.text for event in run.events.filter(kind="made stale")] == [says]
    assert discrepancies.notes(run, verified=1) == [says]


def test_stale_note_disappears_once_the_date_is_complete_again(chain, launch, drive, ask: Ask):
    run = drive(launch(tables=["daily.sales"], start=day("01-04"), end=day("01-04")))
    Partition.objects.filter(table="daily.visits", date=day("01-04")).update(state="complete")

    assert discrepancies.notes(run, verified=1) == []
