"""What went wrong, in few words."""

import datetime as dt
from pathlib import Path

import pytest

from apps.coverage.models import Partition
from apps.runs.failures import failure_groups, log_messages, signatures
from apps.runs.models import Run, Step
from tests.conftest import day
from tests.runs.conftest import add_step

WEEK = {"start": day("01-01"), "end": day("01-06")}
ONE, TWO = day("01-01"), day("01-02")


@pytest.fixture
def messages(tmp_path: Path):
    """What a log with this text says of the first two days."""

    def read(text: str | bytes, dates: tuple[dt.date, ...] = (ONE, TWO)) -> dict[str, str]:
        log = tmp_path / "attempt.log"
        log.write_bytes(text if isinstance(text, bytes) else text.encode())
        found = log_messages.read_log(log, dates)
        return {str(date)[5:]: found.message(date) for date in dates if found.message(date)}

    return read


# Signatures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "signature"),
    [
        ("no rows on 2024-01-05", "no rows on …"),
        ("at 2024-01-05T10:20:30Z and 2024-01-05 10:20:30.123+02:00", "at … and …"),
        ("request 123e4567-e89b-12d3-a456-426614174000 failed", "request … failed"),
        ("object at 0x7f5681413d50", "object at …"),
        ("commit deadbeef1234 is gone", "commit … is gone"),
        ("overflow: 1,234.50 exceeds DECIMAL(5,2)", "overflow: … exceeds DECIMAL(5,2)"),
        ("VARCHAR(20) is too short for 31", "VARCHAR(20) is too short for …"),
        ("rate -3.5e-7 is   negative\n", "rate … is negative"),
        ("HTTP 503", "HTTP …"),
        ("added effaced facade", "added effaced facade"),
        ("", ""),
    ],
)
def test_a_signature_is_the_message_without_what_varies(message, signature):
    assert signatures.signature(message) == signature


def test_the_same_cause_on_two_dates_has_one_signature():
    said = "2024-01-0{0}: player {0}: amount {0}00.5 exceeds DECIMAL(5,2)"

    assert signatures.signature(said.format(1)) == signatures.signature(said.format(2))


@pytest.mark.parametrize(
    ("message", "class_"),
    [
        ("429 too many requests", "quota"),
        ("timed out: the call took longer than 60 s", "timeout"),
        ("403 permission denied", "auth"),
        ("connection reset by peer", "upstream"),
        ("the job ended with exit status 0, but wrote no rows", "data missing"),
        ("KeyError: 'player'", "code"),
    ],
)
def test_a_class_is_suggested(message, class_):
    assert signatures.suggested_class(message) == class_


# Messages by date ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "2025-06-01 10:00:00 ERROR no such player",
        "2025-06-01 10:00:00,123 ERROR no such player",
        "2025-06-01T10:00:00.123Z ERROR no such player",
        "[2025-06-01 10:00:00] [ERROR] no such player",
        "2025-06-01 10:00:00,123 - shop.loader - ERROR - no such player",
        "2025-06-01 10:00:00.123 | ERROR    | no such player",
        "ERROR: no such player",
        "10:00:00 CRITICAL no such player",
        "\x1b[31mERROR\x1b[0m no such player",
        "\x1b[1;31m2025-06-01 10:00:00 ERROR\x1b[0m \x1b[33mno such player\x1b[0m",
    ],
)
def test_logger_prefix_is_stripped_from_an_error(messages, line):
    assert messages(f"Processing day 1/2: 2024-01-01\n{line}\n") == {"01-01": "no such player"}


def test_an_error_belongs_to_the_date_that_it_names(messages):
    found = messages("Processing day 2/2: 2024-01-02\nERROR failed for 2024-01-01\n")

    assert found == {"01-01": "failed for 2024-01-01"}


def test_an_error_without_a_date_belongs_to_the_date_named_last(messages):
    found = messages("INFO day 1: 2024-01-01\nERROR one\nINFO day 2: 2024-01-02\nINFO fine\n")

    assert found == {"01-01": "one"}


def test_errors_before_any_date_belong_to_all_dates(messages):
    assert messages("ERROR no connection\n") == {"01-01": "no connection", "01-02": "no connection"}


def test_dates_outside_the_attempt_are_ignored_in_a_log(messages):
    assert messages("2025-06-01 INFO day 1: 2024-01-02\nERROR since 2020-01-01\n") == {
        "01-02": "since 2020-01-01"
    }


def test_the_only_date_of_a_call_needs_no_naming(messages):
    assert messages("ERROR broken\n", (TWO,)) == {"01-02": "broken"}


def test_the_last_error_of_a_date_counts(messages):
    found = messages("INFO 2024-01-01\nERROR try 1 failed\nERROR gave up\n")

    assert found == {"01-01": "gave up"}


def test_last_line_of_a_traceback_is_the_message(messages):
    found = messages(
        "INFO 2024-01-01\n"
        "Traceback (most recent call last):\n"
        '  File "job.py", line 3, in <module>\n'
        "    raise ValueError('Error: of 2024-01-02')\n"
        "\n"
        "shop.NoStock: the shelf is empty\n"
    )

    assert found == {"01-01": "shop.NoStock: the shelf is empty"}


def test_last_of_chained_exceptions_is_the_message(messages):
    trace = 'Traceback (most recent call last):\n  File "job.py", line 3\n'
    found = messages(
        f"INFO 2024-01-01\n{trace}KeyError: 'item'\n\n"
        f"The above exception was the direct cause of the following exception:\n\n{trace}RuntimeError: no item\n"
    )

    assert found == {"01-01": "RuntimeError: no item"}


def test_log_without_errors_has_no_messages(messages):
    assert messages("INFO 2024-01-01\nINFO wrote 8 rows, 0 errors\n") == {}


def test_absent_log_has_no_messages(tmp_path):
    assert log_messages.read_log(tmp_path / "nothing.log", [ONE]).message(ONE) == ""


def test_a_huge_log_is_read_from_its_end(messages, monkeypatch):
    monkeypatch.setattr(log_messages, "LONGEST_LOG", 1000)
    monkeypatch.setattr(log_messages.tail, "__defaults__", (1000,))

    found = messages("ERROR 2024-01-01 early\n" + "INFO nothing\n" * 1000 + "ERROR 2024-01-02 late\n")

    assert found == {"01-02": "2024-01-02 late"}


def test_binary_garbage_in_a_log_is_tolerated(messages):
    found = messages(bytes(range(256)) * 20 + b"\nERROR \x00\xff 2024-01-02 broken\n")

    assert found["01-02"].endswith("2024-01-02 broken")
    assert "\x00" not in found["01-02"]


def test_a_line_without_end_is_cut(messages):
    found = messages("INFO 2024-01-01\nERROR " + "a." * 500_000)

    assert len(found["01-01"]) == signatures.LONGEST_MESSAGE


# What is still open -------------------------------------------------------------------------------


def test_failures_with_the_same_signature_are_one_group(launch, drive, fault):
    fault("daily.sales", "01-02", "overflow")
    fault("daily.sales", "01-05", "overflow")
    fault("daily.sales", "01-06", "silent")

    drive(launch(tables=["daily.sales"], **WEEK))

    first, second = failure_groups.open_failures()
    assert (first.count, first.dates) == (2, [day("01-02"), day("01-05")])
    assert "exceeds DECIMAL(5,2)" in first.signature
    assert (second.count, second.suggested_class) == (1, "data missing")


def test_only_the_last_run_counts_for_a_partition(first_scan):
    for _ in range(2):
        run = Run.objects.create(title="a run")
        add_step(run, "01-02", status=Step.Status.FAILED)
    Partition.objects.filter(table="daily.sales", date=TWO).update(activity="failed", run_id=run.pk)

    assert [step.run_id for step in failure_groups.open_steps()] == [run.pk]


# How often it was tried -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "dates", "attempts", "says"),
    [
        (1, [ONE], 1, "1 date, tried once"),
        (1, [ONE], 3, "1 date, tried 3 times"),
        (1, [ONE, TWO], 2, "2 dates, each tried once"),
        (1, [ONE, TWO], 5, "2 dates, tried 5 times in all"),
        (2, [ONE, TWO], 4, "4 partitions of 2 dates, each tried once"),
        (1, [ONE, TWO], 0, "2 dates, never tried"),
    ],
)
def test_failure_group_shows_attempts_per_date(tables, dates, attempts, says):
    steps = [Step(run_id=1, table=f"daily.t{table}", date=date) for table in range(tables) for date in dates]
    for place in range(attempts):
        steps[place % len(steps)].attempts += 1

    [group] = failure_groups.grouped(steps)

    assert group.tried == says
