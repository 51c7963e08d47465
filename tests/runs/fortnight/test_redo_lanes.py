"""Everything is made again by two worker processes: no reader is called on the old rows of its input."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import day
from tests.runs.fortnight.contract import SALES, VISITS
from tests.standins.bigquery import StandIn
from tests.standins.bigquery.jobs import Job
from tests.workers.database import database_of
from tests.workers.served import Served, manage, wait_until

pytestmark = pytest.mark.processes

FILL = ("backfill", "--start", "2024-01-01", "--end", "2024-01-06", "--yes")
AFTER = 'after = [{ table = "daily.sales", lookback = 1 }]'
# Three calls for each table.
JOB = """[table.job]
sql = "{script}"
dates = "range"
batch = 2
timeout = "2m"
attempts = 1
"""
SECONDS = 1.0  # that each script takes at least
MADE_ANEW = 10  # what is added to every order before the redo
OVERFLOW = "CAST(IF(day = '2024-01-05', 'overflow', CAST(item AS STRING)) AS INT64) AS item"


@pytest.fixture
def readers(shop: Path) -> Path:
    """The shop whose visits are made by SQL too, and read the sales of the same day and of the day before."""
    text = (shop / "fortnight.toml").read_text().replace('after = ["daily.sales"]', AFTER)
    kept, sales, _ = text.split("[table.job]\n")
    visits = sales[sales.index("[[table]]") :]
    jobs = JOB.format(script="sales.sql"), JOB.format(script="visits.sql")
    (shop / "fortnight.toml").write_text(f"{kept}{jobs[0]}\n{visits}{jobs[1]}")
    script = (shop / "sales.sql").read_text()
    script = script.replace(SALES, VISITS).replace("raw.orders", SALES)
    (shop / "visits.sql").write_text(script)
    return shop


@pytest.fixture
def redo(readers: Path, folder: Path, serve, server: StandIn, monkeypatch) -> Callable[[], Served]:
    """Fills six days, makes every order another one, and has two workers make everything again in two lanes."""
    monkeypatch.setenv("TEST_PIPELINE", str(readers / "fortnight.toml"))
    monkeypatch.setenv("TEST_HURRY", "1")
    for words in (("scan",), (*FILL, "--here")):
        done = manage(folder, *words)
        assert done.returncode == 0, done.stdout + done.stderr
    server.say(f"UPDATE raw.orders SET item = item + {MADE_ANEW} WHERE TRUE")

    def perform() -> Served:
        launched = manage(folder, *FILL, "--reprocess", "all")
        assert launched.returncode == 0, launched.stderr
        database_of(folder).ask("UPDATE runs_run SET lanes = 2 WHERE id = 2")
        server.forget()
        server.delay("script", SECONDS)
        served = serve("--only", "runs", "--runs-workers", "2", clusters=("runs",))
        ended = "SELECT id FROM runs_run WHERE id = 2 AND status IN ('succeeded', 'failed', 'paused')"
        wait_until(lambda: served.ask(ended), "the run ends")
        return served

    return perform


def scripts(server: StandIn, table: str) -> list[Job]:
    """What the server performed to fill the table."""
    return [job for job in server.asked("script") if job.query["query"].split("MERGE ")[1].startswith(table)]


def dates(job: Job, lookback: int = 0) -> set[dt.date]:
    first, last = (dt.date.fromisoformat(str(job.values[name])) for name in ("start_date", "end_date"))
    first -= dt.timedelta(days=lookback)
    return {first + dt.timedelta(days=each) for each in range((last - first).days + 1)}


def overlap(one: Job, other: Job) -> bool:
    assert one.finished and other.finished
    return one.created < other.finished and other.created < one.finished


def test_readers_wait_for_the_redo_of_their_inputs(redo, server):
    served = redo()

    inputs, readers = scripts(server, SALES), scripts(server, VISITS)
    assert (len(inputs), len(readers)) == (3, 3)
    for reader in readers:
        read = [job for job in inputs if dates(job) & dates(reader, lookback=1)]
        assert read and all(job.finished < reader.created for job in read)
    assert any(overlap(one, other) for one in inputs for other in readers), "the lanes never ran side by side"
    assert served.ask("SELECT status, count(*) FROM runs_step WHERE run_id = 2 GROUP BY 1") == [
        ("succeeded", 12)
    ]
    assert server.say(f"SELECT MIN(item), MAX(item) FROM {VISITS}") == [(1 + MADE_ANEW, 2 + MADE_ANEW)]
    assert_claimed_after_decided(served)


def assert_claimed_after_decided(served: Served) -> None:
    """Each call of a reader was claimed after the steps of its input on that day and the day before were decided."""
    steps = "SELECT s.date, {} FROM runs_step s JOIN runs_attempt a ON s.attempt_id = a.id WHERE s.run_id = 2"
    of_table = f'{steps} AND s."table" = ?'
    decided = {str(date): str(at) for date, at in served.ask(of_table.format("s.finished_at"), SALES)}
    begun = {str(date): str(at) for date, at in served.ask(of_table.format("a.started_at"), VISITS)}
    assert len(decided) == len(begun) == 6
    for date, started_at in begun.items():
        before = str(dt.date.fromisoformat(date) - dt.timedelta(days=1))
        assert all(decided[each] <= started_at for each in (date, before) if each in decided)


def test_with_two_workers_the_readers_of_a_failed_redo_are_skipped(redo, readers: Path, server):
    script = (readers / "sales.sql").read_text().replace("SELECT day, item", f"SELECT day, {OVERFLOW}")
    (readers / "sales.sql").write_text(script)

    served = redo()

    steps = served.ask(
        "SELECT date, message FROM runs_step WHERE run_id = 2 AND status = 'skipped' AND \"table\" = ? ORDER BY 1",
        VISITS,
    )
    assert [str(date) for date, _ in steps] == ["2024-01-05", "2024-01-06"]
    assert "sales failed on 2024-01-05 in this run" in steps[0][1]
    assert not [job for job in scripts(server, VISITS) if day("01-05") in dates(job)]
    assert server.say(f"SELECT MAX(item) FROM {VISITS} WHERE day >= '2024-01-05'") == [(2,)]
