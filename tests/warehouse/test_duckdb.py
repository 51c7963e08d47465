"""DuckDB keeps the contract, and waits for its file like everybody else."""

import datetime as dt
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from apps.warehouse.base import Busy, HistoryQuestion, QueryFailed, Question, Unreachable
from apps.warehouse.duckdb import DuckDBWarehouse
from apps.warehouse.sql.translation import for_duckdb
from tests.warehouse.bigquery_shop import ENDLESS
from tests.warehouse.contract import FIRST, SALES, SCORES, Contract, never

ROOT = Path(__file__).parents[2]
TABLES = (
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.sales (day DATE, item BIGINT)",
    "INSERT INTO shop.sales SELECT DATE '2024-01-01', i FROM range(2) rows(i)",
    "INSERT INTO shop.sales SELECT DATE '2024-01-02', i FROM range(3) rows(i)",
    "INSERT INTO shop.sales VALUES (NULL, 1)",
    "CREATE TABLE shop.scores (moment TIMESTAMP, score DECIMAL(5,2), made TIMESTAMP, spare BOOLEAN)",
    "INSERT INTO shop.scores VALUES ('2024-01-01 23:59:59', 70, '2024-01-02 12:30:00', TRUE), "
    "('2024-01-01', 80, '2024-01-02 11:00:00', FALSE)",
    "CREATE TABLE shop.history (who VARCHAR, day DATE, status VARCHAR, begun TIMESTAMP, seconds DOUBLE, "
    "said VARCHAR)",
    "INSERT INTO shop.history VALUES "
    "('sales', '2024-01-01', 'failed', '2024-01-02 06:00:00', 2, 'quota'), "
    "('sales', '2024-01-01', 'success', '2024-01-02 07:00:00', 9, NULL), "
    "('sales', '2024-01-03', 'failed', '2024-01-04 06:30:00', 1.5, 'overflow')",
    "CREATE TABLE shop.words (day VARCHAR)",
    "INSERT INTO shop.words VALUES ('yesterday')",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "locks.duckdb"  # a name that must not be taken for a message
    with duckdb.connect(str(found)) as connection:
        for statement in TABLES:
            connection.execute(statement)
    return found


@pytest.fixture
def warehouse(path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(path)


@pytest.fixture
def ask(path: Path):
    def execute(sql: str) -> list[tuple]:
        with duckdb.connect(str(path)) as connection:
            return connection.execute(sql).fetchall()

    return execute


@contextmanager
def another_process(path: Path, program: str) -> Iterator[subprocess.Popen]:
    """Python elsewhere, with the warehouse open for writing as `c`; here once it said something."""
    opening = f"import duckdb, sys; c = duckdb.connect({str(path)!r})\n"
    with subprocess.Popen(
        [sys.executable, "-c", opening + program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout and process.stdout.readline()
            yield process
        finally:
            process.kill()


HOLD = "print('held', flush=True); sys.stdin.readline()"


class TestDuckDB(Contract):
    endless = ENDLESS


def test_rows_without_a_date_are_counted_beside_some_dates_in_one_query(warehouse):
    found = warehouse.count([replace(SALES, undated=True), SCORES], dates=[FIRST])

    assert (found.take_undated(), found.queries) == ({"shop.sales": 1}, 1)
    assert found.of("shop.sales", FIRST).rows == 2


def test_a_file_that_is_not_there_is_unreachable(tmp_path):
    with pytest.raises(Unreachable, match=r"nowhere\.duckdb does not exist"):
        DuckDBWarehouse(tmp_path / "nowhere.duckdb").count([SALES])
    with pytest.raises(Unreachable, match=r"nowhere\.duckdb does not exist"):
        DuckDBWarehouse(tmp_path / "nowhere.duckdb").check_connection()


@pytest.fixture
def broken_view(warehouse, ask, tmp_path) -> Question:
    """shop.seen, a view of a Parquet file that is gone."""
    parquet = tmp_path / "seen.parquet"
    ask(f"COPY shop.sales TO '{parquet}' (FORMAT parquet)")
    ask(f"CREATE VIEW shop.seen AS SELECT * FROM '{parquet}'")
    parquet.unlink()
    return Question("shop.seen", "day")


def test_a_view_of_a_deleted_file_is_reported_and_the_other_tables_are_counted(warehouse, broken_view):
    reading = warehouse.count([broken_view, SALES])

    assert set(reading.problems) == {"shop.seen"}
    assert "table shop.seen cannot be counted: IO Error: No files found" in reading.problems["shop.seen"]
    assert (reading.of("shop.seen", FIRST), reading.of("shop.sales", FIRST).rows) == (None, 2)


def test_a_broken_view_that_is_queried_alone_is_not_an_outage(warehouse, broken_view):
    assert set(warehouse.count([broken_view]).problems) == {"shop.seen"}


def test_a_file_deleted_during_a_read_is_unreachable(warehouse, path, monkeypatch):
    def ask_meanwhile(*_, **__):
        path.unlink(missing_ok=True)
        raise duckdb.IOException("IO Error: Could not read from file")

    monkeypatch.setattr("apps.warehouse.duckdb.count_together", ask_meanwhile)

    with pytest.raises(Unreachable, match=r"locks\.duckdb went away while it was read"):
        warehouse.count([SALES])


def test_a_corrupt_table_is_reported_and_the_other_tables_are_counted(warehouse, ask, path):
    ask(
        "CREATE TABLE shop.large AS SELECT DATE '2024-01-01' AS day, hash(i) AS item FROM range(300000) rows(i)"
    )
    ((value,),) = ask("SELECT item FROM shop.large LIMIT 1 OFFSET 1000")
    content = path.read_bytes()
    place = content.index(struct.pack("<Q", value))
    path.write_bytes(content[:place] + b"\0" * 8 + content[place + 8 :])

    reading = warehouse.count([Question("shop.large", "day", key_columns=("item",)), SALES])

    assert "Corrupt database file" in reading.problems["shop.large"]
    assert reading.of("shop.sales", FIRST).rows == 2


def test_an_invalid_database_file_is_unreachable(tmp_path):
    (tmp_path / "locks.txt").write_text("hello" * 1000)

    with pytest.raises(Unreachable, match="not a valid DuckDB database"):
        DuckDBWarehouse(tmp_path / "locks.txt").count([SALES])


def test_a_file_held_by_another_process_is_busy_and_reports_its_process_id(path):
    with another_process(path, HOLD) as holder, pytest.raises(Busy, match=rf"PID {holder.pid}"):
        DuckDBWarehouse(path, patience=0).count([SALES])


def test_a_busy_file_is_waited_for(path, monkeypatch):
    with another_process(path, HOLD) as holder:
        tries, really = [], DuckDBWarehouse.try_to_attach

        def try_and_give_back_the_third_time(*given) -> None:
            tries.append(given)
            if len(tries) == 3:
                holder.stdin.close()
            really(*given)

        monkeypatch.setattr(DuckDBWarehouse, "try_to_attach", try_and_give_back_the_third_time)

        assert DuckDBWarehouse(path).count([SALES]).of("shop.sales", FIRST).rows == 2
    assert len(tries) >= 3


def test_the_file_is_whole_after_a_writer_was_killed(path, warehouse):
    program = "c.execute('BEGIN'); c.execute('DELETE FROM shop.sales'); " + HOLD
    with another_process(path, program) as writer:
        writer.send_signal(signal.SIGKILL)
        writer.wait()

    assert warehouse.count([SALES]).of("shop.sales", FIRST).rows == 2


def test_a_count_while_a_job_writes_sees_only_committed_rows(path, warehouse):
    program = f"""
import random, time
c.close(); print('writing', flush=True)
for turn in range(15):
    while True:
        try: c = duckdb.connect({str(path)!r}); break
        except duckdb.IOException: time.sleep(random.uniform(.001, .01))
    c.execute("BEGIN"); c.execute("DELETE FROM shop.sales WHERE day = '2024-01-01'")
    c.execute("INSERT INTO shop.sales SELECT DATE '2024-01-01', i FROM range(2) rows(i)"); c.execute("COMMIT")
    c.close()
"""
    seen = set()
    with another_process(path, program) as writer:
        while writer.poll() is None:
            seen.add(warehouse.count([SALES]).of("shop.sales", FIRST).rows)

    assert (writer.returncode, seen) == (0, {2})


def test_threads_of_one_process_may_read_and_write_at_once(path, warehouse, ask):
    problems: list[Exception] = []

    def use(work) -> None:
        try:
            for _ in range(8):
                work()
        except Exception as error:
            problems.append(error)

    def write() -> None:
        script = "INSERT INTO shop.sales SELECT @start_date, 7"
        warehouse.run_sql(script, start=FIRST, end=FIRST, timeout=30, stopped=never)

    threads = [
        threading.Thread(target=use, args=(work,)) for work in (write, lambda: warehouse.count([SALES]))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    assert ask("SELECT count(*) FROM shop.sales WHERE item = 7") == [(8,)]


def test_names_are_quoted(warehouse, ask):
    ask('CREATE TABLE shop."order" ("group" DATE)')
    ask("INSERT INTO shop.\"order\" VALUES ('2024-01-01')")

    assert warehouse.count([Question("shop.order", "group")]).of("shop.order", FIRST).rows == 1


def test_a_timestamp_with_a_zone_is_reported_in_utc_in_any_time_zone_of_the_console(path, ask):
    ask("CREATE TABLE shop.zoned AS SELECT TIMESTAMPTZ '2024-01-01 23:30:00-05' AS moment")
    program = f"""
from pathlib import Path
from apps.warehouse.base import Question
from apps.warehouse.duckdb import DuckDBWarehouse
question = Question("shop.zoned", "moment", written_column="moment")
counts = DuckDBWarehouse(Path({str(path)!r})).count([question]).counts["shop.zoned"]
print(*((str(date), count.written_at.isoformat()) for date, count in counts.items()))
"""

    said = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"TZ": "America/New_York", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert said.strip() == "('2024-01-02', '2024-01-02T04:30:00+00:00')"


@pytest.fixture
def in_new_york(path, ask) -> DuckDBWarehouse:
    """Of shop.zoned the moment lies on the first in New York, and on the second in UTC."""
    ask("CREATE TABLE shop.zoned AS SELECT TIMESTAMPTZ '2024-01-02 01:30:00+00' AS moment")
    return DuckDBWarehouse(path, timezone="America/New_York")


def test_a_timestamp_counts_for_its_date_in_the_time_zone_of_the_warehouse(in_new_york):
    asked = Question("shop.zoned", "moment", written_column="moment")

    (of_range,) = in_new_york.count([asked], start=FIRST, end=FIRST).counts["shop.zoned"].items()
    of_dates = in_new_york.count([asked], dates=[FIRST]).of("shop.zoned", FIRST)

    written_at = dt.datetime(2024, 1, 2, 1, 30, tzinfo=dt.UTC)
    assert of_range == (FIRST, of_dates) and (of_dates.rows, of_dates.written_at) == (1, written_at)


def test_dates_and_naive_timestamps_are_counted_alike_in_any_time_zone(in_new_york, warehouse):
    assert in_new_york.count([SALES, SCORES]).counts == warehouse.count([SALES, SCORES]).counts


def test_a_calendar_of_timestamps_is_read_in_the_time_zone_of_the_warehouse(in_new_york):
    assert in_new_york.calendar("SELECT moment AS date, 1 AS units FROM shop.zoned") == {FIRST: 1}


def test_a_history_of_timestamps_is_read_in_the_time_zone_of_the_warehouse(in_new_york, ask):
    ask("CREATE TABLE shop.notes AS SELECT 'sales' AS who, moment, 'failed' AS status FROM shop.zoned")
    asked = HistoryQuestion("shop.notes", "who", "moment", "status", "moment")

    (found,) = in_new_york.history(asked, start=FIRST, end=FIRST)

    assert (found.date, found.started_at) == (FIRST, dt.datetime(2024, 1, 2, 1, 30, tzinfo=dt.UTC))


def test_scripts_run_in_utc_in_any_time_zone_of_the_warehouse(in_new_york, ask):
    in_new_york.run_sql(
        "CREATE TABLE shop.made AS SELECT CAST(moment AS DATE) AS day FROM shop.zoned",
        start=FIRST,
        end=FIRST,
        timeout=10,
        stopped=never,
    )

    assert ask("SELECT day FROM shop.made") == [(dt.date(2024, 1, 2),)]


def test_a_mean_that_is_not_a_number_is_left_out(warehouse, ask):
    ask("CREATE TABLE shop.odd AS SELECT DATE '2024-01-01' AS day, 'nan'::DOUBLE AS score")

    found = warehouse.count([Question("shop.odd", "day", quality_column="score")]).of("shop.odd", FIRST)

    assert (found.rows, found.quality) == (1, None)


def test_a_broken_view_is_reported_and_the_other_tables_are_counted(warehouse, ask):
    ask("CREATE TABLE shop.base (day DATE)")
    ask("CREATE VIEW shop.seen AS SELECT * FROM shop.base")
    ask("DROP TABLE shop.base")

    reading = warehouse.count([Question("shop.seen", "day"), SALES, SCORES])

    assert set(reading.problems) == {"shop.seen"}
    assert set(reading.counts) == {"shop.sales", "shop.scores"}


def test_a_question_without_tables_is_no_query(warehouse):
    assert warehouse.count([]).queries == 0


def test_a_script_that_cannot_be_read_is_refused(warehouse):
    with pytest.raises(QueryFailed, match=r"for DuckDB: Invalid expression .* in line 2, near '1'"):
        warehouse.run_sql("SELECT 1;\nSELEC 1 FRM", start=FIRST, end=FIRST, timeout=9, stopped=never)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("SELECT ST_GEOGPOINT(1, 2)", "it has no function ST_GEOGPOINT"),
        ("SELECT @today", "@today is not known; @start_date and @end_date are filled"),
    ],
)
def test_a_construct_that_duckdb_lacks_is_refused_by_name(warehouse, script, says):
    with pytest.raises(QueryFailed, match=says):
        warehouse.run_sql(script, start=FIRST, end=FIRST, timeout=9, stopped=never)


def test_a_rehearsal_finds_errors_and_writes_nothing(warehouse, ask):
    script = "DELETE FROM shop.sales WHERE day = @start_date; INSERT INTO shop.sales SELECT @end_date, {}"
    about = {"start": FIRST, "end": FIRST, "timeout": 9, "stopped": never}

    assert warehouse.rehearse(script.format(1), **about) == "2 statements planned, none performed"
    with pytest.raises(QueryFailed, match="nothing_like_it"):
        warehouse.rehearse(script.format("nothing_like_it"), **about)
    assert ask("SELECT count(*) FROM shop.sales") == [(6,)]


def test_the_clock_of_a_script_is_utc(warehouse):
    with warehouse.opened() as connection:
        sql = for_duckdb("SELECT CURRENT_DATETIME('UTC'), CURRENT_DATETIME()")[0]
        one, other = connection.execute(sql).fetchone()

    assert one == other
    assert abs(one - dt.datetime.now(dt.UTC).replace(tzinfo=None)) < dt.timedelta(minutes=1)


def test_a_schema_may_be_called_like_the_file(tmp_path):
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE SCHEMA shop; CREATE TABLE shop.shop.sales AS SELECT DATE '2024-01-01' AS day"
        )

    assert DuckDBWarehouse(path).count([SALES]).of("shop.sales", FIRST).rows == 1


def test_the_file_is_free_between_two_questions(path, warehouse, ask):
    warehouse.count([SALES])

    ask("DELETE FROM shop.sales")

    assert warehouse.count([SALES]).of("shop.sales", FIRST).rows == 0
