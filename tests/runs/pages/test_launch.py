"""What an operator does on the launch form."""

import re

import pytest
from django.urls import reverse
from django_q.models import OrmQ

from apps.coverage.models import Partition
from apps.runs.models import Run
from apps.runs.plans import planning, selections
from tests.conftest import day
from tests.runs.pages.conftest import words

NEW = "/runs/new/"
WEEK = {"table": "daily.sales", "start": "2024-01-01", "end": "2024-01-06"}


@pytest.fixture
def see(operating, scan):
    """What the form posts after a person looked at the plan of these fields."""

    def look(**fields):
        scan()
        page = operating.get("/runs/plan/", fields).content.decode()
        return fields | dict(re.findall(r'name="(seen\w*)" value="(\w+)"', page))

    return look


@pytest.fixture
def plan_of(operating, scan):
    """What the page says of the plan of these fields."""

    def look(**fields):
        scan()
        return words(operating.get("/runs/plan/", fields).content.decode())

    return look


def test_launch_creates_the_run_of_the_plan_shown(operating, see, operator):
    seen = see(**WEEK)

    response = operating.post(NEW, seen | {"note": "first check", "batch": "3", "stop_after": "2"})

    run = Run.objects.get()
    assert response.headers["Location"] == run.get_absolute_url()
    assert (run.steps.count(), OrmQ.objects.count()) == (6, 1)
    assert (run.launched_by_user, run.note, run.batch, run.stop_after_failures) == (
        operator,
        "first check",
        3,
        2,
    )


def test_a_viewer_may_not_launch(viewing, see):
    assert viewing.post(NEW, see(**WEEK)).status_code == 403
    assert not Run.objects.exists()


def test_a_viewer_sees_the_plan_without_the_button(viewing, read, first_scan):
    text = read(f"{NEW}?table=daily.sales", viewing)

    assert "Only operators launch runs." in text
    assert "Launch 29 steps" not in text


def test_launching_twice_is_refused_with_the_name_of_the_first(operating, see):
    seen = see(**WEEK)
    operating.post(NEW, seen)
    first = Run.objects.get()

    response = operating.post(NEW, seen)

    assert response.status_code == 409
    assert f"({first.title}, launched by olga, queued, 0 of 6 steps verified) is about to fill 6" in words(
        response.content.decode()
    )
    assert Run.objects.count() == 1


def test_two_launches_at_the_same_moment_make_one_run(operating, see, launch, monkeypatch, pipeline):
    seen = see(**WEEK)
    stale = planning.plan(pipeline, selections.select(pipeline, tables=["daily.sales"], end=day("01-06")))
    first = launch(tables=["daily.sales"], start=day("01-03"), end=day("01-03"))
    monkeypatch.setattr(planning, "plan", lambda *_: stale)  # planned before the other launch was there

    response = operating.post(NEW, seen)

    assert f"Run {first.pk} ({first.title}" in words(response.content.decode())
    assert Run.objects.count() == 1


def test_a_plan_that_changed_since_is_shown_again_instead_of_launched(operating, see, ask, scan):
    seen = see(**WEEK)
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day("01-02"))
    scan()

    response = operating.post(NEW, seen | {"note": "my reason"})

    text = words(response.content.decode())
    assert "The plan is not the one you saw: 6 steps then, 5 now." in text
    assert "Launch 5 steps" in text and "my reason" in text
    assert not Run.objects.exists()


def test_launch_without_a_plan_digest_is_refused(operating, first_scan):
    assert operating.post(NEW, WEEK).status_code == 409
    assert not Run.objects.exists()


def test_the_plan_counts_steps_by_table_and_season(plan_of):
    text = plan_of(phase="2")

    assert "58 steps" in text
    assert "sales winter 19 · spring 10 29" in text and "visits winter 19 · spring 10 29" in text


def test_single_dates_are_planned_and_no_others_between_them(plan_of):
    text = plan_of(**WEEK, dates="2024-01-02, 2024-01-04 to 2024-01-05, 2024-03-01")

    assert "Launch 3 steps" in text


def test_plan_shows_left_out_dates_with_the_reason(plan_of, ask):
    ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", day("01-02"))

    text = plan_of(table="daily.sales", start="2024-01-01", end="2024-01-08")

    assert "1 complete 2024-01-02" in text
    assert "1 off the calendar 2024-01-07" in text


def test_the_plan_shows_the_exact_call_with_its_folder(plan_of, shop):
    text = plan_of(**WEEK)

    assert f"cd {shop.parent / 'jobs'}" in text
    assert "fill.py daily.sales --start 2024-01-01 --end 2024-01-04 --safe" in text
    assert "4 dates a call" in text


def test_secrets_in_the_environment_are_masked(plan_of, shop, settings):
    text = (shop.parent / "shop.toml").read_text().replace("env = {", 'env = { API_TOKEN = "hush",')
    settings.PIPELINE = shop.parent / "secret.toml"
    settings.PIPELINE.write_text(text)

    assert "API_TOKEN •••" in plan_of(**WEEK)


def test_plan_with_history_shows_a_likely_duration(plan_of, launch, drive):
    drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-06")))

    assert re.search(r"Likely takes (less than|about) a minute", plan_of(table="daily.sales"))


def test_an_active_run_with_the_same_dates_is_named(plan_of, launch):
    run = launch(tables=["daily.sales"], start=day("01-03"), end=day("01-04"))

    text = plan_of(**WEEK)

    assert f"Run {run.pk} (sales, 2024-01-03 to 2024-01-04, launched by olga, queued, " in text
    assert "0 of 2 steps verified) is about to fill 2 of these" in text
    assert "Launch 4 steps" in text


def test_there_is_nothing_to_launch_where_all_is_complete(plan_of, launch, drive):
    drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02")))

    text = plan_of(table="daily.sales", start="2024-01-01", end="2024-01-02")

    assert "Nothing to do: all 2 are complete already." in text


def test_plan_before_the_first_scan_reports_that_expected_dates_are_unknown(operating, shop):
    text = words(operating.get("/runs/plan/", WEEK).content.decode())

    assert "The warehouse was not scanned yet: it is not known which dates are expected." in text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"start": "2024-01-06", "end": "2024-01-01"},
            "The end 2024-01-01 is before the start 2024-01-06; swap them.",
        ),
        ({"table": "daily.nothing"}, 'There is no table "daily.nothing" in the pipeline file.'),
        ({"table": "raw.orders"}, "raw.orders is a source; no job of this pipeline fills it."),
        ({"season": "summer"}, 'There is no season "summer" in the pipeline file.'),
        ({"start": "yesterday"}, "First date: Write a date of the calendar, such as 2024-01-15."),
        ({"batch": "many"}, "Dates a call: Write a number from 1 to 1,000, or auto."),
        ({"batch": "0"}, "Dates a call: Write a number from 1 to 1,000, or auto."),
        ({"canary": "few"}, "Canary: Write a whole number, such as 7."),
        ({"retry": "99"}, 'There is no run "99".'),
        ({"dates": "soon"}, "Write dates such as 2024-01-15"),
        ({"dates": "1999-01-01"}, "None of the dates lies in a season."),
        ({"phase": "3"}, "daily.sales is not in Phase 3; leave the phase or the table out."),
        ({"start": "2024-01-07", "end": "2024-01-07"}, "no date of this range is on the calendar."),
        ({"retry": "last"}, 'There is no run "last".'),
    ],
)
def test_bad_input_gets_a_sentence(plan_of, fields, sentence):
    assert sentence in plan_of(**(WEEK | fields))


def test_bad_input_keeps_what_was_typed(operating, first_scan):
    response = operating.post(NEW, WEEK | {"end": "2023-01-01", "note": "my reason", "batch": "x"})

    page = response.content.decode()
    assert response.status_code == 422
    assert 'value="2023-01-01"' in page and 'value="x"' in page and "my reason" in page
    assert re.search(r'value="daily.sales" checked', page)


def test_a_link_from_the_coverage_pages_fills_the_form(read, operating, first_scan):
    address = f"{NEW}?table=daily.sales&table=daily.visits&start=2024-01-01&end=2024-01-03"

    assert "Launch 6 steps" in read(address)
    assert 'value="daily.visits" checked' in operating.get(address).content.decode()


@pytest.mark.parametrize(
    ("query", "says"),
    [("?start=2024-01-01&end=2024-01-05", "Launch 12 steps"), ("", "Nothing is chosen yet.")],
    ids=["dates alone mean all tables", "nothing ticked plans nothing"],
)
def test_a_link_without_tables(read, query, says, first_scan):
    assert says in read(f"{NEW}{query}")


def test_presets_lead_to_gaps_and_to_the_last_failures(read, operating, launch, drive, fault):
    fault("daily.sales", "01-02", "overflow")
    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02")))

    text = read(NEW)

    assert f"Retry failures of run {run.pk} what failed or was skipped" in text
    assert "Only gaps of Phase 2 Daily" in text
    assert "Whole season winter" in text


def test_the_number_of_queries_does_not_grow_with_the_plan(operating, django_assert_num_queries, first_scan):
    few, many = WEEK, {"phase": ["2", "3"]}
    with django_assert_num_queries(QUERIES_OF_A_PLAN):
        operating.get("/runs/plan/", few)
    with django_assert_num_queries(QUERIES_OF_A_PLAN):
        operating.get("/runs/plan/", many)


# Session and person, two for their permissions, two for the workers, then the plan: calendar, partitions, tables
# that did not answer, the calendar and the sources of whole seasons, and what earlier runs took, twice where that is
# not enough for an estimate, and complete dates that read what is written.
QUERIES_OF_A_PLAN = 16


def test_a_preset_that_is_shown_is_marked(operating, first_scan):
    assert (
        'href="/runs/new/?phase=2" aria-current="true"'
        in operating.get(f"{reverse('runs:new')}?phase=2").content.decode()
    )


def test_a_run_launched_elsewhere_can_be_retried_by_its_number_only_when_something_failed(
    plan_of, launch, drive
):
    run = drive(launch(tables=["daily.sales"], start=day("01-01"), end=day("01-02")))

    assert f"Run {run.pk} has no failures to retry." in plan_of(retry=str(run.pk))


def test_without_javascript_a_button_shows_the_plan(operating, first_scan):
    response = operating.post(NEW, WEEK | {"show": "plan"})

    assert "Launch 6 steps" in words(response.content.decode())
    assert not Run.objects.exists()


# What nobody knows ----------------------------------------------------------------------------------


def test_before_the_first_scan_gaps_are_unknown(read, shop):
    text = read(NEW)

    assert "unknown until the warehouse was scanned" in text
    assert "gaps unknown" in text and " 0 gaps" not in text


def test_gaps_are_unknown_if_the_warehouse_is_unreachable(read, scan, shop):
    scan()
    shop.unlink()
    scan()

    assert " 0 gaps" not in read(NEW)


def test_unknown_dates_are_shown_beside_the_gaps(read, first_scan):
    Partition.objects.filter(table="daily.sales", date__lt=day("01-05")).update(state="unknown")

    text = read(NEW)

    assert "sales 25 gaps, 4 unknown" in text
    assert "Only gaps of Phase 2 Daily, 4 unknown" in text


def test_a_table_without_gaps_has_none(read, first_scan):
    Partition.objects.filter(table="daily.sales").update(state="complete")

    assert "sales 0 gaps" in read(NEW)


# Phases and tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param(WEEK | {"phase": "2"}, "Launch 6 steps", id="a phase and one of its tables"),
        pytest.param(
            WEEK, "Likely takes not known: sales has never run here", id="a duration without history"
        ),
        pytest.param(
            {"phase": ["2", "3"]}, "Pauses before Phase 3, until an operator starts it", id="a gate"
        ),
        pytest.param(
            {"table": "daily.sales", "start": "0001-01-01", "end": "9999-12-31"}, "29 steps", id="all time"
        ),
    ],
)
def test_the_plan_tells_what_a_launch_would_do(plan_of, fields, says):
    assert says in plan_of(**fields)


def test_only_the_tables_that_are_meant_are_ticked(operating, first_scan):
    page = operating.get(f"{NEW}?phase=2&table=daily.sales").content.decode()

    assert re.search(r'value="daily.sales" checked', page)
    assert not re.search(r'value="daily.visits" checked|name="phase" data-phase value="2" checked', page)


# Dates that do not fit ------------------------------------------------------------------------------

SWAPPED = {"start": "2024-01-06", "end": "2024-01-01"}
SENTENCE = "The end 2024-01-01 is before the start 2024-01-06; swap them."


def test_swapped_range_is_reported_at_its_fields(operating, first_scan):
    page = operating.post(NEW, WEEK | SWAPPED).content.decode()

    assert re.search(r'name="end"[^>]*aria-describedby="date-errors"', page)
    assert SENTENCE in words(page.partition('id="date-errors"')[2].partition("</div>")[0])


def test_swapped_range_is_reported_at_its_fields_while_typing(operating, first_scan):
    answer = operating.get("/runs/plan/", WEEK | SWAPPED, headers={"HX-Request": "true"}).content.decode()

    assert SENTENCE in words(answer.partition('id="date-errors" hx-swap-oob="true"')[2])


def test_dates_in_a_title_stay_in_one_piece(operating, launch):
    run = launch(tables=["daily.sales"], start=day("01-03"), end=day("01-04"))

    page = operating.get(run.get_absolute_url()).content.decode()

    assert (
        '<h1>sales, <span class="nowrap">2024-01-03</span> to <span class="nowrap">2024-01-04</span></h1>'
        in page
    )


def test_how_a_run_is_performed_can_be_chosen(operating, see):
    chosen = {"batch": "auto", "canary": "2", "stop_after": "3", "stop_at": "0", "override": "source is lost"}

    operating.post(NEW, see(**WEEK) | chosen)

    run = Run.objects.get()
    assert (run.batch, len(run.canary_dates), run.stop_after_failures) == (Run.AUTO, 2, 3)
    assert (run.stop_at_percent, run.override_reason) == (0, "source is lost")


def test_a_canary_that_leaves_nothing_to_release_is_refused_beside_its_field(operating, see):
    answer = operating.post(NEW, see(**(WEEK | {"end": "2024-01-02"})) | {"canary": "2"})

    assert answer.status_code == 422
    assert "The plan has 2 dates, so a canary of 2 would be all of it." in words(answer.content.decode())
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("batch", "many", "Write a number from 1 to 1,000, or auto."),
        ("lanes", "2", "One lane: one process at a time may hold a DuckDB file."),
        ("canary", "15", "14 is the most."),
        ("stop_at", "101", "100 is the most."),
    ],
)
def test_invalid_run_options_are_reported_beside_the_field(operating, see, field, value, says):
    response = operating.post(NEW, see(**WEEK) | {field: value})

    assert says in words(response.content.decode())
    assert not Run.objects.exists()
