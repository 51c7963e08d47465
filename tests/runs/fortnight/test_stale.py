"""What BigQuery notes of a run's partitions: they are as old as the run, not as old as the scan before it."""

from pathlib import Path

import pytest

from apps.coverage.models import Partition
from apps.runs.models import Run
from tests.conftest import day
from tests.runs.fortnight.contract import FORTNIGHT, ONLY_SALES, SALES
from tests.standins.bigquery import StandIn

THIRD = day("01-03")


@pytest.fixture
def shop(shop: Path) -> Path:
    """Sales are made of orders."""
    file = shop / "fortnight.toml"
    name = f'name = "{SALES}"'
    file.write_text(file.read_text().replace(name, f'{name}\nafter = ["raw.orders"]'))
    return shop


@pytest.fixture
def stale(launch, drive, scan, ask) -> None:
    """The orders of the third were delivered anew after the sales were made of them."""
    drive(launch(**ONLY_SALES))
    ask(f"DELETE FROM raw.orders WHERE day = '{THIRD}'")
    ask(f"INSERT INTO raw.orders (day, item) SELECT DATE '{THIRD}', item FROM UNNEST([3, 4]) AS item")
    scan()


def states() -> dict[str, str]:
    rows = Partition.objects.filter(table=SALES, date__range=FORTNIGHT.values())
    return {state: date for date, state in rows.values_list("date", "state")}


def test_a_date_that_was_made_before_its_input_is_stale(stale):
    assert states()["stale"] == THIRD


def test_stale_date_is_complete_after_the_run_that_refilled_it(stale, launch, drive):
    run = drive(launch(**ONLY_SALES))

    assert (run.status, run.steps.get().date) == (Run.Status.SUCCEEDED, THIRD)
    assert set(states()) == {"complete"}


def test_end_of_a_run_queries_the_metadata_of_each_dataset_once(stale, launch, drive, server: StandIn):
    run = launch(**ONLY_SALES)
    server.forget()

    drive(run)

    assert len(server.asked("partitions")) == 2  # of what it wrote, and of what it read


def test_date_stays_stale_until_the_next_scan_if_metadata_is_denied(
    stale, launch, drive, scan, server: StandIn
):
    run = launch(**ONLY_SALES)
    server.refuse("accessDenied", about="partitions", times=100)

    assert drive(run).status == Run.Status.SUCCEEDED

    assert states()["stale"] == THIRD
    server.troubles.clear()
    scan()
    assert set(states()) == {"complete"}
