"""The cost of a full scan compared with the bare queries: `python -m benchmarks.scan`; exits 1 over a limit.

Full scans of 10 tables x 675 dates and of 200 tables x 1,000, on DuckDB and through BigQuery's client against its
stand-in. The bare queries are the same ones, sent by hand, all their rows read; ours is the time until every row is a
count by table and date. The limit is for CPU time, as the machine may be busy with other things; the
best of three rounds counts. A whole scan also judges and stores each partition in the console's database: its time
is printed too, the first time and without changes. Each of the two runs in its own process, to measure its peak
memory.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROJECT = "shop-project"
FIRST = dt.date(2021, 1, 1)
SIZES = ((10, 675), (200, 1000))
ROWS_A_DATE, ROUNDS = 3, 3
MOST_RATIO, MOST_MEGABYTES = 1.5, 200
COLUMNS = "day DATE, item BIGINT, score DOUBLE"


def main() -> None:
    broken = 0
    for tables, dates in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            broken += measure("duckdb", Path(folder), tables, dates, {})
        with tempfile.TemporaryDirectory() as folder, standin(tables, dates) as url:
            broken += measure("bigquery", Path(folder), tables, dates, {"BIGQUERY_EMULATOR_HOST": url})
    sys.exit(1 if broken else 0)


def measure(engine: str, folder: Path, tables: int, dates: int, more: dict[str, str]) -> int:
    """Measure in child processes; returns how many of them are over a limit."""
    write_pipeline(folder, engine, tables, dates)
    env = (
        {
            name: value for name, value in os.environ.items() if name != "DEBUG"
        }  # it keeps all queries in memory
        | more
        | {
            "SECRET_KEY": "of a benchmark",
            "DJANGO_SETTINGS_MODULE": "backfill_console.settings",
            "VAR_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder}/console.sqlite3",
            "PIPELINE": str(folder / "pipeline.toml"),
        }
    )
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=env, check=True)
    words = [sys.executable, "-m", "benchmarks.scan", engine, str(tables), str(dates)]
    return sum(subprocess.run([*words, part], cwd=ROOT, env=env, check=False).returncode for part in PARTS)


# The warehouses -----------------------------------------------------------------------------------


def names(tables: int) -> list[str]:
    return [f"shop.t{number}" for number in range(tables)]


def write_pipeline(folder: Path, engine: str, tables: int, dates: int) -> None:
    where = (
        'path = "warehouse.duckdb"'
        if engine == "duckdb"
        else f'project = "{PROJECT}"\nlocation = "US"\nbyte_limit = "1 TB"'
    )
    last = FIRST + dt.timedelta(days=dates - 1)
    parts = [
        f'name = "Shop"\n[warehouse]\nengine = "{engine}"\n{where}\n[calendar]\nevery = "day"',
        f'[[season]]\nname = "all"\nstart = {FIRST}\nend = {last}\n[[phase]]\nname = "1"',
    ]
    for name in names(tables):
        parts.append(
            f'[[table]]\nname = "{name}"\nphase = "1"\ndate_column = "day"\n'
            f'rows = {{ between = [{ROWS_A_DATE}, {ROWS_A_DATE}] }}\nquality = {{ column = "score" }}'
        )
    (folder / "pipeline.toml").write_text("\n".join(parts))
    if engine == "duckdb":
        write_duckdb(folder / "warehouse.duckdb", tables, dates)


def write_duckdb(path: Path, tables: int, dates: int) -> None:
    import duckdb

    with duckdb.connect(str(path)) as warehouse:
        warehouse.execute("CREATE SCHEMA shop")
        for name in names(tables):
            warehouse.execute(
                f"CREATE TABLE {name} AS SELECT DATE '{FIRST}' + CAST(d AS INTEGER) AS day, i AS item, 60.0 AS score "
                f"FROM range({dates}) days(d), range({ROWS_A_DATE}) items(i)"
            )


@contextmanager
def standin(tables: int, dates: int) -> Iterator[str]:
    """BigQuery's stand-in in its own process, filled; yields its URL."""
    command = [sys.executable, "-m", "tests.standins.bigquery"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        url = process.stdout.readline().strip()
        fill(url, tables, dates)
        yield url
        process.stdin.close()


def fill(url: str, tables: int, dates: int) -> None:
    os.environ["BIGQUERY_EMULATOR_HOST"] = url
    from apps.warehouse.bigquery.client import BigQueryWarehouse

    client = BigQueryWarehouse(PROJECT, "US", byte_limit=1024**4).client
    days = f"UNNEST(GENERATE_DATE_ARRAY('{FIRST}', DATE_ADD('{FIRST}', INTERVAL {dates - 1} DAY)))"
    items = f"UNNEST(GENERATE_ARRAY(1, {ROWS_A_DATE}))"
    client.query_and_wait("CREATE SCHEMA shop")
    for name in names(tables):
        client.query_and_wait(
            f"CREATE TABLE {name} PARTITION BY day AS "
            f"SELECT day, item, CAST(60 AS FLOAT64) AS score FROM {days} AS day, {items} AS item"
        )


# One engine and size ------------------------------------------------------------------------------


def one(engine: str, tables: int, dates: int) -> int:
    import django

    django.setup()
    from apps.coverage.scanning.questions import question
    from apps.pipeline import definition

    pipeline = definition.current()
    questions = [question(table) for table in pipeline.tables]

    from apps.coverage.scanning import warehouses

    def ask() -> Any:
        warehouse = warehouses.open_warehouse(pipeline)
        return warehouse.scan(questions, start=pipeline.start, end=pipeline.end, known=lambda table: {})

    bare = bare_duckdb(pipeline, questions) if engine == "duckdb" else bare_bigquery(pipeline, ask)
    reading = ask()
    megabytes = most_memory()
    assert sum(map(len, reading.counts.values())) == tables * dates
    del reading
    (alone, alone_clock), (ours, ours_clock) = best(bare), best(ask)
    print(
        f"{engine:8} {tables:3} tables x {dates:,} dates: bare {1000 * alone:,.0f} ms of the processor "
        f"({1000 * alone_clock:,.0f} by the clock), ours {1000 * ours:,.0f} ({1000 * ours_clock:,.0f}), "
        f"{ours / alone:.2f} times; {megabytes:.0f} MB",
        flush=True,
    )
    return int(ours / alone > MOST_RATIO or megabytes > MOST_MEGABYTES)


def most_memory() -> float:
    """In MB; of this program alone, where ru_maxrss includes the one that started it."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def scan_all(engine: str, tables: int, dates: int) -> int:
    """A whole scan, and another one without changes."""
    import django

    django.setup()
    from apps.coverage.models import Scan
    from apps.coverage.scanning import full_scan, warehouses
    from apps.pipeline import definition

    pipeline = definition.current()
    for which in ("first", "again"):
        scan = Scan.objects.create()
        full_scan.scan(pipeline, warehouses.open_warehouse(pipeline), scan)
        scan.refresh_from_db()
        print(
            f"{engine:8} {tables:3} tables x {dates:,} dates: asked, judged and stored, {which}: {scan.seconds:.1f} s, "
            f"{scan.changed:,} changed, {most_memory():.0f} MB",
            flush=True,
        )
    return int(most_memory() > MOST_MEGABYTES)


PARTS = {"ask": one, "scan": scan_all}


def bare_duckdb(pipeline: Any, questions: Any) -> Callable[[], None]:
    """The query sent by hand, with all its rows."""
    import duckdb

    from apps.warehouse.sql.duckdb_sql import FILE, grouped_count

    wanted = {"start": pipeline.start, "end": pipeline.end}
    sql = "\nUNION ALL\n".join(grouped_count(place, each, wanted) for place, each in enumerate(questions))

    def ask() -> None:
        connection = duckdb.connect()
        connection.execute(f"ATTACH '{pipeline.inside(pipeline.warehouse.path)}' AS {FILE} (READ_ONLY)")
        connection.execute(sql, wanted).fetchall()
        connection.close()

    return ask


def bare_bigquery(pipeline: Any, ask: Callable[[], Any]) -> Callable[[], None]:
    """The same queries sent by hand through the client, with all their rows."""
    from google.cloud import bigquery

    from apps.warehouse.bigquery.client import BigQueryWarehouse

    asked: list[tuple[str, Any]] = []
    begin = BigQueryWarehouse.begin

    def note(self: Any, sql: str, config: Any, job_id: str) -> Any:
        asked.append((sql, config.query_parameters))
        return begin(self, sql, config, job_id)

    BigQueryWarehouse.begin = note  # type: ignore[method-assign]
    ask()
    BigQueryWarehouse.begin = begin  # type: ignore[method-assign]

    def send() -> None:
        from google.auth.credentials import AnonymousCredentials

        client = bigquery.Client(project=PROJECT, location="US", credentials=AnonymousCredentials())
        for sql, parameters in asked:
            config = bigquery.QueryJobConfig(query_parameters=parameters)
            assert sum(
                1 for row in client.query(sql, job_config=config).result(page_size=10_000) if tuple(row)
            )

    return send


def best(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of CPU time and by the clock, of the round with the least CPU time."""
    found = []
    for _ in range(ROUNDS):
        clock, processor = time.perf_counter(), time.process_time()
        work()
        found.append((time.process_time() - processor, time.perf_counter() - clock))
    return min(found)


if __name__ == "__main__":
    if len(sys.argv) == 5:
        sys.exit(PARTS[sys.argv[4]](sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
    main()
