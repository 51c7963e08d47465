"""Which commit of the jobs' code a date was filled with, as pages and downloads say it."""

from tests.runs.calls.test_commits import WEEK, commit, repository

__all__ = ["repository"]


def test_pages_and_csv_show_the_commit_a_date_was_filled_with(launch, drive, repository, read, operating):
    run = drive(launch(batch=3, **WEEK), attempts=1)
    second = commit(repository)
    drive(run)

    assert f"The jobs' code was at {second[:12]}" in read(f"/runs/{run.pk}/attempts/2/")
    assert f"{second[:12]} from attempt 2" in read(f"/runs/{run.pk}/summary/")
    lines = operating.get(f"/runs/{run.pk}/steps.csv").getvalue().decode().splitlines()
    assert lines[0].endswith(",commit") and lines[-1].endswith(f",{second}")
