"""15. Partition expiry and a clean-up script removed finished dates. A complete date that loses rows is a regression:
say so."""

import pytest

from apps.alerts import tasks
from apps.coverage.models import Verification

LOST = "visits lost 24 rows on 3 dates that were complete: 2024-01-05 to 2024-01-08"  # the 7th is closed

pytestmark = pytest.mark.usefixtures("workers")


@pytest.fixture
def cleaned_up(launch, drive, ask, scan, rows) -> None:
    """A run filled visits; a clean-up took three dates, and somebody scanned."""
    rows("daily.sales", 8)
    drive(launch(tables=["daily.visits"]))
    ask("DELETE FROM daily.visits WHERE day BETWEEN '2024-01-05' AND '2024-01-08'")
    scan()


def test_page_command_and_json_report_a_regression_in_the_same_words(console, cleaned_up):
    assert f"Regression : {LOST}" in console.page("/")
    assert f"Regression: {LOST}" in console.shell("coverage")[1]
    assert [each["text"] for each in console.json("coverage")["lost_rows"]] == [LOST]
    assert "visits 2024-01-05 to 2024-01-08 24 rows 0" in console.page("/failures/")


def test_regression_is_mailed_once(console, cleaned_up, inbox):
    tasks.deliver()
    tasks.deliver()

    subjects = [mail["Subject"] for mail in inbox.mails]
    assert subjects.count("LOST ROWS - 3 complete dates of visits") == 1
    mail = next(mail for mail in inbox.mails if mail["Subject"].startswith("LOST ROWS"))
    assert LOST in mail.get_body(("plain",)).get_content()


def test_verification_reports_a_regression_even_if_enough_rows_remain(console, ask, scan, rows):
    rows("daily.sales", 8)
    rows("daily.visits", 12, "01-05")
    scan()
    ask("DELETE FROM daily.visits WHERE item > 9")
    lost = "Regression: visits lost 2 rows on 1 date that was complete: 2024-01-05."

    code, printed = console.shell("verify", "2024-01-05", "2024-01-05", "--table", "visits")
    report = Verification.objects.get().get_absolute_url()

    assert code == 1
    assert lost in printed and lost in console.page(report)
    assert lost in [each["text"] for each in console.fetch(f"{report}verification.json")["reasons"]]


def test_preflight_warns_of_a_regression(console, cleaned_up):
    told = console.json("preflight", "--table", "visits")

    (table,) = [check for check in told["checks"] if check["kind"] == "table"]
    assert table["level"] == "warning"
    assert "daily.visits lost rows on 3 dates that were complete" in str(table["findings"])
    assert "lost rows on 3 dates" in console.page(f"/preflight/{told['preflight']}/")


def test_regression_is_cleared_when_the_dates_are_filled_again(console, cleaned_up):
    assert console.json("plan", "--table", "visits")["steps"] == 3
    console.shell("backfill", "--table", "visits", "--here", "--yes")

    assert "Regression" not in console.page("/")
    assert console.json("coverage")["lost_rows"] == []
