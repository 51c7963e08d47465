"""The last look at a run on BigQuery: what it verified and lost again is not done."""

import pytest

from apps.runs.models import Run
from tests.runs.conftest import step
from tests.runs.fortnight.contract import ONLY_SALES, SALES

KEYED = 'rows = { per_unit = [1, 1] }\nkey = ["item"]\n'


@pytest.fixture
def keyed(rewrite) -> None:
    """Sales have a key, the item: two different ones a day."""
    rewrite("rows = { per_unit = [1, 1] }\n", KEYED)


def test_a_verified_date_with_fewer_different_keys_at_the_end_is_a_regression(keyed, launch, drive, ask):
    run = drive(launch(**ONLY_SALES), attempts=1)
    assert step(run, "01-02", SALES).keys_after == 2
    ask(f"UPDATE {SALES} SET item = 1 WHERE day = '2024-01-02'")

    run = drive(run)

    lost = step(run, "01-02", SALES)
    assert run.status == Run.Status.FAILED
    assert lost.status == "failed"
    assert lost.message.startswith(
        "regression: 2 different keys when it was verified, 1 at the end of the run"
    )
    assert step(run, "01-03", SALES).status == "succeeded"
