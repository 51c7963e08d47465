"""The pages of verifications: asked for by an operator, read by everybody, kept for good."""

import csv
import io
import re

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from django_q.models import OrmQ

from apps import timing
from apps.coverage import tasks
from apps.coverage.models import Verification
from apps.coverage.scanning import warehouses
from apps.coverage.verification import verifier
from apps.pipeline import definition
from apps.runs.models import Run
from tests.conftest import day
from tests.coverage.verifying import WEEK
from tests.runs.conftest import add_step

START = "/verify/start/"
SALES = {"tables": ["daily.sales"], **WEEK}


@pytest.fixture
def kept(shop, db):
    """A verification with its report: `kept(tables=["daily.sales"])`."""

    def perform(**named) -> Verification:
        pipeline = definition.current()
        found = verifier.request(pipeline, verifier.scope(pipeline, **named), by="olga")
        verifier.perform(pipeline, warehouses.open_warehouse(pipeline), found)
        found.refresh_from_db()
        return found

    return perform


def words(page: str) -> str:
    """What a person reads, without the elements."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


# Asking for one -----------------------------------------------------------------------------------


def test_an_operator_queues_a_verification(operating):
    response = operating.post(START, {"season": "winter", "phase": "2", "start": "2024-01-05"})

    asked = Verification.objects.get()
    assert response.headers["Location"] == f"/verify/{asked.pk}/"
    assert (asked.requested_by, asked.start, asked.end) == ("olga", day("01-05"), day("01-20"))
    assert (asked.seasons, asked.tables) == (["winter"], ["daily.sales", "daily.visits"])
    assert OrmQ.objects.count() == 1


def test_a_worker_makes_the_report(operating, filled):
    operating.post(START, {"table": "daily.sales"})

    tasks.verify(Verification.objects.get().pk)

    assert Verification.objects.get().verdict == "passed"


def test_a_viewer_cannot_start_a_verification(viewing):
    assert viewing.post(START).status_code == 403
    assert "Verify</button>" not in viewing.get("/verify/").content.decode()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"start": "soon"}, "Write a date of the calendar"),
        ({"start": "2024-02-01", "end": "2024-01-01"}, "swap them"),
        ({"season": "winter", "start": "2024-02-01"}, "lie outside the season winter"),
        ({"season": "autumn"}, "There is no season &quot;autumn&quot;"),
        ({"table": "nowhere.at_all"}, "There is no table &quot;nowhere.at_all&quot;"),
        ({"phase": "3", "table": "daily.sales"}, "daily.sales is not in Phase 3"),
    ],
)
def test_an_invalid_request_is_rejected_with_a_message(operating, values, sentence):
    response = operating.post(START, values)

    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not Verification.objects.exists()


def test_a_season_is_a_preset(operating):
    page = operating.get("/verify/?season=winter").content.decode()

    assert 'href="/verify/?season=spring"' in page
    assert re.search(r'name="season" value="winter" checked', page)


def test_the_last_run_is_a_preset(operating, pipeline):
    run = Run.objects.create(title="Daily", launched_by="olga")
    for date in ("01-03", "01-05"):
        add_step(run, date)

    page = operating.get("/verify/").content.decode()

    assert f"Last run, {run.pk}" in page
    assert 'href="/verify/?table=daily.sales&amp;start=2024-01-03&amp;end=2024-01-05"' in page


# While it is under way ----------------------------------------------------------------------------


def test_the_page_of_a_queued_verification_shows_that_it_waits_and_polls(operating, filled):
    operating.post(START)
    asked = Verification.objects.get()

    page = operating.get(f"/verify/{asked.pk}/").content.decode()

    assert "It waits" in page and 'hx-trigger="every 1s' in page


def test_the_page_of_a_running_verification_shows_its_stage(operating, db):
    asked = Verification.objects.create(
        requested_by="olga", status="running", stage="asking the warehouse about 5 tables", **WEEK
    )

    page = operating.get(f"/verify/{asked.pk}/", headers={"HX-Request": "true"})

    assert "It is asking the warehouse about 5 tables." in page.content.decode()
    assert "HX-Refresh" not in page.headers


def test_the_page_reloads_once_the_report_exists(operating, kept):
    response = operating.get(f"/verify/{kept(**SALES).pk}/", headers={"HX-Request": "true"})

    assert response.headers["HX-Refresh"] == "true"


def test_a_verification_whose_worker_died_shows_that_there_is_no_report(read, db, shop):
    long_ago = timezone.now() - timing.LONGEST_SCAN * 2
    dead = Verification.objects.create(requested_by="olga", status="running", started_at=long_ago, **WEEK)

    tasks.give_up_dead_verifications(timezone.now())

    assert "There is no report: The worker died" in read(f"/verify/{dead.pk}/")


# The report ---------------------------------------------------------------------------------------


def test_a_report_shows_its_verdict_and_the_missing_dates(read, filled, kept, ask):
    ask("DELETE FROM daily.sales WHERE day BETWEEN '2024-01-02' AND '2024-01-03'")

    page = words(read(f"/verify/{kept(**SALES).pk}/"))

    assert "not passed" in page
    assert "sales is missing on 2 of 6 dates: 2024-01-02 to 2024-01-03 ." in page
    assert "4 of 6" in page


def test_a_passed_report_shows_the_verdict_passed(read, filled, kept):
    page = words(read(f"/verify/{kept(**SALES).pk}/"))

    assert "passed Nothing is wrong: tables have the rows that they should have" in page
    assert "not passed" not in page


def test_an_unreachable_warehouse_shows_unknown_instead_of_numbers(read, filled, kept, shop):
    kept(phases=["2"])
    shop.unlink()

    page = words(read(f"/verify/{kept(phases=['2']).pk}/"))

    assert "could not run" in page and "unknown on all 29" in page
    assert "%" not in page and "29 of 29" not in page


def test_a_table_that_cannot_be_read_is_unknown_beside_the_others(read, filled, kept, ask):
    ask("ALTER TABLE daily.visits RENAME COLUMN day TO date")

    page = words(read(f"/verify/{kept(phases=['2']).pk}/"))

    assert "table daily.visits has no column day" in page
    assert "29 of 29" in page and "unknown on all 29" in page


def test_failed_attempts_of_the_run_history_are_shown_with_their_errors(read, history, filled, kept):
    history("sales", "01-02", "failed", errors="numeric overflow")

    page = words(read(f"/verify/{kept(**SALES).pk}/"))

    assert "1 latest attempt at dates of the range, 1 failed" in page
    assert "numeric overflow" in page


def test_the_report_shows_that_the_pipeline_file_names_no_run_history(read, filled, kept):
    assert "names no run history" in read(f"/verify/{kept(**SALES).pk}/")


def test_quality_is_drawn_and_written(read, rewrite, kept, ask):
    rewrite('{ column = "score" }', '{ column = "score", bands = [{ from_day = 4, between = [60, 95] }] }')
    ask("INSERT INTO weekly.trend VALUES ('2024-01-10', 50), ('2024-01-11', 70)")

    page = read(f"/verify/{kept(tables=['weekly.trend']).pk}/")

    assert 'class="dots dots-outside" d="M' in page
    assert "below 2024-01-10" in words(page)


def test_a_report_stays_as_it_was(read, filled, kept, ask):
    made = kept(**SALES)
    ask("DELETE FROM daily.sales")
    kept(**SALES)

    assert "6 of 6" in words(read(f"/verify/{made.pk}/"))


def test_the_list_has_every_report_with_its_verdict(read, filled, kept, ask):
    kept(**SALES)
    ask("DELETE FROM daily.sales WHERE day = '2024-01-02'")
    kept(**SALES)
    kept(start=day("01-07"), end=day("01-07"))

    page = words(read("/verify/"))

    assert page.index("nothing to verify") < page.index("not passed")
    assert page.count("2024-01-01 to 2024-01-06") == 2


# Downloads ----------------------------------------------------------------------------------------


def test_the_csv_has_one_line_per_finding(viewing, filled, kept, ask):
    ask("DELETE FROM daily.sales WHERE day BETWEEN '2024-01-02' AND '2024-01-03'")
    made = kept(**SALES)

    text = viewing.get(f"/verify/{made.pk}/verification.csv").getvalue().decode()

    found = [tuple(row.values())[:6] for row in csv.DictReader(io.StringIO(text))]
    assert ("daily.sales", "rows", "missing", "2", "2024-01-02", "2024-01-03") in found


def test_a_report_that_is_not_there_yet_cannot_be_downloaded(operating):
    operating.post(START)

    assert operating.get(f"/verify/{Verification.objects.get().pk}/verification.json").status_code == 404


def test_operating_runs_alone_is_not_enough(viewing, viewer):
    viewer.user_permissions.set(Permission.objects.filter(codename="operate_run"))

    assert viewing.post(START).status_code == 403
