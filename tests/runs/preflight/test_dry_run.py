"""A dry run is performed, and the rows are counted around it: what it says of itself is not believed."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from apps.runs.models import Preflight
from apps.runs.preflight.finding import Finding, Level
from apps.warehouse import fingerprints
from apps.warehouse.base import QueryFailed
from apps.warehouse.duckdb import DuckDBWarehouse
from tests.conftest import day
from tests.coverage.verifying import history  # noqa: F401  # a fixture
from tests.runs.preflight.conftest import finding, result

CHECK = '[[check]]\nname = "Dry run"\nkind = "dry_run"\ntables = ["daily.sales"]\ndry_run = ["--dry-run"]\n'


@pytest.fixture
def dry_run(checked, configure) -> Callable[[], Finding]:
    """What the check of the dry run of sales finds."""

    def find() -> Finding:
        configure(CHECK)
        return finding(checked(tables=["daily.sales"]), "dry_run")

    return find


@pytest.fixture
def obeys(shop: Path) -> None:
    """The shop's job learns what a dry run is."""
    script = shop.parent / "jobs" / "fill.py"
    text = script.read_text().replace(
        'parser.add_argument("--safe", action="store_true")',
        'parser.add_argument("--safe", action="store_true")\n    parser.add_argument("--dry-run", action="store_true")',
    )
    script.write_text(
        text.replace(
            "        try:\n            fill(", "        try:\n            arguments.dry_run or fill("
        )
    )


@pytest.fixture
def ignores(shop: Path) -> None:
    """The shop's job takes the words, and writes all the same."""
    script = shop.parent / "jobs" / "fill.py"
    safe = 'parser.add_argument("--safe", action="store_true")'
    text = script.read_text()
    script.write_text(
        text.replace(safe, f'{safe}\n    parser.add_argument("--dry-run", action="store_true")')
    )


def test_a_dry_run_that_writes_nothing_passes(dry_run, obeys):
    found = dry_run()

    assert (found.level, found.text) == (Level.PASS, "The dry run of sales wrote nothing.")


def test_a_dry_run_that_writes_is_caught_with_table_and_date(checked, configure, ignores, workers):
    configure(CHECK)

    told = checked(tables=["daily.sales"])

    found = finding(told, "dry_run")
    assert found.text == "The dry run of sales wrote: daily.sales on 2024-01-01 (0 rows before, 8 after)."
    assert found.level == Level.FAILURE and "--dry-run" in found.detail
    assert "--dry-run" not in found.command  # it would write again
    assert told.report.verdict == Preflight.Verdict.NOT_READY


def adds(shop: Path, statement: str, where: str = "True") -> None:
    """The shop's job says this to the warehouse before it begins, if that is true there."""
    script = shop.parent / "jobs" / "fill.py"
    function = f"def add():\n    with connect() as warehouse:\n        warehouse.execute({statement!r})\n\n\ndef main"
    text = (
        script.read_text().replace("\nmain()", f"\n{where} and add()\nmain()").replace("def main", function)
    )
    script.write_text(text)


def writes(shop: Path, statement: str) -> None:
    """The shop's job takes the words, and says this to the warehouse instead of filling anything."""
    script = shop.parent / "jobs" / "fill.py"
    instead = f"connect().execute({statement!r}).close() if arguments.dry_run else fill("
    script.write_text(script.read_text().replace("arguments.dry_run or fill(", instead))


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (
            "DROP TABLE IF EXISTS daily.visits",
            "daily.visits could be read before, and after: table daily.visits does",
        ),
        ("INSERT INTO daily.sales (item) VALUES (1)", "daily.sales without a date (0 rows before, 1 after)"),
    ],
)
def test_a_dry_run_that_writes_where_no_date_shows_it_is_caught(dry_run, obeys, shop, statement, why):
    writes(shop, statement)

    found = dry_run()

    assert found.level == Level.FAILURE
    assert why in found.text


BOTH = CHECK.replace('tables = ["daily.sales"]', 'phases = ["2"]')


def test_write_during_several_dry_runs_fails_all_of_them(checked, configure, obeys, shop):
    """Both obey, but that of visits deletes rows of sales."""
    adds(shop, "DELETE FROM daily.sales", where="'daily.visits' in sys.argv")
    with duckdb.connect(str(shop)) as warehouse:
        warehouse.execute("INSERT INTO daily.sales VALUES ('2024-01-05', 1, now()::TIMESTAMP)")
    configure(BOTH)

    found = result(checked(phases=["2"]), "dry_run").findings

    assert [(each.level, each.text) for each in found] == [
        (
            Level.FAILURE,
            "One of the dry runs of sales, visits wrote: daily.sales on 2024-01-05 (1 rows before, 0 after).",
        ),
        (Level.FAILURE, "The dry run of sales may be the one that wrote."),
        (Level.FAILURE, "The dry run of visits may be the one that wrote."),
    ]


def test_a_dry_run_that_only_notes_itself_in_the_run_history_is_caught(
    history,  # noqa: F811
    dry_run,
    obeys,
    shop,
):
    adds(shop, "INSERT INTO ops.history VALUES ('sales', '2024-01-01', 'success', now()::TIMESTAMP, 1, '')")

    found = dry_run()

    assert found.text == "The dry run of sales wrote: ops.history on 2024-01-01 (0 rows before, 1 after)."


def test_dry_run_is_unknown_if_the_run_history_is_missing(
    history,  # noqa: F811
    checked,
    configure,
    obeys,
    ask,
):
    configure(CHECK)
    ask("DROP TABLE ops.history")

    found = finding(checked(tables=["daily.sales"]), "dry_run")

    assert found.level == Level.UNKNOWN and "ops.history does not exist" in found.text


def test_finding_names_all_dry_runs_that_may_have_written(checked, configure, obeys, shop):
    adds(shop, "INSERT INTO raw.orders VALUES ('2024-01-02', 9)")
    configure(BOTH)

    found = result(checked(phases=["2"]), "dry_run").findings[0]

    assert found.level == Level.FAILURE
    assert found.text == (
        "One of the dry runs of sales, visits wrote: raw.orders on 2024-01-02 (4 rows before, 6 after)."
    )


def test_the_whole_warehouse_is_counted_twice_however_many_jobs_there_are(
    checked, configure, obeys, monkeypatch
):
    configure(BOTH)
    asked = []
    real = DuckDBWarehouse.count
    monkeypatch.setattr(DuckDBWarehouse, "count", lambda *a, **k: asked.append(1) or real(*a, **k))

    checked(phases=["2"])

    assert len(asked) == 1 + 2  # the first is for all checks together


def test_a_dry_run_that_writes_the_same_rows_again_is_caught(dry_run, ignores, launch, drive):
    drive(launch(tables=["daily.sales"]))

    found = dry_run()

    assert found.text == "The dry run of sales wrote: daily.sales on 2024-01-01 (8 rows before, 8 after)."


def test_job_that_rejects_the_dry_run_arguments_fails(dry_run):
    found = dry_run()

    assert found.text == "The dry run of sales ended with 2."
    assert "unrecognized arguments: --dry-run" in found.detail


def test_dry_run_that_logs_an_error_fails(dry_run, ignores, fault):
    fault("daily.sales", "01-01", "overflow")

    found = dry_run()

    assert found.level == Level.FAILURE and "numeric overflow" in found.text


def test_rows_written_by_a_concurrent_run_do_not_fail_the_dry_run(checked, configure, ignores, launch):
    run = launch(tables=["daily.sales"], start=day("01-01"), end=day("01-01"))
    run.attempts.create(number=1, table="daily.sales", dates=["2024-01-01"], lease="x")
    configure(CHECK)

    assert finding(checked(tables=["daily.sales"]), "dry_run").level == Level.PASS


def test_quick_preflight_skips_the_dry_run(checked, configure, ignores, ask):
    configure(CHECK)

    told = checked(tables=["daily.sales"], quick=True)

    assert result(told, "dry_run").level == Level.SKIPPED
    assert told.counts.startswith("0 of 1 run, 1 skipped; built in: ")
    assert ask("SELECT count(*) FROM daily.sales") == [(0,)]


def test_no_dry_run_without_configured_arguments(checked, configure):
    configure(CHECK.replace('dry_run = ["--dry-run"]', ""))

    assert finding(checked(), "dry_run").text == "The job of sales has no words for a dry run."


SQL = CHECK.replace("daily.sales", "weekly.trend")


def test_sql_job_is_skipped_if_the_engine_has_no_dry_run(checked, configure, engine):
    engine(rehearse=None)
    configure(SQL)

    found = finding(checked(), "dry_run")

    assert found.level == Level.SKIPPED
    assert found.text == "The SQL of trend: the engine duckdb knows no dry run of a script."


def rehearse(self, sql, *, start, end, timeout, stopped) -> str:
    """An engine that looks at a script and performs nothing."""
    if "no_such" in sql:
        raise QueryFailed("there is no table no_such.")
    return f"{start} to {end}, 1 GB would be read"


def test_sql_is_looked_at_by_an_engine_that_can(checked, configure, engine):
    engine(rehearse=rehearse)
    configure(SQL)

    found = finding(checked(), "dry_run")

    assert (found.level, found.text) == (Level.PASS, "The SQL of trend would run.")
    assert found.detail == "2024-01-04 to 2024-01-04, 1 GB would be read"


def test_sql_that_would_fail_fails(checked, configure, engine, shop):
    engine(rehearse=rehearse)
    (shop.parent / "jobs" / "trend.sql").write_text("INSERT INTO no_such SELECT 1")
    configure(SQL)

    found = finding(checked(), "dry_run")

    assert found.level == Level.FAILURE
    assert found.text == "The SQL of trend would fail: there is no table no_such."


def test_a_table_that_cannot_be_counted_does_not_pass(checked, configure, obeys, ask):
    configure(CHECK)
    ask("ALTER TABLE daily.sales DROP COLUMN written_at")

    found = finding(checked(tables=["daily.sales"]), "dry_run")

    assert found.level == Level.UNKNOWN
    assert "rows could not be counted, table daily.sales has no column written_at" in found.text


# Contents ----------------------------------------------------------------------------------------------


@pytest.fixture
def says(shop: Path, configure):
    """A job whose dry run says this to the warehouse."""

    def make(sql: str) -> None:
        lines = (
            "import os, duckdb",
            "with duckdb.connect(os.environ['SHOP_WAREHOUSE']) as w:",
            f'    w.execute("""{sql}""")',
        )
        script = "\n".join(lines)
        (shop.parent / "jobs" / "fill.py").write_text(script)
        configure(CHECK)

    return make


OTHERS = "its contents are not those from before"


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("UPDATE raw.orders SET i = i + 1", f"raw.orders ({OTHERS})"),
        ("DELETE FROM raw.orders WHERE i = 0; INSERT INTO raw.orders SELECT day, 9 FROM raw.days WHERE open",
         f"raw.orders ({OTHERS})"),
        ("INSERT INTO raw.notes VALUES ('2024-01-01', 'x', 'y')", f"raw.notes ({OTHERS})"),
        ("CREATE TABLE daily.draft AS SELECT 1 AS n", "daily.draft (it is there now, and was not before)"),
        ("DROP TABLE raw.notes", "raw.notes (it is gone)"),
    ],
)  # fmt: skip
def test_a_dry_run_that_keeps_the_number_of_rows_is_caught_by_the_contents(checked, says, sql, why):
    says(sql)

    found = finding(checked(tables=["daily.sales"]), "dry_run")

    assert found.level == Level.FAILURE
    assert found.text == f"The dry run of sales wrote: {why}."


def test_passed_dry_run_shows_what_was_compared(dry_run, obeys):
    found = dry_run()

    assert found.level == Level.PASS
    assert found.threshold == (
        "compared before and after: rows of each date of the tables in the pipeline file; "
        "rows and contents of all 7 tables of the file"
    )


def test_passed_dry_run_shows_that_contents_were_too_large_to_compare(checked, configure, obeys, monkeypatch):
    monkeypatch.setattr(fingerprints, "MOST_ROWS", 1)
    configure(CHECK)

    assert (
        "rows, not the contents, of all 7 tables"
        in finding(checked(tables=["daily.sales"]), "dry_run").threshold
    )


def test_engine_without_fingerprints_compares_row_counts_only(checked, configure, obeys, engine):
    engine(fingerprints=None)
    configure(CHECK)

    assert finding(checked(tables=["daily.sales"]), "dry_run").threshold == (
        "compared before and after: rows of each date of the tables in the pipeline file"
    )
