"""What an operator sees first."""

from io import StringIO

import pytest
from django.core.management import call_command

from apps.runs.models import Preflight, Run


@pytest.fixture
def overview(operating, workers):
    return lambda **headers: operating.get("/", headers=headers).content.decode()


def complete(ask, *dates: str) -> None:
    for date in dates:
        ask("INSERT INTO daily.sales SELECT ?, i, NULL FROM range(8) rows(i)", f"2024-{date}")
        ask("INSERT INTO daily.visits SELECT ?, i FROM range(8) rows(i)", f"2024-{date}")


def test_one_has_to_log_in(client, shop, db):
    assert client.get("/").headers["Location"].startswith("/account/login/")


def test_the_overview_shows_that_the_warehouse_was_not_scanned_yet(overview, shop):
    text = overview()

    assert "never scanned" in text and "The warehouse was not scanned yet" in text


def test_when_nothing_runs_the_next_gaps_can_be_planned(overview, first_scan):
    text = overview()

    assert "Nothing is running. Phase 2 is complete on 0 of 29 dates" in text
    assert '<a href="/runs/new/?phase=2">plan the gaps' in text


def test_a_phase_counts_dates_on_which_all_its_tables_are_complete(scan, ask, overview):
    complete(ask, "01-05", "01-08")
    ask("INSERT INTO daily.sales SELECT DATE '2024-01-09', i, NULL FROM range(8) rows(i)")
    scan()

    text = overview()

    assert '<b class="strong">2</b> of 29 dates (6 %) complete on all 2 tables' in text
    assert "sales: 3 of 29 complete" in text


def test_a_phase_of_sources_and_filled_tables_counts_needs_not_each_source(rewrite, scan, ask, overview):
    rewrite('name = "raw.orders_backup"\nphase = "1"', 'name = "raw.orders_backup"\nphase = "2"')
    complete(ask, "01-05", "01-08")
    scan()

    text = overview()

    assert (
        '<b class="strong">2</b> of 29 dates (6 %) complete on all 2 filled tables and for every need' in text
    )


def test_an_unreachable_warehouse_leaves_the_last_known_state_marked_as_such(outage, overview):
    text = " ".join(overview().partition("<body")[2].split())

    assert "As last known, Phase 2 is complete on 0 of 29 dates. What it holds now is unknown" in text
    assert text.count("as last known") >= 2 and "What is shown, percentages too, was last known at" in text
    assert 'class="strip-row last-known"' in text and 'class="strip-row"' not in text and ".." not in text


def test_a_table_that_could_not_be_read_is_unknown_beside_the_others(scan, ask, overview):
    complete(ask, "01-05")
    ask("ALTER TABLE daily.visits RENAME COLUMN day TO date")
    scan()

    text = overview()

    assert '<b class="strong">0</b> of 29 dates (0 %) complete on all 2 tables, ' in text
    assert "visits: unknown on all 29" in text and "sales: 1 of 29 complete" in text


def test_dates_left_out_are_shown_with_the_reason(overview, first_scan):
    assert "6 dates left out: not expected (bootstrap)" in overview()


def test_sources_are_shown_with_their_own_counts(scan, ask, overview):
    ask("DELETE FROM raw.orders WHERE day = '2024-01-05'")
    scan()

    text = overview()

    assert "every one of 29 dates can be served" in text
    assert "orders: 28 of 29 complete" in text and "orders_backup: 29 of 29 complete" in text


def test_the_last_preflight_and_dates_without_any_source_are_shown(transactional_db, scan, ask, overview):
    ask("DELETE FROM raw.orders WHERE day = '2024-01-05'")
    ask("DELETE FROM raw.orders_backup WHERE day = '2024-01-05'")
    scan()
    assert "No pre-flight yet" in overview()

    with pytest.raises(SystemExit):
        call_command("preflight", "--quick", stdout=StringIO())

    text = " ".join(overview().split())
    assert f'<a href="{Preflight.objects.get().get_absolute_url()}">' in text
    assert "in the way: Needs of the tables" in text
    assert "1 date</span> without any source" in text and "28 of 29 (96.55 %)" in text


def test_each_season_leads_to_its_page(overview, first_scan):
    text = overview()

    assert 'href="/coverage/winter/"' in text and 'href="/coverage/spring/"' in text


def test_a_paused_run_is_shown_with_its_reason(launch, overview):
    run = launch(tables=["daily.sales"])
    run._move(Run.Status.PAUSED, "Somebody should look at this.")

    text = overview()

    assert f'<a href="/runs/{run.pk}/">Run {run.pk}</a>' in text
    assert "waits for a person: Somebody should look at this" in text


def test_a_run_at_a_gate_is_described_twice_in_the_same_words(launch, ask, overview):
    run = launch(phases=["2", "3"])
    run.steps.filter(phase="2").update(status="succeeded")
    run._move(Run.Status.PAUSED, "Phase 3 starts by hand", pause_reason=Run.PauseReason.GATE)

    text = overview()

    assert text.count("waiting at the gate before Phase 3") == 2
    assert "Next: an operator looks at what Phase 3 needs, and starts it or cancels the run." in text


def test_open_failures_are_listed(launch, drive, fault, overview):
    fault("daily.sales", "01-05", "crash")
    drive(launch(tables=["daily.sales"]))

    text = overview()

    assert "None: nothing that a run tried last has failed." not in text
    assert "Open failures" in text


def test_the_overview_shows_how_to_start_a_worker_if_there_is_none(viewing, first_scan):
    text = viewing.get("/").content.decode()

    assert "nothing will start" in text and "manage.py serve" in text


def test_a_viewer_sees_no_buttons(viewing, workers, first_scan):
    text = viewing.get("/").content.decode()

    assert "Scan now" not in text and "New run" not in text


def test_a_refresh_is_the_piece_alone(overview, first_scan):
    piece = overview(HX_Target="live")

    assert "Season by season" in piece and "<h1>" not in piece


def test_the_overview_refreshes_often_while_a_run_is_active(launch, overview, first_scan):
    assert "every 30s" in overview()

    launch(tables=["daily.sales"])

    assert "every 3s" in overview()


def test_a_refresh_without_changes_returns_no_content(overview, operating, first_scan):
    version = overview(HX_Target="live").partition('"version": "')[2].partition('"')[0]

    assert operating.get("/", {"version": version}, headers={"HX-Target": "live"}).status_code == 204


def test_queries_do_not_grow_with_dates_and_runs(
    scan, ask, launch, drive, overview, django_assert_max_num_queries
):
    drive(launch(tables=["daily.sales"], start=None, end=None), attempts=1)
    Run.objects.update(status=Run.Status.RUNNING)
    with django_assert_max_num_queries(30) as few:
        overview()
    complete(ask, *(f"01-{date:02}" for date in range(8, 20)))
    scan()
    for _ in range(8):
        Run.objects.create(title="another", launched_by="olga", status=Run.Status.SUCCEEDED)

    with django_assert_max_num_queries(len(few)):
        overview()


def test_the_overview_has_no_inline_script_or_style(overview, first_scan):
    text = overview()

    assert "style=" not in text and "<script>" not in text and "<style" not in text
