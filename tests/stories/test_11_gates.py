"""11. Gates that were too coarse got bypassed everywhere. A gate is by table and date; an override needs a reason and
stays visible."""

import pytest

from apps.cli.management.commands import backfill
from apps.coverage.models import Partition
from apps.runs.models import IllegalMove
from tests.conftest import day

pytestmark = pytest.mark.usefixtures("workers")


@pytest.fixture
def a_hole(rows, ask, scan) -> None:
    """All of Phase 2 is there but one date of one table."""
    rows("daily.sales", 8)
    rows("daily.visits", 8)
    ask("DELETE FROM daily.visits WHERE day = ?", day("01-15"))
    scan()


def test_gate_skips_only_the_date_with_a_missing_input(console, a_hole, launch, drive):
    run = drive(launch(tables=["weekly.trend"], through_gaps=True))

    told = backfill.result(run)
    assert (told["succeeded"], told["skipped"]) == (22, 1)
    assert told["skips"][0]["dates"] == ["2024-01-15"]
    page = console.page(f"/runs/{run.pk}/summary/")
    assert "22 of 23 steps verified; 1 not: 1 skipped" in page and told["skips"][0]["text"] in page
    assert console.row("trend", "coverage").startswith("trend 22 23")


def test_gate_override_without_a_reason_is_rejected(a_hole, launch):
    run = launch(tables=["weekly.trend"])

    with pytest.raises(IllegalMove, match="An override needs a reason"):
        run.override_gates(by="olga", reason="  ")


def test_an_override_stays_visible_with_its_reason_and_its_name(console, a_hole, launch, drive):
    run = launch(tables=["weekly.trend"], through_gaps=True)
    run.override_gates(by="olga", reason="visits of the 15th are lost for good")
    drive(run)

    told = backfill.result(run)
    said = "Gates overridden by olga: visits of the 15th are lost for good"
    assert (told["succeeded"], told["override"]["reason"]) == (23, "visits of the 15th are lost for good")
    assert said in console.page(f"/runs/{run.pk}/") and said in console.page(f"/runs/{run.pk}/summary/")


def test_launch_after_a_not_ready_preflight_requires_a_reason(console, a_hole, shop):
    dates = ("--start", "2024-01-08", "--end", "2024-01-09")
    shop.rename(shop.with_suffix(".away"))
    console.shell("preflight", "--table", "trend", *dates)
    shop.with_suffix(".away").rename(shop)
    console.shell("scan")
    words = ("backfill", "--table", "trend", *dates, "--yes", "--here")

    code, said = console.shell(*words)
    assert code == 2 and "not ready" in said
    assert not Partition.objects.filter(table="weekly.trend", state="complete").exists()

    told = console.json(*words, "--although-not-ready", "the file is back")
    assert told["succeeded"] == 2
    assert "the file is back" in console.page(f"/runs/{told['run']}/")
