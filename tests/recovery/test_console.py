"""What the journal of jobs says of dates that were written, also of a job that was killed before its last line."""

from tests.recovery.console import written


def entry(what: str, attempt: int, date: str = "2024-01-05") -> dict[str, str]:
    return {"what": what, "date": date, "attempt": str(attempt)}


def test_a_date_is_written_once_for_each_end():
    assert written([entry("start", 1), entry("end", 1)], cut_off=()) == {"2024-01-05": 1}
    twice = [entry("start", 1), entry("end", 1), entry("start", 2), entry("end", 2)]
    assert written(twice, cut_off=()) == {"2024-01-05": 2}


def test_a_job_killed_after_its_commit_wrote_the_date():
    assert written([entry("start", 1)], cut_off={"1"}) == {"2024-01-05": 1}


def test_start_without_end_does_not_count_if_the_job_was_not_killed():
    assert written([entry("start", 1)], cut_off={"2"}) == {"2024-01-05": 0}


def test_killed_job_does_not_count_if_a_later_job_wrote_the_date():
    assert written([entry("start", 1), entry("start", 2), entry("end", 2)], cut_off={"1"}) == {
        "2024-01-05": 1
    }


def test_a_date_that_no_job_began_was_not_written():
    assert written([entry("overlap", 1)], cut_off={"1"}) == {"2024-01-05": 0}
