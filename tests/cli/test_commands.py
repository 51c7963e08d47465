"""What the shell answers: numbers for people, JSON for programs, exit codes for scripts."""

import json
import os
import signal

import pytest
from django.core.management import call_command

from apps.coverage.models import CalendarDate, Partition, Scan
from apps.coverage.scanning import warehouses
from apps.runs import control
from apps.runs.models import Attempt, Run
from apps.runs.plans import planning, selections
from apps.warehouse.base import Unreachable
from tests.conftest import day
from tests.runs.conftest import meanwhile, wait_until

DAYS = ["--start", "2024-01-01", "--end", "2024-01-04"]


@pytest.fixture
def shell(pipeline, transactional_db, capsys):
    """Runs a command; answers its exit code, and what it printed and complained."""

    def run(*words: str) -> tuple[int, str, str]:
        try:
            call_command(*words)
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def scanned_shell(shell):
    """A shell in which the warehouse was scanned."""
    shell("scan")
    return shell


def row(said: str, name: str) -> list[str]:
    """What a table says about one of its rows."""
    return next(line.split() for line in said.splitlines() if name in line)


def asked_json(shell, *words: str) -> dict:
    return json.loads(shell(*words, "--json")[1])


# scan ---------------------------------------------------------------------------------------------


def test_scan_reports_tables_read_queries_and_changed_partitions(shell):
    code, said, _ = shell("scan")

    assert (code, said.splitlines()[0]) == (0, "5 tables read in 2 queries; 145 partitions changed.")


def test_scan_exits_1_if_the_warehouse_is_unreachable(shell, shop):
    shop.unlink()

    code, said, _ = shell("scan")

    assert code == 1
    assert "does not exist" in said and "What was known last of everything stays" in said


def test_a_warehouse_that_cannot_be_opened_leaves_no_scan_under_way(shell, monkeypatch):
    def without_login(pipeline):
        raise Unreachable("no login for BigQuery was found")

    monkeypatch.setattr(warehouses, "open_warehouse", without_login)

    with pytest.raises(Unreachable):
        shell("scan")

    assert not Scan.objects.exists()


def test_scan_exits_1_if_one_table_does_not_exist(shell, ask):
    ask("DROP TABLE daily.visits")

    code, said, _ = shell("scan")

    assert code == 1
    assert "daily.visits does not exist" in said


def test_a_scan_of_a_table_leaves_the_others_as_they_were(scanned_shell, ask):
    ask("INSERT INTO daily.sales (day, item) SELECT DATE '2024-01-02', range FROM range(8)")
    ask("INSERT INTO weekly.trend VALUES (DATE '2024-01-05', 1)")

    code, said, _ = scanned_shell("scan", "--table", "sales")

    assert (code, said.splitlines()[0]) == (0, "1 table read in 2 queries; 1 partition changed.")
    assert Partition.objects.get(table="daily.sales", date=day("01-02")).state == "complete"
    assert Partition.objects.get(table="weekly.trend", date=day("01-05")).state == "missing"


@pytest.mark.parametrize("command", ["scan", "coverage"])
def test_scan_and_coverage_report_the_number_of_steps_to_plan(shell, command, ask):
    ask("INSERT INTO daily.sales (day, item) SELECT DATE '2024-01-02', range FROM range(8)")
    shell("scan")
    words = [command, "--table", "sales", *DAYS]

    assert "would be planned with --reprocess failed: 3" in shell(*words)[1]
    assert asked_json(shell, *words, "--reprocess", "all")["to_plan"] == 4


def test_number_of_steps_to_plan_is_unknown_before_the_first_scan(shell):
    assert asked_json(shell, "coverage")["to_plan"] is None
    assert "failed: unknown until the warehouse was scanned" in shell("coverage")[1]


# coverage -----------------------------------------------------------------------------------------


def test_coverage_prints_the_agreed_json(scanned_shell):
    said = asked_json(scanned_shell, "coverage", "--phase", "2")

    assert said["as_of"]
    phase, table = said["phases"][0], said["tables"][0]
    assert {name: phase[name] for name in ("name", "dates_expected", "dates_complete")} == {
        "name": "2",
        "dates_expected": 29,
        "dates_complete": 0,
    }
    counts = ("complete", "thin", "excess", "missing", "unknown", "unexpected", "accepted", "not_expected")
    assert [table["name"], table["expected"], *(table[count] for count in counts)] == [
        "daily.sales", 29, 0, 0, 0, 29, 0, 0, 0, 0,
    ]  # fmt: skip


def test_coverage_reports_regressions_within_the_range(shell, ask):
    ask("INSERT INTO daily.sales (day, item) SELECT DATE '2024-01-02', range FROM range(8)")
    shell("scan")
    ask("DELETE FROM daily.sales")
    shell("scan")

    said = shell("coverage", *DAYS)[1]
    assert "Regression: sales lost 8 rows on 1 date that was complete: 2024-01-02" in said
    assert asked_json(shell, "coverage", *DAYS)["lost_rows"][0]["dates"] == ["2024-01-02"]
    assert asked_json(shell, "coverage", "--season", "spring")["lost_rows"] == []


def test_coverage_of_a_season_counts_its_dates(scanned_shell):
    assert asked_json(scanned_shell, "coverage", "--season", "spring")["tables"][0]["expected"] == 10


def test_coverage_of_two_seasons_leaves_the_third_out(scanned_shell, shop):
    CalendarDate.objects.filter(date__lt=day("01-11")).update(season="before")

    said = asked_json(scanned_shell, "coverage", "--season", "winter", "--season", "spring")

    assert said["tables"][0]["expected"] == 20


def test_coverage_is_marked_as_last_known_if_the_warehouse_is_unreachable(scanned_shell, shop):
    shop.unlink()
    scanned_shell("scan")

    said = scanned_shell("coverage")[1]
    assert "last known at" in said and "the warehouse has not answered since" in said
    assert row(said, "sales (last known)")[:6] == ["sales", "(last", "known)", "0", "29", "0"]
    told = {each["name"]: each["silence"] for each in asked_json(scanned_shell, "coverage")["tables"]}
    assert "does not exist" in told["daily.sales"]["reason"] and told["daily.sales"]["last_read_at"]


def test_coverage_shows_unknown_partitions_beside_the_counts(scanned_shell):
    Partition.objects.filter(table="daily.sales", date__lt=day("01-05")).update(state="unknown")

    said = scanned_shell("coverage", "--table", "sales")[1]

    assert row(said, "sales") == ["sales", "0", "29", "0", "·", "·", "25", "·", "·", "4", "·"]
    assert "would be planned with --reprocess failed: 25, and 4 partitions unknown" in said


def test_coverage_before_any_scan_is_unknown_not_zero(shell):
    said = asked_json(shell, "coverage")

    assert said["as_of"] is None
    assert said["problem"] == "the warehouse was not scanned yet"
    assert row(shell("coverage")[1], "sales")[1:4] == ["unknown", "unknown", "unknown"]


def test_coverage_for_people_is_plain_text_in_a_pipe(scanned_shell):
    said = scanned_shell("coverage")[1]

    assert "Phase 2 · Daily: all tables" in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--table", "nowhere.at_all"], 'There is no table "nowhere.at_all"'),
        (["--phase", "9"], 'There is no phase "9"'),
        (["--season", "autumn"], 'There is no season "autumn"'),
        (["--start", "2024-02-01", "--end", "2024-01-01"], "swap them"),
        (["--season", "winter", "--start", "2024-02-01"], "lie outside the season winter"),
        (["--phase", "3", "--table", "sales"], "daily.sales is not in Phase 3"),
    ],
)
@pytest.mark.parametrize("command", ["scan", "coverage", "plan", "backfill"])
def test_invalid_arguments_exit_2_with_a_message(shell, command, words, sentence):
    code, said, complaint = shell(command, *words)

    assert (code, said) == (2, "")
    assert sentence in complaint


# plan ---------------------------------------------------------------------------------------------


def test_plan_prints_the_agreed_json(scanned_shell):
    said = asked_json(scanned_shell, "plan", "--start", "2024-01-01", "--end", "2024-01-08")

    _, _, call = said.pop("calls")
    said.pop("likely")
    assert said == {
        "steps": 18,
        "by_table": {"daily.sales": 7, "daily.visits": 7, "weekly.trend": 4},
        "left_out": {"bootstrap": 3, "off the calendar": 3},
    }
    assert call["command"].startswith("sql jobs/trend.sql start_date=2024-01-04 ")


def test_plan_shows_the_exact_command_its_folder_and_its_environment(scanned_shell, pipeline, shop):
    said = scanned_shell("plan", "--table", "sales", *DAYS)[1]

    assert "fill.py daily.sales --start 2024-01-01 --end 2024-01-04 --safe" in said
    assert str(pipeline.folder / "jobs") in said
    assert f"with SHOP_WAREHOUSE={shop}" in said and "with BACKFILL_MODE=1" in said


def test_plan_before_any_scan_leaves_out_all_dates_with_the_reason(shell):
    said = asked_json(shell, "plan", "--table", "sales", *DAYS)

    said.pop("likely")
    assert said == {"steps": 0, "by_table": {}, "left_out": {"off the calendar": 4}, "calls": []}


# backfill -----------------------------------------------------------------------------------------


def test_backfill_here_exits_0_when_all_is_verified(scanned_shell):
    code, said, _ = scanned_shell("backfill", "--table", "sales", *DAYS, "--here", "--yes", "--json")

    assert code == 0
    assert json.loads(said) | {"run": 0} == {
        "run": 0,
        "status": "succeeded",
        "succeeded": 4,
        "failed": 0,
        "skipped": 0,
        "cancelled": 0,
        "left": 0,
        "message": "All 4 steps verified",
        "signatures": [],
        "skips": [],
    }


@pytest.fixture
def slow(fault):
    """The job takes ten minutes for the first date."""
    fault("daily.sales", "01-01", "sleep 600")


@pytest.fixture
def interrupt(shell):
    """After a scan, sends this process Ctrl-C as soon as a call of a run is under way."""

    shell("scan")

    def press() -> None:
        wait_until(lambda: Attempt.objects.filter(status="running").exclude(pid=None).exists())
        os.kill(os.getpid(), signal.SIGINT)

    with meanwhile(press):
        yield


def test_interrupted_backfill_here_ends_its_attempt_as_stopped(shell, slow, interrupt):
    code, _, complained = shell("backfill", "--table", "sales", *DAYS, "--here", "--yes")

    run = Run.objects.get()
    assert (code, run.attempts.get().status) == (130, Attempt.Status.STOPPED)
    assert {(step.status, step.attempts) for step in run.steps.all()} == {("pending", 0)}
    assert not run.held_lanes.exclude(lease_until=None).exists()
    assert not run.events.filter(kind="lost").exists()
    assert f"Interrupted. Run {run.pk} is not over" in complained


def test_next_worker_completes_an_interrupted_run(shell, slow, interrupt, drive, fault):
    shell("backfill", "--table", "sales", *DAYS, "--here", "--yes")
    fault.mend()

    assert drive(Run.objects.get()).status == Run.Status.SUCCEEDED


def test_backfill_exits_1_with_the_failures_by_signature(shell, fault):
    fault("daily.sales", "01-02", "overflow")
    fault("daily.sales", "01-03", "overflow")
    shell("scan")

    code, said, _ = shell("backfill", "--table", "sales", *DAYS, "--here", "--yes", "--json")

    assert code == 1
    assert json.loads(said)["signatures"] == [
        {
            "text": "failed: numeric overflow: amount … exceeds DECIMAL(5,2)",
            "count": 2,
            "dates": ["2024-01-02", "2024-01-03"],
            "tables": ["daily.sales"],
        }
    ]


def test_backfill_exits_3_if_it_waits_at_a_manual_gate(scanned_shell):
    assert scanned_shell("backfill", *DAYS, "--here", "--yes", "--json")[0] == 3


def test_backfill_of_complete_dates_exits_0_and_reports_nothing_to_do(scanned_shell):
    scanned_shell("backfill", "--table", "sales", *DAYS, "--here", "--yes")

    code, said, _ = scanned_shell("backfill", "--table", "sales", *DAYS, "--here", "--yes")

    assert (code, said) == (0, "Nothing to do: all 4 are complete already.\n")


def test_backfill_of_complete_dates_prints_the_agreed_json(scanned_shell):
    scanned_shell("backfill", "--table", "sales", *DAYS, "--here", "--yes")

    said = asked_json(scanned_shell, "backfill", "--table", "sales", *DAYS, "--wait", "--json")

    assert (said["run"], said["status"], said["succeeded"], said["failed"]) == (None, "succeeded", 0, 0)
    assert (said["signatures"], said["left_out"]) == ([], {"complete": 4})


def test_backfill_of_unknown_dates_exits_2_with_the_reasons(scanned_shell):
    Partition.objects.filter(table="daily.sales").update(state="unknown")
    Partition.objects.filter(table="daily.sales", date=day("01-01")).update(state="complete")

    code, said, complaint = scanned_shell("backfill", "--table", "sales", *DAYS, "--here", "--yes", "--json")

    assert code == 2
    assert "Nothing to do: 1 complete, 3 unknown: scan the warehouse first." in complaint
    assert json.loads(said)["left_out"] == {"complete": 1, "unknown: scan the warehouse first": 3}


def test_backfill_before_the_first_scan_exits_2_with_a_message(shell):
    code, _, complaint = shell("backfill", "--table", "sales", *DAYS, "--here", "--yes")

    assert code == 2
    assert "The warehouse was not scanned yet" in complaint


def test_backfill_exits_2_without_launching_unless_confirmed(scanned_shell):
    code, _, complaint = scanned_shell("backfill", "--table", "sales", *DAYS, "--here")

    assert code == 2
    assert "add --yes" in complaint
    assert not Run.objects.exists()


def test_plan_leaves_out_dates_of_another_run_and_names_that_run(scanned_shell, pipeline):
    plan = planning.plan(pipeline, selections.select(pipeline, tables=["sales"], end=day("01-04")))
    control.launch(plan, pipeline, by="olga", queued=False)

    said = asked_json(scanned_shell, "plan", "--table", "sales", *DAYS)

    assert said["left_out"] == {f"running elsewhere: run {Run.objects.get().pk}": 4}


def test_backfill_without_wait_leaves_the_run_in_the_queue(scanned_shell):
    code, _, _ = scanned_shell("backfill", "--table", "sales", *DAYS, "--yes", "--note", "overnight")

    assert code == 0
    assert (Run.objects.get().status, Run.objects.get().note) == ("queued", "overnight")


def test_missing_table_problem_is_cleared_by_a_scan_after_the_table_is_created(shell, ask):
    ask("DROP TABLE daily.visits")
    shell("scan")
    assert "daily.visits does not exist" in asked_json(shell, "coverage")["problem"]

    ask("CREATE TABLE daily.visits AS SELECT day, i AS item FROM raw.days, range(8) t(i) WHERE open")
    shell("scan", "--table", "visits")

    assert asked_json(shell, "coverage")["problem"] == ""


def test_coverage_of_a_season_without_dates_is_empty_and_not_unknown(shell, ask):
    ask("UPDATE raw.days SET open = FALSE WHERE day >= DATE '2024-03-01'")
    shell("scan")

    assert row(shell("coverage", "--season", "spring")[1], "sales")[1:4] == ["–", "–", "–"]
